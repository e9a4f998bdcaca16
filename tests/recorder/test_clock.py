"""The time line of a run: exactly continuous, slewed gently, never before the run before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.clock import DRIFT_WINDOW_TICKS, JUMP_FORWARD_TICKS, MAX_REORDERED, MAX_SLEW_PPM, RunClock, WallAnchor
from vms.domain.timespan import TICKS_PER_SECOND, ticks_of

EPOCH_TICKS = 1_790_000_000 * TICKS_PER_SECOND


@dataclass(slots=True)
class DrivenClock:
    """A clock that only moves when told; satisfies `vms.clock.Clock`."""

    wall: datetime = datetime(2026, 11, 24, tzinfo=UTC)
    seconds: float = 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass(slots=True)
class Line:
    """What a run clock made of a stream."""

    clock: RunClock
    start: int = 0
    durations: list[int] = field(default_factory=list)
    drifts: list[int] = field(default_factory=list)
    """True moment of each picture minus where the line puts it."""

    @property
    def end(self) -> int:
        return self.start + sum(self.durations)


def drawn(steps: list[int], delays: list[int], *, first_rtp: int = 0, drift_ppm: int = 0, not_before: int = 0) -> Line:
    """Feed pictures `steps` apart, each delayed by its entry of `delays`; the camera's clock runs `drift_ppm` fast."""
    true_time, rtp = EPOCH_TICKS, first_rtp
    line = Line(RunClock(rtp, true_time + delays[0]))
    for number, (step, delay) in enumerate(zip(steps, delays[1:], strict=False)):
        rtp = (rtp + step) & 0xFFFF_FFFF
        true_time += step - step * drift_ppm // 1_000_000
        duration = line.clock.advance(rtp, true_time + delay)
        assert duration is not None
        line.durations.append(duration)
        if number == 10:
            line.start = line.clock.fix_start(not_before=not_before)
        line.drifts.append(true_time - line.start - line.clock.line)
    return line


