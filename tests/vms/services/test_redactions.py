"""Redaction of a request: whose plan counts, who sees what was made by it, and that nothing is ready before somebody approved that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import NOW, a_branch, a_person, after, done, refused
from tests.vms.services.requesting import Staff, a_request, at_work, footage, in_order, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import CameraId
from vms.domain.instruments import Instrument
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Role, System
from vms.domain.redaction import RedactionPlan, canonical, read_plan
from vms.domain.request import ExportRequest, RequestAct, RequestState
from vms.domain.timespan import ms_of
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services import redactions
from vms.services.approvals import advance, approve, is_looked_over, narrow
from vms.services.request_acts import act_on
from vms.store import access_log, requests
from vms.store import redactions as stored
from vms.store.database import Engines

JOB = System("packages")
PNG = b"\x89PNG of a sheet"


@pytest.fixture
def session(central_sqlite: Engines) -> Iterator[Session]:
    with central_sqlite.writing() as session:
        yield session


def a_plan(camera: CameraId, *, x: int = 0, start_s: float = -600) -> bytes:
    box = {"at_ms": ms_of(after(-500)), "x": x, "y": 0, "width": 1000, "height": 1000}
    region = {"cover": "fill", "between": "all", "keyframes": [box], "until_ms": ms_of(after(-400))}
    whole = {"camera": camera, "start_ms": ms_of(after(start_s)), "end_ms": ms_of(NOW), "regions": [region]}
    return json.dumps({"format": "custodian redaction plan v1", "cameras": [whole]}).encode()


def an_approved_one(session: Session, settings: Settings, people: Staff, redact: str = "everybody but the thief") -> ExportRequest:
    """Return an approved request that wants something made unrecognisable."""
    request, director = a_request(session, settings, people.desk), at_work(people.director, NOW)
    if redact:
        terms = replace(request.scope.terms, redact=redact)
        request = done(narrow(session, settings, director, request.id, request.scope.footage, terms, "only the thief is asked for", at=NOW))
    in_order(session, settings, director, request)
    return done(approve(session, settings, director, request.id, request.sha256, at=NOW))


def camera_of(request: ExportRequest) -> CameraId:
    return request.scope.footage[0].camera_id


def with_sheets(session: Session, settings: Settings, people: Staff, request: ExportRequest) -> redactions.Redaction:
    """Give it a plan, and what the job that makes its package would leave."""
    done(redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request)), at=NOW))
    plan = redactions.plan_of(session, settings, request)
    assert isinstance(plan, RedactionPlan)
    for number in range(2):
        redactions.keep_sheet(session, settings, request, plan, camera_of(request), PNG + bytes([number]))
    return done(redactions.redaction_for(session, settings, people.director, request.id, at=NOW))


def brought_to_redacting(session: Session, settings: Settings, request: ExportRequest) -> ExportRequest:
    done(advance(session, settings, JOB, request.id, request.sha256, RequestState.PREPARING, at=NOW))
    return done(advance(session, settings, JOB, request.id, request.sha256, RequestState.REDACTING, at=NOW))


def test_what_is_to_be_redacted_is_ready_only_once_its_sheets_were_approved(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = an_approved_one(session, settings, people)
        found = with_sheets(session, settings, people, request)
        brought_to_redacting(session, settings, request)
        early = advance(session, settings, JOB, request.id, request.sha256, RequestState.READY, at=NOW)
        assert "has not been looked over" in refused(early).sentence
        director = at_work(people.director, NOW)
        seen = done(redactions.approve(session, settings, director, request.id, request.sha256, found.plan.plan_sha256, at=NOW))
        assert (seen.approved is not None, seen.request.state) == (True, RequestState.READY)


def test_another_plan_voids_the_approval_by_which_something_was_made(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    with_sheets(session, settings, people, request)
    brought_to_redacting(session, settings, request)
    found = done(redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request), x=500), at=after(1)))
    assert (found.request.state, found.sheets) == (RequestState.UNDER_REVIEW, ())


def test_what_has_nothing_to_redact_needs_no_plan(session: Session, settings: Settings) -> None:
    request = an_approved_one(session, settings, staff(session), redact="")
    assert is_looked_over(session, request)
    assert redactions.plan_of(session, settings, request) is None


def test_a_package_that_should_be_redacted_is_not_made_without_a_plan(session: Session, settings: Settings) -> None:
    request = an_approved_one(session, settings, staff(session))
    assert "has no redaction plan yet" in refused(redactions.plan_of(session, settings, request)).sentence


def test_a_plan_alone_wants_to_be_looked_over(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people, redact="")
    with_sheets(session, settings, people, request)
    assert not is_looked_over(session, request)


def test_the_newest_plan_counts_and_is_looked_over_anew(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    first, director = with_sheets(session, settings, people, request), at_work(people.director, NOW)
    done(redactions.approve(session, settings, director, request.id, request.sha256, first.plan.plan_sha256, at=NOW))
    newer = done(redactions.add_plan(session, settings, director, request.id, a_plan(camera_of(request), x=500), at=after(1)))
    assert (newer.plan.plan_sha256 != first.plan.plan_sha256, newer.sheets, newer.approved) == (True, (), None)
    assert not is_looked_over(session, request)
    answer = redactions.approve(session, settings, director, request.id, request.sha256, newer.plan.plan_sha256, at=after(1))
    assert "nothing was redacted yet" in refused(answer).sentence


def test_a_plan_is_of_one_scope(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    with_sheets(session, settings, people, request)
    less = footage(camera_of(request), start_s=-550)
    changed = done(narrow(session, settings, people.director, request.id, less, request.scope.terms, "less", at=NOW))
    assert refused(redactions.redaction_for(session, settings, people.director, request.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
    assert isinstance(redactions.plan_of(session, settings, changed), Refused)


def test_only_what_was_seen_is_approved(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    found, director = with_sheets(session, settings, people, request), at_work(people.director, NOW)
    for scope, plan in (("0" * 64, found.plan.plan_sha256), (request.sha256, "0" * 64)):
        with pytest.raises(Conflict, match="was changed since you looked"):
            redactions.approve(session, settings, director, request.id, scope, plan, at=NOW)


def test_who_entered_it_or_may_not_decide_or_proved_long_ago_approves_nothing(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    entered_by_delegate = a_request(session, settings, people.delegate, camera=camera_of(request))
    found = with_sheets(session, settings, people, request)

    def tried(person: object, number: int = request.id) -> Refusal:
        return refused(redactions.approve(session, settings, person, number, request.sha256, found.plan.plan_sha256, at=NOW)).refusal  # type: ignore[arg-type]

    assert tried(people.desk) is Refusal.NOT_ALLOWED
    assert tried(JOB) is Refusal.NOT_ALLOWED
    assert tried(replace(people.director, proved_at=after(-400))) is Refusal.PROVE
    assert tried(at_work(people.delegate, NOW), entered_by_delegate.id) is Refusal.NOT_ALLOWED


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (lambda _: b"{}", "has no “format”"),
        (lambda _: a_plan(CameraId(99)), "for camera 99, of which nothing is asked for"),
        (lambda camera: a_plan(camera, start_s=-590), "does not say all of the time"),
    ],
)
def test_a_plan_of_something_else_is_not_kept(session: Session, settings: Settings, plan: object, sentence: str) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    with pytest.raises(InvalidInput, match=sentence):
        redactions.add_plan(session, settings, people.director, request.id, plan(camera_of(request)), at=NOW)  # type: ignore[operator]


def test_a_plan_and_its_sheets_are_encrypted_and_come_back(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    found = with_sheets(session, settings, people, request)
    plan = redactions.plan_of(session, settings, request)
    assert isinstance(plan, RedactionPlan)
    assert canonical(plan) == canonical(read_plan(a_plan(camera_of(request))))
    read = [done(redactions.read_sheet(session, settings, people.director, request.id, one.id, at=NOW)) for one in found.sheets]
    assert read == [PNG + b"\0", PNG + b"\1"]
    for sealed in session.scalars(text("SELECT sealed FROM redaction_plan UNION ALL SELECT sealed FROM redaction_sheet")):
        assert b"keyframes" not in bytes(sealed)
        assert PNG not in bytes(sealed)
    taken = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.REQUEST_READ})), limit=9)
    assert [entry.detail["what"] for entry in taken] == ["review sheet"] * 2


def test_sheets_are_for_who_may_approve_them(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    (sheet, _) = with_sheets(session, settings, people, request).sheets
    answer = redactions.read_sheet(session, settings, people.desk, request.id, sheet.id, at=NOW)
    assert refused(answer).refusal is Refusal.NOT_ALLOWED
    other = a_request(session, settings, people.desk, camera=camera_of(request))
    assert refused(redactions.read_sheet(session, settings, people.director, other.id, sheet.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_sheets_of_what_is_made_anew_or_has_left_are_forgotten(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    with_sheets(session, settings, people, request)
    redactions.forget_sheets(session, request.id)
    assert done(redactions.redaction_for(session, settings, people.director, request.id, at=NOW)).sheets == ()


def test_a_sheet_of_another_request_in_its_place_is_damage(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    first, second = with_sheets(session, settings, people, request).sheets
    other = stored.sealed_sheet(session, request.id, second.id)
    session.execute(text("UPDATE redaction_sheet SET sealed = :other WHERE id = :id"), {"other": other, "id": first.id})
    with pytest.raises(Corrupt, match="is not what was kept"):
        redactions.read_sheet(session, settings, people.director, request.id, first.id, at=NOW)


def test_what_became_of_a_redaction_is_in_the_history_and_in_the_log(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    found = with_sheets(session, settings, people, request)
    brought_to_redacting(session, settings, request)
    director = at_work(people.director, NOW)
    done(redactions.approve(session, settings, director, request.id, request.sha256, found.plan.plan_sha256, at=NOW))
    told = [(one.act, one.words) for one in requests.history(session, request.id) if one.act.startswith("redaction")]
    assert told == [(act, f"Plan {found.plan.plan_sha256[:16]}…") for act in (RequestAct.REDACTION_PLAN, RequestAct.REDACTION_APPROVED)]
    logged = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.REQUEST_NOTE})), limit=99)
    assert [entry.detail["act"] for entry in logged if entry.detail.get("plan") == found.plan.plan_sha256] == [
        RequestAct.REDACTION_APPROVED,
        RequestAct.REDACTION_PLAN,
    ]


def test_what_is_sent_back_is_approved_no_more_and_packed_by_another_plan_alone(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    found = with_sheets(session, settings, people, request)
    brought_to_redacting(session, settings, request)
    seen = (request.sha256, found.plan.plan_sha256)
    back = done(redactions.send_back(session, settings, people.delegate, request.id, *seen, words="the child can be seen", at=NOW))
    assert (back.request.state, back.request.approval) == (RequestState.UNDER_REVIEW, None)
    assert requests.history(session, request.id)[-1].words == "the child can be seen"
    assert "was sent back" in refused(redactions.plan_of(session, settings, back.request)).sentence
    assert done(redactions.look(session, settings, people.director, request.id, at=NOW)).sent_back
    again = redactions.approve(session, settings, at_work(people.director, NOW), request.id, *seen, at=NOW)
    assert "nothing was redacted yet" in refused(again).sentence
    done(redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request), x=500), at=after(1)))
    assert isinstance(redactions.plan_of(session, settings, back.request), RedactionPlan)
    assert not done(redactions.look(session, settings, people.director, request.id, at=after(1))).sent_back


def test_only_what_waits_to_be_looked_over_is_sent_back_and_only_with_a_reason(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    found = with_sheets(session, settings, people, request)
    seen = (request.sha256, found.plan.plan_sha256)
    early = redactions.send_back(session, settings, people.director, request.id, *seen, words="a face", at=NOW)
    assert "can't be sent back now" in refused(early).sentence
    brought_to_redacting(session, settings, request)
    with pytest.raises(InvalidInput, match="Say what the sheets show"):
        redactions.send_back(session, settings, people.director, request.id, *seen, words=" ", at=NOW)
    with pytest.raises(Conflict, match="was changed since you looked"):
        redactions.send_back(session, settings, people.director, request.id, "0" * 64, seen[1], words="a face", at=NOW)
    other = redactions.send_back(session, settings, people.desk, request.id, *seen, words="a face", at=NOW)
    assert refused(other).refusal is Refusal.NOT_ALLOWED


def test_a_plan_made_out_of_one_that_counts_no_more_is_not_kept(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    first = done(redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request)), at=NOW, instead_of=""))
    with pytest.raises(Conflict, match="was changed since you looked"):
        redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request), x=9), at=NOW, instead_of="")
    other = a_plan(camera_of(request), x=9)
    done(redactions.add_plan(session, settings, people.director, request.id, other, at=NOW, instead_of=first.plan.plan_sha256))


def test_a_clock_that_was_set_back_lets_no_earlier_plan_count(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    done(redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request)), at=after(5)))
    newer = done(redactions.add_plan(session, settings, people.director, request.id, a_plan(camera_of(request), x=9), at=NOW))
    assert newer.plan.plan_sha256 == read_plan(a_plan(camera_of(request), x=9)).digest.hex()


def test_a_plan_is_looked_at_by_who_decides_and_that_is_written(session: Session, settings: Settings) -> None:
    people = staff(session)
    request = an_approved_one(session, settings, people)
    assert done(redactions.look(session, settings, people.director, request.id, at=NOW)).plan is None
    with_sheets(session, settings, people, request)
    found = done(redactions.look(session, settings, people.director, request.id, at=NOW))
    assert found.plan == read_plan(a_plan(camera_of(request)))
    assert refused(redactions.look(session, settings, people.desk, request.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
    (taken,) = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.REQUEST_READ})), limit=9)
    assert (taken.detail["what"], taken.detail["number"]) == ("redaction plan", request.number)


def test_who_decides_elsewhere_looks_over_nothing_here(session: Session, settings: Settings) -> None:
    limited = a_person(session, Role.DELEGATE, name="elsewhere", branches=frozenset({a_branch(session, "Elsewhere").id}))
    people = staff(session)
    request = an_approved_one(session, settings, people)
    (sheet, _) = with_sheets(session, settings, people, request).sheets
    assert refused(redactions.look(session, settings, limited, request.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
    assert refused(redactions.read_sheet(session, settings, limited, request.id, sheet.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_a_refusal_about_a_sealed_request_is_in_no_log_that_others_read(session: Session, settings: Settings) -> None:
    a_person(session, Role.COUNSEL)
    people = staff(session)
    number = a_request(session, settings, people.director, Instrument.NATIONAL_SECURITY_LETTER, sealed=True, named=(people.delegate.id,)).id
    before = access_log.newest(session, "district")
    assert refused(redactions.read_sheet(session, settings, people.delegate, number, 4711, at=NOW)).logged
    assert refused(redactions.redaction_for(session, settings, people.delegate, number, at=NOW)).logged
    early = redactions.send_back(session, settings, people.delegate, number, "0" * 64, "0" * 64, words="a face", at=NOW)
    assert refused(early).logged
    assert refused(redactions.approve(session, settings, at_work(people.delegate, NOW), number, "0" * 64, "0" * 64, at=NOW)).logged
    done(act_on(session, settings, people.delegate, number, RequestAct.WITHDRAW, "the letter was taken back", at=NOW))
    assert refused(redactions.add_plan(session, settings, people.delegate, number, a_plan(CameraId(1)), at=NOW)).logged
    assert access_log.newest(session, "district") == before
