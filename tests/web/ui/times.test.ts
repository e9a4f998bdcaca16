import assert from "node:assert/strict";
import { test } from "node:test";
import { abbreviation, clock, day, fieldValue, lengthInWords, momentsOf, span } from "../../../web/ui/src/times.ts";

const ZONE = "America/Los_Angeles";
const AT = Date.UTC(2026, 10, 9, 22, 31, 7);

test("a moment is written as the branch's clock shows it", () => {
  assert.equal(`${clock(AT, ZONE)} ${abbreviation(AT, ZONE)}, ${day(AT, ZONE, "year")}`, "14:31:07 PST, Mon 9 Nov 2026");
});

test("the abbreviation is the one that people of the zone use", () => {
  assert.equal(abbreviation(Date.UTC(2026, 6, 1), ZONE), "PDT");
  assert.equal(abbreviation(Date.UTC(2026, 0, 1), "Europe/Berlin"), "CET");
  assert.equal(abbreviation(Date.UTC(2026, 6, 1), "Europe/London"), "BST");
  assert.equal(abbreviation(AT, "UTC"), "UTC");
});

test("what a time field shows leads back to the same moment", () => {
  assert.equal(fieldValue(AT, ZONE), "2026-11-09T14:31:07");
  assert.deepEqual(momentsOf("2026-11-09T14:31:07", ZONE), [AT]);
});

test("a time of the doubled autumn hour means two moments", () => {
  assert.deepEqual(momentsOf("2026-11-01T01:30", ZONE), [Date.UTC(2026, 10, 1, 8, 30), Date.UTC(2026, 10, 1, 9, 30)]);
});

test("a time of the missing spring hour means none", () => {
  assert.deepEqual(momentsOf("2026-03-08T02:30", ZONE), []);
  assert.deepEqual(momentsOf("", ZONE), []);
});

test("lengths and spans are written in the shortest exact words", () => {
  assert.equal(lengthInWords(18_000), "18 s");
  assert.equal(lengthInWords(240_000), "4 min");
  assert.equal(lengthInWords(7_500_000), "2 h 5 min");
  assert.equal(lengthInWords(72 * 3_600_000), "3 days");
  assert.equal(span(AT, AT + 420_000, ZONE), "14:31–14:38");
  assert.equal(span(AT, AT + 5_000, ZONE), "14:31:07–14:31:12");
});
