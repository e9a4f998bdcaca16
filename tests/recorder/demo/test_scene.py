from __future__ import annotations

import numpy as np
import pytest

from recorder.demo import timecode
from recorder.demo.figures import Canvas, Walker, draw_figure, stance
from recorder.demo.raster import View
from recorder.demo.rooms import ROOMS
from recorder.demo.scene import SCENES, Scene, clock_text

WALKERS = [walker for build in ROOMS.values() for walker in build().walkers]
LABEL = (slice(0, 28), slice(0, 108))
"""Rows and columns of the label at 320×180."""


@pytest.fixture(scope="module")
def entrance() -> Scene:
    return Scene("Main entrance", width=320, height=180)


def test_clock_shows_seconds_and_milliseconds_of_the_minute() -> None:
    assert [clock_text(time) for time in (0, 42_360, 59_933)] == [":00.000", ":42.360", ":59.933"]


def test_frame_carries_the_code_of_its_time(entrance: Scene) -> None:
    assert timecode.read(entrance.frame(31_200).luma) == 31_200


def test_clock_changes_with_every_frame_and_the_name_does_not(entrance: Scene) -> None:
    first, second = entrance.frame(10_000).luma[LABEL], entrance.frame(10_111).luma[LABEL]
    clock, name = (slice(14, 28), slice(8, 66)), (slice(14, 28), slice(72, 108))
    assert (first[clock] != second[clock]).any()
    assert (first[name] == second[name]).all()


def test_frame_is_the_same_each_time_it_is_drawn(entrance: Scene) -> None:
    before = entrance.frame(20_000)
    entrance.frame(45_000)
    again = entrance.frame(20_000)
    assert (before.luma == again.luma).all()
    assert (before.chroma == again.chroma).all()


def test_figures_move_between_two_moments(entrance: Scene) -> None:
    changed = entrance.frame(4_000).luma[28:] != entrance.frame(6_000).luma[28:]
    assert changed.mean() > 0.005


@pytest.mark.slow
def test_scenes_look_different_from_one_another() -> None:
    pictures = [Scene(name, width=320, height=180).frame(0).luma.astype(int) for name in SCENES]
    differences = [np.abs(a - b).mean() for number, a in enumerate(pictures) for b in pictures[:number]]
    assert len(pictures) == 4
    assert min(differences) > 15


@pytest.mark.parametrize("walker", WALKERS)
def test_nobody_jumps_not_even_at_the_full_minute(walker: Walker) -> None:
    places = [stance(walker, second / 10) for second in range(600)]
    steps = [np.hypot(b.x - a.x, b.y - a.y) for a, b in zip(places, [*places[1:], places[0]], strict=True)]
    assert max(steps) < 0.5


def test_figure_behind_furniture_is_hidden() -> None:
    view = View(eye=(0, 0, 3), target=(0, 6, 1), field_degrees=80)
    walker = Walker(((0, 0, 5),), (1, 0, 0), (0, 0, 1), (0, 0, 0), (1, 1, 1))
    luma, chroma = np.full((180, 320), 128, np.uint8), np.full((2, 90, 160), 128, np.uint8)
    draw_figure(Canvas(luma, chroma, np.full((180, 320), 1.0, np.float32)), view, walker, 0)
    assert (luma == 128).all()
    draw_figure(Canvas(luma, chroma, np.full((180, 320), 0.05, np.float32)), view, walker, 0)
    assert (luma != 128).any()


def test_figure_outside_the_picture_leaves_it_as_it_is() -> None:
    view = View(eye=(0, 0, 3), target=(0, 6, 1), field_degrees=80)
    walker = Walker(((0, 30, 5),), (1, 0, 0), (0, 0, 1), (0, 0, 0), (1, 1, 1))
    luma, chroma = np.full((180, 320), 128, np.uint8), np.full((2, 90, 160), 128, np.uint8)
    draw_figure(Canvas(luma, chroma, np.zeros((180, 320), np.float32)), view, walker, 0)
    assert (luma == 128).all()
