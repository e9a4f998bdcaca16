"""The certificates of what was deleted in a month, to take away: as it was signed, and on paper."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from vms.domain.outcome import Refused
from vms.services.certificate_pdf import certificate_pdf
from vms.services.deletion_certificates import certificate_for
from web.deps import Rx
from web.errors import refusal
from web.permissions import DeletionChecker

router = APIRouter(prefix="/deletion-certificates")


@router.get("/{month}.json")
def certificate_as_json(month: str, person: DeletionChecker, rx: Rx, request: Request) -> Response:
    found = certificate_for(rx, person, month)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _file(found.document.encode(), "application/json", f"deletion-{found.month}.json")


@router.get("/{month}.note")
def signature_of_certificate(month: str, person: DeletionChecker, rx: Rx, request: Request) -> Response:
    found = certificate_for(rx, person, month)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _file(found.note.encode(), "text/plain; charset=utf-8", f"deletion-{found.month}.note")


@router.get("/{month}.pdf")
def certificate_on_paper(month: str, person: DeletionChecker, rx: Rx, request: Request) -> Response:
    found = certificate_for(rx, person, month)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _file(certificate_pdf(found), "application/pdf", f"deletion-{found.month}.pdf")


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
