"""Review sheets: which moments they show, and that they show the copy and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.vms.media.made_files import START_MS, noise
from vms.domain.ids import CameraId
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, Region
from vms.media.covering import Planes, cover
from vms.media.derivation import Picture
from vms.media.derivation_wire import MAX_SHEETS
from vms.media.review_sheet import ACROSS, CAPTION_HEIGHT, DOWN, TILE_WIDTH, ReviewSheets, moments
from vms.media.still import Colours

WIDTH, HEIGHT = 480, 256
BOX = Box(2_000, 2_500, 4_000, 5_000)


def plan(*drawn: int, until: int = 40_000) -> CameraPlan:
    keyframes = tuple(Keyframe(START_MS + at, BOX) for at in drawn)
    return CameraPlan(CameraId(1), START_MS, START_MS + until, (Region(Cover.FILL, Between.LINE, keyframes, START_MS + drawn[-1] + 500),))


def picture(at: int, *, seed: int = 1) -> Picture:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return Picture(START_MS + at, 90 * at, Planes(noise(WIDTH, HEIGHT, seed=seed), grey, grey.copy()), None)


def sheets_of(pictures: list[Picture], wanted: list[int], regions: tuple[Region, ...] = ()) -> list[Colours]:
    written: list[tuple[int, bytes]] = []
    sheets = ReviewSheets(regions, [START_MS + at for at in wanted], lambda number, png: written.append((number, png)))
    for one in pictures:
        sheets.look(one)
    sheets.finish()
    assert [number for number, _ in written] == list(range(1, len(written) + 1))
    found = [cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) for _, png in written]
    return [np.asarray(one, np.uint8) for one in found if one is not None]


def test_each_drawn_moment_is_shown_and_one_every_so_often() -> None:
    assert [at - START_MS for at in moments(plan(1_000, 12_345), 10_000)] == [0, 1_000, 10_000, 12_345, 12_845, 20_000, 30_000]


@pytest.mark.parametrize("drawn", [1, 5_000])
def test_no_plan_has_more_moments_than_the_sheets_hold(drawn: int) -> None:
    found = moments(plan(*range(0, drawn * 40, 40), until=100_000_000), 1_000)
    assert MAX_SHEETS * ACROSS * DOWN // 2 <= len(found) <= MAX_SHEETS * ACROSS * DOWN


def test_the_picture_at_a_moment_is_shown_or_the_next() -> None:
    flat = [picture(at) for at in range(0, 400, 40)]
    for number, one in enumerate(flat):
        one.planes.y[:] = 30 + 20 * number
    (sheet,) = sheets_of(flat, [0, 50, 70, 320])
    shown = [int(sheet[HEIGHT // 2, number * TILE_WIDTH + TILE_WIDTH // 2, 0]) for number in range(4)]
    assert sheet.shape == (HEIGHT + CAPTION_HEIGHT, TILE_WIDTH * ACROSS, 3)
    assert shown[0] < shown[1] < shown[2]
    assert shown[3] == 0  # three pictures: 50 and 70 are both shown by that of 80


def test_a_covered_place_is_framed_and_nothing_under_it_is_shown() -> None:
    regions = plan(0).regions
    one, other = picture(0, seed=1), picture(0, seed=1)
    place = np.s_[HEIGHT // 2 - 20 : HEIGHT // 2 + 20, WIDTH // 3 : WIDTH // 2]
    other.planes.y[place] = 255 - other.planes.y[place]
    for each in (one, other):
        cover(each.planes, [(Cover.FILL, BOX)])
    (shown,), (same,) = sheets_of([one], [0], regions), sheets_of([other], [0], regions)
    assert (shown == same).all()
    assert (shown.reshape(-1, 3) == (0, 220, 255)).all(axis=1).sum() > 400


def test_a_full_sheet_begins_another() -> None:
    found = sheets_of([picture(at) for at in range(0, 40 * 20, 40)], list(range(0, 40 * 20, 40)))
    assert [sheet.shape[0] // (HEIGHT + CAPTION_HEIGHT) for sheet in found] == [4, 1]


def test_without_a_moment_there_is_no_sheet() -> None:
    assert sheets_of([picture(0)], []) == []
