"""Reads what a playing camera sends (interleaved RTP, RTCP and RTSP answers) in big batches, and hands over access units.

The steady state is a few calls per access unit, whatever the number of packets; everything uncommon takes the slow path
through `_uncommon`. Bytes are copied out of the batch, so no batch outlives its call.
"""

from __future__ import annotations

import struct

from recorder.rtp.access_unit import (
    AccessUnit,
    Assembler,
    ReaderCounters,
)
from recorder.rtp.h264 import H264
from recorder.rtp.h265 import H265
from recorder.rtp.messages import Messages
from recorder.rtp.nal import LAST_FRAGMENT
from recorder.rtp.packet import (
    FRAME_HEAD_BYTES,
    HEAD_BYTES,
    HEADER_BYTES,
    MARKER,
    MAX_SEQUENCE,
    PAYLOAD_AT,
    PLAIN,
    fragment_run,
    payload_span,
)
from recorder.rtp.rtcp import SenderReport, sender_report
from recorder.rtp.whole_pictures import WholePictures
from recorder.rtsp.message import DOLLAR, Message, after_empty_lines, take_frame
from recorder.rtsp.sdp import VideoTrack
from vms.media.parameter_sets import ParameterSets

MAX_LATE_PACKETS = 64
"""A sequence number this far back is a repetition; further back it is a new count."""
_DOLLAR = DOLLAR[0]
_HEAD = struct.Struct("!HHHHI").unpack_from
"""Of a frame and the RTP packet in it: "$" and channel, length; flags, marker and type, sequence number, timestamp."""


class StreamReader:
    """Feeds on one stream from PLAY to its end; not for a second connection."""

    def __init__(self, track: VideoTrack, *, rtp_channel: int = 0, rtcp_channel: int = 1) -> None:
        self.counters = ReaderCounters()
        self.sender_report: SenderReport | None = None
        """The newest."""
        self._payload_type = track.payload_type
        self._interleaved = _DOLLAR << 8 | rtp_channel
        self._marked = PLAIN << 8 | MARKER | track.payload_type
        """How the common packet with a marker begins."""
        self._rtp_channel = rtp_channel
        self._rtcp_channel = rtcp_channel
        self._syntax = H264 if track.codec == "h264" else H265
        self._whole_pictures = WholePictures(self._syntax, interleaved=self._interleaved, marked=self._marked)
        self._octet_at = PAYLOAD_AT + self._syntax.header_bytes
        """Of the fragment header's octet in a frame."""
        self._assembler = Assembler(self._syntax, track.parameter_sets, self.counters)
        self._expected = -1
        self._arrival = 0.0
        self._partial = bytearray()
        self._messages = Messages()

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
        return self._messages.taken()

    def _walk(self, data: bytes, at: int) -> int:
        """Take every whole frame from `at` on; return where the first incomplete one begins."""
        end = len(data)
        interleaved, marked, assembler = self._interleaved, self._marked, self._assembler
        while True:
            if end - at > PAYLOAD_AT:
                head, size, kind, sequence, timestamp = _HEAD(data, at)
                stop = at + FRAME_HEAD_BYTES + size
                if head == interleaved and kind | MARKER == marked and size > HEADER_BYTES and stop <= end:
                    if sequence == self._expected and kind != marked and assembler.takes_whole:
                        units, packets, after = self._whole_pictures.take(data, at, sequence, self._arrival)
                        if packets:
                            self._took(units, packets)
                            at = after
                            continue
                    open_nal = self._packet(data, at + PAYLOAD_AT, stop, kind, sequence, timestamp)
                    at = self._run(data, at, stop, sequence, timestamp) if open_nal else stop
                    continue
            after = self._uncommon(data, at)
            if after == at:
                return at
            at = after

    def _took(self, units: list[AccessUnit], packets: int) -> None:
        """Note whole pictures that were taken in one go."""
        self._assembler.whole(units)
        self.counters.packets += packets
        self._expected = self._expected + packets & MAX_SEQUENCE

    def _packet(self, data: bytes, start: int, stop: int, kind: int, sequence: int, timestamp: int) -> bool:
        """Take the payload of one packet; True when it leaves a fragmented NAL unit open, so that more fragments may follow."""
        assembler = self._assembler
        self.counters.packets += 1
        if sequence != self._expected and not self._sequence_broken(sequence):
            return False
        self._expected = sequence + 1 & MAX_SEQUENCE
        if timestamp != assembler.timestamp:
            assembler.begin(timestamp)
        assembler.arrival = self._arrival
        open_nal = assembler.packet(data, start, stop)
        if kind & MARKER:
            assembler.marker()
            return False
        return open_nal

    def _run(self, data: bytes, at: int, stop: int, sequence: int, timestamp: int) -> int:
        """Take the fragments that carry on the one at `at`, of the same size, and the last one if it follows; return where that ends."""
        frame, assembler = stop - at, self._assembler
        octet_at, fragment = self._octet_at, data[at + PAYLOAD_AT]
        middle = data[at + octet_at] & self._syntax.type_mask
        bodies = fragment_run(data, at, frame, int.from_bytes(data[at : at + HEAD_BYTES]), octet_at, middle)
        count = len(bodies)
        if count:
            assembler.fragments(bodies, count * (frame - octet_at - 1))
        at = stop + count * frame
        marker = 0
        if len(data) - at > octet_at + 1:
            head, size, kind, number, moment = _HEAD(data, at)
            body, stop = at + octet_at + 1, at + FRAME_HEAD_BYTES + size
            if (
                number == sequence + count + 1
                and moment == timestamp
                and head == self._interleaved
                and kind | MARKER == self._marked
                and body < stop <= len(data)
                and data[at + PAYLOAD_AT] == fragment
                and data[body - 1] == middle | LAST_FRAGMENT
            ):
                assembler.last_fragment(data[body:stop])
                at, count, marker = stop, count + 1, kind & MARKER
        self.counters.packets += count
        self._expected = sequence + 1 + count & MAX_SEQUENCE
        if marker:
            assembler.marker()
        return at

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
            return begin if data.startswith(DOLLAR, begin) else at + self._messages.take(data, at)
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
            self._packet(data, *span, data[start + 1], sequence, timestamp)
        elif sequence == self._expected:  # padding alone, which some cameras send to keep a path open
            self._expected = sequence + 1 & 0xFFFF
