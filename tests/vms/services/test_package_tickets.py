"""A package leaves by download: a ticket of somebody who may let it go, its passphrase, so many downloads, until its day."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.factories import done, refused
from tests.vms.services.requesting import at_work
from tests.vms.services.test_package_jobs import Office, a_plan, an_office, to_redact
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.made_package import READY_LASTS, PackageState
from vms.domain.outcome import Refusal, Refused
from vms.domain.package_release import Medium
from vms.domain.package_ticket import MOST_TICKETS, TICKET_LASTS
from vms.domain.people import Person
from vms.domain.request import RequestAct, RequestState
from vms.errors import Conflict, InvalidInput
from vms.services import package_tickets, redactions
from vms.services.package_gate import verify_package
from vms.services.package_jobs import folder_of
from vms.services.package_release import Handover, release_by_hand
from vms.services.package_sealing import opened
from vms.services.package_tickets import Download, DownloadMark, NewTicket
from vms.store import package_releases
from vms.store.database import Engines

S = RequestState
FOR = "Det. R. Alvarez"


@pytest.fixture
def office(central_sqlite: Engines, settings: Settings) -> Office:
    made = an_office(central_sqlite, settings, delivery=Delivery.DOWNLOAD)
    made.ready()
    return made


def _hand_out(office: Office, by: Person | None = None, recipient: str = FOR) -> NewTicket | Refused:
    at = office.clock.now()
    with office.hub.central.writing() as session:
        return package_tickets.hand_out(session, office.settings, by or office.director, office.request.id, recipient, at=at)


def _take_back(office: Office) -> int:
    with office.hub.central.writing() as session:
        return done(package_tickets.take_back(session, office.settings, office.director, office.request.id, at=office.clock.now()))


def _begin(office: Office, new: NewTicket, passphrase: str | None = None) -> Download | Refused:
    typed = new.passphrase if passphrase is None else passphrase
    mark = DownloadMark(office.settings)
    with office.hub.central.writing() as session:
        at = office.clock.now()
        try:
            return package_tickets.begin(session, office.settings, new.ticket.number, typed, mark=mark, address="192.0.2.7", at=at)
        finally:
            mark.over()  # as if its process were gone


def _end(office: Office, download: Download, octets: int, *, whole: bool) -> None:
    with office.hub.central.writing() as session:
        package_tickets.end(session, office.settings, download, octets, whole=whole, at=office.clock.now())


def _goes_on(office: Office, download: Download) -> bool:
    with office.hub.central.reading() as session:
        return package_tickets.may_go_on(session, download, at=office.clock.now())


@pytest.mark.slow
def test_what_is_downloaded_is_the_package_which_lies_encrypted_until_then(central: Engines, settings: Settings, tmp_path: Path) -> None:
    office = an_office(central, settings, delivery=Delivery.DOWNLOAD)
    package = office.ready()
    there = folder_of(settings, package)
    assert [one.name for one in there.parent.iterdir()] == ["EXPORT-2026-0001.zip.age"]
    assert (office.now().state, b"manifest.json" in there.read_bytes()) == (S.READY, False)
    new = done(_hand_out(office))
    assert office.now().state is S.DISCLOSED
    download = done(_begin(office, new))
    with opened(download.file, download.identity) as read:
        octets = b"".join(iter(lambda: read.read(1 << 16), b""))
    _end(office, download, len(octets), whole=True)
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        archive.extractall(tmp_path)
    assert {one.outcome for one in verify_package(tmp_path / "EXPORT-2026-0001", None)} <= {"PASS", "WARN"}
    told = office.logged(Action.EXPORT_DOWNLOAD)
    assert [(one["step"], one["ticket"]) for one in told] == [(step, told[0]["ticket"]) for step in ("begun", "sent whole")]
    assert (told[0]["address"], told[1]["octets"]) == ("192.0.2.7", str(len(octets)))


def test_the_passphrase_is_in_no_table_and_no_log(office: Office) -> None:
    new = done(_hand_out(office))
    done(_begin(office, new))
    plain = new.passphrase.replace("-", "")
    with office.hub.central.reading() as session:
        tables = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        told = [repr(row) for table in tables for row in session.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608 - our own names
    assert len(told) > 20
    assert not [one for one in told if new.passphrase in one or plain in one]
    assert FOR not in json.dumps(office.logged(Action.EXPORT_TICKET) + office.logged(Action.EXPORT_DOWNLOAD))


def test_neither_who_entered_it_nor_a_proof_of_yesterday_nor_the_desk_hands_out_a_ticket(office: Office) -> None:
    answers = [
        refused(_hand_out(office, office.people.desk)),
        refused(_hand_out(office, replace(office.director, proved_at=office.clock.now() - timedelta(minutes=6)))),
        refused(_hand_out(office, replace(office.director, id=office.people.desk.id))),
    ]
    assert [one.refusal for one in answers] == [Refusal.NOT_ALLOWED, Refusal.PROVE, Refusal.NOT_ALLOWED]
    assert office.now().state is S.READY
    with pytest.raises(InvalidInput, match="Say who is to download"):
        _hand_out(office, recipient="  ")


def test_no_ticket_without_an_approval_that_counts_and_says_download(office: Office, tmp_path: Path) -> None:
    handover = Handover(tmp_path, Medium("stick", ""), "somebody", "abc")
    by_hand = refused(
        release_by_hand(office.hub.central, office.settings, office.director, office.request.id, handover, clock=office.clock)
    )
    assert "approved to leave as download, not by-hand" in by_hand.sentence
    office.act(RequestAct.REVOKE)
    refused(_hand_out(office))
    assert office.logged(Action.EXPORT_TICKET) == []


@pytest.mark.slow
def test_what_was_redacted_and_nobody_looked_over_gets_no_ticket(central_sqlite: Engines, settings: Settings) -> None:
    office = an_office(central_sqlite, settings, delivery=Delivery.DOWNLOAD)
    with central_sqlite.writing() as session:
        to_redact(office, session)
        done(redactions.add_plan(session, settings, office.director, office.request.id, a_plan(office), at=office.clock.now()))
    assert office.ready().state is PackageState.READY
    assert office.now().state is RequestState.REDACTING
    assert "can't be handed over now" in refused(_hand_out(office)).sentence


def test_a_package_that_is_to_leave_by_hand_gets_no_ticket(central_sqlite: Engines, settings: Settings) -> None:
    office = an_office(central_sqlite, settings)
    office.ready()
    assert "approved to leave as by-hand, not download" in refused(_hand_out(office)).sentence


def test_a_wrong_passphrase_and_a_ticket_that_never_was_get_one_answer(office: Office) -> None:
    new = done(_hand_out(office))
    never = replace(new, ticket=replace(new.ticket, number="0000000000"))
    _take_back(office)
    answers = {refused(_begin(office, new, "wrong")), refused(_begin(office, never)), refused(_begin(office, new, ""))}
    assert answers == {package_tickets.WRONG}
    assert "taken back" in refused(_begin(office, new)).sentence


def test_typed_with_spaces_and_capitals_it_opens_all_the_same(office: Office) -> None:
    new = done(_hand_out(office))
    done(_begin(office, new, new.passphrase.replace("-", " ").upper()))


def test_a_ticket_allows_so_many_downloads(office: Office) -> None:
    office.settings = office.settings.model_copy(update={"ticket_downloads": 2})
    new = done(_hand_out(office))
    first = done(_begin(office, new))
    _end(office, first, 7, whole=False)
    done(_begin(office, new))
    over = refused(_begin(office, new))
    assert (over.refusal, "downloaded 2 times" in over.sentence) == (Refusal.NOT_ALLOWED, True)


def test_two_who_come_at_once_for_the_last_download_get_one(central: Engines, settings: Settings) -> None:
    office = an_office(central, settings.model_copy(update={"ticket_downloads": 1}), delivery=Delivery.DOWNLOAD)
    office.ready()
    new, together = done(_hand_out(office)), threading.Barrier(2)
    answers: list[Download | Refused] = []

    def come() -> None:
        together.wait(10)
        answers.append(_begin(office, new))

    both = [threading.Thread(target=come) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert sorted(type(one).__name__ for one in answers) == ["Download", "Refused"]


def test_a_ticket_ends_on_its_day_with_its_package_or_when_it_is_taken_back(office: Office) -> None:
    new = done(_hand_out(office))
    assert new.ticket.until == office.clock.now() + TICKET_LASTS
    download = done(_begin(office, new))
    assert _goes_on(office, download)
    assert _take_back(office) == 1
    assert (_goes_on(office, download), _take_back(office)) == (False, 0)
    again = done(_hand_out(office))
    download = done(_begin(office, again))
    office.clock.step(TICKET_LASTS + timedelta(hours=1))
    over = refused(_begin(office, again))
    assert (over.refusal, _goes_on(office, download)) == (Refusal.GONE, False)
    late = done(_hand_out(office, at_work(office.people.director, office.clock.now())))
    assert late.ticket.until == office.package().leaves_until(office.request.scope.terms) < office.clock.now() + TICKET_LASTS


def test_a_package_has_so_many_tickets_and_no_more(office: Office) -> None:
    for _ in range(MOST_TICKETS):
        done(_hand_out(office))
    with pytest.raises(Conflict, match=f"had {MOST_TICKETS} tickets"):
        _hand_out(office)


def test_the_package_stays_while_a_ticket_counts_and_goes_once_it_was_downloaded(office: Office) -> None:
    new = done(_hand_out(office))
    _end(office, done(_begin(office, new)), 99, whole=True)
    office.make()
    assert office.package().state is PackageState.READY
    _take_back(office)
    office.make()
    assert (office.package().state, office.package().sentence, office.there()) == (PackageState.GONE, "It was handed over.", [])
    refused(_begin(office, new))


def test_a_download_that_broke_off_is_none_that_was_handed_over(office: Office) -> None:
    download = done(_begin(office, done(_hand_out(office))))
    _end(office, download, 99, whole=False)
    with office.hub.central.reading() as session:
        release = package_releases.newest_of(session, office.request.id)
        assert release is not None
        assert release.read_back_at is None


def test_what_nobody_downloaded_goes_after_its_days(office: Office) -> None:
    done(_hand_out(office))
    office.clock.step(READY_LASTS - timedelta(hours=1))
    office.hub.sign_log()
    office.make()
    assert office.package().state is PackageState.READY
    office.clock.step(timedelta(days=1, hours=2))
    office.hub.sign_log()
    office.make()
    assert (office.package().state, office.package().sentence) == (PackageState.GONE, "It was not handed over in time.")
    assert "no package" in refused(_hand_out(office, at_work(office.people.director, office.clock.now()))).sentence


def test_a_package_without_the_key_of_its_request_is_handed_to_nobody(office: Office) -> None:
    for key in office.settings.secrets_dir.glob("*.key"):
        key.unlink()
    with pytest.raises(Exception, match="no key"):
        _hand_out(office)
    assert office.now().state is S.READY


def _written_down(office: Office) -> int:
    with office.hub.central.reading() as session:
        if not package_tickets.any_cut_off(session, office.settings):
            return 0
    with office.hub.central.writing() as session:
        return package_tickets.write_down_cut_off(session, office.settings, at=office.clock.now())


def test_a_download_whose_process_is_gone_is_ended_as_cut_off_and_one_that_goes_on_is_not(office: Office) -> None:
    new = done(_hand_out(office))
    mark = DownloadMark(office.settings)
    with office.hub.central.writing() as session:
        typed, at = new.passphrase, office.clock.now()
        done(package_tickets.begin(session, office.settings, new.ticket.number, typed, mark=mark, address="192.0.2.7", at=at))
    assert _written_down(office) == 0
    done(_begin(office, new))
    assert (_written_down(office), _written_down(office)) == (1, 0)
    mark.over()
    assert (_written_down(office), _written_down(office)) == (1, 0)
    steps = [(one["step"], one.get("octets")) for one in office.logged(Action.EXPORT_DOWNLOAD)]
    assert sorted(steps, key=str) == [("begun", None), ("begun", None), ("cut off", "unknown"), ("cut off", "unknown")]
    with office.hub.central.reading() as session:
        rows = session.execute(text("SELECT ended_at IS NOT NULL, octets, whole FROM package_download")).all()
        assert [tuple(row) for row in rows] == [(1, 0, 0), (1, 0, 0)]
