"""The access log's table: it only grows, and its numbers have no hole."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.factories import NOW, after, span
from tests.web.statements import statements
from vms.domain.access import AccessEvent, Action, Purpose
from vms.domain.ids import CameraId, ViewId
from vms.domain.reach import Reach
from vms.domain.timespan import Timespan
from vms.store import access_log
from vms.store.access_log import Filter
from vms.store.database import Engines

_WRITERS = 8
_EVENTS_EACH = 6


def _event(origin: str = "district", **changed: str) -> AccessEvent:
    return AccessEvent(
        number=0,
        origin=origin,
        at=NOW,
        actor="person:12",
        actor_name="Helen Marsh",
        role="director",
        action=Action.VIEW_OPEN,
        camera_id=CameraId(5),
        purpose=Purpose.INCIDENT,
        span=span(-60, 0),
        view_id=ViewId("v" * 22),
        detail={"note": "naïve", **changed},
    )


def _all(engines: Engines, origin: str = "district") -> list[AccessEvent]:
    with engines.reading() as session:
        return list(access_log.find(session, origin, None, Filter(), limit=1000))


def test_an_event_reads_back_as_it_was_written(central: Engines) -> None:
    with central.writing() as session:
        written = access_log.append(session, _event())
    assert _all(central) == [replace(_event(), number=written)]


def test_numbers_start_at_one_and_count_each_origin_by_itself(central: Engines) -> None:
    with central.writing() as session:
        numbers = [access_log.append(session, _event(origin)) for origin in ("district", "district", "main-street", "district")]
    assert numbers == [1, 2, 1, 3]


def test_events_written_together_are_numbered_in_their_order_by_two_statements(central: Engines) -> None:
    with central.writing() as session:
        assert access_log.append(session, _event(which="before")) == 1
        with statements(central) as asked, access_log.together(session):
            for which in ("a", "b", "c"):
                assert access_log.append(session, _event(which=which)) == 0
        assert len(asked) == 2
        with access_log.together(session):
            access_log.append(session, _event("main-street"))
            access_log.append(session, _event(which="last"))
        assert access_log.append(session, _event(which="after")) == 6
    told = [(event.number, event.detail["which"]) for event in reversed(_all(central))]
    assert told == [(1, "before"), (2, "a"), (3, "b"), (4, "c"), (5, "last"), (6, "after")]
    assert [event.number for event in _all(central, "main-street")] == [1]


def test_of_events_that_were_to_be_written_together_none_is_when_one_of_them_fails(central: Engines) -> None:
    def fail() -> None:
        with central.writing() as session, access_log.together(session):
            access_log.append(session, _event())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with central.writing() as session, access_log.together(session):
        pass
    with central.writing() as session:
        assert access_log.append(session, _event()) == 1


def test_a_transaction_that_fails_leaves_no_hole(central: Engines) -> None:
    with central.writing() as session:
        access_log.append(session, _event())
    with central.writing() as session:
        access_log.append(session, _event())
        session.rollback()
    with central.writing() as session:
        assert access_log.append(session, _event()) == 2


@pytest.mark.slow
def test_writers_at_the_same_time_get_numbers_without_a_hole(central: Engines) -> None:
    errors: list[BaseException] = []
    together = threading.Barrier(_WRITERS)

    def write(writer: int) -> None:
        try:
            together.wait(10)
            for number in range(_EVENTS_EACH):
                with central.writing() as session:
                    access_log.append(session, _event(writer=str(writer), number=str(number)))
        except (DBAPIError, threading.BrokenBarrierError) as err:
            errors.append(err)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    events = _all(central)
    assert [event.number for event in reversed(events)] == list(range(1, _WRITERS * _EVENTS_EACH + 1))
    assert len({(event.detail["writer"], event.detail["number"]) for event in events}) == len(events)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_event SET body = '{}'",
        "DELETE FROM access_event",
        "DELETE FROM access_event WHERE number = 1",
    ],
)
def test_no_statement_changes_what_is_written(central: Engines, statement: str) -> None:
    with central.writing() as session:
        written = access_log.append(session, _event())
    with pytest.raises(DBAPIError, match="append-only"), central.write.begin() as connection:
        connection.execute(text(statement))
    assert _all(central) == [replace(_event(), number=written)]


def test_sqlite_refuses_to_replace_an_event(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        access_log.append(session, _event())
    replaced = text("INSERT OR REPLACE INTO access_event (origin, number, salt, body) SELECT origin, number, salt, '{}' FROM access_event")
    with pytest.raises(DBAPIError, match="append-only"), central_sqlite.write.begin() as connection:
        connection.execute(replaced)


def test_postgresql_refuses_to_truncate_the_log(central_postgresql: Engines) -> None:
    with pytest.raises(DBAPIError, match="append-only"), central_postgresql.write.begin() as connection:
        connection.execute(text("TRUNCATE access_event"))


def test_the_log_is_narrowed_by_what_a_reader_asks(central: Engines) -> None:
    with central.writing() as session:
        first, second = (access_log.append(session, _event()) for _ in range(2))

        def found(wanted: Filter) -> list[int]:
            return [event.number for event in access_log.find(session, "district", None, wanted, limit=10)]

        assert found(Filter()) == [second, first]
        assert found(Filter(before=second)) == [first]
        assert found(Filter(camera_id=CameraId(6))) == []
        assert found(Filter(actions=frozenset({Action.VIEW_OPEN, Action.VIEW_CLOSE}))) == [2, 1]
        assert found(Filter(actions=frozenset({Action.VIEW_CLOSE}))) == []
        assert found(Filter(actor="person:12")) == [2, 1]
        assert found(Filter(actor="person:13")) == []
        assert found(Filter(during=span(0, 1))) == [2, 1]
        assert found(Filter(during=span(-10, 0))) == []


def _watching(session: Session, action: Action, at: float, *, view: str, span_: Timespan | None = None, camera: int = 5) -> int:
    changed = {"action": action, "at": after(at), "view_id": ViewId(view), "span": span_, "camera_id": CameraId(camera)}
    return access_log.append(session, replace(_event(), **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("camera_id", [CameraId(5), None])
def test_who_watched_a_time_is_found_by_its_footage_and_by_live_views_that_ran_in_it(central: Engines, camera_id: CameraId | None) -> None:
    """The time asked for begins 3,600 s after `NOW` and lasts a minute; a view ends by itself 900 s after it was opened or extended."""
    with central.writing() as session:
        for action, at, view, span_ in (
            (Action.VIEW_OPEN, 0, "recorded before", span(3500, 3600)),
            (Action.VIEW_OPEN, 100, "live, long over", None),
            (Action.VIEW_OPEN, 2800, "live, closed before", None),
            (Action.VIEW_EXTEND, 3000, "live, closed before", None),
            (Action.VIEW_CLOSE, 3599, "live, closed before", None),
            (Action.VIEW_OPEN, 3660, "live, opened later", None),
            (Action.LOG_READ, 3610, "no watching", None),
            (Action.VIEW_OPEN, 9000, "recorded behind", span(3660, 3700)),
        ):
            _watching(session, action, at, view=view, span_=span_)
        wanted = [
            _watching(session, action, at, view=view, span_=span_)
            for action, at, view, span_ in (
                (Action.VIEW_OPEN, 2710, "live, never closed", None),
                (Action.VIEW_EXTEND, 3590, "live, closed in it", None),
                (Action.VIEW_CLOSE, 3601, "live, closed in it", None),
                (Action.VIEW_OPEN, 3659, "live, opened in it", None),
                (Action.VIEW_OPEN, 90_000, "footage of it", span(3659, 3700)),
                (Action.FOOTAGE_READ, 90_001, "footage of it", span(3000, 3601)),
            )
        ]
        found = access_log.find(session, "district", None, Filter(camera_id=camera_id, watched=span(3600, 3660)), limit=50)
    assert [event.number for event in reversed(found)] == wanted


def test_who_watched_another_camera_is_not_found(central: Engines) -> None:
    with central.writing() as session:
        _watching(session, Action.VIEW_OPEN, 10, view="v", camera=6)
        assert access_log.find(session, "district", None, Filter(camera_id=CameraId(5), watched=span(0, 60)), limit=50) == []


def test_a_reader_of_one_branch_sees_no_other(central: Engines) -> None:
    with central.writing() as session:
        access_log.append(session, _event())
        assert list(access_log.find(session, "district", Reach(frozenset()), Filter(), limit=10)) == []
