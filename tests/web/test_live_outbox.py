"""What waits for one window: in order, bounded, going on at a keyframe."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.factories import after
from tests.web.world_clock import DrivenClock
from vms.domain.ids import StreamId
from web import live_outbox
from web.live_outbox import Channel, Outbox, Picture, Streamed
from web.read_ledger import MAX_READS, ReadLedger

KEY, DELTA = Picture(b"\x01" + b"k" * 9), Picture(b"\x00" + b"d" * 9)


def a_channel(outbox: Outbox | None = None, number: int = 1) -> Channel:
    return Channel(number, StreamId(number), "token", outbox or Outbox(DrivenClock()), Streamed())


def taken(outbox: Outbox, count: int) -> list[bytes | str]:
    """Take `count` messages, and see that nothing else waits."""

    async def take() -> list[bytes | str]:
        found = [(await outbox.take())[0] for _ in range(count)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(outbox.take(), 0.01)
        return found

    return asyncio.run(take())


def test_a_window_begins_with_a_keyframe() -> None:
    channel = a_channel()
    for picture in (DELTA, KEY, DELTA):
        channel.offer(picture)
    assert taken(channel.outbox, 2) == [b"\x00\x01" + KEY.message, b"\x00\x01" + DELTA.message]
    assert channel.dropped == 1


def test_channels_share_one_queue_in_the_order_of_arrival() -> None:
    outbox = Outbox(DrivenClock())
    one, two = a_channel(outbox, 1), a_channel(outbox, 513)
    one.offer(KEY)
    two.offer(KEY)
    one.offer(DELTA)
    assert [bytes(message)[:2] for message in taken(outbox, 3) if isinstance(message, bytes)] == [b"\x00\x01", b"\x02\x01", b"\x00\x01"]


def test_a_slow_window_loses_what_waits_and_goes_on_at_the_next_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_outbox, "MAX_CHANNEL_BYTES", 30)
    channel = a_channel()
    channel._limit = 30
    for picture in (KEY, DELTA, DELTA, DELTA, DELTA, KEY, DELTA):
        channel.offer(picture)
    assert taken(channel.outbox, 2) == [b"\x00\x01" + KEY.message, b"\x00\x01" + DELTA.message]
    assert channel.dropped == 5


def test_a_window_that_reads_too_late_goes_on_at_the_next_keyframe_however_little_waits() -> None:
    clock = DrivenClock()
    channel = a_channel(Outbox(clock))
    for picture in (KEY, DELTA, DELTA, KEY):
        channel.offer(picture)
        clock.step(timedelta(seconds=0.8))
    assert taken(channel.outbox, 1) == [b"\x00\x01" + KEY.message]
    assert channel.dropped == 3


def test_what_it_is_told_survives_what_it_is_too_slow_for() -> None:
    channel = a_channel()
    channel._limit = 15
    channel.tell({"t": "state"})
    channel.offer(KEY)
    channel.offer(DELTA)
    assert taken(channel.outbox, 1) == ['{"t": "state", "ch": 1}']


def test_the_beginning_of_an_epoch_is_sent_whole_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_outbox, "MAX_CHANNEL_BYTES", 15)
    channel = a_channel()
    channel.start({"t": "init"}, [KEY, DELTA, DELTA])
    assert len(taken(channel.outbox, 4)) == 4
    assert channel.dropped == 0


def test_a_new_epoch_replaces_the_pictures_of_the_old_one() -> None:
    channel = a_channel()
    channel.offer(KEY)
    channel.start({"t": "init", "epoch": "2"}, [])
    assert taken(channel.outbox, 1) == ['{"t": "init", "epoch": "2", "ch": 1}']


def test_a_closed_channel_sends_nothing_more() -> None:
    outbox = Outbox(DrivenClock())
    one, two = a_channel(outbox, 1), a_channel(outbox, 2)
    one.offer(KEY)
    one.tell({"t": "state"})
    two.offer(KEY)
    one.close()
    assert taken(outbox, 1) == [b"\x00\x02" + KEY.message]


def test_the_room_of_a_sent_picture_is_free_again() -> None:
    channel = a_channel()
    channel._limit = 25

    async def keep_up() -> None:
        for _ in range(10):
            channel.offer(KEY)
            await channel.outbox.take()

    asyncio.run(keep_up())
    assert channel.dropped == 0


def test_what_was_streamed_is_told_in_intervals() -> None:
    streamed = Streamed()
    for seconds in (0, 1, 2, 60, 61):
        streamed.sent(after(seconds))
    assert [(span.start, span.end) for span in streamed.intervals()] == [(after(0), after(2)), (after(60), after(61))]


def test_one_picture_is_an_interval_too() -> None:
    streamed = Streamed()
    streamed.sent(after(0))
    assert [span.duration for span in streamed.intervals()] == [timedelta(milliseconds=1)]


def test_a_clock_that_was_set_back_begins_a_new_interval() -> None:
    streamed = Streamed()
    streamed.sent(after(10))
    streamed.sent(after(0))
    assert len(streamed.intervals()) == 2


def test_reads_are_remembered_up_to_a_bound() -> None:
    ledger = ReadLedger()
    for number in range(MAX_READS + 1):
        ledger.add(number)
    assert not ledger.has(0)
    assert ledger.has(MAX_READS)
