"""The re-encoding child: `python -m recorder.fallback.process CODEC PARENT`, the socketpair as its standard input.

It imports nothing of the product but this folder and the sandbox, holds no password and no key, and confines itself before it reads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from recorder.fallback.frames import ANSWER_HEAD, DONE, PICTURE_HEAD, REPORT, UNIT
from recorder.fallback.transcode import Transcoder
from vms.media.confined import SOCKET, become_its_child, hear, say
from vms.media.sandbox import Layer, confine, report_of

NICENESS = 5
"""Who records by copying goes first."""


def prepare(codec: str, parent: int) -> tuple[Transcoder, list[Layer]]:
    """Have all in memory that decoding and encoding needs, then put on the sandbox."""
    become_its_child(parent)
    os.nice(NICENESS)
    transcoder = Transcoder("mpeg4" if codec == "mpeg4" else "jpeg")
    return transcoder, confine(SOCKET)


def serve(transcoder: Transcoder, layers: Sequence[Layer]) -> NoReturn:
    """Answer until the socketpair ends."""
    _answer(0, REPORT, report_of(layers))
    while True:
        size, number, keyframe = PICTURE_HEAD.unpack(hear(PICTURE_HEAD.size))
        for of, unit in transcoder.take(number, hear(size), keyframe=bool(keyframe)):
            _answer(of, UNIT, unit)
        _answer(number, DONE, b"")


def _answer(number: int, kind: int, payload: bytes) -> None:
    say(ANSWER_HEAD.pack(len(payload), number, kind) + payload)


if __name__ == "__main__":
    serve(*prepare(sys.argv[1], int(sys.argv[2])))
