"""Passkeys: what a browser is to ask of one, as JSON, and the forms that bring its answer: sign-in, a new proof, one's own account."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import InvalidInput
from vms.services import passkeys
from vms.services.district import load_district
from vms.services.passkeys import CHALLENGE_LASTS, browser_holder
from vms.services.second_factor import Enrolled, refuse_factor_change
from vms.services.sessions import SignedIn as NewSession
from vms.services.webauthn import Options, RelyingParty, credential_id
from web.deps import Site, TheSite, Tx
from web.errors import REFUSALS, problem, refusal
from web.numbers import PathId
from web.permissions import ANYBODY, ProvedPerson, SessionOwner, SignedIn
from web.relying_party import NO_PASSKEYS, relying_party
from web.routers.session import address_of, after_pause, own_path, render_proof, render_sign_in, render_switch, with_cookie
from web.schemas.requests import LabelForm, NewPasskeyForm, PasskeyAnswerForm
from web.screen_cookie import browser_of
from web.views import shell

router = APIRouter()
COOKIE = "__Host-vms-passkey"
"""Of a browser in which nobody is signed in: the challenge that it asked for opens something in it alone."""


@router.post("/api/v1/passkeys/sign-in", dependencies=[ANYBODY])
def ask_to_sign_in(tx: Tx, site: TheSite, request: Request) -> Response:
    rp = relying_party(request)
    if rp is None:
        return problem(REFUSALS[NO_PASSKEYS.refusal], NO_PASSKEYS.sentence)
    token = secrets.token_urlsafe(32)
    response = _json(passkeys.ask_to_sign_in(tx, rp, browser_holder(token), at=site.clock.now()))
    lasts = int(CHALLENGE_LASTS.total_seconds())
    response.set_cookie(COOKIE, token, max_age=lasts, path="/", secure=True, httponly=True, samesite="strict")
    return response


@router.post("/login/passkey", dependencies=[ANYBODY])
def sign_in_by_passkey(site: TheSite, request: Request, form: Annotated[PasskeyAnswerForm, Form()]) -> Response:
    match _sign_in(site, request, form):
        case NewSession() as opened:
            return with_cookie(request, RedirectResponse(own_path(form.next), 303), opened)
        case Refused() as refused:
            return render_sign_in(site, request, next_path=form.next, refused=refused)


@router.post("/switch/passkey")
def switch_by_passkey(person: SessionOwner, site: TheSite, request: Request, form: Annotated[PasskeyAnswerForm, Form()]) -> Response:
    match _sign_in(site, request, form):
        case NewSession() as opened:
            return with_cookie(request, RedirectResponse(own_path(form.next), 303), opened)
        case Refused() as refused:
            return render_switch(site, request, person, next_path=form.next, refused=refused)


@router.post("/api/v1/passkeys/proof")
def ask_to_prove(person: SessionOwner, tx: Tx, site: TheSite, request: Request) -> Response:
    rp = relying_party(request)
    answer = NO_PASSKEYS if rp is None else passkeys.ask_to_prove(tx, person, rp, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(answer)


@router.post("/prove/passkey")
def prove_by_passkey(person: SessionOwner, site: TheSite, request: Request, form: Annotated[PasskeyAnswerForm, Form()]) -> Response:
    def act(rp: RelyingParty) -> NewSession | Refused:
        with site.central.writing() as session:
            return passkeys.prove_by_passkey(session, person, rp, form.credential, at=site.clock.now())

    match _after_pause(site, request, form, act):
        case NewSession() as proved:
            return with_cookie(request, RedirectResponse(own_path(form.next), 303), proved)
        case Refused() as refused:
            return render_proof(site, request, person, next_path=form.next, refused=refused)


@router.get("/account/passkeys/new")
def new_passkey_page(person: ProvedPerson, site: TheSite, request: Request) -> Response:
    with site.central.reading() as session:
        refused = refuse_factor_change(session, person)
    return _new_passkey(site, request, person) if refused is None else refusal(request, refused, person=person)


@router.post("/api/v1/passkeys/new")
def offer_passkey(person: ProvedPerson, tx: Tx, site: TheSite, request: Request) -> Response:
    rp, district = relying_party(request), load_district(tx)
    title = site.settings.district if district is None else district.name
    answer = NO_PASSKEYS if rp is None else passkeys.offer_passkey(tx, person, rp, title=title, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(answer)


@router.post("/account/passkeys")
def add_passkey(person: ProvedPerson, site: TheSite, request: Request, form: Annotated[NewPasskeyForm, Form()]) -> Response:
    """Keep a new passkey; the first factor of an account brings the page with the codes for paper."""
    rp = relying_party(request)
    try:
        answer = NO_PASSKEYS if rp is None else _added(site, person, rp, form)
    except InvalidInput as err:
        return _new_passkey(site, request, person, error=str(err), status=422)
    if isinstance(answer, Refused):
        return _new_passkey(site, request, person, error=answer.sentence, status=REFUSALS[answer.refusal])
    now = answer.signed_in.person
    if not answer.recovery_codes:
        return with_cookie(request, RedirectResponse("/account?done=passkey", 303), answer.signed_in)
    context = shell(site, now, path=request.url.path) | {"codes": answer.recovery_codes, "kind": "passkey"}
    return with_cookie(request, site.pages.render("recovery_codes.html", context, person=now), answer.signed_in)


@router.post("/account/passkeys/{number}/rename")
def rename_passkey(number: PathId, person: SignedIn, tx: Tx, request: Request, form: Annotated[LabelForm, Form()]) -> Response:
    answer = passkeys.rename_passkey(tx, person, number, form.label)
    return RedirectResponse("/account?done=renamed", 303) if answer is None else refusal(request, answer, person=person)


@router.post("/account/passkeys/{number}/remove")
def remove_passkey(number: PathId, person: ProvedPerson, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = passkeys.remove_passkey(tx, person, number, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/account?done=removed", 303)


def _added(site: Site, person: Person, rp: RelyingParty, form: NewPasskeyForm) -> Enrolled | Refused:
    with site.central.writing() as session:
        return passkeys.add_passkey(session, person, rp, form.credential, label=form.label, at=site.clock.now())


def _sign_in(site: Site, request: Request, form: PasskeyAnswerForm) -> NewSession | Refused:
    def act(rp: RelyingParty) -> NewSession | Refused:
        holder, browser, at = browser_holder(request.cookies.get(COOKIE, "")), browser_of(request), site.clock.now()
        with site.central.writing() as session:
            return passkeys.sign_in_by_passkey(session, rp, holder, form.credential, at=at, address=address_of(request), browser=browser)

    return _after_pause(site, request, form, act)


def _after_pause(
    site: Site, request: Request, form: PasskeyAnswerForm, act: Callable[[RelyingParty], NewSession | Refused]
) -> NewSession | Refused:
    """Look at what a passkey says after the pause that wrong tries of this one have earned: nobody's tries hold up another's."""
    rp = relying_party(request)
    if rp is None:
        return NO_PASSKEYS
    return after_pause(site, request, f"passkey {credential_id(form.credential).hex()}", lambda: act(rp))


def _new_passkey(site: Site, request: Request, person: Person, *, error: str | None = None, status: int = 200) -> Response:
    context = shell(site, person, path=request.url.path) | {"passkeys": relying_party(request) is not None, "error": error}
    return site.pages.render("passkey.html", context, person=person, status=status)


def _json(options: Options) -> Response:
    return Response(options, media_type="application/json")
