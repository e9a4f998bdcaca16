from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise

import av
import pytest
import pytest_asyncio

from recorder.demo.cameras import DemoCameras
from recorder.demo.encode import has_codec
from recorder.demo.stream import Start
from tests.fakes.cameras import PASSWORD, TINY_H265, USERNAME, ShiftedClock, code_of, tiny_cameras
from tests.recorder.demo.raw_client import CLOSED, RawClient, raw_client
from vms.clock import SystemClock

pytestmark = pytest.mark.slow

FRAME_TICKS = 9_000
MINUTE_MS = 60_000


@asynccontextmanager
async def client_of(
    cameras: DemoCameras, stream: str = "main", *, password: str = PASSWORD, algorithm: str = "SHA-256"
) -> AsyncIterator[RawClient]:
    path = cameras.path(cameras.keys[0], stream)
    async with raw_client(cameras.port, path, username=USERNAME, password=password, algorithm=algorithm) as client:
        yield client


@pytest_asyncio.fixture
async def playing(demo_cameras: DemoCameras) -> AsyncIterator[RawClient]:
    async with client_of(demo_cameras) as client:
        assert (await client.play()).status == 200
        yield client


def watched(url: str, frames: int) -> list[tuple[int | None, float, int | None]]:
    """What libav makes of the stream: the code, our wall clock in seconds, and the presentation time of each frame."""
    options = {"rtsp_transport": "tcp", "fpsprobesize": "0", "analyzeduration": "0", "err_detect": "explode"}
    seen: list[tuple[int | None, float, int | None]] = []
    with av.open(url, format="rtsp", options=options, timeout=10) as container:
        for frame in container.decode(video=0):
            seen.append((code_of(frame), SystemClock().now().timestamp(), frame.pts))
            if len(seen) == frames:
                break
    return seen


@pytest.mark.asyncio
async def test_libav_signs_in_and_decodes_every_frame(demo_cameras: DemoCameras) -> None:
    seen = await asyncio.to_thread(watched, demo_cameras.url(demo_cameras.keys[0]), 25)
    codes = [code for code, _, _ in seen if code is not None]
    assert len(codes) == 25
    assert {(after - before) % MINUTE_MS for before, after in pairwise(codes)} == {100}


@pytest.mark.asyncio
async def test_picture_shows_the_wall_clock_within_a_frame(demo_cameras: DemoCameras) -> None:
    seen = await asyncio.to_thread(watched, demo_cameras.url(demo_cameras.keys[0]), 30)
    ages = [(wall * 1000 - code) % MINUTE_MS for code, wall, _ in seen[-10:] if code is not None]
    assert len(ages) == 10
    assert min(ages) < 100 + 50
    assert max(ages) < 1_000


@pytest.mark.skipif(not has_codec("h265"), reason="this build of PyAV has no libx265")
@pytest.mark.asyncio
async def test_h265_stream_decodes_too() -> None:
    async with tiny_cameras(profiles=TINY_H265) as cameras:
        seen = await asyncio.to_thread(watched, cameras.url(cameras.keys[0]), 8)
    codes = [code for code, _, _ in seen if code is not None]
    assert {(after - before) % MINUTE_MS for before, after in pairwise(codes)} == {200}


@pytest.mark.parametrize(("change", "error"), [("password", av.error.HTTPUnauthorizedError), ("path", av.error.HTTPNotFoundError)])
@pytest.mark.asyncio
async def test_wrong_password_and_wrong_path_are_told_apart(demo_cameras: DemoCameras, change: str, error: type[Exception]) -> None:
    key = demo_cameras.keys[0] if change == "password" else "attic"
    url = demo_cameras.url(key, password="guess" if change == "password" else None)
    with pytest.raises(error):
        await asyncio.to_thread(watched, url, 1)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.asyncio
async def test_either_digest_opens(demo_cameras: DemoCameras, algorithm: str) -> None:
    async with client_of(demo_cameras, algorithm=algorithm) as client:
        reply = await client.signed("DESCRIBE")
    assert reply.status == 200
    assert "a=rtpmap:96 H264/90000" in reply.body


@pytest.mark.asyncio
async def test_description_names_one_video_track_and_no_audio(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras) as client:
        body = (await client.signed("DESCRIBE")).body
    assert [line for line in body.splitlines() if line.startswith("m=")] == ["m=video 0 RTP/AVP 96"]
    assert "sprop-parameter-sets=" in body


@pytest.mark.asyncio
async def test_main_and_sub_differ(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras, "main") as main, client_of(demo_cameras, "sub") as sub:
        assert (await main.signed("DESCRIBE")).body != (await sub.signed("DESCRIBE")).body


@pytest.mark.asyncio
async def test_udp_is_refused(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras) as client:
        reply = await client.signed("SETUP", uri=f"{client.base}/trackID=0", headers={"Transport": "RTP/AVP;unicast;client_port=5000-5001"})
    assert reply.status == 461


@pytest.mark.asyncio
async def test_play_without_setup_is_refused(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras) as client:
        assert (await client.signed("PLAY")).status == 454


@pytest.mark.asyncio
async def test_unknown_method_is_refused(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras) as client:
        assert (await client.signed("RECORD")).status == 405


