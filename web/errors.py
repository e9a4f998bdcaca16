"""Answers for what goes wrong: problem+json for programs, a page for people, and the access event of every refusal.

The only place that knows which failure is which status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TypedDict
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person
from vms.errors import Conflict, Corrupt, InvalidInput, NotFound, Unavailable, VmsError, reason_of
from vms.log import get_logger
from web.deps import Use, site_of
from web.permissions import Denied, SocketDenied
from web.security import COOKIE
from web.views import shell

SIGN_IN_AGAIN = 4401
NOT_ALLOWED = 4403
PROBLEM = "application/problem+json"
MAX_ADDRESS_CHARS = 200
"""So much of an address goes into the event of its refusal."""

REFUSALS = {
    Refusal.SIGN_IN: 401,
    Refusal.PROVE: 401,
    Refusal.ENROL: 403,
    Refusal.NOT_ALLOWED: 403,
    Refusal.OUT_OF_SCOPE: 404,
    Refusal.GONE: 410,
    Refusal.TOO_MANY: 429,
}
WAYS_ON = {Refusal.PROVE: "/prove", Refusal.ENROL: "/account/authenticator"}
"""The page on which what was missing can be made up for."""
FAILURES: dict[type[VmsError], int] = {InvalidInput: 422, NotFound: 404, Conflict: 409, Unavailable: 503, Corrupt: 503}
TITLES = {
    401: "Sign in",
    403: "Not allowed",
    404: "There is nothing here",
    409: "Changed meanwhile",
    410: "Not there any more",
    422: "Not accepted",
    429: "Wait a moment",
    500: "An error of the server",
    503: "Not now",
}
NOT_FOR_ROLE = "Not for your role"
"""Stands for 403 where somebody with another role may."""

log = get_logger(__name__)


class Problem(TypedDict, total=False):
    """RFC 9457; `errors` names the fields of a form, `way_on` the page on which what was missing can be made up for."""

    type: str
    title: str
    status: int
    detail: str
    errors: Mapping[str, str]
    way_on: str


def install(app: FastAPI) -> None:
    """Add the handlers of this module to `app`."""
    app.add_exception_handler(Denied, _denied)
    app.add_exception_handler(SocketDenied, _socket_denied)
    app.add_exception_handler(VmsError, _failed)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unexpected)


def refusal(request: Request, refused: Refused, *, person: Person | None) -> Response:
    """Return the answer to a service's refusal of a person, or raise it, so that each is an event and none undoes its own.

    What the service wrote down commits with the request's transaction: the route returns the answer. The rest is raised past
    that transaction and written by the handler in one of its own.
    """
    if person is not None and not refused.logged:
        raise Denied(refused, what=f"{request.method} {request.url.path}"[:MAX_ADDRESS_CHARS], person=person)
    return _refused(request, refused, person)


def _refused(request: Request, refused: Refused, person: Person | None) -> Response:
    way_on = WAYS_ON.get(refused.refusal)
    if way_on is not None:
        there = f"{way_on}{_and_back(request)}" if refused.refusal is Refusal.PROVE else way_on
        return problem(REFUSALS[refused.refusal], refused.sentence, way_on=way_on) if is_api(request) else RedirectResponse(there, 303)
    return answer(request, REFUSALS[refused.refusal], refused.sentence, person=person, title=NOT_FOR_ROLE if refused.of_role else "")


def answer(
    request: Request, status: int, sentence: str, *, person: Person | None, errors: Mapping[str, str] | None = None, title: str = ""
) -> Response:
    """Return a problem for a program, a page for a person."""
    title = title or TITLES.get(status, "")
    if is_api(request):
        return problem(status, sentence, errors, title=title)
    if status == HTTPStatus.UNAUTHORIZED:
        return RedirectResponse(f"/login{_and_back(request)}", 303)
    site, person = site_of(request), person or _signed_in(request)
    context = shell(site, person, path=request.url.path) | {
        "title": title or "That did not work",
        "sentence": sentence,
        "logged": status == HTTPStatus.FORBIDDEN,
    }
    return site.pages.render("refused.html", context, person=person, status=status)


def _and_back(request: Request) -> str:
    """Return the end of an address that leads back here, or to the page whose form this was."""
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in {"GET", "HEAD"}:
        there = urlsplit(request.headers.get("referer", "")).path
    return f"?next={quote(there, safe='')}" if there not in {"", "/"} else ""


def _signed_in(request: Request) -> Person | None:
    """Return who gets a page that no permission stands before, such as that of an address that is none."""
    found = site_of(request).signed_in(request.cookies.get(COOKIE), Use.BY_PAGE)
    return None if isinstance(found, Refused) else found


def problem(status: int, sentence: str, errors: Mapping[str, str] | None = None, *, way_on: str = "", title: str = "") -> JSONResponse:
    told = title or TITLES.get(status, HTTPStatus(status).phrase)
    body = Problem(type="about:blank", title=told, status=status, detail=sentence)
    if way_on:
        body["way_on"] = way_on
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, media_type=PROBLEM)


def is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/static/", "/healthz")) or "text/html" not in request.headers.get("accept", "text/html")


async def _denied(request: Request, err: Exception) -> Response:
    denied = _as_denied(err)
    if denied.person is not None and denied.refused.refusal not in WAYS_ON:
        await _write(request, denied.person, denied)
    return await run_in_threadpool(_refused, request, denied.refused, denied.person)


async def _socket_denied(websocket: WebSocket, err: Exception) -> None:
    """Accept and close: a browser's script sees the code of an open socket only, and asks to sign in again."""
    denied = _as_denied(err)
    if denied.person is not None:
        await _write(websocket, denied.person, denied)
    await websocket.accept()
    await websocket.close(SIGN_IN_AGAIN if denied.person is None else NOT_ALLOWED, denied.refused.sentence[:120])


