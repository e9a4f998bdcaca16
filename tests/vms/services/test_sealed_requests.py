"""Requests that the law keeps secret: who enters, sees and opens them, and that nobody else is told by anything there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import NOW, a_camera, a_person, an_account, done, refused
from tests.vms.services.requesting import SCAN, a_new_request, at_work, footage, in_order
from tests.vms.services.test_redactions import a_plan
from tests.web.world_clock import DrivenClock
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import Pause
from vms.domain.ids import CameraId, PersonId, RequestId, SessionId
from vms.domain.instruments import Instrument
from vms.domain.legal_hold import LAPSE_GRACE, LegalHold, Sealed
from vms.domain.outcome import Refusal
from vms.domain.package_release import Medium
from vms.domain.people import PROOF_LASTS, Person, Role
from vms.domain.request import APPEAL_WINDOW, APPROVAL_LASTS, DenyReason, ExportRequest, RequestAct, RequestState
from vms.domain.timespan import Timespan
from vms.errors import Conflict, InvalidInput, NotFound
from vms.services import door, records, redactions, request_reminders, sealed_holds
from vms.services import requests as register
from vms.services.approvals import advance, approve, ask_passkey, change_scope, narrow, write_down_run_out
from vms.services.hold_release import end_due, notices_due
from vms.services.holds import hold_for, list_holds
from vms.services.package_jobs import ask_package
from vms.services.package_release import Handover, release_by_hand
from vms.services.pauses import pause_camera
from vms.services.provisional_holds import undecided
from vms.services.request_acts import act_on, deny
from vms.services.request_papers import add_paper, advise, read_advice, read_paper
from vms.services.request_steps import JOB
from vms.services.requests import enter, list_requests, request_called, request_for, waiting_for
from vms.services.sealed_log import destroy_matter, open_matter, read_sealed
from vms.services.sealed_requests import name_more, require_ended, unseal
from vms.services.webauthn import RelyingParty
from vms.store import access_log, holds, made_packages, requests
from vms.store.database import Engines

ON = NOW.date().isoformat()
OTHERS = (Role.DIRECTOR, Role.DELEGATE, Role.IT, Role.DESK, Role.AUDITOR, Role.BRANCH_MANAGER)


@dataclass(frozen=True)
class World:
    """A sealed request entered by one Director, named to another, counsel among the named; and one account of each other role."""

    first: Person
    second: Person
    counsel: Person
    others: tuple[Person, ...]
    camera: CameraId
    request: ExportRequest


def _person(session: Session, role: Role, number: int, name: str = "") -> Person:
    account = an_account(session, role, name=name or f"{role}-{number}")
    return at_work(Person(account.id, account.name, account.role, SessionId(number)), NOW)


def _entered(session: Session, settings: Settings, by: Person, camera: CameraId, *named: PersonId) -> ExportRequest:
    new = replace(a_new_request(footage(camera), Instrument.NATIONAL_SECURITY_LETTER), sealed=True, named=named)
    return done(enter(session, settings, by, new, at=NOW))


def _world(session: Session, settings: Settings) -> World:
    camera = a_camera(session).camera.id
    counsel = _person(session, Role.COUNSEL, 3)
    first, second = (_person(session, Role.DIRECTOR, number, name) for number, name in ((1, "H. Marsh"), (2, "R. Cole")))
    others = tuple(_person(session, role, number, f"other {role}") for number, role in enumerate(OTHERS, 4))
    return World(first, second, counsel, others, camera, _entered(session, settings, first, camera, second.id))


def _ordinary(session: Session) -> list[AccessEvent]:
    return list(access_log.find(session, "district", None, access_log.Filter(), limit=500))


def _acts(session: Session, settings: Settings, request: ExportRequest, by: Person) -> list[Action]:
    assert request.seal is not None
    page = read_sealed(session, open_matter(settings, request.seal.matter), actor=by, at=NOW)
    return [line.action for line in reversed(page.lines) if isinstance(line, AccessEvent) and line.action is not Action.LOG_READ]


def _kept(session: Session, request: ExportRequest) -> list[LegalHold]:
    again = requests.get(session, requests.EVERYBODYS, request.id)
    assert again is not None
    found = [holds.get(session, None, number, Sealed.INCLUDED) for number in again.holds]
    return [hold for hold in found if hold is not None and hold.released_at is None]


def test_what_the_named_are_refused_about_it_is_written_in_its_matter_alone(central_sqlite: Engines, settings: Settings) -> None:
    rp = RelyingParty("cameras.library.example", frozenset({"https://cameras.library.example"}))
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        one = world.request
        before = len(_ordinary(session))
        for answer in (
            door.note_call(session, settings, world.second, one.id, PersonId(4711), reached=True, at=NOW),
            ask_passkey(session, settings, world.second, one.id, rp, at=NOW),
            advance(session, settings, JOB, one.id, one.sha256, RequestState.PREPARING, at=NOW),
        ):
            assert refused(answer).logged
        assert len(_ordinary(session)) == before
        assert _acts(session, settings, one, world.first)[-3:] == [Action.ACCESS_REFUSE] * 3


def test_how_many_are_sealed_is_in_no_refusal(central_sqlite: Engines, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MOST_OPEN", 1)
    monkeypatch.setattr(register, "MOST_SEALED", 1)
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        before = len(_ordinary(session))
        with pytest.raises(Conflict, match="1 requests that you entered are sealed"):
            _entered(session, settings, world.first, world.camera)
        assert len(_ordinary(session)) == before
        new = a_new_request(footage(world.camera))
        done(enter(session, settings, world.first, new, at=NOW))
        assert "are open" in refused(enter(session, settings, world.first, new, at=NOW)).sentence


def test_asking_for_its_package_is_told_to_nobody(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        one = world.request
        in_order(session, settings, world.first, one)
        done(approve(session, settings, world.second, one.id, one.sha256, at=NOW))
        before = len(_ordinary(session))
        for person in world.others:
            hidden, nothing = (refused(ask_package(session, settings, person, RequestId(id_), at=NOW)) for id_ in (one.id, 4711))
            assert hidden == nothing
        assert made_packages.newest_of(session, one.id) is None
        others = len(_ordinary(session))
        at = NOW + timedelta(minutes=5)  # until then the newest of it is still being written
        assert done(ask_package(session, settings, at_work(world.second, at), one.id, at=at)).request == one.id
        assert len(_ordinary(session)) == others
        assert others - before <= 2 * len(world.others)
        assert _acts(session, settings, one, world.first)[-1] is Action.EXPORT_ADVANCE


def test_what_its_package_or_its_redaction_is_refused_for_is_in_its_sealed_entries_alone(
    central_sqlite: Engines, settings: Settings, tmp_path: Path
) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        one, before = world.request, _ordinary(session)
        plan = a_plan(world.camera)
        assert refused(ask_package(session, settings, world.second, one.id, at=NOW)).logged, "it is not approved"
        assert refused(redactions.approve(session, settings, world.second, one.id, one.sha256, "0" * 64, at=NOW)).logged, "nothing was made"
        done(deny(session, settings, world.second, one.id, DenyReason.TOO_WIDE, "all day", at=NOW))
        assert refused(redactions.add_plan(session, settings, world.second, one.id, plan, at=NOW)).logged, "it has ended"
        assert _acts(session, settings, one, world.first).count(Action.ACCESS_REFUSE) == 3
        assert _ordinary(session) == before
    handover = Handover(tmp_path, Medium("a stick", "4C53"), "Det. R. Alvarez")
    assert refused(release_by_hand(central_sqlite, settings, world.second, one.id, handover, clock=DrivenClock(NOW))).logged
    with central_sqlite.reading() as session:
        assert _ordinary(session) == before


def test_no_mail_says_that_one_is_due(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        desk = next(one for one in world.others if one.role is Role.DESK)
        plain = done(enter(session, settings, desk, a_new_request(footage(world.camera), Instrument.NATIONAL_SECURITY_LETTER), at=NOW))
        assert plain.due_at == world.request.due_at
        assert [one.id for _, one in request_reminders.notices_due(session, settings, at=plain.due_at)] == [plain.id]


def test_one_exists_for_the_named_alone(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        world = _world(session, settings)
        one = world.request
        for person in (world.first, world.second, world.counsel):
            assert [found.number for found in done(list_requests(session, person))] == [one.number]
            assert done(request_for(session, settings, person, one.id)).request.purpose == "theft of a bicycle"
        assert (waiting_for(session, world.second), waiting_for(session, world.first)) == (1, 0)
        for person in world.others:
            assert done(list_requests(session, person)) == []
            assert waiting_for(session, person) == 0
            for number in (one.number, str(one.id)):
                assert refused(request_called(session, person, number)).refusal is Refusal.OUT_OF_SCOPE
            hidden, nothing = (refused(request_for(session, settings, person, RequestId(id_))) for id_ in (one.id, 4711))
            assert hidden == nothing
            if person.role in (Role.DIRECTOR, Role.DELEGATE):
                acts = [refused(act_on(session, settings, person, RequestId(id_), RequestAct.ASK, "x", at=NOW)) for id_ in (one.id, 4711)]
                acts += [refused(unseal(session, settings, person, RequestId(id_), ON, "x", at=NOW)) for id_ in (one.id, 4711)]
                assert acts == [nothing] * 4


def test_no_entry_no_mail_no_number_no_count_and_no_hold_tells_of_one(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        world = _world(session, settings)
        desk = next(one for one in world.others if one.role is Role.DESK)
        before = _ordinary(session)
        _entered(session, settings, world.first, world.camera)
        assert _ordinary(session) == before
        assert not [event for event in before if "request" in event.detail or event.action is Action.HOLD_PLACE]
        assert session.execute(text("SELECT count(*) FROM mail")).scalar() == 0
        open_one = done(enter(session, settings, desk, a_new_request(footage(world.camera)), at=NOW))
        assert open_one.number.endswith("-0001")
        assert not world.request.number.startswith("2026")
        during = Timespan(NOW - timedelta(days=1), NOW + timedelta(days=1))
        assert (requests.count(session, during), holds.count_placed(session, during)) == ((1, 0), 1)
        for director in (world.first, next(one for one in world.others if one.role is Role.DIRECTOR)):
            assert [hold.matter for hold in done(list_holds(session, director))] == [f"Request {open_one.number}"]
            assert refused(hold_for(session, director, world.request.holds[0])).refusal is Refusal.OUT_OF_SCOPE
            assert undecided(session, director) == []
            assert sealed_holds.seen(session, director, world.request.holds[0]) is None
        assert {one.matter for one in holds.unreleased(session)} == {f"Request {open_one.number}"}
        assert not [
            hold for _, hold, _ in notices_due(session, at=_kept(session, world.request)[0].review_at - timedelta(days=1)) if hold.seal
        ]


def test_everything_up_to_the_approval_is_in_its_sealed_entries_alone(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        world = _world(session, settings)
        before, one = _ordinary(session), world.request
        in_order(session, settings, world.first, one)
        assert refused(approve(session, settings, world.first, one.id, one.sha256, at=NOW)).logged, "who entered it"
        stale = NOW + PROOF_LASTS
        assert refused(approve(session, settings, world.second, one.id, one.sha256, at=stale)).refusal is Refusal.PROVE
        approved = done(approve(session, settings, world.second, one.id, one.sha256, at=NOW))
        assert approved.state is RequestState.APPROVED
        assert approved.approval is not None
        assert approved.approval.by == world.second.label
        assert refused(act_on(session, settings, world.second, one.id, RequestAct.REOPEN, "x", at=NOW)).logged, "not from there"
        (paper,) = done(request_for(session, settings, world.counsel, one.id)).papers
        assert done(read_paper(session, settings, world.counsel, one.id, paper.id, at=NOW))[1] == SCAN
        assert refused(read_paper(session, settings, world.counsel, one.id, 4711, at=NOW)).logged
        assert [said.words for said in done(read_advice(session, settings, world.counsel, one.id, at=NOW))] == ["comply"]
        assert done(advance(session, settings, JOB, one.id, one.sha256, RequestState.PREPARING, at=NOW)).is_sealed
        assert _ordinary(session) == before
        acts = _acts(session, settings, one, world.first)
        assert acts[:3] == [Action.REQUEST_ENTER, Action.REQUEST_NOTE, Action.HOLD_PLACE]
        assert (acts.count(Action.ACCESS_REFUSE), acts.count(Action.REQUEST_READ), acts.count(Action.EXPORT_APPROVE)) == (4, 2, 1)
        assert acts[-1] is Action.EXPORT_ADVANCE


def test_what_changes_is_sealed_and_kept_as_well(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        before, one = _ordinary(session), world.request
        (span,) = one.scope.footage
        wider = replace(one.scope, footage=(replace(span, start_ms=span.start_ms - 60_000),))
        changed = done(change_scope(session, settings, world.second, one.id, wider, "the agent called", at=NOW))
        assert len(_kept(session, changed)) == 2
        assert all(hold.seal is not None for hold in _kept(session, changed))
        less = [replace(span, start_ms=span.start_ms + 60_000)]
        done(narrow(session, settings, world.first, one.id, less, changed.scope.terms, "the minute of it", at=NOW))
        done(deny(session, settings, world.first, one.id, DenyReason.NOT_IN_FORM, "no signature", at=NOW))
        assert {hold.expires_at for hold in _kept(session, one)} == {NOW + APPEAL_WINDOW}
        again = done(act_on(session, settings, world.first, one.id, RequestAct.REOPEN, "now it is signed", at=NOW))
        assert [hold.expires_at for hold in _kept(session, again)] == [None, None], "the same holds go on"
        assert _ordinary(session) == before


def test_only_who_decides_seals_and_names_only_accounts_that_may_read(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        desk, delegate = (next(one for one in world.others if one.role is role) for role in (Role.DESK, Role.DELEGATE))
        new = replace(a_new_request(footage(world.camera)), sealed=True)
        answer = refused(enter(session, settings, desk, new, at=NOW))
        assert (answer.logged, "seal a request" in answer.sentence) == (True, True)
        keys = sorted(settings.secrets_dir.iterdir())
        with pytest.raises(InvalidInput, match="may read the register"):
            enter(session, settings, delegate, replace(new, named=(desk.id,)), at=NOW)
        assert sorted(settings.secrets_dir.iterdir()) == keys
        own = done(enter(session, settings, delegate, new, at=NOW))
        assert own.seal is not None
        assert set(own.seal.named) == {delegate.id, world.counsel.id}
        assert done(list_requests(session, world.first)) == [world.request], "a Director who is not named"
        with pytest.raises(InvalidInput, match="not named yet"):
            name_more(session, settings, delegate, own.id, [world.counsel.id], at=NOW)
        assert refused(name_more(session, settings, world.counsel, own.id, [world.first.id], at=NOW)).refusal is Refusal.NOT_ALLOWED
        done(name_more(session, settings, delegate, own.id, [world.first.id], at=NOW))
        assert len(done(list_requests(session, world.first))) == 2


def test_a_role_that_is_over_takes_a_sealed_request_with_it(central_sqlite: Engines, settings: Settings) -> None:
    """Who entered an ordinary one goes on seeing it; a sealed one is for who is named and reads the register."""
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        assert done(list_requests(session, replace(world.first, role=Role.SUPERVISOR))) == []


def test_it_stays_kept_as_long_as_it_is_open_and_lapses_after_the_appeal_window(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        world = _world(session, settings)
        before, one = _ordinary(session), world.request
        years = NOW + timedelta(days=800)
        sealed_holds.look_after(session, settings, at=years, sure=True)
        assert len(_kept(session, one)) == 1
        done(act_on(session, settings, world.first, one.id, RequestAct.WITHDRAW, "they wrote", at=NOW))
        over = NOW + APPEAL_WINDOW + LAPSE_GRACE
        end_due(session, at=over)
        sealed_holds.look_after(session, settings, at=over - timedelta(seconds=1), sure=True)
        assert len(_kept(session, one)) == 1
        assert sealed_holds.to_look_after(session, at=over)
        sealed_holds.look_after(session, settings, at=over, sure=True)
        assert _kept(session, one) == []
        assert _ordinary(session) == before
        assert _acts(session, settings, one, world.first)[-1] is Action.HOLD_END


def test_it_ends_no_pause_and_no_purge_counts_it(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        done(act_on(session, settings, world.first, world.request.id, RequestAct.WITHDRAW, "they wrote", at=NOW))
        it = next(one for one in world.others if one.role is Role.IT)
        until = (NOW + timedelta(hours=1)).replace(microsecond=0)
        done(pause_camera(session, it, world.camera, Pause(until, "painting"), at=NOW))
        _entered(session, settings, world.first, world.camera)
        assert [one.paused_until for one in holds.cameras(session, None, world.request.holds[0])] == [until]
        assert "requests" not in records.due(session, settings, at=NOW + timedelta(days=9999))


def test_lifting_the_seal_makes_it_one_like_any_other(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        world = _world(session, settings)
        one, auditor = world.request, next(person for person in world.others if person.role is Role.DIRECTOR)
        assert one.seal is not None
        (sealed,) = _kept(session, one)
        for day in ("tomorrow", (NOW + timedelta(days=1)).date().isoformat()):
            with pytest.raises(InvalidInput):
                unseal(session, settings, world.second, one.id, day, "the order ended", at=NOW)
        assert refused(unseal(session, settings, world.second, one.id, ON, "x", at=NOW + PROOF_LASTS)).logged
        with pytest.raises(Conflict, match="Lift its seal first"):
            require_ended(session, one.seal.matter)
        lifted = done(unseal(session, settings, world.second, one.id, ON, "the court set the order aside", at=NOW))
        require_ended(session, one.seal.matter)
        assert lifted.seal is not None
        assert lifted.seal.lifted is not None
        assert (lifted.seal.lifted.on, lifted.seal.lifted.by) == (ON, world.second.label)
        assert [found.number for found in done(list_requests(session, auditor))] == [one.number]
        (entry,) = [event for event in _ordinary(session) if event.action is Action.REQUEST_UNSEAL]
        assert (entry.detail["on"], entry.detail["reason"]) == (ON, "the court set the order aside")
        (kept,) = _kept(session, one)
        assert (kept.seal, kept.time, kept.expires_at) == (None, sealed.time, None)
        assert kept.id in {hold.id for hold in done(list_holds(session, auditor))}
        done(act_on(session, settings, world.second, one.id, RequestAct.ASK, "which door?", at=NOW))
        assert _ordinary(session)[0].action is Action.REQUEST_NOTE
        again = refused(unseal(session, settings, world.second, one.id, ON, "x", at=NOW))
        assert "is not sealed" in again.sentence


def test_papers_and_advice_are_read_when_its_sealed_entries_are_destroyed(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        one = world.request
        paper = done(add_paper(session, settings, world.first, one.id, "letter.pdf", SCAN, at=NOW))
        done(advise(session, settings, world.counsel, one.id, "comply", at=NOW))
        done(unseal(session, settings, world.second, one.id, ON, "the order ended", at=NOW))
        assert one.seal is not None
        destroy_matter(settings, one.seal.matter)
        assert done(read_paper(session, settings, world.first, one.id, paper.id, at=NOW))[1] == SCAN
        assert done(read_advice(session, settings, world.counsel, one.id, at=NOW))[0].words == "comply"


def test_without_its_key_nothing_is_done_about_it_and_no_other_request_waits(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        world = _world(session, settings)
        delegate = at_work(a_person(session, Role.DELEGATE), NOW)
        done(name_more(session, settings, world.first, world.request.id, [delegate.id], at=NOW))
        other = _entered(session, settings, world.first, world.camera, world.second.id)
        for one in (world.request, other):
            in_order(session, settings, world.first, one)
            done(approve(session, settings, world.second, one.id, one.sha256, at=NOW))
        assert world.request.seal is not None
        destroy_matter(settings, world.request.seal.matter)
        with pytest.raises(NotFound):
            act_on(session, settings, world.second, world.request.id, RequestAct.REVOKE, "x", at=NOW)
        assert write_down_run_out(session, settings, at=NOW + APPROVAL_LASTS) == 1
        assert len(_kept(session, world.request)) == 1
