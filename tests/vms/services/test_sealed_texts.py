"""What a complaint says, and every text of a sealed request, lie encrypted: no copy of the database says any of it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, literal_column, select, text, update
from sqlalchemy.orm import Session, make_transient_to_detached

from tests.databases import Cluster, postgresql_tools
from tests.factories import NOW, FixedKeys, a_camera, a_person, an_account, done
from tests.vms.services.requesting import SCAN, a_new_request, at_work, footage
from vms.config import Settings
from vms.crypto import random_bytes
from vms.domain.complaint import Complaint
from vms.domain.ids import CameraId, SessionId
from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.people import Account, Person, Role
from vms.domain.request import DenyReason, ExportRequest, RequestAct, Requester
from vms.domain.sealed_entry import CLASS_BYTES
from vms.errors import ConfigError, Conflict, Corrupt, Unavailable
from vms.services import complaints
from vms.services.approvals import any_run_out, approve, change_scope, write_down_run_out
from vms.services.complaints import NewComplaint
from vms.services.installation import migrate_all
from vms.services.request_acts import act_on, check_form, deny
from vms.services.request_documents import standing_document
from vms.services.request_papers import add_paper, advise, read_advice, read_paper
from vms.services.requests import enter, list_requests, request_for
from vms.services.sealed_requests import require_ended, unseal
from vms.store import requests, sealed_texts
from vms.store.central_base import Central
from vms.store.database import Engines, make_engines
from vms.store.plain_texts import encrypt_plain, forget_dead_rows
from vms.store.request_tables import ExportRequestRow
from vms.store.sealed_texts import (
    ANSWER,
    COMPLAINT,
    COMPLAINT_KEY,
    OF_REQUESTS,
    UNREADABLE,
    Kind,
    TextKey,
    decrypted,
    encrypted,
    key_of_complaints,
    key_of_matter,
)

pytestmark = pytest.mark.slow
ON = NOW.date().isoformat()
ACTED = ("verified", "asked", "answered", "form", "counsel", "board", "widened", "exempt", "refused", "reopened")
ENTERED = ("requester", "agency", "badge", "contact", "court", "docket", "report", "purpose", "necessity")
ASKED = ("recipient", "redact", "conditions", "localtime")
SAID = (*ACTED, *ENTERED, *ASKED, "advice", "scan")
"""What is typed about a request, each by a word that is nowhere else."""
ENTERED_COLUMNS = sealed_texts.ENTERED.names


def canary(what: str) -> str:
    return f"kanarie-{what}-é"


@dataclass(frozen=True)
class Staff:
    """Who enters a sealed request, who is named by it, and a Director who is not."""

    first: Person
    second: Person
    other: Person
    camera: CameraId


def a_staff(session: Session) -> Staff:
    first, second, other = (an_account(session, Role.DIRECTOR, name=name) for name in ("H. Marsh", "R. Cole", "T. Vance"))
    return Staff(_signed_in(first, 1), _signed_in(second, 2), _signed_in(other, 3), a_camera(session).camera.id)


def _signed_in(account: Account, number: int) -> Person:
    return at_work(Person(account.id, account.name, account.role, SessionId(number)), NOW)


@pytest.fixture
def staff(central: Engines) -> Staff:
    with central.writing() as session:
        return a_staff(session)


@pytest.fixture
def files_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Engines], dict[str, bytes]]:
    """Return a function that gives the octets in which a database lies, by file: of PostgreSQL a dump, and the server's files.

    Pages and statistics outlive the rows of the tests before, and hold texts of theirs.
    """
    if "central_postgresql" in request.fixturenames or "postgresql" in request.node.name:
        cluster: Cluster = request.getfixturevalue("cluster")
        database: str = request.getfixturevalue("migrated_postgresql")
        for statement in ("DELETE FROM pg_statistic", "VACUUM FULL"):
            cluster.run(database, statement)

    def read(central: Engines) -> dict[str, bytes]:
        if central.write.dialect.name == "sqlite":
            return {str(path): path.read_bytes() for path in tmp_path.glob("central.db*")}
        cluster = request.getfixturevalue("cluster")
        cluster.run("postgres", "CHECKPOINT")
        url = cluster.url(request.getfixturevalue("migrated_postgresql"))
        tools = postgresql_tools()
        assert tools is not None
        dump = subprocess.run([tools / "pg_dump", url], check=True, capture_output=True).stdout
        assert b"COPY public.complaint" in dump
        return {"dump": dump} | {str(one): one.read_bytes() for one in (cluster.folder / "data" / "base").rglob("*") if one.is_file()}

    return read


def told_in(files: dict[str, bytes], words: Iterable[str]) -> set[str]:
    """Return which of `words` stand in a file, as they are or in the hexadecimal of a dump."""
    return {
        word
        for word in words
        for octets in files.values()
        if canary(word).encode() in octets or canary(word).encode().hex().encode() in octets
    }


def a_sealed_request(session: Session, settings: Settings, staff: Staff) -> ExportRequest:
    """Enter one, do everything to it that takes words, and have it approved in the end."""
    new = a_new_request(
        footage(staff.camera),
        Instrument.NATIONAL_SECURITY_LETTER,
        requester=Requester(*(canary(what) for what in ("requester", "agency", "badge", "contact"))),
        court=canary("court"),
        docket=canary("docket"),
        report_number=canary("report"),
        purpose=canary("purpose"),
        necessity=canary("necessity"),
        verified=canary("verified"),
        local_time=canary("localtime"),
    )
    one = done(enter(session, settings, staff.first, replace(new, sealed=True, named=(staff.second.id,)), at=NOW))
    by = staff.first
    done(add_paper(session, settings, by, one.id, f"{canary('scan')}.pdf", SCAN, at=NOW))
    done(act_on(session, settings, by, one.id, RequestAct.ASK, canary("asked"), at=NOW))
    done(act_on(session, settings, by, one.id, RequestAct.ANSWER, canary("answered"), at=NOW))
    done(deny(session, settings, by, one.id, DenyReason.NOT_IN_FORM, canary("refused"), at=NOW))
    done(act_on(session, settings, by, one.id, RequestAct.REOPEN, canary("reopened"), at=NOW))
    terms = replace(one.scope.terms, recipient=canary("recipient"), redact=canary("redact"), conditions=canary("conditions"))
    (span,) = one.scope.footage
    wider = replace(one.scope, footage=(replace(span, start_ms=span.start_ms - 60_000),), terms=terms)
    changed = done(change_scope(session, settings, by, one.id, wider, canary("widened"), at=NOW))
    done(check_form(session, settings, by, one.id, dict.fromkeys(FormLine, FormAnswer.YES), canary("form"), at=NOW))
    done(act_on(session, settings, by, one.id, RequestAct.COUNSEL, canary("counsel"), at=NOW))
    done(advise(session, settings, by, one.id, canary("advice"), at=NOW))
    done(act_on(session, settings, by, one.id, RequestAct.CONFER, canary("board"), at=NOW))
    return done(approve(session, settings, staff.second, one.id, changed.sha256, canary("exempt"), at=NOW))


def a_complaint(session: Session, settings: Settings, desk: Person, director: Person) -> Complaint:
    new = NewComplaint("paper", "practice", canary("said"), from_name=canary("who"), from_address=canary("where"))
    entered = done(complaints.enter(session, settings, desk, new, at=NOW))
    return done(complaints.answer(session, director, entered.id, canary("answer"), at=NOW))


def everything_told(session: Session, settings: Settings, person: Person, one: ExportRequest) -> str:
    standing = done(request_for(session, settings, person, one.id))
    advice = done(read_advice(session, settings, person, one.id, at=NOW))
    return f"{standing_document(standing, NOW)} {standing.request} {advice}"


def test_no_text_of_a_complaint_is_in_the_database_and_whom_it_is_for_reads_it(
    central: Engines, settings: Settings, files_of: Callable[[Engines], dict[str, bytes]]
) -> None:
    with central.writing() as session:
        desk, director = a_person(session, Role.DESK), a_person(session, Role.DIRECTOR)
        one = a_complaint(session, settings, desk, director)
    assert told_in(files_of(central), ("said", "who", "where", "answer")) == set()
    with central.reading() as session:
        assert complaints.list_complaints(session, director) == [one] == complaints.list_complaints(session, desk)
        assert (one.text, one.from_name, one.from_address) == (canary("said"), canary("who"), canary("where"))
        assert one.answer is not None
        assert one.answer.text == canary("answer")


def test_no_text_of_a_sealed_request_is_in_the_database_and_the_named_read_all(
    central: Engines, settings: Settings, staff: Staff, files_of: Callable[[Engines], dict[str, bytes]]
) -> None:
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
    assert told_in(files_of(central), SAID) == set()
    with central.writing() as session:
        told = everything_told(session, settings, staff.second, one)
        assert [word for word in SAID if canary(word) not in told] == []
        assert done(list_requests(session, staff.other)) == []
        (paper,) = done(request_for(session, settings, staff.second, one.id)).papers
        assert done(read_paper(session, settings, staff.second, one.id, paper.id, at=NOW)) == (paper, SCAN)


def test_lifting_the_seal_gives_everybody_every_text_at_the_time_when_it_was_written(
    central: Engines, settings: Settings, staff: Staff
) -> None:
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
        before = done(request_for(session, settings, staff.second, one.id))
        later = at_work(staff.second, NOW + timedelta(days=1))
        done(unseal(session, settings, later, one.id, ON, "the court set it aside", at=NOW + timedelta(days=1)))
        told = everything_told(session, settings, staff.other, one)
        assert [word for word in SAID if canary(word) not in told] == []
        after = done(request_for(session, settings, staff.other, one.id))
        assert after.history[: len(before.history)] == before.history
        done(act_on(session, settings, staff.other, one.id, RequestAct.WITHDRAW, "they wrote", at=NOW + timedelta(days=1)))
        assert done(request_for(session, settings, staff.other, one.id)).history[-1].words == "they wrote"


def test_the_key_of_its_texts_is_not_destroyed_as_that_of_its_entries_is(central: Engines, settings: Settings, staff: Staff) -> None:
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
        done(unseal(session, settings, staff.second, one.id, ON, "the court set it aside", at=NOW))
        assert one.seal is not None
        require_ended(session, one.seal.matter)
        with pytest.raises(Conflict, match="what a request says and its scans"):
            require_ended(session, one.matter)


def test_a_database_that_was_opened_without_its_keys_says_so(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk = a_person(session, Role.DESK)
    with Session(central.write) as session, session.begin(), pytest.raises(ConfigError, match="opened without its secrets/"):
        complaints.enter(session, settings, desk, NewComplaint("paper", "practice", "it looks at my screen"), at=NOW)


def test_an_open_request_lies_as_it_was_typed(central: Engines, settings: Settings, staff: Staff) -> None:
    with central.writing() as session:
        one = done(enter(session, settings, staff.first, a_new_request(footage(staff.camera)), at=NOW))
        for kind in OF_REQUESTS:
            assert [row for row in session.scalars(select(kind.row)) if getattr(row, kind.column) is not None] == []
        assert session.scalar(text("SELECT purpose FROM export_request")) == one.purpose


@pytest.mark.parametrize(
    ("table", "where", "other"),
    [
        ("request_scope", "version = 2", "version = 1"),
        ("request_event", "seq = 1", "seq = 4"),
        ("export_request", "purpose = ''", ""),
    ],
)
def test_a_value_that_was_moved_is_said_to_be_none(
    central: Engines, settings: Settings, staff: Staff, table: str, where: str, other: str
) -> None:
    with central.writing() as session:
        one, second = (a_sealed_request(session, settings, staff) for _ in range(2))
        taken = f"SELECT texts FROM {table} WHERE {other}" if other else f"SELECT texts FROM {table} WHERE id = {second.id}"  # noqa: S608 - above
        column = "request_id" if other else "id"
        there = f"{column} = {one.id} AND {where}"
        session.execute(text(f"UPDATE {table} SET texts = ({taken} {f'AND request_id = {one.id}' if other else ''}) WHERE {there}"))  # noqa: S608
    with central.writing() as session:
        with pytest.raises(Corrupt, match="Restore the central database and secrets/"):
            request_for(session, settings, staff.second, one.id)
        assert second.id in {found.id for found in done(list_requests(session, staff.second))}
        done(request_for(session, settings, staff.second, second.id))


def test_a_complaint_s_value_opens_in_no_other_complaint_nor_as_its_answer(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk, director = a_person(session, Role.DESK), a_person(session, Role.DIRECTOR)
        one, other = (a_complaint(session, settings, desk, director) for _ in range(2))
        swap = "UPDATE complaint SET texts = (SELECT texts FROM complaint WHERE id = :other) WHERE id = :one"
        session.execute(text(swap), {"one": one.id, "other": other.id})
    with central.writing() as session:
        with pytest.raises(Corrupt, match=f"complaint {one.id}"):
            complaints.read_complaint(session, director, one.id, at=NOW)
        assert {found.text for found in complaints.list_complaints(session, director)} == {UNREADABLE, canary("said")}
        session.execute(text("UPDATE complaint SET answer_texts = texts WHERE id = :other"), {"other": other.id})
    with central.writing() as session, pytest.raises(Corrupt, match=f"complaint {other.id}"):
        complaints.read_complaint(session, director, other.id, at=NOW)


def test_without_its_key_a_request_is_in_the_list_and_with_it_everything_is_there_again(
    central: Engines, settings: Settings, staff: Staff
) -> None:
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
        plain = done(enter(session, settings, staff.first, a_new_request(footage(staff.camera)), at=NOW))
        before = everything_told(session, settings, staff.second, one)
    key = settings.secrets_dir / f"{one.matter}.key"
    away = key.rename(settings.data_dir / "key")
    with central.writing() as session:
        rows = {found.number: found.requester.name for found in done(list_requests(session, staff.second))}
        assert rows == {one.number: UNREADABLE, plain.number: plain.requester.name}
        for act in (
            lambda: request_for(session, settings, staff.second, one.id),
            lambda: act_on(session, settings, staff.first, one.id, RequestAct.WITHDRAW, "they wrote", at=NOW),
            lambda: approve(session, settings, staff.second, one.id, one.sha256, at=NOW),
        ):
            with pytest.raises(Unavailable, match="Put it back from the backup of secrets/"):
                act()
    for wrong in (random_bytes(32), random_bytes(31)):
        key.write_bytes(wrong)
        key.chmod(0o600)
        with central.writing() as session, pytest.raises((Corrupt, Unavailable), match="secrets/"):
            request_for(session, settings, staff.second, one.id)
    away.replace(key)
    with central.writing() as session:
        assert everything_told(session, settings, staff.second, one) == before


def test_an_approval_that_runs_out_without_its_key_holds_up_no_other(central: Engines, settings: Settings, staff: Staff) -> None:
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
    key = settings.secrets_dir / f"{one.matter}.key"
    away, late = key.rename(settings.data_dir / "key"), NOW + timedelta(days=99)
    with central.writing() as session:
        assert any_run_out(session, at=late)
        assert write_down_run_out(session, settings, at=late) == 0
    away.replace(key)
    with central.writing() as session:
        assert write_down_run_out(session, settings, at=late) == 1


def test_without_their_key_no_complaint_is_entered_under_another(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk, director = a_person(session, Role.DESK), a_person(session, Role.DIRECTOR)
        one = a_complaint(session, settings, desk, director)
    key = settings.secrets_dir / COMPLAINT_KEY
    away = key.rename(settings.data_dir / "key")
    with central.writing() as session:
        assert [found.text for found in complaints.list_complaints(session, director)] == [UNREADABLE]
        gone = f"{COMPLAINT_KEY} is gone. Put it back from the backup of secrets/"
        with pytest.raises(Unavailable, match=gone):
            complaints.read_complaint(session, director, one.id, at=NOW)
        with pytest.raises(Unavailable, match=gone):
            complaints.enter(session, settings, desk, NewComplaint("paper", "practice", "another"), at=NOW)
    assert not key.exists()
    away.replace(key)
    with central.writing() as session:
        assert complaints.list_complaints(session, director) == [one]


def test_a_backup_of_database_and_secrets_reads_all_and_one_of_the_database_alone_nothing(
    settings: Settings, tmp_path: Path, central_sqlite: Engines
) -> None:
    with central_sqlite.writing() as session:
        staff = a_staff(session)
        one = a_sealed_request(session, settings, staff)
        complaint = a_complaint(session, settings, a_person(session, Role.DESK), staff.other)
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    for folder in (whole, alone):
        (folder / "secrets").mkdir(parents=True)
        with sqlite3.connect(central_sqlite.read.url.database or "") as source, sqlite3.connect(folder / "central.db") as target:
            source.backup(target)
    shutil.copytree(settings.secrets_dir, whole / "secrets", dirs_exist_ok=True)
    restored = make_engines(whole / "central.db")
    with restored.reading() as session:
        assert requests.get(session, requests.EVERYBODYS, one.id) == one
        assert complaints.list_complaints(session, staff.other) == [complaint]
    restored.dispose()
    taken = make_engines(alone / "central.db")
    with taken.reading() as session:
        (found,) = requests.find(session, requests.EVERYBODYS, limit=9)
        assert (found.requester.name, found.purpose, found.scope.footage) == (UNREADABLE, UNREADABLE, ())
        assert [one.text for one in complaints.list_complaints(session, staff.other)] == [UNREADABLE]
    taken.dispose()


def _put_plain(session: Session, kind: Kind, rows: Iterable[Central], key: TextKey) -> None:
    """Put texts into their columns, as a version did that encrypted none."""
    for row in rows:
        values = decrypted(key, kind, row) | {kind.column: None}
        numbers = zip(inspect(kind.row).primary_key, inspect(row).identity or (), strict=True)
        session.execute(update(kind.row).where(*(column == part for column, part in numbers)).values(**values))


def _all_as_before(session: Session, one: ExportRequest) -> None:
    for kind in (*OF_REQUESTS, COMPLAINT, ANSWER):
        key = key_of_matter(session, one.matter, "it") if kind in OF_REQUESTS else key_of_complaints(session, "it")
        _put_plain(session, kind, session.scalars(select(kind.row)).all(), key)


def test_what_an_earlier_version_left_in_plain_text_is_read_and_then_encrypted_where_it_lies(
    central: Engines, settings: Settings, staff: Staff, files_of: Callable[[Engines], dict[str, bytes]]
) -> None:
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
        done(enter(session, settings, staff.first, a_new_request(footage(staff.camera)), at=NOW))
        a_complaint(session, settings, a_person(session, Role.DESK), staff.other)
        before, said = everything_told(session, settings, staff.second, one), complaints.list_complaints(session, staff.other)
        _all_as_before(session, one)
    words = (*SAID, "said", "who", "where", "answer")
    if central.write.dialect.name == "postgresql":
        with central.write.connect() as connection:
            connection.exec_driver_sql("ANALYZE")  # as its server does by itself: values of columns stand in its statistics, too
            connection.commit()
    assert told_in(files_of(central), words) == set(words) - {"advice"}
    with central.writing() as session:
        assert everything_told(session, settings, staff.second, one) == before
        assert complaints.list_complaints(session, staff.other) == said
        swept = encrypt_plain(session)
        assert (swept.rows > 10, swept.left) == (True, [])
    forget_dead_rows(central)
    central.dispose()  # SQLite takes its log of writes away with the last connection
    assert told_in(files_of(central), words) == set()
    with central.writing() as session:
        assert everything_told(session, settings, staff.second, one) == before
        assert complaints.list_complaints(session, staff.other) == said
        assert encrypt_plain(session).rows == 0


def test_what_is_written_about_a_sealed_request_that_lies_plain_yet_is_encrypted(
    central: Engines, settings: Settings, staff: Staff, files_of: Callable[[Engines], dict[str, bytes]]
) -> None:
    """Its key was away when `vms migrate` ran, and came back since."""
    with central.writing() as session:
        one = a_sealed_request(session, settings, staff)
        _all_as_before(session, one)
    with central.writing() as session:
        done(act_on(session, settings, staff.second, one.id, RequestAct.WITHDRAW, canary("new"), at=NOW))
    assert told_in(files_of(central), ("new",)) == set()
    with central.reading() as session:
        assert done(request_for(session, settings, staff.second, one.id)).history[-1].words == canary("new")


def test_migrating_encrypts_what_is_plain_and_says_what_it_could_not(settings: Settings, central_sqlite: Engines, tmp_path: Path) -> None:
    with central_sqlite.writing() as session:
        staff = a_staff(session)
        one, other, lifted = (a_sealed_request(session, settings, staff) for _ in range(3))
        done(unseal(session, settings, staff.second, lifted.id, ON, "the court set it aside", at=NOW))
        for each in (one, other, lifted):
            for kind in OF_REQUESTS:
                owned = f"{kind.table}.{'id' if kind.table == 'export_request' else 'request_id'}"
                rows = session.scalars(select(kind.row).where(literal_column(owned) == each.id)).all()
                _put_plain(session, kind, rows, key_of_matter(session, each.matter, "it"))
    (settings.secrets_dir / f"{other.matter}.key").rename(tmp_path / "key")
    settings.index_path.parent.mkdir()
    with structlog.testing.capture_logs() as told:
        migrate_all(settings)
    warned = [line for line in told if line["log_level"] == "warning"]
    assert [(line["event"], f"{other.matter}.key is gone" in line["reason"]) for line in warned] == [("texts not encrypted", True)]
    assert other.number not in str(told), "of a sealed request whoever runs the server is told nothing"
    with central_sqlite.reading() as session:
        plain = set(session.scalars(select(ExportRequestRow.id).where(ExportRequestRow.texts.is_(None))))
        assert plain == {other.id, lifted.id}, "they are read as before"
        assert requests.get(session, requests.EVERYBODYS, other.id) == other


@given(st.dictionaries(st.sampled_from(ENTERED_COLUMNS), st.text(max_size=3000), min_size=1), st.integers(0, 2**53))
def test_any_text_comes_back_from_its_own_place_alone(texts: dict[str, str], number: int) -> None:
    kind, key = Kind(ExportRequestRow, tuple(texts)), TextKey(FixedKeys((b"k" * 32,)), "it")
    values = encrypted(key, kind, (number,), texts)
    assert {name: values[name] for name in texts} == dict.fromkeys(texts, "")
    assert len(cast("bytes", values["texts"])) % CLASS_BYTES == 28, "its length says nothing finer"
    assert decrypted(key, kind, _stored(kind, number, values)) == texts
    for elsewhere in (_stored(kind, number + 1, values), _stored(kind, number, values | {"texts": b""})):
        with pytest.raises(Corrupt, match="not what was written"):
            decrypted(key, kind, elsewhere)
    with pytest.raises(Corrupt):
        decrypted(TextKey(FixedKeys((b"l" * 32,)), "it"), kind, _stored(kind, number, values))
    assert encrypted(None, kind, (number,), texts) == texts
    assert decrypted(key, kind, _stored(kind, number, texts)) == texts


def _stored(kind: Kind, number: int, values: Mapping[str, str | bytes]) -> Central:
    row = kind.row(**({kind.column: None} | dict(values)), id=number)
    make_transient_to_detached(row)
    return row
