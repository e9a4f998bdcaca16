import assert from "node:assert/strict";
import { test } from "node:test";
import { freshPage } from "../../../web/ui/src/fresh_page.ts";

const world = globalThis as unknown as { document: object; location: object; fetch: unknown; DOMParser: unknown };
let reloads = 0;
world.location = { href: "http://localhost/cameras", reload: () => (reloads += 1) };
world.DOMParser = class {
  parseFromString(text: string): string {
    return text;
  }
};

function answered(response: { ok: boolean; redirected: boolean }): Promise<unknown> {
  world.document = { hidden: false };
  world.fetch = async () => ({ ...response, text: async () => "a page" });
  return freshPage();
}

test("a page that came is handed on, a failed one is not", async () => {
  assert.equal(await answered({ ok: true, redirected: false }), "a page");
  assert.equal(await answered({ ok: false, redirected: false }), null);
  assert.equal(reloads, 0);
});

test("a session that has ended leads to the sign-in instead of leaving the old page", async () => {
  assert.equal(await answered({ ok: true, redirected: true }), null);
  assert.equal(reloads, 1);
});

test("nothing is asked for while nobody looks", async () => {
  world.document = { hidden: true };
  world.fetch = () => assert.fail("asked");
  assert.equal(await freshPage(), null);
});
