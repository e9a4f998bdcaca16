"""Cameras that send JPEG and MPEG-4, recorded by the real processes: what is in the files, and children that die or hang."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import av
import pytest

from tests.fakes.cameras import TINY_MAIN, TINY_OLD, code_of
from tests.processes import children_of, is_running
from tests.recorder.site import Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.domain.camera import StreamRole
from vms.domain.footage import GapReason
from vms.domain.ids import StreamId
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND

pytestmark = pytest.mark.slow
CHILD = "recorder.fallback.process"
MINUTE_MS = 60_000
FPS = TINY_OLD["main"].fps
CODE_ERROR_MS = 400
"""How far a picture's time may be from the code in it: camera and recorder share a clock, and the recorder drains every 100 ms."""


@pytest.fixture(scope="module")
def old() -> Iterator[Cameras]:
    """One camera that sends JPEG, and MPEG-4 as its sub-stream."""
    made = Cameras(1, profiles=TINY_OLD)
    yield made
    made.close()


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recorder of one worker with a camera that it re-encodes and one that it doesn't."""

    site: Site
    jpeg: StreamId
    mpeg4: StreamId
    neighbour: StreamId

    @property
    def worker(self) -> int:
        (pid,) = self.site.children("recorder.worker")
        return pid

    @property
    def children(self) -> list[int]:
        return sorted(children_of(self.worker, CHILD))

    def child_of(self, codec: str) -> int:
        (pid,) = children_of(self.worker, codec)
        return pid


@pytest.fixture
def recorder(site: Site, cameras: Cameras, old: Cameras) -> Recorder:
    key, neighbour = old.demo.keys[0], cameras.demo.keys[0]
    camera = site.add_camera("Old", old.demo.port, old.demo.path(key, "main"), sub_path=old.demo.path(key, "sub"))
    other = site.add_camera("Neighbour", cameras.demo.port, cameras.demo.path(neighbour))
    site.start()
    streams = (stream_of(camera), stream_of(camera, StreamRole.SUB), stream_of(other))
    for stream in streams:
        site.wait_for_segments(stream, 1)
    return Recorder(site, *streams)


def pictures(site: Site, stream: StreamId) -> list[tuple[int, int | None]]:
    """Return when each recorded picture is shown, in ticks since the epoch, and the milliseconds of the minute that it shows."""
    found = []
    for segment in site.segments(stream):
        with av.open(io.BytesIO(site.plaintext(segment)), "r") as container:
            found += [(frame.pts or 0, code_of(frame)) for frame in container.decode(video=0)]
    return found


def assert_nothing_is_missing(site: Site, stream: StreamId, fps: int) -> None:
    assert [run.end_reason for run in site.runs(stream)] == [GapReason.RECORDER_STOPPED]
    times = [at for at, _ in pictures(site, stream)]
    assert max(after - before for before, after in pairwise(times)) < 1.5 * TICKS_PER_SECOND / fps


def assert_the_gap_is_short(site: Site, stream: StreamId, most_seconds: float) -> None:
    """The camera sends a second's pictures again when it is connected again: after a kill hardly anything may be missing."""
    before, after = site.runs(stream)
    assert 0 <= after.start_ms - before.end_ms <= most_seconds * 1000
    if after.start_ms > before.end_ms:
        assert [gap.reason for gap in site.gaps(stream)] == [GapReason.RECORDER_CRASHED, GapReason.RECORDER_STOPPED]


def test_what_was_sent_is_in_the_files_at_its_time(recorder: Recorder) -> None:
    site = recorder.site
    for stream in (recorder.jpeg, recorder.mpeg4):
        site.wait_for_segments(stream, 3)
    assert len(recorder.children) == 2
    states = site.states()
    assert site.stop() == 0

    for stream in (recorder.jpeg, recorder.mpeg4):
        assert states[stream]["state"] == "recording"
        assert str(states[stream]["codec"]).startswith("avc1.")
        shown = pictures(site, stream)
        codes = [code for _, code in shown if code is not None]
        assert len(codes) == len(shown) > 3 * FPS
        assert {(after - before) % MINUTE_MS for before, after in pairwise(codes)} == {1000 // FPS}
        for at, code in shown:
            late = (at // TICKS_PER_MS - (code or 0) + MINUTE_MS // 2) % MINUTE_MS - MINUTE_MS // 2
            assert abs(late) <= CODE_ERROR_MS
        assert_nothing_is_missing(site, stream, FPS)
    assert site.check().violations == ()


@pytest.mark.parametrize(
    ("harm", "said", "most_seconds"),
    [(signal.SIGKILL, "ended by itself", 5), (signal.SIGSTOP, "gave no answer for 5 s", 15)],
    ids=["killed", "hanging"],
)
def test_a_child_that_is_gone_is_replaced_alone(recorder: Recorder, harm: signal.Signals, said: str, most_seconds: float) -> None:
    site, worker, victim, other = recorder.site, recorder.worker, recorder.child_of("jpeg"), recorder.child_of("mpeg4")
    os.kill(victim, harm)
    wait_until(lambda: len(site.runs(recorder.jpeg)) == 2, seconds=40)
    wait_until(lambda: site.state(recorder.jpeg) == "recording")
    site.wait_for_segments(recorder.neighbour, len(site.segments(recorder.neighbour)) + 1)

    assert recorder.worker == worker
    assert not is_running(victim)
    assert len(recorder.children) == 2
    assert recorder.child_of("mpeg4") == other
    assert site.stop() == 0
    assert [run.end_reason for run in site.runs(recorder.jpeg)] == [GapReason.RECORDER_CRASHED, GapReason.RECORDER_STOPPED]
    assert_the_gap_is_short(site, recorder.jpeg, most_seconds)
    assert said in {line.get("reason") for line in site.log_lines() if line["event"] == "re-encoding process is replaced"}
    assert any(said in str(line.get("detail")) for line in site.log_lines() if line["event"] == "stream state")
    assert_nothing_is_missing(site, recorder.neighbour, TINY_MAIN.fps)
    assert_nothing_is_missing(site, recorder.mpeg4, FPS)
    assert site.check().violations == ()


def test_children_end_with_their_worker(recorder: Recorder) -> None:
    children = recorder.children
    os.kill(recorder.worker, signal.SIGKILL)

    wait_until(lambda: not any(is_running(pid) for pid in children))
    wait_until(lambda: len(recorder.site.runs(recorder.jpeg)) == 2, seconds=40)
