"""Stills within the district: asked for, approved by another, made of single pictures, handed over, and taken away on their last day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.factories import a_camera, done, refused
from tests.vms.media.recorded import START
from tests.vms.services.packaging import AT
from tests.vms.services.requesting import a_request, at_work, staff
from tests.vms.services.test_package_jobs import Office, an_office
from vms.config import Settings
from vms.domain.export_scope import LATEST_UNTIL, CameraSpan, Delivery, Terms
from vms.domain.ids import CameraId
from vms.domain.instruments import Instrument
from vms.domain.made_package import PackageState
from vms.domain.package_release import Medium
from vms.domain.redaction import WHOLE, Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical
from vms.domain.request import ExportRequest, RequestAct, RequestState
from vms.domain.stills import MOST_STILLS, PublishedPurpose, moments_of
from vms.domain.timespan import datetime_of, ms_of
from vms.errors import InvalidInput
from vms.services import redactions, stills
from vms.services.approvals import approve, change_scope, narrow
from vms.services.package_jobs import folder_of
from vms.services.package_release import Handover, release_by_hand
from vms.services.request_acts import act_on, may_act
from vms.services.requests import standing_of
from vms.services.stills import NewStills, copies_due, enter_stills, notices_due, notify
from vms.store import mails, requests
from vms.store.database import Engines

ENDS = AT + timedelta(days=90)


def new_stills(*cameras: CameraId, **more: object) -> NewStills:
    told = NewStills(PublishedPurpose.SAFETY, "banned until summer", moments_of(cameras, [datetime_of(START)]), ENDS)
    return replace(told, **more)  # type: ignore[arg-type]  # fields of it, by name


def a_stills_office(central: Engines, settings: Settings) -> Office:
    """Return one in which stills of a moment were asked for by the desk and approved."""
    office = an_office(central, settings)
    with central.writing() as session:
        asked = done(enter_stills(session, settings, office.people.desk, new_stills(office.camera), at=AT))
        office.request = done(approve(session, settings, office.director, asked.id, asked.sha256, at=AT))
    return office


def _handed_over(office: Office, to: Path) -> Path:
    office.ready()
    to.mkdir()
    handover = Handover(to, Medium("SanDisk Ultra", "4C530001"), "D. Nakamura, Main Library")
    _, folder = done(release_by_hand(office.hub.central, office.settings, office.director, office.request.id, handover, clock=office.clock))
    return folder


def _end(office: Office) -> None:
    """Let the last day pass, by a clock that ran all the time."""
    for _ in range(91):
        office.clock.step(timedelta(days=1))
        office.hub.sign_log()


@pytest.mark.slow
def test_what_leaves_is_one_picture_of_each_moment(central: Engines, settings: Settings, tmp_path: Path) -> None:
    office = a_stills_office(central, settings)
    folder = _handed_over(office, tmp_path / "stick")
    assert [path.suffix for path in folder.rglob("*") if path.suffix in {".mp4", ".png"}] == [".png"]
    assert (office.now().state, office.package().files) == (RequestState.DISCLOSED, 1)
    assert f"{office.request.number} · For Alder County · Remove by 2026-04-03" in (folder / "START.html").read_text(encoding="utf-8")
    assert "Paper copies are removed by" in (folder / "custody.json").read_text(encoding="utf-8")


def test_the_director_approves_without_a_paper_counsel_or_the_board_and_who_asks_does_not(central: Engines, settings: Settings) -> None:
    office = an_office(central, settings)
    with central.writing() as session:
        own = done(enter_stills(session, settings, office.director, new_stills(office.camera), at=AT))
        assert standing_of(session, settings, own).faults == ()
        assert "never approves it" in refused(approve(session, settings, office.director, own.id, own.sha256, at=AT)).sentence
        delegate = at_work(office.people.delegate, AT)
        assert done(approve(session, settings, delegate, own.id, own.sha256, at=AT)).state is RequestState.APPROVED
        assert (own.scope.terms.recipient, own.scope.terms.delivery) == ("Alder County", Delivery.BY_HAND)
        assert own.purpose == "For the safety of library users, staff and property: banned until summer"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"until": None}, "Say until which day"),
        ({"until": AT}, "one of the next 366"),
        ({"until": AT + LATEST_UNTIL + timedelta(seconds=1)}, "one of the next 366"),
        ({"words": " "}, "Say what the stills are needed for"),
        ({"moments": ()}, "Name at least one camera"),
    ],
)
def test_what_can_t_be_asked_for_gets_a_sentence(
    central_sqlite: Engines, settings: Settings, more: dict[str, object], sentence: str
) -> None:
    office = an_office(central_sqlite, settings)
    with central_sqlite.writing() as session, pytest.raises(InvalidInput, match=sentence):
        enter_stills(session, settings, office.people.desk, new_stills(office.camera, **more), at=AT)


def test_a_still_is_no_film_in_pieces(central_sqlite: Engines, settings: Settings) -> None:
    office, moment = an_office(central_sqlite, settings), ms_of(datetime_of(START))
    film = tuple(CameraSpan(office.camera, moment + 1000 * at, moment + 1000 * (at + 1)) for at in range(6))
    many = tuple(CameraSpan(office.camera, moment + 2000 * at, moment + 2000 * at + 1000) for at in range(MOST_STILLS + 1))
    with central_sqlite.writing() as session:
        for moments, sentence in ((film, "5 seconds at the most"), (many, f"at most {MOST_STILLS}")):
            with pytest.raises(InvalidInput, match=sentence):
                enter_stills(session, settings, office.people.desk, new_stills(office.camera, moments=moments), at=AT)


def test_the_general_way_in_leads_to_no_stills_and_none_are_sealed(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people, camera = staff(session), a_camera(session).camera.id
        with pytest.raises(InvalidInput, match="vms request stills"):
            a_request(session, settings, people.desk, Instrument.INTERNAL_STILLS, camera=camera)
        with pytest.raises(InvalidInput, match="not sealed"):
            a_request(
                session, settings, people.director, Instrument.INTERNAL_STILLS, camera=camera, sealed=True, named=(people.delegate.id,)
            )


def test_no_change_makes_a_film_of_them_or_sends_them_to_anybody_else(central_sqlite: Engines, settings: Settings) -> None:
    office = a_stills_office(central_sqlite, settings)
    scope, number = office.request.scope, office.request.id
    longer = tuple(replace(one, end_ms=one.end_ms + 60_000) for one in scope.footage)
    shorter = tuple(replace(one, end_ms=one.end_ms - 500) for one in scope.footage)
    with central_sqlite.writing() as session:
        for changed, sentence in (
            (replace(scope, footage=longer), "5 seconds at the most"),
            (replace(scope, terms=replace(scope.terms, recipient="Alder County Sheriff")), "for nobody else"),
            (replace(scope, terms=replace(scope.terms, redact="the child")), "not redacted"),
            (replace(scope, terms=replace(scope.terms, delivery=Delivery.DOWNLOAD)), "by hand"),
        ):
            with pytest.raises(InvalidInput, match=sentence):
                change_scope(session, settings, office.people.desk, number, changed, "as they said", at=AT)
        kept = narrow(session, settings, office.director, number, shorter, Terms(scope.terms.recipient), "enough", at=AT)
        assert done(kept).scope.terms.expires_ms == ms_of(ENDS)


def test_they_take_no_redaction_plan(central_sqlite: Engines, settings: Settings) -> None:
    office = a_stills_office(central_sqlite, settings)
    (span,) = office.request.scope.footage
    region = Region(Cover.FILL, Between.ALL, (Keyframe(span.start_ms, Box(0, 0, WHOLE, WHOLE)),), span.end_ms)
    plan = RedactionPlan((CameraPlan(span.camera_id, span.start_ms, span.end_ms, (region,)),))
    with central_sqlite.writing() as session, pytest.raises(InvalidInput, match="Stills are not redacted"):
        redactions.add_plan(session, settings, office.director, office.request.id, canonical(plan).encode(), at=AT)


@pytest.mark.slow
def test_on_the_last_day_both_are_reminded_until_somebody_says_who_took_the_copies_away(
    central_sqlite: Engines, settings: Settings, tmp_path: Path
) -> None:
    office = a_stills_office(central_sqlite, settings)
    _handed_over(office, tmp_path / "stick")
    mailing = settings.model_copy(update={"smtp_host": "mail.example", "director_address": "director@alder.example"})
    desk, director = office.people.desk, office.people.director
    with central_sqlite.writing() as session:
        for at in (ENDS - timedelta(seconds=1), ENDS + stills.NOTICE):
            assert notices_due(session, at=at) == []
        assert copies_due(session, desk, at=ENDS - timedelta(seconds=1)) == set()
        for at in (ENDS, ENDS + timedelta(hours=1)):
            notify(session, mailing, at=at)
        (letter,) = mails.due(session, ENDS + timedelta(days=1), limit=9)
        assert (letter.recipient, "until 2026-04-03" in letter.body, "banned" in letter.body) == ("director@alder.example", True, False)
        assert copies_due(session, desk, at=ENDS) == copies_due(session, director, at=ENDS) == {office.request.id}
        assert may_act(desk, office.now(), RequestAct.REMOVED, at=ENDS)
        done(act_on(session, settings, desk, office.request.id, RequestAct.REMOVED, "D. Nakamura, this morning", at=ENDS))
        assert copies_due(session, desk, at=ENDS) == set()
        assert notices_due(session, at=ENDS) == []
        last = requests.history(session, office.request.id)[-1]
        assert (last.act, last.words, last.state) == (RequestAct.REMOVED, "D. Nakamura, this morning", RequestState.DISCLOSED)


def test_only_of_stills_that_were_approved_are_copies_taken_away(central_sqlite: Engines, settings: Settings) -> None:
    office = an_office(central_sqlite, settings)
    with central_sqlite.writing() as session:
        asked = done(enter_stills(session, settings, office.people.desk, new_stills(office.camera), at=AT))
        for request in (asked, _closed(session, settings, office, asked)):
            assert not may_act(office.people.desk, request, RequestAct.REMOVED, at=AT)
            answer = refused(act_on(session, settings, office.people.desk, request.id, RequestAct.REMOVED, "gone", at=AT))
            assert "can't be said to have no copies on paper" in answer.sentence


def _closed(session: Session, settings: Settings, office: Office, asked: ExportRequest) -> ExportRequest:
    done(act_on(session, settings, office.people.desk, asked.id, RequestAct.WITHDRAW, "not needed", at=AT))
    return done(act_on(session, settings, office.director, asked.id, RequestAct.CLOSE, "that was all", at=AT))


@pytest.mark.slow
def test_after_the_last_day_the_server_has_none_even_where_the_district_keeps_copies(
    central_sqlite: Engines, settings: Settings, tmp_path: Path
) -> None:
    office = a_stills_office(central_sqlite, settings)
    office.settings = settings.model_copy(update={"released_package_days": 300})
    _handed_over(office, tmp_path / "stick")
    office.make()
    assert folder_of(office.settings, office.package()).is_dir()
    _end(office)
    office.make()
    assert (office.package().state, office.there()) == (PackageState.GONE, [])


@pytest.mark.slow
def test_nothing_is_handed_over_after_the_last_day(central_sqlite: Engines, settings: Settings, tmp_path: Path) -> None:
    office = an_office(central_sqlite, settings)
    with central_sqlite.writing() as session:
        soon = new_stills(office.camera, until=AT + timedelta(hours=2))
        asked = done(enter_stills(session, settings, office.people.desk, soon, at=AT))
        office.request = done(approve(session, settings, office.director, asked.id, asked.sha256, at=AT))
    office.ready()
    office.clock.step(timedelta(hours=2))
    handover = Handover(tmp_path, Medium("SanDisk Ultra", "4C530001"), "D. Nakamura")
    answer = release_by_hand(office.hub.central, settings, office.director, office.request.id, handover, clock=office.clock)
    assert "It was to leave earlier" in refused(answer).sentence
