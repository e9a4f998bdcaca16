"""Accounts. Passwords and codes are here only as what they can be checked against."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import TypeAlias

from sqlalchemy import (
    CompoundSelect,
    String,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from vms.domain.camera import Area
from vms.domain.delegation import Delegation
from vms.domain.ids import AreaId, BranchId, PersonId
from vms.domain.names import name_key, purged_name
from vms.domain.people import Account, Role
from vms.domain.reach import Reach
from vms.store import delegations
from vms.store.central_tables import AreaRow
from vms.store.database import insert_into, unique
from vms.store.people_tables import InvitationRow, PersonAreaRow, PersonBranchRow, PersonRow

AccountCells: TypeAlias = tuple[int, str, Role, bool, datetime, datetime | None, datetime | None, datetime | None, str, datetime | None]
ACCOUNT = (
    PersonRow.id,
    PersonRow.name,
    PersonRow.role,
    PersonRow.whole_district,
    PersonRow.created_at,
    PersonRow.confirmed_at,
    PersonRow.disabled_at,
    PersonRow.ends_at,
    PersonRow.firm,
    PersonRow.first_signed_in_at,
)
"""The columns of an account, besides its reach."""
NOWHERE = Reach(frozenset())
_REACH: CompoundSelect[int, int | None, str] = union_all(
    select(PersonBranchRow.branch_id, null(), null()).where(PersonBranchRow.person_id == bindparam("of_person")),
    select(AreaRow.branch_id, AreaRow.id, AreaRow.name)
    .join(PersonAreaRow, PersonAreaRow.area_id == AreaRow.id)
    .where(PersonAreaRow.person_id == bindparam("of_person")),
)


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
                firm=account.firm,
                password_hash=password_hash,
                created_at=account.created_at,
                confirmed_at=account.confirmed_at,
                ends_at=account.ends_at,
            )
        )
    if account.branches:
        session.execute(insert(PersonBranchRow), [{"person_id": account.id, "branch_id": branch} for branch in sorted(account.branches)])
    if account.areas:
        areas = sorted(area.id for area in account.areas)
        session.execute(insert(PersonAreaRow), [{"person_id": account.id, "area_id": area} for area in areas])


def get(session: Session, person: PersonId) -> Account | None:
    cells = session.execute(select(*ACCOUNT).where(PersonRow.id == person)).one_or_none()
    return None if cells is None else _whole(session, cells, delegations.lent(session, person).get(person))


def find(session: Session) -> list[Account]:
    """Return every account that has its name, by that."""
    lent = delegations.lent(session)
    cells = session.execute(select(*ACCOUNT).where(PersonRow.purged_at.is_(None)).order_by(PersonRow.name_key)).all()
    return [_whole(session, one, lent.get(PersonId(one[0]))) for one in cells]


def named(session: Session, name: str) -> Account | None:
    person = session.scalar(select(PersonRow.id).where(PersonRow.name_key == name_key(name)))
    return None if person is None else get(session, PersonId(person))


def credential(session: Session, name: str) -> tuple[PersonId, str] | None:
    """Return whose name this is, and the hash of that password."""
    found = session.execute(select(PersonRow.id, PersonRow.password_hash).where(PersonRow.name_key == name_key(name))).one_or_none()
    return None if found is None else (PersonId(found[0]), found[1])


def password_of(session: Session, person: PersonId) -> str:
    """Return the hash of a person's password; empty when none was chosen."""
    return session.scalar(select(PersonRow.password_hash).where(PersonRow.id == person)) or ""


def confirm(session: Session, person: PersonId, at: datetime) -> None:
    session.execute(update(PersonRow).where(PersonRow.id == person).values(confirmed_at=at))


def disable(session: Session, person: PersonId, at: datetime) -> bool:
    """Let an account sign in no more; False when it could not before."""
    still = and_(PersonRow.id == person, PersonRow.disabled_at.is_(None))
    return session.scalar(update(PersonRow).where(still).values(disabled_at=at).returning(PersonRow.id)) is not None


def lock(session: Session, person: PersonId) -> None:
    """Hold an account until the transaction ends: who opens, ends or changes what opens it takes turns."""
    session.execute(select(PersonRow.id).where(PersonRow.id == person).with_for_update())


def locked(session: Session, person: PersonId) -> Account | None:
    """Return an account as nobody changes it until the transaction ends."""
    lock(session, person)
    return get(session, person)


def names(session: Session, persons: Collection[int]) -> dict[int, str]:
    """Return the names of accounts, or what stands in their place, by number."""
    known = select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(sorted(persons)))
    return dict(session.execute(known).all())


def set_password(session: Session, person: PersonId, password_hash: str, *, before: str) -> bool:
    """Put a password in the place of the one `before`; False when another stands there by now, or the account has ended."""
    same = and_(PersonRow.id == person, PersonRow.password_hash == before, PersonRow.disabled_at.is_(None))
    return session.scalar(update(PersonRow).where(same).values(password_hash=password_hash).returning(PersonRow.id)) is not None


def over(session: Session, at: datetime) -> list[PersonId]:
    """Return the accounts whose last day is over and of which that was not written down yet."""
    unwritten = and_(PersonRow.ends_at <= at, PersonRow.disabled_at.is_(None))
    return [PersonId(one) for one in session.scalars(select(PersonRow.id).where(unwritten).order_by(PersonRow.id))]