steps_of_a_camera = st.lists(st.integers(1, TICKS_PER_SECOND), min_size=20, max_size=300)
delays_of_a_network = st.lists(st.integers(0, TICKS_PER_SECOND // 2), min_size=301, max_size=301)


@given(steps_of_a_camera, delays_of_a_network, st.integers(0, 0xFFFF_FFFF), st.integers(-300, 300))
def test_every_picture_starts_exactly_where_the_one_before_ends(steps: list[int], delays: list[int], rtp: int, drift: int) -> None:
    line = drawn(steps, delays, first_rtp=rtp, drift_ppm=drift)

    assert line.clock.line == sum(line.durations)
    assert all(duration >= 1 for duration in line.durations)


@given(steps_of_a_camera, delays_of_a_network, st.integers(-300, 300))
def test_the_line_is_never_slewed_faster_than_the_limit(steps: list[int], delays: list[int], drift: int) -> None:
    line = drawn(steps, delays, drift_ppm=drift)

    slew = 0
    for step, duration in zip(steps, line.durations, strict=True):
        slew += duration - step
    assert abs(slew) <= sum(steps) * MAX_SLEW_PPM // 1_000_000 + 1


@given(delays_of_a_network)
def test_the_run_starts_when_its_least_delayed_picture_says(delays: list[int]) -> None:
    line = drawn([3600] * 20, delays)

    assert line.start == EPOCH_TICKS + min(delays[:12])


def test_a_run_never_starts_before_the_end_of_the_run_before() -> None:
    line = drawn([3600] * 20, [0] * 21, not_before=EPOCH_TICKS + 5000)

    assert line.start == EPOCH_TICKS + 5000


def test_a_start_that_was_put_off_is_made_up_for_gently() -> None:
    line = drawn([3600] * 2000, [0] * 2001, not_before=EPOCH_TICKS + 1000)

    assert line.drifts[10] == -1000
    assert line.drifts[-1] == 0


@pytest.mark.parametrize("drift_ppm", [-200, 200])
def test_a_camera_clock_that_drifts_is_followed_within_milliseconds(drift_ppm: int) -> None:
    line = drawn([3600] * 25 * 300, [0] * (25 * 300 + 1), drift_ppm=drift_ppm)

    window_drift = DRIFT_WINDOW_TICKS * abs(drift_ppm) // 1_000_000
    assert abs(line.drifts[-1]) <= 3 * window_drift


def kept_time_by(step: int, fps: float, *, seconds: int, not_before: int = 0) -> Line:
    """Feed pictures that a camera stamps `step` ticks apart and sends `fps` times a second."""
    line = Line(RunClock(0, EPOCH_TICKS))
    for number in range(1, int(seconds * fps)):
        arrival = EPOCH_TICKS + int(number * TICKS_PER_SECOND / fps)
        duration = line.clock.advance(number * step & 0xFFFF_FFFF, arrival)
        assert duration is not None
        line.durations.append(duration)
        if number == 25:
            line.start = line.clock.fix_start(not_before=not_before)
        if number >= 25:
            line.drifts.append(line.start + line.clock.line - arrival)
    return line


@pytest.mark.slow
@pytest.mark.parametrize("fps", [20, 21, 24, 30])
def test_a_camera_that_counts_another_rate_than_it_sends_stays_on_the_servers_clock_for_hours(fps: int) -> None:
    line = kept_time_by(3600, fps, seconds=8 * 3600)

    assert max(map(abs, line.drifts)) < 5 * TICKS_PER_SECOND
    assert min(line.durations) >= 1
    assert sum(line.durations) == line.clock.line


def test_such_a_camera_is_shown_at_the_speed_at_which_it_filmed() -> None:
    line = kept_time_by(3600, 20, seconds=300)

    settled = line.durations[len(line.durations) // 2 :]
    assert all(abs(duration - TICKS_PER_SECOND // 20) < TICKS_PER_SECOND // 200 for duration in settled)


@pytest.mark.parametrize("step", [1, 9 * TICKS_PER_SECOND])
def test_time_stamps_that_hardly_count_or_race_do_not_carry_the_line_away(step: int) -> None:
    line = kept_time_by(step, 25, seconds=600)

    assert max(map(abs, line.drifts)) < 30 * TICKS_PER_SECOND


def test_a_run_that_had_to_begin_an_hour_ahead_is_made_up_for_gently() -> None:
    line = kept_time_by(3600, 25, seconds=600, not_before=EPOCH_TICKS + 3600 * TICKS_PER_SECOND)

    slew = sum(line.durations) - 3600 * len(line.durations)
    assert -600 * TICKS_PER_SECOND * MAX_SLEW_PPM // 1_000_000 <= slew < 0


def test_a_run_that_had_to_begin_ahead_goes_no_further_with_a_camera_that_keeps_no_time() -> None:
    lead_ticks = 3600 * TICKS_PER_SECOND
    line = kept_time_by(3600, 30, seconds=1800, not_before=EPOCH_TICKS + lead_ticks)

    assert max(line.drifts) < lead_ticks + 5 * TICKS_PER_SECOND


def test_a_burst_of_a_long_gop_at_the_start_is_made_up_for_within_minutes() -> None:
    clock, burst, start = RunClock(0, EPOCH_TICKS), 20 * 25, 0
    for number in range(1, 25 * 600):
        assert clock.advance(number * 3600, EPOCH_TICKS + max(0, number - burst) * 3600) is not None
        if number == 100:
            start = clock.fix_start(not_before=0)

    assert abs(start + clock.line - (EPOCH_TICKS + (number - burst) * 3600)) < TICKS_PER_SECOND


def test_pictures_that_the_network_holds_up_for_seconds_do_not_move_the_line() -> None:
    clock = RunClock(0, EPOCH_TICKS)
    for number in range(1, 25 * 60):
        late = 5 * TICKS_PER_SECOND if 500 <= number < 700 else 0
        clock.advance(number * 3600, EPOCH_TICKS + number * 3600 + late)
        if number == 100:
            clock.fix_start(not_before=0)

    assert abs(clock.line - number * 3600) <= 60 * TICKS_PER_SECOND * MAX_SLEW_PPM // 1_000_000


def test_a_jump_of_more_than_ten_seconds_breaks_the_line() -> None:
    clock = RunClock(0, EPOCH_TICKS)

    assert clock.advance(JUMP_FORWARD_TICKS + 1, EPOCH_TICKS) is None


def test_a_step_back_of_more_than_a_second_breaks_the_line() -> None:
    clock = RunClock(500_000, EPOCH_TICKS)

    assert clock.advance(500_000 - TICKS_PER_SECOND - 1, EPOCH_TICKS) is None


def test_the_32_bit_counter_wraps_without_a_break() -> None:
    clock = RunClock(0xFFFF_FFFF, EPOCH_TICKS)

    assert clock.advance(3599, EPOCH_TICKS) == 3600


def test_a_repeated_time_stamp_moves_the_line_by_one_tick() -> None:
    clock = RunClock(0, EPOCH_TICKS)
    clock.advance(3600, EPOCH_TICKS)

    assert clock.advance(3600, EPOCH_TICKS) == 1
    assert clock.advance(7200, EPOCH_TICKS) == 3599


def test_reordered_pictures_keep_their_place_in_presentation() -> None:
    clock = RunClock(0, EPOCH_TICKS)
    shown = []
    for rtp in (3 * 3600, 3600, 2 * 3600, 6 * 3600, 4 * 3600, 5 * 3600):
        clock.advance(rtp, EPOCH_TICKS)
        shown.append(clock.line + clock.composition)

    assert shown == [3 * 3600, 3600, 2 * 3600, 6 * 3600, 4 * 3600, 5 * 3600]


def test_time_stamps_that_slipped_back_for_good_go_on_from_where_the_line_is() -> None:
    clock = RunClock(90_000, EPOCH_TICKS)
    clock.advance(93_600, EPOCH_TICKS)
    rtp = 50_000
    for _ in range(MAX_REORDERED + 1):
        clock.advance(rtp, EPOCH_TICKS)
        rtp += 10

    assert clock.advance(rtp - 10 + 3600, EPOCH_TICKS) == 3600
    assert clock.composition == 0


def test_the_wall_clock_is_followed_through_the_monotonic_one() -> None:
    driven = DrivenClock()
    anchor = WallAnchor(driven)
    driven.pass_time(2.5)

    assert anchor.now() == ticks_of(driven.wall)


def test_a_step_of_the_wall_clock_is_told_once() -> None:
    driven = DrivenClock()
    anchor = WallAnchor(driven)
    driven.wall += timedelta(seconds=90)

    assert anchor.poll() == pytest.approx(90.0)
    assert anchor.poll() == 0.0


def test_what_ntp_slews_in_a_second_is_no_step() -> None:
    driven = DrivenClock()
    anchor = WallAnchor(driven)
    driven.wall += timedelta(milliseconds=5)

    assert anchor.poll() == 0.0
