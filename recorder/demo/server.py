"""A camera's side of RTSP: listens, asks for the password, and sends its streams over the same TCP connection."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from recorder.demo.auth import DigestGuard, Verdict
from recorder.demo.packets import Clip
from recorder.demo.rtsp import MAX_HEAD_BYTES, TRACK, BadRequest, Request, describe, interleaved_channel, read_request, response
from recorder.demo.settings import DemoSettings
from recorder.demo.stream import DemoStream, Player

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"


@dataclass(frozen=True, slots=True)
class CameraClips:
    """A camera's name, its part of the address, and its clips by stream ("main", "sub")."""

    key: str
    name: str
    clips: Mapping[str, Clip]


class DemoServer:
    """Serves /<camera>/<stream> for every camera on one address. Use as an async context manager."""

    def __init__(self, cameras: Sequence[CameraClips], settings: DemoSettings) -> None:
        self.host, self.port = settings.host, settings.port
        self.guard = DigestGuard(settings.username, settings.password, settings.algorithms, settings.nonce_seconds)
        self.clock = settings.clock
        self.tls = settings.certificate.server_context() if settings.certificate else None
        self.start, self.session_seconds = settings.start, settings.session_seconds
        self.cameras = tuple(cameras)
        self.streams = {(camera.key, stream): DemoStream(clip) for camera in cameras for stream, clip in camera.clips.items()}
        self.connections: set[Connection] = set()
        self._playing = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        self._pump = asyncio.create_task(self._send_frames())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop_listening()
        if self._pump is not None:
            self._pump.cancel()
        open_connections = tuple(self.connections)
        for connection in open_connections:
            connection.drop()
        await asyncio.gather(*(connection.ended.wait() for connection in open_connections))

    @property
    def is_listening(self) -> bool:
        return self._listener is not None

    async def listen(self) -> None:
        """Accept connections; the port, once chosen, stays the same."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, self.host, self.port, limit=MAX_HEAD_BYTES, ssl=self.tls)
            self.port = int(self._listener.sockets[0].getsockname()[1])

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def unix_seconds(self) -> float:
        return self.clock.now().timestamp()

    def wake(self) -> None:
        """Tell the sending task that somebody plays."""
        self._playing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.converse()
        finally:
            self.connections.discard(connection)

    async def _send_frames(self) -> None:
        """One task paces all streams: their frames fall due together, so one wake-up serves them all."""
        while True:
            playing = [stream for stream in self.streams.values() if stream.players]
            if not playing:
                self._playing.clear()
                await self._playing.wait()
                continue
            now = self.unix_seconds()
            due = min(stream.send_due(now) for stream in playing)
            await asyncio.sleep(max(0.0, due - self.unix_seconds()))


class Connection:
    """The dialogue with one client."""

    def __init__(self, server: DemoServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._session = secrets.token_hex(8)
        self._player: Player | None = None
        self.stream: DemoStream | None = None
        """What this client has set up."""
        self.ended = asyncio.Event()

    def drop(self) -> None:
        """Close the connection without a word."""
        self._writer.transport.abort()

    async def converse(self) -> None:
        """Answer requests until the client leaves, falls silent or talks nonsense."""
        try:
            while not self._writer.is_closing():
                async with asyncio.timeout(self._server.session_seconds):
                    request = await read_request(self._reader)
                if request is not None:
                    self._writer.write(self._answer(request))
        except (TimeoutError, BadRequest, asyncio.IncompleteReadError, ConnectionError):
            self.drop()
        finally:
            self._stop_playing()
            self._writer.close()
            self.ended.set()

    def _answer(self, request: Request) -> bytes:
        if request.method == "OPTIONS":
            return response(request, 200, (("Public", _METHODS),))
        now = self._server.clock.monotonic()
        verdict = self._server.guard.check(request.headers.get("authorization"), request.method, request.uri, now)
        if verdict is not Verdict.GRANTED:
            challenges = self._server.guard.challenges(now, stale=verdict is Verdict.STALE)
            return response(request, 401, [("WWW-Authenticate", challenge) for challenge in challenges])
        match request.method:
            case "DESCRIBE":
                return self._describe(request)
            case "SETUP":
                return self._set_up(request)
            case "PLAY" | "TEARDOWN" | "GET_PARAMETER" | "SET_PARAMETER":
                return self._in_session(request)
        return response(request, 405, (("Allow", _METHODS),))

    def _describe(self, request: Request) -> bytes:
        key = self._key(request)
        if key is None:
            return response(request, 404)
        name = next(camera.name for camera in self._server.cameras if camera.key == key[0])
        base = ("Content-Base", request.uri.removesuffix("/") + "/")
        return response(request, 200, (base,), describe(self._server.streams[key].clip, name, self._server.host))

    def _set_up(self, request: Request) -> bytes:
        key = self._key(request)
        if key is None:
            return response(request, 404)
        channel = interleaved_channel(request.headers.get("transport", ""))
        if channel is None:
            return response(request, 461)
        self._stop_playing()
        self.stream, self._player = self._server.streams[key], Player(self._writer.transport, channel)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={self._player.ssrc:08X}"
        return response(request, 200, (("Transport", transport), self._session_header()))

    def _in_session(self, request: Request) -> bytes:
        if request.method in ("GET_PARAMETER", "SET_PARAMETER") and "session" not in request.headers:
            return response(request, 200)
        if request.headers.get("session", "").partition(";")[0] != self._session or self._player is None or self.stream is None:
            return response(request, 454)
        if request.method == "PLAY":
            return self._play(request, self.stream, self._player)
        if request.method == "TEARDOWN":
            self._stop_playing()
        return response(request, 200, (self._session_header(),))

    def _play(self, request: Request, stream: DemoStream, player: Player) -> bytes:
        """Write the answer here, ahead of the frames that follow at once."""
        if player in stream.players:
            return response(request, 200, (self._session_header(),))
        now = self._server.unix_seconds()
        first = stream.first_timestamp(player, self._server.start, now)
        info = f"url={request.uri.removesuffix('/')}/{TRACK};seq={player.sequence};rtptime={first}"
        self._writer.write(response(request, 200, (self._session_header(), ("Range", "npt=now-"), ("RTP-Info", info))))
        stream.add(player, self._server.start, now)
        self._server.wake()
        return b""

    def _stop_playing(self) -> None:
        if self.stream is not None and self._player is not None:
            self.stream.players.discard(self._player)
        self.stream = self._player = None

    def _key(self, request: Request) -> tuple[str, str] | None:
        camera, _, stream = request.path.removeprefix("/").partition("/")
        return (camera, stream) if (camera, stream) in self._server.streams else None

    def _session_header(self) -> tuple[str, str]:
        return "Session", f"{self._session};timeout={round(self._server.session_seconds)}"