async def _write(connection: Request | WebSocket, person: Person, denied: Denied) -> None:
    await run_in_threadpool(site_of(connection).refusals.write, person, denied.what, denied.refused)


async def _failed(request: Request, err: Exception) -> Response:
    status = next((status for kind, status in FAILURES.items() if isinstance(err, kind)), 500)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", path=_asked(request), reason=reason_of(err))
    return await run_in_threadpool(answer, request, status, str(err), person=None)


async def _not_valid(request: Request, err: Exception) -> Response:
    faults = err.errors() if isinstance(err, RequestValidationError) else ()
    if any(fault["loc"][0] == "path" for fault in faults):
        return await run_in_threadpool(answer, request, 404, "There is nothing at this address.", person=None)
    return await run_in_threadpool(answer, request, 422, "Some entries can't be used.", person=None, errors=_fields(faults))


def _fields(faults: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return the last part of each fault's place with its message; what was entered is never repeated."""
    fields = {}
    for fault in faults:
        place = fault["loc"]
        name = str(place[-1]) if isinstance(place, tuple) and place else "form"
        fields[name] = f"{fault['msg']}."
    return fields


async def _http(request: Request, err: Exception) -> Response:
    status = err.status_code if isinstance(err, HTTPException) else 500
    sentence = "There is nothing at this address." if status == HTTPStatus.NOT_FOUND else f"{HTTPStatus(status).phrase}."
    response = await run_in_threadpool(answer, request, status, sentence, person=None)
    if isinstance(err, HTTPException) and err.headers:
        response.headers.update(err.headers)
    return response


async def _database(request: Request, err: Exception) -> Response:
    """No event, no answer: what could not be committed is not shown."""
    log.error("central database failed", path=_asked(request), reason=type(err).__name__)
    return await run_in_threadpool(problem, 503, "The database does not answer. Nothing was changed. Try again in a minute.")


async def _unexpected(request: Request, err: Exception) -> Response:
    """Answer an error of ours; the server writes its trace into the log."""
    log.error("request failed", path=_asked(request), reason=type(err).__name__)
    return problem(500, "The server made a mistake, and its log has it. Tell IT when you did this, then try again.")


def _asked(request: Request) -> str:
    """Return the address as its route has it, without what it names: a sealed request's number would tell whoever runs the server."""
    route = request.scope.get("route")
    return route.path if isinstance(route, Route) else request.url.path


def _as_denied(err: Exception) -> Denied:
    if not isinstance(err, Denied):
        raise TypeError("this handler answers Denied") from err
    return err
