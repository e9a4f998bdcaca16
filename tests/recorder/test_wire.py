"""Lines between supervisor and workers: what is written is what is read, and no secret shows."""

from __future__ import annotations

import pytest

from recorder.keys import KEPT_HOURS, KeyRing
from recorder.sender_report import NTP_TO_UNIX_SECONDS, camera_clock_offset_ms
from recorder.wire import (
    FromWorker,
    Indexed,
    Keys,
    LeaveOut,
    Missing,
    Record,
    Release,
    RunChanged,
    SegmentPublished,
    Stop,
    Stopped,
    ToWorker,
    decode_from_worker,
    decode_to_worker,
    encode,
)
from tests.factories import a_segment
from vms.domain.ids import CameraId
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS

ORDER = Record(5, 11, "Entrance", "rtsp", "10.1.2.3", 554, "/main", "viewer", "open sesame", "always", 90, "ab" * 32)


@pytest.mark.parametrize(
    "message",
    [
        ORDER,
        Release(5),
        LeaveOut(5, "No room."),
        Keys([[11, 497_000, "ab" * 32]]),  # type: ignore[list-item]
        Indexed(["0" * 32]),
        Stop(),
    ],
)
def test_what_a_worker_is_told_arrives(message: ToWorker) -> None:
    assert decode_to_worker(encode(message)) == message


@pytest.mark.parametrize("message", [RunChanged(5, 1, 2, "offline", 3, 4, 5), Missing(5, 90, "silent", "…"), Stopped()])
def test_what_a_worker_tells_arrives(message: FromWorker) -> None:
    assert decode_from_worker(encode(message)) == message


def test_a_published_segment_arrives_whole() -> None:
    segment = a_segment()

    arrived = decode_from_worker(encode(SegmentPublished.of(segment)))

    assert isinstance(arrived, SegmentPublished)
    assert arrived.segment == segment


def test_a_line_is_one_line() -> None:
    assert encode(Missing(5, 90, "silent", "two\nlines")).count(b"\n") == 1


def test_passwords_and_keys_show_in_no_repr() -> None:
    assert "sesame" not in repr(ORDER)
    assert "ab" * 32 not in repr(Keys([(11, 497_000, "ab" * 32)]))


def test_a_key_is_found_by_the_hour_a_segment_starts_in() -> None:
    ring = KeyRing()
    ring.add(CameraId(11), 497_000, b"k" * 32)

    assert ring.key(CameraId(11), 497_000 * MS_PER_HOUR * TICKS_PER_MS) == b"k" * 32
    assert ring.key(CameraId(11), 497_001 * MS_PER_HOUR * TICKS_PER_MS) is None
    assert ring.key(CameraId(12), 497_000 * MS_PER_HOUR * TICKS_PER_MS) is None


def test_keys_of_hours_that_are_over_are_forgotten() -> None:
    ring = KeyRing()
    for hour in range(497_000, 497_010):
        ring.add(CameraId(11), hour, b"k" * 32)

    kept = [hour for hour in range(497_000, 497_010) if ring.key(CameraId(11), hour * MS_PER_HOUR * TICKS_PER_MS)]
    assert kept == list(range(497_010 - KEPT_HOURS, 497_010))


def ntp(unix_ms: int) -> int:
    seconds, ms = divmod(unix_ms, 1000)
    return (seconds + NTP_TO_UNIX_SECONDS) % (1 << 32) << 32 | (ms << 32) // 1000


@pytest.mark.parametrize("server_ms", [1_790_000_000_000, 2_085_978_496_500, 2_300_000_000_000])
@pytest.mark.parametrize("offset_ms", [-86_400_000, -40, 0, 1500])
def test_the_cameras_clock_is_compared_across_the_turn_of_the_ntp_era(server_ms: int, offset_ms: int) -> None:
    assert camera_clock_offset_ms(ntp(server_ms + offset_ms), server_ms=server_ms) == pytest.approx(offset_ms, abs=1)


def test_a_camera_that_counts_from_its_start_claims_no_time_of_day() -> None:
    assert camera_clock_offset_ms(0, server_ms=1_790_000_000_000) is None
    assert camera_clock_offset_ms(3600 << 32, server_ms=1_790_000_000_000) is None
