"""Gathers packets to whole coded pictures of the codecs that a browser can't play; a damaged picture is never handed over.

`jpeg` and `mpeg4` say what a payload holds. What comes out is re-encoded (`recorder.fallback`), so a picture here is one that
somebody else's decoder takes, not a sample for a file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from recorder.rtp.access_unit import MAX_PIECES, ReaderCounters

MAX_PICTURE_BYTES = 2 * 1024 * 1024
"""Half of what an access unit may have (`access_unit.MAX_UNIT_BYTES`): a picture gathers while another is on its way to the child."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One picture as its decoder wants it."""

    rtp_timestamp: int
    """32 bits as sent."""
    payload: bytes
    arrival: float
    """When its last packet came."""
    keyframe: bool
    """Needs no picture before it."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the packets under one time stamp."""

    payload: bytes
    keyframe: bool
    offset_ticks: int = 0
    """Of its time behind that stamp."""


class PictureAssembler(ABC):
    """Takes the payloads of one stream in sequence; whole pictures gather until they are taken."""

    def __init__(self, counters: ReaderCounters) -> None:
        self._counters = counters
        self._pictures: list[CodedPicture] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = -1
        self._arrival = 0.0
        self._open = False
        """A packet of the picture came."""
        self._broken = False
        """The rest of the picture is passed over."""

    @property
    def unfinished_bytes(self) -> int:
        """Of the picture in hand."""
        return self._size

    def packet(self, payload: bytes, timestamp: int, *, marker: bool, arrival: float) -> None:
        """Take one payload; a new timestamp ends the picture before it, marker or not."""
        if self._open and timestamp != self._timestamp:
            self._finish()
        self._open, self._timestamp, self._arrival = True, timestamp, arrival
        if not self._broken:
            self._gather(self.body_of(payload))
        if marker:
            self._finish()

    def lose(self) -> None:
        """Packets are missing before the next one."""
        if self._open and not self._broken:
            self._break()

    def taken(self) -> list[CodedPicture]:
        """Return the pictures that became whole since the last call, oldest first."""
        pictures, self._pictures = self._pictures, []
        return pictures

    @abstractmethod
    def skip(self) -> None:
        """Hand over nothing that needs a picture which will not be decoded: it was damaged, or taken and left out."""

    @abstractmethod
    def body_of(self, payload: bytes) -> bytes | None:
        """Return what the payload adds to the picture in hand; None when it can't belong to it."""

    @abstractmethod
    def pictures_of(self, body: bytes) -> Iterable[Made]:
        """Return the pictures in what was gathered, nearly always one; none when there is nothing to show yet."""

    def _gather(self, body: bytes | None) -> None:
        if body is not None:
            self._parts.append(body)
            self._size += len(body)
        if body is None or self._size > MAX_PICTURE_BYTES or len(self._parts) > MAX_PIECES:
            self._break()

    def _break(self) -> None:
        self._counters.damaged_units += 1
        self._parts = []
        self._size = 0
        self._broken = True
        self.skip()

    def _finish(self) -> None:
        if not self._broken:
            for made in self.pictures_of(b"".join(self._parts)):
                timestamp = self._timestamp + made.offset_ticks & 0xFFFF_FFFF
                self._pictures.append(CodedPicture(timestamp, made.payload, self._arrival, made.keyframe))
        self._parts = []
        self._size = 0
        self._open = self._broken = False
