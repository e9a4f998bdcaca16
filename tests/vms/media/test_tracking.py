"""What moves is followed between two drawn boxes, and where nobody is sure more is covered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.vms.media.made_files import START_MS, noise
from vms.domain.redaction import WHOLE, Between, Box, Cover, Keyframe, Region
from vms.media.covering import Planes
from vms.media.derivation import Picture
from vms.media.tracking import MARGIN, Followed, follow, rehearse

WIDTH, HEIGHT, SIDE = 320, 192, 48
PICTURES = 30
Place = Callable[[int], tuple[int, int]]


def smooth(seed: int, width: int, height: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return something that a camera could see: patches, not noise of single pixels."""
    return np.kron(noise(width // 8, height // 8, seed=seed), np.ones((8, 8), np.uint8)).astype(np.uint8)


def scene(place: Place, *, gone: range = range(0), pictures: int = PICTURES) -> Iterator[Picture]:
    """Yield pictures of a still background, before which a patterned square is at `place`, but for when it is `gone`."""
    background, thing = smooth(1, WIDTH, HEIGHT) // 3 + 60, smooth(9, SIDE, SIDE)
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    for number in range(pictures):
        luma = background.copy()
        x, y = place(number)
        if number not in gone:
            luma[y : y + SIDE, x : x + SIDE] = thing
        yield Picture(START_MS + 40 * number, 3600 * number, Planes(luma, grey, grey), None)


def box(at: tuple[int, int]) -> Box:
    x, y = at
    left, top = x * WHOLE // WIDTH, y * WHOLE // HEIGHT
    return Box(left, top, -(-(x + SIDE) * WHOLE // WIDTH) - left, -(-(y + SIDE) * WHOLE // HEIGHT) - top)


def drawn(place: Place, *numbers: int) -> Region:
    return Region(
        Cover.FILL, Between.FOLLOW, tuple(Keyframe(START_MS + 40 * n, box(place(n))) for n in numbers), START_MS + 40 * numbers[-1] + 1
    )


def followed(place: Place, *numbers: int, gone: range = range(0)) -> Followed:
    (found,) = follow([drawn(place, *numbers)], scene(place, gone=gone))
    assert found is not None
    return found


def around(number: int) -> tuple[int, int]:
    """Go along an arc that no line between two drawn boxes has."""
    angle = np.pi * number / (PICTURES - 1)
    return int(136 - 100 * np.cos(angle)), int(110 - 80 * np.sin(angle))


def test_what_moves_is_covered_all_the_way_and_little_else() -> None:
    found = followed(around, 0, PICTURES - 1)
    assert found.unsure == ()
    for number in range(PICTURES):
        covered = found.region.box_at(START_MS + 40 * number)
        assert covered is not None
        assert covered.contains(box(around(number)))
        assert covered.width * covered.height < 4 * box(around(number)).width * box(around(number)).height
    middle = drawn(around, 0, PICTURES - 1).box_at(START_MS + 40 * (PICTURES // 2))
    assert middle is not None
    assert not middle.contains(box(around(PICTURES // 2)))  # what no hull of the drawn boxes would have covered


def test_where_it_is_lost_all_is_covered_that_was_drawn_or_seen_and_it_is_said() -> None:
    found = followed(around, 0, PICTURES - 1, gone=range(12, 18))
    assert found.unsure == ((START_MS, START_MS + 40 * (PICTURES - 1)),)
    for number in range(PICTURES):
        covered = found.region.box_at(START_MS + 40 * number)
        assert covered is not None
        assert covered.contains(box(around(0)).union(box(around(PICTURES - 1))))
        assert number in range(11, 19) or covered.contains(box(around(number)))


def test_one_lost_stretch_leaves_the_others_as_they_are() -> None:
    found = followed(around, 0, 10, 20, PICTURES - 1, gone=range(13, 17))
    assert found.unsure == ((START_MS + 400, START_MS + 800),)
    for number in range(PICTURES):
        covered = found.region.box_at(START_MS + 40 * number)
        assert covered is not None
        assert number in gone_or_next(13, 17) or covered.contains(box(around(number)))


def gone_or_next(first: int, end: int) -> range:
    return range(first - 1, end + 1)


def test_a_box_drawn_on_something_else_is_not_believed() -> None:
    """The first is on the square, the last where it never was."""
    region = Region(
        Cover.FILL,
        Between.FOLLOW,
        (Keyframe(START_MS, box(around(0))), Keyframe(START_MS + 1160, box((0, 0)))),
        START_MS + 2000,
    )
    (found,) = follow([region], scene(around))
    assert found is not None
    assert len(found.unsure) == 1


@pytest.mark.parametrize("pictures", [0, 1])
def test_without_pictures_nobody_is_sure(pictures: int) -> None:
    (found,) = follow([drawn(around, 0, 20)], scene(around, pictures=pictures))
    assert found is not None
    assert len(found.unsure) == 1
    covered = found.region.box_at(START_MS + 400)
    assert covered is not None
    assert covered.contains(box(around(0)).union(box(around(20))))


def test_a_region_that_is_not_followed_stays_as_it_is() -> None:
    region = Region(Cover.FILL, Between.ALL, (Keyframe(START_MS, box((0, 0))),), START_MS + 10)
    assert follow([region], scene(around)) == [None]


def test_what_stands_still_is_covered_with_its_margin_alone() -> None:
    found = followed(lambda _: (100, 60), 0, PICTURES - 1)
    assert found.unsure == ()
    covered = found.region.box_at(START_MS + 400)
    assert covered is not None
    assert box((100, 60)).grown(2 * MARGIN).contains(covered)


def test_the_rehearsal_goes_all_the_way() -> None:
    assert rehearse()
