"""JPEG (RFC 2435) and MPEG-4 Visual (RFC 6416) as older cameras send them: pictures of a file, and their RTP payloads."""

from __future__ import annotations

import re
import struct

from recorder.demo.encode import Codec

ENCODINGS: dict[Codec, str] = {"jpeg": "JPEG", "mpeg4": "MP4V-ES"}
"""Names in an SDP."""
_JPEG_BEGIN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_TABLES, _FRAME, _SCAN = 0xDB, 0xC0, 0xDA
_MAX_SIDE = 2040
"""Of a JPEG picture whose packets say its size; a description says that of a larger one."""
_TYPE_420, _OWN_TABLES_Q = 1, 255
_MPEG4_PICTURE = b"\x00\x00\x01\xb6"
_MPEG4_BEGIN = re.compile(rb"\x00\x00\x01[\xb0\xb3\xb6]")
"""Start codes of a sequence, of a group of pictures, of a picture."""


def pictures(stream: bytes, codec: Codec) -> list[list[bytes]]:
    """Split a stream into its pictures, each a list of one; in MPEG-4 the headers go with the picture that follows."""
    if codec == "jpeg":
        return [[_JPEG_BEGIN + picture] for picture in stream.split(_JPEG_BEGIN)[1:]]
    starts: list[int] = []
    begin = -1
    for match in _MPEG4_BEGIN.finditer(stream):
        begin = match.start() if begin < 0 else begin
        if match[0] == _MPEG4_PICTURE:
            starts.append(begin)
            begin = -1
    return [[stream[start:end]] for start, end in zip(starts, [*starts[1:], len(stream)], strict=True)]


def format_parameters(first: bytes, codec: Codec) -> str:
    """Return the SDP's fmtp value for a stream that begins with this picture."""
    if codec == "jpeg":
        return "quality=255"
    return f"profile-level-id=1;config={first.partition(_MPEG4_PICTURE)[0].hex()}"


def payloads(picture: bytes, codec: Codec, most_bytes: int) -> tuple[list[bytes], bool]:
    """Return the RTP payloads of a picture and whether it is a keyframe."""
    if codec == "jpeg":
        return _jpeg_payloads(picture, most_bytes), True
    keyframe = picture.partition(_MPEG4_PICTURE)[2][0] >> 6 == 0
    return [picture[at : at + most_bytes] for at in range(0, len(picture), most_bytes)], keyframe


def _jpeg_payloads(picture: bytes, most_bytes: int) -> list[bytes]:
    segments, scan = _segments(picture)
    height, width = struct.unpack_from(">HH", segments[_FRAME], 1)
    columns, rows = (width // 8, height // 8) if max(width, height) <= _MAX_SIDE else (0, 0)
    table = segments[_TABLES][1:65]
    tables = struct.pack(">BBH", 0, 0, len(table)) + table
    found, at = [], 0
    while at < len(scan):
        head = struct.pack(">IBBBB", at, _TYPE_420, _OWN_TABLES_Q, columns, rows) + (b"" if at else tables)
        piece = scan[at : at + most_bytes - len(head)]
        found.append(head + piece)
        at += len(piece)
    return found


def _segments(picture: bytes) -> tuple[dict[int, bytes], bytes]:
    """Return a JPEG file's header segments by marker, the last of each kind, and its scan."""
    segments, at = dict[int, bytes](), 2
    while True:
        marker, size = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4])
        segments[marker] = picture[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == _SCAN:
            return segments, picture[at:].rstrip(b"\x00").removesuffix(_JPEG_END)
