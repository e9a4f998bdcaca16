"""A package of what is on the disks of this machine: encrypted segments of a volume, past windows, damage."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tests.factories import a_gap, a_segment
from tests.vms.media.recorded import LENGTH, START
from tests.vms.media.segment_samples import CAMERA, STREAM, Keys, made_segment
from tests.vms.media.test_assembly import packets
from tests.vms.services.packaging import AT, a_hub, an_order
from vms.config import Settings
from vms.crypto import sealing_public_key
from vms.domain.footage import Gap, GapReason, Segment, SegmentState
from vms.domain.package import Order
from vms.domain.retention import Orders, StreamRule
from vms.domain.timespan import TICKS_PER_SECOND, Timespan, datetime_of
from vms.errors import Corrupt, NotFound, Unavailable
from vms.media.boxes import read_fragment
from vms.services.nodes import register_node
from vms.services.package_footage import StoredFootage, footage_here
from vms.services.packages import build_package
from vms.store import gaps, hold_replica, segments, volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.database import Engines
from vms.store.files import OpenPart, Volume

DURING = Timespan(datetime_of(START), datetime_of(START + 4 * LENGTH))


@pytest.fixture
def volume(tmp_path: Path, index: Engines) -> Volume:
    made = Volume.create(tmp_path / "volume", max_bytes=50_000_000)
    with index.write.begin() as connection:
        volumes.register(connection, made.id, made.path)
    return made


@pytest.fixture
def rows(index: Engines, volume: Volume) -> list[Segment]:
    """Three segments on the disk, one after the other."""
    published = [_published(volume, START + number * LENGTH) for number in range(3)]
    with index.write.begin() as connection:
        apply_batch(connection, IndexBatch(tuple(published)))
    return published


def _published(volume: Volume, at: int) -> Segment:
    made = made_segment(start_ticks=at)
    row = replace(
        a_segment(stream=STREAM, volume=volume.id), start_ticks=at, duration=LENGTH, size_bytes=len(made.file), fragments=made.fragments
    )
    row = replace(row, media_sha256=made.media_sha256, file_digest=made.file_digest)
    part = OpenPart.create(volume, row.id, 1_000_000)
    part.writev([made.file])
    part.publish()
    return row


def _order(central: Engines) -> Order:
    order = an_order(central)
    return replace(order, approval=None, cameras=(replace(order.cameras[0], stream_id=STREAM, spans=(DURING,)),))


@pytest.mark.slow
def test_encrypted_segments_come_out_as_they_were_sent(
    central_sqlite: Engines, index: Engines, volume: Volume, rows: list[Segment], tmp_path: Path
) -> None:
    built = build_package(_order(central_sqlite), StoredFootage(index, Keys(), [volume]), tmp_path, hub=a_hub(central_sqlite), at=AT)
    (video,) = built.videos
    recorded = [bytes(read_fragment(record).payload) for row in rows for record in made_segment(start_ticks=row.start_ticks).records[1:]]
    assert b"".join(octets for _, octets, _ in packets(built.folder / video.path)) == b"".join(recorded)
    assert [cut.segment for cut in video.part.cuts] == [row.id for row in rows]
    assert video.cut_sha256[0] == sha256(b"".join(recorded[:3])).digest()


@pytest.mark.parametrize("where", [70, 1_000, -1])
def test_a_damaged_octet_stops_the_package_and_names_the_segment(
    central_sqlite: Engines, index: Engines, volume: Volume, rows: list[Segment], tmp_path: Path, where: int
) -> None:
    path = volume.segment_path(rows[1].id)
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(Corrupt, match=f"of segment {rows[1].id} "):
        build_package(_order(central_sqlite), StoredFootage(index, Keys(), [volume]), into, hub=a_hub(central_sqlite), at=AT)
    assert list(into.iterdir()) == []


def test_a_segment_without_its_file_its_key_or_its_volume_is_named(index: Engines, volume: Volume, rows: list[Segment]) -> None:
    with pytest.raises(NotFound, match=rows[0].id), StoredFootage(index, Keys(None), [volume]).open(rows[0]):
        pass
    with pytest.raises(Unavailable, match=f"{rows[0].id} .*volume"), StoredFootage(index, Keys(), []).open(rows[0]):
        pass
    volume.segment_path(rows[0].id).unlink()
    with pytest.raises(Unavailable, match=f"{rows[0].id} has no file"), StoredFootage(index, Keys(), [volume]).open(rows[0]):
        pass


def test_a_camera_that_another_machine_records_is_not_taken_for_one_without_footage(central_sqlite: Engines, tmp_path: Path) -> None:
    """Its segments are in that machine's index: here all of it would be declared missing."""
    settings = Settings(data_dir=tmp_path)
    settings.secrets_dir.mkdir()
    settings.node_key_path.touch(0o600)
    settings.node_key_path.write_bytes(bytes(range(1, 33)))
    order = _order(central_sqlite)
    with central_sqlite.writing() as session:
        register_node(session, name="hub", public_key=sealing_public_key(bytes(range(1, 33))), at=AT)
    with (
        pytest.raises(Unavailable, match="‘Entrance’ is recorded by another machine than this"),
        footage_here(settings, central_sqlite, order),
    ):
        pass


