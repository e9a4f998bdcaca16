"""Sign-in, sign-out and who is signed in; the form works without JavaScript."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PERMISSIONS, Permission, Person
from vms.services import people
from vms.services.people import SignedIn as NewSession
from web.deps import Site, TheSite, Tx
from web.errors import REFUSALS, problem
from web.permissions import ANYBODY, SignedIn
from web.schemas.requests import SignIn, SignInForm
from web.security import COOKIE
from web.views import shell
from web.words import ROLE_LABELS

router = APIRouter()


@router.get("/login", dependencies=[ANYBODY])
def sign_in_page(site: TheSite, request: Request, next: str = "") -> Response:  # noqa: A002 - the word in the address
    return _page(site, request, next_path=next)


@router.post("/login", dependencies=[ANYBODY])
def sign_in_by_form(site: TheSite, request: Request, form: Annotated[SignInForm, Form()]) -> Response:
    match _sign_in(site, request, form):
        case NewSession() as opened:
            return with_cookie(RedirectResponse(_own_path(form.next), 303), opened)
        case Refused() as refused:
            page = _page(site, request, next_path=form.next, name=form.name, refused=refused)
            return _hurried(page, site, request, form, refused)


@router.post("/logout")
def sign_out_by_form(person: SignedIn, tx: Tx, site: TheSite) -> Response:
    people.sign_out(tx, person, at=site.clock.now())
    return without_cookie(RedirectResponse("/login", 303))


@router.post("/api/v1/session", dependencies=[ANYBODY])
def sign_in(site: TheSite, request: Request, entries: SignIn) -> Response:
    match _sign_in(site, request, entries):
        case NewSession() as opened:
            return with_cookie(JSONResponse(_me(opened.person)), opened)
        case Refused() as refused:
            return _hurried(problem(REFUSALS[refused.refusal], refused.sentence), site, request, entries, refused)


@router.delete("/api/v1/session")
def sign_out(person: SignedIn, tx: Tx, site: TheSite) -> Response:
    people.sign_out(tx, person, at=site.clock.now())
    return without_cookie(Response(status_code=204))


@router.get("/api/v1/me")
def me(person: SignedIn) -> dict[str, object]:
    return _me(person)


def with_cookie(response: Response, opened: NewSession) -> Response:
    response.set_cookie(COOKIE, opened.token, path="/", secure=True, httponly=True, samesite="strict")
    return response


def without_cookie(response: Response) -> Response:
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _sign_in(site: Site, request: Request, entries: SignIn) -> NewSession | Refused:
    """Check name and password, after the pause that many wrong tries have earned."""
    address = address_of(request)
    if wait := site.delay.begin(entries.name, address, site.clock.now()):
        return Refused(Refusal.TOO_MANY, f"Too many tries. Wait {wait} s, then try again.")
    answer = people.sign_in(
        site.central, name=entries.name, password=entries.password.get_secret_value(), at=site.clock.now(), address=address
    )
    if not isinstance(answer, Refused):
        site.delay.succeeded(entries.name, address, site.clock.now())
    return answer


def _hurried(response: Response, site: Site, request: Request, entries: SignIn, refused: Refused) -> Response:
    if refused.refusal is Refusal.TOO_MANY:
        response.headers["Retry-After"] = str(site.delay.wait_seconds(entries.name, address_of(request), site.clock.now()))
    return response


def _page(site: Site, request: Request, *, next_path: str, name: str = "", refused: Refused | None = None) -> Response:
    context = shell(site, None, path=request.url.path) | {
        "name": name,
        "next": _own_path(next_path) if next_path else "",
        "own_ca": site.authority is not None,
        "error": refused.sentence if refused else None,
    }
    return site.pages.render("login.html", context, person=None, status=REFUSALS[refused.refusal] if refused else 200)


def _own_path(path: str) -> str:
    """Return `path` when it lies on this site, else the start: a sign-in leads nowhere else."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else "/"


def _me(person: Person) -> dict[str, object]:
    mine = sorted(PERMISSIONS[person.role] - {Permission.PUBLIC, Permission.SIGNED_IN})
    return {"name": person.name, "role": person.role.value, "role_label": ROLE_LABELS[person.role], "permissions": mine}
