"""A Chromium that reports every console error and every breach of the content security policy, a running demo, and a world of pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.product import Product, running_demo
from tests.waiting import wait_until
from tests.web.conftest import Migrated
from tests.web.world import World, a_world
from vms.clock import SystemClock
from vms.config import Settings, load_settings
from vms.domain.ids import StreamId, split_segment_id
from vms.domain.timespan import ms_of
from vms.services.screens import Enrolled
from vms.store.layout import found_parts
from vms.store.migrate import Which
from web.screen_cookie import SCREEN_COOKIE
from web.security import COOKIE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = Path(__file__).parents[2] / ".cache" / "pictures"
"""Where each run leaves what it saw, to be looked at; `make pictures` puts those of the READMEs in their place."""
DEMO_STREAMS = 8
"""Two of each of four cameras."""
FIRST_FOOTAGE_MS = 12_000
EXPECTED_WITHIN_MS = 20_000
"""Longer than Playwright waits by itself: beside other tests a page may take its time."""
_REFUSED = re.compile(r"error: Failed to load resource: the server responded with a status of (\d{3}) ")


@dataclass
class Watched:
    """A browser window, everything it complained about, and which complaints a test means to cause."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    foreseen: list[str] = field(default_factory=list)

    def foresee(self, status: int) -> None:
        """Expect one more answer with `status`: the console names each of 400 and up, a page or a request alike."""
        self.foreseen.append(str(status))

    def refusals(self) -> list[str]:
        """Return the answers 403 that came so far and were not foreseen."""
        return [complaint for complaint in self.complaints if _told(complaint) == "403"][self.foreseen.count("403") :]

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} at {message.location['url']}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file: while Playwright is open its event loop runs, and no other test could run one of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: deploy/debian-test-packages.sh installs it")
    expect.set_options(timeout=EXPECTED_WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        yield browser
        browser.close()


@contextmanager
def watching(context: BrowserContext) -> Iterator[Watched]:
    """Open a window, and fail when its console said anything that was not foreseen; a breach of the CSP is a console error."""
    watched = Watched(context.new_page())
    watched.page.on("console", watched.hear)
    watched.page.on("pageerror", lambda error: watched.complaints.append(f"uncaught: {error}"))
    yield watched
    watched.page.close()
    assert [_told(complaint) for complaint in watched.complaints] == watched.foreseen, watched.complaints


def _told(complaint: str) -> str:
    """Return the status alone of an answer that the console complains of; anything else as it stands."""
    return _REFUSED.sub(r"\1", complaint).partition("(")[0]


@dataclass(frozen=True)
class Demo:
    product: Product
    url: str

    @property
    def origin(self) -> str:
        return self.url.partition("/#")[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for the whole module, with its first footage: its code opens one session, whose cookie the tests share."""
    with running_demo(tmp_path_factory.mktemp("demo") / "data") as (product, _running, url):
        _wait_for_footage(load_settings(product.data).volumes[0].path)
        yield Demo(product, url)


def _wait_for_footage(volume: Path) -> None:
    """Wait until each stream was recorded for so long that something of it can be shown: keyframes are seconds apart."""
    first_ms: dict[StreamId, int] = {}

    def recorded() -> bool:
        for part in found_parts(volume):
            first_ms.setdefault(*split_segment_id(part.segment))
        return len(first_ms) == DEMO_STREAMS and max(first_ms.values()) < ms_of(SystemClock().now()) - FIRST_FOOTAGE_MS

    wait_until(recorded, seconds=90)


@pytest.fixture(scope="module")
def context(browser: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """The visitor's browser, signed in by the code of this start."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    with watching(context) as watched:
        watched.page.goto(demo.url)
        watched.page.wait_for_url("**/live")
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext) -> Iterator[Watched]:
    with watching(context) as watched:
        yield watched


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite: Migrated) -> Iterator[World]:
    """The pages beside a node made of memory, whose clock a test drives."""
    settings = Settings(data_dir=tmp_path)
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings) as world:
        yield world


@contextmanager
def on_pages(browser: Browser, world: World, token: str = "", screen: Enrolled | None = None) -> Iterator[BrowserContext]:
    """Open a browser profile on the world's pages under a host name: in the session of `token`, enrolled as `screen`."""
    context = browser.new_context(base_url=world.address.replace("127.0.0.1", "localhost"), viewport={"width": 1280, "height": 800})
    for name, value in ((COOKIE, token), (SCREEN_COOKIE, screen.token if screen else "")):
        if value:
            context.add_cookies([{"name": name, "value": value, "url": "https://localhost"}])
    yield context
    context.close()


def keep_picture(page: Page, name: str) -> None:
    """Keep what the window shows now."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=82)
