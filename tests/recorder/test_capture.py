"""One stream from its configuration on: when it is connected, when it is let go, and what counts as missing."""

from __future__ import annotations

import asyncio

import pytest

from recorder.capture import Capture, Surroundings
from recorder.clock import WallAnchor
from recorder.drain import Drainer
from recorder.keys import KeyRing
from recorder.recording import Recording
from recorder.wire import FromWorker, Missing, Record, StreamStateChanged
from tests.recorder.rtsp.scripted_camera import Request, ScriptedCamera, answer, camera
from vms.clock import SystemClock
from vms.domain.footage import GapReason
from vms.domain.timespan import TICKS_PER_SECOND

pytestmark = pytest.mark.asyncio

NOBODY_LISTENS = 1


class Told:
    """What a stream's supervisor hears."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self._states: asyncio.Queue[str] = asyncio.Queue()

    def take(self, message: FromWorker) -> None:
        match message:
            case Missing():
                self.missing.append(message.reason)
            case StreamStateChanged():
                self._states.put_nowait(message.state)
            case _:
                pass

    async def until(self, state: str) -> None:
        async with asyncio.timeout(30):
            while await self._states.get() != state:
                pass


def a_capture(mode: str, port: int, told: Told) -> Capture:
    clock = SystemClock()
    anchor = WallAnchor(clock)
    order = Record(5, 11, "Entrance", "rtsp", "127.0.0.1", port, "/", "", "", mode, 0)
    record = Recording(order, writers=[], keys=KeyRing(), anchor=anchor, segment_ticks=TICKS_PER_SECOND, send=told.take)
    return Capture(order, Surroundings(clock, anchor, Drainer(clock), told.take, allow_loopback=True), record)


async def test_a_camera_that_is_shown_live_only_is_never_missed() -> None:
    told = Told()
    capture = a_capture("live_only", NOBODY_LISTENS, told)
    capture.live.join()
    capture.start()
    await told.until("offline")
    await capture.stop(GapReason.OFF, "")

    assert told.missing == ["off"]


async def test_a_camera_whose_viewer_left_while_it_connected_is_let_go() -> None:
    told = Told()
    scripted = ScriptedCamera()
    async with camera(scripted):
        capture = a_capture("live_only", scripted.port, told)
        viewer = capture.live.join()

        def leave(request: Request) -> bytes:
            capture.live.leave(viewer)
            return answer(request, Session="abc123")

        scripted.scripts["PLAY"] = leave
        capture.start()

        await asyncio.wait_for(scripted.hung_up.wait(), 30)
        await capture.stop(GapReason.OFF, "")

    assert scripted.methods.count("PLAY") == 1
