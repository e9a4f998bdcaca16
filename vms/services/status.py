"""The state of every camera and volume, as `vms status --json` prints it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from vms.domain.camera import CameraDetails, CameraState, RecordingMode, StreamRole
from vms.domain.capacity import Headroom
from vms.domain.footage import INTENDED, Coverage, Run
from vms.domain.hours import LocalHours
from vms.domain.ids import StreamId
from vms.domain.people import Actor
from vms.domain.policy import hours_for
from vms.domain.timeline import OPEN_SEGMENT_ALLOWANCE
from vms.domain.timespan import Timespan, ms_of, union
from vms.services.cameras import list_cameras
from vms.services.capacity import RoomDocument, room_document
from vms.services.placements import as_recorded
from vms.store import coverage, policies, segments, volumes
from vms.store.coverage import ReportedStatus
from vms.store.timeline import timeline

WINDOW = timedelta(hours=1)
HOUR = timedelta(hours=1)
HOURS = 24
"""So many hours of the clock are told one by one, the one that goes on included."""
STALE_AFTER = timedelta(seconds=30)
"""Nodes report every few seconds; a report older than this says nothing about now."""


class GapDocument(TypedDict):
    start: str
    end: str | None
    reason: str
    detail: str


class HourDocument(TypedDict):
    start: str
    expected_s: float
    recorded_s: float


class CameraDocument(TypedDict):
    id: int
    name: str
    branch: str
    state: str
    since: str | None
    detail: str
    expected_s: float
    recorded_s: float
    gaps: list[GapDocument]
    hours: list[HourDocument]
    """The last `HOURS`, oldest first; empty without an index."""


class VolumeDocument(TypedDict):
    id: str
    path: str
    state: str
    live_bytes: int
    free_bytes: int | None
    """None when the disk is not there."""
    lost_segments: int
    """Recorded, and their file is gone; counted until their day has come."""


class StatusDocument(TypedDict):
    cameras: list[CameraDocument]
    volumes: list[VolumeDocument]
    room: RoomDocument | None
    """None when it was not measured."""


def status_document(
    session: Session,
    index: Connection | None,
    *,
    actor: Actor,
    now: datetime,
    window: timedelta = WINDOW,
    unpublished: Mapping[StreamId, Sequence[Run]] = MappingProxyType({}),
    headroom: Headroom | None = None,
) -> StatusDocument:
    """Return every camera's state and what was recorded of the last `window` and of each hour; without an index, states only.

    `unpublished`: what the recorder has written and not entered in the index yet, by stream; without it the figures lag by a
    segment.
    """
    span = Timespan(now - window, now)
    states = coverage.states(session)
    found = as_recorded(session, list_cameras(session, actor))
    hours, said = _hours_until(now), policies.said(session)
    day = Timespan(hours[0].start, now)
    return StatusDocument(
        cameras=[
            _camera(
                details,
                states.get(details.camera.streams[0].id),
                _told(details, index, unpublished, span, now),
                _by_the_hour(details, _told(details, index, unpublished, day, now), hours, now, recorded_in),
                span,
                now=now,
                recorded_in=recorded_in,
            )
            for details, recorded_in in ((one, hours_for(one, said)) for one in found)
        ],
        volumes=[] if index is None else _volumes(index, now),
        room=None if headroom is None else room_document(headroom, headroom.watermark()),
    )


def expected_of(
    details: CameraDetails, recorded: Coverage, window: Timespan, now: datetime, hours: LocalHours | None = None
) -> list[Timespan]:
    """Return the time inside `window` of which footage is due by now.

    Not before the camera was approved, not what the open segment may still hold, not what somebody decided to leave out, and not
    outside the `hours` that it is recorded in.
    """
    approved = details.camera.placement_approved_at
    if approved is None or details.camera.recording_mode not in (RecordingMode.ALWAYS, RecordingMode.WEEKLY):
        return []
    known = [span.end for span in recorded.recorded] + [gap.end or now for gap in recorded.gaps]
    start, end = max(window.start, approved), min(window.end, max([now - OPEN_SEGMENT_ALLOWANCE, *known]))
    if start >= end:
        return []
    left_out = union(
        Timespan(gap.start, gap.end or now) for gap in recorded.gaps if gap.reason in INTENDED and (gap.end or now) > gap.start
    )
    due = [Timespan(start, end)] if hours is None else hours.within(Timespan(start, end))
    return [rest for span in due for rest in _without(span, left_out)]


def _told(
    details: CameraDetails, index: Connection | None, unpublished: Mapping[StreamId, Sequence[Run]], span: Timespan, now: datetime
) -> Coverage | None:
    stream = details.camera.stream(StreamRole.MAIN)
    if index is None or stream is None:
        return None
    return timeline(index, stream.id, span, now=now, unpublished=unpublished.get(stream.id, ()))


def _camera(
    details: CameraDetails,
    reported: ReportedStatus | None,
    told: Coverage | None,
    hours: list[HourDocument],
    span: Timespan,
    *,
    now: datetime,
    recorded_in: LocalHours | None,
) -> CameraDocument:
    state, since, detail = _state(reported, now)
    return CameraDocument(
        id=details.camera.id,
        name=details.camera.name,
        branch=details.branch.name,
        state=state.value,
        since=since.isoformat() if since else None,
        detail=detail,
        expected_s=_seconds(expected_of(details, told, span, now, recorded_in)) if told else 0.0,
        recorded_s=_seconds(list(told.recorded)) if told else 0.0,
        gaps=[_gap_document(told, number) for number in range(len(told.gaps))] if told else [],
        hours=hours,
    )


def _hours_until(now: datetime) -> list[Timespan]:
    """Return the hours of the clock up to `now`; the last one ends there."""
    begun = now.replace(minute=0, second=0, microsecond=0)
    last = [Timespan(begun, now)] if begun < now else []
    return [Timespan(begun - back * HOUR, begun - (back - 1) * HOUR) for back in range(HOURS - len(last), 0, -1)] + last


def _by_the_hour(
    details: CameraDetails, told: Coverage | None, hours: Sequence[Timespan], now: datetime, recorded_in: LocalHours | None
) -> list[HourDocument]:
    return [] if told is None else [_hour(details, told, hour, now, recorded_in) for hour in hours]


def _hour(details: CameraDetails, told: Coverage, hour: Timespan, now: datetime, recorded_in: LocalHours | None) -> HourDocument:
    recorded = [piece for span in told.recorded if (piece := span.intersection(hour))]
    expected = _seconds(expected_of(details, told, hour, now, recorded_in))
    return HourDocument(start=hour.start.isoformat(), expected_s=expected, recorded_s=_seconds(recorded))


def _state(reported: ReportedStatus | None, now: datetime) -> tuple[CameraState, datetime | None, str]:
    if reported is None:
        return CameraState.OFFLINE, None, "No recorder has reported about this camera yet. Is vms record running?"
    if now - reported.reported_at > STALE_AFTER:
        return CameraState.OFFLINE, reported.reported_at, "The recorder has not reported since. Is vms record running?"
    return reported.status.state, reported.status.since, reported.status.detail


def _gap_document(told: Coverage, number: int) -> GapDocument:
    gap = told.gaps[number]
    end = None if gap.end is None else gap.end.isoformat()
    return GapDocument(start=gap.start.isoformat(), end=end, reason=gap.reason.value, detail=gap.detail)


def _volumes(index: Connection, now: datetime) -> list[VolumeDocument]:
    lost = segments.count_lost(index, ms_of(now))
    return [
        VolumeDocument(
            id=volume.id,
            path=str(volume.path),
            state=volume.state.value,
            live_bytes=volume.live_bytes,
            free_bytes=_free_bytes(volume.path),
            lost_segments=lost.get(volume.id, 0),
        )
        for volume in volumes.all_volumes(index)
    ]


def _free_bytes(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def _without(span: Timespan, left_out: list[Timespan]) -> list[Timespan]:
    rest, start = [], span.start
    for out in left_out:
        if out.start > start:
            rest.append(Timespan(start, min(out.start, span.end)))
        start = max(start, out.end)
        if start >= span.end:
            return rest
    return [*rest, Timespan(start, span.end)]


def _seconds(spans: list[Timespan]) -> float:
    return round(sum((span.duration for span in spans), timedelta()).total_seconds(), 3)
