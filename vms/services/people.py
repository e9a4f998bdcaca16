"""Accounts: proposed, confirmed, invited, ended. Who proposed one never confirms it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import BranchId, PersonId, new_number
from vms.domain.names import plain_name
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import MAX_DELEGATION, Account, Actor, Permission, Person, Role, allows
from vms.errors import InvalidInput
from vms.services.access_log import record, refuse
from vms.services.passwords import NO_PASSWORD, PasswordHash
from vms.services.refusals import no_such, not_allowed
from vms.services.sessions import digest
from vms.store import branches as branch_rows
from vms.store import identities, people, sessions

INVITATION_LASTS = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody who adds an account says of it."""

    name: str
    role: Role
    branches: frozenset[BranchId] | None = None
    """None means the whole district."""
    ends_at: datetime | None = None
    firm: str = ""


def add_person(
    session: Session, actor: Actor, new: NewAccount, *, at: datetime, password_hash: PasswordHash = NO_PASSWORD
) -> Account | Refused:
    """Add an account, without a password where the person is to be invited.

    Once a Director has signed in, what anybody else adds is a proposal: it can't sign in before a Director confirms it.
    Conflict when the name is taken; InvalidInput when a delegate's account has no end.
    """
    if not allows(actor, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_ADD, not_allowed("add an account", "IT"), at=at)
    known = {branch.id for branch in branch_rows.find(session, None)}
    if new.branches is not None and not new.branches <= known:
        return no_such("branch")
    account = Account(
        PersonId(new_number()),
        _plain(new.name, "account"),
        new.role,
        new.branches,
        at,
        actor.label,
        confirmed_at=None if people.has_signed_in(session, Role.DIRECTOR) else at,
        ends_at=_end(new, at),
        firm=_plain(new.firm, "firm") if new.firm.strip() else "",
    )
    people.add(session, account, password_hash=password_hash)
    record(session, actor=actor, action=Action.PERSON_ADD, at=at, detail=_told(account))
    return account


def confirm_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Account | Refused:
    """Let a proposed account sign in; only a Director who did not propose it, signed in, may."""
    if not isinstance(actor, Person) or not actor.may(Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_CONFIRM, not_allowed("confirm an account", "the Director"), at=at)
    account = people.get(session, person_id)
    if account is None:
        return no_such("account")
    if actor.label in (account.proposed_by, f"person:{account.id}"):
        return refuse(session, actor, Action.PERSON_CONFIRM, _own_proposal(), at=at)
    if account.confirmed_at is None and account.disabled_at is None:
        people.confirm(session, person_id, at)
        record(session, actor=actor, action=Action.PERSON_CONFIRM, at=at, detail=_named(account))
    return people.get(session, person_id) or no_such("account")


def disable_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Account | Refused:
    """End an account, or refuse a proposed one; whoever is signed in with it is out within seconds."""
    if not allows(actor, Permission.PEOPLE_END):
        return refuse(session, actor, Action.PERSON_DISABLE, not_allowed("end an account", "IT or the Director"), at=at)
    account = people.get(session, person_id)
    if account is None:
        return no_such("account")
    if account.role is Role.DIRECTOR and account.confirmed_at is not None and not allows(actor, Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_DISABLE, not_allowed("end the Director's account", "the Director"), at=at)
    if people.disable(session, person_id, at):
        sessions.end_all(session, person_id, at)
        record(session, actor=actor, action=Action.PERSON_DISABLE, at=at, detail=_named(account))
    return people.get(session, person_id) or no_such("account")


def invite_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> str | Refused:
    """Return the code with which somebody chooses the first password of an account; it works once, for `INVITATION_LASTS`.

    For an account that never had a password, and is not the district's sign-in's: nobody takes over one that is in use.
    """
    if not allows(actor, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_INVITE, not_allowed("invite somebody", "IT"), at=at)
    account = people.get(session, person_id)
    if account is None or account.disabled_at is not None:
        return no_such("account in use")
    if identities.of_person(session, person_id) is not None:
        sentence = f"{account.name} comes by the district's sign-in. An invitation would let somebody else choose a password for it."
        return refuse(session, actor, Action.PERSON_INVITE, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    if people.password_of(session, person_id):
        sentence = f"{account.name} has a password already. An invitation is for an account that has none."
        return refuse(session, actor, Action.PERSON_INVITE, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    code = secrets.token_hex(10)
    people.invite(session, person_id, digest(code), at + INVITATION_LASTS)
    record(session, actor=actor, action=Action.PERSON_INVITE, at=at, detail=_named(account))
    return "-".join(code[start : start + 5] for start in range(0, len(code), 5))


def list_people(session: Session, actor: Actor) -> list[Account] | Refused:
    """Return every account, by name."""
    if not allows(actor, Permission.PEOPLE_READ):
        return not_allowed("list the accounts", "IT")
    return people.find(session)


def account_of(session: Session, actor: Actor, person_id: PersonId) -> Account | Refused:
    if not allows(actor, Permission.PEOPLE_READ):
        return not_allowed("see an account", "IT")
    return people.get(session, person_id) or no_such("account")


def account_named(session: Session, actor: Actor, name: str) -> Account | Refused:
    """Return the account of that name or id."""
    known = list_people(session, actor)
    if isinstance(known, Refused):
        return known
    return next((one for one in known if name in (one.name, str(one.id))), None) or no_such(f"account ‘{name}’; vms user list shows them")


def last_day(text: str, zone: str) -> datetime | None:
    """Return when the last day of an account, written 2026-12-31, is over there; None when none is given."""
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text.strip()) + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise InvalidInput(f"{text.strip()!r} is no day. Write the last day 2026-12-31.") from err


def _end(new: NewAccount, at: datetime) -> datetime | None:
    if new.ends_at is not None and new.ends_at <= at:
        raise InvalidInput("The account would have ended already. Give a day to come.")
    if new.role is Role.DELEGATE and (new.ends_at is None or new.ends_at > at + MAX_DELEGATION):
        raise InvalidInput(f"A delegate's account needs a last day, at most {MAX_DELEGATION.days} days from now.")
    if new.firm.strip() and new.ends_at is None:
        raise InvalidInput("A contractor's account needs a last day.")
    return new.ends_at


def _own_proposal() -> Refused:
    return Refused(Refusal.NOT_ALLOWED, "Who proposed an account does not confirm it. Ask another Director.")


def _told(account: Account) -> dict[str, str]:
    told = _named(account) | {"role": account.role.value, "confirmed": "no" if account.confirmed_at is None else "yes"}
    if account.ends_at is not None:
        told["until"] = account.ends_at.isoformat()
    return told | ({"firm": account.firm} if account.firm else {})


def _named(account: Account) -> dict[str, str]:
    return {"person": str(account.id), "name": account.name}


def _plain(name: str, what: str) -> str:
    try:
        return plain_name(name, what)
    except ValueError as err:
        raise InvalidInput(str(err)) from err
