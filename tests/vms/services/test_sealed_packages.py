"""The package of a sealed request: it waits for the checkpoint that comes anyway, and whoever is handed it checks the one sealed entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.factories import CONSOLE, done
from tests.vms.services.packaging import AT
from tests.vms.services.requesting import a_new_request, in_order
from tests.vms.services.sealing import KEY, numbers, seal
from tests.vms.services.test_package_jobs import Damaged, Office, a_plan, an_office, to_redact
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.export_scope import Delivery
from vms.domain.ids import MatterId
from vms.domain.made_package import MadePackage, PackageState
from vms.domain.package_release import Medium
from vms.domain.request import RequestAct, RequestState
from vms.services import package_tickets, redactions
from vms.services.approvals import approve
from vms.services.log_proof import sign_checkpoint
from vms.services.log_verify import verify_log
from vms.services.package_gate import verify_package
from vms.services.package_jobs import anything_to_do, ask_package, folder_of
from vms.services.package_release import Handover, release_by_hand
from vms.services.requests import enter
from vms.services.sealed_log import Matter, destroy_matter, open_matter, read_sealed
from vms.services.sealed_requests import unseal
from vms.store import access_log, access_tree, made_packages, package_releases
from vms.store import package_tickets as package_tickets_stored
from vms.store.database import Engines
from vms.store.failpoints import arm
from vms.store.sealed_texts import UNREADABLE

S = RequestState


def _an_office(central: Engines, settings: Settings, delivery: Delivery = Delivery.BY_HAND) -> Office:
    """A district with an approved sealed request, all of whose entries are signed so far: the next checkpoint has room."""
    office = an_office(central, settings, delivery=delivery, sealed=True)
    while None in numbers(central):
        office.hub.sign_log()
    return office


def _waiting(office: Office) -> MadePackage:
    """Have the package made, up to where it waits for the log."""
    office.ask()
    (package,) = office.make()
    assert (package.state, office.now().state) == (PackageState.PROVING, S.PREPARING), package.sentence
    return package


def _ready(office: Office) -> MadePackage:
    _waiting(office)
    office.hub.sign_log()
    (package,) = office.make()
    assert (package.state, package.sentence) == (PackageState.READY, "")
    return package


def _ordinary(office: Office) -> list[AccessEvent]:
    with office.hub.central.reading() as session:
        return list(access_log.find(session, "district", None, access_log.Filter(), limit=500))


def _checkpoint(office: Office) -> int:
    with office.hub.central.reading() as session:
        newest = access_tree.newest_checkpoint(session, "district")
    return 0 if newest is None else newest.size


def _in_the_database(office: Office, *words: str) -> list[str]:
    """Return which of these words stand in the database's files."""
    octets = b"".join(path.read_bytes() for path in office.settings.central_path.parent.glob(f"{office.settings.central_path.name}*"))
    return [word for word in words if word.encode() in octets]


def _matter(office: Office) -> Matter:
    request = office.now()
    assert request.seal is not None
    return open_matter(office.settings, request.seal.matter)


def _acts(office: Office) -> list[Action]:
    with office.hub.central.writing() as session:
        page = read_sealed(session, _matter(office), actor=CONSOLE, at=AT)
        session.rollback()
    return [line.action for line in reversed(page.lines) if isinstance(line, AccessEvent)]


def _outcomes(office: Office, package: MadePackage) -> dict[str, tuple[str, str]]:
    return {one.check: (one.outcome, one.detail) for one in verify_package(folder_of(office.settings, package), None)}


@pytest.fixture
def office(central_sqlite: Engines, settings: Settings) -> Office:
    return _an_office(central_sqlite, settings)


@pytest.mark.slow
def test_it_is_ready_once_the_log_was_signed_in_its_turn_and_verifies(central: Engines, settings: Settings) -> None:
    office = _an_office(central, settings)
    before, signed = _ordinary(office), _checkpoint(office)
    package = _waiting(office)
    assert _outcomes(office, package)["log"][0] == "FAIL", "its proof is not there yet"
    assert (_ordinary(office), _checkpoint(office)) == (before, signed), "nothing ordinary is written, and nothing is signed out of turn"
    with central.reading() as session:
        assert not anything_to_do(settings, session, at=office.clock.now())
    assert office.make() == []
    office.hub.sign_log()
    with central.reading() as session:
        assert anything_to_do(settings, session, at=office.clock.now())
    (package,) = office.make()
    assert (package.state, office.now().state, package.files, len(package.manifest)) == (PackageState.READY, S.READY, 1, 64)
    outcomes = _outcomes(office, package)
    assert {one for one, _ in outcomes.values()} <= {"PASS", "WARN"}
    assert outcomes["log"] == ("PASS", outcomes["log"][1])
    assert outcomes["log"][1].endswith("; it is sealed in the log")
    assert _acts(office)[-3:] == [Action.EXPORT_PACKAGE, Action.EXPORT_ADVANCE, Action.EXPORT_ADVANCE]
    assert _ordinary(office) == before
    with central.reading() as session:
        assert verify_log(session, KEY).ok


