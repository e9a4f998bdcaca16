"""Live pictures: the GOP first, then every picture, on one continuous line; slow viewers harm nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import pairwise

import pytest

from recorder.clock import WallAnchor
from recorder.live import MAX_GOP_BYTES, MAX_VIEWER_BYTES, LiveMessage, LiveStream, Viewer
from recorder.rtp.access_unit import UNIT_BYTES, held_bytes
from tests.recorder.test_clock import DrivenClock
from tests.recorder.units import parameter_sets, unit
from vms.domain.timespan import TICKS_PER_SECOND
from vms.media.boxes import read_fragment

pytestmark = pytest.mark.asyncio


class Watched:
    """Counts viewers coming and going."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def first_viewer(self) -> None:
        self.told.append("first")

    def no_viewer(self) -> None:
        self.told.append("none")


def a_stream(watched: Watched | None = None) -> LiveStream:
    told = watched or Watched()
    return LiveStream(WallAnchor(DrivenClock()), first_viewer=told.first_viewer, no_viewer=told.no_viewer)


def show(live: LiveStream, numbers: range, *, gop: int = 25, size: int = 100) -> None:
    for number in numbers:
        live.pictures([unit(number, gop=gop, size=size)])


async def taken(viewer: Viewer) -> list[LiveMessage]:
    return await asyncio.wait_for(viewer.take(), 1)


def pictures(messages: list[LiveMessage]) -> list[tuple[int, int, bool]]:
    """Return tfdt, duration and keyframe flag of each picture."""
    found = []
    for message in messages:
        if not message.is_text:
            fragment = read_fragment(memoryview(message.payload)[1:])
            found.append((fragment.tfdt, fragment.duration, message.payload[0] == 1))
    return found


async def test_of_pictures_that_came_together_those_since_the_last_keyframe_are_kept_for_a_viewer() -> None:
    live = a_stream()
    units = [unit(number) for number in range(60)]
    live.pictures(units)
    assert live.gop_bytes == held_bytes(units[50:])
    shown = pictures(await taken(live.join()))

    assert len(shown) == 10
    assert [keyframe for _, _, keyframe in shown] == [True] + [False] * 9


async def test_a_viewer_starts_with_the_last_keyframe() -> None:
    live = a_stream()
    show(live, range(35))
    viewer = live.join()

    messages = await taken(viewer)

    header = json.loads(messages[0].payload)
    assert header["codec"] == parameter_sets().rfc6381
    assert b"ftyp" in base64.b64decode(header["init"])
    assert [keyframe for _, _, keyframe in pictures(messages)] == [True] + [False] * 9


async def test_pictures_follow_one_another_without_a_hole() -> None:
    live = a_stream()
    show(live, range(30))
    viewer = live.join()
    show(live, range(30, 90))

    line = pictures(await taken(viewer))

    assert line[0][0] == 0
    assert all(after[0] == before[0] + before[1] for before, after in pairwise(line))


async def test_a_picture_that_came_late_does_not_break_the_line() -> None:
    live = a_stream()
    show(live, range(5))
    viewer = live.join()
    late = unit(9)
    live.pictures([late])
    live.pictures([unit(10)])

    line = pictures(await taken(viewer))

    assert all(after[0] == before[0] + before[1] for before, after in pairwise(line))
    assert line[-1][0] + line[-1][1] == 11 * 3600


async def test_a_second_viewer_gets_the_same_line_as_the_first() -> None:
    live = a_stream()
    show(live, range(30))
    first = live.join()
    show(live, range(30, 40))
    second = live.join()

    assert pictures(await taken(second)) == pictures(await taken(first))


async def test_changed_parameter_sets_open_a_new_epoch() -> None:
    live = a_stream()
    show(live, range(30))
    viewer = live.join()
    live.pictures([unit(0, sets=parameter_sets(128), arrival=3.0)])

    headers = [json.loads(message.payload) for message in await taken(viewer) if message.is_text]

    assert [header["width"] for header in headers] == [64, 128]
    assert headers[0]["epoch"] != headers[1]["epoch"]


async def test_after_an_interruption_no_old_picture_is_shown() -> None:
    live = a_stream()
    show(live, range(30))
    live.interrupt()
    viewer = live.join()
    live.state("offline", 5, "The camera closed the connection.")

    assert [json.loads(message.payload)["state"] for message in await taken(viewer)] == ["offline"]


async def test_time_stamps_that_jump_inside_a_gop_show_no_picture_twice() -> None:
    live = a_stream()
    viewer = live.join()
    show(live, range(5))
    for number in range(5, 30):
        live.pictures([unit(number, rtp=3600 * TICKS_PER_SECOND)])

    messages = await taken(viewer)

    assert sum(message.is_text for message in messages) == 2
    assert [keyframe for _, _, keyframe in pictures(messages)] == [True, False, False, False, False, True, False, False, False, False]


async def test_a_gop_beyond_its_bound_is_given_up_until_the_next_keyframe() -> None:
    live = a_stream()
    show(live, range(10), gop=1000, size=MAX_GOP_BYTES // 8)
    viewer = live.join()
    show(live, range(10, 12), gop=1000)
    show(live, range(1000, 1002), gop=1000)

    assert [keyframe for _, _, keyframe in pictures(await taken(viewer))] == [True, False]


async def test_a_gop_of_countless_tiny_pictures_is_given_up_too() -> None:
    live = a_stream()
    show(live, range(MAX_GOP_BYTES // UNIT_BYTES), gop=10**6, size=1)
    viewer = live.join()
    live.state("recording", 5, "")

    assert pictures(await taken(viewer)) == []
    assert live.gop_bytes == 0


async def test_a_slow_viewer_goes_on_at_the_next_keyframe() -> None:
    live = a_stream()
    show(live, range(2), gop=10)
    viewer = live.join()
    show(live, range(2, 10), gop=10, size=MAX_VIEWER_BYTES // 4)
    show(live, range(10, 12), gop=10)

    line = pictures(await taken(viewer))

    assert line[0][2]
    assert len(line) == 2
    assert viewer.dropped > 0


async def test_the_first_and_the_last_viewer_are_told_of() -> None:
    watched = Watched()
    live = a_stream(watched)
    one, two = live.join(), live.join()
    live.leave(one)
    live.leave(two)

    assert watched.told == ["first", "none"]
    assert not live.watched
