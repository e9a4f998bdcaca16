"""Keep footage at once: one form for staff, complete without JavaScript."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import CameraId
from vms.domain.legal_hold import LAPSE_GRACE, MAX_REASON_CHARS
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.errors import InvalidInput
from vms.services.cameras import list_cameras
from vms.services.provisional_holds import LASTS, MOST_CAMERAS, REACHES_BACK, REACHES_ON, keep_at_once
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Ids, Text
from web.permissions import HoldStarter
from web.views import shell

router = APIRouter(prefix="/keep")


class KeepEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    camera: Ids = []
    reason: Text = ""


@router.get("")
def keep_page(person: HoldStarter, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    return _form(site, rx, person, request, KeepEntries(), kept=done == "kept")


@router.post("")
def keep(person: HoldStarter, site: TheSite, tx: Tx, request: Request, form: Annotated[KeepEntries, Form()]) -> Response:
    cameras = frozenset(CameraId(number) for number in form.camera)
    try:
        answer = keep_at_once(tx, site.settings, person, cameras, form.reason, at=site.clock.now())
    except InvalidInput as err:
        return _form(site, tx, person, request, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/keep?done=kept", 303)


def _form(
    site: Site, session: Rx, person: Person, request: Request, form: KeepEntries, *, error: str | None = None, kept: bool = False
) -> Response:
    offered = groupby(list_cameras(session, person, Permission.HOLD_START), key=lambda one: one.branch.name)
    context = shell(site, person, path=request.url.path) | {
        "form": form,
        "branches": [(branch, [(one.camera.id, one.camera.name) for one in cameras]) for branch, cameras in offered],
        "error": error,
        "kept": kept,
        "most": {"reason": MAX_REASON_CHARS, "cameras": MOST_CAMERAS},
        "hours": {
            name: int(length.total_seconds() // 3600) for name, length in (("back", REACHES_BACK), ("on", REACHES_ON), ("lasts", LASTS))
        },
        "grace_days": LAPSE_GRACE.days,
    }
    return site.pages.render("keep.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)
