from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vms.media.pictures import FRAME_TICKS, Recipe, Sample, clip, samples_of
from tests.vms.media.segment_samples import HOUR_KEY, SALT, SEGMENT, START_TICKS, STREAM, Keys, encoder, joined, made_segment
from vms.domain.ids import SegmentId, segment_id
from vms.errors import Corrupt, NotFound
from vms.media.fmp4 import fragment_head, init_segment
from vms.media.segment_file import HEADER_BYTES, Scan, derive_key, scan
from vms.media.segment_layout import MAX_RECORD_BYTES

KEY = derive_key(HOUR_KEY, SALT, SEGMENT)
MADE = made_segment()
BORDERS = [HEADER_BYTES + sum(len(sealed) for sealed in MADE.sealed[:number]) for number in range(len(MADE.sealed) + 1)]
"""Where each record of `MADE` begins, and where the file ends."""


def test_a_whole_file_proves_all_that_the_index_says() -> None:
    with _stored(MADE.file) as stored:
        found = scan(stored, Keys(), segment=SEGMENT)
    assert (found.fragments, found.valid_bytes, found.stopped) == (MADE.fragments, len(MADE.file), None)
    assert (found.file_digest, found.media_sha256) == (MADE.file_digest, MADE.media_sha256)
    assert (found.start_ticks, found.duration) == (START_TICKS, 12 * FRAME_TICKS)
    assert (found.codec, found.width, found.height) == ("avc1.42C00A", 64, 48)
    assert found.header.segment == SEGMENT


def test_an_h265_file_with_b_frames_is_scanned() -> None:
    made = made_segment(clip(Recipe("h265", b_frames=3)), borders=(0, 6, 12))
    with _stored(made.file) as stored:
        found = scan(stored, KEY)
    assert (found.fragments, found.file_digest, found.media_sha256) == (made.fragments, made.file_digest, made.media_sha256)
    assert found.codec.startswith("hvc1.1.6.L")


@given(st.integers(0, len(MADE.file)))
def test_a_file_torn_anywhere_keeps_its_whole_records(length: int) -> None:
    whole = sum(border <= length for border in BORDERS[1:])
    with _stored(MADE.file[:length]) as stored:
        if whole == 0:
            with pytest.raises(Corrupt):
                scan(stored, KEY)
            return
        found = scan(stored, KEY)
    assert found.fragments == MADE.fragments[:whole]
    assert found.valid_bytes == BORDERS[whole]
    assert found.duration == sum(entry.duration for entry in MADE.fragments[:whole])
    assert (found.stopped is None) == (length == BORDERS[whole])


def test_what_salvage_keeps_has_the_digests_of_a_file_that_ended_there() -> None:
    shorter = made_segment(borders=(0, 5, 6))
    with _stored(MADE.file[: BORDERS[3] + 10]) as stored:
        found = scan(stored, KEY)
    assert (found.file_digest, found.media_sha256) == (shorter.file_digest, shorter.media_sha256)


@given(st.integers(HEADER_BYTES, len(MADE.file) - 1), st.integers(1, 255))
@settings(max_examples=200)
def test_a_changed_octet_ends_the_scan_at_its_record(at: int, change: int) -> None:
    record = sum(border <= at for border in BORDERS) - 1
    content = bytearray(MADE.file)
    content[at] ^= change
    with _stored(bytes(content)) as stored:
        if record == 0:
            with pytest.raises(Corrupt):
                scan(stored, KEY)
            return
        found = scan(stored, KEY)
    assert (found.fragments, found.valid_bytes) == (MADE.fragments[:record], BORDERS[record])
    assert found.stopped


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 1, 1, 2), (0, 2, 3), (0, 3)])
def test_reordered_repeated_or_missing_records_end_the_scan(order: tuple[int, ...]) -> None:
    good = next(place for place, number in enumerate(order) if place != number)
    with _stored(MADE.header + b"".join(MADE.sealed[number] for number in order)) as stored:
        found = scan(stored, KEY)
    assert found.fragments == MADE.fragments[:good]


def test_records_of_another_file_end_the_scan() -> None:
    other = made_segment(salt=bytes(16))
    with _stored(MADE.header + MADE.sealed[0] + b"".join(other.sealed[1:])) as stored:
        assert scan(stored, KEY).fragments == MADE.fragments[:1]


@given(st.binary(max_size=500))
def test_hostile_octets_after_the_header_are_corrupt(octets: bytes) -> None:
    with _stored(MADE.header + octets) as stored, pytest.raises(Corrupt):
        scan(stored, KEY)


