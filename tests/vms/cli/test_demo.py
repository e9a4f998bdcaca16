"""How much room the demo takes for its footage, and what it says of that."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from recorder.demo.cameras import prepare_clips
from recorder.demo.encode import LOOP_SECONDS
from recorder.demo.settings import SPARING, DemoSettings
from tests.fakes.cameras import CACHE
from vms.cli import demo, demo_data
from vms.cli.children import Children
from vms.cli.context import Cli
from vms.cli.demo import DAYS_KEPT, MOST_BYTES, footage_sentence, most_bytes
from vms.cli.demo_data import Source
from vms.cli.ports import free_port
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.capacity import SECONDS_A_DAY, Headroom, Watermark, bytes_needed
from vms.services.capacity import FORESEEN_HOURS

GB = 10**9


class _Asked(Exception):
    pass


@pytest.mark.slow
def test_a_port_that_is_taken_while_the_scenes_are_drawn_is_not_the_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli, asked = Cli(tmp_path, SystemClock()), []
    with socket.socket() as other:

        def draw(*_: object) -> list[object]:
            other.bind(("127.0.0.1", free_port(demo.CAMERA_PORT)))
            other.listen()
            return []

        def ask(_cli: Cli, _settings: Settings, source: Source) -> None:
            asked.append(source.port)
            raise _Asked

        monkeypatch.setattr(demo, "prepare_clips", draw)
        monkeypatch.setattr(demo_data, "make_sample_rows", ask)
        with demo_data.claimed(tmp_path), pytest.raises(_Asked):
            demo._start(cli, Children(cli.clock, print), lambda _text, _share=None: None, cameras=1, listen="127.0.0.1:0")
        assert asked != [other.getsockname()[1]]


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
