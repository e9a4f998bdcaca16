"""A package of stills: one marked picture of each moment, declared as what it is, and nothing of the recording."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pypdf import PdfReader

from tests.vms.media.recorded import LENGTH, START
from tests.vms.services.packaging import AT, GAP, a_hub, a_source, an_order, district_key, with_a_gap
from tests.vms.services.test_package_copies import black
from vms.domain.package import CopyKind, Order
from vms.domain.timespan import Timespan, datetime_of
from vms.errors import InvalidInput
from vms.media.trial_decoding import failures
from vms.services.package_gate import verify_package
from vms.services.packages import Built, build_package
from vms.store.database import Engines
from vms.store.migrate import Which

pytestmark = pytest.mark.slow
MARK = "2026-0014 · For Alder County · Remove by 2026-12-31"
PIECE = LENGTH // 3


@dataclass(frozen=True, slots=True)
class Made:
    built: Built
    key: str

    @property
    def folder(self) -> Path:
        return self.built.folder


def moments(order: Order) -> Order:
    """Ask for three moments of the first camera: one that is recorded, one across the end of the gap, one within the gap."""
    starts = (START + LENGTH // 2, GAP[1] - PIECE // 2, GAP[0] + LENGTH // 2)
    spans = tuple(Timespan(datetime_of(at), datetime_of(at + PIECE)) for at in starts)
    return replace(order, cameras=(replace(order.cameras[0], spans=spans),), mark=MARK, approval=None)


@pytest.fixture(scope="module")
def made(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("stills")
    central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
    order = moments(an_order(central))
    yield Made(build_package(order, a_source(order), folder, hub=a_hub(central), at=AT), district_key(central))
    central.dispose()


def test_each_moment_that_is_there_has_one_still_and_no_file_is_a_recording(made: Made) -> None:
    stills = made.built.copies
    assert [(one.kind, one.start_ticks) for one in stills] == [(CopyKind.STILL, START + LENGTH // 2), (CopyKind.STILL, GAP[1])]
    assert made.built.videos == ()
    there = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    assert {one.path for one in stills} == {path for path in there if path.endswith(".png")}
    assert not [path for path in there if path.endswith(".mp4")]
    assert not [path for path in there if b"ftyp" in (made.folder / path).read_bytes()[:64]]


def test_a_still_is_the_recorded_picture_with_the_mark_over_it(made: Made) -> None:
    still = made.built.copies[0]
    picture = cv2.imread(str(made.folder / still.path))
    assert picture is not None
    assert picture.shape[:2] == (still.of.part.height, still.of.part.width)
    assert len(np.unique(picture)) > 1
    height = picture.shape[0]
    bottom, middle = picture[height - height // 8 :], picture[height // 3 : height // 2]
    assert int(np.max(bottom)) > int(np.median(middle)), "light ink at the bottom"


def test_the_manifest_names_the_recording_by_the_digests_of_the_day_it_was_recorded(made: Made) -> None:
    told = json.loads((made.folder / "manifest.json").read_bytes())
    first = told["copies"][0]
    assert (first["kind"], first["start"], first["end"], first["of"]) == ("still", START + LENGTH // 2, START + LENGTH // 2, None)
    cut = made.built.copies[0].of.part.cuts[0]
    assert {"id": cut.segment, "recorded_sha256": cut.recorded_sha256.hex()} in first["recorded"]
    assert [one["reason"] for one in told["missing"]] == ["offline", "offline"]


def test_it_verifies_and_says_that_it_has_stills_alone(made: Made) -> None:
    checks = {one.check: one for one in verify_package(made.folder, made.key)}
    assert {one.outcome for one in checks.values()} == {"PASS"}
    assert checks["copies"].detail.startswith("2 stills with a mark over them, of recordings that are not here")
    assert checks["time"].detail.startswith("every time has its still or is declared missing: 2 gaps")


def test_a_still_that_was_tampered_with_or_taken_out_is_noticed(made: Made, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(made.folder, changed)
    still = changed / made.built.copies[0].path
    octets = bytearray(still.read_bytes())
    octets[-20] ^= 1
    still.write_bytes(octets)
    assert {one.check for one in verify_package(changed, made.key) if one.outcome == "FAIL"} == {"digests"}
    still.unlink()
    assert {one.check for one in verify_package(changed, made.key) if one.outcome == "FAIL"} == {"files", "digests"}


def test_a_manifest_without_a_still_of_a_moment_does_not_account_for_that(made: Made, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(made.folder, changed)
    told = json.loads((changed / "manifest.json").read_bytes())
    del told["copies"][0]
    (changed / "manifest.json").write_text(json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")))
    (time,) = (one for one in verify_package(changed, made.key) if one.check == "time")
    assert (time.outcome, f"{PIECE / 90_000:.3f} s are neither there nor declared missing" in time.detail) == ("FAIL", True)


def test_the_papers_speak_of_stills(made: Made) -> None:
    custody = " ".join(
        " ".join(one.extract_text().split()) for one in PdfReader(io.BytesIO((made.folder / "custody.pdf").read_bytes())).pages
    )
    assert "It holds 2 pictures of 1 cameras" in custody
    assert "2 files in the folder still are single pictures" in custody
    assert "still copy of a recording" in custody
    assert not (made.folder / "declaration-draft.txt").exists()
    assert MARK in (made.folder / "README.txt").read_text(encoding="utf-8")
    page = (made.folder / "START.html").read_text(encoding="utf-8")
    assert (page.count("<img "), page.count("<script"), page.count(f'<p class="remove">{MARK}')) == (2, 0, 2)
    assert all(f'src="{one.path}"' in page for one in made.built.copies)


def test_stills_are_not_redacted_besides(central_sqlite: Engines, tmp_path: Path) -> None:
    order = moments(an_order(central_sqlite))
    order = replace(order, redaction=black(order.cameras[0]))
    with pytest.raises(InvalidInput, match="Stills are not redacted"):
        build_package(order, with_a_gap(), tmp_path, hub=a_hub(central_sqlite), at=AT, keep_sheet=lambda _scope, _png: None)
    assert list(tmp_path.glob("EXPORT*")) == []


def test_the_gate_tries_a_still(made: Made, tmp_path: Path) -> None:
    whole = made.folder / made.built.copies[0].path
    assert list(failures(str(whole), [0])) == []
    broken = tmp_path / "broken.png"
    broken.write_bytes(whole.read_bytes()[:200])
    assert list(failures(str(broken), [0]))
    with av.open(str(whole)) as container:
        assert container.streams.video[0].codec_context.name == "png"
