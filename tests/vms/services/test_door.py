"""A warrant at the door: anybody takes it in, the deputies are told in their order, and nobody approves what they took in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.factories import NOW, a_branch, a_camera, a_person, done, elsewhere, refused
from tests.vms.services.requesting import SCAN, Staff, at_work, footage, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.door import MOST_DEPUTIES, CallWay, Deputy
from vms.domain.instruments import Instrument
from vms.domain.people import Role
from vms.domain.request import ExportRequest, Requester, RequestState
from vms.errors import InvalidInput
from vms.services import deputies, door, requests
from vms.services.access_log import DISTRICT
from vms.services.approvals import approve
from vms.services.door import LookedOver, Warrant
from vms.services.request_steps import JOB
from vms.store import access_log, holds, mails
from vms.store.database import Engines

OFFICER = Requester("Det. R. Alvarez", "Alder County Sheriff", "4711", "")
_WARRANT = Warrant(OFFICER, "Circuit Court of Alder County", "26-SW-12", (), ("paper.jpg", SCAN))
LOOKED_OVER = LookedOver("badge seen, called back", "J. Stone by phone, 08:05", "carried out at once")


@pytest.fixture
def mailing(settings: Settings) -> Settings:
    return settings.model_copy(update={"smtp_host": "mail.example", "mail_from": "vms@alder.example"})


def _warrant(session: Session, **more: object) -> Warrant:
    return replace(_WARRANT, **{"footage": footage(a_camera(session).camera.id)} | more)  # type: ignore[arg-type]


def _listed(session: Session, all_: Staff) -> None:
    director = at_work(all_.director, NOW)
    told = [Deputy(all_.delegate.id, "555-0102", "delegate@alder.example"), Deputy(director.id, "555-0101", "")]
    done(deputies.set_deputies(session, director, told, at=NOW))


def _taken_in(session: Session, settings: Settings, all_: Staff) -> ExportRequest:
    _listed(session, all_)
    return done(door.take_in(session, settings, all_.desk, _warrant(session), at=NOW))


def test_whoever_is_at_the_desk_keeps_what_a_warrant_names_and_its_photograph(central: Engines, mailing: Settings) -> None:
    with central.writing() as session:
        request = _taken_in(session, mailing, staff(session))
        assert (request.instrument, request.state) == (Instrument.SEARCH_WARRANT, RequestState.SUBMITTED)
        (hold,) = (holds.get(session, None, number) for number in request.holds)
        assert hold is not None
        assert hold.expires_at is None
        (paper,) = requests.standing_of(session, mailing, request).papers
        assert (paper.name, paper.size_bytes) == ("paper.jpg", len(SCAN))
        (letter,) = [one for one in mails.due(session, NOW, limit=9) if "at the door" in one.subject]
        assert letter.recipient == "delegate@alder.example"
        for told in ("Alvarez", "Sheriff", "26-SW-12"):
            assert told not in letter.body + letter.subject, "who comes, and for what, is in no mail"


def test_a_deputy_looks_it_over_in_one_act_and_approves_it(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        all_ = staff(session)
        request = _taken_in(session, settings, all_)
        assert door.waiting_for(session, all_.director) == [request.id]
        assert door.waiting_for(session, all_.desk) == []
        delegate = at_work(all_.delegate, NOW)
        assert requests.standing_of(session, settings, request).faults
        looked = done(door.look_over(session, settings, delegate, request.id, LOOKED_OVER, at=NOW))
        assert requests.standing_of(session, settings, looked).faults == ()
        again = done(door.look_over(session, settings, delegate, request.id, LOOKED_OVER, at=NOW))
        assert again.state is RequestState.UNDER_REVIEW, "said twice is no fault"
        assert door.waiting_for(session, all_.director) == [], "somebody has taken it up"
        assert done(approve(session, settings, delegate, request.id, request.sha256, at=NOW)).state is RequestState.APPROVED


def test_who_took_it_in_and_who_decides_nothing_get_no_further(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        all_ = staff(session)
        director = at_work(all_.director, NOW)
        mine = done(door.take_in(session, settings, director, _warrant(session), at=NOW))
        assert door.waiting_for(session, director) == []
        done(door.look_over(session, settings, director, mine.id, LOOKED_OVER, at=NOW))
        assert "never approves it" in refused(approve(session, settings, director, mine.id, mine.sha256, at=NOW)).sentence
        theirs = done(door.take_in(session, settings, all_.desk, replace(_WARRANT, footage=mine.scope.footage), at=NOW))
        assert "the Director" in refused(door.look_over(session, settings, all_.desk, theirs.id, LOOKED_OVER, at=NOW)).sentence
        assert requests.standing_of(session, settings, theirs).faults


def test_calls_are_written_down_with_their_time_beside_whom_to_call_next(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        stranger = elsewhere(a_person(session, name="of another branch"), a_branch(session, "West").id)
        all_ = staff(session)
        request = _taken_in(session, settings, all_)
        later = NOW + timedelta(minutes=2)
        done(door.note_call(session, settings, all_.desk, request.id, all_.delegate.id, reached=False, at=later))
        done(door.note_call(session, settings, all_.desk, request.id, all_.director.id, reached=True, at=later))
        first, second = done(door.to_call(session, all_.desk, request.id, at=later))
        assert (first.named.name, second.named.name) == (all_.delegate.name, all_.director.name)
        assert [(one.reached, one.at) for one in (*first.calls, *second.calls)] == [(False, later), (True, later)]
        told = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.REQUEST_NOTE})), limit=2)
        assert [(one.detail["name"], one.detail["reached"]) for one in told] == [
            (all_.director.name, "yes"),
            (all_.delegate.name, "no"),
        ]
        refused(door.to_call(session, stranger, request.id, at=later))
        refused(door.note_call(session, settings, stranger, request.id, all_.director.id, reached=True, at=later))
        refused(door.note_call(session, settings, all_.desk, request.id, stranger.id, reached=True, at=later))


def test_a_deputy_who_acts_on_the_pages_now_is_told_to_be_here(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        all_ = staff(session)
        request = _taken_in(session, settings, all_)
        assert [one.here for one in done(door.to_call(session, all_.desk, request.id, at=NOW))] == [True, True]
        tomorrow = NOW + timedelta(days=1)
        assert [one.here for one in done(door.to_call(session, all_.desk, request.id, at=tomorrow))] == [False, False]


@pytest.mark.parametrize(
    ("more", "says"),
    [({"footage": ()}, "Choose the cameras"), ({"docket": ""}, "which court"), ({"photograph": ("paper.jpg", b"")}, "1 octet")],
)
def test_a_warrant_without_what_it_needs_is_answered_with_a_sentence(
    central_sqlite: Engines, settings: Settings, more: dict[str, object], says: str
) -> None:
    with central_sqlite.writing() as session, pytest.raises(InvalidInput, match=says):
        door.take_in(session, settings, a_person(session), _warrant(session, **more), at=NOW)


def test_the_list_is_the_directors_and_has_only_people_who_may_decide(central: Engines) -> None:
    with central.writing() as session:
        all_ = staff(session)
        _listed(session, all_)
        assert [one.name for one in deputies.list_deputies(session, at=NOW)] == [all_.delegate.name, all_.director.name]
        told = [Deputy(all_.director.id, " 555-0101 ", "")]
        for other in (all_.delegate, all_.desk):
            assert "the Director" in refused(deputies.set_deputies(session, other, told, at=NOW)).sentence
        ((one),) = done(deputies.set_deputies(session, all_.director, told, at=NOW))
        assert one.deputy.phone == "555-0101", "the list is written as a whole"
        (entry, *_) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.DEPUTY_SET})), limit=9)
        assert entry.detail["names"] == all_.director.name


def test_a_list_that_cannot_be_is_answered_with_a_sentence(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        desk = a_person(session, Role.DESK, name="at the desk").id
        all_ = staff(session)
        own = Deputy(all_.director.id, "555-0101", "")
        for told, says in (
            ([own, own], "each once"),
            ([own] * (MOST_DEPUTIES + 1), "each once"),
            ([Deputy(desk, "555", "")], "may decide"),
            ([Deputy(all_.director.id, "", " ")], "is reached"),
            ([Deputy(all_.director.id, "", "the director")], "no mail address"),
            ([Deputy(all_.director.id, "5" * 41, "")], "up to 40"),
        ):
            with pytest.raises(InvalidInput, match=says):
                deputies.set_deputies(session, all_.director, told, at=NOW)


def _staffed(session: Session) -> tuple[Staff, list[str]]:
    """Return the staff, and three deputies' names in their order: the second has a telephone alone."""
    third = a_person(session, Role.DELEGATE, name="third")
    all_ = staff(session)
    told = [Deputy(all_.delegate.id, "", "first@alder.example"), Deputy(all_.director.id, "555-0101", "")]
    listed = done(deputies.set_deputies(session, at_work(all_.director, NOW), [*told, Deputy(third.id, "", "third@alder.example")], at=NOW))
    return all_, [one.name for one in listed]


