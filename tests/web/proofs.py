"""Every place where somebody proves who they are, from the routes and the cookies themselves, and by which way each is looked at.

`test_made_up_proofs.py` refuses a place that is not entered and tries each way. Whoever adds a cookie, a secret field or a text on a
route that is open to everybody enters it here.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from fastapi import FastAPI

import web
from tests.web import text_fields
from vms.domain.people import Permission
from web.app import ROUTERS
from web.permissions import declared_permissions

WAYS: Mapping[str, tuple[str, ...]] = {
    "session": ("cookie __Host-vms",),
    "command line": (),
    "screen": ("cookie __Host-screen",),
    "enrolment code": ("POST /screens/enrol code",),
    "invitation": ("POST /join invitation", "POST /join second"),
    "password": (
        "POST /login password",
        "POST /switch password",
        "POST /prove password",
        "POST /api/v1/session password",
        "POST /api/v1/session/proof password",
        "POST /account/password old",
    ),
    "code": (
        "POST /login code",
        "POST /switch code",
        "POST /prove code",
        "POST /api/v1/session code",
        "POST /api/v1/session/proof code",
        "POST /login/oidc/code code",
        "POST /account/authenticator/code code",
    ),
    "paper": (),
    "challenge": ("cookie __Host-vms-passkey",),
    "assertion": ("POST /login/passkey credential",),
    "handle": ("cookie __Host-oidc",),
    "waiting handle": (),
    "state": ("GET /login/oidc/callback state",),
}
"""Way → the places where it is told."""
NO_PROOF: Mapping[str, str] = {
    "POST /join password": "becomes the account's",
    "POST /account/password new": "likewise",
    "POST /cameras/new password": "the camera's, which only the recorder uses",
    "POST /cameras/{camera} password": "likewise",
    "POST /api/v1/cameras password": "likewise",
    "POST /api/v1/cameras/test password": "likewise",
    "PATCH /api/v1/cameras/{camera} password": "likewise",
    "GET /login/oidc/callback code": "the provider's own; tests/vms/services/test_oidc_provider.py has what it signs",
    "GET /login/oidc/callback iss": "likewise",
    "GET /login/oidc/callback error": "likewise",
    "POST /download passphrase": "opens a package, and says nobody; tests/web/test_downloads.py",
    "POST /download ticket": "likewise",
    "POST /api/v1/downloads passphrase": "likewise",
    "POST /api/v1/downloads ticket": "likewise",
    "POST /login name": "says who, and proves nothing",
    "POST /api/v1/session name": "likewise",
    "POST /join name": "likewise",
    "GET /join name": "likewise",
    "GET /login next": "a path of our own pages",
    "POST /login next": "likewise",
    "POST /login/passkey next": "likewise",
    "POST /login/oidc next": "likewise",
    "GET /static/{path} path": "files that everybody may have",
    **{
        f"POST {form} {name}": "what somebody who asks says of themselves; nobody takes it for proved"
        for form in ("/inquiry", "/api/v1/inquiries")
        for name in text_fields.INQUIRY
    },
}


def found() -> set[str]:
    """Return every cookie that the web sets, every secret field, and every text on a route that is open to everybody."""
    places = {f"cookie {name}" for name in cookies_set()}
    everybodys = _public()
    for operation, taken in text_fields.entries().items():
        told = {name for name, kind in taken.items() if "secret" in kind or (operation in everybodys and "string" in kind)}
        places |= {f"{operation} {name}" for name in told}
    return places


def cookies_set() -> set[str]:
    """Return the names of all cookies that the web sets, from its source."""
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(web.__path__, "web.")]
    return {name for module in modules for name in _set_in(module)}


def _set_in(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_cookie":
            yield str(eval(ast.unparse(node.args[0]), vars(module)))  # noqa: S307 - a name or a text of our own source


def _public() -> set[str]:
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    open_ones = [route for route in declared_permissions(app) if route.permission is Permission.PUBLIC]
    return {f"{method} {route.path.replace(':path', '')}" for route in open_ones for method in route.methods}
