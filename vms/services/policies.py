"""Retention policies: drawn up by the Director, in force at once where they keep footage longer, by two people and after days where not.

What is said once stays: a change is a new version. Nodes learn of it under a number of `hold_clock`, as of a change of holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.camera import Camera, RecordingMode
from vms.domain.hours import RecordingHours, hours_of
from vms.domain.ids import PolicyVersion
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Account, Actor, Permission, Person, System, allows, reach
from vms.domain.policy import (
    DISTRICT,
    LOWER_WAIT,
    MAX_BASIS_CHARS,
    MAX_PUBLIC_CHARS,
    MAX_REASON_CHARS,
    SHIPPED_CEILING,
    SHIPPED_FLOOR,
    Days,
    Effect,
    PlaceKind,
    PolicyPlace,
    RetentionPolicy,
    Window,
    chain_of,
    effect_of,
    why_not,
    window_at,
)
from vms.domain.reach import Reach
from vms.domain.second_person import Act, Proposal
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services import second_person
from vms.services.access_log import name_of, record, refuse, together
from vms.services.log_erase import has_run_a_day
from vms.services.names import checked_words
from vms.services.policy_effect import Outcome, outcome
from vms.services.refusals import no_such, not_allowed
from vms.store import holds, nodes, policies
from vms.store.policies import Spot

LIST_LIMIT = 500
ALONE = System("second-person")
SET_UP = "The days the district was set up with."
CLOCK_NOT_TRUSTED = "A day ago the access log was not signed by this clock, which may have leapt. Confirm it when vms serve has run a day."
_WHO = "the Director"
_NAMED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """What somebody says of a place. What is None stays as the version that counts there says it."""

    place: PolicyPlace
    days: Days
    """All as they are to be; None of one: as the place above."""
    reason: str
    legal_basis: str | None = None
    public_text: str | None = None
    review_at: datetime | None = None
    seen: int | None = None
    """Which version counted there when this was written, 0 for none; None: whichever."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A version with what follows from it; not written yet, or written and waiting, or in force."""

    policy: RetentionPolicy
    name: str
    """Of its place."""
    outcome: Outcome
    waits: Proposal | None = None
    """For a second person."""


def begin_policy(session: Session, actor: Actor, target_days: int, *, at: datetime) -> None:
    """Make the district's first version, in force at once and signed by nobody yet; the caller writes its entries `together`."""
    holds.lock(session)
    days = Days(SHIPPED_FLOOR, target_days, max(SHIPPED_CEILING, target_days))
    policy = _drawn_up(session, actor, DISTRICT, days, SET_UP, at=at)
    policies.add(session, policy)
    record(session, actor=actor, action=Action.POLICY_SET, at=at, detail=_told(policy, "the district"))
    _force(session, actor, policy, "the district", at)


def plan_policy(session: Session, actor: Actor, new: NewPolicy, *, at: datetime) -> Planned | Refused:
    """Return what `set_policy` would do, and write nothing; InvalidInput says what is wrong with it."""
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_SET):
        return not_allowed("change how long footage is kept", _WHO)
    return _planned(session, actor, new, at)


def set_policy(session: Session, actor: Actor, new: NewPolicy, *, at: datetime) -> Planned | Refused:
    """Draw up a new version for a place; what it drew up is signed by that.

    Where footage is nowhere kept shorter by it, and nowhere less recorded, it counts at once. Otherwise it waits `LOWER_WAIT` and for a
    second person. Runs under the lock of `hold_clock`. The caller asks for a fresh proof before. InvalidInput says what is wrong,
    Conflict that a version waits already or that another than was seen counts.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_SET):
        return refuse(session, actor, Action.POLICY_SET, not_allowed("change how long footage is kept", _WHO), at=at)
    holds.lock(session)
    planned = _planned(session, actor, new, at)
    if isinstance(planned, Refused):
        return planned
    _require_none_waits(session, new.place, planned.name)
    policy = planned.policy
    policies.add(session, policy)
    policies.sign(session, policy.version, by=actor, by_name=name_of(actor), at=at)
    with together(session):
        record(session, actor=actor, action=Action.POLICY_SET, at=at, detail=_told(policy, planned.name) | _outcome_told(planned.outcome))
        waits = None
        if planned.outcome.effect is Effect.LOWERS:
            waits = _propose(session, actor, policy, at)
        else:
            _force(session, actor, policy, planned.name, at)
    return Planned(_stored(session, policy.version), planned.name, planned.outcome, waits)


def confirm_lowering(session: Session, actor: Actor, version: PolicyVersion, *, at: datetime) -> RetentionPolicy | Refused:
    """Be the second person for a version that keeps footage shorter: from now on it counts."""
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_CONFIRM):
        return refuse(session, actor, Action.POLICY_FORCE, not_allowed("confirm that footage is kept for fewer days", _WHO), at=at)
    holds.lock(session)
    found = _version_within(session, reach(actor, Permission.POLICY_CONFIRM), version)
    if found is None:
        return no_such("version")
    policy, spot = found
    if not has_run_a_day(session, at=at):  # the 72 hours would not have passed, and nodes destroy at once
        return Refused(Refusal.NOT_ALLOWED, CLOCK_NOT_TRUSTED)
    with together(session):
        approved = second_person.approve(session, actor, Act.POLICY_LOWER, version, at=at)
        if isinstance(approved, Refused):
            return approved
        _force(session, actor, policy, spot.name, at)
    return _stored(session, version)


def lower_alone(session: Session, proposal: Proposal, at: datetime) -> None:
    """Let a version count that nobody could confirm and nobody stopped."""
    holds.lock(session)
    found = _version_within(session, None, PolicyVersion(proposal.subject))
    if found is not None:
        _force(session, ALONE, found[0], found[1].name, at)


def approve_policy(session: Session, actor: Actor, version: PolicyVersion, *, at: datetime) -> RetentionPolicy | Refused:
    """Put the Director's signature under a version that has none; it counted before."""
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_SET):
        return refuse(session, actor, Action.POLICY_APPROVE, not_allowed("sign a retention policy", _WHO), at=at)
    holds.lock(session)
    found = _version_within(session, reach(actor, Permission.POLICY_SET), version)
    if found is None:
        return no_such("version")
    policy, spot = found
    if policy.approval is not None:
        return Refused(Refusal.NOT_ALLOWED, f"{policy.approval.by_name} signed it on {policy.approval.at:%Y-%m-%d}.")
    policies.sign(session, version, by=actor, by_name=name_of(actor), at=at)
    record(session, actor=actor, action=Action.POLICY_APPROVE, at=at, detail=_told(policy, spot.name))
    return _stored(session, version)