@pytest.mark.slow
def test_its_proof_tells_neither_matter_nor_position_nor_any_other_entry(office: Office) -> None:
    package = _ready(office)
    folder = folder_of(office.settings, package)
    entry = json.loads((folder / "log" / "entry.json").read_bytes())
    assert sorted(entry) == ["body", "opening", "rest"]
    assert json.loads(entry["body"])["detail"]["manifest"] == package.manifest
    matter = _matter(office)
    for path in (one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        assert matter.key not in content
        assert matter.id.encode() not in content
        assert bytes.fromhex(matter.id) not in content


@pytest.mark.slow
def test_one_whose_entry_finds_no_room_in_a_checkpoint_waits_for_the_next(office: Office) -> None:
    seal(office.hub.central, 40)
    _waiting(office)
    made = 0
    while not office.make():
        with office.hub.central.writing() as session:
            sign_checkpoint(session, KEY, at=AT)
        made += 1
    assert (office.package().state, made > 2) == (PackageState.READY, True)


@pytest.mark.slow
def test_one_that_is_revoked_while_it_waits_goes(office: Office) -> None:
    _waiting(office)
    office.act(RequestAct.REVOKE)
    with office.hub.central.reading() as session:
        assert anything_to_do(office.settings, session, at=office.clock.now())
    office.make()
    assert (office.package().state, office.there()) == (PackageState.GONE, [])


@pytest.mark.slow
def test_one_whose_seal_is_lifted_while_it_waits_is_made_anew_with_an_ordinary_entry(office: Office) -> None:
    waiting = _waiting(office)
    with office.hub.central.writing() as session:
        at = office.clock.now()
        done(unseal(session, office.settings, office.director, office.request.id, f"{at:%Y-%m-%d}", "the order ended", at=at))
    packages = office.make()
    assert [one.state for one in packages] == [PackageState.WAITING, PackageState.READY]
    assert (waiting.log_position is None, packages[1].log_position) == (False, None)
    (entry,) = office.logged(Action.EXPORT_PACKAGE)
    assert entry["manifest"] == packages[1].manifest


def _makes(step: str) -> Callable[[Office], object]:
    def run(office: Office) -> object:
        arm(step)
        return office.make()

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delivery", "step"),
    [
        (Delivery.BY_HAND, "package:proved"),
        (Delivery.DOWNLOAD, "package:proved"),
        (Delivery.DOWNLOAD, "package:encrypted"),  # folder and encrypted file lie beside each other
    ],
)
def test_a_kill_before_and_after_its_proof_leaves_nothing_in_the_clear_that_should_not_be(
    central_sqlite: Engines, settings: Settings, delivery: Delivery, step: str
) -> None:
    office = _an_office(central_sqlite, settings, delivery)
    office.ask()
    office.killed(_makes("package:built"))
    assert office.package().state is PackageState.MAKING
    assert [one.state for one in office.make()] == [PackageState.PROVING]
    office.hub.sign_log()
    office.killed(_makes(step))
    assert office.package().state is PackageState.PROVING
    made = office.make()
    if delivery is Delivery.DOWNLOAD:  # what opened the encrypted file died with the process
        assert [one.state for one in made] == [PackageState.WAITING, PackageState.PROVING]
        office.hub.sign_log()
        made = office.make()
    (package,) = made
    assert package.state is PackageState.READY
    there = sorted(one.name for one in folder_of(settings, package).parent.iterdir())
    assert there == [package.folder]
    assert package.folder.endswith(".zip.age") == (delivery is Delivery.DOWNLOAD)


