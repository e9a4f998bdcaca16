"""Demo cameras as a whole: their clips made or found in the cache, served, and ready to be told to fail."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from recorder.demo.encode import ClipOrder, Progress, prepare
from recorder.demo.packets import load_clip
from recorder.demo.scene import SCENES
from recorder.demo.script import ControlSocket, Script
from recorder.demo.server import CameraClips, DemoServer
from recorder.demo.settings import DemoSettings
from vms.domain.camera import Scheme

MAX_CAMERAS = 64


class DemoCameras:
    """`count` demo cameras on one address. Use as an async context manager; entering makes the missing clips first."""

    server: DemoServer
    script: Script

    def __init__(self, count: int, cache: Path, settings: DemoSettings | None = None, *, progress: Progress | None = None) -> None:
        if not 1 <= count <= MAX_CAMERAS:
            raise ValueError(f"{count} demo cameras can't be served. Give 1 to {MAX_CAMERAS}.")
        self._count, self._cache, self._progress = count, cache, progress
        self._settings = settings or DemoSettings()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        settings = self._settings
        cameras = await asyncio.to_thread(camera_clips, self._count, self._cache, settings, self._progress)
        async with AsyncExitStack() as opening:
            self.server = await opening.enter_async_context(DemoServer(cameras, settings))
            self.script = Script(self.server)
            if settings.control is not None:
                await opening.enter_async_context(ControlSocket(self.script, settings.control))
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._open.aclose()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def scheme(self) -> Scheme:
        return Scheme.RTSPS if self._settings.certificate else Scheme.RTSP

    @property
    def keys(self) -> tuple[str, ...]:
        """The cameras' parts of the address, in order."""
        return tuple(camera.key for camera in self.server.cameras)

    def path(self, camera: str, stream: str = "main") -> str:
        return f"/{camera}/{stream}"

    def url(self, camera: str, stream: str = "main", *, password: str | None = None) -> str:
        """Return the address with user name and password, for players that want it so."""
        secret = self._settings.password if password is None else password
        user = f"{quote(self._settings.username, safe='')}:{quote(secret, safe='')}@" if self._settings.username else ""
        return f"{self.scheme}://{user}{self._settings.host}:{self.port}{self.path(camera, stream)}"


def places(count: int) -> list[tuple[str, str]]:
    """Return the name and the key of each of `count` cameras."""
    return [_place(number) for number in range(count)]


def prepare_clips(count: int, cache: Path, settings: DemoSettings, progress: Progress | None = None) -> list[tuple[ClipOrder, Path]]:
    """Make the clips that `cache` lacks and return where each is; may take half a minute."""
    orders = [ClipOrder(scene, profile) for scene in SCENES[:count] for profile in settings.profiles.values()]
    return list(zip(orders, prepare(orders, cache, processes=settings.processes, progress=progress), strict=True))


def camera_clips(count: int, cache: Path, settings: DemoSettings, progress: Progress | None = None) -> list[CameraClips]:
    """Make the missing clips and load all."""
    profiles = settings.profiles.items()
    clips = {order: load_clip(path, order.profile) for order, path in prepare_clips(count, cache, settings, progress)}
    return [
        CameraClips(key, name, {stream: clips[ClipOrder(SCENES[number % len(SCENES)], profile)] for stream, profile in profiles})
        for number, (name, key) in enumerate(places(count))
    ]


def _place(number: int) -> tuple[str, str]:
    """After the last scene they start again, as "Main entrance 2"."""
    again = number // len(SCENES)
    name = SCENES[number % len(SCENES)] + (f" {again + 1}" if again else "")
    return name, re.sub(r"[^a-z0-9]+", "-", name.lower().replace("'", ""))
