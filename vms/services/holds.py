"""Legal holds: placed by people, in force for the hub when that commits, and shown with how far nodes have come.

The text of a hold never changes. How one ends: `hold_release`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.camera import CameraDetails
from vms.domain.hold import LEAST_CLOCK_ERROR, ROLL, HeldTime, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId, NodeId, new_number
from vms.domain.legal_hold import (
    DEFAULT_REVIEW,
    MAX_AUTHORITY_CHARS,
    MAX_MATTER_CHARS,
    MAX_REASON_CHARS,
    MAX_REVIEW,
    HeldCamera,
    HoldLine,
    HoldOverview,
    HoldStanding,
    LegalHold,
    NodeStanding,
    Sealed,
)
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, allows, reach
from vms.domain.reach import Reach
from vms.domain.second_person import Act
from vms.domain.timespan import EPOCH, datetime_of_ms, ms_of
from vms.errors import InvalidInput
from vms.services.access_log import name_of, record, refuse
from vms.services.names import checked_words, named
from vms.services.refusals import no_such, not_allowed
from vms.services.second_person import waits_of
from vms.store import branches, holds, leases, nodes
from vms.store.holds import Place

LIST_LIMIT = 500
MAX_LENGTH = timedelta(days=3653)
_WHO = "the Director"
_NAMED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class NewHold:
    """What somebody who places a hold says."""

    matter: str
    kind: HoldKind
    reason: str
    scope: HoldScope
    start: datetime
    end: datetime | None = None
    """None: whatever is still to come, too."""
    authority: str = ""
    review_at: datetime | None = None
    """None: in three months."""
    expires_at: datetime | None = None
    """Of a provisional hold alone."""
    sealed: bool = False
    """The law keeps it secret: `sealed_holds`."""


@dataclass(frozen=True, slots=True)
class NamedScope:
    """What a hold names, for whoever reads it."""

    scope: HoldScope
    names: tuple[str, ...]
    beyond: bool
    """It names more than the reader reaches."""


def place_hold(session: Session, actor: Actor, new: NewHold, *, at: datetime) -> LegalHold | Refused:
    """Place a hold and number each camera that it covers, removed ones too. It is pending until the nodes have applied it.

    Runs under the lock of `hold_clock`, from before the cameras are looked up to the commit: see `hold_orders`. The caller asks for a
    fresh proof before. InvalidInput says what is wrong.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.HOLD_PLACE):
        return refuse(session, actor, Action.HOLD_PLACE, not_allowed("place a legal hold", _WHO), at=at)
    hold = draw_up(actor, new, at)
    covered = covered_by(session, actor, hold)
    if isinstance(covered, Refused):
        return covered
    holds.add(session, hold)
    holds.cover(session, [(hold.id, camera) for camera in covered])
    record(session, actor=actor, action=Action.HOLD_PLACE, at=at, detail=told_of(session, hold, len(covered)))
    return hold


def covered_by(session: Session, actor: Actor, hold: LegalHold, permission: Permission = Permission.HOLD_PLACE) -> list[CameraId] | Refused:
    """Return the cameras that stand where a new hold reaches, under the lock of `hold_clock` that is taken here."""
    holds.lock(session)
    mine = reach(actor, permission)
    places = holds.places(session, mine)
    if missing := _missing(session, mine, places, hold.scope):
        return no_such(missing)
    return [place.camera_id for place in places if hold.scope.has(place.camera_id, place.branch_id, place.area_id)]


def may_know_sealed(actor: Actor) -> bool:
    """Say whether `actor` may know which holds the law keeps secret: a sealed one may lie anywhere, so in the whole district."""
    return allows(actor, Permission.HOLD_SEAL) and reach(actor, Permission.HOLD_SEAL) is None


def _sealed_for(actor: Actor) -> Sealed:
    return Sealed.OF_HOLDS if may_know_sealed(actor) else Sealed.LEFT_OUT


def cover_camera(session: Session, details: CameraDetails, *, at: datetime) -> list[LegalHold]:
    """Put a camera under every hold that protects what comes to where it stands now, and return these holds.

    In the transaction that put it there, which called `holds.lock` before it wrote the camera: a hold that is placed meanwhile
    either sees the camera where it stands now, or is seen here. The caller writes the entries (`note_covered`), last.
    """
    camera = details.camera
    after_ms = ms_of(at - ROLL - LEAST_CLOCK_ERROR)
    found = holds.coming_to(session, Place(camera.id, camera.branch_id, camera.area_id), after_ms=after_ms)
    holds.cover(session, [(hold.id, camera.id) for hold in found])
    return found


def note_covered(session: Session, actor: Actor, camera: CameraId, covered: list[LegalHold], *, at: datetime) -> None:
    """Write that a camera came under holds; not for which matter, for who reads of a camera need not know of holds.

    Of sealed ones `sealed_holds.look_after` writes it, who has their keys.
    """
    for hold in covered:
        if hold.seal is None:
            detail = {"hold": str(hold.id), "name": hold.spoken}
            record(session, actor=actor, action=Action.HOLD_COVER, at=at, camera_id=camera, detail=detail)


