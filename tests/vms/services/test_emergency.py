"""Emergency access: one session sees every camera for half an hour, others are told at once, and one of them reviews it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.factories import CONSOLE, NOW, a_branch, a_camera, after, an_account, done, refused, span
from vms.config import Settings
from vms.domain.access import VIEW_DEADLINE, AccessEvent, Action, Purpose, View
from vms.domain.camera import CameraDetails
from vms.domain.emergency import LASTS, MOST_UNREVIEWED, Emergency, EmergencyAccess, EmergencyReview, Officer
from vms.domain.ids import BranchId, EmergencyId, ScreenId, SessionId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import IDLE_LIMITS, Account, Permission, Person, Proof, Role
from vms.domain.screens import SessionKind
from vms.domain.timespan import Timespan
from vms.errors import InvalidInput
from vms.services import emergency
from vms.services.access_log import DISTRICT, list_events
from vms.services.cameras import list_cameras
from vms.services.district import District, save_district
from vms.services.footage import close_view, extend_view, open_view, view_for
from vms.services.people import disable_person
from vms.services.reviews import add_digest, count_month, month_due
from vms.services.sessions import (
    OpenSession,
    SignedIn,
    digest,
    open_session,
    prove_session,
    revoke_sessions,
    session_for_token,
    sign_out,
    touch_session,
)
from vms.store import access_log, emergencies, people, sessions, views
from vms.store.database import Engines

_OVER = NOW + LASTS
_LATE = NOW + timedelta(days=5)


@dataclass
class Scene:
    """A district of two branches, each with a camera, and somebody of the first."""

    engines: Engines
    settings: Settings
    ours: CameraDetails
    theirs: CameraDetails
    account: Account
    token: str

    def person(self, at: int = 0) -> Person:
        """Return who acts in the session, as it is found so many seconds later by a request that is not the first."""
        self.used(at)
        return self.whoever(self.token, at)

    def used(self, at: int) -> None:
        """Have the session not idle so many seconds later."""
        with self.engines.writing() as session:
            stored = sessions.of_token(session, digest(self.token))
            assert stored is not None
            sessions.seen(session, stored.id, after(at))

    def whoever(self, token: str, at: int = 0) -> Person:
        with self.engines.reading() as session:
            found = session_for_token(session, token, at=after(at))
        assert isinstance(found, OpenSession), found
        return found.person

    def signed_in(self, role: Role, name: str = "", *branches: BranchId) -> Person:
        with self.engines.writing() as session:
            account = an_account(session, role, name=name or f"{role} other", branches=frozenset(branches) or None)
            people.confirm(session, account.id, NOW)
        return self.another_session(account).person

    def another_session(self, account: Account, at: int = 0) -> SignedIn:
        with self.engines.writing() as session:
            return done(open_session(session, person_id=account.id, at=after(at), proof=Proof.TOTP))

    def open(self, person: Person | None = None, reason: str = "fire in West", at: int = 0) -> EmergencyAccess | Refused:
        with self.engines.writing() as session:
            return emergency.open_emergency(session, self.settings, person or self.person(at), reason=reason, at=after(at))

    def opened(self, at: int = 0) -> EmergencyAccess:
        return done(self.open(at=at))

    def close(self, number: EmergencyId, at: int, person: Person | None = None) -> EmergencyAccess | Refused:
        with self.engines.writing() as session:
            return emergency.close_emergency(session, person or self.person(at), number, at=after(at))

    def review(
        self, person: Person, number: EmergencyId, at: int = 1800, was_for: str = "a fire", note: str = ""
    ) -> EmergencyAccess | Refused:
        with self.engines.writing() as session:
            return emergency.review_emergency(session, person, number, was_for=was_for, right=True, note=note, at=after(at))

    def view(self, camera: CameraDetails, recorded: Timespan | None = None, at: int = 0, person: Person | None = None) -> View | Refused:
        purpose = Purpose.LIVE if recorded is None else Purpose.INCIDENT
        with self.engines.writing() as session:
            who = person or self.person(at)
            return open_view(session, who, camera_id=camera.camera.id, purpose=purpose, span=recorded, at=after(at))

    def extend(self, view: View, at: int) -> View | Refused:
        person = self.person(at)
        with self.engines.writing() as session:
            return extend_view(session, person, view.id, at=after(at))

    def newest(self, action: Action) -> AccessEvent:
        wanted = access_log.Filter(actions=frozenset({action}))
        with self.engines.reading() as session:
            return access_log.find(session, DISTRICT, None, wanted, limit=1)[0]


def _scene(engines: Engines, role: Role = Role.DESK) -> Scene:
    with engines.writing() as session:
        save_district(session, CONSOLE, District("Alder County", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        here, there = a_branch(session, "East"), a_branch(session, "West")
        ours, theirs = a_camera(session, here, "Lobby"), a_camera(session, there, "Door", host="10.20.2.11")
        account = an_account(session, role, name="ana", branches=frozenset({here.id}))
        token = done(open_session(session, person_id=account.id, at=NOW, proof=Proof.TOTP)).token
    return Scene(engines, Settings(data_dir=Path("/nowhere")), ours, theirs, account, token)


@pytest.fixture
def scene(central: Engines) -> Scene:
    return _scene(central)


@pytest.fixture
def lite(central_sqlite: Engines) -> Scene:
    """The same on SQLite alone."""
    return _scene(central_sqlite)


def test_it_shows_every_camera_live_and_half_an_hour_back(scene: Scene) -> None:
    refused(scene.view(scene.theirs))
    access = scene.opened()
    assert (access.opened_at, access.over_at) == (NOW, _OVER)
    with scene.engines.reading() as session:
        assert {one.camera.id for one in list_cameras(session, scene.person())} == {scene.ours.camera.id, scene.theirs.camera.id}
    done(scene.view(scene.theirs))
    done(scene.view(scene.theirs, span(-1800, 0)))
    older = refused(scene.view(scene.theirs, span(-1801, 0)))
    assert (older.refusal, older.logged) == (Refusal.NOT_ALLOWED, True)
    assert "half an hour before" in older.sentence


@pytest.mark.parametrize("role", [Role.DESK, Role.SUPERVISOR, Role.BRANCH_MANAGER, Role.DIRECTOR, Role.DELEGATE])
def test_whoever_watches_live_may_open_one(central_sqlite: Engines, role: Role) -> None:
    scene = _scene(central_sqlite, role)
    scene.opened()
    done(scene.view(scene.theirs))
    done(scene.view(scene.theirs, span(-60, 0)))


@pytest.mark.parametrize("role", [Role.IT, Role.AUDITOR, Role.COUNSEL])
def test_nobody_else_may_and_that_is_written(central_sqlite: Engines, role: Role) -> None:
    scene = _scene(central_sqlite, role)
    assert refused(scene.open()).refusal is Refusal.NOT_ALLOWED
    assert scene.newest(Action.ACCESS_REFUSE).detail["what"] == "emergency:open"
    refused(scene.view(scene.theirs))


def test_a_view_under_it_says_so_in_the_log_and_never_outlasts_it(scene: Scene) -> None:
    access = scene.opened()
    view = done(scene.view(scene.theirs, at=1000))
    assert scene.newest(Action.VIEW_OPEN).detail == {"emergency": str(access.id)}
    assert (view.emergency_id, view.deadline) == (access.id, _OVER)
    early = done(scene.view(scene.theirs, span(-60, 0), at=10))
    assert early.deadline == after(10) + VIEW_DEADLINE
    extended = done(scene.extend(early, 905))
    assert extended.deadline == _OVER
    assert scene.newest(Action.VIEW_EXTEND).detail == {"emergency": str(access.id)}
    assert done(scene.extend(extended, 1799)) == extended
    assert len(_events(scene, Action.VIEW_EXTEND)) == 1
    scene.used(2000)
    with scene.engines.writing() as session:
        done(close_view(session, scene.whoever(scene.token, 2000), view.id, intervals=[], at=after(2000)))
    assert scene.newest(Action.VIEW_CLOSE).detail["emergency"] == str(access.id)


def _events(scene: Scene, action: Action) -> list[AccessEvent]:
    with scene.engines.reading() as session:
        return list(access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({action})), limit=99))


def test_the_own_branch_stays_watched_in_the_own_right(scene: Scene) -> None:
    scene.opened()
    live = done(scene.view(scene.ours))
    old = done(scene.view(scene.ours, span(-7200, -3600)))
    assert (live.emergency_id, old.emergency_id) == (None, None)
    assert live.deadline == NOW + VIEW_DEADLINE
    assert scene.newest(Action.VIEW_OPEN).detail == {}
    access = scene.person().emergency
    assert access is not None
    scene.close(access.id, 60)
    with scene.engines.reading() as session:
        done(view_for(session, scene.person(70), old.id, at=after(70)))


def test_a_branch_manager_sees_recordings_of_the_own_branch_only_by_it(central_sqlite: Engines) -> None:
    scene = _scene(central_sqlite, Role.BRANCH_MANAGER)
    access = scene.opened()
    assert done(scene.view(scene.ours, span(-1800, 0))).emergency_id == access.id
    refused(scene.view(scene.ours, span(-1801, 0)))
    assert done(scene.view(scene.ours)).emergency_id is None
    refused(scene.view(scene.ours, span(-60, 0), at=1800))


def test_a_branch_managers_log_and_whoever_else_is_listed_are_not_widened(central_sqlite: Engines) -> None:
    scene = _scene(central_sqlite, Role.BRANCH_MANAGER)
    scene.opened()
    done(scene.view(scene.theirs))
    with scene.engines.writing() as session:
        page = done(list_events(session, scene.person(), at=NOW))
    assert scene.theirs.camera.id not in {line.camera_id for line in page.lines if isinstance(line, AccessEvent)}
    assert not scene.person().may(Permission.PEOPLE_READ)


@pytest.mark.parametrize("ending", ["time", "by hand", "sign-out", "revoked", "account"])
def test_what_was_open_ends_with_it(scene: Scene, ending: str) -> None:
    access = scene.opened()
    live, recorded = done(scene.view(scene.theirs)), done(scene.view(scene.theirs, span(-60, 0)))
    before, at = scene.person(), 1800 if ending == "time" else 60
    with scene.engines.writing() as session:
        if ending == "by hand":
            done(emergency.close_emergency(session, before, access.id, at=after(59)))
        elif ending == "sign-out":
            sign_out(session, before, at=after(59))
        elif ending == "revoked":
            done(revoke_sessions(session, before, scene.account.id, at=after(59), only=before.session_id))
        elif ending == "account":
            done(disable_person(session, CONSOLE, scene.account.id, at=after(59)))
    scene.used(at)
    with scene.engines.writing() as session:
        found = session_for_token(session, scene.token, at=after(at))
        if ending in ("time", "by hand"):
            assert isinstance(found, OpenSession)
            assert found.person.emergency is None
            for view in (live, recorded):
                refused(view_for(session, found.person, view.id, at=after(at)))
        else:
            refused(found)
        # Whoever still holds the person of the last look gets no new view either.
        for wanted in (None, span(-60, 0)):
            purpose = Purpose.LIVE if wanted is None else Purpose.INCIDENT
            refused(open_view(session, before, camera_id=scene.theirs.camera.id, purpose=purpose, span=wanted, at=after(at)))


def test_another_sign_in_of_the_same_person_has_nothing_widened(scene: Scene) -> None:
    scene.opened()
    view = done(scene.view(scene.theirs))
    other = scene.whoever(scene.another_session(scene.account).token)
    assert other.emergency is None
    assert refused(scene.view(scene.theirs, person=other)).refusal is Refusal.OUT_OF_SCOPE
    with scene.engines.reading() as session:
        refused(view_for(session, other, view.id, at=NOW))


def test_a_new_proof_of_the_session_keeps_it(scene: Scene) -> None:
    access = scene.opened()
    with scene.engines.writing() as session:
        proved = prove_session(session, scene.person(), Proof.TOTP, at=after(60))
    assert proved.person.emergency == scene.whoever(proved.token, 60).emergency
    assert proved.person.emergency is not None
    assert proved.person.emergency.id == access.id


def test_one_is_open_at_a_time_and_ended_from_anywhere(scene: Scene) -> None:
    first = scene.opened()
    assert "open until" in refused(scene.open(at=60)).sentence
    other = scene.another_session(scene.account, 60).token
    again = refused(scene.open(scene.whoever(other, 60), at=60))
    assert "in another of your sign-ins" in again.sentence
    done(scene.close(first.id, 90, scene.whoever(other, 90)))
    assert scene.person(90).emergency is None
    second = done(scene.open(scene.whoever(other, 120), at=120))
    assert scene.whoever(other, 120).emergency is not None
    assert second.over_at == after(120) + LASTS


def test_the_database_itself_keeps_one_open(scene: Scene) -> None:
    access = scene.opened()
    with pytest.raises(IntegrityError), scene.engines.writing() as session:
        emergencies.add(session, replace(access, id=EmergencyId(1)), last_number=0)


def test_after_one_ran_out_the_next_opens_and_the_first_keeps_its_end(scene: Scene) -> None:
    first = scene.opened()
    token = scene.another_session(scene.account, 3600).token
    done(scene.open(scene.whoever(token, 3600), at=3600))
    with scene.engines.reading() as session:
        own = emergency.own_accesses(session, scene.whoever(token, 3600), at=after(3600))
    assert [one.over_at for one in own.accesses] == [after(5400), _OVER]
    assert own.opened is not None
    assert own.opened.id != first.id


@pytest.mark.parametrize("reason", ["", " \t", "x" * 201, "bell\a"])
def test_it_needs_a_reason(lite: Scene, reason: str) -> None:
    with pytest.raises(InvalidInput, match="200"):
        lite.open(reason=reason)
    assert lite.person().emergency is None


def test_who_sees_everything_already_is_told_so(lite: Scene) -> None:
    for role in (Role.DESK, Role.SUPERVISOR, Role.DIRECTOR):
        person = lite.signed_in(role)
        assert "in your own right" in refused(lite.open(person)).sentence
        with lite.engines.reading() as session:
            assert not emergency.opens_more(session, person)
    manager = lite.signed_in(Role.BRANCH_MANAGER)
    with lite.engines.reading() as session:
        assert emergency.opens_more(session, manager)
        assert emergency.opens_more(session, lite.person())


def test_a_district_of_one_branch_needs_none(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        only = a_branch(session)
        desk = an_account(session, Role.DESK, branches=frozenset({only.id}))
        person = done(open_session(session, person_id=desk.id, at=NOW, proof=Proof.TOTP)).person
        assert not emergency.opens_more(session, person)


def test_a_session_that_was_ended_meanwhile_opens_none(scene: Scene) -> None:
    person = scene.person()
    with scene.engines.writing() as session:
        sign_out(session, person, at=NOW)
    assert refused(scene.open(person)).refusal is Refusal.SIGN_IN


def test_opening_and_ending_are_entries(scene: Scene) -> None:
    access = scene.opened()
    event = scene.newest(Action.EMERGENCY_OPEN)
    assert (event.actor_name, event.detail) == (
        "ana",
        {"emergency": str(access.id), "until": _OVER.isoformat(), "reason": "fire in West"},
    )
    for _ in range(2):
        done(scene.close(access.id, 60))
    assert [one.at for one in _events(scene, Action.EMERGENCY_CLOSE)] == [after(60)]
    stranger = scene.signed_in(Role.DESK)
    assert refused(scene.close(access.id, 60, stranger)).refusal is Refusal.OUT_OF_SCOPE


def _mails(engines: Engines) -> list[tuple[str, str, str]]:
    with engines.reading() as session:
        return [
            (row[0], row[1], row[2]) for row in session.execute(text("SELECT recipient, subject, body FROM mail ORDER BY at, recipient"))
        ]


def _mailing(scene: Scene) -> None:
    mail = {"smtp_host": "127.0.0.1", "director_address": "director@library.example", "auditor_address": "auditor@library.example"}
    scene.settings = scene.settings.model_copy(update=mail | {"outside_address": "chair@county.example"})


def test_others_are_told_with_the_opening_and_nobody_is_named_but_who_opened_it(scene: Scene) -> None:
    _mailing(scene)
    scene.open(reason="fight, Mr Miller bleeds")
    mails = _mails(scene.engines)
    assert [to for to, _, _ in mails] == ["auditor@library.example", "chair@county.example", "director@library.example"]
    assert {subject for _, subject, _ in mails} == {"Custodian: an emergency access was opened"}
    body = mails[0][2]
    assert "Miller" not in "".join(part for mail in mails for part in mail)
    assert "ana opened an emergency access at 2026-03-14 15:09 UTC" in body
    assert "until 2026-03-14 15:39 UTC" in body
    assert "/emergency/reviews" in body


def test_without_mail_the_pages_tell_it(scene: Scene) -> None:
    director, manager = scene.signed_in(Role.DIRECTOR), scene.signed_in(Role.BRANCH_MANAGER)
    access = scene.opened()
    assert _mails(scene.engines) == []
    with scene.engines.reading() as session:
        assert emergency.reviews_missing(session, director) == [access.review_due_at]
        assert emergency.reviews_missing(session, manager) == []
        assert emergency.reviews_missing(session, scene.person()) == []


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.DELEGATE, Role.AUDITOR])
def test_somebody_else_reviews_it_once(scene: Scene, role: Role) -> None:
    reviewer = scene.signed_in(role)
    access = scene.opened()
    assert "still open" in refused(scene.review(reviewer, access.id, at=1799)).sentence
    done(scene.review(reviewer, access.id, note="two hurt"))
    assert refused(scene.review(reviewer, access.id)).refusal is Refusal.OUT_OF_SCOPE
    with scene.engines.reading() as session:
        (told,) = done(emergency.list_accesses(session, reviewer))
        assert emergency.reviews_missing(session, reviewer) == []
    assert told.review == EmergencyReview(reviewer.id, reviewer.name, _OVER, "a fire", right=True, note="two hurt")
    detail = scene.newest(Action.EMERGENCY_REVIEW).detail
    assert detail == {"emergency": str(access.id), "of": "ana", "right": "yes", "was_for": "a fire", "note": "two hurt"}


def test_who_used_it_never_reviews_it(central: Engines) -> None:
    scene = _scene(central, Role.DIRECTOR)
    access = scene.opened()
    with central.writing() as session:
        # Even as somebody of the whole district.
        session.execute(text("UPDATE person SET whole_district = true"))
    refusal = refused(scene.review(scene.person(), access.id, at=1800))
    assert refusal.refusal is Refusal.NOT_ALLOWED
    assert "Nobody else here can review it" in refusal.sentence
    told = EmergencyReview(scene.account.id, "ana", _OVER, "a fire", right=True, note="")
    with pytest.raises(IntegrityError), central.writing() as session:
        emergencies.review(session, access.id, told, last_number=0)


@pytest.mark.parametrize(("role", "scoped"), [(Role.DESK, False), (Role.SUPERVISOR, False), (Role.IT, False), (Role.DIRECTOR, True)])
def test_who_may_not_review_sees_none(lite: Scene, role: Role, *, scoped: bool) -> None:
    access = lite.opened()
    person = lite.signed_in(role, "other", *([lite.ours.branch.id] if scoped else []))
    assert refused(lite.review(person, access.id)).refusal is Refusal.OUT_OF_SCOPE
    with lite.engines.reading() as session:
        refused(emergency.list_accesses(session, person))
        assert emergency.reviews_missing(session, person) == []


def test_a_review_says_what_it_was_for(lite: Scene) -> None:
    director, access = lite.signed_in(Role.DIRECTOR), lite.opened()
    for was_for, note in ((" ", ""), ("a fire", "x" * 1001)):
        with pytest.raises(InvalidInput, match="characters"):
            lite.review(director, access.id, was_for=was_for, note=note)


def test_a_review_that_is_overdue_suspends_until_it_is_written(scene: Scene) -> None:
    director = scene.signed_in(Role.DIRECTOR, "h.marsh")
    access = scene.opened()
    due = int((access.review_due_at - NOW).total_seconds()) + 1
    token = scene.another_session(scene.account, due - 2).token
    in_time = done(scene.open(scene.whoever(token, due - 2), at=due - 2))
    done(scene.close(in_time.id, due - 1, scene.whoever(token, due - 1)))
    late = refused(scene.open(scene.whoever(token, due), at=due))
    assert "not reviewed in time" in late.sentence
    assert "Who can review it: h.marsh." in late.sentence
    # The rest of the account goes on.
    done(scene.view(scene.ours, at=due, person=scene.whoever(token, due)))
    done(scene.review(director, access.id, at=due + 60))
    done(scene.open(scene.whoever(token, due + 61), at=due + 61))


def test_an_overdue_review_is_mailed_once(scene: Scene) -> None:
    _mailing(scene)
    scene.signed_in(Role.AUDITOR, "p.lindqvist")
    access = scene.opened()
    for at in (access.review_due_at - timedelta(seconds=1), access.review_due_at, access.review_due_at + timedelta(days=40)):
        with scene.engines.writing() as session:
            emergency.remind(session, scene.settings, at=at)
        with scene.engines.writing() as session:
            session.execute(text("DELETE FROM mail WHERE about LIKE 'emergency/%'"))
    mails = _mails(scene.engines)
    assert len(mails) == 3
    assert {subject for _, subject, _ in mails} == {"Custodian: an emergency access was not reviewed"}
    assert "Who can review it: p.lindqvist." in mails[0][2]


def test_to_whom_the_screen_was_shown_is_kept_until_the_review(scene: Scene) -> None:
    director, access = scene.signed_in(Role.DIRECTOR), scene.opened()

    def shown(who: str, person: Person) -> EmergencyAccess | Refused:
        with scene.engines.writing() as session:
            return emergency.show_to(session, person, access.id, Officer(who, "4711", "Alder County Sheriff"), at=after(60))

    done(shown("Officer Diaz", scene.person()))
    told = scene.newest(Action.EMERGENCY_SHOW).detail
    assert (told["shown_to"], told["watched"]) == ("Officer Diaz, badge 4711, Alder County Sheriff", "")
    done(shown("Officer Wu", scene.person()))
    assert refused(shown("Officer Diaz", director)).refusal is Refusal.OUT_OF_SCOPE
    with pytest.raises(InvalidInput, match="officer"):
        shown(" ", scene.person())
    done(scene.review(director, access.id))
    assert "reviewed by" in refused(shown("somebody else", scene.person(60))).sentence
    with scene.engines.reading() as session:
        both = "Officer Diaz, badge 4711, Alder County Sheriff; Officer Wu, badge 4711, Alder County Sheriff"
        assert done(emergency.list_accesses(session, director))[0].shown_to == both


@pytest.mark.parametrize("left_out", ["name", "badge", "agency"])
def test_who_was_shown_the_screen_is_named_with_badge_and_agency(lite: Scene, left_out: str) -> None:
    access, officer = lite.opened(), Officer("Officer Diaz", "4711", "Alder County Sheriff")
    with pytest.raises(InvalidInput, match="stands in the access log"), lite.engines.writing() as session:
        emergency.show_to(session, lite.person(), access.id, replace(officer, **{left_out: " "}), at=after(60))


def test_what_was_on_the_screen_is_kept_with_whom_it_was_shown_to(scene: Scene) -> None:
    """In the own right too: the officer saw that as well."""
    access = scene.opened()
    for camera, recorded in ((scene.theirs, span(-60, 0)), (scene.ours, None)):
        done(scene.view(camera, recorded))
    with scene.engines.writing() as session:
        officer = Officer("Officer Diaz", "4711", "Alder County Sheriff")
        done(emergency.show_to(session, scene.person(), access.id, officer, at=after(60)))
        seen = emergency.watched(session, access)
    assert sorted((one.camera, one.recorded) for one in seen if one.recorded) == [("Door", span(-60, 0))]
    assert [one.recorded for one in seen].count(None) == 1
    lines = scene.newest(Action.EMERGENCY_SHOW).detail["watched"].split("; ")
    assert len(lines) == 2
    assert any("West/Door, recorded" in line for line in lines)
    assert any(", live, watched" in line for line in lines)


def test_what_another_session_watched_or_was_over_before_was_not_on_that_screen(scene: Scene) -> None:
    before = done(scene.view(scene.ours, None))
    with scene.engines.writing() as session:
        assert views.close(session, before.id, after(1))
    access = scene.opened(at=2)
    with scene.engines.reading() as session:
        assert emergency.watched(session, access) == []


def test_a_reviewer_sees_what_was_watched_under_it_and_not_in_the_own_right(scene: Scene) -> None:
    access = scene.opened()
    for camera, recorded in ((scene.theirs, None), (scene.theirs, span(-60, 0)), (scene.ours, None)):
        done(scene.view(camera, recorded))
    with scene.engines.reading() as session:
        assert emergency.cameras_seen(session, access) == [("West", "Door")]


def test_the_months_digest_counts_them(scene: Scene) -> None:
    director, access = scene.signed_in(Role.DIRECTOR), scene.opened()
    done(scene.close(access.id, 60))
    done(scene.review(director, access.id))
    scene.opened(at=120)
    with scene.engines.writing() as session:
        month = month_due(session, NOW + timedelta(days=30))
        assert month is not None
        told = add_digest(session, scene.settings, month, count_month(session, month), at=NOW + timedelta(days=30))
    assert told.sentence.endswith(" Emergency accesses 2; without a review 1.")


def test_the_rule_of_days_forgets_what_was_reviewed_and_only_the_texts_of_what_was_not(scene: Scene) -> None:
    director, reviewed = scene.signed_in(Role.DIRECTOR), scene.opened()
    done(scene.close(reviewed.id, 60))
    done(scene.review(director, reviewed.id))
    waiting, person = scene.opened(at=120), scene.person(120)
    with scene.engines.writing() as session:
        newest = access_log.newest(session, DISTRICT)
        emergencies.forget(session, 1)
        assert {one.reason for one in done(emergency.list_accesses(session, director))} == {"fire in West"}
        emergencies.forget(session, newest)
        assert [(one.id, one.reason) for one in done(emergency.list_accesses(session, director))] == [(waiting.id, "")]
        assert emergency.own_accesses(session, person, at=_LATE).barred is not None


def test_a_clock_that_is_set_back_leaves_one_to_end_and_no_error(scene: Scene) -> None:
    access = scene.opened(at=600)
    person = scene.whoever(scene.another_session(scene.account, 0).token, 0)
    assert person.emergency is None
    assert isinstance(scene.open(person, at=0), Refused)
    done(scene.close(access.id, 0, person))
    done(scene.open(person, at=0))


def test_a_person_is_the_session_it_was_opened_in(scene: Scene) -> None:
    access = scene.opened()
    assert access.session_id == scene.person().session_id != SessionId(0)


def test_at_a_workstation_that_has_locked_nothing_more_is_opened_and_what_runs_goes_on(scene: Scene) -> None:
    scene.opened()
    view = done(scene.view(scene.theirs))
    absent = replace(scene.person(900), kind=SessionKind.WORKSTATION, screen_id=ScreenId(1), acted_at=NOW, at=after(900))
    assert "unlock" in refused(scene.view(scene.theirs, at=900, person=absent)).sentence
    assert refused(scene.view(scene.theirs, span(-600, 0), at=900, person=absent)).refusal is Refusal.NOT_ALLOWED
    with scene.engines.writing() as session:
        done(extend_view(session, absent, view.id, at=after(890)))


def test_watching_alone_keeps_an_ordinary_session_while_one_is_open_and_no_longer(lite: Scene) -> None:
    idle = int(IDLE_LIMITS[Role.DESK].total_seconds())
    lite.opened()
    assert [_watched(lite, at) for at in (idle - 1, 2 * idle - 2)] == [True, True]
    assert _watched(lite, 2 * idle) is False  # the half hour is over, the minutes without a request begin to count
    assert _watched(lite, 3 * idle - 3) is False
    with lite.engines.reading() as session:
        assert refused(session_for_token(session, lite.token, at=after(3 * idle - 2))).refusal is Refusal.SIGN_IN


def _watched(scene: Scene, at: int) -> bool:
    """Look at a window that shows something and in which nobody asks for anything; return whether that kept the session."""
    with scene.engines.writing() as session:
        found = done(session_for_token(session, scene.token, at=after(at)))
        assert found.person.kind is SessionKind.ORDINARY
        if found.watching_counts:
            touch_session(session, found.person.session_id, at=after(at))
        return found.watching_counts


def test_whose_role_opens_none_sees_nothing_by_one_either(lite: Scene) -> None:
    """The routes ask first; the service does not count on it."""
    access = lite.opened()
    auditor = replace(lite.signed_in(Role.AUDITOR), emergency=Emergency(access.id, access.opened_at, access.over_at))
    for recorded in (None, span(-600, 0)):
        assert refused(lite.view(lite.theirs, recorded, person=auditor)).refusal is Refusal.NOT_ALLOWED


def test_a_fourth_waits_until_one_of_three_is_reviewed(scene: Scene) -> None:
    director = scene.signed_in(Role.DIRECTOR, "helen")
    first, *_ = [scene.opened(at=number * 1800) for number in range(MOST_UNREVIEWED)]
    told = refused(scene.open(at=MOST_UNREVIEWED * 1800)).sentence
    assert told == "3 of your emergency accesses wait for a review. Who can review it: helen."
    done(scene.review(director, first.id, at=MOST_UNREVIEWED * 1800))
    scene.opened(at=MOST_UNREVIEWED * 1800)


def test_who_is_told_by_mail_follows_from_the_server_and_the_addresses(tmp_path: Path) -> None:
    nobody = Settings(data_dir=tmp_path)
    addresses = {"director_address": "director@library.example", "outside_address": "board@county.example"}
    assert emergency.told_by_mail(nobody) == emergency.told_by_mail(nobody.model_copy(update=addresses)) == []
    assert emergency.told_by_mail(nobody.model_copy(update=addresses | {"smtp_host": "127.0.0.1"})) == [
        "the Director",
        "the address outside",
    ]
