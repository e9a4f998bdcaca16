"""One connection as a hostile camera's script sees it: read requests, answer them properly or not, send whatever it likes."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field

from tests.recorder.rtsp.scripted_camera import Request, ScriptedCamera, answer, read_request

DRIP_SECONDS = 0.02


class HungUp(ConnectionError):
    """The recorder has closed the connection: the script ends here."""


@dataclass
class Talk:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pause: float
    """Seconds between two batches of a flood."""
    ordinary: ScriptedCamera = field(default_factory=ScriptedCamera)
    """Answers where the script does not."""

    async def request(self) -> Request:
        """Return the next request."""
        request = await read_request(self.reader)
        if request is None:
            raise HungUp
        return request

    async def until(self, method: str) -> Request:
        """Answer as a good camera does until a request with `method` comes; return it unanswered."""
        while (request := await self.request()).method != method:
            await self.send(self.ordinary.reply(request))
        return request

    async def play(self, sdp: str | None = None) -> None:
        """Be a good camera until it plays."""
        if sdp is not None:
            self.ordinary.sdp = sdp
        await self.send(self.ordinary.reply(await self.until("PLAY")))

    async def answer(self, method: str, status: str = "200 OK", body: str = "", **headers: str) -> None:
        """Be a good camera until `method` is asked for, then give this answer; again for every repetition."""
        while True:
            await self.send(answer(await self.until(method), status, body, **headers))

    async def send(self, data: bytes) -> None:
        if self.writer.is_closing():
            raise HungUp
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, data: bytes) -> None:
        """Send `data` again and again, in batches of 64 KiB."""
        batch = data * max(1, 65_536 // len(data))
        while True:
            await self.pour(batch)

    async def pour(self, batch: bytes) -> None:
        """Send one batch of many, after as long a pause as the whole server makes."""
        await asyncio.sleep(self.pause)
        await self.send(batch)

    async def drip(self, data: bytes) -> None:
        """Send one octet at a time."""
        for octet in data:
            await self.send(bytes([octet]))
            await asyncio.sleep(DRIP_SECONDS)

    async def hold(self) -> None:
        """Say nothing more; leave when the recorder does."""
        while await self.reader.read(65_536):
            pass
        raise HungUp

    def reset(self) -> None:
        """Break the connection by a TCP reset."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()
