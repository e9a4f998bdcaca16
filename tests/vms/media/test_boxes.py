from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vms.media.pictures import Sample, samples_of
from vms.errors import Corrupt
from vms.media.boxes import child, iter_boxes, read_fragment
from vms.media.fmp4 import fragment_head

HEAD = fragment_head(1, 5, samples_of([Sample(b"abc", 10, keyframe=True)]))


def test_boxes_of_one_level_are_listed_in_order() -> None:
    content = _box(b"free", b"12") + _box(b"skip", b"")
    assert [(box.kind, bytes(box.payload)) for box in iter_boxes(content)] == [(b"free", b"12"), (b"skip", b"")]


@pytest.mark.parametrize("size", [0, 1, 7, 11, 2**32 - 1])
def test_a_box_that_does_not_fit_is_corrupt(size: int) -> None:
    with pytest.raises(Corrupt, match="a box of"):
        list(iter_boxes(struct.pack(">I4s", size, b"free") + b"12"))


def test_octets_after_the_last_box_are_corrupt() -> None:
    with pytest.raises(Corrupt, match="follow the last box"):
        list(iter_boxes(_box(b"free", b"") + b"123"))


def test_a_missing_box_is_named() -> None:
    with pytest.raises(Corrupt, match="no trak box"):
        child(_box(b"moov", _box(b"mvhd", b"")), b"moov", b"trak")


def test_deep_nesting_costs_no_recursion() -> None:
    content = b""
    for _ in range(5000):
        content = _box(b"moov", content)
    with pytest.raises(Corrupt, match="one moof and one mdat"):
        read_fragment(content)


@pytest.mark.parametrize(
    ("found", "planted"),
    [
        pytest.param(struct.pack(">II", 0x701, 1), struct.pack(">II", 0x701, 0), id="a trun without samples"),
        pytest.param(struct.pack(">II", 0x701, 1), struct.pack(">II", 0x701, 2), id="a trun with more samples than it has"),
        pytest.param(struct.pack(">I", 0x701), struct.pack(">I", 0x601), id="a trun with other flags"),
        pytest.param(struct.pack(">I", len(HEAD)), struct.pack(">I", len(HEAD) - 1), id="data that begins elsewhere"),
        pytest.param(b"tfdt\x01", b"tfdt\x00", id="a tfdt of version 0"),
        pytest.param(b"tfdt", b"free", id="no tfdt"),
        pytest.param(b"mdat", b"free", id="no mdat"),
        pytest.param(struct.pack(">II", 10, 3), struct.pack(">II", 10, 2), id="samples that do not fill the mdat"),
    ],
)
def test_a_fragment_that_our_writer_would_not_write_is_corrupt(found: bytes, planted: bytes) -> None:
    assert HEAD.count(found) == 1
    assert read_fragment(HEAD + b"abc").samples[0].size == 3
    with pytest.raises(Corrupt):
        read_fragment(HEAD.replace(found, planted) + b"abc")


@pytest.mark.parametrize("order", [(0, 0), (1, 0), (0, 1, 0, 1)])
def test_a_fragment_is_one_moof_and_one_mdat(order: tuple[int, ...]) -> None:
    boxes = (HEAD[:-8], HEAD[-8:] + b"abc")
    with pytest.raises(Corrupt, match="one moof and one mdat"):
        read_fragment(b"".join(boxes[number] for number in order))


@given(st.binary(max_size=64))
def test_random_bytes_are_boxes_or_corrupt(octets: bytes) -> None:
    try:
        boxes = list(iter_boxes(octets))
    except Corrupt:
        return
    assert sum(8 + len(box.payload) for box in boxes) == len(octets)


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload
