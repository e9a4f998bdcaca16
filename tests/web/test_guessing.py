"""T21: a thousand wrong passwords from two hundred addresses, with a restart in between, while the Director works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from tests.factories import PASSWORD, an_account
from tests.web.conftest import Migrated
from tests.web.serving import loopback_socket, served
from tests.web.world import OWN_PAGE, World, a_world
from vms.config import Settings
from vms.domain.people import Role
from vms.store.migrate import Which
from web.app import create_app, open_site
from web.certificate import ServedCertificate
from web.server import configuration

NAMES = [f"person {number}" for number in range(20)]
ADDRESSES = [f"198.51.{100 + number // 100}.{number % 100}" for number in range(200)]
TRIES = 1000
AT_HOME = "192.0.2.7"


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite: Migrated) -> Iterator[World]:
    settings = Settings(data_dir=tmp_path, trusted_proxies=(ip_network("127.0.0.1/32"),))
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings) as world:
        with world.site.central.writing() as session:
            for name in NAMES[::2]:  # every other name has no account
                an_account(session, Role.DESK, name=name)
            an_account(session, Role.DIRECTOR, name="h.marsh")
        yield world


@contextmanager
def _started(world: World) -> Iterator[httpx.Client]:
    """Start another web process on the same data, behind a proxy."""
    sock = loopback_socket()
    headers = OWN_PAGE | {"x-forwarded-proto": "https", "accept": "application/json"}
    app = create_app(open_site(world.site.settings, world.clock))
    with (
        served(configuration(app, ServedCertificate(None)), sock),
        httpx.Client(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", headers=headers, timeout=20) as browser,
    ):
        yield browser


def _sign_in(browser: httpx.Client, name: str, address: str, password: str = "wrong") -> httpx.Response:
    return browser.post("/api/v1/session", json={"name": name, "password": password}, headers={"x-forwarded-for": address})


@pytest.mark.parametrize(
    "share", [pytest.param(5, marks=pytest.mark.slow, id="a fifth of it"), pytest.param(1, marks=pytest.mark.long, id="all of it")]
)
def test_each_name_is_tried_ten_times_an_hour_and_the_director_signs_in_as_ever(world: World, share: int) -> None:
    tries, names, addresses = TRIES // share, NAMES[: len(NAMES) // share], ADDRESSES[: len(ADDRESSES) // share]
    verified: Counter[str] = Counter()
    bodies: dict[tuple[int, bool], set[str]] = {}
    with _started(world) as browser:
        assert _sign_in(browser, "h.marsh", AT_HOME, PASSWORD).status_code == 200
    for part in range(2):
        with _started(world) as browser:
            for number in range(tries // 2):
                count = tries // 2 * part + number
                name = names[count % len(names)]
                answer = _sign_in(browser, name, addresses[count % len(addresses)])
                verified[name] += answer.status_code == 401
                told = answer.json()["detail"].replace(answer.headers.get("retry-after", "none"), "N")
                bodies.setdefault((answer.status_code, name in NAMES[::2]), set()).add(told)
                if count % (tries // 10) == tries // 20:
                    _sign_in(browser, "h.marsh", addresses[count % len(addresses)])
                    assert _sign_in(browser, "h.marsh", AT_HOME, PASSWORD).status_code == 200
                world.clock.step(timedelta(hours=1) / tries)
    assert set(verified) == set(names)
    assert max(verified.values()) <= 10
    assert min(verified.values()) >= 8  # nobody is shut out either
    assert {status for status, _ in bodies} == {401, 429}
    assert all(len(told) == 1 for told in bodies.values())
    for status in (401, 429):
        assert bodies[status, True] == bodies[status, False]
