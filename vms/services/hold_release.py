"""How a legal hold ends: one person proposes its release, another agrees, it cools off, and only then the release is written.

Until it is written, every node keeps what the hold protects. A provisional hold that has expired goes the same way, without people.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import HoldId
from vms.domain.legal_hold import COOL_OFF, LAPSE_GRACE, MAX_REASON_CHARS, Ending, HoldState, LegalHold
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Account, Actor, Permission, Person, System, allows, reach
from vms.domain.second_person import Act, Proposal
from vms.services import second_person
from vms.services.access_log import name_of, record, refuse, together
from vms.services.holds import named_in_log, reaches
from vms.services.names import checked_words
from vms.services.outbox import post
from vms.services.refusals import BEYOND, no_such, not_allowed
from vms.store import holds, mails

JOB = System("holds")
ALONE = System("second-person")
NOTICE_DAYS = (30, 7, 1)
"""Before a review date, and before a provisional hold expires."""
LAPSE_NOTICE_DAYS = (LAPSE_GRACE.days, 7, 1)
"""Before the release of one that has expired: the first on the day of the expiry."""


def propose_release(session: Session, actor: Actor, number: HoldId, reason: str, *, at: datetime) -> Proposal | Refused:
    """Propose the release of a hold to a second person; InvalidInput without a reason, Conflict when it waits already."""
    why = checked_words(reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters why it is needed no more.")
    found = _ending(session, actor, number, at=at)
    if isinstance(found, Refused):
        return found
    person, hold = found
    if hold.state(at) is HoldState.COOLING_OFF:
        return Refused(Refusal.NOT_ALLOWED, _cooling(hold))

    def able(account: Account) -> bool:
        return reaches(session, account.rights(at).reach(Permission.HOLD_RELEASE), hold)

    return second_person.propose(session, person, Act.HOLD_RELEASE, number, at=at, reason=why, reaches=able)


def confirm_release(session: Session, actor: Actor, number: HoldId, *, at: datetime) -> LegalHold | Refused:
    """Be the second person for a release: from now on the hold cools off for `COOL_OFF`."""
    found = _ending(session, actor, number, at=at)
    if isinstance(found, Refused):
        return found
    person, hold = found
    with together(session):  # the log is the last that is locked
        proposal = second_person.approve(session, person, Act.HOLD_RELEASE, number, at=at)
        if isinstance(proposal, Refused):
            return proposal
        return _cool_off(session, person, hold, proposal.reason, at) or no_such("legal hold that protects")


def release_alone(session: Session, proposal: Proposal, at: datetime) -> None:
    """Have a hold cool off whose release nobody could confirm and nobody stopped."""
    hold = holds.get(session, None, HoldId(proposal.subject))
    if hold is not None:
        _cool_off(session, ALONE, hold, proposal.reason, at)


def waiting_release(session: Session, number: HoldId) -> Proposal | None:
    """Return the proposal to release a hold that waits for a second person."""
    return second_person.open_one(session, Act.HOLD_RELEASE, number)


def may_end(session: Session, actor: Actor, hold: LegalHold) -> bool:
    """Say whether `actor` may propose or confirm its release: all of it has to be within reach."""
    return allows(actor, Permission.HOLD_RELEASE) and reaches(session, reach(actor, Permission.HOLD_RELEASE), hold)


def undo_release(session: Session, actor: Actor, number: HoldId, *, at: datetime) -> LegalHold | Refused:
    """Let a hold go on that cools off, as if nobody had agreed to its release; who may place holds may do it alone."""
    if not isinstance(actor, Person) or not actor.may(Permission.HOLD_PLACE):
        return refuse(session, actor, Action.HOLD_KEEP, not_allowed("undo the release of a legal hold", "the Director"), at=at)
    holds.lock(session)
    hold = holds.get(session, reach(actor, Permission.HOLD_PLACE), number)
    if hold is None:
        return no_such("legal hold")
    if not holds.stop_ending(session, number):
        return Refused(Refusal.NOT_ALLOWED, _not_undone(hold, at))
    holds.count_change(session)
    record(session, actor=actor, action=Action.HOLD_KEEP, at=at, detail=named_in_log(hold))
    return holds.get(session, None, number) or no_such("legal hold")


def releases_due(session: Session, *, at: datetime) -> bool:
    """Say whether a release is to be written, or what waits has become pointless."""
    return bool(holds.due(session, at) or _pointless(session))


def end_due(session: Session, *, at: datetime) -> list[LegalHold]:
    """Write every release whose time has come, and close proposals to release what is released."""
    with together(session):  # the log is the last that is locked
        for proposal in _pointless(session):
            second_person.withdraw(session, JOB, Act.HOLD_RELEASE, proposal.subject, at=at)
        holds.lock(session)
        ended = write_due(session, at=at)
        note_ended(session, ended, at=at)
    return ended


def write_due(session: Session, *, at: datetime) -> list[LegalHold]:
    """Number every release whose time has come, so that nodes learn of it. The caller holds the lock and calls `note_ended` last."""
    return [hold for hold in holds.due(session, at) if holds.release(session, hold.id, by=_ended_by(hold), at=at)]


def note_ended(session: Session, ended: list[LegalHold], *, at: datetime) -> None:
    """Write that holds have ended, and by whom."""
    for hold in ended:
        detail = named_in_log(hold) | {"by": hold.ending.by_name if hold.ending else "its expiry"}
        record(session, actor=JOB, action=Action.HOLD_END, at=at, detail=detail)


def notices_due(session: Session, *, at: datetime) -> list[tuple[str, LegalHold, str]]:
    """Return what is to be mailed of holds now and was not yet: what it is about, the hold, and a sentence."""
    found = [notice for hold in holds.unreleased(session) for notice in _notices(hold, at)]
    told = mails.told(session, [about for about, _, _ in found])
    return [notice for notice in found if notice[0] not in told]


def notify(session: Session, settings: Settings, *, at: datetime) -> None:
    """Queue a mail to the Director before a review date, an expiry and the end of its grace, each once. No matter is named."""
    for about, hold, sentence in notices_due(session, at=at):
        body = f"{sentence}\n\nWhat it is about: sign in with vms login, and run vms hold show {hold.id}\n"
        post(session, settings, settings.director_address, about=about, subject=f"Custodian: {hold.spoken}", body=body, at=at)


def _ending(session: Session, actor: Actor, number: HoldId, *, at: datetime) -> tuple[Person, LegalHold] | Refused:
    """Return a hold that protects and whose release `actor` may propose or confirm."""
    if not isinstance(actor, Person) or not actor.may(Permission.HOLD_RELEASE):
        return refuse(session, actor, Action.HOLD_RELEASE, not_allowed("release a legal hold", "the Director"), at=at)
    mine = reach(actor, Permission.HOLD_RELEASE)
    hold = holds.get(session, mine, number)
    if hold is None or hold.released_at is not None:
        return no_such("legal hold that protects")
    if not reaches(session, mine, hold):
        return refuse(session, actor, Action.HOLD_RELEASE, _further(), at=at)
    return actor, hold


def _further() -> Refused:
    return Refused(BEYOND.refusal, "This hold reaches further than your account. Ask the Director of the whole district.")


def _cool_off(session: Session, actor: Actor, hold: LegalHold, reason: str, at: datetime) -> LegalHold | None:
    ending = Ending(at + COOL_OFF, actor.label, name_of(actor), reason)
    if not holds.begin_ending(session, hold.id, ending):
        return None
    detail = named_in_log(hold) | {"until": ending.at.isoformat(), "reason": reason}
    record(session, actor=actor, action=Action.HOLD_RELEASE, at=at, detail=detail)
    return holds.get(session, None, hold.id)


def _pointless(session: Session) -> list[Proposal]:
    protecting = {hold.id for hold in holds.unreleased(session)}  # of sealed ones nothing waits there
    return [one for one in second_person.waiting_of(session, Act.HOLD_RELEASE) if one.subject not in protecting]


def _ended_by(hold: LegalHold) -> str:
    return JOB.label if hold.ending is None else hold.ending.by


def _cooling(hold: LegalHold) -> str:
    until = "" if hold.ends_at is None else f" until {hold.ends_at:%Y-%m-%d %H:%M} UTC"
    return f"Its release was agreed to already. It protects{until}; till then that can be undone."


def _not_undone(hold: LegalHold, at: datetime) -> str:
    match hold.state(at):
        case HoldState.RELEASED:
            return "It was released. What is still there is protected by a new hold."
        case HoldState.LAPSING:
            return "It has expired, and nobody released it. Place a new hold in its stead."
        case _:
            return "Nobody has agreed to a release, so there is nothing to undo. What only waits is stopped on the page Waiting."


def _notices(hold: LegalHold, at: datetime) -> list[tuple[str, LegalHold, str]]:
    if hold.ending is not None:
        return []
    moments = [("review", hold.review_at, NOTICE_DAYS, "is to be reviewed: say whether it is still needed, or release it")]
    if hold.expires_at is not None:
        moments.append(("expiry", hold.expires_at, NOTICE_DAYS, f"expires, and {LAPSE_GRACE.days} days later its footage may be destroyed"))
        lapse = hold.expires_at + LAPSE_GRACE
        moments.append(("lapse", lapse, LAPSE_NOTICE_DAYS, "has expired and is released then. A new hold keeps its footage"))
    found = []
    for what, moment, days, says in moments:
        day = _notice_day(hold, moment, days, at)
        if day is not None:
            found.append((f"hold/{hold.id}/{what}/{day}", hold, f"The {hold.spoken} {says}. The day: {moment:%Y-%m-%d %H:%M} UTC."))
    return found


def _notice_day(hold: LegalHold, moment: datetime, days: tuple[int, ...], at: datetime) -> int | None:
    """Return which notice is due: the last whose day has come, unless the hold is younger.

    Each is due for less than the 30 days that the outbox knows it, so it is mailed once.
    """
    if at >= moment:
        return None
    begun = [day for day in days if moment - timedelta(days=day) <= at]
    return min(begun) if begun and hold.placed_at <= moment - timedelta(days=min(begun)) else None
