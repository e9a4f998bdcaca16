"""`vms check`: what does not agree is found, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories import a_run, a_segment
from tests.vms.media.segment_samples import START_TICKS, STREAM, Keys, made_segment
from vms.domain.footage import Run, Segment, SegmentState
from vms.domain.timespan import TICKS_PER_SECOND, datetime_of
from vms.services.check import ORPHAN_GRACE, PART_GRACE, Depth, check
from vms.store import runs, segments, volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.database import Engines
from vms.store.files import OpenPart, Volume
from vms.store.index_tables import RunRow

_AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_OLD = (_AT - timedelta(hours=1)).timestamp()


@pytest.fixture
def volume(tmp_path: Path, index: Engines) -> Volume:
    made = Volume.create(tmp_path / "volume", max_bytes=50_000_000)
    with index.write.begin() as connection:
        volumes.register(connection, made.id, made.path)
    return made


def _encoded(volume: Volume, number: int = 0) -> tuple[Segment, Sequence[bytes]]:
    """Return the row and the bytes of a small segment file."""
    made = made_segment(start_ticks=START_TICKS + 60 * number * TICKS_PER_SECOND)
    row = a_segment(datetime_of(START_TICKS), 60, stream=STREAM, volume=volume.id)
    row = replace(row, start_ticks=START_TICKS + 60 * number * TICKS_PER_SECOND, size_bytes=len(made.file), fragments=made.fragments)
    return replace(row, media_sha256=made.media_sha256, file_digest=made.file_digest), [made.file]


def _published(volume: Volume, index: Engines, number: int = 0) -> Segment:
    row, written = _encoded(volume, number)
    _file(volume, row, written)
    with index.write.begin() as connection:
        apply_batch(connection, IndexBatch((row,)))
    return row


def _file(volume: Volume, row: Segment, written: Sequence[bytes]) -> Path:
    part = OpenPart.create(volume, row.id, 1_000_000)
    part.writev(written)
    path = part.publish()
    os.utime(path, (_OLD, _OLD))
    return path


def _found(index: Engines, volume: Volume, depth: Depth = Depth.ROWS, keys: Keys | None = None) -> list[tuple[int, str]]:
    report = check(index, [volume], at=_AT, depth=depth, keys=keys)
    return [(violation.invariant, violation.subject) for violation in report.violations]


def test_rows_and_files_that_agree_are_fine_at_any_depth(index: Engines, volume: Volume) -> None:
    for number in range(3):
        _published(volume, index, number)
    report = check(index, [volume], at=_AT, depth=Depth.DEEP, keys=Keys())
    assert report.document() == {"ok": True, "violations": []}


def test_it_tells_how_many_of_how_many_files_are_compared(index: Engines, volume: Volume) -> None:
    for number in range(3):
        _published(volume, index, number)
    told: list[tuple[int, int]] = []
    check(index, [volume], at=_AT, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_live_row_without_its_file_breaks_invariant_1(index: Engines, volume: Volume) -> None:
    row = _published(volume, index)
    volume.segment_path(row.id).unlink()
    document = check(index, [volume], at=_AT).document()
    assert not document["ok"]
    assert [(one["invariant"], one["subject"]) for one in document["violations"]] == [(1, row.id)]
    assert "is missing" in document["violations"][0]["detail"]


def test_a_file_of_another_size_breaks_invariant_1(index: Engines, volume: Volume) -> None:
    row = _published(volume, index)
    os.truncate(volume.segment_path(row.id), row.size_bytes - 1)
    assert _found(index, volume) == [(1, row.id)]


def _alter(path: Path, where: int) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("where", [3, -1])
def test_a_changed_header_or_tag_is_found_without_keys(index: Engines, volume: Volume, where: int) -> None:
    row = _published(volume, index)
    _alter(volume.segment_path(row.id), where)
    assert _found(index, volume) == []
    assert _found(index, volume, Depth.DEEP) == [(1, row.id)]


@pytest.mark.parametrize("where", [3, 70, 1_000, -100, -1])
def test_a_changed_octet_anywhere_is_found_by_decrypting(index: Engines, volume: Volume, where: int) -> None:
    row = _published(volume, index)
    _alter(volume.segment_path(row.id), where)
    assert _found(index, volume, Depth.DEEP, Keys()) == [(1, row.id)]


@pytest.mark.parametrize("change", [{"media_sha256": bytes(32)}, {"file_digest": bytes(32)}, {"fragments": a_segment().fragments}])
def test_a_row_that_tells_otherwise_than_its_file_is_found(index: Engines, volume: Volume, change: Mapping[str, Any]) -> None:
    row, written = _encoded(volume)
    _file(volume, row, written)
    with index.write.begin() as connection:
        apply_batch(connection, IndexBatch((replace(row, **change),)))
    assert _found(index, volume, Depth.DEEP, Keys()) == [(1, row.id)]


def test_a_live_segment_whose_key_is_gone_breaks_invariant_1(index: Engines, volume: Volume) -> None:
    row = _published(volume, index)
    assert _found(index, volume, Depth.DEEP, Keys(None)) == [(1, row.id)]


def test_a_file_that_can_not_be_read_breaks_invariant_1(index: Engines, volume: Volume) -> None:
    row = _published(volume, index)
    path = volume.segment_path(row.id)
    path.unlink()
    path.symlink_to(path.name)
    assert (1, row.id) in _found(index, volume)


def test_a_row_that_is_condemned_or_lost_needs_no_file(index: Engines, volume: Volume) -> None:
    for number, state in enumerate((SegmentState.CONDEMNED, SegmentState.LOST)):
        row = _published(volume, index, number)
        volume.segment_path(row.id).unlink()
        with index.write.begin() as connection:
            segments.set_state(connection, row.id, state, was=row.state)
    assert _found(index, volume) == []


def test_a_condemned_file_is_still_accounted_for(index: Engines, volume: Volume) -> None:
    row = _published(volume, index)
    with index.write.begin() as connection:
        segments.set_state(connection, row.id, SegmentState.CONDEMNED, was=row.state)
    assert _found(index, volume) == []


def test_a_lost_row_whose_file_is_there_breaks_invariant_2(index: Engines, volume: Volume) -> None:
    row = _published(volume, index)
    with index.write.begin() as connection:
        segments.set_state(connection, row.id, SegmentState.LOST, was=row.state)
    assert _found(index, volume) == [(2, row.id)]


def test_a_file_without_a_row_breaks_invariant_2_once_it_is_older_than_a_batch(index: Engines, volume: Volume) -> None:
    row, written = _encoded(volume)
    path = _file(volume, row, written)
    assert _found(index, volume) == [(2, row.id)]
    young = (_AT - ORPHAN_GRACE).timestamp()
    os.utime(path, (young, young))
    assert _found(index, volume) == []


def test_a_part_that_nobody_writes_breaks_invariant_2(index: Engines, volume: Volume) -> None:
    row, written = _encoded(volume)
    part = OpenPart.create(volume, row.id, 1_000_000)
    part.writev(written)
    part.close()
    path = volume.part_path(row.id)
    recent = (_AT - PART_GRACE).timestamp()
    os.utime(path, (recent, recent))
    assert _found(index, volume) == []
    os.utime(path, (_OLD, _OLD))
    assert _found(index, volume) == [(2, row.id)]


def test_a_stray_among_the_footage_breaks_invariant_2(index: Engines, volume: Volume) -> None:
    stray = volume.path / "live" / "notes.txt"
    stray.write_text("who put this here?")
    assert _found(index, volume) == [(2, str(stray))]


def test_a_volume_that_holds_segments_and_is_not_there_breaks_invariant_1(index: Engines, volume: Volume) -> None:
    _published(volume, index)
    report = check(index, [], at=_AT)
    assert [(violation.invariant, violation.subject) for violation in report.violations] == [(1, f"volume {volume.id}")]


def test_runs_that_overlap_break_invariant_9(index: Engines, volume: Volume) -> None:
    with index.write.begin() as connection:
        runs.put(connection, [a_run(0, 60), a_run(60, 90)])
        forced: Run = a_run(0, 60)
        connection.execute(RunRow.__table__.update().where(RunRow.start_ms == forced.start_ms).values(end_ms=forced.end_ms + 1))  # type: ignore[attr-defined]
    assert _found(index, volume) == [(9, f"stream {forced.stream_id}")]
