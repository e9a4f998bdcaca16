"""The Delegate's role, lent to an account that exists: proposed, confirmed by somebody else, ended; complete without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import AreaId, BranchId, PersonId
from vms.domain.outcome import Refused
from vms.domain.people import Account, Permission, Person
from vms.errors import Conflict, InvalidInput
from vms.services.delegations import NewDelegation, confirm_delegation, propose_delegation, revoke_delegation
from vms.services.district import zone_of_district
from vms.services.people import account_of, first_day, last_day
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.numbers import PathId
from web.people_rows import places
from web.permissions import DelegationProposer, PeopleConfirmer, PeopleEnder
from web.schemas.requests import DelegationForm
from web.views import shell

router = APIRouter(prefix="/people/{number}/delegation")


@router.get("")
def delegation_page(number: PathId, person: DelegationProposer, site: TheSite, rx: Rx, request: Request) -> Response:
    account = account_of(rx, person, PersonId(number))
    if isinstance(account, Refused):
        return refusal(request, account, person=person)
    return _form(site, shell(site, person, path=request.url.path), rx, person, account, DelegationForm())


@router.post("")
def propose(
    number: PathId, person: DelegationProposer, site: TheSite, tx: Tx, request: Request, form: Annotated[DelegationForm, Form()]
) -> Response:
    account = account_of(tx, person, PersonId(number))
    if isinstance(account, Refused):
        return refusal(request, account, person=person)
    around = shell(site, person, path=request.url.path)
    try:
        with tx.begin_nested():
            answer = propose_delegation(tx, person, _new(account, form, zone_of_district(tx)), at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _form(site, around, tx, person, account, form, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/people?done=delegation", 303)


@router.post("/confirm")
def confirm(number: PathId, person: PeopleConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = confirm_delegation(tx, person, PersonId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/people?done=lent", 303)


@router.post("/end")
def end(number: PathId, person: PeopleEnder, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = revoke_delegation(tx, person, PersonId(number), at=site.clock.now())
    return (
        refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/people?done=delegation-ended", 303)
    )


def _new(account: Account, form: DelegationForm, zone: str) -> NewDelegation:
    ends_at = last_day(form.until, zone)
    if ends_at is None:
        raise InvalidInput("A delegation needs a last day.")
    branches, areas = frozenset(BranchId(branch) for branch in form.branch), frozenset(AreaId(area) for area in form.areas)
    limited = branches if branches or areas else None
    return NewDelegation(account.id, ends_at, first_day(form.since, zone), limited, areas, form.reason)


def _form(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    account: Account,
    form: DelegationForm,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    context = {
        **around,
        "account": account,
        "form": form,
        "places": places(session, person, Permission.DELEGATION_PROPOSE),
        "director": person.may(Permission.PEOPLE_CONFIRM),
        "error": error,
    }
    return site.pages.render("delegation_form.html", context, person=person, status=status)
