"""Holds that the law keeps secret: placed, opened, ended by Directors of the whole district, and known to nobody else.

Each is a sealed matter of the access log (`sealed_log`): whatever is done about it is a sealed entry, and its text lies encrypted under the
matter's key. It protects as any hold does. No mail, no proposal on the page Waiting and no ordinary entry tells of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, encrypt
from vms.domain.access import Action
from vms.domain.hold import HoldKind
from vms.domain.ids import CameraId, HoldId, MatterId, ProposalId
from vms.domain.legal_hold import COOL_OFF, MAX_REASON_CHARS, Ending, HoldState, LegalHold, Proposed, Seal, Sealed, sealed_name
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, System
from vms.domain.sealed_entry import filled, text_in
from vms.domain.second_person import ALONE_WAIT, Act, Proposal
from vms.errors import ConfigError, Conflict, InvalidInput, NotFound
from vms.services.access_log import name_of, refuse
from vms.services.holds import NewHold, covered_by, draw_up, may_know_sealed, told_of
from vms.services.names import checked_words
from vms.services.refusals import no_such, not_allowed
from vms.services.sealed_log import Matter, new_matter, open_matter, record_sealed
from vms.store import holds, people

JOB = System("holds")
UNREADABLE = "Its text can't be read: the key of its matter is not in secrets/"
_NO_PROPOSAL = ProposalId(0)
"""What waits for a sealed hold is in no list."""


def place_sealed(session: Session, settings: Settings, actor: Actor, new: NewHold, *, at: datetime) -> LegalHold | Refused:
    """Place a hold that the law keeps secret, under the same lock and with the same protection as any."""
    if not may_know_sealed(actor) or not isinstance(actor, Person):
        return refuse(session, actor, Action.HOLD_PLACE, not_allowed("place a sealed hold", "the Director of the whole district"), at=at)
    hold = draw_up(actor, new, at)
    if hold.kind is HoldKind.PROVISIONAL:
        raise InvalidInput("A sealed hold rests on a paper, and never lapses: a provisional one can't be sealed.")
    covered = covered_by(session, actor, hold)
    if isinstance(covered, Refused):
        return covered
    detail = told_of(session, hold, len(covered))
    keep(session, new_matter(settings), hold, covered, actor=actor, action=Action.HOLD_PLACE, detail=detail, at=at)
    return opened(settings, holds.get(session, None, hold.id, Sealed.INCLUDED) or hold)


def take_back(
    session: Session, settings: Settings, person: Person, lost: LegalHold, covered: Iterable[CameraId], *, at: datetime
) -> LegalHold:
    """Make a sealed hold again that a recorder keeps and a restored database lacks; its words are lost."""
    detail = {"hold": str(lost.id), "name": sealed_name(lost.id)}
    keep(session, new_matter(settings), lost, covered, actor=person, action=Action.HOLD_RESEND, detail=detail, at=at)
    return lost


def opened(settings: Settings, hold: LegalHold) -> LegalHold:
    """Return a hold with its text, for who may know of it; any other than a sealed one as it is."""
    if hold.seal is None:
        return hold
    matter = _matter(settings, hold.seal)
    plaintext = None if matter is None else decrypt(matter.key, hold.seal.words, _bound_to(hold.id))
    if plaintext is None:
        return replace(hold, matter=UNREADABLE, reason="")
    words: dict[str, str] = json.loads(text_in(plaintext))
    return replace(hold, matter=words["matter"], reason=words["reason"], authority=words["authority"])


def seen(session: Session, actor: Actor, number: HoldId) -> LegalHold | None:
    """Return the sealed hold of that number; None for who may not know whether there is one."""
    hold = holds.get(session, None, number, Sealed.OF_HOLDS) if may_know_sealed(actor) else None
    return hold if hold is not None and hold.seal is not None else None


def propose_release(
    session: Session, settings: Settings, person: Person, number: HoldId, reason: str, *, at: datetime
) -> Proposal | Refused:
    """Propose the release of a sealed hold to another Director; Conflict when it waits already."""
    why = checked_words(reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters why it is needed no more.")
    hold = _protecting(session, person, number)
    if hold is None or hold.seal is None:
        return no_such("legal hold that protects")
    if hold.state(at) is HoldState.COOLING_OFF:
        return Refused(Refusal.NOT_ALLOWED, "Its release was agreed to already; till it is written, that can be undone.")
    if hold.seal.proposed is not None:
        raise Conflict("This waits for a second person already.")
    proposed = Proposed(person.label, name_of(person), at)
    holds.put_proposed(session, number, proposed)
    _note(session, settings, hold, actor=person, action=Action.PROPOSAL_OPEN, at=at, act=Act.HOLD_RELEASE.value, reason=why)
    return _proposal(session, hold, proposed, why, at)


def confirm_release(session: Session, settings: Settings, person: Person, number: HoldId, *, at: datetime) -> LegalHold | Refused:
    """Agree to the release of a sealed hold, as another Director; as the same one where no other is, once three days have passed."""
    hold = _protecting(session, person, number)
    proposed = None if hold is None or hold.seal is None else hold.seal.proposed
    if hold is None or proposed is None:
        return no_such("proposal that waits")
    if proposed.by == person.label and (why_not := _not_alone(session, proposed, at)) is not None:
        return why_not
    ending = Ending(at + COOL_OFF, person.label, name_of(person), "")
    if not holds.begin_ending(session, number, ending):
        return no_such("legal hold that protects")
    holds.put_proposed(session, number, None)
    _note(session, settings, hold, actor=person, action=Action.HOLD_RELEASE, at=at, until=ending.at.isoformat())
    return opened(settings, holds.get(session, None, number, Sealed.INCLUDED) or hold)


def undo_release(session: Session, settings: Settings, person: Person, number: HoldId, *, at: datetime) -> LegalHold | Refused:
    """Let a sealed hold go on whose release waits or was agreed to; any Director who may know of it does this alone."""
    hold = _protecting(session, person, number)
    if hold is None or hold.seal is None:
        return no_such("legal hold that protects")
    waits, cooled = hold.seal.proposed is not None, holds.stop_ending(session, number)
    if not (waits or cooled):
        return Refused(Refusal.NOT_ALLOWED, "Nobody has proposed its release, so there is nothing to undo.")
    holds.put_proposed(session, number, None)
    holds.count_change(session)
    _note(session, settings, hold, actor=person, action=Action.HOLD_KEEP, at=at)
    return opened(settings, holds.get(session, None, number, Sealed.INCLUDED) or hold)


def waiting_release(session: Session, hold: LegalHold, *, at: datetime) -> Proposal | None:
    """Return the proposal to release a sealed hold; why stands in its sealed entry alone."""
    proposed = None if hold.seal is None else hold.seal.proposed
    return None if proposed is None else _proposal(session, hold, proposed, "", at)


def may_confirm(person: Person, waiting: Proposal, at: datetime) -> bool:
    return waiting.by != person.label or (waiting.alone_at is not None and waiting.alone_at <= at)


def keep(  # noqa: PLR0913 - what is kept, and what its first entry says
    session: Session,
    matter: Matter,
    hold: LegalHold,
    covered: Iterable[CameraId],
    *,
    actor: Actor,
    action: Action,
    detail: dict[str, str],
    at: datetime,
) -> None:
    """Store a hold with its text under a matter's key and nowhere else, and seal the entry of it."""
    words = json.dumps({"matter": hold.matter, "reason": hold.reason, "authority": hold.authority})
    seal = Seal(MatterId(matter.id), encrypt(matter.key, filled(words), _bound_to(hold.id)), 0)
    holds.add(session, replace(hold, matter=sealed_name(hold.id), reason="", authority="", seal=seal))
    holds.cover(session, [(hold.id, camera) for camera in covered])
    holds.put_noted(session, hold.id, holds.seq(session))
    record_sealed(session, matter, actor=actor, action=action, at=at, detail=detail)


