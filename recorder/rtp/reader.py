"""Reads what a playing camera sends (interleaved RTP, RTCP and RTSP answers) in big batches, and hands over access units.

The steady state is a few calls per access unit, whatever the number of packets; everything uncommon takes the slow path
through `_uncommon`. Bytes are copied out of the batch, so no batch outlives its call.
"""

from __future__ import annotations

import struct

from recorder.rtp.access_unit import AccessUnit, Assembler, ReaderCounters
from recorder.rtp.h264 import H264
from recorder.rtp.h265 import H265
from recorder.rtp.packet import HEADER_BYTES, MARKER, PAYLOAD_AT, PLAIN, fragment_run, payload_span
from recorder.rtp.rtcp import SenderReport, sender_report
from recorder.rtsp.errors import NotRtsp, ProtocolViolation
from recorder.rtsp.message import DOLLAR, Message, after_empty_lines, take_frame, take_message
from recorder.rtsp.sdp import VideoTrack
from vms.media.parameter_sets import ParameterSets

MAX_MESSAGES = 16
"""RTSP messages kept for `take_messages`; a camera that floods loses the older ones."""
MAX_LATE_PACKETS = 64
"""A sequence number this far back is a repetition; further back it is a new count."""
_DOLLAR = DOLLAR[0]
_HEAD = struct.Struct("!BBHBBHI").unpack_from
"""Of a frame and the RTP packet in it: "$", channel, length; flags, marker and type, sequence number, timestamp."""


