"""What is covered is gone: one colour or block means, whole macroblocks, and nothing beside it touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vms.media.made_files import noise
from vms.domain.redaction import WHOLE, Box, Cover
from vms.media.covering import FILL, Pixels, Planes, cover, pixels_of

WIDTH, HEIGHT = 200, 120


def planes(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Planes:
    return Planes(noise(width, height, seed=seed), *(noise(width // 2, height // 2, seed=seed + n) for n in (1, 2)))


def copy_of(one: Planes) -> Planes:
    return Planes(one.y.copy(), one.u.copy(), one.v.copy())


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, WHOLE - 1)), draw(st.integers(0, WHOLE - 1))
    return Box(x, y, draw(st.integers(1, WHOLE - x)), draw(st.integers(1, WHOLE - y)))


@settings(max_examples=30)
@given(boxes(), st.integers(1, 1000).map(lambda n: 2 * n), st.integers(1, 1000).map(lambda n: 2 * n))
def test_a_box_takes_every_pixel_that_it_touches(box: Box, width: int, height: int) -> None:
    place = pixels_of(box, width, height)
    assert place.left * WHOLE <= box.x * width
    assert place.top * WHOLE <= box.y * height
    assert place.right * WHOLE >= box.right * width
    assert place.bottom * WHOLE >= box.bottom * height
    assert 0 <= place.left < place.right <= width
    assert 0 <= place.top < place.bottom <= height
    assert {edge % 2 for edge in (place.left, place.top, place.right, place.bottom)} == {0}


@settings(max_examples=25)
@given(boxes(), st.sampled_from(Cover))
def test_nothing_beside_a_box_is_touched(box: Box, kind: Cover) -> None:
    before, place = planes(), pixels_of(box, WIDTH, HEIGHT)
    after = copy_of(before)
    cover(after, [(kind, box)])
    for old, new, share in ((before.y, after.y, 1), (before.u, after.u, 2), (before.v, after.v, 2)):
        beside = np.ones(old.shape, bool)
        beside[place.top // share : place.bottom // share, place.left // share : place.right // share] = False
        assert (old[beside] == new[beside]).all()


def test_a_filled_box_is_of_one_colour() -> None:
    made = planes()
    cover(made, [(Cover.FILL, Box(1_000, 2_000, 5_000, 3_000))])
    assert pixels_of(Box(1_000, 2_000, 5_000, 3_000), WIDTH, HEIGHT) == Pixels(16, 16, 128, 64)
    assert set(made.y[16:64, 16:128].flat) == {FILL[0]}
    assert set(made.u[8:32, 8:64].flat) == {FILL[1]}
    assert set(made.v[8:32, 8:64].flat) == {FILL[2]}


@pytest.mark.parametrize("size", [(200, 120), (640, 360)])
def test_what_is_pixelated_has_only_means_of_few_large_blocks(size: tuple[int, int]) -> None:
    made = planes(width=size[0], height=size[1])
    means = made.y.mean()
    cover(made, [(Cover.PIXELATE, Box(0, 0, WHOLE, WHOLE))])
    assert len(set(made.y.flat)) <= 8 * 4 + 8 + 4
    side = max(16, -(-size[1] // 4) + -(-size[1] // 4) % 2)
    for plane, step in ((made.y, side), (made.u, side // 2), (made.v, side // 2)):
        for top in range(0, plane.shape[0], step):
            for left in range(0, plane.shape[1], step):
                assert len(set(plane[top : top + step, left : left + step].flat)) == 1
    assert abs(made.y.mean() - means) < 2


def test_pictures_with_the_same_means_can_not_be_told_apart_once_pixelated() -> None:
    one, other = planes(), planes()
    other.y[:30, :30] = np.flipud(other.y[:30, :30].copy())
    assert (one.y != other.y).any()
    for each in (one, other):
        cover(each, [(Cover.PIXELATE, Box(0, 0, WHOLE, WHOLE))])
    assert (one.y == other.y).all()


def test_one_colour_goes_over_blocks() -> None:
    box = Box(0, 0, 3_000, 3_000)
    made = planes()
    cover(made, [(Cover.FILL, box), (Cover.PIXELATE, Box(0, 0, WHOLE, WHOLE))])
    place = pixels_of(box, WIDTH, HEIGHT)
    assert set(made.y[: place.bottom, : place.right].flat) == {FILL[0]}


def test_no_block_is_smaller_than_sixteen_pixels() -> None:
    made = planes()
    cover(made, [(Cover.PIXELATE, Box(0, 0, 1_600, 2_600))])
    assert pixels_of(Box(0, 0, 1_600, 2_600), WIDTH, HEIGHT) == Pixels(0, 0, 32, 32)
    assert len(set(made.y[:32, :32].flat)) <= 4
