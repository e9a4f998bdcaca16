"""Complaints, the public notice and the registers in a real browser: no wider than a phone, and without a complaint of the rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import PICTURES, keep_picture, on_pages, watching
from tests.browser.structure import faults_of
from tests.factories import CONSOLE, done
from tests.web.conftest import Migrated
from tests.web.world import World, a_world
from vms.config import Settings
from vms.domain.complaint import Complaint
from vms.domain.ids import SessionId
from vms.domain.people import Person, Role
from vms.domain.placement import Check
from vms.domain.timespan import Timespan
from vms.services import complaints, placements, privacy_reviews, public_notice, trainings
from vms.services.complaints import NewComplaint
from vms.services.placements import NewPlacement
from vms.store import people
from vms.store.migrate import Which

pytestmark = pytest.mark.slow
_INQUIRY = {
    "Your name": "Jane Doe",
    "How you are reached": "555-0100",
    "Where it happened": "The reading room",
    "Day and time, as you know it": "Friday, about six",
    "What happened": "My bag was taken.",
}
PHONE: ViewportSize = {"width": 360, "height": 800}


@pytest.fixture
def complaint(world: World) -> Complaint:
    """A complaint with its answer, and something in each register."""
    at, camera = world.clock.now(), world.camera.camera.id
    world.token(Role.DIRECTOR)
    world.token(Role.DESK)
    with world.site.central.writing() as session:
        account, desk = (next(one for one in people.find(session) if one.role is role) for role in (Role.DIRECTOR, Role.DESK))
        director = Person(account.id, account.name, account.role, SessionId(1))
        new = NewComplaint(
            "paper", "staff", "A camera looks at my screen.\nPlease turn it.", desk.name, "Rosa Diaz", "12 Elm St, Alder",
            cameras=frozenset({camera}), time=Timespan(at - timedelta(hours=2), at - timedelta(hours=1)),
        )  # fmt: skip
        made = done(complaints.enter(session, world.site.settings, director, new, at=at))
        overdue = replace(new, cameras=frozenset(), time=None)
        done(complaints.enter(session, world.site.settings, director, overdue, at=at - timedelta(days=30)))
        done(complaints.answer(session, director, made.id, "The camera was turned.\nThank you.", at=at))
        done(trainings.enter(session, director, name="A volunteer", what="Refer inquiries", refers=True, day="", at=at))
        look = NewPlacement(camera, "Who comes and goes", "The reading room behind it", [*Check])
        done(placements.approve(session, director, look, at=at))
        done(privacy_reviews.review(session, world.site.settings, director, "All is well.\nOne camera was turned.", at=at))
    return made


def test_the_pages_fit_a_phone_and_keep_to_the_rules(browser: Browser, world: World, complaint: Complaint) -> None:
    with on_pages(browser, world, world.token(Role.DIRECTOR)) as context, watching(context) as watched:
        page = watched.page
        one = f"/complaints/{complaint.id}"
        for path in (
            *("/complaints", "/complaints/new", one, f"{one}/receipt", f"{one}/letter", f"{one}/watched"),
            *("/notice", "/training", "/cards", "/register", "/privacy-reviews"),
        ):
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(path)
            name = f"public-{path.strip('/').replace('/', '-').replace(str(complaint.id), 'one')}"
            keep_picture(page, name)
            _fits_a_phone(page, name)


def test_an_inquiry_is_sent_without_scripts_and_its_pages_fit_a_phone(browser: Browser, tmp_path: Path, migrated_sqlite: Migrated) -> None:
    settings = Settings(data_dir=tmp_path, public_inquiry="on", notice_contact="12 Elm St, Alder")
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings) as world:
        context = browser.new_context(base_url=world.address.replace("127.0.0.1", "localhost"), java_script_enabled=False)
        with watching(context) as watched:
            watched.page.goto("/inquiry")
            _fits_a_phone(watched.page, "inquiry")
            watched.page.get_by_label("About myself, or a child of mine").check()
            for label, told in _INQUIRY.items():
                watched.page.get_by_label(label).fill(told)
            watched.page.get_by_role("button", name="Send").click()
            assert "confirms neither that there is a camera" in watched.page.locator("main").inner_text()
            _fits_a_phone(watched.page, "inquiry-answer")
            number = watched.page.locator("b.mono").inner_text()
        context.close()
        with on_pages(browser, world, world.token(Role.DESK)) as pages, watching(pages) as watched:
            for name, path in (("list", "/inquiries"), ("one", f"/inquiries/{number}"), ("request", f"/requests/new?inquiry={number}")):
                watched.page.set_viewport_size({"width": 1280, "height": 800})
                watched.page.goto(path)
                keep_picture(watched.page, f"inquiry-{name}")
                _fits_a_phone(watched.page, f"inquiry-{name}")


def test_the_notice_needs_nothing_and_fits_a_phone(browser: Browser, world: World, tmp_path: Path) -> None:
    settings = world.site.settings.model_copy(update={"notice_url": "https://alder.example/cameras", "notice_contact": "12 Elm St, Alder"})
    with world.site.central.writing() as session:
        built = done(public_notice.build(session, settings, CONSOLE, at=world.clock.now()))
    context = browser.new_context(offline=True, java_script_enabled=False)
    with watching(context) as watched:
        for name, content in built.files.items():
            (tmp_path / name).write_bytes(content)
        for name in built.files:
            watched.page.goto((tmp_path / name).as_uri())
            watched.page.set_viewport_size({"width": 1280, "height": 800})
            keep_picture(watched.page, f"notice-{name.removesuffix('.html')}")
            _fits_a_phone(watched.page, f"notice-{name.removesuffix('.html')}")
    context.close()


def _fits_a_phone(page: Page, name: str) -> None:
    """Say that the page is nowhere wider than its window: on a telephone, on a desk's screen at 200 %, on a tablet."""
    for width in (640, 1000):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    assert faults_of(page) == [], name
    page.screenshot(path=PICTURES / f"{name}-narrow.jpg", type="jpeg", quality=82, full_page=True)
