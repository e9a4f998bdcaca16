"""Retention policies as JSON: the same documents as `vms policy … --json`, without what only a machine's own index knows."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse, Response

from vms.domain.ids import PolicyVersion
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.policy import RetentionPolicy
from vms.services import policies, policy_standing
from vms.services.district import zone_of_district
from vms.services.policy_documents import overview_document, planned_document, policy_document
from web.deps import Rx, TheSite, Tx
from web.errors import refusal
from web.numbers import PathId
from web.permissions import PolicyConfirmer, PolicyReader, PolicySetter
from web.policy_entries import PolicyOrder

router = APIRouter(prefix="/api/v1/policies")


@router.get("")
def show_policies(person: PolicyReader, site: TheSite, rx: Rx, request: Request) -> Response:
    found = policy_standing.overview(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _json(overview_document(found, {}, at=site.clock.now()))


@router.get("/versions")
def list_versions(person: PolicyReader, rx: Rx, request: Request) -> Response:
    found = policies.list_versions(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _json({"versions": [policy_document(policy, spot.name, waits) for policy, spot, waits in found]})


@router.post("", status_code=201)
def set_policy(order: PolicyOrder, person: PolicySetter, site: TheSite, tx: Tx, request: Request) -> Response:
    """Draw up a version, or with `dry_run` say what would follow."""
    act = policies.plan_policy if order.dry_run else policies.set_policy
    answer = act(tx, person, order.new_policy(zone_of_district(tx)), at=site.clock.now())
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _json(planned_document(answer, {}, dry_run=order.dry_run), 200 if order.dry_run else 201)


@router.post("/{number}/confirm")
def confirm_policy(number: PathId, person: PolicyConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    return _done(request, person, policies.confirm_lowering(tx, person, PolicyVersion(number), at=site.clock.now()))


@router.post("/{number}/approve")
def approve_policy(number: PathId, person: PolicySetter, site: TheSite, tx: Tx, request: Request) -> Response:
    return _done(request, person, policies.approve_policy(tx, person, PolicyVersion(number), at=site.clock.now()))


def _done(request: Request, person: Person, answer: RetentionPolicy | Refused) -> Response:
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _json(policy_document(answer, answer.place.kind.value))


def _json(document: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(jsonable_encoder(document), status)
