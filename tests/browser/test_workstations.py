"""A browser that was enrolled as a workstation: hands on it are told, a passkey opens it, the next person takes it over, its end shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import on_pages, watching
from tests.browser.passkey_device import get_passkey
from tests.factories import an_account
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.people import Role
from vms.services.screens import Enrolled
from vms.services.sessions import TOUCH_EVERY, digest
from vms.store import people, sessions
from web.security import COOKIE

pytestmark = pytest.mark.slow
JUST_UNDER_HANDS_MS, OVER_HANDS_MS = 29_000, 31_000
"""Half a minute after a page was opened or told of hands it tells of the next ones."""
ME = "/api/v1/me"
SAID = {"how": "passkey", "address": "127.0.0.1", "screen": "Desk 1"}


@pytest.fixture
def screen(world: World) -> Enrolled:
    return world.screen(name="Desk 1")


@pytest.fixture
def desk(browser: Browser, world: World, screen: Enrolled) -> Iterator[BrowserContext]:
    """The browser at the desk; nobody is signed in."""
    with on_pages(browser, world, screen=screen) as context:
        yield context


def _fetches(page: Page) -> list[str]:
    """Return the paths that the page's scripts ask for from now on, as a list that grows."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path) if request.resource_type == "fetch" else None)
    return asked


def _is_heard(page: Page) -> None:
    """Wait until whatever the page asked for before has been heard of."""
    page.evaluate("fetch('/healthz')")


def _acted_at(world: World, token: str) -> datetime:
    with world.site.central.reading() as session:
        found = sessions.of_token(session, digest(token))
    assert found is not None
    return found.acted_at


def test_hands_on_a_page_put_the_lock_off_and_scripts_do_not(browser: Browser, world: World, screen: Enrolled) -> None:
    token = world.token(Role.SUPERVISOR, screen=screen)
    with on_pages(browser, world, token, screen) as context, watching(context) as watched:
        page = watched.page
        page.clock.install()
        page.goto("/rules")
        asked = _fetches(page)
        world.clock.step(TOUCH_EVERY)
        page.clock.fast_forward(JUST_UNDER_HANDS_MS)
        page.keyboard.press("Shift")
        page.clock.fast_forward(OVER_HANDS_MS - JUST_UNDER_HANDS_MS)
        page.evaluate("dispatchEvent(new KeyboardEvent('keydown')), dispatchEvent(new PointerEvent('pointerdown'))")
        _is_heard(page)
        assert asked == ["/healthz"]
        assert _acted_at(world, token) < world.clock.now()
        for touch in ("key", "pointer"):
            with page.expect_response(f"**{ME}"):
                page.keyboard.press("Shift") if touch == "key" else page.locator("h1").click()
            assert _acted_at(world, token) == world.clock.now()
            page.keyboard.press("Shift")  # within the half minute
            world.clock.step(TOUCH_EVERY)
            page.clock.fast_forward(OVER_HANDS_MS)
        assert asked == ["/healthz", ME, ME]


def test_a_browser_that_is_no_workstation_tells_of_no_hands(browser: Browser, world: World) -> None:
    with on_pages(browser, world, world.token(Role.SUPERVISOR)) as context, watching(context) as watched:
        page = watched.page
        page.clock.install()
        page.goto("/rules")
        asked = _fetches(page)
        page.clock.fast_forward(OVER_HANDS_MS)
        page.keyboard.press("Shift")
        _is_heard(page)
        assert asked == ["/healthz"]


def test_a_passkey_signs_in_at_a_workstation(desk: BrowserContext, world: World) -> None:
    _an_account(world, Role.SUPERVISOR, "s.ruiz")
    with watching(desk) as watched:
        page = watched.page
        get_passkey(page, "s.ruiz")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/live")
        expect(page.locator("#lock")).to_have_count(1)  # a workstation's page has room for the line that it is locked
    assert world.events(Action.SESSION_OPEN)[-1].detail == SAID


def test_the_next_person_takes_the_desk_over_by_a_passkey(desk: BrowserContext, world: World, screen: Enrolled) -> None:
    _an_account(world, Role.SUPERVISOR, "s.ruiz")
    with watching(desk) as watched:
        page = watched.page
        get_passkey(page, "s.ruiz")
        desk.add_cookies([{"name": COOKIE, "value": world.token(Role.DESK, screen=screen), "url": "https://localhost"}])
        page.goto("/live")
        before = page.locator("details.person summary").inner_text()
        page.evaluate("window.neverLeft = true")
        page.locator("details.person summary").click()
        page.get_by_role("link", name="Switch user").click()
        page.get_by_role("dialog", name="Switch user").get_by_role("button", name="Sign in with a passkey").click()
        expect(page.locator("details.person summary")).to_contain_text("s.ruiz")
        assert page.evaluate("window.neverLeft === true")
    closed, opened = world.events(Action.SESSION_CLOSE, Action.SESSION_OPEN)[-2:]
    assert closed.actor_name in before
    assert closed.detail == {"why": "switched"}
    assert (opened.actor_name, opened.detail) == ("s.ruiz", SAID)


def test_ending_a_screen_on_its_page_ends_what_is_watched_there(browser: Browser, world: World, screen: Enrolled) -> None:
    world.site.gateway.look_seconds = 0.05
    with (
        on_pages(browser, world, world.token(Role.DESK, screen=screen), screen) as desk,
        on_pages(browser, world, world.token(Role.DIRECTOR)) as office,
        watching(desk) as there,
        watching(office) as here,
    ):
        there.page.goto("/live")
        expect(there.page.locator("vms-tile")).not_to_have_count(0)
        here.page.goto("/screens")
        here.page.get_by_role("button", name="End Desk 1").click()
        expect(here.page.get_by_role("status")).to_contain_text("Whoever was signed in there is out within seconds.")
        expect(here.page.get_by_role("button", name="End Desk 1")).to_have_count(0)
        there.page.wait_for_url("**/login?*")
        there.page.goto("/screens/enrol")
        expect(there.page.get_by_text("This browser is the screen")).to_have_count(0)
    assert world.events(Action.SCREEN_END)[-1].detail["sessions_ended"] == "1"


def _an_account(world: World, role: Role, name: str) -> None:
    at = world.clock.now()
    with world.site.central.writing() as session:
        account = an_account(session, role, name=name, at=at)
        people.confirm(session, account.id, at)
