"""Copies in a package: for viewing beside recordings that not every player takes, redacted in the stead of recordings."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from pypdf import PdfReader

from tests.vms.media.pictures import FRAME_TICKS, Recipe, clip
from tests.vms.media.recorded import LENGTH, START
from tests.vms.services.packaging import AT, GAP, InMemory, a_hub, a_source, an_order, district_key, with_a_gap
from vms.domain.footage import Gap, GapReason
from vms.domain.ids import StreamId
from vms.domain.package import CameraScope, CopyKind, Order
from vms.domain.redaction import WHOLE, Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region
from vms.domain.timespan import TICKS_PER_MS, Timespan, datetime_of
from vms.errors import InvalidInput, Unavailable
from vms.media.clip import Copied
from vms.services import package_copies
from vms.services.package_gate import verify_package
from vms.services.packages import Built, build_package
from vms.store.database import Engines
from vms.store.migrate import Which

pytestmark = pytest.mark.slow
ASKED_FROM = START + 8 * FRAME_TICKS + FRAME_TICKS // 2
"""Within a GOP, and while a picture is shown."""


def in_hevc() -> InMemory:
    """Two segments of H.265 whose pictures are sent out of order, nothing for as long, one more."""
    source, hevc = InMemory(Gap(StreamId(1), datetime_of(GAP[0]), datetime_of(GAP[1]), GapReason.OFFLINE)), clip(Recipe("h265", b_frames=2))
    source.add(START, hevc).add(START + LENGTH, hevc).add(GAP[1], hevc)
    return source


@dataclass(frozen=True, slots=True)
class Made:
    built: Built
    key: str
    sheets: list[tuple[str, bytes]]

    @property
    def folder(self) -> Path:
        return self.built.folder

    @property
    def manifest(self) -> dict[str, list[dict[str, object]]]:
        told: dict[str, list[dict[str, object]]] = json.loads((self.folder / "manifest.json").read_bytes())
        return told

    @property
    def custody(self) -> str:
        return " ".join(
            " ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO((self.folder / "custody.pdf").read_bytes())).pages
        )


def made_of(central: Engines, order: Order, source: InMemory, into: Path) -> Made:
    sheets: list[tuple[str, bytes]] = []

    def keep(scope: CameraScope, sheet: bytes) -> None:
        sheets.append((scope.camera, sheet))

    built = build_package(order, source, into, hub=a_hub(central), at=AT, keep_sheet=keep)
    return Made(built, district_key(central), sheets)


def asked(order: Order) -> Order:
    """Of the first camera alone, from within a GOP on."""
    span = Timespan(datetime_of(ASKED_FROM), datetime_of(GAP[1] + LENGTH))
    return replace(order, approval=None, cameras=(replace(order.cameras[0], spans=(span,)),))


def black(scope: CameraScope, *, since: int = 0, until: int = 4 * LENGTH) -> RedactionPlan:
    """Cover all of the picture from `since` ticks after the start on."""
    whole = Box(0, 0, WHOLE, WHOLE)
    region = Region(Cover.FILL, Between.ALL, (Keyframe((START + since) // TICKS_PER_MS, whole),), (START + until) // TICKS_PER_MS)
    return RedactionPlan((CameraPlan(scope.camera_id, START // TICKS_PER_MS, (GAP[1] + LENGTH) // TICKS_PER_MS + 1, (region,)),))


Folder = Callable[[str], tuple[Engines, Path]]


@pytest.fixture(scope="module")
def room(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    engines: list[Engines] = []

    def made(name: str) -> tuple[Engines, Path]:
        folder = tmp_path_factory.mktemp(name)
        engines.append(migrated_sqlite(Which.CENTRAL, folder / "central.db"))
        return engines[-1], folder

    yield made
    for one in engines:
        one.dispose()


@pytest.fixture(scope="module")
def viewed(room: Folder) -> Made:
    central, folder = room("viewed")
    return made_of(central, asked(an_order(central)), in_hevc(), folder)


@pytest.fixture(scope="module")
def redacted(room: Folder) -> Made:
    """All of the picture is black but in the last segment, behind the gap."""
    central, folder = room("redacted")
    order = asked(an_order(central))
    return made_of(central, replace(order, redaction=black(order.cameras[0], until=2 * LENGTH)), with_a_gap(), folder)


def shown(path: Path) -> list[tuple[int, NDArray[np.uint8]]]:
    """Return when each picture is shown, in ticks of the file, and its luma."""
    with av.open(str(path)) as container:
        assert container.streams.video[0].time_base is not None
        return [(round((one.time or 0) * 90_000), one.to_ndarray(format="gray").astype(np.uint8)) for one in container.decode(video=0)]


def length(path: Path) -> int:
    with av.open(str(path)) as container:
        return round(float(container.duration or 0) / av.time_base * 90_000)


def test_what_not_every_player_takes_has_a_copy_in_h264_beside_it(viewed: Made) -> None:
    assert [(one.kind, one.of) for one in viewed.built.copies] == [(CopyKind.VIEWING, video) for video in viewed.built.videos]
    for copy in viewed.built.copies:
        with av.open(str(viewed.folder / copy.path)) as container:
            found = container.streams.video[0].codec_context
            assert (found.name, found.pix_fmt) == ("h264", "yuv420p")
    assert {one.outcome for one in verify_package(viewed.folder, viewed.key)} == {"PASS"}


def test_a_copy_shows_each_picture_when_the_recording_does(viewed: Made) -> None:
    """From the moment that was asked for, with what is on the screen then."""
    first, second = ([at for at, _ in shown(viewed.folder / copy.path)] for copy in viewed.built.copies)
    originals = [[at for at, _ in shown(viewed.folder / copy.of.path)] for copy in viewed.built.copies]
    assert [len(first), len(second)] == [len(originals[0]) + 1, len(originals[1])] == [copy.pictures for copy in viewed.built.copies]
    assert first[:2] == [0, FRAME_TICKS // 2]
    assert second[:2] == [0, 3 * FRAME_TICKS]  # pictures that are sent out of order come late: the first one is shown until the second
    assert {later - earlier for times in (first, second) for earlier, later in pairwise(times[1:])} == {FRAME_TICKS}


def test_a_copy_shows_what_the_recording_does(viewed: Made) -> None:
    for copy in viewed.built.copies:
        pairs = zip(shown(viewed.folder / copy.path)[::-1], shown(viewed.folder / copy.of.path)[::-1], strict=False)
        for (_, again), (_, luma) in pairs:
            assert np.abs(again.astype(int) - luma).mean() < 6


def test_a_copy_ends_when_the_recording_does(tmp_path: Path, central_sqlite: Engines) -> None:
    source = InMemory()
    source.add(START, clip(Recipe("h265")))
    order = an_order(central_sqlite)
    made = made_of(central_sqlite, replace(order, approval=None, cameras=order.cameras[1:]), source, tmp_path)
    (copy,) = made.built.copies
    assert length(made.folder / copy.path) == LENGTH == copy.end_ticks - copy.start_ticks


@pytest.mark.parametrize(
    ("recipe", "copies"),
    [(Recipe(), 0), (Recipe(pix_fmt="yuv422p", profile="high422"), 1), (Recipe(pix_fmt="yuv420p10le", profile="high10"), 1)],
)
def test_only_what_is_not_plain_h264_has_one(recipe: Recipe, copies: int, central_sqlite: Engines, tmp_path: Path) -> None:
    source = InMemory()
    source.add(START, clip(recipe))
    order = an_order(central_sqlite)
    built = made_of(central_sqlite, replace(order, approval=None, cameras=order.cameras[1:]), source, tmp_path).built
    assert len(built.copies) == copies
    assert {path.name for path in built.folder.iterdir() if path.is_dir()} == {"video", "keys", "log", *["viewing"][:copies]}


def test_papers_call_a_viewing_copy_what_it_is(viewed: Made) -> None:
    (told, _) = viewed.manifest["copies"]
    video = viewed.manifest["videos"][0]
    copy = (viewed.folder / str(told["path"])).read_bytes()
    assert (told["kind"], told["of"], told["start"], told["end"]) == ("viewing", video["path"], ASKED_FROM, GAP[0])
    assert told["of_sha256"] == sha256((viewed.folder / str(video["path"])).read_bytes()).hexdigest()
    assert viewed.manifest["files"][told["path"]] == {"sha256": sha256(copy).hexdigest(), "size": len(copy)}  # type: ignore[call-overload]
    assert "It holds 2 video files of 1 cameras" in viewed.custody
    assert "Of 2 of them the folder viewing has a copy that was encoded anew" in viewed.custody
    assert "viewing copy of video/001_main-street_entrance" in viewed.custody
    assert "2 files in the folder viewing are copies" in (viewed.folder / "declaration-draft.txt").read_text()
    assert "copies in H.264" in (viewed.folder / "README.txt").read_text()
    assert (viewed.folder / "segments.csv").read_text().count("viewing,Entrance") == 2
    (line,) = [one.detail for one in verify_package(viewed.folder, None) if one.check == "copies"]
    assert line == "2 viewing copies of recordings that are here, for watching alone: encoded anew, not what the cameras sent"


def test_a_copy_that_grew_too_large_ends_the_package(central_sqlite: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stick formatted as FAT32 would not take it."""
    monkeypatch.setattr(package_copies, "view", lambda *_, **__: Copied(0, ()))
    with pytest.raises(Unavailable, match="No viewing copy of video/001"):
        made_of(central_sqlite, asked(an_order(central_sqlite)), in_hevc(), tmp_path)
    assert not list(tmp_path.glob("*EXPORT*"))


