"""JPEG over RTP: what is put together decodes to the very pixels that were sent, and no lie makes a picture."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.jpeg import JpegPictures, computed_tables
from recorder.rtp.pictures import MAX_PICTURE_BYTES, CodedPicture
from tests.recorder.rtp.old_pictures import coded, payload_lists, pixels, put_together

SCAN = bytes(range(1, 200))
TABLES = struct.pack("!BBH", 0, 0, 128) + bytes([9] * 64) + bytes([7] * 64)


def head(offset: int, *, kind: int = 1, q: int = 80, columns: int = 8, rows: int = 6) -> bytes:
    return struct.pack("!IBBBB", offset, kind, q, columns, rows)


def put(*payloads: bytes, assembler: JpegPictures | None = None) -> tuple[list[CodedPicture], ReaderCounters]:
    counters = ReaderCounters()
    return put_together(assembler or JpegPictures(counters), [payloads]), counters


def segment(picture: bytes, marker: int) -> bytes:
    """Return what stands behind the first marker of that kind."""
    at = picture.index(bytes((0xFF, marker)))
    return picture[at + 4 : at + 2 + int.from_bytes(picture[at + 2 : at + 4])]


def test_pictures_in_many_packets_decode_to_the_same_pixels() -> None:
    sent = coded("jpeg")
    taken = put_together(JpegPictures(ReaderCounters()), payload_lists("jpeg", sent))

    assert len(payload_lists("jpeg", sent)[0]) > 3
    assert [picture.arrival for picture in taken] == [float(number) for number in range(len(sent))]
    for before, after in zip(pixels("jpeg", sent), pixels("jpeg", [picture.payload for picture in taken]), strict=True):
        assert np.array_equal(before, after)


def test_pictures_with_restart_markers_decode_to_the_same_pixels() -> None:
    sent = coded("jpeg", count=2, width=128, height=96, slices=3)
    interval = segment(sent[0], 0xDD)
    with_restarts = [
        [payload[:4] + b"\x41" + payload[5:8] + interval + b"\xff\xff" + payload[8:] for payload in parts]
        for parts in payload_lists("jpeg", sent)
    ]
    taken = put_together(JpegPictures(ReaderCounters()), with_restarts)

    assert segment(taken[0].payload, 0xDD) == interval
    for before, after in zip(pixels("jpeg", sent), pixels("jpeg", [picture.payload for picture in taken]), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize(("q", "first", "last"), [(50, 16, 99), (75, 8, 50), (99, 1, 2), (10, 80, 255), (1, 255, 255)])
def test_a_quality_stands_for_tables(q: int, first: int, last: int) -> None:
    tables = computed_tables(q)

    assert tables is not None
    assert (tables[0][0], tables[1][-1]) == (first, last)


def test_tables_that_were_sent_once_hold_until_others_come() -> None:
    assembler = JpegPictures(ReaderCounters())
    first = head(0, q=200) + TABLES + SCAN
    again = head(0, q=200) + struct.pack("!BBH", 0, 0, 0) + SCAN
    taken = put_together(assembler, [[first], [again]])

    assert len(taken) == 2
    assert taken[0].payload == taken[1].payload
    assert segment(taken[1].payload, 0xDB) == b"\x00" + bytes([9] * 64)


def test_one_table_serves_both_and_one_of_16_bits_is_taken() -> None:
    one = put(head(0, q=255) + struct.pack("!BBH", 0, 0, 64) + bytes([5] * 64) + SCAN)[0][0].payload
    wide = put(head(0, q=255) + struct.pack("!BBH", 0, 1, 192) + bytes([0, 5] * 64) + bytes([7] * 64) + SCAN)[0][0].payload

    assert one.count(bytes([5] * 64)) == 2
    assert segment(wide, 0xDB) == b"\x10" + bytes([0, 5] * 64)
    assert bytes([7] * 64) in wide


def test_a_picture_larger_than_its_fields_can_say_has_the_size_of_the_description() -> None:
    assembler = JpegPictures(ReaderCounters(), (2560, 1440))
    taken, _ = put(head(0, columns=0, rows=0) + SCAN, assembler=assembler)

    assert struct.unpack_from("!HH", segment(taken[0].payload, 0xC0), 1) == (1440, 2560)


@pytest.mark.parametrize(
    "payloads",
    [
        [head(0) + SCAN, head(len(SCAN) + 1) + SCAN],
        [head(0) + SCAN, head(len(SCAN) - 1) + SCAN],
        [head(5) + SCAN],
        [head(0xFFFFFF) + SCAN],
        [head(0) + SCAN, head(0) + SCAN],
        [head(0) + SCAN, head(len(SCAN), columns=9) + SCAN],
        [head(0) + SCAN, head(len(SCAN), kind=0) + SCAN],
        [head(0, kind=2) + SCAN],
        [head(0, kind=129) + SCAN],
        [head(0, q=0) + SCAN],
        [head(0, q=100) + SCAN],
        [head(0, q=255) + struct.pack("!BBH", 0, 0, 0) + SCAN],
        [head(0, q=130) + struct.pack("!BBH", 0, 0, 0) + SCAN],
        [head(0, q=255) + struct.pack("!BBH", 0, 0, 0xFFFF) + SCAN],
        [head(0, q=255) + struct.pack("!BBH", 0, 0, 63) + SCAN],
        [head(0, q=255)],
        [head(0, columns=0) + SCAN],
        [head(0, rows=0) + SCAN],
        [head(0)],
        [head(0, kind=65) + b"\x00\x04"],
        [b"\x00"],
    ],
)
def test_a_lie_makes_no_picture_and_the_next_one_is_whole(payloads: list[bytes]) -> None:
    counters = ReaderCounters()
    taken = put_together(JpegPictures(counters), [payloads, [head(0) + SCAN]])

    assert [picture.arrival for picture in taken] == [1.0]
    assert counters.damaged_units == 1


def test_a_picture_that_misses_a_packet_is_dropped() -> None:
    counters, parts = ReaderCounters(), payload_lists("jpeg", coded("jpeg", count=2))
    assembler = JpegPictures(counters)
    assembler.packet(parts[0][0], 0, marker=False, arrival=0.0)
    assembler.lose()
    for at, payload in enumerate(parts[1]):
        assembler.packet(payload, 3600, marker=at == len(parts[1]) - 1, arrival=1.0)

    assert [picture.rtp_timestamp for picture in assembler.taken()] == [3600]
    assert counters.damaged_units == 1


def test_a_picture_that_never_ends_is_given_up_at_its_limit() -> None:
    counters, offset, most = ReaderCounters(), 0, 0
    assembler = JpegPictures(counters)
    while counters.damaged_units == 0:
        assembler.packet(head(offset) + bytes(60_000), 7, marker=False, arrival=0.0)
        offset += 60_000
        most = max(most, assembler.unfinished_bytes)

    assert most <= MAX_PICTURE_BYTES
    assert assembler.unfinished_bytes == 0
    assert assembler.taken() == []
