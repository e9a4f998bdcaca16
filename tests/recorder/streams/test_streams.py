"""Streams of every kind, encoded for real, recorded to files and decoded again: nothing missing, nothing at the wrong moment."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tests.recorder.rtp.packets import Sender
from tests.recorder.streams.film import Film, Print, Reel, shot, shown
from tests.vms.media.pictures import Recipe
from vms.domain.footage import SegmentFlag
from vms.domain.timespan import TICKS_PER_SECOND
from vms.media.boxes import ReadFragment
from vms.media.parameter_sets import Codec

pytestmark = pytest.mark.slow
PICTURE = TICKS_PER_SECOND // 25
CODECS = pytest.mark.parametrize("codec", ["h264", "h265"])
SLICES = {"h264": "slices=4", "h265": "slices=4:pools=1:wpp=1"}
"""x265 cuts slices between rows of its wavefront, which needs a pool; without one it crashes."""
OPEN_GOP = "open-gop=1:b-adapt=0"


def filmed(folder: Path, reel: Reel, *, segment_seconds: int = 4, fps: Fraction = Fraction(25)) -> list[Print]:
    film = Film(folder, reel.sets, segment_seconds=segment_seconds, sender=Sender(reel.recipe.codec, payload_size=1200))
    film.send(reel.pictures, fps=fps)
    return film.develop()


def steps(moments: list[int]) -> set[int]:
    return {after - before for before, after in pairwise(moments)}


def fragments(prints: list[Print]) -> list[ReadFragment]:
    return [fragment for each in prints for fragment in each.fragments()]


def assert_whole(prints: list[Print], pictures: int) -> None:
    """Demand every picture once, at an even distance, from the first segment's start on, in segments that abut and name no edit."""
    moments = shown(prints)
    assert len(moments) == pictures
    assert steps(moments) == {PICTURE}
    assert moments[0] == prints[0].segment.start_ticks
    assert all(before.segment.end_ticks == after.segment.start_ticks for before, after in pairwise(prints))
    assert all(b"edts" not in each.boxes for each in prints)


@CODECS
def test_a_plain_stream_is_whole(codec: Codec, tmp_path: Path) -> None:
    assert_whole(filmed(tmp_path / "v", shot(Recipe(codec, frames=250, gop=25))), 250)


@CODECS
def test_pictures_that_are_sent_out_of_order_are_shown_in_order(codec: Codec, tmp_path: Path) -> None:
    prints = filmed(tmp_path / "v", shot(Recipe(codec, frames=250, gop=25, b_frames=3, options="open-gop=0:b-adapt=0")))

    assert_whole(prints, 250)
    assert any(sample.cts for fragment in fragments(prints) for sample in fragment.samples)


@CODECS
def test_open_gops_are_cut_at_their_own_keyframes(codec: Codec, tmp_path: Path) -> None:
    reel = shot(Recipe(codec, frames=250, gop=24, b_frames=2, options=OPEN_GOP))
    film = Film(tmp_path / "v", reel.sets, sender=Sender(codec, payload_size=1200))
    film.send(reel.pictures)
    prints = film.develop()

    assert len(prints) > 1
    assert all(each.segment.flags is SegmentFlag.NONE and each.segment.fragments[1].starts_with_keyframe for each in prints)
    assert sum(len(fragment.samples) for fragment in fragments(prints)) == 250


@CODECS
def test_a_run_that_begins_in_an_open_gop_leaves_out_what_needs_the_pictures_before(codec: Codec, tmp_path: Path) -> None:
    reel = shot(Recipe(codec, frames=100, gop=24, b_frames=2, options=OPEN_GOP))
    later = [number for number, picture in enumerate(reel.pictures) if picture.keyframe][1]
    film = Film(tmp_path / "v", reel.sets, sender=Sender(codec, payload_size=1200))
    film.send(reel.pictures[later:])
    prints = film.develop()

    moments = [moment for each in prints for moment in each.shown()]
    leading = sum(picture.pts < reel.pictures[later].pts for picture in reel.pictures[later:])
    assert leading > 0
    assert sum(each.played() for each in prints) == len(moments) == len(reel.pictures) - later - leading
    assert moments[0] == prints[0].segment.start_ticks
    assert steps(moments) == {PICTURE}


