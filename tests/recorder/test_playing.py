"""One connection to a camera: what counts as silence, by a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from recorder.demo.cameras import DemoCameras
from recorder.playing import MAX_COMPLETED, MAX_READ_SECONDS, READ_BYTES, SILENT_SECONDS, CameraSilent, Playing
from recorder.rtp.access_unit import AccessUnit
from recorder.rtsp.client import open_stream
from recorder.rtsp.errors import ConnectionLost, UnsupportedCodec
from tests.fakes.cameras import PASSWORD, USERNAME, tiny_cameras
from tests.recorder.rtp.packets import Sender, clip, unreadable
from tests.recorder.rtsp.scripted_camera import SDP_WITHOUT_SETS, ScriptedCamera, camera
from tests.recorder.test_clock import DrivenClock
from vms.clock import SystemClock
from vms.domain.camera import address

pytestmark = pytest.mark.slow

KEEPALIVE_SECONDS = 5.0
"""Half of what the camera allows."""


@pytest_asyncio.fixture
async def cameras() -> AsyncIterator[DemoCameras]:
    async with tiny_cameras(session_seconds=2 * KEEPALIVE_SECONDS) as cameras:
        yield cameras


@pytest_asyncio.fixture
async def playing(cameras: DemoCameras) -> AsyncIterator[Playing]:
    where = address("rtsp", "127.0.0.1", cameras.port, allow_loopback=True)
    stream = await open_stream(where, cameras.path(cameras.keys[0]), username=USERNAME, password=PASSWORD, allow_loopback=True)
    playing = Playing(stream, clock=SystemClock(), on_pictures=lambda _units: None, is_watched=lambda: True)
    playing.begin()
    yield playing
    playing.close()


async def played_to_its_end(after_play: bytes) -> tuple[Playing, list[AccessUnit]]:
    """Play a camera that describes its pictures only among them; return it, and what it handed over."""
    taken: list[AccessUnit] = []
    async with camera(ScriptedCamera(sdp=SDP_WITHOUT_SETS, after_play=after_play)) as scripted:
        stream = await open_stream(scripted.address, "/", username="", password="", allow_loopback=True)
        playing = Playing(stream, clock=SystemClock(), on_pictures=taken.extend, is_watched=lambda: False)
        playing.begin()

        def ended() -> bool:
            playing.drain(SystemClock().monotonic())
            playing.deliver()
            return playing.ended.done()

        await until(ended)
        playing.close()
    return playing, taken


@pytest.mark.asyncio
async def test_a_camera_whose_parameter_sets_can_not_be_read_is_refused_before_anybody_is_given_its_pictures() -> None:
    playing, taken = await played_to_its_end(unreadable())

    assert isinstance(playing.ended.exception(), UnsupportedCodec)
    assert taken == []


@pytest.mark.asyncio
async def test_pictures_that_came_in_one_batch_with_an_unreadable_one_are_handed_over_up_to_it() -> None:
    sender = Sender()
    pictures = b"".join(packet for unit in clip("h264")[:3] for packet in sender.unit(unit))
    playing, taken = await played_to_its_end(pictures + unreadable(sender=sender))

    assert isinstance(playing.ended.exception(), UnsupportedCodec)
    assert len(taken) == playing.pictures == 3


@pytest.mark.asyncio
async def test_pictures_that_came_before_the_connection_was_lost_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[AccessUnit] = []
    sender = Sender()
    batches = [filled(b"".join(packet for unit in clip("h264")[:3] for packet in sender.unit(unit)))]

    def receive(_limit: int) -> bytes:
        if not batches:
            raise ConnectionLost("The camera closed the connection.")
        return batches.pop()

    async with camera(ScriptedCamera()) as scripted:
        stream = await open_stream(scripted.address, "/", username="", password="", allow_loopback=True)
        playing = Playing(stream, clock=SystemClock(), on_pictures=taken.extend, is_watched=lambda: False)
        monkeypatch.setattr(stream, "receive", receive)
        playing.drain(SystemClock().monotonic())
        playing.close()

    assert isinstance(playing.ended.exception(), ConnectionLost)
    assert len(taken) == playing.pictures == 3


@pytest.mark.asyncio
async def test_the_pictures_of_one_batch_at_most_wait_to_be_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sender = DrivenClock(), Sender()
    taken: list[AccessUnit] = []
    units = [b"".join(packet for packet in sender.unit(unit)) for unit in clip("h264")[:5]]
    batches = [units[4], filled(b"".join(units[2:4])), filled(b"".join(units[:2]))]

    async with camera(ScriptedCamera()) as scripted:
        stream = await open_stream(scripted.address, "/", username="", password="", allow_loopback=True)
        playing = Playing(stream, clock=clock, on_pictures=taken.extend, is_watched=lambda: False)
        monkeypatch.setattr(stream, "receive", lambda _limit: batches.pop())
        playing.drain(clock.monotonic())
        assert len(taken) == 4
        playing.deliver()
        playing.deliver()
        playing.close()

    assert len(taken) == playing.pictures == 5


@pytest.mark.asyncio
@pytest.mark.parametrize(("count", "watched", "waiting"), [(5, False, 5), (5, True, 0), (MAX_COMPLETED + 1, False, 0)])
async def test_few_pictures_wait_and_none_that_somebody_watches(
    monkeypatch: pytest.MonkeyPatch, *, count: int, watched: bool, waiting: int
) -> None:
    taken: list[AccessUnit] = []
    sender = Sender()
    keyframe, *others = clip("h264")[:2]
    batch = b"".join(packet for unit in [keyframe, *others * (count - 1)] for packet in sender.unit(unit))
    assert len(batch) < READ_BYTES

    async with camera(ScriptedCamera()) as scripted:
        stream = await open_stream(scripted.address, "/", username="", password="", allow_loopback=True)
        playing = Playing(stream, clock=SystemClock(), on_pictures=taken.extend, is_watched=lambda: watched)
        monkeypatch.setattr(stream, "receive", lambda _limit: batch)
        playing.drain(SystemClock().monotonic())
        assert len(taken) == count - waiting
        playing.close()


@pytest.mark.asyncio
async def test_a_camera_that_floods_is_read_for_no_longer_than_its_share_of_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, reads = DrivenClock(), []

    def always_more(limit: int) -> bytes:
        reads.append(limit)
        clock.pass_time(MAX_READ_SECONDS / 2)  # what its bytes cost to look at
        return b"$\x05\0\0" * (limit // 4)

    async with camera(ScriptedCamera()) as scripted:
        stream = await open_stream(scripted.address, "/", username="", password="", allow_loopback=True)
        playing = Playing(stream, clock=clock, on_pictures=lambda _units: None, is_watched=lambda: False)
        monkeypatch.setattr(stream, "receive", always_more)
        playing.drain(clock.monotonic())
        playing.close()

    assert len(reads) <= 3


@pytest.mark.asyncio
async def test_a_drain_takes_all_that_is_there_and_asks_no_more_once_less_came_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sizes = DrivenClock(), [READ_BYTES, READ_BYTES, READ_BYTES - 4]

    async with camera(ScriptedCamera()) as scripted:
        stream = await open_stream(scripted.address, "/", username="", password="", allow_loopback=True)
        playing = Playing(stream, clock=clock, on_pictures=lambda _units: None, is_watched=lambda: False)
        monkeypatch.setattr(stream, "receive", lambda _limit: b"$\x05\0\0" * (sizes.pop(0) // 4))
        playing.drain(clock.monotonic())
        playing.close()

    assert sizes == []


def filled(batch: bytes) -> bytes:
    """Make a batch as large as one may be, by frames of a channel that nobody asked for."""
    while (gap := READ_BYTES - len(batch)) > 0:
        size = min(gap - 4, 60_000)
        batch += b"$\x05" + size.to_bytes(2) + bytes(size)
    return batch


async def until(true: Callable[[], bool]) -> None:
    """Let the camera go on until `true`."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - a turn of the loop for the camera, which runs on it
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_frozen_camera_that_answers_keep_alive_requests_is_silent_not_stalled(cameras: DemoCameras, playing: Playing) -> None:
    now = SystemClock().monotonic()

    def something_came(by: float) -> bool:
        playing.drain(by)
        return playing.bits_per_second() > 0

    playing.watch(now)
    await until(lambda: something_came(now))
    cameras.script.freeze()
    await until(lambda: not something_came(now))

    playing.watch(now + KEEPALIVE_SECONDS)
    await until(lambda: something_came(now + KEEPALIVE_SECONDS))
    playing.watch(now + SILENT_SECONDS)

    assert isinstance(playing.ended.exception(), CameraSilent)
