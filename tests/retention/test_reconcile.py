"""Index and files compared by `vms retain`, on real files: one is removed behind its back, octets of one are flipped, one is put there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from structlog.typing import EventDict

from recorder.footage import Footage
from recorder.worker_client import WorkerClient
from retention import process
from retention.disks import Disks
from retention.reconcile import Stopped, _mark_lost, _tell_lost, is_due, reconcile
from tests.retention.recorded import START, flip, recorded, written
from tests.retention.world import World
from tests.vms.media.segment_samples import STREAM
from tests.waiting import wait_until
from vms.clock import SystemClock
from vms.domain.footage import GapReason, Segment, SegmentState
from vms.domain.timeline import LOST_SENTENCE
from vms.domain.timespan import Timespan, ms_of
from vms.services import check
from vms.services.check import Depth
from vms.store import reconciliations, segments
from vms.store.reconciliations import Reconciliation
from vms.store.timeline import timeline


def _state(world: World, row: Segment) -> SegmentState | None:
    with world.node.index.read.begin() as connection:
        return segments.states(connection, [row.id]).get(row.id)


def _stored(world: World) -> Reconciliation | None:
    with world.node.index.read.begin() as connection:
        return reconciliations.newest(connection)


def _alarms(lines: Sequence[EventDict]) -> list[str]:
    return [line["event"] for line in lines if line["log_level"] != "info"]


def test_what_agrees_is_told_as_fine_and_kept(world: World) -> None:
    recorded(world, 3)
    with capture_logs() as lines:
        found = reconcile(world.node)
    assert found.ok
    assert (found.compared, found.read) == (3, 3)
    assert _stored(world) == found
    assert _alarms(lines) == []


def test_a_file_that_somebody_removed_is_an_alarm_and_a_gap_with_its_reason(world: World) -> None:
    made = recorded(world, 3)
    made[1][1].unlink()
    with capture_logs() as lines:
        found = reconcile(world.node)
    assert [_state(world, row) for row, _ in made] == [SegmentState.LIVE, SegmentState.LOST, SegmentState.LIVE]
    assert (found.missing, found.damaged, found.other) == (1, 0, 0)
    assert "is missing" in found.first[0]
    alarm = next(line for line in lines if line["log_level"] == "error")
    assert alarm["event"] == "segment lost: its file is gone; run: vms check"
    assert alarm["segment"] == made[1][0].id
    with world.node.index.read.begin() as connection:
        told = timeline(connection, STREAM, Timespan(START, START + timedelta(minutes=3)), now=START + timedelta(minutes=3))
        lost, second = made[1][0].span, timedelta(seconds=1)
        for start, end in ((lost.start + second, lost.end), (lost.start, lost.start + second), (lost.end - second, lost.end + second)):
            assert segments.lost_spans(connection, STREAM, Timespan(start, end)) == [lost]
        for start, end in ((lost.start - second, lost.start), (lost.end, lost.end + second)):
            assert segments.lost_spans(connection, STREAM, Timespan(start, end)) == []
    (gap,) = told.gaps
    assert (gap.start, gap.end, gap.reason, gap.detail) == (made[1][0].span.start, made[1][0].span.end, GapReason.LOST, LOST_SENTENCE)
    assert [span.duration for span in told.recorded] == [timedelta(minutes=1), timedelta(minutes=1)]


def test_a_player_is_told_why_the_lost_minutes_are_not_there(world: World, tmp_path: Path) -> None:
    made = recorded(world, 4)
    for _, path in made[1:3]:
        path.unlink()
    reconcile(world.node)
    footage = Footage(world.node.index, world.node.keys, [world.volume], WorkerClient(tmp_path))
    span = Timespan(START, START + timedelta(minutes=4))
    (gap,) = footage.gaps_sync(STREAM, span, now=span.end)
    assert (gap.start, gap.end, gap.reason) == (made[1][0].span.start, made[2][0].span.end, GapReason.LOST)
    assert [one.id for one in footage.find_sync(STREAM, span, [], now=span.end)] == [made[0][0].id, made[3][0].id]


def test_what_is_lost_is_told_once_and_never_again(world: World) -> None:
    made = recorded(world, 2)
    made[0][1].unlink()
    reconcile(world.node)
    with capture_logs() as lines:
        again = reconcile(world.node)
    assert again.ok
    assert _alarms(lines) == []
    assert _state(world, made[0][0]) is SegmentState.LOST


@pytest.mark.parametrize("where", [3, 1_000, -1])
def test_flipped_octets_are_told_and_the_footage_stays_as_it_is(world: World, where: int) -> None:
    made = recorded(world, 2)
    flip(made[0][1], where)
    with capture_logs() as lines:
        found = reconcile(world.node)
    assert (found.missing, found.damaged, found.other) == (0, 1, 0)
    told = [line for line in lines if line["event"] == "footage is not what was written; run: vms check --deep"]
    assert [line["segment"] for line in told] == [made[0][0].id]
    assert _state(world, made[0][0]) is SegmentState.LIVE


def test_a_file_that_somebody_put_there_is_told_and_left(world: World) -> None:
    recorded(world, 1)
    _row, orphan = written(world, 5)
    stray = world.volume.path / "live" / "notes.txt"
    stray.write_text("who put this here?")
    with capture_logs() as lines:
        found = reconcile(world.node)
    assert (found.missing, found.damaged, found.other) == (0, 0, 2)
    told = next(line for line in lines if line["event"] == "index and files do not agree; run: vms check")
    assert (told["log_level"], told["found"]) == ("warning", 2)
    assert orphan.exists()
    assert stray.exists()


def test_a_volume_that_is_away_loses_nothing(world: World) -> None:
    made = recorded(world, 2)
    world.volume.path.rename(world.volume.path.with_name("elsewhere"))
    found = reconcile(world.node)
    assert [_state(world, row) for row, _ in made] == [SegmentState.LIVE] * 2
    assert (found.missing, found.other) == (0, 1)


def test_a_volume_that_falls_away_in_the_middle_loses_nothing(world: World) -> None:
    """Its mount point is an empty folder then, in which every file seems gone."""
    made = recorded(world, 2)
    world.volume.path.rename(world.volume.path.with_name("elsewhere"))
    world.volume.path.mkdir()
    _mark_lost(world.node, [world.volume], [row.id for row, _ in made])
    assert [_state(world, row) for row, _ in made] == [SegmentState.LIVE] * 2


def test_of_what_is_lost_the_first_are_told_however_far_down_they_stand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retention.reconcile.AT_ONCE", 2)
    monkeypatch.setattr("retention.reconcile.TOLD", 3)
    made = recorded(world, 8)
    for _, path in made[4:]:  # the others are back
        path.unlink()
    with capture_logs() as lines:
        _tell_lost(_mark_lost(world.node, [world.volume], [row.id for row, _ in made]))
    assert [line["segment"] for line in lines] == [row.id for row, _ in made[4:7]]


def test_what_retention_destroys_meanwhile_is_not_lost(world: World) -> None:
    ((row, path),) = recorded(world, 1)
    with world.node.index.write.begin() as connection:
        segments.set_state(connection, row.id, SegmentState.CONDEMNED, was=SegmentState.LIVE)
    path.unlink()
    _mark_lost(world.node, [world.volume], [row.id])
    assert _state(world, row) is SegmentState.CONDEMNED


def test_a_file_that_is_back_when_it_is_to_be_marked_is_not_lost(world: World) -> None:
    ((row, _path),) = recorded(world, 1)
    _mark_lost(world.node, [world.volume], [row.id])
    assert _state(world, row) is SegmentState.LIVE


def test_lost_footage_is_purged_on_its_day_as_any_other(world: World) -> None:
    made = world.record(-15 * 86_400)
    world.volume.segment_path(made[0].id).unlink()
    reconcile(world.node)
    assert world.make_pass().purged == 1
    assert _state(world, made[0]) is None


def test_of_many_files_a_sample_is_read_and_every_name_is_compared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SAMPLED", 2)
    made = recorded(world, 5)
    for _, path in made:
        flip(path)
    drawn = set()
    for _ in range(60):  # each is missed by all draws once in 10^13
        report = check.check(world.node.index, [world.volume], at=world.clock.now(), depth=Depth.SAMPLE, keys=world.node.keys)
        assert (report.compared, report.read, len(report.violations)) == (5, 2, 2)
        drawn |= {one.subject for one in report.violations}
    assert drawn == {row.id for row, _ in made}


def test_just_after_one_comparison_no_other_is_due_unless_the_clock_was_set_back(world: World) -> None:
    assert is_due(world.node)
    reconcile(world.node)
    assert not is_due(world.node)
    world.clock.wall -= timedelta(minutes=5)
    assert is_due(world.node)
    world.clock.wall += timedelta(minutes=5, hours=1)
    assert is_due(world.node)


def test_a_process_that_is_to_end_breaks_off_and_keeps_nothing(world: World) -> None:
    recorded(world, 2)
    with pytest.raises(Stopped):
        reconcile(world.node, lambda: True)
    assert _stored(world) is None


def _as_the_scheduler_does(world: World, folder: Path) -> list[str]:
    """Run the job as `vms retain` does; return what it says that is no information."""
    jobs = process._Jobs(world.node, folder / "lock", Disks((), ()), threading.Event())
    with capture_logs() as lines:
        jobs.reconcile()
    return _alarms(lines)


def test_a_disk_that_can_not_be_listed_is_a_line_and_the_job_comes_again(world: World, tmp_path: Path) -> None:
    recorded(world, 1)
    live = world.volume.path / "live"
    live.rename(live.with_name("elsewhere"))
    live.write_text("no folder")
    assert _as_the_scheduler_does(world, tmp_path) == ["index and files not compared"]
    assert _stored(world) is None
    live.unlink()
    live.with_name("elsewhere").rename(live)
    assert _as_the_scheduler_does(world, tmp_path) == []
    assert _stored(world) is not None


def test_an_index_that_does_not_answer_is_a_line(world: World, tmp_path: Path) -> None:
    with world.node.index.write.begin() as connection:
        connection.execute(text("ALTER TABLE reconciliation RENAME TO elsewhere"))
    assert _as_the_scheduler_does(world, tmp_path) == ["index and files not compared"]


def test_a_second_start_within_the_hour_reads_no_disk_again(world: World, tmp_path: Path) -> None:
    recorded(world, 1)
    _as_the_scheduler_does(world, tmp_path)
    first = _stored(world)
    world.clock.advance(60)
    _as_the_scheduler_does(world, tmp_path)
    assert _stored(world) == first


def test_the_process_compares_after_its_start_by_itself(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "RECONCILE_AFTER_START", timedelta(0))
    made = recorded(world, 2)
    made[0][1].unlink()
    world.clock.wall = SystemClock().now()  # the scheduler has the machine's own
    stopping = threading.Event()
    work = threading.Thread(target=process._work, args=(world.node, tmp_path / "lock", Disks((), ()), stopping))
    work.start()
    try:
        wait_until(lambda: _stored(world) is not None)
    finally:
        stopping.set()
        work.join(20)
    found = _stored(world)
    assert found is not None
    assert found.compared == 2
    assert ms_of(world.clock.wall) - 60_000 < found.ended_ms
