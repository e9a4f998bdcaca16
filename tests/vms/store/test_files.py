from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from vms.domain.ids import SegmentId, StreamId, VolumeId, segment_id
from vms.errors import Conflict, Unavailable
from vms.store.files import BALLAST, IDENTITY, DiskFault, DiskFull, OpenPart, Volume, discard_part, iter_parts, iter_published, iter_strays

STREAM = StreamId(0xABCDEF)
NOON = 1_767_268_800_000
"""2026-01-01T12:00:00Z."""
SEGMENT = segment_id(STREAM, NOON)
MB = 1_000_000
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a file system to test with, nothing is kept there


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume.create(tmp_path / "volume", max_bytes=100 * MB)


def test_a_new_volume_has_an_identity_a_ballast_and_no_footage(tmp_path: Path) -> None:
    volume = Volume.create(tmp_path / "new" / "volume", max_bytes=100 * MB)
    assert json.loads((volume.path / IDENTITY).read_text()) == {"format": 1, "volume": volume.id}
    assert (volume.path / BALLAST).stat().st_blocks * 512 >= MB
    assert sorted(entry.name for entry in volume.path.iterdir()) == [BALLAST, "live", IDENTITY]
    assert stat.S_IMODE(volume.path.stat().st_mode) == 0o700


def test_a_volume_opens_again_with_the_same_identity(volume: Volume) -> None:
    assert Volume.open(volume.path).id == volume.id
    assert Volume.open(volume.path, volume.id, max_bytes=5).max_bytes == 5


def test_a_directory_is_made_a_volume_only_once(volume: Volume) -> None:
    with pytest.raises(Conflict, match="a volume already"):
        Volume.create(volume.path)


def test_a_creation_that_was_cut_short_is_done_again_whole(volume: Volume) -> None:
    (volume.path / IDENTITY).rename(volume.path / f"{IDENTITY}.tmp")
    again = Volume.create(volume.path, max_bytes=100 * MB)
    assert Volume.open(volume.path).id == again.id


def test_the_empty_mount_point_of_a_missing_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="Mount its disk there"):
        Volume.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_volumes_disk_is_refused(volume: Volume) -> None:
    with pytest.raises(Unavailable, match="Mount the right disk"):
        Volume.open(volume.path, VolumeId("11111111-1111-1111-1111-111111111111"))


@pytest.mark.parametrize(
    "identity", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 2, "volume": ""}', b'{"format": 1, "volume": "no"}', b"\xff"]
)
def test_an_identity_that_cannot_be_read_is_refused(volume: Volume, identity: bytes) -> None:
    (volume.path / IDENTITY).write_bytes(identity)
    with pytest.raises(Unavailable):
        Volume.open(volume.path)


def test_a_segment_is_written_beside_its_place_and_published_whole(volume: Volume) -> None:
    part = OpenPart.create(volume, SEGMENT, MB)
    part.writev([b"one", memoryview(b"two")])
    part.data_sync()
    assert (volume.part_path(SEGMENT).read_bytes(), volume.segment_path(SEGMENT).exists()) == (b"onetwo", False)
    part.writev([b"three"])
    published = part.publish()
    assert published == volume.segment_path(SEGMENT) == volume.path / "live/0000000000abcdef/20260101/12" / f"{SEGMENT}.cseg"
    assert published.read_bytes() == b"onetwothree"
    assert not volume.part_path(SEGMENT).exists()
    assert stat.S_IMODE(published.stat().st_mode) == 0o600


def test_space_is_reserved_ahead_and_given_back(volume: Volume) -> None:
    part = OpenPart.create(volume, SEGMENT, 4 * MB)
    found = volume.part_path(SEGMENT).stat()
    assert (found.st_size, found.st_blocks * 512 >= 4 * MB) == (0, True)
    part.writev([b"short"])
    assert part.publish().stat().st_blocks * 512 <= 65_536


def test_many_buffers_and_a_record_of_megabytes_are_written_whole(volume: Volume) -> None:
    buffers = [bytes([number % 256]) * (number % 7) for number in range(5000)] + [os.urandom(3 * MB)]
    part = OpenPart.create(volume, SEGMENT, 0)
    part.writev(buffers)
    assert part.publish().read_bytes() == b"".join(buffers)


def test_footage_is_never_written_over(volume: Volume) -> None:
    part = OpenPart.create(volume, SEGMENT, 0)
    with pytest.raises(Conflict, match="there already"):
        OpenPart.create(volume, SEGMENT, 0)
    volume.segment_path(SEGMENT).write_bytes(b"earlier")
    with pytest.raises(Conflict, match="never written over"):
        part.publish()
    volume.part_path(SEGMENT).unlink()
    with pytest.raises(Conflict, match="never written over"):
        OpenPart.create(volume, SEGMENT, 0)
    part.close()
    assert volume.segment_path(SEGMENT).read_bytes() == b"earlier"


