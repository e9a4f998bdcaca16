"""HTTPS with an authority of one's own: a real client that trusts it, the page that hands it out, and a renewed certificate."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import Migrated
from tests.web.world import OWN_PAGE, World, a_world
from vms.clock import SystemClock
from vms.config import Settings
from vms.services.own_ca import Authority, make_authority, renew_if_due
from vms.store.migrate import Which

HOST = "cameras.alder.lan"


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite: Migrated) -> Iterator[World]:
    settings = Settings(data_dir=tmp_path)
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    settings.secrets_dir.mkdir()
    make_authority(settings, [HOST], district="Alder", at=_now())
    with a_world(settings) as world:
        yield world


def _now() -> datetime:
    """Real time and not the world's: TLS compares with the machine's clock."""
    return SystemClock().now()


def _authority(world: World) -> Authority:
    assert world.site.authority is not None
    return world.site.authority


def _trusting(world: World) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=_authority(world).pem.decode())


def _browser(world: World) -> httpx.Client:
    return httpx.Client(
        base_url=world.address, verify=_trusting(world), trust_env=False, headers=OWN_PAGE | {"accept": "text/html"}, timeout=20
    )


def test_who_trusts_the_authority_reaches_the_pages_under_its_names(world: World) -> None:
    port = int(world.address.rpartition(":")[2])
    for name in (HOST, "localhost", "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            _trusting(world).wrap_socket(plain, server_hostname=name) as secured,
        ):
            secured.sendall(f"GET /login HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
            assert secured.recv(12) == b"HTTP/1.1 200"


def test_nobody_else_is_convinced(world: World) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{world.address}/login", verify=ssl.create_default_context(), trust_env=False)


def test_nothing_older_than_tls_1_2_is_spoken(world: World) -> None:
    old = _trusting(world)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    port = int(world.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=HOST)


def test_browsers_are_told_to_come_by_https_from_now_on(world: World) -> None:
    with _browser(world) as browser:
        assert browser.get("/login").headers["strict-transport-security"] == "max-age=31536000"


def test_the_page_shows_the_fingerprint_and_the_file_is_the_certificate(world: World) -> None:
    with _browser(world) as browser:
        page, file = browser.get("/ca"), browser.get("/ca.crt")
        assert _authority(world).fingerprint in page.text
        assert HOST in page.text
        assert 'href="/ca"' in browser.get("/login").text
    assert file.headers["content-type"] == "application/x-x509-ca-cert"
    assert file.headers["content-disposition"].startswith("attachment")
    assert hashlib.sha256(file.content).digest() == _authority(world).sha256


def test_without_an_authority_there_is_nothing_to_install(shared_world: World) -> None:
    for path in ("/ca", "/ca.crt"):
        assert httpx.get(f"{shared_world.address}{path}").status_code == 404
    assert "/ca" not in httpx.get(f"{shared_world.address}/login").text


def test_a_renewed_certificate_is_shown_without_a_restart_and_a_torn_one_is_not(world: World) -> None:
    before = _shown(world)
    assert renew_if_due(world.site.settings, at=_now() + timedelta(days=380))
    world.certificate.look()
    assert (after := _shown(world)) != before
    world.site.settings.tls_server_path.write_bytes(b"torn")
    world.certificate.look()
    assert _shown(world) == after


def _shown(world: World) -> bytes:
    """Return the certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", int(world.address.rpartition(":")[2])), timeout=10) as plain:
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        with anybody.wrap_socket(plain) as secured:
            return secured.getpeercert(binary_form=True) or b""
