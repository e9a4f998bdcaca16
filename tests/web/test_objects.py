"""T2: what belongs to others answers like what does not exist, however its id is written: no octet of it, and no other work done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from websockets.exceptions import ConnectionClosed

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, an_account, done
from tests.vms.services.holding import a_hold, a_new_hold
from tests.vms.services.requesting import SCAN, a_request
from tests.web import object_ids
from tests.web.conftest import Migrated
from tests.web.footage import record
from tests.web.object_ids import ALIASES, OBJECTS, Kind, beside_it
from tests.web.statements import statements
from tests.web.test_injection import DECLARED
from tests.web.world import OWN_PAGE, World, a_world, cookie
from vms.config import Settings
from vms.domain.hold import HoldScope
from vms.domain.ids import SessionId
from vms.domain.people import PERMISSIONS, Person, Proof, Role
from vms.domain.policy import Days, PlaceKind, PolicyPlace
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region
from vms.domain.request import ExportRequest
from vms.domain.screens import ScreenKind
from vms.domain.second_person import Act, Alone
from vms.services import redactions, spot_checks
from vms.services.access_log import DISTRICT
from vms.services.complaints import NewComplaint, enter
from vms.services.emergency import open_emergency
from vms.services.policies import NewPolicy, set_policy
from vms.services.request_papers import add_paper
from vms.services.screens import add_screen
from vms.services.second_person import propose
from vms.services.sessions import open_session
from vms.store import access_log, passkeys
from vms.store import redactions as stored_redactions
from vms.store.central_tables import SCHEMA
from vms.store.migrate import Which
from vms.store.passkeys import Passkey

pytestmark = pytest.mark.slow

ELSEWHERE = "Vault at another branch"
SOMEBODY = "r.castellanos"
PHONE = "Somebody's phone"
SCREEN = "Wall at another branch"
AREA = "Cellar of another branch"
REASON = "Somebody shouts at another branch"
MATTER = "Vault v. Custodian"
PLACES = [(operation, name) for operation, places in OBJECTS.items() for name in places]
EVERY = pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.long)])
"""Each eighth alias in `make test`, all of them in `make test-long`."""


@dataclass(frozen=True)
class Others:
    """What belongs to others in a world, an id of the same form that nothing has, and what belongs to those who ask."""

    world: World
    foreign: Mapping[Kind, str]
    missing: Mapping[Kind, str]
    own: Mapping[str, str]
    browsers: Mapping[Role, httpx.Client]

    def asker(self, operation: str) -> httpx.Client:
        return self.browsers[next(role for role in Role if DECLARED[operation] in PERMISSIONS[role])]


@dataclass(frozen=True)
class Answer:
    """What came, without what the asker typed himself, and what was asked of the databases and the node for it."""

    status: int
    headers: Mapping[str, str]
    text: str
    statements: tuple[str, ...]
    of_node: tuple[str, ...] = field(compare=False)
    """Its states are kept for a while by whoever asked first."""


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[Others]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("objects"))
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings, looks=False) as world, ExitStack() as opened:
        foreign = _furnished(world)
        mine = frozenset({world.branch.id})
        browsers = {role: opened.enter_context(world.client(role, branches=mine)) for role in Role}
        camera = world.camera.camera.id
        own = {"branch": str(world.branch.id), "camera": str(camera), "view": _view(browsers[Role.DESK], camera)}
        own["number"] = str(world._people[Role.DESK, mine])
        own["request"] = _request(browsers[Role.DESK], camera)
        missing = {kind: _missing(kind, told) for kind, told in foreign.items()}
        yield Others(world, foreign, missing, own, browsers)


def _furnished(world: World) -> Mapping[Kind, str]:
    """Let others have one of everything, and return the ids."""
    with world.site.central.writing() as session:
        elsewhere = a_branch(session, "Elsewhere")
        details = a_camera(session, elsewhere, ELSEWHERE, area=AREA)
        vault, area = details.camera, details.area
        assert area is not None
        somebody = an_account(session, Role.DESK, name=SOMEBODY, branches=frozenset({elsewhere.id}))
        opened = done(open_session(session, person_id=somebody.id, at=NOW, proof=Proof.TOTP))
        passkeys.add(session, Passkey(7_777_777, somebody.id, bytes(32), b"key", "localhost", 0, PHONE, NOW))
        screen = done(add_screen(session, CONSOLE, name=SCREEN, branch=elsewhere.id, kind=ScreenKind.WALL, at=NOW)).screen
        emergency = done(open_emergency(session, world.site.settings, opened.person, reason=REASON, at=NOW))
        proposal = propose(session, a_person(session, Role.IT), Act.PERSON_RESET, somebody.id, at=NOW, alone=Alone.NEVER)
        named = HoldScope(frozenset({vault.id}), frozenset({area.id}), frozenset({elsewhere.id}))
        hold = a_hold(session, a_person(session, Role.DELEGATE), a_new_hold(named, matter=MATTER))
        director = an_account(session, Role.DIRECTOR, name="of the whole district")
        deciding = Person(director.id, director.name, director.role, SessionId(1))
        kept = NewPolicy(PolicyPlace(PlaceKind.CAMERA, vault.id), Days(target_days=7), "Kept shorter at another branch")
        version = done(set_policy(session, deciding, kept, at=NOW)).policy.version
        request = a_request(session, world.site.settings, deciding, camera=vault.id)
        sheet = _sheet(session, world.site.settings, request)
        paper = done(add_paper(session, world.site.settings, deciding, request.id, f"{ELSEWHERE}.pdf", SCAN, at=NOW))
        complaint = done(enter(session, world.site.settings, deciding, NewComplaint("paper", "practice", MATTER), at=NOW))
        check = done(spot_checks.pick(session, deciding, vault.id, "2026-03-01", at=NOW))
    for stream in (vault.streams[0].id, world.main):
        record(world.node, stream, NOW - timedelta(minutes=30))
    with httpx.Client(base_url=world.address, headers={**OWN_PAGE, **cookie(opened.token)}, timeout=20) as browser:
        view = _view(browser, vault.id)
    ids = {
        Kind.CAMERA: vault.id,
        Kind.BRANCH: elsewhere.id,
        Kind.AREA: area.id,
        Kind.VIEW: view,
        Kind.SEGMENT: world.node.segments[vault.streams[0].id][0]["id"],
        Kind.SESSION: opened.person.session_id,
        Kind.PASSKEY: 7_777_777,
        Kind.PROPOSAL: proposal.id,
        Kind.ACCOUNT: vault.id,
        Kind.ACTOR: somebody.id,
        Kind.SCREEN: screen.id,
        Kind.EMERGENCY: emergency.id,
        Kind.HOLD: hold.id,
        Kind.REQUEST: request.id,
        Kind.PAPER: paper.id,
        Kind.SHEET: sheet,
        Kind.POLICY: version,
        Kind.COMPLAINT: complaint.id,
        Kind.INQUIRY: vault.id,
        Kind.SPOT_CHECK: check,
        Kind.LOG_ROW: world.events()[-1].number,
    }
    return {kind: str(told) for kind, told in ids.items()}


def _sheet(session: Session, settings: Settings, request: ExportRequest) -> int:
    """Keep a review sheet, as what makes its package would."""
    (span,) = request.scope.footage
    region = Region(Cover.FILL, Between.ALL, (Keyframe(span.start_ms, Box(0, 0, 1, 1)),), span.end_ms)
    plan = RedactionPlan((CameraPlan(span.camera_id, span.start_ms, span.end_ms, (region,)),))
    redactions.keep_sheet(session, settings, request, plan, span.camera_id, ELSEWHERE.encode())
    (kept,) = stored_redactions.sheets(session, request.id, request.sha256, plan.digest.hex())
    return kept.id


def _missing(kind: Kind, told: str) -> str:
    """Return an id that nothing has, and that is as long as `told`: what is refused for its length alone proves nothing."""
    match kind:
        case Kind.VIEW:
            return "AbCdEfGhIjKlMnOpQrSt_-"
        case Kind.SEGMENT:
            return f"{7:016x}{19_000_000:016x}"
    middle = len(told) // 2
    return f"{told[:middle]}{(int(told[middle]) + 5) % 10}{told[middle + 1 :]}"


def _view(browser: httpx.Client, camera: int) -> str:
    answer = browser.post("/api/v1/views", json={**object_ids.SPAN, "camera": camera, "purpose": "incident"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["view"])


def _request(browser: httpx.Client, camera: int) -> str:
    answer = browser.post("/api/v1/requests", json=object_ids.ASKED_ORDER | {"camera": [camera]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _ask(others: Others, operation: str, name: str, told: str) -> Answer:
    place = OBJECTS[operation][name]
    method, path = operation.split()
    said = {key: _filled(others, key, value) for key, value in place.beside.items()} | {name: [told] if place.is_list else told}
    address = re.sub(r"\{(\w+)\}", lambda found: quote(str(said.pop(found[1])), safe=""), path)
    headers = {"range": str(said.pop("range"))} if "range" in said else {}
    as_json, in_address = path.startswith("/api/") and operation not in object_ids.BY_FORM, method in ("GET", "DELETE")
    node = others.world.node
    node.asked.clear()
    with statements(others.world.site.central) as asked:
        answer = others.asker(operation).request(
            method,
            address,
            headers=headers,
            params=said if in_address else None,
            json=said if as_json and not in_address else None,
            data=said if not as_json and not in_address else None,
        )
    shown = {key: _untyped(value, told) for key, value in answer.headers.items() if key not in ("date", "content-length")}
    return Answer(answer.status_code, shown, _untyped(_unnumbered(others, answer.text), told), tuple(asked), tuple(node.asked))


def _filled(others: Others, name: str, value: Any) -> Any:  # noqa: ANN401 - whatever an entry may be
    match value:
        case "OWN":
            return others.own[name]
        case "OWN_REQUEST":
            return others.own["request"]
        case "FOREIGN":
            return others.foreign[Kind[name.upper()]]
    return value


def _untyped(text: str, told: str) -> str:
    """Return `text` without what was typed, as it may be written in a page, an address or JSON."""
    forms = {told, escape(told), quote(told, safe=""), quote_plus(told), json.dumps(told)[1:-1]}
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(rf"(?<!\d){form}(?!\d)", "TYPED", text) if form.isdigit() else text.replace(form, "TYPED")  # 0 is not in a 404
    return text


def _unnumbered(others: Others, text: str) -> str:
    """Return `text` without the number that the reading of the log itself has in the log; a status may be the same number."""
    with others.world.site.central.reading() as session:
        newest = access_log.newest(session, DISTRICT)
    return re.sub(rf'(?<!"status":)\b{newest}\b', "NEWEST", text)


def _pairs(others: Others, kind: Kind) -> list[tuple[str, str]]:
    """Return ids of what others have, each beside one of the same form of what nobody has."""
    foreign, missing = others.foreign[kind], others.missing[kind]
    written = [(alias(foreign), alias(missing)) for alias in ALIASES.values()]
    return [*written, *zip(beside_it(foreign), beside_it(missing), strict=True)]


def _rows(world: World) -> dict[str, list[object]]:
    """Return every row of the central database but the log's own."""
    with world.site.central.reading() as session:
        tables = [table.name for table in SCHEMA.sorted_tables if not table.name.startswith("access_")]
        return {table: [tuple(row) for row in session.execute(text(f"SELECT * FROM {table}"))] for table in tables}  # noqa: S608


