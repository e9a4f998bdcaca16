"""Months of many cameras at the publish seam: every row there, no run over another, missing time told to the ms, memory flat."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.factories import VOLUME, a_node
from tests.recorder.site import Site, a_site
from tests.recorder.virtual_months import START, Figures, VirtualMonths, size_of
from vms.domain.ids import StreamId
from vms.domain.timespan import TICKS_PER_MS, Timespan
from vms.store import coverage, gaps, runs, segments
from vms.store.timeline import timeline
from vms.store.volumes import register

SETTLED_DAYS = 1
GROWTH_MB = 24
"""Caches of SQLite and the allocator's slack; a ledger that kept a line of every run would take hundreds."""


def months_of(site: Site, *, cameras: int) -> VirtualMonths:
    with site.index.write.begin() as connection:
        register(connection, VOLUME, site.settings.volumes[0].path)
    with site.central.writing() as session:
        node = a_node(session).id
    return VirtualMonths(site.index, site.central, node, cameras=cameras)


def assert_accounted_for(site: Site, figures: Figures) -> None:
    whole = Timespan(START - timedelta(hours=1), figures.end + timedelta(hours=1))
    with site.index.read.begin() as connection:
        assert segments.count(connection, VOLUME) == figures.segments
        assert runs.overlapping_pairs(connection) == []
        known = {stream: runs.find(connection, stream, whole) for stream in figures.missing}
        told = {stream: timeline(connection, stream, whole, now=figures.end) for stream in figures.missing}
        still_open = gaps.open_gaps(connection)
    assert sum(map(len, known.values())) == figures.runs
    assert len({gap.stream_id for gap in still_open}) == len(still_open)
    for stream, missing in figures.missing.items():
        past = [Timespan(gap.start, gap.end) for gap in told[stream].gaps if gap.end is not None and gap.end < figures.end]
        lost = sum((span.duration for span in past), timedelta())
        assert abs(lost / timedelta(milliseconds=1) - missing / TICKS_PER_MS) <= 2 * len(known[stream])
        assert_reported(site, stream, [(run.start_ms, run.end_ms) for run in known[stream]], whole)


def assert_reported(site: Site, stream: StreamId, known: list[tuple[int, int]], whole: Timespan) -> None:
    with site.central.reading() as session:
        reported = [(span.start_ms, span.end_ms) for span in coverage.find(session, [stream], whole)]
    assert reported == known


@pytest.mark.slow
def test_days_of_some_cameras_are_accounted_for_to_the_millisecond(site: Site) -> None:
    months = months_of(site, cameras=6)
    months.live(1)

    assert_accounted_for(site, months.live(1))


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, VirtualMonths]]:
    with a_site(tmp_path_factory.mktemp("months") / "data") as site:
        yield site, months_of(site, cameras=150)


@pytest.mark.long
@pytest.mark.parametrize("month", range(3))
def test_ninety_days_of_150_cameras_are_accounted_for_and_memory_stays_flat(
    long_lived: tuple[Site, VirtualMonths], month: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thirty days a test, one after the other, so that each stays within the hour that a long test has."""
    site, months = long_lived
    figures = months.live(30)

    with capsys.disabled():
        sys.stdout.write(f"\nmonth {month + 1}: {described(figures, size_of(site.settings.index_path))}")
    assert_accounted_for(site, figures)
    assert figures.rss_mb[-1] - figures.rss_mb[SETTLED_DAYS] <= GROWTH_MB


def described(figures: Figures, index_bytes: int) -> str:
    return (
        f"{figures.segments} segments and {figures.runs} runs in {figures.seconds:.0f} s:"
        f" {figures.segments / figures.seconds:.0f} rows/s;"
        f" index {index_bytes / 1e9:.2f} GB, {index_bytes / figures.segments:.0f} bytes a segment;"
        f" slowest commit {figures.slowest_commit * 1000:.0f} ms;"
        f" memory {figures.rss_mb[min(SETTLED_DAYS, len(figures.rss_mb) - 1)]} MB after two days, {figures.rss_mb[-1]} MB at the end\n"
    )
