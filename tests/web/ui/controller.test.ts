import assert from "node:assert/strict";
import { test } from "node:test";
import { smoothedInterval, steer, type LiveEdge } from "../../../web/ui/src/live/controller.ts";

const edge = (changes: Partial<LiveEdge>): LiveEdge => ({ position: 99.9, start: 90, end: 100, interval: 1 / 15, warmingUp: false, ...changes });

test("a picture close to the live edge plays at its own speed", () => {
  assert.deepEqual(steer(edge({ position: 99.9 })), { rate: 1, seek: null, trimBefore: null });
});

test("a growing gap is caught up in two steps", () => {
  assert.equal(steer(edge({ position: 99.8 })).rate, 1.1);
  assert.equal(steer(edge({ position: 99.6 })).rate, 1.5);
});

test("almost no reserve slows the picture down", () => {
  assert.equal(steer(edge({ position: 99.98 })).rate, 0.9);
});

test("more than 0.8 s behind is jumped", () => {
  assert.equal(steer(edge({ position: 99.1 })).seek, 99.92);
});

test("the burst from the GOP cache starts 0.08 s before its end", () => {
  assert.equal(steer(edge({ position: 99.5, warmingUp: true })).seek, 99.92);
});

test("a camera of five frames a second keeps three times the reserve", () => {
  const slow = { interval: 1 / 5 };
  assert.equal(steer(edge({ position: 99.6, ...slow })).rate, 1);
  assert.equal(steer(edge({ position: 99.4, ...slow })).rate, 1.1);
  assert.equal(steer(edge({ position: 97.5, ...slow })).seek, 99.76);
});

test("a position outside the newest range is brought back into it", () => {
  assert.equal(steer(edge({ position: 50 })).seek, 99.92);
  assert.equal(steer(edge({ position: 200 })).seek, 99.92);
});

test("a seek never lands before the buffered range", () => {
  assert.equal(steer(edge({ position: 0, start: 99.97, end: 100 })).seek, 99.97);
});

test("what is older than 20 s is trimmed to 10", () => {
  assert.equal(steer(edge({ start: 79 })).trimBefore, 90);
  assert.equal(steer(edge({ start: 81 })).trimBefore, null);
});

test("the frame interval follows the stream but not its jumps", () => {
  let interval = 1 / 15;
  for (let frame = 0; frame < 40; frame += 1) interval = smoothedInterval(interval, 0.2, 1);
  assert.ok(Math.abs(interval - 0.2) < 0.001);
  assert.equal(smoothedInterval(0.2, 3600, 1), 0.2);
  assert.equal(smoothedInterval(0.2, 0, 0), 0.2);
});
