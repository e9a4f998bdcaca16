"""Reviews of who watched: told once, mailed, counted by the month, from a log that is read on from where it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, done, elsewhere, refused
from vms.config import Settings
from vms.domain.access import Action, Purpose
from vms.domain.ids import CameraId
from vms.domain.people import Person, Role
from vms.domain.review import Rule
from vms.domain.timespan import Timespan
from vms.services.access_log import DISTRICT, record, refuse
from vms.services.district import District, save_district
from vms.services.footage import open_view, record_read
from vms.services.refusals import not_allowed
from vms.services.reviews import Known, add_digest, catch_up, count_month, list_reviews, month_due, tell, text_of
from vms.store import access_log
from vms.store.database import Engines
from vms.store.reviews import Review

ALDER = District("Alder", "America/Los_Angeles", 14, "Helen Marsh")


@pytest.fixture
def settings(tmp_path: object) -> Settings:
    return Settings.model_validate(
        {"data_dir": tmp_path, "smtp_host": "127.0.0.1", "smtp_security": "off", "mail_from": "custodian@library.example"}
        | {"auditor_address": "auditor@library.example", "outside_address": "clerk@county.example"}
    )


def _looked(session: Session, person: Person, camera: CameraId, *, days: int = 5) -> None:
    """Write that `person` looked at an hour of each of some days in a row, at noon there."""
    for day in range(days):
        at = NOW + timedelta(days=day, hours=4)
        span = Timespan(at - timedelta(hours=2), at - timedelta(hours=1))
        view = done(open_view(session, person, camera_id=camera, purpose=Purpose.INCIDENT, span=span, at=at))
        first = Timespan(span.start, span.start + timedelta(minutes=1))
        record_read(session, person, camera_id=camera, span=first, purpose=view.purpose, at=at, view_id=view.id, detail={"segment": "5"})


def _world(central: Engines) -> tuple[Person, CameraId]:
    with central.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
        return a_person(session, Role.DESK, name="d.nakamura"), a_camera(session, name="Children's room").camera.id


def _told(central: Engines, settings: Settings, at: datetime, known: Known | None = None) -> list[Review]:
    with central.reading() as session:
        findings = catch_up(session, known or Known(), at)
    with central.writing() as session:
        return tell(session, settings, findings, at=at)


def _mail(central: Engines) -> list[tuple[str, str]]:
    with central.reading() as session:
        return [(row.recipient, row.body) for row in session.execute(text("SELECT recipient, body FROM mail ORDER BY at"))]


def test_a_finding_is_told_once_mailed_and_in_the_log(central: Engines, settings: Settings) -> None:
    person, camera = _world(central)
    with central.writing() as session:
        _looked(session, person, camera)
    later = NOW + timedelta(days=5)
    (review,) = _told(central, settings, later)
    assert _told(central, settings, later + timedelta(hours=1)) == []
    assert review.sentence.startswith("d.nakamura looked at recordings of ‘Children's room’ on 5 days within 7 days")
    ((to, body),) = _mail(central)
    assert to == "auditor@library.example"
    assert review.sentence in body
    with central.reading() as session:
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.REVIEW_ADD})), limit=9)
    assert (entry.actor, entry.detail) == ("system:review", {"rule": "same_camera", "of": person.label})


def test_what_goes_on_is_told_again_after_four_weeks(central_sqlite: Engines, settings: Settings) -> None:
    person, camera = _world(central_sqlite)
    with central_sqlite.writing() as session:
        _looked(session, person, camera, days=35)
    told = [day for day in range(35) if _told(central_sqlite, settings, NOW + timedelta(days=day, hours=5))]
    assert told == [3, 31]


def test_without_the_auditors_address_it_goes_outside_and_without_mail_it_is_stored(central_sqlite: Engines, settings: Settings) -> None:
    person, camera = _world(central_sqlite)
    with central_sqlite.writing() as session:
        _looked(session, person, camera)
    with central_sqlite.writing() as session:
        outside = settings.model_copy(update={"auditor_address": None})
        tell(session, outside, catch_up(session, Known(), NOW + timedelta(days=5)), at=NOW)
        assert [to for to, _ in _mail(central_sqlite)] == []
    assert [to for to, _ in _mail(central_sqlite)] == ["clerk@county.example"]
    with central_sqlite.writing() as session:
        session.execute(text("DELETE FROM review"))
    assert len(_told(central_sqlite, Settings(data_dir=settings.data_dir), NOW + timedelta(days=5))) == 1
    assert len(_mail(central_sqlite)) == 1


def test_a_look_reads_only_what_is_new_and_finds_what_reading_all_does(central_sqlite: Engines) -> None:
    person, camera = _world(central_sqlite)
    known = Known()
    with central_sqlite.writing() as session:
        _looked(session, person, camera, days=3)
        assert catch_up(session, known, NOW + timedelta(days=3)) == []
        before = known.number
        assert catch_up(session, known, NOW + timedelta(days=3)) == []
        _looked(session, person, camera, days=5)
        found = catch_up(session, known, NOW + timedelta(days=5))
        assert known.number > before > 0
        assert found == catch_up(session, Known(), NOW + timedelta(days=5))
    assert len(found) == 1


def test_a_new_time_zone_is_counted_from_the_start(central_sqlite: Engines) -> None:
    person, camera = _world(central_sqlite)
    known = Known()
    with central_sqlite.writing() as session:
        _looked(session, person, camera)
        catch_up(session, known, NOW + timedelta(days=5))
        save_district(session, CONSOLE, District("Alder", "Asia/Tokyo", 14, "Helen Marsh"), at=NOW)
        found = catch_up(session, known, NOW + timedelta(days=5))
    assert [finding.days[0].isoformat() for finding in found if finding.rule is Rule.SAME_CAMERA] == ["2026-03-15"]


def test_an_entry_that_cannot_be_read_keeps_no_other_from_being_asked_about(central_sqlite: Engines) -> None:
    person, camera = _world(central_sqlite)
    with central_sqlite.writing() as session:
        _looked(session, person, camera, days=1)
        session.execute(text("DROP TRIGGER access_event_no_update"))
        session.execute(text("UPDATE access_event SET body = replace(body, '\"span\":[', '\"span\":[null,') WHERE action = 'footage:read'"))
    with central_sqlite.reading() as session:
        assert catch_up(session, Known(), NOW + timedelta(days=1)) == []


def test_a_months_digest_counts_every_account_once(central: Engines, settings: Settings) -> None:
    person, camera = _world(central)
    april = datetime(2026, 4, 1, 7, 30, tzinfo=UTC)  # half past midnight in Los Angeles
    with central.writing() as session:
        director = a_person(session, Role.DIRECTOR, name="h.marsh")
        for minutes in (0, 14, 70):
            at = NOW + timedelta(minutes=minutes)
            done(open_view(session, director, camera_id=camera, purpose=Purpose.LIVE, span=None, at=at))
        refuse(session, director, "camera.manage", not_allowed("add a camera", "IT"), at=NOW)
        _looked(session, person, camera, days=20)
        done(open_view(session, director, camera_id=camera, purpose=Purpose.LIVE, span=None, at=april))
    _told(central, settings, NOW + timedelta(days=5))
    with central.reading() as session:
        assert month_due(session, april - timedelta(hours=1)) is None
        month = month_due(session, april)
        assert month is not None
        rows = count_month(session, month)
    assert [(row.name, row.live_hours, row.incident, row.refused, row.questions) for row in rows] == [
        ("d.nakamura", 0, 18, 0, 1),
        ("h.marsh", 2, 0, 1, 0),
    ]
    with central.writing() as session:
        digest = add_digest(session, settings, month, rows, at=april)
        assert month_due(session, april) is None
    assert "d.nakamura (desk): live pictures open in 0 hours, looked at again 0 times; recordings opened 18 times for" in text_of(digest)
    assert [to for to, body in _mail(central) if "Who watched in March 2026: accounts 2, questions told 1." in body] == [
        "auditor@library.example"
    ]


def test_a_month_before_the_installation_has_no_digest(central_sqlite: Engines) -> None:
    _world(central_sqlite)
    with central_sqlite.reading() as session:
        assert month_due(session, NOW + timedelta(days=1)) is None


def test_where_entries_of_a_time_begin_is_found_among_padding(central: Engines) -> None:
    _world(central)
    with central.writing() as session:
        for minute in range(40):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW + timedelta(minutes=1 + minute))
            if minute % 7 == 0:
                access_log.pad(session, DISTRICT, 13)
    with central.reading() as session:
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(), limit=500)
        for minutes in (-1, 0, 1, 2, 20, 39, 41, 99):
            at = NOW + timedelta(minutes=minutes)
            found = access_log.last_before(session, DISTRICT, at)
            assert {entry.number > found for entry in entries if entry.at >= at} <= {True}
            assert {entry.number <= found for entry in entries if entry.at < at} <= {True}


def test_who_reads_reviews_is_written_and_only_who_may_does(central: Engines, settings: Settings) -> None:
    person, camera = _world(central)
    with central.writing() as session:
        _looked(session, person, camera)
    _told(central, settings, NOW + timedelta(days=5))
    with central.writing() as session:
        auditor = a_person(session, Role.AUDITOR)
        page = done(list_reviews(session, auditor, at=NOW))
        (own,) = access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)
        assert ([review.actor for review in page.reviews], own.action, own.number) == ([person.label], Action.REVIEW_READ, page.own_number)
        for other in (person, a_person(session, Role.IT), elsewhere(auditor, a_branch(session, "Harbor").id), CONSOLE):
            assert "Director or an auditor of the whole district" in refused(list_reviews(session, other, at=NOW)).sentence
