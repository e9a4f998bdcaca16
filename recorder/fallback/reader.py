"""Reads a camera that sends JPEG or MPEG-4 and hands over H.264 access units, as `recorder.rtp.reader` does of one that sends H.264.

Times are the camera's: each access unit has the time stamp and the arrival of the picture that it was made of. What the child
makes goes through the same reader as what a camera sends, so it is checked as that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from recorder.fallback.child import Child, Unit
from recorder.rtp.access_unit import AccessUnit, ReaderCounters
from recorder.rtp.jpeg import JpegPictures
from recorder.rtp.mpeg4 import Mpeg4Pictures
from recorder.rtp.packet import HEADER_BYTES, MARKER, PLAIN
from recorder.rtp.pictures import CodedPicture, PictureAssembler
from recorder.rtp.plain import PacketReader
from recorder.rtp.reader import StreamReader
from recorder.rtp.rtcp import SenderReport
from recorder.rtsp.message import DOLLAR, Message
from recorder.rtsp.sdp import VideoTrack
from vms.domain.timespan import TICKS_PER_SECOND
from vms.media.parameter_sets import ParameterSets

KEYFRAME_TICKS = 2 * TICKS_PER_SECOND
MAX_PICTURES_A_SECOND = 40.0
"""More are left out: re-encoding is what a flood would make dear."""
LOSS_SECONDS = 1.0
"""After so long a loss a picture is marked as one behind a loss, which makes the missing time a gap."""
MAX_AWAITED = 64
MAX_NAL_BYTES = 0xFFFF - HEADER_BYTES
_START_CODE = b"\x00\x00\x01"
_PAYLOAD_TYPE = 96
_FRAME = struct.Struct("!cBHBBHII")


class ReencodedReader:
    """Feeds on one stream from PLAY to its end, with a child of its own; `close` ends that. On the worker's event loop."""

    def __init__(self, track: VideoTrack, *, rtp_channel: int = 0, rtcp_channel: int = 1) -> None:
        """Start the child; ReencodingFailed when that can't be."""
        self.counters = ReaderCounters()
        self._packets = PacketReader(track.payload_type, rtp_channel=rtp_channel, rtcp_channel=rtcp_channel, counters=self.counters)
        self._pictures = assembler_of(track, self.counters)
        self._units = StreamReader(VideoTrack("h264", _PAYLOAD_TYPE, TICKS_PER_SECOND, "", None, None))
        self._given: dict[int, tuple[CodedPicture, bool]] = {}
        """By number: pictures with the child, and whether each comes after a loss."""
        self._number = 0
        self._sequence = 0
        self._last: CodedPicture | None = None
        """The last picture given."""
        self._keyframe_at: int | None = None
        self._missing_before = 0
        self._credit, self._credited_at = MAX_PICTURES_A_SECOND, 0.0
        self.child = Child(track.codec)

    @property
    def sender_report(self) -> SenderReport | None:
        """The newest."""
        return self._packets.sender_report

    @property
    def parameter_sets(self) -> ParameterSets | None:
        """Those of the last access unit handed over."""
        return self._units.parameter_sets

    @property
    def unfinished_bytes(self) -> int:
        """What is held of packets, pictures and access units that are not handed over."""
        return self._packets.unfinished_bytes + self._pictures.unfinished_bytes + self.child.held_bytes + self._units.unfinished_bytes

    def feed(self, data: bytes, arrival: float) -> list[AccessUnit]:
        """Take the next bytes of the connection and return the access units that became ready, oldest first.

        `arrival` is monotonic. ProtocolViolation when the camera breaks the framing, ReencodingFailed when the child is of no
        more use.
        """
        for packet in self._packets.feed(data, arrival):
            if packet.after_loss:
                self._pictures.lose()
            self._pictures.packet(packet.payload, packet.timestamp, marker=packet.marker, arrival=arrival)
        for picture in self._pictures.taken():
            self._give(picture)
        return self.collect(arrival)

    def collect(self, now: float) -> list[AccessUnit]:
        """Return the access units that became ready since the last call; ReencodingFailed as from `feed`."""
        before = self.child.undecoded
        units = [made for unit in self.child.take(now) for made in self._made(unit)]
        self.counters.damaged_units += self.child.undecoded - before
        return units

    def take_messages(self) -> list[Message]:
        """Return the RTSP messages found since the last call, for PlayingStream.answered."""
        return self._packets.take_messages()

    def close(self) -> None:
        """End the child."""
        self.child.close()

    def _give(self, picture: CodedPicture) -> None:
        if not self.child.has_room(len(picture.payload)) or not self._may_spend(picture.arrival):
            self.counters.skipped_units += 1
            self._pictures.skip()
            return
        lost = self._comes_after_a_loss(picture)
        keyframe = lost or self._keyframe_is_due(picture.rtp_timestamp)
        if keyframe:
            self._keyframe_at = picture.rtp_timestamp
        self._last = picture
        self.child.give(self._number, picture.payload, keyframe=keyframe, now=picture.arrival)
        self._given[self._number] = (CodedPicture(picture.rtp_timestamp, b"", picture.arrival, keyframe), lost)
        self._given.pop(self._number - MAX_AWAITED, None)
        self._number += 1

    def _may_spend(self, now: float) -> bool:
        earned = (now - self._credited_at) * MAX_PICTURES_A_SECOND
        self._credit, self._credited_at = min(self._credit + earned, MAX_PICTURES_A_SECOND), now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _comes_after_a_loss(self, picture: CodedPicture) -> bool:
        """Say whether so much is missing before it that the time can't count as recorded; a picture less only lasts longer."""
        missing = self.counters.lost_packets + self.counters.damaged_units + self.counters.skipped_units
        missed, self._missing_before = missing > self._missing_before, missing
        return missed and self._last is not None and picture.arrival - self._last.arrival > LOSS_SECONDS

    def _keyframe_is_due(self, timestamp: int) -> bool:
        return self._keyframe_at is None or (timestamp - self._keyframe_at & 0xFFFF_FFFF) >= KEYFRAME_TICKS

    def _made(self, unit: Unit) -> list[AccessUnit]:
        """Read what the child made as a camera's: an access unit of it, or nothing when it holds together as none."""
        given = self._given.pop(unit.number, None)
        if given is None:
            return []
        picture, lost = given
        return self._units.feed(b"".join(self._packets_of(unit.annexb, picture, lost=lost)), picture.arrival)

    def _packets_of(self, annexb: bytes, picture: CodedPicture, *, lost: bool) -> Iterator[bytes]:
        self._sequence += lost
        nals = [nal for part in annexb.split(_START_CODE) if (nal := part.rstrip(b"\x00"))]
        for number, nal in enumerate(nals):
            kind = _PAYLOAD_TYPE | (MARKER if number == len(nals) - 1 else 0)
            size = HEADER_BYTES + min(len(nal), MAX_NAL_BYTES)
            yield _FRAME.pack(DOLLAR, 0, size, PLAIN, kind, self._sequence & 0xFFFF, picture.rtp_timestamp, 0) + nal[:MAX_NAL_BYTES]
            self._sequence += 1


def assembler_of(track: VideoTrack, counters: ReaderCounters) -> PictureAssembler:
    """Return what puts the packets of a track that is re-encoded together."""
    return JpegPictures(counters, track.dimensions) if track.codec == "jpeg" else Mpeg4Pictures(counters, track.config)
