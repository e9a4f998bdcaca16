"""The recorder's supervisor: starts the workers and the node API, hands them what they need, and alone writes the index.

It never touches a camera and never decodes a byte of footage. Procedures and failure table: recorder/README.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from recorder import ledger as index_ledger
from recorder.crew import Crew
from recorder.health import Health
from recorder.ledger import Ledger
from recorder.lock import NodeLock
from recorder.node import Node, open_node
from recorder.node_api_process import NodeApiProcess
from recorder.recovery import note_clean, recover, salvage_streams
from recorder.room import RoomWatch
from recorder.supervisor_socket import SupervisorSocket
from recorder.wire import ClockStepped, FromWorker, Indexed, VolumeChanged
from recorder.worker_process import WorkerProcess
from recorder.writer import VolumeCondition
from vms.clock import Clock
from vms.config import Settings
from vms.domain.camera import NodeConfiguration
from vms.domain.ids import StreamId, VolumeId
from vms.domain.timespan import ms_of
from vms.errors import ConfigError, Unavailable, VmsError
from vms.log import get_logger
from vms.store.failpoints import arm
from vms.store.volumes import VolumeState

COMMIT_SECONDS = 1.0
LIFE_SECONDS = 1.0
"""After a kill of everything its moment is known so exactly."""
CONFIGURATION_SECONDS = 1.0
REPORT_SECONDS = 5.0
LOOK_SECONDS = 5.0
ROOM_SECONDS = 5.0
KEYS_SECONDS = 20.0
"""Far less than an hour's key is handed out ahead."""
MAX_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""`sun_path` without its end (unix(7)); macOS and the BSDs have four bytes less."""
STOP_SECONDS = 17.0
"""A little less than `vms up` allows before it kills."""

SUPERVISOR_FAILPOINT = "supervisor/"
"""Crash tests: a step armed in this process; without it the step is armed in the workers, until each has died once."""

T = TypeVar("T")

log = get_logger(__name__)


def run(settings: Settings, clock: Clock) -> int:
    """Record until SIGTERM or SIGINT; return the exit code. 2: another recorder runs here, or something is missing."""
    if settings.failpoint.startswith(SUPERVISOR_FAILPOINT):
        arm(settings.failpoint.removeprefix(SUPERVISOR_FAILPOINT))
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _refuse_long_paths(settings)
        with NodeLock(settings.recorder_lock_path) as lock:
            node = open_node(settings, clock)
            try:
                return asyncio.run(Supervisor(node, lock).run())
            finally:
                node.close()
    except VmsError as err:
        log.error("recorder can't start", reason=str(err))
        return 2


class Supervisor:
    """Everything on one event loop, but three threads: one for index, keys and files, one for the hub, one that asks the disks for room."""

    def __init__(self, node: Node, lock: NodeLock) -> None:
        self._node = node
        self._lock = lock
        self._ledger = Ledger()
        self._health = Health(node.clock, node.volumes)
        self._storage = ThreadPoolExecutor(1, thread_name_prefix="storage")
        self._hub = ThreadPoolExecutor(1, thread_name_prefix="hub")
        self._disks = ThreadPoolExecutor(1, thread_name_prefix="disks")
        self._room = RoomWatch(node)
        self._crew = Crew(node, keep_fds=(lock.fd,), on_message=self._on_message, on_end=self._on_worker_end)
        self._api = NodeApiProcess(node.settings.data_dir)
        self._socket = SupervisorSocket(node.settings.supervisor_socket, self._document)
        self._stopping = asyncio.Event()
        self._urgent: set[asyncio.Task[None]] = set()
        """Restarts of workers, and keys that can't wait for their turn."""
        self._broken: asyncio.Future[None] | None = None
        """Fails with the error of a restart: streams that nobody records any more must not go unnoticed."""

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        self._broken = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self._stored(partial(recover, self._node, lived_ms=self._lock.last_lived_ms))
        await self._crew.start()
        await self._socket.start()
        self._api.start()
        await self._turn(self._use_stored)
        chores = [
            asyncio.create_task(self._regularly(COMMIT_SECONDS, self._commit), name="commit"),
            asyncio.create_task(self._regularly(LIFE_SECONDS, self._live), name="sign of life"),
            asyncio.create_task(self._regularly(CONFIGURATION_SECONDS, self._ask_hub), name="configuration"),
            asyncio.create_task(self._regularly(REPORT_SECONDS, self._report), name="report"),
            asyncio.create_task(self._regularly(KEYS_SECONDS, self._hand_out_keys), name="keys"),
            asyncio.create_task(self._regularly(KEYS_SECONDS, self._note_clean), name="clean hour"),
            asyncio.create_task(self._regularly(ROOM_SECONDS, self._look_for_room), name="room"),
            asyncio.create_task(self._regularly(LOOK_SECONDS, self._look_at_the_children), name="children"),
        ]
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            # A chore only ends by an error that it can't answer: then the recorder ends loudly and is started again.
            ends: list[asyncio.Future[None] | asyncio.Task[bool]] = [stopping, self._broken, *chores]
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._stop([*chores, stopping])
        return 0

    async def _stop(self, tasks: Sequence[asyncio.Task[object]]) -> None:
        """Flush the workers, write their last rows, tell the hub, end."""
        self._stopping.set()
        for task in (*tasks, *self._urgent):
            task.cancel()
        await asyncio.gather(*tasks, *self._urgent, return_exceptions=True)
        await self._crew.stop(STOP_SECONDS)
        self._api.stop()
        self._socket.stop()
        await self._commit()
        self._health.stopped()
        try:
            await asyncio.wait_for(self._report(), REPORT_SECONDS)
        except TimeoutError:
            log.warning("hub did not take the last report in time; it follows after the next start")
        self._storage.shutdown()
        self._hub.shutdown(wait=False)
        self._disks.shutdown(wait=False)

    async def _regularly(self, seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
        """Do `chore` so often. All that is due is done in one go: a process that wakes for each pays more for waking than for working."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(seconds - loop.time() % seconds)
            await self._turn(chore)

    async def _turn(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Do `chore`; when it finds a store busy or away, its next turn does it, and recording goes on."""
        try:
            await chore()
        except Unavailable as err:
            log.warning("put off: index or keys do not answer", reason=str(err))

    def _at_once(self, act: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(act, name=name)
        self._urgent.add(task)
        task.add_done_callback(self._done_at_once)

    def _done_at_once(self, task: asyncio.Task[None]) -> None:
        self._urgent.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def _commit(self) -> None:
        """Write what was reported, then let the workers forget the segments whose rows are there."""
        batch = self._ledger.cut()
        if batch is None:
            return
        try:
            written = await self._stored(partial(index_ledger.write, self._node.index, batch))
        except Unavailable as err:
            log.error("rows wait: the index does not take them", reason=str(err), segments=len(batch.segments))
            self._ledger.put_back(batch)
            return
        if written:
            self._crew.broadcast(Indexed(list(written)))

    async def _use_stored(self) -> None:
        await self._configure(await self._stored(self._node.stored_configuration))

    async def _ask_hub(self) -> None:
        if not self._crew.version:  # it was put off at the start, or there is none yet
            await self._use_stored()
        try:
            newer = await self._asked(partial(self._node.newer_configuration, self._crew.version))
        except VmsError as err:
            log.warning("hub does not answer; recording goes on with the stored configuration", reason=str(err))
            return
        if newer is not None:
            await self._stored(partial(self._node.store_configuration, newer))
            await self._configure(newer)

    async def _configure(self, configuration: NodeConfiguration) -> None:
        self._health.configure(configuration)
        await self._crew.configure(configuration, self._stored)

    async def _hand_out_keys(self) -> None:
        await self._crew.hand_out_keys(self._stored)

    async def _live(self) -> None:
        await self._stored(self._lock.live)

    async def _note_clean(self) -> None:
        """Note which volumes are given up, then how far the others are clean."""
        for volume in self._crew.given_up:
            await self._stored(partial(self._node.note_volume_state, VolumeId(volume.volume), VolumeState(volume.condition)))
        await self._stored(partial(note_clean, self._node))

    async def _look_for_room(self) -> None:
        left = {volume.volume for volume in self._crew.given_up}
        volumes = [volume for volume in self._node.volumes if volume.id not in left]
        self._room.take(await self._in(self._disks, partial(self._room.measure, volumes)))
        self._crew.leave_out(self._room.leave_out(self._crew.streams))

    def _document(self) -> dict[str, object]:
        return self._health.document() | {"room": self._room.document()}

    async def _look_at_the_children(self) -> None:
        self._api.look()
        self._crew.look()

    async def _report(self) -> None:
        try:
            await self._asked(partial(self._node.report, self._health.statuses()))
        except VmsError as err:
            log.warning("hub does not take reports; they are kept", reason=str(err))

    def _on_message(self, worker: WorkerProcess, message: FromWorker) -> None:
        self._ledger.take(message, self._node.clock.now())
        self._health.take(worker.plan.number, message)
        match message:
            case VolumeChanged():
                self._volume_changed(message)
            case ClockStepped():  # into an hour, perhaps, whose keys nobody has yet
                self._at_once(self._turn(self._hand_out_keys), "keys after a clock step")
            case _:
                pass

    def _volume_changed(self, message: VolumeChanged) -> None:
        """Say it; a fault is the whole volume's, whichever worker met it."""
        if message.volume in {volume.volume for volume in self._crew.given_up}:
            return
        log.warning("volume", volume=message.volume, condition=message.condition, reason=message.sentence)
        if VolumeCondition(message.condition).final:
            self._crew.give_up(message)
            self._at_once(self._turn(self._note_clean), "state of a volume")

    def _on_worker_end(self, number: int, streams: frozenset[StreamId]) -> None:
        """A worker is gone. Bring its streams back within two seconds."""
        if self._stopping.is_set():
            return
        log.warning("worker ended", worker=number, write_lag_ms=self._health.write_lag_ms(number), streams=len(streams))
        self._health.interrupted(streams)
        self._at_once(self._restart(number, streams, ms_of(self._node.clock.now())), f"restart worker {number}")

    async def _restart(self, number: int, streams: frozenset[StreamId], ended_ms: int) -> None:
        await self._commit()
        # Before anything is recorded again.
        salvaged = await self._until_done(partial(self._stored, partial(salvage_streams, self._node, streams, lived_ms=ended_ms)))
        self._ledger.worker_died(streams, salvaged.ends)
        await self._commit()
        await self._crew.restart(number)
        await self._until_done(partial(self._crew.supply, number, self._stored))

    async def _until_done(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do what no other turn does; while index or keys do not answer, again and again."""
        while True:
            try:
                return await act()
            except Unavailable as err:
                log.error("worker waits: index or keys do not answer", reason=str(err))
                await asyncio.sleep(COMMIT_SECONDS)

    async def _stored(self, act: Callable[[], T]) -> T:
        """Run `act` in the storage thread. Unavailable when the index does not answer now."""
        return await self._in(self._storage, act)

    async def _asked(self, act: Callable[[], T]) -> T:
        """Run `act` in the hub thread. Unavailable when hub or index do not answer now."""
        return await self._in(self._hub, act)

    async def _in(self, thread: ThreadPoolExecutor, act: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, act)
        except OperationalError as err:
            raise Unavailable(f"The index does not answer: {err.orig}") from err


def _refuse_long_paths(settings: Settings) -> None:
    """Raise ConfigError when the run directory is too deep for its sockets: `bind` would fail in each process, one after another."""
    longest = max((settings.node_socket, settings.supervisor_socket, settings.worker_socket(100)), key=lambda path: len(str(path)))
    if len(os.fsencode(longest)) > MAX_SOCKET_PATH_BYTES:
        raise ConfigError(
            f"{longest} is too long for a Unix socket ({MAX_SOCKET_PATH_BYTES} bytes at most). Use a data directory with a shorter path."
        )
