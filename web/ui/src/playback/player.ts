/* Drives reels by wall-clock time: opens views and playlists where the playhead goes, jumps over gaps, keeps the picture while it loads. */
import { sentenceFor } from "../api.ts";
import { serverNow } from "../server_clock.ts";
import { gapAt, isRecorded, jumpedOver, newest, nextRecorded, type Coverage, type Gap } from "./coverage.ts";
import { Reel, type ReelEvents } from "./reel.ts";
import { within, type Range } from "./scale.ts";
import { REPLAY, View, type Reason } from "./view.ts";

const HOUR_MS = 3_600_000;
/** A playlist is asked for again when less than this is left of it. */
const EDGE_MS = 6_000;
const SCRUB_MS = 120;
/** So far inside the role's limit a view begins: our idea of the server's time is late by what its answer took. */
const SLACK_MS = 10_000;

export type Screen =
  | { kind: "blank" }
  | { kind: "loading" }
  | { kind: "picture" }
  | { kind: "gap"; gap: Gap }
  | { kind: "newest" }
  /** Of what may be shown; more was recorded. */
  | { kind: "end" }
  | { kind: "trouble"; sentence: string };

export interface PlayerEvents {
  /** Playhead, screen, speed or play state changed. */
  changed(): void;
  /** Playback jumped over this gap by itself. */
  jumped(gap: Gap): void;
  attached(video: HTMLVideoElement): void;
}

export class Player {
  at: number;
  playing = false;
  speed = 1;
  screen: Screen = { kind: "blank" };
  coverage: Coverage = { recorded: [], gaps: [] };
  private readonly camera: number;
  private readonly lookBackMs: number;
  private readonly replayMs: number;
  private readonly events: PlayerEvents;
  private reason: Reason | null = null;
  private view: View | null = null;
  private reel: Reel | null = null;
  /** The reel has failed: its last picture stays, the next one comes from another. */
  private spent = false;
  private coming: Reel | null = null;
  private generation = 0;
  private scrubbedAt = 0;

  constructor(camera: number, at: number, limits: { lookBackMs: number; replayMs: number }, events: PlayerEvents) {
    this.camera = camera;
    this.at = at;
    this.lookBackMs = limits.lookBackMs;
    this.replayMs = limits.replayMs;
    this.events = events;
  }

  /** Begin: from now on every seek shows a picture. */
  start(reason: Reason): void {
    this.reason = reason;
    this.playing = true;
    this.seek(this.at);
  }

  /** Ask anew what it is for: what was just live reaches no further back. */
  private stop(): void {
    this.close();
    this.reason = null;
    this.playing = false;
    this.screen = { kind: "blank" };
  }

  get started(): boolean {
    return this.reason !== null;
  }

  /** The oldest moment that may be seen; it moves with the clock, as the server's own limit does. */
  private get earliest(): number {
    return serverNow() - (this.reason?.purpose === REPLAY ? this.replayMs : this.lookBackMs) + SLACK_MS;
  }

  toggle(): void {
    this.playing ? this.pause() : this.play();
  }

  play(): void {
    this.playing = true;
    if (this.screen.kind === "picture" && !this.view?.over) this.apply();
    else this.seek(this.at);
    this.events.changed();
  }

  pause(): void {
    this.playing = false;
    this.apply();
    this.events.changed();
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.apply();
    this.events.changed();
  }

  /** While the pointer drags: the playhead follows at once, the picture at most eight times a second. */
  scrub(at: number): void {
    this.at = at;
    const now = performance.now();
    const span = this.reel?.span;
    if (now - this.scrubbedAt > SCRUB_MS && span && at >= span.start && at < span.end && isRecorded(this.coverage, at)) {
      this.scrubbedAt = now;
      this.reel?.video.pause();
      this.reel?.seek(at);
    }
    this.events.changed();
  }

  seek(at: number): void {
    if (this.reason?.purpose === REPLAY && at < this.earliest) this.stop();
    this.at = Math.min(Math.max(at, this.earliest), serverNow() - 1_000);
    if (this.reason === null) return this.events.changed();
    if (isRecorded(this.coverage, this.at)) return this.show(this.at);
    const gap = gapAt(this.coverage, this.at);
    if (this.playing && gap.end !== null) {
      this.events.jumped(gap);
      return this.show(nextRecorded(this.coverage, this.at) ?? gap.end);
    }
    this.generation += 1;
    this.dropComing();
    this.reel?.video.pause();
    this.setScreen({ kind: "gap", gap });
  }

