"""Follows what was drawn from one keyframe to the next, by optical flow and without a model; says so where it is not sure.

Pictures are small and grey. Each stretch is followed forwards from its first keyframe and backwards from its last: where both ways
agree all along, what both found is covered, with a margin; where they don't, nobody is sure of the whole stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from vms.domain.redaction import WHOLE, Between, Box, Cover, Keyframe, Region, resolved
from vms.media.covering import Planes
from vms.media.derivation import Picture

Grey = NDArray[np.uint8]

FOLLOW_WIDTH = 480
"""So wide are the pictures in which is looked: ten seconds of them take some 40 MB."""
MAX_PICTURES = 650
"""Of one stretch: ten seconds of 60 a second, and some. Beyond it nobody is sure."""
POINTS_ACROSS = 8
LEAST_POINTS = 8
"""That came back to where they began, of 64."""
MAX_RETURN_PIXELS = 1.0
"""A point that is followed to the next picture and back comes back to within this."""
MAX_SPREAD_PIXELS = 4.0
"""Median distance of the points' ways from their median: more is not one thing that moves."""
MAX_SCALE_STEP = 1.08
LEAST_OVERLAP = 0.4
"""Of what both ways found, and of a drawn box with what was found there: area in common by area of both."""
MARGIN = 0.12
"""Added at each side of what was found."""
_WINDOW = (15, 15)
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.03)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Followed:
    region: Region
    """On lines, with a keyframe for each picture in which it was found."""
    unsure: tuple[tuple[int, int], ...]
    """From when until when, UTC milliseconds: all that both drawn boxes span is covered."""


def follow(regions: Sequence[Region], pictures: Iterable[Picture]) -> list[Followed | None]:
    """Return for each region that is to be followed what came of it, None for the others. Holds the pictures of open stretches alone."""
    cv2.setNumThreads(0)  # a confined process starts no thread
    stretches = [
        _Stretch(number, first, last)
        for number, region in enumerate(regions)
        if region.between is Between.FOLLOW
        for first, last in pairwise(region.keyframes)
    ]
    for picture in pictures:
        small: Grey | None = None
        for stretch in stretches:
            if stretch.takes(picture.at_ms):
                small = _small(picture) if small is None else small
                stretch.pictures.append((picture.at_ms, small))
            elif picture.at_ms > stretch.last.at_ms:
                stretch.settle()
    for stretch in stretches:
        stretch.settle()
    return [_followed(region, [one for one in stretches if one.region == number]) for number, region in enumerate(regions)]


