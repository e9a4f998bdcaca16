"""The page that brings the installation's own certificate authority onto a phone or a computer, and the file itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from vms.errors import NotFound
from vms.services.own_ca import Authority
from web.deps import Site, TheSite
from web.permissions import ANYBODY
from web.views import shell

router = APIRouter()
MEDIA_TYPE = "application/x-x509-ca-cert"
"""By which iOS and Firefox offer to install it."""


@router.get("/ca", dependencies=[ANYBODY])
def authority_page(site: TheSite, request: Request) -> Response:
    authority = _authority(site)
    context = shell(site, None, path=request.url.path) | {"fingerprint": authority.fingerprint, "names": authority.names}
    return site.pages.render("ca.html", context, person=None)


@router.get("/ca.crt", dependencies=[ANYBODY])
def authority_file(site: TheSite) -> Response:
    # DER and not PEM: Android takes both, older iOS and Windows this one only.
    disposition = 'attachment; filename="custodian-ca.crt"'
    return Response(_authority(site).der, media_type=MEDIA_TYPE, headers={"Content-Disposition": disposition})


def _authority(site: Site) -> Authority:
    if site.authority is None:
        raise NotFound("This server has no certificate authority of its own: nothing is to be installed.")
    return site.authority
