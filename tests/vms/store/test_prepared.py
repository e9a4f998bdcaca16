"""Statements that go to the driver itself: what they answer and complain of is what SQLAlchemy's own way would."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from vms.domain.people import Role
from vms.errors import Conflict, Unavailable
from vms.store import database
from vms.store.central_tables import SettingRow
from vms.store.database import Engines, driver_of, make_engines, unique
from vms.store.people_tables import PersonRow
from vms.store.prepared import Making, Prepared, PreparedInsert

_AT = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
_PERSON = select(PersonRow.id, PersonRow.role, PersonRow.whole_district, PersonRow.created_at, PersonRow.disabled_at)
_OF_NAME = Prepared(_PERSON.where(PersonRow.name == bindparam("of_name")))
_SINCE = Prepared(select(PersonRow.id).where(PersonRow.created_at >= bindparam("since"), PersonRow.role == bindparam("role")).limit(10))
_RENAME = Prepared(update(SettingRow).where(SettingRow.key == bindparam("of")).values(value=bindparam("to")).returning(SettingRow.value))
_VALUE = Prepared(select(SettingRow.value).where(SettingRow.key == bindparam("of")))
_ADD = PreparedInsert(SettingRow, ("key", "value"))


def _add_person(central: Engines, number: int, name: str) -> None:
    values = {"id": number, "name": name, "name_key": name, "role": Role.DESK, "whole_district": True, "firm": "", "password_hash": ""}
    with central.writing() as session:
        session.execute(insert(PersonRow).values(**values, created_at=_AT))


def _add(session: Session, rows: Sequence[Sequence[object]]) -> None:
    with driver_of(session) as driver:
        _ADD.add(driver, rows)


def test_it_answers_in_a_transaction_and_by_itself_what_sqlalchemy_answers(central: Engines) -> None:
    _add_person(central, 7, "Pat")
    with central.reading() as session:
        expected = [tuple(row) for row in session.execute(_PERSON)]
        assert _OF_NAME.rows(session, {"of_name": "Pat"}) == _OF_NAME.rows(central, {"of_name": "Pat"}) == expected
    assert expected == [(7, Role.DESK, True, _AT, None)]
    assert _OF_NAME.rows(central, {"of_name": "nobody"}) == []


def test_what_it_is_given_passes_the_types_of_the_columns(central: Engines) -> None:
    _add_person(central, 7, "Pat")
    assert _SINCE.rows(central, {"since": _AT, "role": Role.DESK}) == [(7,)]
    assert _SINCE.rows(central, {"since": _AT, "role": Role.IT}) == []


def test_it_belongs_to_the_transaction_of_its_session(central: Engines) -> None:
    with central.writing() as session:
        _add(session, [("colour", "blue")])
        assert _VALUE.rows(session, {"of": "colour"}) == [("blue",)]
        assert _VALUE.rows(central, {"of": "colour"}) == []
    assert _VALUE.rows(central, {"of": "colour"}) == [("blue",)]
    with central.writing() as session:
        assert _RENAME.rows(session, {"of": "colour", "to": "red"}) == [("red",)]
        session.rollback()
    assert _VALUE.rows(central, {"of": "colour"}) == [("blue",)]


def test_the_same_rows_are_made_into_something_once_and_the_database_is_asked_each_time(central: Engines) -> None:
    made: list[object] = []

    def roles(rows: Sequence[tuple[Any, ...]]) -> list[Role]:
        made.append(rows)
        return [row[1] for row in rows]

    role_of = Making(_OF_NAME, roles, remembered=8)
    _add_person(central, 7, "Pat")
    assert [role_of.of(central, {"of_name": "Pat"}) for _ in range(3)] == [[Role.DESK]] * 3
    with central.reading() as session:
        assert role_of.of(session, {"of_name": "Pat"}) == [Role.DESK]
    assert len(made) == 1
    with central.writing() as session:
        session.execute(update(PersonRow).values(role=Role.IT))
        assert role_of.of(session, {"of_name": "Pat"}) == [Role.IT]
    assert role_of.of(central, {"of_name": "Pat"}) == [Role.IT]
    assert role_of.of(central, {"of_name": "nobody"}) == []


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_rows_are_added_one_or_many_at_once(central: Engines, count: int) -> None:
    rows = [(f"key {number}", "tab\tnew line\nback\\slash \N{SNOWMAN}") for number in range(count)]
    with central.writing() as session:
        _add(session, rows)
    with central.reading() as session:
        assert sorted((row.key, row.value) for row in session.scalars(select(SettingRow))) == sorted(rows)


@pytest.mark.parametrize("again", [1, 2])
def test_a_row_that_exists_is_the_conflict_that_it_always_was(central: Engines, again: int) -> None:
    rows = [(f"key {number}", "hunter2") for number in range(again)]
    with central.writing() as session:
        _add(session, rows)
    with pytest.raises(IntegrityError) as failure, central.writing() as session:
        _add(session, rows)
    assert "hunter2" not in str(failure.value)
    with pytest.raises(Conflict, match="there already"), central.writing() as session, unique("It is there already."):
        _add(session, rows)


@pytest.mark.parametrize("writes", [True, False])
def test_a_connection_that_was_closed_underneath_is_lent_to_nobody_again(central_sqlite: Engines, *, writes: bool) -> None:
    way = central_sqlite.writing if writes else central_sqlite.reading

    def use_a_closed_one() -> None:
        with way() as session, driver_of(session) as driver:
            held = session.connection().connection.dbapi_connection
            assert held is not None
            held.close()
            driver.rows("SELECT 1", ())

    for _ in range(2):
        with pytest.raises(DBAPIError, match="closed"):
            use_a_closed_one()
    assert _VALUE.rows(central_sqlite, {"of": "colour"}) == []
    with way() as session:
        assert _VALUE.rows(session, {"of": "colour"}) == []


def test_as_many_read_at_once_as_there_are_threads(central_sqlite: Engines) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(central_sqlite.reading()) for _ in range(40)]
        assert [_VALUE.rows(session, {"of": "colour"}) for session in sessions] == [[]] * 40


def test_a_locked_database_is_said_to_be_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    engines = make_engines(tmp_path / "new.db")
    with engines.writing() as first:
        first.execute(text("CREATE TABLE t (a)"))
        with pytest.raises(Unavailable, match="locked"), engines.answering(), engines.writing() as second:
            second.execute(text("SELECT 1"))
    engines.dispose()


def test_readers_refuse_to_write_by_the_driver_too(central: Engines) -> None:
    with pytest.raises(DBAPIError), central.reading() as session:
        _add(session, [("colour", "blue")])


def test_a_question_leaves_postgresqls_readers_as_they_were(central_postgresql: Engines) -> None:
    _VALUE.rows(central_postgresql, {"of": "colour"})
    with central_postgresql.reading() as session:
        shown = [session.scalar(text(f"SHOW {name}")) for name in ("transaction_isolation", "transaction_read_only")]
    assert shown == ["repeatable read", "on"]


def test_after_a_lost_connection_the_next_question_and_transaction_work(central_postgresql: Engines) -> None:
    end = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    with central_postgresql.writing() as session:
        _VALUE.rows(session, {"of": "colour"})
        with central_postgresql.writing() as other:
            other.execute(end)
        with pytest.raises(Unavailable), central_postgresql.answering():
            _VALUE.rows(session, {"of": "colour"})
        session.rollback()
    assert _VALUE.rows(central_postgresql, {"of": "colour"}) == []
    with central_postgresql.writing() as session:
        _add(session, [("colour", "blue")])
    assert _VALUE.rows(central_postgresql, {"of": "colour"}) == [("blue",)]
