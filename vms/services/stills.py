"""Stills for use within the district: asked for by anybody with an account, on the way that every request goes, and taken away in the end.

What hangs on a board is on paper: nobody but people can take it down, so they are reminded on its last day, and say that they did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.export_scope import CameraSpan, ExportScope, Terms
from vms.domain.ids import RequestId
from vms.domain.instruments import STILLS, Instrument
from vms.domain.outcome import Refused
from vms.domain.people import Actor
from vms.domain.request import ExportRequest, Requester
from vms.domain.stills import PURPOSES, PublishedPurpose, fault_of, last_day_of
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import InvalidInput, NotFound
from vms.services.access_log import name_of
from vms.services.district import load_district, zone_of_district
from vms.services.outbox import post
from vms.services.request_steps import reader
from vms.services.requests import NewRequest, checked_scope, enter, words_of
from vms.store import mails, requests

NOTICE = timedelta(days=7)
"""So long after its last day the reminder is still mailed, where nothing was on before."""
_LISTED = 3


@dataclass(frozen=True, slots=True)
class NewStills:
    """What somebody of the district asks for."""

    purpose: PublishedPurpose
    words: str
    """What they are needed for."""
    moments: tuple[CameraSpan, ...]
    until: datetime | None
    """When their last day is over: the end of the ban that they are for."""
    report_number: str = ""
    necessity: str = ""


def enter_stills(session: Session, settings: Settings, actor: Actor, new: NewStills, *, at: datetime) -> ExportRequest | Refused:
    """Take down a request for stills: who asks is who enters it, for whom is the district; all else is as of any request.

    InvalidInput says which entry is missing or can't be.
    """
    district = load_district(session)
    if district is None:
        raise NotFound("There is no district here yet. Run: vms init")
    told = words_of(new.words, "what the stills are needed for")
    if not new.moments:
        raise InvalidInput("Name at least one camera and one moment of which there is to be a still.")
    request = NewRequest(
        instrument=Instrument.INTERNAL_STILLS,
        requester=Requester(name_of(actor), district.name, "", ""),
        purpose=f"{PURPOSES[new.purpose]}: {told}",
        footage=new.moments,
        local_time=_in_words(new.moments, district.timezone),
        report_number=new.report_number,
        necessity=new.necessity,
        expires_ms=None if new.until is None else ms_of(new.until),
    )
    return enter(session, settings, actor, request, at=at)


def changed_scope(request: ExportRequest, footage: Sequence[CameraSpan], local_time: str, terms: Terms, *, at: datetime) -> ExportScope:
    """Return what a request is to ask for from now on. Stills stay within the district, and keep their last day where no other is said.

    InvalidInput says what of it can't be.
    """
    if request.instrument not in STILLS:
        return checked_scope(footage, local_time, terms, at=at)
    before = request.scope.terms
    terms = terms if terms.expires_ms is not None else replace(terms, expires_ms=before.expires_ms)
    scope = checked_scope(footage, local_time, terms, at=at)
    if scope.terms.recipient != before.recipient:
        raise InvalidInput("Stills for use within the district are for nobody else. Who else asks has a request of their own.")
    if fault := fault_of(scope):
        raise InvalidInput(fault)
    return scope


def copies_due(session: Session, actor: Actor, *, at: datetime) -> set[RequestId]:
    """Return the requests that `actor` sees of which paper copies are to be taken away by now, and nobody said yet that they were."""
    return {one.id for one in requests.with_copies(session, reader(actor)) if is_over(one, at)}


def is_over(request: ExportRequest, at: datetime) -> bool:
    """Say whether the last day of a request's stills is over."""
    ends_ms = request.scope.terms.expires_ms
    return request.instrument in STILLS and ends_ms is not None and datetime_of_ms(ends_ms) <= at


def notices_due(session: Session, *, at: datetime) -> list[tuple[str, ExportRequest]]:
    """Return what is to be mailed of stills now and was not yet: what it is about, and which."""
    found = [(f"request/{one.id}/copies", one) for one in requests.with_copies(session, requests.EVERYBODYS) if _is_told(one, at)]
    told = mails.told(session, [about for about, _ in found]) if found else set()
    return [(about, one) for about, one in found if about not in told]


def notify(session: Session, settings: Settings, *, at: datetime) -> None:
    """Queue a mail to the Director for each notice that is due. Whom the stills show, and why, is in no mail."""
    zone = zone_of_district(session)
    for about, one in notices_due(session, at=at):
        day = last_day_of(one.scope.terms.expires_ms or 0, zone)
        body = (
            f"The stills of request {one.number} were to be used until {day}. Have every copy on paper taken away, and the medium, and "
            f"write down who did it.\n\nOn the page of the request, or: vms request act {one.number} removed --words “who did, and when”\n"
        )
        subject = f"Custodian: take away the stills of request {one.number}"
        post(session, settings, settings.director_address, about=about, subject=subject, body=body, at=at)


def _is_told(request: ExportRequest, at: datetime) -> bool:
    return is_over(request, at) and not is_over(request, at - NOTICE)


def _in_words(moments: Sequence[CameraSpan], zone: str) -> str:
    """Return the times of moments as the district's clocks show them."""
    starts = sorted({one.start_ms for one in moments})
    told = [f"{datetime_of_ms(one).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" for one in starts]
    more = f" and {len(told) - _LISTED} more" if len(told) > _LISTED else ""
    return f"{', '.join(told[:_LISTED])}{more}, {zone}" if told else ""
