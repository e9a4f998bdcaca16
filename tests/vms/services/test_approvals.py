"""The Director's yes: of exactly one scope, by somebody else than who entered the request, and of nothing that changed since."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, refused
from tests.vms.services.requesting import SCAN, Staff, a_new_request, a_request, an_approved, at_work, footage, in_order, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.delegation import Delegation
from vms.domain.export_scope import CameraSpan, Delivery, Terms, scope_of
from vms.domain.ids import ApprovalId, DelegationId, new_number
from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PROOF_LASTS, Person, Role
from vms.domain.reach import Reach
from vms.domain.request import APPEAL_WINDOW, APPROVAL_LASTS, FREE_MINUTES, Approval, DenyReason, ExportRequest, RequestAct, RequestState
from vms.domain.timespan import ms_of
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.approvals import advance, any_run_out, approve, approved, change_scope, disclose, narrow, write_down_run_out
from vms.services.request_acts import act_on, check_form, deny
from vms.services.request_letters import letter_of
from vms.services.request_papers import add_paper, advise
from vms.services.request_steps import JOB, Step, take
from vms.services.requests import enter, request_for
from vms.store import access_log, holds, requests
from vms.store.database import Engines

S = RequestState


def _ready(session: Session, settings: Settings, people: Staff) -> ExportRequest:
    request = an_approved(session, settings, people)
    for state in (S.PREPARING, S.READY):
        done(advance(session, settings, JOB, request.id, request.sha256, state, at=NOW))
    return request


def _reread(session: Session, request: ExportRequest) -> ExportRequest:
    found = requests.get(session, requests.EVERYBODYS, request.id)
    assert found is not None
    return found


def test_what_is_in_order_is_approved_with_its_digest_in_the_log(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = an_approved(session, settings, people)
        assert request.state is S.APPROVED
        assert request.approval is not None
        assert (request.approval.sha256, request.approval.by, request.approval.proof) == (request.sha256, people.director.label, "totp")
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.EXPORT_APPROVE})), limit=9)
        assert (entry.actor, entry.detail["sha256"], entry.detail["number"]) == (people.director.label, request.sha256, request.number)
        assert done(approved(session, request.id, at=NOW)).scope == request.scope


def test_who_entered_it_never_approves_it(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.director)
        in_order(session, settings, people.director, request)
        answer = refused(approve(session, settings, people.director, request.id, request.sha256, at=NOW))
        assert "Who entered a request never approves it" in answer.sentence
        assert answer.logged
        assert _reread(session, request).approval is None
        assert done(approve(session, settings, people.delegate, request.id, request.sha256, at=NOW)).state is S.APPROVED


def test_the_database_refuses_an_approval_by_who_asked_for_it_or_of_another_scope(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)

    def add(by: str, *, sha256: str = request.sha256, version: int = 1, entered_by: str = request.entered_by) -> None:
        wanted = Approval(ApprovalId(new_number()), version, sha256, by, "x", None, "totp", "", NOW)
        with central.writing() as session:
            requests.add_approval(session, replace(request, entered_by=entered_by), wanted)

    told: tuple[tuple[str, dict[str, Any]], ...] = (
        (people.desk.label, {}),
        (people.desk.label, {"entered_by": people.director.label}),
        (people.director.label, {"sha256": "0" * 64}),
        (people.director.label, {"version": 2}),
    )
    for by, other in told:
        with pytest.raises(IntegrityError):
            add(by, **other)
    add(people.director.label)
    with central.writing() as session:
        wider = replace(request.scope, local_time="all morning")
        done(change_scope(session, settings, people.director, request.id, wider, "the officer called", at=NOW))
    for version in (1, 2):
        with central.reading() as session:
            sha256 = session.scalar(text("SELECT sha256 FROM request_scope WHERE version = :version"), {"version": version})
        with pytest.raises(IntegrityError):
            add(people.director.label, sha256=str(sha256), version=version)
    add(people.delegate.label)


@pytest.mark.parametrize("state", [S.APPROVED, S.READY, S.DISCLOSED])
def test_the_database_refuses_an_approved_state_without_an_approval(central: Engines, settings: Settings, state: RequestState) -> None:
    with central.writing() as session:
        request = a_request(session, settings, a_person(session))
    with pytest.raises(IntegrityError), central.writing() as session:
        session.execute(text("UPDATE request_standing SET state = :state"), {"state": state.value})
    with central.writing() as session:
        assert _reread(session, request).state is S.SUBMITTED


def test_the_database_refuses_another_scope_under_an_approval(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = an_approved(session, settings, people)
        requests.add_scope(session, request.id, 2, "{}", "0" * 64, ())
    with pytest.raises(IntegrityError), central.writing() as session:
        session.execute(text("UPDATE request_standing SET scope_version = 2"))


@pytest.mark.parametrize(
    ("said", "sentence"), [({"instrument": Instrument.AGENCY_REQUEST}, "never approved"), ({"verified": ""}, "who asks")]
)
def test_what_is_not_in_order_is_refused_in_sentences(
    central_sqlite: Engines, settings: Settings, said: dict[str, Any], sentence: str
) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk, **said)
        in_order(session, settings, people.director, request)
        assert sentence in refused(approve(session, settings, people.director, request.id, request.sha256, at=NOW)).sentence


def test_an_unanswered_line_blocks(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        with pytest.raises(InvalidInput, match="nothing would change"):
            check_form(session, settings, people.director, request.id, {FormLine.SERVICE: FormAnswer.YES}, "", at=NOW)
        with pytest.raises(InvalidInput, match="why a paper"):
            check_form(session, settings, people.director, request.id, {FormLine.SERVICE: FormAnswer.NOT_NEEDED}, "", at=NOW)
        done(check_form(session, settings, people.director, request.id, {FormLine.SERVICE: FormAnswer.NO}, "", at=NOW))
        answer = refused(approve(session, settings, people.director, request.id, request.sha256, at=NOW))
        assert "served" in answer.sentence
        done(
            check_form(
                session, settings, people.director, request.id, {FormLine.SERVICE: FormAnswer.NOT_NEEDED}, "accepted by counsel", at=NOW
            )
        )
        done(approve(session, settings, people.director, request.id, request.sha256, at=NOW))


def test_another_digest_than_what_was_seen_approves_nothing(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        with pytest.raises(Conflict, match="changed"):
            approve(session, settings, people.director, request.id, "0" * 64, at=NOW)


def test_a_stale_proof_approves_nothing(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        later = NOW + PROOF_LASTS
        answer = refused(approve(session, settings, people.director, request.id, request.sha256, at=later))
        assert answer.refusal is Refusal.PROVE
        done(approve(session, settings, at_work(people.director, later), request.id, request.sha256, at=later))


def test_others_approve_nothing(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        for role in set(Role) - {Role.DIRECTOR, Role.DELEGATE}:
            assert refused(approve(session, settings, replace(people.director, role=role), request.id, request.sha256, at=NOW)).logged
        assert refused(approve(session, settings, CONSOLE, request.id, request.sha256, at=NOW)).logged


def test_a_delegate_approves_within_the_days_and_places_that_were_lent(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        here, there = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        people = staff(session)
        both = done(enter(session, settings, people.desk, a_new_request(footage(here.camera.id, there.camera.id)), at=NOW))
        one = a_request(session, settings, people.desk, camera=here.camera.id)
        for request in (both, one):
            in_order(session, settings, people.director, request)
        lent = Delegation(DelegationId(5), NOW, NOW + timedelta(days=1), Reach(frozenset({here.branch.id}), frozenset()))
        supervisor = replace(people.delegate, role=Role.SUPERVISOR)
        refused(approve(session, settings, supervisor, one.id, one.sha256, at=NOW))
        delegate = replace(supervisor, delegation=lent)
        assert "further than" in refused(approve(session, settings, delegate, both.id, both.sha256, at=NOW)).sentence
        assert "further than" in refused(deny(session, settings, delegate, both.id, DenyReason.OTHER, "x", at=NOW)).sentence
        assert "further than" in refused(act_on(session, settings, delegate, both.id, RequestAct.ASK, "x", at=NOW)).sentence
        approval = done(approve(session, settings, delegate, one.id, one.sha256, at=NOW)).approval
        assert approval is not None
        assert approval.delegation_id == 5
        assert _reread(session, both).approval is None


def test_a_step_that_the_table_has_not_is_the_programs_own_fault(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        with pytest.raises(Corrupt, match="can't go from submitted to ready"):
            take(session, settings, people.director, request, Step(RequestAct.ADVANCE, S.READY), at=NOW)
        assert _reread(session, request).state is S.SUBMITTED


@pytest.mark.slow
def test_of_two_approvals_at_once_there_is_one(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
    answers: list[ExportRequest | Refused] = []
    both = threading.Barrier(2)

    def decide(person: Person) -> None:
        with central.writing() as session:
            if central.write.dialect.name == "postgresql":  # on SQLite the second transaction begins when the first has ended
                both.wait(10)
            answers.append(approve(session, settings, person, request.id, request.sha256, at=NOW))

    threads = [threading.Thread(target=decide, args=(person,)) for person in (people.director, people.delegate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(isinstance(one, Refused) for one in answers) == [False, True]
    with central.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM approval")) == 1


@pytest.mark.parametrize("state", [S.APPROVED, S.PREPARING, S.READY])
@pytest.mark.parametrize("change", ["terms", "more", "less", "paper", "form"])
def test_any_change_after_an_approval_voids_it(central_sqlite: Engines, settings: Settings, state: RequestState, change: str) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = an_approved(session, settings, people)
        for step in {S.APPROVED: [], S.PREPARING: [S.PREPARING], S.READY: [S.PREPARING, S.READY]}[state]:
            done(advance(session, settings, JOB, request.id, request.sha256, step, at=NOW))
        (span,) = request.scope.footage
        match change:
            case "terms":
                other = replace(request.scope, terms=Terms("Somebody else", Delivery.DOWNLOAD))
                done(change_scope(session, settings, people.director, request.id, other, "they said so", at=NOW))
            case "more":
                wider = scope_of([replace(span, start_ms=span.start_ms - 60_000)], request.scope.local_time, request.scope.terms)
                done(change_scope(session, settings, people.desk, request.id, wider, "they said so", at=NOW))
            case "less":
                less = [replace(span, start_ms=span.start_ms + 60_000)]
                done(narrow(session, settings, people.director, request.id, less, request.scope.terms, "nobody is there", at=NOW))
            case "paper":
                done(add_paper(session, settings, people.desk, request.id, "second.pdf", SCAN, at=NOW))
            case "form":
                done(check_form(session, settings, people.director, request.id, {FormLine.DATE: FormAnswer.NO}, "", at=NOW))
        now = _reread(session, request)
        assert now.approval is None
        assert now.state in (S.UNDER_REVIEW, S.NARROWED)
        refused(approved(session, request.id, at=NOW))
        refused(advance(session, settings, JOB, request.id, request.sha256, S.PREPARING, at=NOW))
        voids = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.EXPORT_VOID})), limit=9)
        assert len(voids) == 1


def test_who_lets_it_ask_for_something_else_approves_it_no_more(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        (span,) = request.scope.footage
        wider = scope_of([replace(span, start_ms=span.start_ms - 60_000)], request.scope.local_time, request.scope.terms)
        changed = done(change_scope(session, settings, people.director, request.id, wider, "the officer called", at=NOW))
        answer = refused(approve(session, settings, people.director, request.id, changed.sha256, at=NOW))
        assert (answer.refusal, answer.logged) == (Refusal.NOT_ALLOWED, True)
        narrowed = done(narrow(session, settings, people.delegate, request.id, [span], request.scope.terms, "the minute of it", at=NOW))
        asked_again = refused(approve(session, settings, people.delegate, request.id, narrowed.sha256, at=NOW))
        assert "Counsel has not advised yet." in asked_again.sentence
        for act in (RequestAct.COUNSEL, RequestAct.CONFER):
            done(act_on(session, settings, people.delegate, request.id, act, "about the wider time", at=NOW))
        done(advise(session, settings, people.delegate, request.id, "comply", at=NOW))
        refused(approve(session, settings, people.director, request.id, narrowed.sha256, at=NOW))
        done(approve(session, settings, people.delegate, request.id, narrowed.sha256, at=NOW))


def test_a_part_is_approved_as_exactly_that_part(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        (span,) = request.scope.footage
        part = [CameraSpan(span.camera_id, span.start_ms + 1000, span.end_ms)]
        terms = Terms("Alder County Sheriff", redact="the children")
        narrowed = done(narrow(session, settings, people.director, request.id, part, terms, "only the minute of it", at=NOW))
        assert (narrowed.state, narrowed.scope.footage, narrowed.scope_version) == (S.NARROWED, tuple(part), 2)
        with pytest.raises(Conflict):
            approve(session, settings, people.director, request.id, request.sha256, at=NOW)
        assert done(approve(session, settings, people.director, request.id, narrowed.sha256, at=NOW)).scope.terms == terms
        (kept,) = (holds.get(session, None, number) for number in narrowed.holds)
        assert kept is not None
        assert kept.time.start_ms == span.start_ms, "all that was asked for stays kept"


def test_a_part_is_no_more_than_was_asked_for(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        (span,) = request.scope.footage
        more = [replace(span, end_ms=span.end_ms + 1)]
        with pytest.raises(InvalidInput, match="more than was asked for"):
            narrow(session, settings, people.director, request.id, more, request.scope.terms, "x", at=NOW)
        with pytest.raises(InvalidInput, match="somebody else is not less"):
            narrow(session, settings, people.director, request.id, [span], replace(request.scope.terms, recipient="A friend"), "x", at=NOW)
        with pytest.raises(InvalidInput, match="nothing would change"):
            narrow(session, settings, people.director, request.id, [span], request.scope.terms, "x", at=NOW)


def test_so_much_more_needs_a_reason_that_a_request_without_one_has_not(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        (camera,) = request.scope.cameras
        wider = scope_of(footage(camera, start_s=-60 * (FREE_MINUTES + 1)), request.scope.local_time, request.scope.terms)
        with pytest.raises(InvalidInput, match="more than a request asks for without a reason"):
            change_scope(session, settings, people.desk, request.id, wider, "the detective, by phone", at=NOW)
        most = scope_of(footage(camera, start_s=-60 * FREE_MINUTES), request.scope.local_time, request.scope.terms)
        assert done(change_scope(session, settings, people.desk, request.id, most, "the detective, by phone", at=NOW)).scope == most


def test_what_more_is_asked_for_is_kept_too(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        (span,) = request.scope.footage
        wider = scope_of([replace(span, start_ms=span.start_ms - 60_000)], request.scope.local_time, request.scope.terms)
        changed = done(change_scope(session, settings, people.desk, request.id, wider, "the officer called", at=NOW))
        starts = {hold.time.start_ms for number in changed.holds if (hold := holds.get(session, None, number)) is not None}
        assert starts == {span.start_ms, span.start_ms - 60_000}
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.REQUEST_SCOPE})), limit=9)
        assert (entry.detail["sha256"], entry.detail["minutes"]) == (changed.sha256, "11"), "of what it asks for from now on"


def test_an_approval_that_is_not_used_has_run_out(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = an_approved(session, settings, people)
        over = NOW + APPROVAL_LASTS
        assert not any_run_out(session, at=over - timedelta(seconds=1))
        assert done(approved(session, request.id, at=over - timedelta(seconds=1))).id == request.id
        refused(approved(session, request.id, at=over))
        refused(advance(session, settings, JOB, request.id, request.sha256, S.PREPARING, at=over))
        assert _reread(session, request).state is S.EXPIRED
    with central.writing() as session:
        again = done(act_on(session, settings, people.director, request.id, RequestAct.REOPEN, "it is still needed", at=over))
        assert (again.state, again.approval) == (S.UNDER_REVIEW, None)


def test_the_job_writes_down_what_has_run_out(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        request = an_approved(session, settings, staff(session))
        over = NOW + APPROVAL_LASTS
        assert (
            write_down_run_out(session, settings, at=NOW),
            write_down_run_out(session, settings, at=over),
            any_run_out(session, at=over),
        ) == (0, 1, False)
        (hold,) = (holds.get(session, None, number) for number in _reread(session, request).holds)
        assert hold is not None
        assert hold.expires_at == over + APPEAL_WINDOW


def test_nothing_leaves_but_what_is_ready_and_approved(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = an_approved(session, settings, people)
        refused(disclose(session, settings, people.director, request.id, request.sha256, "to the officer", at=NOW))
        for state in (S.READY, S.DISCLOSED, S.CLOSED):
            refused(advance(session, settings, JOB, request.id, request.sha256, state, at=NOW))
        refused(advance(session, settings, JOB, request.id, "0" * 64, S.PREPARING, at=NOW))
        for state in (S.PREPARING, S.PARTIALLY_AVAILABLE, S.REDACTING, S.READY):
            done(advance(session, settings, JOB, request.id, request.sha256, state, at=NOW))
        refused(disclose(session, settings, people.director, request.id, "0" * 64, "to the officer", at=NOW))
        assert refused(disclose(session, settings, people.desk, request.id, request.sha256, "to the officer", at=NOW)).logged
        left = done(disclose(session, settings, people.director, request.id, request.sha256, "to the officer, receipt 12", at=NOW))
        assert left.state is S.DISCLOSED
        done(act_on(session, settings, people.director, request.id, RequestAct.CLOSE, "done with", at=NOW))


def test_nothing_leaves_after_the_day_that_its_terms_name(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        in_order(session, settings, people.director, request)
        terms = replace(request.scope.terms, expires_ms=ms_of(after(60)))
        number, sha256 = (
            request.id,
            done(narrow(session, settings, people.director, request.id, request.scope.footage, terms, "x", at=NOW)).sha256,
        )
        done(approve(session, settings, people.director, number, sha256, at=NOW))
        for state in (S.PREPARING, S.READY):
            done(advance(session, settings, JOB, number, sha256, state, at=NOW))
        assert "until" in refused(disclose(session, settings, people.director, number, sha256, "to the officer", at=after(60))).sentence
        assert done(disclose(session, settings, people.director, number, sha256, "to the officer", at=after(59))).state is S.DISCLOSED


@pytest.mark.parametrize(("delivery", "done_so"), [(Delivery.BY_HAND, "handed over"), (Delivery.ON_SITE, "shown")])
def test_what_was_to_leave_until_a_day_that_is_over_is_not_approved(
    central_sqlite: Engines, settings: Settings, delivery: Delivery, done_so: str
) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        director = people.director
        request = a_request(session, settings, people.desk)
        in_order(session, settings, director, request)
        terms = replace(request.scope.terms, expires_ms=ms_of(after(60)), delivery=delivery)
        request = done(narrow(session, settings, director, request.id, request.scope.footage, terms, "x", at=NOW))
        standing = done(request_for(session, settings, director, request.id))
        assert (standing.faults_at(after(59)), len(standing.faults_at(after(60)))) == ((), 1)
        late = refused(approve(session, settings, director, request.id, request.sha256, at=after(60)))
        assert f"It was to be {done_so} until 2026-03-14" in late.sentence
        again = replace(terms, expires_ms=ms_of(after(600)))
        request = done(narrow(session, settings, director, request.id, request.scope.footage, again, "later", at=after(60)))
        assert done(approve(session, settings, director, request.id, request.sha256, at=after(61))).state is S.APPROVED


def test_what_is_taken_back_does_not_leave(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = _ready(session, settings, people)
        done(act_on(session, settings, people.delegate, request.id, RequestAct.REVOKE, "the case is settled", at=NOW))
        refused(disclose(session, settings, people.director, request.id, request.sha256, "to the officer", at=NOW))
        assert _reread(session, request).approval is None


def test_a_private_request_cites_the_exemption(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk, Instrument.PUBLIC_RECORDS)
        done(act_on(session, settings, people.director, request.id, RequestAct.NOT_CONFERRED, "it is the routine of the month", at=NOW))
        with pytest.raises(InvalidInput, match="exemption"):
            approve(session, settings, people.director, request.id, request.sha256, at=NOW)
        done(approve(session, settings, people.director, request.id, request.sha256, "none: nobody is in the picture", at=NOW))


def test_a_refused_request_stays_kept_for_the_appeal(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk, Instrument.AGENCY_REQUEST)
        denied = done(deny(session, settings, people.director, request.id, DenyReason.NO_DOCUMENT, "no subpoena", at=NOW))
        (hold,) = (holds.get(session, None, number) for number in denied.holds)
        assert hold is not None
        assert (denied.state, hold.expires_at) == (S.DENIED, NOW + APPEAL_WINDOW)
        again = done(act_on(session, settings, people.director, request.id, RequestAct.REOPEN, "they came with a subpoena", at=after(60)))
        (hold,) = (holds.get(session, None, number) for number in again.holds)
        assert hold is not None
        assert hold.expires_at is None


def test_a_clock_that_was_set_back_takes_nothing_from_the_appeal_window(central_sqlite: Engines, settings: Settings) -> None:
    """Set right again, it would find a window that was over long ago."""
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        done(deny(session, settings, people.director, request.id, DenyReason.EXEMPT, "a reason", at=NOW - timedelta(days=365)))
        (hold,) = (holds.get(session, None, number) for number in _reread(session, request).holds)
        assert hold is not None
        assert hold.expires_at == NOW + APPEAL_WINDOW


def test_what_went_meanwhile_is_kept_anew_when_a_request_is_taken_up_again(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        done(deny(session, settings, people.director, request.id, DenyReason.TOO_WIDE, "all day", at=NOW))
        holds.release(session, request.holds[0], by="test", at=after(5))
        again = done(act_on(session, settings, people.director, request.id, RequestAct.REOPEN, "appealed", at=after(9)))
        kept = [holds.get(session, None, number) for number in again.holds]
        assert [one.released_at is None for one in kept if one is not None].count(True) == 1


def test_a_request_is_withdrawn_by_who_entered_it_and_by_nobody_else_of_the_staff(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        counsel = replace(people.director, role=Role.COUNSEL)
        assert refused(act_on(session, settings, counsel, request.id, RequestAct.WITHDRAW, "x", at=NOW)).logged
        stranger = replace(people.desk, id=people.delegate.id)
        assert refused(act_on(session, settings, stranger, request.id, RequestAct.WITHDRAW, "x", at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert (
            done(act_on(session, settings, people.desk, request.id, RequestAct.WITHDRAW, "the officer called", at=NOW)).state is S.WITHDRAWN
        )
        assert refused(act_on(session, settings, people.desk, request.id, RequestAct.CLOSE, "x", at=NOW)).logged


def test_a_letter_says_how_it_ended_and_not_that_it_waits(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)

        def title(request: ExportRequest, at: datetime = NOW) -> str:
            return letter_of(done(request_for(session, settings, people.director, request.id)), at=at).title

        request = an_approved(session, settings, people)
        assert title(request) == "Your request: approved"
        assert title(request, NOW + APPROVAL_LASTS) == "Your request: ended", "whether or not a job has written it down"
        done(act_on(session, settings, people.director, request.id, RequestAct.REVOKE, "the case is settled", at=NOW))
        assert title(request) == "Your request: ended"
        done(act_on(session, settings, people.director, request.id, RequestAct.REOPEN, "it is not", at=NOW))
        assert title(request) == "Your request: received"
        done(deny(session, settings, people.director, request.id, DenyReason.TOO_WIDE, "all day", at=NOW))
        assert title(request) == "Your request: the Library's answer"
        done(act_on(session, settings, people.director, request.id, RequestAct.CLOSE, "no appeal", at=NOW))
        assert title(request) == "Your request: the Library's answer"


def test_who_asks_is_asked_back_and_answers(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        assert done(act_on(session, settings, people.director, request.id, RequestAct.ASK, "which door?", at=NOW)).state is S.NEEDS_INFO
        refused(
            narrow(
                session, settings, people.director, request.id, request.scope.footage, replace(request.scope.terms, redact="x"), "x", at=NOW
            )
        )
        assert done(act_on(session, settings, people.desk, request.id, RequestAct.ANSWER, "the north door", at=NOW)).state is S.UNDER_REVIEW
        assert (
            "can't be answered for"
            in refused(act_on(session, settings, people.desk, request.id, RequestAct.ANSWER, "again", at=NOW)).sentence
        )
        assert (
            done(act_on(session, settings, people.director, request.id, RequestAct.CONTEST, "before the court", at=NOW)).state
            is S.CONTESTED
        )
        with pytest.raises(InvalidInput):
            act_on(session, settings, people.director, request.id, RequestAct.REOPEN, " ", at=NOW)


def test_counsel_comes_first_with_a_subpoena_and_beside_a_warrant(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        camera = a_camera(session).camera.id
        states = {
            instrument: done(
                act_on(
                    session,
                    settings,
                    people.director,
                    a_request(session, settings, people.desk, instrument, camera=camera).id,
                    RequestAct.COUNSEL,
                    "by phone",
                    at=NOW,
                )
            ).state
            for instrument in (Instrument.SUBPOENA, Instrument.SEARCH_WARRANT)
        }
        assert states == {Instrument.SUBPOENA: S.COUNSEL_REVIEW, Instrument.SEARCH_WARRANT: S.UNDER_REVIEW}


def test_a_request_that_is_over_takes_nothing_more(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        done(act_on(session, settings, people.director, request.id, RequestAct.WITHDRAW, "they called", at=NOW))
        before = done(request_for(session, settings, people.director, request.id))
        for answer in (
            act_on(session, settings, people.director, request.id, RequestAct.CONFER, "x", at=NOW),
            check_form(session, settings, people.director, request.id, {FormLine.DATE: FormAnswer.YES}, "", at=NOW),
            deny(session, settings, people.director, request.id, DenyReason.OTHER, "x", at=NOW),
            approve(session, settings, people.director, request.id, request.sha256, at=NOW),
            change_scope(session, settings, people.director, request.id, replace(request.scope, local_time="noon"), "x", at=NOW),
            add_paper(session, settings, people.director, request.id, "x.pdf", SCAN, at=NOW),
        ):
            assert "withdrawn" in refused(answer).sentence
        assert done(request_for(session, settings, people.director, request.id)) == before
        assert ms_of(NOW) == ms_of(before.request.since)
