"""Delegations: the Delegate's role lent to an account that exists, proposed by one and confirmed by another, and ended.

Who lends is never who receives; a Delegate lends nothing on; what can't be held beside the role isn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.delegation import Delegation
from vms.domain.ids import AreaId, BranchId, DelegationId, PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import MAX_DELEGATION, NO_DELEGATE, Account, Actor, Permission, Person, System, allows, covers
from vms.domain.second_person import Act, Alone, Proposal
from vms.errors import InvalidInput
from vms.services import second_person
from vms.services.access_log import record, refuse
from vms.services.names import checked_words
from vms.services.places import checked_places, places_told
from vms.services.refusals import BEYOND, no_such, not_allowed
from vms.store import delegations, people

ALONE = System("second-person")
BY_DATE = System("delegations")
MAX_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class NewDelegation:
    """What somebody who proposes one says of it."""

    person_id: PersonId
    ends_at: datetime
    starts_at: datetime | None = None
    """None: as soon as it is confirmed."""
    branches: frozenset[BranchId] | None = None
    """None means the whole district."""
    areas: frozenset[AreaId] = frozenset()
    reason: str = ""


def propose_delegation(session: Session, actor: Actor, new: NewDelegation, *, at: datetime) -> Delegation | Refused:
    """Propose that an account holds the Delegate's role for some days; somebody else, a Director, confirms it.

    Where the only Director proposes, nobody else could confirm: it counts three days later, unless somebody stops it. What IT proposes
    waits for a Director for good. InvalidInput for days that can't be, Conflict when one is proposed for the same account already.
    """
    if not allows(actor, Permission.DELEGATION_PROPOSE):
        return _refuse(session, actor, not_allowed("lend the Delegate's role", "the Director or IT"), at)
    account = people.locked(session, new.person_id)
    if account is None or not account.in_use(at):
        return no_such("account in use")
    if not covers(actor, account, Permission.DELEGATION_PROPOSE):
        return _refuse(session, actor, BEYOND, at)
    if refused := _unfit(account, actor):
        return _refuse(session, actor, refused, at)
    where = checked_places(session, actor, Permission.DELEGATION_PROPOSE, new.branches, new.areas)
    if isinstance(where, Refused):
        return _refuse(session, actor, where, at) if where.refusal is Refusal.NOT_ALLOWED else where
    if account.delegation is not None and at < account.delegation.ends_at:
        sentence = f"{account.name} holds the role until {account.delegation.ends_at:%Y-%m-%d %H:%M} UTC. End that first."
        return _refuse(session, actor, Refused(Refusal.NOT_ALLOWED, sentence), at)
    reason = checked_words(new.reason, MAX_REASON_CHARS, f"A reason has up to {MAX_REASON_CHARS} characters.") if new.reason.strip() else ""
    delegation = Delegation(DelegationId(0), *_days(new, at), where)
    alone = Alone.WHEN_NOBODY if allows(actor, Permission.PEOPLE_CONFIRM) else Alone.NEVER
    proposal = second_person.propose(session, actor, Act.PERSON_DELEGATE, account.id, at=at, reason=reason, alone=alone)
    delegation = replace(delegation, id=DelegationId(proposal.id))
    delegations.add(session, account.id, delegation)
    return delegation


def confirm_delegation(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Delegation | Refused:
    """Lend the Delegate's role as it was proposed; a Director who neither proposed it nor receives it may, within the own reach."""
    if not isinstance(actor, Person) or not actor.may(Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.DELEGATION_GRANT, not_allowed("confirm a delegation", "the Director"), at=at)
    account = people.locked(session, person_id)
    if account is None or not account.in_use(at):
        return no_such("account in use")
    waits = proposed(session, second_person.about(session, person_id)).get(person_id)
    if waits is None:
        return no_such("proposal that waits")
    if refused := _unfit(account, actor) or _beyond(actor, waits) or _over(waits, at):
        return refuse(session, actor, Action.DELEGATION_GRANT, refused, at=at)
    approved = second_person.approve(session, actor, Act.PERSON_DELEGATE, person_id, at=at)
    return approved if isinstance(approved, Refused) else _grant(session, actor, account, waits, approved.by_name, at)


def confirm_alone(session: Session, proposal: Proposal, at: datetime) -> None:
    """Lend what the only Director proposed and nobody stopped, unless its last day is over."""
    person_id = PersonId(proposal.subject)
    account = people.get(session, person_id)
    delegation = proposed(session, [proposal])[person_id]
    if account is None or not account.in_use(at) or _over(delegation, at) is not None:
        return
    if account.delegation is None or account.delegation.ends_at <= at:  # one that lasts is ended first, and the job must not fail for it
        _grant(session, ALONE, account, delegation, proposal.by_name, at)


