"""The deriving child: `python -m vms.media.derivation_child PARENT`, the socketpair as its standard input.

It holds no key and no file, and confines itself before it reads an octet of footage.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TypedDict

from vms.domain.redaction import read_plan
from vms.errors import InvalidInput
from vms.media import derivation
from vms.media.confined import SOCKET, become_its_child
from vms.media.derivation_wire import DONE, HEAD, LAYERS, READ, REFUSED, SIZE, WRITE
from vms.media.sandbox import confine

NICENESS = 5
"""Recording goes first."""
MEMORY_BYTES = 1024 * 1024 * 1024
_READ_BYTES = 256 * 1024


class Original:
    """The original as PyAV reads it: each part is asked for. Never written."""

    def __init__(self, size_bytes: int) -> None:
        self._size = size_bytes
        self._at = 0

    def read(self, size: int, /) -> bytes:
        wanted = max(0, min(size if size >= 0 else _READ_BYTES, self._size - self._at, _READ_BYTES))
        if not wanted:
            return b""
        _say(READ, 0, b"", at=self._at, octets=wanted)
        found = _hear()
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


class Made:
    """A file that is made, as PyAV writes it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._at = self._size = 0

    def write(self, content: bytes, /) -> int:
        _say(WRITE, self._number, bytes(content), at=self._at)
        self._at += len(content)
        self._size = max(self._size, self._at)
        return len(content)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


class Job(TypedDict):
    """As the parent says it."""

    plan: str
    starts_ms: int | None
    size_bytes: int


def derive(job: Job) -> dict[str, object]:
    """Do one job and return what was made."""
    plan, starts_ms = read_plan(job["plan"]).cameras[0], job["starts_ms"]
    counted = [0] * len(plan.regions)
    cover = derivation.covering(plan.regions, counted)

    def touched(picture: derivation.Picture) -> derivation.Picture:
        cover(picture)
        return picture

    found = derivation.pictures(Original(job["size_bytes"]), starts_ms=starts_ms, start_ms=plan.start_ms, end_ms=plan.end_ms)
    return {"pictures": derivation.write_copy(map(touched, found), Made(0)), "covered": counted}


def main() -> None:
    become_its_child(int(sys.argv[1]))
    os.nice(NICENESS)
    derivation.rehearse()
    layers = confine(SOCKET, memory_bytes=MEMORY_BYTES)
    _say(LAYERS, 0, json.dumps([asdict(layer) for layer in layers]).encode())
    job: Job = json.loads(_hear())
    try:
        _say(DONE, 0, json.dumps(derive(job)).encode())
    except InvalidInput as err:
        _say(REFUSED, 0, str(err).encode())


def _say(kind: int, file: int, payload: bytes, *, at: int = 0, octets: int | None = None) -> None:
    rest = memoryview(HEAD.pack(kind, file, len(payload) if octets is None else octets, at) + payload)
    while rest:
        rest = rest[os.write(SOCKET, rest) :]


def _hear() -> bytes:
    (size,) = SIZE.unpack(_read(SIZE.size))
    return _read(size)


def _read(size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(SOCKET, min(size - len(parts), _READ_BYTES))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main()
