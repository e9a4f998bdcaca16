"""The re-encoding child: `python -m recorder.fallback.process CODEC PARENT`, the socketpair as its standard input.

It imports nothing of the product but this folder and the sandbox, holds no password and no key, and confines itself before it reads.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import NoReturn

from recorder.fallback.frames import ANSWER_HEAD, DONE, PICTURE_HEAD, REPORT, UNIT
from recorder.fallback.transcode import Transcoder
from vms.media.confined import SOCKET, become_its_child
from vms.media.sandbox import Layer, confine

NICENESS = 5
"""Who records by copying goes first."""
_READ_BYTES = 256 * 1024


def prepare(codec: str, parent: int) -> tuple[Transcoder, list[Layer]]:
    """Have all in memory that decoding and encoding needs, then put on the sandbox."""
    become_its_child(parent)
    os.nice(NICENESS)
    transcoder = Transcoder("mpeg4" if codec == "mpeg4" else "jpeg")
    return transcoder, confine(SOCKET)


def serve(transcoder: Transcoder, layers: Sequence[Layer]) -> NoReturn:
    """Answer until the socketpair ends."""
    _answer(0, REPORT, json.dumps([asdict(layer) for layer in layers]).encode())
    while True:
        size, number, keyframe = PICTURE_HEAD.unpack(_read(PICTURE_HEAD.size))
        for of, unit in transcoder.take(number, _read(size), keyframe=bool(keyframe)):
            _answer(of, UNIT, unit)
        _answer(number, DONE, b"")


def _read(size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(SOCKET, min(size - len(parts), _READ_BYTES))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def _answer(number: int, kind: int, payload: bytes) -> None:
    rest = memoryview(ANSWER_HEAD.pack(len(payload), number, kind) + payload)
    while rest:
        rest = rest[os.write(SOCKET, rest) :]


if __name__ == "__main__":
    try:
        serve(*prepare(sys.argv[1], int(sys.argv[2])))
    except BaseException:  # noqa: BLE001 - nothing is there to answer it or to take a trace: its end says it all
        os._exit(1)
