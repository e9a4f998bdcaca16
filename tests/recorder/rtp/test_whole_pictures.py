"""Pictures that lie whole in a batch are taken in one go; whatever only looks like one comes out as if each packet had come alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.reader import StreamReader
from tests.recorder.rtp.packets import Sender, clip, track

SLICE, KEYFRAME_SLICE = 0x41, 0x65
CHANNEL, PAYLOAD_TYPE, TIMESTAMP, PAYLOAD_HEADER, FRAGMENT_HEADER = 1, 5, 11, 16, 17
"""Where they stand in a frame."""
MARKER = 0x80
DELIMITER = b"\x09\xf0"
FIRST_AND_LAST = 0xC0


def nal(header: int, *, first: bool = True) -> bytes:
    """Return a slice of four fragments, the picture's first one or not."""
    return bytes([header, 0x9A if first else 0x1A]) + bytes(range(1, 251)) * 3


def fragments(sender: Sender, header: int, *, first: bool = True, marker: bool = True) -> list[bytes]:
    return list(sender.fragments(nal(header, first=first), marker=marker))


def bent(packet: bytes, place: int, bits: int) -> bytes:
    return packet[:place] + bytes([packet[place] ^ bits]) + packet[place + 1 :]


def last_bent(place: int, bits: int) -> Callable[[Sender, int], list[bytes]]:
    def packets(sender: Sender, header: int) -> list[bytes]:
        *others, last = fragments(sender, header)
        return [*others, bent(last, place, bits)]

    return packets


def first_bent(place: int, bits: int) -> Callable[[Sender, int], list[bytes]]:
    def packets(sender: Sender, header: int) -> list[bytes]:
        first, *others = fragments(sender, header)
        return [bent(first, place, bits), *others]

    return packets


def every_fragment_marked(sender: Sender, header: int) -> list[bytes]:
    return [bent(packet, PAYLOAD_TYPE, MARKER) for packet in fragments(sender, header, marker=False)]


def slices_that_look_like_fragments(sender: Sender, header: int) -> list[bytes]:
    kind = header & 0x1F
    first, second = bytes([header, 0x80 | kind, 0x80]), bytes([header, 0x40 | kind, 0x80])
    return [sender.packet(first + bytes(20)), sender.packet(second + bytes(20), marker=True)]


def not_the_first_slice(sender: Sender, header: int) -> list[bytes]:
    return fragments(sender, header, first=False)


def two_slices(sender: Sender, header: int) -> list[bytes]:
    return fragments(sender, header, marker=False) + fragments(sender, header, first=False)


def one_missing_before_the_last(sender: Sender, header: int) -> list[bytes]:
    packets = fragments(sender, header)
    return [*packets[:-2], packets[-1]]


def one_missing_in_the_middle(sender: Sender, header: int) -> list[bytes]:
    packets = fragments(sender, header)
    return [packets[0], *packets[2:]]


def a_middle_of_another_moment(sender: Sender, header: int) -> list[bytes]:
    packets = fragments(sender, header)
    return [packets[0], bent(packets[1], TIMESTAMP, 1), *packets[2:]]


def a_remark_before_it(sender: Sender, header: int) -> list[bytes]:
    return [sender.packet(b"\x06\x05\x04abcd\x80"), *fragments(sender, header)]


def the_rest_of_a_damaged_picture(sender: Sender, header: int) -> list[bytes]:
    return [sender.packet(nal(header, first=False)[:100]), *fragments(sender, header)]


def behind_a_lost_one(sender: Sender, header: int) -> list[bytes]:
    lost = fragments(sender, header)[1:]
    sender.timestamp += 3600
    return lost + fragments(sender, header)


def new_parameter_sets_before_it(sender: Sender, header: int) -> list[bytes]:
    sets = [bytes(nal) for nal in clip("h264")[0] if nal[0] & 0x1F in (7, 8)]
    changed = [each[:-1] + bytes([each[-1] ^ 0x40]) if each[0] & 0x1F == 8 else each for each in sets]
    return [*(sender.packet(each) for each in changed), *fragments(sender, header)]


def a_marker_on_every_slice(sender: Sender, header: int) -> list[bytes]:
    packets: list[bytes] = []
    for kind in (header, KEYFRAME_SLICE, header, header):
        packets.append(sender.packet(DELIMITER))  # it ends the picture before it, of which nothing is in hand then
        packets += fragments(sender, kind) + fragments(sender, kind, first=False)
        sender.timestamp += 3600
    return packets


