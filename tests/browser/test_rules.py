"""The rules per instrument in a browser: the document is taken, edited, handed in again, and approved by the Director."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import keep_picture, on_pages, watching
from tests.web.world import World
from vms.domain.people import Role

pytestmark = pytest.mark.slow


def test_a_document_is_edited_proposed_and_approved(browser: Browser, world: World, tmp_path: Path) -> None:
    document = tmp_path / "rules.json"
    with on_pages(browser, world, world.token(Role.AUDITOR)) as context, watching(context) as watched:
        page = watched.page
        page.goto("/rules")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download version 1").click()
        told = json.loads(download.value.path().read_text())
        told["instruments"]["public-records"].update(working_days=10, letter="The Library answers within ten working days.")
        document.write_text(json.dumps(told))
        page.get_by_label("The document, edited").set_input_files(document)
        page.get_by_label("Why").fill("The Board asked for shorter answers.")
        page.get_by_role("button", name="Propose it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Version 2 of the rules")
    with on_pages(browser, world, world.token(Role.DIRECTOR)) as context, watching(context) as watched:
        page = watched.page
        page.goto("/rules")
        page.locator("#instruments").scroll_into_view_if_needed()
        page.get_by_role("link", name="Download version 1").scroll_into_view_if_needed()
        keep_picture(page, "rules")
        page.get_by_role("link", name="Look at it").click()
        keep_picture(page, "rules-version")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        keep_picture(page, "rules-version-narrow")
        page.get_by_role("button", name="Approve version 2").click()
        expect(page.get_by_text("Approved", exact=True)).to_be_visible()
        page.goto("/rules")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("link", name="Download version 2").scroll_into_view_if_needed()
        keep_picture(page, "rules-narrow")
