/* The one WebSocket of a window: numbered channels, reconnection, and every subscription restored after it. */
import { freshPage } from "../fresh_page.ts";
import { heard } from "../server_clock.ts";
import { backoff } from "./backoff.ts";

export type StreamRole = "main" | "sub";

export interface Init {
  codec: string;
  width: number;
  height: number;
  epoch: string;
  wallAtZeroMs: number;
  init: Uint8Array<ArrayBuffer>;
}

export interface StreamState {
  state: string;
  sinceMs: number | null;
  sentence: string;
}

/** What a channel delivers. */
export interface Sink {
  init(init: Init): void;
  fragment(fragment: Uint8Array, keyframe: boolean): void;
  state(state: StreamState): void;
}

export interface Connection {
  connected: boolean;
  /** Tries since the connection was lost. */
  attempt: number;
  /** performance.now() of the next try, or null while one is under way. */
  retryAt: number | null;
  /** What the server said when it closed, or "" when it said nothing. */
  reason: string;
}

interface Subscription {
  camera: number;
  stream: StreamRole;
  sink: Sink;
}

interface ServerMessage {
  t: string;
  ch: number;
  [field: string]: unknown;
}

const PING_MS = 10_000;
const SILENCE_MS = 25_000;
const HEADER_BYTES = 3;
const KEYFRAME = 1;
/** Close codes that say that the session has ended or may not watch. */
const FINAL_CODES = new Set([4401, 4403]);

export class LiveSocket {
  private readonly url: string;
  private readonly changed: (connection: Connection) => void;
  private readonly subscriptions = new Map<number, Subscription>();
  private socket: WebSocket | null = null;
  private lastChannel = 0;
  private attempt = 0;
  private retryAt: number | null = null;
  private reason = "";
  private timer = 0;
  private heardAt = 0;
  private stopped = true;
  /** Whether the socket before was closed with one of `FINAL_CODES`, and nothing has come since. */
  private refused = false;

  constructor(path: string, changed: (connection: Connection) => void) {
    this.url = new URL(path, location.href).href.replace(/^http/, "ws");
    this.changed = changed;
    setInterval(() => this.checkAlive(), PING_MS);
  }

  start(): void {
    this.stopped = false;
    if (!this.socket) this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    // While it connects, closing it is a warning in the browser's console: it closes once it is open, or goes with the page.
    if (this.socket?.readyState !== WebSocket.CONNECTING) this.socket?.close();
    this.socket = null;
  }

  /** Try at once instead of waiting. */
  tryNow(): void {
    clearTimeout(this.timer);
    if (!this.socket && !this.stopped) this.connect();
  }

  /** Go on under the session that this browser has by now: the socket before shows its pictures until the next one is open. */
  renew(): void {
    const before = this.socket;
    if (before?.readyState !== WebSocket.OPEN) return this.tryNow();
    const next = this.opening();
    next.addEventListener("open", () => {
      if (this.socket !== before) return next.close();
      this.socket = next;
      this.opened(next);
      before.close();
    });
  }

  subscribe(camera: number, stream: StreamRole, sink: Sink): number {
    const channel = this.freeChannel();
    this.subscriptions.set(channel, { camera, stream, sink });
    this.send({ t: "sub", ch: channel, camera, stream });
    return channel;
  }

  unsubscribe(channel: number): void {
    if (this.subscriptions.delete(channel)) this.send({ t: "unsub", ch: channel });
  }

  private freeChannel(): number {
    do this.lastChannel = (this.lastChannel % 65_535) + 1;
    while (this.subscriptions.has(this.lastChannel));
    return this.lastChannel;
  }

  private connect(): void {
    this.retryAt = null;
    this.follow();
    this.report();
  }

  private follow(): void {
    const socket = this.opening();
    socket.addEventListener("open", () => this.opened(socket));
    this.socket = socket;
  }

  private opening(): WebSocket {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", (event: MessageEvent<ArrayBuffer | string>) => this.received(socket, event.data));
    socket.addEventListener("close", (event) => this.closed(socket, event.code, event.reason));
    return socket;
  }

  private opened(socket: WebSocket): void {
    if (socket !== this.socket) return socket.close();
    this.heardAt = performance.now();
    for (const [ch, { camera, stream }] of this.subscriptions) this.send({ t: "sub", ch, camera, stream });
    this.report();
  }

  private received(socket: WebSocket, data: ArrayBuffer | string): void {
    if (socket !== this.socket) return;
    this.heardAt = performance.now();
    this.refused = false;
    if (this.attempt > 0) {
      this.attempt = 0; // not before: a server that accepts and closes at once is not to be asked twice a second
      this.report();
    }
    if (typeof data === "string") this.control(JSON.parse(data) as ServerMessage);
    else this.media(data);
  }

  private media(data: ArrayBuffer): void {
    if (data.byteLength <= HEADER_BYTES) return;
    const header = new DataView(data, 0, HEADER_BYTES);
    const subscription = this.subscriptions.get(header.getUint16(0));
    subscription?.sink.fragment(new Uint8Array(data, HEADER_BYTES), (header.getUint8(2) & KEYFRAME) !== 0);
  }

  private control(message: ServerMessage): void {
    if (message.t === "pong") heard(Number(message["now"]));
    const sink = this.subscriptions.get(message.ch)?.sink;
    if (!sink) return;
    if (message.t === "init") sink.init(initOf(message));
    if (message.t === "state") sink.state(stateOf(message));
  }

  private closed(socket: WebSocket, code: number, reason = ""): void {
    if (socket !== this.socket) return;
    this.socket = null;
    this.reason = reason;
    if (this.attempt > 0) void freshPage(); // a handshake refused for want of a session looks like a lost network: where this page leads says it
    if (FINAL_CODES.has(code)) return this.goOn();
    if (this.stopped) return;
    this.attempt += 1;
    const wait = backoff(this.attempt, Math.random());
    this.retryAt = performance.now() + wait;
    this.timer = window.setTimeout(() => this.connect(), wait);
    this.report();
  }

  /** The browser may have another session by now, by a new proof or a change of shift: only where that is refused too the page goes. */
  private goOn(): void {
    if (this.refused) return location.reload(); // the server answers with the sign-in page, or says why not
    this.refused = true;
    this.follow(); // nothing is reported: the tiles' own clocks say when a picture is late
  }

  private checkAlive(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.heardAt > SILENCE_MS) this.abandon(this.socket);
    else this.send({ t: "ping" });
  }

  /** A socket whose peer has vanished may take minutes to close: don't wait for it. */
  private abandon(socket: WebSocket): void {
    socket.close();
    this.closed(socket, 1006);
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private report(): void {
    this.changed({ connected: this.socket?.readyState === WebSocket.OPEN, attempt: this.attempt, retryAt: this.retryAt, reason: this.reason });
  }
}

function initOf(message: ServerMessage): Init {
  return {
    codec: String(message["codec"]),
    width: Number(message["w"]),
    height: Number(message["h"]),
    epoch: String(message["epoch"]),
    wallAtZeroMs: Number(message["wall_at_zero_ms"]),
    init: Uint8Array.from(atob(String(message["init"])), (character) => character.charCodeAt(0)),
  };
}

function stateOf(message: ServerMessage): StreamState {
  const since = message["since"];
  const sinceMs = typeof since === "number" ? since : typeof since === "string" ? Date.parse(since) : Number.NaN;
  return { state: String(message["state"]), sinceMs: Number.isNaN(sinceMs) ? null : sinceMs, sentence: String(message["sentence"] ?? "") };
}
