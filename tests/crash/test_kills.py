"""`kill -9` at any moment: afterwards index and files agree, and nothing is missing but what had not reached the disk."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.processes import is_running
from tests.recorder.site import CLOCK, Cameras, Site, a_site, stream_of
from tests.waiting import wait_until
from vms.domain.footage import GapReason, SegmentFlag
from vms.domain.ids import StreamId, split_segment_id
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, ticks_of
from vms.store.files import PUBLISH_STEPS, iter_parts

pytestmark = pytest.mark.slow
AROUND_THE_RENAME = PUBLISH_STEPS[1:3]
MOST_LOST_TICKS = 2 * TICKS_PER_SECOND
"""Of the tiny cameras, whose GOP lasts a second: the fragment being assembled, and one on its way through queue and disk."""


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    made = Cameras(2)
    yield made
    made.close()


@pytest.fixture
def watched(tmp_path: Path, cameras: Cameras) -> Iterator[tuple[Site, list[StreamId]]]:
    """An installation that records both streams of two cameras, its recorder not started."""
    with a_site(tmp_path / "data", workers=2) as site:
        added = [
            site.add_camera(f"Camera {key}", cameras.demo.port, cameras.demo.path(key), sub_path=cameras.demo.path(key, "sub"))
            for key in cameras.demo.keys
        ]
        yield site, [stream_of(camera) for camera in added]


def recorded_until(site: Site, stream: StreamId) -> int:
    found = site.segments(stream)
    return found[-1].end_ticks if found else 0


def is_writing(site: Site) -> bool:
    """Say whether a file that holds a picture is open."""
    return any(file.size_bytes > 4096 for file in iter_parts(site.volume()))


def assert_sound(site: Site, streams: list[StreamId], killed_at: int) -> None:
    """Demand a clean check, runs that reach to the kill but for the fragment in the making, and a gap with the right reason."""
    assert site.check().violations == ()
    for stream in streams:
        assert killed_at - crashed_at(site, stream) <= MOST_LOST_TICKS


def crashed_at(site: Site, stream: StreamId) -> int:
    """Return where the newest run that a crash ended does."""
    crashed = [run for run in site.runs(stream) if run.end_reason is GapReason.RECORDER_CRASHED]
    assert crashed, "the run that was killed is not marked"
    return max(run.end_ms for run in crashed) * TICKS_PER_MS


def salvages(site: Site) -> list[dict[str, Any]]:
    """Return the log lines that tell of salvaged segments."""
    return [line for line in site.log_lines() if line["event"] == "segment salvaged"]


def test_a_killed_supervisor_takes_its_children_with_it(watched: tuple[Site, list[StreamId]]) -> None:
    site, streams = watched
    site.start()
    site.wait_for_segments(streams[0], 1)
    children = [*site.children("recorder.worker"), *site.children("recorder.node_api")]
    assert len(children) == 3

    site.kill()

    assert wait_until(lambda: not any(is_running(pid) for pid in children), seconds=5)


def test_a_kill_of_everything_loses_only_what_was_not_written_and_tells_how_much(watched: tuple[Site, list[StreamId]]) -> None:
    site, streams = watched
    site.start()
    site.wait_for_segments(streams[0], 1)
    site.wait_for_segments(streams[1], 1)
    lock = site.settings.run_dir / "recorder.lock"
    lived = lock.stat().st_mtime_ns
    wait_until(lambda: lock.stat().st_mtime_ns > lived and is_writing(site))
    killed_at = ticks_of(CLOCK.now())
    site.kill()

    site.start()
    for stream in streams:
        wait_until(lambda stream=stream: recorded_until(site, stream) > killed_at, seconds=40)  # type: ignore[misc]
    assert site.stop() == 0
    assert_sound(site, streams, killed_at)
    told = {split_segment_id(line["segment"])[0]: line["missing_ms"] for line in salvages(site)}
    assert told
    for stream, missing_ms in told.items():
        assert 0 <= missing_ms <= (killed_at - crashed_at(site, stream)) // TICKS_PER_MS + 1


def test_a_killed_worker_is_back_within_seconds_salvages_and_the_other_goes_on(watched: tuple[Site, list[StreamId]]) -> None:
    site, streams = watched
    site.start()
    site.wait_for_segments(streams[0], 1)
    site.wait_for_segments(streams[1], 1)
    victim = site.children("recorder.worker")[0]
    killed_at = ticks_of(CLOCK.now())
    os.kill(victim, signal.SIGKILL)

    wait_until(lambda: len([pid for pid in site.children("recorder.worker") if pid != victim and is_running(pid)]) == 2, seconds=5)
    back_after = ticks_of(CLOCK.now()) - killed_at
    for stream in streams:
        wait_until(lambda stream=stream: recorded_until(site, stream) > killed_at)  # type: ignore[misc]
    assert site.stop() == 0

    hit = [stream for stream in streams if any(run.end_reason is GapReason.RECORDER_CRASHED for run in site.runs(stream))]
    assert back_after < 3 * TICKS_PER_SECOND
    assert len(hit) == 1
    assert sorted(len(site.runs(stream)) for stream in streams) == [1, 2]
    assert all(line["missing_ms"] <= MOST_LOST_TICKS // TICKS_PER_MS for line in salvages(site))
    assert_sound(site, hit, killed_at)


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=() if step in AROUND_THE_RENAME else pytest.mark.long) for step in PUBLISH_STEPS]
)
def test_a_kill_after_any_step_of_publishing_leaves_nothing_to_mend(watched: tuple[Site, list[StreamId]], step: str) -> None:
    site, streams = watched
    site.start(VMS_FAILPOINT=f"{step}@2")
    wait_until(lambda: [line for line in site.log_lines() if line["event"] == "worker died"], seconds=40)
    for stream in streams:
        site.wait_for_segments(stream, 4)
    assert site.stop() == 0

    assert site.check().violations == ()
    for stream in streams:
        for run in site.runs(stream):
            of_run = [segment for segment in site.segments(stream) if segment.run_start_ms == run.start_ms]
            assert of_run[-1].end_ticks // TICKS_PER_MS == run.end_ms
            for before, after in pairwise(of_run):
                assert before.end_ticks == after.start_ticks


def test_a_kill_during_recovery_is_recovered_from(watched: tuple[Site, list[StreamId]]) -> None:
    site, streams = watched
    site.start()
    wait_until(lambda: any(path.stat().st_size > 30_000 for path in site.settings.data_dir.rglob("*.part")))
    site.kill()
    site.start(VMS_FAILPOINT="supervisor/publish:c")
    assert site.process is not None
    assert site.process.wait(30) == -signal.SIGKILL

    site.start()
    wait_until(lambda: site.children("recorder.worker"), seconds=30)  # the segments below may have been there before the kill
    for stream in streams:
        site.wait_for_segments(stream, 2)
    assert site.stop() == 0

    assert site.check().violations == ()


def test_a_salvaged_segment_is_flagged(watched: tuple[Site, list[StreamId]]) -> None:
    site, streams = watched
    site.start()
    site.wait_for_segments(streams[0], 1)
    wait_until(lambda: is_writing(site))
    site.kill()
    site.start()
    wait_until(lambda: site.children("recorder.worker"))
    assert site.stop() == 0

    assert SegmentFlag.SALVAGED in {segment.flags for stream in streams for segment in site.segments(stream)}
