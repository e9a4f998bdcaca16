"""Watching: every view is opened here, which writes its access event before the first byte leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import LIVE_REPLAY, MAX_INCIDENT_CHARS, VIEW_DEADLINE, Action, Grant, Purpose, View
from vms.domain.camera import CameraDetails
from vms.domain.emergency import Emergency
from vms.domain.hold import ROLL
from vms.domain.ids import CameraId, EmergencyId, ShowingId, ViewId, new_view_id
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import LOOK_BACK, Actor, Permission, Person
from vms.domain.policy import SHIPPED_CEILING, chain_of, window_at
from vms.domain.screens import SessionKind
from vms.domain.showing import Showing
from vms.domain.timespan import Timespan, datetime_of_ms, union
from vms.errors import InvalidInput
from vms.services.access_log import record, refuse
from vms.services.cameras import camera_for
from vms.services.names import checked_name
from vms.services.refusals import no_such, not_allowed, sign_in_first
from vms.services.sealed_log import Matter, record_in
from vms.store import cameras, emergencies, holds, policies, showings, views

MAX_SPAN = timedelta(hours=24)
"""One view covers at most so much footage of one camera; the next day is the next view and the next event."""
MAX_INTERVALS = 500
NOT_OPEN = no_such("open view; open it again")
EMERGENCY_OVER = Refused(Refusal.OUT_OF_SCOPE, "The emergency access is over.")
SHOWING_OVER = Refused(Refusal.OUT_OF_SCOPE, "The showing is over.")
LOCKED = Refused(Refusal.NOT_ALLOWED, "Nobody has acted at this workstation for a while: unlock it before you open another camera.")
BEFORE_EMERGENCY = Refused(
    Refusal.NOT_ALLOWED, "Emergency access shows recordings from half an hour before it was opened. For older ones ask the Director."
)
LIMIT_GRACE = timedelta(minutes=1)
"""The desk's limit of hours moves on while a request that was drawn up just inside of it is on its way."""


def open_view(  # noqa: PLR0913 - what is watched, why, and what of it is looked for
    session: Session,
    actor: Actor,
    *,
    camera_id: CameraId,
    purpose: Purpose,
    span: Timespan | None,
    at: datetime,
    incident: str = "",
    around: datetime | None = None,
) -> View | Refused:
    """Let `actor` watch one camera, live (`span` None) or recorded, for `VIEW_DEADLINE`; `incident` is the number of a report.

    While the actor shows a request to an outsider, the view is cut to what was approved of it (of several spans to the one with
    `around`), whatever it is said to be for. InvalidInput when the span is too long or the purpose doesn't fit. Commit before the first
    byte is sent.
    """
    _check_purpose(purpose, span, at)
    shown = showing_of(session, actor, at)
    if shown is not None:
        purpose, incident = Purpose.REQUEST, shown.number
        part = None if span is None else shown.part(camera_id, span, around)
        if part is None or not _still_decides(actor):
            return refuse(session, actor, Action.VIEW_OPEN, nothing_else(shown), at=at, camera_id=camera_id)
        span = part
    detail = {"incident": _incident(incident)} if incident.strip() else None
    right = _right(session, actor, camera_id, span, at)
    right = right if isinstance(right, Refused) else replace(right, showing=shown)
    if isinstance(right, _Right) and right.emergency is not None and _has_locked(actor):
        right = LOCKED
    if isinstance(right, Refused):
        return refuse(session, actor, Action.VIEW_OPEN, right, at=at, camera_id=camera_id)
    view = View(new_view_id(), actor.label, camera_id, purpose, span, at, right.deadline(at), right.emergency_id, right.showing_id)
    views.add(session, view, actor.session_id if isinstance(actor, Person) else None)
    _record_view(session, actor, view, Action.VIEW_OPEN, at=at, detail=detail)
    return view


def view_for(session: Session, actor: Actor, view_id: ViewId, *, at: datetime) -> View | Refused:
    """Return the actor's own view while it may still be used, with what of its span the role sees by now."""
    found = _own(session, actor, view_id)
    if isinstance(found, Refused):
        return found
    view, closed_at = found
    if closed_at is not None or at >= view.deadline:
        return NOT_OPEN
    if (barred := barred_by_showing(session, actor, view, at)) is not None:
        return barred
    if view.emergency_id is not None:
        return view if _emergency_of(actor) == view.emergency_id else EMERGENCY_OVER
    return _cut_to_limit(session, view, actor, at)


