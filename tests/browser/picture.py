"""Read the time code of a picture as the browser painted it. The geometry is the one of recorder/demo/README.md."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.waiting import wait_until

MINUTE_MS = 60_000
READ_CODE = """
(video) => {
  const w = 640, h = 360, cell = w / 80, row = h / 45;
  const canvas = new OffscreenCanvas(w, h), context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(video, 0, 0, w, h);
  const levels = [];
  for (let i = 0; i < 24; i++) {
    const pixels = context.getImageData(Math.round((2 + i) * cell + cell / 4), Math.round(2 * row + row / 4), cell / 2, row / 2).data;
    let sum = 0;
    for (let p = 0; p < pixels.length; p += 4) sum += pixels[p + 1];
    levels.push(sum / (pixels.length / 4));
  }
  const contrast = (levels[0] + levels[23] - levels[1] - levels[22]) / 2;
  const threshold = (levels[0] + levels[23] + levels[1] + levels[22]) / 4;
  if (contrast < 64 || levels.some((l) => Math.abs(l - threshold) < contrast * 0.12)) return null;
  const bits = levels.map((l) => (l > threshold ? 1 : 0));
  if (bits[0] !== 1 || bits[1] !== 0 || bits[22] !== 0 || bits[23] !== 1) return null;
  const number = (from, count) => bits.slice(from, from + count).reduce((sum, bit) => sum * 2 + bit, 0);
  const ms = number(2, 16);
  const check = 0xA ^ (ms >> 12) ^ ((ms >> 8) & 15) ^ ((ms >> 4) & 15) ^ (ms & 15);
  return check === number(18, 4) && ms < 60000 ? ms : null;
}
"""
"""A JavaScript function: video element to the milliseconds within the minute at which the shown picture was taken, or null."""

LATENCIES = f"""
async (video, seconds) => {{
  const read = {READ_CODE};
  const found = [], until = performance.now() + seconds * 1000;
  while (performance.now() < until) {{
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const now = Date.now(), ms = read(video);
    found.push(ms === null ? null : (now % 60000 - ms + 60000) % 60000);
  }}
  return found;
}}
"""
"""A JavaScript function: video element and seconds to the ages, in ms, of the pictures painted meanwhile; null for one without a code."""


def code_of(picture: Locator) -> int:
    """Wait for the one picture, then for a code in it: the milliseconds within the minute at which it was taken, 0 included."""
    expect(picture).to_have_count(1, timeout=90_000)

    def read() -> tuple[int] | None:
        found = picture.evaluate(READ_CODE)
        return None if found is None else (found,)

    return wait_until(read)[0]


def apart_s(one_ms: float, other_ms: float) -> float:
    """Distance on the face of a clock that shows the minute, in seconds."""
    apart = abs(one_ms - other_ms) % MINUTE_MS
    return min(apart, MINUTE_MS - apart) / 1000