def refuse_shorter(session: Session, before: Camera, after: Camera) -> Refused | None:
    """Refuse to put a camera where its footage would be kept shorter, or it be recorded less: that is the Director's to decide.

    Where it is kept longer, nodes learn of it. In the transaction that moves it, which called `holds.lock`.
    """
    if before.area_id == after.area_id:
        return None
    said = policies.said(session)
    old, new = (window_at(said, chain_of(one.branch_id, one.area_id, one.id)) for one in (before, after))
    stays_weekly = before.recording_mode is after.recording_mode is RecordingMode.WEEKLY
    if stays_weekly and old is not None and new is not None and new.hours.lacks(old.hours):
        return Refused(Refusal.NOT_ALLOWED, _fewer_hours(before))
    if old is not None and new is not None and effect_of([(old.whole_week, new.whole_week)]) is Effect.LOWERS:
        sentence = (
            f"There, footage of ‘{before.name}’ would be kept {_days_told(new)} instead of {_days_told(old)}. "
            f"Ask the Director to say first how long it is to be kept: vms policy set --camera {before.id}"
        )
        return Refused(Refusal.NOT_ALLOWED, sentence)
    if old != new:
        holds.count_change(session)
    return None


def _days_told(window: Window) -> str:
    return f"{window.target_days} days (floor {window.min_days}{', on full disks no longer than that' if window.early else ''})"


def _fewer_hours(camera: Camera) -> str:
    return (
        f"There, ‘{camera.name}’ would be recorded in fewer hours. "
        f"Ask the Director to say first in which it is to be: vms policy set --camera {camera.id} --hours"
    )


def checked_hours(text: str) -> RecordingHours:
    """Read hours as people write them; InvalidInput says what is wrong with which line."""
    try:
        return hours_of(text)
    except ValueError as err:
        raise InvalidInput(str(err)) from err


def checked_early(text: str) -> bool | None:
    """Read yes or no; None of an empty text: as the place above. InvalidInput for anything else."""
    try:
        return {"": None, "yes": True, "no": False}[text]
    except KeyError as err:
        raise InvalidInput("Whether footage may go before its day when disks are full is yes or no.") from err


def list_versions(session: Session, actor: Actor) -> list[tuple[RetentionPolicy, Spot, Proposal | None]] | Refused:
    """Return every version within the actor's reach, and the district's, with its place and what of it waits; the newest first."""
    if not allows(actor, Permission.POLICY_READ):
        return not_allowed("see how long footage is kept", _WHO)
    mine = reach(actor, Permission.POLICY_READ)
    known = {spot.place: spot for spot in policies.spots(session) if spot.place == DISTRICT or is_within(mine, spot)}
    waiting = {one.subject: one for one in second_person.waiting_of(session, Act.POLICY_LOWER)}
    found = policies.versions(session, limit=LIST_LIMIT)
    return [(one, known[one.place], waiting.get(one.version)) for one in found if one.place in known]


def is_within(mine: Reach | None, spot: Spot) -> bool:
    """Say whether all of a place is within `mine`."""
    if mine is None:
        return True
    if spot.branch_id is None:
        return False
    return spot.branch_id in mine.branches if spot.place.kind is PlaceKind.BRANCH else mine.has(spot.branch_id, spot.area_id)


