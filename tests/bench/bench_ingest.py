"""What recording a camera costs, beside ffmpeg, PyAV and the least that receiving and writing can cost.

    python -m tests.bench.bench_ingest [--cameras 10,50,100,200] [--trickle 50] [--rounds 5] [--seconds 10] [--variants ours,floor]

Cameras: 1920×1080, 25 fps, ~4 Mbit/s, GOP 2 s, over RTSP/TCP on loopback. In each round every variant records in its turn;
all runs are printed, medians quoted. Processor time is user and system of the variant's whole process tree, in a window after
a warm-up. System calls are counted in a run of their own, since counting slows what is counted. `loop_late_max_ms` is the latest
that a socket was drained in the last five seconds of a window.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.clip import PacketClip, packet_clip
from tests.bench.ingest_variants import LEVELS, VARIANTS, Counters, Running, Scene, Source, cameras
from tests.bench.process_tree import cpu_ns, pss_bytes, system_calls
from tests.bench.report import Row, publish

WARM_UP_SECONDS = 6.0
SYSTEM_CALL_CAMERAS = 10
SYSTEM_CALL_SECONDS = 4.0
MEMORY_MB = (64.0, 2.0)
"""What a worker may take: for itself, and for each camera."""
LIMIT_CAMERAS = 50
LIMITS = {"ours plain": {"ffmpeg": 0.30, "floor": 3.0}, "ours with digests and encryption": {"ffmpeg": 0.40}}
"""How much processor time ours may take of another's with that many cameras that send in bursts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured in one table."""

    pace: str
    counts: Sequence[int]
    rounds: int
    seconds: float
    variants: Sequence[str]


@dataclass(frozen=True, slots=True)
class Run:
    """One variant recording once."""

    variant: str
    cpu_ms: float
    """Per camera and second."""
    pss_mb: float
    counters: Counters
    dropped: int
    """Frames that the cameras could not get rid of."""

    def line(self) -> str:
        told = "".join(f"  {name} {figure:.0f}" for name, figure in self.counters.items())
        return f"    {self.variant:<34} {self.cpu_ms:6.3f} ms  {self.pss_mb:7.2f} MB  dropped {self.dropped}{told}"


def main() -> int:
    wanted = _wanted()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))  # what was started is ended
    clip = packet_clip()
    _say(f"clip: {clip.bits_per_second / 1e6:.2f} Mbit/s a camera on the wire")
    chosen = [name for name in VARIANTS if any(word in name for word in wanted.variants.split(","))]
    plans = [
        Plan("bursts", _numbers(wanted.cameras), wanted.rounds, wanted.seconds, chosen),
        Plan("trickle", _numbers(wanted.trickle), wanted.rounds, wanted.seconds, chosen),
    ]
    calls = {name: _count_system_calls(clip, name) for name in chosen} if wanted.system_calls == "yes" else {}
    rows = [row for plan in plans for cameras_count in plan.counts for row in _table(clip, plan, cameras_count, calls)]
    return publish("ingest", rows)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_ingest", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--cameras", default="10,50,100,200", help="how many, for each table with packets in bursts")
    parser.add_argument("--trickle", default="50", help="how many, for each table with packets that trickle; empty for none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a run's window; the recorder tells pictures and losses every five")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="parts of their names")
    parser.add_argument("--system-calls", choices=("yes", "no"), default="yes")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _table(clip: PacketClip, plan: Plan, count: int, calls: dict[str, int | None]) -> list[Row]:
    _say(f"{count} cameras, packets in {plan.pace}")
    runs: list[Run] = []
    for number in range(plan.rounds):
        _say(f"  round {number + 1}")
        for variant in plan.variants:
            runs.append(_run(clip, plan, count, variant))
            _say(runs[-1].line())
    return [_row(plan, count, variant, runs, calls) for variant in plan.variants]


def _run(clip: PacketClip, plan: Plan, count: int, variant: str) -> Run:
    with _recording(clip, plan.pace, count, variant) as (source, running):
        cpu_ms, counters = _window(running, plan.seconds)
        pss = pss_bytes(running.pids())
    return Run(variant, cpu_ms / count, pss / count / 1e6, counters, source.said["frames_dropped"])


@contextmanager
def _recording(clip: PacketClip, pace: str, count: int, variant: str) -> Iterator[tuple[Source, Running]]:
    """Let a variant record until it does so evenly."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-ingest-") as directory,
        cameras(clip, pace) as source,
        VARIANTS[variant](Scene(source.port, count, Path(directory))) as running,
    ):
        time.sleep(WARM_UP_SECONDS)
        yield source, running


def _window(running: Running, seconds: float) -> tuple[float, Counters]:
    """Return the processor's milliseconds per second, and what the variant counted meanwhile."""
    pids, before = running.pids(), running.counters()
    cpu_before, began = cpu_ns(pids), time.monotonic()
    time.sleep(seconds)
    cpu_after, elapsed = cpu_ns(pids), time.monotonic() - began
    after = running.counters()
    if running.pids() != pids:
        raise RuntimeError("a process of this variant ended or began while it was measured")
    counted = {name: figure if name in LEVELS else figure - before[name] for name, figure in after.items()}
    return (cpu_after - cpu_before) / 1e6 / elapsed, counted


def _count_system_calls(clip: PacketClip, variant: str) -> int | None:
    with _recording(clip, "bursts", SYSTEM_CALL_CAMERAS, variant) as (_, running):
        counted = system_calls(running.pids(), SYSTEM_CALL_SECONDS)
    return None if counted is None else round(counted / SYSTEM_CALL_CAMERAS / SYSTEM_CALL_SECONDS)


def _row(plan: Plan, count: int, variant: str, runs: Sequence[Run], calls: dict[str, int | None]) -> Row:
    mine = [run for run in runs if run.variant == variant]
    cpu_ms = _median(runs, variant)
    row: Row = {
        "what": variant if plan.pace == "bursts" else f"{variant}, {plan.pace}",
        "n": count,
        "cpu_ms_per_camera_s": cpu_ms,
        "lowest": min(run.cpu_ms for run in mine),
        "highest": max(run.cpu_ms for run in mine),
        "pss_mb_per_camera": statistics.median(run.pss_mb for run in mine),
    }
    if (counted := calls.get(variant)) is not None:
        row["syscalls_per_camera_s"] = counted
    for other, name in (("ffmpeg", "ratio_to_ffmpeg"), ("floor", "ratio_to_floor")):
        if other in plan.variants:
            row[name] = cpu_ms / _median(runs, other)
    if plan.pace == "bursts" and count == LIMIT_CAMERAS:
        shares = [cpu_ms / _median(runs, other) / limit for other, limit in LIMITS.get(variant, {}).items() if other in plan.variants]
        row |= {"ratio_to_limit": max(shares)} if shares else {}
    return row | dict(_health(mine, variant, count))


def _median(runs: Sequence[Run], variant: str) -> float:
    return statistics.median(run.cpu_ms for run in runs if run.variant == variant)


def _health(runs: Sequence[Run], variant: str, count: int) -> Iterator[tuple[str, int | float]]:
    """What must not suffer for the speed."""
    yield "dropped_frames", sum(run.dropped for run in runs)
    if not variant.startswith("ours "):
        return
    yield "lost_frames", int(sum(run.counters["lost"] for run in runs))
    yield "loop_late_max_ms", max(run.counters["loop_late_ms"] for run in runs)
    yield "worker_mb", (worker_mb := max(run.counters["worker_mb"] for run in runs))
    yield "ratio_to_memory_limit", worker_mb / (MEMORY_MB[0] + MEMORY_MB[1] * count)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