class StreamReader:
    """Feeds on one stream from PLAY to its end; not for a second connection."""

    def __init__(self, track: VideoTrack, *, rtp_channel: int = 0, rtcp_channel: int = 1) -> None:
        self.counters = ReaderCounters()
        self.sender_report: SenderReport | None = None
        """The newest."""
        self._payload_type = track.payload_type
        self._rtp_channel = rtp_channel
        self._rtcp_channel = rtcp_channel
        self._syntax = H264 if track.codec == "h264" else H265
        self._assembler = Assembler(self._syntax, track.parameter_sets, self.counters)
        self._expected = -1
        self._arrival = 0.0
        self._partial = bytearray()
        self._messages: list[Message] = []

    @property
    def parameter_sets(self) -> ParameterSets | None:
        """Those of the last access unit handed over."""
        return self._assembler.parameter_sets

    @property
    def unfinished_bytes(self) -> int:
        """What is held of frames and access units whose rest has not come."""
        return len(self._partial) + self._assembler.unfinished_bytes

    def feed(self, data: bytes, arrival: float) -> list[AccessUnit]:
        """Take the next bytes of the connection and return the access units that they complete, oldest first.

        `arrival` is any clock's reading and comes back with the units. ProtocolViolation when the camera breaks the
        framing; the connection is then of no more use.
        """
        self._arrival = arrival
        at = self._walk(data, self._complete(data) if self._partial else 0)
        if at < len(data):
            self._partial += data[at:]
        self._assembler.settle()
        units = self._assembler.units
        self._assembler.units = []
        return units

    def take_messages(self) -> list[Message]:
        """Return the RTSP messages found since the last call, for PlayingStream.answered."""
        messages, self._messages = self._messages, []
        return messages

    def _walk(self, data: bytes, at: int) -> int:
        """Take every whole frame from `at` on; return where the first incomplete one begins."""
        end = len(data)
        while True:
            if end - at > PAYLOAD_AT:
                dollar, channel, size, flags, kind, sequence, timestamp = _HEAD(data, at)
                stop = at + 4 + size
                if (
                    dollar == _DOLLAR
                    and channel == self._rtp_channel
                    and flags == PLAIN
                    and kind & 0x7F == self._payload_type
                    and size > HEADER_BYTES
                    and stop <= end
                ):
                    open_nal = self._packet(data, at + PAYLOAD_AT, stop, sequence, timestamp, kind)
                    at = self._run(data, at, stop, sequence) if open_nal else stop
                    continue
            after = self._uncommon(data, at)
            if after == at:
                return at
            at = after

    def _packet(self, data: bytes, start: int, stop: int, sequence: int, timestamp: int, kind: int) -> bool:
        assembler = self._assembler
        self.counters.packets += 1
        if sequence != self._expected and not self._sequence_broken(sequence):
            return False
        self._expected = sequence + 1 & 0xFFFF
        if timestamp != assembler.timestamp:
            assembler.begin(timestamp)
        assembler.arrival = self._arrival
        open_nal = assembler.packet(data, start, stop)
        if kind & MARKER:
            assembler.marker()
            return False
        return open_nal

    def _run(self, data: bytes, at: int, stop: int, sequence: int) -> int:
        """Take the fragments of equal size that follow the one at `at`; return where the next frame begins."""
        frame = stop - at
        body = PAYLOAD_AT + self._syntax.header_bytes
        count = fragment_run(data, at, frame, self._syntax.header_bytes, data[at + body] & self._syntax.type_mask)
        if not count:
            return stop
        end = stop + count * frame
        length = frame - body - 1
        view = memoryview(data)  # a view costs half of what a copy does; settle() sees to those that stay
        self._assembler.fragments([view[start : start + length] for start in range(stop + body + 1, end, frame)], length * count)
        self._expected = sequence + 1 + count & 0xFFFF
        self.counters.packets += count
        return end

    def _sequence_broken(self, sequence: int) -> bool:
        """Handle a sequence number that was not expected; False when the packet is an old one and to be ignored."""
        ahead = sequence - self._expected & 0xFFFF
        if self._expected < 0:
            return True
        if ahead >= 0x10000 - MAX_LATE_PACKETS:
            self.counters.ignored_packets += 1
            return False
        self.counters.lost_packets += ahead if ahead < 0x8000 else 1
        self._assembler.lose()
        return True

    def _complete(self, data: bytes) -> int:
        """Finish the frame or message that the last batch cut, and return where in `data` the next one begins."""
        known = len(self._partial)
        head = bytes(self._partial[:4]) + data[: max(4 - known, 0)]
        size = 4 + int.from_bytes(head[2:4]) if len(head) == 4 else known + len(data) + 1
        taken = len(data) if head[0] != _DOLLAR else min(size - known, len(data))
        self._partial += data[:taken]
        if head[0] != _DOLLAR or size == len(self._partial):
            whole = bytes(self._partial)
            del self._partial[: self._walk(whole, 0)]
        return taken

    def _uncommon(self, data: bytes, at: int) -> int:
        """Take one frame or message of any kind; return where the next begins, or `at` when it is incomplete."""
        if at >= len(data):
            return at
        if data[at] != _DOLLAR:
            begin = after_empty_lines(data, at)
            return begin if data.startswith(DOLLAR, begin) else at + self._message(data, at)
        frame = take_frame(data, at)
        if frame is None:
            return at
        channel, size = frame
        if channel == self._rtp_channel:
            self._uncommon_packet(data, at + 4, at + size)
        elif channel == self._rtcp_channel:
            self.sender_report = sender_report(data[at + 4 : at + size], self._arrival) or self.sender_report
        return at + size

    def _uncommon_packet(self, data: bytes, start: int, stop: int) -> None:
        """Take a packet with padding, extension or CSRC, or ignore one that is broken or of another payload type."""
        span = payload_span(data, start, stop)
        if span is None or data[start + 1] & 0x7F != self._payload_type:
            self.counters.ignored_packets += 1
            return
        sequence, timestamp = int.from_bytes(data[start + 2 : start + 4]), int.from_bytes(data[start + 4 : start + 8])
        if span[0] < span[1]:
            self._packet(data, *span, sequence, timestamp, data[start + 1])
        elif sequence == self._expected:  # padding alone, which some cameras send to keep a path open
            self._expected = sequence + 1 & 0xFFFF

    def _message(self, data: bytes, at: int) -> int:
        try:
            taken = take_message(data, at)
        except NotRtsp as err:
            raise ProtocolViolation("The camera sends something between its pictures that is neither RTP nor RTSP.") from err
        if taken is None:
            return 0
        message, size = taken
        self._messages = [*self._messages[1 - MAX_MESSAGES :], message]
        return size
