"""Accounts and their sessions. Passwords and tokens are here only as what they can be checked against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import BranchId, PersonId, SessionId
from vms.domain.names import name_key
from vms.domain.people import Account, Role
from vms.store.central_tables import PersonBranchRow, PersonRow, SessionRow
from vms.store.database import unique


@dataclass(frozen=True, slots=True)
class StoredSession:
    id: SessionId
    account: Account
    opened_at: datetime
    seen_at: datetime
    ended_at: datetime | None


def add(session: Session, account: Account, *, password_hash: str) -> None:
    """Insert `account`; Conflict when the name is taken."""
    with unique(f"There is an account ‘{account.name}’ already. Choose another name."):
        session.execute(
            insert(PersonRow).values(
                id=account.id,
                name=account.name,
                name_key=name_key(account.name),
                role=account.role,
                whole_district=account.branches is None,
                password_hash=password_hash,
                created_at=account.created_at,
                confirmed_at=account.confirmed_at,
            )
        )
    if account.branches:
        session.execute(insert(PersonBranchRow), [{"person_id": account.id, "branch_id": branch} for branch in sorted(account.branches)])


def get(session: Session, person: PersonId) -> Account | None:
    row = session.scalar(select(PersonRow).where(PersonRow.id == person).execution_options(populate_existing=True))
    return None if row is None else _account(session, row)


def find(session: Session) -> list[Account]:
    """Return every account, by name."""
    rows = session.scalars(select(PersonRow).order_by(PersonRow.name_key).execution_options(populate_existing=True)).all()
    return [_account(session, row) for row in rows]


def credential(session: Session, name: str) -> tuple[PersonId, str] | None:
    """Return whose name this is, and the hash of that password."""
    found = session.execute(select(PersonRow.id, PersonRow.password_hash).where(PersonRow.name_key == name_key(name))).one_or_none()
    return None if found is None else (PersonId(found[0]), found[1])


def confirm(session: Session, person: PersonId, at: datetime) -> None:
    session.execute(update(PersonRow).where(PersonRow.id == person).values(confirmed_at=at))


def signed_in(session: Session, person: PersonId, at: datetime) -> None:
    """Remember the first sign-in of `person`."""
    session.execute(update(PersonRow).where(PersonRow.id == person, PersonRow.first_signed_in_at.is_(None)).values(first_signed_in_at=at))


def has_signed_in(session: Session, role: Role) -> bool:
    """Say whether anybody with `role` ever signed in."""
    return bool(session.scalar(select(exists().where(PersonRow.role == role, PersonRow.first_signed_in_at.is_not(None)))))


def open_session(session: Session, number: SessionId, person: PersonId, token_sha256: bytes, at: datetime) -> None:
    session.execute(insert(SessionRow).values(id=number, person_id=person, token_sha256=token_sha256, opened_at=at, seen_at=at))


def session_of(session: Session, token_sha256: bytes) -> StoredSession | None:
    """Return the session that a token's digest names, with its account as it is now."""
    query = select(SessionRow, PersonRow).join(PersonRow, PersonRow.id == SessionRow.person_id)
    found = session.execute(query.where(SessionRow.token_sha256 == token_sha256).execution_options(populate_existing=True)).one_or_none()
    if found is None:
        return None
    row, person = found
    return StoredSession(SessionId(row.id), _account(session, person), row.opened_at, row.seen_at, row.ended_at)


def seen(session: Session, number: SessionId, at: datetime) -> None:
    session.execute(update(SessionRow).where(SessionRow.id == number, SessionRow.seen_at < at).values(seen_at=at))


def end_session(session: Session, number: SessionId, at: datetime) -> bool:
    """End a session; False when it had ended before."""
    still_open = and_(SessionRow.id == number, SessionRow.ended_at.is_(None))
    return session.scalar(update(SessionRow).where(still_open).values(ended_at=at).returning(SessionRow.id)) is not None


def _account(session: Session, row: PersonRow) -> Account:
    branches = None if row.whole_district else _branches(session, row.id)
    return Account(PersonId(row.id), row.name, row.role, branches, row.created_at, row.confirmed_at, row.disabled_at)


def _branches(session: Session, person: int) -> frozenset[BranchId]:
    return frozenset(
        BranchId(branch) for branch in session.scalars(select(PersonBranchRow.branch_id).where(PersonBranchRow.person_id == person))
    )
