from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import av
import pytest
import pytest_asyncio

from recorder.demo.cameras import DemoCameras
from recorder.demo.script import Order, carry_out, send_orders
from recorder.demo.stream import Loss
from tests.fakes.cameras import PASSWORD, USERNAME, ShiftedClock, tiny_cameras
from tests.recorder.demo.raw_client import CLOSED, Packet, RawClient, raw_client
from vms.errors import InvalidInput, NotFound

pytestmark = pytest.mark.slow

SECOND_TICKS = 90_000
FRAME_TICKS = 9_000


@pytest_asyncio.fixture
async def playing(demo_cameras: DemoCameras) -> AsyncIterator[RawClient]:
    path = demo_cameras.path(demo_cameras.keys[0])
    async with raw_client(demo_cameras.port, path, username=USERNAME, password=PASSWORD) as client:
        await client.play()
        await client.frame()
        yield client


async def until_silent(client: RawClient) -> None:
    """Read what was sent already; return when nothing has come for three frames' time."""
    try:
        async with asyncio.timeout(5):
            while True:
                await asyncio.wait_for(client.interleaved(), 0.3)
    except TimeoutError:
        return


@pytest.mark.asyncio
async def test_frozen_camera_sends_nothing_and_still_answers(demo_cameras: DemoCameras, playing: RawClient) -> None:
    demo_cameras.script.freeze(demo_cameras.keys[0])
    await until_silent(playing)
    assert (await playing.request("GET_PARAMETER")).status == 200


@pytest.mark.asyncio
async def test_thawed_camera_goes_on_at_a_keyframe_with_the_time_that_passed(demo_cameras: DemoCameras, playing: RawClient) -> None:
    last = (await playing.frame())[0]
    demo_cameras.script.freeze()
    await until_silent(playing)
    await demo_cameras.script.resume()
    first = await playing.packet()
    assert first.starts_keyframe
    assert 2 * FRAME_TICKS < (first.timestamp - last.timestamp) & 0xFFFFFFFF < 5 * SECOND_TICKS


@pytest.mark.asyncio
async def test_freezing_one_camera_leaves_the_others_alone(demo_cameras: DemoCameras) -> None:
    demo_cameras.script.freeze(demo_cameras.keys[0])
    async with raw_client(demo_cameras.port, demo_cameras.path(demo_cameras.keys[1]), username=USERNAME, password=PASSWORD) as other:
        await other.play()
        assert (await other.packet()).starts_keyframe


@pytest.mark.asyncio
async def test_dropped_connection_ends_and_a_new_one_is_welcome(demo_cameras: DemoCameras, playing: RawClient) -> None:
    demo_cameras.script.drop(demo_cameras.keys[0], "main")
    with pytest.raises(CLOSED):
        await playing.read_to_the_end()
    async with raw_client(demo_cameras.port, "/", username=USERNAME, password=PASSWORD) as again:
        assert (await again.request("OPTIONS")).status == 200


@pytest.mark.asyncio
async def test_refusing_camera_takes_no_connection_until_it_resumes(demo_cameras: DemoCameras, playing: RawClient) -> None:
    demo_cameras.script.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", demo_cameras.port)
    assert await playing.frame()
    await demo_cameras.script.resume()
    async with raw_client(demo_cameras.port, "/") as client:
        assert (await client.request("OPTIONS")).status == 200


@pytest.mark.asyncio
async def test_lost_packets_leave_holes_in_the_sequence(demo_cameras: DemoCameras, playing: RawClient) -> None:
    demo_cameras.script.lose(every=3)
    numbers = [(await playing.packet()).sequence for _ in range(60)]
    steps = [(after - before) & 0xFFFF for before, after in pairwise(numbers)]
    first_hole = steps.index(2)
    assert steps[first_hole : first_hole + 10] == [2, 1] * 5


def test_same_seed_loses_the_same_packets() -> None:
    one, same, other = (Loss(probability=0.2, seed=seed) for seed in (7, 7, 8))
    taken = [one() for _ in range(500)]
    assert [same() for _ in range(500)] == taken
    assert [other() for _ in range(500)] != taken
    assert 60 < one.taken < 140


@pytest.mark.asyncio
async def test_timestamps_jump_once_and_go_on_from_there(demo_cameras: DemoCameras, playing: RawClient) -> None:
    last = (await playing.frame())[0]
    demo_cameras.script.jump(-3.5, demo_cameras.keys[0])
    jumped = FRAME_TICKS - round(3.5 * SECOND_TICKS)
    steps = await steps_until(jumped, playing, last)
    assert steps == [FRAME_TICKS] * (len(steps) - 1) + [jumped]
    assert await steps_until(FRAME_TICKS, playing, (await playing.frame())[0]) == [FRAME_TICKS]


async def steps_until(wanted: int, client: RawClient, last: Packet) -> list[int]:
    """The differences between the timestamps of consecutive frames, up to the one wanted."""
    steps: list[int] = []
    while wanted not in steps:
        packet = (await client.frame())[0]
        steps.append((packet.timestamp - last.timestamp + 2**31) % 2**32 - 2**31)
        last = packet
    return steps


@pytest.mark.asyncio
async def test_changed_parameters_arrive_with_the_next_keyframe(demo_cameras: DemoCameras) -> None:
    key = demo_cameras.keys[0]
    sizes = await asyncio.to_thread(watched_sizes, demo_cameras, key)
    assert [size for number, size in enumerate(sizes) if number == 0 or size != sizes[number - 1]] == [(320, 180), (192, 108)]


