/* The playback page: one camera's picture, transport and timeline; before the first picture it asks what the watching is for. */
import { html, LitElement, nothing, type TemplateResult } from "lit";
import { announce } from "./announce.ts";
import { BY_ITSELF, call } from "./api.ts";
import { everyCamera, type LiveBranch } from "./live/model.ts";
import { icon, keyOf, pageData } from "./page.ts";
import { isRecorded, refreshed, type Coverage, type Gap, type Span } from "./playback/coverage.ts";
import { Player } from "./playback/player.ts";
import type { VmsTimeline } from "./playback/timeline.ts";
import "./playback/timeline.ts";
import { rememberedReason, rememberReason, REPLAY } from "./playback/view.ts";
import { heard, serverNow } from "./server_clock.ts";
import { abbreviation, clock, day, fieldValue, momentsOf, span } from "./times.ts";

interface Camera {
  id: number;
  name: string;
  branch: string;
  zone: string;
}

interface PlaybackData {
  camera: Camera | null;
  branches: LiveBranch[];
  t_ms: number | null;
  purposes: [string, string][];
  /** Which session this is, known to its own person. */
  session: string;
  /** How far back this role sees recordings. */
  look_back_ms: number;
  /** So far back from a live picture nobody is asked why. */
  live_replay_ms: number;
  /** The page was opened from a live picture, to see again what just happened. */
  replay: boolean;
  /** The request that this person shows to an outsider now; empty in no showing. */
  showing: string;
}

interface TimelineAnswer {
  recorded: Span[];
  gaps: { start_ms: number; end_ms: number | null; reason: string; sentence: string }[];
  now_ms: number;
}

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const REFRESH_MS = 3_000;
const OVERLAP_MS = 180_000;
const TOAST_MS = 6_000;
const KEYS: [string, string][] = [
  ["K or Space", "Play or pause"], ["J", "Slower"], ["L", "Faster"], ["← →", "5 seconds back or on"], ["Shift ← →", "1 minute back or on"],
  ["T", "Go to a time"], ["+ −", "Show a shorter or longer time"], ["F", "Full screen"], ["?", "These keys"],
];

class VmsPlayback extends LitElement {
  static override properties = { coverage: { state: true }, beat: { state: true }, toast: { state: true }, moments: { state: true }, fault: { state: true } };

  declare private coverage: Coverage | null;
  /** Counts changes of the player: drawing follows at most once a frame. */
  declare private beat: number;
  declare private toast: string;
  /** Two moments fit the time that was entered: the doubled autumn hour. */
  declare private moments: number[];
  declare private fault: string;
  private readonly data = pageData<PlaybackData>();
  private readonly player: Player | null;
  private readonly bounds: { start: number; end: number };
  private toastTimer = 0;

