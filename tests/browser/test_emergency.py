"""An emergency access in a real browser: its lines on live pages that stand open, and its pages on a phone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import keep_picture, on_pages, watching
from tests.factories import a_branch, a_camera, done
from tests.web.world import World
from vms.domain.emergency import EmergencyAccess
from vms.domain.people import Person, Role
from vms.services import emergency
from vms.services.sessions import session_for_token

pytestmark = pytest.mark.slow
REASON = "a fight in the lobby of Harbor, police called, ambulance on its way"
OF_EMERGENCIES = re.compile("every camera of the district|emergency access", re.IGNORECASE)
ASKS_AGAIN_MS = 10_000
"""So often an open live page asks what stands around its pictures."""


@dataclass
class Incident:
    """Somebody of one branch in whose session an emergency is opened, and a Director."""

    world: World
    token: str
    reviewer: str

    def who(self, token: str) -> Person:
        with self.world.site.central.reading() as session:
            return done(session_for_token(session, token, at=self.world.clock.now())).person

    def open(self) -> EmergencyAccess:
        site, person = self.world.site, self.who(self.token)
        with site.central.writing() as session:
            return done(emergency.open_emergency(session, site.settings, person, reason=REASON, at=self.world.clock.now()))

    def close(self, access: EmergencyAccess) -> None:
        person = self.who(self.token)
        with self.world.site.central.writing() as session:
            done(emergency.close_emergency(session, person, access.id, at=self.world.clock.now()))

    def review(self, access: EmergencyAccess) -> None:
        person, at = self.who(self.reviewer), self.world.clock.now()
        with self.world.site.central.writing() as session:
            done(emergency.review_emergency(session, person, access.id, was_for="a fight", right=True, note="", at=at))


@pytest.fixture
def incident(world: World) -> Incident:
    with world.site.central.writing() as session:
        a_camera(session, a_branch(session, "Harbor"), "Pier")
    return Incident(world, world.token(Role.DESK, branches=frozenset({world.branch.id})), world.token(Role.DIRECTOR))


@pytest.mark.parametrize("whose", ["the opener's", "the reviewer's"])
def test_a_page_with_one_in_it_is_no_wider_than_a_phone(browser: Browser, world: World, incident: Incident, whose: str) -> None:
    incident.close(incident.open())
    token, path = (incident.token, "/emergency") if whose == "the opener's" else (incident.reviewer, "/emergency/reviews")
    with on_pages(browser, world, token) as context, watching(context) as watched:
        page = watched.page
        page.set_viewport_size({"width": 360, "height": 800})
        page.goto(path)
        expect(page.get_by_role("main")).to_contain_text(REASON)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        keep_picture(page, f"emergency-narrow-{path.rpartition('/')[2]}")


def _open_live(page: Page) -> None:
    page.clock.install()
    page.goto("/live")
    expect(page.locator("vms-tree")).to_contain_text("Entrance")
    page.evaluate("window.neverLeft = true")


def test_its_lines_come_and_go_on_live_pages_that_stand_open(browser: Browser, world: World, incident: Incident) -> None:
    with (
        on_pages(browser, world, incident.token) as desk,
        on_pages(browser, world, incident.reviewer) as office,
        watching(desk) as there,
        watching(office) as here,
    ):
        opener, reviewer = there.page, here.page
        for page in (opener, reviewer):
            _open_live(page)
            expect(page.locator("#announcements")).not_to_contain_text(OF_EMERGENCIES)
        expect(opener.locator("vms-tree")).not_to_contain_text("Pier")

        access = incident.open()
        for page in (opener, reviewer):
            page.clock.fast_forward(ASKS_AGAIN_MS)
        expect(opener.locator("#announcements")).to_contain_text("every camera of the district")
        expect(opener.locator("vms-tree")).to_contain_text("Pier")
        expect(reviewer.locator("#announcements")).to_contain_text("An emergency access waits for a review")

        incident.close(access)
        incident.review(access)
        for page in (opener, reviewer):
            page.clock.fast_forward(ASKS_AGAIN_MS)
            expect(page.locator("#announcements")).not_to_contain_text(OF_EMERGENCIES)
            assert page.evaluate("window.neverLeft")
        expect(opener.locator("vms-tree")).not_to_contain_text("Pier")
