/* One act of watching recordings: opened with a purpose, extended before its deadline, closed with what was really seen. */
import { call } from "../api.ts";
import { joined, type Span } from "./coverage.ts";
import type { Range } from "./scale.ts";

interface Opened {
  view: string;
  deadline: string;
}

const EXTEND_EVERY_MS = 5 * 60_000;
const PURPOSE_KEY = "custodian.purpose";

/** The purpose given in this window; it is asked for once per session. */
export function rememberedPurpose(): string | null {
  return sessionStorage.getItem(PURPOSE_KEY);
}

export function rememberPurpose(purpose: string): void {
  sessionStorage.setItem(PURPOSE_KEY, purpose);
}

export class View {
  readonly span: Range;
  private readonly id: string;
  private readonly timer: number;
  private seen: Span[] = [];
  private watching: [number, number] | null = null;

  private constructor(id: string, span: Range) {
    this.id = id;
    this.span = span;
    this.timer = window.setInterval(() => void this.extend(), EXTEND_EVERY_MS);
  }

  /** Write the access event first; throws Refusal with the reason when this span may not be seen. */
  static async open(camera: number, purpose: string, span: Range): Promise<View> {
    const opened = await call<Opened>("POST", "/api/v1/views", { camera, purpose, start: iso(span.start), end: iso(span.end) });
    return new View(opened.view, span);
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

  private async extend(): Promise<void> {
    await call("POST", `/api/v1/views/${encodeURIComponent(this.id)}/extend`).catch(() => undefined); // refused or cut off: the next range request says so
  }
}

const iso = (ms: number): string => new Date(Math.round(ms)).toISOString();
