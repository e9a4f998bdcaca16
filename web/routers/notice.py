"""The public notice: what it says now, and its files to put on the district's website."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from vms.domain.outcome import Refused
from vms.services import public_notice
from web.deps import Rx, TheSite, Tx
from web.errors import refusal
from web.permissions import PolicyReader
from web.views import shell

router = APIRouter()


@router.get("/notice")
def notice_page(person: PolicyReader, site: TheSite, rx: Rx, request: Request) -> Response:
    notice = public_notice.gather(rx, site.settings, at=site.clock.now())
    context = shell(site, person, path=request.url.path) | {"notice": notice, "address": site.settings.notice_url}
    return site.pages.render("notice.html", context, person=person)


@router.post("/notice")
def build_notice(person: PolicyReader, site: TheSite, tx: Tx, request: Request) -> Response:
    """Hand the files out in one archive, the same octets for the same facts."""
    built = public_notice.build(tx, site.settings, person, at=site.clock.now())
    if isinstance(built, Refused):
        return refusal(request, built, person=person)
    headers = {"content-disposition": 'attachment; filename="public-notice.zip"'}
    return Response(public_notice.zipped(built.files), media_type="application/zip", headers=headers)
