"""The month's certificate of deletion: what stands in it, that it is signed, made once and drawn alike each time, and who may have it."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from pydantic import TypeAdapter
from pypdf import PdfReader

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_hub_that_ran, a_person, done, elsewhere, refused
from vms.crypto import is_signed, sign
from vms.domain.access import Action
from vms.domain.camera import CameraDetails
from vms.domain.checkpoint import VerifierKey, read_note, signatures_by, signed_note
from vms.domain.deletion_certificate import CameraLeft, CameraPurges, DeletionCertificate, Paused, PurgeMonth, signed_text
from vms.domain.ids import CameraId
from vms.domain.people import Role
from vms.domain.purge import PurgeHead
from vms.domain.timespan import ms_of
from vms.errors import Conflict, InvalidInput
from vms.services import deletion_certificates
from vms.services.access_log import record
from vms.services.certificate_pdf import certificate_pdf
from vms.services.certificate_verify import NO_EXPORT, NOT_READ, NOT_SHOWN, verify_certificate
from vms.services.deletion_certificates import (
    JOB,
    certificate_for,
    certificate_in,
    list_certificates,
    make,
    month_due,
    month_named,
    take_month,
)
from vms.services.district import District, save_district
from vms.services.log_export import export_log
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.nodes import register_node
from vms.services.purge_heads import note_head
from vms.services.records import counts_in, in_words
from vms.store import access_log, access_tree
from vms.store.database import Engines
from vms.store.deletion_certificates import StoredCertificate

KEY = LogKey(bytes(range(32)))
MARCH = month_named("2026-03")
APRIL = datetime(2026, 4, 1, 1, tzinfo=UTC)


@pytest.fixture
def cameras(central: Engines) -> list[CameraDetails]:
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder County", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        main = a_branch(session)
        return [
            a_camera(session, main, "Entrance"),
            a_camera(session, main, "Stairs"),
            a_camera(session, a_branch(session, "Łódź"), "Gate"),
        ]


def _told(*cameras: CameraId, paused: Paused | None = None) -> PurgeMonth:
    start = ms_of(NOW)
    return PurgeMonth(
        month="2026-03",
        told_at=APRIL,
        cameras=tuple(CameraPurges(one, 1000, 5 << 30, start + n, start + 60_000 + n, (1, 2), 10 * n) for n, one in enumerate(cameras)),
        left=(CameraLeft(cameras[0], 7, 0), CameraLeft(cameras[1], 0, 3), CameraLeft(cameras[2], 2, 0)),
        paused=paused,
        position=40,
        hash="ab" * 32,
        broken_at=None,
    )


def _made(central: Engines, cameras: list[CameraDetails], *, paused: Paused | None = None) -> StoredCertificate:
    node = cameras[0].device.node_id
    with central.writing() as session:
        record(session, actor=CONSOLE, action=Action.RECORD_PURGE, at=NOW, detail={"counts": in_words({"sessions": 1200, "mails": 3})})
        record(session, actor=CONSOLE, action=Action.RECORD_PURGE, at=APRIL, detail={"counts": in_words({"sessions": 5})})
        record(session, actor=CONSOLE, action=Action.LOG_ERASE, at=NOW, detail={"first": "3", "last": "9", "days": "760"})
        note_head(session, node, PurgeHead(39, bytes(32), 1, 1), at=NOW)
        note_head(session, node, PurgeHead(41, bytes(32), 1, 1), at=APRIL)
        take_month(session, node, _told(*(one.camera.id for one in cameras), paused=paused))
    with central.writing() as session:
        return make(session, KEY, JOB, MARCH, at=APRIL)


def _paper(stored: StoredCertificate) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(certificate_pdf(stored))).pages]


def test_it_says_what_went_what_is_left_and_where_the_purge_log_stands(central: Engines, cameras: list[CameraDetails]) -> None:
    told = certificate_in(_made(central, cameras).document)
    assert [(one.branch, one.segments, one.size_bytes, one.policy_versions) for one in told.branches] == [
        ("Main Street", 2000, 10 << 30, (1,)),
        ("Łódź", 1000, 5 << 30, (1,)),
    ]
    assert [one.early for one in told.branches] == [10, 20]
    assert (told.branches[0].last - told.branches[0].first) == timedelta(minutes=1, milliseconds=1)
    assert (told.records, told.log_entries, told.missing) == ({"mails": 3, "sessions": 1200}, 7, ())
    (machine,) = told.machines
    assert (machine.held_cameras, machine.held_segments, machine.overdue_segments) == (2, 9, 3)
    with central.reading() as session:
        found = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.PURGE_HEAD})), limit=9)
    assert machine.log_entry == next(one.number for one in found if one.detail["position"] == "41")


def test_nothing_in_it_names_a_camera_or_a_number_of_the_holds_clock(central: Engines, cameras: list[CameraDetails]) -> None:
    """Of a camera whose footage goes on being kept, a line that is missing would tell."""
    document = _made(central, cameras).document
    for one in cameras:
        assert str(one.camera.id) not in document
        assert one.camera.name not in document
    assert "seq" not in document


def test_it_is_signed_by_the_logs_key_and_the_log_has_its_digest(central: Engines, cameras: list[CameraDetails]) -> None:
    stored = _made(central, cameras)
    told = certificate_in(stored.document)
    text, _, _ = stored.note.rpartition("\n\n")
    assert text.splitlines() == [
        told.log,
        "certificate of deletion 2026-03",
        base64.b64encode(sha256(stored.document.encode()).digest()).decode(),
    ]
    (signature,) = signatures_by(stored.note, told.log, KEY.public)
    assert is_signed(KEY.public, f"{text}\n".encode(), signature)
    assert not is_signed(KEY.public, f"{text.replace('2026-03', '2026-04')}\n".encode(), signature)
    with pytest.raises(ValueError, match="no checkpoint"):
        read_note(stored.note)
    with central.reading() as session:
        (entry,) = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.DELETION_CERTIFY})), limit=9)
    assert entry.detail == {"month": "2026-03", "sha256": sha256(stored.document.encode()).hexdigest()}


def test_it_is_made_once_whatever_changes_afterwards(central: Engines, cameras: list[CameraDetails]) -> None:
    first = _made(central, cameras)
    with central.writing() as session:
        take_month(session, cameras[0].device.node_id, _told(*(one.camera.id for one in cameras[::-1])))
        record(session, actor=CONSOLE, action=Action.RECORD_PURGE, at=NOW, detail={"counts": "9 views"})
        assert make(session, KEY, CONSOLE, MARCH, at=APRIL + timedelta(days=90)) == first
    assert certificate_pdf(first) == certificate_pdf(first)


def test_a_reader_of_somebody_else_finds_it_on_paper_in_plain_words(central: Engines, cameras: list[CameraDetails]) -> None:
    paused = Paused(NOW, "A disk does not let go.")
    first, *rest = _paper(_made(central, cameras, paused=paused))
    assert "Certificate of deletion, March 2026" in first
    assert "From 1 March 2026 up to 1 April 2026, by UTC, Alder County destroyed 3,000 segments of recorded footage, 15.0 GiB" in first
    assert "whose retention window was over, but for 30 that went before: the disks were full" in first
    assert "by kind: 3 mails, 1,200 sessions. Of 7 numbers of the access log the texts were erased." in first
    assert "legal holds kept 9 segments of 2 cameras past their window" in first
    assert "3 segments were past their window and should have been gone" in first
    assert "Deletion was paused since 2026-03-14 15:09:26 UTC: A disk does not let go." in first
    whole = " ".join([first, *rest])
    assert "Main Street 2,000" in whole
    assert "?ód?" in whole, "letters that the standard fonts lack"
    assert sha256(_made(central, cameras).document.encode()).hexdigest() in whole.replace(" ", "")


def test_a_month_is_certified_once_it_is_over_and_told(central: Engines, cameras: list[CameraDetails]) -> None:
    with central.writing() as session:
        a_hub_that_ran(session, at=APRIL)
        other = register_node(session, name="other", public_key=bytes(range(32)), at=NOW)
        for at, why in ((NOW, "not over yet"), (APRIL, "branch-server, other has not told March 2026 yet")):
            with pytest.raises(Conflict, match=why):
                make(session, KEY, JOB, MARCH, at=at)
        take_month(session, cameras[0].device.node_id, _told(*(one.camera.id for one in cameras)))
        assert month_due(session, at=APRIL) is None
        take_month(session, other.id, _told(*(one.camera.id for one in cameras)))
        assert month_due(session, at=APRIL) == MARCH
        make(session, KEY, JOB, MARCH, at=APRIL)
        assert month_due(session, at=APRIL) is None


def test_a_machine_that_stays_away_is_named_after_a_week(central: Engines, cameras: list[CameraDetails]) -> None:
    del cameras
    later = APRIL + timedelta(days=7)
    with central.writing() as session:
        a_hub_that_ran(session, at=later)
        assert month_due(session, at=later) == MARCH
        told = certificate_in(make(session, KEY, JOB, MARCH, at=later).document)
    assert (told.missing, told.machines, told.branches) == (("branch-server",), (), ())


def test_a_clock_that_leapt_certifies_nothing(central: Engines, cameras: list[CameraDetails]) -> None:
    with central.writing() as session:
        a_hub_that_ran(session, at=APRIL)
        take_month(session, cameras[0].device.node_id, _told(*(one.camera.id for one in cameras)))
        assert month_due(session, at=APRIL + timedelta(days=400)) is None


def test_it_is_for_who_checks_the_whole_district(central: Engines, cameras: list[CameraDetails]) -> None:
    made = _made(central, cameras)
    with central.writing() as session:
        auditor, director = a_person(session, Role.AUDITOR), a_person(session, Role.DIRECTOR)
        assert done(certificate_for(session, auditor, "2026-03")) == made
        assert list_certificates(session, auditor) == ["2026-03"]
        refused(certificate_for(session, auditor, "2026-02"))
        somewhere = elsewhere(director, cameras[0].branch.id)
        refused(certificate_for(session, somewhere, "2026-03"))
        assert list_certificates(session, somewhere) == []


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-3", "202603", "2026-03-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no month"):
        deletion_certificates.month_named(text)


def test_counts_are_read_back_as_they_were_told() -> None:
    counts = {"views": 1_234_567, "spot_checks": 1}
    assert counts_in(in_words(counts)) == counts


def test_the_json_is_plain_and_whole(central: Engines, cameras: list[CameraDetails]) -> None:
    told = json.loads(_made(central, cameras).document)
    assert (told["district"], told["month"], told["machines"][0]["hash"]) == ("Alder County", "2026-03", "ab" * 32)


# Verified by somebody who has the files and the key, and nothing else.


def _handed_out(central: Engines, *, of: frozenset[Action] | None = None) -> tuple[VerifierKey, list[str]]:
    """Return the key of the log as others know it, and an export of the log."""
    with central.writing() as session:
        sign_checkpoint(session, KEY, at=APRIL)
        auditor = a_person(session, Role.AUDITOR)
        export = done(export_log(session, auditor, access_log.Filter(actions=of), at=APRIL))
        log = access_tree.log_of(session, "district")
    assert log is not None
    return VerifierKey(log.name, KEY.public), list(export.lines)


def test_a_certificate_is_verified_by_its_files_and_the_key_alone(central: Engines, cameras: list[CameraDetails]) -> None:
    stored = _made(central, cameras)
    key, export = _handed_out(central)
    report = verify_certificate(stored.document, stored.note, key)
    assert (report.findings, report.compared, report.unseen) == ((), (), (NO_EXPORT, NOT_SHOWN))
    entry = certificate_in(stored.document).machines[0].log_entry
    report = verify_certificate(stored.document, stored.note, key, export)
    assert (report.findings, report.unseen) == ((), (NOT_SHOWN,))
    assert "says that this file was signed" in report.compared[0]
    assert report.compared[1] == f"Entry {entry} has the purge log of branch-server behind position 40; its chain is checked there."


def test_whatever_is_changed_in_a_certificate_its_note_or_its_key_is_found(central: Engines, cameras: list[CameraDetails]) -> None:
    stored = _made(central, cameras)
    key, _ = _handed_out(central)
    other = replace(stored, document=stored.document.replace('"segments": 2000', '"segments": 2001'))
    text = signed_text(key.name, "2026-03", other.document)
    forged = signed_note(text, key.name, KEY.public, sign(bytes(range(1, 33)), text.encode()))
    assert other != stored
    for document, note, by, why in (
        (other.document, stored.note, key, "not the one that was signed"),
        (stored.document + " ", stored.note, key, "not the one that was signed"),
        (other.document, forged, key, "not signed by this key"),
        (stored.document, stored.note, VerifierKey(key.name, bytes(32)), "not signed by this key"),
        (stored.document, stored.note, VerifierKey("log.example/other", KEY.public), "not signed by this key"),
        (stored.document, "", key, "not signed by this key"),
        (stored.document.replace('"month": "2026-03"', '"month": "2026-02"'), stored.note, key, "not the one that was signed"),
        ("[" * 100_000, stored.note, key, "not the one that was signed"),
        (stored.document, _checkpoint(central), key, "not the one that was signed"),
    ):
        report = verify_certificate(document, note, by, ["{}"])
        assert (report.certificate, report.compared, report.unseen) == (None, (), (NOT_READ,)), "nothing of it is read"
        (finding,) = report.findings
        assert why in finding


def _checkpoint(central: Engines) -> str:
    with central.reading() as session:
        newest = access_tree.newest_checkpoint(session, "district")
    assert newest is not None
    return newest.note


def test_what_was_signed_and_is_no_certificate_to_show_is_refused(central: Engines, cameras: list[CameraDetails]) -> None:
    told = certificate_in(_made(central, cameras).document)
    key, _ = _handed_out(central)
    (machine,), (branch, *_) = told.machines, told.branches
    digits = int("9" * 4300)
    for changed in (
        replace(told, month="2026-02"),
        replace(told, district="Alder\x1b[2J"),
        replace(told, machines=(replace(machine, machine="branch\u202eserver"),)),
        replace(told, machines=(replace(machine, log_entry=digits),)),
        replace(told, branches=(replace(branch, segments=digits), replace(branch, segments=digits))),
    ):
        document = TypeAdapter(DeletionCertificate).dump_json(changed).decode()
        with pytest.raises(InvalidInput, match=r"is not shown|another month"):
            verify_certificate(document, _note(key, document), key)
    for nothing in ("", "{}", "[" * 100_000, f'{{"log_entries": {"9" * 5000}}}'):
        with pytest.raises(InvalidInput, match="no certificate"):
            verify_certificate(nothing, _note(key, nothing), key)


def _note(key: VerifierKey, document: str) -> str:
    text = signed_text(key.name, "2026-03", document)
    return signed_note(text, key.name, KEY.public, sign(KEY.private, text.encode()))


def test_a_certificate_that_the_access_log_does_not_bear_out_is_found(central: Engines, cameras: list[CameraDetails]) -> None:
    """By whoever has the key: then the log, of which others hold checkpoints, still says what was signed."""
    stored = _made(central, cameras)
    with central.writing() as session:
        note_head(session, cameras[0].device.node_id, PurgeHead(40, bytes(32), 1, 1), at=APRIL)
    key, export = _handed_out(central)
    told = certificate_in(stored.document)
    (machine,) = told.machines
    found = []
    for changed in (
        replace(told, log_entries=8),
        replace(told, machines=(replace(machine, position=42),)),
        replace(told, machines=(replace(machine, log_entry=1),)),
        replace(told, machines=(replace(machine, machine="another"),)),
        told,
    ):
        document = TypeAdapter(DeletionCertificate).dump_json(changed).decode()
        found.append(verify_certificate(document, _note(key, document), key, export).findings)
    assert all("says that another file was signed for 2026-03" in one[0] for one in found)
    assert [one[1].partition(" ")[2].partition(" ")[2] for one in found[1:4]] == [
        "does not say that the purge log of branch-server had position 42.",
        "does not say that the purge log of branch-server had position 40.",
        "does not say that the purge log of another had position 40.",
    ]
    assert "says another hash of position 40 of the purge log of branch-server" in found[4][1], "the month was told another"


def test_what_an_export_lacks_is_said_and_an_export_that_was_changed_is_found(central: Engines, cameras: list[CameraDetails]) -> None:
    stored = _made(central, cameras)
    key, export = _handed_out(central, of=frozenset({Action.RECORD_PURGE}))
    entry = certificate_in(stored.document).machines[0].log_entry
    report = verify_certificate(stored.document, stored.note, key, export)
    assert (report.findings, report.compared) == ((), ())
    assert report.unseen == (
        "Whether the access log says that this file was signed: the export has no deletion:certify of 2026-03.",
        f"Where the purge log of branch-server stood: the export lacks entry {entry}.",
        NOT_SHOWN,
    )
    changed = [line.replace("1,200 sessions", "1,201 sessions") for line in export]
    assert changed != export
    (finding,) = verify_certificate(stored.document, stored.note, key, changed).findings
    assert "is not the one that was signed" in finding
    with pytest.raises(InvalidInput, match="no export"):
        verify_certificate(stored.document, stored.note, key, ["{}"])
