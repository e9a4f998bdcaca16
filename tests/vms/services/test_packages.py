"""Packages of footage: what is in one, that it is written down before anything is read, and that nothing is left of one that fails."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from pypdf import PdfReader
from structlog.testing import capture_logs

from tests.factories import CONSOLE
from tests.vms.media.recorded import LENGTH, START
from tests.vms.media.test_assembly import packets
from tests.vms.services.packaging import AT, GAP, KEY, InMemory, a_hub, a_package, a_source, an_order, district_key, with_a_gap
from vms.config import Settings
from vms.domain.access import AccessEvent, Action, Purpose
from vms.domain.footage import Gap, GapReason, Segment
from vms.domain.ids import CameraId, StreamId
from vms.domain.package import MAX_PATH, CameraScope, Missing, canonical, folder_name, missing_of, video_name
from vms.domain.timespan import TICKS_PER_SECOND, Timespan, datetime_of
from vms.errors import Conflict, Corrupt, InvalidInput, Unavailable
from vms.media.assembly import ReadRecord, assemble
from vms.media.trial_decoding import failures, to_try
from vms.services import packages
from vms.services.log_verify import verify_log
from vms.services.package_contents import Contents
from vms.services.package_gate import pass_gate, verify_package
from vms.services.package_papers import FILES, custody_pdf, start_page
from vms.services.packages import Built, build_package, fingerprint, prove_sealed
from vms.services.sealed_log import new_matter, read_sealed
from vms.store import access_log
from vms.store.database import Engines
from vms.store.migrate import Which

ALL = {
    *("README.txt", "START.html", "verify.py", "verify.html", "manifest.json", "manifest.note", "segments.csv"),
    *("custody.json", "custody.pdf", "declaration-draft.txt", "keys/district.vkey", "log/entry.json", "log/entry.tlog-proof"),
}


@dataclass(frozen=True, slots=True)
class Made:
    central: Engines
    built: Built

    @property
    def folder(self) -> Path:
        return self.built.folder

    @property
    def manifest(self) -> dict[str, list[dict[str, object]]]:
        told: dict[str, list[dict[str, object]]] = json.loads((self.folder / "manifest.json").read_bytes())
        return told


@pytest.fixture(scope="module")
def made(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """One package for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("packages")
    central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
    yield Made(central, a_package(central, folder))
    central.dispose()


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_package_is_made_on_either_database(central: Engines, tmp_path: Path) -> None:
    built = a_package(central, tmp_path)
    assert {one.outcome for one in verify_package(built.folder, district_key(central))} == {"PASS"}
    with central.reading() as session:
        assert verify_log(session, KEY).ok
        (entry,) = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.EXPORT_PACKAGE})), limit=9)
    assert (entry.number, entry.detail["manifest"]) == (built.log_entry, built.manifest_sha256.hex())
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["EXPORT-2026-014"]


def test_everything_is_there_and_every_name_suits_windows(made: Made) -> None:
    names = _names(made.folder)
    assert {name for name in names if not name.startswith("video/")} == ALL
    assert sorted(name for name in names if name.startswith("video/")) == [
        "video/001_main-street_entrance_20260101T000000Z.mp4",
        "video/002_main-street_entrance_20260101T000001Z.mp4",
        "video/003_odz_gate-north_20260101T000000Z.mp4",
    ]
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", name)


def test_the_longest_name_that_can_be_fits() -> None:
    long = CameraScope(CameraId(1), StreamId(1), "ß" + "camera " * 9, "branch " * 9, "UTC", "", ())
    assert len(f"{folder_name('2026-' + 'x' * 90)}/{video_name(99_999, long, START)}") <= MAX_PATH


def test_the_manifest_lists_every_file_with_its_digest_and_is_canonical(made: Made) -> None:
    octets = (made.folder / "manifest.json").read_bytes()
    told = json.loads(octets)
    assert canonical(told) == octets
    assert told["files"].keys() == _names(made.folder) - {"manifest.json", "manifest.note", "log/entry.json", "log/entry.tlog-proof"}
    for path, listed in told["files"].items():
        content = (made.folder / path).read_bytes()
        assert listed == {"sha256": sha256(content).hexdigest(), "size": len(content)}


def test_the_samples_are_the_recorded_ones(made: Made) -> None:
    samples = with_a_gap().payloads()
    first, second, third = (packets(made.folder / str(video["path"])) for video in made.manifest["videos"])
    assert [octets for _, octets, _ in first + second] == samples
    assert [octets for _, octets, _ in third] == samples[:12]


