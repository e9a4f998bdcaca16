import assert from "node:assert/strict";
import { test } from "node:test";
import { Announcements } from "../../../web/ui/src/announce.ts";
import { backoff } from "../../../web/ui/src/live/backoff.ts";
import { cleared, layoutOf, neighbour, placed, queryOf, resized, sameCameras, sizeFor, type LiveBranch } from "../../../web/ui/src/live/model.ts";

test("the wall starts with the smallest grid that shows every camera", () => {
  assert.equal(sizeFor(0), 1);
  assert.equal(sizeFor(5), 9);
  assert.equal(sizeFor(150), 16);
  assert.deepEqual(layoutOf(new URLSearchParams(), [7, 8]).places, [7, 8, null, null]);
});

test("the address brings the same wall back", () => {
  const layout = { size: 4 as const, places: [3, null, 1, null] };
  assert.deepEqual(layoutOf(new URLSearchParams(queryOf(layout)), [1, 2, 3]), layout);
});

test("cameras that this person does not reach leave their place empty", () => {
  assert.deepEqual(layoutOf(new URLSearchParams("grid=4&cams=1,99,abc"), [1]).places, [1, null, null, null]);
});

const branch = (id: number, cameras: number[], state = "recording"): LiveBranch => ({
  id, name: `Branch ${id}`, zone: "UTC", areas: [{ name: null, cameras: cameras.map((camera) => ({ id: camera, name: `Camera ${camera}`, state, since_ms: null, sub: true })) }],
});

test("another state of a camera is no other set of cameras, another branch of an emergency is", () => {
  assert.equal(sameCameras([branch(1, [1, 2])], [branch(1, [1, 2], "offline")]), true);
  assert.equal(sameCameras([branch(1, [1, 2])], [branch(1, [1, 2]), branch(2, [9])]), false);
});

test("after an emergency the places of what it showed are empty and the others stay", () => {
  assert.deepEqual(cleared({ size: 4, places: [9, 1, null, 2] }, [branch(1, [1, 2])]).places, [null, 1, null, 2]);
});

test("a camera stands in one place only", () => {
  assert.deepEqual(placed({ size: 4, places: [1, 2, null, null] }, 2, 3).places, [1, null, null, 2]);
});

test("a smaller grid keeps the chosen camera", () => {
  assert.deepEqual(resized({ size: 4, places: [1, 2, 3, 4] }, 1, 3).places, [3]);
});

test("arrows move inside the grid and stop at its edge", () => {
  assert.equal(neighbour(0, "ArrowRight", 9), 1);
  assert.equal(neighbour(2, "ArrowRight", 9), 2);
  assert.equal(neighbour(4, "ArrowDown", 9), 7);
  assert.equal(neighbour(1, "ArrowUp", 9), 1);
  assert.equal(neighbour(5, "End", 16), 15);
});

test("tries to reconnect wait from half a second up to ten", () => {
  assert.equal(backoff(1, 0.999_99), 500);
  assert.ok(backoff(2, 0) >= 600 && backoff(2, 1) <= 1_000);
  assert.equal(backoff(50, 0.999_999), 10_000);
});

test("at most one sentence is spoken in five seconds, the newest of each subject", () => {
  const announcements = new Announcements();
  announcements.add("a", "A: no picture.");
  assert.equal(announcements.next(0), "A: no picture.");
  announcements.add("a", "A: live again.");
  announcements.add("a", "A: no picture again.");
  assert.equal(announcements.next(4_999), null);
  assert.equal(announcements.next(5_000), "A: no picture again.");
});

test("many changes at once become one sentence", () => {
  const announcements = new Announcements();
  for (const name of ["A", "B", "C"]) announcements.add(name, `${name}: no picture.`);
  assert.equal(announcements.next(0), "3 changes. C: no picture.");
});
