"""Sign-in, sign-out, a new proof, the first password of the invited, and who is signed in; the forms work without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.outcome import Refusal, Refused
from vms.domain.people import OF_EVERYBODY, Person
from vms.errors import InvalidInput
from vms.services import sessions, sign_in
from vms.services.identities import identity_of
from vms.services.passkeys import passkeys_of
from vms.services.second_factor import factors_of
from vms.services.sessions import SignedIn as NewSession
from web.deps import Site, TheSite, Tx, Use
from web.errors import REFUSALS, problem
from web.permissions import ANYBODY, SessionOwner
from web.relying_party import relying_party
from web.schemas.requests import JoinForm, Proof, ProofForm, SignIn, SignInForm
from web.screen_cookie import SCREEN_COOKIE, browser_of, keep_screen_cookie
from web.security import COOKIE
from web.views import shell
from web.words import roles_label

router = APIRouter()
T = TypeVar("T")


@router.get("/login", dependencies=[ANYBODY])
def sign_in_page(site: TheSite, request: Request, next: str = "") -> Response:  # noqa: A002 - the word in the address
    return render_sign_in(site, request, next_path=next)


@router.post("/login", dependencies=[ANYBODY])
def sign_in_by_form(site: TheSite, request: Request, form: Annotated[SignInForm, Form()]) -> Response:
    match _sign_in(site, request, form):
        case NewSession() as opened:
            return with_cookie(request, RedirectResponse(own_path(form.next), 303), opened)
        case Refused() as refused:
            page = render_sign_in(site, request, next_path=form.next, name=form.name, refused=refused)
            return _hurried(page, site, request, form, refused)


@router.get("/switch")
def switch_page(person: SessionOwner, site: TheSite, request: Request, next: str = "") -> Response:  # noqa: A002 - the word in the address
    return render_switch(site, request, person, next_path=next)


@router.get("/switch/done")
def switched_page(person: SessionOwner, site: TheSite, request: Request) -> Response:
    """Where a window leads in which somebody signed in beside a page whose pictures go on: it tells that page, and closes."""
    return site.pages.render("signed_in.html", shell(site, person, path=request.url.path), person=person)


@router.post("/switch")
def switch_by_form(person: SessionOwner, site: TheSite, request: Request, form: Annotated[SignInForm, Form()]) -> Response:
    """Sign somebody else in, from a page over the pictures that go on."""
    match _sign_in(site, request, form):
        case NewSession() as opened:
            return with_cookie(request, RedirectResponse(own_path(form.next), 303), opened)
        case Refused() as refused:
            page = render_switch(site, request, person, next_path=form.next, name=form.name, refused=refused)
            return _hurried(page, site, request, form, refused)


@router.post("/logout", dependencies=[ANYBODY])
def sign_out_by_form(tx: Tx, site: TheSite, request: Request) -> Response:
    """End the session of this browser, a wall's too, which may nothing else."""
    person = _here(site, request)
    if isinstance(person, Person):
        sessions.sign_out(tx, person, at=site.clock.now())
    return without_cookie(RedirectResponse("/login", 303))


@router.get("/prove")
def proof_page(person: SessionOwner, site: TheSite, request: Request, next: str = "") -> Response:  # noqa: A002 - the word in the address
    return render_proof(site, request, person, next_path=next)


@router.post("/prove")
def prove_by_form(person: SessionOwner, site: TheSite, request: Request, form: Annotated[ProofForm, Form()]) -> Response:
    match _prove(site, request, person, form):
        case NewSession() as proved:
            return with_cookie(request, RedirectResponse(own_path(form.next), 303), proved)
        case Refused() as refused:
            return render_proof(site, request, person, next_path=form.next, refused=refused)


@router.post("/api/v1/session/proof")
def prove(person: SessionOwner, site: TheSite, request: Request, entries: Proof) -> Response:
    match _prove(site, request, person, entries):
        case NewSession() as proved:
            return with_cookie(request, JSONResponse(_me(proved.person)), proved)
        case Refused() as refused:
            return problem(REFUSALS[refused.refusal], refused.sentence)


@router.get("/join", dependencies=[ANYBODY])
def join_page(site: TheSite, request: Request, name: str = "") -> Response:
    return _join_page(site, request, name=name)


@router.post("/join", dependencies=[ANYBODY])
def join_by_form(site: TheSite, request: Request, form: Annotated[JoinForm, Form()]) -> Response:
    """Choose the first password of an account and sign in with it."""
    try:
        answer = after_pause(site, request, form.name, lambda: _joined(site, request, form))
    except InvalidInput as err:
        return _join_page(site, request, name=form.name, error=str(err), status=422)
    if isinstance(answer, Refused):
        return _join_page(site, request, name=form.name, error=answer.sentence, status=REFUSALS[answer.refusal])
    return with_cookie(request, RedirectResponse("/", 303), answer)


@router.post("/api/v1/session", dependencies=[ANYBODY])
def sign_in_by_json(site: TheSite, request: Request, entries: SignIn) -> Response:
    match _sign_in(site, request, entries):
        case NewSession() as opened:
            return with_cookie(request, JSONResponse(_me(opened.person)), opened)
        case Refused() as refused:
            return _hurried(problem(REFUSALS[refused.refusal], refused.sentence), site, request, entries, refused)


@router.delete("/api/v1/session")
def sign_out(person: SessionOwner, tx: Tx, site: TheSite) -> Response:
    sessions.sign_out(tx, person, at=site.clock.now())
    return without_cookie(Response(status_code=204))


@router.get("/api/v1/me")
def me(person: SessionOwner) -> dict[str, object]:
    return _me(person)


