"""`python -m recorder.demo`: serve demo cameras until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TextIO

from recorder.demo.cameras import DemoCameras
from recorder.demo.certificate import DemoCertificate, self_signed
from recorder.demo.settings import SPARING, DemoSettings
from recorder.demo.stream import Start
from vms.clock import SystemClock
from vms.domain.certificate import spelled_fingerprint


def main() -> None:
    """Print one JSON line on stdout when ready; progress goes to stderr, one JSON line each."""
    options = _options()
    password = options.password_file.read_text(encoding="utf-8").splitlines()[0] if options.password_file else ""
    host, _, port = options.listen.rpartition(":")
    settings = DemoSettings(
        username=options.user,
        password=password,
        host=host,
        port=int(port),
        certificate=self_signed("demo camera", at=SystemClock().now()) if options.tls else None,
        start=Start(options.start),
        control=options.control,
        profiles=SPARING if options.sparing else DemoSettings().profiles,
    )
    cameras = DemoCameras(options.cameras, options.cache, settings, progress=_tell)
    asyncio.run(_serve(cameras, settings.certificate, follow_stdin=options.stop_with_stdin))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recorder.demo", description="Serve demo cameras over RTSP.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where to listen; port 0 takes a free one")
    parser.add_argument("--cameras", type=int, default=4, metavar="N")
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR", help="where encoded clips are kept between starts")
    parser.add_argument("--user", default="", help="user name for digest authentication; without it everybody may watch")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    parser.add_argument("--tls", action="store_true", help="serve over rtsps, with a certificate made at the start")
    parser.add_argument("--start", default=Start.NEXT_KEYFRAME.value, choices=[start.value for start in Start])
    parser.add_argument("--sparing", action="store_true", help="an eighth of the bits, for who records them for hours; keyframes every 4 s")
    parser.add_argument("--control", type=Path, metavar="PATH", help="take orders (faults) on this Unix socket")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends, so as not to outlive the parent")
    return parser.parse_args()


def _tell(share: float, text: str) -> None:
    _say(sys.stderr, {"progress": round(share, 3), "text": text})


def _say(where: TextIO, what: dict[str, object]) -> None:
    where.write(json.dumps(what) + "\n")
    where.flush()


async def _serve(cameras: DemoCameras, certificate: DemoCertificate | None, *, follow_stdin: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with cameras:
        _say(sys.stdout, _ready(cameras, certificate))
        watcher = asyncio.create_task(_wait_for_end_of_stdin(stop)) if follow_stdin else None
        await stop.wait()
        if watcher is not None:
            watcher.cancel()


async def _wait_for_end_of_stdin(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stop.set()


def _ready(cameras: DemoCameras, certificate: DemoCertificate | None) -> dict[str, object]:
    listed = [
        {"key": camera.key, "name": camera.name, **{stream: cameras.path(camera.key, stream) for stream in camera.clips}}
        for camera in cameras.server.cameras
    ]
    shown = {"certificate": spelled_fingerprint(certificate.sha256)} if certificate else {}
    return {"ready": True, "host": cameras.server.host, "port": cameras.port, **shown, "cameras": listed}


if __name__ == "__main__":
    main()
