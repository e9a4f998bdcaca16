"""Two worlds compared, answer by answer: the same requests to one central database as it was twice, but for what nobody is to see."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import timedelta

import httpx
from pysqlite3 import dbapi2

from tests.factories import CONSOLE, NOW
from tests.web.world import World
from vms.domain.access import Action
from vms.services.access_log import record
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from web.app import create_app
from web.permissions import declared_permissions

_KEY = LogKey(bytes(range(32)))
_RANDOM = {"/account/passkeys/new", "/account/authenticator"}
"""What they answer is new each time."""
Answers = dict[tuple[int, str], tuple[int, dict[str, str], str]]
"""By the reader's place and what was asked."""


def answers(
    world: World, readers: Sequence[httpx.Client], number: int, *, of: Collection[str], ask: Callable[[httpx.Client, str], httpx.Response]
) -> Answers:
    """Return what every reader gets of every GET route, and by `ask` of every POST below those of `of`, asked with this number."""
    for step in range(3):
        with world.site.central.writing() as session:
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, camera_id=world.camera.camera.id)
            sign_checkpoint(session, _KEY, at=NOW + timedelta(minutes=5 * step))
    asked = [
        (method, _address(route.path, world, number))
        for route in declared_permissions(create_app(world.site))
        for method in route.methods
        if route.path not in _RANDOM and (method == "GET" or (method == "POST" and any(one in route.path for one in of)))
    ]
    return {
        (who, f"{how} {where}"): told(reader.get(where) if how == "GET" else ask(reader, where))
        for who, reader in enumerate(readers)
        for how, where in asked
    }


def _address(path: str, world: World, number: int) -> str:
    path = path.replace("{number}", str(number)).replace("{camera}", str(world.camera.camera.id))
    return re.sub(r"\{[^}]+\}", "1", path) + ("?start=2026-03-14T14:00:00Z&end=2026-03-14T15:00:00Z" if "timeline" in path else "")


def told(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """Return an answer without what is random in each, and without the moment at which it was sent."""
    headers = {name: re.sub(r"nonce-[^']+", "", value) for name, value in answer.headers.items() if name not in ("date", "server-timing")}
    return answer.status_code, headers, re.sub(r'nonce="[^"]+"', "", answer.text)


def copy_of(world: World) -> dbapi2.Connection:
    copy = dbapi2.connect(":memory:")
    with closing(dbapi2.connect(world.site.settings.central_path)) as central:
        central.backup(copy)
    return copy


def put_back(world: World, copy: dbapi2.Connection) -> None:
    with closing(dbapi2.connect(world.site.settings.central_path)) as central:
        copy.backup(central)
    copy.close()