def test_what_is_missing_is_declared_with_its_reason(made: Made) -> None:
    (gap,) = made.manifest["missing"]
    assert (gap["start"], gap["end"], gap["reason"]) == (*GAP, "offline")
    rows = list(csv.DictReader(io.StringIO((made.folder / "segments.csv").read_text())))
    assert [(row["kind"], row["milliseconds"]) for row in rows if row["camera"] == "Entrance"] == [
        ("recorded", "480"),
        ("recorded", "480"),
        ("missing", "960"),
        ("recorded", "480"),
    ]


def test_what_cameras_said_of_their_clocks_is_declared_and_for_how_much_they_said_nothing(made: Made) -> None:
    clocks = [camera["clock"] for camera in made.manifest["cameras"]]
    assert clocks == [
        {"least_ms": -2300, "most_ms": -2300, "silent_segments": 2},
        {"least_ms": -2300, "most_ms": -2300, "silent_segments": 0},
    ]


def test_the_player_has_a_sentence_for_each_reason() -> None:
    listed = (FILES / "START.html").read_text().partition("const WHY = {")[2].partition("};")[0]
    assert set(re.findall(r"([a-z_]+): \"", listed)) == {*GapReason, "unexplained"}


def test_a_name_can_not_end_the_script_that_the_player_reads(central_sqlite: Engines) -> None:
    """Whoever opens the package would run what somebody typed as a camera's name."""
    order, name = an_order(central_sqlite), "</script><script>alert(1)</script>"
    named = replace(order, cameras=(replace(order.cameras[0], camera=name),))
    page = start_page(Contents(named, (), (), (), {}, "key", "fingerprint", "Custodian", AT)).decode()
    assert page.count("</script>") == (FILES / "START.html").read_text(encoding="utf-8").count("</script>")
    told = json.loads(page.partition('id="package">')[2].partition("</script>")[0])
    assert told["cameras"][0]["name"] == name


def test_no_cell_is_a_formula(made: Made) -> None:
    rows = list(csv.DictReader(io.StringIO((made.folder / "segments.csv").read_text())))
    assert {row["camera"] for row in rows} == {"Entrance", "'=Gate: north"}


def test_the_custody_report_tells_people_and_is_drawn_alike_each_time(made: Made) -> None:
    custody, paper = (made.folder / "custody.json").read_bytes(), (made.folder / "custody.pdf").read_bytes()
    assert custody_pdf(custody) == paper
    said = [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(paper)).pages]
    assert "It holds 3 video files of 2 cameras" in said[0]
    assert "1 stretches of time" in said[0]
    rest = " ".join(said[1:])
    for words in ("Search warrant 26-CR-114", "approved the request", "-2.300 to -2.300 s", "2025-12-31 16:00:00 -0800", "offline"):
        assert words in rest


def test_a_text_that_is_longer_than_a_page_goes_on_on_the_next(made: Made) -> None:
    """2,000 characters may be entered, and the widest letter makes more lines of them than a page has."""
    told = json.loads((made.folder / "custody.json").read_bytes())
    told["facts"][1][1] = "@" * 2000
    pages = PdfReader(io.BytesIO(custody_pdf(canonical(told)))).pages
    assert sum(page.extract_text().count("@") for page in pages) == 2000
    assert any("Received (signature)" in page.extract_text() for page in pages)


def test_the_declaration_is_a_template_and_says_so(made: Made) -> None:
    said = (made.folder / "declaration-draft.txt").read_text()
    assert said.startswith("TEMPLATE.")
    assert "only a part of a piece" not in said


