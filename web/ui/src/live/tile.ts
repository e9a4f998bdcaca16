/* One place of the wall: the picture, its name plate and state, and the tools of the chosen tile. */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { announce } from "../announce.ts";
import { icon } from "../page.ts";
import { serverNow } from "../server_clock.ts";
import { Feed, type FeedEvents } from "./feed.ts";
import type { Placed } from "./model.ts";
import type { LiveSocket, StreamRole, StreamState } from "./socket.ts";
import { fit, streamFor, tileFace, type TileFace } from "./tile_state.ts";

const EMPTY: TileFace = { state: "empty", glyph: "plus", line: "Add a camera", reason: "Press Enter, then choose one in the list." };

export class VmsTile extends LitElement {
  static override properties = {
    placed: { attribute: false },
    chosen: { type: Boolean, reflect: true },
    reachable: { attribute: false },
    mayPlayback: { attribute: false },
    connected: { attribute: false },
    lostLine: { attribute: false },
    face: { state: true },
    note: { state: true },
  };

  declare placed: Placed | null;
  declare chosen: boolean;
  /** This tile is the wall's tab stop. */
  declare reachable: boolean;
  declare mayPlayback: boolean;
  declare connected: boolean;
  declare lostLine: string;
  declare private face: TileFace;
  declare private note: string;

  socket: LiveSocket | null = null;
  /** The stream's newest state from the server. */
  stream: StreamState | null = null;
  private feed: Feed | null = null;
  private coming: Feed | null = null;
  private readonly refusedStreams = new Set<StreamRole>();
  private askedAt = 0;
  private paintedAt: number | null = null;
  private lastFrameAt: number | null = null;
  private unplayable: string | null = null;
  private waitsForGesture = false;
  private readonly resize = new ResizeObserver(() => this.adapt());

  constructor() {
    super();
    this.placed = null;
    this.chosen = false;
    this.reachable = false;
    this.mayPlayback = false;
    this.connected = false;
    this.lostLine = "";
    this.face = EMPTY;
    this.note = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.dataset["state"] = this.face.state;
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
    this.sleep();
  }

  /** The video element that holds the newest picture, if there is one. */
  get video(): HTMLVideoElement | null {
    return this.querySelector("video[data-current]");
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    const before = changes.get("placed");
    if (changes.has("placed") && before?.camera.id !== this.placed?.camera.id) this.forget();
    this.tick();
  }

  protected override updated(): void {
    this.adapt();
  }

  /** Drop every subscription and picture: the place was emptied, or the window is out of sight. */
  sleep(): void {
    this.coming?.close();
    this.feed?.close();
    this.coming = this.feed = null;
    this.paintedAt = null;
  }

  /** Subscribe to what this tile needs now; called again whenever size, choice or visibility changes. */
  adapt(): void {
    if (!this.placed || !this.socket || document.hidden) return;
    const wanted = this.wantedStream();
    if (!wanted || (this.coming ?? this.feed)?.stream === wanted) return;
    if (this.coming) this.coming.close();
    this.coming = null;
    if (this.feed?.stream === wanted) return;
    const feed = new Feed(this.socket, this.placed.camera.id, wanted, this.feedEvents());
    if (this.feed) this.coming = feed;
    else {
      this.feed = feed;
      this.askedAt = performance.now();
    }
  }

  /** Recompute the face; the wall calls it four times a second. */
  tick(): void {
    const face = this.placed ? this.faceNow(this.placed) : EMPTY;
    if (face.state === this.face.state && face.line === this.face.line && face.reason === this.face.reason) return;
    this.say(face);
    this.face = face;
    this.dataset["state"] = face.state;
  }

  private faceNow(placed: Placed): TileFace {
    return tileFace({
      zone: placed.branch.zone,
      connected: this.connected,
      stream: this.stream,
      frameAgeMs: this.paintedAt === null ? null : performance.now() - this.paintedAt,
      lastFrameAt: this.lastFrameAt,
      now: serverNow(),
      unplayable: this.unplayable,
      blocked: this.waitsForGesture,
      lostLine: this.lostLine,
    });
  }

  private say(face: TileFace): void {
    if (!this.placed) return;
    const { name } = this.placed.camera;
    if (face.state === "no-picture" && this.face.state !== "no-picture") announce(name, `${name}: ${face.line}.`);
    if (face.state === "live" && this.face.state === "no-picture") announce(name, `${name}: live again.`);
  }

  private forget(): void {
    this.sleep();
    this.querySelector(".picture")?.replaceChildren();
    this.stream = null;
    this.lastFrameAt = null;
    this.unplayable = null;
    this.waitsForGesture = false;
    this.note = "";
    this.refusedStreams.clear();
    delete this.dataset["firstFrameMs"];
    delete this.dataset["stream"];
  }

  private wantedStream(): StreamRole | null {
    const { sub } = this.placed?.camera ?? { sub: false };
    const wanted = streamFor(this.clientWidth, this.chosen, sub);
    if (!this.refusedStreams.has(wanted)) return wanted;
    const other = wanted === "main" ? "sub" : "main";
    return sub && !this.refusedStreams.has(other) ? other : null;
  }

