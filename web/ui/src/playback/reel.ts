/* One playlist in one video element, addressed by wall-clock time; the player swaps reels, so a new window never shows black. */
import Hls, { type ErrorData, type Fragment, type LevelDetails } from "hls.js/light";

/**
 * The media clock begins at 1 ms: time stamps count from 1970, and Chromium rounds them and the offset that brings the first to 0 each for
 * itself. One recording in 14 thus began at −1 µs, which Chromium doesn't keep, nor what follows up to the second keyframe.
 */
const MEDIA_START_S = 0.001;

export interface ReelEvents {
  /** The first frame at the asked-for moment is decoded. */
  ready(reel: Reel): void;
  /** A frame of that moment is on the screen. */
  frame(reel: Reel, at: number): void;
  /** The playlist has no more. */
  ended(reel: Reel): void;
  failed(reel: Reel, sentence: string): void;
}

type FrameMetadata = { mediaTime: number };
type WithFrameCallback = HTMLVideoElement & { requestVideoFrameCallback?(callback: (now: number, metadata: FrameMetadata) => void): number };

export class Reel {
  readonly video: WithFrameCallback;
  private readonly hls: Hls;
  private readonly events: ReelEvents;
  private details: LevelDetails | null = null;
  private pendingSeek: number;
  private begun = false;
  private isReady = false;
  private gone = false;

  constructor(url: string, at: number, events: ReelEvents) {
    this.events = events;
    this.pendingSeek = at;
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, disablePictureInPicture: true, tabIndex: -1 });
    this.video.setAttribute("aria-hidden", "true");
    // No worker: fMP4 passes through as it is, so a worker would cost 41 KB of script and save nothing.
    this.hls = new Hls({ autoStartLoad: false, enableWorker: false, maxBufferLength: 20, maxMaxBufferLength: 60, backBufferLength: 30, startFragPrefetch: true, timelineOffset: MEDIA_START_S });
    this.hls.on(Hls.Events.LEVEL_LOADED, (_event, data) => this.begin(data.details));
    this.hls.on(Hls.Events.LEVEL_UPDATED, (_event, data) => (this.details = data.details));
    this.hls.on(Hls.Events.ERROR, (_event, data) => this.onError(data));
    for (const name of ["loadeddata", "seeked"]) this.video.addEventListener(name, () => this.settle());
    this.video.addEventListener("ended", () => this.events.ended(this));
    this.hls.attachMedia(this.video);
    this.hls.loadSource(url);
    this.watchFrames();
  }

  /** The moments this playlist holds, or null before it arrived. */
  get span(): { start: number; end: number } | null {
    const fragments = this.details?.fragments;
    const [first, last] = [fragments?.[0], fragments?.at(-1)];
    return first && last ? { start: startOf(first), end: startOf(last) + last.duration * 1000 } : null;
  }

  /** The playlist still grows by itself. */
  get follows(): boolean {
    return this.details?.live ?? false;
  }

  /** Move to a moment; what was not recorded leads to the next recorded moment of this playlist. */
  seek(at: number): void {
    this.pendingSeek = at;
    if (this.details) this.video.currentTime = this.mediaTime(this.details, at);
  }

  get at(): number {
    return this.details ? this.wallTime(this.video.currentTime) : this.pendingSeek;
  }

  dispose(): void {
    this.gone = true;
    this.hls.destroy();
    this.video.removeAttribute("src");
    this.video.load();
    this.video.remove();
  }

  private begin(details: LevelDetails): void {
    this.details = details;
    if (this.begun || this.gone) return;
    this.begun = true;
    if (details.fragments.length === 0) {
      this.events.failed(this, "Nothing is recorded in this span.");
      return;
    }
    this.hls.startLoad(this.mediaTime(details, this.pendingSeek));
  }

  private settle(): void {
    if (this.isReady || this.gone || this.video.readyState < 2 || this.video.seeking) return;
    this.isReady = true;
    this.events.ready(this);
  }

  private mediaTime(details: LevelDetails, at: number): number {
    const fragment = details.fragments.find((one) => startOf(one) + one.duration * 1000 > at) ?? details.fragments.at(-1);
    if (!fragment) return 0;
    const inside = Math.min(Math.max(0, (at - startOf(fragment)) / 1000), fragment.duration - 0.02);
    return fragment.start + inside;
  }

  private wallTime(mediaTime: number): number {
    const fragments = this.details?.fragments ?? [];
    const fragment = fragments.findLast((one) => one.start <= mediaTime + 0.001) ?? fragments[0];
    return fragment ? startOf(fragment) + (mediaTime - fragment.start) * 1000 : this.pendingSeek;
  }

  private watchFrames(): void {
    if (this.gone) return;
    if (!this.video.requestVideoFrameCallback) {
      this.video.addEventListener("timeupdate", () => this.events.frame(this, this.at));
      return;
    }
    this.video.requestVideoFrameCallback((_now, { mediaTime }) => {
      if (this.gone) return;
      this.events.frame(this, this.wallTime(mediaTime));
      this.watchFrames();
    });
  }

  private onError(data: ErrorData): void {
    if (!data.fatal || this.gone) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && this.isReady) this.hls.recoverMediaError();
    else this.events.failed(this, sentenceOf(data));
  }
}

const startOf = (fragment: Fragment): number => fragment.programDateTime ?? 0;

function sentenceOf(data: ErrorData): string {
  const status = data.response?.code;
  if (status === 401) return "Your sign-in has ended. Sign in again.";
  if (status === 403 || status === 404) return "This footage is not open to you any more, or it was deleted meanwhile.";
  if (data.type === Hls.ErrorTypes.MEDIA_ERROR) return "This browser can't play this recording. Another browser may; a recording in H.265 needs one that decodes it.";
  return "The footage did not arrive. Check the network, then try again.";
}