def list_holds(session: Session, actor: Actor) -> list[LegalHold] | Refused:
    """Return the holds that touch the actor's reach: those that protect first, the newest first."""
    if not allows(actor, Permission.HOLD_READ):
        return not_allowed("see the legal holds", _WHO)
    return holds.find(session, reach(actor, Permission.HOLD_READ), limit=LIST_LIMIT, sealed=_sealed_for(actor))


def list_overviews(session: Session, actor: Actor) -> list[HoldOverview] | Refused:
    """Return the same holds with how far each is in force at the nodes that record cameras of the actor's reach."""
    known = list_holds(session, actor)
    if isinstance(known, Refused):
        return known
    protecting = [hold.id for hold in known if hold.released_at is None]
    newest = holds.newest_numbers(session, reach(actor, Permission.HOLD_READ), protecting)
    standings = _standings(session, [newest.get(hold.id, {}) for hold in known])
    return [HoldOverview(hold, nodes_of_it) for hold, nodes_of_it in zip(known, standings, strict=True)]


def report(session: Session, actor: Actor) -> list[HoldLine] | Refused:
    """Return the same holds with what is kept under each, for a report that is printed and handed on: sealed ones are in none."""
    known = list_overviews(session, actor)
    if isinstance(known, Refused):
        return known
    kept = leases.kept_by_hold(session, reach(actor, Permission.HOLD_READ))
    return [HoldLine(one, *kept.get(one.hold.id, (0, 0))) for one in known if one.hold.seal is None]


def named_within(session: Session, actor: Actor, hold: LegalHold) -> NamedScope:
    """Return what a hold names, as far as that is for `actor` to know."""
    (within,) = holds.scopes_within(session, reach(actor, Permission.HOLD_READ), [hold.scope])
    return NamedScope(within, tuple(holds.scope_names(session, within)), beyond=within != hold.scope)


def within_reach(session: Session, actor: Actor, known: Sequence[LegalHold]) -> list[tuple[LegalHold, bool]]:
    """Return holds with no more of their scopes than `actor` may know, and of each whether it names more; for documents, all at once."""
    scopes = holds.scopes_within(session, reach(actor, Permission.HOLD_READ), [hold.scope for hold in known])
    return [(replace(hold, scope=scope), scope != hold.scope) for hold, scope in zip(known, scopes, strict=True)]


def hold_for(session: Session, actor: Actor, number: HoldId) -> HoldStanding | Refused:
    """Return a hold with what nodes said of its cameras, as far as they are within the actor's reach, and how far it is in force."""
    if not allows(actor, Permission.HOLD_READ):
        return not_allowed("see the legal holds", _WHO)
    mine = reach(actor, Permission.HOLD_READ)
    hold = holds.get(session, mine, number, _sealed_for(actor))
    if hold is None:
        return no_such("legal hold")
    cameras = holds.cameras(session, mine, number)
    within = {one.camera_id for one in cameras}
    answers = tuple(one for one in leases.answers_of(session, number) if one.answer.camera_id in within)
    waits = waits_of(session, Act.HOLD_RELEASE, number) if hold.seal is None else hold.seal.proposed is not None
    (standings,) = _standings(session, [_newest(cameras)])
    return HoldStanding(hold, tuple(cameras), standings, answers, waits)


def hold_named(session: Session, actor: Actor, text: str) -> LegalHold | Refused:
    """Return the hold of that number or matter; Conflict when several of that matter protect."""
    known = list_holds(session, actor)
    if isinstance(known, Refused):
        return known
    protecting = [one for one in known if one.released_at is None]
    for among in (protecting, known):
        found = named(text, "legal hold", [(one.id, one.matter, one.kind.value, one) for one in among])
        if found is not None:
            return found
    return no_such(f"legal hold ‘{text}’; vms hold list shows them")


def reaches(session: Session, mine: Reach | None, hold: LegalHold) -> bool:
    """Say whether all that a hold names or covers is within `mine`: who ends one answers for all of it."""
    if mine is None:
        return True
    everything, within = (len(holds.cameras(session, one, hold.id)) for one in (None, mine))
    areas = holds.areas_within(session, mine, hold.scope.areas)
    return everything == within and hold.scope.branches <= mine.branches and areas == hold.scope.areas


def named_in_log(hold: LegalHold) -> dict[str, str]:
    """Return how every entry about a hold names it."""
    return {"hold": str(hold.id), "name": hold.spoken, "matter": hold.matter}


def _newest(cameras: list[HeldCamera]) -> dict[NodeId, int]:
    newest: dict[NodeId, int] = {}
    for camera in cameras:
        newest[camera.node_id] = max(camera.seq, newest.get(camera.node_id, 0))
    return newest