def revoke_delegation(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Account | Refused:
    """End a delegation before its day, for every open session within seconds, and stop one that waits."""
    if not allows(actor, Permission.PEOPLE_END):
        return refuse(session, actor, Action.DELEGATION_REVOKE, not_allowed("end a delegation", "the Director or IT"), at=at)
    account = people.get(session, person_id)
    waits = proposed(session, second_person.about(session, person_id))
    if account is None or not (waits or (account.delegation is not None and at < account.delegation.ends_at)):
        return no_such("delegation")
    if not covers(actor, account, Permission.PEOPLE_END):
        return refuse(session, actor, Action.DELEGATION_REVOKE, BEYOND, at=at)
    second_person.withdraw(session, actor, Act.PERSON_DELEGATE, person_id, at=at)
    if account.delegation is not None and at < account.delegation.ends_at:
        _end(session, actor, Action.DELEGATION_REVOKE, account, account.delegation, at)
    return account


def end_with_account(session: Session, actor: Actor, account: Account, *, at: datetime) -> None:
    """End what is lent to an account that ends."""
    if account.delegation is not None:
        _end(session, actor, Action.DELEGATION_REVOKE, account, account.delegation, at)


def write_down_ends(session: Session, *, at: datetime) -> int:
    """Write into the log which delegations are over on their day, and return how many; they gave nothing since, written down or not."""
    over = delegations.over(session, at)
    for person, delegation in over:
        account = people.get(session, person)
        if account is not None:
            _end(session, BY_DATE, Action.DELEGATION_END, account, delegation, at)
    return len(over)


def any_over(session: Session, *, at: datetime) -> bool:
    return bool(delegations.over(session, at))


def proposed(session: Session, waiting: Sequence[Proposal]) -> dict[PersonId, Delegation]:
    """Return the delegations that wait, by who is to receive them."""
    waits = [one for one in waiting if one.act is Act.PERSON_DELEGATE]
    found = delegations.get(session, [DelegationId(one.id) for one in waits])
    return {PersonId(one.subject): found[DelegationId(one.id)] for one in waits}


def may_receive(account: Account, giver: Actor) -> bool:
    """Say whether the Delegate's role fits beside the account's own, and somebody else is to lend it."""
    return _unfit(account, giver) is None


def _unfit(account: Account, giver: Actor) -> Refused | None:
    if isinstance(giver, Person) and giver.id == account.id:
        return Refused(Refusal.NOT_ALLOWED, "Nobody lends a role to the own account.")
    why = NO_DELEGATE.get(account.role)
    return None if why is None else Refused(Refusal.NOT_ALLOWED, f"{account.name} can't hold the Delegate's role. {why}")


def _days(new: NewDelegation, at: datetime) -> tuple[datetime, datetime]:
    starts_at = max(new.starts_at or at, at)
    if new.ends_at <= starts_at:
        raise InvalidInput("The delegation would end before it begins. Give a last day to come, on or after the first.")
    if new.ends_at > starts_at + MAX_DELEGATION:
        raise InvalidInput(f"A delegation lasts at most {MAX_DELEGATION.days} days.")
    return starts_at, new.ends_at


def _grant(session: Session, actor: Actor, account: Account, delegation: Delegation, proposed_by: str, at: datetime) -> Delegation:
    if account.delegation is not None and account.delegation.ends_at <= at:
        _end(session, BY_DATE, Action.DELEGATION_END, account, account.delegation, at)
    granted = replace(delegation, starts_at=max(delegation.starts_at, at))
    delegations.grant(session, granted, at)
    told = _told(account, granted) | {"proposed_by": proposed_by} | places_told(granted.reach)
    told |= {"from": granted.starts_at.isoformat(), "until": granted.ends_at.isoformat()}
    record(session, actor=actor, action=Action.DELEGATION_GRANT, at=at, detail=told)
    return granted


def _beyond(actor: Person, delegation: Delegation) -> Refused | None:
    """Refuse a Director of some branches who would lend more than those."""
    mine = actor.reach(Permission.PEOPLE_CONFIRM)
    within = mine is None or (delegation.reach is not None and mine.covers(delegation.reach))
    return None if within else BEYOND


def _over(delegation: Delegation, at: datetime) -> Refused | None:
    sentence = "Its last day is over. Propose it anew."
    return Refused(Refusal.NOT_ALLOWED, sentence) if delegation.ends_at <= at else None


def _end(session: Session, actor: Actor, action: Action, account: Account, delegation: Delegation, at: datetime) -> None:
    if delegations.end(session, delegation.id, at):
        record(session, actor=actor, action=action, at=at, detail=_told(account, delegation))


def _told(account: Account, delegation: Delegation) -> dict[str, str]:
    return {"person": str(account.id), "name": account.name, "delegation": str(delegation.id)}


def _refuse(session: Session, actor: Actor, refused: Refused, at: datetime) -> Refused:
    return refuse(session, actor, Action.DELEGATION_GRANT, refused, at=at)
