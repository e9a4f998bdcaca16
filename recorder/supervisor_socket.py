"""The supervisor's Unix socket: `{"ask": "states"}` on a line is answered with what every stream, volume and worker does now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from recorder.worker_socket import MAX_QUESTION_BYTES


class SupervisorSocket:
    """Serves `run/supervisor.sock`."""

    def __init__(self, path: Path, document: Callable[[], dict[str, object]]) -> None:
        self._path = path
        self._document = document
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_QUESTION_BYTES)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                known = json.loads(line) == {"ask": "states"}
                answer: dict[str, object] = self._document() if known else {"error": "unknown question"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            pass  # the client went away or asked nonsense; both end with the connection closed
        finally:
            writer.close()
