from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from cryptography.utils import Buffer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vms.media.pictures import open_fmp4
from tests.vms.media.segment_samples import (
    CAMERA,
    HOUR_KEY,
    SALT,
    SEGMENT,
    START_TICKS,
    Keys,
    encoder,
    joined,
    made_segment,
    sealed_by_the_book,
)
from vms.domain.footage import FragmentEntry
from vms.domain.ids import SegmentId
from vms.errors import Corrupt, NotFound
from vms.media.segment_file import (
    CHUNK_BYTES,
    HEADER_BYTES,
    Scratch,
    SegmentEncoder,
    SegmentReader,
    derive_key,
    digest_file,
    encrypted_size,
    file_offset,
    scan,
)
from vms.media.segment_layout import MAX_RECORD_BYTES

KEY = derive_key(HOUR_KEY, SALT, SEGMENT)
RANDOM = random.Random(5).randbytes(4 * CHUNK_BYTES)
sizes = st.integers(0, 300) | st.sampled_from([CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
heads = st.integers(1, 100)
record_sizes = st.lists(st.tuples(heads, st.lists(sizes, max_size=4)), min_size=1, max_size=4)


@given(record_sizes)
@settings(max_examples=40)
def test_the_encoder_writes_what_the_format_page_says(wanted: list[tuple[int, list[int]]]) -> None:
    records, file, media, digest = _encoded(wanted)
    assert (file, digest) == sealed_by_the_book(records)
    assert media == hashlib.sha256(b"".join(record[head:] for record, (head, _) in zip(records, wanted, strict=True))).digest()


@given(record_sizes, st.data())
@settings(max_examples=40)
def test_any_range_reads_back_as_it_was(wanted: list[tuple[int, list[int]]], data: st.DataObject) -> None:
    records, file, _, digest = _encoded(wanted)
    plaintext = b"".join(records)
    offset = data.draw(st.integers(0, len(plaintext) + 10))
    length = data.draw(st.integers(0, len(plaintext) + 10))
    with _stored(file) as stored:
        reader = SegmentReader(stored, KEY, _entries(records))
        assert reader.read(offset, length) == plaintext[offset : offset + length]
        assert b"".join(reader.records()) == plaintext
        assert reader.size == len(plaintext)
        assert digest_file(stored) == digest


def test_a_published_segment_plays_when_its_records_are_joined() -> None:
    made = made_segment()
    with _stored(made.file) as stored, open_fmp4(b"".join(SegmentReader(stored, Keys(), made.fragments).records())) as container:
        assert [frame.pts for frame in container.decode(video=0)] == [START_TICKS + number * 3600 for number in range(12)]


def test_file_offsets_follow_from_the_fragment_table() -> None:
    made = made_segment()
    at = HEADER_BYTES
    for number, sealed in enumerate(made.sealed):
        assert file_offset(made.fragments, number) == at
        at += len(sealed)
    assert encrypted_size(made.fragments) == at == len(made.file)


def test_the_memory_of_a_record_is_that_of_the_one_before() -> None:
    scratch = Scratch()
    first = SegmentEncoder(SEGMENT, CAMERA, HOUR_KEY, SALT, scratch=scratch)
    second = SegmentEncoder(SEGMENT, CAMERA, HOUR_KEY, bytes(16), scratch=scratch)
    one = first.encode_record(b"head", [RANDOM])[0]
    other = second.encode_record(b"head", [RANDOM])[0]
    assert one.obj is other.obj


def test_a_longer_record_leaves_earlier_buffers_alone() -> None:
    sealing = encoder()
    first = sealing.encode_record(b"head", [b"short"])
    kept = joined(first)
    sealing.encode_record(b"head", [RANDOM])
    assert joined(first) == kept


def test_a_benchmark_can_leave_the_cipher_out() -> None:
    plain = SegmentEncoder(SEGMENT, CAMERA, HOUR_KEY, SALT, cipher=_Copying)
    assert joined(plain.encode_record(b"head", [b"sample"])) == b"\x00\x00\x00\x0aheadsample" + bytes(16)


def test_an_empty_and_an_overlong_record_are_refused() -> None:
    with pytest.raises(ValueError, match="a record of 0 bytes"):
        encoder().encode_record(b"", [])
    with pytest.raises(ValueError, match="it has 1 to"):
        encoder().encode_record(b"x", [bytes(MAX_RECORD_BYTES)])


@pytest.mark.parametrize("number", range(4))
def test_a_flipped_bit_anywhere_in_a_record_is_found_when_it_is_read(number: int) -> None:
    made = made_segment()
    start, end = file_offset(made.fragments, number), file_offset(made.fragments, number + 1)
    with _stored(made.file) as stored:
        for at in range(start, end):
            with _flipped(stored, made.file, at):
                reader = SegmentReader(stored, KEY, made.fragments)
                with pytest.raises(Corrupt):
                    reader.read(sum(entry.size for entry in made.fragments[:number]), made.fragments[number].size)


@pytest.mark.parametrize("at", range(HEADER_BYTES))
def test_a_flipped_bit_anywhere_in_the_header_is_found(at: int) -> None:
    made = made_segment()
    with _stored(made.file) as stored, _flipped(stored, made.file, at), pytest.raises((Corrupt, NotFound)):
        SegmentReader(stored, Keys(), made.fragments).read(0, 1)


def test_a_flipped_bit_in_any_chunk_of_a_long_record_is_found() -> None:
    records, file, _, _ = _encoded([(10, [CHUNK_BYTES * 3])])
    with _stored(file) as stored:
        for at in range(HEADER_BYTES, len(file), 4099):
            with _flipped(stored, file, at), pytest.raises(Corrupt):
                SegmentReader(stored, KEY, _entries(records)).read(0, len(records[0]))


@given(record_sizes)
@settings(max_examples=40)
def test_records_read_one_by_one_are_those_that_were_written(wanted: list[tuple[int, list[int]]]) -> None:
    records, file, _, _ = _encoded(wanted)
    with _stored(file) as stored:
        reader = SegmentReader(stored, KEY, _entries(records))
        assert [bytes(reader.record(number)) for number in range(len(records))] == [*records]


@pytest.mark.parametrize("number", range(5))
def test_the_chunk_that_is_damaged_is_named_where_a_record_is_read_whole(number: int) -> None:
    records, file, _, _ = _encoded([(10, [CHUNK_BYTES * 4])])
    at = HEADER_BYTES + 4 + number * (CHUNK_BYTES + 16)
    with _stored(file) as stored, _flipped(stored, file, at), pytest.raises(Corrupt, match=rf"^Chunk {number} of record 0 "):
        SegmentReader(stored, KEY, _entries(records)).record(0)


def test_a_range_is_read_although_another_chunk_is_damaged() -> None:
    records, file, _, _ = _encoded([(10, [CHUNK_BYTES * 3])])
    with _stored(file) as stored, _flipped(stored, file, HEADER_BYTES + 4 + CHUNK_BYTES + 500):
        reader = SegmentReader(stored, KEY, _entries(records))
        assert reader.read(0, CHUNK_BYTES) == records[0][:CHUNK_BYTES]
        assert reader.read(2 * CHUNK_BYTES, 50) == records[0][2 * CHUNK_BYTES : 2 * CHUNK_BYTES + 50]
        with pytest.raises(Corrupt, match="Chunk 1 of record 0"):
            reader.read(CHUNK_BYTES - 1, 2)


def test_records_and_chunks_that_changed_places_are_found() -> None:
    twin = _encoded([(1, [70]), (1, [70]), (1, [CHUNK_BYTES * 2])])
    records, file, _, _ = twin
    swapped = bytearray(file)
    first, second = slice(HEADER_BYTES, HEADER_BYTES + 91), slice(HEADER_BYTES + 91, HEADER_BYTES + 182)
    swapped[first], swapped[second] = file[second], file[first]
    at = HEADER_BYTES + 182 + 4
    one, other = slice(at, at + CHUNK_BYTES + 16), slice(at + CHUNK_BYTES + 16, at + 2 * (CHUNK_BYTES + 16))
    swapped[one], swapped[other] = file[other], file[one]
    with _stored(bytes(swapped)) as stored:
        reader = SegmentReader(stored, KEY, _entries(records))
        for offset in (0, 71, 142, 142 + CHUNK_BYTES):
            with pytest.raises(Corrupt):
                reader.read(offset, 1)


def test_a_record_of_another_segment_under_the_same_hour_key_is_found() -> None:
    made, other = made_segment(), made_segment(salt=bytes(16))
    spliced = made.header + made.sealed[0] + other.sealed[1] + b"".join(made.sealed[2:])
    with _stored(spliced) as stored:
        reader = SegmentReader(stored, KEY, made.fragments)
        assert reader.read(0, 8)[4:] == b"ftyp"
        with pytest.raises(Corrupt, match="record 1"):
            reader.read(made.fragments[0].size, 1)


def test_a_record_cut_at_a_chunk_border_is_found() -> None:
    records, file, _, _ = _encoded([(1, [2 * CHUNK_BYTES - 1])])
    cut = bytearray(file[: HEADER_BYTES + 4 + CHUNK_BYTES + 16])
    cut[HEADER_BYTES : HEADER_BYTES + 4] = CHUNK_BYTES.to_bytes(4)
    with _stored(bytes(cut)) as stored, pytest.raises(Corrupt):
        SegmentReader(stored, KEY, [FragmentEntry(CHUNK_BYTES, 0, starts_with_keyframe=False, keyframe_size=0)]).read(0, 1)
    assert records


def test_a_file_that_is_shorter_than_the_index_says_is_corrupt() -> None:
    made = made_segment()
    with _stored(made.file[:-1]) as stored:
        reader = SegmentReader(stored, KEY, made.fragments)
        assert reader.read(0, reader.size - made.fragments[-1].size) == made.plaintext[: -made.fragments[-1].size]
        with pytest.raises(Corrupt, match="file ends"):
            reader.read(reader.size - 1, 1)


def test_a_file_under_another_segments_name_is_refused() -> None:
    other = SegmentId("0" * 32)
    with _stored(made_segment().file) as stored, pytest.raises(Corrupt, match=f"file of segment {other}"):
        SegmentReader(stored, KEY, segment=other)


def test_a_destroyed_hour_key_is_said_so() -> None:
    with _stored(made_segment().file) as stored, pytest.raises(NotFound, match="destroyed"):
        SegmentReader(stored, Keys(None))


def test_a_segment_that_outlives_the_key_of_its_hour_opens_with_its_own_and_no_other_does() -> None:
    made = made_segment()
    keys = Keys(None, survivor=derive_key(HOUR_KEY, SALT, SEGMENT))
    with _stored(made.file) as stored:
        assert b"".join(SegmentReader(stored, keys, made.fragments).records()) == made.plaintext
        assert scan(stored, keys, segment=SEGMENT).file_digest == made.file_digest
    other = made_segment(start_ticks=START_TICKS + 60 * 90_000)
    with _stored(other.file) as stored:
        with pytest.raises(NotFound, match="destroyed"):
            SegmentReader(stored, keys)
        with pytest.raises(Corrupt):
            SegmentReader(stored, derive_key(HOUR_KEY, SALT, SEGMENT)).read(0, 1)


def test_a_wrong_hour_key_opens_nothing() -> None:
    with _stored(made_segment().file) as stored, pytest.raises(Corrupt):
        SegmentReader(stored, Keys(bytes(32))).read(0, 1)


def test_a_growing_part_is_read_up_to_what_the_writer_has_finished(tmp_path: Path) -> None:
    made = made_segment()
    part = tmp_path / "growing.part"
    with part.open("wb", buffering=0) as writing, part.open("rb") as reading:
        writing.write(made.header)
        for number, sealed in enumerate(made.sealed):
            writing.write(sealed[: len(sealed) // 2])
            assert SegmentReader(reading, Keys(), made.fragments[:number]).read(0, 1 << 20) == b"".join(made.records[:number])
            assert b"".join(SegmentReader(reading, Keys()).records()) == b"".join(made.records[:number])
            writing.write(sealed[len(sealed) // 2 :])
        assert SegmentReader(reading.fileno(), Keys(), made.fragments).read(0, 1 << 20) == made.plaintext


def test_a_negative_range_is_refused() -> None:
    with _stored(made_segment().file) as stored, pytest.raises(ValueError, match="a range of"):
        SegmentReader(stored, KEY).read(-1, 5)


def test_the_file_digest_is_recomputed_without_a_key() -> None:
    made = made_segment()
    with _stored(made.file) as stored:
        assert digest_file(stored) == made.file_digest


def test_the_keyless_digest_sees_header_and_tags_and_a_torn_end() -> None:
    made = made_segment()
    tag_of_record_1 = file_offset(made.fragments, 2) - 1
    with _stored(made.file) as stored:
        for at in (60, tag_of_record_1, len(made.file) - 16):
            with _flipped(stored, made.file, at):
                assert digest_file(stored) != made.file_digest
    for torn in (made.file[:-1], made.file + b"\x00", made.file[:40], b"", made.file + bytes(4)):
        with _stored(torn) as stored, pytest.raises(Corrupt):
            digest_file(stored)


class _Copying:
    """A cipher that only copies."""

    def __init__(self, key: bytes) -> None:
        assert len(key) == 32

    def encrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int:
        del nonce, associated_data
        memoryview(buf)[: len(memoryview(data))] = memoryview(data)
        return len(memoryview(data))


def _encoded(wanted: list[tuple[int, list[int]]]) -> tuple[list[bytes], bytes, bytes, bytes]:
    """Return plaintext records, file, media digest and file digest of records with heads and samples of these sizes."""
    sealing = encoder()
    records, file = [], sealing.header
    for number, (head_bytes, sample_bytes) in enumerate(wanted):
        head = bytes([number]) * head_bytes
        samples = [memoryview(RANDOM)[size % 7 : size % 7 + size] for size in sample_bytes]
        records.append(head + joined(samples))
        file += joined(sealing.encode_record(head, samples))
    return records, file, sealing.media_sha256(), sealing.file_digest()


def _entries(records: list[bytes]) -> list[FragmentEntry]:
    return [FragmentEntry(len(record), 0, starts_with_keyframe=False, keyframe_size=0) for record in records]


@contextmanager
def _stored(content: bytes) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        yield file


@contextmanager
def _flipped(file: BinaryIO, content: bytes, at: int) -> Iterator[None]:
    """Turn one bit of the stored file round inside the block."""
    os.pwrite(file.fileno(), bytes([content[at] ^ 1]), at)
    yield
    os.pwrite(file.fileno(), content[at : at + 1], at)
