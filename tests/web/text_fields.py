"""Every place where somebody hands the product a text: found on the routes and commands themselves, and each entered here by hand.

`test_injection.py` refuses a text that is not entered. Whoever adds a route, a field or a command with a text adds it here, and the
tests of injected SQL and scripts take it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from fastapi import FastAPI
from typer import Typer

from vms.cli import app as vms
from web.app import ROUTERS

CAMERA = (
    "area",
    "brand",
    "branch",
    "certificate",
    "host",
    "main_path",
    "name",
    "password",
    "port",
    "priority",
    "recording_mode",
    "scheme",
    "sub_path",
    "username",
)
REQUEST = (
    "agency",
    "answer_by",
    "badge",
    "contact",
    "court",
    "delivery",
    "docket",
    "end",
    "instrument",
    "local_time",
    "name",
    "necessity",
    "purpose",
    "report_number",
    "served",
    "start",
    "verified",
)
DOOR = ("agency", "badge", "court", "docket", "end", "name", "scan", "start")
FORM_CHECK = ("court", "date", "good_cause", "in_force", "names_district", "scope", "service", "signature", "words")
VIEWER = ("belongs", "beside", "identity", "name", "place")
REGION = ("across", "between", "cover", "down", "places", "plan_sha256", "start", "unit", "until")
SCOPE = ("act", "conditions", "delivery", "end", "local_time", "recipient", "redact", "start", "until", "words")
Schema = Mapping[str, Any]
"""A part of the OpenAPI document."""
COMPLAINT = ("about", "about_name", "end", "from_address", "from_name", "received", "said", "start", "way")
INQUIRY = ("agency", "asked_by", "contact", "happened", "name", "place", "when")
LOG = ("before", "camera", "day", "kind", "person", "since", "until")

STILLS = ("purpose", "words", "until", "report_number", "necessity", "moment")
REQUESTS: Mapping[str, tuple[str, ...]] = {
    "GET /login": ("next",),
    "POST /login": ("code", "name", "next", "password"),
    "POST /api/v1/session": ("code", "name", "password"),
    "POST /api/v1/session/proof": ("code", "password"),
    "POST /login/passkey": ("credential", "next"),
    "POST /prove/passkey": ("credential", "next"),
    "POST /account/passkeys": ("credential", "label", "next"),
    "POST /account/passkeys/{number}/rename": ("label",),
    "POST /login/oidc": ("next",),
    "POST /prove/oidc": ("next",),
    "GET /login/oidc/callback": ("code", "error", "iss", "state"),
    "POST /login/oidc/code": ("code",),
    "GET /prove": ("next",),
    "POST /prove": ("code", "next", "password"),
    "GET /switch": ("next",),
    "POST /switch": ("code", "name", "next", "password"),
    "POST /switch/passkey": ("credential", "next"),
    "POST /switch/oidc": ("next",),
    "GET /screens": ("done",),
    "POST /screens": ("kind", "name"),
    "POST /screens/enrol": ("code",),
    "GET /join": ("name",),
    "POST /join": ("invitation", "name", "password", "second"),
    "GET /account": ("done",),
    "POST /account/password": ("new", "old"),
    "POST /account/authenticator/code": ("code",),
    "GET /people": ("done",),
    "POST /people/new": ("firm", "name", "role", "until"),
    "POST /people/{number}/delegation": ("reason", "since", "until"),
    "GET /waiting": ("done",),
    "GET /emergency": ("done",),
    "POST /emergency/new": ("reason",),
    "POST /emergency/{number}/shown": ("agency", "badge", "officer"),
    "POST /api/v1/emergency/{number}/shown": ("agency", "badge", "officer"),
    "GET /emergency/reviews": ("done", "skip"),
    "POST /emergency/{number}/review": ("note", "right", "was_for"),
    "GET /keep": ("done",),
    "POST /keep": ("reason",),
    "GET /holds/new": ("of",),
    "POST /holds/new": ("authority", "end", "expires", "kind", "matter", "reason", "review", "start"),
    "GET /holds/{number}": ("done",),
    "POST /holds/{number}/release": ("reason",),
    "POST /api/v1/holds": ("authority", "end", "expires", "kind", "matter", "reason", "review", "start"),
    "POST /api/v1/holds/{number}/release": ("reason",),
    "POST /requests/new": (*REQUEST, "inquiry"),
    "POST /requests/stills": STILLS,
    "POST /api/v1/requests/stills": STILLS,
    "GET /requests/{number}": ("done",),
    "POST /requests/{number}/acts": ("act", "words"),
    "POST /requests/{number}/form": FORM_CHECK,
    "POST /requests/{number}/scope": SCOPE,
    "POST /requests/{number}/approve": ("credential", "sha256", "words"),
    "POST /requests/{number}/deny": ("reason", "words"),
    "POST /requests/{number}/papers": ("scan",),
    "GET /requests/{number}/redaction": ("done",),
    "POST /requests/{number}/redaction/plan": ("plan",),
    "POST /requests/{number}/redaction/regions": REGION,
    "POST /requests/{number}/redaction/regions/out": ("plan_sha256",),
    "POST /requests/{number}/redaction/approve": ("plan_sha256", "sha256"),
    "POST /requests/{number}/redaction/back": ("plan_sha256", "sha256", "words"),
    "POST /requests/{number}/advice": ("words",),
    "POST /requests/{number}/unseal": ("ended", "words"),
    "POST /requests/{number}/tickets": ("recipient",),
    "POST /requests/{number}/showings": VIEWER,
    "POST /download": ("passphrase", "ticket"),
    "POST /api/v1/downloads": ("passphrase", "ticket"),
    "POST /api/v1/requests": REQUEST,
    "POST /api/v1/requests/{number}/acts": ("act", "words"),
    "POST /api/v1/requests/{number}/form": FORM_CHECK,
    "POST /api/v1/requests/{number}/scope": SCOPE,
    "POST /api/v1/requests/{number}/approve": ("credential", "sha256", "words"),
    "POST /api/v1/requests/{number}/deny": ("reason", "words"),
    "POST /api/v1/requests/{number}/papers": ("scan",),
    "POST /api/v1/requests/{number}/redaction/plan": ("plan",),
    "POST /api/v1/requests/{number}/redaction/approve": ("plan_sha256", "sha256"),
    "POST /api/v1/requests/{number}/redaction/back": ("plan_sha256", "sha256", "words"),
    "POST /api/v1/requests/{number}/advice": ("words",),
    "POST /api/v1/requests/{number}/unseal": ("ended", "words"),
    "POST /api/v1/requests/{number}/tickets": ("recipient",),
    "POST /api/v1/requests/{number}/showings": VIEWER,
    "GET /policy": ("done",),
    "GET /policy/new": ("area_id", "branch", "camera"),
    "POST /policy/new": (
        "act",
        "area_id",
        "basis",
        "branch",
        "camera",
        "ceiling",
        "early",
        "floor",
        "hours",
        "public_text",
        "reason",
        "review",
        "target",
        "version",
    ),
    "POST /api/v1/policies": ("hours", "legal_basis", "public_text", "reason", "review"),
    "POST /spot-checks": ("camera", "day"),
    "GET /deletion-certificates/{month}.json": ("month",),
    "GET /deletion-certificates/{month}.note": ("month",),
    "GET /deletion-certificates/{month}.pdf": ("month",),
    "POST /rules/versions": ("document", "reason"),
    "POST /rules/versions/{version}/approve": ("sha256",),
    "POST /api/v1/rules": ("reason",),
    "POST /api/v1/rules/{version}/approve": ("sha256",),
    "POST /register": ("camera", "check", "must_not_see", "purpose"),
    "POST /privacy-reviews": ("result",),
    "GET /deputies": ("done",),
    "POST /deputies": ("mail", "phone", "place"),
    "POST /door": DOOR,
    "POST /door/{number}/form": ("board", "counsel", "verified"),
    "POST /api/v1/door": DOOR,
    "POST /api/v1/door/{number}/form": ("board", "counsel", "verified"),
    "POST /training": ("day", "name", "what"),
    "POST /api/v1/training": ("day", "name", "what"),
    "POST /inquiry": INQUIRY,
    "POST /api/v1/inquiries": INQUIRY,
    "GET /inquiries": ("done",),
    "POST /inquiries/{number}/aside": ("reason",),
    "POST /api/v1/inquiries/{number}/aside": ("reason",),
    "POST /complaints/new": COMPLAINT,
    "POST /api/v1/complaints": COMPLAINT,
    "GET /complaints/{number}": ("done",),
    "POST /complaints/{number}/answer": ("answer",),
    "POST /api/v1/complaints/{number}/answer": ("answer",),
    "GET /reviews": ("skip",),
    "GET /playback": ("camera", "replay", "t"),
    "GET /static/{path}": ("path",),
    "POST /api/v1/views": ("around", "end", "incident", "purpose", "start"),
    "POST /api/v1/views/{view}/extend": ("view",),
    "POST /api/v1/views/{view}/close": ("intervals", "view"),
    "GET /api/v1/views/{view}/main.m3u8": ("end", "start", "stream", "view"),
    "GET /api/v1/views/{view}/segments/{segment}": ("range", "segment", "view"),
    "GET /api/v1/cameras/{camera}/timeline": ("end", "start"),
    "POST /api/v1/cameras": CAMERA,
    "POST /api/v1/cameras/test": CAMERA,
    "PATCH /api/v1/cameras/{camera}": tuple(name for name in CAMERA if name not in ("brand", "branch")),
    "GET /cameras": ("branch", "done", "q", "state"),
    "POST /cameras/new": ("act", *CAMERA),
    "POST /cameras/{camera}": ("act", *CAMERA),
    "POST /cameras/{camera}/pause": ("reason",),
    "PUT /api/v1/cameras/{camera}/pause": ("reason",),
    "GET /log": LOG,
    "GET /api/v1/log": LOG,
}
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "branch add": ("name", "timezone"),
    "camera add": ("area", "branch", "certificate", "name", "sub_url", "url", "user"),
    "camera edit": ("area", "camera", "certificate", "name", "sub_url", "url", "user"),
    "camera list": ("branch",),
    "camera pause": ("camera", "length", "reason", "until"),
    "camera remove": ("camera",),
    "camera resume": ("camera",),
    "camera test": ("camera", "certificate", "url", "user"),
    "emergency shown": ("agency", "badge", "officer"),
    "complaint add": ("about_name", "camera", "end", "from_address", "from_name", "received", "said", "start"),
    "complaint answer": ("text",),
    "inquiry aside": ("reason",),
    "delegation confirm": ("name",),
    "delegation end": ("name",),
    "delegation propose": ("area", "branch", "name", "reason", "since", "until"),
    "demo": ("listen",),
    "export redact": ("starts",),
    "export verify": ("key",),
    "export watermark": ("number", "recipient"),
    "hold confirm": ("hold",),
    "hold place": ("area", "authority", "branch", "camera", "end", "expires", "matter", "reason", "review", "start"),
    "hold release": ("hold", "reason"),
    "hold show": ("hold",),
    "hold undo": ("hold",),
    "init": ("director", "mail", "name", "outside", "timezone"),
    "policy set": ("area", "basis", "branch", "camera", "ceiling", "early", "floor", "hours", "public_text", "reason", "review", "target"),
    "rules approve": ("sha256",),
    "rules propose": ("reason",),
    "deputy set": ("deputy",),
    "request call": ("name", "request"),
    "request door": ("agency", "badge", "camera", "court", "docket", "end", "name", "start"),
    "request look-over": ("board", "counsel", "request", "verified"),
    "request act": ("request", "what", "words"),
    "request advise": ("request", "words"),
    "request approve": ("request", "sha256", "words"),
    "request package": ("request",),
    "request receipt": ("request",),
    "request release": ("label", "recipient_key", "request", "serial", "taken_by"),
    "request check": ("request", "words"),
    "request deny": ("request", "words"),
    "request enter": (
        *("agency", "answer_by", "badge", "camera", "contact", "court", "docket", "end", "local_time", "name", "named", "necessity"),
        *("purpose", "report", "served", "start", "verified"),
    ),
    "request letter": ("request",),
    "request name": ("person", "request"),
    "request redaction": ("approve", "back", "request", "words"),
    "request narrow": ("camera", "conditions", "end", "redact", "request", "start", "until", "words"),
    "request stills": ("camera", "moment", "necessity", "report", "until", "words"),
    "request paper": ("request",),
    "request show": ("request",),
    "request end-showing": ("request",),
    "request show-on-site": ("belongs", "beside", "identity", "name", "place", "request"),
    "request take-back": ("request",),
    "request ticket": ("recipient", "request"),
    "request unseal": ("ended", "request", "words"),
    "placement approve": ("camera", "must_not_see", "purpose"),
    "privacy-review add": ("result",),
    "retention attest": ("camera", "day"),
    "retention certificate": ("month",),
    "retention verify": ("key",),
    "screen add": ("branch", "name"),
    "screen end": ("screen",),
    "segment cat": ("segment",),
    "serve": ("listen",),
    "tls init": ("hosts",),
    "training add": ("day", "name", "what"),
    "up": ("listen",),
    "log export": ("camera", "since", "until"),
    "log show": ("camera", "sealed", "since", "until"),
    "log unseal": ("matter",),
    "log verify": ("key",),
    "login": ("name",),
    "mail test": ("address",),
    "user add": ("area", "board_paper", "branch", "firm", "name", "until"),
    "user confirm": ("name",),
    "user end": ("name",),
    "user half": ("name",),
    "user invite": ("name",),
    "user reset": ("name",),
}


def on_routes() -> dict[str, tuple[str, ...]]:
    """Return the texts that each operation takes, from the routes themselves."""
    texts = {operation: tuple(sorted(name for name, kind in taken.items() if "string" in kind)) for operation, taken in entries().items()}
    return {operation: names for operation, names in texts.items() if names}


def entries() -> dict[str, dict[str, frozenset[str]]]:
    """Return by name what each operation takes, in its address, headers and body, with the JSON types that it may be of."""
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    document = app.openapi()
    schemas = document["components"]["schemas"]
    found: dict[str, dict[str, frozenset[str]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            taken = {one["name"]: _types(one["schema"], schemas) for one in operation.get("parameters", ())}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields = _resolved(content["schema"], schemas).get("properties", {})
                taken |= {name: _types(schema, schemas) for name, schema in fields.items()}
            found[f"{method.upper()} {path}"] = taken
    return found


def on_commands() -> dict[str, tuple[str, ...]]:
    """Return the texts that each command takes, from the commands themselves."""
    return {name: texts for name, texts in _commands(vms, ()) if texts}


def _commands(app: Typer, path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance, (*path, str(group.name)))
    for command in app.registered_commands:
        if command.callback is not None:
            hints = get_type_hints(command.callback)
            yield " ".join((*path, str(command.name))), tuple(sorted(name for name, hint in hints.items() if _is_text(hint)))


def _is_text(hint: object) -> bool:
    """Say whether a parameter is a text, several, or one that may be left out."""
    return hint is str or any(_is_text(inner) for inner in get_args(hint))


def _types(schema: Schema, schemas: Mapping[str, Schema]) -> frozenset[str]:
    """Return the types of a schema and of what it is made of; `secret` for a text that is never shown again."""
    schema = _resolved(schema, schemas)
    kinds = {str(schema.get("type"))} | ({"secret"} if schema.get("format") == "password" else set())
    inner = [*_several(schema.get("anyOf")), *_several(schema.get("prefixItems")), *_several([schema.get("items")])]
    return frozenset(kinds).union(*(_types(one, schemas) for one in inner))


def _several(value: object) -> list[Schema]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    reference = schema.get("$ref")
    return schemas[str(reference).rpartition("/")[2]] if reference else schema
