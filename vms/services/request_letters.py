"""What whoever asked is told, as a letter to print: a receipt, a question, what to bring, a refusal, an approval; no advice of counsel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vms.domain.export_scope import Delivery
from vms.domain.instruments import FormAnswer, FormLine
from vms.domain.request import APPEAL_WINDOW, NEEDS_APPROVAL, DenyReason, ExportRequest, RequestAct, RequestState, form_answers
from vms.services.requests import RequestStanding

_WHY = {
    DenyReason.NO_DOCUMENT: "There is no document of the kind that the Library's policy asks for.",
    DenyReason.NOT_IN_FORM: "The document is not in proper form.",
    DenyReason.EXEMPT: "The recording is exempt from disclosure.",
    DenyReason.TOO_WIDE: "The request asks for more than it shows a need for.",
    DenyReason.NOT_VERIFIED: "The Library could not make sure who asks.",
    DenyReason.NOT_KEPT: "The recording that is asked for is not kept any more.",
    DenyReason.OTHER: "",
}
_LACKS = {
    FormLine.COURT: "a court of competent jurisdiction that issued it",
    FormLine.GOOD_CAUSE: "good cause, shown in it",
    FormLine.SIGNATURE: "a signature",
    FormLine.NAMES_DISTRICT: "the Library District's name",
    FormLine.SCOPE: "the place and the time that it asks for",
    FormLine.DATE: "its date",
    FormLine.IN_FORCE: "that it is in force",
    FormLine.SERVICE: "service on the Library Director",
}


@dataclass(frozen=True, slots=True)
class RequestLetter:
    """A letter without its head: the page adds the district, the day and who prints it."""

    title: str
    paragraphs: tuple[str, ...]


def letter_of(standing: RequestStanding, *, at: datetime) -> RequestLetter:
    """Return the letter that fits how the request stands at that moment."""
    request = standing.request
    match _told_of(standing, at):
        case RequestState.NEEDS_INFO:
            return RequestLetter("Your request: a question", (_about(request), _last(standing, RequestAct.ASK)))
        case RequestState.DENIED:
            return RequestLetter("Your request: the Library's answer", (_about(request), *_refusal(standing), _appeal()))
        case RequestState.WITHDRAWN:
            return RequestLetter("Your request: withdrawn", (_about(request), "It was withdrawn, and nothing is handed over under it."))
        case RequestState.EXPIRED | RequestState.REVOKED:
            return RequestLetter("Your request: ended", (_about(request), "It has ended, and nothing is handed over under it.", _appeal()))
        case RequestState.FOOTAGE_UNAVAILABLE:
            return RequestLetter("Your request: the Library's answer", (_about(request), _WHY[DenyReason.NOT_KEPT], _appeal()))
        case state if state in NEEDS_APPROVAL:
            return RequestLetter("Your request: approved", (_about(request), _granted(request)))
    return RequestLetter("Your request: received", (_about(request), *_received(standing)))


def _told_of(standing: RequestStanding, at: datetime) -> RequestState:
    """Return the state that the letter is about: of a closed request the end that it came to before."""
    if standing.request.state is not RequestState.CLOSED:
        return standing.request.state_at(at)
    return next(one.state for one in reversed(standing.history) if one.act is not RequestAct.CLOSE)


def _about(request: ExportRequest) -> str:
    # That there is any such recording is for nobody to learn from a receipt.
    return f"This is about your request {request.number}, which the Library took down on {request.entered_at:%Y-%m-%d}."


def _received(standing: RequestStanding) -> tuple[str, ...]:
    rule = standing.rule
    if not rule.may_be_approved:
        return (rule.letter, "Until then nothing is handed over. This letter confirms no recording.")
    return (
        "It is before the Library Director, who decides what may be handed over. This letter confirms no recording.",
        *((f"The document lacks: {_lacking(standing)}.",) if _lacking(standing) else ()),
    )


def _refusal(standing: RequestStanding) -> tuple[str, ...]:
    code, _, words = _last(standing, RequestAct.DENY).partition(": ")
    reason = DenyReason(code)
    told = [_WHY[reason], words, standing.rule.letter]
    if reason is DenyReason.NOT_IN_FORM and _lacking(standing):
        told.append(f"The document lacks: {_lacking(standing)}.")
    return tuple(one for one in told if one)


def _appeal() -> str:
    return (
        f"You may ask the Library Director in writing to look at this decision again within {APPEAL_WINDOW.days} days. "
        "Anything that the request is about, and that there is, is kept for so long."
    )


def _granted(request: ExportRequest) -> str:
    terms = request.scope.terms
    conditions = f" On these conditions: {terms.conditions}." if terms.conditions else ""
    what = (
        "recordings are shown at a screen of the Library" if terms.delivery is Delivery.ON_SITE else "a copy of recordings is handed over"
    )
    return f"The Library Director has approved that {what} to {terms.recipient}.{conditions}"


def _lacking(standing: RequestStanding) -> str:
    answers = form_answers(standing.history)
    return "; ".join(_LACKS[line] for line in standing.rule.form if answers.get(line) is FormAnswer.NO)


def _last(standing: RequestStanding, act: RequestAct) -> str:
    return next((one.words for one in reversed(standing.history) if one.act is act), "")