def _planned(session: Session, actor: Person, new: NewPolicy, at: datetime) -> Planned | Refused:
    spots = policies.spots(session)
    mine = reach(actor, Permission.POLICY_SET)
    spot = next((one for one in spots if one.place == new.place and is_within(mine, one)), None)
    if spot is None:
        return no_such("place")
    above = window_at(policies.said(session), spot.chain[:-1]) if len(spot.chain) > 1 else None
    if wrong := why_not(above, new.days):
        raise InvalidInput(wrong)
    policy = _drawn_up(session, actor, new.place, new.days, new.reason, at=at, new=new)
    return Planned(policy, spot.name, outcome(session, spots, new.place, new.days, at=at))


def _drawn_up(
    session: Session, actor: Actor, place: PolicyPlace, days: Days, reason: str, *, at: datetime, new: NewPolicy | None = None
) -> RetentionPolicy:
    before = policies.current(session, place)
    if new is not None and new.seen not in (None, 0 if before is None else before.version):
        raise Conflict("Another version has come to count there meanwhile. Look at it, and say again what is to change.")
    basis = _kept(None if new is None else new.legal_basis, "" if before is None else before.legal_basis, MAX_BASIS_CHARS, "legal basis")
    public = _kept(None if new is None else new.public_text, "" if before is None else before.public_text, MAX_PUBLIC_CHARS, "public text")
    review_at = None if before is None else before.review_at
    if new is not None and new.review_at is not None:
        if new.review_at <= at:
            raise InvalidInput("The policy is reviewed on a day to come.")
        review_at = new.review_at
    why = checked_words(reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters why.")
    if before is not None and (before.days, before.legal_basis, before.public_text, before.review_at) == (days, basis, public, review_at):
        raise InvalidInput("That is what counts there already: nothing would change.")
    version = policies.next_version(session)
    return RetentionPolicy(version, place, days, basis, public, review_at, why, actor.label, name_of(actor), at)


def _kept(said: str | None, before: str, most: int, what: str) -> str:
    if said is None:
        return before
    return checked_words(said, most, f"A {what} has up to {most} characters.") if said.strip() else ""


def _require_none_waits(session: Session, place: PolicyPlace, name: str) -> None:
    for proposal in second_person.waiting_of(session, Act.POLICY_LOWER):
        waiting = policies.get(session, PolicyVersion(proposal.subject))
        if waiting is not None and waiting.place == place:
            raise Conflict(
                f"Version {waiting.version} for {name} waits for a second person. Let it be decided first, or stop it on the page Waiting."
            )


def _propose(session: Session, actor: Person, policy: RetentionPolicy, at: datetime) -> Proposal:
    spot = next(one for one in policies.spots(session) if one.place == policy.place)

    def able(account: Account) -> bool:
        return is_within(account.rights(at).reach(Permission.POLICY_CONFIRM), spot)

    return second_person.propose(
        session, actor, Act.POLICY_LOWER, policy.version, at=at, reason=policy.reason, wait=LOWER_WAIT, reaches=able
    )


def _force(session: Session, actor: Actor, policy: RetentionPolicy, name: str, at: datetime) -> None:
    policies.put_in_force(session, policy.version, by=actor, by_name=name_of(actor), at=at)
    nodes.bump_all(session)  # in which hours they record is part of what they ask for
    record(session, actor=actor, action=Action.POLICY_FORCE, at=at, detail=_told(policy, name))


def _stored(session: Session, version: PolicyVersion) -> RetentionPolicy:
    policy = policies.get(session, version)
    if policy is None:
        raise Corrupt(f"Version {version} of the retention policy is gone. Restore the central database from a backup.")
    return policy


def _version_within(session: Session, mine: Reach | None, version: PolicyVersion) -> tuple[RetentionPolicy, Spot] | None:
    # Both are asked for, so that what is out of reach takes as long as what there is none of.
    policy, spots = policies.get(session, version), policies.spots(session)
    if policy is None:
        return None
    spot = next((one for one in spots if one.place == policy.place), None)
    return None if spot is None or not is_within(mine, spot) else (policy, spot)


def _told(policy: RetentionPolicy, name: str) -> dict[str, str]:
    """Return how every entry about a version names it."""
    days = {"floor": policy.days.min_days, "target": policy.days.target_days, "ceiling": policy.days.max_days}
    told = {"version": str(policy.version), "of": name, "reason": policy.reason}
    told |= {word: "as above" if number is None else str(number) for word, number in days.items()}
    told |= {} if policy.days.early is None else {"early": "yes" if policy.days.early else "no"}
    return told | ({"hours": "; ".join(policy.days.hours.lines)} if policy.days.hours.lines else {})


def _outcome_told(found: Outcome) -> dict[str, str]:
    """Return what an entry says of what follows: how many cameras, and of how much footage it was told that it would go."""
    told = {"effect": found.effect.value, "cameras": str(len(found.cameras))}
    going_s = sum(camera.going_s for camera in found.cameras)
    return told | ({"hours_going": f"{going_s / 3600:.1f}"} if going_s else {}) | _clipped(found.clipped)


def _clipped(names: Sequence[str]) -> dict[str, str]:
    return {"clipped": ", ".join(names[:_NAMED_AT_MOST])} if names else {}