def _to(session: Session) -> list[str]:
    return [one.recipient for one in mails.due(session, NOW + timedelta(days=1), limit=9) if "at the door" in one.subject]


def test_the_next_deputy_is_mailed_only_when_the_one_before_had_time_to_answer(central: Engines, mailing: Settings) -> None:
    with central.writing() as session:
        all_, names = _staffed(session)
        request = done(door.take_in(session, mailing, all_.desk, _warrant(session), at=NOW))
        assert _to(session) == ["first@alder.example"]
        waits = timedelta(minutes=mailing.deputy_minutes)
        early, late = NOW + waits - timedelta(seconds=1), NOW + waits
        assert not door.anybody_to_mail(session, mailing, at=early)
        door.mail_next(session, mailing, at=early)
        assert _to(session) == ["first@alder.example"]
        assert door.anybody_to_mail(session, mailing, at=late)
        door.mail_next(session, mailing, at=late)
        assert _to(session) == ["first@alder.example", "third@alder.example"]
        door.mail_next(session, mailing, at=late + waits)
        assert len(_to(session)) == 2, "each once"
        first, second, third = done(door.to_call(session, all_.desk, request.id, at=late))
        assert [one.named.name for one in (first, second, third)] == names
        assert [[(call.way, call.at) for call in one.calls] for one in (first, second, third)] == [
            [(CallWay.MAIL, NOW)], [], [(CallWay.MAIL, late)],
        ]  # fmt: skip
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.REQUEST_NOTE})), limit=9)
        told = [(one.detail["name"], one.actor) for one in entries if one.detail["act"] == "mail"]
        assert told == [(names[2], JOB.label), (names[0], all_.desk.label)]


