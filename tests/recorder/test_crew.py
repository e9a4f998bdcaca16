"""The workers of a node and what they are told, with real workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest
import pytest_asyncio

from recorder.crew import Crew
from recorder.node import open_node
from recorder.wire import FromWorker, Keys, LeaveOut, Record, ToWorker
from recorder.worker_client import ask_socket
from recorder.worker_process import WorkerProcess
from tests.recorder.site import CLOCK, Site
from tests.waiting import is_listening
from vms.crypto import seal, sealing_public_key
from vms.domain.camera import Address, NodeConfiguration, RecordingMode, Scheme, StreamConfig, StreamRole, password_aad
from vms.domain.ids import CameraId, DeviceId, StreamId
from vms.errors import Unavailable
from vms.store.key_files import KeyFiles

T = TypeVar("T")

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


def a_stream(number: int) -> StreamConfig:
    nobody = Address(Scheme.RTSP, "127.0.0.1", 1)
    return StreamConfig(
        StreamId(number),
        CameraId(number),
        DeviceId(number),
        StreamRole.MAIN,
        nobody,
        "/",
        "",
        b"",
        RecordingMode.ALWAYS,
        f"Camera {number}",
        1,
    )


async def at_once(act: Callable[[], T]) -> T:
    """Stand in for the storage thread where nothing has to happen meanwhile."""
    return act()


class Told:
    """A crew with one worker, and what that worker has been told."""

    def __init__(self, site: Site) -> None:
        self._socket = site.settings.worker_socket(0)
        self._spoke: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self.node = open_node(site.settings, CLOCK)
        self.crew = Crew(self.node, keep_fds=(), on_message=self._heard, on_end=lambda *_: None)

    async def worker_dies(self) -> None:
        worker = await asyncio.wait_for(self._spoke.get(), 30)
        worker.kill()
        await worker.ended.wait()

    async def streams(self, *, once: StreamId) -> set[int]:
        """Return what the worker records, once it has taken up a stream that it was given last."""
        async with asyncio.timeout(30):
            while once not in (told := await self._ask()):  # noqa: ASYNC110 - another process, which tells nobody
                await asyncio.sleep(0.02)
        return told

    def _heard(self, worker: WorkerProcess, _message: FromWorker) -> None:
        self._spoke.put_nowait(worker)

    async def _ask(self) -> set[int]:
        if not is_listening(self._socket):
            return set()
        answer = (await ask_socket(self._socket, {"ask": "streams"}))["streams"]
        assert isinstance(answer, list)
        return set(answer)


@pytest_asyncio.fixture
async def told(site: Site) -> AsyncIterator[Told]:
    made = Told(site)
    await made.crew.start()
    yield made
    await made.crew.stop(10)
    made.node.close()


async def test_a_camera_that_is_removed_while_its_worker_is_started_again_is_not_recorded_on(told: Told) -> None:
    await told.crew.configure(NodeConfiguration(1, (a_stream(5),)), at_once)
    await told.worker_dies()
    removal: list[asyncio.Task[None]] = []

    def meanwhile(act: Callable[[], T]) -> Awaitable[T]:
        """Remove the camera while the storage thread works for the restart; give that time to get through, if it can."""

        async def work() -> T:
            if not removal:
                removal.append(asyncio.create_task(told.crew.configure(NodeConfiguration(2, (a_stream(6),)), at_once)))
            for _ in range(20):
                await asyncio.sleep(0)
            return act()

        return work()

    await told.crew.restart(0)
    await told.crew.supply(0, meanwhile)
    await removal[0]

    assert await told.streams(once=StreamId(6)) == {6}


async def test_a_stream_that_is_left_out_for_want_of_room_stays_so_when_its_camera_is_changed(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[ToWorker] = []
    monkeypatch.setattr(WorkerProcess, "send", lambda _worker, message: sent.append(message))
    await told.crew.configure(NodeConfiguration(1, (a_stream(5), a_stream(6))), at_once)
    sent.clear()
    for _ in range(2):  # told once, however often it is found
        told.crew.leave_out({StreamId(5): "The disks are nearly full."})
    await told.crew.configure(NodeConfiguration(2, (replace(a_stream(5), path="/other"), a_stream(6))), at_once)
    told.crew.leave_out({})
    words = [message if isinstance(message, LeaveOut) else type(message).__name__ for message in sent if not isinstance(message, Keys)]
    left = LeaveOut(5, "The disks are nearly full.")
    assert words == [left, "Record", left, LeaveOut(5, "")]


async def test_a_key_file_that_can_not_be_read_for_a_moment_disconnects_no_camera(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[ToWorker] = []
    monkeypatch.setattr(WorkerProcess, "send", lambda _worker, message: sent.append(message))
    files = KeyFiles(told.node.settings.node_key_path)
    stream = _sealed(a_stream(5), files)
    await told.crew.configure(NodeConfiguration(1, (stream,)), at_once)
    files.begin()
    resealed = NodeConfiguration(2, (_sealed(stream, files),))
    files.next_path.chmod(0o640)
    sent.clear()
    with pytest.raises(Unavailable, match="chmod 600"):
        await told.crew.configure(resealed, at_once)
    files.next_path.chmod(0o600)
    await told.crew.configure(resealed, at_once)
    assert (sent, told.crew.version) == ([], 2)


async def test_the_supervisor_keeps_no_password_in_clear_and_nothing_of_a_camera_that_was_removed(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[ToWorker] = []
    monkeypatch.setattr(WorkerProcess, "send", lambda _worker, message: sent.append(message))
    files = KeyFiles(told.node.settings.node_key_path)
    await told.crew.configure(NodeConfiguration(1, (_sealed(a_stream(5), files), _sealed(a_stream(6), files))), at_once)
    assert [order.password for order in sent if isinstance(order, Record)] == ["canary", "canary"]
    assert "canary" not in repr(vars(told.crew))
    await told.crew.configure(NodeConfiguration(2, ()), at_once)
    assert told.crew._passwords == {}


def _sealed(stream: StreamConfig, files: KeyFiles) -> StreamConfig:
    sealed = seal(sealing_public_key(files.fresh()[-1]), b"canary", password_aad(stream.device_id, stream.address))
    return replace(stream, password_sealed=sealed)