def watched_sizes(cameras: DemoCameras, key: str) -> list[tuple[int, int]]:
    """The sizes of the pictures that libav decodes until ten have the new size; the change is ordered after the third."""
    options = {"rtsp_transport": "tcp", "fpsprobesize": "0", "analyzeduration": "0"}
    sizes: list[tuple[int, int]] = []
    with av.open(cameras.url(key), format="rtsp", options=options, timeout=10) as container:
        for frame in container.decode(video=0):
            sizes.append((frame.width, frame.height))
            if len(sizes) == 3:
                cameras.script.change_parameters(key)
            if sizes.count((192, 108)) == 10 or len(sizes) == 60:
                break
    return sizes


@pytest.mark.asyncio
async def test_parameters_change_back_without_a_step_in_time(demo_cameras: DemoCameras, playing: RawClient) -> None:
    demo_cameras.script.change_parameters(demo_cameras.keys[0])
    times = [(await playing.frame())[0].timestamp for _ in range(15)]
    await demo_cameras.script.resume(demo_cameras.keys[0])
    times += [(await playing.frame())[0].timestamp for _ in range(15)]
    assert {(after - before) & 0xFFFFFFFF for before, after in pairwise(times)} == {FRAME_TICKS}


@pytest.mark.asyncio
async def test_changed_password_shuts_out_newcomers_and_spares_who_plays(demo_cameras: DemoCameras, playing: RawClient) -> None:
    demo_cameras.script.change_password("another")
    async with raw_client(demo_cameras.port, demo_cameras.path(demo_cameras.keys[0]), username=USERNAME, password=PASSWORD) as client:
        assert (await client.signed("DESCRIBE")).status == 401
        client.password = "another"
        assert (await client.request("DESCRIBE")).status == 200
    assert await playing.frame()
    await demo_cameras.script.resume()
    assert (await playing.request("GET_PARAMETER")).status == 200


@pytest.mark.asyncio
async def test_step_of_the_clock_starts_the_stream_anew_at_a_keyframe() -> None:
    clock = ShiftedClock(second=10)
    async with (
        tiny_cameras(clock=clock) as cameras,
        raw_client(cameras.port, cameras.path(cameras.keys[0]), username=USERNAME, password=PASSWORD) as client,
    ):
        await client.play()
        before = (await client.frame())[0]
        clock.step(30)
        while (
            not (packet := await client.packet()).starts_keyframe or (packet.timestamp - before.timestamp) & 0xFFFFFFFF < 20 * SECOND_TICKS
        ):
            pass
        assert (packet.timestamp - before.timestamp) & 0xFFFFFFFF < 33 * SECOND_TICKS


@pytest.mark.asyncio
async def test_orders_arrive_over_the_control_socket(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with tiny_cameras(control=path) as cameras:
        orders: list[Order] = [{"do": "freeze", "stream": "main"}, {"do": "state"}, {"do": "dance"}]
        frozen, state, unknown = await send_orders(path, orders)
        streams = state["streams"]
    assert frozen == {"ok": True}
    assert isinstance(streams, dict)
    assert [streams[f"{cameras.keys[0]}/{name}"]["frozen"] for name in ("main", "sub")] == [True, False]
    assert unknown == {"ok": False, "error": "'dance' is no order for a demo camera."}


@pytest.mark.asyncio
async def test_line_that_is_no_order_is_answered_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with tiny_cameras(control=path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"freeze!\n[]\n")
        answers = [await reader.readline() for _ in range(2)]
        writer.close()
    assert b"one line of JSON" in answers[0]
    assert b"a JSON object" in answers[1]


ORDERS: list[Order] = [
    {"do": "freeze"},
    {"do": "lose", "every": 4},
    {"do": "lose", "probability": 0.1, "seed": 3, "stream": "main"},
    {"do": "jump", "seconds": 2},
    {"do": "change_parameters", "camera": "main-entrance"},
    {"do": "change_password", "password": "x"},
    {"do": "drop"},
    {"do": "refuse"},
    {"do": "resume"},
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: str(order["do"]))
@pytest.mark.asyncio
async def test_each_order_is_understood(demo_cameras: DemoCameras, order: Order) -> None:
    assert await carry_out(demo_cameras.script, order) == {}


WRONG: list[tuple[Order, type[Exception], str]] = [
    ({"do": "freeze", "camera": "attic"}, NotFound, "There are: main-entrance/main"),
    ({"do": "freeze", "camera": 3}, InvalidInput, "'camera' is a text"),
    ({"do": "jump", "seconds": "two"}, InvalidInput, "'seconds' is a number"),
    ({"do": "lose"}, InvalidInput, "either every"),
    ({"do": "lose", "every": 3, "probability": 0.5}, InvalidInput, "either every"),
    ({"do": "change_password"}, InvalidInput, "needs 'password'"),
    ({"do": "change_parameters"}, InvalidInput, "needs 'camera'"),
]


@pytest.mark.parametrize(("order", "error", "sentence"), WRONG)
@pytest.mark.asyncio
async def test_wrong_order_is_refused_with_a_sentence(
    demo_cameras: DemoCameras, order: Order, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        await carry_out(demo_cameras.script, order)
