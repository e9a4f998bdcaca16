"""What pages are given to draw: the shell around each, the tree of cameras, rows of tables. Nothing here draws or decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TypedDict

from vms.domain.access import LIVE_REPLAY
from vms.domain.camera import CameraDetails, StreamRole
from vms.domain.capacity import Watermark
from vms.domain.people import Permission, Person
from vms.domain.screens import Screen, ScreenKind, SessionKind
from vms.domain.showing import Showing
from vms.domain.timespan import ms_of
from vms.services import complaints, door, requests
from vms.services.cameras import list_cameras
from vms.services.capacity import RoomDocument, left_sentence
from vms.services.district import load_district
from vms.services.emergency import opens_more, reviews_missing
from vms.services.footage import emergency_from, look_back
from vms.services.policy_standing import asked_to_sign
from vms.services.privacy_reviews import overdue
from vms.services.provisional_holds import undecided
from vms.services.screens import screen_of
from vms.services.second_person import waits_for
from vms.services.showings import shown_now
from web.camera_views import area_of
from web.cameras_now import CameraNow, chip, now
from web.deps import Site
from web.words import PURPOSE_LABELS, RECORDED_PURPOSES, roles_label

LONGEST_TIMELINE = timedelta(days=99)
"""A node draws a hundred days at once, those to come included; what a hold keeps from before is named by its moment."""


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the navigation; only what a role may open is shown."""

    label: str
    href: str
    permission: Permission
    unless: Permission | None = None
    """Not for who may this: another section does more."""
    holds: tuple[str, ...] = ()
    """Other addresses whose pages are reached from this one."""

    def is_for(self, person: Person) -> bool:
        return person.may(self.permission) and (self.unless is None or not person.may(self.unless))

    def has(self, path: str) -> bool:
        return any(path == one or path.startswith(f"{one}/") for one in (self.href, *self.holds))


SECTIONS = (
    Section("Live", "/live", Permission.LIVE_VIEW),
    Section("Playback", "/playback", Permission.RECORDED_VIEW),
    Section("Cameras", "/cameras", Permission.CAMERA_MANAGE, holds=("/register",)),
    Section("Log", "/log", Permission.LOG_READ),
    Section("Holds", "/holds", Permission.HOLD_READ, holds=("/policy",)),
    Section("Keep", "/keep", Permission.HOLD_START, unless=Permission.HOLD_PLACE),
    Section("Requests", "/requests", Permission.REQUEST_ENTER, holds=("/door", "/inquiries")),
    Section("Reviews", "/reviews", Permission.REVIEW_READ, holds=("/privacy-reviews", "/spot-checks")),
    Section("People", "/people", Permission.PEOPLE_READ, holds=("/deputies", "/screens")),
)


EMERGENCY = Section("Emergency access", "/emergency", Permission.EMERGENCY_OPEN)
"""Only for whom it would open something."""


class RoomLeft(TypedDict):
    sentence: str
    short: bool
    """Somebody should do something."""


class ShownNow(TypedDict):
    """A showing as every page tells it: who is shown what is for the request's page."""

    request: int | None
    """Of who began it; None for others."""
    place: str
    by: str
    until: datetime


class LiveCamera(TypedDict):
    id: int
    name: str
    state: str
    since_ms: int | None
    sub: bool


class Area(TypedDict):
    name: str | None
    cameras: list[LiveCamera]


class BranchTree(TypedDict):
    id: int
    name: str
    zone: str
    areas: list[Area]


def home(person: Person) -> str:
    """Return where a person starts: the first section that the role has, else the own account."""
    return next((section.href for section in SECTIONS if section.is_for(person)), "/account")


def shell(site: Site, person: Person | None, *, path: str) -> dict[str, object]:
    """Return what every page shows around its own: district, sections, state chip, clock."""
    at = site.clock.now()
    with site.central.reading() as session:
        district = load_district(session)
        known = list_cameras(session, person) if person else []
        waits = waits_for(session, person) if person else 0
        screen = screen_of(session, person) if person else None
        reviews = reviews_missing(session, person) if person else []
        emergency = person is not None and opens_more(session, person)
        to_decide = undecided(session, person) if person else []
        asked = requests.waiting_for(session, person) if person else 0
        at_the_door = door.waiting_for(session, person) if person and asked else []
        to_answer, answers_overdue = complaints.waiting_for(session, person, at=at) if person else (0, 0)
        review_overdue = person is not None and overdue(session, person, at=at)
        shown = shown_now(session, person, at=at) if person else []
        unsigned = person is not None and asked_to_sign(session, person)
    states = site.node.states(site.service_token()) if known else None
    return {
        "district": district.name if district else site.settings.district,
        "zone": district.timezone if district else "UTC",
        "person": _who(person),
        "sections": _sections(person, path, emergency=emergency),
        "emergency": person.emergency if person else None,
        "showings": [_shown(one, person) for one in shown if person],
        "policy_unsigned": unsigned,
        "requests_waiting": asked,
        "at_the_door": at_the_door,
        "to_decide": [hold.id for hold in to_decide],
        "reviews_missing": len(reviews),
        "reviews_overdue": sum(due <= at for due in reviews),
        "privacy_review_overdue": review_overdue,
        "complaints_waiting": to_answer,
        "complaints_overdue": answers_overdue,
        "chip": chip([now(details, states) for details in known]),
        "waits": waits,
        "path": path,
        "locked_since": person.locked_since if person else None,
        "workstation": person is not None and person.kind is SessionKind.WORKSTATION,
        "may_show_wall": _may_show_wall(person, screen),
        "screen": screen,
        "now": at,
        "now_ms": ms_of(at),
        "demo": None,
        "theme": "auto",
    }