def close(session: Session, person: PersonId) -> None:
    """Take password and invitation of an account away that has ended."""
    reset(session, person)
    session.execute(delete(InvitationRow).where(InvitationRow.person_id == person))


def purge_names(session: Session, persons: Sequence[int], at: datetime) -> str:
    """Put into the place of the names of ended accounts that they were purged, and return that; nothing opens them any more.

    The numbers stay, and the names are free again.
    """
    name = purged_name(at)
    # No name that somebody may enter holds a line break.
    key = literal("\n") + cast(PersonRow.id, String)
    values = {"name": name, "name_key": key, "firm": "", "password_hash": "", "purged_at": at}
    session.execute(update(PersonRow).where(PersonRow.id.in_(persons)).values(**values))
    session.execute(delete(InvitationRow).where(InvitationRow.person_id.in_(persons)))
    return name


def reset(session: Session, person: PersonId) -> None:
    """Take the password of an account away: an invitation has to come before it opens again."""
    session.execute(update(PersonRow).where(PersonRow.id == person).values(password_hash=""))


def invite(session: Session, person: PersonId, code_sha256: bytes, ends_at: datetime, *, first_sha256: bytes | None = None) -> None:
    """Keep the digest of what opens an invitation, and of its first half where it has two; one that was there opens nothing any more."""
    _invite(session, person, {"code_sha256": code_sha256, "ends_at": ends_at, "first_sha256": first_sha256, "second_missing": False})


def invite_by_half(session: Session, person: PersonId, first_sha256: bytes, ends_at: datetime) -> None:
    """Keep the digest of an invitation's first half, which opens nothing: it waits for the second."""
    nothing = secrets.token_bytes(len(first_sha256))
    _invite(session, person, {"code_sha256": nothing, "ends_at": ends_at, "first_sha256": first_sha256, "second_missing": True})


def first_half(session: Session, person: PersonId, at: datetime) -> bytes | None:
    """Return the digest of the half, or the whole, that whoever invites gave out; None where nobody is invited, or its time has run out."""
    lasting = and_(InvitationRow.person_id == person, InvitationRow.ends_at > at)
    return session.scalar(select(func.coalesce(InvitationRow.first_sha256, InvitationRow.code_sha256)).where(lasting))


def lacking_half(session: Session) -> frozenset[PersonId]:
    """Return whose invitation waits for its second half."""
    return frozenset(PersonId(one) for one in session.scalars(select(InvitationRow.person_id).where(InvitationRow.second_missing)))


def _invite(session: Session, person: PersonId, values: dict[str, object]) -> None:
    insertion = insert_into(session, InvitationRow).values(person_id=person, **values)
    session.execute(insertion.on_conflict_do_update(index_elements=["person_id"], set_=values))


def opens_invitation(session: Session, person: PersonId, code_sha256: bytes, at: datetime) -> bool:
    """Say whether this is what opens the invitation of `person`, and its time has not run out."""
    known = session.scalar(select(InvitationRow.code_sha256).where(InvitationRow.person_id == person, InvitationRow.ends_at > at))
    return compare_digest(known or bytes(len(code_sha256)), code_sha256)


def take_invitation(session: Session, person: PersonId, code_sha256: bytes, at: datetime) -> bool:
    """Use up the invitation of `person` when this is what opens it and its time has not run out."""
    if not opens_invitation(session, person, code_sha256, at):
        return False
    taken = delete(InvitationRow).where(InvitationRow.person_id == person, InvitationRow.code_sha256 == code_sha256)
    return session.scalar(taken.returning(InvitationRow.person_id)) is not None


def signed_in(session: Session, person: PersonId, at: datetime) -> None:
    """Remember the first sign-in of `person`."""
    session.execute(update(PersonRow).where(PersonRow.id == person, PersonRow.first_signed_in_at.is_(None)).values(first_signed_in_at=at))


def ever_signed_in(session: Session, person: PersonId) -> bool:
    return session.scalar(select(PersonRow.first_signed_in_at).where(PersonRow.id == person)) is not None


def has_signed_in(session: Session, role: Role) -> bool:
    """Say whether anybody with `role` ever signed in."""
    return bool(session.scalar(select(exists().where(PersonRow.role == role, PersonRow.first_signed_in_at.is_not(None)))))


def account_of(cells: AccountCells, reach: Reach, delegation: Delegation | None) -> Account:
    """Return the account of a row of `ACCOUNT`; `reach` counts where it does not see the whole district."""
    number, name, role, whole_district, created_at, confirmed_at, disabled_at, ends_at, firm, first_signed_in_at = cells
    return Account(
        PersonId(number),
        name,
        role,
        None if whole_district else reach.branches,
        created_at,
        confirmed_at,
        disabled_at,
        ends_at,
        firm,
        first_signed_in_at,
        reach.areas,
        delegation,
    )


def _whole(session: Session, cells: AccountCells, delegation: Delegation | None) -> Account:
    return account_of(cells, NOWHERE if cells[3] else _reach(session, cells[0]), delegation)


def _reach(session: Session, person: int) -> Reach:
    branches, areas = set(), set()
    for branch, area, name in session.execute(_REACH, {"of_person": person}):
        if area is None:
            branches.add(BranchId(branch))
        else:
            areas.add(Area(AreaId(area), BranchId(branch), name))
    return Reach(frozenset(branches), frozenset(areas))