def test_every_place_that_takes_an_id_is_entered() -> None:
    assert object_ids.unknown_names() == set()
    assert object_ids.on_routes() == {operation: set(places) for operation, places in OBJECTS.items()}
    assert object_ids.on_socket() == object_ids.MESSAGES


@EVERY
@pytest.mark.parametrize(("operation", "name"), PLACES)
def test_what_belongs_to_others_answers_like_what_does_not_exist(others: Others, operation: str, name: str, every: int) -> None:
    place = OBJECTS[operation][name]
    before = _rows(others.world)
    assert _ask(others, operation, name, others.missing[place.kind]).status == place.status
    for foreign, missing in _pairs(others, place.kind)[::every]:
        answer = _ask(others, operation, name, foreign)
        assert set(answer.of_node) <= {"states"}, foreign
        assert not any(secret in answer.text for secret in (ELSEWHERE, SOMEBODY, PHONE, SCREEN, REASON, AREA, MATTER)), foreign
        assert place.is_cursor or answer == _ask(others, operation, name, missing), foreign
    assert _rows(others.world) == before


@EVERY
def test_a_window_is_denied_what_belongs_to_others_like_what_does_not_exist(others: Others, every: int) -> None:
    _subscribe(others, others.missing[Kind.CAMERA])  # the first refusal of a minute is an entry of the log
    for foreign, missing in _pairs(others, Kind.CAMERA)[::every]:
        assert _subscribe(others, foreign) == _subscribe(others, missing), foreign
    assert others.world.node.connected == {}


def _subscribe(others: Others, told: str) -> tuple[str, list[str]]:
    """Ask for a camera in a window of its own and return what came, or how it ended, and what the database was asked."""
    world = others.world
    token = others.browsers[Role.DESK].headers["cookie"].partition("=")[2]
    with world.socket(token) as socket, statements(world.site.central) as asked:
        socket.send('{"t": "ping"}')
        socket.recv(10)
        asked.clear()
        socket.send(json.dumps({"t": "sub", "ch": 1, "camera": told, "stream": "main"}))
        try:
            return str(socket.recv(10)), asked
        except ConnectionClosed:
            return str(socket.close_code), asked
