"""How long footage is kept, on a page: what counts where, a form for another version with what would follow, and its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import PolicyVersion
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Permission, Person
from vms.domain.policy import CHECK_THE_SCHEDULE, DISTRICT, MAX_BASIS_CHARS, MAX_PUBLIC_CHARS, MAX_REASON_CHARS, RetentionPolicy
from vms.errors import Conflict, InvalidInput
from vms.services import policies, policy_standing
from vms.services.district import zone_of_district
from vms.services.policies import Planned
from vms.services.refusals import no_such
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, REFUSALS, refusal
from web.numbers import PathId
from web.permissions import PolicyConfirmer, PolicyDrafter, PolicyReader, PolicySetter
from web.policy_entries import PolicyForm, PostedPolicy
from web.views import room_left, shell

router = APIRouter(prefix="/policy")
NOTICES = {
    "set": "Set. It counts at once; each recorder goes by it when it next asks.",
    "waits": "Drawn up. By it footage is kept shorter or less is recorded, so it waits: nothing changes before the time below.",
    "confirmed": "Confirmed. It counts from now on.",
    "approved": "Signed.",
}


@router.get("")
def policy_page(person: PolicyReader, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    found, versions = policy_standing.overview(rx, person), policies.list_versions(rx, person)
    if isinstance(found, Refused) or isinstance(versions, Refused):
        return refusal(request, found if isinstance(found, Refused) else no_such("policy"), person=person)
    district = next((one.counts for one in found.places if one.place == DISTRICT), None)
    context = shell(site, person, path=request.url.path) | {
        "overview": found,
        "versions": [(policy, spot.name, waits) for policy, spot, waits in versions],
        "check_the_schedule": CHECK_THE_SCHEDULE if district is not None and district.min_days == 0 else None,
        "may_check": person.may(Permission.DELETION_CHECK),
        "may_set": person.may(Permission.POLICY_SET),
        "may_set_all": person.may(Permission.POLICY_SET) and person.reach(Permission.POLICY_SET) is None,
        "may_confirm": {one.policy.version for one in found.waiting if one.proposal.may_approve(person)},
        "may_stop": {one.policy.version for one in found.waiting if one.proposal.may_stop(person)},
        "notice": NOTICES.get(done),
        "room": room_left(site),
    }
    return site.pages.render("policy.html", context, person=person)


@router.get("/new")
def new_policy_page(
    person: PolicySetter, site: TheSite, rx: Rx, request: Request, *, branch: str = "", area_id: str = "", camera: str = ""
) -> Response:
    form = PolicyForm(branch=branch[:20], area_id=area_id[:20], camera=camera[:20])
    return _form(site, shell(site, person, path=request.url.path), rx, request, person, form, shown=False)


@router.post("/new")
def set_policy(person: PolicyDrafter, site: TheSite, tx: Tx, request: Request, form: Annotated[PostedPolicy, Form()]) -> Response:
    # First, because it asks the recorder: a transaction that has begun holds up every writer.
    around, place = shell(site, person, path=request.url.path), form.place
    if place is None:
        return refusal(request, no_such("place"), person=person)
    sets = form.act == "set"
    if sets and not person.proved_lately(site.clock.now()):
        return _form(site, around, tx, request, person, form, prove=True)
    try:
        with tx.begin_nested():
            act = policies.set_policy if sets else policies.plan_policy
            answer = act(tx, person, form.new_policy(place, zone_of_district(tx)), at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _form(site, around, tx, request, person, form, error=str(err), status=FAILURES[type(err)])
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    if not sets:
        return _form(site, around, tx, request, person, form, planned=answer)
    return _back("set" if answer.waits is None else "waits")


@router.post("/{number}/confirm")
def confirm_policy(number: PathId, person: PolicyConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    return _done(request, person, policies.confirm_lowering(tx, person, PolicyVersion(number), at=site.clock.now()), "confirmed")


@router.post("/{number}/approve")
def approve_policy(number: PathId, person: PolicySetter, site: TheSite, tx: Tx, request: Request) -> Response:
    return _done(request, person, policies.approve_policy(tx, person, PolicyVersion(number), at=site.clock.now()), "approved")


def _done(request: Request, person: Person, answer: RetentionPolicy | Refused, done: str) -> Response:
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back(done)


def _back(done: str) -> Response:
    return RedirectResponse(f"/policy?done={done}", 303)


def _form(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    request: Request,
    person: Person,
    form: PolicyForm,
    *,
    shown: bool = True,
    planned: Planned | None = None,
    error: str | None = None,
    prove: bool = False,
    status: int = 200,
) -> Response:
    """Draw the form; `shown`: with what was typed, else with what counts there."""
    place = form.place
    found = no_such("place") if place is None else policy_standing.standing_of(session, person, place)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    spot, counts, policy = found
    if not policies.is_within(person.reach(Permission.POLICY_SET), spot):
        return refusal(request, no_such("place"), person=person)
    context = {
        **around,
        "name": spot.name,
        "whole": place == DISTRICT,
        "counts": counts,
        "policy": policy,
        "form": form if shown else form.filled(policy),
        "planned": planned,
        "most": {"reason": MAX_REASON_CHARS, "basis": MAX_BASIS_CHARS, "public_text": MAX_PUBLIC_CHARS},
        "error": error,
        "prove": prove,
    }
    return site.pages.render("policy_form.html", context, person=person, status=REFUSALS[Refusal.PROVE] if prove else status)
