import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { beforeEach, test } from "node:test";

/* The player and its views against a server and a browser made of memory; only hls.js, which needs a real browser, is replaced. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1_800_000_000_000;

interface Heard {
  url: string;
  listeners: Map<string, (event: string, data: object) => void>;
}

interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown>;
  headers: Record<string, string>;
}

const world = globalThis as unknown as { reels: Heard[]; document: object; window: object; fetch: unknown };
const HLS = `export default class Hls {
  static Events = { LEVEL_LOADED: "loaded", LEVEL_UPDATED: "updated", ERROR: "error" };
  static ErrorTypes = { MEDIA_ERROR: "mediaError" };
  listeners = new Map();
  constructor() { globalThis.reels.push(this); }
  on(name, listener) { this.listeners.set(name, listener); }
  attachMedia() {} startLoad() {} destroy() {} recoverMediaError() {}
  loadSource(url) { this.url = url; }
};`;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "hls.js/light" ? { url: `data:text/javascript,${encodeURIComponent(HLS)}`, shortCircuit: true } : next(specifier, context),
});

class Video {
  readyState = 4;
  seeking = false;
  currentTime = 0;
  readonly listeners = new Map<string, () => void>();
  addEventListener(name: string, listener: () => void): void { this.listeners.set(name, listener); }
  setAttribute(): void {}
  removeAttribute(): void {}
  load(): void {}
  remove(): void {}
  paused = true;
  pause(): void { this.paused = true; }
  async play(): Promise<void> { this.paused = false; }
  onFrame: (now: number, metadata: { mediaTime: number }) => void = () => undefined;
  requestVideoFrameCallback(onFrame: Video["onFrame"]): void { this.onFrame = onFrame; }
}

let asked: Asked[] = [];
/** Where the server cuts every view; undefined: nowhere. */
let mayBeShownUntil: string | undefined;
let timers: (() => void)[] = [];
const page = { hidden: false, documentElement: { dataset: { nowMs: String(NOW) } }, createElement: () => new Video() };
world.document = page;
world.window = { setInterval: (act: () => void) => timers.push(act), clearInterval: () => undefined };
world.fetch = async (path: string, init: RequestInit) => {
  asked.push({ method: String(init.method), path, body: init.body ? JSON.parse(String(init.body)) : {}, headers: (init.headers ?? {}) as Record<string, string> });
  const { start, end } = (asked.at(-1)?.body ?? {}) as { start?: string; end?: string };
  const told = { view: `view${asked.length}`, deadline: new Date(serverNow() + 15 * MINUTE).toISOString(), start, end: mayBeShownUntil ?? end };
  return new Response(JSON.stringify(told), { status: 200 });
};
const { Player } = await import("../../../web/ui/src/playback/player.ts");
const { heard, serverNow } = await import("../../../web/ui/src/server_clock.ts");
type ThePlayer = InstanceType<typeof Player>;

beforeEach(() => {
  asked = [];
  mayBeShownUntil = undefined;
  timers = [];
  world.reels = [];
  page.hidden = false;
});

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A player that was started on footage of the last `hours`; its first picture is on the screen. */
async function playing(at: number, lookBackMs: number, hours = 100, purpose = "incident", incident = ""): Promise<ThePlayer> {
  const player = new Player(1, at, { lookBackMs, replayMs: 5 * MINUTE }, { changed() {}, jumped() {}, attached: (video) => videos.push(video as unknown as Video) });
  player.coverage = { recorded: [[serverNow() - hours * HOUR, serverNow()]], gaps: [] };
  player.start({ purpose, incident });
  await settled();
  arrive(player.at);
  return player;
}

const videos: Video[] = [];
/** The newest reel's playlist and first picture: an hour of footage around `at`. */
function arrive(at: number): void {
  const fragments = Array.from({ length: 360 }, (_, number) => ({ programDateTime: at - HOUR / 2 + number * 10_000, start: number * 10, duration: 10 }));
  world.reels.at(-1)?.listeners.get("loaded")?.("loaded", { details: { fragments, live: false } });
  const video = videos.at(-1);
  if (video) video.currentTime = HOUR / 2 / 1000;
  video?.listeners.get("loadeddata")?.();
}

const opened = (): Asked[] => asked.filter(({ path }) => path === "/api/v1/views");

test("a view at the edge of the role's time begins inside of it, by the server's time of now", async () => {
  const player = await playing(serverNow() - 72 * HOUR, 72 * HOUR);
  const [view] = opened();
  assert.ok(Date.parse(String(view?.body["start"])) >= serverNow() - 72 * HOUR);
  assert.ok(player.at >= serverNow() - 72 * HOUR);
  player.close();
});

test("a view carries the number of the report, and what was just live carries none", async () => {
  const player = await playing(serverNow() - HOUR, 72 * HOUR, 100, "incident", "2027-014");
  assert.equal(opened()[0]?.body["incident"], "2027-014");
  player.close();
  const replay = await playing(serverNow() - MINUTE, 72 * HOUR, 100, "live-incident");
  assert.deepEqual([opened()[1]?.body["purpose"], opened()[1]?.body["incident"]], ["live-incident", ""]);
  replay.close();
});