@pytest.mark.skipif(not MEMORY_DISK.is_dir(), reason="no memory file system, which alone refuses too much before it has filled itself")
def test_a_disk_without_room_says_so_before_anything_is_left() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as folder:
        volume = Volume.create(Path(folder) / "volume", max_bytes=MB)
        with pytest.raises(DiskFull, match="no room on the disk"):
            OpenPart.create(volume, SEGMENT, 1 << 50)
        assert list(iter_parts(volume)) == []


def test_a_failed_sync_is_final(volume: Volume) -> None:
    part = OpenPart.create(volume, SEGMENT, 0)
    part.writev([b"footage"])
    _break(part)
    with pytest.raises(DiskFault, match="Look at the disk"):
        part.data_sync()
    for act in (part.data_sync, part.publish, lambda: part.writev([b"more"])):
        with pytest.raises(DiskFault, match="given up"):
            act()
    assert volume.part_path(SEGMENT).read_bytes() == b"footage"


@pytest.mark.parametrize("act", ["writev", "publish"])
def test_whatever_the_disk_refuses_ends_the_file_unpublished(volume: Volume, act: str) -> None:
    part = OpenPart.create(volume, SEGMENT, 0)
    part.writev([b"footage"])
    _break(part)
    with pytest.raises(DiskFault):
        part.publish() if act == "publish" else part.writev([b"more"])
    assert [file.segment for file in iter_parts(volume)] == [SEGMENT]
    assert list(iter_published(volume)) == []


def test_a_closed_part_stays_for_recovery(volume: Volume) -> None:
    part = OpenPart.create(volume, SEGMENT, MB)
    part.writev([b"footage"])
    part.close()
    part.close()
    assert [(file.segment, file.size_bytes) for file in iter_parts(volume)] == [(SEGMENT, 7)]


def test_a_torn_part_is_published_up_to_its_last_whole_record(volume: Volume) -> None:
    part = OpenPart.create(volume, SEGMENT, MB)
    part.writev([b"whole", b"torn"])
    part.close()
    assert OpenPart.reopen(volume, SEGMENT, whole_bytes=5).publish().read_bytes() == b"whole"


def test_a_part_without_a_picture_is_discarded_and_footage_is_not(volume: Volume) -> None:
    OpenPart.create(volume, SEGMENT, 0).publish()
    other = segment_id(STREAM, NOON + 1)
    OpenPart.create(volume, other, 0).close()
    for segment in (SEGMENT, other, other):
        discard_part(volume, segment)
    assert [file.segment for file in iter_published(volume)] == [SEGMENT]
    assert list(iter_parts(volume)) == []


