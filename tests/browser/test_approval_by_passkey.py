"""A request is approved with a passkey in a real browser, by Chromium's virtual authenticator; what it signed is kept."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import keep_picture, on_pages, watching
from tests.browser.passkey_device import Device, add_passkey, sign_in_by_password
from tests.factories import an_account
from tests.vms.services.requesting import a_request, at_work, in_order
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.ids import SessionId
from vms.domain.people import PROOF_LASTS, Person, Role

pytestmark = pytest.mark.slow


def test_the_director_approves_by_a_passkey_that_signs_just_that(browser: Browser, world: World) -> None:
    with world.site.central.writing() as session:
        desk, director = (an_account(session, role, name=name) for role, name in ((Role.DESK, "d.nakamura"), (Role.DIRECTOR, "h.marsh")))
        at, settings = world.clock.now(), world.site.settings
        clerk, head = (Person(one.id, one.name, one.role, SessionId(1)) for one in (desk, director))
        request = a_request(session, settings, clerk, camera=world.camera.camera.id, at=at)
        in_order(session, settings, at_work(head, at), request, at=at)
    with on_pages(browser, world) as context, watching(context) as watched:
        page = watched.page
        Device(page)
        sign_in_by_password(page, "h.marsh")
        add_passkey(page)
        world.clock.step(PROOF_LASTS)
        page.goto(f"/requests/{request.id}")
        button = page.get_by_role("button", name="Approve exactly this with a passkey")
        button.scroll_into_view_if_needed()
        keep_picture(page, "approve-by-passkey")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        button.scroll_into_view_if_needed()
        keep_picture(page, "approve-by-passkey-narrow")
        button.click()
        page.wait_for_url("**?done=approved")
        expect(page.get_by_text("a passkey signed it")).to_be_visible()
    (event,) = world.events(Action.EXPORT_APPROVE)
    assert len(event.detail["passkey"]) == 64