def _shown(showing: Showing, person: Person) -> ShownNow:
    own = showing.person == person.id
    return ShownNow(request=showing.request if own else None, place=showing.viewer.place, by=showing.by_name, until=showing.ends_at)


def _who(person: Person | None) -> dict[str, object] | None:
    if person is None:
        return None
    lent_until = person.delegation.ends_at if person.delegation else None
    return {"name": person.name, "role": person.role.value, "role_label": roles_label(person), "lent_until": lent_until}


def cameras_now(site: Site, person: Person, permission: Permission = Permission.CAMERA_LIST) -> list[CameraNow]:
    """Return the cameras with which `person` may do what `permission` names, by branch, area and name, with what they do now."""
    with site.central.reading() as session:
        known = list_cameras(session, person, permission)
    states = site.node.states(site.service_token())
    return [now(details, states) for details in known]


def room_left(site: Site) -> RoomLeft | None:
    """Return for how long this machine's volumes take footage, in the words of `vms status`; None when nobody measured it."""
    room = site.node.room(site.service_token())
    if room is None:
        return None
    told = RoomDocument(watermark=room.watermark.value, bytes=room.bytes, hours=room.hours, full_in_hours=room.full_in_hours)
    return RoomLeft(sentence=left_sentence(told), short=room.watermark is not Watermark.ROOM)


def tree(cameras: Sequence[CameraNow]) -> list[BranchTree]:
    """Return cameras by branch and area, as Live and Playback list them; first those that are in none."""
    by_branch = groupby(cameras, key=lambda one: one.details.branch)
    return [BranchTree(id=branch.id, name=branch.name, zone=branch.timezone, areas=_areas([*group])) for branch, group in by_branch]


def _areas(cameras: Sequence[CameraNow]) -> list[Area]:
    by_area = groupby(cameras, key=lambda one: area_of(one.details))
    return [Area(name=name, cameras=[_live_camera(one) for one in group]) for name, group in by_area]


def live_data(cameras: Sequence[CameraNow], person: Person, zone: str) -> dict[str, object]:
    return {
        "branches": tree(cameras),
        "may_playback": person.may(Permission.RECORDED_VIEW),
        "socket": "/api/v1/ws",
        "zone": zone,
    }


def playback_data(
    cameras: Sequence[CameraNow],
    person: Person,
    *,
    chosen: CameraDetails | None,
    readable: timedelta | None,
    t_ms: int | None,
    at: datetime,
) -> dict[str, object]:
    """Return what the page Playback draws; `readable`: how far back anything of the chosen camera may be shown."""
    return {
        "camera": None if chosen is None else _playback_camera(chosen),
        "branches": tree(cameras),
        "t_ms": t_ms,
        "session": str(person.session_id),
        "now_ms": ms_of(at),
        "purposes": [[purpose.value, PURPOSE_LABELS[purpose]] for purpose in RECORDED_PURPOSES],
        "look_back_ms": _look_back(person, chosen, readable, at) // timedelta(milliseconds=1),
        "live_replay_ms": LIVE_REPLAY // timedelta(milliseconds=1),
    }


def moment_ms(text: str | None) -> int | None:
    """Return the moment that an address names (ISO 8601 or milliseconds since the epoch); None for anything else."""
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    try:
        # A "+" of an offset arrives as a space where the address was not encoded.
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return ms_of(at if at.tzinfo else at.replace(tzinfo=UTC))


def _look_back(person: Person, chosen: CameraDetails | None, readable: timedelta | None, at: datetime) -> timedelta:
    earliest = None if chosen is None else emergency_from(person, chosen)
    if earliest is not None:
        return at - earliest
    return look_back(person, chosen) or min(readable or LONGEST_TIMELINE, LONGEST_TIMELINE)


def _may_show_wall(person: Person | None, screen: Screen | None) -> bool:
    """Say whether this browser is a wall screen of whose branch the person may show the pictures."""
    if person is None or screen is None or screen.kind is not ScreenKind.WALL or not person.may(Permission.LIVE_VIEW):
        return False
    return person.own_reach is None or person.own_reach.touches(screen.branch_id)


def _sections(person: Person | None, path: str, *, emergency: bool) -> list[dict[str, object]]:
    if person is None:
        return []
    mine = [section for section in SECTIONS if section.is_for(person)] + ([EMERGENCY] if emergency else [])
    return [{"label": one.label, "href": one.href, "current": one.has(path)} for one in mine]


def _live_camera(one: CameraNow) -> LiveCamera:
    camera = one.details.camera
    has_both = camera.stream(StreamRole.SUB) is not None and camera.stream(StreamRole.MAIN) is not None
    return LiveCamera(id=camera.id, name=camera.name, state=one.state.value, since_ms=one.since_ms, sub=has_both)


def _playback_camera(details: CameraDetails) -> dict[str, object]:
    camera, branch = details.camera, details.branch
    return {"id": camera.id, "name": camera.name, "branch": branch.name, "area": area_of(details), "zone": branch.timezone}
