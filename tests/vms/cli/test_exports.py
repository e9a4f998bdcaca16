"""`vms export redact`: a copy and its record, or nothing at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.vms.media.made_files import START_MS, a_file, lumas_of, noise
from vms.cli import app
from vms.domain.ids import CameraId
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical, read_plan
from vms.domain.timespan import datetime_of_ms

pytestmark = pytest.mark.slow
REGION = Region(Cover.FILL, Between.ALL, (Keyframe(START_MS, Box(0, 0, 5_000, 5_000)),), START_MS + 200)
ONE = CameraPlan(CameraId(7), START_MS, START_MS + 60_000, (REGION,))
ORIGINAL = a_file([noise(seed=n) for n in range(10)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.json").write_text(canonical(RedactionPlan((ONE,))))
    (tmp_path / "in.mp4").write_bytes(ORIGINAL)
    (tmp_path / "in.mp4").chmod(0o400)
    return tmp_path


def say(folder: Path, *options: str) -> Result:
    places = [str(folder / name) for name in ("plan.json", "in.mp4", "out.mp4")]
    starts = () if "--starts" in options else ("--starts", datetime_of_ms(START_MS).isoformat())
    return CliRunner().invoke(app, ["export", "redact", *places, *starts, *options])


def test_a_copy_stands_beside_its_record_and_the_original_is_as_it_was(folder: Path) -> None:
    answer = say(folder)
    assert answer.exit_code == 0, answer.output
    assert "10 pictures" in answer.output
    assert "Region 1 covers 8 of them." in answer.output
    assert (folder / "in.mp4").read_bytes() == ORIGINAL
    record, made = json.loads((folder / "out.json").read_text()), (folder / "out.mp4").read_bytes()
    assert record["derivative_of"] == {"sha256": hashlib.sha256(ORIGINAL).hexdigest(), "size_bytes": len(ORIGINAL)}
    assert record["file"] == {"name": "out.mp4", "sha256": hashlib.sha256(made).hexdigest(), "size_bytes": len(made)}
    assert record["plan_sha256"] == RedactionPlan((ONE,)).digest.hex()
    assert sorted(path.name for path in folder.iterdir()) == ["in.mp4", "out-sheet-01.png", "out.json", "out.mp4", "plan.json"]
    assert (folder / "out-sheet-01.png").read_bytes().startswith(b"\x89PNG")
    assert record["unsure"] == []
    assert (folder / "out.mp4").stat().st_mode & 0o777 == 0o600
    seen = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of", "csv=p=0", str(folder / "out.mp4")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert (seen.stdout.strip(), seen.stderr) == ("h264,10", "")


def test_nothing_is_written_over(folder: Path) -> None:
    (folder / "out.json").write_text("mine")
    answer = say(folder)
    assert answer.exit_code == 2
    assert "is there already. Nothing is written over" in answer.output.replace("\n", " ")
    assert (folder / "out.json").read_text() == "mine"
    assert not (folder / "out.mp4").exists()


def test_what_a_crash_left_is_said_before_anything_is_done(folder: Path) -> None:
    (folder / "out.mp4.part").write_text("mine")
    answer = say(folder)
    assert answer.exit_code == 2
    assert "out.mp4.part is there already: it is being written now, or a crash left it." in answer.output.replace("\n", " ")
    assert (folder / "out.mp4.part").read_text() == "mine"


def _no_links(monkeypatch: pytest.MonkeyPatch, *, meanwhile: bool = False) -> None:
    """As on a stick formatted as FAT."""

    def refuses(_source: object, name: str | Path) -> None:
        if meanwhile:
            Path(name).write_text("mine")
        raise PermissionError(errno.EPERM, "Operation not permitted", str(name))

    monkeypatch.setattr(os, "link", refuses)


def test_a_stick_without_hard_links_takes_a_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_links(monkeypatch)
    answer = mark(folder)
    assert answer.exit_code == 0, answer.output
    assert sorted(path.name for path in folder.iterdir()) == ["in.mp4", "out.json", "out.mp4", "plan.json"]
    assert len(lumas_of((folder / "out.mp4").read_bytes())) == 10
    assert (folder / "out.mp4").stat().st_mode & 0o777 == 0o600


def test_nor_does_it_write_over_what_came_in_the_meantime(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_links(monkeypatch, meanwhile=True)
    assert mark(folder).exit_code == 2
    assert (folder / "out.json").read_text() == "mine"
    assert not (folder / "out.mp4").exists()


def test_what_fails_leaves_nothing(folder: Path) -> None:
    (folder / "in.mp4").unlink()
    (folder / "in.mp4").write_bytes(ORIGINAL[: len(ORIGINAL) // 2])
    answer = say(folder)
    assert answer.exit_code == 2
    assert "can't be decoded to its end" in answer.output
    assert sorted(path.name for path in folder.iterdir()) == ["in.mp4", "plan.json"]


def test_a_plan_that_covers_nothing_of_the_file_makes_no_copy(folder: Path) -> None:
    """Times that are off, and everybody would be seen in what is called redacted."""
    later = Region(Cover.FILL, Between.ALL, (Keyframe(START_MS + 5_000, Box(0, 0, 5_000, 5_000)),), START_MS + 6_000)
    (folder / "plan.json").write_text(canonical(RedactionPlan((CameraPlan(CameraId(7), START_MS, START_MS + 60_000, (later,)),))))
    answer = say(folder)
    assert answer.exit_code == 2
    assert "No region of the plan covers any picture of the file" in answer.output.replace("\n", " ")
    assert sorted(path.name for path in folder.iterdir()) == ["in.mp4", "plan.json"]


def test_a_plan_for_several_cameras_is_asked_which(folder: Path) -> None:
    both = RedactionPlan((ONE, CameraPlan(CameraId(8), ONE.start_ms, ONE.end_ms, ONE.regions)))
    (folder / "plan.json").write_text(canonical(both))
    assert "Say whose file that is: --camera NUMBER" in say(folder).output.replace("\n", " ")
    assert "says nothing of camera 9" in say(folder, "--camera", "9").output
    assert say(folder, "--camera", "8").exit_code == 0


@pytest.mark.parametrize(("name", "sentence"), [("plan.json", "No such file"), ("in.mp4", "No such file")])
def test_a_file_that_is_not_there_is_named(folder: Path, name: str, sentence: str) -> None:
    (folder / name).unlink()
    answer = say(folder)
    assert answer.exit_code == 2
    assert f"{name} can't be read: {sentence}" in answer.output.replace("\n", "")


def test_what_is_lost_is_said_and_is_in_the_record_with_the_plan_that_was_carried_out(folder: Path) -> None:
    """Noise is nothing that anybody could follow."""
    keyframes = (Keyframe(START_MS, Box(0, 0, 3_000, 3_000)), Keyframe(START_MS + 360, Box(6_000, 6_000, 3_000, 3_000)))
    plan = RedactionPlan(
        (CameraPlan(CameraId(7), START_MS, START_MS + 60_000, (Region(Cover.FILL, Between.FOLLOW, keyframes, START_MS + 400),)),)
    )
    (folder / "plan.json").write_text(canonical(plan))
    answer = say(folder)
    assert answer.exit_code == 0, answer.output
    assert "Region 1 was lost from 00:00:00.000000 to 00:00:00.360000 UTC: all that both drawn boxes span" in answer.output
    record = json.loads((folder / "out.json").read_text())
    assert record["unsure"] == [{"region": 1, "from_ms": START_MS, "to_ms": START_MS + 360}]
    assert record["drawn_plan_sha256"] == plan.digest.hex()
    (region,) = read_plan(json.dumps(record["plan"])).cameras[0].regions
    assert region.between is Between.LINE
    assert (covered := region.box_at(START_MS + 200)) is not None
    assert covered.contains(Box(0, 0, 9_000, 9_000))


def test_without_opencv_it_is_said_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.media.derivative.find_spec", lambda _: None)
    answer = say(folder)
    assert answer.exit_code == 2
    assert "OpenCV, which is not installed. Run: pip install 'opencv-python>=5'" in answer.output.replace("\n", " ")


def mark(folder: Path, recipient: str = "Núria Vidal, counsel") -> Result:
    places = [str(folder / name) for name in ("in.mp4", "out.mp4")]
    return CliRunner().invoke(app, ["export", "watermark", *places, "--for", recipient, "--number", "2026-014"])


def test_a_courtesy_copy_has_the_mark_in_each_picture_and_the_original_is_as_it_was(folder: Path) -> None:
    answer = mark(folder)
    assert answer.exit_code == 0, answer.output
    assert (folder / "in.mp4").read_bytes() == ORIGINAL
    record, made = json.loads((folder / "out.json").read_text()), (folder / "out.mp4").read_bytes()
    assert record["mark"].startswith("Copy for Núria Vidal, counsel · 2026-014 · 20")
    assert (record["kind"], record["pictures"]) == ("watermarked", 10)
    assert record["derivative_of"]["sha256"] == hashlib.sha256(ORIGINAL).hexdigest()
    assert len(lumas_of(made)) == 10


@pytest.mark.parametrize("recipient", ["", " ", "a\nb", "x" * 61])
def test_what_nobody_could_read_is_not_drawn(folder: Path, recipient: str) -> None:
    answer = mark(folder, recipient)
    assert answer.exit_code == 2
    assert "1 to 60 characters that can be printed" in answer.output.replace("\n", " ")
    assert not (folder / "out.mp4").exists()
