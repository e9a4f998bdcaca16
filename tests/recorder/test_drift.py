"""A day of a camera whose clock drifts: the line is exact to the tick, and never far from the server's clock."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from recorder.keys import KeyRing
from recorder.open_segment import Fragment, OpenSegment, hour_of
from recorder.places import ENDLESS
from recorder.rtp.access_unit import AccessUnit
from recorder.run import Run, RunPlan
from tests.recorder.units import parameter_sets
from vms.domain.footage import SegmentFlag
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import TICKS_PER_SECOND

START = 1_790_000_000 * TICKS_PER_SECOND
DAY_SECONDS = 24 * 3600
CAMERA = CameraId(11)
SEGMENT_SECONDS = 60
FAR = TICKS_PER_SECOND // 50
"""20 ms: what a window of 10 s goes astray at 200 ppm, and the jitter that the least-delayed picture of a window still has."""


@dataclass(slots=True)
class Follower:
    """A sink that keeps only where the last fragment ended: a day of 25 pictures a second must not stay in memory."""

    end: int = 0
    segments: int = 0
    longest: int = 0

    def open(self, segment: OpenSegment) -> None:
        if self.segments:
            assert segment.start_ticks == self.end
        self.segments += 1
        self.end = segment.start_ticks

    def append(self, segment: OpenSegment, fragment: Fragment) -> None:
        assert segment.start_ticks <= fragment.tfdt == self.end
        assert fragment.duration == sum(fragment.samples.durations)
        assert min(fragment.samples.durations) >= 1
        self.end += fragment.duration

    def publish(self, segment: OpenSegment, *, flags: SegmentFlag) -> None:
        assert flags is SegmentFlag.NONE
        self.longest = max(self.longest, self.end - segment.start_ticks)


def a_day_of(follower: Follower, *, ppm: int, fps: int) -> tuple[Run, int]:
    """Record a day by a camera whose clock runs `ppm` fast; return the run and when, by the server, its last picture ended."""
    keys = KeyRing()
    run = Run(RunPlan(StreamId(5), CAMERA, parameter_sets(), SEGMENT_SECONDS * TICKS_PER_SECOND, 0, ENDLESS, 1000), follower, keys)
    step = TICKS_PER_SECOND // fps
    arrival = START
    for number in range(DAY_SECONDS * fps):
        if number % (600 * fps) == 0:
            for hour in (hour_of(arrival), hour_of(arrival) + 1):
                keys.add(CAMERA, hour, bytes(32))
        arrival = START + number * step - number * step * ppm // 1_000_000
        jitter = number * 7919 % 1800  # up to 20 ms of the network's, in no step with anything
        unit = AccessUnit(
            number * step & 0xFFFF_FFFF,
            b"\0\0\0\1\x65",
            number % (2 * fps) == 0,
            (arrival - START) / TICKS_PER_SECOND,
            lost=False,
            parameter_sets=None,
        )
        assert run.add([unit], arrival + jitter)
    run.close()
    return run, arrival + step


def assert_exact(follower: Follower, run: Run, until: int) -> None:
    assert follower.end == run.recorded_until
    assert abs(run.recorded_until - until) <= FAR
    assert follower.segments == pytest.approx(DAY_SECONDS / SEGMENT_SECONDS, abs=1)
    assert follower.longest <= 2 * SEGMENT_SECONDS * TICKS_PER_SECOND


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [-200, -50, 50, 200])
def test_a_day_of_a_camera_that_drifts_is_continuous_to_the_tick(ppm: int) -> None:
    follower = Follower()
    run, until = a_day_of(follower, ppm=ppm, fps=1)

    assert_exact(follower, run, until)


@pytest.mark.long
@pytest.mark.parametrize("ppm", [-200, -50, 50, 200])
def test_a_day_of_25_pictures_a_second_of_a_camera_that_drifts_is_continuous_to_the_tick(ppm: int) -> None:
    follower = Follower()
    run, until = a_day_of(follower, ppm=ppm, fps=25)

    assert_exact(follower, run, until)