  private feedEvents(): FeedEvents {
    return {
      attached: (video) => this.querySelector(".picture")?.append(video),
      swapped: (feed, video) => this.swap(feed, video),
      painted: (feed, at) => {
        if (feed !== this.feed) return;
        this.paintedAt = performance.now();
        this.lastFrameAt = at;
        if (this.face.state !== "live") this.tick();
      },
      stream: (_feed, state) => {
        this.stream = state;
        this.tick();
        this.dispatchEvent(new CustomEvent("stream-state", { bubbles: true, detail: { camera: this.placed?.camera.id, state } }));
      },
      unplayable: (feed, codec) => this.fallBack(feed, codec),
      blocked: () => {
        this.waitsForGesture = true;
        this.tick();
      },
    };
  }

  /** The newest picture moves to the top; the feed it replaces ends. */
  private swap(feed: Feed, video: HTMLVideoElement): void {
    for (const old of this.querySelectorAll("video[data-current]")) old.removeAttribute("data-current");
    video.setAttribute("data-current", "");
    if (feed === this.coming) {
      this.feed?.close();
      this.feed = feed;
      this.coming = null;
    }
    this.waitsForGesture = false;
    this.dataset["stream"] = feed.stream;
    this.dataset["firstFrameMs"] ??= (performance.now() - this.askedAt).toFixed(0);
    this.note = this.plateNote(feed);
    this.fitPicture(video);
  }

  private plateNote(feed: Feed): string {
    if (this.refusedStreams.has("main") && feed.stream === "sub") return "small picture";
    return this.chosen && feed.stream === "main" && feed.height > 0 ? `main ${feed.height}p` : "";
  }

  private fitPicture(video: HTMLVideoElement): void {
    const way = fit(this.clientWidth / this.clientHeight, video.videoWidth / video.videoHeight);
    this.querySelector(".picture")?.setAttribute("data-fit", way);
  }

  private fallBack(feed: Feed, codec: string): void {
    this.refusedStreams.add(feed.stream);
    feed.close();
    if (feed === this.coming) this.coming = null;
    else this.feed = null;
    const name = /^(hvc1|hev1)/.test(codec) ? "H.265" : codec;
    if (this.wantedStream() === null) this.unplayable = `This browser can't play ${name}.`;
    this.adapt();
    this.tick();
  }

  private press(): void {
    if (this.face.state === "blocked") (this.coming ?? this.feed)?.play();
    this.emit("choose");
  }

  private emit(act: string): void {
    this.dispatchEvent(new CustomEvent("tile-act", { bubbles: true, detail: act }));
  }

  protected override render(): TemplateResult {
    const { placed, face } = this;
    return html`
      <div class="picture"></div>
      ${face.line ? html`<div class="message"><p class="line">${face.line}</p>${face.reason ? html`<p class="reason">${face.reason}</p>` : nothing}</div>` : nothing}
      <button class="face" tabindex=${this.reachable ? 0 : -1} aria-label=${this.label()} @click=${() => this.press()} @dblclick=${() => this.emit("enlarge")}></button>
      ${placed ? this.plate(placed) : html`<span class="plus">${icon("plus")}</span>`}
      ${placed && this.chosen ? this.tools(placed) : nothing}
    `;
  }

  private label(): string {
    if (!this.placed) return `Empty place. ${EMPTY.line}`;
    const state = this.face.line || (this.face.state === "live" ? "live" : "waiting for a picture");
    return `${this.placed.branch.name}, ${this.placed.camera.name}, ${state}`;
  }

  private plate(placed: Placed): TemplateResult {
    return html`<p class="plate" aria-hidden="true">
      <span class="glyph">${this.face.glyph ? icon(this.face.glyph) : nothing}</span><span class="name">${placed.camera.name}</span>${this.note ? html`<span class="stream">· <b>${this.note}</b></span>` : nothing}
    </p>`;
  }

  private tools(placed: Placed): TemplateResult {
    const back = (seconds: number): string => `/playback?camera=${placed.camera.id}&t=${encodeURIComponent(new Date(serverNow() - seconds * 1000).toISOString())}`;
    const tool = (name: string, glyph: string, act: () => void): TemplateResult =>
      html`<button class="tool" aria-label="${name}, ${placed.camera.name}" title=${name} @click=${act}>${icon(glyph)}</button>`;
    return html`<div class="tools" role="group" aria-label="Tools of this picture">
      ${this.mayPlayback ? tool("Replay 30 s", "replay", () => location.assign(`${back(30)}&replay=1`)) : nothing}
      ${this.mayPlayback ? tool("Playback", "clock", () => location.assign(back(300))) : nothing}
      ${tool("Full screen", "full", () => this.emit("full"))} ${tool("Take off the wall", "close", () => this.emit("remove"))}
    </div>`;
  }
}

customElements.define("vms-tile", VmsTile);
