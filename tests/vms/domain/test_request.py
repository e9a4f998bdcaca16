"""The states of a request, the rules per instrument, and what keeps a request from being approved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories import NOW
from vms.domain.export_scope import CameraSpan, Terms, scope_of
from vms.domain.ids import ApprovalId, CameraId, MatterId, RequestId
from vms.domain.instruments import QUESTIONS, SHIPPED, Counsel, FormAnswer, FormLine, Instrument
from vms.domain.made_package import READY_LASTS
from vms.domain.package_ticket import TICKET_LASTS
from vms.domain.request import (
    APPEAL_WINDOW,
    APPROVAL_LASTS,
    APPROVED_STATES,
    EDGES,
    FREE_CAMERAS,
    FREE_MINUTES,
    NEEDS_APPROVAL,
    OPEN,
    UNDECIDED,
    Approval,
    Conferral,
    ExportRequest,
    Paper,
    RequestAct,
    Requester,
    RequestEvent,
    RequestState,
    faults,
    form_answers,
    needs_reason,
)

S = RequestState
TABLE = """
draft: submitted
submitted: needs_info under_review withdrawn
needs_info: denied under_review withdrawn
under_review: approved contested counsel_review denied narrowed needs_info withdrawn
counsel_review: approved contested denied narrowed needs_info under_review withdrawn
contested: denied narrowed under_review withdrawn
narrowed: approved contested counsel_review denied needs_info under_review withdrawn
approved: expired preparing revoked_before_disclosure under_review withdrawn
preparing: expired footage_unavailable partially_available ready redacting revoked_before_disclosure under_review withdrawn
partially_available: ready redacting revoked_before_disclosure under_review withdrawn
redacting: ready revoked_before_disclosure under_review withdrawn
ready: disclosed expired revoked_before_disclosure under_review withdrawn
disclosed: closed
denied: closed under_review
expired: closed under_review
revoked_before_disclosure: closed under_review
withdrawn: closed
footage_unavailable: closed
closed:
"""
PAPER = Paper(1, "scan.pdf", "0" * 64, 9, "d.nakamura", NOW)
REQUEST = ExportRequest(
    id=RequestId(7), number="2026-0001", instrument=Instrument.SUBPOENA, rules_version=1, requester=Requester("R. Alvarez", "", "", ""),
    court="", docket="", served_on="", report_number="", purpose="", necessity="", due_at=NOW, entered_by="person:1", entered_by_name="d",
    entered_at=NOW, matter=MatterId("0" * 32), state=S.UNDER_REVIEW, since=NOW, scope_version=1,
    scope=scope_of([CameraSpan(CameraId(1), 0, 10)], "noon", Terms("R. Alvarez")), sha256="0" * 64, approval=None, holds=(),
)  # fmt: skip


def _done(*acts: RequestAct, form: FormAnswer | None = FormAnswer.YES) -> list[RequestEvent]:
    history = [RequestEvent(act, S.UNDER_REVIEW, "", None, None, "person:2", "h", NOW) for act in acts]
    lines = [] if form is None else list(FormLine)
    return history + [RequestEvent(RequestAct.CHECK, S.UNDER_REVIEW, "", line, form, "person:2", "h", NOW) for line in lines]


ALL_DONE = (RequestAct.VERIFY, RequestAct.COUNSEL, RequestAct.ADVICE, RequestAct.CONFER)


def test_the_days_and_bounds_are_those_that_were_decided() -> None:
    """Other tests use the names: a day less would go unseen there."""
    days = [one.days for one in (APPEAL_WINDOW, APPROVAL_LASTS, READY_LASTS, TICKET_LASTS)]
    assert (days, FREE_MINUTES, FREE_CAMERAS) == ([30, 14, 14, 7], 120, 4)


def test_these_are_all_edges_and_no_other() -> None:
    told = {line.partition(": ")[0].rstrip(":"): set(line.partition(": ")[2].split()) for line in TABLE.strip().splitlines()}
    assert {state.value: {to.value for to in tos} for state, tos in EDGES.items()} == told
    assert EDGES.keys() == set(RequestState)


def test_every_state_is_reached_and_leads_to_an_end() -> None:
    reached = {S.DRAFT}
    while more := {to for state in reached for to in EDGES[state]} - reached:
        reached |= more
    assert reached == set(RequestState)
    ends = {S.CLOSED}
    while more := {state for state, tos in EDGES.items() if tos & ends} - ends:
        ends |= more
    assert ends == set(RequestState)


def test_only_an_approval_leads_to_where_footage_leaves() -> None:
    """Whatever way a request takes, it comes to the states that need an approval by `approved` alone."""
    ways_in = {(state, to) for state, tos in EDGES.items() for to in tos if to in NEEDS_APPROVAL and state not in NEEDS_APPROVAL}
    assert {to for _, to in ways_in} == {S.APPROVED}
    assert {state for state, _ in ways_in} == {S.UNDER_REVIEW, S.COUNSEL_REVIEW, S.NARROWED}
    assert not UNDECIDED & APPROVED_STATES
    assert OPEN == UNDECIDED | APPROVED_STATES


def test_an_agency_without_a_document_is_never_approved_whatever_was_done() -> None:
    for instrument in (Instrument.AGENCY_REQUEST, Instrument.PRESERVATION_LETTER):
        request = replace(REQUEST, instrument=instrument)
        (fault,) = faults(request, SHIPPED.of[instrument], _done(*ALL_DONE), [PAPER], Conferral.OFF)
        assert "never approved" in fault
    assert "Bring such a document" in SHIPPED.of[Instrument.AGENCY_REQUEST].letter


def test_the_shipped_rules_are_as_the_policy_reads() -> None:
    assert SHIPPED.of.keys() == set(Instrument)
    first = {one for one, rule in SHIPPED.of.items() if rule.counsel is Counsel.FIRST}
    assert first == {Instrument.SUBPOENA, Instrument.CIVIL_DISCOVERY, Instrument.NATIONAL_SECURITY_LETTER}
    assert {one for one, rule in SHIPPED.of.items() if rule.at_once} == {Instrument.SEARCH_WARRANT}
    assert SHIPPED.of[Instrument.SEARCH_WARRANT].counsel is Counsel.IN_PARALLEL
    cites = {one for one, rule in SHIPPED.of.items() if rule.cites_exemption}
    assert cites == {Instrument.PUBLIC_RECORDS, Instrument.SUBJECT_ACCESS, Instrument.INSURER}
    report = SHIPPED.of[Instrument.LIBRARY_REPORT]
    assert report.may_be_approved
    assert (report.form, report.of_a_court) == ((), False)
    assert QUESTIONS.keys() == set(FormLine)


@pytest.mark.parametrize("line", list(FormLine))
@pytest.mark.parametrize("answer", [None, FormAnswer.NO])
def test_each_line_of_the_form_check_blocks_until_it_is_answered_well(line: FormLine, answer: FormAnswer | None) -> None:
    history = [one for one in _done(*ALL_DONE) if one.line is not line]
    if answer is not None:
        history.append(RequestEvent(RequestAct.CHECK, S.UNDER_REVIEW, "", line, answer, "person:2", "h", NOW))
    rule = SHIPPED.of[Instrument.SUBPOENA]
    (fault,) = faults(REQUEST, rule, history, [PAPER], Conferral.NOTED)
    assert QUESTIONS[line] in fault
    assert faults(REQUEST, rule, [*history, *_done()], [PAPER], Conferral.NOTED) == []


def test_the_newest_answer_counts() -> None:
    assert set(form_answers([*_done(form=FormAnswer.NO), *_done(form=FormAnswer.NOT_NEEDED)]).values()) == {FormAnswer.NOT_NEEDED}


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (RequestAct.VERIFY, "who asks"),
        (RequestAct.ADVICE, "not advised"),
        (RequestAct.CONFER, "Board"),
    ],
)
def test_what_is_missing_is_said(missing: RequestAct, sentence: str) -> None:
    history = _done(*(act for act in ALL_DONE if act is not missing))
    (fault,) = faults(REQUEST, SHIPPED.of[Instrument.SUBPOENA], history, [PAPER], Conferral.NOTED)
    assert sentence in fault


def test_without_the_scan_a_document_does_not_count() -> None:
    (fault,) = faults(REQUEST, SHIPPED.of[Instrument.SUBPOENA], _done(*ALL_DONE), [], Conferral.NOTED)
    assert "scan" in fault


def test_counsel_and_the_board_are_asked_again_about_what_else_is_asked_for_and_not_about_less() -> None:
    rule = SHIPPED.of[Instrument.SUBPOENA]
    wider, less = _done(*ALL_DONE, RequestAct.SCOPE), _done(*ALL_DONE, RequestAct.NARROW)
    assert faults(REQUEST, rule, less, [PAPER], Conferral.NOTED) == []
    found = faults(REQUEST, rule, wider, [PAPER], Conferral.NOTED)
    assert [one.split()[0] for one in found] == ["Counsel", "Counsel", "Say"]
    again = _done(RequestAct.COUNSEL, RequestAct.ADVICE, RequestAct.CONFER, form=None)
    assert faults(REQUEST, rule, [*wider, *again], [PAPER], Conferral.NOTED) == []


def test_a_warrant_waits_for_no_advice_and_no_board() -> None:
    request, rule = replace(REQUEST, instrument=Instrument.SEARCH_WARRANT), SHIPPED.of[Instrument.SEARCH_WARRANT]
    told = _done(RequestAct.VERIFY, RequestAct.COUNSEL, RequestAct.NOT_CONFERRED)
    assert faults(request, rule, told, [PAPER], Conferral.REQUIRED) == []
    (fault,) = faults(request, rule, _done(RequestAct.VERIFY, RequestAct.NOT_CONFERRED), [PAPER], Conferral.REQUIRED)
    assert "told" in fault


@pytest.mark.parametrize(
    ("setting", "act", "blocks"),
    [
        (Conferral.REQUIRED, RequestAct.NOT_CONFERRED, True),
        (Conferral.REQUIRED, RequestAct.CONFER, False),
        (Conferral.NOTED, RequestAct.NOT_CONFERRED, False),
        (Conferral.NOTED, RequestAct.VERIFY, True),
        (Conferral.OFF, RequestAct.VERIFY, False),
    ],
)
def test_the_setting_says_what_of_the_board_is_asked(setting: Conferral, act: RequestAct, *, blocks: bool) -> None:
    report = replace(REQUEST, instrument=Instrument.LIBRARY_REPORT)
    assert bool(faults(report, SHIPPED.of[Instrument.LIBRARY_REPORT], _done(act, form=None), [], setting)) is blocks


def test_more_than_two_hours_or_four_cameras_need_a_reason() -> None:
    def asks(cameras: int, minutes: float) -> bool:
        spans = [CameraSpan(CameraId(number + 1), 0, round(minutes * 60_000)) for number in range(cameras)]
        return needs_reason(scope_of(spans, "noon", Terms("R. Alvarez")))

    assert not asks(1, FREE_MINUTES)
    assert asks(1, FREE_MINUTES + 0.1)
    assert not asks(FREE_CAMERAS, 1)
    assert asks(FREE_CAMERAS + 1, 1)


def test_an_approval_runs_out_whether_or_not_anybody_writes_it_down() -> None:
    approval = Approval(ApprovalId(1), 1, "0" * 64, "person:2", "h", None, "totp", "", NOW)
    approved = replace(REQUEST, state=S.APPROVED, approval=approval)
    assert approved.state_at(NOW + APPROVAL_LASTS - (APPROVAL_LASTS / 1000)) is S.APPROVED
    assert approved.state_at(NOW + APPROVAL_LASTS) is S.EXPIRED
    assert replace(approved, state=S.PREPARING).state_at(NOW + APPROVAL_LASTS) is S.PREPARING
    assert replace(REQUEST, state=S.UNDER_REVIEW).is_overdue(NOW)
    assert not replace(REQUEST, state=S.DENIED).is_overdue(NOW)