def showing_of(session: Session, actor: Actor, at: datetime) -> Showing | None:
    """Return what `actor` shows to an outsider now: at every screen of theirs but a wall, which plays no recordings."""
    if not isinstance(actor, Person) or actor.kind is SessionKind.WALL:
        return None
    found = showings.unended_of(session, actor.id)
    return found if found is not None and found.runs(at) else None


def barred_by_showing(session: Session, actor: Actor, view: View, at: datetime) -> Refused | None:
    """Say why a view may not go on: what was opened in a showing ends with it, and while one runs nothing else is shown to its account."""
    shown = showing_of(session, actor, at)
    if shown is None:
        return None if view.showing_id is None else SHOWING_OVER
    return None if view.showing_id == shown.id and _still_decides(actor) else nothing_else(shown)


def nothing_else(shown: Showing) -> Refused:
    """Refuse what would be on the screen beside what an outsider is shown there."""
    sentence = f"You show request {shown.number} to an outsider: until you end that, what was approved of it opens, and nothing else."
    return Refused(Refusal.NOT_ALLOWED, sentence)


def viewer_of(view: View, person: Person) -> Person | None:
    """Return by what rights `person` goes on with `view`: the own, or those of the emergency it was opened in; None once that is over.

    What was opened by own right is not brought back by an emergency that came later, when the camera has left the own area meanwhile.
    """
    if view.emergency_id is None:
        return person.without_emergency
    return person if _emergency_of(person) == view.emergency_id else None


def camera_in_view(session: Session, view: View, person: Person) -> CameraDetails | Refused:
    """Return the camera that `view` shows, while `person` reaches it by the right that the view was opened by."""
    viewer = viewer_of(view, person)
    permission = Permission.LIVE_VIEW if view.span is None else Permission.RECORDED_VIEW
    return EMERGENCY_OVER if viewer is None else camera_for(session, viewer, view.camera_id, permission)


def extend_view(session: Session, actor: Actor, view_id: ViewId, *, at: datetime) -> View | Refused:
    """Move the deadline to `VIEW_DEADLINE` from now, if the view is still open and the actor may still see the camera.

    Footage that slipped behind the role's limit of hours meanwhile is cut off; refused when that is all of it. Under an emergency
    or in a showing the deadline never lies after its end: a view that reaches it stays as it is, and nothing is written.
    """
    view = view_for(session, actor, view_id, at=at)
    if isinstance(view, Refused):
        return view
    right = _right(session, actor, view.camera_id, view.span, at)
    if isinstance(right, Refused):
        return refuse(session, actor, Action.VIEW_EXTEND, right, at=at, camera_id=view.camera_id)
    if right.emergency_id != view.emergency_id:
        return NOT_OPEN
    right = replace(right, showing=showing_of(session, actor, at))
    if right.ends_at is not None and view.deadline >= right.deadline(at):
        return view
    extended = replace(view, deadline=right.deadline(at))
    views.extend(session, view_id, extended.deadline)
    _record_view(session, actor, extended, Action.VIEW_EXTEND, at=at)
    return extended


def close_view(session: Session, actor: Actor, view_id: ViewId, *, intervals: Sequence[Timespan], at: datetime) -> View | Refused:
    """End a view; closing again changes nothing.

    Of a live view `intervals` is when the hub really streamed; of a recorded one, which footage the browser says it showed: that is
    written as its word and cut to the view. What the hub sent of a recording is in the log as `footage:read`.
    """
    found = _own(session, actor, view_id)
    if isinstance(found, Refused):
        return found
    view, closed_at = found
    if closed_at is None and views.close(session, view_id, at):
        told = {"streamed": _written(intervals)} if view.span is None else {"shown": _written(_inside(intervals, view.span))}
        _record_view(session, actor, view, Action.VIEW_CLOSE, at=at, detail=told)
    return view


def close_streamed_view(session: Session, actor: Person, view: View, *, intervals: Sequence[Timespan], why: str, at: datetime) -> None:
    """End a view of a recording that `actor` may not go on with: `intervals` is what the hub sent of it. Closing again changes nothing."""
    if view.span is not None and views.close(session, view.id, at):
        told = {"streamed": _written(_inside(intervals, view.span)), "why": why}
        _record_view(session, actor, view, Action.VIEW_CLOSE, at=at, detail=told)


