"""Readers that are not ours, and not libav's either, open what leaves: GStreamer, and the one that web pages use, npm mp4box."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from tests.fakes.gst_camera import SYSTEM_PYTHON
from tests.fakes.npm import installed
from tests.vms.media.pictures import FRAME_TICKS, Recipe, clip
from tests.vms.media.recorded import LENGTH, START, Recorded, three_segments
from tests.vms.media.test_assembly import assembled
from vms.domain.package import Part

pytestmark = pytest.mark.slow
FAKES = Path(__file__).parents[2] / "fakes"
RECIPES = [Recipe(), Recipe(b_frames=2), Recipe("h265"), Recipe("h265", b_frames=2)]
_READS = (
    "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None);"
    "names = 'qtdemux h264parse h265parse avdec_h264 avdec_h265'.split(); raise SystemExit(not all(map(Gst.ElementFactory.find, names)))"
)


@pytest.fixture(scope="module")
def gstreamer() -> str:
    if (
        not Path(SYSTEM_PYTHON).exists()
        or subprocess.run([SYSTEM_PYTHON, "-W", "ignore", "-c", _READS], capture_output=True, check=False).returncode
    ):
        pytest.skip("no GStreamer with its decoders: deploy/debian-test-packages.sh installs it")
    return SYSTEM_PYTHON


@pytest.fixture(scope="module")
def mp4box() -> list[str]:
    return [hatch_build._node(), str(FAKES / "mp4box" / "read.mjs"), str(installed(FAKES / "mp4box"))]


def _said(command: list[str]) -> Any:  # noqa: ANN401 - whatever JSON the reader prints
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def _kept(recorded: Recorded) -> list[str]:
    """Return the SHA-256 of each sample that was recorded, in order."""
    return [hashlib.sha256(payload).hexdigest() for payload in recorded.payloads()]


def _parts(recipe: Recipe, folder: Path) -> tuple[Recorded, list[tuple[Path, Part]]]:
    """Return three segments and the files of them: a gap in the middle, so that there are two."""
    source = clip(recipe)
    recorded = Recorded().add(START, source).add(START + LENGTH, source).add(START + 3 * LENGTH, source)
    made = assembled(recorded, folder)
    assert len(made) == 2
    return recorded, made


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_gstreamer_reads_and_decodes_every_sample(gstreamer: str, tmp_path: Path, recipe: Recipe) -> None:
    recorded, made = _parts(recipe, tmp_path)
    told = [_said([gstreamer, "-W", "ignore", str(FAKES / "gst_reader.py"), str(path), recipe.codec]) for path, _ in made]
    assert [each["complaints"] for each in told] == [[], []]
    assert [sample for each in told for sample in each["samples"]] == _kept(recorded)
    assert [each["pictures"] for each in told] == [part.samples for _, part in made]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_mp4box_reads_every_sample_at_its_time(mp4box: list[str], tmp_path: Path, recipe: Recipe) -> None:
    recorded, made = _parts(recipe, tmp_path)
    told = [_said([*mp4box, str(path)]) for path, _ in made]
    assert [each["complaints"] for each in told] == [[], []]
    samples = [sample for each in told for sample in each["samples"]]
    assert [sample["sha256"] for sample in samples] == _kept(recorded)
    assert {sample["duration"] for sample in samples} == {FRAME_TICKS}
    assert [sample["keyframe"] for sample in samples] == [sample.keyframe for sample in clip(recipe).samples] * 3
    assert {codec[:4] for each in told for codec in each["codecs"]} == {"avc1" if recipe.codec == "h264" else "hvc1"}


def test_both_open_a_file_that_begins_at_a_keyframe_before_what_was_asked_for(gstreamer: str, mp4box: list[str], tmp_path: Path) -> None:
    """The pictures before are in the file, and its edit list hides them: every reader gets them all the same."""
    recorded = three_segments()
    ((path, part),) = assembled(recorded, tmp_path, START + 8 * FRAME_TICKS, START + 20 * FRAME_TICKS)
    read, decoded = _said([*mp4box, str(path)]), _said([gstreamer, "-W", "ignore", str(FAKES / "gst_reader.py"), str(path), "h264"])
    assert (read["complaints"], decoded["complaints"]) == ([], [])
    assert [sample["sha256"] for sample in read["samples"]] == _kept(recorded)[6:20]
    # GStreamer 1.22 ends an edit list's entry one sample before its end; libav shows the last picture, too (test_assembly.py).
    assert decoded["samples"] in (_kept(recorded)[6:19], _kept(recorded)[6:20])
    assert decoded["pictures"] == len(decoded["samples"]) - 2
    assert part.samples == 14
