"""What a newcomer does with `make demo`, in a real browser: sign in, watch, look half a minute back, try each role."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from recorder.cutter import stagger
from tests.browser.conftest import Demo, Watched, keep_picture, watching
from tests.browser.picture import LATENCIES, MINUTE_MS, apart_s, code_of
from tests.waiting import wait_until
from vms.clock import SystemClock
from vms.config import Settings, load_settings
from vms.domain.ids import CameraId, SegmentId, StreamId, split_segment_id
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, ms_of
from vms.store.layout import found_parts

pytestmark = pytest.mark.slow

CLOCK = SystemClock()
DAY_SECONDS = 86_400
PRODUCTION_SEGMENT_SECONDS = 60
DESK = "d.nakamura Desk"
DIRECTORS_PAGES = (
    *("/account", "/account/authenticator", "/people", "/reviews", "/rules", "/waiting", "/log", "/switch"),
    *("/screens", "/screens/enrol", "/emergency", "/emergency/reviews", "/holds", "/holds/new"),
)
LEAVE_WHILE_CONNECTING = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
    queueMicrotask(() => dispatchEvent(new PageTransitionEvent('pagehide')));
  }
};
"""
"""A script of a page that is told to go away as soon as it has asked for its WebSocket."""


def _act_as(watched: Watched, demo: Demo, role: str) -> None:
    watched.page.goto(demo.origin)
    watched.page.get_by_label("Demo").get_by_role("button", name=role, exact=True).click()
    watched.page.wait_for_load_state()
    for _ in watched.refusals():  # the page that is left may ask once more, in the name of the new role
        watched.foresee(403)


def _seconds(clock: str) -> int:
    """Seconds within the day of "14:03:22"."""
    hours, minutes, seconds = map(int, clock.split(":"))
    return (hours * 60 + minutes) * 60 + seconds


def _cameras(page: Page, demo: Demo) -> list[dict[str, Any]]:
    """Return the cameras as the signed-in person is told of them."""
    listed: list[dict[str, Any]] = page.request.get(f"{demo.origin}/api/v1/cameras").json()["cameras"]
    return listed


def test_the_sign_in_code_works_once(browser: Browser, demo: Demo, context: BrowserContext) -> None:
    """A second browser with the same address is not signed in, and is told why."""
    assert context.cookies()
    other = browser.new_context()
    with watching(other) as watched:
        watched.foresee(401)
        watched.page.goto(demo.url)
        expect(watched.page.get_by_role("alert")).to_contain_text("This code was used")
        assert watched.page.request.get(f"{demo.origin}/api/v1/me").status == 401
    other.close()


def test_four_tiles_show_moving_pictures_of_now(watched: Watched, demo: Demo) -> None:
    """Each picture's own clock advances and is at most two seconds behind the server's."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    page.goto(f"{demo.origin}/live")
    tiles = page.locator("vms-tile[data-state=live]")
    expect(tiles).to_have_count(4, timeout=15_000)
    for number in range(4):
        video = tiles.nth(number).locator("video[data-current]")
        first = code_of(video)
        wait_until(lambda video=video, first=first: code_of(video) != first)  # type: ignore[misc]
        ages = [age for age in video.evaluate(LATENCIES, 1.5) if age is not None]
        assert ages
        assert min(ages) < 2000
    keep_picture(page, "live")


def test_what_the_desk_asks_for_the_director_approves_and_has_packed(watched: Watched, demo: Demo) -> None:
    """The README's way, up to where the footage has to settle for five minutes."""
    page, now = watched.page, CLOCK.now()
    _act_as(watched, demo, "Desk")
    page.goto(f"{demo.origin}/requests/new")
    page.get_by_label("Report by the library").check()
    page.get_by_label("Name", exact=True).fill("Det. R. Alvarez")
    page.locator("[name=verified]").fill("called back at the county's number")
    page.get_by_label("What it is needed for").fill("A bicycle was taken at the entrance")
    page.get_by_text("Central", exact=True).click()
    page.get_by_label("Main entrance").check()
    page.get_by_label("The time as they gave it, in words").fill("a minute ago")
    zone = ZoneInfo(page.locator("label[for=start]").inner_text().removeprefix("From, "))
    for name, at in (("start", now - timedelta(minutes=1)), ("end", now)):
        page.locator(f"[name={name}]").fill(f"{at.astimezone(zone):%Y-%m-%dT%H:%M}")
    page.get_by_label("Download").check()
    page.get_by_role("button", name="Take it down").click()
    expect(page.get_by_role("heading", name="Request ")).to_be_visible()
    address = page.url.partition("?")[0]
    expect(page.get_by_role("button", name="Approve exactly this")).to_have_count(0)
    _act_as(watched, demo, "Director")
    page.goto(address)
    page.get_by_label("Conferred with the Board").first.check()
    page.get_by_label("In your words", exact=True).fill("the chair, by phone")
    page.get_by_role("button", name="Write it down").click()
    page.get_by_role("button", name="Approve exactly this").click()
    expect(page.get_by_text("Approved by h.marsh")).to_be_visible()
    watched.foresee(422)
    page.get_by_role("button", name="Make the package").click()
    expect(page.get_by_role("alert")).to_contain_text("still being written")


