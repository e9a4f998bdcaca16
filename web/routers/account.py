"""One's own account: the second factor, the password, and where one is signed in. Every form works without JavaScript."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import SessionId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import InvalidInput
from vms.services import sign_in
from vms.services.identities import identity_of
from vms.services.passkeys import passkeys_of
from vms.services.screens import names_of_screens
from vms.services.second_factor import enrol_totp, factors_of, offer_totp, offered_totp
from vms.services.sessions import list_sessions, revoke_sessions
from web.deps import Site, TheSite, Tx
from web.errors import REFUSALS, refusal
from web.numbers import PathId
from web.permissions import ProvedPerson, SignedIn
from web.relying_party import relying_party
from web.routers.session import after_pause, with_cookie
from web.schemas.requests import CodeForm, PasswordForm
from web.views import shell

router = APIRouter(prefix="/account")
NOTICES = {
    "linked": "Linked. The district's sign-in opens this account from now on, too.",
    "unlinked": "The link is gone. The district's sign-in opens this account no more.",
    "password": "Password changed. Everywhere else you were signed in, you no longer are.",
    "passkey": "Passkey added. Sign in with it from now on.",
    "renamed": "Passkey renamed.",
    "removed": "Passkey removed. Everywhere else you were signed in, you no longer are.",
    "sessions": "Signed out there. What was open closes within seconds.",
}


@router.get("")
def account_page(person: SignedIn, site: TheSite, request: Request, done: str = "") -> Response:
    return _account(site, request, person, notice=NOTICES.get(done))


@router.post("/password")
def change_password(person: SignedIn, site: TheSite, request: Request, form: Annotated[PasswordForm, Form()]) -> Response:
    old, new = form.old.get_secret_value(), form.new.get_secret_value()
    try:
        refused = after_pause(
            site, request, person.name, lambda: sign_in.change_password(site.central, person, old=old, new=new, at=site.clock.now())
        )
    except InvalidInput as err:
        return _account(site, request, person, error=str(err), status=422)
    if refused is not None:
        return _account(site, request, person, error=refused.sentence, status=REFUSALS[refused.refusal])
    return RedirectResponse("/account?done=password", 303)


@router.post("/sessions/{number}/end")
def end_session(number: PathId, person: SignedIn, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = revoke_sessions(tx, person, person.id, at=site.clock.now(), only=SessionId(number))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/account?done=sessions", 303)


@router.post("/sessions/end-others")
def end_other_sessions(person: SignedIn, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = revoke_sessions(tx, person, person.id, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/account?done=sessions", 303)


@router.get("/authenticator")
def authenticator_page(person: SignedIn, site: TheSite, request: Request) -> Response:
    return _authenticator(site, request, person)


@router.post("/authenticator")
def offer_authenticator(person: ProvedPerson, tx: Tx, site: TheSite, request: Request) -> Response:
    """Make a new secret; it counts once its first code came."""
    answer = offer_totp(tx, person, key=site.factor_key)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/account/authenticator", 303)


@router.post("/authenticator/code")
def enrol_authenticator(person: ProvedPerson, site: TheSite, request: Request, form: Annotated[CodeForm, Form()]) -> Response:
    with site.central.writing() as session:
        answer = enrol_totp(session, person, form.code.get_secret_value(), key=site.factor_key, at=site.clock.now())
    if isinstance(answer, Refused):
        return _authenticator(site, request, person, error=answer.sentence, status=REFUSALS[answer.refusal])
    context = shell(site, answer.signed_in.person, path=request.url.path) | {"codes": answer.recovery_codes, "kind": "totp"}
    return with_cookie(request, site.pages.render("recovery_codes.html", context, person=answer.signed_in.person), answer.signed_in)


def _account(
    site: Site, request: Request, person: Person, *, notice: str | None = None, error: str | None = None, status: int = 200
) -> Response:
    around = shell(site, person, path=request.url.path)
    with site.central.reading() as session:
        factors = factors_of(session, person.id)
        known = passkeys_of(session, person.id)
        linked, has_password = identity_of(session, person.id), sign_in.has_password(session, person.id)
        mine = list_sessions(session, person, at=site.clock.now())
        screen_names = names_of_screens(session, [one.screen_id for one in mine])
    context = around | {
        "factors": factors,
        "known_passkeys": known,
        "passkeys": relying_party(request) is not None,
        "must_enrol": person.must_enrol,
        "open_sessions": mine,
        "own_session": person.session_id,
        "screen_names": screen_names,
        "linked": linked,
        "has_password": has_password,
        "oidc_label": site.settings.oidc_label if site.oidc else None,
        "notice": notice,
        "error": error,
    }
    return site.pages.render("account.html", context, person=person, status=status)


def _authenticator(site: Site, request: Request, person: Person, *, error: str | None = None, status: int = 200) -> Response:
    around = shell(site, person, path=request.url.path)
    with site.central.reading() as session:
        factors = factors_of(session, person.id)
        offer = offered_totp(session, person, key=site.factor_key)
    context = around | {
        "factors": factors,
        "passkeys": relying_party(request) is not None,
        "must_enrol": person.must_enrol,
        "secret": " ".join(offer.secret[start : start + 4] for start in range(0, len(offer.secret), 4)) if offer else None,
        "picture": segno.make(offer.uri, error="m").svg_inline(scale=5, border=4, light="#fff") if offer else None,
        "error": error,
    }
    return site.pages.render("authenticator.html", context, person=person, status=status)
