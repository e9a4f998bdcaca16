"""An extract of the log is verified by whoever has the file and the key, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, done, refused
from vms.domain.access import Action, Purpose
from vms.domain.checkpoint import VerifierKey, read_verifier_key, verifier_key
from vms.domain.outcome import Refusal
from vms.domain.people import Actor, Role, System
from vms.errors import Corrupt, InvalidInput, NotFound
from vms.services.access_log import DISTRICT, record
from vms.services.footage import open_view
from vms.services.log_erase import due, erase_texts
from vms.services.log_export import Export, export_log, verify_export
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.store import access_log, access_tree
from vms.store.access_log import Filter
from vms.store.database import Engines

_KEY = LogKey(bytes(range(32)))
_NUMBERS = count()
_OLD = NOW - timedelta(days=800)


@pytest.fixture
def signed(central: Engines) -> Engines:
    """Three entries of two years ago and two of yesterday, all signed."""
    for at, entries in ((_OLD, 3), (NOW - timedelta(days=1, hours=1), 2)):
        with central.writing() as session:
            for n in range(entries):
                record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=at, detail={"n": str(n), "words": "na\u00efve \u2028"})
            sign_checkpoint(session, _KEY, at=at)
    return central


def _export(engines: Engines, wanted: Filter = Filter()) -> Export:  # noqa: B008 - frozen
    with engines.writing() as session:
        return done(export_log(session, a_person(session, Role.AUDITOR, name=f"auditor {next(_NUMBERS)}"), wanted, at=NOW))


def _key(engines: Engines) -> VerifierKey:
    with engines.reading() as session:
        log = access_tree.log_of(session, DISTRICT)
    assert log is not None
    return VerifierKey(log.name, _KEY.public)


def test_every_signed_entry_is_in_it_and_verifies(signed: Engines) -> None:
    export = _export(signed)
    report = verify_export(export.lines, _key(signed))
    assert (report.ok, report.entries, report.erased, report.signed_to) == (True, 5, 0, 32)
    assert [json.loads(line)["number"] for line in export.lines[1:]] == [18, 17, 3, 2, 1]
    assert export.oldest == 1


def test_writing_it_out_is_an_entry(signed: Engines) -> None:
    _export(signed, Filter(actor="os:pat@branch-server"))
    with signed.reading() as session:
        (event,) = access_log.find(session, DISTRICT, None, Filter(actions=frozenset({Action.LOG_EXPORT})), limit=9)
    assert (event.role, event.detail) == ("auditor", {"events": "5", "signed": "32", "of": "os:pat@branch-server"})


def test_an_erased_entry_is_proved_by_its_hash(signed: Engines) -> None:
    with signed.writing() as session:
        found = due(session, days=760, at=NOW)
        assert found is not None
        erase_texts(session, _KEY, found, days=760, at=NOW)
        sign_checkpoint(session, _KEY, at=NOW)
    lines = _export(signed).lines
    report = verify_export(lines, _key(signed))
    assert (report.ok, report.entries, report.erased) == (True, 6, 3)
    assert "Marsh" not in lines[-1]
    moved = [line.replace('"erased_by":33', '"erased_by":18') for line in lines]
    assert verify_export(moved, _key(signed)).ok, "whether an entry tells of an erasure is only judged of one that does"
    with signed.reading() as session:
        told = access_tree.body_at(session, DISTRICT, 33)
    wrong = [line.replace(json.dumps(told)[1:-1], json.dumps(told.replace('"last":"16"', '"last":"2"'))[1:-1]) for line in lines]
    assert set(verify_export(wrong, _key(signed)).findings) == {
        "Entry 33 is not the one that was signed.",
        "Entry 3 was erased, and entry 33 does not say so.",
        "Entry 2 was erased, and entry 33 does not say so.",
        "Entry 1 was erased, and entry 33 does not say so.",
    }


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda lines: [*lines[:1], lines[1].replace("pat@", "sam@"), *lines[2:]], "Entry 18 is not the one that was signed."),
        (
            lambda lines: [*lines[:1], lines[1].replace('"number":18', '"number":19'), *lines[2:]],
            "Entry 19 is not the one that was signed.",
        ),
        (lambda lines: lines[:-1], "4 entries stand there, 5 were exported."),
        (lambda lines: [*lines, lines[-1]], "Entry 1 stands there twice."),
        (lambda lines: [*lines[:1], "{", *lines[2:]], "Line 2 can't be read as an entry."),
        (lambda lines: [*lines[:1], '{"number":1,"path":7}', *lines[2:]], "Line 2 can't be read as an entry."),
        (lambda lines: [*lines[:1], '{"number":1,"path":[7]}', *lines[2:]], "Line 2 can't be read as an entry."),
        *(
            (
                lambda lines, number=number: [*lines[:1], lines[1].replace(":18,", f":{number},", 1), *lines[2:]],
                "Line 2 can't be read as an entry.",
            )
            for number in ("Infinity", "NaN", "1e400", "true", "18.0", "9" * 5000)
        ),
    ],
)
def test_what_was_done_to_the_file_is_named(signed: Engines, damage: Callable[[tuple[str, ...]], list[str]], sentence: str) -> None:
    report = verify_export(damage(_export(signed).lines), _key(signed))
    assert sentence in report.findings


@pytest.mark.parametrize(
    "head",
    [
        "",
        "{}",
        "[]",
        '{"kind":"custodian log export v1","entries":1,"checkpoint":"\\ud800"}',
        '{"kind":"another","entries":1,"checkpoint":""}',
        '{"entries":"1","checkpoint":"x"}',
        "7",
    ],
)
def test_a_file_that_is_no_export_is_refused(signed: Engines, head: str) -> None:
    with pytest.raises(InvalidInput, match="no export"):
        verify_export([head], _key(signed))


def test_only_the_key_that_somebody_trusts_counts(signed: Engines) -> None:
    export = _export(signed)
    with pytest.raises(InvalidInput, match="not signed by this key"):
        verify_export(export.lines, VerifierKey(_key(signed).name, LogKey(bytes(32)).public))


def test_it_goes_on_where_one_ended(signed: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.services.log_export.MOST_EXPORTED", 2)
    first = _export(signed)
    second = _export(signed, Filter(before=first.oldest))
    assert (first.oldest, second.oldest) == (17, 2)
    assert _export(signed, Filter(before=1)).oldest is None


def test_what_is_not_signed_yet_is_not_in_it(central: Engines) -> None:
    with pytest.raises(NotFound, match="No checkpoint"):
        _export(central)


@pytest.mark.parametrize("hashes", ["substr(hashes, 1, 32)", "substr(hashes, 33)"])
def test_a_tree_that_was_changed_proves_nothing(signed: Engines, hashes: str) -> None:
    with signed.write.begin() as connection:
        connection.exec_driver_sql(f"UPDATE access_tile SET hashes = {hashes}")  # noqa: S608
    with pytest.raises(Corrupt, match="can't prove entry"):
        _export(signed)


@pytest.mark.parametrize("actor", [CONSOLE, System("digest")])
def test_nobody_but_a_person_exports_the_log(signed: Engines, actor: Actor) -> None:
    with signed.writing() as session:
        assert refused(export_log(session, actor, Filter(), at=NOW)).refusal is Refusal.NOT_ALLOWED


@pytest.mark.parametrize("role", list(Role))
def test_only_the_director_and_an_auditor_take_entries_out(signed: Engines, role: Role) -> None:
    with signed.writing() as session:
        answer = export_log(session, a_person(session, role), Filter(), at=NOW)
    assert isinstance(answer, Export) is (role in (Role.DIRECTOR, Role.AUDITOR))


def test_who_reads_one_branch_exports_no_other(signed: Engines) -> None:
    with signed.writing() as session:
        ours, theirs = a_branch(session, "Ours"), a_branch(session, "Theirs")
        desk = a_person(session)
        for branch in (ours, theirs):
            camera = a_camera(session, branch).camera
            done(open_view(session, desk, camera_id=camera.id, purpose=Purpose.LIVE, span=None, at=NOW))
        sign_checkpoint(session, _KEY, at=NOW)
        auditor = a_person(session, Role.AUDITOR, branches=frozenset({ours.id}))
        export = done(export_log(session, auditor, Filter(actions=frozenset({Action.VIEW_OPEN})), at=NOW))
    assert len(export.lines) == 2


def test_a_key_is_read_as_it_is_printed() -> None:
    line = verifier_key("custodian/00/district", _KEY.public)
    assert read_verifier_key(f" {line}\n") == VerifierKey("custodian/00/district", _KEY.public)
    for broken in ("", "a+b", line[:-4], line.replace("custodian", "other"), line.replace("+", "")):
        with pytest.raises(ValueError, match=r"no key|base64|padding"):
            read_verifier_key(broken)
