"""A sealed entry: whoever holds its matter's key reads it, nothing changes it, and nothing is lost."""

from __future__ import annotations

import random
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, after, span
from tests.vms.store.killed import killed_at
from vms.config import Settings
from vms.crypto import encrypt
from vms.domain.access import AccessEvent, Action, Purpose, UnreadableEntry
from vms.domain.checkpoint import PADDING, entry_hash, read_note
from vms.domain.ids import CameraId, MatterId
from vms.domain.merkle import includes
from vms.domain.sealed_entry import bound_to, leaf_octets
from vms.errors import ConfigError, Corrupt, NotFound
from vms.services.access_log import DISTRICT, record
from vms.services.log_key import LogKey
from vms.services.log_proof import prove_entry, sign_checkpoint
from vms.services.log_verify import LogReport, verify_log
from vms.services.sealed_log import (
    Matter,
    SealedLine,
    Unsealed,
    destroy_matter,
    new_matter,
    open_matter,
    read_sealed,
    record_sealed,
    unseal,
)
from vms.store import access_log, access_sealed
from vms.store.central_tables import SCHEMA
from vms.store.database import Engines

_KEY = LogKey(bytes(range(32)))
_MATTER = Matter(MatterId("0" * 32), bytes(32))
_OTHER = Matter(MatterId("1" * 32), bytes(range(32)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path)
    settings.secrets_dir.mkdir()
    return settings


def _seal(engines: Engines, count: int = 1, *, matter: Matter = _MATTER, **detail: str) -> None:
    with engines.writing() as session:
        for number in range(count):
            record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, detail={"n": str(number), **detail})


def _sign(engines: Engines, *, entries: int = 0) -> int:
    """Write so many ordinary entries and sign; return the checkpoint's size."""
    with engines.writing() as session:
        for _ in range(entries):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        return read_note(sign_checkpoint(session, _KEY, at=NOW).note)[0].size


def _verify(engines: Engines) -> LogReport:
    with engines.reading() as session:
        return verify_log(session, _KEY)


def _read(engines: Engines, matter: Matter = _MATTER, *, limit: int = 100) -> list[SealedLine]:
    """Return the matter's entries; what the reading itself writes is undone."""
    with engines.writing() as session:
        lines = list(read_sealed(session, matter, actor=CONSOLE, at=NOW, limit=limit))
        session.rollback()
    return lines


def _numbers(engines: Engines) -> list[int | None]:
    with engines.read.begin() as connection:
        return list(connection.scalars(text("SELECT number FROM access_sealed ORDER BY position")))