@CODECS
def test_pictures_of_several_slices_are_whole(codec: Codec, tmp_path: Path) -> None:
    reel = shot(Recipe(codec, width=128, height=256, frames=100, gop=25, options=SLICES[codec]))

    assert min(len(picture.nals) for picture in reel.pictures) >= 4
    assert_whole(filmed(tmp_path / "v", reel), 100)


@CODECS
def test_without_markers_only_the_last_picture_is_missing(codec: Codec, tmp_path: Path) -> None:
    reel = shot(Recipe(codec, frames=100, gop=25))
    film = Film(tmp_path / "v", reel.sets, sender=Sender(codec, payload_size=1200))
    film.send(reel.pictures, marker=False)

    assert_whole(film.develop(), 99)


@CODECS
def test_parameter_sets_in_the_stream_alone_are_enough(codec: Codec, tmp_path: Path) -> None:
    reel = shot(Recipe(codec, frames=100, gop=25)).in_band()
    film = Film(tmp_path / "v", None, sender=Sender(codec, payload_size=1200))
    film.send(reel.pictures)

    assert_whole(film.develop(), 100)


@CODECS
def test_parameter_sets_that_change_begin_a_new_run_and_both_decode(codec: Codec, tmp_path: Path) -> None:
    small, large = (shot(Recipe(codec, width=width, frames=75, gop=25)).in_band() for width in (64, 128))
    film = Film(tmp_path / "v", None, sender=Sender(codec, payload_size=1200))
    film.send(small.pictures)
    film.send(large.pictures)
    prints = film.develop()

    assert [each.segment.width for each in prints] == [64, 128]
    assert [each.decoded() for each in prints] == [75, 75]
    assert [run.end_reason for run in film.runs() if run.end_reason] == ["stream_changed", "recorder_stopped"]


def test_padding_extensions_and_contributing_sources_change_nothing(tmp_path: Path) -> None:
    reel = shot(Recipe(frames=100, gop=25))
    film = Film(tmp_path / "v", reel.sets)
    dress = [{"padding": 7}, {"extension": b"12345678"}, {"csrc": 3}, {"padding": 4, "extension": b"", "csrc": 15}]
    for number, picture in enumerate(reel.pictures):
        for nal in picture.nals:
            film.take(film.sender.packet(nal, marker=nal is picture.nals[-1], **dress[number % 4]))  # type: ignore[arg-type]
        film.sender.timestamp += PICTURE
        film.seconds += 0.04

    assert_whole(film.develop(), 100)


@pytest.mark.parametrize("first", [0xFFFF_FFFF - 10 * PICTURE, 0x7FFF_FFFF, 0])
def test_counters_that_come_round_break_nothing(first: int, tmp_path: Path) -> None:
    reel = shot(Recipe(frames=250, gop=25))
    film = Film(tmp_path / "v", reel.sets, sender=Sender(sequence=65_535, timestamp=first, payload_size=50))
    film.send(reel.pictures)

    assert_whole(film.develop(), 250)


@pytest.mark.parametrize("jump_seconds", [3600, -3600, -30, 11])
def test_time_stamps_that_jump_begin_a_new_run_and_lose_no_picture(jump_seconds: int, tmp_path: Path) -> None:
    reel = shot(Recipe(frames=75, gop=25))
    film = Film(tmp_path / "v", reel.sets)
    film.send(reel.pictures)
    film.send(reel.pictures, stamp=film.sender.timestamp + jump_seconds * TICKS_PER_SECOND)
    prints = film.develop()

    assert len(shown(prints)) == 150
    assert [run.end_reason for run in film.runs() if run.end_reason] == ["stream_changed", "recorder_stopped"]
    assert all(before.segment.end_ticks <= after.segment.start_ticks for before, after in pairwise(prints))


