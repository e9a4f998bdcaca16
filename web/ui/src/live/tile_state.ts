/* What a tile shows: pure. Neither a frozen picture nor one of the past must look live: 2 s take the disc, 5 s without a frame the picture. */
import { clock } from "../times.ts";
import { WITHOUT_PICTURE } from "./model.ts";
import type { StreamState } from "./socket.ts";

export const DISC_LOST_MS = 2_000;
export const PICTURE_LOST_MS = 5_000;

export type TileWord = "empty" | "live" | "late" | "connecting" | "no-picture" | "paused" | "off" | "denied" | "unplayable" | "blocked";

export interface TileFacts {
  zone: string;
  connected: boolean;
  /** What the server says of the stream; null before it said anything. */
  stream: StreamState | null;
  /** Milliseconds since the last painted frame; null when none was painted. */
  frameAgeMs: number | null;
  /** Server time at which that frame was taken. */
  lastFrameAt: number | null;
  /** Server time. */
  now: number;
  /** Neither the main stream nor the sub-stream can be played here. */
  unplayable: string | null;
  /** The browser asks for a gesture. */
  blocked: boolean;
  /** The reason line while the connection to the server is lost. */
  lostLine: string;
}

export interface TileFace {
  state: TileWord;
  glyph: string | null;
  line: string;
  reason: string;
}

export function tileFace(facts: TileFacts): TileFace {
  const said = facts.stream?.sentence ?? "";
  if (facts.stream?.state === "denied") return { state: "denied", glyph: "refused", line: said || "Not shown", reason: "" };
  if (facts.stream?.state === "paused") return { state: "paused", glyph: "paused", line: "Paused", reason: said };
  if (facts.stream?.state === "off") return { state: "off", glyph: "off", line: "Off", reason: said };
  if (facts.unplayable) return { state: "unplayable", glyph: "offline", line: "No picture here", reason: facts.unplayable };
  if (facts.blocked) return { state: "blocked", glyph: "play", line: "Press to start", reason: "This browser waits for a key or a click." };
  return facts.frameAgeMs === null ? beforeFirst(facts, said) : afterFirst(facts, facts.frameAgeMs, said);
}

function beforeFirst(facts: TileFacts, said: string): TileFace {
  if (!facts.connected) return { state: "connecting", glyph: "connecting", line: "Connecting", reason: facts.lostLine };
  if (facts.stream && WITHOUT_PICTURE.has(facts.stream.state)) return noPicture(facts.stream.sinceMs, facts.zone, said);
  return { state: "connecting", glyph: "connecting", line: "Connecting", reason: said };
}

function afterFirst(facts: TileFacts, age: number, said: string): TileFace {
  if (!facts.connected) return noPicture(facts.lastFrameAt, facts.zone, facts.lostLine);
  const behind = Math.max(age, facts.lastFrameAt === null ? 0 : facts.now - facts.lastFrameAt);
  if (behind < DISC_LOST_MS) return { state: "live", glyph: "live", line: "", reason: "" };
  if (age < PICTURE_LOST_MS) return { state: "late", glyph: null, line: "", reason: "" };
  return noPicture(facts.lastFrameAt, facts.zone, said);
}

function noPicture(since: number | null, zone: string, reason: string): TileFace {
  const line = since === null ? "No picture" : `No picture since ${clock(since, zone)}`;
  return { state: "no-picture", glyph: "offline", line, reason };
}

/** How a picture meets its tile: filled when at most a twelfth is cut away, whole otherwise. */
export function fit(tile: number, picture: number): "cover" | "contain" {
  if (!(tile > 0) || !(picture > 0)) return "contain";
  return Math.min(tile, picture) / Math.max(tile, picture) > 0.915 ? "cover" : "contain";
}

/** Which stream a tile needs by its width in CSS pixels. */
export function streamFor(width: number, chosen: boolean, hasSub: boolean): "main" | "sub" {
  return !hasSub || chosen || width >= 640 ? "main" : "sub";
}