def to_look_after(session: Session, *, at: datetime) -> bool:
    """Say whether a release of a sealed hold is to be written, or a camera that came under one."""
    return any(_is_due(hold, at) or holds.came_under(session, hold.id, hold.seal.noted_seq) for hold in _unreleased(session) if hold.seal)


def look_after(session: Session, settings: Settings, *, at: datetime, sure: bool) -> None:
    """Write what nobody with the key did: a camera that came under a sealed hold, and, by a clock that is trusted (`sure`), its end.

    A hold whose key is not there goes on protecting: without an entry it does not end.
    """
    holds.lock(session)
    for hold in _unreleased(session):
        matter = None if hold.seal is None else _matter(settings, hold.seal)
        if hold.seal is None or matter is None:
            continue
        for number, camera in holds.came_under(session, hold.id, hold.seal.noted_seq):
            holds.put_noted(session, hold.id, number)
            record_sealed(session, matter, actor=JOB, action=Action.HOLD_COVER, at=at, camera_id=camera, detail=_named(hold))
        if sure and _is_due(hold, at):
            end(session, matter, hold, JOB, at=at)


def end(session: Session, matter: Matter, hold: LegalHold, actor: Actor, *, at: datetime) -> None:
    """Write the release of a sealed hold: agreed to, or because what it was placed for has ended."""
    by, name = (actor.label, "its expiry") if hold.ending is None else (hold.ending.by, hold.ending.by_name)
    holds.release(session, hold.id, by=by, at=at)
    record_sealed(session, matter, actor=actor, action=Action.HOLD_END, at=at, detail=_named(hold) | {"by": name})