@contextmanager
def _unguarded(engines: Engines) -> Iterator[Connection]:
    """A hand at the database that nothing stops."""
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for table in ("access_event", "access_sealed"):
                for verb in ("update", "delete", "replace"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
        yield connection


def test_an_entry_reads_back_before_it_is_signed_and_after(central: Engines) -> None:
    written = {"camera_id": CameraId(5), "purpose": Purpose.REQUEST, "span": span(-60, 0), "detail": {"note": "naïve"}}
    with central.writing() as session:
        record_sealed(session, _MATTER, actor=CONSOLE, action=Action.VIEW_OPEN, at=NOW, **written)  # type: ignore[arg-type]
    for number in (0, 4):
        (line,) = _read(central)
        assert isinstance(line, AccessEvent)
        assert (line.number, line.at, line.actor, line.actor_name, line.role) == (
            number,
            NOW,
            CONSOLE.label,
            "pat@branch-server",
            "console",
        )
        assert {name: getattr(line, name) for name in written} == written
        _sign(central, entries=3)


def test_entries_take_the_numbers_of_padding_in_their_order_and_what_finds_no_room_waits(central: Engines) -> None:
    _seal(central, 20)
    assert _sign(central, entries=10) == PADDING
    assert _numbers(central) == [*range(11, 17), *[None] * 14]
    assert _sign(central, entries=PADDING) == 3 * PADDING
    assert _numbers(central)[6:] == [*range(33, 47)]
    assert [int(line.detail["n"]) for line in _read(central) if isinstance(line, AccessEvent)] == [*reversed(range(20))]
    assert _verify(central).ok


def test_a_checkpoint_over_whole_steps_has_room_all_the_same(central_sqlite: Engines) -> None:
    _seal(central_sqlite, 1)
    assert _sign(central_sqlite, entries=PADDING) == 2 * PADDING
    assert _numbers(central_sqlite) == [PADDING + 1]


def test_an_entry_written_before_any_other_of_its_log_is_kept(central: Engines) -> None:
    _seal(central)
    assert _sign(central) == PADDING
    assert _numbers(central) == [1]


def test_a_transaction_that_fails_leaves_none_and_no_gap(central: Engines) -> None:
    with central.writing() as session:
        record_sealed(session, _MATTER, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        session.rollback()
    _seal(central)
    _sign(central)
    assert _verify(central).ok
    assert len(_read(central)) == 1


def test_reading_is_written_into_the_same_matter(central: Engines) -> None:
    _seal(central, 2)
    with central.writing() as session:
        read_sealed(session, _MATTER, actor=CONSOLE, at=after(9))
    newest = _read(central)[0]
    assert isinstance(newest, AccessEvent)
    assert (newest.action, newest.at, newest.detail) == (Action.LOG_READ, after(9), {"events": "2"})
    with central.reading() as session:
        assert access_log.lines(session, DISTRICT, None, access_log.Filter(), limit=9) == []


def test_only_as_many_are_read_as_were_asked_for_the_newest_first(central_sqlite: Engines) -> None:
    _seal(central_sqlite, 5)
    _seal(central_sqlite, 5, matter=_OTHER)
    assert [line.detail["n"] for line in _read(central_sqlite, limit=2) if isinstance(line, AccessEvent)] == ["4", "3"]


def test_a_short_and_a_long_text_of_one_class_have_one_length(central: Engines) -> None:
    for chars in (0, 1, 400, 700):
        _seal(central, note="x" * chars)
    _seal(central, note="x" * 1024)
    with central.read.begin() as connection:
        lengths = list(connection.scalars(text("SELECT length(sealed) FROM access_sealed ORDER BY position")))
    assert lengths == [1024 + 28] * 4 + [2048 + 28]


def test_a_sealed_entry_is_proved_like_any_other_by_who_has_its_row(central: Engines) -> None:
    _seal(central, 2)
    _sign(central, entries=3)
    with central.reading() as session:
        proof = prove_entry(session, 5)
        found = session.execute(text("SELECT position, matter, salt, sealed FROM access_sealed WHERE number = 5")).one()
    checkpoint = read_note(proof.note)[0]
    leaf = entry_hash(found.salt, leaf_octets(str(found.position).encode(), found.matter, found.sealed))
    assert includes(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)


_REFUSED = (
    "UPDATE access_sealed SET number = 12 WHERE number = 4",
    "UPDATE access_sealed SET number = NULL WHERE number = 4",
    "UPDATE access_sealed SET number = 4 WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, matter = salt WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, salt = sealed WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, sealed = salt WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, position = 40 WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, origin = 'another' WHERE number IS NULL",
    "UPDATE access_sealed SET matter = salt WHERE number IS NULL",
    "DELETE FROM access_sealed",
)
_AGAIN = (
    "INTO access_sealed (origin, position, number, matter, salt, sealed) SELECT origin, {}, {}, matter, salt, sealed FROM access_sealed"
)
_ON_SQLITE = (
    "UPDATE OR REPLACE access_sealed SET number = 4 WHERE number IS NULL",
    f"INSERT OR REPLACE {_AGAIN.format('position', 'NULL')}",
    f"INSERT OR REPLACE {_AGAIN.format('position + 9', 4)} WHERE number IS NULL",
)


@pytest.mark.parametrize("statement", _REFUSED)
def test_the_database_lets_a_row_have_its_number_and_nothing_else(central: Engines, statement: str) -> None:
    _seal(central)
    _sign(central, entries=3)
    _seal(central)
    with pytest.raises(DBAPIError, match="append-only"), central.write.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("statement", _ON_SQLITE)
def test_nothing_replaces_a_row(central_sqlite: Engines, statement: str) -> None:
    _seal(central_sqlite)
    _sign(central_sqlite, entries=3)
    _seal(central_sqlite)
    with pytest.raises(DBAPIError, match="append-only"), central_sqlite.write.begin() as connection:
        connection.execute(text(statement))


def test_the_table_is_not_emptied(central_postgresql: Engines) -> None:
    _seal(central_postgresql)
    with pytest.raises(DBAPIError, match="append-only"), central_postgresql.write.begin() as connection:
        connection.execute(text("TRUNCATE access_sealed"))


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE access_sealed SET salt = (SELECT salt FROM access_event WHERE number = 1) WHERE number = 5", "Entry 5 was changed after"),
        ("UPDATE access_sealed SET matter = salt WHERE number = 5", "Entry 5 was changed after"),
        ("UPDATE access_sealed SET position = 77 WHERE number = 5", "Entry 5 was changed after"),
        ("DELETE FROM access_sealed WHERE number = 5", "Entry 5 was taken away after"),
        ("UPDATE access_sealed SET number = 9 WHERE number = 5", "Entry 5 was taken away after"),
        ("UPDATE access_sealed SET number = NULL WHERE number = 5", "Entry 5 was taken away after"),
        ("UPDATE access_sealed SET number = 12 WHERE number IS NULL AND position = 3", "Entry 12 was put in after"),
        ("UPDATE access_sealed SET number = 18 WHERE number IS NULL AND position = 3", "1 rows have a number that was not signed"),
        ("DELETE FROM access_sealed WHERE position = 3", "An entry was taken away before it was signed"),
        ("DELETE FROM access_sealed WHERE position = 4", "An entry was taken away before it was signed"),
        ("DELETE FROM access_sealed WHERE number IS NULL", "An entry was taken away before it was signed"),
        ("UPDATE access_sealed SET position = 9 WHERE position = 3", "An entry was taken away before it was signed"),
        (f"INSERT {_AGAIN.format(5, 'NULL')} WHERE position = 4", "or one was put in"),
        (
            "INSERT INTO access_event (origin, number, salt, body) SELECT origin, 5, salt, body FROM access_event WHERE number = 1",
            "Entry 5 was changed after",
        ),
    ],
)
def test_what_was_done_to_sealed_entries_is_named_without_a_key(central: Engines, statement: str, sentence: str) -> None:
    _seal(central, 2)
    _sign(central, entries=3)
    _seal(central, 2)
    assert _verify(central).ok
    with _unguarded(central) as connection:
        connection.execute(text(statement))
    report = _verify(central)
    assert any(sentence in finding.sentence for finding in report.findings), report.findings


