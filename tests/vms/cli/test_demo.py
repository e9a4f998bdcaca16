"""How much room the demo takes for its footage, and what it says of that."""

from __future__ import annotations

import pytest

from recorder.demo.cameras import prepare_clips
from recorder.demo.encode import LOOP_SECONDS
from recorder.demo.settings import SPARING, DemoSettings
from tests.fakes.cameras import CACHE
from vms.cli.demo import DAYS_KEPT, MOST_BYTES, footage_sentence, most_bytes
from vms.domain.capacity import SECONDS_A_DAY, Headroom, Watermark, bytes_needed
from vms.services.capacity import FORESEEN_HOURS

GB = 10**9


def test_a_small_disk_keeps_a_quarter_of_what_it_has_free() -> None:
    assert most_bytes(8 * GB) == 6 * GB
    assert most_bytes(500 * GB) == MOST_BYTES


def test_where_the_room_lasts_until_the_first_footage_goes_nothing_is_said_of_an_end() -> None:
    said = footage_sentence(used=1 * GB, left=19 * GB, a_day=12 * GB, days=1)
    assert said == "What is older than a day is deleted, so footage takes 13 GB."
    assert "older than 2 days" in footage_sentence(used=0, left=40 * GB, a_day=12 * GB, days=2)


def test_where_it_does_not_last_so_long_the_hours_that_are_left_are_said() -> None:
    said = footage_sentence(used=3 * GB, left=3 * GB, a_day=12 * GB, days=1)
    assert said == "Footage takes at most 6.0 GB, room for 6.0 hours more. Then nothing more is recorded, and live pictures go on."


@pytest.mark.slow
def test_four_demo_cameras_cross_no_watermark_on_a_large_disk() -> None:
    """Neither at the start nor when a day is full and nothing went yet: four clips as drawn, and a twentieth for what recording adds."""
    clips = prepare_clips(4, CACHE, DemoSettings(profiles=SPARING))
    a_second = 1.05 * sum(clip.stat().st_size for _, clip in clips) / LOOP_SECONDS
    needed = bytes_needed(a_second * SECONDS_A_DAY, DAYS_KEPT)
    at_first = [max(0.0, hour * 3600 * a_second - needed) for hour in range(FORESEEN_HOURS + 1)]
    a_day_later = [hour * 3600 * a_second for hour in range(FORESEEN_HOURS + 1)]
    for used, gone in ((0.0, at_first), (needed, a_day_later)):
        left = Headroom(int(MOST_BYTES - used), written=a_second, growth=a_second, gone=gone)
        assert left.watermark() is Watermark.ROOM
