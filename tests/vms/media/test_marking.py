"""The mark of a courtesy copy: seen on any ground and in each part of the picture, and of its own words."""

from __future__ import annotations

import numpy as np
import pytest

from vms.media.covering import Planes
from vms.media.derivation import Picture
from vms.media.marking import marking

WIDTH, HEIGHT = 640, 360
TEXT = "Copy for Núria Vidal · 2026-014 · 2026-11-27"


def marked(ground: int, text: str = TEXT, *, times: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 90, np.uint8)
    touch = marking(text)
    pictures = [Picture(0, 0, Planes(np.full((HEIGHT, WIDTH), ground, np.uint8), chroma.copy(), chroma.copy()), None) for _ in range(times)]
    for picture in pictures:
        touch(picture)
    assert set(pictures[-1].planes.u.flat) | set(pictures[-1].planes.v.flat) == {90}
    return pictures[-1].planes.y


@pytest.mark.parametrize("ground", [16, 90, 128, 200, 235])
def test_it_is_seen_on_any_ground_and_in_each_sixth_of_the_picture(ground: int) -> None:
    changed = np.abs(marked(ground).astype(int) - ground)
    for part in (part for rows in np.array_split(changed, 2) for part in np.array_split(rows, 3, axis=1)):
        assert (part > 20).mean() > 0.004
    assert (changed[-30:] > 60).mean() > 0.01  # the line that is to be read
    assert (changed == 0).mean() > 0.5


def test_every_picture_has_the_same_mark_and_other_words_another() -> None:
    assert (marked(128) == marked(128, times=2)).all()
    assert (marked(128) != marked(128, "Copy for Nuria Vidal · 2026-014 · 2026-11-27")).any()


def test_long_words_fit_on_the_line_that_is_to_be_read() -> None:
    changed = np.abs(
        marked(128, "Copy for the attorney of the defendant, Ms. Wilhelmina Mannheimer · 26-CV-1188 of Alder County · 2026-11-27").astype(
            int
        )
        - 128
    )[-20:]
    assert (changed[:, -12:] < 60).all()
