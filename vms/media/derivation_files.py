"""What every deriving child has in common: it confines itself, hears its job, reads and writes files by asking, and answers.

`python -m MODULE PARENT`, the socketpair as its standard input. It holds no key and no file, and is confined before it reads an
octet of footage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from vms.errors import InvalidInput
from vms.media.confined import SOCKET, become_its_child
from vms.media.confined import hear as hear_octets
from vms.media.confined import say as say_octets
from vms.media.derivation_wire import DONE, HEAD, LAYERS, READ, REFUSED, SIZE, WRITE
from vms.media.sandbox import confine, report_of

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
        say(READ, 0, b"", at=self._at, octets=wanted)
        found = hear()
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
        say(WRITE, self._number, bytes(content), at=self._at)
        self._at += len(content)
        self._size = max(self._size, self._at)
        return len(content)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


def serve(make: Callable[[Any], Mapping[str, object]], rehearse: Callable[[], None]) -> None:
    """Do one job, of the shape that `make` takes. `rehearse` loads all that a confined process could load no more."""
    become_its_child(int(sys.argv[1]))
    os.nice(NICENESS)
    rehearse()
    layers = confine(SOCKET, memory_bytes=MEMORY_BYTES)
    say(LAYERS, 0, report_of(layers))
    try:
        say(DONE, 0, json.dumps(make(json.loads(hear()))).encode())
    except InvalidInput as err:
        say(REFUSED, 0, str(err).encode())


def say(kind: int, file: int, payload: bytes, *, at: int = 0, octets: int | None = None) -> None:
    say_octets(HEAD.pack(kind, file, len(payload) if octets is None else octets, at) + payload)


def hear() -> bytes:
    (size,) = SIZE.unpack(hear_octets(SIZE.size))
    return hear_octets(size)
