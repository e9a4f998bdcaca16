"""Show a monitoring system what every stream and volume does, in Prometheus' text format, on a loopback port.

Only the node API loads this module, and only when `metrics_listen` is set. No picture, no person and no address of a camera is told.
"""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recorder.writer import VolumeCondition
from vms.config import split_listen
from vms.domain.camera import CameraState
from vms.domain.capacity import Watermark

ANSWER_SECONDS = 10.0
"""A client that sends its question more slowly is let go."""
_STREAM = ("camera_id", "camera", "stream_id", "role")
_VOLUME = ("volume", "path")
_GAUGES = (
    ("expected_seconds", "Seconds of the last hour of which footage is due.", "expected_s", 1.0),
    ("recorded_seconds", "Seconds of the last hour that were recorded.", "recorded_s", 1.0),
    ("bits_per_second", "What the camera sends.", "bitrate", 1.0),
    ("queued_bytes", "What waits for the disk.", "queued_bytes", 1.0),
    (
        "write_lag_seconds",
        "Age of the oldest fragment that the disk has not taken, of the worker that records this stream.",
        "write_lag_ms",
        1e-3,
    ),
)
_ROOM_HOURS = (
    ("hours", "How long the room lasts if nothing is erased."),
    ("full_in_hours", "In how many hours the volumes are full, going on as in the day before."),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the supervisor's socket and the index say: streams with their seconds of the last hour, and volumes."""

    states: Sequence[dict[str, object]]
    volumes: Sequence[dict[str, object]]
    room: Mapping[str, object] | None = None
    """What all volumes together still take; None before it was measured."""


class _Families(Collector):
    def __init__(self, told: Told) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("custodian_recorder_up", "1 while the recorder answers.", value=float(bool(self._told.volumes)))
        yield from _of_streams(self._told.states)
        yield from _of_volumes(self._told.volumes)
        yield from _of_room(self._told.room)


def exposition(told: Told) -> bytes:
    """Return `told` in Prometheus' text format."""
    return generate_latest(_Families(told))


def serve_metrics(listen: str, ask: Callable[[], Told]) -> ThreadingHTTPServer:
    """Answer `GET /metrics` in threads of their own until the process ends; `ask` is called in them. OSError when the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = ANSWER_SECONDS

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404)
                return
            body = exposition(ask())
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a question every few seconds is no event."""

    server = _Server(split_listen(listen), Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's looks its own name up, and a name server that is silent would hold up the node API
        self.server_name, self.server_port = "localhost", self.server_address[1]


def _of_streams(states: Sequence[dict[str, object]]) -> Iterator[Metric]:
    for name, text, field, scale in _GAUGES:
        gauge = GaugeMetricFamily(f"custodian_stream_{name}", text, labels=_STREAM)
        for state in states:
            gauge.add_metric(_labels(state), _number(state, field) * scale)
        yield gauge
    lost = CounterMetricFamily(
        "custodian_stream_lost_packets", "RTP packets that did not come, since the camera was connected.", labels=_STREAM
    )
    shown = GaugeMetricFamily("custodian_stream_state", "1 for what the stream does now.", labels=(*_STREAM, "state"))
    for state in states:
        lost.add_metric(_labels(state), _number(state, "lost_packets"))
        for word in CameraState:
            shown.add_metric([*_labels(state), word.value], float(state.get("state") == word.value))
    yield from (lost, shown)


def _of_volumes(volumes: Sequence[dict[str, object]]) -> Iterator[Metric]:
    free = GaugeMetricFamily("custodian_volume_free_bytes", "Room on the volume's disk; no sample when it is not there.", labels=_VOLUME)
    shown = GaugeMetricFamily("custodian_volume_condition", "1 for how the volume is now.", labels=(*_VOLUME, "condition"))
    for volume in volumes:
        labels = [str(volume["id"]), str(volume["path"])]
        if (room := _free_bytes(Path(str(volume["path"])))) is not None:
            free.add_metric(labels, room)
        for condition in VolumeCondition:
            shown.add_metric([*labels, condition.value], float(volume.get("condition") == condition.value))
    yield from (free, shown)


def _of_room(room: Mapping[str, object] | None) -> Iterator[Metric]:
    if room is None:
        return
    yield GaugeMetricFamily("custodian_room_bytes", "What all volumes together still take.", value=_number(room, "bytes"))
    for name, text in _ROOM_HOURS:
        gauge = GaugeMetricFamily(f"custodian_room_{name}", text)
        gauge.add_metric([], math.inf if room.get(name) is None else _number(room, name))
        yield gauge
    shown = GaugeMetricFamily("custodian_room_watermark", "1 for how near all volumes together are to being full.", labels=("watermark",))
    for mark in Watermark:
        shown.add_metric([mark.value], float(room.get("watermark") == mark.value))
    yield shown


def _labels(state: dict[str, object]) -> list[str]:
    return [str(state["camera_id"]), str(state["camera"]), str(state["stream_id"]), str(state["role"])]


def _number(state: Mapping[str, object], name: str) -> float:
    value = state.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _free_bytes(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None
