"""A client that knows just enough RTSP to look at what a demo camera puts on the wire, byte by byte."""

from __future__ import annotations

import asyncio
import hashlib
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DEADLINE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, list[str]]
    body: str


@dataclass(frozen=True, slots=True)
class Packet:
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes

    @property
    def starts_keyframe(self) -> bool:
        """In H.264 our cameras put the parameter sets, as STAP-A, before each keyframe."""
        return self.payload[0] & 31 == 24


@dataclass(frozen=True, slots=True)
class Report:
    ssrc: int
    unix_seconds: float
    timestamp: int
    packets: int


@dataclass(slots=True)
class RawClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    base: str
    username: str = ""
    password: str = ""
    algorithm: str = "SHA-256"
    challenge: dict[str, str] = field(default_factory=dict)
    session: str = ""
    sequence: int = 0

    async def request(self, method: str, *, uri: str | None = None, headers: dict[str, str] | None = None) -> Reply:
        """Send one request, with credentials once the camera has asked for them, and return the reply."""
        self.sequence += 1
        target = uri or self.base
        lines = [f"{method} {target} RTSP/1.0", f"CSeq: {self.sequence}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        if self.session:
            lines.append(f"Session: {self.session}")
        if self.challenge:
            lines.append(f"Authorization: {self._authorization(method, target)}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return await self._reply()

    async def signed(self, method: str, *, uri: str | None = None, headers: dict[str, str] | None = None) -> Reply:
        """The same, and answer the camera's challenge."""
        reply = await self.request(method, uri=uri, headers=headers)
        if reply.status != 401:
            return reply
        self.take_challenge(reply)
        return await self.request(method, uri=uri, headers=headers)

    def take_challenge(self, reply: Reply) -> None:
        challenges = (dict(re.findall(r'(\w+)="?([^",]+)"?', text)) for text in reply.headers["www-authenticate"])
        self.challenge = next(each for each in challenges if each["algorithm"] == self.algorithm)

    async def play(self) -> Reply:
        """Set up the video track and play it; return the answer to PLAY."""
        set_up = await self.signed("SETUP", uri=f"{self.base}/trackID=0", headers={"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        assert set_up.status == 200, set_up
        self.session = set_up.headers["session"][0].partition(";")[0]
        return await self.request("PLAY", headers={"Range": "npt=now-"})

    async def interleaved(self) -> tuple[int, bytes]:
        """Return channel and content of what comes next."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            _, channel, length = struct.unpack(">BBH", await self.reader.readexactly(4))
            return channel, await self.reader.readexactly(length)

    async def packet(self) -> Packet:
        """Return the next RTP packet; reports are passed over."""
        while True:
            channel, content = await self.interleaved()
            if channel == 0:
                _, kind, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", content)
                return Packet(sequence, timestamp, ssrc, bool(kind & 0x80), content[12:])

    async def report(self) -> Report:
        """Return the next RTCP sender report; RTP packets are passed over."""
        while True:
            channel, content = await self.interleaved()
            if channel == 1:
                ssrc, ntp, timestamp, packets = struct.unpack_from(">4xIQII", content)
                return Report(ssrc, ntp / 2**32 - 2_208_988_800, timestamp, packets)

    async def frame(self) -> list[Packet]:
        """Return the packets up to the next marker."""
        packets = [await self.packet()]
        while not packets[-1].marker:
            packets.append(await self.packet())
        return packets

    async def read_to_the_end(self) -> None:
        """Read packets until the camera closes; raises as the stream reader does then."""
        while True:
            await self.packet()

    async def _reply(self) -> Reply:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (first := await self.reader.readexactly(1)) == b"$":
                _, length = struct.unpack(">BH", await self.reader.readexactly(3))
                await self.reader.readexactly(length)
            head = first + await self.reader.readuntil(b"\r\n\r\n")
            status, *lines = head.decode().strip().split("\r\n")
            headers: dict[str, list[str]] = {}
            for name, _, value in (line.partition(":") for line in lines):
                headers.setdefault(name.strip().lower(), []).append(value.strip())
            body = await self.reader.readexactly(int(headers.get("content-length", ["0"])[0]))
        return Reply(int(status.split()[1]), headers, body.decode())

    def _authorization(self, method: str, uri: str) -> str:
        realm, nonce = self.challenge["realm"], self.challenge["nonce"]
        secret = self._digest(f"{self.username}:{realm}:{self.password}")
        answer = self._digest(f"{secret}:{nonce}:00000001:c0ffee:auth:{self._digest(f'{method}:{uri}')}")
        return (
            f'Digest username="{self.username}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm={self.algorithm}, '
            f'qop=auth, nc=00000001, cnonce="c0ffee", response="{answer}"'
        )

    def _digest(self, text: str) -> str:
        return hashlib.new("md5" if self.algorithm == "MD5" else "sha256", text.encode()).hexdigest()


CLOSED = (asyncio.IncompleteReadError, ConnectionError)
"""What reading raises when the camera has closed the connection."""


@asynccontextmanager
async def raw_client(
    port: int, path: str, *, username: str = "", password: str = "", algorithm: str = "SHA-256"
) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawClient(reader, writer, f"rtsp://127.0.0.1:{port}{path}", username, password, algorithm)
    finally:
        writer.transport.abort()
