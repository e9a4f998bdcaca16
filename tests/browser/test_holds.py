"""The pages of legal holds in a real browser: no wider than a phone, both themes, and the sheet as it is printed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.conftest import PICTURES, keep_picture, on_pages, watching
from tests.factories import CONSOLE, a_branch, a_camera, an_account, done
from tests.vms.services.holding import a_hold, a_new_hold, an_answer
from tests.web.world import World
from vms.domain.hold import HoldKind, HoldScope
from vms.domain.ids import SessionId
from vms.domain.legal_hold import LegalHold
from vms.domain.people import Person, Role
from vms.services import cameras
from vms.services.hold_release import confirm_release, propose_release
from vms.services.hub_link import LocalHub

pytestmark = pytest.mark.slow
PHONE: ViewportSize = {"width": 360, "height": 800}
A4_WITHIN_MARGINS: ViewportSize = {"width": 658, "height": 987}
"""174 by 261 mm, in pixels of a 96th of an inch."""
MATTER = "Smith v. Alder County Library District and others, Superior Court 26-CV-1188"


@pytest.fixture
def hold(world: World) -> LegalHold:
    """A hold of two branches, one camera of which lost something, with a proposal to release it; beside it one that cools off."""
    hub, node, at = LocalHub(world.site.central), world.camera.device.node_id, world.clock.now()
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
        pier = a_camera(session, harbor, "Pier", area="Entrance hall")
        old = a_camera(session, harbor, "Loading bay, north")
        done(cameras.remove_camera(session, CONSOLE, old.camera.id, at=at))
        delegates = [an_account(session, Role.DELEGATE, name=name) for name in ("r.castellanos", "h.marsh")]
        first, second = (Person(one.id, one.name, one.role, SessionId(1)) for one in delegates)
        everything = HoldScope(frozenset({world.camera.camera.id}), frozenset(), frozenset({harbor.id}))
        hold = a_hold(session, first, a_new_hold(everything, matter=MATTER, end=None, authority="Alder County 26-CV-1188"), at=at)
        other = a_new_hold(everything, matter="A fall on the stairs", kind=HoldKind.PROVISIONAL, expires_at=at + timedelta(days=30))
        cooling = a_hold(session, first, other, at=at)
    orders = hub.orders(node, 0, at=at)
    found = [an_answer(hold.id, world.camera.camera.id, 1234, condemned=2, purged=5), an_answer(hold.id, pier.camera.id, 12_345)]
    hub.answer_holds(node, orders.hold_seq, found, at=at)
    with world.site.central.writing() as session:
        done(propose_release(session, second, hold.id, "The case was settled on 12 March; counsel agrees in writing.", at=at))
        done(propose_release(session, first, cooling.id, "The paper never came.", at=at))
        done(confirm_release(session, second, cooling.id, at=at))
    return hold


@pytest.mark.parametrize("path", ["/holds", "/holds/new", "/holds/{}", "/holds/{}/sheet", "/holds/{}/release"])
def test_a_page_of_holds_is_no_wider_than_a_phone_and_keeps_to_the_policy(
    browser: Browser, world: World, hold: LegalHold, path: str
) -> None:
    with on_pages(browser, world, world.token(Role.DIRECTOR)) as context, watching(context) as watched:
        page = watched.page
        page.goto(path.format(hold.id))
        name = f"holds-{path.strip('/').replace('/', '-').replace('{}', 'one')}"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            keep_picture(page, f"{name}-{scheme}")
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.emulate_media(color_scheme="light")
        page.screenshot(path=PICTURES / f"{name}-narrow.jpg", type="jpeg", quality=82, full_page=True)


def test_the_sheet_prints_as_pages_without_a_button(browser: Browser, world: World, hold: LegalHold, tmp_path: Path) -> None:
    with on_pages(browser, world, world.token(Role.AUDITOR)) as context, watching(context) as watched:
        page = watched.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"/holds/{hold.id}/sheet")
        expect(page.get_by_role("button", name="Print")).to_be_visible()
        assert page.evaluate("document.querySelector('.paper').scrollWidth <= document.querySelector('.paper').clientWidth")
        page.emulate_media(media="print")
        page.set_viewport_size(A4_WITHIN_MARGINS)
        expect(page.get_by_role("button", name="Print")).to_be_hidden()
        expect(page.get_by_role("link", name="Back to the hold")).to_be_hidden()
        expect(page.get_by_text(MATTER)).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.paper')).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("document.documentElement.scrollWidth") <= A4_WITHIN_MARGINS["width"]
        keep_picture(page, "holds-sheet-print")
        assert page.pdf(path=tmp_path / "sheet.pdf", format="Letter").startswith(b"%PDF")
        assert all(url.startswith(world.address.replace("127.0.0.1", "localhost")) for url in asked)
