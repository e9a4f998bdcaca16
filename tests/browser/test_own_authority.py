"""A browser that trusts the district's own authority, and nothing else of this machine, under a real host name: passkeys work there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from tests.browser.conftest import CHROMIUM, watching
from tests.browser.passkey_device import get_passkey
from tests.factories import an_account
from tests.web.conftest import Migrated
from tests.web.world import World, a_world
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.people import Role
from vms.services.own_ca import make_authority
from vms.store.migrate import Which

pytestmark = pytest.mark.slow
HOST = "cameras.alder.example"
CERTUTIL = shutil.which("certutil")


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite: Migrated) -> Iterator[World]:
    settings = Settings(data_dir=tmp_path / "data", allowed_hosts=(HOST,))
    settings.data_dir.mkdir()
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    settings.secrets_dir.mkdir()
    make_authority(settings, [HOST], district="Alder", at=SystemClock().now())
    with a_world(settings) as world:
        with world.site.central.writing() as session:
            an_account(session, Role.IT, name="t.okafor")
        yield world


def _home(folder: Path, world: World, *, trusts: bool) -> Path:
    """Make a home directory whose browsers trust the authority of the pages, as a desk does on which somebody has installed it."""
    if CERTUTIL is None:
        pytest.skip("no certutil: deploy/debian-test-packages.sh installs it")
    assert world.site.authority is not None
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    subprocess.run([CERTUTIL, "-d", f"sql:{database}", "-N", "--empty-password"], check=True)
    if trusts:
        (folder / "ca.pem").write_bytes(world.site.authority.pem)
        subprocess.run([CERTUTIL, "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "Alder", "-i", folder / "ca.pem"], check=True)
    return folder


def _launched(home: Path, playwright: Playwright) -> Browser:
    """Start a browser in a home of its own, to which the host name is this machine."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: deploy/debian-test-packages.sh installs it")
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, env={**os.environ, "HOME": str(home)})


def test_a_passkey_belongs_to_the_host_name_and_signs_in_there(tmp_path: Path, world: World) -> None:
    with sync_playwright() as playwright:
        browser = _launched(_home(tmp_path / "home", world, trusts=True), playwright)
        context = browser.new_context(base_url=world.address.replace("127.0.0.1", HOST))
        with watching(context) as watched:
            get_passkey(watched.page, "t.okafor")
            watched.page.get_by_role("button", name="Sign in with a passkey").click()
            watched.page.wait_for_url(f"https://{HOST}:*/cameras")
        browser.close()
    assert [event.detail["how"] for event in world.events(Action.SESSION_OPEN)] == ["password", "passkey"]


def test_a_browser_that_does_not_trust_the_authority_shows_no_page(tmp_path: Path, world: World) -> None:
    with sync_playwright() as playwright:
        browser = _launched(_home(tmp_path / "home", world, trusts=False), playwright)
        page = browser.new_page(base_url=world.address.replace("127.0.0.1", HOST))
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto("/login")
        browser.close()
