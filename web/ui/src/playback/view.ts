/* One act of watching recordings: opened with a purpose, extended before its deadline, closed with what was really seen. */
import { BY_ITSELF, call } from "../api.ts";
import { serverNow } from "../server_clock.ts";
import { joined, type Span } from "./coverage.ts";
import type { Range } from "./scale.ts";

interface Opened {
  view: string;
  deadline: string;
  /** What of the time that was asked for it covers. */
  start: string;
  end: string;
}

const EXTEND_EVERY_MS = 5 * 60_000;
const REASON_KEY = "custodian.reason";
/** The purpose of looking again at what was just live: nobody is asked, and it reaches minutes back. */
export const REPLAY = "live-incident";

export interface Reason {
  purpose: string;
  /** The number of a report that goes with it; empty for none. */
  incident: string;
}

/** The reason given in this window under `session`; another session there is asked anew. */
export function rememberedReason(session: string): Reason | null {
  const kept = JSON.parse(sessionStorage.getItem(REASON_KEY) ?? "null") as (Reason & { session: string }) | null;
  return kept?.session === session ? { purpose: kept.purpose, incident: kept.incident } : null;
}

export function rememberReason(session: string, reason: Reason): void {
  sessionStorage.setItem(REASON_KEY, JSON.stringify({ session, ...reason }));
}

export class View {
  readonly span: Range;
  /** It ends before what was asked for does: more of it may not be shown. */
  readonly cut: boolean;
  private readonly id: string;
  private readonly timer: number;
  private readonly watched: () => boolean;
  private deadline: number;
  private seen: Span[] = [];
  private watching: [number, number] | null = null;

  private constructor(opened: Opened, asked: Range, watched: () => boolean) {
    this.id = opened.view;
    this.deadline = Date.parse(opened.deadline);
    this.span = { start: Date.parse(opened.start), end: Date.parse(opened.end) };
    this.cut = this.span.end < Math.round(asked.end);
    this.watched = watched;
    this.timer = window.setInterval(() => void this.extend(), EXTEND_EVERY_MS);
  }

  /**
   * Write the access event first; throws Refusal with the reason when this span may not be seen. It is extended while `watched` says so.
   * Where only parts of the span may be shown, the view covers the one with `at`.
   */
  static async open(camera: number, { purpose, incident }: Reason, span: Range, at: number, watched: () => boolean): Promise<View> {
    const order = { camera, purpose, start: iso(span.start), end: iso(span.end), incident, around: iso(at) };
    return new View(await call<Opened>("POST", "/api/v1/views", order), span, watched);
  }

  /** Its deadline has passed, as after a night's sleep of the computer: what was seen under it stays, more needs another view. */
  get over(): boolean {
    return serverNow() >= this.deadline;
  }

  playlist(range: Range): string {
    const query = new URLSearchParams({ start: iso(range.start), end: iso(range.end) });
    return `/api/v1/views/${encodeURIComponent(this.id)}/main.m3u8?${query}`;
  }

  /** A frame of that moment was on the screen. */
  saw(at: number): void {
    if (this.watching && at >= this.watching[1] && at - this.watching[1] < 2_000) this.watching[1] = at;
    else {
      this.settle();
      this.watching = [at, at];
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.settle();
    const intervals = this.seen.map(([start, end]) => [iso(start), iso(end)]);
    // keepalive: the page may be going away
    void call("POST", `/api/v1/views/${encodeURIComponent(this.id)}/close`, { intervals }, { keepalive: true }).catch(() => undefined);
  }

  private settle(): void {
    if (this.watching) this.seen = joined([...this.seen, this.watching]).slice(-200);
    this.watching = null;
  }

  /** By itself, so that a page that merely stands open keeps no session alive. */
  private async extend(): Promise<void> {
    if (!this.watched() || this.over) return;
    // Refused or cut off: the deadline stays, and the next range request says so.
    const extended = await call<Opened>("POST", `/api/v1/views/${encodeURIComponent(this.id)}/extend`, undefined, BY_ITSELF).catch(() => null);
    if (extended) this.deadline = Date.parse(extended.deadline);
  }
}

const iso = (ms: number): string => new Date(Math.round(ms)).toISOString();
