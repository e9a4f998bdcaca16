"""The signatures that a witness outside put beside ours, one row for each checkpoint that he countersigned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vms.domain.cosignature import Cosignature
from vms.store.database import insert_into
from vms.store.log_tables import AccessCheckpointRow, AccessCosignatureRow


@dataclass(frozen=True, slots=True)
class Cosigned:
    size: int
    at: datetime
    """By the witness's clock."""
    line: str


def newest_cosigned(session: Session, origin: str, witness: str) -> Cosigned | None:
    row = AccessCosignatureRow
    query = select(row.size, row.at, row.line).where(row.origin == origin, row.witness == witness).order_by(row.size.desc()).limit(1)
    found = session.execute(query).one_or_none()
    return None if found is None else Cosigned(*found)


def newest_checkpoint_at(session: Session, origin: str) -> datetime | None:
    return session.scalar(select(func.max(AccessCheckpointRow.at)).where(AccessCheckpointRow.origin == origin))


def add(session: Session, origin: str, size: int, witness: str, cosignature: Cosignature) -> None:
    """Keep a signature; the first one over a size stays."""
    row = insert_into(session, AccessCosignatureRow).values(
        origin=origin, size=size, witness=witness, at=cosignature.at, line=cosignature.line
    )
    session.execute(row.on_conflict_do_nothing())
