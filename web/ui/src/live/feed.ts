/* One subscription of one tile: turns channel messages into a picture, and swaps renderers only when the new one has painted. */
import { MseRenderer, playable } from "./renderer.ts";
import type { Init, LiveSocket, Sink, StreamRole, StreamState } from "./socket.ts";

export interface FeedEvents {
  /** A video element joined: put it under the picture. */
  attached(video: HTMLVideoElement): void;
  /** This video has the newest picture from now on; the one before it is already gone. */
  swapped(feed: Feed, video: HTMLVideoElement): void;
  /** A frame was painted, taken at `at` by the server's clock. */
  painted(feed: Feed, at: number): void;
  stream(feed: Feed, state: StreamState): void;
  unplayable(feed: Feed, codec: string): void;
  blocked(feed: Feed): void;
}

const RETRY_MS = 1_000;

export class Feed implements Sink {
  readonly stream: StreamRole;
  height = 0;
  private readonly socket: LiveSocket;
  private readonly camera: number;
  private readonly events: FeedEvents;
  private channel: number;
  private current: MseRenderer | null = null;
  private coming: MseRenderer | null = null;
  private timer = 0;
  private closed = false;

  constructor(socket: LiveSocket, camera: number, stream: StreamRole, events: FeedEvents) {
    this.socket = socket;
    this.camera = camera;
    this.stream = stream;
    this.events = events;
    this.channel = socket.subscribe(camera, stream, this);
  }

  init(init: Init): void {
    this.coming?.dispose();
    this.coming = null;
    if (!playable(init.codec)) {
      this.events.unplayable(this, init.codec);
      return;
    }
    this.height = init.height;
    this.coming = this.renderer(init);
    this.events.attached(this.coming.video);
  }

  fragment(fragment: Uint8Array, keyframe: boolean): void {
    (this.coming ?? this.current)?.push(fragment, keyframe);
  }

  state(state: StreamState): void {
    this.events.stream(this, state);
  }

  /** Start playing after the person's gesture. */
  play(): void {
    this.coming?.play();
    this.current?.play();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.unsubscribe(this.channel);
    this.coming?.dispose();
    this.current?.dispose();
  }

  private renderer(init: Init): MseRenderer {
    const renderer: MseRenderer = new MseRenderer(init.codec, init.init, {
      painted: (mediaTime) => {
        if (renderer === this.coming) this.promote(renderer);
        this.events.painted(this, init.wallAtZeroMs + mediaTime * 1000);
      },
      failed: () => this.startOver(),
      blocked: () => this.events.blocked(this),
    });
    return renderer;
  }

  private promote(renderer: MseRenderer): void {
    this.current?.dispose();
    this.current = renderer;
    this.coming = null;
    this.events.swapped(this, renderer.video);
  }

  /** A new subscription brings a new init segment; the last picture stays until it has painted. */
  private startOver(): void {
    if (this.closed) return;
    this.socket.unsubscribe(this.channel);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.channel = this.socket.subscribe(this.camera, this.stream, this);
    }, RETRY_MS);
  }
}