def test_a_wall_that_is_left_while_it_connects_closes_its_connection_without_complaint(watched: Watched, demo: Demo) -> None:
    """Whoever passes through the live page quickly finds nothing in the console, and the server nobody who watches."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    page.add_init_script(LEAVE_WHILE_CONNECTING)
    page.goto(f"{demo.origin}/live")
    wait_until(lambda: page.evaluate("sockets.length === 1 && sockets[0].readyState === WebSocket.CLOSED"))


def test_half_a_minute_ago_plays_and_seeks_while_the_segment_is_still_open(watched: Watched, demo: Demo) -> None:
    """Replay from a live tile at production segment length; the picture shows the time that the page says, after a seek too."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{demo.origin}/live")
    expect(page.locator("vms-tile[data-state=live]")).to_have_count(4, timeout=15_000)
    camera = _cameras(page, demo)[0]
    main = _main_stream(demo, camera)
    opened = _wait_for_a_segment_open_for_half_a_minute(demo, CameraId(camera["id"]), main)
    page.get_by_role("button", name="Replay 30 s R", exact=True).or_(page.get_by_role("button", name="Replay 30 s", exact=True)).click()
    page.wait_for_url("**/playback?*")  # nobody is asked why: it was just live
    video = page.locator("video[data-current]")
    shown = page.locator(".when .at")
    wait_until(lambda: apart_s(code_of(video), _seconds(shown.inner_text()) * 1000) < 1.5)
    still_open, now = _open_segment(demo, main), CLOCK.now()
    there = now.astimezone(ZoneInfo(camera["branch"]["zone"]))
    behind_s = (_seconds(f"{there:%H:%M:%S}") - _seconds(shown.inner_text())) % DAY_SECONDS
    assert 25 <= behind_s <= 45
    assert still_open == opened
    assert any(f"/segments/{opened}" in url for url in asked)
    assert split_segment_id(opened)[1] < ms_of(now) - behind_s * 1000
    page.get_by_role("button", name="Pause").click()
    before = code_of(video)
    page.get_by_role("button", name="5 seconds back").click()
    wait_until(lambda: 4.0 < ((before - code_of(video)) % MINUTE_MS) / 1000 < 6.0)
    page.get_by_role("button", name="Play").click()
    stopped = code_of(video)
    wait_until(lambda: code_of(video) != stopped)
    keep_picture(page, "playback")


