"""Client and reader against a camera server that others wrote: Debian's gst-rtsp-server, with Digest sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.reader import StreamReader
from recorder.rtsp.client import PlayingStream, open_stream
from recorder.rtsp.errors import CameraError, FailureKind
from tests.fakes.gst_camera import GstCameras, encode_annexb, missing_parts
from tests.recorder.rtp.packets import decoded_pictures
from vms.clock import SystemClock
from vms.domain.camera import Address, Scheme
from vms.media.parameter_sets import Codec

FRAMES, GOP, FPS = 30, 10, 100
PASSWORD = "corr3ct horse"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GstCameras]:
    if reason := missing_parts():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("clips")
    encode_annexb(folder / "a.h264", "h264", frames=FRAMES, gop=GOP)
    encode_annexb(folder / "b.h265", "h265", frames=FRAMES, gop=GOP)
    with GstCameras([folder / "a.h264", folder / "b.h265"], fps=FPS, password=PASSWORD) as serving:
        yield serving


async def dial(cameras: GstCameras, path: str, password: str = PASSWORD) -> PlayingStream:
    address = Address(Scheme.RTSP, "127.0.0.1", cameras.port)
    return await open_stream(address, path, username="admin", password=password, allow_loopback=True)


async def units_of(stream: PlayingStream, reader: StreamReader, count: int) -> list[AccessUnit]:
    units = [] if reader.counters.received_packets else reader.feed(stream.leftover, 0.0)  # once: it came before everything else
    async with asyncio.timeout(20):
        while len(units) < count:
            units += reader.feed(await asyncio.get_running_loop().sock_recv(stream.socket, 65_536), 0.0)
    return units


def reader_of(stream: PlayingStream) -> StreamReader:
    return StreamReader(stream.track, rtp_channel=stream.rtp_channel, rtcp_channel=stream.rtcp_channel)


@pytest.mark.parametrize(("number", "codec"), [(0, "h264"), (1, "h265")])
@pytest.mark.asyncio
async def test_every_picture_of_the_loop_arrives_and_decodes(cameras: GstCameras, number: int, codec: Codec) -> None:
    stream = await dial(cameras, cameras.paths[number])
    reader = reader_of(stream)
    units = (await units_of(stream, reader, 2 * FRAMES))[: 2 * FRAMES]
    stream.close()
    assert stream.track.codec == codec
    assert decoded_pictures(units, codec) == 2 * FRAMES
    assert [unit.keyframe for unit in units] == [at % GOP == 0 for at in range(2 * FRAMES)]
    assert (reader.counters.lost_packets, reader.counters.damaged_units, reader.counters.ignored_packets) == (0, 0, 0)


@pytest.mark.asyncio
async def test_the_camera_tells_its_clock_in_sender_reports(cameras: GstCameras) -> None:
    stream = await dial(cameras, cameras.paths[0])
    reader = reader_of(stream)
    while reader.sender_report is None:
        await units_of(stream, reader, 1)
    stream.close()
    seconds_since_1900 = reader.sender_report.ntp >> 32
    assert abs(seconds_since_1900 - 2_208_988_800 - SystemClock().now().timestamp()) < 60


@pytest.mark.asyncio
async def test_the_answer_to_a_keepalive_comes_between_the_pictures(cameras: GstCameras) -> None:
    stream = await dial(cameras, cameras.paths[0])
    reader = reader_of(stream)
    stream.keepalive(0.0)
    stream.socket.sendall(stream.keepalive(1000.0))
    messages = reader.take_messages()
    async with asyncio.timeout(20):
        while not messages:
            await units_of(stream, reader, 1)
            messages = reader.take_messages()
    assert [message.status for message in messages] == [200]
    stream.answered(messages[0])
    stream.socket.sendall(stream.teardown_bytes())
    stream.close()


@pytest.mark.asyncio
async def test_a_wrong_password_is_told(cameras: GstCameras) -> None:
    with pytest.raises(CameraError) as caught:
        await dial(cameras, cameras.paths[0], "wrong")
    assert caught.value.kind is FailureKind.WRONG_PASSWORD


@pytest.mark.asyncio
async def test_a_wrong_path_is_told(cameras: GstCameras) -> None:
    with pytest.raises(CameraError) as caught:
        await dial(cameras, "/no-such-camera")
    assert caught.value.kind is FailureKind.NO_SUCH_PATH