@pytest.mark.parametrize("position", [3, 4])
def test_nothing_is_signed_over_a_waiting_entry_that_is_gone(central: Engines, position: int) -> None:
    _seal(central, 2)
    _sign(central, entries=3)
    _seal(central, 2)
    with _unguarded(central) as connection:
        connection.execute(text("DELETE FROM access_sealed WHERE position = :position"), {"position": position})
    with pytest.raises(Corrupt, match="gone since the last checkpoint"):
        _sign(central)


_EXCHANGE = (
    "WITH theirs AS (SELECT salt, sealed, matter FROM access_sealed WHERE number = :theirs) UPDATE access_sealed SET "
    "salt = (SELECT salt FROM theirs), sealed = (SELECT sealed FROM theirs), matter = (SELECT matter FROM theirs) WHERE number = :number"
)
_DONE = (
    "UPDATE access_sealed SET sealed = substr(sealed, 1, 99) || x'00' || substr(sealed, 101) WHERE number = :number",
    "UPDATE access_sealed SET sealed = sealed || x'00' WHERE number = :number",
    "UPDATE access_sealed SET salt = randomblob(16) WHERE number = :number",
    "UPDATE access_sealed SET salt = 'sixteen letters!' WHERE number = :number",
    "UPDATE access_sealed SET number = 'text' WHERE number = :number",
    "UPDATE access_sealed SET matter = randomblob(16) WHERE number = :number",
    "UPDATE access_sealed SET position = position + 1000 WHERE number = :number",
    "UPDATE access_sealed SET number = NULL WHERE number = :number",
    "UPDATE access_sealed SET number = 1000 + number WHERE number = :number",
    "DELETE FROM access_sealed WHERE number = :number",
    "DELETE FROM access_sealed WHERE number >= :number",
    _EXCHANGE,
)


