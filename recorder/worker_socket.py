"""A worker's Unix socket: which segments are open, and the live pictures of a stream.

A client sends one JSON line. `{"ask": "open"}` and `{"ask": "streams"}` are answered by one JSON line each, as often as one likes.
`{"ask": "live", "stream": N}` turns the connection into frames, each u32 length (big-endian, of what follows) ‖ u8 kind
(0 = JSON text, 1 = flags and fragment) ‖ payload, until either side closes it. `{"error": …}` answers anything else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from recorder.live import LiveMessage, LiveStream
from recorder.open_segment import OpenSegment, SegmentPhase
from vms.domain.footage import pack_fragments
from vms.domain.ids import StreamId

MAX_QUESTION_BYTES = 4096
FRAME = struct.Struct(">IB")
TEXT, PICTURE = 0, 1

Streams = Callable[[], Mapping[StreamId, LiveStream]]
OpenSegments = Callable[[], Iterable[OpenSegment]]


class WorkerSocket:
    """Serves `run/worker-N.sock`."""

    def __init__(self, path: Path, *, streams: Streams, open_segments: OpenSegments) -> None:
        self._path = path
        self._streams = streams
        self._open_segments = open_segments
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_QUESTION_BYTES)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                question = json.loads(line)
                if question.get("ask") == "live":
                    await self._show(StreamId(int(question["stream"])), reader, writer)
                    return
                writer.write(json.dumps(self._answer(question.get("ask"))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, KeyError, AttributeError, asyncio.LimitOverrunError):
            pass  # the client went away or asked nonsense; both end with the connection closed
        finally:
            writer.close()

    def _answer(self, ask: object) -> dict[str, object]:
        if ask == "open":
            return {"open": [_describe(segment) for segment in self._open_segments() if len(segment.written) > 1]}
        if ask == "streams":
            return {"streams": list(self._streams())}
        return {"error": f"unknown question {ask!r}"}

    async def _show(self, stream: StreamId, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        live = self._streams().get(stream)
        if live is None:
            writer.write(_frame(LiveMessage(json.dumps({"error": "this worker does not have that stream"}).encode(), is_text=True)))
            await writer.drain()
            return
        viewer = live.join()
        gone = asyncio.ensure_future(reader.read(1))
        try:
            while True:
                taking = asyncio.ensure_future(viewer.take())
                await asyncio.wait((taking, gone), return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    taking.cancel()
                    return
                writer.writelines([_frame(message) for message in taking.result()])
                await writer.drain()
        finally:
            gone.cancel()
            live.leave(viewer)


def _frame(message: LiveMessage) -> bytes:
    return FRAME.pack(len(message.payload) + 1, TEXT if message.is_text else PICTURE) + message.payload


def _describe(segment: OpenSegment) -> dict[str, object]:
    written = tuple(segment.written)
    return {
        "stream": segment.stream_id,
        "start_ticks": segment.start_ticks,
        "run_start_ms": segment.run_start_ms,
        "camera": segment.camera_id,
        "codec": segment.parameter_sets.rfc6381,
        "width": segment.parameter_sets.width,
        "height": segment.parameter_sets.height,
        "open": segment.phase is SegmentPhase.OPEN,
        "fragments": base64.b64encode(pack_fragments(written)).decode(),
    }
