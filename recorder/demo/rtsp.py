"""The few words of RTSP/1.0 (RFC 2326) a camera must understand: reading requests, writing answers and the SDP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from recorder.demo.old_codecs import ENCODINGS
from recorder.demo.packets import CLOCK_RATE, PAYLOAD_TYPE, Clip

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
TRACK = "trackID=0"

_ENCODINGS = {"h264": "H264", "h265": "H265", **ENCODINGS}
_REASONS = {454: "Session Not Found", 455: "Method Not Valid in This State", 461: "Unsupported Transport"}


class BadRequest(Exception):
    """What the client sent is not RTSP; the connection can't go on."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    uri: str
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def path(self) -> str:
        return urlsplit(self.uri).path.removesuffix("/").removesuffix(f"/{TRACK}")


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request; None for interleaved RTCP, which is skipped. Raises BadRequest; IncompleteReadError at the end."""
    first = await reader.readexactly(1)
    if first == b"$":
        head = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(head[1:], "big"))
        return None
    if first in (b"\r", b"\n"):
        return None
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as err:
        raise BadRequest(f"a request of more than {MAX_HEAD_BYTES} bytes") from err
    request = _parsed(head.decode("utf-8", "replace"))
    await _skip_body(reader, request)
    return request


def response(request: Request, status: int, headers: Sequence[tuple[str, str]] = (), body: str = "") -> bytes:
    lines = [
        f"RTSP/1.0 {status} {_REASONS.get(status) or HTTPStatus(status).phrase}",
        f"CSeq: {request.headers.get('cseq', '0')}",
        "Server: demo camera",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def describe(clip: Clip, name: str, host: str) -> str:
    """Return the SDP of a stream: one video track, nothing else."""
    lines = (
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        f"s={name}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        "c=IN IP4 0.0.0.0",
        f"a=rtpmap:{PAYLOAD_TYPE} {_ENCODINGS[clip.profile.codec]}/{CLOCK_RATE}",
        f"a=fmtp:{PAYLOAD_TYPE} {clip.format_parameters}",
        f"a=framerate:{clip.profile.fps}",
        f"a=control:{TRACK}",
    )
    return "\r\n".join(lines) + "\r\n"


def interleaved_channel(transport: str) -> int | None:
    """Return the RTP channel of the first TCP transport offered; None when there is none."""
    for offer in transport.split(","):
        fields = [field.strip() for field in offer.split(";")]
        if fields[0].upper() == "RTP/AVP/TCP":
            channels = next((field.partition("=")[2] for field in fields if field.startswith("interleaved=")), "0-1")
            first = channels.partition("-")[0]
            return int(first) if first.isdecimal() and int(first) < 255 else None
    return None


def _parsed(head: str) -> Request:
    start, *lines = head.split("\r\n")
    words = start.split(" ")
    if len(words) != 3 or words[2] != "RTSP/1.0":
        raise BadRequest(f"not a request: {start[:80]!r}")
    named = (line.partition(":") for line in lines if ":" in line)
    return Request(words[0], words[1], {name.strip().lower(): value.strip() for name, _, value in named})


async def _skip_body(reader: asyncio.StreamReader, request: Request) -> None:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        raise BadRequest(f"a body of {length[:20]} bytes")
    await reader.readexactly(int(length))
