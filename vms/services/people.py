"""Accounts: proposed, confirmed, invited, ended. Who proposed one never confirms it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import AreaId, BranchId, PersonId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import MAX_DELEGATION, Account, Actor, OsUser, Permission, Person, Role, System, allows, covers
from vms.domain.second_person import OF_PERSONS, Act, Alone, Proposal
from vms.domain.timespan import day_of
from vms.errors import InvalidInput
from vms.services import delegations, second_person
from vms.services.access_log import record, refuse
from vms.services.codes import digest_of_halves, grouped, new_code
from vms.services.log_erase import has_run_a_day
from vms.services.names import checked_name
from vms.services.passwords import NO_PASSWORD, PasswordHash
from vms.services.places import checked_places, places_told
from vms.services.refusals import BEYOND, no_such, not_allowed
from vms.services.sessions import digest
from vms.store import factors, identities, people, sessions

INVITATION_LASTS = timedelta(hours=72)
RESET_WAIT = timedelta(hours=24)
"""So long the owner of an account can stop somebody from taking it over."""
ALONE = System("second-person")
BY_DATE = System("accounts")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody who adds an account says of it."""

    name: str
    role: Role
    branches: frozenset[BranchId] | None = None
    """None means the whole district."""
    ends_at: datetime | None = None
    firm: str = ""
    areas: frozenset[AreaId] = frozenset()
    """Of branches besides `branches`."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What whoever invites gives to the owner of an account, once."""

    code: str
    is_half: bool = False
    """It opens nothing without the half that the Director hands out."""


def add_person(
    session: Session,
    actor: Actor,
    new: NewAccount,
    *,
    at: datetime,
    password_hash: PasswordHash = NO_PASSWORD,
    board_paper: str = "",
) -> Account | Refused:
    """Add an account, without a password where the person is to be invited.

    Once a Director has signed in, what anybody else adds is a proposal: it can't sign in before a Director confirms it. With
    `board_paper`, the Board's decision on a new Director, no Director is asked: the account works after three days unless somebody
    with an account stops it. Conflict when the name is taken; InvalidInput when a delegate's account has no end, or one that waits
    would have a password that its owner did not choose.
    """
    if refused := _may_not_add(actor, new, board_paper):
        return refuse(session, actor, Action.PERSON_ADD, refused, at=at) if refused.refusal is Refusal.NOT_ALLOWED else refused
    where = checked_places(session, actor, Permission.PEOPLE_PROPOSE, new.branches, new.areas)
    if isinstance(where, Refused):
        return refuse(session, actor, Action.PERSON_ADD, where, at=at) if where.refusal is Refusal.NOT_ALLOWED else where
    waits = not isinstance(actor, OsUser) or people.has_signed_in(session, Role.DIRECTOR)
    if waits and password_hash:
        raise InvalidInput(
            "Once a Director has signed in nobody chooses a password for somebody else. Leave it out: the invitation lets its owner choose."
        )
    account = Account(
        PersonId(new_number()),
        checked_name(new.name, "account"),
        new.role,
        where.branches if where else None,
        at,
        confirmed_at=None if waits else at,
        ends_at=_end(new, at),
        firm=checked_name(new.firm, "firm") if new.firm.strip() else "",
        areas=where.areas if where else frozenset(),
    )
    people.add(session, account, password_hash=password_hash)
    record(session, actor=actor, action=Action.PERSON_ADD, at=at, detail=_told(account))
    if waits:
        second_person.propose(session, actor, Act.PERSON_CONFIRM, account.id, at=at, reason=board_paper, alone=_alone(new, board_paper))
    return account


def confirm_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Account | Refused:
    """Let a proposed account sign in; only a Director who did not propose it, signed in, may."""
    if not isinstance(actor, Person) or not actor.may(Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_CONFIRM, not_allowed("confirm an account", "the Director"), at=at)
    account = people.locked(session, person_id)
    if account is None:
        return no_such("account")
    if account.confirmed_at is not None:
        return account
    if not covers(actor, account, Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_CONFIRM, BEYOND, at=at)
    approved = second_person.approve(session, actor, Act.PERSON_CONFIRM, person_id, at=at)
    if isinstance(approved, Refused):
        return approved
    return _confirmed(session, actor, account, at)