def _protecting(session: Session, person: Person, number: HoldId) -> LegalHold | None:
    """Return a sealed hold that protects, under the lock: what is read of it stays so to the commit."""
    if not may_know_sealed(person):
        return None
    holds.lock(session)
    hold = seen(session, person, number)
    return None if hold is None or hold.released_at is not None else hold


def _unreleased(session: Session) -> list[LegalHold]:
    return [hold for hold in holds.unreleased(session, Sealed.INCLUDED) if hold.seal is not None]


def _is_due(hold: LegalHold, at: datetime) -> bool:
    return hold.ends_at is not None and hold.ends_at <= at


def _proposal(session: Session, hold: LegalHold, proposed: Proposed, reason: str, at: datetime) -> Proposal:
    alone_at = None if _another_could(session, proposed.by, at) else proposed.at + ALONE_WAIT
    return Proposal(_NO_PROPOSAL, Act.HOLD_RELEASE, hold.id, reason, proposed.by, proposed.by_name, proposed.at, proposed.at, alone_at)


def _not_alone(session: Session, proposed: Proposed, at: datetime) -> Refused | None:
    """Return why who proposed a release may not agree to it."""
    if _another_could(session, proposed.by, at):
        return Refused(Refusal.NOT_ALLOWED, "Who proposed this does not approve it. Ask another Director of the whole district.")
    if at < proposed.at + ALONE_WAIT:
        return Refused(Refusal.NOT_ALLOWED, f"Nobody else may know of it. It waits until {proposed.at + ALONE_WAIT:%Y-%m-%d %H:%M} UTC.")
    return None


def _another_could(session: Session, proposer: str, at: datetime) -> bool:
    """Say whether another account in use may know of sealed holds now."""
    others = (one for one in people.find(session) if one.in_use(at) and f"person:{one.id}" != proposer)
    return any(Permission.HOLD_SEAL in one.rights(at).permissions and one.rights(at).reach(Permission.HOLD_SEAL) is None for one in others)


def _note(session: Session, settings: Settings, hold: LegalHold, *, actor: Actor, action: Action, at: datetime, **more: str) -> None:
    """Seal an entry about a hold. NotFound when the key of its matter is not there: nothing is done about it then."""
    if hold.seal is not None:
        matter = open_matter(settings, hold.seal.matter)
        record_sealed(
            session, matter, actor=actor, action=action, at=at, detail=_named(hold) | {"matter": opened(settings, hold).matter} | more
        )


def _named(hold: LegalHold) -> dict[str, str]:
    return {"hold": str(hold.id), "name": hold.spoken}


def _matter(settings: Settings, seal: Seal) -> Matter | None:
    try:
        return open_matter(settings, seal.matter)
    except (NotFound, ConfigError):
        return None


def _bound_to(hold: HoldId) -> bytes:
    return b"custodian sealed hold v1\n%d" % hold
