import assert from "node:assert/strict";
import { test } from "node:test";

const kept = new Map<string, string>();
Object.assign(globalThis, {
  document: { documentElement: { dataset: { nowMs: "0" } } },
  sessionStorage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) },
});
const { rememberedReason, rememberReason } = await import("../../../web/ui/src/playback/view.ts");

test("the reason is asked for once in a session, and the next person's session in the same window is asked anew", () => {
  assert.equal(rememberedReason("1"), null);
  rememberReason("1", { purpose: "incident", incident: "2027-014" });
  assert.deepEqual(rememberedReason("1"), { purpose: "incident", incident: "2027-014" });
  assert.equal(rememberedReason("2"), null);
  rememberReason("2", { purpose: "privacy", incident: "" });
  assert.equal([...kept.values()].join().includes("2027-014"), false);
});
