"""JPEG and MPEG-4 in, H.264 access units out: with the camera's times, and gaps where something is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from recorder.fallback.child import MAX_PUT_BY
from recorder.fallback.reader import MAX_PICTURES_A_SECOND, ReencodedReader
from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.pictures import MAX_PICTURE_BYTES
from tests.recorder.rtp.old_pictures import OldCodec, coded, interleaved, track
from tests.recorder.rtp.packets import TICKS, Sender, decoded_pictures

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]
CODECS = pytest.mark.parametrize("codec", ["jpeg", "mpeg4"])
SIZE = {"width": 160, "height": 96}
SECONDS = TICKS / 90_000


@pytest_asyncio.fixture
async def reader(request: pytest.FixtureRequest) -> AsyncIterator[ReencodedReader]:
    codec: OldCodec = request.node.callspec.params["codec"] if hasattr(request.node, "callspec") else "jpeg"
    made = ReencodedReader(track(codec))
    yield made
    made.close()
    await asyncio.get_running_loop().shutdown_default_executor()


async def fed(reader: ReencodedReader, frames: Sequence[bytes], *, start: int = 0, step: float = SECONDS) -> list[AccessUnit]:
    """Feed one picture after another, each when the child has answered the one before."""
    units: list[AccessUnit] = []
    for number, frame in enumerate(frames, start):
        units += reader.feed(frame, number * step)
        async with asyncio.timeout(30):
            while reader.child.is_busy:
                await asyncio.sleep(0.001)
                units += reader.collect(number * step)
    return units


@CODECS
async def test_each_picture_becomes_an_access_unit_with_its_time(reader: ReencodedReader, codec: OldCodec) -> None:
    sender = Sender(timestamp=0xFFFF_FFFF - 3 * TICKS)
    sent = list(interleaved(codec, coded(codec, count=120, **SIZE), sender))
    units = await fed(reader, sent)

    assert [unit.rtp_timestamp for unit in units] == [(0xFFFF_FFFF + (number - 3) * TICKS) & 0xFFFF_FFFF for number in range(120)]
    assert [unit.arrival for unit in units] == [number * SECONDS for number in range(120)]
    assert [number for number, unit in enumerate(units) if unit.keyframe] == [0, 50, 100]
    assert [number for number, unit in enumerate(units) if unit.parameter_sets] == [0]
    assert not any(unit.lost for unit in units)
    assert reader.parameter_sets is not None
    assert (reader.parameter_sets.width, reader.parameter_sets.height) == (160, 96)
    assert decoded_pictures(units, "h264") == 120


async def test_a_picture_that_is_missing_only_makes_the_one_before_last_longer(reader: ReencodedReader) -> None:
    sent = list(interleaved("jpeg", coded("jpeg", **SIZE)))
    del sent[4]
    units = await fed(reader, sent)

    assert len(units) == 11
    assert not any(unit.lost for unit in units)
    assert reader.counters.lost_packets > 0


async def test_a_second_that_is_missing_is_marked_at_a_keyframe(reader: ReencodedReader) -> None:
    sent = list(interleaved("jpeg", coded("jpeg", **SIZE)))
    units = await fed(reader, sent[:4])
    units += await fed(reader, sent[6:], start=40)

    assert [(number, unit.keyframe) for number, unit in enumerate(units) if unit.lost] == [(4, True)]
    assert len(units) == 10


@pytest.mark.parametrize("codec", ["mpeg4"])
async def test_pictures_that_can_not_be_decoded_are_counted_as_damaged(reader: ReencodedReader, codec: OldCodec) -> None:
    noise = [b"\x00\x00\x01\xb6\x10" + bytes([number]) * 200 for number in range(30)]
    units = await fed(reader, list(interleaved(codec, noise)))

    assert units == []
    assert reader.counters.damaged_units == 30 - 1 - MAX_PUT_BY


async def test_of_a_flood_so_many_pictures_are_taken_as_a_second_has(reader: ReencodedReader) -> None:
    sent = list(interleaved("jpeg", coded("jpeg", **SIZE))) * 10
    await fed(reader, sent[:1], step=0.0)
    units = await fed(reader, sent[1:], start=1, step=1e-6)

    assert len(units) == MAX_PICTURES_A_SECOND - 1
    assert reader.counters.skipped_units > 0


async def test_pictures_that_come_faster_than_they_are_re_encoded_are_left_out_and_memory_stays_bounded(reader: ReencodedReader) -> None:
    sent = b"".join(interleaved("jpeg", coded("jpeg", count=1, width=1280, height=720))) * 15
    for number in range(4):
        reader.feed(sent, number * 0.1)

    assert reader.unfinished_bytes <= 2 * MAX_PICTURE_BYTES
    assert reader.counters.skipped_units > 0
