"""HLS media playlists from the node's list of fragments: pure, so that the same list always makes the same text.

RFC 8216. An HLS segment is the octets from one fragment that starts with a keyframe to the next such fragment of the same
file. The media clock runs on through the files of a run, so a run needs one EXT-X-MAP and no discontinuity at its files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from vms.domain.timespan import TICKS_PER_SECOND, Timespan, datetime_of, ticks_of
from web.schemas.node import NodeSegment

VERSION = 6
"""EXT-X-MAP in a playlist with whole segments of pictures."""
SUFFIX = ".mp4"
"""FFmpeg since 7.1.1 (and in Debian's security updates) opens no segment whose address has no known suffix."""
CONTENT_TYPE = "application/vnd.apple.mpegurl"


class Reach(Enum):
    """Whether the window's end has passed."""

    ENDED = auto()
    """A finished list: VOD."""
    GROWING = auto()
    """The window reaches now: the player asks again, and the list only grows."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One HLS segment, with what decides what must stand before it."""

    file: NodeSegment
    start_ticks: int
    duration: int
    offset: int
    size: int

    @property
    def end_ticks(self) -> int:
        return self.start_ticks + self.duration

    def continues(self, before: _Piece) -> bool:
        """Say whether a decoder may go on from `before` without starting anew."""
        one, other = before.file, self.file
        same_run = one.run_start_ms == other.run_start_ms and before.end_ticks == self.start_ticks
        return same_run and (one.codec, one.width, one.height) == (other.codec, other.width, other.height)


def media_playlist(files: Sequence[NodeSegment], window: Timespan, reach: Reach) -> str | None:
    """Return the playlist of what `window` holds of `files` (in order of time), None when that is nothing.

    It begins with the GOP that the window's start falls into and ends with the one before the window's end. Of an open file
    at the end of a growing list the last GOP is left out: more of it may be on its way.
    """
    pieces = [piece for file in files for piece in _pieces(file)]
    if reach is Reach.GROWING and pieces and pieces[-1].file.open:
        pieces.pop()
    start, end = ticks_of(window.start), ticks_of(window.end)
    chosen = [piece for piece in pieces if piece.start_ticks < end and piece.end_ticks > start]
    return "".join(f"{line}\n" for line in _lines(chosen, reach)) if chosen else None


def _lines(pieces: Sequence[_Piece], reach: Reach) -> Iterator[str]:
    longest = max(piece.duration for piece in pieces)
    yield from ("#EXTM3U", f"#EXT-X-VERSION:{VERSION}")
    yield f"#EXT-X-TARGETDURATION:{_rounded_seconds(longest)}"
    yield f"#EXT-X-PLAYLIST-TYPE:{'VOD' if reach is Reach.ENDED else 'EVENT'}"
    yield from ("#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-INDEPENDENT-SEGMENTS")
    yield from _segments(pieces)
    if reach is Reach.ENDED:
        yield "#EXT-X-ENDLIST"


def _segments(pieces: Iterable[_Piece]) -> Iterator[str]:
    before: _Piece | None = None
    for piece in pieces:
        if before is None or not piece.continues(before):
            if before is not None:
                yield "#EXT-X-DISCONTINUITY"
            yield f'#EXT-X-MAP:URI="{_uri(piece.file)}",BYTERANGE="{piece.file.init_size}@0"'
            yield f"#EXT-X-PROGRAM-DATE-TIME:{_moment(piece.start_ticks)}"
        yield f"#EXTINF:{piece.duration / TICKS_PER_SECOND:.5f},"
        yield f"#EXT-X-BYTERANGE:{piece.size}@{piece.offset}"
        yield _uri(piece.file)
        before = piece


def _pieces(file: NodeSegment) -> Iterator[_Piece]:
    """Cut a file at its keyframes. Pictures before its first keyframe can't be decoded and are passed over."""
    at, offset = file.start_ticks, file.init_size
    piece: _Piece | None = None
    for size, duration, starts_with_keyframe, _ in file.fragments:
        if starts_with_keyframe:
            if piece is not None:
                yield piece
            piece = _Piece(file, at, duration, offset, size)
        elif piece is not None:
            piece = _Piece(file, piece.start_ticks, piece.duration + duration, piece.offset, piece.size + size)
        at, offset = at + duration, offset + size
    if piece is not None:
        yield piece


def _rounded_seconds(ticks: int) -> int:
    """Return whole seconds such that every EXTINF, rounded to the nearest second, is at most so long (RFC 8216, 4.3.3.1)."""
    return max(1, math.floor(ticks / TICKS_PER_SECOND + 0.5))


def _moment(ticks: int) -> str:
    return datetime_of(ticks).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uri(file: NodeSegment) -> str:
    return f"segments/{file.id}{SUFFIX}"
