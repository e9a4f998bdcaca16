"""A run: continuous fragments and segments, nothing lost between its first and last picture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from recorder.keys import KeyRing
from recorder.open_segment import Fragment, OpenSegment, hour_of
from recorder.run import KeyMissing, Run, RunPlan
from tests.recorder.units import PICTURE_TICKS, parameter_sets, stream, unit
from vms.domain.footage import SegmentFlag
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import TICKS_PER_SECOND

NOW = 1_790_000_000 * TICKS_PER_SECOND
CAMERA = CameraId(11)


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


def a_run(shelf: Shelf, *, segment_seconds: int = 4, not_before: int = 0, keys: KeyRing | None = None) -> Run:
    plan = RunPlan(StreamId(5), CAMERA, parameter_sets(), segment_seconds * TICKS_PER_SECOND, not_before, 1000)
    return Run(plan, shelf, keys or keys_around(NOW))


def record(run: Run, count: int, *, gop: int = 25) -> None:
    for each in stream(count, gop=gop):
        assert run.add(each, NOW + int(each.arrival * TICKS_PER_SECOND))


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

    written = [sample.payload for fragment in shelf.all_fragments for sample in fragment.samples]
    assert written == [each.payload for each in stream(777)]


def test_closing_publishes_the_unfinished_fragment() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 3)
    run.close()

    assert [len(fragment.samples) for fragment in shelf.all_fragments] == [3]
    assert list(shelf.published) == shelf.opened


def test_segments_are_cut_on_keyframes() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 1000)
    run.close()

    assert len(shelf.opened) > 5
    assert all(shelf.fragments[segment][0].samples[0].keyframe for segment in shelf.opened)
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

    assert not run.add(unit(30, rtp=20 * TICKS_PER_SECOND), NOW)
    run.close()
    assert sum(len(fragment.samples) for fragment in shelf.all_fragments) == 30


def test_the_last_picture_gets_the_usual_duration() -> None:
    shelf = Shelf()
    run = a_run(shelf)
    record(run, 10)
    run.close()

    assert shelf.all_fragments[-1].samples[-1].duration == PICTURE_TICKS


def test_without_the_key_of_its_hour_nothing_is_written() -> None:
    shelf = Shelf()
    run = a_run(shelf, keys=KeyRing())

    with pytest.raises(KeyMissing):
        record(run, 60)
    assert shelf.opened == []