def test_time_stamps_that_step_back_a_little_are_shown_in_order(tmp_path: Path) -> None:
    reel = shot(Recipe(frames=75, gop=25))
    film = Film(tmp_path / "v", reel.sets)
    film.send(reel.pictures)
    film.send(reel.pictures, stamp=film.sender.timestamp - TICKS_PER_SECOND // 2)
    prints = film.develop()

    assert len(shown(prints)) == 150
    assert all(sample.duration > 0 for fragment in fragments(prints) for sample in fragment.samples)


def test_21_pictures_a_second_are_recorded_as_21_whatever_the_description_says(tmp_path: Path) -> None:
    prints = filmed(tmp_path / "v", shot(Recipe(frames=210, gop=21)), fps=Fraction(21))

    moments = shown(prints)
    assert len(moments) == 210
    assert steps(moments) <= {4285, 4286}


@pytest.mark.parametrize(("gop", "fps"), [(5, 25), (1, 25), (100, 5)])
def test_gops_from_a_fifth_of_a_second_to_twenty_are_cut_on_keyframes(gop: int, fps: int, tmp_path: Path) -> None:
    pictures = 60 * fps
    prints = filmed(tmp_path / "v", shot(Recipe(frames=pictures, gop=gop)), segment_seconds=20, fps=Fraction(fps))

    assert len(shown(prints)) == pictures
    assert len(prints) > 1
    assert all(each.segment.fragments[1].starts_with_keyframe for each in prints)
    assert {each.segment.flags for each in prints} == {SegmentFlag.NONE}
    assert max(entry.duration for each in prints for entry in each.segment.fragments) <= 4 * TICKS_PER_SECOND + TICKS_PER_SECOND // fps


def test_when_keyframes_stop_coming_the_segment_is_cut_at_120_seconds_and_flagged(tmp_path: Path) -> None:
    reel = shot(Recipe(frames=600, gop=100_000))
    prints = filmed(tmp_path / "v", reel, segment_seconds=60, fps=Fraction(2))

    assert [each.segment.duration // TICKS_PER_SECOND for each in prints] == [120, 120, 60]
    assert [each.segment.flags for each in prints] == [SegmentFlag.NO_KEYFRAME_CUT, SegmentFlag.NO_KEYFRAME_CUT, SegmentFlag.NONE]
    assert sum(len(fragment.samples) for fragment in fragments(prints)) == 600
    assert prints[0].decoded() == 240


@pytest.mark.parametrize(
    ("recipe", "least", "most"),
    [
        (Recipe(frames=250, gop=25, options="bitrate=90:vbv-maxrate=90:vbv-bufsize=90"), 0.0, 0.1),
        (Recipe(width=1280, height=720, frames=25, gop=25, options="qp=0"), 10, 1000),
        (Recipe("h265", width=3840, height=2160, frames=2, gop=2), 0.1, 1000),
        (Recipe(width=3840, height=2160, frames=5, gop=5, options="qp=24"), 10, 1000),
    ],
    ids=["0.1 Mbit/s", "large", "4K H.265", "4K H.264"],
)
def test_streams_from_a_tenth_of_a_megabit_to_4k_are_whole(recipe: Recipe, least: float, most: float, tmp_path: Path) -> None:
    reel = shot(recipe)
    megabits_a_second = sum(len(nal) for picture in reel.pictures for nal in picture.nals) * 8 * 25 / recipe.frames / 1e6

    assert least <= megabits_a_second <= most
    assert_whole(filmed(tmp_path / "v", reel), recipe.frames)


def test_a_padded_stream_of_30_megabits_is_whole(tmp_path: Path) -> None:
    reel = shot(Recipe(frames=50, gop=25))
    filler = b"\x0c" + b"\xff" * (30_000_000 // 8 // 25) + b"\x80"
    pictures = [replace(picture, nals=(*picture.nals, filler)) for picture in reel.pictures]
    prints = filmed(tmp_path / "v", replace(reel, pictures=tuple(pictures)))

    assert_whole(prints, 50)


def test_an_open_gop_without_a_mark_is_recorded_until_the_limit(tmp_path: Path) -> None:
    """A camera that refreshes its picture bit by bit never sends a keyframe but its first."""
    reel = shot(Recipe(frames=250, gop=25, options="intra-refresh=1"))
    prints = filmed(tmp_path / "v", reel)

    assert sum(len(fragment.samples) for fragment in fragments(prints)) == 250
    assert prints[0].segment.flags is SegmentFlag.NO_KEYFRAME_CUT
