"""Privacy reviews: when the next is due, the evidence for it, its result."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.privacy_review import MAX_RESULT_CHARS
from vms.errors import InvalidInput
from vms.services import privacy_reviews, public_notice
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Text
from web.permissions import PolicySetter, ReviewReader
from web.views import shell

router = APIRouter(prefix="/privacy-reviews")


class ResultForm(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    result: Text = ""


@router.get("")
def privacy_reviews_page(person: ReviewReader, site: TheSite, rx: Rx, request: Request) -> Response:
    return _page(site, rx, person, request, ResultForm())


@router.post("")
def enter_privacy_review(person: PolicySetter, site: TheSite, tx: Tx, request: Request, form: Annotated[ResultForm, Form()]) -> Response:
    try:
        answer = privacy_reviews.review(tx, site.settings, person, form.result, at=site.clock.now())
    except InvalidInput as err:
        return _page(site, tx, person, request, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/privacy-reviews", 303)


@router.post("/evidence")
def take_evidence(person: ReviewReader, site: TheSite, tx: Tx, request: Request) -> Response:
    """Hand the evidence out in one archive; that it was taken is an entry of the log."""
    files = privacy_reviews.evidence(tx, site.settings, person, at=site.clock.now())
    if isinstance(files, Refused):
        return refusal(request, files, person=person)
    headers = {"content-disposition": 'attachment; filename="privacy-review.zip"'}
    return Response(public_notice.zipped(files), media_type="application/zip", headers=headers)


def _page(site: Site, session: Session, person: Person, request: Request, form: ResultForm, *, error: str | None = None) -> Response:
    standing = privacy_reviews.standing(session, person)
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    context = shell(site, person, path=request.url.path) | {
        "standing": standing,
        "overdue": standing.overdue(site.clock.now()),
        "may_review": person.may(Permission.POLICY_SET),
        "form": form,
        "error": error,
        "most": MAX_RESULT_CHARS,
    }
    return site.pages.render("privacy_reviews.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)
