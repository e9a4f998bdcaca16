"""What the supervisor holds open on this machine: index, key store, volumes, the machine's own key, and the way to the hub.

Every method blocks and is called off the event loop: those that touch index, keys and files in the supervisor's storage
thread, those that ask the hub in its hub thread, so that a slow hub never holds up a commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from recorder.volumes import open_those_there
from recorder.wire import Keys, Record
from vms.clock import Clock
from vms.config import Settings
from vms.crypto import KeySource, open_with
from vms.domain.camera import NodeConfiguration, StreamConfig, StreamStatus, password_aad
from vms.domain.ids import CameraId, NodeId, StreamId, VolumeId
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS, ms_of
from vms.errors import ConfigError, Corrupt, Unavailable
from vms.log import get_logger
from vms.services.hub_link import HubLink, LocalHub
from vms.services.nodes import node_of
from vms.store import clock_events, outbox, runs, segments, stream_config, volumes
from vms.store.database import Engines, make_engines
from vms.store.files import Volume
from vms.store.key_credential import footage_key
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.migrate import Which, require_current
from vms.store.volumes import VolumeState

EARLIER_MS = 60_000
"""A run may begin a little before the moment its first fragment is whole: the hour before is needed that long."""
HOURS_AHEAD = 1
SOON_MS = 2 * MS_PER_HOUR
"""So long before a run has to leap over footage that stands in its way, the key of the hour behind that is needed."""

HoursDue = Mapping[CameraId, tuple[int, ...]]
"""Of each camera the hours since the epoch whose keys are needed now or soon, in order."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Node:
    """The machine's stores, open. Made by `open_node`, closed by `close`."""

    settings: Settings
    clock: Clock
    index: Engines
    central: Engines
    keys: KeyStore
    volumes: tuple[Volume, ...]
    node_key: KeySource
    node_id: NodeId
    hub: HubLink

    def close(self) -> None:
        self.keys.close()
        self.index.dispose()
        self.central.dispose()

    def stored_configuration(self) -> NodeConfiguration:
        with self.index.read.begin() as connection:
            return stream_config.load(connection)

    def newer_configuration(self, known_version: int) -> NodeConfiguration | None:
        """Ask the hub; None when nothing changed. Unavailable when it does not answer. Hub thread."""
        with _hub_answers():
            return self.hub.configuration(self.node_id, known_version)

    def store_configuration(self, configuration: NodeConfiguration) -> None:
        """What arrives is stored first, then used."""
        with self.index.write.begin() as connection:
            stream_config.replace(connection, configuration)

    def orders(self, streams: Sequence[StreamConfig]) -> list[Record]:
        """Return what a worker needs to record each of `streams`."""
        with self.index.read.begin() as connection:
            recorded = _recorded(connection)
            ends = {stream.stream_id: recorded.ends.get(stream.stream_id, 0) * TICKS_PER_MS for stream in streams}
            # A run's end is rounded down to the ms: its last segment says to the tick where it is.
            last = {stream: segments.at(connection, stream, end) for stream, end in ends.items()}
        exact = {stream: segment.end_ticks if segment is not None else ends[stream] for stream, segment in last.items()}
        return [self._order(stream, exact[stream.stream_id], recorded.ahead(stream.stream_id)) for stream in streams]

    def hours_due(self, streams: Iterable[StreamConfig]) -> HoursDue:
        """Return of each camera the hours since the epoch whose keys its streams need now or soon.

        A stream never records before the end of what it has: after the clock was set back that is hours ahead of now.
        """
        now_ms = ms_of(self.clock.now())
        with self.index.read.begin() as connection:
            recorded = _recorded(connection)
        first: dict[CameraId, set[int]] = {}
        for stream in streams:
            end = max(now_ms, recorded.ends.get(stream.stream_id, 0))
            behind = [taken for start, taken in recorded.ahead_ms(stream.stream_id) if start - SOON_MS <= end < taken]
            moments = (now_ms - EARLIER_MS, now_ms, end, *behind)
            first.setdefault(stream.camera_id, set()).update(moment // MS_PER_HOUR for moment in moments)
        return {camera: tuple(sorted(hours | {hour + HOURS_AHEAD for hour in hours})) for camera, hours in first.items()}

    def hour_keys(self, due: HoursDue) -> dict[CameraId, Keys]:
        """Return the keys that are due, made where they are not there yet; a destroyed one is left out."""
        made = self.keys.ensure_all([(camera, hour) for camera, hours in due.items() for hour in hours])
        handed: dict[CameraId, list[tuple[int, int, str]]] = {}
        for (camera, hour), key in made.items():
            handed.setdefault(camera, []).append((camera, hour, key.hex()))
        return {camera: Keys(keys) for camera, keys in handed.items()}

    def report(self, statuses: Sequence[StreamStatus]) -> None:
        """Bring states and coverage to the hub. Hub thread: reads and writes the index in short transactions of its own."""
        with _hub_answers():
            self.hub.report_states(self.node_id, statuses, at=self.clock.now())
        with self.index.read.begin() as connection:
            spans = outbox.pending(connection)
        if not spans:
            return
        with _hub_answers():
            self.hub.report_coverage(self.node_id, spans)
        with self.index.write.begin() as connection:
            outbox.acknowledge(connection, spans)

    def note_volume_state(self, volume: VolumeId, state: VolumeState) -> None:
        with self.index.write.begin() as connection:
            volumes.set_state(connection, volume, state)

    def password(self, stream: StreamConfig) -> str:
        """Open the sealed password; empty when there is none.

        Corrupt when it was sealed for another device or node, Unavailable while the key's file can't be read.
        """
        if not stream.password_sealed:
            return ""
        try:
            return open_with(self.node_key, stream.password_sealed, password_aad(stream.device_id, stream.address)).decode()
        except ConfigError as err:
            raise Unavailable(f"The password of {stream.camera_name} can't be opened now: {err}") from err

    def passwords(self, streams: Iterable[StreamConfig]) -> dict[StreamId, str]:
        """Return the password of each stream's camera; empty for one that can't be opened."""
        return {stream.stream_id: self._password_or_empty(stream) for stream in streams}

    def _password_or_empty(self, stream: StreamConfig) -> str:
        try:
            return self.password(stream)
        except Corrupt:
            # The camera then answers "wrong password", which is what a person has to mend.
            log.error("camera password can't be opened; enter it again", camera=stream.camera_name, stream=stream.stream_id)
            return ""

    def _order(self, stream: StreamConfig, not_before: int, taken: list[tuple[int, int]]) -> Record:
        return Record(
            stream=stream.stream_id,
            camera=stream.camera_id,
            name=stream.camera_name,
            scheme=str(stream.address.scheme),
            host=stream.address.host,
            port=stream.address.port,
            path=stream.path,
            username=stream.username,
            password=self._password_or_empty(stream),
            mode=str(stream.recording_mode),
            not_before=not_before,
            certificate=(stream.certificate_sha256 or b"").hex(),
            paused_until_ms=0 if stream.pause is None else ms_of(stream.pause.until),
            pause_reason="" if stream.pause is None else stream.pause.reason,
            taken=taken,
            hours="" if stream.hours is None else str(stream.hours.hours),
            timezone="" if stream.hours is None else stream.hours.timezone,
        )


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Where the footage of each stream ends, and what of it (ms) stands in hours to which the clock went and from which it came back."""

    ends: Mapping[StreamId, int]
    detours: Sequence[Mapping[StreamId, tuple[int, int]]]

    def ahead_ms(self, stream: StreamId) -> list[tuple[int, int]]:
        end = self.ends.get(stream, 0)
        return [span for each in self.detours if (span := each.get(stream)) is not None and span[1] > end]

    def ahead(self, stream: StreamId) -> list[tuple[int, int]]:
        """Return the same in ticks; an end in ms was rounded down."""
        return [(start * TICKS_PER_MS, (end + 1) * TICKS_PER_MS) for start, end in self.ahead_ms(stream)]


def _recorded(connection: Connection) -> _Recorded:
    detours = clock_events.recent_detours(connection)
    return _Recorded(runs.ends(connection, outside=detours), [runs.within(connection, each) for each in detours])


def open_node(settings: Settings, clock: Clock) -> Node:
    """Open everything; ConfigError or another VmsError says in one sentence what is missing."""
    index = make_engines(settings.index_path)
    require_current(index, Which.INDEX)
    central = make_engines(settings.central_where)
    node_key = KeyFiles(settings.node_key_path)
    with central.reading() as session:
        node_id = node_of(session, node_key).id
    return Node(
        settings=settings,
        clock=clock,
        index=index,
        central=central,
        keys=KeyStore.open(settings.keys1_path, settings.keys2_path, footage_key(settings)),
        volumes=_volumes(settings, index),
        node_key=node_key,
        node_id=node_id,
        hub=LocalHub(central),
    )


def _volumes(settings: Settings, index: Engines) -> tuple[Volume, ...]:
    """Open the configured volumes; a new one is entered in the index, one that is not there is marked failed."""
    opened = open_those_there((setting.path, setting.max_bytes) for setting in settings.volumes)
    there = {volume.id for volume in opened}
    with index.write.begin() as connection:
        for volume in opened:
            volumes.register(connection, volume.id, volume.path)
        for known in volumes.all_volumes(connection):
            if known.id not in there:
                volumes.set_state(connection, known.id, VolumeState.FAILED)
    return opened


@contextmanager
def _hub_answers() -> Iterator[None]:
    """Turn a failing central database into Unavailable: the node goes on without its hub."""
    try:
        yield
    except DBAPIError as err:
        raise Unavailable(f"The central database does not answer: {err.orig}") from err
