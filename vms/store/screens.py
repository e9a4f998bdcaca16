"""Enrolled screens. Code and token are here only as their digests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import BranchId, ScreenId
from vms.domain.names import name_key
from vms.domain.reach import Reach
from vms.domain.screens import Screen
from vms.store.central_tables import BranchRow
from vms.store.database import unique
from vms.store.reach import whole_branches
from vms.store.screen_tables import ScreenRow


def add(session: Session, screen: Screen, code_sha256: bytes) -> None:
    """Insert `screen`; Conflict when one in use in its branch has its name."""
    with unique(f"There is a screen ‘{screen.name}’ in this branch already. Choose another name."):
        session.execute(
            insert(ScreenRow).values(
                id=screen.id,
                name=screen.name,
                name_key=name_key(screen.name),
                branch_id=screen.branch_id,
                kind=screen.kind,
                code_sha256=code_sha256,
                code_ends_at=screen.code_ends_at,
                added_at=screen.added_at,
            )
        )


def find(session: Session, reach: Reach | None, *, limit: int) -> list[Screen]:
    """Return the screens in use in branches that are within `reach` (None: all) as a whole, by name."""
    query = (
        select(ScreenRow)
        .join(BranchRow)
        .where(ScreenRow.ended_at.is_(None), whole_branches(reach))
        .order_by(ScreenRow.name_key)
        .limit(limit)
    )
    return [_screen(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def get(session: Session, number: ScreenId, *, reach: Reach | None = None) -> Screen | None:
    query = select(ScreenRow).join(BranchRow).where(ScreenRow.id == number, whole_branches(reach))
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _screen(row)


def held_for_token(session: Session, token_sha256: bytes) -> Screen | None:
    """Return the screen of a browser's token, and hold it until the transaction ends: who signs in there and who ends it take turns."""
    query = select(ScreenRow).where(ScreenRow.token_sha256 == token_sha256).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _screen(row)


def for_token(session: Session, token_sha256: bytes) -> Screen | None:
    row = session.scalar(select(ScreenRow).where(ScreenRow.token_sha256 == token_sha256).execution_options(populate_existing=True))
    return None if row is None else _screen(row)


def enrol(session: Session, code_sha256: bytes, token_sha256: bytes, at: datetime) -> Screen | None:
    """Use a code up for the browser with this token; None when it is none, was used, or its time has run out."""
    fits = and_(ScreenRow.code_sha256 == code_sha256, ScreenRow.code_ends_at > at)
    values = {"code_sha256": None, "code_ends_at": None, "token_sha256": token_sha256, "enrolled_at": at, "seen_at": at}
    number = session.scalar(update(ScreenRow).where(fits).values(values).returning(ScreenRow.id))
    return None if number is None else get(session, ScreenId(number))


def seen(session: Session, number: ScreenId, at: datetime) -> None:
    older = or_(ScreenRow.seen_at.is_(None), ScreenRow.seen_at < at)
    session.execute(update(ScreenRow).where(ScreenRow.id == number, older).values(seen_at=at))


def end(session: Session, number: ScreenId, at: datetime) -> bool:
    """Let neither code nor token of a screen mean anything any more; False when it had ended before."""
    still = and_(ScreenRow.id == number, ScreenRow.ended_at.is_(None))
    values = {"ended_at": at, "code_sha256": None, "code_ends_at": None, "token_sha256": None}
    return session.scalar(update(ScreenRow).where(still).values(values).returning(ScreenRow.id)) is not None


def _screen(row: ScreenRow) -> Screen:
    return Screen(
        ScreenId(row.id),
        row.name,
        BranchId(row.branch_id),
        row.kind,
        row.added_at,
        code_ends_at=row.code_ends_at,
        enrolled_at=row.enrolled_at,
        seen_at=row.seen_at,
    )
