"""Faults on demand: what a demo camera can be told to do wrong, from within the process or over a control socket.

Over the socket each order is one line of JSON, `{"do": "freeze", "camera": "entrance", "stream": "main"}`, and is answered by one
line, `{"ok": true, …}` or `{"ok": false, "error": "…"}`. README.md lists the orders.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from recorder.demo.certificate import DemoCertificate, self_signed
from recorder.demo.packets import CLOCK_RATE
from recorder.demo.server import DemoServer
from recorder.demo.stream import DemoStream, Loss
from vms.errors import InvalidInput, NotFound

MAX_ORDER_BYTES = 64 * 1024

Value = str | int | float | bool | None
Order = Mapping[str, Value]
Answer = dict[str, object]


class Script:
    """Sets and clears faults. Where `camera` or `stream` is left out, all are meant."""

    def __init__(self, server: DemoServer) -> None:
        self._server = server
        self._password = server.guard.password

    def freeze(self, camera: str | None = None, stream: str | None = None) -> None:
        """Stop sending frames and reports; connections stay open and requests are answered."""
        for each in self._streams(camera, stream):
            each.freeze()

    def drop(self, camera: str | None = None, stream: str | None = None) -> None:
        """Close the connections that have set up these streams; without a camera, every connection."""
        chosen = set(self._streams(camera, stream))
        for connection in tuple(self._server.connections):
            if connection.stream in chosen or (camera is None and stream is None):
                connection.drop()

    def refuse(self) -> None:
        """Stop listening: new connections to any camera are refused, open ones stay."""
        self._server.stop_listening()

    def lose(
        self, camera: str | None = None, stream: str | None = None, *, every: int = 0, probability: float = 0.0, seed: int = 0
    ) -> None:
        """Lose every nth RTP packet, or each with a probability (the same ones again for the same seed)."""
        if (every < 2) == (not 0 < probability <= 1):
            raise InvalidInput("Give either every (2 or more) or probability (more than 0, at most 1).")
        for each in self._streams(camera, stream):
            each.loss = Loss(every, probability, seed)

    def jump(self, seconds: float, camera: str | None = None, stream: str | None = None) -> None:
        """Shift the RTP timestamps from now on by so many seconds, forwards or backwards; the sending goes on as before."""
        for each in self._streams(camera, stream):
            each.shift_ticks += round(seconds * CLOCK_RATE)

    def change_parameters(self, camera: str, stream: str = "main", *, to: str = "sub") -> None:
        """From the next keyframe on send the picture of the camera's stream `to`, with its resolution, rate and parameter sets."""
        (changed,), (other,) = self._streams(camera, stream), self._streams(camera, to)
        changed.change_clip(other.original)

    def change_password(self, password: str) -> None:
        """From now on only `password` opens; who plays goes on playing."""
        self._server.guard.password = password

    def change_certificate(self) -> DemoCertificate:
        """Show a new certificate to new connections from now on, as after a renewal; `resume` leaves it."""
        if self._server.tls is None:
            raise InvalidInput("These demo cameras serve without TLS; they have no certificate to change.")
        made = self_signed(self._server.host, at=self._server.clock.now())
        made.show_in(self._server.tls)
        return made

    async def resume(self, camera: str | None = None, stream: str | None = None) -> None:
        """Undo every fault of these streams; without a camera, the password and the listening too. A jump made stays made."""
        for each in self._streams(camera, stream):
            each.thaw()
            each.loss = None
            if each.clip is not each.original:
                each.change_clip(each.original)
        if camera is None:
            self._server.guard.password = self._password
            await self._server.listen()

    def state(self) -> Answer:
        """Return what a test may want to wait for."""
        streams = {
            "/".join(key): {
                "players": len(stream.players),
                "frames_sent": stream.frames_sent,
                "packets_lost": stream.loss.taken if stream.loss else 0,
                "frozen": stream.frozen,
                "width": stream.clip.profile.width,
                "height": stream.clip.profile.height,
            }
            for key, stream in self._server.streams.items()
        }
        return {"listening": self._server.is_listening, "port": self._server.port, "streams": streams}

    def _streams(self, camera: str | None, stream: str | None) -> list[DemoStream]:
        found = [each for key, each in self._server.streams.items() if camera in (None, key[0]) and stream in (None, key[1])]
        if not found:
            known = ", ".join(sorted("/".join(key) for key in self._server.streams))
            raise NotFound(f"There is no demo stream {camera or '*'}/{stream or '*'}. There are: {known}.")
        return found


async def carry_out(script: Script, order: Order) -> Answer:  # noqa: C901 -- one line an order
    """Do what one order of the control socket says; return the answer. Raises InvalidInput or NotFound."""
    camera, stream = _text(order, "camera"), _text(order, "stream")
    match order.get("do"):
        case "state":
            return script.state()
        case "freeze":
            script.freeze(camera, stream)
        case "drop":
            script.drop(camera, stream)
        case "refuse":
            script.refuse()
        case "lose":
            script.lose(
                camera,
                stream,
                every=int(_number(order, "every")),
                probability=_number(order, "probability"),
                seed=int(_number(order, "seed")),
            )
        case "jump":
            script.jump(_number(order, "seconds"), camera, stream)
        case "change_parameters":
            script.change_parameters(_needed(order, "camera"), stream or "main", to=_text(order, "to") or "sub")
        case "change_password":
            script.change_password(_needed(order, "password"))
        case "change_certificate":
            return {"certificate": script.change_certificate().sha256.hex()}
        case "resume":
            await script.resume(camera, stream)
        case unknown:
            raise InvalidInput(f"{unknown!r} is no order for a demo camera.")
    return {}


class ControlSocket:
    """Takes orders on a Unix socket. Use as an async context manager."""

    def __init__(self, script: Script, path: Path) -> None:
        self._script, self._path = script, path
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_ORDER_BYTES)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._clients:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            return {"ok": True, **await carry_out(self._script, _order(line))}
        except (InvalidInput, NotFound) as err:
            return {"ok": False, "error": str(err)}


async def send_orders(path: Path, orders: Iterable[Order]) -> list[Answer]:
    """Send orders to the control socket at `path`, one after the other; return the answers."""
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_ORDER_BYTES)
    try:
        answers: list[Answer] = []
        for order in orders:
            writer.write(json.dumps(dict(order)).encode() + b"\n")
            answers.append(json.loads(await reader.readline()))
        return answers
    finally:
        writer.close()


def _order(line: bytes) -> Order:
    try:
        order: object = json.loads(line)
    except ValueError as err:
        raise InvalidInput("An order is one line of JSON.") from err
    if not isinstance(order, dict):
        raise InvalidInput('An order is a JSON object, e.g. {"do": "freeze", "camera": "entrance"}.')
    return order


def _text(order: Order, name: str) -> str | None:
    value = order.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput(f"{name!r} is a text, not {value!r}.")


def _number(order: Order, name: str) -> float:
    value = order.get(name, 0)
    if isinstance(value, int | float):
        return value
    raise InvalidInput(f"{name!r} is a number, not {value!r}.")


def _needed(order: Order, name: str) -> str:
    value = _text(order, name)
    if value is None:
        raise InvalidInput(f"The order {order.get('do')!r} needs {name!r}.")
    return value
