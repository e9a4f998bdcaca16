"""A camera that is recorded in weekly hours: at the minute, shown live only outside them, and never missed there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recorder.capture import Capture, Surroundings
from recorder.clock import WallAnchor
from recorder.drain import Drainer
from recorder.keys import KeyRing
from recorder.open_segment import hour_of
from recorder.recording import Recording
from recorder.wire import FromWorker, Missing, Record, RunChanged, StreamStateChanged
from recorder.writer import Reached, WriterReport, WriterThread
from tests.factories import CONSOLE, done
from tests.fakes.cameras import PASSWORD, USERNAME, tiny_cameras
from tests.recorder.site import CLOCK, Cameras, Site, stream_of
from tests.recorder.test_capture import NOBODY_LISTENS
from tests.vms.services.holding import deciders
from tests.waiting import wait_until
from vms.clock import SystemClock
from vms.domain.camera import RecordingMode
from vms.domain.footage import GapReason
from vms.domain.ids import CameraId, StreamId
from vms.domain.people import Person
from vms.domain.policy import DISTRICT, Days
from vms.domain.timespan import TICKS_PER_SECOND
from vms.services.cameras import CameraEdit, edit_camera
from vms.services.policies import NewPolicy, checked_hours, set_policy
from vms.services.status import status_document
from vms.store.files import Volume

pytestmark = pytest.mark.slow

MONDAY = "Mon 09:00-17:00; Tue-Sun closed"
OPENS, CLOSES = datetime(2026, 3, 16, 16, tzinfo=UTC), datetime(2026, 3, 17, 0, tzinfo=UTC)
"""By the clocks of Los Angeles, which the branch goes by."""
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class SetClock(SystemClock):
    """The machine's clock, with a wall clock that stands where it was set."""

    def __init__(self, wall: datetime) -> None:
        self.wall = wall

    def now(self) -> datetime:
        return self.wall


