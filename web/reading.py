"""Recorded footage for one signed-in person: the event first, committed, and only then the question to the node. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vms.domain.access import View
from vms.domain.camera import StreamRole
from vms.domain.ids import CameraId, SegmentId, StreamId, ViewId, split_segment_id
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.timespan import EPOCH, Timespan, datetime_of_ms
from vms.errors import InvalidInput, NotFound
from vms.services import footage
from vms.services.cameras import camera_for
from web.cameras_now import leading_stream
from web.deps import Site, Use
from web.playlist import Reach, media_playlist

FOLLOWS_WITHIN = timedelta(seconds=2)
"""A window that ends so close to now follows the recording."""
SAME_READ_SECONDS = 60
"""A player that follows a recording asks for its list every few seconds: one event a minute."""
LONGEST_SEGMENT = timedelta(seconds=150)
EARLIEST, LATEST = EPOCH, datetime(2200, 1, 1, tzinfo=UTC)
MAX_TIMELINE = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class Opened:
    """A view that may be used now, and what opens its footage on the node."""

    view: View
    span: Timespan
    token: str
    streams: dict[StreamRole, StreamId]


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a view is asked for; None reaches to the view's own end."""

    start: datetime | None
    end: datetime | None

    def of(self, whole: Timespan) -> Timespan | None:
        start, end = max(self.start or whole.start, whole.start), min(self.end or whole.end, whole.end)
        return Timespan(start, end) if start < end else None


def view_span(start: datetime, end: datetime) -> Timespan:
    """Return the span of a view to open; InvalidInput when it is empty, says no offset or can't be."""
    try:
        span = Timespan(start, end)
    except ValueError as err:
        raise InvalidInput("The window ends after it starts; give both with their offset from UTC.") from err
    if not EARLIEST <= span.start < span.end <= LATEST:
        raise InvalidInput("No footage can be of that time.")
    return span


def playlist(site: Site, person: Person, view_id: ViewId, *, role: StreamRole, part: Part) -> str | Refused:
    """Return the playlist of a view, or of a window inside it; NotFound when nothing was recorded there."""
    opened = _opened(site, person, view_id)
    if isinstance(opened, Refused):
        return opened
    window = part.of(opened.span)
    stream = opened.streams.get(role) or next(iter(opened.streams.values()), None)
    if window is None or stream is None:
        raise NotFound("There is no footage here, or none that this view covers.")
    at = site.clock.now()
    minute = int(at.timestamp()) // SAME_READ_SECONDS
    _write_read(site, person, opened.view, window, ("playlist", view_id, stream, window, minute), {"list": role.value})
    answer = site.node.fragments(opened.token, stream, window)
    reach = Reach.GROWING if window.end > at - FOLLOWS_WITHIN else Reach.ENDED
    text = media_playlist(answer.segments, window, reach)
    if text is None:
        raise NotFound("There is no footage in this window.")
    return text


def open_segment(site: Site, person: Person, view_id: ViewId, segment: SegmentId) -> Opened | Refused:
    """Return under what the node shows `segment`; its event is committed when this returns."""
    opened = _opened(site, person, view_id)
    if isinstance(opened, Refused):
        return opened
    span = _segment_span(segment, opened)
    if span is None:
        raise NotFound("There is no footage here, or none that this view covers.")
    _write_read(site, person, opened.view, span, ("segment", view_id, segment), {"segment": segment})
    return opened


def goes_on_until(site: Site, cookie: str, view_id: ViewId) -> datetime | None:
    """Return the deadline of a view under which octets are being sent; None when session, right, emergency or view are over."""
    person = site.signed_in(cookie, Use.BY_PAGE)
    if isinstance(person, Refused) or not person.may(Permission.RECORDED_VIEW):
        return None
    opened = _opened(site, person, view_id)
    return None if isinstance(opened, Refused) or opened.view.deadline <= site.clock.now() else opened.view.deadline


def timeline_window(start: datetime, end: datetime) -> Timespan:
    """Return a window to ask the node for; InvalidInput when it is empty or too long."""
    window = view_span(start, end)
    if window.duration > MAX_TIMELINE:
        raise InvalidInput("A timeline covers at most 100 days at a time.")
    return window


@dataclass(frozen=True, slots=True)
class Timeline:
    """Which stream's time a timeline shows: main, or sub when that is all there is; and from when on."""

    stream: StreamId
    window: Timespan | None
    """None where nothing of what was asked for is for this person."""


def timeline_of(site: Site, person: Person, camera: CameraId, window: Timespan) -> Timeline | Refused:
    """Return what of a camera's time `person` may be told: in an emergency that of the footage that it shows."""
    with site.central.reading() as session:
        details = camera_for(session, person, camera, Permission.RECORDED_VIEW)
    if isinstance(details, Refused):
        return details
    stream = leading_stream(details)
    if stream is None:
        raise NotFound("This camera has no stream.")
    earliest = footage.emergency_from(person, details)
    return Timeline(stream.id, window if earliest is None else Part(earliest, None).of(window))


def _opened(site: Site, person: Person, view_id: ViewId) -> Opened | Refused:
    """Return the person's own open view of a recording, with role and reach as they are now."""
    with site.central.reading() as session:
        view = footage.view_for(session, person, view_id, at=site.clock.now())
        if isinstance(view, Refused):
            return view
        details = footage.camera_in_view(session, view, person)
        if isinstance(details, Refused):
            return details
        if view.span is None:
            raise NotFound("This view is live; open one for the recording.")
        return Opened(view, view.span, site.view_token(session, view), {stream.role: stream.id for stream in details.camera.streams})


def _segment_span(segment: SegmentId, opened: Opened) -> Timespan | None:
    """Return which part of the view a segment may show; None when it is of another camera or time. The node cuts exactly."""
    try:
        stream, start_ms = split_segment_id(segment)
        start = datetime_of_ms(start_ms)
        longest = Timespan(start, start + LONGEST_SEGMENT)
    except (ValueError, OverflowError):  # no id, or one of a time that no calendar has
        return None
    return opened.span.intersection(longest) if stream in opened.streams.values() else None


def _write_read(site: Site, person: Person, view: View, span: Timespan, read: tuple[object, ...], detail: dict[str, str]) -> None:
    """Commit one `footage:read` unless this very read has one already."""
    if site.reads.has(read):
        return
    with site.central.writing() as session:
        footage.record_read(
            session, person, camera_id=view.camera_id, span=span, purpose=view.purpose, at=site.clock.now(), view_id=view.id, detail=detail
        )
    site.reads.add(read)