def second_half(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> str | Refused | None:
    """Return the second half of the invitation to a confirmed account that nobody has used; None where no invitation lasts.

    What whoever invites gave out becomes the first half: only both together open it. One that was there opens nothing any more. Refused
    while a reset waits, whose first half it would complete before its time, and where the account comes by the district's sign-in.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_INVITE, not_allowed("hand out the second half of an invitation", "the Director"), at=at)
    account = people.locked(session, person_id)
    if account is None or not account.in_use(at):
        return no_such("account in use")
    if not covers(actor, account, Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_INVITE, BEYOND, at=at)
    first = None if _used(session, account) else people.first_half(session, person_id, at)
    if first is None:
        return None
    if refused := _by_district(session, account) or _reset_waits(session, account):
        return refuse(session, actor, Action.PERSON_INVITE, refused, at=at)
    return _second_half(session, actor, account, first, at)


@dataclass(frozen=True, slots=True)
class ResetBegun:
    """A reset that waits, and the half of the invitation that whoever began it gives to the owner."""

    earliest_at: datetime
    invitation: Invitation


def propose_reset(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> ResetBegun | Refused:
    """Begin to take password and second factor off an account whose owner lost them; the owner can stop it for `RESET_WAIT`.

    IT begins and gives the owner the first half of an invitation, the Director finishes and gives the second. A Director's own account
    is not reset where no other Director is: the Board appoints anew.
    """
    if not allows(actor, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_RESET, not_allowed("begin a reset", "IT"), at=at)
    account = people.locked(session, person_id)
    if account is None or not account.in_use(at):
        return no_such("account in use")
    if not covers(actor, account, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_RESET, BEYOND, at=at)
    if account.role is Role.DIRECTOR and not second_person.others_hold(session, Act.PERSON_RESET, actor, person_id, at=at):
        sentence = "Nobody else could finish this. A new Director's account begins at the console, with the Board's paper."
        return refuse(session, actor, Action.PERSON_RESET, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    proposal = second_person.propose(session, actor, Act.PERSON_RESET, person_id, at=at, wait=RESET_WAIT, alone=Alone.NEVER)
    return ResetBegun(proposal.earliest_at, _first_half(session, actor, account, ends_at=proposal.earliest_at + INVITATION_LASTS, at=at))


def finish_reset(session: Session, actor: Person, person_id: PersonId, *, at: datetime) -> str | Refused:
    """Take password and second factor off an account, sign it out everywhere, and return the second half of its owner's invitation."""
    account = people.locked(session, person_id)
    if account is None:
        return no_such("account")
    if not covers(actor, account, Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_RESET, BEYOND, at=at)
    first = people.first_half(session, person_id, at)
    if first is None:
        if _reset_waits(session, account) is None:
            return no_such("proposal that waits")
        sentence = "The half of the invitation that IT gave out has run out. Stop this reset on the page Waiting, then IT begins it anew."
        return refuse(session, actor, Action.PERSON_RESET, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    approved = second_person.approve(session, actor, Act.PERSON_RESET, person_id, at=at)
    return approved if isinstance(approved, Refused) else _reset(session, actor, account, first, at)


def confirm_alone(session: Session, proposal: Proposal, at: datetime) -> None:
    """Let an account sign in that nobody could confirm and nobody stopped."""
    account = people.get(session, PersonId(proposal.subject))
    if account is None or account.disabled_at is not None:
        return
    _confirmed(session, ALONE, account, at)


def disable_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Account | Refused:
    """End an account, or refuse a proposed one; whoever is signed in with it is out within seconds."""
    if not allows(actor, Permission.PEOPLE_END):
        return refuse(session, actor, Action.PERSON_DISABLE, not_allowed("end an account", "IT or the Director"), at=at)
    account = people.locked(session, person_id)
    if account is None:
        return no_such("account")
    if not covers(actor, account, Permission.PEOPLE_END):
        return refuse(session, actor, Action.PERSON_DISABLE, BEYOND, at=at)
    if account.role is Role.DIRECTOR and account.confirmed_at is not None and not allows(actor, Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_DISABLE, not_allowed("end the Director's account", "the Director"), at=at)
    if people.disable(session, person_id, at):
        _close(session, actor, account, at)
    return people.get(session, person_id) or no_such("account")


def write_down_ends(session: Session, *, at: datetime) -> int:
    """End the accounts whose last day is over, in the log too, and return how many; they opened nothing since, written down or not.

    Only by a clock that leapt none: an ended account doesn't come back.
    """
    over = people.over(session, at) if has_run_a_day(session, at=at) else []
    return sum(_end_by_date(session, person, at) for person in over)


def any_over(session: Session, *, at: datetime) -> bool:
    return has_run_a_day(session, at=at) and bool(people.over(session, at))


def invite_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Invitation | Refused:
    """Return the code with which somebody chooses the first password of an account; it works once, for `INVITATION_LASTS`.

    Where somebody else could confirm the account, or has, it is a half: the Director hands out the other (`second_half`). For an
    account that nobody used only, and none of the district's sign-in: who adds accounts takes over none, not even after a reset.
    """
    if not allows(actor, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_INVITE, not_allowed("invite somebody", "IT"), at=at)
    account = people.locked(session, person_id)
    if account is None or account.disabled_at is not None:
        return no_such("account in use")
    if not covers(actor, account, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_INVITE, BEYOND, at=at)
    if refused := _by_district(session, account):
        return refuse(session, actor, Action.PERSON_INVITE, refused, at=at)
    if _used(session, account):
        sentence = f"{account.name} has used this account. Begin a reset: the Director finishes it and hands out the new invitation."
        return refuse(session, actor, Action.PERSON_INVITE, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    confirming = second_person.others_hold(session, Act.PERSON_CONFIRM, actor, person_id, at=at)
    if confirming or second_person.needs_another(session, Act.PERSON_CONFIRM, person_id):
        return _first_half(session, actor, account, ends_at=at + INVITATION_LASTS, at=at)
    code = new_code()
    people.invite(session, account.id, digest(code), at + INVITATION_LASTS)
    _record_invitation(session, actor, account, at)
    return Invitation(grouped(code))


def lacking_half(session: Session) -> frozenset[PersonId]:
    """Return whose invitation waits for the half that the Director hands out."""
    return people.lacking_half(session)


def list_people(session: Session, actor: Actor) -> list[Account] | Refused:
    """Return every account, by name; those that ended long ago have none any more and are left out."""
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
        return day_of(date.fromisoformat(text.strip()), zone).end
    except (ValueError, OverflowError) as err:
        raise InvalidInput(f"{text.strip()!r} is no day. Write the last day 2026-12-31.") from err


def first_day(text: str, zone: str) -> datetime | None:
    """Return when the day that somebody wrote begins there; None when none is given."""
    end = last_day(text, zone)
    return None if end is None else day_of(date.fromisoformat(text.strip()), zone).start


def _end(new: NewAccount, at: datetime) -> datetime | None:
    if new.ends_at is not None and new.ends_at <= at:
        raise InvalidInput("The account would have ended already. Give a day to come.")
    if new.role is Role.DELEGATE and (new.ends_at is None or new.ends_at > at + MAX_DELEGATION):
        raise InvalidInput(f"A delegate's account needs a last day, at most {MAX_DELEGATION.days} days from now.")
    if new.firm.strip() and new.ends_at is None:
        raise InvalidInput("A contractor's account needs a last day.")
    return new.ends_at


def _alone(new: NewAccount, board_paper: str) -> Alone:
    """Return how an account waits: no Director comes into office alone but by the Board's paper."""
    if board_paper:
        return Alone.ALWAYS
    return Alone.NEVER if new.role is Role.DIRECTOR else Alone.WHEN_NOBODY


def _may_not_add(actor: Actor, new: NewAccount, board_paper: str) -> Refused | None:
    if not allows(actor, Permission.PEOPLE_PROPOSE):
        return not_allowed("add an account", "IT")
    if board_paper and not (isinstance(actor, OsUser) and new.role is Role.DIRECTOR):
        return Refused(Refusal.NOT_ALLOWED, "The Board's paper appoints a Director, at the console alone.")
    return None


def _confirmed(session: Session, actor: Actor, account: Account, at: datetime) -> Account:
    people.confirm(session, account.id, at)
    record(session, actor=actor, action=Action.PERSON_CONFIRM, at=at, detail=_named(account))
    return replace(account, confirmed_at=at)


def _end_by_date(session: Session, person_id: PersonId, at: datetime) -> bool:
    """End an account on its last day; False when somebody ended it meanwhile."""
    account = people.locked(session, person_id)
    if account is None or not people.disable(session, person_id, account.ends_at or at):
        return False
    _close(session, BY_DATE, account, at)
    return True


def _close(session: Session, actor: Actor, account: Account, at: datetime) -> None:
    """Take away what an account that has ended was opened by, what waits about it and what it was lent; its sessions end."""
    sessions.end_all(session, account.id, at)
    people.close(session, account.id)
    factors.forget(session, account.id)
    for act in OF_PERSONS:
        second_person.withdraw(session, actor, act, account.id, at=at)
    delegations.end_with_account(session, actor, account, at=at)
    record(session, actor=actor, action=Action.PERSON_DISABLE, at=at, detail=_named(account))


def _by_district(session: Session, account: Account) -> Refused | None:
    if identities.of_person(session, account.id) is None:
        return None
    sentence = f"{account.name} comes by the district's sign-in. An invitation would let somebody else choose a password for it."
    return Refused(Refusal.NOT_ALLOWED, sentence)


def _reset_waits(session: Session, account: Account) -> Refused | None:
    if not second_person.waits_of(session, Act.PERSON_RESET, account.id):
        return None
    return Refused(Refusal.NOT_ALLOWED, f"A reset of {account.name} waits. Finish it or stop it first.")


def _reset(session: Session, actor: Actor, account: Account, first: bytes, at: datetime) -> str:
    people.reset(session, account.id)
    factors.forget(session, account.id)
    identities.remove(session, account.id)
    sessions.end_all(session, account.id, at)
    record(session, actor=actor, action=Action.PERSON_RESET, at=at, detail=_named(account))
    return _second_half(session, actor, account, first, at)


def _first_half(session: Session, actor: Actor, account: Account, *, ends_at: datetime, at: datetime) -> Invitation:
    half = new_code()
    people.invite_by_half(session, account.id, digest(half), ends_at)
    _record_invitation(session, actor, account, at, half="first")
    return Invitation(grouped(half), is_half=True)


def _second_half(session: Session, actor: Actor, account: Account, first: bytes, at: datetime) -> str:
    """Complete the invitation whose first half has that digest."""
    half = new_code()
    people.invite(session, account.id, digest_of_halves(first, digest(half)), at + INVITATION_LASTS, first_sha256=first)
    _record_invitation(session, actor, account, at, half="second")
    return grouped(half)


def _record_invitation(session: Session, actor: Actor, account: Account, at: datetime, *, half: str = "") -> None:
    detail = _named(account) | ({"half": half} if half else {})
    record(session, actor=actor, action=Action.PERSON_INVITE, at=at, detail=detail)


def _used(session: Session, account: Account) -> bool:
    return bool(people.password_of(session, account.id)) or people.ever_signed_in(session, account.id)


def _told(account: Account) -> dict[str, str]:
    told = _named(account) | {"role": account.role.value, "confirmed": "no" if account.confirmed_at is None else "yes"}
    told |= places_told(account.reach)
    if account.ends_at is not None:
        told["until"] = account.ends_at.isoformat()
    return told | ({"firm": account.firm} if account.firm else {})


def _named(account: Account) -> dict[str, str]:
    return {"person": str(account.id), "name": account.name}
