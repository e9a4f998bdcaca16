"""Two worlds compared, answer by answer: the same requests to one central database as it was twice, but for what nobody is to see."""

from __future__ import annotations

import re
from contextlib import closing

import httpx
from pysqlite3 import dbapi2

from tests.web.world import World


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
