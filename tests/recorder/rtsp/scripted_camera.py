"""A camera for one test: a real RTSP server on loopback whose answers the test scripts."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from vms.domain.camera import Address, Scheme

SPS = bytes.fromhex("6742c00dda0507e8400000030040000 00c83c50aa8".replace(" ", ""))
PPS = bytes.fromhex("68ce0fc8")
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\na=control:*\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=framerate:25\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAAyDxQqo,aM4PyA==\r\na=control:trackID=2\r\n"
)
SDP_WITHOUT_SETS = SDP.replace(";sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAAyDxQqo,aM4PyA==", "")
"""Of a camera that brings its parameter sets with its pictures only."""
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]


def answer(request: Request, status: str = "200 OK", body: str = "", **headers: str) -> bytes:
    """Return a response; header names are written with underscores."""
    lines = [f"RTSP/1.0 {status}", f"CSeq: {request.headers['cseq']}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass
class Guard:
    """Digest as a server checks it, written apart from the client's side."""

    password: str
    username: str = "admin"
    algorithm: str = ""
    qop: bool = True
    nonce: str = "first-nonce"
    stale: bool = False

    def challenge(self) -> str:
        words = ['Digest realm="camera"', f'nonce="{self.nonce}"']
        words += ['qop="auth"'] if self.qop else []
        words += [f"algorithm={self.algorithm}"] if self.algorithm else []
        words += ["stale=true"] if self.stale else []
        return ", ".join(words)

    def admits(self, request: Request) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("authorization", "").removeprefix("Digest ")))
        hashed = hashlib.sha256 if self.algorithm == "SHA-256" else hashlib.md5
        first = hashed(f"{self.username}:camera:{self.password}".encode()).hexdigest()
        second = hashed(f"{request.method}:{request.url}".encode()).hexdigest()
        middle = f":{given.get('nc')}:{given.get('cnonce')}:auth" if self.qop else ""
        wanted = hashed(f"{first}:{self.nonce}{middle}:{second}".encode()).hexdigest()
        return given.get("nonce") == self.nonce and given.get("response") == wanted and given.get("uri") == request.url


@dataclass
class ScriptedCamera:
    """Answers like an ordinary camera; `scripts` replaces the answer to a method, bytes or a function of the request."""

    guard: Guard | None = None
    sdp: str = SDP
    scripts: dict[str, Callable[[Request], bytes]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    after_play: bytes = b""
    port: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> Address:
        return Address(Scheme.RTSP, "127.0.0.1", self.port)

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader):
            self.requests.append(request)
            writer.write(self.reply(request))
            await writer.drain()
        self.hung_up.set()

    def reply(self, request: Request) -> bytes:
        if self.guard and not self.guard.admits(request):
            return answer(request, "401 Unauthorized", WWW_Authenticate=self.guard.challenge())
        if script := self.scripts.get(request.method):
            return script(request)
        match request.method:
            case "OPTIONS":
                return answer(request, Public="OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
            case "DESCRIBE":
                return answer(request, body=self.sdp, Content_Base=f"{request.url}/", Server="Scripted/1")
            case "SETUP":
                return answer(request, Session="abc123;timeout=20", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
            case "PLAY":
                return answer(request, Session="abc123") + self.after_play
        return answer(request, Session="abc123")


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, or None when the client has hung up."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, url, _ = first.split(" ")
    return Request(method, url, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)})


@asynccontextmanager
async def serving(conversation: Conversation, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve `conversation` to every client on a free loopback port; every connection is closed at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def one_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await conversation(reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(one_client(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def camera(scripted: ScriptedCamera, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedCamera]:
    async with serving(scripted.converse, tls) as port:
        scripted.port = port
        yield scripted