def test_of_a_redacted_camera_only_the_copy_is_there(redacted: Made) -> None:
    assert redacted.manifest["videos"] == []
    assert [path.name for path in sorted(redacted.folder.glob("*/*.mp4"))] == [Path(one.path).name for one in redacted.built.copies]
    first, second = redacted.built.copies
    covered, bare = ([luma for _, luma in shown(redacted.folder / copy.path)] for copy in (first, second))
    assert (len(covered), len(bare)) == (first.pictures, second.pictures) == (16, 12)
    assert max(int(luma.max()) for luma in covered) < 10
    assert max(int(luma.max()) for luma in bare) > 200
    assert {one.outcome for one in verify_package(redacted.folder, redacted.key)} == {"PASS"}


def test_papers_name_the_recording_that_is_not_there(redacted: Made, central_sqlite: Engines, tmp_path: Path) -> None:
    plain = made_of(central_sqlite, asked(an_order(central_sqlite)), with_a_gap(), tmp_path)
    assert [one["of_sha256"] for one in redacted.manifest["copies"]] == [video.sha256.hex() for video in plain.built.videos]
    assert {one["of"] for one in redacted.manifest["copies"]} == {None}
    assert "The 2 files in the folder redacted are copies" in redacted.custody
    assert "octet for octet" not in redacted.custody
    assert "remain with the district" in (redacted.folder / "declaration-draft.txt").read_text()
    (line,) = [one.detail for one in verify_package(redacted.folder, None) if one.check == "copies"]
    assert line == "2 redacted copies of recordings that are not here: encoded anew, not what the cameras sent"


