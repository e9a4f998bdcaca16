"""The next person takes a workstation over by the district's sign-in: in a window of its own, while the pictures go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import watching
from tests.factories import an_account, done
from tests.waiting import wait_until
from tests.web.conftest import Migrated
from tests.web.district import a_district
from tests.web.footage import live_init, live_pictures, live_state
from tests.web.world import World
from vms.domain.access import Action, Purpose
from vms.domain.people import Proof, Role
from vms.services.screens import Enrolled
from vms.services.sessions import Browser as Brought
from vms.services.sessions import digest, open_session
from vms.store import identities, people
from web.screen_cookie import SCREEN_COOKIE
from web.security import COOKIE

pytestmark = pytest.mark.slow
FRAME_S = 0.04
PAINTED = "() => document.querySelector('vms-tile video[data-current]')?.currentTime ?? 0"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[World]:
    with a_district(tmp_path_factory.mktemp("switching"), migrated_sqlite, "localhost") as world:
        for name in ("ana", "ben"):
            _account(world, name)
        world.site.gateway.look_seconds = 0.05
        with _playing(world):
            yield world


def _account(world: World, name: str) -> None:
    """Add somebody of a desk whom the provider knows by that name."""
    issuer = world.site.settings.oidc_issuer
    assert issuer is not None
    with world.site.central.writing() as session:
        account = an_account(session, Role.DESK, name=name, branches=frozenset({world.branch.id}), at=world.clock.now())
        people.confirm(session, account.id, world.clock.now())
        identities.add(session, account.id, issuer=issuer, subject=name, at=world.clock.now())


@contextmanager
def _playing(world: World) -> Iterator[None]:
    """Let the camera send a picture every 40 ms, on both its streams."""
    for stream in (world.main, world.sub):
        world.node.live[stream] = [live_state(), live_init()]
    stopped = threading.Event()

    def send() -> None:
        number = 0
        while not stopped.wait(FRAME_S):
            for stream in (world.main, world.sub):
                if world.node.watched(stream):
                    world.node.send(stream, *live_pictures(1, first=number))
            number += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@pytest.mark.parametrize("came_by", ["password", "oidc"])
def test_the_pictures_go_on_while_the_next_person_comes_by_the_provider(browser: Browser, world: World, came_by: str) -> None:
    screen = world.screen(name=f"Desk {came_by}")
    with _at_the_desk(browser, world, screen) as context, watching(context) as watched:
        page = watched.page
        _come(world, context, page, screen, came_by)
        _plays_on(page)
        page.evaluate("window.neverLeft = true")
        before = len(world.events())

        page.locator("details.person summary").click()
        page.get_by_role("link", name="Switch user").click()
        context.set_extra_http_headers({"x-account": "ben", "x-amr": "pwd,mfa"})
        with page.expect_popup() as opened:
            page.get_by_role("dialog", name="Switch user").get_by_role("button", name="District sign-in").click()
        expect(page.locator("details.person summary")).to_contain_text("ben", timeout=20_000)
        if not opened.value.is_closed():
            opened.value.wait_for_event("close")

        expect(page.get_by_role("dialog")).to_have_count(0)
        _plays_on(page)
        assert page.evaluate("window.neverLeft === true")
        wait_until(lambda: _closed_by(world, before, "ana") and _opened_by(world, before, "ben"), seconds=10)
    told = [(event.action, event.actor_name) for event in world.events(Action.SESSION_OPEN, Action.SESSION_CLOSE)]
    assert told[-2:] == [(Action.SESSION_CLOSE, "ana"), (Action.SESSION_OPEN, "ben")]
    assert world.events(Action.SESSION_CLOSE)[-1].detail == {"why": "switched"}
    assert world.events(Action.SESSION_OPEN)[-1].detail["screen"] == screen.screen.name


def test_who_is_refused_there_changes_nothing_here(browser: Browser, world: World) -> None:
    screen = world.screen(name="Desk refused")
    with _at_the_desk(browser, world, screen) as context, watching(context) as watched:
        page = watched.page
        _come(world, context, page, screen, "password")
        _plays_on(page)
        page.locator("details.person summary").click()
        page.get_by_role("link", name="Switch user").click()
        context.set_extra_http_headers({"x-account": "nobody-knows", "x-amr": "pwd,mfa"})
        with page.expect_popup() as opened:
            page.get_by_role("dialog", name="Switch user").get_by_role("button", name="District sign-in").click()
        expect(opened.value.get_by_role("alert")).to_contain_text("None of your groups")
        expect(page.get_by_role("alert")).to_contain_text("Go on in the window that has opened")
        page.get_by_role("link", name="Stay ana").click()
        _plays_on(page)
        expect(page.locator("details.person summary")).to_contain_text("ana")
        opened.value.close()


@contextmanager
def _at_the_desk(browser: Browser, world: World, screen: Enrolled) -> Iterator[BrowserContext]:
    """Open the browser of an enrolled workstation."""
    context = browser.new_context(base_url=world.site.settings.public_url, viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SCREEN_COOKIE, "value": screen.token, "url": "https://localhost"}])
    yield context
    context.close()


def _come(world: World, context: BrowserContext, page: Page, screen: Enrolled, by: str) -> None:
    """Sign Ana in, and open the live page."""
    if by == "oidc":
        context.set_extra_http_headers({"x-account": "ana", "x-amr": "pwd,mfa"})
        page.goto("/login?next=/live")
        page.get_by_role("button", name="District sign-in").click()
        page.wait_for_url("**/live*")
        return
    with world.site.central.writing() as session:
        whose = people.credential(session, "ana")
        assert whose is not None
        brought = Brought(digest(screen.token))
        opened = done(open_session(session, person_id=whose[0], proof=Proof.TOTP, at=world.clock.now(), browser=brought))
    context.add_cookies([{"name": COOKIE, "value": opened.token, "url": "https://localhost"}])
    page.goto("/live")


def _plays_on(page: Page) -> None:
    """Wait until the picture has moved for half a second from now on: how old it is by the clock of the world says nothing here."""
    page.wait_for_function(f"from => ({PAINTED})() > from + 0.5", arg=page.evaluate(PAINTED), timeout=20_000)


def _closed_by(world: World, before: int, name: str) -> bool:
    return any(event.action is Action.VIEW_CLOSE and event.actor_name == name for event in world.events()[before:])


def _opened_by(world: World, before: int, name: str) -> bool:
    found = [event for event in world.events()[before:] if event.action is Action.VIEW_OPEN and event.actor_name == name]
    return any(event.purpose is Purpose.LIVE for event in found)
