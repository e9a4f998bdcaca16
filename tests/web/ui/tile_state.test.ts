import assert from "node:assert/strict";
import { test } from "node:test";
import { fit, streamFor, tileFace, type TileFacts } from "../../../web/ui/src/live/tile_state.ts";

const AT = Date.UTC(2026, 10, 23, 22, 3, 22);
const facts = (changes: Partial<TileFacts>): TileFacts => ({
  zone: "America/Los_Angeles", connected: true, stream: null, frameAgeMs: null, lastFrameAt: null, now: AT, unplayable: null, blocked: false, lostLine: "", ...changes,
});

test("a fresh frame shows the disc and no words", () => {
  assert.deepEqual(tileFace(facts({ frameAgeMs: 100, lastFrameAt: AT })), { state: "live", glyph: "live", line: "", reason: "" });
});

test("after two seconds without a frame the disc is gone", () => {
  const face = tileFace(facts({ frameAgeMs: 2_000, lastFrameAt: AT }));
  assert.equal(face.state, "late");
  assert.equal(face.glyph, null);
});

test("a picture of the past loses the disc, however freshly it was painted", () => {
  assert.equal(tileFace(facts({ frameAgeMs: 40, lastFrameAt: AT - 1_900 })).state, "live");
  assert.equal(tileFace(facts({ frameAgeMs: 40, lastFrameAt: AT - 60_000 })).state, "late");
});

test("what is denied says why", () => {
  const denied = tileFace(facts({ stream: { state: "denied", sinceMs: null, sentence: "There is no such camera." } }));
  assert.deepEqual([denied.line, denied.reason], ["There is no such camera.", ""]);
});

test("after five seconds the tile says since when there is no picture", () => {
  const face = tileFace(facts({ frameAgeMs: 5_000, lastFrameAt: AT, stream: { state: "offline", sinceMs: AT, sentence: "Camera offline." } }));
  assert.equal(face.state, "no-picture");
  assert.equal(face.line, "No picture since 14:03:22");
  assert.equal(face.reason, "Camera offline.");
});

test("a lost connection greys the tile at once", () => {
  const face = tileFace(facts({ frameAgeMs: 100, lastFrameAt: AT, connected: false, lostLine: "Connection to the server lost." }));
  assert.equal(face.state, "no-picture");
  assert.equal(face.reason, "Connection to the server lost.");
});

test("a camera that is not recorded since its disk is full has its live picture", () => {
  const full = { state: "disk_full", sinceMs: AT, sentence: "Disk full, not recording." };
  assert.equal(tileFace(facts({ frameAgeMs: 40, lastFrameAt: AT, stream: full })).state, "live");
  assert.deepEqual([tileFace(facts({ stream: full })).state, tileFace(facts({ stream: full })).line], ["connecting", "Connecting"]);
});

test("a camera that was offline before the page opened says since when", () => {
  assert.equal(tileFace(facts({ stream: { state: "offline", sinceMs: AT, sentence: "Camera offline." } })).line, "No picture since 14:03:22");
});

test("nothing heard yet is connecting", () => {
  assert.equal(tileFace(facts({})).state, "connecting");
  assert.equal(tileFace(facts({ connected: false })).state, "connecting");
});

test("a refusal, a pause and an unplayable stream never look live", () => {
  const said = (state: string): TileFacts => facts({ frameAgeMs: 10, lastFrameAt: AT, stream: { state, sinceMs: AT, sentence: "" } });
  assert.equal(tileFace(said("denied")).state, "denied");
  assert.equal(tileFace(said("paused")).state, "paused");
  assert.equal(tileFace(facts({ unplayable: "This browser can't play H.265." })).state, "unplayable");
});

test("a picture fills its tile when little is cut away and stays whole otherwise", () => {
  assert.equal(fit(1.68, 16 / 9), "cover");
  assert.equal(fit(1.78, 4 / 3), "contain");
  assert.equal(fit(Number.NaN, 1), "contain");
});

test("tiles under 640 pixels take the sub-stream unless they are chosen", () => {
  assert.equal(streamFor(639, false, true), "sub");
  assert.equal(streamFor(640, false, true), "main");
  assert.equal(streamFor(300, true, true), "main");
  assert.equal(streamFor(300, false, false), "main");
});
