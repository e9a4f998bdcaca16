"""MPEG-4 Visual over RTP: whole pictures from an intra picture on, with the headers that the description holds."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.mpeg4 import MAX_CONFIG_BYTES, MAX_PICTURES, Mpeg4Pictures, config_of
from recorder.rtp.mpeg4_headers import time_resolution
from recorder.rtp.pictures import MAX_PICTURE_BYTES
from tests.recorder.rtp.old_pictures import coded, payload_lists, pixels, put_together
from tests.recorder.rtp.packets import TICKS

PICTURE = b"\x00\x00\x01\xb6"
CONFIG = coded("mpeg4")[0].partition(PICTURE)[0]


def test_pictures_in_many_packets_decode_to_the_same_pixels() -> None:
    sent = coded("mpeg4")
    taken = put_together(Mpeg4Pictures(ReaderCounters()), payload_lists("mpeg4", sent))

    assert [picture.keyframe for picture in taken] == [True, *[False] * 5] * 2
    for before, after in zip(pixels("mpeg4", sent), pixels("mpeg4", [picture.payload for picture in taken]), strict=True):
        assert np.array_equal(before, after)


def test_headers_that_only_the_description_has_go_before_each_intra_picture() -> None:
    sent = coded("mpeg4")
    bare = [picture[picture.index(PICTURE) :] for picture in sent]
    taken = put_together(Mpeg4Pictures(ReaderCounters(), CONFIG), payload_lists("mpeg4", bare))

    assert [picture.payload.startswith(CONFIG) for picture in taken] == [True, *[False] * 5] * 2
    for before, after in zip(pixels("mpeg4", sent), pixels("mpeg4", [picture.payload for picture in taken]), strict=True):
        assert np.array_equal(before, after)


def test_headers_that_come_alone_go_before_the_next_intra_picture() -> None:
    bare = [picture[picture.index(PICTURE) :] for picture in coded("mpeg4")]
    taken = put_together(Mpeg4Pictures(ReaderCounters()), [[CONFIG], *payload_lists("mpeg4", bare)])

    assert taken[0].payload.startswith(CONFIG)
    assert len(pixels("mpeg4", [picture.payload for picture in taken])) == len(bare)


def test_nothing_is_handed_over_before_an_intra_picture() -> None:
    counters = ReaderCounters()
    taken = put_together(Mpeg4Pictures(counters, CONFIG), payload_lists("mpeg4", coded("mpeg4")[2:]))

    assert taken[0].keyframe
    assert [picture.arrival for picture in taken] == [float(number) for number in range(4, 10)]
    assert counters.skipped_units == 4


@pytest.mark.parametrize("skipped", [False, True])
def test_after_a_loss_or_a_picture_that_was_left_out_it_waits_for_an_intra_picture(skipped: bool) -> None:  # noqa: FBT001 - a parameter
    counters, parts = ReaderCounters(), payload_lists("mpeg4", coded("mpeg4"))
    assembler = Mpeg4Pictures(counters)
    put_together(assembler, parts[:2])
    if skipped:
        assembler.skip()
    else:
        assembler.lose()
    taken = put_together(assembler, parts[2:])

    assert [picture.arrival for picture in taken] == [float(number) for number in range(4, 10)]


def test_a_picture_without_its_beginning_is_damaged() -> None:
    counters = ReaderCounters()
    assembler = Mpeg4Pictures(counters)
    parts = payload_lists("mpeg4", coded("mpeg4"))
    taken = put_together(assembler, [parts[0][1:], *parts[6:]])

    assert counters.damaged_units == 1
    assert taken[0].arrival == 1.0


def test_without_markers_a_new_time_stamp_ends_a_picture() -> None:
    assembler = Mpeg4Pictures(ReaderCounters())
    for number, parts in enumerate(payload_lists("mpeg4", coded("mpeg4"))):
        for payload in parts:
            assembler.packet(payload, number, marker=False, arrival=0.0)

    assert len(assembler.taken()) == 11


def test_a_picture_that_never_ends_is_given_up_at_its_limit() -> None:
    counters = ReaderCounters()
    assembler = Mpeg4Pictures(counters)
    for _ in range(2 * MAX_PICTURE_BYTES // 60_000):
        assembler.packet(PICTURE + bytes(60_000), 7, marker=False, arrival=0.0)

    assert counters.damaged_units == 1
    assert assembler.unfinished_bytes == 0


@pytest.mark.parametrize("text", ["", "zz", "00", "000001b", "ffffffff", "00" * (MAX_CONFIG_BYTES + 1)])
def test_a_config_that_is_none_counts_as_absent(text: str) -> None:
    assert config_of(text) == b""


def test_a_config_is_read_from_hex() -> None:
    assert config_of(CONFIG.hex()) == CONFIG


def test_small_pictures_that_share_a_packet_are_told_apart_with_their_times() -> None:
    sent = coded("mpeg4")
    together = b"".join(sent)
    taken = put_together(Mpeg4Pictures(ReaderCounters()), [[together]])

    assert [picture.payload for picture in taken] == list(sent)
    assert [picture.rtp_timestamp for picture in taken] == [number * TICKS for number in range(len(sent))]
    assert time_resolution(CONFIG) == 25


def test_a_group_header_between_them_goes_with_the_picture_behind_it() -> None:
    bare = [picture[picture.index(PICTURE) :] for picture in coded("mpeg4")[:3]]
    group = b"\x00\x00\x01\xb3\x00\x10\x07"
    taken = put_together(Mpeg4Pictures(ReaderCounters(), CONFIG), [[group + bare[0] + bare[1] + group + bare[2]]])

    assert [picture.payload for picture in taken] == [CONFIG + group + bare[0], bare[1], group + bare[2]]


def test_of_a_packet_with_a_thousand_pictures_some_are_taken() -> None:
    taken = put_together(Mpeg4Pictures(ReaderCounters()), [[(PICTURE + b"\x10") * 1000]])

    assert len(taken) == MAX_PICTURES


@pytest.mark.parametrize(
    ("bits", "resolution"),
    [
        ("0" + "00000001" + "0" + "0001" + "0" + "00" + "1" + f"{30_000:016b}", 30_000),
        ("0" + "00000001" + "1" + "0000001" + "1111" + "0" * 16 + "1" + "011" + "1" + "0" * 79 + "00" + "1" + f"{25:016b}", 25),
        ("0" + "00000001" + "0" + "0001" + "0" + "01" + "1" + f"{25:016b}", 0),
        ("0" + "00000001" + "0" + "0001" + "0" + "00" + "0" + f"{25:016b}", 0),
        ("", 0),
    ],
)
def test_the_unit_of_the_times_is_read_from_the_layers_header(bits: str, resolution: int) -> None:
    octets = int(bits.ljust(256, "0"), 2).to_bytes(32)

    assert time_resolution(b"\x00\x00\x01\xb0\x01\x00\x00\x01\x20" + octets) == resolution
