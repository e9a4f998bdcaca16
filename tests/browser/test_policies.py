"""The pages of retention policies in a real browser: no wider than a phone, in both themes, changed without JavaScript's help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.conftest import PICTURES, keep_picture, on_pages, watching
from tests.factories import a_branch, a_camera, an_account, done
from tests.web.world import World
from vms.domain.ids import SessionId
from vms.domain.people import Person, Role
from vms.domain.policy import Days, PlaceKind, PolicyPlace
from vms.services.hub_link import LocalHub
from vms.services.policies import NewPolicy, checked_hours, set_policy

pytestmark = pytest.mark.slow
PHONE: ViewportSize = {"width": 360, "height": 800}
HOURS = "Mon-Thu 09:00-21:00; Fri-Sat 10:00-13:00, 14:00-18:00; Sun closed; 2026-12-24 09:00-13:00; 2026-12-25 closed"
BASIS = "Alder County records schedule 4.2, security recordings; RCW 40.14.070"


@pytest.fixture
def furnished(world: World) -> World:
    """A branch with a policy of its own, an area whose policy is to be lowered, and a recorder that has not heard of either."""
    hub, node, at = LocalHub(world.site.central), world.camera.device.node_id, world.clock.now()
    newest = hub.orders(node, 0, at=at).hold_seq
    hub.answer_holds(node, newest, [], at=at)
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
        room = a_camera(session, harbor, "Story corner", area="Children’s room")
        assert room.area is not None
        an_account(session, Role.DELEGATE, name="r.castellanos")
        account = an_account(session, Role.DIRECTOR, name="h.marsh")
        director = Person(account.id, account.name, account.role, SessionId(1))
        longer = NewPolicy(
            PolicyPlace(PlaceKind.BRANCH, harbor.id),
            Days(3, 20, hours=checked_hours(HOURS)),
            "Minutes of 12 May",
            BASIS,
            "Kept for three weeks.",
            at + timedelta(days=10),
        )
        shorter = NewPolicy(PolicyPlace(PlaceKind.AREA, room.area.id), Days(target_days=7), "Nothing of children for longer than needed")
        for new in (longer, shorter):
            done(set_policy(session, director, new, at=at))
    return world


@pytest.mark.parametrize("path", ["/policy", "/policy/new"])
def test_a_page_of_policies_is_no_wider_than_a_phone_and_keeps_to_the_rules(browser: Browser, furnished: World, path: str) -> None:
    role = Role.DELEGATE if path == "/policy" else Role.DIRECTOR
    with on_pages(browser, furnished, furnished.token(role)) as context, watching(context) as watched:
        page, name = watched.page, path.strip("/").replace("/", "-")
        page.goto(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            keep_picture(page, f"{name}-{scheme}")
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.emulate_media(color_scheme="light")
        page.screenshot(path=PICTURES / f"{name}-narrow.jpg", type="jpeg", quality=82, full_page=True)


def test_what_would_follow_is_seen_and_then_set(browser: Browser, furnished: World) -> None:
    with on_pages(browser, furnished, furnished.token(Role.DIRECTOR)) as context, watching(context) as watched:
        page = watched.page
        page.goto("/holds")
        page.get_by_role("link", name="How long footage is kept").click()
        page.get_by_role("link", name="Change it").click()
        page.get_by_label("Kept, days").fill("16")
        page.get_by_label("Recorded in these hours").fill("Mon-Fri 08:00-18:00\nSat-Sun closed\n2026-12-25 closed")
        page.get_by_label("Why").fill("Minutes of 12 June")
        page.get_by_role("button", name="See what would follow").click()
        expect(page.get_by_text("14 days, then 16")).to_be_visible()
        keep_picture(page, "policy-new-planned-light")
        page.get_by_role("button", name="Set it").click()
        expect(page.get_by_text("Set. It counts at once")).to_be_visible()
        expect(page.get_by_text("Mon-Fri 08:00-18:00").first).to_be_visible()
