"""RTSP/1.0 messages to and from bytes (RFC 2326 §4–§7, §10.12), without any I/O and with a limit on every length."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from recorder.rtsp.errors import NotRtsp, ProtocolViolation

DOLLAR = b"$"
"""First octet of an interleaved frame: "$", channel, 16-bit length, payload (RFC 2326 §10.12)."""
MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 64
MAX_BODY_BYTES = 64 * 1024
_FRAME_HEAD_BYTES = 4

_STATUS_LINE = re.compile(r"RTSP/1\.[0-9] ([1-9][0-9]{2})(?: ([^\r\n]*))?")
_REQUEST_LINE = re.compile(r"([A-Z_]{1,32}) (\S{1,2048}) RTSP/1\.[0-9]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_RTSP_START = re.compile(rb"RTSP/1\.|RTSP/1?\Z|[A-Z_]{1,32}(?: |\Z)")
"""A status or request line, or what may still become one."""


@dataclass(frozen=True, slots=True)
class Message:
    """A response, or a request when `status` is 0 (some cameras send OPTIONS or ANNOUNCE themselves)."""

    status: int
    reason: str
    """Reason phrase of a response, method of a request; printable."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order received."""
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def request_bytes(method: str, url: str, headers: Mapping[str, str]) -> bytes:
    """Return a request without body; ValueError when a part would break out of its line."""
    lines = [f"{method} {url} RTSP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines) or " " in url:
        raise ValueError("a request line or header holds a line break, or the URL a space")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def take_message(buffer: bytes, at: int = 0) -> tuple[Message, int] | None:
    """Return the message that begins at `at` and its size in bytes, or None while more bytes are needed.

    NotRtsp when the bytes are something else, for example a web server's answer; ProtocolViolation beyond a limit.
    """
    start = after_empty_lines(buffer, at)
    if start < len(buffer) and not _RTSP_START.match(buffer, start) and buffer[start:] != b"\r":
        raise NotRtsp("What answers there does not speak RTSP (a web page, perhaps). Check the port; RTSP cameras usually listen on 554.")
    head_end = buffer.find(b"\r\n\r\n", start, start + MAX_HEAD_BYTES)
    if head_end < 0:
        if len(buffer) - at >= MAX_HEAD_BYTES:
            raise ProtocolViolation(f"The camera sends more than {MAX_HEAD_BYTES} bytes of RTSP headers; it is not read any further.")
        return None
    start_line, *lines = buffer[start:head_end].decode("utf-8", "replace").split("\r\n")
    status, reason = _start_line(start_line)
    headers = _headers(lines)
    body = head_end + 4
    end = body + _body_bytes(headers)
    return (Message(status, reason, headers, buffer[body:end]), end - at) if len(buffer) >= end else None


def take_frame(buffer: bytes | bytearray, at: int = 0) -> tuple[int, int] | None:
    """Return channel and whole size of the interleaved frame that begins at `at`, or None while it is incomplete."""
    available = len(buffer) - at
    if available < _FRAME_HEAD_BYTES:
        return None
    size = _FRAME_HEAD_BYTES + int.from_bytes(buffer[at + 2 : at + 4])
    return (buffer[at + 1], size) if available >= size else None


def after_empty_lines(buffer: bytes, at: int) -> int:
    """Return where the next frame or message begins: some cameras send an empty line after a body."""
    while buffer[at : at + 2] == b"\r\n":
        at += 2
    return at


def printable(text: str, limit: int) -> str:
    """Return what a camera says, cut to `limit` characters of printable ASCII, fit for a log line or a page."""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:limit]).strip()


def _start_line(line: str) -> tuple[int, str]:
    if match := _STATUS_LINE.fullmatch(line):
        return int(match[1]), printable(match[2] or "", 100)
    if match := _REQUEST_LINE.fullmatch(line):
        return 0, match[1]
    raise NotRtsp(f"What answers there does not speak RTSP/1.0: it said {printable(line, 60)!r}. Check the port.")


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    if len(lines) > MAX_HEADERS:
        raise ProtocolViolation(f"The camera sends more than {MAX_HEADERS} RTSP headers; it is not read any further.")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and headers:  # a folded line continues the one before
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
        elif colon and _HEADER_NAME.fullmatch(name.strip()):
            headers.append((name.strip().lower(), value.strip()))
        else:
            raise ProtocolViolation("The camera's RTSP answer holds a line that is no header.")
    return tuple(headers)


def _body_bytes(headers: tuple[tuple[str, str], ...]) -> int:
    lengths = {value for key, value in headers if key == "content-length"}
    if not lengths:
        return 0
    text = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,12}", text):
        raise ProtocolViolation("The camera's RTSP answer has no usable Content-Length.")
    if int(text) > MAX_BODY_BYTES:
        raise ProtocolViolation(f"The camera announces an answer of {int(text)} bytes; more than {MAX_BODY_BYTES} are not read.")
    return int(text)
