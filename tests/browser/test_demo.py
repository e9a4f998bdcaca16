"""What a newcomer does with `make demo`, in a real browser: sign in, watch, look half a minute back, try each role."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from tests.browser.conftest import Demo, Watched, keep_picture, watching
from tests.browser.picture import LATENCIES, READ_CODE
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def context(browser: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """The visitor's browser, signed in by the code of this start."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(demo.url)
    page.wait_for_url("**/live")
    page.close()
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext) -> Iterator[Watched]:
    yield from watching(context)


def _act_as(watched: Watched, demo: Demo, role: str) -> None:
    watched.page.goto(demo.origin)
    watched.page.get_by_label("Demo").get_by_role("button", name=role, exact=True).click()
    watched.page.wait_for_load_state()


def _code(video: Locator) -> int | None:
    found: int | None = video.evaluate(READ_CODE)
    return found


def _sure(video: Locator) -> int:
    """Wait for a picture whose code can be read."""
    found = wait_until(lambda: (_code(video),) if _code(video) is not None else None)
    return found[0] or 0


def _seconds(clock: str) -> float:
    """Seconds within the minute of "14:03:22"."""
    return float(clock.rsplit(":", 1)[1])


def _apart_s(one_ms: float, other_ms: float) -> float:
    """Distance on the clock's face, in seconds."""
    apart = abs(one_ms - other_ms) % MINUTE_MS
    return min(apart, MINUTE_MS - apart) / 1000


def test_the_sign_in_code_works_once(browser: Browser, demo: Demo, context: BrowserContext) -> None:
    """A second browser with the same address is not signed in, and is told why."""
    assert context.cookies()
    other = browser.new_context()
    page = other.new_page()
    page.goto(demo.url)
    expect(page.get_by_role("alert")).to_contain_text("This code was used")
    assert page.request.get(f"{demo.origin}/api/v1/me").status == 401
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
        first = wait_until(lambda video=video: _code(video))  # type: ignore[misc]
        wait_until(lambda video=video, first=first: _code(video) not in (None, first))  # type: ignore[misc]
        ages = video.evaluate(LATENCIES, 1.5)
        assert ages
        assert min(ages) < 2000
    keep_picture(page, "live")


def test_half_a_minute_ago_plays_and_seeks_while_the_segment_is_still_open(watched: Watched, demo: Demo) -> None:
    """Replay from a live tile; the picture shows the time that the page says, after a seek too."""
    _act_as(watched, demo, "Desk")
    page = watched.page
    page.goto(f"{demo.origin}/live")
    expect(page.locator("vms-tile[data-state=live]")).to_have_count(4, timeout=15_000)
    _wait_for_footage(watched, demo, seconds=40)
    page.get_by_role("button", name="Replay 30 s R", exact=True).or_(page.get_by_role("button", name="Replay 30 s", exact=True)).click()
    page.wait_for_url("**/playback?*")
    page.locator("[data-purpose=incident]").click()
    video = page.locator("video[data-current]")
    shown = page.locator(".when .at")
    wait_until(lambda: _code(video))
    wait_until(lambda: _apart_s(_code(video) or 0, _seconds(shown.inner_text()) * 1000) < 1.5)
    page.get_by_role("button", name="Pause").click()
    before = _sure(video)
    page.get_by_role("button", name="5 seconds back").click()
    wait_until(lambda: 4.0 < ((before - (_code(video) or before)) % MINUTE_MS) / 1000 < 6.0)
    page.get_by_role("button", name="Play").click()
    stopped = wait_until(lambda: _code(video))
    wait_until(lambda: _code(video) not in (None, stopped))
    keep_picture(page, "playback")


def _wait_for_footage(watched: Watched, demo: Demo, *, seconds: float) -> None:
    """Wait until the first camera's timeline reaches so far back."""
    request = watched.page.request
    camera = request.get(f"{demo.origin}/api/v1/cameras").json()["cameras"][0]["id"]

    def reaches() -> bool:
        now = datetime.now(UTC)
        window: dict[str, str | float | bool] = {"start": (now - timedelta(minutes=30)).isoformat(), "end": now.isoformat()}
        told = request.get(f"{demo.origin}/api/v1/cameras/{camera}/timeline", params=window).json()
        return bool(told["recorded"]) and told["now_ms"] - told["recorded"][0][0] > seconds * 1000

    wait_until(reaches, seconds=seconds + 60)


@pytest.mark.parametrize(
    ("role", "pages", "refused"),
    [
        ("Desk", ["Live", "Playback"], "/cameras"),
        ("Director", ["Live", "Playback", "Log"], "/cameras"),
        ("IT", ["Cameras"], "/live"),
        ("Auditor", ["Log"], "/live"),
    ],
)
def test_the_bar_shows_each_roles_pages_and_no_other(watched: Watched, demo: Demo, role: str, pages: list[str], refused: str) -> None:
    """What a role may not do is not in its navigation, and its address is refused with a sentence."""
    _act_as(watched, demo, role)
    page = watched.page
    sections = page.get_by_role("navigation", name="Sections").get_by_role("link")
    assert [text.strip() for text in sections.all_inner_texts()] == pages
    keep_picture(page, f"as-{role.lower()}")
    answer = page.request.get(f"{demo.origin}{refused}", headers={"accept": "text/html"})
    assert answer.status == 403
    assert "logged" in answer.text()


def test_watching_stands_in_the_log_before_the_auditor_reads_it(watched: Watched, demo: Demo) -> None:
    """The live view of this test's visitor is an entry with name, camera and purpose."""
    _act_as(watched, demo, "Auditor")
    page = watched.page
    page.goto(f"{demo.origin}/log")
    expect(page.get_by_role("table")).to_contain_text("d.nakamura")
    keep_picture(page, "log")
