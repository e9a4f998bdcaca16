"""The reader on whole streams: cut into batches anywhere, with losses, with messages in between, and hostile."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.messages import MAX_MESSAGES
from recorder.rtp.reader import StreamReader
from recorder.rtp.rtcp import SenderReport
from recorder.rtsp.errors import ProtocolViolation
from tests.recorder.rtp.packets import Sender, clip, decoded_pictures, frame, nals_of, track
from vms.media.parameter_sets import Codec

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nSession: abc\r\n\r\n"
CODECS = pytest.mark.parametrize("codec", ["h264", "h265"])


def stream(codec: Codec, payload_size: int = 200) -> list[bytes]:
    sender = Sender(codec, payload_size=payload_size)
    return [packet for unit in clip(codec) for packet in sender.unit(unit)]


def read(packets: list[bytes], codec: Codec) -> tuple[list[AccessUnit], StreamReader]:
    reader = StreamReader(track(codec))
    return reader.feed(b"".join(packets), 0.0), reader


@CODECS
@pytest.mark.parametrize("payload_size", [40, 200, 1400, 60_000])
def test_a_real_clip_decodes_to_every_picture_without_error(codec: Codec, payload_size: int) -> None:
    units, reader = read(stream(codec, payload_size), codec)
    assert decoded_pictures(units, codec) == len(units) == 20
    assert [unit.keyframe for unit in units] == [number % 5 == 0 for number in range(20)]
    assert (reader.counters.lost_packets, reader.counters.damaged_units, reader.counters.ignored_packets) == (0, 0, 0)
    assert reader.counters.packets == len(stream(codec, payload_size))


@CODECS
@pytest.mark.parametrize("size", [1, 3, 17, 217, 218, 5000])
def test_batches_cut_anywhere_give_the_same_units(codec: Codec, size: int) -> None:
    whole = b"".join(stream(codec))
    reader = StreamReader(track(codec))
    units = [unit for at in range(0, len(whole), size) for unit in reader.feed(whole[at : at + size], 0.0)]
    assert units == read(stream(codec), codec)[0]


@given(st.data())
def test_random_cuts_give_the_same_units(data: st.DataObject) -> None:
    packets = stream("h264")
    whole = b"".join(packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    reader = StreamReader(track("h264"))
    units: list[AccessUnit] = []
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        units += reader.feed(whole[begin:end], 0.0)
    assert units == read(packets, "h264")[0]


@given(st.sets(st.integers(0, 10_000), min_size=1, max_size=4), st.sampled_from(["h264", "h265"]))
def test_whatever_is_lost_everything_handed_over_decodes(lost: set[int], codec: Codec) -> None:
    packets = stream(codec)
    missing = {number % len(packets) for number in lost}
    units, reader = read([packet for number, packet in enumerate(packets) if number not in missing], codec)
    whole = read(packets, codec)[0]
    assert decoded_pictures(units, codec) == len(units)
    assert {unit.rtp_timestamp: unit.payload for unit in units}.items() <= {unit.rtp_timestamp: unit.payload for unit in whole}.items()
    assert reader.counters.lost_packets == len(missing - leading_and_trailing(missing, len(packets)))


def leading_and_trailing(missing: set[int], count: int) -> set[int]:
    """Return the missing packets that no sequence number tells of: those before the first seen and after the last."""
    seen = [number for number in range(count) if number not in missing]
    return {number for number in missing if number < seen[0] or number > seen[-1]}


def test_after_a_loss_the_next_keyframe_says_so() -> None:
    packets = stream("h264")
    cut = next(
        number for number in range(len(packets) // 2, len(packets)) if packets[number][16] & 0x1F == 28 and packets[number][17] < 0x40
    )
    units, reader = read(packets[:cut] + packets[cut + 1 :], "h264")
    assert [unit.lost for unit in units].count(True) == 1
    after = next(unit for unit in units if unit.lost)
    assert after.keyframe
    assert reader.counters.damaged_units == 1
    assert len(units) + reader.counters.damaged_units + reader.counters.skipped_units == 20


def test_a_repeated_packet_is_ignored() -> None:
    packets = stream("h264")
    units, reader = read(packets[:12] + packets[8:12] + packets[12:], "h264")
    assert units == read(packets, "h264")[0]
    assert reader.counters.ignored_packets == 4


def test_a_sequence_that_starts_anew_costs_until_the_next_keyframe() -> None:
    first, again = stream("h264"), Sender(sequence=100, timestamp=5)
    units, reader = read(first + [packet for unit in clip("h264") for packet in again.unit(unit)], "h264")
    assert len(units) == 40
    assert units[20].lost
    assert reader.counters.lost_packets > 0


def test_padding_extension_and_csrc_take_the_careful_path_to_the_same_units() -> None:
    plain, dressed = Sender(), Sender()
    nals = [nal for unit in clip("h264")[:3] for nal in unit if len(nal) < 60_000]
    wanted = read([plain.packet(nal, marker=nal[0] & 0x1F in (1, 5)) for nal in nals], "h264")[0]
    shapes = [(5, None, 0), (0, b"12345678", 2), (1, b"", 0), (0, None, 0)]
    packets = [
        dressed.packet(nal, marker=nal[0] & 0x1F in (1, 5), padding=padding, extension=extension, csrc=csrc)
        for nal, (padding, extension, csrc) in zip(nals, shapes * len(nals), strict=False)
    ]
    assert wanted
    assert read(packets, "h264")[0] == wanted


def test_a_packet_of_padding_alone_is_no_loss() -> None:
    sender = Sender(payload_size=1400)
    packets = [*sender.unit(clip("h264")[0]), sender.packet(b"", padding=20), *sender.unit(clip("h264")[1])]
    units, reader = read(packets, "h264")
    assert (len(units), reader.counters.lost_packets) == (2, 0)


def test_other_payload_types_and_channels_are_ignored() -> None:
    sender, other = Sender(), Sender(payload_type=97)
    packets = [packet for unit in clip("h264")[:5] for packet in [*sender.unit(unit), other.packet(b"\x65\x88junk"), frame(6, b"x" * 50)]]
    units, reader = read(packets, "h264")
    assert (len(units), reader.counters.ignored_packets, reader.counters.lost_packets) == (5, 5, 0)


def test_packets_shorter_than_a_header_are_ignored() -> None:
    units, reader = read([frame(0, b""), frame(0, b"\x80\x60"), frame(1, b""), *stream("h264")], "h264")
    assert (len(units), reader.counters.ignored_packets) == (20, 2)


def test_the_reader_listens_on_the_channels_it_was_given() -> None:
    moved = [packet[:1] + b"\x04" + packet[2:] for packet in stream("h264")]
    reader = StreamReader(track("h264"), rtp_channel=4, rtcp_channel=5)
    assert len(reader.feed(b"".join(moved), 0.0)) == 20


def test_the_newest_sender_report_is_kept_with_its_arrival() -> None:
    reports = [frame(1, struct.pack("!BBHIQIII", 0x80, 200, 6, 7, ntp, 90, 1, 2)) for ntp in (1, 2)]
    reader = StreamReader(track("h264"))
    reader.feed(reports[0], 1.0)
    reader.feed(reports[1] + frame(1, b"\x80\xc9\x00\x01abcd"), 2.0)
    assert reader.sender_report == SenderReport(2, 90, 2.0)


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_answers_between_frames_are_found_and_returned(size: int) -> None:
    packets = stream("h264")
    whole = b"".join(packets[:30]) + ANSWER + b"".join(packets[30:]) + ANSWER
    reader = StreamReader(track("h264"))
    units = [unit for at in range(0, len(whole), size) for unit in reader.feed(whole[at : at + size], 0.0)]
    assert units == read(packets, "h264")[0]
    assert [message.header("cseq") for message in reader.take_messages()] == ["9", "9"]
    assert reader.take_messages() == []


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_empty_lines_between_frames_and_answers_are_passed_over(size: int) -> None:
    packets = stream("h264")
    whole = b"\r\n".join([*packets[:30], ANSWER, b"\r\n", *packets[30:]])
    reader = StreamReader(track("h264"))
    units = [unit for at in range(0, len(whole), size) for unit in reader.feed(whole[at : at + size], 0.0)]
    assert units == read(packets, "h264")[0]
    assert len(reader.take_messages()) == 1


def test_a_flood_of_answers_keeps_the_last_few() -> None:
    reader = StreamReader(track("h264"))
    reader.feed(ANSWER * 1000, 0.0)
    assert len(reader.take_messages()) == MAX_MESSAGES


@pytest.mark.parametrize(
    "octets", [b"\x00\x00\x00\x01\x65", b"HTTP/1.1 200 OK\r\n\r\n", b"RTSP/1.0 200 OK\r\nContent-Length: 900000000\r\n\r\n"]
)
def test_broken_framing_ends_the_connection(octets: bytes) -> None:
    reader = StreamReader(track("h264"))
    with pytest.raises(ProtocolViolation):
        reader.feed(b"".join(stream("h264")) + octets, 0.0)


def test_the_arrival_is_that_of_the_last_packet() -> None:
    packets = stream("h264")
    reader = StreamReader(track("h264"))
    units = [unit for number, packet in enumerate(packets) for unit in reader.feed(packet, float(number))]
    markers = [float(number) for number, packet in enumerate(packets) if packet[5] & 0x80]
    assert [unit.arrival for unit in units] == markers


def test_no_batch_outlives_its_feed() -> None:
    packets = stream("h264")
    batch = bytearray(b"".join(packets[:-1]))
    reader = StreamReader(track("h264"))
    reader.feed(bytes(batch), 0.0)
    assert all(isinstance(part, bytes) for part in reader._assembler._parts)


@given(st.binary(max_size=3000), st.sampled_from(["h264", "h265"]))
def test_random_bytes_raise_nothing_but_protocol_violations(octets: bytes, codec: Codec) -> None:
    reader = StreamReader(track(codec))
    try:
        reader.feed(octets, 0.0)
        reader.feed(b"".join(stream(codec)), 0.0)
    except ProtocolViolation:
        pass


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.booleans()), max_size=40), st.sampled_from(["h264", "h265"]))
def test_random_payloads_raise_nothing_and_keep_their_lengths(payloads: list[tuple[bytes, bool]], codec: Codec) -> None:
    sender = Sender(codec)
    units, _ = read(sender.unit(clip(codec)[0]) + [sender.packet(payload, marker=marker) for payload, marker in payloads], codec)
    assert all(nals_of(unit) for unit in units)


@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from(["h264", "h265"]))
def test_a_mutated_stream_raises_nothing_but_protocol_violations(seed: int, changes: int, codec: Codec) -> None:
    chance = random.Random(seed)
    whole = bytearray(b"".join(stream(codec)))
    for _ in range(changes):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    reader = StreamReader(track(codec))
    try:
        units = [unit for at in range(0, len(whole), 1000) for unit in reader.feed(bytes(whole[at : at + 1000]), 0.0)]
    except ProtocolViolation:
        return
    assert all(nals_of(unit) for unit in units)
