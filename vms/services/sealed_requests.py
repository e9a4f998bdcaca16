"""What is done to the seal of a request that the law keeps secret: it is named to more people, and lifted when the order has ended.

Until then the request exists for those whom the seal names, and for nobody else: whatever is done about it, or refused, is an entry of its
matter of the sealed log, and sealed holds keep what it asks for. Entering one: `requests`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import MatterId, PersonId, RequestId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.request import ExportRequest, Lifted
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import name_of, refuse, together
from vms.services.refusals import not_allowed
from vms.services.request_holds import keep_openly
from vms.services.request_seals import named
from vms.services.request_steps import locked, named_in_log, refuse_about, write
from vms.services.requests import words_of
from vms.store import requests, sealed_requests


def name_more(
    session: Session, settings: Settings, actor: Actor, number: RequestId, wanted: Sequence[PersonId], *, at: datetime
) -> ExportRequest | Refused:
    """Let a sealed request exist for more people. InvalidInput for nobody new, or for an account that may not be named."""
    request = _sealed(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or request.seal is None:
        return request
    new = {one: name for one, name in named(session, wanted, at=at).items() if one not in request.seal.named}
    if not new:
        raise InvalidInput("Choose somebody to whom the request is not named yet.")
    sealed_requests.name(session, number, new)
    detail = named_in_log(request) | {"act": "name", "state": request.state.value, "named": ", ".join(new.values())}
    write(session, settings, request, actor=actor, action=Action.REQUEST_NOTE, at=at, detail=detail)
    return requests.get(session, requests.EVERYBODYS, number) or request


def unseal(
    session: Session, settings: Settings, actor: Actor, number: RequestId, ended_on: str, reason: str, *, at: datetime
) -> ExportRequest | Refused:
    """Lift the seal of a request, because the order has ended that made it secret: it is one like any other from now on.

    What it keeps goes on under ordinary holds. What was written while it was sealed stays so until `vms log unseal` publishes it. A fresh
    proof is asked for here too. InvalidInput without a reason, or where `ended_on` is no day that has come.
    """
    day, why = _day(ended_on, at), words_of(reason, "by what the order ended that made it secret")
    request = _sealed(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or not isinstance(actor, Person):
        return request
    if not actor.proved_lately(at):
        prove = Refused(Refusal.PROVE, "Show again that it is you. For this, that may be at most five minutes ago.")
        return refuse_about(session, settings, actor, request, prove, what=Action.REQUEST_UNSEAL, at=at)
    sealed_requests.lift(session, number, Lifted(day, why, actor.label, name_of(actor), at))
    opened = requests.get(session, requests.EVERYBODYS, number) or request
    with together(session):
        detail = named_in_log(opened) | {"on": day, "reason": why}
        write(session, settings, opened, actor=actor, action=Action.REQUEST_UNSEAL, at=at, detail=detail)
        keep_openly(session, settings, actor, request, opened, at=at)
    return requests.get(session, requests.EVERYBODYS, number) or opened


def require_ended(session: Session, matter: MatterId) -> None:
    """Raise Conflict while a request writes into a matter of the log, or has texts and scans under its key: it is still needed."""
    if sealed_requests.goes_on(session, matter):
        raise Conflict("A request of this matter is sealed, so the matter goes on. Lift its seal first: vms request unseal")
    if sealed_requests.opens_a_request(session, matter):
        raise Conflict("This key opens what a request says and its scans, and no entry of the log. It stays as long as the request does.")


def _sealed(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> ExportRequest | Refused:
    """Return a sealed request that exists for `actor`, who may decide about requests; locked to the commit."""
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_DECIDE):
        return refuse(session, actor, Action.REQUEST_NOTE, not_allowed("change a seal", "the Director"), at=at)
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or request.is_sealed:
        return request
    open_one = Refused(Refusal.NOT_ALLOWED, f"Request {request.number} is not sealed. A seal is set when a request is entered.")
    return refuse_about(session, settings, actor, request, open_one, at=at)


def _day(text: str, at: datetime) -> str:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError as err:
        raise InvalidInput(f"‘{text.strip()}’ is no day. Give the day on which the order ended as 2026-11-24.") from err
    if day > at.date():
        raise InvalidInput("The order has not ended yet on that day. A seal is lifted once it has.")
    return day.isoformat()