  /** Leave: tell the server what was really seen. */
  close(): void {
    this.generation += 1;
    this.coming?.dispose();
    this.reel?.dispose();
    this.view?.close();
    this.coming = this.reel = this.view = null;
  }

  private show(at: number): void {
    this.at = at;
    const span = this.spent || this.view?.over ? null : this.reel?.span;
    if (this.reel && span && at >= span.start && at < span.end) {
      this.generation += 1;
      this.dropComing();
      this.reel.seek(at);
      this.setScreen({ kind: "picture" });
      this.apply();
    } else void this.openReel(at);
  }

  private async openReel(at: number): Promise<void> {
    this.generation += 1;
    const { generation } = this;
    this.dropComing();
    if (this.screen.kind !== "picture") this.setScreen({ kind: "loading" });
    try {
      const view = await this.viewAround(at);
      if (generation !== this.generation) return;
      const reel = new Reel(view.playlist(view.span), at, this.reelEvents());
      this.coming = reel;
      this.events.attached(reel.video);
    } catch (error) {
      if (generation === this.generation) this.trouble(sentenceFor(error));
    }
  }

  private async viewAround(at: number): Promise<View> {
    const left = this.view ? this.view.span.end - at : 0;
    if (this.view && !this.view.over && at >= this.view.span.start && left > (this.view.cut ? 0 : EDGE_MS)) return this.view;
    const bounds: Range = { start: this.earliest, end: serverNow() + 2 * HOUR_MS };
    const view = await View.open(this.camera, this.reason ?? { purpose: "", incident: "" }, within({ start: at - HOUR_MS, end: at + 2 * HOUR_MS }, bounds), at, () => this.playing || !document.hidden);
    this.view?.close();
    this.view = view;
    return view;
  }

  private reelEvents(): ReelEvents {
    return {
      ready: (reel) => reel === this.coming && this.promote(reel),
      frame: (reel, at) => reel === this.reel && this.onFrame(reel, at),
      ended: (reel) => reel === this.reel && this.onEnd(),
      failed: (reel, sentence) => (reel === this.reel || reel === this.coming) && this.fail(sentence),
    };
  }

  private promote(reel: Reel): void {
    this.reel?.dispose();
    this.reel = reel;
    this.spent = false;
    this.coming = null;
    reel.video.setAttribute("data-current", "");
    this.at = reel.at;
    this.setScreen({ kind: "picture" });
    this.apply();
  }

  private onFrame(reel: Reel, at: number): void {
    this.view?.saw(at);
    if (this.screen.kind === "gap") return; // painted late: the playhead has left this footage
    const gap = this.playing && at > this.at ? jumpedOver(this.coverage, this.at, at) : null;
    if (gap) this.events.jumped(gap);
    if (!reel.video.seeking) this.at = at;
    this.renew(reel, at);
    this.events.changed();
  }

  /** Near the end of the playlist, and more was recorded meanwhile: fetch the longer one beside the running picture. */
  private renew(reel: Reel, at: number): void {
    const end = reel.span?.end ?? Number.POSITIVE_INFINITY;
    const more = !this.view?.cut && (newest(this.coverage) ?? 0) > end + 1_000;
    if (this.playing && !this.coming && more && !reel.follows && end - at < EDGE_MS * this.speed) this.follow(at + 500 * this.speed);
  }

  private follow(at: number): void {
    if (isRecorded(this.coverage, at)) void this.openReel(at);
  }

  private onEnd(): void {
    const next = this.view?.cut ? null : nextRecorded(this.coverage, this.at + 200);
    if (next !== null) return this.seek(next);
    this.playing = false;
    this.setScreen({ kind: this.view?.cut ? "end" : "newest" });
  }

  private apply(): void {
    const video = this.reel?.video;
    if (!video) return;
    video.playbackRate = this.speed;
    if (this.playing && this.screen.kind === "picture") void video.play().catch(() => this.pause());
    else video.pause();
  }

  private dropComing(): void {
    this.coming?.dispose();
    this.coming = null;
  }

  /** A reel gave up, perhaps because its view has ended: the next try opens both anew. */
  private fail(sentence: string): void {
    this.spent = true;
    this.view?.close();
    this.view = null;
    this.trouble(sentence);
  }

  private trouble(sentence: string): void {
    this.playing = false;
    this.dropComing();
    this.reel?.video.pause();
    this.setScreen({ kind: "trouble", sentence });
  }

  private setScreen(screen: Screen): void {
    this.screen = screen;
    this.events.changed();
  }
}
