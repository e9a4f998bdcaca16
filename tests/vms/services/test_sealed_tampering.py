"""What is done to sealed entries in the database is refused there, or found, and nothing is signed over it."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.vms.services.sealing import KEY, numbers, read, seal, sign, unguarded, verify
from vms.errors import Corrupt
from vms.services.log_verify import verify_log
from vms.store.database import Engines

_REFUSED = (
    "UPDATE access_sealed SET number = 12 WHERE number = 4",
    "UPDATE access_sealed SET number = NULL WHERE number = 4",
    "UPDATE access_sealed SET number = 4 WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, matter = salt WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, salt = sealed WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, sealed = salt WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, commitment = NULL WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, position = 40 WHERE number IS NULL",
    "UPDATE access_sealed SET number = 40, origin = 'another' WHERE number IS NULL",
    "UPDATE access_sealed SET matter = salt WHERE number IS NULL",
    "DELETE FROM access_sealed",
)
_AGAIN = (
    "INTO access_sealed (origin, position, number, matter, salt, sealed) SELECT origin, {}, {}, matter, salt, sealed FROM access_sealed"
)
_BY_ROW_ID = (  # which the tables have not: what replaces by it takes a row away, and no trigger sees it
    (
        "INSERT OR REPLACE INTO access_sealed (rowid, origin, position, matter, salt, sealed) "
        "SELECT 1, origin, 9, matter, salt, sealed FROM access_sealed LIMIT 1"
    ),
    "UPDATE OR REPLACE access_sealed SET number = 40, rowid = (SELECT min(rowid) FROM access_sealed) WHERE number IS NULL",
    "INSERT OR REPLACE INTO access_checkpoint (rowid, origin, size, at, note) SELECT rowid, origin, 77, at, note FROM access_checkpoint",
    "UPDATE OR REPLACE access_checkpoint SET rowid = 5",
)
_ON_SQLITE = (
    "UPDATE OR REPLACE access_sealed SET number = 4 WHERE number IS NULL",
    f"INSERT OR REPLACE {_AGAIN.format('position', 'NULL')}",
    f"INSERT OR REPLACE {_AGAIN.format('position + 9', 4)} WHERE number IS NULL",
)


@pytest.mark.parametrize("statement", _REFUSED)
def test_the_database_lets_a_row_have_its_number_and_nothing_else(central: Engines, statement: str) -> None:
    seal(central)
    sign(central, entries=3)
    seal(central)
    with pytest.raises(DBAPIError, match="append-only"), central.write.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [*((statement, "append-only") for statement in _ON_SQLITE), *((statement, r"column.* rowid") for statement in _BY_ROW_ID)],
)
def test_nothing_replaces_a_row(central_sqlite: Engines, statement: str, sentence: str) -> None:
    seal(central_sqlite)
    sign(central_sqlite, entries=3)
    seal(central_sqlite)
    with pytest.raises(DBAPIError, match=sentence), central_sqlite.write.begin() as connection:
        connection.execute(text(statement))
    assert len(numbers(central_sqlite)) == 2
    assert verify(central_sqlite).ok


def test_the_table_is_not_emptied(central_postgresql: Engines) -> None:
    seal(central_postgresql)
    with pytest.raises(DBAPIError, match="append-only"), central_postgresql.write.begin() as connection:
        connection.execute(text("TRUNCATE access_sealed"))


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE access_sealed SET salt = (SELECT salt FROM access_event WHERE number = 1) WHERE number = 5", "Entry 5 was changed after"),
        ("UPDATE access_sealed SET matter = salt WHERE number = 5", "Entry 5 was changed after"),
        ("UPDATE access_sealed SET commitment = NULL WHERE number = 5", "Entry 5 was changed after"),
        (
            "UPDATE access_sealed SET commitment = (SELECT commitment FROM access_sealed WHERE position = 3) WHERE number = 5",
            "Entry 5 was changed after",
        ),
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
    seal(central, 2)
    sign(central, entries=3)
    seal(central, 2)
    assert verify(central).ok
    with unguarded(central) as connection:
        connection.execute(text(statement))
    report = verify(central)
    assert any(sentence in finding.sentence for finding in report.findings), report.findings


@pytest.mark.parametrize("position", [3, 4])
def test_nothing_is_signed_over_a_waiting_entry_that_is_gone(central: Engines, position: int) -> None:
    seal(central, 2)
    sign(central, entries=3)
    seal(central, 2)
    with unguarded(central) as connection:
        connection.execute(text("DELETE FROM access_sealed WHERE position = :position"), {"position": position})
    with pytest.raises(Corrupt, match="gone since the last checkpoint"):
        sign(central)


@pytest.mark.parametrize("waiting", [1, 3])
@pytest.mark.parametrize("number", [18, 17])
def test_nothing_is_signed_when_a_hand_gave_a_waiting_entry_its_number(central: Engines, waiting: int, number: int) -> None:
    seal(central, 2)
    sign(central, entries=3)
    seal(central, waiting)
    with unguarded(central) as connection:
        connection.execute(text("UPDATE access_sealed SET number = :number WHERE position = 3"), {"number": number})
    with pytest.raises(Corrupt, match="gone since the last checkpoint, or was moved"):
        sign(central)
    assert not verify(central).ok


@pytest.mark.parametrize("text_", ["CAST(x'ff61' AS TEXT)", "'text'", "18.5"])
def test_nothing_is_signed_over_a_number_that_is_none(central_sqlite: Engines, text_: str) -> None:
    seal(central_sqlite, 2)
    sign(central_sqlite, entries=3)
    seal(central_sqlite, 2)
    with unguarded(central_sqlite) as connection:
        connection.execute(text(f"UPDATE access_sealed SET number = {text_} WHERE position = 3"))  # noqa: S608
    with pytest.raises(Corrupt):
        sign(central_sqlite)


_OF_ANOTHER_TYPE = (
    "matter = CAST(matter AS TEXT)",
    "salt = CAST(salt AS TEXT)",
    "sealed = CAST(sealed AS TEXT)",
    "number = 5.5",
    "number = 'text'",
    "number = CAST(x'ff61' AS TEXT)",
    "position = 1.5",
    "position = CAST(x'ff61' AS TEXT)",
)


@pytest.mark.parametrize("number", [4, 6])
@pytest.mark.parametrize("change", _OF_ANOTHER_TYPE)
def test_a_cell_of_another_type_is_found_and_stops_no_reading(central_sqlite: Engines, change: str, number: int) -> None:
    """The octets may be the same, and so the hash."""
    seal(central_sqlite, 3)
    sign(central_sqlite, entries=3)
    with unguarded(central_sqlite) as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = 1"))
        connection.execute(text(f"UPDATE access_sealed SET {change} WHERE number = {number}"))  # noqa: S608
        connection.execute(text("PRAGMA ignore_check_constraints = 0"))
    said = [finding.sentence for finding in verify(central_sqlite).findings]
    assert any("1 rows hold what is of another type" in one for one in said), said
    assert 2 <= len(read(central_sqlite)) <= 3


def test_an_ordinary_entry_whose_salt_is_no_text_that_can_be_read_is_named(central_sqlite: Engines) -> None:
    sign(central_sqlite, entries=3)
    with unguarded(central_sqlite) as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = 1"))
        connection.execute(text("UPDATE access_event SET salt = CAST(x'ff61ff62ff63ff64ff65ff66ff67ff68' AS TEXT) WHERE number = 2"))
        connection.execute(text("PRAGMA ignore_check_constraints = 0"))
    assert [finding.sentence for finding in verify(central_sqlite).findings] == ["Entry 2 was changed after it was signed."]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT number, position FROM access_sealed WHERE origin = 'o' AND number IS NOT NULL ORDER BY number DESC LIMIT 1",
        "SELECT number IS NULL, position FROM access_sealed WHERE origin = 'o' AND position >= 7 ORDER BY position LIMIT 16",
        "SELECT position FROM access_sealed WHERE origin = 'o' ORDER BY position DESC LIMIT 1",
    ],
)
def test_what_signing_asks_for_is_found_without_a_sort(central_sqlite: Engines, statement: str) -> None:
    with central_sqlite.read.begin() as connection:
        plan = " ".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
    assert "SEARCH access_sealed USING" in plan
    assert "TEMP B-TREE" not in plan


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


@pytest.mark.parametrize("changes", [pytest.param(100, marks=pytest.mark.slow), pytest.param(400, marks=pytest.mark.long)])
def test_changes_are_all_found_and_the_first_entry_of_each_is_named(central_sqlite: Engines, changes: int) -> None:
    """Edits, deletions and exchanges of sealed rows of a log of three checkpoints, each undone before the next."""
    for entries, sealed in ((5, 9), (250, 6), (20, 12)):
        seal(central_sqlite, sealed)
        sign(central_sqlite, entries=entries)
    known = [number for number in numbers(central_sqlite) if number is not None]
    chance = random.Random(20261126)
    with unguarded(central_sqlite):
        pass
    for _ in range(changes):
        number, theirs = chance.sample(known, 2)
        statement = chance.choice(_DONE)
        with Session(central_sqlite.write) as session, session.begin():
            session.execute(text(statement), {"number": number} | ({"theirs": theirs} if ":theirs" in statement else {}))
            findings = verify_log(session, KEY).findings
            session.rollback()
        assert findings, statement
        assert findings[0].number == number, (statement, findings)
