"""The certificates of what was deleted in a month, to take away: as it was signed, and on paper."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services.certificate_pdf import certificate_pdf
from vms.services.deletion_certificates import certificate_for
from vms.store.deletion_certificates import StoredCertificate
from web.deps import Rx
from web.errors import refusal
from web.permissions import DeletionChecker

router = APIRouter(prefix="/deletion-certificates")


@router.get("/{month}.json")
def certificate_as_json(month: str, person: DeletionChecker, rx: Rx, request: Request) -> Response:
    return _handed_out(certificate_for(rx, person, month), person, request, "application/json", lambda one: one.document.encode())


@router.get("/{month}.note")
def signature_of_certificate(month: str, person: DeletionChecker, rx: Rx, request: Request) -> Response:
    return _handed_out(certificate_for(rx, person, month), person, request, "text/plain; charset=utf-8", lambda one: one.note.encode())


@router.get("/{month}.pdf")
def certificate_on_paper(month: str, person: DeletionChecker, rx: Rx, request: Request) -> Response:
    return _handed_out(certificate_for(rx, person, month), person, request, "application/pdf", certificate_pdf)


def _handed_out(
    found: StoredCertificate | Refused, person: Person, request: Request, kind: str, content: Callable[[StoredCertificate], bytes]
) -> Response:
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    name = f"deletion-{found.month}.{request.url.path.rpartition('.')[2]}"
    return Response(content(found), media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