test("what was just live begins no earlier than five minutes ago, and going further back asks what it is for", async () => {
  const player = await playing(serverNow() - MINUTE, 72 * HOUR, 100, "live-incident");
  assert.ok(Date.parse(String(opened()[0]?.body["start"])) >= serverNow() - 5 * MINUTE);
  player.seek(serverNow() - HOUR);
  assert.equal(player.started, false);
  assert.equal(opened().length, 1);
  player.start({ purpose: "incident", incident: "" });
  await settled();
  assert.equal(opened()[1]?.body["purpose"], "incident");
  assert.ok(Math.abs(player.at - (serverNow() - HOUR)) < 20_000);
  player.close();
});

test("a page that stands open extends its view by itself, and not while it is paused out of sight", async () => {
  const player = await playing(serverNow() - HOUR, 72 * HOUR);
  const extensions = (): Asked[] => asked.filter(({ path }) => path.endsWith("/extend"));
  timers.forEach((act) => act());
  await settled();
  assert.equal(extensions().length, 1);
  assert.equal(extensions()[0]?.headers["vms-poll"], "1");
  player.pause();
  timers.forEach((act) => act());
  assert.equal(extensions().length, 2);
  page.hidden = true;
  timers.forEach((act) => act());
  assert.equal(extensions().length, 2);
  player.close();
});

test("after a sleep past the view's deadline a seek opens another view and playlist", async () => {
  const player = await playing(serverNow() - HOUR, 72 * HOUR);
  assert.equal(player.screen.kind, "picture");
  heard(serverNow() + 20 * MINUTE);
  player.seek(player.at);
  await settled();
  assert.equal(opened().length, 2);
  assert.equal(world.reels.length, 2);
  arrive(player.at);
  assert.equal(player.screen.kind, "picture");
  player.close();
});

test("after a playlist has failed, also one that was sought in, the next try opens another view and playlist", async () => {
  const player = await playing(serverNow() - HOUR, 72 * HOUR);
  player.seek(player.at + 5_000);
  world.reels[0]?.listeners.get("error")?.("error", { fatal: true, type: "networkError", response: { code: 404 } });
  assert.equal(player.screen.kind, "trouble");
  player.seek(player.at);
  await settled();
  assert.deepEqual([opened().length, world.reels.length], [2, 2]);
  assert.ok(world.reels[1]?.url.includes(`/views/view${asked.length}/`));
  player.close();
});

test("where the server cuts a view, as while an outsider is shown what was approved, playing ends there and nothing more is asked for", async () => {
  const at = serverNow() - HOUR;
  mayBeShownUntil = new Date(at + MINUTE).toISOString();
  const player = await playing(at, 72 * HOUR, 100, "request", "2027-014");
  assert.ok(Math.abs(Date.parse(String(opened()[0]?.body["around"])) - at) <= 1);
  player.seek(at + MINUTE - 1_000);
  await settled();
  videos.at(-1)?.listeners.get("ended")?.();
  assert.deepEqual(player.screen, { kind: "end" });
  assert.equal(opened().length, 1);
  player.close();
});

/** Tell `player` of a gap of two minutes, a quarter of an hour ahead; returns the middle of it. */
function cut(player: ThePlayer): number {
  const start = player.at + 15 * MINUTE;
  player.coverage = { recorded: [[player.at - HOUR, start], [start + 2 * MINUTE, serverNow()]], gaps: [{ start, end: start + 2 * MINUTE, reason: "offline", sentence: "Camera offline." }] };
  return start + MINUTE;
}

test("a frame that is painted late leaves the playhead in the gap that was gone to", async () => {
  const player = await playing(serverNow() - HOUR, 72 * HOUR);
  player.pause();
  const gap = cut(player);
  player.seek(gap);
  videos.at(-1)?.onFrame(0, { mediaTime: HOUR / 2 / 1000 });
  assert.deepEqual([player.screen.kind, player.at], ["gap", gap]);
  player.close();
});

test("footage that was still on its way does not replace the gap that was gone to since", async () => {
  const player = await playing(serverNow() - 2 * HOUR, 72 * HOUR);
  player.pause();
  const gap = cut(player);
  const there = gap + HOUR;
  player.seek(there);
  player.seek(gap);
  await settled();
  assert.equal(world.reels.length, 1);
  player.seek(there);
  await settled();
  assert.equal(world.reels.length, 2);
  player.seek(gap);
  arrive(there);
  assert.deepEqual([player.screen.kind, player.at], ["gap", gap]);
  player.close();
});

test("another speed, chosen while the camera is still missing, does not play what was left", async () => {
  const player = await playing(serverNow() - HOUR, 72 * HOUR);
  player.coverage = { recorded: [[player.at - HOUR, player.at + MINUTE]], gaps: [] };
  player.seek(player.at + 2 * MINUTE);
  player.setSpeed(2);
  assert.deepEqual([player.screen.kind, videos.at(-1)?.paused], ["gap", true]);
  player.close();
});
