"""Legal holds as pages show them: in words, with what the reader may do to each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import TypedDict

from sqlalchemy.orm import Session

from vms.domain.camera import CameraDetails
from vms.domain.hold import HoldAnswer, HoldKind
from vms.domain.legal_hold import (
    COOL_OFF,
    LAPSE_GRACE,
    HeldCamera,
    HoldLine,
    HoldOverview,
    HoldStanding,
    HoldState,
    LegalHold,
    NodeStanding,
)
from vms.domain.people import PERMISSIONS, Permission, Person, Role
from vms.domain.second_person import Proposal
from vms.domain.timespan import datetime_of_ms
from vms.services import sealed_holds
from vms.services.areas import list_areas
from vms.services.branches import list_branches, list_whole_branches
from vms.services.cameras import Removed, list_cameras
from vms.services.hold_release import may_end, waiting_release
from vms.services.holds import named_within
from web.words import HOLD_KINDS, HOLD_STATES, ROLE_LABELS


class OverviewRow(TypedDict):
    id: int
    matter: str
    kind: str
    state: HoldState
    state_words: str
    review_at: datetime
    review_due: bool
    ends_at: datetime | None
    protecting: bool
    in_force: bool
    """At every recorder that records cameras of it, as far as the reader reaches."""
    safe_from: datetime | None
    """When the last recorder that has not answered can destroy nothing of it any more."""


class NodeRow(TypedDict):
    name: str
    applied: bool
    safe_from: datetime | None
    """While it may still destroy: until then at the latest."""


class CameraRow(TypedDict):
    name: str
    branch: str
    answer: HoldAnswer | None
    first: datetime | None
    last: datetime | None


class HoldPage(TypedDict):
    """One hold as its page and its sheet draw it."""

    hold: LegalHold
    kind: str
    state: HoldState
    state_words: str
    start: datetime
    end: datetime | None
    names: tuple[str, ...]
    beyond: bool
    nodes: list[NodeRow]
    in_force: bool
    cameras: list[CameraRow]
    paused: list[HeldCamera]
    """Those that don't record what it asks for."""
    condemned: int
    purged: int
    waiting: Proposal | None
    may_replace: bool
    """It lapses by itself, and the reader may place a hold in its stead."""
    may_release: bool
    """The hold is within reach as a whole, and its release may be proposed."""
    may_confirm: bool
    may_stop: bool
    may_undo: bool
    too_far: bool
    """The reader's role may release holds, but this one reaches further than the reader."""
    cool_off_days: int
    grace_days: int
    releasers: str


class Camera(TypedDict):
    id: int
    name: str
    removed_at: datetime | None


class Place(TypedDict):
    """A branch, as the form offers what is there."""

    id: int
    name: str
    whole: bool
    """All of it may be named, with what comes there later."""
    areas: list[tuple[int, str]]
    cameras: list[Camera]


def overview_row(overview: HoldOverview, at: datetime) -> OverviewRow:
    hold, pending = overview.hold, overview.pending(at)
    state = hold.state(at)
    return OverviewRow(
        id=hold.id,
        matter=hold.matter,
        kind=_kind(hold),
        state=state,
        state_words=HOLD_STATES[state],
        review_at=hold.review_at,
        review_due=hold.review_at <= at and state is not HoldState.RELEASED,
        ends_at=hold.ends_at,
        protecting=state is not HoldState.RELEASED,
        in_force=not pending,
        safe_from=max((node.safe_from for node in pending if node.safe_from is not None), default=None),
    )


class ReportRow(TypedDict):
    row: OverviewRow
    placed_at: datetime
    placed_by: str
    segments: int


def report_rows(lines: Sequence[HoldLine], at: datetime) -> list[ReportRow]:
    return [
        ReportRow(
            row=overview_row(one.overview, at),
            placed_at=one.overview.hold.placed_at,
            placed_by=one.overview.hold.placed_by_name,
            segments=one.segments,
        )
        for one in lines
    ]