def emergency_from(person: Person, details: CameraDetails) -> datetime | None:
    """Return from when on `person` sees recordings of a camera, where only an emergency shows any; else None."""
    if person.emergency is None or person.has_right(Permission.RECORDED_VIEW, details.branch.id, details.camera.area_id):
        return None
    return person.emergency.footage_from


def grant_for(session: Session, view: View) -> Grant:
    """Return what the node may show for `view`: the streams of its camera, its span, until its deadline."""
    details = cameras.get(session, None, view.camera_id)
    streams = () if details is None else details.camera.streams
    return Grant(view.id, frozenset(stream.id for stream in streams), view.span, view.deadline)


def record_read(  # noqa: PLR0913 - an event has so many parts
    session: Session,
    actor: Actor,
    *,
    camera_id: CameraId,
    span: Timespan,
    purpose: Purpose,
    at: datetime,
    view_id: ViewId | None = None,
    detail: Mapping[str, str] | None = None,
    matter: Matter | None = None,
) -> None:
    """Write `footage:read`, once for a playlist or a segment read at the console; for a sealed request into its matter.

    Commit before the first byte is sent.
    """
    record_in(
        session,
        matter,
        actor=actor,
        action=Action.FOOTAGE_READ,
        at=at,
        camera_id=camera_id,
        purpose=purpose,
        span=span,
        view_id=view_id,
        detail=detail,
    )


@dataclass(frozen=True, slots=True)
class _Right:
    """By what somebody may watch: the own role and reach, or else an emergency; and in which showing to an outsider."""

    emergency: Emergency | None = None
    showing: Showing | None = None

    @property
    def emergency_id(self) -> EmergencyId | None:
        return None if self.emergency is None else self.emergency.id

    @property
    def showing_id(self) -> ShowingId | None:
        return None if self.showing is None else self.showing.id

    @property
    def ends_at(self) -> datetime | None:
        """When it is over by itself; None: by no clock of its own."""
        return min((one.ends_at for one in (self.emergency, self.showing) if one is not None), default=None)

    def deadline(self, at: datetime) -> datetime:
        return at + VIEW_DEADLINE if self.ends_at is None else min(at + VIEW_DEADLINE, self.ends_at)


def _right(session: Session, actor: Actor, camera_id: CameraId, span: Timespan | None, at: datetime) -> _Right | Refused:
    if not isinstance(actor, Person):
        return sign_in_first("watch; the console alone doesn't say who you are")
    details = camera_for(session, actor, camera_id)
    if isinstance(details, Refused):
        return details
    permission = Permission.LIVE_VIEW if span is None else Permission.RECORDED_VIEW
    if not actor.may(permission):
        return not_allowed("watch live" if span is None else "watch recordings", "the Director")
    if not actor.has_right(permission, details.branch.id, details.camera.area_id):
        if actor.emergency is None:
            return not_allowed("watch recordings of this camera", "the Director")
        return _refused_in_emergency(session, actor.emergency, details, span, at) or _Right(actor.emergency)
    return (_not_in_service(details) if span is None else _refused_recorded(actor, details, span, at)) or _Right()


def _refused_in_emergency(
    session: Session, emergency: Emergency, details: CameraDetails, span: Timespan | None, at: datetime
) -> Refused | None:
    # Asked again: an open window knows it from its last look, seconds ago.
    if not emergencies.lasts(session, emergency, at):
        return EMERGENCY_OVER
    if span is None:
        return _not_in_service(details)
    return BEFORE_EMERGENCY if span.start < emergency.footage_from else None


def _emergency_of(actor: Actor) -> EmergencyId | None:
    return actor.emergency.id if isinstance(actor, Person) and actor.emergency is not None else None


def _still_decides(actor: Actor) -> bool:
    """Say whether who began a showing may still let it leave: a role that was lent may have ended meanwhile."""
    return isinstance(actor, Person) and actor.may(Permission.REQUEST_DECIDE)


def _has_locked(actor: Actor) -> bool:
    """Say whether nobody is there: what is open under an emergency goes on, and whoever passes by opens nothing more."""
    return isinstance(actor, Person) and actor.locked_since is not None


