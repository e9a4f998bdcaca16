"""What the rule of so many days erases, what stays, and that nobody else can erase a thing unseen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.factories import CONSOLE, NOW
from vms.domain.access import AccessEvent, Action, ErasedEntry
from vms.domain.checkpoint import PADDING
from vms.domain.log_erasure import Erasure, told_by_text, told_in
from vms.errors import Corrupt
from vms.services.access_log import DISTRICT, record
from vms.services.log_erase import Due, due, erase_texts
from vms.services.log_key import LogKey
from vms.services.log_proof import prove_entry, sign_checkpoint
from vms.services.log_verify import LogReport, verify_log
from vms.store import access_log, reviews
from vms.store.database import Engines
from vms.store.reviews import Review

_KEY = LogKey(bytes(range(32)))
_DAYS = 760
_OLD = NOW - timedelta(days=_DAYS, hours=1)
_TODAY = NOW - timedelta(days=1, hours=1)


def _write(engines: Engines, at: datetime, count: int) -> None:
    """Write so many entries at that moment, and sign them."""
    with engines.writing() as session:
        for n in range(count):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=at, detail={"n": str(n)})
        sign_checkpoint(session, _KEY, at=at)


def _due(engines: Engines, at: datetime = NOW) -> Due | None:
    with engines.reading() as session:
        return due(session, days=_DAYS, at=at)


def _erase(engines: Engines, found: Due | None = None, *, key: LogKey = _KEY) -> None:
    found = found or _due(engines)
    assert found is not None
    with engines.writing() as session:
        erase_texts(session, key, found, days=_DAYS, at=NOW)


def _verify(engines: Engines) -> LogReport:
    with engines.reading() as session:
        return verify_log(session, _KEY)


def _sentences(engines: Engines) -> str:
    return " ".join(finding.sentence for finding in _verify(engines).findings)


def _do(engines: Engines, *statements: str) -> None:
    """Do to the stored log what nobody may."""
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS access_event_no_update"))
            connection.execute(text("DROP TRIGGER IF EXISTS access_event_no_delete"))
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def aged(central: Engines) -> Engines:
    """A log of three entries that are past the rule and two that are not."""
    _write(central, _OLD, 3)
    _write(central, _TODAY, 2)
    return central


def test_only_what_is_older_than_the_rule_loses_its_text_and_the_log_still_verifies(aged: Engines) -> None:
    _erase(aged)
    with aged.reading() as session:
        lines = access_log.lines(session, DISTRICT, None, access_log.Filter(), limit=10)
        kept = session.execute(text("SELECT number FROM access_event WHERE body IS NOT NULL ORDER BY number")).scalars().all()
        left = session.execute(text("SELECT salt, body, at, actor, action, camera_id, purpose FROM access_event WHERE number = 2")).one()
    assert [type(line) for line in lines] == [AccessEvent, AccessEvent, AccessEvent, ErasedEntry, ErasedEntry, ErasedEntry]
    assert lines[-1] == ErasedEntry(1, NOW, _DAYS)
    assert kept == [PADDING + 1, PADDING + 2, 2 * PADDING + 1]
    assert set(left) == {None}
    report = _verify(aged)
    assert report.ok, report.findings
    assert (report.entries, report.erased) == (6, 3)


def test_what_was_asked_about_erased_entries_goes_with_them(aged: Engines) -> None:
    found = _due(aged)
    assert found is not None
    with aged.writing() as session:
        for number in (found.last, found.last + 1):
            reviews.add(session, Review(number, f"about/{number}", _OLD, "person:7", "d.nakamura looked often.", None, number))
    _erase(aged, found)
    with aged.reading() as session:
        assert [review.last_number for review in reviews.find(session, skip=0, limit=9)] == [found.last + 1]


def test_the_erasure_is_an_entry_that_says_which_and_why(aged: Engines) -> None:
    _erase(aged)
    with aged.reading() as session:
        (told,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.LOG_ERASE})), limit=10)
    assert (told.actor, told.at) == ("system:log-erase", NOW)
    assert {name: told.detail[name] for name in ("first", "last", "days")} == {"first": "1", "last": "16", "days": "760"}


def test_an_erased_entry_can_still_be_proved_and_the_log_still_be_signed(aged: Engines) -> None:
    _erase(aged)
    with aged.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)
        assert prove_entry(session, 2).index == 1
    assert _verify(aged).ok


def test_a_second_run_goes_on_where_the_first_ended_and_leaves_the_erasures(central: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.services.log_erase.MOST_ERASED", 20)
    for _ in range(3):
        _write(central, _OLD, 10)
    _write(central, _TODAY, 1)
    runs = []
    while (found := _due(central)) is not None:
        runs.append((found.first, found.last))
        _erase(central, found)
    assert runs == [(1, 20), (21, 40), (41, 48)]
    assert (_verify(central).ok, _verify(central).erased) == (True, 30)


def test_an_erasure_is_itself_kept_past_the_rule(aged: Engines) -> None:
    _erase(aged)
    later = NOW + timedelta(days=3 * _DAYS)
    for at in (NOW, later - timedelta(days=2), later):
        with aged.writing() as session:
            sign_checkpoint(session, _KEY, at=at)
    with aged.reading() as session:
        found = due(session, days=_DAYS, at=later)
    assert found is not None
    with aged.writing() as session:
        erase_texts(session, _KEY, found, days=_DAYS, at=later)
    report = _verify(aged)
    assert (report.ok, report.entries, report.erased) == (True, 7, 5)


def test_nothing_is_due_before_it_is_signed_or_while_it_is_young(central: Engines) -> None:
    assert _due(central) is None
    with central.writing() as session:
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=_OLD)
    assert _due(central) is None
    _write(central, _TODAY, 1)
    assert _due(central) == Due(1, 1)
    _erase(central)
    assert _due(central) is None


def test_a_clock_that_leapt_ahead_empties_nothing(aged: Engines) -> None:
    assert _due(aged, NOW + timedelta(days=20_000)) is None


def test_an_entry_of_a_clock_that_was_behind_takes_no_newer_one_with_it(central: Engines) -> None:
    _write(central, _TODAY, 2)
    _write(central, _OLD, 1)
    _write(central, _TODAY, 1)
    assert _due(central) is None


def test_what_was_changed_is_not_erased(aged: Engines) -> None:
    found = _due(aged)
    _do(aged, "UPDATE access_event SET body = replace(body, 'pat', 'sam') WHERE number = 2")
    with pytest.raises(Corrupt, match="Entry 2 of the access log is not the one"):
        _erase(aged, found)
    assert _verify(aged).erased == 0


_BY_HAND = "UPDATE access_event SET salt = NULL, body = NULL, erased_by = {} WHERE number = {}"


def test_who_erases_by_hand_is_found(aged: Engines) -> None:
    _do(aged, _BY_HAND.format(40, 2))
    assert "Entry 2 was erased, and no entry of the log's own says so." in _sentences(aged)


def test_an_erasure_covers_no_entry_that_it_does_not_name(aged: Engines) -> None:
    _erase(aged)
    _do(aged, _BY_HAND.format(2 * PADDING + 1, PADDING + 1))
    assert "4 entries from 1 to 17 were erased" in _sentences(aged)


@pytest.mark.parametrize("number", [PADDING + 3, 2 * PADDING + 1])
def test_padding_and_what_is_not_written_yet_can_not_be_passed_off_as_erased(aged: Engines, number: int) -> None:
    _do(aged, f"INSERT INTO access_event (origin, number, erased_by) VALUES ('district', {number}, {number + 9})")  # noqa: S608
    assert f"Entry {number}" in _sentences(aged)


def test_an_erasure_that_the_log_s_key_did_not_sign_is_none(aged: Engines) -> None:
    """Whoever may add entries can write one that claims an erasure; the database even lets him carry it out."""
    erasure = Erasure(1, PADDING, _DAYS)
    with aged.writing() as session:
        told = record(session, actor=CONSOLE, action=Action.LOG_ERASE, at=NOW, detail=erasure.detail(bytes(64)))
    with aged.write.begin() as connection:
        connection.exec_driver_sql(_BY_HAND.format(told, 1))
    assert "Entry 1 was erased" in _sentences(aged)


def test_an_erasure_that_was_taken_away_is_missed(aged: Engines) -> None:
    _erase(aged)
    _do(aged, f"DELETE FROM access_event WHERE number = {2 * PADDING + 1}")  # noqa: S608
    assert "3 entries from 1 to 3 were erased" in _sentences(aged)


def test_an_entry_erased_before_it_was_signed_is_not_signed_over(central: Engines) -> None:
    with central.writing() as session:
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=_OLD)
    _do(central, _BY_HAND.format(9, 1))
    with pytest.raises(Corrupt, match="Entry 1"), central.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_event SET salt = NULL, body = NULL WHERE number = 1",
        "UPDATE access_event SET salt = NULL, body = NULL, erased_by = 18 WHERE number = 1",
        "UPDATE access_event SET salt = NULL, body = NULL, erased_by = 34 WHERE number = 1",
        "UPDATE access_event SET salt = NULL, body = NULL, erased_by = 33, number = 5 WHERE number = 1",
        "UPDATE access_event SET salt = NULL, body = NULL, erased_by = 33, origin = 'other' WHERE number = 1",
        "UPDATE access_event SET erased_by = 33 WHERE number = 1",
        "UPDATE access_event SET body = NULL, erased_by = 33 WHERE number = 1",
        "UPDATE access_event SET salt = NULL, body = '{}', erased_by = 33 WHERE number = 1",
        "UPDATE access_event SET salt = NULL, body = NULL, erased_by = 33 WHERE number = 33",
        "UPDATE access_event SET erased_by = NULL WHERE number = 1",
    ],
)
def test_the_database_lets_no_other_change_pass_for_an_erasure(aged: Engines, statement: str) -> None:
    """Entry 33 says that something was erased; 18 is another entry, and 34 none."""
    with aged.writing() as session:
        record(session, actor=CONSOLE, action=Action.LOG_ERASE, at=NOW, detail={})
    with pytest.raises(DBAPIError, match=r"append-only|constraint"), aged.write.begin() as connection:
        connection.exec_driver_sql(statement)
    assert _verify(aged).ok


def test_what_was_erased_can_not_be_changed_again(aged: Engines) -> None:
    _erase(aged)
    for statement in ("UPDATE access_event SET erased_by = 34 WHERE number = 1", "DELETE FROM access_event WHERE number = 1"):
        with pytest.raises(DBAPIError, match="append-only"), aged.write.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "body",
    ["", "{}", '{"action":"log:erase",', '{"action":"log:erase","detail":[]}', '{"action":"log:erase","n":1}', '{"action":"log:read"}'],
)
def test_a_text_that_tells_of_no_erasure_is_told_from_one(body: str) -> None:
    assert told_by_text(body) is None


@pytest.mark.parametrize("changed", [{"first": "one"}, {"signature": "?"}, {"days": ""}])
def test_a_detail_that_can_not_be_read_tells_of_no_erasure(changed: dict[str, str]) -> None:
    detail = Erasure(1, 2, 760).detail(bytes(64))
    assert told_in(detail) == (Erasure(1, 2, 760), bytes(64))
    assert told_in(detail | changed) is None
