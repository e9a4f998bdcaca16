"""T27: who asks and under which name, whatever headers say; only a proxy that the settings name is believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from starlette.types import Scope

from tests.web.conftest import Migrated
from tests.web.world import OWN_PAGE, World, a_world
from vms.config import Network, Settings
from vms.domain.access import Action
from vms.domain.sign_in_pace import OF_PERSON_HERE
from vms.store.migrate import Which
from web.proxies import see_through
from web.security import HEADERS

TRUSTED: Sequence[Network] = (ip_network("127.0.0.0/8"), ip_network("10.20.0.0/24"), ip_network("fd00::/64"))
PROXY, CLIENT = "10.20.0.5", "203.0.113.9"
BY_HTTPS = {"x-forwarded-proto": "https"}


def _seen(peer: str, headers: Sequence[tuple[str, str]], *, trusted: Sequence[Network] = TRUSTED) -> tuple[str, str]:
    """Return the client and the scheme that a request from `peer` counts as."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope: Scope = {"type": "http", "scheme": "http", "client": (peer, 5), "headers": raw}
    see_through(scope, trusted)
    return scope["client"][0], scope["scheme"]


TOLD = [
    ((CLIENT,), CLIENT),
    ((f"198.51.100.1, {CLIENT}",), CLIENT),  # written by the client itself
    ((f"127.0.0.1, {CLIENT}",), CLIENT),
    (("127.0.0.1", CLIENT), CLIENT),  # two headers are one list
    ((f"{CLIENT}, 10.20.0.7",), CLIENT),  # a second proxy of ours
    ((f"{CLIENT}, fd00::7, 10.20.0.7",), CLIENT),
    ((f"{CLIENT}:4711",), CLIENT),
    (("[2001:db8::9]:4711",), "2001:db8::9"),
    (("2001:db8::9",), "2001:db8::9"),
    ((f"::ffff:{CLIENT}",), CLIENT),
    ((f" {CLIENT} ",), CLIENT),
    (("nonsense",), PROXY),
    (("",), PROXY),
    (("unknown, nonsense",), PROXY),
    ((f"{CLIENT}, nonsense",), PROXY),
    (("10.20.0.7",), "10.20.0.7"),
    ((f"{CLIENT}, nonsense, 10.20.0.7",), "10.20.0.7"),
    ((",".join([CLIENT] * 2000),), CLIENT),
    ((f"{CLIENT}\t",), CLIENT),
    (("0x7f000001",), PROXY),
    (("2130706433",), PROXY),
    (("127.0.0.01",), PROXY),
    (("fe80::1%eth0",), "fe80::1"),
    ((f"for={CLIENT}",), PROXY),
    (("localhost",), PROXY),
]


@pytest.mark.parametrize(("values", "client"), TOLD)
def test_the_right_most_address_that_is_no_proxy_of_ours_is_the_client(values: Sequence[str], client: str) -> None:
    assert _seen(PROXY, [("x-forwarded-for", value) for value in values])[0] == client


@pytest.mark.parametrize(("values", "_client"), TOLD)
def test_nobody_but_a_trusted_proxy_is_believed(values: Sequence[str], _client: str) -> None:
    headers = [*(("x-forwarded-for", value) for value in values), ("x-forwarded-proto", "https")]
    assert _seen("10.99.0.1", headers) == ("10.99.0.1", "http")
    assert _seen(PROXY, headers, trusted=()) == (PROXY, "http")


@pytest.mark.parametrize(
    ("told", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("http", "http"),
        ("http, https", "https"),
        ("https, http", "http"),
        ("ftp", "http"),
        ("", "http"),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_says(told: str, scheme: str) -> None:
    assert _seen(PROXY, [("x-forwarded-proto", told)])[1] == scheme


def test_other_headers_about_the_way_say_nothing() -> None:
    others = ("forwarded", "x-real-ip", "x-client-ip", "cf-connecting-ip", "true-client-ip", "x-forwarded-host")
    assert _seen(PROXY, [(name, CLIENT) for name in others]) == (PROXY, "http")


@pytest.fixture
def behind(tmp_path: Path, migrated_sqlite: Migrated) -> Iterator[World]:
    """Pages behind a proxy on this machine."""
    settings = Settings(data_dir=tmp_path, trusted_proxies=(ip_network("127.0.0.1/32"),), allowed_hosts=("cameras.alder.example",))
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings) as world:
        yield world


def _ask(world: World, path: str = "/login", **headers: str) -> httpx.Response:
    host = {"host": "cameras.alder.example"}
    return httpx.get(f"{world.address}{path}", headers=host | {name.replace("_", "-"): value for name, value in headers.items()})


def _try(world: World, client: str) -> httpx.Response:
    headers = OWN_PAGE | BY_HTTPS | {"host": "cameras.alder.example", "x-forwarded-for": client}
    return httpx.post(f"{world.address}/login", data={"name": "ada", "password": "wrong"}, headers=headers)


def test_the_log_and_the_pause_take_the_real_address(behind: World) -> None:
    for _ in range(OF_PERSON_HERE.free):
        assert _try(behind, f"198.51.100.7, {CLIENT}").status_code == 401
    assert _try(behind, f"198.51.100.8, {CLIENT}").status_code == 429
    assert {event.detail["address"] for event in behind.events(Action.SESSION_REFUSE)} == {CLIENT}


def test_a_proxy_that_was_reached_without_https_is_refused(behind: World) -> None:
    for told in ({}, {"x_forwarded_proto": "http"}):
        answer = _ask(behind, x_forwarded_for=CLIENT, **told)
        assert answer.status_code == 403
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_through_a_proxy_with_https_the_pages_come_and_ask_for_https_for_good(behind: World) -> None:
    answer = _ask(behind, x_forwarded_for=CLIENT, x_forwarded_proto="https")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "headers", [{"x-forwarded-host": "localhost"}, {"x-forwarded-server": "localhost"}, {"forwarded": "host=localhost"}]
)
def test_no_header_stands_for_the_host_name(behind: World, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{behind.address}/login", headers={"host": "evil.example", **BY_HTTPS, "x-forwarded-for": CLIENT, **headers})
    assert answer.status_code == 421
