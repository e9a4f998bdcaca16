/* One epoch of one stream in one video element: fMP4 fragments into a SourceBuffer, steered to the live edge. */
import { smoothedInterval, steer } from "./controller.ts";
import { FragmentQueue } from "./queue.ts";
import { giveBack, takeVideo } from "./video_pool.ts";

export interface RendererEvents {
  /** A frame was painted; `mediaTime` in seconds of the stream's own clock. */
  painted(mediaTime: number): void;
  /** The browser gave up on this stream; it needs a new init segment. */
  failed(reason: string): void;
  /** The browser wants a gesture before it plays. */
  blocked(): void;
}

type FrameMetadata = { mediaTime: number };
type WithFrameCallback = HTMLVideoElement & {
  requestVideoFrameCallback?(callback: (now: number, metadata: FrameMetadata) => void): number;
  cancelVideoFrameCallback?(handle: number): void;
};

const FIRST_GUESS_S = 1 / 15;

export function playable(codec: string): boolean {
  return typeof MediaSource !== "undefined" && MediaSource.isTypeSupported(mime(codec));
}

const mime = (codec: string): string => `video/mp4; codecs="${codec}"`;

export class MseRenderer {
  readonly video: WithFrameCallback = takeVideo();
  private readonly source = new MediaSource();
  private readonly queue = new FragmentQueue();
  private readonly events: RendererEvents;
  private buffer: SourceBuffer | null = null;
  private painted = 0;
  private interval = FIRST_GUESS_S;
  private knownEnd = 0;
  private appending = 0;
  private frameHandle = 0;
  private ended = false;

  constructor(codec: string, init: Uint8Array<ArrayBuffer>, events: RendererEvents) {
    this.events = events;
    this.source.addEventListener("sourceopen", () => this.open(codec, init), { once: true });
    this.video.addEventListener("error", this.onError);
    this.video.src = URL.createObjectURL(this.source);
    this.watchFrames();
  }

  push(fragment: Uint8Array, keyframe: boolean): void {
    if (this.ended) return;
    this.queue.push(fragment, keyframe);
    this.feed();
  }

  /** Ask again after a gesture. */
  play(): void {
    this.video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.events.blocked();
    });
  }

  dispose(): void {
    this.ended = true;
    this.queue.clear();
    if (this.frameHandle) this.video.cancelVideoFrameCallback?.(this.frameHandle);
    this.video.removeEventListener("error", this.onError);
    this.video.removeEventListener("timeupdate", this.onTimeUpdate);
    giveBack(this.video);
  }

  private open(codec: string, init: Uint8Array<ArrayBuffer>): void {
    if (this.ended) return;
    this.source.duration = Number.POSITIVE_INFINITY;
    this.buffer = this.source.addSourceBuffer(mime(codec));
    this.buffer.addEventListener("updateend", () => this.afterAppend());
    this.buffer.addEventListener("error", () => this.fail("the browser could not read the stream"));
    this.buffer.appendBuffer(init);
    this.play();
  }

  private feed(): void {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || this.ended || this.source.readyState !== "open") return;
    const waiting = this.queue.takeAll();
    if (!waiting) return;
    try {
      this.appending = waiting.count;
      buffer.appendBuffer(waiting.bytes);
    } catch (error) {
      if (error instanceof DOMException && error.name === "QuotaExceededError") this.makeRoom(buffer);
      else this.fail(String(error));
    }
  }

  private afterAppend(): void {
    const buffer = this.buffer;
    if (!buffer || this.ended || this.source.readyState !== "open") return;
    const ranges = buffer.buffered;
    if (ranges.length > 0) this.steer(buffer, ranges.start(ranges.length - 1), ranges.end(ranges.length - 1));
    if (!buffer.updating) this.feed();
  }

  private steer(buffer: SourceBuffer, start: number, end: number): void {
    if (this.painted > 0) this.interval = smoothedInterval(this.interval, end - this.knownEnd, this.appending);
    this.appending = 0;
    this.knownEnd = end;
    const position = this.video.currentTime;
    const wanted = steer({ position, start, end, interval: this.interval, warmingUp: this.painted === 0 });
    if (wanted.seek !== null && !this.video.seeking) this.video.currentTime = wanted.seek;
    if (this.video.playbackRate !== wanted.rate) this.video.playbackRate = wanted.rate;
    const oldest = buffer.buffered.start(0);
    if (buffer.updating) return; // a picture that came before this event was told is being appended; its end trims
    if (wanted.trimBefore !== null && wanted.trimBefore > oldest) buffer.remove(oldest, Math.min(wanted.trimBefore, Math.max(position - 1, oldest + 0.001)));
  }

  private makeRoom(buffer: SourceBuffer): void {
    this.queue.clear();
    const end = buffer.buffered.length > 0 ? buffer.buffered.end(buffer.buffered.length - 1) : 0;
    if (end > 2) buffer.remove(0, end - 1);
    else this.fail("the browser's buffer is full");
  }

  private watchFrames(): void {
    if (!this.video.requestVideoFrameCallback) {
      this.video.addEventListener("timeupdate", this.onTimeUpdate);
      return;
    }
    this.frameHandle = this.video.requestVideoFrameCallback((_now, metadata) => {
      if (this.ended) return;
      this.onFrame(metadata.mediaTime);
      this.watchFrames();
    });
  }

  private readonly onTimeUpdate = (): void => {
    if (this.video.readyState >= 2) this.onFrame(this.video.currentTime);
  };

  private readonly onError = (): void => this.fail(this.video.error?.message || "the browser could not play the stream");

  private onFrame(mediaTime: number): void {
    this.painted += 1;
    this.events.painted(mediaTime);
  }

  private fail(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.events.failed(reason);
  }
}
