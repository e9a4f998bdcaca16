"""A package leaves by hand: under the approval that it was made of, by another than who asked, written down first and read back last."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
from pypdf import PdfReader

from tests.factories import done, refused
from tests.vms.services.requesting import at_work
from tests.vms.services.test_package_jobs import Office, an_office
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.made_package import READY_LASTS, PackageState
from vms.domain.outcome import Refusal, Refused
from vms.domain.package_release import Medium, PackageRelease
from vms.domain.people import Person
from vms.domain.request import RequestAct, RequestState
from vms.domain.timespan import local_time
from vms.errors import Conflict, Corrupt, InvalidInput, NotFound, Unavailable
from vms.services import package_release
from vms.services.package_gate import verify_package
from vms.services.package_jobs import folder_of
from vms.services.package_release import Handover, medium_at, release_by_hand
from vms.services.package_sealing import opened
from vms.services.request_acts import act_on
from vms.services.request_papers import add_paper
from vms.services.request_receipt import receipt_of, receipt_pdf
from vms.services.requests import standing_of
from vms.store import package_releases
from vms.store.database import Engines
from vms.store.failpoints import arm

S = RequestState
STICK = Medium("SanDisk Ultra", "4C530001")


@pytest.fixture
def office(central_sqlite: Engines, settings: Settings) -> Office:
    made = an_office(central_sqlite, settings)
    made.ready()
    return made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    made = tmp_path / "stick"
    made.mkdir()
    return made


def _release(office: Office, to: Path, by: Person | None = None, **more: Medium) -> tuple[PackageRelease, Path] | Refused:
    who = office.director if by is None else by
    medium = more.get("medium", STICK)
    handover = Handover(to, medium, "Det. R. Alvarez, in person")
    return release_by_hand(office.hub.central, office.settings, who, office.request.id, handover, clock=office.clock)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_what_leaves_is_the_package_and_goes_from_the_server_then(central: Engines, settings: Settings, stick: Path) -> None:
    office = an_office(central, settings)
    package = office.ready()
    before = {path.relative_to(folder_of(settings, package)): path.read_bytes() for path in folder_of(settings, package).rglob("*.*")}
    release, folder = done(_release(office, stick))
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")} == before
    assert {one.outcome for one in verify_package(folder, None)} <= {"PASS", "WARN"}
    assert (_names(stick), folder.stat().st_mode & 0o777, release.read_back_at) == ([package.folder], 0o755, office.clock.now())
    assert office.now().state is S.DISCLOSED
    told = office.logged(Action.EXPORT_RELEASE)
    assert [(one["step"], one["medium"], one["manifest"]) for one in told] == [
        (step, "SanDisk Ultra, serial number 4C530001", package.manifest) for step in ("begun", "read back")
    ]
    assert not any("Alvarez" in value for one in told for value in one.values())
    office.make()
    assert (office.package().state, office.package().sentence, office.there()) == (PackageState.GONE, "It was handed over.", [])


def test_it_is_in_the_access_log_before_the_first_octet(office: Office, stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_copy(*_: object) -> Path:
        assert [one["step"] for one in office.logged(Action.EXPORT_RELEASE)] == ["begun"]
        assert (office.now().state, _names(stick)) == (S.DISCLOSED, [])
        raise Unavailable("looked at")

    monkeypatch.setattr(package_release, "_copy", no_copy)
    with pytest.raises(Unavailable, match="looked at"):
        _release(office, stick)


def test_the_master_is_kept_for_as_many_days_as_the_district_says(office: Office, stick: Path) -> None:
    office.settings = office.settings.model_copy(update={"released_package_days": 2})
    _release(office, stick)
    office.make()
    assert office.package().state is PackageState.READY
    office.clock.step(timedelta(days=1))
    office.hub.sign_log()
    office.clock.step(timedelta(days=1, minutes=1))
    office.make()
    assert (office.package().state, office.there()) == (PackageState.GONE, [])


def test_neither_who_entered_it_nor_a_proof_of_yesterday_nor_the_desk_hands_it_over(office: Office, stick: Path) -> None:
    at = office.clock.now()
    answers = [
        refused(_release(office, stick, office.people.desk)),
        refused(_release(office, stick, replace(office.director, proved_at=at - timedelta(minutes=6)))),
        refused(_release(office, stick, replace(office.director, id=office.people.desk.id))),
    ]
    assert [one.refusal for one in answers] == [Refusal.NOT_ALLOWED, Refusal.PROVE, Refusal.NOT_ALLOWED]
    assert "Who entered a request never hands over or shows what it asks for" in answers[2].sentence
    assert (office.now().state, _names(stick)) == (S.READY, [])


@pytest.mark.parametrize("act", [RequestAct.REVOKE, RequestAct.WITHDRAW])
def test_nothing_leaves_once_the_approval_is_void(office: Office, stick: Path, act: RequestAct) -> None:
    office.act(act)
    refused(_release(office, stick))
    assert (_names(stick), office.logged(Action.EXPORT_RELEASE)) == ([], [])


def test_nothing_leaves_after_its_day(office: Office, stick: Path) -> None:
    office.clock.step(READY_LASTS)
    assert "It was to leave earlier" in refused(_release(office, stick, at_work(office.people.director, office.clock.now()))).sentence
    assert _names(stick) == []


def test_it_leaves_once(office: Office, stick: Path, tmp_path: Path) -> None:
    done(_release(office, stick))
    second = tmp_path / "second"
    second.mkdir()
    assert "it can't be handed over now" in refused(_release(office, second)).sentence
    assert _names(second) == []
    with pytest.raises(Conflict, match="is there already"):
        _release(office, stick)


def _killed_at(step: str, stick: Path) -> Callable[[Office], object]:
    def run(office: Office) -> object:
        arm(step)
        return _release(office, stick)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("act", [RequestAct.REVOKE, RequestAct.WITHDRAW, RequestAct.PAPER])
def test_of_handing_over_and_voiding_at_once_one_comes_first_and_the_other_is_refused(
    central: Engines, settings: Settings, stick: Path, act: RequestAct
) -> None:
    office = an_office(central, settings)
    office.ready()
    meet, answers = threading.Barrier(2), dict[str, object]()

    def void() -> object:
        with central.writing() as session:
            if act is RequestAct.PAPER:
                return add_paper(session, settings, office.director, office.request.id, "more.pdf", b"%PDF", at=office.clock.now())
            return act_on(session, settings, office.director, office.request.id, act, "at once", at=office.clock.now())

    def run(name: str, does: Callable[[], object]) -> None:
        meet.wait(30)
        answers[name] = does()

    both = [threading.Thread(target=run, args=one) for one in (("void", void), ("leave", lambda: _release(office, stick)))]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    left = not isinstance(answers["leave"], Refused)
    assert left is isinstance(answers["void"], Refused)
    assert (office.now().state is S.DISCLOSED, bool(_names(stick)), bool(office.logged(Action.EXPORT_RELEASE))) == (left, left, left)


@pytest.mark.slow
def test_two_who_hand_it_over_at_once_hand_over_one(office: Office, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second, copy = tmp_path / "second", package_release._copy
    second.mkdir()

    def and_another(*what: Any) -> Path:  # noqa: ANN401 - as they come
        with pytest.raises(Conflict, match="being copied now"):
            _release(office, second)
        return copy(*what)

    monkeypatch.setattr(package_release, "_copy", and_another)
    done(_release(office, stick))
    assert _names(second) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["release:begun", "release:file@3", "release:read"])
def test_a_kill_while_it_is_copied_leaves_no_package_on_the_medium_and_it_is_copied_again(office: Office, stick: Path, step: str) -> None:
    office.killed(_killed_at(step, stick))
    assert [name for name in _names(stick) if not name.startswith(".")] == []
    assert office.now().state is S.DISCLOSED
    _, folder = done(_release(office, stick))
    assert _names(stick) == [folder.name]
    assert {one.outcome for one in verify_package(folder, None)} <= {"PASS", "WARN"}
    assert [one["step"] for one in office.logged(Action.EXPORT_RELEASE)] == ["begun", "begun", "read back"]


def test_a_medium_that_gives_back_other_octets_has_nothing_of_it_afterwards(
    office: Office, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = package_release._read_back
    monkeypatch.setattr(package_release, "_read_back", lambda path: bytes(32) if path.suffix == ".mp4" else read(path))
    with pytest.raises(Corrupt, match="did not give back what was written of video/"):
        _release(office, stick)
    assert _names(stick) == []
    with office.hub.central.reading() as session:
        release = package_releases.newest_of(session, office.request.id)
    assert release is not None
    assert release.read_back_at is None


def test_a_package_that_was_changed_on_the_server_does_not_leave(office: Office, stick: Path) -> None:
    changed = folder_of(office.settings, office.package()) / "custody.json"
    changed.write_bytes(changed.read_bytes() + b" ")
    with pytest.raises(Corrupt, match=r"is not as it passed its gate: custody\.json"):
        _release(office, stick)
    assert _names(stick) == []


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "manifest.note",
        "log/entry.json",
        "log/entry.tlog-proof",
        "left/",
        "video/left.txt",
        "-README.txt",
        "-log/entry.json",
    ],
)
def test_a_package_with_more_or_less_or_another_signature_does_not_leave_and_nothing_is_written_down(
    office: Office, stick: Path, name: str
) -> None:
    folder = folder_of(office.settings, office.package())
    there = folder / name.removeprefix("-")
    if name.startswith("-"):
        there.unlink()
    elif name.endswith("/"):
        there.mkdir()
    else:
        there.write_bytes(there.read_bytes()[:-9] if there.exists() else b"left")
    with pytest.raises(Corrupt, match="is not as it passed its gate"):
        _release(office, stick)
    assert (_names(stick), office.now().state, office.logged(Action.EXPORT_RELEASE)) == ([], S.READY, [])
    assert _names(folder.parent) == [folder.name]


@pytest.mark.parametrize("delivery", [Delivery.BY_HAND, Delivery.ENCRYPTED_FILE])
def test_a_package_that_is_gone_from_the_server_is_said_to_be(
    central_sqlite: Engines, settings: Settings, stick: Path, delivery: Delivery
) -> None:
    office = an_office(central_sqlite, settings, delivery=delivery)
    folder = folder_of(settings, office.ready()).parent
    folder.rename(folder.with_name("away"))
    with pytest.raises(Corrupt, match="is not as it passed its gate: it is gone"):
        _release(office, stick)
    office.act(RequestAct.REVOKE)
    assert "There is no package of request 2026-0001 that may leave" in refused(_release(office, stick)).sentence
    assert office.logged(Action.EXPORT_RELEASE) == []


def test_a_medium_that_can_t_take_it_is_told_before_anything_is_written_down(
    office: Office, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="Say which medium it is"):
        _release(office, stick, medium=Medium("", " "))
    with pytest.raises(InvalidInput, match="is no folder"):
        _release(office, tmp_path / "nothing")
    (tmp_path / "link").symlink_to(office.settings.packages_dir)
    with pytest.raises(InvalidInput, match="is where packages are made"):
        _release(office, tmp_path / "link")
    monkeypatch.setattr(package_release, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(InvalidInput, match="Take a larger medium"):
        _release(office, stick)
    assert (office.now().state, office.logged(Action.EXPORT_RELEASE)) == (S.READY, [])


def test_a_stick_formatted_as_fat_takes_no_file_of_four_gigabytes(
    office: Office, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernels that tests run on have no FAT: what they would say of such a stick stands in a file, and a file is large sooner."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 8:17 / {stick} rw,relatime shared:1 - vfat /dev/sdb1 rw,fmask=0022\n")
    monkeypatch.setattr(package_release, "MOUNTINFO", mounts)
    monkeypatch.setattr(package_release, "_FAT_FILE_BYTES", 20_000)
    with pytest.raises(InvalidInput, match="is formatted as FAT32, which takes files below"):
        _release(office, stick)
    assert (office.now().state, office.logged(Action.EXPORT_RELEASE)) == (S.READY, [])
    mounts.write_text(mounts.read_text().replace("vfat", "exfat"))
    done(_release(office, stick))


def test_a_medium_that_refuses_is_named(office: Office, stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package_release, "_read_back", full)
    with pytest.raises(Unavailable, match=f"{stick} does not take the package .No space left on device"):
        _release(office, stick)
    assert _names(stick) == []


@pytest.mark.slow
def test_an_encrypted_package_leaves_with_its_key_and_opens_by_the_passphrase(
    central_sqlite: Engines, settings: Settings, stick: Path, tmp_path: Path
) -> None:
    office = an_office(central_sqlite, settings, delivery=Delivery.ENCRYPTED_FILE)
    package = office.ready()
    handover = Handover(stick, STICK, "Det. R. Alvarez", passphrase="abcde-fghij")
    director, number = office.director, office.request.id
    release, folder = done(release_by_hand(office.hub.central, settings, director, number, handover, clock=office.clock))
    name = "EXPORT-2026-0001"
    assert _names(stick) == [name]
    assert _names(folder) == ["EXPORT-2026-0001.key.age", "EXPORT-2026-0001.zip.age", "HOW-TO-OPEN.txt"]
    assert (release.read_back_at, office.now().state) == (office.clock.now(), S.DISCLOSED)
    identity = pyrage.passphrase.decrypt((folder / f"{name}.key.age").read_bytes(), "abcde-fghij")
    with opened(folder / f"{name}.zip.age", identity) as read, zipfile.ZipFile(io.BytesIO(read.readall())) as archive:  # type: ignore[attr-defined]
        archive.extractall(tmp_path / "there")
    assert {one.outcome for one in verify_package(tmp_path / "there" / name, None)} <= {"PASS", "WARN"}
    assert f"age -d -i {name}.key.age -o {name}.zip {name}.zip.age" in (folder / "HOW-TO-OPEN.txt").read_text()
    told = json.dumps(office.logged(Action.EXPORT_RELEASE))
    assert ("abcde" in told, package.manifest in told) == (False, True)
    with office.hub.central.reading() as session:
        receipt = receipt_of(standing_of(session, settings, office.now()), "America/Los_Angeles")
    assert ("Encrypted file", "EXPORT-2026-0001.zip.age") in receipt.sheets[0].facts
    office.make()
    assert office.there() == []


def test_an_encrypted_package_that_was_changed_on_the_server_does_not_leave(
    central_sqlite: Engines, settings: Settings, stick: Path
) -> None:
    office = an_office(central_sqlite, settings, delivery=Delivery.ENCRYPTED_FILE)
    file = folder_of(settings, office.ready())
    octets = bytearray(file.read_bytes())
    octets[len(octets) // 2] ^= 1
    file.write_bytes(octets)
    handover = Handover(stick, STICK, "Det. R. Alvarez", recipient_key=str(pyrage.x25519.Identity.generate().to_public()))
    with pytest.raises(Corrupt, match="was damaged"):
        release_by_hand(office.hub.central, settings, office.director, office.request.id, handover, clock=office.clock)
    assert _names(stick) == []


def test_an_encrypted_package_is_for_somebody_who_can_open_it(central_sqlite: Engines, settings: Settings, stick: Path) -> None:
    office = an_office(central_sqlite, settings, delivery=Delivery.ENCRYPTED_FILE)
    office.ready()
    for nobody in (Handover(stick, STICK, "x"), Handover(stick, STICK, "x", recipient_key="age1nonsense")):
        with pytest.raises(InvalidInput, match="age"):
            release_by_hand(office.hub.central, settings, office.director, office.request.id, nobody, clock=office.clock)
    assert (office.now().state, _names(stick)) == (S.READY, [])


def test_the_receipt_says_what_was_taken_by_whom_and_on_what(office: Office, stick: Path) -> None:
    with office.hub.central.reading() as session:
        early = standing_of(session, office.settings, office.now())
    with pytest.raises(NotFound, match="so there is no receipt"):
        receipt_of(early, "UTC")
    done(_release(office, stick))
    with office.hub.central.reading() as session:
        receipt = receipt_of(standing_of(session, office.settings, office.now()), "America/Los_Angeles")
    paper = receipt_pdf(receipt, "Alder County")
    assert paper == receipt_pdf(receipt, "Alder County")
    said = " ".join(PdfReader(io.BytesIO(paper)).pages[0].extract_text().split())
    assert local_time(office.clock.now(), "America/Los_Angeles") in said
    for told in ("Det. R. Alvarez, in person", "serial number 4C530001", "EXPORT-2026-0001", office.package().manifest[:20], "Received"):
        assert told in said, told


def test_linux_tells_which_disk_a_folder_lies_on(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    usb = tmp_path / "sys" / "devices" / "usb1" / "1-1"
    disk = usb / "host0" / "block" / "sda" / "sda1"
    disk.mkdir(parents=True)
    (disk.parent / "device").mkdir()
    (disk.parent / "device" / "model").write_text("Ultra  USB 3.0 \n")
    (disk.parent / "device" / "vendor").write_text("SanDisk \n")
    (usb / "serial").write_text("4C530001\n")
    there = tmp_path / "sys" / "dev" / "block"
    there.mkdir(parents=True)
    (there / f"{os.major(device)}:{os.minor(device)}").symlink_to(disk)
    assert medium_at(tmp_path, tmp_path / "sys") == Medium("SanDisk Ultra USB 3.0", "4C530001")
    assert medium_at(tmp_path, tmp_path / "nowhere") == Medium("", "")
