"""A warrant at the door in a real browser: at most ten clicks for who takes it in and for who decides; no page wider than a phone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.browser.conftest import keep_picture, on_pages, watching
from tests.vms.services.requesting import SCAN
from tests.web.world import World
from vms.domain.door import Deputy
from vms.domain.people import Role
from vms.store import door, people

pytestmark = pytest.mark.slow
MOST_CLICKS = 10
PHONE: ViewportSize = {"width": 360, "height": 800}


@dataclass
class Hand:
    """A hand at a page: each button, choice and field that it goes to is a click."""

    page: Page
    clicks: int = 0

    def press(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def write(self, field: str, text: str) -> None:
        self.clicks += 1
        self.page.locator(f"#{field}").fill(text)

    def photograph(self) -> None:
        self.clicks += 1
        self.page.get_by_label("Photograph of the paper").set_input_files({"name": "p.jpg", "mimeType": "image/jpeg", "buffer": SCAN})


def _named_deputy(world: World) -> None:
    world.token(Role.DIRECTOR)
    with world.site.central.writing() as session:
        director = next(one for one in people.find(session) if one.role is Role.DIRECTOR)
        door.put_deputies(session, [Deputy(director.id, "555-0101", "director@alder.example")])


def test_a_warrant_is_taken_in_and_decided_in_ten_clicks_each(browser: Browser, world: World) -> None:
    desk, director = world.token(Role.DESK), world.token(Role.DIRECTOR)
    _named_deputy(world)
    with on_pages(browser, world, desk) as context, watching(context) as watched:
        hand = Hand(watched.page)
        hand.page.goto("/live")
        hand.press(hand.page.get_by_role("link", name="Requests"))
        hand.press(hand.page.get_by_role("link", name="Warrant at the door"))
        keep_picture(hand.page, "door")
        hand.photograph()
        hand.press(hand.page.get_by_label(world.camera.camera.name))
        hand.write("start", "2026-03-14T07:00")
        hand.write("end", "2026-03-14T07:10")
        hand.write("court", "Circuit Court of Alder County")
        hand.write("docket", "26-SW-12")
        hand.write("name", "Det. R. Alvarez")
        hand.press(hand.page.get_by_role("button", name="Keep it and call for the Director"))
        expect(hand.page.get_by_text("It is kept, whatever there is of it.")).to_be_visible()
        keep_picture(hand.page, "door-taken-in")
        assert hand.clicks <= MOST_CLICKS
        for path in ("/door", hand.page.url):
            hand.page.set_viewport_size(PHONE)
            hand.page.goto(path)
            assert hand.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    with on_pages(browser, world, director) as context, watching(context) as watched:
        hand = Hand(watched.page)
        hand.page.goto("/deputies")
        keep_picture(hand.page, "deputies")
        hand.press(hand.page.get_by_role("link", name="A search warrant is at the door"))
        keep_picture(hand.page, "door-decides")
        hand.press(hand.page.get_by_label("I looked at the paper"))
        hand.write("verified", "badge seen, called back")
        hand.write("counsel", "J. Stone, by phone")
        hand.press(hand.page.get_by_role("button", name="It is in proper form"))
        hand.press(hand.page.get_by_role("button", name="Approve exactly this"))
        expect(hand.page.get_by_text("Approved, exactly as it stands here.")).to_be_visible()
        assert hand.clicks <= MOST_CLICKS
