"""What holds are called where everybody reads: their matters may name somebody."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from vms.domain.ids import HoldId
from vms.domain.legal_hold import spoken
from vms.store.hold_tables import LegalHoldRow


def spoken_names(session: Session, holds: Sequence[HoldId]) -> dict[int, str]:
    """Return the names of those that there are."""
    if not holds:
        return {}
    found = session.execute(select(LegalHoldRow.id, LegalHoldRow.kind).where(LegalHoldRow.id.in_(holds)))
    return {number: spoken(kind, HoldId(number)) for number, kind in found}
