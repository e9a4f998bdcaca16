"""A child as its worker sees it: whatever it does, it is noticed, and nothing waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from recorder.fallback.child import ANSWER_SECONDS, MAX_UNANSWERED, START_SECONDS, Child, ReencodingFailed, Unit
from recorder.rtp.pictures import MAX_PICTURE_BYTES
from tests.recorder.fallback.lying_child import INSTEAD_OF_A_REPORT, TO_A_PICTURE
from tests.recorder.rtp.old_pictures import coded
from vms.domain.camera import CameraState
from vms.domain.footage import GapReason

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]
LYING = "tests.recorder.fallback.lying_child"


@asynccontextmanager
async def child(codec: str, module: str = LYING) -> AsyncIterator[Child]:
    made = Child(codec, module)
    try:
        yield made
    finally:
        made.close()
        await asyncio.get_running_loop().shutdown_default_executor()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - another process works
            await asyncio.sleep(0.001)


async def failure_of(child: Child, *, now: Callable[[], float] = lambda: 0.0) -> ReencodingFailed:
    """Take what the child sends until it is of no more use."""
    async with asyncio.timeout(30):
        while True:
            try:
                list(child.take(now()))
            except ReencodingFailed as err:
                return err
            await asyncio.sleep(0.001)


GONE = {"ends before it reports", "ends", "is killed"}
PATIENT = {"never reports", "never answers"}


@pytest.mark.parametrize("how", sorted({*INSTEAD_OF_A_REPORT, *TO_A_PICTURE} - PATIENT))
async def test_a_child_that_breaks_the_rules_is_found_out(how: str) -> None:
    async with child(how) as made:
        made.give(0, b"picture", keyframe=True, now=0.0)
        failure = await failure_of(made)

        assert ("ended by itself" if how in GONE else "answered what was not asked") in str(failure)
        assert (failure.gap_reason, failure.state) == (GapReason.RECORDER_CRASHED, CameraState.STALLED)
        assert made.held_bytes <= 2 * MAX_PICTURE_BYTES


async def test_a_child_that_never_reports_is_waited_for_no_longer_than_its_time() -> None:
    async with child("never reports") as made:
        assert list(made.take(100.0)) == []
        assert list(made.take(100.0 + START_SECONDS)) == []
        with pytest.raises(ReencodingFailed, match="did not start"):
            list(made.take(100.1 + START_SECONDS))


async def test_a_child_that_never_answers_is_waited_for_no_longer_than_its_time() -> None:
    async with child("never answers") as made:
        made.give(0, b"picture", keyframe=True, now=100.0)
        await until(lambda: not list(made.take(100.0)) and made._ready)
        assert list(made.take(100.0 + ANSWER_SECONDS)) == []
        with pytest.raises(ReencodingFailed, match="gave no answer"):
            list(made.take(100.1 + ANSWER_SECONDS))


async def test_a_child_that_takes_nothing_has_no_room_for_more_and_giving_does_not_wait() -> None:
    async with child("never reports") as made:
        picture = bytes(MAX_PICTURE_BYTES // 4)
        given = 0
        while made.has_room(len(picture)):
            made.give(given, picture, keyframe=False, now=0.0)
            given += 1

        assert 4 <= given <= MAX_UNANSWERED
        assert made.held_bytes <= MAX_PICTURE_BYTES + 64 * 1024


async def test_what_does_not_fit_into_the_socket_is_sent_when_it_does() -> None:
    picture = coded("jpeg", count=1, width=1280, height=720)[0] + bytes(1_200_000)
    async with child("jpeg", "recorder.fallback.process") as made:
        made.give(0, picture, keyframe=True, now=0.0)
        assert made.held_bytes > 0
        units: list[Unit] = []

        def one_came() -> bool:
            units.extend(made.take(0.0))
            return not made.is_busy

        await until(one_came)

    assert [unit.number for unit in units] == [0]
