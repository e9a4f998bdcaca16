"""Sign in, prove anew and link by the district's OpenID provider. While none is set, there is nothing at these addresses.

The redirect back comes from another site, without the session's strict cookie. So a page of ours answers it, which leads on by itself:
what it leads to is asked for by this site. Buttons that lead to the provider do the same, since `form-action` lets no form go there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from vms.domain.identity import Identity, Linked
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person
from vms.errors import InvalidInput, NotFound, Unavailable
from vms.services.identities import CodeWanted, Coming, come_in, link_identity, prove_by_identity, unlink_identity
from vms.services.oidc_provider import CALLBACK, Return
from vms.services.refusals import SESSION_ENDED
from vms.services.sessions import SignedIn as NewSession
from vms.services.sessions import holder_of
from web.deps import Site, TheSite, Tx
from web.errors import REFUSALS, refusal
from web.oidc_flows import FLOW_COOKIE, FLOW_SECONDS, DistrictSignIn, Flow, For, new_secrets
from web.permissions import ANYBODY, ProvedPerson, SessionOwner
from web.routers.session import address_of, after_pause, own_path, render_proof, render_sign_in, render_switch, with_cookie
from web.schemas.requests import CodeForm, NextForm
from web.screen_cookie import browser_of, keep_screen_cookie
from web.views import shell

router = APIRouter()
MAX_PARAMETER_CHARS = 4000
BEGIN_AGAIN = Refused(Refusal.SIGN_IN, "This sign-in was not begun in this browser, or is over. Begin again.")
Parameter = Annotated[str, Query(max_length=MAX_PARAMETER_CHARS)]
Outcome = NewSession | CodeWanted | Linked | Refused


@router.post("/login/oidc", dependencies=[ANYBODY])
def begin_sign_in(site: TheSite, request: Request, form: Annotated[NextForm, Form()]) -> Response:
    there = _district(site)
    try:
        return _lead_away(
            site, request, there, Flow(For.SIGN_IN, new_secrets(), own_path(form.next), browser=browser_of(request)), prompt=""
        )
    except Unavailable as err:
        return _with_status(render_sign_in(site, request, next_path=form.next, refused=Refused(Refusal.SIGN_IN, str(err))), 503)


@router.post("/switch/oidc")
def begin_switch(person: SessionOwner, site: TheSite, request: Request, form: Annotated[NextForm, Form()]) -> Response:
    there, browser = _district(site), browser_of(request)
    try:
        # Asked there anew: whoever is signed in at the provider may be the one who leaves.
        return _lead_away(site, request, there, Flow(For.SIGN_IN, new_secrets(), own_path(form.next), browser=browser), prompt="login")
    except Unavailable as err:
        refused = Refused(Refusal.SIGN_IN, str(err))
        return _with_status(render_switch(site, request, person, next_path=form.next, refused=refused), 503)


@router.post("/prove/oidc")
def begin_proof(person: SessionOwner, site: TheSite, request: Request, form: Annotated[NextForm, Form()]) -> Response:
    there = _district(site)
    try:
        return _lead_away(site, request, there, _in_session(person, For.PROVE, own_path(form.next)))
    except Unavailable as err:
        refused = Refused(Refusal.PROVE, str(err))
        return _with_status(render_proof(site, request, person, next_path=form.next, refused=refused), 503)


@router.post("/account/oidc")
def begin_link(person: ProvedPerson, site: TheSite, request: Request) -> Response:
    return _lead_away(site, request, _district(site), _in_session(person, For.LINK, "/account?done=linked"))


@router.post("/account/oidc/remove")
def remove_link(person: ProvedPerson, tx: Tx, site: TheSite, request: Request) -> Response:
    _district(site)
    answer = unlink_identity(tx, person, at=site.clock.now())
    return RedirectResponse("/account?done=unlinked", 303) if answer is None else refusal(request, answer, person=person)


@router.get(CALLBACK, dependencies=[ANYBODY])
def come_back(
    site: TheSite, request: Request, code: Parameter = "", state: Parameter = "", iss: Parameter = "", error: Parameter = ""
) -> Response:
    there = _district(site)
    flow = there.flows.take_returned(request.cookies.get(FLOW_COOKIE, ""), state)
    if flow is None:
        return _refused(site, request, None, BEGIN_AGAIN)
    try:
        identity = there.provider.identity(Return(code, iss, error), flow.secrets)
    except (InvalidInput, Unavailable) as err:
        return _refused(site, request, flow, Refused(Refusal.SIGN_IN, str(err)))
    return _answer(site, request, there, replace(flow, identity=identity), _outcome(site, request, there, flow, identity, code=""))


@router.post("/login/oidc/code", dependencies=[ANYBODY])
def enter_code(site: TheSite, request: Request, form: Annotated[CodeForm, Form()]) -> Response:
    """Take the code of somebody whom the provider has let through by one factor."""
    there = _district(site)
    waiting = there.flows.take_waiting(request.cookies.get(FLOW_COOKIE, ""))
    if waiting is None:
        return _refused(site, request, None, BEGIN_AGAIN)
    flow, identity = waiting

    def act() -> Outcome:
        code = form.code.get_secret_value().strip()
        return _outcome(site, request, there, flow, identity, code=code) if code else NO_CODE

    outcome: Outcome = after_pause(site, request, f"oidc {identity.subject}", act)
    left = replace(flow, codes_left=flow.codes_left - 1)
    if isinstance(outcome, Refused) and left.codes_left > 0:
        return _ask_code(site, request, there, left, outcome)
    return _answer(site, request, there, left, outcome)


NO_CODE = Refused(Refusal.SIGN_IN, "Enter the code that your authenticator shows.")


def _district(site: Site) -> DistrictSignIn:
    if site.oidc is None:
        raise NotFound("There is nothing at this address.")
    return site.oidc


def _in_session(person: Person, wanted: For, next_path: str) -> Flow:
    return Flow(wanted, new_secrets(), next_path, person.session_id)


def _outcome(site: Site, request: Request, there: DistrictSignIn, flow: Flow, identity: Identity, *, code: str) -> Outcome:
    coming = Coming(identity, site.clock.now(), site.factor_key, code, address_of(request), flow.browser)
    with site.central.writing() as session:
        if flow.wanted is For.SIGN_IN:
            return come_in(session, coming, there.places)
        found = None if flow.session is None else holder_of(session, flow.session, at=coming.at)
        if found is None or not found.is_open:
            return SESSION_ENDED
        if flow.wanted is For.PROVE:
            return prove_by_identity(session, found.person, coming)
        return link_identity(session, found.person, identity, at=coming.at)


def _answer(site: Site, request: Request, there: DistrictSignIn, flow: Flow, outcome: Outcome) -> Response:
    match outcome:
        case NewSession() as opened:
            return with_cookie(request, _without_flow(_page(site, request, "Signed in", flow.next_path)), opened)
        case CodeWanted():
            return _ask_code(site, request, there, flow)
        case Linked():
            return _without_flow(_page(site, request, "Linked", flow.next_path))
        case Refused() as refused:
            return _refused(site, request, flow, refused)


def _ask_code(site: Site, request: Request, there: DistrictSignIn, flow: Flow, refused: Refused | None = None) -> Response:
    error = refused.sentence if refused else None
    page = _page(site, request, "One more thing", flow.next_path, error=error, wants_code=True)
    return _with_flow(_with_status(page, REFUSALS[refused.refusal]) if refused else page, there, flow)


def _refused(site: Site, request: Request, flow: Flow | None, refused: Refused) -> Response:
    """Say it where the person came from: on the sign-in page, or on a page that leads back."""
    if flow is None or flow.wanted is For.SIGN_IN:
        return _without_flow(render_sign_in(site, request, next_path=flow.next_path if flow else "", refused=refused))
    back = "/account" if flow.wanted is For.LINK else flow.next_path
    return _without_flow(_with_status(_page(site, request, "That did not work", back, error=refused.sentence), REFUSALS[refused.refusal]))


def _lead_away(site: Site, request: Request, there: DistrictSignIn, flow: Flow, *, prompt: str = "login") -> Response:
    page = _page(site, request, site.settings.oidc_label, there.provider.address_for(flow.secrets, prompt=prompt))
    # Here, as the way back comes from another site, without the cookies that are for this one alone.
    return keep_screen_cookie(request, _with_flow(page, there, flow))


def _page(site: Site, request: Request, heading: str, onward: str, *, error: str | None = None, wants_code: bool = False) -> Response:
    context = shell(site, None, path=request.url.path) | {"heading": heading, "onward": onward, "error": error, "wants_code": wants_code}
    return site.pages.render("oidc.html", context, person=None)


def _with_status(response: Response, status: int) -> Response:
    response.status_code = status
    return response


def _with_flow(response: Response, there: DistrictSignIn, flow: Flow) -> Response:
    handle = there.flows.keep(flow)
    response.set_cookie(FLOW_COOKIE, handle, max_age=FLOW_SECONDS, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _without_flow(response: Response) -> Response:
    response.delete_cookie(FLOW_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response