@pytest.mark.parametrize("header", [SLICE, KEYFRAME_SLICE], ids=["slice", "keyframe"])
@pytest.mark.parametrize(
    "packets",
    [
        pytest.param(fragments, id="good"),
        pytest.param(last_bent(CHANNEL, 6), id="last on another channel"),
        pytest.param(last_bent(PAYLOAD_TYPE, 1), id="last of another payload type"),
        pytest.param(last_bent(TIMESTAMP, 1), id="last of another moment"),
        pytest.param(last_bent(PAYLOAD_HEADER, 0x1D), id="last is no fragment"),
        pytest.param(last_bent(FRAGMENT_HEADER, FIRST_AND_LAST), id="last begins another"),
        pytest.param(first_bent(FRAGMENT_HEADER, 0x40), id="first ends at once"),
        pytest.param(first_bent(FRAGMENT_HEADER, 0x80), id="first does not begin"),
        every_fragment_marked,
        slices_that_look_like_fragments,
        not_the_first_slice,
        two_slices,
        one_missing_before_the_last,
        one_missing_in_the_middle,
        a_middle_of_another_moment,
        a_remark_before_it,
        the_rest_of_a_damaged_picture,
        behind_a_lost_one,
        new_parameter_sets_before_it,
        a_marker_on_every_slice,
    ],
)
def test_a_batch_says_what_its_packets_say_one_by_one(packets: Callable[[Sender, int], list[bytes]], header: int) -> None:
    sender = Sender(sequence=0)
    sent = [packet for unit in clip("h264")[:2] for packet in sender.unit(unit)]
    sent += packets(sender, header)
    for _ in range(2):
        sender.timestamp += 3600
        sent += fragments(sender, SLICE)

    at_once, whole = read([b"".join(sent)])
    one_by_one, alone = read(sent)
    assert len(at_once) >= 2
    assert at_once == one_by_one
    assert whole.counters == alone.counters


@pytest.mark.parametrize("left", [1, 5, 30, 200])
def test_a_picture_whose_last_packet_is_cut_waits_for_the_rest(left: int) -> None:
    sender = Sender(sequence=0)
    start = b"".join(packet for unit in clip("h264")[:2] for packet in sender.unit(unit))
    whole = start + b"".join(sender.fragments(nal(SLICE), marker=True))
    in_two, reader = read([whole[:-left], whole[-left:]])
    at_once, _ = read([whole])

    assert [unit.payload for unit in in_two] == [unit.payload for unit in at_once]
    assert len(at_once) == 3
    assert reader.unfinished_bytes == 0


@pytest.mark.parametrize("marked", [False, True])
def test_nothing_is_held_of_a_picture_that_grew_too_large_in_one_batch(*, marked: bool) -> None:
    sender = Sender(sequence=0, payload_size=65_000)
    start = b"".join(packet for unit in clip("h264")[:2] for packet in sender.unit(unit))
    huge = b"".join(sender.fragments(bytes([SLICE, 0x9A]) + bytes(65 * 65_000 + 100), marker=marked))
    units, reader = read([start + huge])
    assert len(units) == 2
    assert reader.counters.damaged_units == 1
    assert reader.unfinished_bytes == 0


def read(batches: list[bytes]) -> tuple[list[AccessUnit], StreamReader]:
    reader = StreamReader(track("h264"))
    return [unit for batch in batches for unit in reader.feed(batch, 0.0)], reader


def test_a_last_packet_of_another_payload_type_is_none_where_the_sequence_numbers_come_round() -> None:
    """Seen as one number, the head that is due there is that of the next payload type and number 0."""
    sender = Sender(sequence=0)
    start = [packet for unit in clip("h264")[:2] for packet in sender.unit(unit)]
    sender = Sender(sequence=0xFFFF - len(start) - 2)
    sent = [packet for unit in clip("h264")[:2] for packet in sender.unit(unit)]
    sender.timestamp += 3600
    *others, last = fragments(sender, SLICE)
    sent += [*others, bent(last, PAYLOAD_TYPE, 1)]
    assert [int.from_bytes(packet[6:8]) for packet in sent[-2:]] == [0xFFFF, 0]

    at_once, whole = read([b"".join(sent)])
    one_by_one, alone = read(sent)
    assert at_once == one_by_one
    assert whole.counters == alone.counters
