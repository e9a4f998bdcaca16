"""Ask the workers over their Unix sockets: which segments are open, and the live pictures of a stream."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from recorder.worker_socket import FRAME, PICTURE, TEXT
from vms.domain.footage import FragmentEntry, Run, unpack_fragments
from vms.domain.ids import CameraId, SegmentId, StreamId, segment_id
from vms.domain.timespan import TICKS_PER_MS
from vms.log import get_logger

ANSWER_SECONDS = 2.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_FRAME_BYTES = 16 * 1024 * 1024

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment that has no row yet: being written, or just published."""

    stream_id: StreamId
    camera_id: CameraId
    start_ticks: int
    run_start_ms: int
    codec: str
    width: int
    height: int
    is_open: bool
    fragments: tuple[FragmentEntry, ...]

    @property
    def id(self) -> SegmentId:
        return segment_id(self.stream_id, self.start_ticks // TICKS_PER_MS)

    @property
    def duration(self) -> int:
        return sum(entry.duration for entry in self.fragments)

    @property
    def end_ticks(self) -> int:
        return self.start_ticks + self.duration

    @property
    def run(self) -> Run:
        """The run it belongs to, as far as this segment proves it."""
        return Run(self.stream_id, self.run_start_ms, self.end_ticks // TICKS_PER_MS, None)


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """What a viewer is sent: text as JSON, or flags and a one-frame fragment."""

    is_text: bool
    payload: bytes


class WorkerClient:
    """Talks to every `worker-*.sock` of a run directory; a worker that is down is passed over."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir

    async def listed_segments(self) -> list[ListedSegment]:
        """Return what all workers have open or not yet in the index."""
        answers = await asyncio.gather(*(_ask(path, {"ask": "open"}) for path in self._sockets()))
        found: list[ListedSegment] = []
        for answer in answers:
            listed = answer.get("open", ())
            if isinstance(listed, list):
                found += [_listed(fields) for fields in listed]
        return found

    async def live(self, stream: StreamId) -> AsyncIterator[LiveFrame]:
        """Yield a stream's live frames until its worker ends; nothing when no worker has the stream now."""
        for path in self._sockets():
            answer = await _ask(path, {"ask": "streams"})
            streams = answer.get("streams", ())
            if isinstance(streams, list) and stream in streams:
                async for frame in _frames(path, stream):
                    yield frame
                return

    def _sockets(self) -> list[Path]:
        return sorted(self._run_dir.glob("worker-*.sock"))


def unpublished_runs(run_dir: Path) -> dict[StreamId, list[Run]]:
    """Return what the recorder of `run_dir` has written and not entered in the index yet; {} when none runs.

    For programs without an event loop.
    """
    found: dict[StreamId, list[Run]] = {}
    for segment in asyncio.run(WorkerClient(run_dir).listed_segments()):
        found.setdefault(segment.stream_id, []).append(segment.run)
    return found


async def ask_socket(path: Path, question: dict[str, object]) -> dict[str, object]:
    """Send one JSON line and return the answer; {} when nobody answers in time."""
    return await _ask(path, question)


async def _ask(path: Path, question: dict[str, object]) -> dict[str, object]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_ANSWER_BYTES)
            try:
                writer.write(json.dumps(question).encode() + b"\n")
                answer = json.loads(await reader.readline() or b"{}")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as err:
        log.debug("socket does not answer", socket=path.name, reason=str(err))
        return {}
    return answer if isinstance(answer, dict) else {}


async def _frames(path: Path, stream: StreamId) -> AsyncIterator[LiveFrame]:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return
    try:
        writer.write(json.dumps({"ask": "live", "stream": stream}).encode() + b"\n")
        while True:
            size, kind = FRAME.unpack(await reader.readexactly(FRAME.size))
            if kind not in (TEXT, PICTURE) or size > MAX_FRAME_BYTES:
                return
            yield LiveFrame(kind == TEXT, await reader.readexactly(size - 1))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


def _listed(fields: dict[str, object]) -> ListedSegment:
    return ListedSegment(
        stream_id=StreamId(_number(fields, "stream")),
        camera_id=CameraId(_number(fields, "camera")),
        start_ticks=_number(fields, "start_ticks"),
        run_start_ms=_number(fields, "run_start_ms"),
        codec=str(fields["codec"]),
        width=_number(fields, "width"),
        height=_number(fields, "height"),
        is_open=bool(fields["open"]),
        fragments=unpack_fragments(base64.b64decode(str(fields["fragments"]))),
    )


def _number(fields: dict[str, object], name: str) -> int:
    value = fields[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}, not a number")
    return value
