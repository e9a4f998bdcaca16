"""Redaction in a real browser without JavaScript: a region is added to the plan, its sheets are looked over, and approved."""

from __future__ import annotations

import struct
import zlib

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import keep_picture
from tests.factories import done
from tests.vms.services.requesting import at_work, in_order
from tests.web.test_redactions import _made, _state
from tests.web.test_requests import _entered
from tests.web.world import World
from vms.domain.ids import SessionId
from vms.domain.people import Person, Role
from vms.domain.request import RequestState
from vms.services.approvals import approve
from vms.store import people, requests
from web.security import COOKIE

pytestmark = pytest.mark.slow


def test_a_redaction_is_planned_and_looked_over_without_javascript(world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.web.test_redactions.PNG", _png(1920, 596))
    world.token(Role.DELEGATE)
    with world.client(Role.DESK, page=True) as desk:
        address = _entered(world, desk, purpose="theft of a bicycle")
    token = world.token(Role.DIRECTOR)
    origin = world.address.replace("127.0.0.1", "localhost")
    with browser.new_context(base_url=origin, java_script_enabled=False, viewport={"width": 1280, "height": 800}) as context:
        context.add_cookies([{"name": COOKIE, "value": token, "url": "https://localhost"}])
        page = context.new_page()
        page.goto(address)
        page.get_by_role("link", name="Redaction").click()
        page.get_by_label("Where it is").fill("0 40 20 15.5 50\n2.5 50 20 15.5 50")
        page.get_by_role("button", name="Add it to the plan").click()
        assert page.get_by_text("The plan is kept. It counts from now on.").is_visible()
        _approved(world)
        _made(world, address)
        page.reload()
        sheet = page.get_by_role("img", name="Pictures of the redacted copy")
        assert sheet.evaluate("image => image.naturalWidth") == 1920
        keep_picture(page, "redaction")
        page.get_by_role("button", name="Approve what these sheets show").click()
        assert page.get_by_text("Looked over and approved by director").is_visible()
    assert _state(world, address) is RequestState.READY


def _approved(world: World) -> None:
    at, settings = world.clock.now(), world.site.settings
    with world.site.central.writing() as session:
        (request,) = requests.find(session, requests.EVERYBODYS, limit=2)
        found = next(one for one in people.find(session) if one.role is Role.DIRECTOR)
        director = at_work(Person(found.id, found.name, found.role, SessionId(1)), at)
        in_order(session, settings, director, request, at=at)
        done(approve(session, settings, director, request.id, request.sha256, at=at))


def _png(width: int, height: int) -> bytes:
    """Return a grey picture of this size."""
    rows = zlib.compress((b"\0" + b"\x60" * width) * height)
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(told)) + name + told + struct.pack(">I", zlib.crc32(name + told)) for name, told in parts
    )
