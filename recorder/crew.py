"""Spread the streams over the workers and keep each worker supplied with streams and keys."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from recorder.node import HoursDue, Node
from recorder.wire import FromWorker, LeaveOut, Record, Release, Stop, ToWorker, VolumeChanged
from recorder.worker import WorkerPlan
from recorder.worker_process import WorkerProcess
from vms.crypto import KEY_BYTES, random_bytes
from vms.domain.camera import NodeConfiguration, StreamConfig
from vms.domain.ids import CameraId, StreamId
from vms.log import get_logger

QUICK_DEATH_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0

T = TypeVar("T")
log = get_logger(__name__)


class Stored(Protocol):
    """Runs a blocking act in the storage thread."""

    def __call__(self, act: Callable[[], T]) -> Awaitable[T]: ...


class Crew:
    """The workers of a node. All on the supervisor's event loop.

    Invariant: the streams of one camera are recorded by one worker, and a worker has a camera's keys before its streams.
    """

    def __init__(
        self,
        node: Node,
        *,
        keep_fds: tuple[int, ...],
        on_message: Callable[[WorkerProcess, FromWorker], None],
        on_end: Callable[[int, frozenset[StreamId]], None],
    ) -> None:
        self._node = node
        self._keep_fds = keep_fds
        self._on_message = on_message
        self._on_end = on_end
        self._workers: dict[int, WorkerProcess] = {}
        self._camera_worker: dict[CameraId, int] = {}
        self._streams: dict[StreamId, StreamConfig] = {}
        self._passwords: dict[StreamId, bytes] = {}
        """The mark of the password that each stream's camera is asked for with: only whether it is the same has to be known."""
        self._mark_key = random_bytes(KEY_BYTES)
        self._hours: dict[CameraId, tuple[int, ...]] = {}
        """Whose keys the camera's worker has."""
        self._started_at: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._supplying = asyncio.Lock()
        """Held while streams are handed out: a worker that is started anew must not get what a newer configuration took away."""
        self._watching: set[asyncio.Task[None]] = set()
        self._given_up: dict[str, VolumeChanged] = {}
        self._left_out: Mapping[StreamId, str] = {}
        """Of which streams nothing is recorded for want of room, and how that is said."""
        self.version = 0
        """Of the configuration in force."""

    async def start(self) -> None:
        count = self._node.settings.capture_workers or os.cpu_count() or 1
        await asyncio.gather(*(self._start_worker(self._plan(number)) for number in range(count)))

    async def stop(self, timeout_seconds: float) -> None:
        """Let every worker publish what it has and end; kill those that do not."""
        self.broadcast(Stop())
        workers = tuple(self._workers.values())
        ended = await asyncio.gather(*(worker.wait(timeout_seconds) for worker in workers))
        for worker, orderly in zip(workers, ended, strict=True):
            if not orderly:
                log.warning("worker killed; the next start salvages its open segments", worker=worker.plan.number)
        for task in self._watching:
            task.cancel()

    async def restart(self, number: int) -> None:
        """Start a worker again, which then needs `supply`; one that keeps dying waits longer each time."""
        lived = self._node.clock.monotonic() - self._started_at.get(number, 0.0)
        pause = self._pauses.get(number, 0.0) if lived < QUICK_DEATH_SECONDS else 0.0
        self._pauses[number] = min(max(0.5, pause * 2), LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(pause)
        async with self._supplying:
            await self._start_worker(replace(self._plan(number), failpoint=""))

    async def supply(self, number: int, stored: Stored) -> None:
        """Give a worker that was started again its streams. Unavailable, to be tried again, when keys or index do not answer."""
        async with self._supplying:
            mine = [stream for stream in self._streams.values() if self._camera_worker[stream.camera_id] == number]
            await self._hand_over(mine, stored)

    async def configure(self, configuration: NodeConfiguration, stored: Stored) -> None:
        """Bring the workers from the configuration in force to `configuration`."""
        async with self._supplying:
            await self._change_to(configuration, stored)

    async def hand_out_keys(self, stored: Stored) -> None:
        """Give every worker the keys of this and the coming hour that it lacks."""
        due = await stored(partial(self._node.hours_due, tuple(self._streams.values())))
        await self._give_keys({camera: hours for camera, hours in due.items() if self._hours.get(camera) != hours}, stored)

    def look(self) -> None:
        """Look whether every worker still says something; see `WorkerProcess.look`."""
        for worker in self._workers.values():
            worker.look()

    def give_up(self, volume: VolumeChanged) -> None:
        """Have every worker, and those that are started later, leave a volume whose disk refused something."""
        self._given_up[volume.volume] = volume
        self.broadcast(volume)

    @property
    def streams(self) -> tuple[StreamConfig, ...]:
        return tuple(self._streams.values())

    def leave_out(self, streams: Mapping[StreamId, str]) -> None:
        """Have nothing recorded of these streams, each for what its sentence says, and all others recorded."""
        before, self._left_out = self._left_out, streams
        for stream in before.keys() | streams.keys():
            if before.get(stream, "") != streams.get(stream, "") and (config := self._streams.get(stream)) is not None:
                self._send(config.camera_id, LeaveOut(stream, streams.get(stream, "")))

    @property
    def given_up(self) -> tuple[VolumeChanged, ...]:
        return tuple(self._given_up.values())

    def broadcast(self, message: ToWorker) -> None:
        for worker in self._workers.values():
            worker.send(message)

    async def _change_to(self, configuration: NodeConfiguration, stored: Stored) -> None:
        wanted = {stream.stream_id: stream for stream in configuration.streams}
        changed = [stream for stream in configuration.streams if self._streams.get(stream.stream_id) != stream]
        for stream in changed:
            self._camera_worker.setdefault(stream.camera_id, self._least_loaded())
        resealed = await self._only_resealed(changed, stored)
        await self._hand_over([stream for stream in changed if stream.stream_id not in resealed], stored)
        for stream in tuple(self._streams.values()):
            if stream.stream_id not in wanted:
                self._send(stream.camera_id, Release(stream.stream_id))
        # Last: when keys or index did not answer above, the next turn finds everything still to be done.
        self._streams = wanted
        self._passwords = {stream: mark for stream, mark in self._passwords.items() if stream in wanted}
        self.version = configuration.version

    async def _only_resealed(self, changed: list[StreamConfig], stored: Stored) -> set[StreamId]:
        """Return the streams of which nothing changed but the key that the same password is sealed to: their cameras notice nothing."""
        alike = [stream for stream in changed if self._like_before(stream)]
        passwords = await stored(partial(self._node.passwords, alike)) if alike else {}
        return {stream for stream, password in passwords.items() if self._mark(password) == self._passwords.get(stream)}

    def _mark(self, password: str) -> bytes:
        return hmac.digest(self._mark_key, password.encode(), "sha256")

    def _like_before(self, stream: StreamConfig) -> bool:
        before = self._streams.get(stream.stream_id)
        return before is not None and replace(before, password_sealed=stream.password_sealed) == stream

    async def _hand_over(self, streams: list[StreamConfig], stored: Stored) -> None:
        if not streams:
            return
        await self._give_keys(await stored(partial(self._node.hours_due, streams)), stored)
        orders: list[Record] = await stored(partial(self._node.orders, streams))
        for order in orders:
            self._send(order.camera_id, order)
            if (sentence := self._left_out.get(order.stream_id)) is not None:
                self._send(order.camera_id, LeaveOut(order.stream, sentence))
            self._passwords[order.stream_id] = self._mark(order.password)

    async def _give_keys(self, due: HoursDue, stored: Stored) -> None:
        if not due:
            return
        keys = await stored(partial(self._node.hour_keys, due))
        for camera, message in keys.items():
            self._send(camera, message)
        self._hours.update(due)

    def _send(self, camera: CameraId, message: ToWorker) -> None:
        worker = self._workers.get(self._camera_worker.get(camera, -1))
        if worker is not None:
            worker.send(message)

    def _least_loaded(self) -> int:
        load = dict.fromkeys(self._workers, 0)
        for number in self._camera_worker.values():
            load[number] = load.get(number, 0) + 1
        return min(load, key=lambda number: (load[number], number))

    async def _start_worker(self, plan: WorkerPlan) -> None:
        worker = WorkerProcess(plan, keep_fds=self._keep_fds, on_message=self._on_message)
        await worker.start()
        for volume in self.given_up:
            worker.send(volume)
        self._workers[plan.number] = worker
        self._started_at[plan.number] = self._node.clock.monotonic()
        task = asyncio.create_task(self._watch(worker), name=f"watch worker {plan.number}")
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(self, worker: WorkerProcess) -> None:
        await worker.ended.wait()
        number = worker.plan.number
        cameras = {camera for camera, at in self._camera_worker.items() if at == number}
        self._on_end(number, frozenset(stream.stream_id for stream in self._streams.values() if stream.camera_id in cameras))

    def _plan(self, number: int) -> WorkerPlan:
        settings = self._node.settings
        return WorkerPlan(
            number=number,
            socket_path=str(settings.worker_socket(number)),
            volumes=tuple((str(volume.path), volume.max_bytes) for volume in self._node.volumes),
            segment_seconds=settings.segment_seconds,
            sync_seconds=settings.sync_seconds,
            allow_loopback=settings.allow_loopback_cameras,
            log_format=settings.log_format,
            log_level=settings.log_level,
            failpoint=settings.failpoint,
        )
