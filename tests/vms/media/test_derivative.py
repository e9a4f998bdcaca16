"""The confined child that makes copies, and what its parent takes from it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import children_of
from tests.vms.media.lying_copier import LIES
from tests.vms.media.made_files import START_MS, a_file, lumas_of, noise
from tests.vms.media.test_derivation import copied, region, under
from tests.vms.media.test_tracking import PICTURES, SIDE, around, drawn, scene
from vms.domain.ids import CameraId
from vms.domain.redaction import CameraPlan, Region
from vms.errors import InvalidInput, Unavailable
from vms.media.covering import FILL
from vms.media.derivative import CHILD_MODULE, Job, derive, require_covered

pytestmark = pytest.mark.slow
ORIGINAL = a_file([noise(seed=n) for n in range(10)])


def job(*regions: Region, camera: int = 1, since: int = 0) -> Job:
    return Job(CameraPlan(CameraId(camera), START_MS + since, START_MS + 10_000, regions or (region(),)), START_MS)


class Watched(io.BytesIO):
    """A copy that looks at the process which makes it, when it begins to."""

    def __init__(self) -> None:
        super().__init__()
        (self.child,) = children_of(os.getpid(), CHILD_MODULE)
        self.status = Path(f"/proc/{self.child}/status").read_text()
        self.descriptors = {path.name: str(path.readlink()) for path in Path(f"/proc/{self.child}/fd").iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these layers")
def test_a_copy_is_made_in_a_process_that_can_do_nothing_else() -> None:
    made: list[Watched] = []

    def target(_number: int) -> Watched:
        made.append(Watched())
        return made[-1]

    derived = derive(job(), io.BytesIO(ORIGINAL), target)
    assert (derived.pictures, derived.covered) == (10, (10,))
    copy, sheet = made
    assert sheet.getvalue().startswith(b"\x89PNG")
    assert copy.getvalue() == copied(ORIGINAL, region())
    assert all(float(under(luma)[4:-4, 4:-4].std()) == 0 for luma in lumas_of(copy.getvalue()))
    assert sorted(copy.descriptors) == ["0", "1", "2"]
    assert copy.descriptors["1"] == copy.descriptors["2"] == os.devnull
    for line in ("Threads:\t1\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"):
        assert line in copy.status
    assert children_of(os.getpid(), CHILD_MODULE) == []


def test_what_covers_nothing_is_no_redaction() -> None:
    uncovered = derive(job(region(since=5_000)), io.BytesIO(ORIGINAL), lambda _: io.BytesIO())
    with pytest.raises(InvalidInput, match="No region of the plan covers any picture"):
        require_covered(uncovered)
    empty = derive(job(region(until=9_000), since=5_000), io.BytesIO(ORIGINAL), lambda _: io.BytesIO())
    with pytest.raises(InvalidInput, match="No picture of the file lies within"):
        require_covered(empty)


def test_a_refusal_of_the_child_is_its_sentence() -> None:
    with pytest.raises(InvalidInput, match="can't be decoded"):
        derive(job(), io.BytesIO(ORIGINAL[:5_000]), lambda _: io.BytesIO())


@pytest.mark.parametrize("lie", range(1, len(LIES) + 1))
def test_a_child_that_breaks_the_rules_makes_no_copy(lie: int) -> None:
    with pytest.raises(Unavailable, match="ended or answered what was not asked"):
        derive(job(camera=lie), io.BytesIO(ORIGINAL), lambda _: io.BytesIO(), module="tests.vms.media.lying_copier")


def test_what_moves_along_an_arc_is_covered_in_every_picture_of_the_copy() -> None:
    original = a_file(picture.planes.y for picture in scene(around))
    copy, sheets = io.BytesIO(), io.BytesIO()
    derived = derive(job(drawn(around, 0, PICTURES - 1)), io.BytesIO(original), lambda number: sheets if number else copy)
    assert derived.unsure == ()
    assert derived.covered == (PICTURES,)
    made = lumas_of(copy.getvalue())
    assert len(made) == PICTURES
    for number, luma in enumerate(made):
        x, y = around(number)
        assert set(luma[y : y + SIDE, x : x + SIDE].flat) == {FILL[0]}


def test_viewing_copies_are_made_without_opencv() -> None:
    """It is an extra, and viewing copies are not."""
    loaded = "import sys, vms.media.viewing_child; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
