"""RTP headers of every shape, and runs of fragments counted without looking at each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.packet import MAX_RUN, fragment_run, payload_span
from tests.recorder.rtp.packets import Sender

FRAME = 4 + 12 + 2 + 200


def run_of(frames: list[bytes], *, cut: int | None = None) -> int:
    """Return how many fragments carry on the first of `frames`, which are cut off at `cut`; their bodies are looked at."""
    bodies = fragment_run(b"".join(frames)[:cut], 0, len(frames[0]), int.from_bytes(frames[0][:8]), 17, 5)
    assert list(bodies) == [frame[18:] for frame in frames[1 : len(bodies) + 1]]
    return len(bodies)


def fragments(count: int, sequence: int = 65_500) -> list[bytes]:
    """Return a start and then middles of one keyframe slice, all the same size."""
    return list(Sender(sequence=sequence).fragments(bytes([0x65]) + b"".join(n.to_bytes(2) * 100 for n in range(count + 1)), marker=True))[
        :count
    ]


@pytest.mark.parametrize(
    ("csrc", "extension", "padding"), [(0, None, 0), (3, None, 0), (0, b"12345678", 0), (0, b"", 0), (0, None, 7), (15, b"1234", 4)]
)
def test_the_payload_is_found_behind_csrc_extension_and_before_padding(csrc: int, extension: bytes | None, padding: int) -> None:
    packet = Sender().packet(b"payload", csrc=csrc, extension=extension, padding=padding)
    span = payload_span(packet, 4, len(packet))
    assert span
    assert packet[slice(*span)] == b"payload"


@pytest.mark.parametrize(
    "packet",
    [
        b"\x80\x60" + bytes(9),
        b"\x00\x60" + bytes(10),
        b"\x8f\x60" + bytes(20),
        b"\x90\x60" + bytes(12),
        b"\x90\x60" + bytes(12) + b"\x00\xff",
        b"\xa0\x60" + bytes(10) + b"\x00",
        b"\xa0\x60" + bytes(10) + b"\xff",
    ],
    ids=["short", "version 0", "CSRC missing", "extension head cut", "extension too long", "padding 0", "padding too long"],
)
def test_a_header_that_does_not_hold_together_is_refused(packet: bytes) -> None:
    assert payload_span(packet, 0, len(packet)) is None


@given(st.binary(max_size=60))
def test_a_span_never_leaves_its_packet(packet: bytes) -> None:
    span = payload_span(packet, 0, len(packet))
    assert span is None or 12 <= span[0] <= span[1] <= len(packet)


@pytest.mark.parametrize(("sequence", "count"), [(0, 29), (250, 29), (65_506, 29), (65_530, 5), (65_535, 0)])
def test_a_run_ends_where_sequence_numbers_come_round(sequence: int, count: int) -> None:
    assert run_of(fragments(30, sequence)) == count


def test_a_run_ends_before_the_last_fragment_of_the_unit() -> None:
    assert run_of(list(Sender().fragments(bytes([0x65]) + bytes(1000), marker=True))) == 3


def test_a_run_ends_at_the_batch() -> None:
    assert run_of(fragments(10), cut=-1) == 8
    assert run_of(fragments(10), cut=FRAME) == 0


def test_a_run_is_bounded() -> None:
    assert run_of(fragments(MAX_RUN + 50, sequence=0)) == MAX_RUN


@pytest.mark.parametrize("offset", [*range(18)])
def test_a_frame_whose_header_is_not_as_expected_ends_the_run(offset: int) -> None:
    frames = [bytearray(one) for one in fragments(10)]
    frames[6][offset] ^= 0x01
    assert run_of([bytes(one) for one in frames]) == 5


def test_a_marker_ends_the_run() -> None:
    frames = [bytearray(one) for one in fragments(10)]
    frames[6][5] |= 0x80
    assert run_of([bytes(one) for one in frames]) == 5


def test_a_missing_frame_ends_the_run() -> None:
    frames = fragments(10)
    assert run_of(frames[:4] + frames[5:]) == 3


def test_a_jump_by_a_whole_round_of_low_octets_is_noticed() -> None:
    frames = fragments(3, sequence=0)
    late = fragments(5, sequence=256)
    assert run_of([*frames, *late[3:]]) == 2