def test_files_sync_before_the_rename_and_the_folder_after_it(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    part = OpenPart.create(volume, SEGMENT, 0)
    part.writev([b"footage"])
    seen: list[tuple[str, bool]] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        seen.append((Path(f"/proc/self/fd/{fd}").readlink().name, volume.segment_path(SEGMENT).exists()))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    part.publish()
    assert seen == [(volume.part_path(SEGMENT).name, False), ("12", True)]


def test_new_folders_are_synced_up_to_the_volumes_own_once(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        seen.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    OpenPart.create(volume, SEGMENT, 0).close()
    assert seen == ["live", "0000000000abcdef", "20260101"]
    OpenPart.create(volume, segment_id(STREAM, NOON + 5), 0).close()
    assert len(seen) == 3
    OpenPart.create(Volume.open(volume.path), segment_id(STREAM, NOON + 9), 0).close()
    assert len(seen) == 6, "a folder that a killed process made may not be durable yet"


def test_published_files_are_listed_from_an_hour_on_in_order(volume: Volume) -> None:
    wanted = [segment_id(StreamId(stream), NOON + hour * 3_600_000) for stream in (1, 2) for hour in (0, 1, 30)]
    for segment in reversed(wanted):
        OpenPart.create(volume, segment, 0).publish()
    assert [file.segment for file in iter_published(volume)] == wanted
    assert [file.segment for file in iter_published(volume, NOON // 3_600_000 + 1)] == [wanted[1], wanted[2], wanted[4], wanted[5]]


def test_whatever_else_stands_among_the_footage_is_a_stray(volume: Volume) -> None:
    published = OpenPart.create(volume, SEGMENT, 0).publish()
    elsewhere = published.parent.parent / "13" / published.name
    strays = [elsewhere, published.with_name("notes.txt"), published.with_name("0" * 31 + ".cseg"), volume.path / "live" / "loose"]
    strays.append(published.with_name(f"{'f' * 32}.cseg"))
    for path in strays:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    link = published.with_name(f"{segment_id(STREAM, NOON + 2)}.cseg")
    link.symlink_to(published)
    assert sorted(iter_strays(volume)) == sorted(strays)
    assert [file.segment for file in iter_published(volume)] == [SEGMENT]


def test_use_counts_reservations_growth_and_what_was_given_back(volume: Volume) -> None:
    empty = volume.used_bytes()
    part = OpenPart.create(volume, SEGMENT, MB)
    assert volume.used_bytes() == empty + MB
    part.writev([bytes(500)])
    part.publish()
    assert volume.used_bytes() == empty + 500


def test_a_full_volume_says_why_until_something_is_erased_by_another_process(volume: Volume) -> None:
    assert volume.lack_of_room(50 * MB) is None
    other = Volume.open(volume.path, max_bytes=volume.max_bytes)
    part = OpenPart.create(other, SEGMENT, 60 * MB)
    assert volume.lack_of_room(30 * MB) is None
    assert volume.lack_of_room(50 * MB) is not None, "what other workers write is seen when it matters"
    assert "of at most 100 MB (max_bytes)" in str(volume.lack_of_room(50 * MB))
    part.publish()
    assert volume.lack_of_room(50 * MB) is None


def test_what_is_written_beyond_the_reservation_counts_at_once(volume: Volume) -> None:
    empty = volume.used_bytes()
    part = OpenPart.create(volume, SEGMENT, 1000)
    part.writev([bytes(700)])
    assert volume.used_bytes() == empty + 1000
    part.writev([bytes(700)])
    assert volume.used_bytes() == empty + 1400
    part.publish()
    assert volume.used_bytes() == empty + 1400


def test_a_disk_that_is_gone_is_a_fault_and_no_bare_error(volume: Volume) -> None:
    shutil.rmtree(volume.path)
    with pytest.raises(DiskFault):
        volume.lack_of_room()


def test_an_empty_mount_point_never_takes_a_folder(volume: Volume) -> None:
    shutil.rmtree(volume.path)
    volume.path.mkdir()
    with pytest.raises(DiskFault):
        OpenPart.create(volume, SEGMENT, 1000)

    assert list(volume.path.iterdir()) == []


def test_another_disk_at_the_volumes_place_takes_nothing(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "_device", volume.path.stat().st_dev + 1)
    with pytest.raises(DiskFault, match="unmounted"):
        volume.lack_of_room()


def test_recording_stops_at_the_low_watermark(tmp_path: Path) -> None:
    volume = Volume.create(tmp_path / "volume")
    total = os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert volume.low_watermark_bytes == max(min(1 << 30, total // 50), min(64 << 20, total // 100))
    assert volume.lack_of_room(volume.free_bytes() - volume.low_watermark_bytes - 64 * MB) is None
    assert "recording stops below" in str(volume.lack_of_room(volume.free_bytes() - volume.low_watermark_bytes + 64 * MB))


def test_a_small_limit_is_its_own_watermark(volume: Volume) -> None:
    assert volume.low_watermark_bytes <= 100 * MB


def test_own_growth_leads_to_a_new_measurement(volume: Volume) -> None:
    before = volume.used_bytes()
    (volume.path / "live" / "somebody else's").write_bytes(bytes(3 * MB))
    volume.note_growth(MB)
    assert volume.used_bytes() == before + MB
    volume.note_growth(MB)
    assert before + 3 * MB <= volume.used_bytes() <= before + 3 * MB + 8192


def test_volumes_are_asked_from_many_threads(volume: Volume) -> None:
    failures: list[BaseException] = []

    def work(stream: int) -> None:
        try:
            for number in range(20):
                OpenPart.create(volume, segment_id(StreamId(stream), NOON + number * 3_600_000), 4096).publish()
                volume.lack_of_room(1)
        except BaseException as err:  # noqa: BLE001 - carried to the test's own thread
            failures.append(err)

    threads = [threading.Thread(target=work, args=(stream,)) for stream in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    assert len(list(iter_published(volume))) == 80


def test_a_segment_id_that_is_none_is_refused(volume: Volume) -> None:
    with pytest.raises(ValueError, match="not a segment id"):
        volume.segment_path(SegmentId("../../etc/passwd"))


def _break(part: OpenPart) -> None:
    """Put a pipe without reader in the place of the file: real system calls fail on it from now on."""
    assert part._fd is not None
    reading, writing = os.pipe()
    os.dup2(writing, part._fd)
    os.close(reading)
    os.close(writing)