def test_a_lost_segment_is_a_gap_with_that_reason(index: Engines, volume: Volume, rows: list[Segment]) -> None:
    with index.write.begin() as connection:
        segments.set_state(connection, rows[1].id, SegmentState.LOST, was=SegmentState.LIVE)
        gaps.put(connection, [a_gap(0, 1, stream=STREAM)])
    found, why = StoredFootage(index, Keys(), [volume]).recorded(STREAM, DURING, at=AT)
    assert [row.id for row in found] == [rows[0].id, rows[2].id]
    assert [(gap.reason, gap.start) for gap in why] == [(GapReason.LOST, rows[1].span.start)]


@pytest.mark.slow
def test_more_than_a_week_of_one_camera_is_found_whole_and_no_segment_twice(index: Engines, volume: Volume) -> None:
    """More than one question to the index gives; the first ends before a gap, and between two microseconds."""
    length, most = 6001, segments.FIND_LIMIT
    starts = [START + number * length + (TICKS_PER_SECOND if number >= most else 0) for number in range(most + 3)]
    one = replace(a_segment(stream=STREAM, volume=volume.id), duration=length, size_bytes=100)
    with index.write.begin() as connection:
        for first in range(0, len(starts), 1000):
            apply_batch(connection, IndexBatch(tuple(replace(one, start_ticks=at) for at in starts[first : first + 1000])))
    during = Timespan(datetime_of(START), datetime_of(starts[-1] + length))
    found, _ = StoredFootage(index, Keys(), [volume]).recorded(STREAM, during, at=AT)
    assert [row.start_ticks for row in found] == starts


@pytest.mark.parametrize(("at", "shown"), [(AT, 3), (AT + timedelta(days=30), 0)])
def test_what_is_past_its_window_is_not_shown_and_that_is_the_reason(
    index: Engines, volume: Volume, rows: list[Segment], at: datetime, shown: int
) -> None:
    """The window is 14 days; nothing was deleted yet."""
    assert len(rows) == 3
    with index.write.begin() as connection:
        hold_replica.apply(connection, Orders(1, (), (StreamRule(STREAM, CAMERA, 14 * 86_400_000),)))
        gaps.put(connection, [Gap(STREAM, DURING.start, DURING.end, GapReason.OFFLINE)])
    found, why = StoredFootage(index, Keys(), [volume]).recorded(STREAM, DURING, at=at)
    assert len(found) == shown
    assert [(gap.start, gap.end, gap.reason) for gap in why] == [
        (DURING.start, DURING.end, GapReason.OFFLINE if shown else GapReason.NOT_KEPT)
    ]