def test_a_time_before_the_first_recording_leads_to_it(watched: Watched, demo: Demo) -> None:
    """A newcomer opens playback within the first minute: it says since when there is footage, and plays from there."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    before = (CLOCK.now() - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    page.goto(f"{demo.origin}/playback?camera={_cameras(page, demo)[0]['id']}&t={before}")
    page.locator("[data-purpose=maintenance]").click()
    expect(page.locator(".toast")).to_contain_text("No recording before")
    code_of(page.locator("video[data-current]"))


def test_the_first_picture_of_a_recording_is_shown_whatever_its_time_stamp(watched: Watched, demo: Demo) -> None:
    """Also where the browser's own rounding puts it before the beginning."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    before = (CLOCK.now() - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    page.route("**/segments/*", BadlyRounded())
    page.goto(f"{demo.origin}/playback?camera={_cameras(page, demo)[0]['id']}&t={before}")
    page.locator("[data-purpose=maintenance]").click()
    video = page.locator("video[data-current]")
    expect(video).to_have_count(1, timeout=30_000)
    assert video.evaluate("video => video.buffered.start(0)") < 0.1
    page.unroute_all(behavior="wait")


class BadlyRounded:
    """Passes footage on, later by the part of a millisecond with which Chromium counts its first picture as 1 µs before the beginning."""

    TFDT = re.compile(rb"(\x00\x00\x00\x14tfdt\x01\x00\x00\x00)(.{8})", re.DOTALL)

    def __init__(self) -> None:
        self.later: int | None = None

    def __call__(self, route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=self.TFDT.sub(self._moved, response.body()))

    def _moved(self, found: re.Match[bytes]) -> bytes:
        ticks = int.from_bytes(found[2])
        if self.later is None:
            self.later = next(later for later in count() if self._begins_before_zero_us(ticks + later))
        return found[1] + (ticks + self.later).to_bytes(8)

    @staticmethod
    def _begins_before_zero_us(ticks: int) -> bool:
        """Chromium's arithmetic: time stamps in whole µs, and the page's offset cut down to whole µs from a double."""
        stamp, offset = ticks * 1_000_000 // TICKS_PER_SECOND, int(-(ticks / TICKS_PER_SECOND) * 1e6)
        return stamp + offset < 0


def test_the_director_reaches_a_moving_picture_of_the_past(watched: Watched, demo: Demo) -> None:
    """Who has no limit of hours plays too: from a live tile, which asks nothing."""
    _act_as(watched, demo, "Director")
    page = watched.page
    page.goto(f"{demo.origin}/live")
    expect(page.locator("vms-tile[data-state=live]")).to_have_count(4, timeout=15_000)
    page.keyboard.press("r")
    page.wait_for_url("**/playback?*")
    video = page.locator("video[data-current]")
    first = code_of(video)
    wait_until(lambda: code_of(video) != first)


def _wait_for_a_segment_open_for_half_a_minute(demo: Demo, camera: CameraId, stream: StreamId) -> SegmentId:
    """Wait until the open segment began some seconds before half a minute ago, so that 5 s back is in it too, and is not cut soon.

    Nor may its moment to be cut have just passed: then its next keyframe cuts it.
    """
    assert _settings(demo).segment_seconds == PRODUCTION_SEGMENT_SECONDS
    cut_at_ms = stagger(camera, PRODUCTION_SEGMENT_SECONDS * TICKS_PER_SECOND) // TICKS_PER_MS

    def begun() -> SegmentId | None:
        found, now_ms = _open_segment(demo, stream), ms_of(CLOCK.now())
        fits = found and now_ms - split_segment_id(found)[1] > 38_000 and 15_000 < (cut_at_ms - now_ms) % MINUTE_MS < 50_000
        return found if fits else None

    return wait_until(begun, seconds=150)


def _open_segment(demo: Demo, stream: StreamId) -> SegmentId | None:
    """Return the segment of the stream that has a `.part` on the volume."""
    parts = (part.segment for part in found_parts(_settings(demo).volumes[0].path))
    return max((part for part in parts if split_segment_id(part)[0] == stream), default=None)


def _main_stream(demo: Demo, camera: dict[str, Any]) -> StreamId:
    listed = demo.product.must("camera", "list", "--json").document()
    streams = next(known["streams"] for known in listed if known["id"] == camera["id"])
    return StreamId(next(stream["id"] for stream in streams if stream["role"] == "main"))