class Scene:
    """One stream of a worker with a wall clock that is set; what it tells its supervisor is kept."""

    def __init__(self, capture: Capture, clock: SetClock, told: list[FromWorker]) -> None:
        self.capture, self.clock, self.told = capture, clock, told

    def turn(self, wall: datetime) -> None:
        """Let it be that time, and the worker look as it does each second."""
        self.clock.wall = wall
        self.capture.watch(self.clock.monotonic())

    async def until(self, seen: Callable[[FromWorker], bool]) -> None:
        await self.until_true(lambda: any(map(seen, self.told)))

    async def until_true(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not true():  # noqa: ASYNC110 - what a capture's task does is no event of its own
                await asyncio.sleep(0.02)

    async def until_state(self, state: str) -> None:
        await self.until(lambda message: isinstance(message, StreamStateChanged) and message.state == state)
        self.told[:] = [message for message in self.told if not isinstance(message, StreamStateChanged)]

    @property
    def missing(self) -> list[str]:
        return [message.reason for message in self.told if isinstance(message, Missing)]

    @property
    def ended(self) -> list[str | None]:
        return [message.end_reason for message in self.told if isinstance(message, RunChanged) and message.end_reason is not None]


@asynccontextmanager
async def a_scene(folder: Path, wall: datetime, port: int, path: str = "/") -> AsyncIterator[Scene]:
    told: list[FromWorker] = []
    loop, clock = asyncio.get_running_loop(), SetClock(wall)
    anchor, keys = WallAnchor(SystemClock()), KeyRing()
    for hour in range(hour_of(anchor.now()) - 1, hour_of(anchor.now()) + 3):
        keys.add(CameraId(11), hour, bytes(32))

    def on_report(report: WriterReport) -> None:
        if isinstance(report, Reached):
            loop.call_soon_threadsafe(report.mark)

    writer = WriterThread(Volume.create(folder), clock=clock, sync_seconds=1, report=on_report, listed={})
    writer.start()
    order = Record(
        5, 11, "Hall", "rtsp", "127.0.0.1", port, path, USERNAME, PASSWORD, "weekly", 0, hours=MONDAY, timezone="America/Los_Angeles"
    )
    record = Recording(order, writers=[writer], keys=keys, anchor=anchor, segment_ticks=2 * TICKS_PER_SECOND, send=told.append)
    capture = Capture(order, Surroundings(clock, anchor, Drainer(clock), told.append, allow_loopback=True), record)
    capture.start()
    try:
        yield Scene(capture, clock, told)
    finally:
        await capture.stop(GapReason.RECORDER_STOPPED, "")
        await loop.run_in_executor(None, writer.stop, 10)


@pytest.mark.asyncio
async def test_it_is_connected_and_recorded_from_the_minute_on_and_let_go_at_the_minute(tmp_path: Path) -> None:
    async with tiny_cameras(1) as demo, a_scene(tmp_path / "volume", OPENS - HOUR, demo.port, demo.path(demo.keys[0])) as scene:
        await scene.until_state("live_only")
        scene.turn(OPENS - SECOND)
        await asyncio.sleep(0)
        assert (scene.missing, scene.capture.figures()) == (["outside_hours"], None)

        scene.turn(OPENS)
        await scene.until_state("recording")
        await scene.until(lambda message: isinstance(message, RunChanged))
        scene.turn(CLOSES - SECOND)
        assert scene.ended == []

        scene.turn(CLOSES)
        await scene.until(lambda message: isinstance(message, RunChanged) and message.end_reason is not None)
        await scene.until_state("live_only")
        await scene.until_true(lambda: scene.capture.figures() is None)
    assert scene.ended == ["outside_hours"]
    assert scene.missing == ["outside_hours", "outside_hours"]


@pytest.mark.asyncio
async def test_outside_its_hours_it_is_shown_to_who_watches_and_recorded_when_they_begin(tmp_path: Path) -> None:
    async with tiny_cameras(1) as demo, a_scene(tmp_path / "volume", OPENS - HOUR, demo.port, demo.path(demo.keys[0])) as scene:
        await scene.until_state("live_only")
        viewer = scene.capture.live.join()
        await scene.until_true(lambda: (figures := scene.capture.figures()) is not None and figures.pictures > 0)
        assert scene.capture.record.held_bytes == 0

        scene.turn(OPENS)
        await scene.until(lambda message: isinstance(message, RunChanged))
        scene.turn(CLOSES)
        await scene.until_state("live_only")
        assert scene.capture.figures() is not None, "who watches goes on watching"
        scene.capture.live.leave(viewer)
        await scene.until_true(lambda: scene.capture.figures() is None)
    assert scene.ended == ["outside_hours"]


@pytest.mark.asyncio
async def test_a_camera_that_is_away_is_missed_in_its_hours_alone(tmp_path: Path) -> None:
    async with a_scene(tmp_path / "volume", CLOSES, NOBODY_LISTENS) as scene:
        await scene.until_state("live_only")
        scene.capture.live.join()
        await scene.until_state("offline")
        assert scene.missing == ["outside_hours"]
        scene.turn(OPENS)
        await scene.until(lambda message: isinstance(message, Missing) and message.reason == "offline")
    assert scene.missing == ["outside_hours", "offline"]


def _say(site: Site, director: Person, hours: str) -> None:
    with site.central.writing() as session:
        done(set_policy(session, director, NewPolicy(DISTRICT, Days(0, 14, 30, checked_hours(hours)), "the Board asked"), at=CLOCK.now()))


def _open_gap(site: Site, stream: StreamId) -> GapReason | None:
    return next((gap.reason for gap in site.gaps(stream) if gap.end is None), None)


def test_hours_that_change_count_at_once_and_after_a_restart(site: Site, cameras: Cameras) -> None:
    """Hours that were said before any camera went by them count at once; those that record more do, too."""
    camera = site.add_camera("Hall", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0]))
    stream = stream_of(camera)
    site.start()
    site.wait_for_segments(stream, 1, seconds=90)
    with site.central.writing() as session:
        director, _ = deciders(session)
    _say(site, director, "Mon-Sun closed")
    with site.central.writing() as session:
        edit = CameraEdit(camera.camera.version, recording_mode=RecordingMode.WEEKLY)
        done(edit_camera(session, CONSOLE, camera.camera.id, edit, at=CLOCK.now(), allow_loopback=True))
    wait_until(lambda: _open_gap(site, stream) is GapReason.OUTSIDE_HOURS, seconds=40)
    wait_until(lambda: site.state(stream) == "live_only")

    assert site.stop() == 0
    with site.central.reading() as session, site.index.read.begin() as connection:
        (shown,) = status_document(session, connection, actor=CONSOLE, now=CLOCK.now())["cameras"]
    assert shown["expected_s"] <= shown["recorded_s"] + 5, "what is outside the hours is not expected"
    site.start()
    wait_until(lambda: site.state(stream) == "live_only", seconds=40)
    _say(site, director, "Mon-Sun 00:00-24:00")
    wait_until(lambda: site.state(stream) == "recording", seconds=40)
    wait_until(lambda: _open_gap(site, stream) is None)
    assert site.stop() == 0
    assert site.check().violations == ()