def rehearse() -> bool:
    """Follow something that stands still, so that all is loaded which a confined process could load no more; say whether it was found."""
    side = np.arange(64)
    pattern = ((side[:, None] // 8 * 7 + side // 8 * 3) * 41 % 200).astype(np.uint8)
    chroma = np.full((32, 32), 128, np.uint8)
    keyframes = tuple(Keyframe(at, Box(2000, 2000, 6000, 6000)) for at in (0, 2))
    pictures = [Picture(at, at, Planes(pattern, chroma, chroma), None) for at in range(3)]
    (found,) = follow([Region(Cover.FILL, Between.FOLLOW, keyframes, 3)], pictures)
    return found is not None and not found.unsure


def _followed(region: Region, stretches: Sequence[_Stretch]) -> Followed | None:
    if region.between is not Between.FOLLOW:
        return None
    unsure = tuple((one.first.at_ms, one.last.at_ms) for one in stretches if not one.sure)
    return Followed(resolved(region, [one.found for one in stretches]), unsure)


@dataclass(slots=True)
class _Stretch:
    """Between two keyframes of one region."""

    region: int
    first: Keyframe
    last: Keyframe
    pictures: list[tuple[int, Grey]] = field(default_factory=list)
    found: list[Keyframe] = field(default_factory=list)
    sure: bool = False
    _settled: bool = False

    def takes(self, at_ms: int) -> bool:
        return self.first.at_ms <= at_ms <= self.last.at_ms and len(self.pictures) <= MAX_PICTURES

    def settle(self) -> None:
        """Follow, once, and give the pictures back."""
        if self._settled:
            return
        self._settled = True
        forwards, backwards = self._ways()
        self.sure = _agree(forwards, backwards, len(self.pictures))
        if self.sure:
            both = zip(self.pictures, forwards, reversed(backwards), strict=True)
            self.found = [Keyframe(at, one.union(other).grown(MARGIN)) for (at, _), one, other in both]
        else:  # nobody knows where it was in between: everything that was drawn or looked like it
            everything = reduce(Box.union, [*forwards, *backwards])
            self.found = [Keyframe(end.at_ms, everything) for end in (self.first, self.last)]
        self.pictures.clear()

    def _ways(self) -> tuple[list[Box], list[Box]]:
        greys = [grey for _, grey in self.pictures] if len(self.pictures) <= MAX_PICTURES else []
        return _way(self.first.box, greys), _way(self.last.box, greys[::-1])


def _agree(forwards: Sequence[Box], backwards: Sequence[Box], pictures: int) -> bool:
    if pictures < 2 or len(forwards) < pictures or len(backwards) < pictures:
        return False
    return all(_overlap(one, other) >= LEAST_OVERLAP for one, other in zip(forwards, reversed(backwards), strict=True))


def _way(box: Box, greys: Sequence[Grey]) -> list[Box]:
    """Return where a box goes, picture by picture, as far as it is not lost."""
    found = [box]
    if not greys:
        return found
    height, width = greys[0].shape
    place = np.array([box.x * width, box.y * height, box.right * width, box.bottom * height], np.float64) / WHOLE
    for before, after in pairwise(greys):
        step = _step(place, before, after) if before.shape == after.shape else None
        if step is None or (seen := _box_of(step, width, height)) is None:
            return found
        place = step
        found.append(seen)
    return found


def _step(place: NDArray[np.float64], before: Grey, after: Grey) -> NDArray[np.float64] | None:
    """Return where a place of one picture is in the next: median shift and scale of points that can be followed there and back."""
    points = _points(place)
    there = _flow(before, after, points)
    back = None if there is None else _flow(after, before, there)
    if there is None or back is None:
        return None
    good = np.linalg.norm(back - points, axis=1) <= MAX_RETURN_PIXELS
    if int(good.sum()) < LEAST_POINTS:
        return None
    ways = there[good] - points[good]
    shift = np.median(ways, axis=0)
    if float(np.median(np.linalg.norm(ways - shift, axis=1))) > MAX_SPREAD_PIXELS:
        return None
    middle = (place[:2] + place[2:]) / 2 + shift
    half = (place[2:] - place[:2]) / 2 * _scale(points[good], there[good])
    return np.concatenate([middle - half, middle + half])


def _points(place: NDArray[np.float64]) -> Floats:
    """Return a grid of points within a place, not on its edges: there the background is."""
    across, down = (np.linspace(place[axis], place[axis + 2], POINTS_ACROSS + 2)[1:-1] for axis in (0, 1))
    return np.array([(x, y) for y in down for x in across], np.float32)


def _flow(before: Grey, after: Grey, points: Floats) -> Floats | None:
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points, points.copy(), winSize=_WINDOW, maxLevel=3, criteria=_CRITERIA)
    if not status.any():
        return None
    return np.where(status.reshape(-1, 1) == 1, moved, np.float32(np.inf)).astype(np.float32)


def _scale(points: Floats, there: Floats) -> float:
    """Return how much larger it became: the median of how the points' distances from their middle changed."""
    before = np.linalg.norm(points - points.mean(axis=0), axis=1)
    after = np.linalg.norm(there - there.mean(axis=0), axis=1)
    far = before > 1
    step = float(np.median(after[far] / before[far])) if far.any() else 1.0
    return min(max(step, 1 / MAX_SCALE_STEP), MAX_SCALE_STEP)


def _box_of(place: NDArray[np.float64], width: int, height: int) -> Box | None:
    """Return a place as a box, rounded outwards; None when it left the picture."""
    left, top = max(0, int(place[0] * WHOLE / width)), max(0, int(place[1] * WHOLE / height))
    right, bottom = min(WHOLE, int(place[2] * WHOLE / width) + 1), min(WHOLE, int(place[3] * WHOLE / height) + 1)
    return Box(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _overlap(one: Box, other: Box) -> float:
    across = min(one.right, other.right) - max(one.x, other.x)
    down = min(one.bottom, other.bottom) - max(one.y, other.y)
    common = max(0, across) * max(0, down)
    return common / (one.width * one.height + other.width * other.height - common)


def _small(picture: Picture) -> Grey:
    luma = picture.planes.y
    if picture.planes.width <= FOLLOW_WIDTH:
        return luma.copy()
    height = max(2, picture.planes.height * FOLLOW_WIDTH // picture.planes.width)
    return np.asarray(cv2.resize(luma, (FOLLOW_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)
