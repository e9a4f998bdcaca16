"""Serves every hostile camera on a port of its own, apart from the test's process so that a flood costs nobody else's time.

Started with the seconds between two batches of a flood. Prints one JSON line, name to port, and serves until its standard
input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack

from tests.hostile import before_playing, descriptions, old_codecs, units, while_playing
from tests.hostile.catalog import CAMERAS, HostileCamera
from tests.hostile.talk import Talk
from tests.recorder.rtsp.scripted_camera import Conversation, serving

SCRIPTS = (before_playing, descriptions, old_codecs, units, while_playing)


def conversation(camera: HostileCamera, pause: float) -> Conversation:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await camera.script(Talk(reader, writer, pause))

    return converse


async def serve(pause: float) -> None:
    async with AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(serving(conversation(camera, pause))) for name, camera in CAMERAS.items()}
        print(json.dumps(ports), flush=True)  # noqa: T201 - what the test reads
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    os.nice(5)
    asyncio.run(serve(float(sys.argv[1])))
