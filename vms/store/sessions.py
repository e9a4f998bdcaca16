"""Sessions of people. A token is here only as its digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Integer, and_, bindparam, insert, literal_column, null, select, union_all, update
from sqlalchemy.orm import Session

from vms.domain.camera import Area
from vms.domain.delegation import Delegation
from vms.domain.emergency import Emergency
from vms.domain.ids import AreaId, BranchId, DelegationId, PersonId, ScreenId, SessionId
from vms.domain.people import Account, Proof
from vms.domain.reach import Reach
from vms.domain.screens import SessionKind
from vms.store.central_tables import AreaRow
from vms.store.people import ACCOUNT, NOWHERE, account_of
from vms.store.people_tables import (
    DelegationAreaRow,
    DelegationBranchRow,
    DelegationRow,
    EmergencyRow,
    PersonAreaRow,
    PersonBranchRow,
    PersonRow,
    SessionRow,
)
from vms.store.prepared import Making, Prepared, Source
from vms.store.screen_tables import ScreenRow


@dataclass(frozen=True, slots=True)
class StoredSession:
    id: SessionId
    account: Account
    proof: Proof
    address: str
    opened_at: datetime
    proved_at: datetime
    seen_at: datetime
    acted_at: datetime
    ended_at: datetime | None
    kind: SessionKind = SessionKind.ORDINARY
    screen_id: ScreenId | None = None
    screen_branch: BranchId | None = None
    emergency: Emergency | None = None
    """The one that the session has opened and nobody has ended; its time may be over."""


_SESSION = (
    SessionRow.id,
    SessionRow.proof,
    SessionRow.address,
    SessionRow.opened_at,
    SessionRow.proved_at,
    SessionRow.seen_at,
    SessionRow.acted_at,
    SessionRow.ended_at,
    SessionRow.kind,
    SessionRow.screen_id,
)
_MORE = (
    ScreenRow.branch_id,
    EmergencyRow.id,
    EmergencyRow.opened_at,
    EmergencyRow.ends_at,
    DelegationRow.id,
    DelegationRow.starts_at,
    DelegationRow.ends_at,
    DelegationRow.whole_district,
)
_OWN = len(_SESSION)
_ACCOUNT_END = _OWN + len(ACCOUNT)
_REMEMBERED = 1024
"""Sessions that are not made of the same rows again: as many as have a request or an open window in a minute."""
# Of emergencies and delegations, what nobody has closed is in small indexes of their own, one row a person at most.
_BARE = (
    select(*_SESSION, *ACCOUNT, *_MORE)
    .join(PersonRow, PersonRow.id == SessionRow.person_id)
    .outerjoin(ScreenRow, ScreenRow.id == SessionRow.screen_id)
    .outerjoin(
        EmergencyRow,
        and_(EmergencyRow.person_id == SessionRow.person_id, EmergencyRow.closed_at.is_(None), EmergencyRow.session_id == SessionRow.id),
    )
    .outerjoin(
        DelegationRow,
        and_(DelegationRow.person_id == PersonRow.id, DelegationRow.granted_at.is_not(None), DelegationRow.ended_at.is_(None)),
    )
)
_OWN_PLACE, _LENT_PLACE = literal_column("0", Integer), literal_column("1", Integer)
# Asked besides only for who does not see the whole district: joined to the others, each place would come as often as there are of the rest.
_PLACES: CompoundSelect[int, int, int | None, str | None] = union_all(
    select(_OWN_PLACE, PersonBranchRow.branch_id, null(), null()).where(PersonBranchRow.person_id == bindparam("of_person")),
    select(_OWN_PLACE, AreaRow.branch_id, AreaRow.id, AreaRow.name)
    .join(PersonAreaRow, PersonAreaRow.area_id == AreaRow.id)
    .where(PersonAreaRow.person_id == bindparam("of_person")),
    select(_LENT_PLACE, DelegationBranchRow.branch_id, null(), null()).where(
        DelegationBranchRow.delegation_id == bindparam("of_delegation")
    ),
    select(_LENT_PLACE, AreaRow.branch_id, AreaRow.id, AreaRow.name)
    .join(DelegationAreaRow, DelegationAreaRow.area_id == AreaRow.id)
    .where(DelegationAreaRow.delegation_id == bindparam("of_delegation")),
)


def add(session: Session, stored: StoredSession, token_sha256: bytes) -> None:
    session.execute(
        insert(SessionRow).values(
            id=stored.id,
            person_id=stored.account.id,
            token_sha256=token_sha256,
            proof=stored.proof,
            address=stored.address,
            kind=stored.kind,
            screen_id=stored.screen_id,
            opened_at=stored.opened_at,
            proved_at=stored.proved_at,
            seen_at=stored.seen_at,
            acted_at=stored.acted_at,
        )
    )


def of_token(source: Source, token_sha256: bytes) -> StoredSession | None:
    """Return the session that a token's digest names, with its account as it is now, its screen's branch and its emergency."""
    return _placed(source, _OF_TOKEN.of(source, {"of_token": token_sha256}))


def get(session: Session, number: SessionId) -> StoredSession | None:
    """Return a session, as `of_token` does."""
    return _placed(session, _OF_ID.of(session, {"of_id": number}))


def of_person(session: Session, account: Account, *, since: datetime, limit: int) -> list[StoredSession]:
    """Return the sessions of `account` that were not ended and were used since a moment, the newest first."""
    query = select(SessionRow).where(SessionRow.person_id == account.id, SessionRow.ended_at.is_(None), SessionRow.seen_at >= since)
    rows = session.scalars(query.order_by(SessionRow.opened_at.desc()).limit(limit).execution_options(populate_existing=True))
    return [_stored(row, account) for row in rows]


def is_open(session: Session, number: SessionId) -> bool:
    """Say whether nobody has ended a session."""
    return session.scalar(select(SessionRow.id).where(SessionRow.id == number, SessionRow.ended_at.is_(None))) is not None


def seen(session: Session, number: SessionId, at: datetime) -> None:
    session.execute(update(SessionRow).where(SessionRow.id == number, SessionRow.seen_at < at).values(seen_at=at))


def acted(session: Session, number: SessionId, at: datetime, *, since: datetime) -> None:
    """Write down a request by hand, unless the last one was before `since`: then the session has locked, and a request unlocks nothing."""
    unlocked = and_(SessionRow.id == number, SessionRow.acted_at < at, SessionRow.acted_at > since)
    session.execute(update(SessionRow).where(unlocked).values(acted_at=at))


def show_wall(session: Session, number: SessionId) -> None:
    session.execute(update(SessionRow).where(SessionRow.id == number).values(kind=SessionKind.WALL))


def proved(session: Session, number: SessionId, token_sha256: bytes, proof: Proof, at: datetime) -> None:
    """Write down a new proof; the session goes on under another token."""
    values = {"token_sha256": token_sha256, "proof": proof, "proved_at": at, "seen_at": at, "acted_at": at}
    session.execute(update(SessionRow).where(SessionRow.id == number).values(values))


def end(session: Session, number: SessionId, at: datetime) -> bool:
    """End a session; False when it had ended before."""
    still_open = and_(SessionRow.id == number, SessionRow.ended_at.is_(None))
    return session.scalar(update(SessionRow).where(still_open).values(ended_at=at).returning(SessionRow.id)) is not None


def end_of(session: Session, person: PersonId, number: SessionId, at: datetime) -> int:
    """End a session if it is one of `person`; return how many that were."""
    theirs = and_(SessionRow.id == number, SessionRow.person_id == person, SessionRow.ended_at.is_(None))
    return len(session.scalars(update(SessionRow).where(theirs).values(ended_at=at).returning(SessionRow.id)).all())


def end_all(session: Session, person: PersonId, at: datetime, *, but: SessionId | None = None) -> int:
    """End every session of `person`, `but` one; return how many."""
    still_open = and_(SessionRow.person_id == person, SessionRow.ended_at.is_(None), SessionRow.id != (but or 0))
    return len(session.scalars(update(SessionRow).where(still_open).values(ended_at=at).returning(SessionRow.id)).all())


def end_at_screen(session: Session, screen: ScreenId, at: datetime) -> int:
    """End every session that was opened at a screen; return how many."""
    still_open = and_(SessionRow.screen_id == screen, SessionRow.ended_at.is_(None))
    return len(session.scalars(update(SessionRow).where(still_open).values(ended_at=at).returning(SessionRow.id)).all())


def _bare(rows: Sequence[tuple[Any, ...]]) -> StoredSession | None:
    """Return what the row of a session tells: all but the places that its account and delegation are bound to."""
    if not rows:
        return None
    own, account, more = rows[0][:_OWN], rows[0][_OWN:_ACCOUNT_END], rows[0][_ACCOUNT_END:]
    number, proof, address, opened_at, proved_at, seen_at, acted_at, ended_at, kind, screen_id = own
    screen_branch, emergency, emergency_opened_at, emergency_ends_at, lent, lent_from, lent_until, lent_whole = more
    delegation = None if lent is None else Delegation(DelegationId(lent), lent_from, lent_until, None if lent_whole else NOWHERE)
    return StoredSession(
        number,
        account_of(account, NOWHERE, delegation),
        proof,
        address,
        opened_at,
        proved_at,
        seen_at,
        acted_at,
        ended_at,
        kind,
        screen_id,
        screen_branch,
        None if emergency is None else Emergency(emergency, emergency_opened_at, emergency_ends_at),
    )


def _placed(source: Source, bare: StoredSession | None) -> StoredSession | None:
    """Return a session with the places that its account and delegation are bound to."""
    if bare is None:
        return None
    account, lent = bare.account, bare.account.delegation
    if account.branches is None and (lent is None or lent.reach is None):
        return bare
    own, lent_to = _PLACES_OF.of(source, {"of_person": account.id, "of_delegation": 0 if lent is None else lent.id})
    if account.branches is not None:
        account = replace(account, branches=own.branches, areas=own.areas)
    if lent is not None and lent.reach is not None:
        account = replace(account, delegation=replace(lent, reach=lent_to))
    return replace(bare, account=account)


def _reaches(rows: Sequence[tuple[Any, ...]]) -> tuple[Reach, Reach]:
    """Return an account's own places and those of its delegation."""
    return _reach([row for row in rows if not row[0]]), _reach([row for row in rows if row[0]])


def _reach(rows: Sequence[tuple[Any, ...]]) -> Reach:
    branches = frozenset(BranchId(branch) for _, branch, area, _ in rows if area is None)
    return Reach(branches, frozenset(Area(AreaId(area), BranchId(branch), name) for _, branch, area, name in rows if area is not None))


_OF_TOKEN = Making(Prepared(_BARE.where(SessionRow.token_sha256 == bindparam("of_token"))), _bare, remembered=_REMEMBERED)
_OF_ID = Making(Prepared(_BARE.where(SessionRow.id == bindparam("of_id"))), _bare, remembered=_REMEMBERED)
_PLACES_OF = Making(Prepared(_PLACES), _reaches, remembered=_REMEMBERED)


def _stored(row: SessionRow, account: Account) -> StoredSession:
    return StoredSession(
        SessionId(row.id),
        account,
        row.proof,
        row.address,
        opened_at=row.opened_at,
        proved_at=row.proved_at,
        seen_at=row.seen_at,
        acted_at=row.acted_at,
        ended_at=row.ended_at,
        kind=row.kind,
        screen_id=None if row.screen_id is None else ScreenId(row.screen_id),
    )
