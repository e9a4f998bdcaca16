"""The second-person rule, for every act that asks for one: propose, approve, stop, or wait alone. What the act does is its service's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import HoldId, PersonId, ProposalId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Account, Actor, Permission, Person, System
from vms.domain.second_person import ALONE_WAIT, OF_PERSONS, POWERS, Act, Alone, Decision, Proposal
from vms.services.access_log import name_of, record, refuse
from vms.services.refusals import no_such
from vms.store import hold_names, people, policies, proposals

LIST_LIMIT = 1000
NO_WAIT = timedelta(0)


def propose(  # noqa: PLR0913 - what an act is about, and how it waits
    session: Session,
    actor: Actor,
    act: Act,
    subject: int,
    *,
    at: datetime,
    reason: str = "",
    wait: timedelta = NO_WAIT,
    alone: Alone = Alone.WHEN_NOBODY,
    reaches: Callable[[Account], bool] = lambda _: True,
) -> Proposal:
    """Let `act` about `subject` wait for a second person, and at least for `wait`.

    Where `alone` says so, by itself where nobody else holds the power to approve it, it is done `ALONE_WAIT` later unless somebody
    stops it. `reaches`: whose rights go as far as what it is about, of those who hold the power. Conflict when it waits already.
    """
    nobody = alone is Alone.ALWAYS or (alone is Alone.WHEN_NOBODY and not others_hold(session, act, actor, subject, at=at, reaches=reaches))
    proposal = Proposal(
        ProposalId(new_number()),
        act,
        subject,
        reason,
        actor.label,
        name_of(actor),
        at,
        at + wait,
        max(at + wait, at + ALONE_WAIT) if nobody else None,
    )
    proposals.add(session, proposal)
    _record(session, actor, Action.PROPOSAL_OPEN, proposal, at)
    return proposal


def approve(session: Session, person: Person, act: Act, subject: int, *, at: datetime) -> Proposal | Refused:
    """Be the second person for what waits of `act` about `subject`; the caller does the act in the same transaction."""
    proposal = proposals.open_one(session, act, subject)
    if proposal is None:
        return no_such("proposal that waits")
    if not proposal.may_approve(person):
        return refuse(session, person, Action.PROPOSAL_APPROVE, _not_you(), at=at)
    if at < proposal.earliest_at:
        return Refused(
            Refusal.NOT_ALLOWED, f"This waits until {proposal.earliest_at:%Y-%m-%d %H:%M} UTC, so that whom it is about can stop it."
        )
    if not proposals.decide(session, proposal.id, Decision.APPROVED, at):
        return no_such("proposal that waits")
    _record(session, person, Action.PROPOSAL_APPROVE, proposal, at)
    return proposal


def stop(session: Session, person: Person, number: ProposalId, *, at: datetime) -> Proposal | Refused:
    """Close what waits without doing it."""
    proposal = proposals.get(session, number)
    if proposal is None or not proposal.may_stop(person) or not proposals.decide(session, number, Decision.STOPPED, at):
        return no_such("proposal that you could stop")
    _record(session, person, Action.PROPOSAL_STOP, proposal, at)
    return proposal


def withdraw(session: Session, actor: Actor, act: Act, subject: int, *, at: datetime) -> None:
    """Close what waits of `act` about `subject`, when it has become pointless."""
    proposal = proposals.open_one(session, act, subject)
    if proposal is not None and proposals.decide(session, proposal.id, Decision.STOPPED, at):
        _record(session, actor, Action.PROPOSAL_STOP, proposal, at)


def take_due(session: Session, *, at: datetime, but: frozenset[Act] = frozenset()) -> list[Proposal]:
    """Close what has waited alone long enough while a running hub told everybody, and return it: the caller does these acts.

    In the same transaction. Time in which nothing ran, so that nobody could see it and stop it, does not count. What is of `but` waits on.
    """
    due = [one for one in proposals.due(session, at, announced_by=at - ALONE_WAIT) if one.act not in but]
    for subject in sorted({one.subject for one in due if one.act in OF_PERSONS}):
        people.lock(session, PersonId(subject))  # before the proposals, in the order of whoever ends the account
    taken = [one for one in due if proposals.decide(session, one.id, Decision.ALONE, at)]
    for proposal in taken:
        _record(session, System("second-person"), Action.PROPOSAL_ALONE, proposal, at)
    return taken


def list_waiting(session: Session, person: Person) -> list[Proposal]:
    """Return what waits, as far as it is for `person` to know: what one could approve or stop."""
    everything = person.may(Permission.PEOPLE_READ)
    known = proposals.waiting(session, limit=LIST_LIMIT) if everything else proposals.concerning(session, person, limit=LIST_LIMIT)
    return [one for one in known if everything or one.may_stop(person)]


def about(session: Session, subject: PersonId) -> list[Proposal]:
    """Return what waits about an account, for the services whose acts it is."""
    return [one for act in OF_PERSONS if (one := proposals.open_one(session, act, subject)) is not None]


def proposer(session: Session, act: Act, subject: int) -> str | None:
    """Return the label of who proposed `act` about `subject` last, whatever became of it."""
    return proposals.proposer(session, act, subject)


def needs_another(session: Session, act: Act, subject: PersonId) -> bool:
    """Say whether somebody else has approved, or is to approve, what was last proposed of `act` about `subject`."""
    return proposals.approved_by_another(session, act, subject)


def to_announce(session: Session) -> list[tuple[Proposal, str]]:
    """Return what everybody is to know of, with the name of what it is about: acts done alone, and accounts to be taken over."""
    told = proposals.told_to_all(session)
    names = names_of(session, told)
    return [(one, names[one.id]) for one in told]


def open_one(session: Session, act: Act, subject: int) -> Proposal | None:
    """Return what waits of `act` about `subject`."""
    return proposals.open_one(session, act, subject)


def waits_of(session: Session, act: Act, subject: int) -> bool:
    """Say whether `act` about `subject` waits."""
    return open_one(session, act, subject) is not None


def waiting_of(session: Session, act: Act) -> list[Proposal]:
    """Return what waits of `act`, the oldest first."""
    return [one for one in proposals.waiting(session, limit=LIST_LIMIT) if one.act is act]


def names_of(session: Session, waiting: Sequence[Proposal]) -> dict[ProposalId, str]:
    """Return what each is about, in words that everybody with an account may read."""
    accounts = people.names(session, {one.subject for one in waiting if one.act in OF_PERSONS})
    holds = hold_names.spoken_names(session, [HoldId(one.subject) for one in waiting if one.act is Act.HOLD_RELEASE])
    versions = policies.spoken_names(session, [one.subject for one in waiting if one.act is Act.POLICY_LOWER])
    called = {Act.HOLD_RELEASE: holds, Act.POLICY_LOWER: versions} | dict.fromkeys(OF_PERSONS, accounts)
    return {one.id: called[one.act][one.subject] for one in waiting}


def mark_announced(session: Session, *, at: datetime) -> None:
    """Write down that everybody is being told, by a hub that runs, of what was not told yet."""
    proposals.mark_announced(session, at)


def waits_for(session: Session, person: Person) -> int:
    """Return how many acts wait that `person` is to be told of: to approve, about the own account, or done alone by somebody."""
    known = proposals.concerning(session, person, limit=LIST_LIMIT)
    return sum(one.alone_at is not None or one.is_about(person) or one.may_approve(person) for one in known)


def others_hold(
    session: Session,
    act: Act,
    actor: Actor,
    subject: int,
    *,
    at: datetime,
    reaches: Callable[[Account], bool] = lambda _: True,
) -> bool:
    """Say whether anybody but `actor`, and whom it is about, could approve `act` now."""
    but = {actor.label} | ({f"person:{subject}"} if act in OF_PERSONS else set())
    return any(
        account.in_use(at) and POWERS[act] in account.rights(at).permissions and f"person:{account.id}" not in but and reaches(account)
        for account in people.find(session)
    )


def _not_you() -> Refused:
    return Refused(Refusal.NOT_ALLOWED, "Who proposed this, or whom it is about, does not approve it. Ask the Director.")


def _record(session: Session, actor: Actor, action: Action, proposal: Proposal, at: datetime) -> None:
    detail = {"act": proposal.act.value, "proposed_by": proposal.by_name} | _subject(session, proposal)
    if proposal.alone_at is not None:
        detail["alone_at"] = proposal.alone_at.isoformat()
    if proposal.reason:
        detail["reason"] = proposal.reason
    record(session, actor=actor, action=action, at=at, detail=detail)


def _subject(session: Session, proposal: Proposal) -> dict[str, str]:
    """Return the words of an entry that say what an act is about."""
    if proposal.act in OF_PERSONS:
        account = people.get(session, PersonId(proposal.subject))
        return {"person": str(proposal.subject)} | ({} if account is None else {"name": account.name})
    if proposal.act is Act.POLICY_LOWER:
        what, names = "version", policies.spoken_names(session, [proposal.subject])
    else:
        what, names = "hold", hold_names.spoken_names(session, [HoldId(proposal.subject)])
    return {what: str(proposal.subject)} | ({"name": names[proposal.subject]} if proposal.subject in names else {})
