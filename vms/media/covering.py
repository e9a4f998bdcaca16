"""Covers parts of a picture so that nothing under them is left: one colour, or the means of a few large blocks.

Works on the planes of a `yuv420p` picture as numpy sees them, in place, before any encoder does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vms.domain.redaction import WHOLE, Box, Cover

Plane = NDArray[np.uint8]

FILL = (16, 128, 128)
"""Black: luma and both chromas."""
ALIGNED = 16
"""Edges lie on macroblocks of H.264: no block is coded of what is covered and what is not."""
LEAST_BLOCK = 16
BLOCKS_ACROSS = 4
"""Blocks on the shorter side of what is pixelated at the most: a face within a figure is one or two of them."""


@dataclass(frozen=True, slots=True)
class Planes:
    """Luma and both chromas of one picture; the chromas have half its width and height."""

    y: Plane
    u: Plane
    v: Plane

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])


@dataclass(frozen=True, slots=True)
class Pixels:
    """A rectangle in pixels, with its ends left out; all even."""

    left: int
    top: int
    right: int
    bottom: int


def cover(planes: Planes, covered: Iterable[tuple[Cover, Box]]) -> None:
    """Cover boxes; one colour last, so that nothing which is pixelated takes it up."""
    for kind, box in sorted(covered, key=lambda each: each[0] is Cover.FILL):
        place = pixels_of(box, planes.width, planes.height)
        if kind is Cover.FILL:
            _fill(planes, place)
        else:
            _pixelate(planes, place)


def pixels_of(box: Box, width: int, height: int) -> Pixels:
    """Return the pixels of a box in a picture of that size, its edges moved outwards to macroblocks."""
    left, top = box.x * width // WHOLE // ALIGNED * ALIGNED, box.y * height // WHOLE // ALIGNED * ALIGNED
    right, bottom = (-(-end * size // (WHOLE * ALIGNED)) * ALIGNED for end, size in ((box.right, width), (box.bottom, height)))
    return Pixels(left, top, min(right, width), min(bottom, height))


def _fill(planes: Planes, place: Pixels) -> None:
    for part, colour in zip(_parts(planes, place), FILL, strict=True):
        part[:] = colour


def _pixelate(planes: Planes, place: Pixels) -> None:
    shorter = min(place.right - place.left, place.bottom - place.top)
    side = max(LEAST_BLOCK, -(-shorter // BLOCKS_ACROSS))
    side += side % 2
    luma, *chromas = _parts(planes, place)
    _to_means(luma, side)
    for chroma in chromas:
        _to_means(chroma, side // 2)


def _parts(planes: Planes, place: Pixels) -> tuple[Plane, Plane, Plane]:
    half = np.s_[place.top // 2 : place.bottom // 2, place.left // 2 : place.right // 2]
    return planes.y[place.top : place.bottom, place.left : place.right], planes.u[half], planes.v[half]


def _to_means(part: Plane, side: int) -> None:
    for top in range(0, part.shape[0], side):
        for left in range(0, part.shape[1], side):
            block = part[top : top + side, left : left + side]
            block[:] = int(block.mean())
