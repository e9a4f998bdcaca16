"""An outsider beside a member of staff, in a real browser: begun on the request's page, played to its end and no further, ended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import keep_picture, on_pages, watching
from tests.factories import done
from tests.vms.services.requesting import a_new_request, at_work, in_order
from tests.web.footage import SEGMENT_SECONDS, record
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.export_scope import CameraSpan, Delivery
from vms.domain.people import Role
from vms.domain.request import ExportRequest
from vms.domain.timespan import ms_of, ticks_of
from vms.services.approvals import approve
from vms.services.requests import enter
from vms.services.sessions import session_for_token

pytestmark = pytest.mark.slow
PHONE = {"width": 390, "height": 844}
ENTRIES = {
    "Who is shown it": "Det. R. Alvarez",
    "Badge and agency, or what they have to do with it": "4711, Alder County Sheriff",
    "How it was made sure who they are, and by whom": "badge and card, seen by d.nakamura",
    "At which branch and screen": "Main Street, the office behind the desk",
}


def test_what_was_approved_plays_to_its_end_and_the_page_tells_what_was_seen(browser: Browser, world: World) -> None:
    desk, director = world.token(Role.DESK), world.token(Role.DIRECTOR)
    request = _approved(world, desk, director)
    with on_pages(browser, world, director) as context, watching(context) as watched:
        page = watched.page
        page.goto(f"/requests/{request.id}")
        _pictures(page, "showing-form")
        for label, entry in ENTRIES.items():
            page.get_by_label(label).fill(entry)
        page.get_by_role("button", name="Begin the showing").click()
        expect(page.get_by_text("is shown it at Main Street, the office behind the desk")).to_be_visible()
        _pictures(page, "showing-runs")
        page.get_by_role("link", name=re.compile("Entrance, from")).click()
        expect(page.get_by_text("This is the end of what may be shown")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("What is it for?")).to_have_count(0)
        keep_picture(page, "showing-player")
        page.get_by_role("link", name=re.compile("You show recordings to an outsider")).click()
        page.get_by_role("button", name="End the showing").click()
        expect(page.get_by_text("was shown it at Main Street").first).to_be_visible()
        expect(page.get_by_text("Sent to the screen (UTC): Main Street/Entrance").first).to_be_visible()
        _pictures(page, "showing-ended")
        page.get_by_role("link", name="Receipt to sign").click()
        expect(page.get_by_text("Seen as it stands here, Det. R. Alvarez")).to_be_visible()
        keep_picture(page, "showing-receipt")
    opened = world.events(Action.VIEW_OPEN)
    assert [(one.purpose, one.detail["incident"]) for one in opened] == [("request", request.number)]
    assert world.events(Action.ACCESS_REFUSE) == []


def test_who_is_at_the_desk_sees_that_recordings_are_shown(browser: Browser, world: World) -> None:
    desk, director = world.token(Role.DESK), world.token(Role.DIRECTOR)
    request = _approved(world, desk, director)
    with on_pages(browser, world, director) as context, watching(context) as watched:
        watched.page.goto(f"/requests/{request.id}")
        for label, entry in ENTRIES.items():
            watched.page.get_by_label(label).fill(entry)
        watched.page.get_by_role("button", name="Begin the showing").click()
    with on_pages(browser, world, desk) as context, watching(context) as watched:
        watched.page.goto("/requests")
        expect(watched.page.get_by_text("shows recordings to an outsider at Main Street, the office behind the desk")).to_be_visible()
        _pictures(watched.page, "showing-desk")


def _approved(world: World, desk: str, director: str) -> ExportRequest:
    """Return a request of the desk for eight seconds of what was recorded, approved to be shown."""
    at, site = world.clock.now(), world.site
    start, end = (at.replace(microsecond=0) - timedelta(seconds=600 - second) for second in (0, 2 * SEGMENT_SECONDS))
    around = timedelta(seconds=SEGMENT_SECONDS)
    record(world.node, world.main, start - around, segments=4)
    world.node.timelines[world.main] = {"recorded": [{"start": ticks_of(start - around), "end": ticks_of(end + around)}], "gaps": []}
    spans = (CameraSpan(world.camera.camera.id, ms_of(start), ms_of(end)),)
    with site.central.writing() as session:
        enterer, decider = (at_work(done(session_for_token(session, token, at=at)).person, at) for token in (desk, director))
        new = a_new_request(spans, delivery=Delivery.ON_SITE)
        request = done(enter(session, site.settings, enterer, new, at=at))
        in_order(session, site.settings, decider, request, at=at)
        return done(approve(session, site.settings, decider, request.id, request.sha256, at=at))


def _pictures(page: Page, name: str) -> None:
    """Keep the page as a desk and as a telephone shows it, which is no wider than its screen."""
    wide = page.viewport_size
    assert wide is not None
    keep_picture(page, name)
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    keep_picture(page, f"{name}-phone")
    page.set_viewport_size(wide)