def test_the_approver_gets_sheets_of_every_file(redacted: Made) -> None:
    assert [name for name, _ in redacted.sheets] == ["Entrance"] * 2
    assert all(sheet.startswith(b"\x89PNG") for _, sheet in redacted.sheets)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (
            lambda scope: black(scope, since=3 * LENGTH, until=3 * LENGTH + FRAME_TICKS),
            "Region 1 of the plan covers no picture of ‘Entrance’",
        ),
        (
            lambda scope: RedactionPlan((replace(black(scope).cameras[0], end_ms=START // TICKS_PER_MS + 500),)),
            "does not say all of the time",
        ),
        (lambda scope: black(replace(scope, camera_id=99)), "for camera 99, of which nothing is asked for"),
    ],
)
def test_a_plan_that_would_show_what_it_was_to_cover_makes_no_package(
    plan: Callable[[CameraScope], RedactionPlan], sentence: str, central_sqlite: Engines, tmp_path: Path
) -> None:
    order, into = asked(an_order(central_sqlite)), tmp_path / "into"
    into.mkdir()
    with pytest.raises(InvalidInput, match=sentence):
        made_of(central_sqlite, replace(order, redaction=plan(order.cameras[0])), with_a_gap(), into)
    assert list(into.iterdir()) == []


def test_a_redaction_that_nobody_looks_over_is_not_made(central_sqlite: Engines, tmp_path: Path) -> None:
    order = an_order(central_sqlite)
    order = replace(order, redaction=black(order.cameras[0]))
    with pytest.raises(InvalidInput, match="is looked over before it is released"):
        build_package(order, a_source(order), tmp_path, hub=a_hub(central_sqlite), at=AT)
