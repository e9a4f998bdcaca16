"""Passkeys in a real browser, with Chromium's virtual authenticator: added, signing in, proving anew; and where there are none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import keep_picture, on_pages, watching
from tests.browser.passkey_device import Device, add_passkey, get_passkey, sign_in_by_password, sign_out
from tests.factories import an_account
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.people import PROOF_LASTS, Role
from vms.store import factors, people

pytestmark = pytest.mark.slow
WITHOUT_PASSKEYS = "delete window.PublicKeyCredential"


@pytest.fixture
def world(world: World) -> World:
    with world.site.central.writing() as session:
        an_account(session, Role.IT, name="t.okafor")
    return world


@pytest.fixture
def context(browser: Browser, world: World) -> Iterator[BrowserContext]:
    with on_pages(browser, world) as context:
        yield context


def test_a_passkey_is_added_signs_in_and_proves_anew(context: BrowserContext, world: World) -> None:
    with watching(context) as watched:
        page = watched.page
        Device(page)
        sign_in_by_password(page, "t.okafor")
        keep_picture(page, "passkey-account-before")
        add_passkey(page)
        keep_picture(page, "passkey-codes")
        page.goto("/account")
        keep_picture(page, "passkey-account")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        keep_picture(page, "passkey-account-narrow")
        page.set_viewport_size({"width": 1280, "height": 800})
        sign_out(page)
        keep_picture(page, "passkey-sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/cameras")
        world.clock.step(PROOF_LASTS)
        page.goto("/account/passkeys/new")
        page.wait_for_url("**/prove?next=*")
        keep_picture(page, "passkey-prove")
        page.get_by_role("button", name="Go on with a passkey").click()
        page.wait_for_url("**/account/passkeys/new")
    assert [event.detail["how"] for event in world.events(Action.SESSION_OPEN)] == ["password", "passkey"]
    assert [event.detail["how"] for event in world.events(Action.SESSION_PROVE)] == ["passkey", "passkey"]


def test_an_error_is_a_sentence_at_the_button_and_the_next_try_works(context: BrowserContext) -> None:
    with watching(context) as watched:
        page = watched.page
        device = Device(page)
        sign_in_by_password(page, "t.okafor")
        add_passkey(page)
        page.goto("/account/passkeys/new")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("has a passkey for this account already")
        sign_out(page)
        device.know_owner(known=False)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.locator("[data-passkey] .fault")).to_contain_text("No passkey was used. Try again")
        keep_picture(page, "passkey-refused")
        device.know_owner(known=True)
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/cameras")


def test_a_passkey_that_was_taken_away_is_refused_on_the_page(context: BrowserContext, world: World) -> None:
    with world.site.central.reading() as session:
        credential = people.credential(session, "t.okafor")
    assert credential is not None
    with watching(context) as watched:
        page = watched.page
        get_passkey(page, "t.okafor")
        with world.site.central.writing() as session:
            factors.forget(session, credential[0])
        watched.foresee(401)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("This passkey opens nothing here.")


def test_a_browser_without_passkeys_is_told_and_signs_in_as_before(context: BrowserContext) -> None:
    context.add_init_script(WITHOUT_PASSKEYS)
    with watching(context) as watched:
        page = watched.page
        page.goto("/login")
        expect(page.get_by_text("Passkeys need the pages under a host name")).to_be_visible()
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        keep_picture(page, "passkey-none")
        sign_in_by_password(page, "t.okafor")


def test_without_javascript_there_is_no_dead_button(browser: Browser, world: World) -> None:
    context = browser.new_context(base_url=world.address.replace("127.0.0.1", "localhost"), java_script_enabled=False)
    with watching(context) as watched:
        page = watched.page
        page.goto("/login")
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        sign_in_by_password(page, "t.okafor")
        page.get_by_role("link", name="Add a passkey").click()
        expect(page.get_by_text("Adding a passkey needs JavaScript.")).to_be_visible()
    context.close()


def test_under_an_address_the_page_says_what_passkeys_need(browser: Browser, world: World) -> None:
    context = browser.new_context(base_url=world.address)
    with watching(context) as watched:
        page = watched.page
        page.goto("/login")
        expect(page.get_by_text("Passkeys need the pages under a host name")).to_be_visible()
        keep_picture(page, "passkey-address")
    context.close()
