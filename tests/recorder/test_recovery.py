"""Recovery: what a crash leaves becomes footage again, in its run; nothing published is removed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from recorder.cutter import stagger
from recorder.keys import KeyRing
from recorder.node import Node, open_node
from recorder.open_segment import hour_of
from recorder.places import ENDLESS
from recorder.recovery import Recovered, note_clean, recover, salvage_streams
from recorder.run import Run, RunPlan
from recorder.writer import Published, WriterReport, WriterThread
from tests.recorder.site import CLOCK, Site
from tests.recorder.units import parameter_sets, stream
from vms.domain.footage import Gap, GapReason, Segment, SegmentFlag, SegmentState
from vms.domain.footage import Run as RunRow
from vms.domain.ids import CameraId, SegmentId, StreamId, split_segment_id
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, datetime_of_ms, ms_of, ticks_of
from vms.media.segment_layout import HEADER_BYTES, LENGTH, record_size, whole_places
from vms.store import segments, volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.volumes import VolumeState

STREAM, CAMERA = StreamId(5), CameraId(11)
SEGMENT_TICKS = 2 * TICKS_PER_SECOND
pytestmark = pytest.mark.slow


@dataclass
class Crash:
    """Makes what a recorder leaves that died at a chosen moment."""

    node: Node
    site: Site

    def record(self, seconds: int, *, finish: bool) -> list[Segment]:
        """Record so long in segments of two seconds; without `finish` the last segment stays a `.part`."""
        reports: list[WriterReport] = []
        volume = self.node.volumes[0]
        writer = WriterThread(volume, clock=CLOCK, sync_seconds=1, report=reports.append, listed={})
        writer.start()
        start = ticks_of(CLOCK.now()) - (seconds + 10) * TICKS_PER_SECOND
        start += (stagger(CAMERA, SEGMENT_TICKS) - start) % SEGMENT_TICKS + TICKS_PER_SECOND // 4  # cut after every second keyframe
        run = Run(RunPlan(STREAM, CAMERA, parameter_sets(), SEGMENT_TICKS, 0, ENDLESS, 10_000), writer, self._keys(start))
        for each in stream(seconds * 25 + 1):
            assert run.add([each], start + int(each.arrival * TICKS_PER_SECOND))
        if finish:
            run.close()
        assert writer.stop(10)
        return [report.segment for report in reports if isinstance(report, Published)]

    def enter(self, *found: Segment) -> None:
        rows = tuple(RunRow(each.stream_id, each.run_start_ms, each.end_ticks // TICKS_PER_MS, None) for each in found)
        with self.node.index.write.begin() as connection:
            apply_batch(connection, IndexBatch(segments=found, runs=rows))

    def recover(self) -> Recovered:
        return recover(self.node, lived_ms=ms_of(CLOCK.now()))

    def salvage(self, of: StreamId) -> Recovered:
        return salvage_streams(self.node, frozenset({of}), lived_ms=ms_of(CLOCK.now()))

    def parts(self) -> list[Path]:
        return sorted(self.node.volumes[0].path.rglob("*.part"))

    def rows(self) -> list[Segment]:
        return self.site.segments(STREAM)

    def _keys(self, start: int) -> KeyRing:
        ring = KeyRing()
        for hour in (hour_of(start), hour_of(start) + 1):
            ring.add(CAMERA, hour, self.node.keys.ensure(CAMERA, [hour])[hour])
        return ring


@pytest.fixture
def crash(site: Site) -> Iterator[Crash]:
    node = open_node(site.settings, CLOCK)
    yield Crash(node, site)
    node.close()


def test_a_part_becomes_a_segment_with_every_whole_fragment(crash: Crash) -> None:
    crash.record(1, finish=False)

    done = crash.recover()

    (row,) = crash.rows()
    assert done.salvaged == 1
    assert (row.flags, row.duration) == (SegmentFlag.SALVAGED, TICKS_PER_SECOND)
    assert crash.parts() == []
    assert crash.site.check().violations == ()


def test_it_is_told_how_much_a_salvaged_segment_lacks(crash: Crash) -> None:
    """How late its last fragment was written, and how long its writer lived on after what that holds."""
    crash.record(1, finish=False)
    (part,) = crash.parts()
    end_ms = split_segment_id(SegmentId(part.name.partition(".")[0]))[1] + 1000
    os.utime(part, ns=(0, (end_ms + 400) * 1_000_000))

    with capture_logs() as lines:
        recover(crash.node, lived_ms=end_ms + 1700)

    (line,) = [line for line in lines if line["event"] == "segment salvaged"]
    assert (line["write_lag_ms"], line["missing_ms"]) == (pytest.approx(400, abs=1), pytest.approx(1700, abs=1))


class SetBack:
    """The machine's clock after somebody set it back three hours."""

    def now(self) -> datetime:
        return CLOCK.now() - timedelta(hours=3)

    def monotonic(self) -> float:
        return CLOCK.monotonic()