@given(st.binary(max_size=500))
def test_hostile_octets_after_good_records_only_shorten_the_result(octets: bytes) -> None:
    with _stored(MADE.file + octets) as stored:
        found = scan(stored, KEY)
    assert (found.fragments, found.file_digest) == (MADE.fragments, MADE.file_digest)
    assert (found.stopped is None) == (octets == b"")


@pytest.mark.parametrize("length", [0, MAX_RECORD_BYTES + 1, 2**32 - 1])
def test_an_impossible_record_length_ends_the_scan(length: int, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(MADE.file + length.to_bytes(4))
    os.truncate(path, 6 << 30)  # sparse: the length alone must be refused, not the missing bytes
    with path.open("rb") as stored:
        assert "claims a length" in str(scan(stored, KEY).stopped)


def test_the_longest_claim_is_found_out_at_its_first_chunk(tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(MADE.file + MAX_RECORD_BYTES.to_bytes(4))
    os.truncate(path, 1 << 30)
    with path.open("rb") as stored:
        before = _octets_read()
        found = scan(stored, KEY)
        assert _octets_read() - before < 1 << 20
    assert "Chunk 0 of record 4" in str(found.stopped)


def test_a_genuine_record_that_is_no_fragment_ends_the_scan() -> None:
    sealing = encoder()
    file = sealing.header + joined(sealing.encode_record(MADE.records[0], ())) + joined(sealing.encode_record(b"not a fragment", ()))
    with _stored(file) as stored:
        found = scan(stored, KEY)
    assert (found.fragments, found.valid_bytes) == (MADE.fragments[:1], BORDERS[1])


def test_a_fragment_that_does_not_continue_the_time_line_ends_the_scan() -> None:
    found = _scanned_fragments([(START_TICKS, 10), (START_TICKS + 11, 10)])
    assert len(found.fragments) == 2
    assert f"where the one before ends at {START_TICKS + 10}" in str(found.stopped)


def test_a_first_picture_of_another_time_than_the_name_ends_the_scan() -> None:
    found = _scanned_fragments([(START_TICKS + 90, 10)])
    assert (len(found.fragments), found.start_ticks, found.duration) == (1, 0, 0)
    assert "time in its name" in str(found.stopped)


def test_a_first_picture_within_the_millisecond_of_the_name_is_good() -> None:
    found = _scanned_fragments([(START_TICKS + 89, 10)])
    assert (found.stopped, found.start_ticks, found.duration) == (None, START_TICKS + 89, 10)


def test_a_file_without_pictures_is_scanned_as_such() -> None:
    with _stored(MADE.file[: BORDERS[1]]) as stored:
        found = scan(stored, KEY)
    assert (len(found.fragments), found.duration, found.media_sha256) == (1, 0, hashlib.sha256().digest())


def test_a_first_record_that_is_no_init_segment_is_corrupt() -> None:
    sealing = encoder()
    with (
        _stored(sealing.header + joined(sealing.encode_record(b"x" * 50, ()))) as stored,
        pytest.raises(Corrupt, match="no readable beginning"),
    ):
        scan(stored, KEY)


def test_a_destroyed_key_is_not_taken_for_damage() -> None:
    with _stored(MADE.file) as stored, pytest.raises(NotFound):
        scan(stored, Keys(None))


def test_a_file_under_another_name_is_corrupt() -> None:
    with _stored(MADE.file) as stored, pytest.raises(Corrupt, match="holds segment"):
        scan(stored, KEY, segment=SegmentId("0" * 32))


def test_a_header_that_names_another_hours_key_is_corrupt() -> None:
    other = bytes.fromhex(segment_id(STREAM, START_TICKS // 90 + 3_600_000))
    with _stored(MADE.file[:16] + other + MADE.file[32:]) as stored, pytest.raises(Corrupt, match="key of another hour"):
        scan(stored, KEY)


def _scanned_fragments(times: list[tuple[int, int]]) -> Scan:
    """Scan a genuine file whose fragments begin and last as given."""
    sealing = encoder()
    file = sealing.header + joined(sealing.encode_record(init_segment(clip().sets), ()))
    for tfdt, duration in times:
        file += joined(sealing.encode_record(fragment_head(1, tfdt, samples_of([Sample(b"abc", duration, keyframe=True)])), [b"abc"]))
    with _stored(file) as stored:
        return scan(stored, KEY)


def _octets_read() -> int:
    """Return what this process has read by system calls so far (proc(5), io)."""
    return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split("\n")[0])


@contextmanager
def _stored(content: bytes) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        yield file
