"""The district's sign-in in a real browser: its SameSite cookies, its content security policy, its redirects between two sites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watching
from tests.web.conftest import Migrated
from tests.web.district import a_district, confirmed
from tests.web.world import World
from vms.domain.access import Action

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[World]:
    with a_district(tmp_path_factory.mktemp("oidc"), migrated_sqlite, "localhost") as world:
        yield world


@pytest.mark.parametrize("javascript", ["with scripts", "without"])
def test_somebody_is_proposed_confirmed_signed_in_and_proves_anew(browser: Browser, world: World, javascript: str) -> None:
    name = "zoe" if javascript == "without" else "yann"
    context = browser.new_context(
        base_url=world.site.settings.public_url,
        java_script_enabled=javascript != "without",
        extra_http_headers={"x-account": name, "x-groups": "cameras-it", "x-amr": "pwd,mfa"},
    )
    with watching(context) as watched:
        page = watched.page
        watched.foresee(401)
        _sign_in(page)
        expect(page.get_by_role("alert")).to_contain_text("opens once the Director has confirmed it")
        confirmed(world, name)

        _sign_in(page)
        page.wait_for_url("**/cameras")
        expect(page.get_by_role("heading", name="Cameras", level=1)).to_be_visible()

        page.goto("/prove?next=/people/new")
        page.get_by_role("button", name="District sign-in").click()
        page.wait_for_url("**/people/new")
        strict, lax = (
            {cookie["name"]: cookie["sameSite"] for cookie in context.cookies()}.get(one) for one in ("__Host-vms", "__Host-oidc")
        )
        assert (strict, lax) == ("Strict", None)
    assert world.events(Action.SESSION_PROVE)[-1].actor_name == name
    context.close()


def _sign_in(page: Page) -> None:
    page.goto("/login?next=/cameras")
    page.get_by_role("button", name="District sign-in").click()