def test_what_a_worker_leaves_that_died_after_the_clock_was_set_back_is_salvaged(crash: Crash) -> None:
    *found, last = crash.record(5, finish=True)
    crash.enter(*found)
    volume = crash.node.volumes[0]
    volume.segment_path(last.id).rename(volume.part_path(last.id))  # as a kill leaves it

    done = salvage_streams(replace(crash.node, clock=SetBack()), frozenset({STREAM}), lived_ms=ms_of(CLOCK.now()))

    assert done.salvaged == 1
    assert crash.parts() == []


def test_a_reason_that_was_told_for_later_time_leaves_no_time_without_one(crash: Crash) -> None:
    *found, last = crash.record(5, finish=True)
    crash.enter(*found)
    until = datetime_of_ms(last.end_ticks // TICKS_PER_MS + 5000)
    with crash.node.index.write.begin() as connection:
        apply_batch(connection, IndexBatch(gaps=(Gap(STREAM, until, None, GapReason.DISK_SLOW),)))

    crash.recover()

    ends = datetime_of_ms(last.end_ticks // TICKS_PER_MS)
    told = [(gap.reason, gap.start, gap.end) for gap in crash.site.gaps(STREAM)]
    assert told == [(GapReason.RECORDER_CRASHED, ends, until), (GapReason.DISK_SLOW, until, None)]


def test_a_torn_last_record_is_cut_off(crash: Crash) -> None:
    crash.record(1, finish=False)
    (part,) = crash.parts()
    with part.open("ab") as file:
        file.write(b"\x00\x01\x00\x00 torn")

    crash.recover()

    assert [row.duration for row in crash.rows()] == [TICKS_PER_SECOND]
    assert crash.site.check().violations == ()


def test_a_part_without_a_picture_is_removed(crash: Crash) -> None:
    crash.record(1, finish=False)
    (part,) = crash.parts()
    with part.open("r+b") as file:
        file.truncate(100)

    done = crash.recover()

    assert done.discarded == 1
    assert crash.parts() == []
    assert crash.rows() == []


def test_published_files_without_a_row_are_adopted_as_they_were(crash: Crash) -> None:
    published = crash.record(9, finish=True)

    done = crash.recover()

    assert done.adopted == len(published)
    assert [replace(row, camera_clock_offset_ms=None) for row in crash.rows()] == published


def test_what_is_taken_in_continues_its_run(crash: Crash) -> None:
    first, *_ = crash.record(9, finish=False)
    crash.enter(first)

    crash.recover()

    (run,) = crash.site.runs(STREAM)
    assert (run.start_ms, run.end_ms) == (first.run_start_ms, crash.rows()[-1].end_ticks // TICKS_PER_MS)
    assert run.end_reason is GapReason.RECORDER_CRASHED


def test_a_gap_begins_where_the_footage_ends(crash: Crash) -> None:
    crash.record(5, finish=False)

    crash.recover()

    (run,) = crash.site.runs(STREAM)
    (gap,) = crash.site.gaps(STREAM)
    assert (gap.reason, gap.end) == (GapReason.RECORDER_CRASHED, None)
    assert gap.start.timestamp() * 1000 == pytest.approx(run.end_ms, abs=1)


def test_a_lost_segment_whose_file_is_put_back_is_live_again(crash: Crash) -> None:
    first, *_ = crash.record(5, finish=True)
    crash.recover()
    path = crash.node.volumes[0].segment_path(first.id)
    path.rename(crash.site.settings.data_dir / "away")
    crash.recover()
    (crash.site.settings.data_dir / "away").rename(path)

    done = crash.recover()

    assert done.found_again == 1
    assert first.id in {row.id for row in crash.rows()}
    assert crash.site.check().violations == ()


def test_however_many_are_lost_each_file_that_is_put_back_is_found(crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.recovery.BATCH", 1)
    made = crash.record(10, finish=True)
    crash.recover()
    paths = [crash.node.volumes[0].segment_path(segment.id) for segment in made]
    for path in paths:
        path.rename(path.with_name(f"{path.stem}.away"))
    assert crash.recover().lost == len(made) > 3
    paths[-1].with_name(f"{paths[-1].stem}.away").rename(paths[-1])
    assert crash.recover().found_again == 1


def test_a_lost_segment_stays_lost_while_another_file_stands_in_its_place(crash: Crash) -> None:
    first, second, *_ = crash.record(5, finish=True)
    crash.recover()
    volume = crash.node.volumes[0]
    volume.segment_path(first.id).unlink()
    crash.recover()
    volume.segment_path(first.id).write_bytes(volume.segment_path(second.id).read_bytes())

    done = crash.recover()

    assert done.found_again == 0
    assert first.id not in {row.id for row in crash.rows()}


def test_a_row_whose_file_is_gone_is_marked_lost(crash: Crash) -> None:
    first, *_ = crash.record(5, finish=True)
    crash.recover()
    crash.node.volumes[0].segment_path(first.id).unlink()

    done = crash.recover()

    with crash.node.index.read.begin() as connection:
        assert segments.states(connection, [first.id]) == {first.id: SegmentState.LOST}
    assert done.lost == 1


def test_recovering_twice_changes_nothing(crash: Crash) -> None:
    crash.record(5, finish=False)
    crash.recover()
    before = crash.rows()

    done = crash.recover()

    assert (done.salvaged, done.adopted, crash.rows()) == (0, 0, before)


def test_a_damaged_file_without_a_row_is_left_where_it_is(crash: Crash) -> None:
    first, *_ = crash.record(5, finish=True)
    path = crash.node.volumes[0].segment_path(first.id)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    done = crash.recover()

    assert done.unreadable == 1
    assert path.exists()


def test_a_file_whose_key_is_destroyed_is_left_where_it_is(crash: Crash) -> None:
    crash.record(1, finish=False)
    (part,) = crash.parts()
    now = CLOCK.now()
    for hour in range(hour_of(ticks_of(now)) - 1, hour_of(ticks_of(now)) + 2):
        crash.node.keys.destroy({(CAMERA, hour): {}}, at=now)

    done = crash.recover()

    assert done.unreadable == 1
    assert part.exists()


def test_a_dead_workers_streams_are_salvaged_and_no_others(crash: Crash) -> None:
    crash.record(1, finish=False)

    other = crash.salvage(StreamId(6))
    own = crash.salvage(STREAM)

    assert (other.salvaged, own.salvaged) == (0, 1)
    (row,) = crash.rows()
    assert own.ends == {(STREAM, row.run_start_ms): row.end_ticks // TICKS_PER_MS}


def first_record(part: Path) -> int:
    """Return where the record after the init segment begins in the file."""
    with part.open("rb") as file:
        init, *_ = whole_places(file.fileno())
    return init.file_at + record_size(init.length)


def damage(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("where", ["header", "length of the init segment", "init segment", "first picture"])
def test_a_part_with_a_damaged_beginning_stays(crash: Crash, where: str) -> None:
    crash.record(1, finish=False)
    (part,) = crash.parts()
    places = {
        "header": 0,
        "length of the init segment": HEADER_BYTES,
        "init segment": HEADER_BYTES + LENGTH.size,
        "first picture": first_record(part) + LENGTH.size,
    }
    damage(part, places[where])

    done = crash.recover()

    assert (done.unreadable, done.discarded) == (1, 0)
    assert part.exists()


def test_a_part_of_which_only_zeros_reached_the_disk_is_removed(crash: Crash) -> None:
    crash.record(1, finish=False)
    (part,) = crash.parts()
    part.write_bytes(bytes(part.stat().st_size))

    assert crash.recover().discarded == 1


def broken_disk(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_that_the_disk_does_not_give_back_stays_and_the_others_are_taken_in(crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    crash.record(5, finish=False)
    with monkeypatch.context() as patch:
        patch.setattr("recorder.recovery.scan", broken_disk)
        done = crash.recover()

    assert (done.unreadable, done.adopted, done.salvaged) == (len(crash.parts()) + 2, 0, 0)


def test_a_volume_that_can_not_be_listed_does_not_stop_the_recorder_and_is_looked_at_again(
    crash: Crash, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = crash.record(5, finish=True)
    with monkeypatch.context() as patch:
        patch.setattr("recorder.recovery.iter_published", broken_disk)
        crash.recover()

    assert crash.recover().adopted == len(published)


def test_a_row_is_entered_only_when_the_file_that_a_crash_left_and_its_name_are_durable(
    crash: Crash, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash.record(5, finish=False)
    synced: list[str] = []
    entered: list[set[str]] = []
    fsync, put = os.fsync, segments.put

    def noting_fsync(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()).removesuffix(".part"))
        fsync(fd)

    def noting_put(connection: Connection, found: Sequence[Segment]) -> None:
        volume = crash.node.volumes[0]
        entered.append({str(path) for each in found for path in (volume.segment_path(each.id), volume.segment_path(each.id).parent)})
        assert entered[-1] <= set(synced)
        put(connection, found)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(segments, "put", noting_put)
    assert crash.recover().adopted == 2

    assert any(entered)


def test_a_volume_that_can_not_be_listed_after_a_workers_death_harms_no_other(crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    crash.record(5, finish=False)
    with monkeypatch.context() as patch:
        patch.setattr("recorder.recovery._files_of", broken_disk)
        assert crash.salvage(STREAM).salvaged == 0
    assert crash.salvage(STREAM).salvaged == 0, "a volume that was given up waits for the next start"

    assert crash.recover().adopted == 2


def test_what_is_salvaged_late_takes_its_time_out_of_the_gap(crash: Crash) -> None:
    first, *_, last = crash.record(5, finish=True)
    began, reached = (datetime_of_ms(each.end_ticks // TICKS_PER_MS) for each in (first, last))
    ended = RunRow(STREAM, first.run_start_ms, ms_of(began), GapReason.DISK_ERROR)
    with crash.node.index.write.begin() as connection:
        gap = Gap(STREAM, began, None, GapReason.DISK_ERROR)
        apply_batch(connection, IndexBatch(segments=(first,), runs=(ended,), gaps=(gap,)))

    crash.recover()

    assert crash.site.gaps(STREAM) == [replace(gap, start=reached)]


def test_a_failed_volume_is_not_noted_as_clean(crash: Crash) -> None:
    volume = crash.node.volumes[0]
    with crash.node.index.write.begin() as connection:
        volumes.set_clean_hour(connection, volume.id, 7)
    crash.node.note_volume_state(volume.id, VolumeState.FAILED)

    note_clean(crash.node)

    with crash.node.index.read.begin() as connection:
        assert volumes.get(connection, volume.id).clean_hour == 7
