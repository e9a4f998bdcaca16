"""The page of spot checks and its sheet in a real browser: no wider than a phone, and without a complaint of the rules."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import PICTURES, keep_picture, on_pages, watching
from tests.factories import done
from tests.web.world import World, stream_of
from vms.domain.camera import StreamRole
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.ids import SessionId
from vms.domain.people import Person, Role
from vms.domain.purge import Batch, Purge
from vms.domain.timespan import ms_of
from vms.services import spot_checks
from vms.services.hub_link import LocalHub
from vms.store import people

pytestmark = pytest.mark.slow
PHONE: ViewportSize = {"width": 360, "height": 800}
_MINUTE_MS, _DAYS_MS = 60_000, 14 * 86_400_000


@pytest.fixture
def furnished(world: World) -> World:
    """A day of which the recorder has said what became of it, and one of which it has not."""
    at, camera = world.clock.now(), world.camera.camera.id
    world.token(Role.AUDITOR)
    with world.site.central.writing() as session:
        account = next(one for one in people.find(session) if one.role is Role.AUDITOR)
        auditor = Person(account.id, account.name, account.role, SessionId(1))
        done(spot_checks.pick(session, auditor, camera, "2026-01-12", at=at))
    hub, node = LocalHub(world.site.central), world.camera.device.node_id
    (asked,) = hub.spot_checks(node)
    start, stream = ms_of(asked.day.start), stream_of(world.camera, StreamRole.MAIN)
    purges = []
    for hour in range(6):
        first = start + hour * 60 * _MINUTE_MS
        size, gone_ms = 31_457_280 * 60, first + _DAYS_MS + 60 * _MINUTE_MS
        batch = Batch(hour + 1, stream, camera, first, first + 59 * _MINUTE_MS, first + 60 * _MINUTE_MS, 60, size, _DAYS_MS, 1, gone_ms)
        purges.append(Purge(batch, 100 + hour, gone_ms + 900, bytes([hour]) * 32))
    found = DayProof(
        camera_id=camera, day=asked.day, verdict=Verdict.GONE, keeps_days=14, over_at=asked.day.end, held=(), purges=tuple(purges), rows=0,
        files=0, left=(), keys_there=0, keys_destroyed=24, entries=312, broken_at=None, heads=13, unmounted=(),
    )  # fmt: skip
    hub.answer_spot_check(node, asked.id, found, at=at)
    with world.site.central.writing() as session:
        done(spot_checks.pick(session, auditor, camera, "2026-01-13", at=at))
    return world


def test_the_checks_and_their_sheet_fit_a_phone_and_keep_to_the_rules(browser: Browser, furnished: World) -> None:
    with on_pages(browser, furnished, furnished.token(Role.AUDITOR)) as context, watching(context) as watched:
        page = watched.page
        page.goto("/spot-checks")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            keep_picture(page, f"spot-checks-{scheme}")
        _fits_a_phone(page, "spot-checks")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.locator("tbody tr", has_text="Gone").get_by_role("link").click()
        assert "Gone" in page.locator("main").inner_text()
        keep_picture(page, "spot-check-sheet")
        _fits_a_phone(page, "spot-check-sheet")


def _fits_a_phone(page: Page, name: str) -> None:
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.emulate_media(color_scheme="light")
    page.screenshot(path=PICTURES / f"{name}-narrow.jpg", type="jpeg", quality=82, full_page=True)
