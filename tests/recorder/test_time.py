"""Clocks that are set, machines that sleep, nights that change the hour: what the timeline says of them, and where the files stand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from recorder.node_api import _segment as listed
from tests.recorder.site import Site
from tests.recorder.virtual_recorder import VirtualRecorder, a_virtual_recorder
from vms.domain.footage import Gap, GapReason
from vms.domain.timespan import Timespan, datetime_of_ms
from vms.services.check import Depth, check
from web.playlist import Reach, media_playlist
from web.schemas.node import NodeSegment

pytestmark = pytest.mark.slow
START = datetime(2026, 5, 20, 13, 58, tzinfo=UTC)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)
MINUTES = 3
LEEWAY = timedelta(seconds=6)
"""A look at the clock, the rest of a GOP, and the GOP that makes the first fragment whole."""


@pytest.fixture
def recorder(site: Site) -> Iterator[VirtualRecorder]:
    with a_virtual_recorder(site.settings, START) as made:
        yield made


def assert_whole(recorder: VirtualRecorder) -> None:
    """Assert what holds whatever the clock did: no overlap, files named for their start, the index and the files agree."""
    found = recorder.segments()
    for before, after in itertools.pairwise(found):
        assert after.start_ticks >= before.end_ticks
    for earlier, later in itertools.pairwise(recorder.runs()):
        assert later.start_ms >= earlier.end_ms
    for segment in found:
        path = recorder.node.volumes[0].segment_path(segment.id)
        assert path.is_file()
        assert path.parent.name == f"{datetime_of_ms(segment.start_ms):%H}"
        assert path.parent.parent.name == f"{datetime_of_ms(segment.start_ms):%Y%m%d}"
    told = check(recorder.node.index, recorder.node.volumes, at=recorder.clock.now(), depth=Depth.DEEP, keys=recorder.node.keys)
    assert told.violations == ()
    assert len([gap for gap in recorder.gaps() if gap.end is None]) <= 1


def recorded_since(recorder: VirtualRecorder, start: datetime) -> timedelta:
    told = recorder.timeline(Timespan(start, recorder.clock.now() + timedelta(seconds=1)))
    return sum((span.duration for span in told.recorded), timedelta())


def missing(recorder: VirtualRecorder, span: Timespan) -> list[Gap]:
    return list(recorder.timeline(span).gaps)


@pytest.mark.parametrize("step", [HOUR, -HOUR, YEAR, -YEAR], ids=["hour-forward", "hour-back", "year-forward", "year-back"])
def test_a_clock_that_is_set_ends_the_run_and_the_next_begins_at_once(recorder: VirtualRecorder, step: timedelta) -> None:
    recorder.film(60 * MINUTES)
    recorder.step(step)
    recorder.film(60 * MINUTES)
    recorder.stop()

    assert_whole(recorder)
    first, second = recorder.runs()
    assert first.end_reason is GapReason.CLOCK_STEP
    assert [event.step_ms for event in recorder.steps()] == [step // timedelta(milliseconds=1)]
    assert timedelta(milliseconds=second.end_ms - second.start_ms) >= timedelta(minutes=MINUTES) - LEEWAY
    begins = max(datetime_of_ms(first.end_ms), START + timedelta(minutes=MINUTES) + step)
    assert abs(datetime_of_ms(second.start_ms) - begins) <= LEEWAY


@pytest.mark.parametrize("step", [HOUR, YEAR], ids=["hour", "year"])
def test_after_the_clock_came_back_footage_stands_at_the_hour_at_which_it_was_taken(recorder: VirtualRecorder, step: timedelta) -> None:
    recorder.film(60 * MINUTES)
    recorder.step(step)
    recorder.film(60 * MINUTES)
    recorder.step(-step)
    recorder.film(60 * MINUTES)
    now = recorder.clock.now()
    recorder.stop()

    assert_whole(recorder)
    back = START + timedelta(minutes=2 * MINUTES)
    assert recorded_since(recorder, back) >= timedelta(minutes=MINUTES) - LEEWAY
    lost = missing(recorder, Timespan(START, now - timedelta(seconds=2)))
    assert {gap.reason for gap in lost} == {GapReason.CLOCK_STEP}
    assert abs((lost[-1].end or now) - back) <= LEEWAY
    assert sum(((gap.end or now) - gap.start for gap in lost), timedelta()) <= timedelta(minutes=MINUTES) + 2 * LEEWAY


@pytest.mark.parametrize("step", [HOUR, YEAR], ids=["hour", "year"])
def test_after_the_clock_went_back_and_forth_footage_stands_at_the_hour_at_which_it_was_taken(
    recorder: VirtualRecorder, step: timedelta
) -> None:
    recorder.film(60 * MINUTES)
    recorder.step(-step)
    recorder.film(60 * MINUTES)
    recorder.step(step)
    recorder.film(60 * MINUTES)
    now = recorder.clock.now()
    recorder.stop()

    assert_whole(recorder)
    lost = [(gap.end or now) - gap.start for gap in missing(recorder, Timespan(START, now))]
    assert sum(lost, timedelta()) <= 2 * LEEWAY
    assert recorded_since(recorder, START + timedelta(minutes=2 * MINUTES)) >= timedelta(minutes=MINUTES) - LEEWAY


def test_a_run_ends_before_footage_of_the_hour_to_which_the_clock_had_gone(recorder: VirtualRecorder) -> None:
    """Ten minutes ahead for three minutes: seven minutes later the hour comes that is taken."""
    ahead = timedelta(minutes=10)
    recorder.film(60)
    recorder.step(ahead)
    recorder.film(60 * MINUTES)
    recorder.step(-ahead)
    recorder.film(60 * 10)
    recorder.stop()

    assert_whole(recorder)
    now = recorder.clock.now()
    told = recorder.timeline(Timespan(START, now + ahead))
    lost = sum(((gap.end or now) - gap.start for gap in told.gaps), timedelta())
    assert lost <= timedelta(minutes=MINUTES) + timedelta(seconds=20) + LEEWAY
    assert sum((span.duration for span in told.recorded), timedelta()) >= timedelta(minutes=1 + MINUTES + 10) - 4 * LEEWAY


@pytest.mark.parametrize("step", [HOUR, YEAR], ids=["hour", "year"])
def test_a_recorder_that_starts_anew_keeps_to_the_hour_to_which_the_clock_came_back(recorder: VirtualRecorder, step: timedelta) -> None:
    recorder.film(60)
    recorder.step(step)
    recorder.film(60)
    recorder.step(-step)
    recorder.film(30)
    recorder.restart()
    restarted = recorder.clock.now()
    recorder.film(60)
    recorder.stop()

    assert_whole(recorder)
    assert recorded_since(recorder, restarted) >= timedelta(minutes=1) - LEEWAY


def test_a_gap_that_was_told_while_the_clock_was_wrong_does_not_last_there(recorder: VirtualRecorder) -> None:
    recorder.film(60)
    recorder.step(YEAR)
    recorder.film(30)
    recorder.recording.end(GapReason.OFFLINE, "No route to the camera.")
    recorder.idle(30)
    recorder.step(-YEAR)
    recorder.idle(30)
    recorder.film(60)
    now = recorder.clock.now()

    (_,) = [gap for gap in missing(recorder, Timespan(now - timedelta(seconds=100), now)) if gap.reason is GapReason.OFFLINE]
    assert [gap for gap in recorder.gaps() if gap.end is None] == []
    recorder.stop()
    assert_whole(recorder)


def test_a_machine_that_slept_is_no_clock_that_was_set(recorder: VirtualRecorder) -> None:
    recorder.film(60)
    recorder.sleep(3600)
    recorder.film(60)
    recorder.stop()

    assert_whole(recorder)
    assert recorder.steps() == []
    (gap,) = missing(recorder, Timespan(START, recorder.clock.now() - timedelta(seconds=2)))
    assert gap.reason is GapReason.STREAM_CHANGED
    assert abs((gap.end or START) - gap.start - HOUR) <= LEEWAY


@pytest.mark.parametrize(
    "start",
    [datetime(2026, 11, 1, 8, 52, tzinfo=UTC), datetime(2026, 3, 8, 9, 52, tzinfo=UTC)],
    ids=["an-hour-twice", "an-hour-left-out"],
)
def test_a_night_in_which_the_hour_changes_is_like_any_other(site: Site, start: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        with a_virtual_recorder(site.settings, start) as recorder:
            recorder.film(60 * 16)
            recorder.stop()
            assert_whole(recorder)
            (run,) = recorder.runs()
            now = recorder.clock.now()
            told = recorder.timeline(Timespan(start, now))
            (span,) = told.recorded
            playlist = playlist_of(recorder, Timespan(start, now))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert run.end_reason is GapReason.RECORDER_STOPPED
    assert span.start - start <= LEEWAY
    assert [gap.reason for gap in told.gaps] in ([], [GapReason.RECORDER_STOPPED])
    assert playlist.count("#EXT-X-PROGRAM-DATE-TIME:") == 1
    assert f"#EXT-X-PROGRAM-DATE-TIME:{span.start:%Y-%m-%dT%H:%M}" in playlist
    names = [line for line in playlist.splitlines() if line.startswith("segments/")]
    assert names == sorted(names)
    length = sum(float(line[8:-1]) for line in playlist.splitlines() if line.startswith("#EXTINF:"))
    assert length == pytest.approx(span.duration.total_seconds(), abs=0.01)


def playlist_of(recorder: VirtualRecorder, window: Timespan) -> str:
    files = [NodeSegment.model_validate(listed(playable)) for playable in recorder.playable(window)]
    playlist = media_playlist(files, window, Reach.ENDED)
    assert playlist is not None
    return playlist