def _settings(demo: Demo) -> Settings:
    return load_settings(demo.product.data)


@pytest.mark.parametrize(
    ("role", "pages", "refused"),
    [
        ("Desk", ["Live", "Playback", "Keep", "Requests"], "/cameras"),
        ("Supervisor", ["Live", "Playback", "Keep", "Requests"], "/log"),
        ("Branch manager", ["Live", "Log", "Requests", "Emergency access"], "/playback"),
        ("Director", ["Live", "Playback", "Log", "Holds", "Requests", "Reviews", "People"], "/cameras"),
        ("Delegate", ["Live", "Playback", "Log", "Holds", "Requests"], "/people"),
        ("Counsel", ["Requests"], "/log"),
        ("IT", ["Cameras", "Holds", "Requests", "People"], "/live"),
        ("Auditor", ["Log", "Holds", "Requests", "Reviews", "People"], "/live"),
    ],
)
def test_the_bar_shows_each_roles_pages_and_no_other(watched: Watched, demo: Demo, role: str, pages: list[str], refused: str) -> None:
    """What a role may not do is not in its navigation, and its address is refused with a sentence."""
    _act_as(watched, demo, role)
    page = watched.page
    sections = page.get_by_role("navigation", name="Sections").get_by_role("link")
    assert [text.strip() for text in sections.all_inner_texts()] == pages
    keep_picture(page, f"as-{role.lower()}")
    watched.foresee(403)
    page.goto(f"{demo.origin}{refused}")
    expect(page.get_by_role("main")).to_contain_text("This visit was logged.")
    keep_picture(page, f"refused-{role.lower()}")


def test_no_page_is_wider_than_a_phone(watched: Watched, demo: Demo) -> None:
    """With the demo's bar, which has a button for each role."""
    _act_as(watched, demo, "Director")
    page = watched.page
    usual = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 800})
    try:
        widths = {}
        for path in DIRECTORS_PAGES:
            page.goto(f"{demo.origin}{path}")
            widths[path] = page.evaluate("document.documentElement.scrollWidth")
        assert {path for path, width in widths.items() if width > 360} == set()
    finally:
        assert usual is not None
        page.set_viewport_size(usual)


def test_an_address_that_does_not_exist_is_a_page_with_a_way_back(watched: Watched, demo: Demo) -> None:
    """Not the server's bare words."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    watched.foresee(404)
    page.goto(f"{demo.origin}/nowhere")
    page.get_by_role("main").get_by_role("link").click()
    expect(page.get_by_role("navigation", name="Sections")).to_be_visible()


def test_watching_stands_in_the_log_before_the_auditor_reads_it(watched: Watched, demo: Demo) -> None:
    """What this test's visitor watched, live and recorded, are entries with name, camera and purpose."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    page.goto(f"{demo.origin}/live")
    expect(page.locator("vms-tile[data-state=live]")).to_have_count(4, timeout=15_000)
    camera = _cameras(page, demo)[1]
    _wait_for_a_segment_open_for_half_a_minute(demo, CameraId(camera["id"]), _main_stream(demo, camera))
    page.goto(f"{demo.origin}/playback?camera={camera['id']}&t={ms_of(CLOCK.now()) - 20_000}")
    page.locator("[data-purpose=request]").click()
    code_of(page.locator("video[data-current]"))
    _act_as(watched, demo, "Auditor")
    assert (DESK, camera["name"], "Live") in _views_opened(page, demo, "live")
    keep_picture(page, "log")
    assert (DESK, camera["name"], "Request") in _views_opened(page, demo, "recordings")


def _views_opened(page: Page, demo: Demo, kind: str) -> set[tuple[str, str, str]]:
    """Return name with role, camera and purpose of the newest views in the log."""
    page.goto(f"{demo.origin}/log?kind={kind}")
    rows = page.get_by_role("table").locator("tbody tr").all()
    entries = [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows]
    return {(who, camera, purpose) for _number, _when, who, action, camera, purpose, *_ in entries if action == "view:open"}
