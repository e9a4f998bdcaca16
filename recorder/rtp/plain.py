"""Reads what a playing camera sends packet by packet, for streams that are re-encoded: there the packets cost little.

The same framing, limits and counters as `reader.StreamReader`, which takes packets in long runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.messages import Messages
from recorder.rtp.packet import MARKER, payload_span
from recorder.rtp.reader import MAX_LATE_PACKETS
from recorder.rtp.rtcp import SenderReport, sender_report
from recorder.rtsp.message import DOLLAR, Message, after_empty_lines, take_frame


@dataclass(frozen=True, slots=True)
class Packet:
    timestamp: int
    marker: bool
    after_loss: bool
    """Packets are missing before this one."""
    payload: bytes


class PacketReader:
    """Feeds on one connection from PLAY to its end."""

    def __init__(self, payload_type: int, *, rtp_channel: int, rtcp_channel: int, counters: ReaderCounters) -> None:
        self.sender_report: SenderReport | None = None
        """The newest."""
        self._payload_type = payload_type
        self._rtp_channel = rtp_channel
        self._rtcp_channel = rtcp_channel
        self._counters = counters
        self._expected = -1
        self._rest = b""
        self._messages = Messages()

    @property
    def unfinished_bytes(self) -> int:
        """Of a frame or message whose rest has not come."""
        return len(self._rest)

    def feed(self, data: bytes, arrival: float) -> Iterator[Packet]:
        """Yield the packets that the next bytes of the connection complete. ProtocolViolation when the camera breaks the framing."""
        data = self._rest + data
        self._rest = b""
        at = 0
        while (at := after_empty_lines(data, at)) < len(data):
            size, packet = self._frame(data, at, arrival) if data.startswith(DOLLAR, at) else (self._messages.take(data, at), None)
            if not size:
                break
            at += size
            if packet is not None:
                yield packet
        self._rest = data[at:]

    def take_messages(self) -> list[Message]:
        """Return the RTSP messages found since the last call."""
        return self._messages.taken()

    def _frame(self, data: bytes, at: int, arrival: float) -> tuple[int, Packet | None]:
        """Take one frame; its size is 0 when it is incomplete."""
        if (frame := take_frame(data, at)) is None:
            return 0, None
        channel, size = frame
        if channel == self._rtcp_channel:
            self.sender_report = sender_report(data[at + 4 : at + size], arrival) or self.sender_report
        return size, self._packet(data, at + 4, at + size) if channel == self._rtp_channel else None

    def _packet(self, data: bytes, start: int, stop: int) -> Packet | None:
        span = payload_span(data, start, stop)
        if span is None or data[start + 1] & 0x7F != self._payload_type:
            self._counters.ignored_packets += 1
            return None
        sequence, timestamp = int.from_bytes(data[start + 2 : start + 4]), int.from_bytes(data[start + 4 : start + 8])
        ahead = sequence - self._expected & 0xFFFF if self._expected >= 0 else 0
        if ahead >= 0x10000 - MAX_LATE_PACKETS:
            self._counters.ignored_packets += 1
            return None
        if span[0] == span[1]:  # padding alone, which some cameras send to keep a path open
            self._expected = sequence + 1 & 0xFFFF if ahead == 0 else self._expected
            return None
        self._counters.packets += 1
        self._counters.lost_packets += ahead if ahead < 0x8000 else 1
        self._expected = sequence + 1 & 0xFFFF
        return Packet(timestamp, bool(data[start + 1] & MARKER), ahead > 0, data[span[0] : span[1]])
