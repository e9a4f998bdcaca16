import assert from "node:assert/strict";
import { test } from "node:test";
import { gapAt, isRecorded, joined, jumpedOver, nextRecorded, refreshed, type Coverage } from "../../../web/ui/src/playback/coverage.ts";
import { following, isDoubled, momentAt, springSeams, ticks, within, xOf, zoomed } from "../../../web/ui/src/playback/scale.ts";

const COVERAGE: Coverage = {
  recorded: [[0, 100_000], [160_000, 300_000]],
  gaps: [
    { start: 100_000, end: 102_000, reason: "silent", sentence: "No packets." },
    { start: 102_000, end: 160_000, reason: "refused", sentence: "Camera refused the connection." },
  ],
};

test("a moment inside footage is recorded, its end is not", () => {
  assert.equal(isRecorded(COVERAGE, 0), true);
  assert.equal(isRecorded(COVERAGE, 100_000), false);
  assert.equal(nextRecorded(COVERAGE, 120_000), 160_000);
  assert.equal(nextRecorded(COVERAGE, 300_000), null);
});

test("a gap names the longest reason inside it", () => {
  assert.deepEqual(gapAt(COVERAGE, 120_000), { start: 100_000, end: 160_000, sentence: "Camera refused the connection." });
});

test("a gap after the newest footage has no end", () => {
  assert.equal(gapAt(COVERAGE, 400_000).end, null);
});

test("playing over a gap is told, playing over a seam is not", () => {
  assert.equal(jumpedOver(COVERAGE, 99_950, 160_010)?.end, 160_000);
  assert.equal(jumpedOver(COVERAGE, 50_000, 50_100), null);
  assert.equal(jumpedOver({ recorded: [[0, 100], [300, 900]], gaps: [] }, 90, 310), null);
});

test("fresh coverage replaces what is newer and keeps what is older", () => {
  const newer: Coverage = { recorded: [[200_000, 360_000]], gaps: [] };
  assert.deepEqual(refreshed(COVERAGE, newer, 200_000).recorded, [[0, 100_000], [160_000, 360_000]]);
  assert.equal(refreshed(COVERAGE, newer, 200_000).gaps.length, 2);
});

test("spans that touch are joined", () => {
  assert.deepEqual(joined([[5_000, 6_000], [0, 1_000], [1_200, 2_000]]), [[0, 2_000], [5_000, 6_000]]);
});

test("pixels and moments are each other's inverse", () => {
  const range = { start: 1_000, end: 61_000 };
  assert.equal(momentAt(range, xOf(range, 31_000, 600), 600), 31_000);
});

test("zooming keeps the moment under the pointer and stays inside the bounds", () => {
  const bounds = { start: 0, end: 1_000_000 };
  const nearer = zoomed({ start: 0, end: 400_000 }, 0.5, 100_000, bounds);
  assert.deepEqual(nearer, { start: 50_000, end: 250_000 });
  assert.deepEqual(zoomed({ start: 0, end: 900_000 }, 4, 100_000, bounds), bounds);
  assert.deepEqual(within({ start: 900_000, end: 1_100_000 }, bounds), { start: 800_000, end: 1_000_000 });
});

test("the range follows a playhead that leaves it", () => {
  const bounds = { start: 0, end: 10_000_000 };
  const range = { start: 0, end: 600_000 };
  assert.equal(following(range, 300_000, bounds), range);
  assert.deepEqual(following(range, 590_000, bounds), { start: 390_000, end: 990_000 });
});

test("ticks stand at round times of the branch's zone", () => {
  const start = Date.UTC(2026, 10, 9, 21, 50);
  const labels = ticks({ start, end: start + 70 * 60_000 }, 1_000, "America/Los_Angeles").map((tick) => tick.label);
  assert.deepEqual(labels, ["13:50", "14:00", "14:10", "14:20", "14:30", "14:40", "14:50", "15:00"]);
});

test("three-hour ticks follow the zone's clock, with the day at midnight", () => {
  const start = Date.UTC(2026, 10, 9, 0, 0);
  const labels = ticks({ start, end: start + 24 * 3_600_000 }, 900, "Asia/Kolkata").map((tick) => tick.label);
  assert.ok(labels.includes("06:00") && labels.includes("Tue 10 Nov"), labels.join(" "));
});

test("the doubled autumn hour is drawn twice, each with its abbreviation", () => {
  const start = Date.UTC(2026, 10, 1, 7, 0); // 00:00 PDT
  const labels = ticks({ start, end: start + 4 * 3_600_000 }, 420, "America/Los_Angeles").map((tick) => tick.label);
  assert.ok(labels.includes("01:00 PDT") && labels.includes("01:00 PST"), labels.join(" "));
  assert.equal(isDoubled(Date.UTC(2026, 10, 1, 8, 30), "America/Los_Angeles"), true);
  assert.equal(isDoubled(Date.UTC(2026, 10, 1, 12), "America/Los_Angeles"), false);
});

test("a timeline of a month is labelled by days that have room, and asks the zone no more often than one of an hour", () => {
  const end = Date.UTC(2026, 10, 25, 20);
  const asked = (start: number): number => {
    let count = 0;
    const real = Intl.DateTimeFormat.prototype.formatToParts;
    Intl.DateTimeFormat.prototype.formatToParts = function (this: Intl.DateTimeFormat, at) {
      count += 1;
      return real.call(this, at);
    };
    try {
      ticks({ start, end }, 900, "America/Los_Angeles");
    } finally {
      Intl.DateTimeFormat.prototype.formatToParts = real;
    }
    return count;
  };
  const labels = ticks({ start: end - 30 * 86_400_000, end }, 900, "America/Los_Angeles").map((tick) => tick.label);
  assert.ok(labels.length >= 5 && labels.length <= 11, labels.join(" "));
  assert.ok(labels.every((label) => /^\w{3} \d+ \w{3}$/.test(label)), labels.join(" "));
  assert.ok(asked(end - 30 * 86_400_000) <= 2 * asked(end - 3_600_000));
});

test("the missing spring hour is one seam", () => {
  const start = Date.UTC(2026, 2, 8, 0);
  assert.deepEqual(springSeams({ start, end: start + 86_400_000 }, "America/Los_Angeles"), [Date.UTC(2026, 2, 8, 10)]);
  assert.deepEqual(springSeams({ start: start - 20 * 86_400_000, end: start + 10 * 86_400_000 }, "America/Los_Angeles"), [Date.UTC(2026, 2, 8, 10)]);
});
