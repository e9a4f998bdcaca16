"""What every stream does now, gathered from the workers' lines for the node API and the hub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from recorder.wire import FromWorker, StreamFigures, StreamStateChanged, VolumeChanged, WorkerFigures
from recorder.writer import VolumeCondition
from vms.clock import Clock
from vms.domain.camera import CameraState, NodeConfiguration, StreamConfig, StreamStatus
from vms.domain.ids import StreamId
from vms.domain.timespan import datetime_of_ms
from vms.store.files import Volume

_NOT_RECORDED = frozenset({CameraState.OFF, CameraState.PAUSED, CameraState.LIVE_ONLY})
"""By somebody's decision, whether the recorder runs or not."""
_NOT_CONNECTED = frozenset(
    {
        CameraState.CONNECTING,
        CameraState.OFFLINE,
        CameraState.REFUSED,
        CameraState.SILENT,
        CameraState.STALLED,
        CameraState.PAUSED,
        CameraState.OFF,
    }
)
"""Nothing comes: what the picture is like stays known, a rate there is none."""


@dataclass(slots=True)
class _StreamHealth:
    config: StreamConfig
    state: CameraState
    since: datetime
    detail: str = ""
    figures: StreamFigures | None = None
    worker: int | None = None
    """Which records it, once that has told figures."""


class Health:
    """All on the supervisor's event loop."""

    def __init__(self, clock: Clock, volumes: Sequence[Volume] = ()) -> None:
        self._clock = clock
        self._volumes = volumes
        self._conditions: dict[tuple[str, int], VolumeCondition] = {}
        """Of each volume as each worker finds it."""
        self._streams: dict[StreamId, _StreamHealth] = {}
        self._workers: dict[int, WorkerFigures] = {}

    def configure(self, configuration: NodeConfiguration) -> None:
        """Follow the configuration: a new stream is connecting until its worker says more."""
        before, self._streams = self._streams, {}
        for stream in configuration.streams:
            known = before.get(stream.stream_id)
            if known is None:
                known = _StreamHealth(stream, CameraState.CONNECTING, self._clock.now())
            known.config = stream
            self._streams[stream.stream_id] = known

    def take(self, worker: int, message: FromWorker) -> None:
        match message:
            case StreamStateChanged(stream, _, since_ms, detail) if (known := self._streams.get(StreamId(stream))) is not None:
                known.state, known.since, known.detail = message.camera_state, datetime_of_ms(since_ms), detail
                if known.figures is not None and known.state in _NOT_CONNECTED:
                    known.figures = replace(known.figures, bits_per_second=0)
            case StreamFigures(stream) if (known := self._streams.get(StreamId(stream))) is not None:
                known.figures, known.worker = message, worker
            case WorkerFigures():
                self._workers[worker] = message
            case VolumeChanged(volume, condition):
                self._conditions[volume, worker] = VolumeCondition(condition)
            case _:
                pass

    def interrupted(self, streams: Iterable[StreamId]) -> None:
        """Say that nothing is known of `streams` until their worker runs again: they do not record meanwhile."""
        self._set(streams, CameraState.CONNECTING, "The process that records this camera ended and is started again.")

    def stopped(self) -> None:
        """Say that nothing is recorded from now on."""
        self._set(tuple(self._streams), CameraState.OFFLINE, "The recorder was stopped.")

    def _set(self, streams: Iterable[StreamId], state: CameraState, detail: str) -> None:
        now = self._clock.now()
        for stream in streams:
            if (known := self._streams.get(stream)) is not None and known.state not in _NOT_RECORDED:
                known.state, known.since, known.detail, known.figures = state, now, detail, None

    def write_lag_ms(self, worker: int) -> int:
        """Return how old the oldest unwritten fragment of a worker was when it last told."""
        figures = self._workers.get(worker)
        return 0 if figures is None else figures.write_lag_ms

    def statuses(self) -> list[StreamStatus]:
        return [StreamStatus(stream, health.state, health.since, health.detail) for stream, health in self._streams.items()]

    def document(self) -> dict[str, object]:
        """Return states, volumes and workers as the supervisor's socket tells them."""
        workers = [{"number": number, **asdict(figures)} for number, figures in sorted(self._workers.items())]
        return {"states": self.states(), "volumes": [self._describe_volume(volume) for volume in self._volumes], "workers": workers}

    def states(self) -> list[dict[str, object]]:
        return [_describe(stream, health) | self._lag(health) for stream, health in self._streams.items()]

    def _lag(self, health: _StreamHealth) -> dict[str, object]:
        return {"write_lag_ms": 0 if health.worker is None else self.write_lag_ms(health.worker)}

    def _describe_volume(self, volume: Volume) -> dict[str, object]:
        """The worst that a worker found: they look at different moments."""
        found = [condition for (known, _), condition in self._conditions.items() if known == volume.id]
        worst = max(found, key=list(VolumeCondition).index, default=VolumeCondition.OK)
        return {"id": volume.id, "path": str(volume.path), "condition": worst.value}


def _describe(stream: StreamId, health: _StreamHealth) -> dict[str, object]:
    figures = health.figures
    return {
        "stream_id": stream,
        "camera_id": health.config.camera_id,
        "camera": health.config.camera_name,
        "role": str(health.config.role),
        "recording_mode": str(health.config.recording_mode),
        "state": str(health.state),
        "since": health.since.isoformat(),
        "detail": health.detail,
        "codec": figures.codec if figures is not None else "",
        "width": figures.width if figures is not None else 0,
        "height": figures.height if figures is not None else 0,
        "bitrate": figures.bits_per_second if figures is not None else 0,
        "pictures": figures.pictures if figures is not None else 0,
        "lost_packets": figures.lost_packets if figures is not None else 0,
        "damaged_pictures": figures.damaged_pictures if figures is not None else 0,
        "queued_bytes": figures.queued_bytes if figures is not None else 0,
        "buffered_bytes": figures.buffered_bytes if figures is not None else 0,
    }
