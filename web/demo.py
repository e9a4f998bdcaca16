"""Only for `vms demo`: sign-in by a one-time code and a bar to look at the product as each role. Nothing else imports this."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Form, Request
from pydantic import BaseModel, SecretStr
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.clock import Clock
from vms.config import Settings
from vms.domain.ids import PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PERMISSIONS, OsUser, Permission, Person, Proof, Role
from vms.domain.screens import ScreenKind
from vms.services import people, screens, sessions
from vms.services.branches import list_branches
from vms.services.own_ca import renew_if_due
from vms.services.sessions import Browser, digest, screen_of_browser
from web.app import ROUTERS, create_app, open_site
from web.deps import Site, TheSite, Tx, Use
from web.errors import refusal
from web.jobs_process import jobs_beside
from web.permissions import ANYBODY
from web.routers.session import address_of, own_path, with_cookie
from web.screen_cookie import SCREEN_COOKIE, browser_of, screen_sha256, with_screen_cookie
from web.security import COOKIE
from web.server import serve
from web.words import ROLE_LABELS

FIRST_ROLE = Role.DESK
DESK = "Demo desk"
"""The workstation as which the browser of the demo's code is enrolled."""
T = TypeVar("T")
_SETTER_UP = OsUser("demo", "demo")


class Code(BaseModel):
    code: SecretStr


@dataclass(slots=True)
class OneTimeCode:
    """The code of one start, known here by its digest; it opens one session, whichever web process of that start it comes to."""

    sha256: bytes
    spend: Callable[[], None] = lambda: None
    """Write down that it was used, for a process that starts after this one."""
    _used: bool = False
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def kept_in(cls, path: Path) -> OneTimeCode:
        """Return the code whose digest `path` holds in hexadecimal; an empty file holds one that was used."""
        return cls(bytes.fromhex(path.read_text(encoding="ascii")), lambda: os.truncate(path, 0))

    def use(self, code: str) -> bool:
        with self._lock:
            fits = hmac.compare_digest(hashlib.sha256(code.encode()).digest(), self.sha256) and not self._used
            self._used = self._used or fits
            if fits:
                self.spend()
            return fits


def create_demo_app(settings: Settings, clock: Clock, *, code: OneTimeCode, made: Collection[PersonId]) -> FastAPI:
    """Return the ordinary application with the demo's two routes and its bar; they open the accounts `made` by the demo, no other."""
    site = open_site(settings, clock)
    site.pages.extras.append(_bar)
    return create_app(site, routers=(*ROUTERS, _router(code, made)))


def run(settings: Settings, clock: Clock, sock: socket.socket, *, code: OneTimeCode, made: Collection[PersonId]) -> int:
    """Serve the demo on `sock` until stopped; returns the exit code."""
    renew_if_due(settings, at=clock.now())
    app = create_demo_app(settings, clock, code=code, made=made)
    with jobs_beside(settings.data_dir, clock):
        return serve(app, settings, sock)


def _router(code: OneTimeCode, made: Collection[PersonId]) -> APIRouter:
    router = APIRouter(prefix="/demo")

    @router.post("/session", dependencies=[ANYBODY], status_code=204)
    def open_by_code(entries: Code, tx: Tx, site: TheSite, request: Request) -> Response:
        if not _is_here(request) or not code.use(entries.code.get_secret_value()):
            refused = Refused(Refusal.SIGN_IN, "This code was used or is not the one of this start. Start the demo again for a new one.")
            return refusal(request, refused, person=None)
        token = _desk(tx, site, request)
        opened = _open(tx, site, made, FIRST_ROLE, request, replace(browser_of(request), screen_sha256=digest(token)))
        response = _opened(request, Response(status_code=204), opened)
        return with_screen_cookie(response, token) if token else response

    # Not by need(): from a wall, too, which may nothing else.
    @router.post("/switch", dependencies=[ANYBODY])
    def switch_role(
        role: Annotated[Role, Form()],
        tx: Tx,
        site: TheSite,
        request: Request,
        next: Annotated[str, Form()] = "",  # noqa: A002 - the word in the form
    ) -> Response:
        person = site.signed_in(request.cookies.get(COOKIE), Use.BY_HAND)
        if isinstance(person, Refused):
            return refusal(request, person, person=None)
        if not _is_here(request):
            return refusal(request, Refused(Refusal.NOT_ALLOWED, "The demo's bar works on this machine only."), person=person)
        return _opened(request, RedirectResponse(own_path(next), 303), _open(tx, site, made, role, request, browser_of(request)))

    return router


def _desk(session: Session, site: Site, request: Request) -> str:
    """Return the token of the enrolled workstation that the demo's browser is, so that watching keeps its session.

    Empty where the demo has no branch yet.
    """
    if screen_of_browser(session, screen_sha256(request)) is not None:
        return request.cookies[SCREEN_COOKIE]
    at, branch = site.clock.now(), next(iter(list_branches(session, _SETTER_UP)), None)
    if branch is None:
        return ""
    for before in _allowed(screens.list_screens(session, _SETTER_UP)):
        if before.name == DESK:
            screens.end_screen(session, _SETTER_UP, before.id, at=at)
    new = _allowed(screens.add_screen(session, _SETTER_UP, name=DESK, branch=branch.id, kind=ScreenKind.WORKSTATION, at=at))
    return _allowed(screens.enrol_screen(session, new.code, at=at, address=address_of(request))).token


def _allowed(answer: T | Refused) -> T:
    if isinstance(answer, Refused):
        raise TypeError(answer.sentence)
    return answer


def _open(
    session: Session, site: Site, made: Collection[PersonId], role: Role, request: Request, browser: Browser
) -> sessions.SignedIn | Refused:
    """Open a session of the sample person with `role`: of nobody whom the demo did not make."""
    known = people.list_people(session, _SETTER_UP)
    account = None if isinstance(known, Refused) else next((one for one in known if one.id in made and one.role is role), None)
    if account is None:
        return Refused(Refusal.OUT_OF_SCOPE, f"The demo has no {ROLE_LABELS[role]} any more.")
    return sessions.open_session(
        session, person_id=account.id, at=site.clock.now(), address=address_of(request), proof=Proof.DEMO, browser=browser
    )


def _opened(request: Request, response: Response, answer: sessions.SignedIn | Refused) -> Response:
    return refusal(request, answer, person=None) if isinstance(answer, Refused) else with_cookie(request, response, answer)


def _bar(person: Person | None) -> Mapping[str, object]:
    if person is None:
        return {}
    return {"demo": [_button(role, person) for role in Role]}


def _button(role: Role, person: Person) -> Mapping[str, object]:
    live = Permission.LIVE_VIEW in PERMISSIONS[role]
    return {"role": role.value, "label": ROLE_LABELS[role], "current": role is person.role, "live": live}


def _is_here(request: Request) -> bool:
    """Say whether the request came from this machine itself."""
    try:
        return ipaddress.ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
