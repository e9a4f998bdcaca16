import assert from "node:assert/strict";
import { test } from "node:test";

const asked: string[] = [];
let reloads = 0;
let answer = { ok: true, redirected: false };
const sockets: FakeSocket[] = [];

class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  static readonly CONNECTING = 0;
  readyState = 0;
  constructor() {
    super();
    sockets.push(this);
  }
  close(): void {}
  lose(code = 1006): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason: "" }));
  }
  hear(): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: '{"t":"pong","now":0}' }));
  }
}
Object.assign(globalThis, {
  WebSocket: FakeSocket,
  document: { hidden: false, documentElement: { dataset: { nowMs: "0" } } },
  location: { href: "http://localhost/wall", reload: () => (reloads += 1) },
  window: { setTimeout: () => 0 },
  setInterval: () => 0,
  DOMParser: class {
    parseFromString(text: string): string {
      return text;
    }
  },
  fetch: async (path: string, init: RequestInit) => {
    asked.push(`${path} ${JSON.stringify(init.headers)}`);
    return { ...answer, text: async () => "a page" };
  },
});
const { LiveSocket } = await import("../../../web/ui/src/live/socket.ts");

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

test("a wall whose socket does not come back asks for its own page, and stays while that is its own", async () => {
  const socket = new LiveSocket("/api/v1/ws", () => undefined);
  socket.start();
  for (let tries = 0; tries < 3; tries += 1) {
    sockets.at(-1)?.lose();
    socket.tryNow();
  }
  await settled();
  assert.deepEqual(new Set(asked), new Set(['http://localhost/wall {"vms-poll":"1"}']));
  assert.equal(reloads, 0);
});

test("it goes where its page leads once the session has ended", async () => {
  answer = { ok: true, redirected: true };
  const socket = new LiveSocket("/api/v1/ws", () => undefined);
  socket.start();
  sockets.at(-1)?.lose();
  socket.tryNow();
  sockets.at(-1)?.lose();
  await settled();
  assert.equal(reloads, 1);
});

test("closed for want of a session it tries the one that the browser has by now, and goes where that is refused too", async () => {
  reloads = 0;
  let reports = 0;
  const socket = new LiveSocket("/api/v1/ws", () => (reports += 1));
  socket.start();
  reports = 0;
  for (let proofs = 0; proofs < 2; proofs += 1) {
    const before = sockets.length;
    sockets.at(-1)?.lose(4401);
    assert.equal(sockets.length, before + 1);
    sockets.at(-1)?.hear();
  }
  assert.equal(reloads, 0);
  assert.equal(reports, 0);
  sockets.at(-1)?.lose(4401);
  sockets.at(-1)?.lose(4401);
  assert.equal(reloads, 1);
});
