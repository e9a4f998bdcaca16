"""Inquiries by the public form: taken in from anybody, confirming nothing; made into a request or set aside by staff, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import CONSOLE, NOW, a_camera, a_person, an_account, done, refused
from tests.vms.services.requesting import a_new_request, at_work, footage
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import CameraId, InquiryId, SessionId
from vms.domain.inquiry import AskedBy, Inquiry, InquiryState
from vms.domain.instruments import Instrument
from vms.domain.outcome import Refusal
from vms.domain.people import Person, Role
from vms.errors import Conflict, InvalidInput, NotFound, Unavailable
from vms.services import inquiries, requests
from vms.services.access_log import DISTRICT
from vms.services.inquiries import NewInquiry, answer_to, list_inquiries, read_inquiry, set_aside, submit
from vms.store import access_log
from vms.store import inquiries as inquiries_stored
from vms.store.database import Engines
from vms.store.sealed_texts import COMPLAINT_KEY, UNREADABLE

ASKED = NewInquiry(
    "agency", "R. Alvarez", "555-0100", "A bicycle was stolen.\nIt was red.", "By the main door", "Friday, half past six", "Sheriff"
)


@pytest.fixture
def public(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_inquiry": "on", "notice_contact": "12 Main St"})


def _came(central: Engines, settings: Settings, new: NewInquiry = ASKED) -> Inquiry:
    with central.writing() as session:
        return done(submit(session, settings, new, at=NOW))


def _details(central: Engines, action: Action) -> list[tuple[str, dict[str, str]]]:
    with central.reading() as session:
        found = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({action})), limit=9)
        return [(one.actor, dict(one.detail)) for one in found]


def test_what_anybody_says_is_kept_as_it_was_said_and_who_asks_is_in_no_entry(central: Engines, public: Settings) -> None:
    came = _came(central, public)
    with central.writing() as session:
        desk = a_person(session, Role.DESK)
        assert done(list_inquiries(session, desk)) == [came]
        assert done(read_inquiry(session, desk, came.id, at=NOW)) == came
    assert (came.name, came.happened, came.asked_by, came.state) == (
        "R. Alvarez", "A bicycle was stolen.\nIt was red.", AskedBy.AGENCY, InquiryState.WAITING,
    )  # fmt: skip
    assert _details(central, Action.INQUIRY_ENTER) == [("system:inquiry", {"inquiry": str(came.id)})]
    assert _details(central, Action.INQUIRY_READ) == [(desk.label, {"inquiry": str(came.id)})]


def test_what_was_asked_lies_encrypted_and_says_so_without_its_key(central_sqlite: Engines, public: Settings) -> None:
    came = _came(central_sqlite, public)
    octets = b"".join(path.read_bytes() for path in public.central_path.parent.glob(f"{public.central_path.name}*"))
    said = (b"R. Alvarez", b"555-0100", b"A bicycle", b"main door", b"half past six", b"Sheriff")
    assert [word for word in said if word in octets] == []
    with central_sqlite.reading() as session:
        assert inquiries_stored.find(session, limit=9) == [came]
    key = public.secrets_dir / COMPLAINT_KEY
    kept = key.rename(key.with_name("put away"))
    with central_sqlite.reading() as session:
        (listed,) = inquiries_stored.find(session, limit=9)
        with pytest.raises(Unavailable, match=rf"inquiry {came.id} can't be read or added to: complaint_texts.key is gone"):
            inquiries_stored.get(session, came.id)
    assert (listed.id, listed.name, listed.happened, isinstance(listed.fault, Unavailable)) == (came.id, UNREADABLE, UNREADABLE, True)
    with pytest.raises(Unavailable, match=r"complaint_texts.key is gone"):
        _came(central_sqlite, public)
    kept.rename(key)
    with central_sqlite.reading() as session:
        assert inquiries_stored.get(session, came.id) == came


def test_there_is_no_form_where_the_district_has_none(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session, pytest.raises(NotFound, match="nothing at this address"):
        submit(session, settings, ASKED, at=NOW)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"asked_by": "police"}, "as what you ask"),
        ({"name": " "}, "your name"),
        ({"contact": ""}, "how you are reached"),
        ({"happened": ""}, "what happened"),
        ({"happened": "x" * 1501}, "up to 1,500"),
        ({"place": "a\x00b"}, "where it happened"),
        ({"when": "x" * 201}, "the day and the time"),
        ({"agency": "\u202etxt"}, "the agency or firm"),
    ],
)
def test_what_is_missing_or_cannot_be_is_said(central_sqlite: Engines, public: Settings, wrong: dict[str, Any], says: str) -> None:
    with central_sqlite.writing() as session:
        with pytest.raises(InvalidInput, match=says):
            submit(session, public, replace(ASKED, **wrong), at=NOW)
        assert inquiries.waiting(session, a_person(session)) == 0


@pytest.mark.parametrize("asked_by", list(AskedBy))
def test_the_answer_is_the_same_whatever_there_is(central_sqlite: Engines, public: Settings, asked_by: AskedBy) -> None:
    new = replace(ASKED, asked_by=asked_by.value)
    before, other = _came(central_sqlite, public, new), _came(central_sqlite, public, replace(new, place="Nowhere", when="never"))
    with central_sqlite.writing() as session:
        without = answer_to(session, public, before)
        camera = a_camera(session).camera.id
        desk = a_person(session)
        done(requests.enter(session, public, desk, a_new_request(footage(camera)), at=NOW))
        assert answer_to(session, public, before) == without == answer_to(session, public, other)
    said = " ".join(without)
    assert "confirms neither that there is a camera, nor that there is a recording" in said
    assert "12 Main St" in said
    assert ("subpoena" in said) == (asked_by is AskedBy.AGENCY)


def test_more_than_anybody_looks_at_are_sent_to_the_desk(
    central_sqlite: Engines, public: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiries, "MOST_A_DAY", 2)
    monkeypatch.setattr(inquiries, "MOST_WAITING", 3)
    came, _ = (_came(central_sqlite, public) for _ in range(2))
    with central_sqlite.writing() as session:
        full = refused(submit(session, public, ASKED, at=NOW))
        assert (full.refusal, "on paper" in full.sentence) == (Refusal.TOO_MANY, True)
        later = NOW + timedelta(days=1)
        done(submit(session, public, ASKED, at=later))
        assert refused(submit(session, public, ASKED, at=later)) == full
        done(set_aside(session, a_person(session), came.id, "twice", at=later))
        done(submit(session, public, ASKED, at=later))


def _enter(central: Engines, settings: Settings, person: Person, camera: CameraId, number: InquiryId, *, sealed: bool = False) -> None:
    new = replace(a_new_request(footage(camera), Instrument.LIBRARY_REPORT), inquiry=number, sealed=sealed)
    if sealed:
        new = replace(new, instrument=Instrument.NATIONAL_SECURITY_LETTER)
    with central.writing() as session:
        done(requests.enter(session, settings, person, new, at=NOW))


def test_a_request_is_made_of_one_once(central: Engines, public: Settings) -> None:
    came = _came(central, public)
    with central.writing() as session:
        desk, camera = a_person(session), a_camera(session).camera.id
    _enter(central, public, desk, camera, came.id)
    with central.reading() as session:
        (now,) = done(list_inquiries(session, desk))
        assert (now.state, now.outcome is not None and now.outcome.by_name) == (InquiryState.REQUEST, desk.name)
        assert len(done(requests.list_requests(session, desk))) == 1
    with pytest.raises(Conflict, match="does not wait any more"):
        _enter(central, public, desk, camera, came.id)
    with central.writing() as session, pytest.raises(Conflict, match="does not wait any more"):
        set_aside(session, desk, came.id, "twice", at=NOW)
    with pytest.raises(Conflict, match="or there is none"):
        _enter(central, public, desk, camera, InquiryId(7))
    with central.reading() as session:
        assert len(done(requests.list_requests(session, desk))) == 1
    assert _details(central, Action.INQUIRY_DECIDE) == [(desk.label, {"inquiry": str(came.id), "outcome": "request"})]


def test_of_a_sealed_request_the_inquiry_tells_nothing(central_sqlite: Engines, public: Settings) -> None:
    came = _came(central_sqlite, public)
    with central_sqlite.writing() as session:
        camera, account = a_camera(session).camera.id, an_account(session, Role.DIRECTOR, name="H. Marsh")
        an_account(session, Role.DIRECTOR, name="R. Cole")
        director = at_work(Person(account.id, account.name, account.role, SessionId(1)), NOW)
    _enter(central_sqlite, public, director, camera, came.id, sealed=True)
    with central_sqlite.reading() as session:
        assert done(list_inquiries(session, director)) == [came]
    assert _details(central_sqlite, Action.INQUIRY_DECIDE) == []


def test_one_is_set_aside_with_a_reason_by_whoever_may_enter_requests(central: Engines, public: Settings) -> None:
    came = _came(central, public)
    with central.writing() as session:
        desk = a_person(session)
        with pytest.raises(InvalidInput, match="why nothing comes of it"):
            set_aside(session, desk, came.id, "  ", at=NOW)
        assert refused(set_aside(session, CONSOLE, came.id, "not for us", at=NOW)).logged
        assert refused(set_aside(session, desk, InquiryId(7), "not for us", at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        aside = done(set_aside(session, desk, came.id, "not for us", at=NOW))
        assert (aside.state, aside.outcome is not None and aside.outcome.reason) == (InquiryState.ASIDE, "not for us")
        assert (inquiries.waiting(session, desk), inquiries.waiting(session, CONSOLE)) == (0, 0)
        refused(list_inquiries(session, CONSOLE))
        refused(read_inquiry(session, CONSOLE, came.id, at=NOW))
        assert refused(read_inquiry(session, desk, InquiryId(7), at=NOW)).refusal is Refusal.OUT_OF_SCOPE
