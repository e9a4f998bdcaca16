"""`vms camera test`: what a camera sends, or one sentence why it can't be recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from recorder.demo.cameras import DemoCameras
from recorder.demo.certificate import self_signed
from recorder.probe import Verdict, examine
from recorder.rtsp.client import PlayingStream
from tests.fakes.cameras import PASSWORD, TINY_OLD, USERNAME, tiny_cameras
from tests.recorder.rtp.packets import unreadable
from tests.recorder.rtsp.scripted_camera import SDP_WITHOUT_SETS, ScriptedCamera, camera
from tests.recorder.test_clock import DrivenClock
from vms.clock import SystemClock
from vms.domain.camera import Address, Scheme

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


async def tried(port: int, path: str, *, password: str = PASSWORD, allow_loopback: bool = True, host: str = "127.0.0.1") -> Verdict:
    where = Address(Scheme.RTSP, host, port)
    return await examine(
        where, path, username=USERNAME, password=password, allow_loopback=allow_loopback, clock=SystemClock(), watch_seconds=6
    )


@asynccontextmanager
async def server_that_answers(answer: bytes) -> AsyncIterator[int]:
    """Serve `answer` to whoever connects; yield the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_good_camera_is_described(demo_cameras: DemoCameras) -> None:
    verdict = await tried(demo_cameras.port, demo_cameras.path(demo_cameras.keys[0]))

    assert (verdict.kind, verdict.width, verdict.height) == ("ok", 320, 180)
    assert verdict.codec is not None
    assert verdict.codec.startswith("avc1.")
    assert verdict.fps == pytest.approx(10, abs=0.1)
    assert verdict.gop_seconds == pytest.approx(1, abs=0.1)
    assert verdict.bitrate is not None
    assert verdict.bitrate > 50_000


async def test_a_wrong_password_a_wrong_path_and_a_closed_port_are_told_apart(demo_cameras: DemoCameras) -> None:
    path = demo_cameras.path(demo_cameras.keys[0])
    verdicts = [
        await tried(demo_cameras.port, path, password="something else"),
        await tried(demo_cameras.port, "/nowhere"),
        await tried(1, path),
    ]

    assert [verdict.kind for verdict in verdicts] == ["wrong_password", "no_such_path", "refused_connection"]
    assert not any(verdict.ok for verdict in verdicts)


@pytest.mark.parametrize(("stream", "name"), [("main", "JPEG"), ("sub", "MPEG-4")])
async def test_what_is_re_encoded_works_over_rtsps_too_and_its_cost_is_said(stream: str, name: str) -> None:
    certificate = self_signed("127.0.0.1", at=SystemClock().now())
    async with tiny_cameras(1, profiles=TINY_OLD, certificate=certificate) as cameras:
        verdict = await examine(
            Address(Scheme.RTSPS, "127.0.0.1", cameras.port),
            cameras.path(cameras.keys[0], stream),
            username=USERNAME,
            password=PASSWORD,
            allow_loopback=True,
            clock=SystemClock(),
            certificate=certificate.sha256,
            watch_seconds=6,
        )

    assert (verdict.kind, verdict.width, verdict.height, verdict.gop_seconds) == ("ok", 320, 192, 2.0)
    assert str(verdict.codec).startswith("avc1.")
    assert verdict.fps == pytest.approx(10, abs=0.1)
    (warning,) = verdict.warnings
    assert f"sends {name}" in warning
    assert "processor time" in warning
    assert "Set the stream to H.264 or H.265" in warning
    assert f"Note: {warning}" in verdict.lines()


async def test_a_web_server_is_no_camera() -> None:
    async with server_that_answers(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>") as port:
        verdict = await tried(port, "/main")

    assert verdict.kind == "not_rtsp"


async def test_loopback_is_refused_unless_it_is_allowed(demo_cameras: DemoCameras) -> None:
    verdict = await tried(demo_cameras.port, "/main", allow_loopback=False)

    assert verdict.kind == "forbidden_address"


async def test_parameter_sets_that_can_not_be_read_are_said() -> None:
    async with camera(ScriptedCamera(sdp=SDP_WITHOUT_SETS, after_play=unreadable())) as scripted:
        verdict = await tried(scripted.port, "/main")

    assert verdict.kind == "unsupported_codec"
    assert "sequence parameter set" in verdict.sentence


async def test_a_camera_that_floods_does_not_hold_up_who_shares_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, turns = DrivenClock(), [0]

    async def other_work() -> None:
        while True:
            turns.append(turns[-1] + 1)
            await asyncio.sleep(0)

    flooded: list[int] = []

    def always_more(_stream: PlayingStream, limit: int) -> bytes:
        flooded.append(turns[-1])
        clock.pass_time(1)
        return b"$\x05\0\0" * (limit // 4)

    monkeypatch.setattr(PlayingStream, "receive", always_more)
    other = asyncio.create_task(other_work())
    async with camera(ScriptedCamera()) as scripted:
        verdict = await examine(scripted.address, "/", username="", password="", allow_loopback=True, clock=clock)
    other.cancel()

    assert verdict.kind == "no_video"
    assert flooded == sorted(set(flooded))


async def test_a_frozen_camera_sends_no_picture() -> None:
    async with tiny_cameras(1) as cameras:
        cameras.script.freeze()
        verdict = await tried(cameras.port, cameras.path(cameras.keys[0]))

    assert verdict.kind == "no_video"
    assert "no complete picture" in verdict.sentence


async def test_no_verdict_names_the_password(demo_cameras: DemoCameras) -> None:
    verdict = await tried(demo_cameras.port, "/nowhere")

    assert PASSWORD not in str(verdict.document())
