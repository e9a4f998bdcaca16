"""What the index must say of a stream at any moment: runs without a hole, and between two of them a reason for all the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from vms.domain.footage import Gap, Run, Segment
from vms.domain.timespan import TICKS_PER_MS, ms_of


@dataclass(frozen=True, slots=True)
class Told:
    """The rows of one stream, read in one transaction, each kind by start."""

    segments: Sequence[Segment]
    runs: Sequence[Run]
    gaps: Sequence[Gap]


def breaks(told: Told) -> Iterator[str]:
    """Say, a sentence each, where segments of a run do not abut and where time between two runs has no reason, or two."""
    of_runs = {start: list(group) for start, group in groupby(told.segments, key=lambda segment: segment.run_start_ms)}
    for run in told.runs:
        yield from _within(run, of_runs.pop(run.start_ms, []))
    yield from (f"segments of {start} ms belong to no run" for start in of_runs)
    for run, following in pairwise(told.runs):
        if run.end_reason is None:
            yield f"the run of {run.start_ms} ms has no end, though another follows"
        yield from _between(run, following, told.gaps)


def _within(run: Run, segments: Sequence[Segment]) -> Iterator[str]:
    yield from (f"{before.id} and {after.id} do not abut" for before, after in pairwise(segments) if before.end_ticks != after.start_ticks)
    span = (segments[0].start_ms, segments[-1].end_ticks // TICKS_PER_MS) if segments else (run.start_ms, run.start_ms)
    if span != (run.start_ms, run.end_ms):
        yield f"the run from {run.start_ms} to {run.end_ms} ms has segments from {span[0]} to {span[1]} ms"


def _between(run: Run, following: Run, gaps: Sequence[Gap]) -> Iterator[str]:
    """Follow the gaps from the end of one run to the start of the next."""
    reached = run.end_ms
    for gap in gaps:
        if not run.start_ms <= ms_of(gap.start) < following.start_ms:
            continue
        if ms_of(gap.start) != reached or gap.end is None:
            yield f"after {reached} ms comes the gap from {gap.start} to {gap.end} ({gap.reason})"
        reached = reached if gap.end is None else ms_of(gap.end)
    if reached != following.start_ms:
        yield f"no reason from {reached} to {following.start_ms} ms"
