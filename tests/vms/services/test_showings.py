"""An outsider at a screen of the Library: approved as a package is, exactly that and nothing else, written down before the first look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_screen, after, done, elsewhere, refused, span
from tests.vms.services.requesting import Staff, a_request, at_work, footage, in_order, staff
from vms.config import Settings
from vms.domain.access import AccessEvent, Action, Purpose, View
from vms.domain.export_scope import Delivery
from vms.domain.ids import CameraId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Person, Proof, Role
from vms.domain.request import APPEAL_WINDOW, APPROVAL_LASTS, ExportRequest, RequestAct, RequestState
from vms.domain.screens import SessionKind
from vms.domain.showing import MOST_SHOWINGS, Showing, Viewer
from vms.domain.timespan import Timespan, ms_of
from vms.errors import Conflict, InvalidInput, NotFound
from vms.services import footage as views
from vms.services import package_jobs, showings
from vms.services.access_log import DISTRICT
from vms.services.approvals import advance, approve, approved, disclose, narrow
from vms.services.left_views import close_left_views, left_views
from vms.services.package_tickets import hand_out
from vms.services.packages import JOB
from vms.services.redactions import add_plan, read_sheet
from vms.services.request_acts import act_on
from vms.services.request_letters import letter_of
from vms.services.request_receipt import Receipt, receipt_of, receipt_pdf
from vms.services.requests import request_for
from vms.services.sealed_requests import unseal
from vms.services.sessions import Browser, digest, open_session
from vms.store import access_log, holds, made_packages, requests
from vms.store.database import Engines

S = RequestState
VIEWER = Viewer("Det. R. Alvarez", "4711, Alder County Sheriff", "badge and card seen by Dana", "Main Street, desk 2", "")
LASTS = timedelta(minutes=60)


@dataclass
class Place:
    """A request that may be shown on site, and those who have to do with it."""

    central: Engines
    settings: Settings
    people: Staff
    camera: CameraId
    other: CameraId
    request: ExportRequest
    at: datetime = field(default=NOW)

    @property
    def director(self) -> Person:
        return at_work(self.people.director, self.at)

    def begin(self, by: Actor | None = None, viewer: Viewer = VIEWER) -> Showing | Refused:
        with self.central.writing() as session:
            return showings.begin_showing(session, self.settings, by or self.director, self.request.id, viewer, at=self.at)

    def end(self, by: Person | None = None) -> Showing | Refused:
        with self.central.writing() as session:
            return showings.end_showing(session, self.settings, by or self.director, self.request.id, at=self.at)

    def look(
        self, by: Person | None = None, camera: CameraId | None = None, recorded: Timespan | None = None, around: datetime | None = None
    ) -> View | Refused:
        wanted, of = recorded or span(-3600, 0), self.camera if camera is None else camera
        with self.central.writing() as session:
            return views.open_view(
                session, by or self.director, camera_id=of, purpose=Purpose.INCIDENT, span=wanted, at=self.at, around=around
            )

    def live(self, by: Person | None = None) -> View | Refused:
        with self.central.writing() as session:
            return views.open_view(session, by or self.director, camera_id=self.camera, purpose=Purpose.LIVE, span=None, at=self.at)

    def use(self, view: View, by: Person | None = None) -> View | Refused:
        with self.central.reading() as session:
            return views.view_for(session, by or self.director, view.id, at=self.at)

    def sent(self, view: View, start_s: float, end_s: float) -> None:
        with self.central.writing() as session:
            views.record_read(
                session,
                self.director,
                camera_id=view.camera_id,
                span=span(start_s, end_s),
                purpose=view.purpose,
                at=self.at,
                view_id=view.id,
                detail={"segment": f"{start_s}"},
            )

    def now(self) -> ExportRequest:
        with self.central.reading() as session:
            found = requests.get(session, requests.EVERYBODYS, self.request.id)
            assert found is not None
            return found

    def did(self, act: Callable[[Session], object]) -> object:
        with self.central.writing() as session:
            return act(session)

    def logged(self, *actions: Action) -> list[AccessEvent]:
        with self.central.reading() as session:
            found = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset(actions)), limit=50)
            return list(found)[::-1]

    def history(self) -> list[tuple[RequestAct, RequestState, str]]:
        with self.central.reading() as session:
            return [(one.act, one.state, one.words) for one in requests.history(session, self.request.id)]


def a_place(central: Engines, settings: Settings) -> Place:
    """Return an approved request for showing ten minutes of a camera on site."""
    with central.writing() as session:
        people, branch = staff(session), a_branch(session)
        camera, other = a_camera(session, branch).camera.id, a_camera(session, branch, "Stairs").camera.id
        request = a_request(session, settings, people.desk, camera=camera, delivery=Delivery.ON_SITE)
        director = at_work(people.director, NOW)
        in_order(session, settings, director, request)
        request = done(approve(session, settings, director, request.id, request.sha256, at=NOW))
    return Place(central, settings, people, camera, other, request)


@pytest.fixture
def place(central_sqlite: Engines, settings: Settings) -> Place:
    return a_place(central_sqlite, settings)


def test_who_sits_there_is_written_down_before_the_first_look_and_it_counts_as_disclosed(central: Engines, settings: Settings) -> None:
    place = a_place(central, settings)
    showing = done(place.begin())
    assert showing.ends_at == NOW + LASTS
    now = place.now()
    assert (now.state, now.approval is not None) == (S.DISCLOSED, True)
    words = (
        "Det. R. Alvarez, 4711, Alder County Sheriff (badge and card seen by Dana), at Main Street, desk 2; beside them director person; "
        "until 2026-03-14 16:09 UTC at the latest."
    )
    shown = [one for one in place.history() if one[0] is RequestAct.SHOW]
    assert shown == [(RequestAct.SHOW, S.PREPARING, ""), (RequestAct.SHOW, S.READY, ""), (RequestAct.SHOW, S.DISCLOSED, words)]
    told = place.logged(Action.EXPORT_SHOW)
    assert [(one.actor, one.detail["state"], one.detail["showing"]) for one in told] == [
        (place.director.label, state, str(showing.id)) for state in ("preparing", "ready", "disclosed")
    ]
    assert not [one for one in told if "Alvarez" in str(one.detail)], "who asks is in the history alone"


def test_what_it_asked_for_is_kept_until_the_appeal_window_after_it_was_shown(place: Place) -> None:
    done(place.begin())
    with place.central.reading() as session:
        kept = [holds.get(session, None, number) for number in place.request.holds]
    assert [one.expires_at for one in kept if one is not None] == [NOW + APPEAL_WINDOW]


@pytest.mark.parametrize(
    ("viewer", "sentence"),
    [
        (replace(VIEWER, name=" "), "Say who is shown it."),
        (replace(VIEWER, belongs=""), "Say their badge and agency"),
        (replace(VIEWER, identity=""), "Say how it was made sure who they are"),
        (replace(VIEWER, place=""), "Say at which branch and screen"),
        (replace(VIEWER, beside="x" * 201), "Say who of the staff is beside them"),
    ],
)
def test_nothing_is_shown_to_whom_is_not_written_down(place: Place, viewer: Viewer, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        place.begin(viewer=viewer)
    assert place.now().state is S.APPROVED


def test_neither_who_asked_nor_a_proof_of_before_nor_the_desk_nor_the_console_shows_it(place: Place) -> None:
    late = replace(place.director, proved_at=NOW - timedelta(minutes=6))
    asker = replace(place.director, id=place.people.desk.id)
    answers = [refused(place.begin(by)) for by in (late, asker, at_work(place.people.desk, NOW), CONSOLE)]
    assert [one.refusal for one in answers] == [Refusal.PROVE, *[Refusal.NOT_ALLOWED] * 3]
    assert "never hands over or shows" in answers[1].sentence
    assert [one.detail["what"] for one in place.logged(Action.ACCESS_REFUSE)][:2] == ["export:show"] * 2
    assert place.now().state is S.APPROVED


def test_the_database_itself_refuses_a_showing_by_who_entered_it_and_one_without_its_approval(place: Place) -> None:
    done(place.begin())
    for change in ('"by" = entered_by', "approval_id = approval_id + 1", "scope_version = 2"):
        with pytest.raises(IntegrityError), place.central.writing() as session:
            session.execute(text(f"UPDATE showing SET {change}"))  # noqa: S608 - ours


def test_what_is_not_approved_is_not_shown_nor_what_was_voided_or_has_run_out(place: Place) -> None:
    at, number, terms = NOW, place.request.id, place.request.scope.terms
    part = [replace(one, start_ms=one.start_ms + 1000) for one in place.request.scope.footage]
    done(place.did(lambda session: narrow(session, place.settings, place.director, number, part, terms, "less", at=at)))
    assert "is narrowed: it can't be shown now" in refused(place.begin()).sentence
    sha256 = place.now().sha256
    done(place.did(lambda session: approve(session, place.settings, place.director, number, sha256, at=at)))
    place.at = NOW + APPROVAL_LASTS
    assert "it can't be shown now" in refused(place.begin()).sentence
    assert place.now().state is S.EXPIRED


def test_a_package_that_is_to_leave_is_not_shown(central_sqlite: Engines, settings: Settings) -> None:
    place = a_place(central_sqlite, settings)
    terms = replace(place.request.scope.terms, delivery=Delivery.BY_HAND)
    footage_of = place.request.scope.footage
    narrowed = done(
        place.did(lambda session: narrow(session, settings, place.director, place.request.id, footage_of, terms, "a copy", at=NOW))
    )
    assert isinstance(narrowed, ExportRequest)
    done(place.did(lambda session: approve(session, settings, place.director, narrowed.id, narrowed.sha256, at=NOW)))
    assert "approved to leave as by-hand, not on-site" in refused(place.begin()).sentence


def test_after_its_last_day_and_after_the_approval_nothing_is_shown_again(place: Place) -> None:
    terms = replace(place.request.scope.terms, expires_ms=ms_of(NOW + timedelta(days=2)))
    footage_of, number = place.request.scope.footage, place.request.id
    one = done(place.did(lambda session: narrow(session, place.settings, place.director, number, footage_of, terms, "two days", at=NOW)))
    assert isinstance(one, ExportRequest)
    done(place.did(lambda session: approve(session, place.settings, place.director, number, one.sha256, at=NOW)))
    place.at = NOW + timedelta(days=2) - timedelta(minutes=10)
    showing = done(place.begin())
    assert showing.ends_at == NOW + timedelta(days=2) - timedelta(microseconds=NOW.microsecond % 1000), "its last day ends it"
    done(place.end())
    place.at = NOW + timedelta(days=2)
    assert "It was to be shown until 2026-03-16 15:09 UTC" in refused(place.begin()).sentence


def test_a_showing_of_long_after_the_first_is_under_the_same_approval_until_that_ends(place: Place) -> None:
    done(place.begin())
    place.at = NOW + APPROVAL_LASTS - timedelta(minutes=1)
    again = done(place.begin())
    assert again.ends_at == NOW + APPROVAL_LASTS
    assert [one[1] for one in place.history() if one[0] is RequestAct.SHOWN] == [S.DISCLOSED], "the first was written down as over"
    place.at = NOW + APPROVAL_LASTS
    assert "It was to be shown until" in refused(place.begin()).sentence


def test_what_is_still_to_be_recorded_is_not_shown_yet(place: Place) -> None:
    number = place.request.id
    place.at = NOW - timedelta(seconds=1)
    with pytest.raises(InvalidInput, match=f"Show it from {NOW:%Y-%m-%d %H:%M:%S} UTC on"):
        place.begin()
    assert number == place.now().id


def test_it_opens_exactly_what_was_approved_and_nothing_else(place: Place) -> None:
    showing = done(place.begin())
    view = done(place.look())
    assert view.span is not None
    assert (ms_of(view.span.start), ms_of(view.span.end)) == (ms_of(after(-600)), ms_of(NOW))
    assert (view.showing_id, view.purpose) == (showing.id, Purpose.REQUEST)
    event = place.logged(Action.VIEW_OPEN)[-1]
    assert event.detail == {"showing": str(showing.id), "incident": place.request.number}
    assert done(place.use(view)).id == view.id
    refusals = [
        refused(place.look(camera=place.other)),
        refused(place.look(recorded=span(-3600, -600.6))),
        refused(place.live()),
    ]
    said = f"You show request {place.request.number} to an outsider: until you end that, what was approved of it opens, and nothing else."
    assert {one.sentence for one in refusals} == {said}
    assert all(one.logged for one in refusals)


def test_of_two_spans_the_one_that_is_looked_for_opens(central_sqlite: Engines, settings: Settings) -> None:
    place = a_place(central_sqlite, settings)
    camera, number = place.camera, place.request.id
    two = (*footage(camera, start_s=-600, end_s=-500), *footage(camera, start_s=-300, end_s=-200))
    terms = place.request.scope.terms
    one = done(place.did(lambda session: narrow(session, settings, place.director, number, two, terms, "two moments", at=NOW)))
    assert isinstance(one, ExportRequest)
    done(place.did(lambda session: approve(session, settings, place.director, number, one.sha256, at=NOW)))
    done(place.begin())
    opened = [done(place.look(around=after(second))).span for second in (-550, -250)]
    assert [ms_of(one.start) for one in opened if one is not None] == [ms_of(after(-600)), ms_of(after(-300))]


def test_what_was_open_before_shows_nothing_while_an_outsider_sits_there(place: Place) -> None:
    recorded, live = done(place.look(camera=place.other)), done(place.live())
    done(place.begin())
    assert refused(place.use(recorded)).refusal is Refusal.NOT_ALLOWED
    with place.central.writing() as session:
        assert isinstance(views.extend_view(session, place.director, live.id, at=NOW), Refused)
    done(place.end())
    assert done(place.use(recorded)).id == recorded.id


def test_no_review_sheet_is_on_the_screen_meanwhile(place: Place) -> None:
    def sheet() -> Refused:
        with place.central.writing() as session:
            return refused(read_sheet(session, place.settings, place.director, place.request.id, 1, at=NOW))

    assert sheet().refusal is Refusal.OUT_OF_SCOPE
    done(place.begin())
    assert "and nothing else" in sheet().sentence


def test_others_watch_as_ever_meanwhile_and_a_wall_of_the_same_account_goes_on(place: Place) -> None:
    done(place.begin())
    assert done(place.live(at_work(place.people.delegate, NOW))).showing_id is None
    with place.central.reading() as session:
        wall = replace(place.director, kind=SessionKind.WALL)
        assert views.showing_of(session, wall, NOW) is None
        assert views.showing_of(session, CONSOLE, NOW) is None


def test_its_views_end_with_it_by_hand_or_by_its_time(place: Place) -> None:
    showing = done(place.begin())
    view = done(place.look())
    place.at = showing.ends_at - timedelta(minutes=5)
    assert refused(place.use(view)).sentence, "its deadline of a quarter of an hour is over"
    near = done(place.look())
    assert near.deadline == showing.ends_at
    with place.central.writing() as session:
        assert done(views.extend_view(session, place.director, near.id, at=place.at)).deadline == showing.ends_at
    done(place.end())
    assert refused(place.use(near)).sentence == "The showing is over."


def test_once_its_time_is_over_the_own_work_opens_again_whether_or_not_that_is_written_down(place: Place) -> None:
    showing = done(place.begin())
    place.at = showing.ends_at
    assert done(place.look(camera=place.other)).showing_id is None
    assert done(place.live()).showing_id is None


def test_an_early_view_is_extended_and_stays_in_the_showing(place: Place) -> None:
    done(place.begin())
    view = done(place.look())
    place.at = NOW + timedelta(minutes=5)
    with place.central.writing() as session:
        extended = done(views.extend_view(session, place.director, view.id, at=place.at))
    assert (extended.deadline, extended.showing_id) == (place.at + timedelta(minutes=15), view.showing_id)


def test_whose_lent_role_ends_meanwhile_shows_nothing_more(place: Place) -> None:
    done(place.begin())
    view = done(place.look())
    without = replace(place.director, role=Role.SUPERVISOR)
    assert "what was approved of it opens" in refused(place.use(view, without)).sentence
    assert "what was approved of it opens" in refused(place.look(without)).sentence


def test_what_was_on_the_screen_is_what_was_sent_there(place: Place) -> None:
    done(place.begin())
    view = done(place.look())
    place.sent(view, -660, -590)  # of a segment that begins before what was approved
    place.sent(view, -590, -530)
    place.at = NOW + timedelta(minutes=9)
    ended = done(place.end())
    assert [(one.camera_id, one.start_ms, one.end_ms) for one in ended.seen] == [(place.camera, ms_of(after(-600)), ms_of(after(-530)))]
    act, state, words = place.history()[-1]
    assert (act, state) == (RequestAct.SHOWN, S.DISCLOSED)
    assert "2026-03-14 14:59:26 to 2026-03-14 15:00:36." in words
    assert [one.detail["act"] for one in place.logged(Action.EXPORT_SHOW)][-1] == "shown"
    with place.central.reading() as session:
        kept = done(request_for(session, place.settings, place.director, place.request.id)).showings
    assert kept == (ended,)
    assert "is not being shown now" in refused(place.end()).sentence


def test_somebody_else_who_decides_ends_it_and_the_desk_does_not(place: Place) -> None:
    done(place.begin())
    assert refused(place.end(at_work(place.people.desk, NOW))).refusal is Refusal.NOT_ALLOWED
    assert done(place.end(at_work(place.people.delegate, NOW))).ended_by_name == "delegate person"


def test_nothing_sent_is_said_to_have_been_nothing(place: Place) -> None:
    done(place.begin())
    assert done(place.end()).seen == ()
    assert place.history()[-1][2] == "Nothing was sent to the screen."


def test_one_that_is_left_open_ends_by_itself_and_says_so(central: Engines, settings: Settings) -> None:
    place = a_place(central, settings.model_copy(update={"showing_minutes": 20}))
    done(place.begin())
    view = done(place.look())
    place.sent(view, -600, -540)
    place.at = NOW + timedelta(minutes=20)
    assert "is not being shown now" in refused(place.end()).sentence
    for written in (1, 0):
        with place.central.reading() as session:
            assert showings.any_over(session, at=place.at) is bool(written)
        with place.central.writing() as session:
            assert showings.write_down_over(session, place.settings, at=place.at) == written
    assert place.history()[-1][2].startswith("By itself: its time ran out at 2026-03-14 15:29 UTC. Sent to the screen")
    assert place.logged(Action.EXPORT_SHOW)[-1].actor == "system:requests"


def test_one_showing_of_a_request_and_of_a_person_at_a_time(place: Place) -> None:
    done(place.begin())
    with pytest.raises(Conflict, match=f"Request {place.request.number} is being shown now, by director person"):
        place.begin(at_work(place.people.delegate, NOW))
    with place.central.writing() as session:
        other = a_request(session, place.settings, place.people.desk, camera=place.other, delivery=Delivery.ON_SITE)
        in_order(session, place.settings, place.director, other)
        done(approve(session, place.settings, place.director, other.id, other.sha256, at=NOW))
    with pytest.raises(Conflict, match="End that showing first"), place.central.writing() as session:
        showings.begin_showing(session, place.settings, place.director, other.id, VIEWER, at=NOW)


def test_the_same_approval_is_not_shown_for_ever(place: Place) -> None:
    for _ in range(MOST_SHOWINGS):
        done(place.begin())
        done(place.end())
    with pytest.raises(Conflict, match=f"was shown {MOST_SHOWINGS} times"):
        place.begin()


def test_it_is_not_closed_while_somebody_sits_there(place: Place) -> None:
    def close(session: Session) -> ExportRequest | Refused:
        return act_on(session, place.settings, place.director, place.request.id, RequestAct.CLOSE, "the end", at=place.at)

    done(place.begin())
    assert "End that showing first" in refused(place.did(close)).sentence
    place.at = NOW + LASTS  # over, and nobody has written that down yet
    assert isinstance(place.did(close), ExportRequest)
    with place.central.writing() as session:
        assert showings.write_down_over(session, place.settings, at=place.at) == 1
    assert place.now().state is S.CLOSED
    assert "it can't be shown now" in refused(place.begin()).sentence


def test_no_package_is_made_of_it_and_none_leaves(place: Place) -> None:
    number, sha256 = place.request.id, place.request.sha256
    refusals = [
        place.did(lambda session: package_jobs.ask_package(session, place.settings, place.director, number, at=NOW)),
        place.did(lambda session: approved(session, number, at=NOW)),
        place.did(lambda session: advance(session, place.settings, JOB, number, sha256, S.PREPARING, at=NOW)),
        place.did(lambda session: hand_out(session, place.settings, place.director, number, "R. Alvarez", at=NOW)),
        place.did(lambda session: disclose(session, place.settings, place.director, number, sha256, "by hand", at=NOW)),
    ]
    said = f"Request {place.request.number} is for showing on site: no package is made of it, and no file leaves."
    assert [refused(one).sentence.startswith(said) for one in refusals] == [True] * 5
    with place.central.reading() as session:
        assert made_packages.newest_of(session, number) is None
    assert place.now().state is S.APPROVED


def test_it_is_not_approved_where_the_screen_can_not_do_what_is_asked(central_sqlite: Engines, settings: Settings) -> None:
    place = a_place(central_sqlite, settings)
    terms, number = replace(place.request.scope.terms, redact="the child beside him"), place.request.id
    footage_of = place.request.scope.footage
    one = done(place.did(lambda session: narrow(session, settings, place.director, number, footage_of, terms, "covered", at=NOW)))
    assert isinstance(one, ExportRequest)
    answer = refused(place.did(lambda session: approve(session, settings, place.director, number, one.sha256, at=NOW)))
    assert "A screen shows what was recorded, with everybody in it" in answer.sentence
    plan = b'{"format": 1, "cameras": []}'
    with pytest.raises(InvalidInput):
        place.did(lambda session: add_plan(session, settings, place.director, number, plan, at=NOW))


def test_a_sealed_request_is_not_approved_for_showing(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people, camera = staff(session), a_camera(session).camera.id
        delegate, director = at_work(people.delegate, NOW), at_work(people.director, NOW)
        request = a_request(session, settings, delegate, camera=camera, delivery=Delivery.ON_SITE, sealed=True, named=(people.director.id,))
        in_order(session, settings, director, request)
        answer = refused(approve(session, settings, director, request.id, request.sha256, at=NOW))
    assert "have the seal lifted first" in answer.sentence


def once_sealed(central: Engines, settings: Settings) -> Place:
    """Return a place whose request was entered sealed, and approved for showing once its seal was lifted."""
    with central.writing() as session:
        people, branch = staff(session), a_branch(session)
        camera, other = a_camera(session, branch).camera.id, a_camera(session, branch, "Stairs").camera.id
        delegate, director = at_work(people.delegate, NOW), at_work(people.director, NOW)
        sealed = a_request(session, settings, delegate, camera=camera, delivery=Delivery.ON_SITE, sealed=True, named=(people.director.id,))
        in_order(session, settings, director, sealed)
        done(unseal(session, settings, director, sealed.id, "2026-03-13", "the order ended on that day", at=NOW))
        request = done(approve(session, settings, director, sealed.id, sealed.sha256, at=NOW))
    return Place(central, settings, people, camera, other, request)


def another_to_show(place: Place) -> Place:
    """Return the same place with an open request, which the Delegate shows."""
    with place.central.writing() as session:
        people, settings = place.people, place.settings
        request = a_request(session, settings, people.desk, camera=place.camera, delivery=Delivery.ON_SITE)
        in_order(session, settings, place.director, request)
        request = done(approve(session, settings, place.director, request.id, request.sha256, at=NOW))
    return replace(place, people=replace(people, director=people.delegate), request=request)


def test_once_its_seal_is_lifted_it_is_shown_and_written_down_as_any_other(central: Engines, settings: Settings) -> None:
    place = once_sealed(central, settings)
    done(place.begin())
    view = done(place.look(recorded=span(-600, 0)))
    place.sent(view, -600, -540)
    with central.reading() as session:
        assert [one.number for one in showings.shown_now(session, at_work(place.people.desk, NOW), at=NOW)] == [place.request.number]
    assert done(place.end()).seen == footage(place.camera, start_s=-600, end_s=-540)


def test_one_whose_request_can_not_be_read_shows_nothing_and_holds_up_no_other(central: Engines, settings: Settings) -> None:
    place = once_sealed(central, settings)
    done(place.begin())
    other = another_to_show(place)
    done(other.begin())
    key = settings.secrets_dir / f"{place.request.matter}.key"
    away = key.rename(settings.data_dir / "key")
    with central.reading() as session:
        assert {one.number for one in showings.shown_now(session, at_work(place.people.desk, NOW), at=NOW)} == {
            place.request.number,
            other.request.number,
        }
    assert refused(place.look()).refusal is Refusal.NOT_ALLOWED
    place.at = NOW + LASTS
    with central.writing() as session:
        assert showings.write_down_over(session, settings, at=place.at) == 1
    away.replace(key)
    with central.writing() as session:
        assert showings.write_down_over(session, settings, at=place.at) == 1
    assert place.history()[-1][0] is RequestAct.SHOWN


def test_who_showed_what_can_not_be_read_now_is_told_why_nothing_else_is_shown(central: Engines, settings: Settings) -> None:
    place = once_sealed(central, settings)
    done(place.begin())
    other = another_to_show(place)
    (settings.secrets_dir / f"{place.request.matter}.key").unlink()
    place.at = other.at = NOW + LASTS
    with pytest.raises(Conflict, match="its end can't be written"):
        other.begin(place.director)


def test_the_receipt_tells_who_saw_what_and_no_file(place: Place) -> None:
    def receipt() -> Receipt:
        with place.central.reading() as session:
            return receipt_of(done(request_for(session, place.settings, place.director, place.request.id)), "America/Los_Angeles")

    done(place.begin())
    with pytest.raises(NotFound, match="No showing of request"):
        receipt()
    view = done(place.look())
    place.sent(view, -600, -540)
    done(place.end())
    told = receipt()
    (sheet,) = told.sheets
    facts = dict(sheet.facts)
    assert facts["Shown to"] == "Det. R. Alvarez, 4711, Alder County Sheriff"
    assert facts["Where"] == "Main Street, desk 2"
    assert facts["Begun"].startswith("2026-03-14 08:09:26 -0700 America/Los_Angeles (2026-03-14 15:09:26 UTC), by ")
    assert facts["What was seen"].startswith("Sent to the screen (local time, and UTC in brackets): ")
    assert sheet.signed == "Seen as it stands here, Det. R. Alvarez"
    place.at = NOW + timedelta(hours=2)
    done(place.begin(viewer=replace(VIEWER, name="An insurer", beside="Kim")))
    place.at = NOW + timedelta(hours=4)
    with place.central.writing() as session:
        showings.write_down_over(session, place.settings, at=place.at)
    both = receipt()
    newest, first = both.sheets
    assert (dict(newest.facts)["Beside them"], newest.signed, first) == ("Kim", "Seen as it stands here, An insurer", sheet)
    assert "by nobody: its time ran out" in dict(newest.facts)["Ended"]
    pages = [page.extract_text() for page in PdfReader(BytesIO(receipt_pdf(both, "Harbor District"))).pages]
    assert [("An insurer" in page, "Alvarez" in page, "Harbor District" in page) for page in pages] == [
        (True, False, True),
        (False, True, True),
    ]


def test_the_letter_says_that_it_is_shown(place: Place) -> None:
    with place.central.reading() as session:
        letter = letter_of(done(request_for(session, place.settings, place.director, place.request.id)), at=NOW)
    assert "recordings are shown at a screen of the Library to Alder County Sheriff" in " ".join(letter.paragraphs)


def test_whoever_is_at_the_desk_of_that_branch_sees_that_it_goes_on(place: Place) -> None:
    done(place.begin())
    with place.central.writing() as session:
        away = a_branch(session, "Harbor").id
        desk = at_work(place.people.desk, NOW)
        told = [
            [one.viewer.place for one in showings.shown_now(session, who, at=at)]
            for who, at in (
                (desk, NOW),
                (elsewhere(desk, away), NOW),
                (replace(desk, role=Role.AUDITOR), NOW),
                (desk, NOW + LASTS),
            )
        ]
    assert told == [["Main Street, desk 2"], [], [], []]


def test_recordings_left_open_at_a_workstation_are_closed_where_a_showing_bars_them(place: Place) -> None:
    with place.central.writing() as session:
        token = digest(a_screen(session, a_branch(session, "Harbor")).token)
        signed_in = open_session(session, person_id=place.director.id, proof=Proof.TOTP, at=NOW, browser=Browser(token))
        person = at_work(done(signed_in).person, NOW)
    before = done(place.look(person, camera=place.other))
    done(place.begin(person))
    shown = done(place.look(person))
    with place.central.writing() as session:
        assert close_left_views(session, at=NOW) == [before.id]
    done(place.end(person))
    with place.central.writing() as session:
        assert left_views(session, at=NOW) == [shown.id]
        assert close_left_views(session, at=NOW) == [shown.id]
    assert [one.detail["why"] for one in place.logged(Action.VIEW_CLOSE)] == ["a showing runs", "showing over"]
