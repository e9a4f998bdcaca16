"""The history of a request as its page tells it: what was done in one act is one row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import TypedDict

from vms.domain.export_scope import Delivery
from vms.domain.instruments import QUESTIONS, FormAnswer, FormLine
from vms.domain.request import DenyReason, ExportRequest, RequestAct, RequestEvent, RequestState
from web.words import DENY_REASONS, FORM_ANSWERS, ON_SITE_STATES, PACKAGE_ADVANCES, REQUEST_ACTS, REQUEST_STATES

_IN_ONE = frozenset({RequestAct.CHECK, RequestAct.SHOW})
"""Acts that write several entries at once: an answer to each line; the states that lead to a showing."""
_OF_A_JOB = "system:"
_ENDS = frozenset({
    *(RequestState.DENIED, RequestState.WITHDRAWN, RequestState.EXPIRED, RequestState.REVOKED),
    *(RequestState.FOOTAGE_UNAVAILABLE, RequestState.CLOSED),
})  # fmt: skip


class Event(TypedDict):
    at: datetime
    by: str
    act: str
    state: str
    words: str


def history_rows(request: ExportRequest, history: Sequence[RequestEvent], form: Collection[FormLine]) -> list[Event]:
    """Return the history, oldest first; `form`: the lines by which a paper of this kind is checked."""
    acts = groupby(enumerate(history), lambda one: (one[1].act, one[1].at, one[1].by) if one[1].act in _IN_ONE else one[0])
    return [_row(request, [event for _, event in act], form) for _, act in acts]


def end_row(request: ExportRequest, history: Sequence[RequestEvent]) -> Event | None:
    """Return by what a request came to an end without a package that left; None of any other."""
    if request.state not in _ENDS:
        return None
    led = [
        event for before, event in pairwise((None, *history)) if event is not None and (before is None or before.state is not event.state)
    ]
    return _row(request, led[-1:], ()) if led else None


def state_words(request: ExportRequest, state: RequestState) -> str:
    return (ON_SITE_STATES if request.scope.terms.delivery is Delivery.ON_SITE else REQUEST_STATES)[state]


def _row(request: ExportRequest, events: Sequence[RequestEvent], form: Collection[FormLine]) -> Event:
    last = events[-1]
    act = PACKAGE_ADVANCES.get(last.state, "") if last.act is RequestAct.ADVANCE else ""
    return Event(
        at=last.at,
        by="the server" if last.by.startswith(_OF_A_JOB) else last.by_name,
        act=act or REQUEST_ACTS[last.act],
        state=state_words(request, last.state),
        words=_words(events, form),
    )


def _words(events: Sequence[RequestEvent], form: Collection[FormLine]) -> str:
    last = events[-1]
    if last.act is RequestAct.ADVICE:
        return "Privileged"
    if last.act is RequestAct.DENY:
        code, _, said = last.words.partition(": ")
        return f"{DENY_REASONS[DenyReason(code)]}: {said}" if code in set(DenyReason) else last.words
    answered = {event.line: event.answer for event in events if event.line is not None and event.answer is not None}
    if not answered:
        return last.words
    if set(answered) >= set(form) and len(set(answered.values())) == 1:
        told = f"{FORM_ANSWERS[next(iter(answered.values()))]} to all {len(answered)} lines."
    else:
        told = " ".join(_answered(answered, answer) for answer in FormAnswer if answer in answered.values())
    return f"{told} ({last.words})" if last.words else told


def _answered(answered: dict[FormLine, FormAnswer], answer: FormAnswer) -> str:
    return f"{FORM_ANSWERS[answer]}: {' '.join(QUESTIONS[line] for line in FormLine if answered.get(line) is answer)}"
