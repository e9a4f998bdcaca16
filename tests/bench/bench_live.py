"""How old a picture is when it is painted, and how soon the first one comes, on the demo's wall in a real browser.

The floor is PyAV reading the same camera directly and decoding: no recorder, no web server, no browser. The age of a picture
is the wall clock minus the time code drawn into it. A picture whose code can't be read counts with the greatest age there is.
Ends with 1 when a limit is missed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from recorder.demo import timecode
from recorder.demo.encode import MAIN, SUB
from tests.bench.report import Row, percentile, publish
from tests.browser.conftest import CHROMIUM
from tests.browser.picture import LATENCIES
from tests.product import running_demo

TURNS = 5
WATCH_SECONDS = 8.0
OPENINGS = 15
TILES = 4
MINUTE_MS = 60_000
UNREADABLE_MS = 60_000.0
LIMIT_MS = {"age": 300, "first": 500}
PICTURES_A_SECOND = {"main": MAIN.fps, "sub": SUB.fps}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "data") as (product, _running, url):
        cameras = product.must("camera", "list", "--json").document()
        password = (product.data / "secrets" / "demo_camera_password").read_text(encoding="utf-8")
        main_url = cameras[0]["address"].replace("://", f"://demo:{password}@") + cameras[0]["streams"][0]["path"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.goto(url)
            page.wait_for_url("**/live")
            rows = [*_ages(page, main_url), *_first_pictures(page)]
            browser.close()
    return publish("live", rows)


def _ages(page: Page, direct_url: str) -> list[Row]:
    """Watch the wall and read the camera directly, turn by turn."""
    painted: list[float] = []
    direct: list[float] = []
    expected = unreadable = 0
    for _turn in range(TURNS):
        tiles = page.locator("vms-tile[data-state=live]")
        expect(tiles).to_have_count(TILES, timeout=15_000)
        for number in range(TILES):
            tile = tiles.nth(number)
            ages = tile.locator("video[data-current]").evaluate(LATENCIES, WATCH_SECONDS / TILES)
            expected += round(PICTURES_A_SECOND[tile.get_attribute("data-stream") or "main"] * WATCH_SECONDS / TILES)
            unreadable += ages.count(None)
            painted += [UNREADABLE_MS if age is None else age for age in ages]
        direct += _direct(direct_url)
    floor = percentile(direct, 0.5)
    return [
        _row("camera to painted picture, ms", painted, limit_ms=LIMIT_MS["age"], floor_ms=floor)
        | {"expected": expected, "read": len(painted) - unreadable},
        _row("floor: PyAV on the camera itself, decoded, ms", direct, floor_ms=floor),
    ]


def _direct(url: str) -> list[float]:
    """Return the ages of decoded pictures, read straight from the camera for two seconds after the first."""
    ages: list[float] = []
    with av.open(url, format="rtsp", options={"rtsp_transport": "tcp"}, timeout=10) as container:
        until = None
        for frame in container.decode(video=0):
            now_ms = time.time() * 1000
            code = timecode.read(np.asarray(frame.to_ndarray(format="gray"), np.uint8))
            until = until or now_ms + 4000
            if code is not None and now_ms > until - 2000:
                ages.append((now_ms - code) % MINUTE_MS)
            if now_ms > until:
                break
    return ages


def _first_pictures(page: Page) -> list[Row]:
    """Open the wall again and again: from asking for a stream to its first picture, and from opening the page to the last tile's."""
    asked, opened = [], []
    for _opening in range(OPENINGS):
        page.reload(wait_until="commit")
        tiles = page.locator("vms-tile[data-first-frame-ms]")
        expect(tiles).to_have_count(TILES, timeout=15_000)
        opened.append(float(page.evaluate("performance.now()")))
        asked += [float(tiles.nth(number).get_attribute("data-first-frame-ms") or "nan") for number in range(TILES)]
    return [
        _row("asking for a stream to its first picture, ms", asked, limit_ms=LIMIT_MS["first"]),
        _row("opening the page to the last tile's first picture, ms (seen by polling)", opened),
    ]


def _row(what: str, figures: Sequence[float], *, limit_ms: int | None = None, floor_ms: float | None = None) -> Row:
    p50, p95 = percentile(figures, 0.5), percentile(figures, 0.95)
    row: Row = {"what": what, "n": len(figures), "p50_ms": p50, "p95_ms": p95, "max_ms": max(figures)}
    if floor_ms is not None:
        row["ratio_to_floor"] = p50 / floor_ms
    if limit_ms is not None:
        row["limit_p95_ms"] = limit_ms
        row["ratio_to_limit"] = p95 / limit_ms
    return row


if __name__ == "__main__":
    sys.exit(main())