def test_nobody_declares_that_the_digest_of_a_part_agreed(central_sqlite: Engines, tmp_path: Path) -> None:
    """It was compared with nothing: what the recorder wrote down is the digest of the whole."""
    order = an_order(central_sqlite)
    during = Timespan(datetime_of(START + 3 * LENGTH // 4), datetime_of(START + 2 * LENGTH))
    order = replace(order, approval=None, cameras=(replace(order.cameras[0], spans=(during,)),))
    built = build_package(order, with_a_gap(), tmp_path, hub=a_hub(central_sqlite), at=AT)
    assert [cut.whole for cut in built.videos[0].part.cuts] == [False, True]
    assert "In 1 places only a part of a piece is in it" in (built.folder / "declaration-draft.txt").read_text()
    (recordings,) = [one.detail for one in verify_package(built.folder, None) if one.check == "recordings"]
    assert recordings == "the pictures of 1 whole segments are those that were recorded; parts of 1 more are those that were released"


def test_each_reading_is_in_the_log_before_the_package(made: Made) -> None:
    with made.central.reading() as session:
        found = access_log.find(session, "district", None, access_log.Filter(), limit=99)
    (entry,) = [one for one in found if one.action is Action.EXPORT_PACKAGE]
    reads = [one for one in found if one.action is Action.FOOTAGE_READ and one.number < entry.number]
    assert [(one.actor, one.purpose, one.detail["request"]) for one in reads] == [("system:packages", Purpose.REQUEST, "2026-014")] * 2
    assert {one.span.start for one in reads if one.span} == {datetime_of(START)}


def test_nothing_is_opened_before_that_is_committed(central_sqlite: Engines, tmp_path: Path) -> None:
    order = an_order(central_sqlite)
    source, seen = a_source(order), list[int]()

    class Watching:
        def recorded(self, stream: StreamId, span: Timespan, *, at: object) -> tuple[list[Segment], list[Gap]]:
            del at
            with central_sqlite.reading() as session:
                wanted = access_log.Filter(actions=frozenset({Action.FOOTAGE_READ}))
                seen.append(len(access_log.find(session, "district", None, wanted, limit=9)))
            return source.recorded(stream, span, at=AT)  # type: ignore[return-value]

        def open(self, segment: Segment) -> AbstractContextManager[ReadRecord]:
            raise Corrupt(f"{segment.id} is enough")

    with pytest.raises(Corrupt, match="enough"):
        build_package(order, Watching(), tmp_path, hub=a_hub(central_sqlite), at=AT)
    assert seen == [2]


def test_of_a_sealed_request_no_ordinary_entry_tells_and_its_own_waits_for_a_checkpoint(central: Engines, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    order, into, matter = an_order(central), tmp_path / "into", new_matter(Settings(data_dir=tmp_path))
    into.mkdir()
    hub = replace(a_hub(central), matter=matter)
    with central.reading() as session:
        before = access_log.find(session, "district", None, access_log.Filter(), limit=99)
    built = build_package(order, a_source(order), into, hub=hub, at=AT)
    assert (built.log_entry, built.log_position, (built.folder / "log").exists()) == (None, 3, False)
    assert not prove_sealed(built.folder, 3, hub)
    with central.writing() as session:
        assert list(access_log.find(session, "district", None, access_log.Filter(), limit=99)) == list(before)
        told = [one.action for one in read_sealed(session, matter, actor=CONSOLE, at=AT).lines if isinstance(one, AccessEvent)]
    assert told == [Action.EXPORT_PACKAGE, Action.FOOTAGE_READ, Action.FOOTAGE_READ]
    hub.sign_log()
    with pytest.raises(Corrupt, match="log: "):
        prove_sealed(built.folder, 1, hub)
    assert list((built.folder / "log").iterdir()) == [], "nothing of another entry is left there"
    with pytest.raises(Corrupt, match="no entry of the access log that its key opens"):
        prove_sealed(built.folder, 9, hub)
    with pytest.raises(Corrupt, match="no entry of the access log that its key opens"):
        prove_sealed(built.folder, 3, replace(hub, matter=replace(matter, key=bytes(32))))
    assert prove_sealed(built.folder, 3, hub)
    assert {one.outcome for one in verify_package(built.folder, built.fingerprint)} == {"PASS"}


def test_a_damaged_segment_is_named_and_nothing_is_left(central_sqlite: Engines, tmp_path: Path) -> None:
    """Another picture of the same size: what only the recorder's digest shows, when a key was known to somebody."""
    order, into = an_order(central_sqlite), tmp_path / "into"
    into.mkdir()
    source = with_a_gap()
    named = source.segments[1].id
    first, second, *rest = source.made[named].records
    source.made[named] = replace(source.made[named], records=(first, second[:-1] + bytes([second[-1] ^ 1]), *rest))
    with pytest.raises(Corrupt, match=f"Segment {named} of ‘Entrance’ is not as it was recorded"):
        build_package(replace(order, approval=None, cameras=order.cameras[:1]), source, into, hub=a_hub(central_sqlite), at=AT)
    assert list(into.iterdir()) == []


def _refuse_to_delete(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    delete = os.unlink

    def refuses(path: str, *, dir_fd: int | None = None) -> None:
        if path == name:
            raise PermissionError(1, "Operation not permitted", path)
        delete(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuses)


def test_footage_that_can_not_be_taken_away_is_said_in_the_log_and_by_the_next_one(
    central_sqlite: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An immutable file, a disk that became read-only: the rest goes, and nobody believes that all did."""
    order, hub = an_order(central_sqlite), a_hub(central_sqlite)
    source, making = with_a_gap(), tmp_path / ".EXPORT-2026-014.part"
    last = source.segments[2].id
    source.made[last] = replace(source.made[last], records=(source.made[last].records[0], b"no fragment"))
    _refuse_to_delete("001_main-street_entrance_20260101T000000Z.mp4", monkeypatch)
    with pytest.raises(Corrupt, match="no fragment of ours"), capture_logs() as lines:
        build_package(order, source, tmp_path, hub=hub, at=AT)
    (line,) = [one for one in lines if one["log_level"] == "error"]
    assert (line["event"], line["folder"]) == ("footage of a package that failed is still there", str(tmp_path)), (
        "the name below it has the number of a request"
    )
    assert [path.name for path in (making / "video").iterdir()] == ["001_main-street_entrance_20260101T000000Z.mp4"]
    with pytest.raises(Unavailable, match="Delete it by hand"):
        build_package(order, with_a_gap(), tmp_path, hub=hub, at=AT)


@pytest.mark.parametrize("request_number", ["2026-014", "2026-013"])
def test_what_a_crash_left_is_taken_away_by_the_next_one(central_sqlite: Engines, tmp_path: Path, request_number: str) -> None:
    """Of whichever package: who was refused that one may never make it again."""
    left = tmp_path / f".EXPORT-{request_number}.part" / "video"
    left.mkdir(parents=True)
    (left / "001.mp4").write_bytes(b"footage")
    a_package(central_sqlite, tmp_path)
    assert not left.exists()


def test_a_package_that_another_process_makes_is_left_alone(central_sqlite: Engines, tmp_path: Path) -> None:
    order, hub = an_order(central_sqlite), a_hub(central_sqlite)
    source, other = a_source(order), replace(order, request="2026-015")

    class Meanwhile:
        """Has the same package, and another one, made while this one is."""

        recorded = staticmethod(source.recorded)

        def open(self, segment: Segment) -> AbstractContextManager[ReadRecord]:
            if not (tmp_path / "EXPORT-2026-015").exists():
                with pytest.raises(Conflict, match="is being made now"):
                    build_package(order, source, tmp_path, hub=hub, at=AT)
                build_package(other, source, tmp_path, hub=hub, at=AT)
            return source.open(segment)

    build_package(order, Meanwhile(), tmp_path, hub=hub, at=AT)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["EXPORT-2026-014", "EXPORT-2026-015"]


def test_a_package_is_made_once(central_sqlite: Engines, tmp_path: Path) -> None:
    (tmp_path / "EXPORT-2026-014").mkdir()
    with pytest.raises(Conflict, match="is there already"):
        a_package(central_sqlite, tmp_path)


@pytest.mark.parametrize(
    ("starts", "sentence"),
    [([], "names none"), ([-60], "still being written"), ([-2000, -1990], "overlap")],
)
def test_an_order_that_can_not_be_carried_out_is_refused(central_sqlite: Engines, tmp_path: Path, starts: list[int], sentence: str) -> None:
    spans = tuple(Timespan(AT + timedelta(seconds=one), AT + timedelta(seconds=one + 30)) for one in starts)
    order = an_order(central_sqlite)
    order = replace(order, approval=None, cameras=(replace(order.cameras[0], spans=spans),))
    with pytest.raises(InvalidInput, match=sentence):
        build_package(order, with_a_gap(), tmp_path, hub=a_hub(central_sqlite), at=AT)


def test_the_gate_refuses_what_does_not_decode(made: Made) -> None:
    broken = replace(made.built.videos[0], part=replace(made.built.videos[0].part, keyframes=(START, START + 10**12)))
    assert to_try(range(250)) == [0, 100, 200, 249]
    with pytest.raises(Corrupt, match="did not pass its gate") as refused:
        pass_gate(made.folder, [broken], [], "x+y+z")
    assert "key: the package is signed by another key" in str(refused.value)


@pytest.mark.slow
def test_a_trial_that_ends_before_its_answer_is_failed(made: Made) -> None:
    gone = replace(made.built.videos[0], path="video/none.mp4")
    with pytest.raises(Corrupt, match="ended before it had tried every file"):
        pass_gate(made.folder, [*made.built.videos, gone], [], district_key(made.central))


def test_a_file_whose_pictures_are_noise_fails_the_trial(made: Made, tmp_path: Path) -> None:
    video = made.built.videos[0]
    content = bytearray((made.folder / video.path).read_bytes())
    cut = video.part.cuts[0]
    content[cut.offset + 5 : cut.offset + cut.size_bytes] = b"\x55" * (cut.size_bytes - 5)
    (tmp_path / "noise.mp4").write_bytes(content)
    assert list(failures(str(tmp_path / "noise.mp4"), [0]))
    assert not list(failures(str(made.folder / video.path), [at - START for at in video.part.keyframes]))
    assert list(failures(str(made.folder / "README.txt"), [0]))


def test_the_trial_decodes_the_gops_of_a_file_that_begins_before_what_was_asked_for(tmp_path: Path) -> None:
    """Its edit list says when it is shown from: by that, every time would be another one, and nothing was tried."""
    source, during = with_a_gap(), Timespan(datetime_of(START + LENGTH // 4), datetime_of(GAP[0]))
    ((path, part),) = assemble(source.segments[:2], during, source.open, lambda _: tmp_path / "video.mp4")
    begins = [at - part.start_ticks for at in part.keyframes]
    assert not list(failures(str(path), begins))
    content = bytearray(path.read_bytes())
    content[part.cuts[1].offset + 5 :] = b"\x55" * (len(content) - part.cuts[1].offset - 5)
    path.write_bytes(content)
    assert len(list(failures(str(path), begins))) == 2


def test_the_hour_that_clocks_repeat_is_exported_once(central_sqlite: Engines, tmp_path: Path) -> None:
    """In Los Angeles, at 9:00 UTC, two o'clock becomes one o'clock again: what was recorded around it stands there once, in order."""
    border = int(datetime(2026, 11, 1, 9, tzinfo=UTC).timestamp()) * TICKS_PER_SECOND
    source = InMemory()
    source.add(border - LENGTH).add(border)
    order = an_order(central_sqlite)
    twice = Timespan(datetime_of(border - LENGTH), datetime_of(border + LENGTH))
    order = replace(order, approval=None, cameras=(replace(order.cameras[0], spans=(twice,)),))
    built = build_package(order, source, tmp_path, hub=a_hub(central_sqlite), at=datetime_of(border) + timedelta(days=1))
    (video,) = built.videos
    assert [octets for _, octets, _ in packets(built.folder / video.path)] == source.payloads()
    assert (video.part.start_ticks, video.part.end_ticks, built.missing) == (border - LENGTH, border + LENGTH, ())
    (told,) = json.loads((built.folder / "custody.json").read_bytes())["cameras"]
    assert told["videos"][0]["local"] == "2026-11-01 01:59:59 -0700 America/Los_Angeles"


@pytest.mark.slow
def test_a_machine_with_nothing_but_python_verifies(made: Made) -> None:
    command = [sys.executable, "-I", "-S", "verify.py", "--key", made.built.fingerprint]
    done = subprocess.run(command, cwd=made.folder, env={}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "VERIFIED: this is the package that the district released."


def test_the_fingerprint_is_the_one_that_verifiers_compute(made: Made) -> None:
    assert made.built.fingerprint == fingerprint(district_key(made.central))


def test_missing_time_is_cut_where_its_reasons_change() -> None:
    def a_gap(start: int, end: int | None, reason: GapReason) -> Gap:
        return Gap(StreamId(1), datetime_of(START + start * 90_000), end if end is None else datetime_of(START + end * 90_000), reason)

    scope = CameraScope(CameraId(1), StreamId(1), "", "", "UTC", "", (Timespan(datetime_of(START), datetime_of(START + 900_000)),))
    gaps = [a_gap(-5, 2, GapReason.PAUSED), a_gap(2, 3, GapReason.OFFLINE), a_gap(5, None, GapReason.DISK_FULL)]
    assert missing_of(scope, [], gaps) == [
        Missing(CameraId(1), START, START + 180_000, "paused"),
        Missing(CameraId(1), START + 180_000, START + 270_000, "offline"),
        Missing(CameraId(1), START + 270_000, START + 450_000, "unexplained"),
        Missing(CameraId(1), START + 450_000, START + 900_000, "disk_full"),
    ]


def test_digests_are_of_the_whole_and_of_each_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"header" + b"a" * 10 + b"b" * 5)
    assert packages.digests(path, [(6, 10), (16, 5)]) == (
        sha256(path.read_bytes()).digest(),
        (sha256(b"a" * 10).digest(), sha256(b"b" * 5).digest()),
    )