def with_cookie(request: Request, response: Response, opened: NewSession) -> Response:
    """Give the browser its session's token, and its screen's for another year, if it is one."""
    response.set_cookie(COOKIE, opened.token, path="/", secure=True, httponly=True, samesite="strict")
    return keep_screen_cookie(request, response)


def without_cookie(response: Response) -> Response:
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _sign_in(site: Site, request: Request, entries: SignIn) -> NewSession | Refused:
    """Open a session in the place of the one that is open in this browser, or change nothing."""

    def act() -> NewSession | Refused:
        return sign_in.sign_in(
            site.central,
            name=entries.name,
            password=entries.password.get_secret_value(),
            code=entries.code.get_secret_value(),
            key=site.factor_key,
            at=site.clock.now(),
            address=address_of(request),
            browser=browser_of(request),
        )

    return after_pause(site, request, entries.name, act)


def _prove(site: Site, request: Request, person: Person, entries: Proof) -> NewSession | Refused:
    def act() -> NewSession | Refused:
        password, code = entries.password.get_secret_value(), entries.code.get_secret_value()
        return sign_in.prove(site.central, person, password=password, code=code, key=site.factor_key, at=site.clock.now())

    return after_pause(site, request, person.name, act)


def _joined(site: Site, request: Request, form: JoinForm) -> NewSession | Refused:
    return sign_in.join(
        site.central,
        name=form.name,
        invitation=form.invitation.get_secret_value(),
        second=form.second.get_secret_value(),
        password=form.password.get_secret_value(),
        at=site.clock.now(),
        address=address_of(request),
        browser=browser_of(request),
    )


def after_pause(site: Site, request: Request, name: str, act: Callable[[], T | Refused]) -> T | Refused:
    """Check what somebody says to be, after the pause that many wrong tries have earned."""
    address = address_of(request)
    if wait := site.delay.begin(name, address, site.clock.now()):
        return Refused(Refusal.TOO_MANY, f"Too many tries. Wait {wait} s, then try again.")
    answer = act()
    if answer is None or isinstance(answer, NewSession):
        site.delay.succeeded(name, address, site.clock.now())
    return answer


def _hurried(response: Response, site: Site, request: Request, entries: SignIn, refused: Refused) -> Response:
    if refused.refusal is Refusal.TOO_MANY:
        response.headers["Retry-After"] = str(site.delay.wait_seconds(entries.name, address_of(request), site.clock.now()))
    return response


def render_sign_in(site: Site, request: Request, *, next_path: str, name: str = "", refused: Refused | None = None) -> Response:
    """Return the page on which people sign in, by whatever way is left to them."""
    back = own_path(next_path) if next_path else ""
    here = _here(site, request)
    context = shell(site, None, path=request.url.path) | {
        "name": name,
        "next": back,
        "ended": refused is None and isinstance(here, Refused),
        "here": here.name if isinstance(here, Person) else None,
        "watched": urlsplit(back).path == "/live" and SCREEN_COOKIE not in request.cookies,
        "own_ca": site.authority is not None,
        "passkeys": relying_party(request) is not None,
        "error": refused.sentence if refused else None,
        "oidc_label": site.settings.oidc_label if site.oidc else None,
    }
    return site.pages.render("login.html", context, person=None, status=REFUSALS[refused.refusal] if refused else 200)


def _here(site: Site, request: Request) -> Person | Refused | None:
    """Return whose session is open in this browser; None where none was, or it was signed out, which takes the cookie away."""
    token = request.cookies.get(COOKIE)
    return None if token is None else site.signed_in(token, Use.BY_PAGE)


def render_switch(
    site: Site, request: Request, person: Person, *, next_path: str, name: str = "", refused: Refused | None = None
) -> Response:
    """Return the page on which somebody else signs in, in place of `person`."""
    context = shell(site, person, path=request.url.path) | {
        "name": name,
        "next": own_path(next_path) if next_path else "",
        "passkeys": relying_party(request) is not None,
        "error": refused.sentence if refused else None,
        "oidc_label": site.settings.oidc_label if site.oidc else None,
    }
    return site.pages.render("switch.html", context, person=person, status=REFUSALS[refused.refusal] if refused else 200)


def render_proof(site: Site, request: Request, person: Person, *, next_path: str, refused: Refused | None = None) -> Response:
    """Return the page on which somebody signed in shows anew who they are."""
    rp = relying_party(request)
    with site.central.reading() as session:
        factors = factors_of(session, person.id)
        with_passkey = rp is not None and any(one.rp_id == rp.id for one in passkeys_of(session, person.id))
        linked, has_password = identity_of(session, person.id), sign_in.has_password(session, person.id)
    context = shell(site, person, path=request.url.path) | {
        "next": own_path(next_path) if next_path else "",
        "wants_code": factors.any,
        "with_passkey": with_passkey,
        "error": refused.sentence if refused else None,
        "has_password": has_password,
        "oidc_label": site.settings.oidc_label if site.oidc and linked else None,
    }
    return site.pages.render("prove.html", context, person=person, status=REFUSALS[refused.refusal] if refused else 200)


def _join_page(site: Site, request: Request, *, name: str, error: str | None = None, status: int = 200) -> Response:
    context = shell(site, None, path=request.url.path) | {"name": name, "error": error}
    return site.pages.render("join.html", context, person=None, status=status)


def own_path(path: str) -> str:
    """Return `path` when it lies on this site, else the start: a sign-in leads nowhere else."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else "/"


def _me(person: Person) -> dict[str, object]:
    mine = sorted(one for one in person.rights.permissions - OF_EVERYBODY if person.may(one))
    return {
        "name": person.name,
        "role": person.role.value,
        "role_label": roles_label(person),
        "permissions": mine,
        "must_enrol": person.must_enrol,
    }
