"""The reader of single packets counts, skips and refuses as the one of long runs does, however its bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.plain import Packet, PacketReader
from recorder.rtp.reader import StreamReader
from recorder.rtsp.errors import ProtocolViolation
from tests.recorder.rtp.packets import Sender, clip, frame, track
from tests.recorder.rtp.test_rtcp import REPORT

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"


def read(*chunks: bytes) -> tuple[list[Packet], PacketReader, ReaderCounters]:
    counters = ReaderCounters()
    reader = PacketReader(96, rtp_channel=0, rtcp_channel=1, counters=counters)
    return [packet for chunk in chunks for packet in reader.feed(chunk, 1.0)], reader, counters


def conversation() -> bytes:
    sender = Sender(payload_size=50)
    parts = [*sender.unit(clip("h264")[0]), frame(1, REPORT), b"\r\n", ANSWER, sender.packet(b"", padding=4)]
    sender.sequence += 3
    parts += [*sender.unit(clip("h264")[1]), sender.packet(b"\x41abc", padding=4, extension=b"abcd", csrc=2), frame(5, b"else")]
    sender.sequence -= 10
    return b"".join([*parts, sender.packet(b"late"), Sender(payload_type=97).packet(b"other")])


def test_it_counts_as_the_other_reader_does() -> None:
    packets, reader, counters = read(conversation())
    other = StreamReader(track("h264"))
    other.feed(conversation(), 1.0)

    assert (counters.packets, counters.lost_packets, counters.ignored_packets) == (len(packets), 3, 2)
    assert counters.lost_packets == other.counters.lost_packets
    assert counters.ignored_packets == other.counters.ignored_packets
    assert [packet.after_loss for packet in packets].count(True) == 1
    assert reader.sender_report == other.sender_report is not None
    assert [message.status for message in reader.take_messages()] == [200]
    assert packets[-1].payload == b"\x41abc"


@given(st.lists(st.integers(0, len(conversation())), max_size=20))
def test_no_chunking_changes_what_came(cuts: list[int]) -> None:
    octets = conversation()
    chunks = [octets[begin:end] for begin, end in pairwise([0, *sorted(cuts), len(octets)])]

    assert read(*chunks)[0] == read(octets)[0]
    assert read(*chunks)[2] == read(octets)[2]


def test_what_is_neither_rtp_nor_rtsp_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match="neither RTP nor RTSP"):
        read(b"HTTP/1.1 200 OK\r\n\r\n")