  constructor() {
    super();
    const now = serverNow();
    this.coverage = null;
    this.beat = 0;
    this.toast = "";
    this.moments = [];
    this.fault = "";
    this.bounds = { start: now - this.data.look_back_ms, end: now };
    const { camera } = this.data;
    const at = Math.min(Math.max(this.data.t_ms ?? now - 60_000, this.bounds.start), now - 1_000);
    this.player = camera
      ? new Player(camera.id, at, { lookBackMs: this.data.look_back_ms, replayMs: this.data.live_replay_ms }, {
          changed: () => (this.beat += 1),
          jumped: (gap) => this.onJump(gap),
          attached: (video) => this.querySelector(".picture")?.append(video),
        })
      : null;
    this.innerHTML = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.player) return;
    document.addEventListener("keydown", (event) => this.onKey(event));
    addEventListener("pagehide", () => this.player?.close());
    setInterval(() => void this.refresh(), REFRESH_MS);
    void this.begin();
  }

  private async begin(): Promise<void> {
    await this.refresh();
    if (this.data.replay && (this.data.t_ms ?? 0) > serverNow() - this.data.live_replay_ms) return this.player?.start({ purpose: REPLAY, incident: "" });
    if (this.data.showing) return this.player?.start({ purpose: "request", incident: this.data.showing });
    const reason = rememberedReason(this.data.session);
    if (reason && this.data.purposes.some(([value]) => value === reason.purpose)) this.player?.start(reason);
  }

  /** Fetch what was recorded: all of it once, then what has changed since. */
  private async refresh(): Promise<void> {
    const { player } = this;
    if (!player || document.hidden) return;
    const end = serverNow();
    // Asked beyond now, so that a gap that still lasts keeps its open end.
    const until = end + OVERLAP_MS;
    const start = this.coverage ? Math.max(this.bounds.start, this.bounds.end - OVERLAP_MS) : this.bounds.start;
    const query = new URLSearchParams({ start: new Date(start).toISOString(), end: new Date(until).toISOString() });
    try {
      const answer = await call<TimelineAnswer>("GET", `/api/v1/cameras/${this.data.camera?.id}/timeline?${query}`, undefined, BY_ITSELF);
      heard(answer.now_ms);
      const newer = coverageOf(answer);
      this.coverage = this.coverage ? refreshed(this.coverage, newer, start) : newer;
      this.bounds.start = end - this.data.look_back_ms;
      this.bounds.end = end;
      player.coverage = this.coverage;
      if (player.screen.kind === "gap" && isRecorded(this.coverage, player.at)) player.seek(player.at);
    } catch {
      this.coverage ??= { recorded: [], gaps: [] };
      this.say("The timeline did not arrive. It is asked for again in a few seconds.");
    }
  }

  private onJump(gap: Gap): void {
    this.say(`${this.missing(gap)}. ${gap.sentence}`.trim());
  }

  private say(sentence: string): void {
    this.toast = sentence;
    announce("playback", sentence);
    clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => (this.toast = ""), TOAST_MS);
  }

  private get zone(): string {
    return this.data.camera?.zone ?? "UTC";
  }

  private step(ms: number): void {
    if (this.player) this.player.seek(this.player.at + ms);
  }

  private changeSpeed(by: -1 | 1): void {
    const { player } = this;
    if (!player) return;
    const speed = SPEEDS[SPEEDS.indexOf(player.speed) + by];
    if (!player.playing && by > 0) player.play();
    else if (speed) player.setSpeed(speed);
  }

  private onKey(event: KeyboardEvent): void {
    const { player } = this;
    const key = keyOf(event);
    if (!player || key === null) return;
    if (key === " " && event.target instanceof Element && event.target.closest("button, a, summary")) return;
    const timeline = this.querySelector<VmsTimeline>("vms-timeline");
    const stride = event.shiftKey ? 60_000 : 5_000;
    const acts: Record<string, () => void> = {
      k: () => player.toggle(), " ": () => player.toggle(), j: () => this.changeSpeed(-1), l: () => this.changeSpeed(1),
      ArrowLeft: () => this.step(-stride), ArrowRight: () => this.step(stride), t: () => this.openTime(), f: () => void this.querySelector(".stage")?.requestFullscreen(),
      "+": () => timeline?.zoom(0.5), "-": () => timeline?.zoom(2), "?": () => this.querySelector<HTMLDialogElement>("#keys")?.showModal(),
    };
    const act = acts[key];
    if (!act || (!player.started && "k jl".includes(key))) return;
    event.preventDefault();
    act();
  }

  private choosePurpose(purpose: string): void {
    const reason = { purpose, incident: this.querySelector<HTMLInputElement>("#incident")?.value.trim() ?? "" };
    rememberReason(this.data.session, reason);
    this.player?.start(reason);
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("#play")?.focus());
  }

  private openTime(): void {
    const field = this.querySelector<HTMLInputElement>("#time-field");
    if (field && this.player) field.value = fieldValue(this.player.at, this.zone);
    this.moments = [];
    this.fault = "";
    this.querySelector<HTMLDialogElement>("#time")?.showModal();
  }

  private goToField(event: Event): void {
    event.preventDefault();
    const text = this.querySelector<HTMLInputElement>("#time-field")?.value ?? "";
    const moments = momentsOf(text, this.zone);
    if (moments.length === 1) this.goTo(moments[0] ?? 0);
    else if (moments.length === 2) this.moments = moments;
    else this.fault = text ? "That time did not exist: the clocks went forward in this hour. Choose one before or after it." : "Enter a day and a time.";
  }

  private goTo(at: number): void {
    if (at > serverNow() || at < this.bounds.start) {
      this.fault = at > serverNow() ? "That time is still to come." : `Your role sees recordings from ${clock(this.bounds.start, this.zone)}, ${day(this.bounds.start, this.zone)} on.`;
      return;
    }
    this.querySelector<HTMLDialogElement>("#time")?.close();
    this.player?.seek(at);
  }

  protected override render(): TemplateResult {
    const { player } = this;
    const { camera } = this.data;
    if (!player || !camera) return html`<main id="main" tabindex="-1"><div class="page-head"><h1>Playback</h1></div><div class="page-body">${this.chooseFirst()}</div></main>`;
    return html`<main id="main" class="player" tabindex="-1">
      <h1 class="name-only">Playback, ${camera.name}</h1>
      <div class="stage on-picture" data-screen=${player.screen.kind}>
        <div class="picture"></div>${this.message(player)}
        <p class="plate"><span>${camera.name}</span>${player.screen.kind === "picture" ? html`<span>· ${clock(player.at, this.zone)}</span>` : nothing}</p>
      </div>
      ${this.transport(player)}
      <vms-timeline .name=${camera.name} .zone=${this.zone} .coverage=${this.coverage ?? { recorded: [], gaps: [] }} .bounds=${{ ...this.bounds }} .at=${player.at}
        @scrub=${(event: CustomEvent<number>) => player.scrub(event.detail)} @seek=${(event: CustomEvent<number>) => player.seek(event.detail)}></vms-timeline>
      ${this.timeDialog()}${this.keysDialog()}
    </main>`;
  }

  private chooseFirst(): TemplateResult {
    const any = everyCamera(this.data.branches).length > 0;
    return html`<div class="empty"><h2>${any ? "Choose a camera" : "No cameras yet"}</h2><p>${any ? "Its recordings open at one minute ago." : "IT adds them; then their recordings show here."}</p>${any ? this.cameraChoice(null) : nothing}</div>`;
  }

  private cameraChoice(chosen: number | null): TemplateResult {
    const go = (event: Event): void => {
      const camera = (event.target as HTMLSelectElement).value;
      const at = this.player ? `&t=${encodeURIComponent(new Date(this.player.at).toISOString())}` : "";
      if (camera) location.assign(`/playback?camera=${camera}${at}`);
    };
    return html`<label class="camera-choice"><span class="name-only">Camera</span><select @change=${go}>
      ${chosen === null ? html`<option value="">Camera</option>` : nothing}
      ${this.data.branches.map((branch) => html`<optgroup label=${branch.name}>${everyCamera([branch]).map(({ camera }) => html`<option value=${camera.id} ?selected=${camera.id === chosen}>${camera.name}</option>`)}</optgroup>`)}
    </select></label>`;
  }

  private message(player: Player): TemplateResult | typeof nothing {
    if (!player.started) return this.purposes();
    const { screen } = player;
    switch (screen.kind) {
      case "gap": return this.gapMessage(screen.gap);
      case "trouble": return html`<div class="message"><p class="line">No picture</p><p class="reason">${screen.sentence}</p><button class="button" @click=${() => player.seek(player.at)}>Try again</button></div>`;
      case "end": return html`<div class="message over"><p class="line">This is the end of what may be shown</p></div>`;
      case "newest": return html`<div class="message over"><p class="line">This is the newest footage</p><p class="reason"><a href="/live?grid=1&amp;cams=${this.data.camera?.id}">Watch live</a></p></div>`;
      case "loading": return html`<div class="message late"><p class="reason">Fetching the footage of ${clock(player.at, this.zone)}</p></div>`;
      default: return nothing;
    }
  }

  /** Which time is missing; before the first recording a gap has no start. */
  private missing({ start, end }: Gap): string {
    if (!Number.isFinite(start)) return end === null ? "No recording at this time" : `No recording before ${clock(end, this.zone)}`;
    return end === null ? `No recording since ${clock(start, this.zone)}` : `No recording ${span(start, end, this.zone)}`;
  }

  private gapMessage(gap: Gap): TemplateResult {
    const { end } = gap;
    return html`<div class="message"><p class="line">${this.missing(gap)}</p><p class="reason">${gap.sentence} ${end === null ? nothing : html`<a href="#main" @click=${(event: Event) => (event.preventDefault(), this.player?.seek(end + 50))}>Go to ${clock(end, this.zone)}</a>`}</p></div>`;
  }

  private purposes(): TemplateResult {
    return html`<div class="message purposes" role="group" aria-labelledby="purpose-question">
      <p class="line" id="purpose-question">What is it for?</p>
      <p class="buttons">${this.data.purposes.map(([value, label]) => html`<button class="button" data-purpose=${value} @click=${() => this.choosePurpose(value)}>${label}</button>`)}</p>
      <p class="buttons"><label for="incident">Report number <span class="optional">may be empty</span></label><input id="incident" maxlength="40" autocomplete="off" .value=${rememberedReason(this.data.session)?.incident ?? ""}></p>
      <p class="reason">It is written into the access log with your name, this camera and the time you watch.</p>
    </div>`;
  }

  private transport(player: Player): TemplateResult {
    const asleep = !player.started;
    return html`<div class="transport">
      <p class="when"><span class="at">${clock(player.at, this.zone)}</span> <span class="date">${abbreviation(player.at, this.zone)} · ${day(player.at, this.zone, "year")}</span></p>
      <button class="button" @click=${() => this.openTime()}>${icon("calendar")}Go to time <kbd aria-hidden="true">T</kbd></button>
      <span class="group moves">
        <button class="button" @click=${() => this.step(-5_000)} aria-label="−5 s, 5 seconds back">−5 s <kbd aria-hidden="true">←</kbd></button>
        <button class="button" id="play" ?disabled=${asleep} aria-label=${player.playing ? "Pause" : "Play"} @click=${() => player.toggle()}>${icon(player.playing ? "pause" : "play")} <kbd aria-hidden="true">K</kbd></button>
        <button class="button" @click=${() => this.step(5_000)} aria-label="+5 s, 5 seconds on">+5 s <kbd aria-hidden="true">→</kbd></button>
      </span>
      <span class="group speeds" role="group" aria-label="Speed">
        ${SPEEDS.map((speed) => html`<button class="button" aria-pressed=${speed === player.speed ? "true" : "false"} @click=${() => player.setSpeed(speed)}>${speed}×</button>`)}
      </span>
      ${this.toast ? html`<span class="toast">${this.toast}</span>` : nothing}
      <span class="right">${this.cameraChoice(this.data.camera?.id ?? null)}<button class="button glyph keys" aria-label="Keys" title="Keys" @click=${() => this.querySelector<HTMLDialogElement>("#keys")?.showModal()}>?</button></span>
    </div>`;
  }

  private timeDialog(): TemplateResult {
    return html`<dialog id="time" aria-labelledby="time-title"><form class="fields" @submit=${this.goToField}>
      <h2 id="time-title">Go to time</h2>
      <div class="field"><label for="time-field">Day and time, ${abbreviation(this.player?.at ?? 0, this.zone)}</label>
        <input id="time-field" type="datetime-local" step="1" aria-invalid=${this.fault ? "true" : "false"} aria-describedby="time-fault" />
        <p class="fault" id="time-fault" role="alert">${this.fault ? html`${icon("problem")}<span>${this.fault}</span>` : nothing}</p></div>
      ${this.moments.length === 2 ? html`<p>The clocks went back that night: this time came twice.</p>` : nothing}
      <div class="form-acts">
        ${this.moments.length === 2
          ? this.moments.map((at) => html`<button type="button" class="button" @click=${() => this.goTo(at)}>${clock(at, this.zone)} ${abbreviation(at, this.zone)}</button>`)
          : html`<button class="button primary">Go there</button>`}
        <button type="button" class="button quiet" @click=${() => this.querySelector<HTMLDialogElement>("#time")?.close()}>Stay here</button>
      </div></form></dialog>`;
  }

  private keysDialog(): TemplateResult {
    return html`<dialog id="keys" aria-labelledby="keys-title"><form class="fields" method="dialog"><h2 id="keys-title">Keys</h2>
      <dl class="facts">${KEYS.map(([key, act]) => html`<dt><kbd>${key}</kbd></dt><dd>${act}</dd>`)}</dl>
      <div class="form-acts"><button class="button">Close</button></div></form></dialog>`;
  }
}

function coverageOf(answer: TimelineAnswer): Coverage {
  return { recorded: answer.recorded, gaps: answer.gaps.map(({ start_ms, end_ms, reason, sentence }) => ({ start: start_ms, end: end_ms, reason, sentence })) };
}

customElements.define("vms-playback", VmsPlayback);
