"""A child that does what no child may: the word that is the codec elsewhere says what."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from recorder.fallback.frames import ANSWER_HEAD, DONE, PICTURE_HEAD, REPORT, UNIT
from recorder.rtp.pictures import MAX_PICTURE_BYTES

SOCKET = 0


def say(number: int, kind: int, payload: bytes = b"", *, size: int | None = None) -> None:
    os.write(SOCKET, ANSWER_HEAD.pack(len(payload) if size is None else size, number, kind) + payload)


def hear() -> int:
    """Return the number of the next picture."""
    size, number, _ = PICTURE_HEAD.unpack(os.read(SOCKET, PICTURE_HEAD.size))
    os.read(SOCKET, size)
    return int(number)


def say_twice(number: int, kind: int) -> None:
    say(number, kind, b"x")
    say(number, kind, b"x")


def flood() -> None:
    while True:
        os.write(SOCKET, b"\xff" * 65_536)


INSTEAD_OF_A_REPORT: dict[str, Callable[[], None]] = {
    "ends before it reports": lambda: os._exit(3),
    "never reports": lambda: None,
    "reports no JSON": lambda: say(0, REPORT, b"{"),
    "reports something else": lambda: say(0, REPORT, b'[{"layer": 1}]'),
    "reports at great length": lambda: say(0, REPORT, size=0xFFFF_FFFF),
    "begins with a unit": lambda: say(0, UNIT, b"\x00\x00\x01\x65"),
}
TO_A_PICTURE: dict[str, Callable[[int], None]] = {
    "reports twice": lambda _number: say(0, REPORT, b"[]"),
    "never answers": lambda _number: None,
    "ends": lambda _number: os._exit(0),
    "is killed": lambda _number: os.kill(os.getpid(), signal.SIGKILL),
    "answers another picture": lambda number: say(number + 1, DONE),
    "answers at length": lambda number: say(number, DONE, b"x"),
    "answers in a way that is none": lambda number: say(number, 77),
    "makes a unit of another picture": lambda number: say(number + 1, UNIT, b"x"),
    "makes two units of a picture": lambda number: say_twice(number, UNIT),
    "makes a unit too large": lambda number: say(number, UNIT, size=MAX_PICTURE_BYTES + 1),
    "floods": lambda _number: flood(),
}


def lie(how: str) -> None:
    if how in INSTEAD_OF_A_REPORT:
        INSTEAD_OF_A_REPORT[how]()
    else:
        say(0, REPORT, b"[]")
        TO_A_PICTURE[how](hear())
    signal.pause()


if __name__ == "__main__":
    lie(sys.argv[1])
