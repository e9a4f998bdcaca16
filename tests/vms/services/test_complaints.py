"""Complaints: anybody enters one, it is due in working days, whom it is about neither sees nor answers it, and the log knows no names."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, refused, span
from vms.config import Settings
from vms.domain.access import Action, Purpose
from vms.domain.complaint import MAX_TEXT_CHARS, About, Complaint, ComplaintState
from vms.domain.hold import HoldKind
from vms.domain.ids import CameraId, ComplaintId, PersonId
from vms.domain.people import Person, Role
from vms.errors import Conflict, InvalidInput
from vms.services import complaints, records
from vms.services.access_log import DISTRICT, record
from vms.services.cameras import remove_camera
from vms.services.complaints import NewComplaint
from vms.services.district import District, save_district
from vms.services.holds import list_holds
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.refusals import no_such
from vms.store import access_log, mails
from vms.store.database import Engines

SAID = NewComplaint("paper", "practice", "The camera looks at my screen.", from_name="Rosa Diaz", from_address="12 Elm St")


@pytest.fixture
def board(settings: Settings) -> Settings:
    told = {"smtp_host": "mail.example", "mail_from": "vms@alder.example"}
    told |= {"director_address": "director@alder.example", "outside_address": "board@county.example"}
    return settings.model_copy(update=told)


def _entered(session: Session, settings: Settings, person: Person, new: NewComplaint = SAID) -> Complaint:
    return done(complaints.enter(session, settings, person, new, at=NOW))


def _events(session: Session, *actions: Action) -> list[dict[str, str]]:
    wanted = access_log.Filter(actions=frozenset(actions))
    return [one.detail for one in reversed(access_log.find(session, DISTRICT, None, wanted, limit=99))]


@pytest.mark.parametrize("role", Role)
def test_every_role_enters_one_and_sees_what_it_entered(central_sqlite: Engines, settings: Settings, role: Role) -> None:
    with central_sqlite.writing() as session:
        person = replace(a_person(session, Role.DESK), role=role)
        complaint = _entered(session, settings, person)
        assert complaints.list_complaints(session, person) == [complaint]


def test_it_comes_back_as_it_was_entered_with_its_answer(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        camera = a_camera(session).camera.id
        desk, somebody, director = a_person(session), a_person(session, name="somebody else"), a_person(session, Role.DIRECTOR)
        new = replace(SAID, cameras=frozenset({camera}), time=span(-60, 0), text="  The camera\nlooks at my screen. \n")
        number = _entered(session, settings, desk, new).id
        waits = done(complaints.complaint_for(session, director, number))
        assert (waits.text, waits.cameras, waits.time) == ("The camera\nlooks at my screen.", frozenset({camera}), span(-60, 0))
        assert complaints.waiting_for(session, director, at=NOW) == (1, 0)
        assert complaints.waiting_for(session, director, at=waits.due_at) == (1, 1)
        told = done(complaints.answer(session, director, number, "It was turned.", at=after(60)))
        assert told.answer is not None
        assert (told.answer.text, told.answer.by_name, told.answer.at) == ("It was turned.", director.name, after(60))
        assert complaints.waiting_for(session, director, at=NOW) == (0, 0)
        assert "answered already" in refused(complaints.answer(session, director, number, "Again.", at=after(90))).sentence
        assert complaints.list_complaints(session, somebody) == [], "others' complaints are for whom they are for"
        assert _events(session, Action.COMPLAINT_ENTER, Action.COMPLAINT_ANSWER) == [
            {"complaint": str(number), "way": "paper", "due": waits.due_at.isoformat()},
            {"complaint": str(number)},
        ]


def test_it_is_due_at_the_end_of_the_tenth_working_day(central_sqlite: Engines, settings: Settings) -> None:
    holidays = settings.model_copy(update={"holidays": (date(2026, 3, 27),)})
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        desk = a_person(session)
        due = _entered(session, settings, desk).due_at  # entered on a Saturday
        assert due == datetime(2026, 3, 28, 7, tzinfo=UTC)
        assert _entered(session, holidays, desk).due_at == datetime(2026, 3, 31, 7, tzinfo=UTC)
        earlier = _entered(session, settings, desk, replace(SAID, received="2026-03-02"))
        assert earlier.due_at == datetime(2026, 3, 17, 7, tzinfo=UTC)
        assert earlier.state(earlier.due_at - timedelta(seconds=1)) is ComplaintState.OPEN
        assert earlier.state(earlier.due_at) is ComplaintState.OVERDUE


def test_whom_it_is_about_neither_sees_nor_answers_it(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk, delegate = a_person(session), a_person(session, Role.DELEGATE, name="Jo Park")
        director = a_person(session, Role.DIRECTOR, name="Helen Marsh")
        number = _entered(session, settings, desk, replace(SAID, about="staff", about_name="jo  PARK")).id
        assert "no such complaint" in refused(complaints.complaint_for(session, delegate, number)).sentence
        assert "no such complaint" in refused(complaints.answer(session, delegate, number, "Fine.", at=NOW)).sentence
        assert (complaints.list_complaints(session, delegate), complaints.waiting_for(session, delegate, at=NOW)) == ([], (0, 0))
        refused(complaints.answer(session, desk, number, "Fine.", at=NOW))
        done(complaints.answer(session, director, number, "They were told.", at=NOW))


@pytest.mark.parametrize("new", [replace(SAID, about="director"), replace(SAID, about="staff", about_name="helen marsh")])
def test_one_about_the_director_goes_to_the_board_and_is_answered_by_nobody_the_director_chose(
    central_sqlite: Engines, board: Settings, new: NewComplaint
) -> None:
    with central_sqlite.writing() as session:
        delegate, auditor, desk = (a_person(session, role) for role in (Role.DELEGATE, Role.AUDITOR, Role.DESK))
        director = a_person(session, Role.DIRECTOR, name="Helen Marsh")
        second = replace(director, id=PersonId(7), name="Second")
        complaint = _entered(session, board, desk, new)
        assert complaint.about is About.DIRECTOR
        (letter,) = mails.due(session, NOW, limit=9)
        assert letter.recipient == "board@county.example"
        assert not any(word in letter.body for word in ("Rosa", "screen", "Helen"))
        for one in (director, second):
            assert "no such" in refused(complaints.complaint_for(session, one, complaint.id)).sentence
            assert complaints.waiting_for(session, one, at=NOW) == (0, 0)
        assert "the Board" in refused(complaints.answer(session, delegate, complaint.id, "Fine.", at=NOW)).sentence
        assert complaints.waiting_for(session, auditor, at=NOW) == (1, 0)
        done(complaints.answer(session, desk, complaint.id, "The Board's answer.", at=NOW))


def test_the_list_is_cut_after_what_is_for_others_was_left_out(
    central: Engines, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complaints, "LIST_LIMIT", 1)
    with central.writing() as session:
        desk, director = a_person(session), a_person(session, Role.DIRECTOR)
        _entered(session, settings, desk, replace(SAID, about="director", received="2026-03-02"))
        mine = _entered(session, settings, desk)
        assert complaints.list_complaints(session, director) == [mine]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("about", About)
def test_what_waits_for_somebody_is_what_they_may_answer(central_sqlite: Engines, settings: Settings, role: Role, about: About) -> None:
    with central_sqlite.writing() as session:
        desk, whom = a_person(session, name="desk"), replace(a_person(session, name="whom"), role=role)
        number = _entered(session, settings, desk, replace(SAID, about=about.value)).id
        seen = complaints.complaint_for(session, whom, number)
        may = isinstance(seen, Complaint) and seen.may_answer(whom)
        assert complaints.waiting_for(session, whom, at=NOW) == (may, 0)


def test_any_other_is_mailed_to_the_director_without_a_word_of_it(central_sqlite: Engines, board: Settings) -> None:
    with central_sqlite.writing() as session:
        complaint = _entered(session, board, a_person(session))
        (letter,) = mails.due(session, NOW, limit=9)
    assert letter.recipient == "director@alder.example"
    assert f"vms complaint show {complaint.id}" in letter.body
    assert not any(word in letter.body for word in ("Rosa", "Elm", "screen"))


def test_who_reads_others_complaints_does_so_in_the_whole_district(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        number, somebody = _entered(session, settings, a_person(session)).id, a_person(session, name="somebody else")
        people = {role: replace(somebody, role=role) for role in Role}
        readers = {role for role, person in people.items() if not _hidden(session, person, number)}
        assert readers == {Role.DIRECTOR, Role.DELEGATE, Role.AUDITOR}
        for role in readers:
            assert _hidden(session, replace(people[role], branches=frozenset({a_branch(session, role).id})), number)


def _hidden(session: Session, person: Person, number: ComplaintId) -> bool:
    return complaints.complaint_for(session, person, number) == no_such("complaint")


def test_the_footage_that_it_is_about_is_kept_once_by_a_hold(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        camera = a_camera(session).camera.id
        desk, director = a_person(session), a_person(session, Role.DIRECTOR)
        number = _entered(session, settings, desk, replace(SAID, cameras=frozenset({camera}), time=span(-60, 0))).id
        placed = done(complaints.keep_footage(session, settings, director, number, at=NOW)).hold
        (hold,) = done(list_holds(session, director))
        assert (hold.id, hold.kind, hold.matter, hold.scope.cameras) == (
            placed.id,
            HoldKind.INCIDENT,
            f"Complaint {number}",
            frozenset({camera}),
        )
        assert done(complaints.complaint_for(session, director, number)).hold_id == hold.id
        assert f"Legal hold {hold.id}" in refused(complaints.keep_footage(session, settings, director, number, at=NOW)).sentence
        about_staff = replace(SAID, about="staff", cameras=frozenset({camera}), time=span(-60, 0))
        other = _entered(session, settings, desk, about_staff).id
        told = done(complaints.keep_footage(session, settings, director, other, at=NOW)).hold
        assert (told.matter, told.reason) == ("Incident", "It is being looked into."), "whom it is about may read holds"
        without = _entered(session, settings, director).id
        with pytest.raises(InvalidInput, match="no cameras and no time"):
            complaints.keep_footage(session, settings, director, without, at=NOW)


@pytest.mark.slow
def test_of_two_who_keep_its_footage_at_once_one_does(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        camera, delegate, director = a_camera(session).camera.id, a_person(session, Role.DELEGATE), a_person(session, Role.DIRECTOR)
        number = _entered(session, settings, director, replace(SAID, cameras=frozenset({camera}), time=span(-60, 0))).id
    answers: list[str] = []
    both = threading.Barrier(2)

    def keep(person: Person) -> None:
        try:
            with central.writing() as session:
                if central.write.dialect.name == "postgresql":  # on SQLite the second transaction begins when the first has ended
                    complaints.complaint_for(session, person, number)
                    both.wait(10)
                answers.append(type(complaints.keep_footage(session, settings, person, number, at=NOW)).__name__)
        except Conflict as err:
            answers.append(str(err))

    threads = [threading.Thread(target=keep, args=(person,)) for person in (director, delegate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 2
    assert "Placed" in answers
    with central.reading() as session:
        assert len(done(list_holds(session, director))) == 1


def test_who_watched_is_read_from_the_log_which_knows_of_that(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        details, other = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        desk, director = a_person(session, Role.DESK), a_person(session, Role.DIRECTOR)
        for camera, start in ((details.camera.id, -120), (details.camera.id, -7200), (other.camera.id, -120)):
            looked = span(start, start + 60)
            record(session, actor=desk, action=Action.VIEW_OPEN, at=after(9000), camera_id=camera, purpose=Purpose.INCIDENT, span=looked)
        new = replace(SAID, cameras=frozenset({details.camera.id}), time=span(-90, -30))
        number = _entered(session, settings, desk, new).id
        (event,) = done(complaints.who_watched(session, director, number, at=after(9001)))
        assert (event.actor, event.camera_id, event.span) == (desk.label, details.camera.id, span(-120, -60))
        assert len(_events(session, Action.LOG_READ)) == 1
        assert refused(complaints.who_watched(session, desk, number, at=after(9002))).logged
        assert "no such time" in refused(complaints.who_watched(session, desk, _entered(session, settings, desk).id, at=NOW)).sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"way": "rumour"}, "Choose how the complaint came"),
        ({"about": "weather"}, "Choose what the complaint is about"),
        ({"text": " \n "}, "Write down what the complaint says"),
        ({"text": "x" * (MAX_TEXT_CHARS + 1)}, "4,000 characters"),
        ({"text": "a\0b"}, "Write down"),
        ({"from_name": "x" * 121}, "has up to 120 characters"),
        ({"about": "staff", "about_name": "Jo Prak"}, "Nobody signs in as ‘Jo Prak’"),
        ({"about": "staff", "about_name": "Jo Prak", "text": ""}, "Write down what the complaint says"),
        ({"about_name": "Jo Park"}, "A name goes with somebody on the staff"),
        ({"received": "soon"}, "is no day"),
        ({"received": "2026-03-16"}, "today at the latest"),
        ({"received": "2024-03-01"}, "within the last 366 days"),
    ],
)
def test_what_can_not_be_entered_is_said_in_one_sentence(
    central_sqlite: Engines, settings: Settings, wrong: dict[str, str], sentence: str
) -> None:
    with central_sqlite.writing() as session, pytest.raises(InvalidInput, match=sentence):
        complaints.enter(session, settings, a_person(session), replace(SAID, **wrong), at=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("time", [(1, 60), (-60, 1), (-4e8, -3e8)])
def test_what_it_is_about_is_over(central_sqlite: Engines, settings: Settings, time: tuple[float, float]) -> None:
    with central_sqlite.writing() as session, pytest.raises(InvalidInput, match="within the last ten years"):
        complaints.enter(session, settings, a_person(session), replace(SAID, time=span(*time)), at=NOW)


def test_cameras_are_of_the_own_reach_few_and_with_a_time(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        mine, theirs = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        desk = replace(a_person(session), branches=frozenset({mine.branch.id}))
        far = replace(SAID, cameras=frozenset({theirs.camera.id}), time=span(-60, 0))
        none = replace(SAID, cameras=frozenset({CameraId(7)}), time=span(-60, 0))
        assert complaints.enter(session, settings, desk, far, at=NOW) == complaints.enter(session, settings, desk, none, at=NOW)
        with pytest.raises(InvalidInput, match="from when to when"):
            complaints.enter(session, settings, desk, replace(far, cameras=frozenset({mine.camera.id}), time=None), at=NOW)
        refused(complaints.enter(session, settings, CONSOLE, SAID, at=NOW))
        done(remove_camera(session, CONSOLE, mine.camera.id, at=NOW))
        assert _entered(session, settings, desk, replace(far, cameras=frozenset({mine.camera.id}))).cameras == {mine.camera.id}


def test_it_goes_three_years_after_its_answer_and_never_without_one(central: Engines, settings: Settings) -> None:
    later = NOW + timedelta(days=1097)
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        sign_checkpoint(session, LogKey(bytes(range(32))), at=later - timedelta(days=2))
        camera = a_camera(session).camera.id
        director = a_person(session, Role.DIRECTOR)
        answered = _entered(session, settings, director, replace(SAID, cameras=frozenset({camera}), time=span(-60, 0)))
        waits = _entered(session, settings, director)
        done(complaints.answer(session, director, answered.id, "It was turned.", at=NOW))
        assert records.purge_some(session, settings, records.JOB, at=later).get("complaints") == 1
        assert [one.id for one in complaints.list_complaints(session, director)] == [waits.id]


def test_that_somebody_read_what_another_entered_is_in_the_log(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk, director = a_person(session), a_person(session, Role.DIRECTOR)
        number = done(complaints.enter(session, settings, desk, SAID, at=NOW)).id
        done(complaints.read_complaint(session, desk, number, at=NOW))
        done(complaints.read_complaint(session, director, number, at=NOW))
        refused(complaints.read_complaint(session, director, ComplaintId(7), at=NOW))
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.COMPLAINT_READ})), limit=9)
        assert (entry.actor, entry.detail) == (director.label, {"complaint": str(number)})


def test_a_list_with_all_that_complaints_say_is_read_complaint_by_complaint(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk, director = a_person(session), a_person(session, Role.DIRECTOR)
        for one in (desk, desk, director):
            done(complaints.enter(session, settings, one, SAID, at=NOW))
        found = complaints.read_complaints(session, director, at=NOW)
        complaints.read_complaints(session, desk, at=NOW)
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.COMPLAINT_READ})), limit=9)
        assert {entry.actor for entry in entries} == {director.label}
        assert sorted(entry.detail["complaint"] for entry in entries) == sorted(
            str(one.id) for one in found if one.entered_by == desk.label
        )