@pytest.mark.asyncio
async def test_keepalive_is_answered_in_the_middle_of_the_picture(playing: RawClient) -> None:
    await playing.frame()
    assert (await playing.request("GET_PARAMETER")).status == 200


@pytest.mark.asyncio
async def test_teardown_ends_the_stream(demo_cameras: DemoCameras, playing: RawClient) -> None:
    await playing.frame()
    assert (await playing.request("TEARDOWN")).status == 200
    assert not any(stream.players for stream in demo_cameras.server.streams.values())


@pytest.mark.asyncio
async def test_first_packet_is_the_one_that_the_answer_announced(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras) as client:
        info = (await client.play()).headers["rtp-info"][0]
        first = await client.packet()
    assert f"seq={first.sequence};rtptime={first.timestamp}" in info
    assert first.starts_keyframe


class StoppedClock(SystemClock):
    """Always shows the same moment, 0.55 s after a keyframe."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 14, 21, 20, 550_000, tzinfo=UTC)


@pytest.mark.asyncio
async def test_immediate_start_comes_with_everything_since_the_latest_keyframe() -> None:
    async with tiny_cameras(clock=StoppedClock()) as cameras, client_of(cameras) as client:
        await client.play()
        frames = [await client.frame() for _ in range(6)]
    assert [frame[0].starts_keyframe for frame in frames] == [True] + [False] * 5
    assert {(after[0].timestamp - before[0].timestamp) & 0xFFFFFFFF for before, after in pairwise(frames)} == {FRAME_TICKS}


@pytest.mark.asyncio
async def test_other_start_waits_for_the_next_keyframe() -> None:
    async with tiny_cameras(start=Start.NEXT_KEYFRAME) as cameras, client_of(cameras) as client:
        info = (await client.play()).headers["rtp-info"][0]
        first = await client.packet()
    assert first.starts_keyframe
    assert f"rtptime={first.timestamp}" in info


@pytest.mark.asyncio
async def test_minute_passes_without_a_seam_in_sequence_or_time() -> None:
    clock = ShiftedClock(second=0)
    async with tiny_cameras(clock=clock) as cameras, client_of(cameras) as client:
        clock.show(second=58.8)  # now: drawing the clips may have taken a minute
        await client.play()
        frames = [await client.frame() for _ in range(25)]
    assert clock.now().second < 30
    packets = [packet for frame in frames for packet in frame]
    assert {(after.sequence - before.sequence) & 0xFFFF for before, after in pairwise(packets)} == {1}
    times = [frame[0].timestamp for frame in frames]
    assert {(after - before) & 0xFFFFFFFF for before, after in pairwise(times)} == {FRAME_TICKS}


@pytest.mark.asyncio
async def test_minute_passes_in_the_picture_too() -> None:
    clock = ShiftedClock(second=0)
    async with tiny_cameras(clock=clock) as cameras:
        clock.show(second=58.5)
        seen = await asyncio.to_thread(watched, cameras.url(cameras.keys[0]), 30)
    codes = [code for code, _, _ in seen if code is not None]
    at = codes.index(0)
    assert codes[at - 1 : at + 2] == [59_900, 0, 100]


@pytest.mark.asyncio
async def test_sender_report_ties_rtp_time_to_the_wall_clock(playing: RawClient) -> None:
    report = await playing.report()
    packet = await playing.packet()
    wall = report.unix_seconds + ((packet.timestamp - report.timestamp + 2**31) % 2**32 - 2**31) / 90_000
    assert wall == pytest.approx(round(wall * 10) / 10, abs=0.001)
    assert abs(SystemClock().now().timestamp() - wall) < 1


@pytest.mark.asyncio
async def test_two_clients_have_numbering_of_their_own(demo_cameras: DemoCameras) -> None:
    async with client_of(demo_cameras) as one, client_of(demo_cameras) as other:
        await one.play()
        await other.play()
        first, second = await one.packet(), await other.packet()
    assert first.ssrc != second.ssrc
    assert first.timestamp != second.timestamp


@pytest.mark.asyncio
async def test_silent_client_is_dropped() -> None:
    async with tiny_cameras(session_seconds=0.3) as cameras, client_of(cameras) as client:
        await client.play()
        with pytest.raises(CLOSED):
            await client.read_to_the_end()


@pytest.mark.asyncio
async def test_old_nonce_is_called_stale() -> None:
    async with tiny_cameras(nonce_seconds=0) as cameras, client_of(cameras) as client:
        reply = await client.signed("DESCRIBE")
    assert reply.status == 401
    assert "stale=TRUE" in reply.headers["www-authenticate"][0]


@pytest.mark.parametrize("nonsense", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 40_000, b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n"])
@pytest.mark.asyncio
async def test_nonsense_closes_the_connection(demo_cameras: DemoCameras, nonsense: bytes) -> None:
    async with client_of(demo_cameras) as client:
        client.writer.write(nonsense)
        with pytest.raises(CLOSED):
            await client.interleaved()


@pytest.mark.asyncio
async def test_closing_leaves_no_connection_behind() -> None:
    async with tiny_cameras() as cameras, client_of(cameras) as client:
        await client.play()
        await cameras.__aexit__(None, None, None)
        assert not cameras.server.connections
        with pytest.raises(CLOSED):
            await client.read_to_the_end()