def _standings(session: Session, known: Sequence[Mapping[NodeId, int]]) -> list[tuple[NodeStanding, ...]]:
    """Return how far each hold is in force, by the newest number that each node has of it; so many statements for one as for all."""
    names = {node.id: node.name for node in nodes.find(session)}
    applied, granted = leases.applied_by_node(session), leases.granted_by_node(session)
    return [
        tuple(
            NodeStanding(
                id_,
                names[id_],
                applied.get(id_, 0) >= seq,
                max((until for lease, until in granted.get(id_, ()) if lease < seq), default=None),
            )
            for id_, seq in sorted(newest.items())
        )
        for newest in known
    ]


def draw_up(actor: Person, new: NewHold, at: datetime) -> LegalHold:
    """Return the hold that `new` asks for, checked; InvalidInput says what is wrong."""
    if new.scope.is_empty:
        raise InvalidInput("A hold names at least one camera, area or branch.")
    return LegalHold(
        id=HoldId(new_number()),
        matter=checked_words(new.matter, MAX_MATTER_CHARS, f"Name the matter in up to {MAX_MATTER_CHARS} characters, in one line."),
        kind=new.kind,
        reason=checked_words(new.reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters why it is to be kept."),
        authority=_authority(new.authority),
        scope=new.scope,
        time=_time(new, at),
        review_at=_review(new, at),
        expires_at=_expiry(new, at),
        placed_by=actor.label,
        placed_by_name=name_of(actor),
        placed_at=at,
    )


def _time(new: NewHold, at: datetime) -> HeldTime:
    if new.start < EPOCH:
        raise InvalidInput(f"{new.start.isoformat()} lies before there was footage. Give the day from which it is to be kept.")
    if new.start > at + MAX_REVIEW:
        raise InvalidInput(f"A hold begins at the latest {MAX_REVIEW.days} days from now: it is to be reviewed by then.")
    if new.end is not None and new.end > at + MAX_LENGTH:
        raise InvalidInput("That end lies more than ten years ahead. Leave it out: then whatever is still to come is kept, too.")
    if new.end is not None and new.end <= new.start:
        raise InvalidInput("A hold ends after it starts. Give a later end, or none for whatever is still to come.")
    # Both to the outside: a millisecond more is kept.
    return HeldTime(ms_of(new.start), None if new.end is None else ms_of(new.end + timedelta(microseconds=999)))


def _review(new: NewHold, at: datetime) -> datetime:
    review_at = at + DEFAULT_REVIEW if new.review_at is None else new.review_at
    if not at < review_at <= at + MAX_REVIEW:
        raise InvalidInput(f"Somebody looks at a hold again within {MAX_REVIEW.days} days. Give a review date to come, no later than that.")
    return review_at


def _expiry(new: NewHold, at: datetime) -> datetime | None:
    if new.expires_at is None:
        return None
    if new.kind is not HoldKind.PROVISIONAL:
        raise InvalidInput(f"A hold of the kind {new.kind.value} has a review date and no expiry: only a provisional one may lapse.")
    if not at < new.expires_at <= at + MAX_REVIEW:
        raise InvalidInput(f"A provisional hold expires within {MAX_REVIEW.days} days. Give a day to come, no later than that.")
    return new.expires_at


def _authority(text: str) -> str:
    sentence = f"Name who issued the paper, and its number, in up to {MAX_AUTHORITY_CHARS} characters, in one line."
    return checked_words(text, MAX_AUTHORITY_CHARS, sentence) if text.strip() else ""


def _missing(session: Session, mine: Reach | None, places: list[Place], scope: HoldScope) -> str | None:
    """Return what kind of thing a scope names that does not exist for whoever places the hold."""
    if not scope.cameras <= {place.camera_id for place in places}:
        return "camera"
    if not scope.areas <= holds.areas_within(session, mine, scope.areas):
        return "area"
    return None if scope.branches <= {branch.id for branch in branches.find_whole(session, mine)} else "branch"


def told_of(session: Session, hold: LegalHold, cameras: int) -> dict[str, str]:
    """Return what the entry of a new hold says."""
    told = named_in_log(hold) | {"kind": hold.kind.value, "reason": hold.reason}
    told |= {"cameras": str(cameras), "of": _spoken_scope(session, hold)}
    told["from"] = datetime_of_ms(hold.time.start_ms).isoformat()
    told["to"] = "open" if hold.time.end_ms is None else datetime_of_ms(hold.time.end_ms).isoformat()
    told["review"] = hold.review_at.isoformat()
    told |= {"authority": hold.authority} if hold.authority else {}
    return told | ({"expires": hold.expires_at.isoformat()} if hold.expires_at else {})


def _spoken_scope(session: Session, hold: LegalHold) -> str:
    names = holds.scope_names(session, hold.scope)
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
