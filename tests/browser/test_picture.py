"""The browser reads the code of a picture as the cameras draw it."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from recorder.demo import timecode
from tests.browser.picture import apart_s, code_of

pytestmark = pytest.mark.slow

SHOW = """
([width, height, luma]) => {
  const shown = document.body.appendChild(Object.assign(document.createElement('canvas'), {width, height}));
  const picture = new ImageData(width, height);
  luma.forEach((level, pixel) => picture.data.set([level, level, level, 255], 4 * pixel));
  shown.getContext('2d').putImageData(picture, 0, 0);
}
"""
"""A JavaScript function: width, height and luma plane to a canvas on the page that shows them."""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page()


@pytest.mark.parametrize("taken_ms", [0, 1, 33_367, 59_999])
def test_every_moment_of_the_minute_is_read_its_first_too(page: Page, taken_ms: int) -> None:
    """A picture that is paused on the full minute has a code, whose number is 0."""
    luma = np.full((180, 320), 90, np.uint8)
    timecode.draw(luma, taken_ms)
    page.set_content("")
    page.evaluate(SHOW, [320, 180, luma.ravel().tolist()])
    assert code_of(page.locator("canvas")) == taken_ms


def test_the_end_of_a_minute_is_near_the_start_of_the_next() -> None:
    assert apart_s(59_900, 100) == pytest.approx(0.2)
    assert apart_s(30_000, 1_795_654_860_000) == pytest.approx(30)