@pytest.mark.slow
def test_hundreds_of_changes_are_all_found_and_the_first_entry_of_each_is_named(central_sqlite: Engines) -> None:
    """Edits, deletions and exchanges of sealed rows of a log of three checkpoints, each undone before the next."""
    for entries, sealed in ((5, 9), (250, 6), (20, 12)):
        _seal(central_sqlite, sealed)
        _sign(central_sqlite, entries=entries)
    numbers = [number for number in _numbers(central_sqlite) if number is not None]
    chance = random.Random(20261126)
    with _unguarded(central_sqlite):
        pass
    for _ in range(400):
        number, theirs = chance.sample(numbers, 2)
        statement = chance.choice(_DONE)
        with Session(central_sqlite.write) as session, session.begin():
            session.execute(text(statement), {"number": number} | ({"theirs": theirs} if ":theirs" in statement else {}))
            findings = verify_log(session, _KEY).findings
            session.rollback()
        assert findings, statement
        assert findings[0].number == number, (statement, findings)


def test_many_entries_are_read_verified_and_unsealed_page_by_page(central: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("access_log", "access_tree"):
        monkeypatch.setattr(f"vms.store.{module}.PAGE", 4)
    for entries in (3, 21, 0):
        _seal(central, 9)
        _sign(central, entries=entries)
    while None in _numbers(central):
        _sign(central)
    report = _verify(central)
    assert (report.findings, report.entries, report.padding) == ((), 24, report.signed_to - 24)
    with central.writing() as session:
        assert unseal(session, _MATTER, actor=CONSOLE, at=NOW) == Unsealed(published=27, waiting=0)
        assert unseal(session, _MATTER, actor=CONSOLE, at=NOW) == Unsealed(published=0, waiting=0)


def test_another_key_is_said_to_be_one_in_one_sentence(central: Engines, settings: Settings) -> None:
    matter = new_matter(settings)
    _seal(central, 3, matter=matter)
    settings.secrets_dir.joinpath(f"{matter.id}.key").write_bytes(bytes(32))
    with pytest.raises(Corrupt, match=f"The key of the matter {matter.id} opens none of its entries: it is another one"):
        _read(central, open_matter(settings, matter.id))


def test_one_entry_that_does_not_open_stands_there_by_its_number_and_is_not_unsealed(central: Engines) -> None:
    _seal(central, 2)
    _sign(central)
    with _unguarded(central) as connection:
        connection.execute(text("UPDATE access_sealed SET sealed = salt WHERE number = 2"))
    assert _read(central)[0] == UnreadableEntry(2)
    with pytest.raises(Corrupt, match="Sealed entry 2 can't be read: nothing is unsealed"), central.writing() as session:
        unseal(session, _MATTER, actor=CONSOLE, at=NOW)
    with central.reading() as session:
        assert access_log.find(session, DISTRICT, None, access_log.Filter(), limit=9) == []


@pytest.mark.parametrize("plaintext", [b"\xff", b"", b"{}"])
def test_what_opens_and_is_no_event_stands_there_by_its_number(central_sqlite: Engines, plaintext: bytes) -> None:
    """A newer program may have written it, or somebody who has the key."""
    _seal(central_sqlite)
    with central_sqlite.writing() as session:
        position = access_sealed.next_position(session, DISTRICT)
        sealed = encrypt(_MATTER.key, plaintext, bound_to(DISTRICT, _MATTER.id, position))
        access_sealed.add(session, DISTRICT, position, _MATTER.id, salt=bytes(16), sealed=sealed)
    _sign(central_sqlite)
    assert _read(central_sqlite)[0] == UnreadableEntry(2)


def test_an_entry_opens_at_no_other_place_and_under_no_other_matter(central_sqlite: Engines) -> None:
    _seal(central_sqlite, 2)
    _seal(central_sqlite, matter=Matter(_OTHER.id, _MATTER.key))
    with _unguarded(central_sqlite) as connection:
        sealed = list(connection.scalars(text("SELECT sealed FROM access_sealed ORDER BY position")))
        for position, other in ((1, 2), (2, 3)):
            given = {"position": position, "sealed": sealed[other - 1]}
            connection.execute(text("UPDATE access_sealed SET sealed = :sealed WHERE position = :position"), given)
    with pytest.raises(Corrupt):
        _read(central_sqlite)


def test_without_its_key_a_matter_is_unreadable_for_good_and_the_log_verifies_as_before(central: Engines, settings: Settings) -> None:
    matter = new_matter(settings)
    _seal(central, 3, matter=matter)
    _sign(central, entries=3)
    destroy_matter(settings, matter.id)
    destroy_matter(settings, matter.id)
    with pytest.raises(NotFound) as destroyed:
        open_matter(settings, matter.id)
    with pytest.raises(NotFound) as never:
        open_matter(settings, "f" * 32)
    assert str(destroyed.value).replace(matter.id, "") == str(never.value).replace("f" * 32, "")
    assert list(settings.secrets_dir.iterdir()) == []
    assert _verify(central).ok


@pytest.mark.parametrize("named", ["", "../log_ed25519", "0" * 31, "0" * 33, "A" * 32, f"{'0' * 32}\n"])
def test_what_is_no_id_names_no_file(settings: Settings, named: str) -> None:
    settings.log_key_path.write_bytes(bytes(32))
    settings.secrets_dir.joinpath(f"{'A' * 32}.key").write_bytes(bytes(32))
    with pytest.raises(NotFound, match="no key of a matter"):
        open_matter(settings, named)


def test_a_key_belongs_to_its_owner_alone(settings: Settings) -> None:
    matter = new_matter(settings)
    path = settings.secrets_dir / f"{matter.id}.key"
    assert (path.stat().st_mode & 0o777, len(path.read_bytes())) == (0o600, 32)
    assert open_matter(settings, matter.id) == matter
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        open_matter(settings, matter.id)


def test_unsealed_entries_stand_in_the_ordinary_log_with_their_own_moments_once(central: Engines) -> None:
    with central.writing() as session:
        for number in range(2):
            detail = {"n": str(number)}
            record_sealed(session, _MATTER, actor=CONSOLE, action=Action.VIEW_OPEN, at=after(number), camera_id=CameraId(5), detail=detail)
    _sign(central, entries=3)
    _seal(central)
    told = []
    for _ in range(2):
        with central.writing() as session:
            told.append(unseal(session, _MATTER, actor=CONSOLE, at=after(99)))
    assert told == [Unsealed(published=2, waiting=1), Unsealed(published=0, waiting=1)]
    _sign(central)
    with central.writing() as session:
        assert unseal(session, _MATTER, actor=CONSOLE, at=after(400)) == Unsealed(published=1, waiting=0)
        found = list(reversed(access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.LOG_UNSEAL})), limit=9)))
    assert [(event.at, event.camera_id) for event in found] == [(after(99), 5), (after(99), 5), (after(400), None)]
    assert found[1].detail == {
        "matter": _MATTER.id,
        "entry": "5",
        "written": after(1).isoformat(),
        "action": "view:open",
        "actor": CONSOLE.label,
        "actor_name": "pat@branch-server",
        "role": "console",
        "detail.n": "1",
    }
    assert _verify(central).ok


