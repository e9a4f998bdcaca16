"""The writer thread: what it publishes is what its row says; what the disk refuses is told and harms nothing else."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.open_segment import Fragment, OpenSegment, SegmentPhase
from recorder.rtp.access_unit import UNIT_BYTES
from recorder.writer import ROOM_CHECK_SECONDS, Abandoned, Published, Reached, VolumeCondition, VolumeReport, WriterReport, WriterThread
from tests.recorder.test_clock import DrivenClock
from tests.recorder.units import PICTURE_TICKS, parameter_sets, stream
from tests.waiting import wait_until
from vms.clock import Clock, SystemClock
from vms.domain.footage import Segment, SegmentFlag
from vms.domain.ids import CameraId, SegmentId, StreamId
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND
from vms.media.fmp4 import ParameterSets, Samples
from vms.media.segment_file import scan
from vms.store.failpoints import armed
from vms.store.files import Volume

NOW = 1_790_000_000 * TICKS_PER_SECOND
KEY = bytes(range(32))


class OneKey:
    """A key store that knows one key; satisfies `segment_file.HourKeys`."""

    def hour_key(self, _camera: CameraId, _hour: int, /) -> bytes | None:
        return KEY

    def survivor_key(self, _camera: CameraId, _hour: int, _segment: SegmentId, /) -> bytes | None:
        return None


class Desk:
    """A writer on a real volume, and what it reported."""

    def __init__(self, volume: Volume, clock: Clock) -> None:
        self.volume = volume
        self.reports: list[WriterReport] = []
        self.listed: dict[SegmentId, OpenSegment] = {}
        self.writer = WriterThread(volume, clock=clock, sync_seconds=1, report=self.reports.append, listed=self.listed)

    def published(self) -> list[Segment]:
        return [report.segment for report in self.reports if isinstance(report, Published)]

    def abandoned(self) -> list[OpenSegment]:
        return [report.open_segment for report in self.reports if isinstance(report, Abandoned)]

    def conditions(self) -> list[VolumeCondition]:
        return [report.condition for report in self.reports if isinstance(report, VolumeReport)]

    def write(self, segment: OpenSegment, fragments: int = 2) -> None:
        """Queue a whole segment."""
        self.writer.open(segment)
        for number in range(fragments):
            self.writer.append(segment, a_fragment(segment.start_ticks + number * TICKS_PER_SECOND))
        self.writer.publish(segment, flags=SegmentFlag.NONE)

    def settle(self) -> None:
        """Wait until everything queued is done."""
        done: list[bool] = []
        self.writer.mark(lambda: done.append(True))

        def reached() -> bool:
            for report in self.reports:
                if isinstance(report, Reached):
                    report.mark()
            return bool(done)

        assert wait_until(reached)


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(max_bytes: int | None = None, clock: Clock | None = None) -> Desk:
        desk = Desk(Volume.create(tmp_path / "volume", max_bytes), clock or SystemClock())
        desk.writer.start()
        made.append(desk)
        return desk

    yield make
    for desk in made:
        assert desk.writer.stop(10)


def a_segment(start: int = NOW, *, run_start: int | None = None, expected_bytes: int = 100_000) -> OpenSegment:
    run_start_ms = (start if run_start is None else run_start) // TICKS_PER_MS
    return OpenSegment(StreamId(5), CameraId(11), start, run_start_ms, parameter_sets(), expected_bytes, KEY)


def a_fragment(tfdt: int, pictures: int = 25) -> Fragment:
    samples = Samples()
    for unit in stream(pictures):
        samples.append(unit.payload, PICTURE_TICKS, keyframe=unit.keyframe)
    return Fragment(tfdt, pictures * PICTURE_TICKS, samples, sum(len(payload) + UNIT_BYTES for payload in samples.payloads), 0.0)


def test_a_published_file_is_what_its_row_says(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.write(a_segment(), fragments=3)
    desk.settle()

    (segment,) = desk.published()
    path = desk.volume.segment_path(segment.id)
    with path.open("rb") as file:
        found = scan(file, OneKey(), segment=segment.id)
    assert found.stopped is None
    assert (found.fragments, found.file_digest, found.media_sha256) == (segment.fragments, segment.file_digest, segment.media_sha256)
    assert (found.start_ticks, found.duration) == (segment.start_ticks, segment.duration)
    assert path.stat().st_size == segment.size_bytes


def test_segments_of_several_streams_are_written_side_by_side(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    open_segments = [a_segment(NOW + number * TICKS_PER_SECOND * 60) for number in range(5)]
    for segment in open_segments:
        desk.writer.open(segment)
    for number in range(3):
        for segment in open_segments:
            desk.writer.append(segment, a_fragment(segment.start_ticks + number * TICKS_PER_SECOND))
    for segment in open_segments:
        desk.writer.publish(segment, flags=SegmentFlag.NONE)
    desk.settle()

    assert [segment.duration for segment in desk.published()] == [3 * TICKS_PER_SECOND] * 5


def test_a_fragment_is_listed_when_it_is_whole_on_disk(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    segment = a_segment()
    desk.writer.open(segment)
    desk.writer.append(segment, a_fragment(NOW))
    desk.settle()

    with desk.volume.part_path(segment.id).open("rb") as file:
        found = scan(file, OneKey(), segment=segment.id)
    assert desk.listed == {segment.id: segment}
    assert tuple(segment.written) == found.fragments


def test_what_is_queued_is_counted_until_it_is_written(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    segment = a_segment()
    desk.write(segment)
    desk.settle()

    assert desk.writer.queued_bytes(segment.camera_id) == 0


def test_the_age_of_what_waits_is_known_although_the_disk_does_not_answer(tmp_path: Path) -> None:
    desk = Desk(Volume.create(tmp_path / "volume"), SystemClock())
    desk.write(a_segment())  # the writer does not run: as good as a disk that hangs at the first operation

    assert desk.writer.lag_seconds() > 0
    desk.writer.start()
    desk.settle()
    assert desk.writer.lag_seconds() == 0
    assert desk.writer.stop(10)


def test_a_full_volume_is_told_and_takes_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(50_000)
    desk.write(a_segment(expected_bytes=100_000))
    desk.settle()

    assert desk.conditions() == [VolumeCondition.FULL]
    assert "max_bytes" in desk.writer.sentence
    assert list(desk.volume.path.rglob("*.part")) == []


def test_a_volume_with_room_again_takes_segments_again(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(1_000_000)
    filler = desk.volume.path / "filler"
    filler.write_bytes(bytes(2_000_000))
    desk.volume.measure_again()
    desk.write(a_segment())
    desk.settle()
    filler.unlink()

    assert wait_until(lambda: desk.conditions() == [VolumeCondition.FULL, VolumeCondition.OK])
    desk.write(a_segment(NOW + TICKS_PER_SECOND))
    desk.settle()
    assert len(desk.published()) == 1


def broken_disk() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_fault_ends_the_volume_and_is_told(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    segment = a_segment()
    with armed("publish:a", broken_disk):
        desk.write(segment)
        desk.settle()
    desk.write(a_segment(NOW + TICKS_PER_SECOND))
    desk.settle()

    assert desk.conditions() == [VolumeCondition.FAILED]
    assert desk.published() == []
    assert segment.phase is SegmentPhase.ABANDONED


def test_a_segment_that_is_there_already_is_never_written_over(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.write(a_segment(), fragments=1)
    desk.write(a_segment(), fragments=2)
    desk.settle()

    assert [len(segment.fragments) for segment in desk.published()] == [2]
    assert desk.conditions() == []


def test_a_volume_without_room_for_a_segment_stays_full_until_there_is(make_desk: Callable[..., Desk]) -> None:
    clock = DrivenClock()
    desk = make_desk(1_000_000, clock)
    desk.write(a_segment(expected_bytes=2_000_000))
    for _ in range(3):
        clock.pass_time(ROOM_CHECK_SECONDS)
        desk.settle()

    assert desk.conditions() == [VolumeCondition.FULL]


def test_a_segment_that_is_lost_takes_the_rest_of_its_run_with_it(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    lost, later = a_segment(), a_segment(NOW + TICKS_PER_SECOND, run_start=NOW)
    part = desk.volume.part_path(lost.id)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another recorder")
    desk.write(lost)
    desk.write(later)
    desk.write(a_segment(NOW + 2 * TICKS_PER_SECOND))
    desk.settle()

    assert desk.abandoned() == [lost, later]
    assert [segment.start_ticks for segment in desk.published()] == [NOW + 2 * TICKS_PER_SECOND]


@pytest.mark.usefixtures("log_lines")  # as the worker logs: structlog’s own renderer opens files at its first exception
def test_a_process_that_may_open_no_more_files_has_a_healthy_disk(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    refused = a_segment()
    with no_more_files():
        desk.write(refused)
        desk.settle()
    desk.write(a_segment(NOW + TICKS_PER_SECOND))
    desk.settle()

    assert desk.abandoned() == [refused]
    assert [segment.start_ticks for segment in desk.published()] == [NOW + TICKS_PER_SECOND]
    assert desk.conditions() == []


@contextmanager
def no_more_files() -> Iterator[None]:
    """Forbid this process to open another file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_segment_that_no_init_segment_can_be_made_of_harms_no_other(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    unreadable = replace(a_segment(), parameter_sets=ParameterSets("h264", (), (b"\x67\x42\x00",), (b"\x68\xce\x38\x80",)))
    desk.write(unreadable)
    desk.write(a_segment(NOW + TICKS_PER_SECOND))
    desk.settle()

    assert desk.abandoned() == [unreadable]
    assert [segment.start_ticks for segment in desk.published()] == [NOW + TICKS_PER_SECOND]
    assert desk.conditions() == []


def test_a_disk_that_can_not_be_asked_for_room_is_a_failed_volume(tmp_path: Path) -> None:
    desk = Desk(Volume.create(tmp_path / "volume"), SystemClock())
    shutil.rmtree(desk.volume.path)
    desk.writer.start()
    assert desk.writer.stop(10)

    assert desk.conditions() == [VolumeCondition.FAILED]


def test_a_volume_that_failed_for_another_worker_is_given_up_here_too(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    begun = a_segment()
    desk.writer.open(begun)
    desk.writer.give_up(VolumeCondition.FAILED, "Another worker's fsync failed.")
    desk.write(a_segment(NOW + TICKS_PER_SECOND))
    desk.settle()

    assert desk.conditions() == [VolumeCondition.FAILED]
    assert desk.writer.sentence == "Another worker's fsync failed."
    assert len(desk.abandoned()) == 2
    assert desk.published() == []


def test_a_volume_that_is_given_up_stays_so_whatever_else_is_found(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.writer.give_up(VolumeCondition.READ_ONLY, "It is read-only.")
    desk.writer.give_up(VolumeCondition.FAILED, "It failed.")
    desk.settle()

    assert desk.conditions() == [VolumeCondition.READ_ONLY]


def test_a_failed_volume_gives_up_every_segment_and_keeps_no_file_open(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    other, failing = a_segment(NOW + TICKS_PER_SECOND), a_segment()
    desk.writer.open(other)
    with armed("publish:a", broken_disk):
        desk.write(failing)
        desk.settle()

    assert desk.abandoned() == [failing, other]
    assert [file for file in Path("/proc/self/fd").iterdir() if str(desk.volume.path) in os.path.realpath(file)] == []
