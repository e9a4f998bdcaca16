"""The camera register: what each camera is for, and the Director's approval of where it looks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.placement import MAX_MUST_NOT_CHARS, MAX_PURPOSE_CHARS, Check
from vms.errors import InvalidInput
from vms.services import placements
from vms.services.placements import NewPlacement
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Text
from web.numbers import id_of
from web.permissions import PolicyReader, PolicySetter
from web.views import shell
from web.words import PLACEMENT_CHECKS

router = APIRouter(prefix="/register")


class PlacementForm(BaseModel):
    """The form's fields as they were typed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    camera: Text = ""
    purpose: Text = ""
    must_not_see: Text = ""
    check: Annotated[list[Text], Field(max_length=20)] = []


@router.get("")
def register_page(person: PolicyReader, site: TheSite, rx: Rx, request: Request) -> Response:
    return _page(site, rx, person, request, PlacementForm())


@router.post("")
def approve_placement(person: PolicySetter, site: TheSite, tx: Tx, request: Request, form: Annotated[PlacementForm, Form()]) -> Response:
    camera = id_of(form.camera)
    new = NewPlacement(CameraId(-1 if camera is None else camera), form.purpose, form.must_not_see, form.check)
    try:
        answer = placements.approve(tx, person, new, at=site.clock.now())
    except InvalidInput as err:
        return _page(site, tx, person, request, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/register", 303)


def _page(site: Site, session: Session, person: Person, request: Request, form: PlacementForm, *, error: str | None = None) -> Response:
    register = placements.register(session, person)
    if isinstance(register, Refused):
        return refusal(request, register, person=person)
    context = shell(site, person, path=request.url.path) | {
        "register": register,
        "required": site.settings.placement == "required",
        "missing": sum(not one.is_approved for one in register),
        "may_approve": person.may(Permission.POLICY_SET),
        "checks": [(check.value, PLACEMENT_CHECKS[check]) for check in Check],
        "form": form,
        "error": error,
        "most": {"purpose": MAX_PURPOSE_CHARS, "must_not": MAX_MUST_NOT_CHARS},
    }
    return site.pages.render("register.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)
