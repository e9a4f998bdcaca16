"""What a redacted copy costs: pictures a second and processor time, beside plainly decoding and encoding the same file in this process.

The plain way has one thread for each, the same encoder and settings, and no sandbox; it is what nobody could do without.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import numpy as np

from tests.bench.report import Row, publish
from tests.vms.media.made_files import START_MS, Picture, a_file, noise
from vms.domain.ids import CameraId
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, Region
from vms.media import derivation
from vms.media.derivative import Job, derive, watermark

SIZES = ((1280, 720), (1920, 1080))
PICTURES = 250
REGIONS = 3
MOST_TIMES_PLAIN = 1.6
"""Processor time of a copy with three fixed regions and its sheets, by that of the plain way."""


def main() -> int:
    return publish("redact", [row for size in SIZES for row in rows(*size)])


def rows(width: int, height: int) -> Iterator[Row]:
    original = a_file(scene(width, height), options={"preset": "veryfast", "crf": "23", "g": "50"})
    what = f"{width}x{height}"
    plain = measured(lambda: plainly(original))
    yield {"what": f"decode and encode, {what}", **figures(plain)}
    for name, between, limit in (("3 fixed regions", Between.ALL, MOST_TIMES_PLAIN), ("3 followed regions", Between.FOLLOW, None)):
        job = Job(CameraPlan(CameraId(1), START_MS, START_MS + 60_000, regions(between)), START_MS)
        found = measured(lambda job=job: derive(job, io.BytesIO(original), lambda _: io.BytesIO()))  # type: ignore[misc]
        times = found[1] / plain[1]
        yield {
            "what": f"redact, {name}, {what}",
            **figures(found),
            "ratio_to_plain": times,
            **({"ratio_to_limit": times / limit} if limit else {}),
        }
    found = measured(lambda: watermark("Copy for Núria Vidal · 2026-014", io.BytesIO(original), io.BytesIO()))
    yield {"what": f"watermark, {what}", **figures(found), "ratio_to_plain": found[1] / plain[1]}


def scene(width: int, height: int) -> Iterator[Picture]:
    """Yield a still room before which something moves."""
    background = np.kron(noise(width // 16, height // 16), np.ones((16, 16), np.uint8)).astype(np.uint8)
    thing = np.kron(noise(12, 12, seed=2), np.ones((16, 16), np.uint8)).astype(np.uint8)
    for number in range(PICTURES):
        luma = background.copy()
        left = 16 + number * (width - 240) // PICTURES
        luma[200:392, left : left + 192] = thing
        yield luma


def regions(between: Between) -> tuple[Region, ...]:
    places = [(Box(0, 2_000, 2_500, 4_500), Box(7_000, 2_000, 2_500, 4_500))] * REGIONS
    return tuple(
        Region(Cover.FILL, between, (Keyframe(START_MS, first), Keyframe(START_MS + 9_900, last)), START_MS + 10_000)
        for first, last in places
    )


def plainly(original: bytes) -> None:
    found = derivation.pictures(io.BytesIO(original), starts_ms=START_MS, start_ms=START_MS, end_ms=START_MS + 60_000)
    derivation.write_copy(found, io.BytesIO())


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of the clock and of processors, those of children that ended included."""
    before, cpu = time.perf_counter(), cpu_seconds()
    work()
    return time.perf_counter() - before, cpu_seconds() - cpu


def cpu_seconds() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def figures(found: tuple[float, float]) -> Row:
    return {"n": PICTURES, "pictures_per_s": PICTURES / found[0], "cpu_ms_per_picture": found[1] * 1000 / PICTURES}


if __name__ == "__main__":
    sys.exit(main())