def test_without_the_key_of_its_matter_it_fails_and_no_other_package_waits_for_it(
    central_sqlite: Engines, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    office = _an_office(central_sqlite, settings)
    office.ask()
    with central_sqlite.writing() as session:
        plain = done(enter(session, settings, office.people.desk, a_new_request(office.request.scope.footage), at=AT))
        in_order(session, settings, office.director, plain, at=AT)
        done(approve(session, settings, office.director, plain.id, plain.sha256, at=AT))
        done(ask_package(session, settings, office.director, plain.id, at=AT))
    assert office.request.seal is not None
    destroy_matter(settings, MatterId(office.request.seal.matter))
    office.source.segments.clear()
    office.make()
    with central_sqlite.reading() as session:
        other = made_packages.newest_of(session, plain.id)
    assert other is not None
    assert (office.package().state, "Put secrets/ back" in office.package().sentence) == (PackageState.FAILED, True)
    assert (other.state, other.sentence) == (PackageState.GONE, "Nothing of what was asked for is there.")
    assert office.request.number not in "".join(capsys.readouterr())


@pytest.mark.slow
@pytest.mark.parametrize("step", ["package:built", "package:proved"])
def test_one_whose_key_goes_on_the_way_waits_for_it_and_no_log_of_the_service_tells(
    office: Office, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    key = office.settings.secrets_dir / f"{office.request.matter}.key"
    away = office.settings.data_dir / "key"
    if step == "package:proved":
        _waiting(office)
        office.hub.sign_log()
    else:
        office.ask()

    def lose_the_key() -> None:
        if key.exists():
            key.replace(away)

    arm(step, lose_the_key)
    try:
        office.make()
    finally:
        arm("")
    assert (office.package().state, office.package().sentence) == (PackageState.PROVING, "")
    assert office.make() == []
    away.replace(key)
    office.hub.sign_log()
    assert [one.state for one in office.make()] == [PackageState.READY]
    assert office.request.number not in "".join(capsys.readouterr())


@pytest.mark.slow
def test_what_was_redacted_of_it_is_looked_over_once_it_is_proved(office: Office) -> None:
    before = _ordinary(office)
    with office.hub.central.writing() as session:
        to_redact(office, session)
        done(redactions.add_plan(session, office.settings, office.director, office.request.id, a_plan(office), at=AT))
    office.ask()
    (package,) = office.make()
    assert (package.state, package.sentence) == (PackageState.PROVING, "")
    while office.package().state is PackageState.PROVING:
        office.hub.sign_log()
        office.make()
    assert (office.package().state, office.now().state) == (PackageState.READY, S.REDACTING), office.package().sentence
    with office.hub.central.writing() as session:
        found = done(redactions.redaction_for(session, office.settings, office.director, office.request.id, at=AT))
        sha256, plan = found.request.sha256, found.plan.plan_sha256
        done(redactions.approve(session, office.settings, office.director, office.request.id, sha256, plan, at=AT))
    assert office.now().state is S.READY
    assert {outcome for outcome, _ in _outcomes(office, office.package()).values()} <= {"PASS", "WARN"}
    assert _ordinary(office) == before


@pytest.mark.slow
def test_a_finished_one_whose_key_is_gone_stays_and_no_other_waits_for_it(office: Office) -> None:
    _ready(office)
    office.act(RequestAct.REVOKE)
    destroy_matter(office.settings, _matter(office).id)
    with office.hub.central.reading() as session:
        assert not anything_to_do(office.settings, session, at=office.clock.now())
    office.make()
    assert office.package().state is PackageState.READY


@pytest.mark.slow
def test_what_it_could_not_be_made_for_is_told_to_the_named_alone(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = Damaged()
    damaged.segments, damaged.made = office.source.segments, office.source.made
    office.ask()
    before = _ordinary(office)
    (package,) = office.make(lambda _: nullcontext(damaged))
    assert package.state is PackageState.FAILED
    assert "package not made" not in "".join(capsys.readouterr())
    assert _ordinary(office) == before


@pytest.mark.slow
def test_it_leaves_by_hand_and_no_ordinary_entry_tells(office: Office, tmp_path: Path) -> None:
    _ready(office)
    before = _ordinary(office)
    handover = Handover(tmp_path, Medium("SanDisk Ultra", "4C530001"), "Det. R. Alvarez")
    done(release_by_hand(office.hub.central, office.settings, office.director, office.request.id, handover, clock=office.clock))
    (copied,) = tmp_path.glob("EXPORT-*")
    assert {one.outcome for one in verify_package(copied, None)} <= {"PASS", "WARN"}
    assert office.now().state is S.DISCLOSED
    office.make()
    assert (office.package().state, office.there()) == (PackageState.GONE, [])
    assert _ordinary(office) == before
    assert _acts(office)[-3:] == [Action.EXPORT_RELEASE, Action.EXPORT_RELEASE, Action.EXPORT_PURGE]
    assert _in_the_database(office, "Det. R. Alvarez", "4C530001", "SanDisk") == []
    with office.hub.central.reading() as session:
        release = package_releases.newest_of(session, office.request.id)
    assert release is not None
    assert (release.taken_by, str(release.medium)) == (handover.taken_by, str(handover.medium))


@pytest.mark.slow
def test_it_leaves_by_download_and_no_ordinary_entry_tells(central_sqlite: Engines, settings: Settings) -> None:
    office = _an_office(central_sqlite, settings, Delivery.DOWNLOAD)
    _ready(office)
    before, at = _ordinary(office), office.clock.now()
    with central_sqlite.writing() as session:
        new = done(package_tickets.hand_out(session, settings, office.director, office.request.id, "Det. R. Alvarez", at=at))
    mark = package_tickets.DownloadMark(settings)
    with central_sqlite.writing() as session:
        number, passphrase = new.ticket.number, new.passphrase
        done(package_tickets.begin(session, settings, number, passphrase, mark=mark, address="192.0.2.7", at=at))
    mark.over()
    with central_sqlite.writing() as session:
        assert package_tickets.write_down_cut_off(session, settings, at=at) == 1
    assert _ordinary(office) == before
    assert _acts(office)[-2:] == [Action.EXPORT_DOWNLOAD] * 2
    assert _in_the_database(office, "Det. R. Alvarez", "192.0.2.7") == []
    with central_sqlite.reading() as session:
        assert [one.recipient for one in package_tickets_stored.of_request(session, office.request.id)] == ["Det. R. Alvarez"]
    destroy_matter(settings, office.request.matter)
    with central_sqlite.reading() as session:
        assert [one.recipient for one in package_tickets_stored.of_request(session, office.request.id)] == [UNREADABLE]