def test_nobody_else_is_mailed_once_one_of_them_was_reached_or_took_it_up(central_sqlite: Engines, mailing: Settings) -> None:
    with central_sqlite.writing() as session:
        all_, _ = _staffed(session)
        warrant = _warrant(session)
        called, taken_up = (done(door.take_in(session, mailing, all_.desk, warrant, at=NOW)) for _ in range(2))
        late = NOW + timedelta(minutes=mailing.deputy_minutes)
        assert not door.anybody_to_mail(session, mailing.model_copy(update={"smtp_host": None}), at=late), "mail is off"
        done(door.note_call(session, mailing, all_.desk, called.id, all_.director.id, reached=True, at=NOW))
        assert door.anybody_to_mail(session, mailing, at=late)
        done(door.look_over(session, mailing, at_work(all_.delegate, NOW), taken_up.id, LOOKED_OVER, at=NOW))
        assert not door.anybody_to_mail(session, mailing, at=late)
        door.mail_next(session, mailing, at=late)
        assert _to(session) == ["first@alder.example"] * 2


def test_a_deputy_who_gets_an_address_while_the_warrant_waits_is_mailed_then(central: Engines, mailing: Settings) -> None:
    with central.writing() as session:
        all_ = staff(session)
        director = at_work(all_.director, NOW)
        done(deputies.set_deputies(session, director, [Deputy(director.id, "555-0101", "")], at=NOW))
        request = done(door.take_in(session, mailing, all_.desk, _warrant(session), at=NOW))
        assert (_to(session), door.anybody_to_mail(session, mailing, at=NOW)) == ([], False)
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.REQUEST_NOTE})), limit=9)
        assert [one.detail["name"] for one in entries if one.detail["act"] == "mail"] == ["nobody: no address, or no mail server"]
        assert [one.calls for one in done(door.to_call(session, all_.desk, request.id, at=NOW))] == [()]
        later = NOW + timedelta(seconds=40)
        new = [Deputy(director.id, "555-0101", "first@alder.example"), Deputy(all_.delegate.id, "", "second@alder.example")]
        done(deputies.set_deputies(session, director, new, at=later))
        assert door.anybody_to_mail(session, mailing, at=later)
        door.mail_next(session, mailing, at=later)
        door.mail_next(session, mailing, at=later)
        assert _to(session) == ["first@alder.example"]
        door.mail_next(session, mailing, at=later + timedelta(minutes=mailing.deputy_minutes))
        assert _to(session) == ["first@alder.example", "second@alder.example"]
        done(door.look_over(session, mailing, at_work(all_.delegate, NOW), request.id, LOOKED_OVER, at=later))
        assert not door.anybody_to_mail(session, mailing, at=later + timedelta(hours=9))


def test_a_warrant_that_was_taken_in_while_mail_was_off_is_mailed_once_it_is_on(central_sqlite: Engines, mailing: Settings) -> None:
    with central_sqlite.writing() as session:
        all_, _ = _staffed(session)
        without = mailing.model_copy(update={"smtp_host": None})
        request = done(door.take_in(session, without, all_.desk, _warrant(session), at=NOW))
        assert not door.anybody_to_mail(session, without, at=NOW)
        door.mail_next(session, mailing, at=NOW)
        assert _to(session) == ["first@alder.example"]
        assert all(one.named.name for one in done(door.to_call(session, all_.desk, request.id, at=NOW)))


def test_the_list_is_emptied_only_by_who_says_so(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        all_ = staff(session)
        _listed(session, all_)
        with pytest.raises(InvalidInput, match="The list is empty"):
            deputies.set_deputies(session, all_.director, [], at=NOW)
        with pytest.raises(InvalidInput, match="either"):
            deputies.set_deputies(session, all_.director, [Deputy(all_.director.id, "555", "")], nobody=True, at=NOW)
        assert len(deputies.list_deputies(session, at=NOW)) == 2
        assert done(deputies.set_deputies(session, all_.director, [], nobody=True, at=NOW)) == []
