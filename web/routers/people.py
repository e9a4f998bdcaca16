"""Who has an account: IT proposes and invites, the Director confirms, both may end one; complete without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import AreaId, BranchId, PersonId
from vms.domain.outcome import Refused
from vms.domain.people import Account, Permission, Person, Role
from vms.errors import Conflict, InvalidInput
from vms.services import people
from vms.services.branches import list_branches
from vms.services.delegations import proposed
from vms.services.district import zone_of_district
from vms.services.people import Invitation, NewAccount
from vms.services.second_person import list_waiting
from vms.services.sessions import revoke_sessions
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.numbers import PathId
from web.people_rows import Waiting, person_rows, places
from web.permissions import PeopleConfirmer, PeopleEnder, PeopleProposer, PeopleReader
from web.schemas.requests import PersonForm
from web.views import shell
from web.words import ROLE_LABELS

router = APIRouter(prefix="/people")
NOTICES = {
    "confirmed": "Confirmed. The account works now.",
    "ended": "Ended. Whoever was signed in with it is out within seconds.",
    "used": "Nothing was handed out: nobody is invited to this account, or somebody uses it already.",
    "delegation": "Proposed. It counts once a Director has confirmed it, or in three days where nobody else could and nobody stops it.",
    "lent": "Confirmed. The Delegate’s role counts from its first day on, in sessions that are open too, and ends by itself.",
    "delegation-ended": "Ended. What it gave closes within seconds.",
    "signed-out": "Signed out everywhere. What was open closes within seconds.",
}


@router.get("")
def people_page(person: PeopleReader, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    accounts = people.list_people(rx, person)
    if isinstance(accounts, Refused):
        return refusal(request, accounts, person=person)
    branches = {branch.id: branch.name for branch in list_branches(rx, person, Permission.PEOPLE_READ)}
    waiting = list_waiting(rx, person)
    context = shell(site, person, path=request.url.path) | {
        "people": person_rows(
            accounts, branches, Waiting(waiting, proposed(rx, waiting), people.lacking_half(rx)), person, site.clock.now()
        ),
        "may_propose": person.may(Permission.PEOPLE_PROPOSE),
        "may_screens": person.may(Permission.SCREEN_MANAGE),
        "notice": NOTICES.get(done),
    }
    return site.pages.render("people.html", context, person=person)


@router.get("/new")
def new_person_page(person: PeopleProposer, site: TheSite, rx: Rx, request: Request) -> Response:
    return _form(site, shell(site, person, path=request.url.path), rx, person, PersonForm())


@router.post("/new")
def propose_person(person: PeopleProposer, site: TheSite, tx: Tx, request: Request, form: Annotated[PersonForm, Form()]) -> Response:
    """Add an account and show the code with which its owner chooses a password."""
    around = shell(site, person, path=request.url.path)
    try:
        with tx.begin_nested():
            answer = people.add_person(tx, person, _new_account(form, zone_of_district(tx)), at=site.clock.now())
            code = answer if isinstance(answer, Refused) else people.invite_person(tx, person, answer.id, at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _form(site, around, tx, person, form, error=str(err), status=FAILURES[type(err)])
    return _invitation(site, around, request, person, answer, code)


@router.post("/{number}/confirm")
def confirm_person(number: PathId, person: PeopleConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    """Let the account work and show the half of its invitation that the Director hands out, where it has one."""
    around = shell(site, person, path=request.url.path)
    answer = people.confirm_person(tx, person, PersonId(number), at=site.clock.now())
    half = answer if isinstance(answer, Refused) else people.second_half(tx, person, answer.id, at=site.clock.now())
    if half is None:
        return RedirectResponse("/people?done=confirmed", 303)
    return _invitation(site, around, request, person, answer, half, half="second", confirmed=True)


@router.post("/{number}/half")
def hand_out_half(number: PathId, person: PeopleConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    """Show the second half of an invitation that was made anew for an account that the Director has confirmed."""
    around = shell(site, person, path=request.url.path)
    code = people.second_half(tx, person, PersonId(number), at=site.clock.now())
    if code is None:
        return RedirectResponse("/people?done=used", 303)
    return _invitation(site, around, request, person, people.account_of(tx, person, PersonId(number)), code, half="second")


@router.post("/{number}/end")
def end_person(number: PathId, person: PeopleEnder, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = people.disable_person(tx, person, PersonId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/people?done=ended", 303)


@router.post("/{number}/sign-out")
def sign_person_out(number: PathId, person: PeopleEnder, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = revoke_sessions(tx, person, PersonId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/people?done=signed-out", 303)


@router.post("/{number}/invite")
def invite_person(number: PathId, person: PeopleProposer, site: TheSite, tx: Tx, request: Request) -> Response:
    around = shell(site, person, path=request.url.path)
    code = people.invite_person(tx, person, PersonId(number), at=site.clock.now())
    account = people.account_of(tx, person, PersonId(number))
    return _invitation(site, around, request, person, account, code)


@router.post("/{number}/reset")
def propose_reset(number: PathId, person: PeopleProposer, site: TheSite, tx: Tx, request: Request) -> Response:
    around = shell(site, person, path=request.url.path)
    begun = people.propose_reset(tx, person, PersonId(number), at=site.clock.now())
    account = people.account_of(tx, person, PersonId(number))
    if isinstance(begun, Refused):
        return refusal(request, begun, person=person)
    return _invitation(site, around | {"reset": begun.earliest_at}, request, person, account, begun.invitation)


@router.post("/{number}/reset/finish")
def finish_reset(number: PathId, person: PeopleConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    around = shell(site, person, path=request.url.path)
    code = people.finish_reset(tx, person, PersonId(number), at=site.clock.now())
    account = people.account_of(tx, person, PersonId(number))
    return _invitation(site, around, request, person, account, code, half="second")


def _new_account(form: PersonForm, zone: str) -> NewAccount:
    if form.role not in set(Role):
        raise InvalidInput("Choose a role.")
    branches = frozenset(BranchId(branch) for branch in form.branch)
    areas = frozenset(AreaId(area) for area in form.areas)
    limited = branches if branches or areas else None
    return NewAccount(form.name, Role(form.role), limited, people.last_day(form.until, zone), form.firm, areas)


def _form(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    form: PersonForm,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    context = {
        **around,
        "form": form,
        "roles": [(role.value, ROLE_LABELS[role]) for role in Role],
        "places": places(session, person, Permission.PEOPLE_PROPOSE),
        "error": error,
    }
    return site.pages.render("person_form.html", context, person=person, status=status)


def _invitation(
    site: Site,
    around: Mapping[str, object],
    request: Request,
    person: Person,
    account: Account | Refused,
    given: Invitation | str | Refused,
    *,
    half: str = "",
    confirmed: bool = False,
) -> Response:
    """Show the code of an invitation this once, or say what was refused."""
    if isinstance(account, Refused):
        return refusal(request, account, person=person)
    if isinstance(given, Refused):
        return refusal(request, given, person=person)
    code = given.code if isinstance(given, Invitation) else given
    half = "first" if isinstance(given, Invitation) and given.is_half else half
    waits = account.confirmed_at is None
    context = {**around, "name": account.name, "code": code, "half": half, "waits": waits, "confirmed": confirmed}
    return site.pages.render("invitation.html", context, person=person)