@pytest.mark.slow
@pytest.mark.parametrize("step", ["written", "unsigned"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_process_killed_before_its_checkpoint_is_committed_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, step: str
) -> None:
    central: Engines = request.getfixturevalue(f"central_{database}")
    if step == "unsigned":
        _seal(central)
    where = tmp_path / "central.db" if database == "sqlite" else central.write.url.render_as_string(hide_password=False)
    killed_at(step, "tests.vms.services.sealed_child", where, _MATTER.key.hex())
    assert _numbers(central) == [None]
    _sign(central)
    assert len(_read(central)) == 1
    assert _numbers(central) == [2 if step == "written" else 1]
    assert _verify(central).ok


_WRITERS = 8
_EACH = 6


@pytest.mark.slow
def test_writers_of_both_kinds_and_a_signer_at_once_lose_nothing(central: Engines) -> None:
    failed: list[BaseException] = []
    together = threading.Barrier(2 * _WRITERS + 1)

    def write(writer: int) -> None:
        try:
            together.wait(60)
            for _ in range(_EACH):
                with central.writing() as session:
                    # In either order: both hold the log, so none waits for the other for ever.
                    for kind in (writer, writer + 1):
                        if kind % 2:
                            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
                        else:
                            record_sealed(session, _MATTER, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        except (DBAPIError, threading.BrokenBarrierError) as err:
            failed.append(err)

    _sign(central, entries=1)
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(2 * _WRITERS)]
    for thread in threads:
        thread.start()
    together.wait(60)
    for _ in range(5):
        _sign(central)
    for thread in threads:
        thread.join(60)
    while None in _numbers(central):
        _sign(central)
    report = _verify(central)
    assert (failed, report.findings, report.entries) == ([], (), 2 * _WRITERS * _EACH + 1)
    assert len(_read(central, limit=500)) == 2 * _WRITERS * _EACH


_CANARY = "canary-of-a-gag-order"


def test_what_is_sealed_stands_in_no_table_no_log_line_and_no_complaint(
    central: Engines, settings: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    matter = new_matter(settings)
    complaints: list[BaseException] = []
    with caplog.at_level("DEBUG"):
        _seal(central, 2, matter=matter, canary=_CANARY)
        _sign(central, entries=2)
        assert _CANARY in str(_read(central, matter))
        for attempt in (
            lambda: _read(central, Matter(matter.id, bytes(32))),
            lambda: _fail_to_seal(central, matter),
        ):
            with pytest.raises((Corrupt, DBAPIError)) as raised:
                attempt()
            complaints.append(raised.value)
    with central.reading() as session:
        tables = [repr(session.execute(select(table)).all()) for table in SCHEMA.sorted_tables]
    said = [caplog.text, repr(matter), *("".join(traceback.format_exception(err)) for err in complaints)]
    assert [told for told in (*tables, *said) if _CANARY in told or matter.key.hex() in told or repr(matter.key)[2:-1] in told] == []
    held = [path.read_bytes() for path in tmp_path.glob("central.db*")]
    assert not any(_CANARY.encode() in octets or matter.key in octets for octets in held)


def _fail_to_seal(central: Engines, matter: Matter) -> None:
    """Seal where the database refuses to take it."""
    with central.writing() as session:
        session.execute(text("DROP INDEX ix_access_sealed_matter_position"))
        session.execute(text("ALTER TABLE access_sealed RENAME COLUMN sealed TO broken"))
        record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, detail={"canary": _CANARY})
