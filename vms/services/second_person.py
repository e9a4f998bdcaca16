"""The second-person rule, for every act that asks for one: propose, approve, stop, or wait alone. What the act does is its service's."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import PersonId, ProposalId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PERMISSIONS, Actor, Permission, Person, System
from vms.domain.second_person import ALONE_WAIT, POWERS, Act, Alone, Decision, Proposal
from vms.services.access_log import name_of, record, refuse
from vms.services.refusals import no_such
from vms.store import people, proposals

LIST_LIMIT = 1000
NO_WAIT = timedelta(0)


def propose(  # noqa: PLR0913 - what an act is about, and how it waits
    session: Session,
    actor: Actor,
    act: Act,
    subject: PersonId,
    *,
    at: datetime,
    reason: str = "",
    wait: timedelta = NO_WAIT,
    alone: Alone = Alone.WHEN_NOBODY,
) -> Proposal:
    """Let `act` about `subject` wait for a second person, and at least for `wait`.

    Where `alone` says so, by itself where nobody else holds the power to approve it, it is done `ALONE_WAIT` later unless somebody
    stops it. Conflict when it waits already.
    """
    nobody = alone is Alone.ALWAYS or (alone is Alone.WHEN_NOBODY and not others_hold(session, act, actor, subject, at=at))
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


def approve(session: Session, person: Person, act: Act, subject: PersonId, *, at: datetime) -> Proposal | Refused:
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


def withdraw(session: Session, actor: Actor, act: Act, subject: PersonId, *, at: datetime) -> None:
    """Close what waits of `act` about `subject`, when it has become pointless."""
    proposal = proposals.open_one(session, act, subject)
    if proposal is not None and proposals.decide(session, proposal.id, Decision.STOPPED, at):
        _record(session, actor, Action.PROPOSAL_STOP, proposal, at)


def take_due(session: Session, *, at: datetime) -> list[Proposal]:
    """Close what has waited alone long enough while a running hub told everybody, and return it: the caller does these acts.

    In the same transaction. Time in which nothing ran, so that nobody could see it and stop it, does not count.
    """
    due = proposals.due(session, at, announced_by=at - ALONE_WAIT)
    taken = [one for one in due if proposals.decide(session, one.id, Decision.ALONE, at)]
    for proposal in taken:
        _record(session, System("second-person"), Action.PROPOSAL_ALONE, proposal, at)
    return taken


def list_waiting(session: Session, person: Person) -> list[Proposal]:
    """Return what waits, as far as it is for `person` to know: what one could approve or stop."""
    everything = person.may(Permission.PEOPLE_READ)
    known = proposals.waiting(session, limit=LIST_LIMIT) if everything else proposals.concerning(session, person, limit=LIST_LIMIT)
    return [one for one in known if everything or one.may_stop(person)]


def proposer(session: Session, act: Act, subject: PersonId) -> str | None:
    """Return the label of who proposed `act` about `subject` last, whatever became of it."""
    return proposals.proposer(session, act, subject)


def to_announce(session: Session) -> list[tuple[Proposal, str]]:
    """Return what everybody is to know of, with the name of the account it is about: acts done alone, and accounts to be taken over."""
    known = {account.id: account.name for account in people.find(session)}
    return [(one, known[one.subject]) for one in proposals.told_to_all(session)]


def mark_announced(session: Session, *, at: datetime) -> None:
    """Write down that everybody is being told, by a hub that runs, of what was not told yet."""
    proposals.mark_announced(session, at)


def waits_for(session: Session, person: Person) -> int:
    """Return how many acts wait that `person` is to be told of: those about the own account, and those that somebody does alone."""
    return proposals.to_tell(session, person.id)


def others_hold(session: Session, act: Act, actor: Actor, subject: PersonId, *, at: datetime) -> bool:
    """Say whether anybody but `actor` and `subject` could approve `act` now."""
    but = {actor.label, f"person:{subject}"}
    return any(
        account.in_use(at) and POWERS[act] in PERMISSIONS[account.role] and f"person:{account.id}" not in but
        for account in people.find(session)
    )


def _not_you() -> Refused:
    return Refused(Refusal.NOT_ALLOWED, "Who proposed this, or whom it is about, does not approve it. Ask the Director.")


def _record(session: Session, actor: Actor, action: Action, proposal: Proposal, at: datetime) -> None:
    account = people.get(session, proposal.subject)
    detail = {"act": proposal.act.value, "person": str(proposal.subject), "proposed_by": proposal.by_name}
    if account is not None:
        detail["name"] = account.name
    if proposal.alone_at is not None:
        detail["alone_at"] = proposal.alone_at.isoformat()
    if proposal.reason:
        detail["reason"] = proposal.reason
    record(session, actor=actor, action=action, at=at, detail=detail)
