"""A run: continuous fragments and segments, nothing lost between its first and last picture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.clock import DRIFT_WINDOW_TICKS, JUMP_FORWARD_TICKS
from recorder.cutter import MAX_FRAGMENT_BYTES
from recorder.keys import KeyRing
from recorder.open_segment import Fragment, OpenSegment, hour_of
from recorder.places import ENDLESS
from recorder.rtp.access_unit import UNIT_BYTES, AccessUnit
from recorder.run import KeyMissing, Run, RunPlan
from tests.recorder.units import PICTURE_TICKS, parameter_sets, stream, unit
from vms.domain.footage import SegmentFlag
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import TICKS_PER_SECOND

NOW = 1_790_000_000 * TICKS_PER_SECOND
CAMERA = CameraId(11)
PAYLOADS = {size: bytes(size) for size in (1, 100, MAX_FRAGMENT_BYTES // 3, MAX_FRAGMENT_BYTES)}


@dataclass(slots=True)
class Shelf:
    """A segment sink that keeps everything in memory."""

    opened: list[OpenSegment] = field(default_factory=list)
    fragments: dict[OpenSegment, list[Fragment]] = field(default_factory=dict)
    published: dict[OpenSegment, SegmentFlag] = field(default_factory=dict)

    def open(self, segment: OpenSegment) -> None:
        self.opened.append(segment)
        self.fragments[segment] = []

    def append(self, segment: OpenSegment, fragment: Fragment) -> None:
        assert segment not in self.published
        self.fragments[segment].append(fragment)

    def publish(self, segment: OpenSegment, *, flags: SegmentFlag) -> None:
        self.published[segment] = flags

    @property
    def all_fragments(self) -> list[Fragment]:
        return [fragment for segment in self.opened for fragment in self.fragments[segment]]


def keys_around(ticks: int) -> KeyRing:
    ring = KeyRing()
    for hour in range(hour_of(ticks) - 1, hour_of(ticks) + 3):
        ring.add(CAMERA, hour, bytes(32))
    return ring


def a_run(shelf: Shelf, *, segment_seconds: int = 4, not_before: int = 0, until: int = ENDLESS, keys: KeyRing | None = None) -> Run:
    plan = RunPlan(StreamId(5), CAMERA, parameter_sets(), segment_seconds * TICKS_PER_SECOND, not_before, until, 1000)
    return Run(plan, shelf, keys or keys_around(NOW))


def record(run: Run, count: int, *, gop: int = 25) -> None:
    for each in stream(count, gop=gop):
        assert run.add([each], NOW + int(each.arrival * TICKS_PER_SECOND))


def test_every_fragment_starts_where_the_one_before_ends() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 1000)
    run.close()

    for before, after in itertools.pairwise(shelf.all_fragments):
        assert after.tfdt == before.tfdt + before.duration


def test_every_picture_is_in_exactly_one_fragment() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 777)
    run.close()

    written = [payload for fragment in shelf.all_fragments for payload in fragment.samples.payloads]
    assert written == [each.payload for each in stream(777)]


def test_closing_publishes_the_unfinished_fragment() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 3)
    run.close()

    assert [len(fragment.samples) for fragment in shelf.all_fragments] == [3]
    assert list(shelf.published) == shelf.opened


@given(st.data())
def test_pictures_that_come_together_are_recorded_as_if_each_came_alone(data: st.DataObject) -> None:
    """Whatever their steps and sizes; a batch arrives at one moment, and its first picture alone may be a keyframe. Too short to drift."""
    steps = st.sampled_from((PICTURE_TICKS, PICTURE_TICKS, 1, TICKS_PER_SECOND, JUMP_FORWARD_TICKS + 1))
    sizes = st.sampled_from(sorted(PAYLOADS))
    batches = data.draw(st.lists(st.lists(st.tuples(steps, sizes), min_size=1, max_size=6), min_size=1, max_size=12))
    firsts = data.draw(st.lists(st.booleans(), min_size=len(batches), max_size=len(batches)))
    until = data.draw(st.sampled_from((ENDLESS, NOW + 5 * TICKS_PER_SECOND)))
    together, alone = Shelf(), Shelf()
    runs = a_run(together, until=until), a_run(alone, until=until)
    rtp, seconds = 0, 0.0
    for number, batch in enumerate(batches):
        units = []
        for place, (step, size) in enumerate(batch):
            rtp, seconds = rtp + step, seconds + min(step / TICKS_PER_SECOND, 1)
            keyframe = (firsts[number] or number == 0) and place == 0
            units.append(AccessUnit(rtp, PAYLOADS[size], keyframe, seconds, False, None))
        units = [replace(unit, arrival=seconds) for unit in units]
        if seconds * TICKS_PER_SECOND >= DRIFT_WINDOW_TICKS:
            break
        arrival = NOW + int(seconds * TICKS_PER_SECOND)
        taken = [_taken(runs[0], units, arrival, at_once=True), _taken(runs[1], units, arrival, at_once=False)]
        assert taken[0] == taken[1]
        assert runs[0].is_over == runs[1].is_over
        if taken[0] < len(units) or runs[0].is_over:
            break
    for run in runs:
        run.close()
    assert _told(together) == _told(alone)
    assert list(together.published.values()) == list(alone.published.values())


def _told(shelf: Shelf) -> list[tuple[object, ...]]:
    """Return what the fragments are; the duration of each one's last picture shows where the next begins, that of the run's is a guess."""
    return [
        (each.tfdt, *map(len, each.samples.payloads), *each.samples.durations[:-1], *each.samples.keyframes, *each.samples.compositions)
        for each in shelf.all_fragments
    ]


def _taken(run: Run, units: list[AccessUnit], arrival: int, *, at_once: bool) -> int:
    """Give pictures to a run as its owner does, all or one by one; return how many it took before it was over or its line broke."""
    taken = 0
    while taken < len(units) and not run.is_over:
        count = run.add(units, arrival, at=taken) if at_once else run.add([units[taken]], arrival)
        if not count:
            break
        taken += count
    return len(units) if run.is_over else taken


def test_a_run_takes_one_picture_more_where_it_has_to_end_whatever_came_with_it() -> None:
    shelf = Shelf()
    run = a_run(shelf, until=NOW + 5 * TICKS_PER_SECOND)
    record(run, 50)
    late = [AccessUnit((50 + 25 * number) * PICTURE_TICKS, b"x", False, 2.0, False, None) for number in range(1, 40)]
    assert run.add(late, NOW + 2 * TICKS_PER_SECOND) == len(late)
    assert run.is_over
    run.close()

    assert NOW + 5 * TICKS_PER_SECOND < run.recorded_until <= NOW + 11 * TICKS_PER_SECOND
    assert sum(len(fragment.samples) for fragment in shelf.all_fragments) < 50 + 12


def test_a_fragment_of_tiny_pictures_that_came_together_is_no_larger_than_one_may_be() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 50)
    for number in range(4):
        units = [
            AccessUnit((50 + number) * PICTURE_TICKS + step, b"x", False, 3.0, False, None) for step in range(MAX_FRAGMENT_BYTES // 600)
        ]
        assert run.add(units, NOW + 3 * TICKS_PER_SECOND) == len(units)
    run.close()

    assert len(shelf.all_fragments) > 4
    assert max(fragment.held_bytes for fragment in shelf.all_fragments) <= MAX_FRAGMENT_BYTES + UNIT_BYTES


def test_segments_are_cut_on_keyframes() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 1000)
    run.close()

    assert len(shelf.opened) > 5
    assert all(shelf.fragments[segment][0].samples.keyframes[0] for segment in shelf.opened)
    assert set(shelf.published.values()) == {SegmentFlag.NONE}


def test_a_segment_without_keyframes_is_cut_and_flagged() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 500, gop=10_000)

    assert SegmentFlag.NO_KEYFRAME_CUT in shelf.published.values()


def test_a_long_gop_is_split_into_fragments_of_four_seconds() -> None:
    shelf = Shelf()
    run = a_run(shelf, segment_seconds=60)
    record(run, 301, gop=10_000)

    assert [fragment.duration for fragment in shelf.all_fragments] == [4 * TICKS_PER_SECOND] * 3


def test_a_segment_is_named_by_the_start_of_its_first_picture() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 500)

    assert all(segment.start_ticks == shelf.fragments[segment][0].tfdt for segment in shelf.opened)


def test_a_run_starts_no_earlier_than_the_end_of_the_run_before() -> None:
    shelf = Shelf()
    run = a_run(shelf, not_before=NOW + 12_345)
    record(run, 60)

    assert run.start == NOW + 12_345


def test_a_time_stamp_that_jumps_is_not_taken() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 30)

    assert not run.add([unit(30, rtp=20 * TICKS_PER_SECOND)], NOW)
    run.close()
    assert sum(len(fragment.samples) for fragment in shelf.all_fragments) == 30


def test_the_last_picture_gets_the_usual_duration() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 10)
    run.close()

    assert shelf.all_fragments[-1].samples.durations[-1] == PICTURE_TICKS


def test_without_the_key_of_its_hour_nothing_is_written() -> None:
    shelf = Shelf()
    run = a_run(shelf, keys=KeyRing())

    with pytest.raises(KeyMissing):
        record(run, 60)
    assert shelf.opened == []
