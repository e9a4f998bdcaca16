/* The live page: tree, view bar and wall over one WebSocket; the address holds the layout, so that each window has its own. */
import { html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { announce } from "./announce.ts";
import { freshPage, takeOver } from "./fresh_page.ts";
import { cleared, everyCamera, layoutOf, neighbour, placed, queryOf, resized, sameCameras, SIZES, type Layout, type LiveData, type Placed, type Size } from "./live/model.ts";
import { LiveSocket, type Connection, type StreamState } from "./live/socket.ts";
import type { VmsTile } from "./live/tile.ts";
import "./live/tile.ts";
import { wallLine } from "./live/wall.ts";
import type { VmsTree } from "./live/tree.ts";
import "./live/tree.ts";
import { icon, keyOf, pageData } from "./page.ts";
import { openInDialog } from "./page_dialog.ts";
import { serverNow } from "./server_clock.ts";

const TICK_MS = 250;
const HIDDEN_MS = 5_000;
/** How many cameras record, of all: asked for, as the wall shows only some of them. */
const CHIP_MS = 10_000;

class VmsLive extends LitElement {
  static override properties = { layout: { state: true }, chosen: { state: true }, connection: { state: true }, live: { state: true }, waitS: { state: true }, drawer: { state: true }, data: { state: true } };

  declare private data: LiveData;
  declare private layout: Layout;
  /** Place of the chosen tile. */
  declare private chosen: number;
  declare private connection: Connection;
  declare private live: number;
  declare private waitS: number;
  declare private drawer: boolean;
  private readonly socket: LiveSocket;
  private larger: Layout | null = null;
  private hiddenTimer = 0;

  constructor() {
    super();
    this.data = pageData<LiveData>();
    const narrow = matchMedia("(width < 640px)").matches;
    const known = everyCamera(this.data.branches).map(({ camera }) => camera.id);
    this.layout = layoutOf(new URLSearchParams(location.search), known);
    if (narrow && !location.search) this.layout = resized(this.layout, 1);
    this.chosen = this.data.wall ? -1 : 0;
    this.connection = { connected: false, attempt: 0, retryAt: null, reason: "" };
    this.live = 0;
    this.waitS = 0;
    this.drawer = false;
    this.socket = new LiveSocket(this.data.socket, (connection) => this.onConnection(connection));
    this.innerHTML = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.socket.start();
    setInterval(() => this.tick(), TICK_MS);
    setInterval(() => void freshPage().then((page) => page && this.takeFrame(page)), CHIP_MS);
    document.addEventListener("keydown", (event) => this.data.wall || this.onKey(event));
    document.addEventListener("click", (event) => this.onClick(event));
    document.addEventListener("visibilitychange", () => this.onVisibility());
    addEventListener("pagehide", () => this.socket.stop());
    addEventListener("pageshow", (event) => event.persisted && this.socket.start());
    this.addEventListener("stream-state", (event) => this.onStreamState((event as CustomEvent<{ camera: number; state: StreamState }>).detail));
  }

  /** What stands around the wall and changes while it runs: how many cameras record, what may be opened and seen, the lock, an emergency. */
  private takeFrame(page: Document): void {
    for (const part of [".top .chip", ".top .sections", "#announcements"]) takeOver(page, part);
    const { may_playback, branches } = pageData<LiveData>(page);
    if (may_playback !== this.data.may_playback) this.data = { ...this.data, may_playback };
    if (sameCameras(this.data.branches, branches)) return;
    this.data = { ...this.data, branches };
    this.layout = cleared(this.layout, branches);
  }

  /** "Switch user" and "Unlock" open over the pictures, which go on. */
  private onClick(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-in-dialog]") : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void openInDialog(link, (page, url) => this.goOn(page, url)).then((shown) => shown || location.assign(link.href));
  }

  /** Another person, or a new proof: the same pictures under the session that this browser has now. */
  private goOn(page: Document, url: URL): void {
    if (url.pathname !== location.pathname || !page.getElementById("page-data")) return location.assign(url);
    for (const part of [".demo-bar", ".top .person summary"]) takeOver(page, part);
    this.takeFrame(page);
    this.data = pageData<LiveData>(page);
    this.socket.renew();
  }

  private onConnection(connection: Connection): void {
    if (connection.connected && !this.connection.connected && this.connection.attempt > 0) announce("connection", "Connected again.");
    if (!connection.connected && connection.attempt === 1 && connection.retryAt !== null) announce("connection", "Connection lost. All tiles are greyed.");
    this.connection = connection;
  }

  private get tiles(): VmsTile[] {
    return [...this.querySelectorAll<VmsTile>("vms-tile")];
  }

  private tick(): void {
    const tiles = this.tiles;
    for (const tile of tiles) tile.tick();
    this.live = tiles.filter((tile) => tile.dataset["state"] === "live").length;
    const { retryAt } = this.connection;
    this.waitS = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
  }

  /** Out of sight for five seconds: nobody watches, so nothing is fetched and no view stays open. */
  private onVisibility(): void {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) this.hiddenTimer = window.setTimeout(() => this.tiles.forEach((tile) => tile.sleep()), HIDDEN_MS);
    else for (const tile of this.tiles) tile.adapt();
  }

  private onStreamState({ camera, state }: { camera: number; state: StreamState }): void {
    for (const one of everyCamera(this.data.branches)) {
      if (one.camera.id !== camera || one.camera.state === state.state) continue;
      Object.assign(one.camera, { state: state.state, since_ms: state.sinceMs });
      this.data = { ...this.data, branches: [...this.data.branches] };
    }
  }

  private change(layout: Layout, chosen = this.chosen): void {
    this.layout = layout;
    this.chosen = Math.min(chosen, layout.size - 1);
    history.replaceState(null, "", `?${queryOf(layout)}`);
  }

  private setSize(size: Size): void {
    const keep = this.layout.places[this.chosen] ?? null;
    const full = this.larger && this.larger.size >= size ? { ...this.larger } : this.layout;
    this.larger = size < this.layout.size ? this.layout : null;
    const next = size === 1 && keep !== null ? { size, places: [keep] } : resized(size > full.places.length ? this.grown(full, size) : full, size, keep);
    this.change(next, Math.max(0, next.places.indexOf(keep)));
  }

  /** A larger grid takes in cameras of the tree that are not on the wall yet. */
  private grown(layout: Layout, size: Size): Layout {
    const spare = everyCamera(this.data.branches).map(({ camera }) => camera.id).filter((id) => !layout.places.includes(id));
    const places = Array.from({ length: size }, (_, place) => layout.places[place] ?? spare.shift() ?? null);
    return { size, places };
  }

  private showCamera(camera: number): void {
    const there = this.layout.places.indexOf(camera);
    if (there >= 0) this.choose(there);
    else {
      const free = this.layout.places[this.chosen] === null ? this.chosen : this.layout.places.indexOf(null);
      const place = free >= 0 ? free : this.chosen;
      this.change(placed(this.layout, camera, place), place);
    }
    this.drawer = false;
  }

  private choose(place: number): void {
    this.chosen = place;
    void this.updateComplete.then(() => this.tiles[place]?.querySelector<HTMLElement>(".face")?.focus());
  }

  private act(place: number, act: string): void {
    if (this.data.wall) return;
    if (act === "choose") this.layout.places[place] === null ? this.addTo(place) : (this.chosen = place);
    if (act === "enlarge") this.enlarge(place);
    if (act === "full") void this.tiles[place]?.requestFullscreen();
    if (act === "remove") this.change({ ...this.layout, places: this.layout.places.map((camera, index) => (index === place ? null : camera)) });
  }

  private addTo(place: number): void {
    this.chosen = place;
    this.drawer = true;
    void this.updateComplete.then(() => this.querySelector<VmsTree>("vms-tree")?.focusTree());
  }

  private enlarge(place: number): void {
    this.chosen = place;
    if (this.layout.size > 1) this.setSize(1);
    else if (this.larger) this.setSize(this.larger.size);
    this.choose(this.chosen);
  }

  private onKey(event: KeyboardEvent): void {
    const key = keyOf(event);
    if (key === "/") this.querySelector<VmsTree>("vms-tree")?.focusFind();
    else if (key === "g") this.setSize(SIZES[(SIZES.indexOf(this.layout.size) + 1) % SIZES.length] ?? 4);
    else if (key === "f") this.act(this.chosen, "full");
    else if (key === "r") this.replay();
    else if (key === "Escape" && this.drawer) this.drawer = false;
    else return;
    event.preventDefault();
  }

  private onGridKey(event: KeyboardEvent): void {
    if (!(event.target instanceof HTMLElement) || !event.target.matches(".face")) return;
    const to = neighbour(this.chosen, event.key, this.layout.size);
    if (event.key === "Delete") this.act(this.chosen, "remove");
    else if (event.key === "Enter" && this.layout.places[this.chosen] !== null) this.enlarge(this.chosen);
    else if (to !== this.chosen) this.choose(to);
    else return;
    event.preventDefault();
  }

  private replay(): void {
    const camera = this.layout.places[this.chosen];
    if (this.data.may_playback && camera) location.assign(`/playback?camera=${camera}&t=${encodeURIComponent(new Date(serverNow() - 30_000).toISOString())}&replay=1`);
  }

  private get lostLine(): string {
    const { attempt, reason } = this.connection;
    return attempt === 0 ? "" : `${reason || "Connection to the server lost."} ${this.waitS > 0 ? `Try ${attempt + 1} in ${this.waitS} s.` : "Trying now."}`;
  }

  protected override render(): TemplateResult {
    if (this.data.wall) return html`<main id="main" class="wall" tabindex="-1"><h1 class="name-only">Wall</h1>${this.grid()}${wallLine(this.data, this.live, this.shownCameras, this.connectionLost())}</main>`;
    return html`
      <aside class="side ${this.drawer ? "open" : ""}" id="side" aria-label="Cameras">
        <vms-tree .branches=${this.data.branches} .chosen=${this.layout.places[this.chosen] ?? null} @show-camera=${(event: CustomEvent<number>) => this.showCamera(event.detail)}></vms-tree>
      </aside>
      <main id="main" class="wall" tabindex="-1">${this.bar()}${this.grid()}</main>
    `;
  }

  private get shownCameras(): number {
    return this.layout.places.filter((camera) => camera !== null).length;
  }

  private bar(): TemplateResult {
    const shown = this.shownCameras;
    return html`<div class="view-bar">
      <button class="button drawer-button" aria-expanded=${this.drawer ? "true" : "false"} aria-controls="side" @click=${() => (this.drawer = !this.drawer)}>${icon("menu")}Cameras</button>
      <h1>Live</h1>
      <span class="shown">${shown === 1 ? "1 camera" : `${shown} cameras`} · ${this.live} live</span>
      ${this.connectionLost()}
      <span class="group" role="group" aria-label="Pictures on the wall">
        ${SIZES.map((size) => html`<button class="button" aria-pressed=${size === this.layout.size ? "true" : "false"} aria-label="${size} ${size === 1 ? "picture" : "pictures"}" @click=${() => this.setSize(size)}>${size}</button>`)}
      </span>
      ${this.data.may_playback ? html`<button class="button" ?disabled=${this.layout.places[this.chosen] === null} @click=${() => this.replay()}>${icon("replay")}Replay 30 s <kbd aria-hidden="true">R</kbd></button>` : nothing}
    </div>`;
  }

  private connectionLost(): TemplateResult | typeof nothing {
    const { connected, attempt } = this.connection;
    if (connected || attempt === 0) return nothing;
    return html`<div class="lost">${icon("connecting")}<span><strong>Connection lost.</strong> ${this.waitS > 0 ? `All tiles are greyed. Try ${attempt + 1} in ${this.waitS} s` : "All tiles are greyed. Trying now"}</span>
      <button class="button" @click=${() => this.socket.tryNow()}>Try now</button></div>`;
  }

  private grid(): TemplateResult {
    const cameras = new Map<number, Placed>(everyCamera(this.data.branches).map((one) => [one.camera.id, one]));
    return html`<div class="grid on-picture grid-${this.layout.size}" role="group" aria-label="Pictures" @keydown=${(event: KeyboardEvent) => this.onGridKey(event)}>
      ${repeat(this.layout.places, (_camera, place) => place, (camera, place) => this.data.wall && camera === null ? html`<div class="blank"></div>` : html`<vms-tile
        .socket=${this.socket} .placed=${camera === null ? null : (cameras.get(camera) ?? null)} .chosen=${place === this.chosen} .reachable=${place === this.chosen}
        .connected=${this.connection.connected} .lostLine=${this.lostLine} .mayPlayback=${this.data.may_playback}
        @tile-act=${(event: CustomEvent<string>) => this.act(place, event.detail)} @focusin=${() => this.data.wall || (this.chosen = place)}></vms-tile>`)}
    </div>`;
  }
}

customElements.define("vms-live", VmsLive);