def _not_in_service(details: CameraDetails) -> Refused | None:
    return None if details.camera.removed_at is None else no_such("camera in service")


def _refused_recorded(actor: Person, details: CameraDetails, span: Timespan, at: datetime) -> Refused | None:
    limit = look_back(actor, details)
    return _beyond(limit) if limit is not None and span.start < _earliest(limit, at) else None


def _cut_to_limit(session: Session, view: View, actor: Actor, at: datetime) -> View | Refused:
    # Where nothing is lent the role's own limit counts everywhere, and no camera is asked for.
    if view.span is None or not isinstance(actor, Person) or actor.role not in LOOK_BACK:
        return view
    details = None if actor.delegation is None else cameras.get(session, None, view.camera_id)
    limit = look_back(actor, details)
    earliest = None if limit is None else _earliest(limit, at)
    if limit is None or earliest is None or earliest <= view.span.start:
        return view
    if earliest >= view.span.end:
        return _beyond(limit)
    return replace(view, span=Timespan(earliest, view.span.end))


def look_back(person: Person, details: CameraDetails | None) -> timedelta | None:
    """Return how far back `person` sees recordings of a camera in no emergency (None: of any, by the own role); None without a limit."""
    return LOOK_BACK.get(person.role if details is None else person.rights.role_at(details.branch.id, details.camera.area_id))


def readable_for(session: Session, details: CameraDetails, *, at: datetime) -> timedelta:
    """Return how far back anything of a camera may be shown: to the end of its window, or to where a hold reaches further."""
    camera = details.camera
    window = window_at(policies.said(session), chain_of(details.branch.id, camera.area_id, camera.id))
    starts = [at - datetime_of_ms(time.start_ms) + ROLL for time in holds.held_times(session, camera.id)]
    return max([timedelta(days=SHIPPED_CEILING if window is None else window.target_days), *starts])


def _earliest(limit: timedelta, at: datetime) -> datetime:
    return at - limit - LIMIT_GRACE


def _beyond(limit: timedelta) -> Refused:
    hours = limit // timedelta(hours=1)
    return Refused(Refusal.NOT_ALLOWED, f"Your role sees recordings of the last {hours} hours. For older ones ask the Director.")


def _check_purpose(purpose: Purpose, span: Timespan | None, at: datetime) -> None:
    if span is None:
        return
    too_old = purpose is Purpose.LIVE_INCIDENT and span.start < at - LIVE_REPLAY - LIMIT_GRACE
    if purpose is Purpose.LIVE or too_old:
        raise InvalidInput("Say why you look at the recording: incident, maintenance or request.")
    if span.duration > MAX_SPAN:
        raise InvalidInput("One view covers at most 24 hours. Open the next day as a view of its own.")


def _incident(text: str) -> str:
    number = checked_name(text, "report")
    if len(number) > MAX_INCIDENT_CHARS:
        raise InvalidInput(f"The number of a report has at most {MAX_INCIDENT_CHARS} characters.")
    return number


def _own(session: Session, actor: Actor, view_id: ViewId) -> tuple[View, datetime | None] | Refused:
    found = views.get(session, view_id)
    return no_such("view") if found is None or found[0].actor != actor.label else found


def _record_view(
    session: Session, actor: Actor, view: View, action: Action, *, at: datetime, detail: Mapping[str, str] | None = None
) -> None:
    under = {} if view.emergency_id is None else {"emergency": str(view.emergency_id)}
    under |= {} if view.showing_id is None else {"showing": str(view.showing_id)}
    record(
        session,
        actor=actor,
        action=action,
        at=at,
        camera_id=view.camera_id,
        purpose=view.purpose,
        span=view.span,
        view_id=view.id,
        detail={**under, **(detail or {})},
    )


def _inside(intervals: Sequence[Timespan], span: Timespan) -> list[Timespan]:
    return [inside for interval in intervals if (inside := interval.intersection(span)) is not None]


def _written(intervals: Sequence[Timespan]) -> str:
    """Return intervals as ISO 8601, joined where they touch; a browser's list that is too long is cut and says so."""
    joined = union(intervals)
    shown = [f"{span.start.isoformat()}/{span.end.isoformat()}" for span in joined[:MAX_INTERVALS]]
    return " ".join(shown) + (f" and {len(joined) - MAX_INTERVALS} more" if len(joined) > MAX_INTERVALS else "")
