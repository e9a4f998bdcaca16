"""What every test of a broken disk looks at: that what was acknowledged is there, and that all that is missing has its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from tests.recorder.site import CLOCK, Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.domain.footage import GapReason, SegmentState
from vms.domain.ids import SegmentId, StreamId, VolumeId
from vms.domain.timespan import ms_of
from vms.store import segments, volumes
from vms.store.volumes import VolumeState

PATIENCE_SECONDS = 90.0
"""How long a machine that does other things too may take."""


def watch(site: Site, cameras: Cameras) -> list[StreamId]:
    """Have both cameras recorded, and return their streams."""
    keys = cameras.demo.keys
    return [stream_of(site.add_camera(f"Camera {key}", cameras.demo.port, cameras.demo.path(key))) for key in keys]


def wait_for_more(site: Site, streams: Iterable[StreamId], count: int = 1) -> None:
    """Wait until so many segments of each stream came in."""
    for stream, before in [(stream, len(site.segments(stream))) for stream in streams]:
        site.wait_for_segments(stream, before + count, seconds=PATIENCE_SECONDS)


def wait_for_gaps(site: Site, streams: Iterable[StreamId], reason: GapReason) -> None:
    for stream in streams:
        wait_until(lambda stream=stream: reason in {gap.reason for gap in site.gaps(stream)}, seconds=PATIENCE_SECONDS)  # type: ignore[misc]


def wait_for_event(site: Site, event: str) -> dict[str, object]:
    """Return the first log line of that event."""
    return wait_until(lambda: next((line for line in site.log_lines() if line["event"] == event), None), seconds=PATIENCE_SECONDS)


def an_hour_later() -> datetime:
    """For `vms check`: nothing counts as younger than a batch, or as still open."""
    return CLOCK.now() + timedelta(hours=1)


def acknowledged(site: Site, streams: Iterable[StreamId]) -> set[SegmentId]:
    """Return the segments whose rows are committed."""
    return {segment.id for stream in streams for segment in site.segments(stream)}


def records_on(site: Site, streams: Iterable[StreamId]) -> set[VolumeId]:
    """Return where the newest segments are."""
    return {found[-1].volume_id for stream in streams if (found := site.segments(stream))}


def volume_states(site: Site) -> dict[VolumeId, VolumeState]:
    with site.index.read.begin() as connection:
        return {volume.id: volume.state for volume in volumes.all_volumes(connection)}


def assert_nothing_lost(site: Site, streams: Sequence[StreamId], promised: Iterable[SegmentId]) -> None:
    """Demand that index and files agree, that what was promised is there, and that every missing second has its reason."""
    assert site.check(at=an_hour_later()).violations == ()
    assert_all_live(site, promised)
    for stream in streams:
        assert_time_is_accounted_for(site, stream)


def assert_all_live(site: Site, promised: Iterable[SegmentId]) -> None:
    promised = sorted(promised)
    with site.index.read.begin() as connection:
        states = segments.states(connection, promised)
    assert [segment for segment in promised if states.get(segment) is not SegmentState.LIVE] == []


def assert_time_is_accounted_for(site: Site, stream: StreamId) -> None:
    """Demand that the time between two runs is one gap or several, without a hole and without an overlap."""
    gaps = sorted((ms_of(gap.start), ms_of(gap.end or CLOCK.now())) for gap in site.gaps(stream))
    for before, after in pairwise(site.runs(stream)):
        between = [(start, end) for start, end in gaps if before.end_ms <= start < after.start_ms]
        reached = before.end_ms
        for start, end in between:
            assert start == reached, (before, after, gaps)
            reached = end
        assert reached == after.start_ms, (before, after, gaps)
