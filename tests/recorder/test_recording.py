"""A camera recorded by the real processes: every picture there once, in files that the index describes."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import pytest

from recorder.demo.timecode import MILLISECONDS, read
from tests.fakes.cameras import TINY_H265, TINY_MAIN
from tests.recorder.site import Cameras, Site, a_site, stream_of
from vms.domain.camera import CameraState, StreamRole
from vms.domain.footage import GapReason, Segment
from vms.domain.ids import StreamId
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND
from vms.store import coverage

pytestmark = pytest.mark.slow
PICTURE_TICKS = TICKS_PER_SECOND // TINY_MAIN.fps


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recorder that ran for some seconds and was stopped in order left behind."""

    site: Site
    stream: StreamId
    sub_stream: StreamId
    segments: list[Segment]


@pytest.fixture(scope="module")
def recorded(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    key = cameras.demo.keys[0]
    with a_site(tmp_path_factory.mktemp("recorded") / "data") as site:
        camera = site.add_camera("Entrance", cameras.demo.port, cameras.demo.path(key), sub_path=cameras.demo.path(key, "sub"))
        stream = stream_of(camera)
        site.start()
        site.wait_for_segments(stream, 3)
        assert site.stop() == 0
        yield Recorded(site, stream, stream_of(camera, StreamRole.SUB), site.segments(stream))


def codes(site: Site, segment: Segment) -> list[int]:
    """Return the millisecond codes in a segment's pictures."""
    with av.open(io.BytesIO(site.plaintext(segment)), "r") as container:
        found = [read(np.asarray(frame.to_ndarray(format="gray"), np.uint8)) for frame in container.decode(video=0)]
    assert None not in found
    return [code for code in found if code is not None]


def test_no_picture_is_missing_or_doubled_across_cuts(recorded: Recorded) -> None:
    seen = [code for segment in recorded.segments for code in codes(recorded.site, segment)]

    steps = {(after - before) % MILLISECONDS for before, after in itertools.pairwise(seen)}
    assert len(seen) > 50
    assert steps == {1000 // TINY_MAIN.fps}


def test_segments_of_a_run_abut_exactly(recorded: Recorded) -> None:
    for before, after in itertools.pairwise(recorded.segments):
        assert after.start_ticks == before.end_ticks


def test_a_segments_duration_is_that_of_its_pictures(recorded: Recorded) -> None:
    for segment in recorded.segments:
        with av.open(io.BytesIO(recorded.site.plaintext(segment)), "r") as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        first, last = packets[0], packets[-1]
        assert first.dts is not None
        assert last.dts is not None
        assert last.duration is not None
        assert abs(last.dts + last.duration - first.dts - segment.duration) <= PICTURE_TICKS
        assert first.dts == segment.start_ticks


def test_a_picture_stands_in_the_timeline_when_it_was_taken(recorded: Recorded) -> None:
    segment = recorded.segments[1]
    first = codes(recorded.site, segment)[0]

    late = (segment.start_ms - first) % MILLISECONDS
    assert min(late, MILLISECONDS - late) < 300


def test_the_sub_stream_is_recorded_too(recorded: Recorded) -> None:
    segments = recorded.site.segments(recorded.sub_stream)

    assert {(segment.width, segment.height) for segment in segments} == {(192, 108)}


def test_index_and_files_agree(recorded: Recorded) -> None:
    assert recorded.site.check().violations == ()


def test_a_graceful_stop_publishes_everything_and_opens_the_gap(recorded: Recorded) -> None:
    (run,) = recorded.site.runs(recorded.stream)
    (gap,) = recorded.site.gaps(recorded.stream)

    assert list(recorded.site.settings.data_dir.rglob("*.part")) == []
    assert run.end_ms == recorded.segments[-1].end_ticks // TICKS_PER_MS
    assert run.end_reason is GapReason.RECORDER_STOPPED
    assert (gap.reason, gap.end) == (GapReason.RECORDER_STOPPED, None)
    assert gap.start.timestamp() * 1000 == pytest.approx(run.end_ms, abs=1)


def test_after_a_stop_no_camera_is_said_to_record(recorded: Recorded) -> None:
    with recorded.site.central.reading() as session:
        told = coverage.states(session)

    assert {status.status.state for status in told.values()} == {CameraState.OFFLINE}


def test_the_cameras_own_clock_is_kept_beside_ours(recorded: Recorded) -> None:
    offsets = [segment.camera_clock_offset_ms for segment in recorded.segments[1:]]

    assert all(offset is not None and abs(offset) < 1000 for offset in offsets)


def test_no_password_is_in_the_log(recorded: Recorded) -> None:
    assert "battery" not in recorded.site.log_path.read_text(encoding="utf-8")


def test_h265_is_recorded_and_decodes(site: Site) -> None:
    cameras = Cameras(1, profiles=TINY_H265)
    try:
        stream = stream_of(site.add_camera("Parking", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0])))
        site.start()
        segment = site.wait_for_segments(stream, 1)[0]
        assert site.stop() == 0
    finally:
        cameras.close()

    assert segment.codec.startswith("hvc1.")
    seen = codes(site, segment)
    (step,) = {(after - before) % MILLISECONDS for before, after in itertools.pairwise(seen)}
    assert len(seen) * step * TICKS_PER_MS == segment.duration
