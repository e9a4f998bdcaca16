"""What machines tell of a month of their purge logs, and the certificates made of it: rows that are added and never changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from vms.domain.ids import NodeId
from vms.store.proof_tables import DeletionCertificateRow, PurgeMonthRow


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    month: str
    document: str
    note: str


def put_month(session: Session, node_id: NodeId, month: str, told: str) -> None:
    """Store what a machine tells of a month, unless it has told it."""
    if session.get(PurgeMonthRow, (node_id, month)) is None:
        session.execute(insert(PurgeMonthRow).values(node_id=node_id, month=month, told=told))


def months(session: Session, month: str) -> dict[NodeId, str]:
    """Return what each machine told of a month."""
    rows = session.scalars(select(PurgeMonthRow).where(PurgeMonthRow.month == month).order_by(PurgeMonthRow.node_id))
    return {NodeId(row.node_id): row.told for row in rows}


def add(session: Session, certificate: StoredCertificate) -> None:
    values = {"month": certificate.month, "document": certificate.document, "note": certificate.note}
    session.execute(insert(DeletionCertificateRow).values(values))


def get(session: Session, month: str) -> StoredCertificate | None:
    row = session.get(DeletionCertificateRow, month)
    return None if row is None else StoredCertificate(row.month, row.document, row.note)


def list_months(session: Session, *, limit: int) -> list[str]:
    """Return the months that have a certificate, the newest first."""
    return list(session.scalars(select(DeletionCertificateRow.month).order_by(DeletionCertificateRow.month.desc()).limit(limit)))