def hold_page(session: Session, standing: HoldStanding, person: Person, at: datetime) -> HoldPage:
    """Return what a page of this hold shows to `person`."""
    hold, state = standing.hold, standing.hold.state(at)
    named = named_within(session, person, hold)
    waiting = waiting_release(session, hold.id) if hold.seal is None else sealed_holds.waiting_release(session, hold, at=at)
    ends, mine = may_end(session, person, hold), person.may(Permission.HOLD_RELEASE)
    condemned, purged = standing.lost_segments
    unended = state in (HoldState.ACTIVE, HoldState.LAPSING)
    return HoldPage(
        hold=hold,
        kind=_kind(hold),
        state=state,
        state_words=HOLD_STATES[state],
        start=datetime_of_ms(hold.time.start_ms),
        end=None if hold.time.end_ms is None else datetime_of_ms(hold.time.end_ms),
        names=named.names,
        beyond=named.beyond,
        nodes=[] if state is HoldState.RELEASED else [_node(node, at) for node in standing.nodes],
        in_force=standing.effective(at),
        cameras=_cameras(standing),
        paused=standing.paused(at),
        condemned=condemned,
        purged=purged,
        waiting=waiting,
        may_replace=unended and hold.kind is HoldKind.PROVISIONAL and person.may(Permission.HOLD_PLACE),
        may_release=unended and ends and waiting is None,
        may_confirm=unended and ends and waiting is not None and _may_confirm(hold, waiting, person, at),
        may_stop=waiting is not None and hold.seal is None and waiting.may_stop(person),
        may_undo=(state is HoldState.COOLING_OFF or (hold.seal is not None and waiting is not None)) and person.may(Permission.HOLD_PLACE),
        too_far=unended and mine and not ends,
        cool_off_days=COOL_OFF.days,
        grace_days=LAPSE_GRACE.days,
        releasers=" or ".join(ROLE_LABELS[role] for role in Role if Permission.HOLD_RELEASE in PERMISSIONS[role]),
    )


def places(session: Session, person: Person) -> list[Place]:
    """Return what `person` may place a hold on, by branch: removed cameras too, their footage may still be there."""
    whole, areas = list_whole_branches(session, person, Permission.HOLD_PLACE), list_areas(session, person, Permission.HOLD_PLACE)
    by_branch = groupby(list_cameras(session, person, Permission.HOLD_PLACE, removed=Removed.INCLUDED), key=lambda one: one.branch.id)
    cameras = {branch: [*group] for branch, group in by_branch}
    return [
        Place(
            id=branch.id,
            name=branch.name,
            whole=branch in whole,
            areas=[(area.id, area.name) for area in areas if area.branch_id == branch.id],
            cameras=[_offered(one) for one in _removed_last(cameras.get(branch.id, []))],
        )
        for branch in list_branches(session, person, Permission.HOLD_PLACE)
    ]


def _kind(hold: LegalHold) -> str:
    return HOLD_KINDS[hold.kind] if hold.seal is None else f"{HOLD_KINDS[hold.kind]}, sealed"


def _may_confirm(hold: LegalHold, waiting: Proposal, person: Person, at: datetime) -> bool:
    return waiting.may_approve(person) if hold.seal is None else sealed_holds.may_confirm(person, waiting, at)


def _removed_last(cameras: Sequence[CameraDetails]) -> list[CameraDetails]:
    return sorted(cameras, key=lambda one: one.camera.removed_at is not None)


def _offered(details: CameraDetails) -> Camera:
    camera = details.camera
    return Camera(id=camera.id, name=camera.name, removed_at=camera.removed_at)


def _node(node: NodeStanding, at: datetime) -> NodeRow:
    return NodeRow(name=node.name, applied=node.applied, safe_from=None if node.effective(at) else node.safe_from)


def _cameras(standing: HoldStanding) -> list[CameraRow]:
    found = {one.answer.camera_id: one.answer for one in standing.answers}
    return [_camera(one, found.get(one.camera_id)) for one in standing.cameras]


def _camera(camera: HeldCamera, answer: HoldAnswer | None) -> CameraRow:
    first, last = (None, None) if answer is None else (answer.first_ms, answer.last_ms)
    return CameraRow(name=camera.name, branch=camera.branch, answer=answer, first=_moment(first), last=_moment(last))


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime_of_ms(ms)
