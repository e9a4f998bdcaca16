"""The deriving child: `python -m vms.media.derivation_child PARENT`, the socketpair as its standard input.

It holds no key and no file, and confines itself before it reads an octet of footage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TypedDict

import numpy as np

from vms.domain.redaction import MAX_MS, WHOLE, Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical, read_plan
from vms.errors import InvalidInput
from vms.media import derivation, tracking
from vms.media.confined import SOCKET, become_its_child, hear, say
from vms.media.covering import Planes
from vms.media.derivation_wire import COPY, DONE, HEAD, LAYERS, READ, REFUSED, SIZE, WRITE
from vms.media.marking import marking
from vms.media.review_sheet import ReviewSheets, moments
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
    sheet_every_ms: int


class MarkJob(TypedDict):
    mark: str
    size_bytes: int


def watermark(job: MarkJob) -> dict[str, object]:
    """Make a copy of all pictures with a mark over each; when they were taken does not matter."""
    found = derivation.pictures(Original(job["size_bytes"]), starts_ms=0, start_ms=0, end_ms=MAX_MS)
    return {"pictures": derivation.write_copy(derivation.touched(found, [marking(job["mark"])]), Made(COPY))}


def derive(job: Job) -> dict[str, object]:
    """Do one job and return what was made: first what is to be followed, then the copy and its review sheets."""
    drawn = read_plan(job["plan"]).cameras[0]
    plan, unsure = _resolved(drawn, job)
    counted = [0] * len(plan.regions)
    sheets = ReviewSheets(plan.regions, moments(drawn, job["sheet_every_ms"]), lambda number, png: Made(number).write(png))
    touches = [derivation.covering(plan.regions, counted), sheets.look]
    made = derivation.write_copy(derivation.touched(_pictures(plan, job), touches), Made(COPY))
    sheets.finish()
    return {"pictures": made, "covered": counted, "unsure": unsure, "plan": canonical(RedactionPlan((plan,)))}


def _pictures(plan: CameraPlan, job: Job) -> Iterator[derivation.Picture]:
    return derivation.pictures(Original(job["size_bytes"]), starts_ms=job["starts_ms"], start_ms=plan.start_ms, end_ms=plan.end_ms)


def _resolved(plan: CameraPlan, job: Job) -> tuple[CameraPlan, list[tuple[int, int, int]]]:
    """Return a plan in which nothing is to be followed any more, and of each region by number where nobody is sure."""
    if not any(region.between is Between.FOLLOW for region in plan.regions):
        return plan, []
    found = tracking.follow(plan.regions, _pictures(plan, job))
    regions = tuple(region if one is None else one.region for region, one in zip(plan.regions, found, strict=True))
    unsure = [(number, *times) for number, one in enumerate(found) if one is not None for times in one.unsure]
    return replace(plan, regions=regions), unsure


def _rehearse() -> None:
    """Load all that a confined process could load no more."""
    derivation.rehearse()
    tracking.rehearse()
    region = Region(Cover.FILL, Between.ALL, (Keyframe(0, Box(0, 0, WHOLE, WHOLE)),), 1)
    picture = derivation.Picture(0, 0, Planes(*(np.full((side, side), 128, np.uint8) for side in (64, 32, 32))), None)
    marking("É")(picture)
    sheets = ReviewSheets([region], [0], lambda _number, _png: None)
    sheets.look(picture)
    sheets.finish()


def main() -> None:
    become_its_child(int(sys.argv[1]))
    os.nice(NICENESS)
    _rehearse()
    layers = confine(SOCKET, memory_bytes=MEMORY_BYTES)
    _say(LAYERS, 0, report_of(layers))
    job = json.loads(_hear())
    try:
        _say(DONE, 0, json.dumps(watermark(job) if "mark" in job else derive(job)).encode())
    except InvalidInput as err:
        _say(REFUSED, 0, str(err).encode())


def _say(kind: int, file: int, payload: bytes, *, at: int = 0, octets: int | None = None) -> None:
    say(HEAD.pack(kind, file, len(payload) if octets is None else octets, at) + payload)


def _hear() -> bytes:
    (size,) = SIZE.unpack(hear(SIZE.size))
    return hear(size)


if __name__ == "__main__":
    main()
