"""The time line of a run: exactly continuous, slewed gently, never before the run before it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.clock import (
    DRIFT_WINDOW_TICKS,
    JUMP_FORWARD_TICKS,
    MAX_BEHIND_TICKS,
    MAX_PICTURE_TICKS,
    MAX_REORDERED,
    MAX_SLEW_PPM,
    RunClock,
    WallAnchor,
)
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


def advance(clock: RunClock, rtp: int, arrival: int) -> int | None:
    """Give the clock a picture that came alone."""
    durations, _ = clock.advance([rtp])
    if not durations:
        return None
    clock.observe(arrival)
    return durations[0]


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
        duration = advance(line.clock, rtp, true_time + delay)
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
        duration = advance(line.clock, number * step & 0xFFFF_FFFF, arrival)
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
        assert advance(clock, number * 3600, EPOCH_TICKS + max(0, number - burst) * 3600) is not None
        if number == 100:
            start = clock.fix_start(not_before=0)

    assert abs(start + clock.line - (EPOCH_TICKS + (number - burst) * 3600)) < TICKS_PER_SECOND


def test_pictures_that_the_network_holds_up_for_seconds_do_not_move_the_line() -> None:
    clock = RunClock(0, EPOCH_TICKS)
    for number in range(1, 25 * 60):
        late = 5 * TICKS_PER_SECOND if 500 <= number < 700 else 0
        advance(clock, number * 3600, EPOCH_TICKS + number * 3600 + late)
        if number == 100:
            clock.fix_start(not_before=0)

    assert abs(clock.line - number * 3600) <= 60 * TICKS_PER_SECOND * MAX_SLEW_PPM // 1_000_000


def test_a_jump_of_more_than_ten_seconds_breaks_the_line() -> None:
    clock = RunClock(0, EPOCH_TICKS)

    assert advance(clock, JUMP_FORWARD_TICKS + 1, EPOCH_TICKS) is None


def test_a_step_back_of_more_than_a_second_breaks_the_line() -> None:
    clock = RunClock(500_000, EPOCH_TICKS)

    assert advance(clock, 500_000 - TICKS_PER_SECOND - 1, EPOCH_TICKS) is None


def test_the_32_bit_counter_wraps_without_a_break() -> None:
    clock = RunClock(0xFFFF_FFFF, EPOCH_TICKS)

    assert advance(clock, 3599, EPOCH_TICKS) == 3600


def test_a_repeated_time_stamp_moves_the_line_by_one_tick() -> None:
    clock = RunClock(0, EPOCH_TICKS)
    advance(clock, 3600, EPOCH_TICKS)

    assert advance(clock, 3600, EPOCH_TICKS) == 1
    assert advance(clock, 7200, EPOCH_TICKS) == 3599


def test_stamps_that_stood_still_do_not_throw_the_line_ahead_when_they_leap() -> None:
    clock, arrival, stamp = RunClock(0, EPOCH_TICKS), EPOCH_TICKS, 0
    start = clock.fix_start(not_before=0)
    for _ in range(5):
        arrival, stamp = arrival + DRIFT_WINDOW_TICKS, stamp + 1
        assert advance(clock, stamp, arrival) is not None
    for _ in range(5):
        arrival, stamp = arrival + 3600, stamp + JUMP_FORWARD_TICKS
        duration = advance(clock, stamp, arrival)
        assert duration is not None
        assert duration <= MAX_PICTURE_TICKS
    assert start + clock.line - arrival <= 5 * JUMP_FORWARD_TICKS


def test_the_line_is_pulled_by_no_more_in_all_than_the_camera_went_astray() -> None:
    clock = RunClock(0, EPOCH_TICKS)
    clock.fix_start(not_before=0)
    assert advance(clock, 1, EPOCH_TICKS + DRIFT_WINDOW_TICKS) == 1
    leaps = [1 + number * 3 * TICKS_PER_SECOND for number in (1, 2, 3)]
    durations, _ = clock.advance(leaps)

    assert sum(durations) <= 9 * TICKS_PER_SECOND + DRIFT_WINDOW_TICKS


def test_one_picture_lasts_no_longer_than_the_stamps_and_the_pull_may_make_it() -> None:
    """Windows in which the camera counts less and less, so that each asks for more than the next can make up for."""
    clock, arrival, stamp = RunClock(0, EPOCH_TICKS), EPOCH_TICKS, 0
    clock.fix_start(not_before=0)
    durations = []
    for counted in (400_000, 50_000, 6000, 700, 80, 9, 1, 1):
        arrival, stamp = arrival + 24 * TICKS_PER_SECOND, stamp + counted
        durations.append(advance(clock, stamp, arrival) or 0)
    for _ in range(5):
        arrival, stamp = arrival + 3600, stamp + JUMP_FORWARD_TICKS
        durations.append(advance(clock, stamp, arrival) or 0)

    assert max(durations) == MAX_PICTURE_TICKS


def test_a_picture_is_never_shown_far_before_it_is_decoded() -> None:
    """One in seventeen steps forward by a tick, the others stand still: decoding needs a tick for each."""
    clock = RunClock(0, EPOCH_TICKS)
    for first in range(0, 100_000, 1000):
        _, compositions = clock.advance([number for number in range(first, first + 1000) for _ in range(17)])
        assert len(compositions) == 17_000
        assert min(compositions) >= -MAX_BEHIND_TICKS


def test_reordered_pictures_keep_their_place_in_presentation() -> None:
    sent = [3 * 3600, 3600, 2 * 3600, 6 * 3600, 4 * 3600, 5 * 3600]
    durations, compositions = RunClock(0, EPOCH_TICKS).advance(sent)

    assert [decoded + composition for decoded, composition in zip(itertools.accumulate(durations), compositions, strict=True)] == sent


@given(
    st.lists(st.integers(-2 * 3600, 4 * 3600) | st.integers(-(2**31), 2**31), max_size=60),
    st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_pictures_that_come_together_stand_where_they_would_alone(steps: list[int], cuts: list[bool]) -> None:
    stamps = [stamp & 0xFFFF_FFFF for stamp in itertools.accumulate(steps)]
    together, alone = RunClock(0, EPOCH_TICKS), RunClock(0, EPOCH_TICKS)
    for clock in (together, alone):
        clock.fix_start(not_before=EPOCH_TICKS + 90)  # so that there is something to make up for
    batches: list[list[int]] = [[]]
    for stamp, cut in zip(stamps, cuts, strict=False):
        batches[-1].append(stamp)
        if cut:
            batches.append([])
    placed = [together.advance(batch) for batch in batches]
    one_by_one = [alone.advance([stamp]) for stamp in stamps]

    taken = next((n for n, (durations, _) in enumerate(one_by_one) if not durations), len(stamps))
    broke = next(
        (n for n, (batch, (durations, _)) in enumerate(zip(batches, placed, strict=True)) if len(durations) < len(batch)), len(batches)
    )
    for column in (0, 1):
        assert [x for got in placed[: broke + 1] for x in got[column]] == [got[column][0] for got in one_by_one[:taken]]
    if taken == len(stamps):
        assert (together.line, together.nominal, together.media) == (alone.line, alone.nominal, alone.media)


def test_time_stamps_that_slipped_back_for_good_go_on_from_where_the_line_is() -> None:
    clock = RunClock(90_000, EPOCH_TICKS)
    advance(clock, 93_600, EPOCH_TICKS)
    rtp = 50_000
    for _ in range(MAX_REORDERED + 1):
        advance(clock, rtp, EPOCH_TICKS)
        rtp += 10

    assert clock.advance([rtp - 10 + 3600]) == ([3600], [0])


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
