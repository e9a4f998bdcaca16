/* The timeline: ruler, this camera's recorded bar with gaps, playhead, and the strip of days below. Everything the pointer drags has a key. */
import { html, LitElement, nothing, svg, type PropertyValues, type SVGTemplateResult, type TemplateResult } from "lit";
import { abbreviation, clock, day, lengthInWords } from "../times.ts";
import type { Coverage, ReasonedGap } from "./coverage.ts";
import { following, momentAt, springSeams, ticks, within, xOf, zoomed, type Range } from "./scale.ts";

const RULER = 24;
const BAR_TOP = 44;
const BAR = 46;
const STRIP_TOP = 106;
const STRIP = 10;
const HEIGHT = 136;
const FLAG = 66;

export class VmsTimeline extends LitElement {
  static override properties = {
    name: { attribute: false },
    zone: { attribute: false },
    coverage: { attribute: false },
    bounds: { attribute: false },
    at: { attribute: false },
    range: { state: true },
    width: { state: true },
  };

  declare name: string;
  declare zone: string;
  declare coverage: Coverage;
  /** From the oldest moment this person may see to now. */
  declare bounds: Range;
  /** The playhead. */
  declare at: number;
  declare private range: Range;
  declare private width: number;
  private dragging: "bar" | "strip" | null = null;
  private readonly resize = new ResizeObserver(([entry]) => (this.width = Math.floor(entry?.contentRect.width ?? 0)));

  constructor() {
    super();
    this.name = "";
    this.zone = "UTC";
    this.coverage = { recorded: [], gaps: [] };
    this.bounds = { start: 0, end: 1 };
    this.at = 0;
    this.range = { start: 0, end: 1 };
    this.width = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  protected override firstUpdated(): void {
    const track = this.querySelector(".track");
    if (track) this.resize.observe(track);
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    if (this.range.end <= 1) this.range = within({ start: this.at - 40 * 60_000, end: this.at + 30 * 60_000 }, this.bounds);
    else if (changes.has("at") && this.dragging === null) this.range = following(this.range, this.at, this.bounds);
  }

  zoom(factor: number): void {
    const anchor = this.at >= this.range.start && this.at <= this.range.end ? this.at : (this.range.start + this.range.end) / 2;
    this.range = zoomed(this.range, factor, anchor, this.bounds);
  }

  private seek(at: number, kind: "scrub" | "seek"): void {
    const detail = Math.min(Math.max(at, this.bounds.start), this.bounds.end - 1_000);
    this.dispatchEvent(new CustomEvent(kind, { bubbles: true, detail }));
  }

  private onPointer(event: PointerEvent): void {
    const track = this.querySelector<SVGElement>(".track svg");
    if (!track || (event.type === "pointerdown" && event.button !== 0)) return;
    const box = track.getBoundingClientRect();
    if (event.type === "pointerdown") {
      this.dragging = event.clientY - box.top >= STRIP_TOP - 8 ? "strip" : "bar";
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    }
    if (this.dragging === null) return;
    const range = this.dragging === "strip" ? this.bounds : this.range;
    const at = momentAt(range, Math.min(Math.max(event.clientX - box.left, 0), box.width), box.width);
    const done = event.type === "pointerup" || event.type === "pointercancel";
    if (done) this.dragging = null;
    this.seek(at, done ? "seek" : "scrub");
  }

  private onWheel(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = this.querySelector(".track")?.getBoundingClientRect();
    if (box) this.range = zoomed(this.range, event.deltaY > 0 ? 1.25 : 0.8, momentAt(this.range, event.clientX - box.left, box.width), this.bounds);
  }

  protected override render(): TemplateResult {
    return html`
      <div class="rows">
        <div class="labels" aria-hidden="true"><b>${this.name}</b><span>this camera</span><span class="days">${lengthInWords(this.bounds.end - this.bounds.start)}</span></div>
        <div class="track" role="slider" tabindex="0" aria-label="Time, ${this.name}" aria-valuemin=${Math.round(this.bounds.start)} aria-valuemax=${Math.round(this.bounds.end)} aria-valuenow=${Math.round(this.at)} aria-valuetext=${this.atInWords()}
          @pointerdown=${this.onPointer} @pointermove=${this.onPointer} @pointerup=${this.onPointer} @pointercancel=${this.onPointer} @wheel=${this.onWheel}>
          ${this.width > 0 ? this.drawing(this.width) : html`<svg height=${HEIGHT}></svg>`}
        </div>
      </div>
      ${this.legend()}${this.gapList()}
    `;
  }

  private atInWords(): string {
    return `${clock(this.at, this.zone)} ${abbreviation(this.at, this.zone)}, ${day(this.at, this.zone)}`;
  }

  private drawing(width: number): TemplateResult {
    return html`<svg class="drawing" width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" aria-hidden="true">
      <defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0v7" /></pattern></defs>
      ${this.ruler(width)}
      <rect class="ground" x="0" y=${BAR_TOP} width=${width} height=${BAR} />
      ${this.recorded(this.range, width, BAR_TOP, BAR)} ${this.coverage.gaps.map((gap) => this.gap(gap, width))}
      ${springSeams(this.range, this.zone).map((seam) => this.seam(xOf(this.range, seam, width)))}
      ${this.strip(width)} ${this.playhead(width)}
    </svg>`;
  }

  private ruler(width: number): SVGTemplateResult {
    return svg`${ticks(this.range, width, this.zone).map((tick) => svg`<path class="tick" d="M${tick.x} ${RULER - 5}v5" />${
      tick.x > 12 && tick.x < width - 24 ? svg`<text class="label" x=${tick.x} y="14" text-anchor="middle">${tick.label}</text>` : nothing
    }`)}<path class="axis" d="M0 ${RULER}h${width}" />`;
  }

  private recorded(range: Range, width: number, top: number, height: number): SVGTemplateResult[] {
    const shown = this.coverage.recorded.filter(([start, end]) => end > range.start && start < range.end);
    return shown.map(([start, end]) => {
      const x = Math.max(0, xOf(range, start, width));
      return svg`<rect class="rec" x=${x} y=${top} width=${Math.max(1, Math.min(width, xOf(range, end, width)) - x)} height=${height} />`;
    });
  }

  private gap(gap: ReasonedGap, width: number): SVGTemplateResult | typeof nothing {
    const end = gap.end ?? this.bounds.end;
    const x = Math.max(0, xOf(this.range, gap.start, width));
    const right = Math.min(width, xOf(this.range, end, width));
    if (right - x < 1.5) return nothing;
    const words = `${gap.reason.replaceAll("_", " ")} ${lengthInWords(end - gap.start)}`;
    const room = right - x > words.length * 5;
    return svg`<rect class="gap" x=${x + 0.5} y=${BAR_TOP + 0.5} width=${right - x - 1} height=${BAR - 1} />${
      room ? svg`<text class="reason" x=${(x + right) / 2} y=${BAR_TOP - 5} text-anchor="middle">${words}</text>` : nothing
    }`;
  }

  private seam(x: number): SVGTemplateResult {
    return svg`<path class="seam" d="M${x} ${RULER}V${BAR_TOP + BAR}" /><text class="reason" x=${x + 4} y=${BAR_TOP - 5}>clocks went forward</text>`;
  }

  private strip(width: number): SVGTemplateResult {
    const left = xOf(this.bounds, this.range.start, width);
    const length = Math.max(8, xOf(this.bounds, this.range.end, width) - left);
    return svg`<rect class="ground" x="0" y=${STRIP_TOP} width=${width} height=${STRIP} />${this.recorded(this.bounds, width, STRIP_TOP, STRIP)}
      <rect class="here-casing" x=${left} y=${STRIP_TOP - 3} width=${length} height=${STRIP + 6} /><rect class="here" x=${left} y=${STRIP_TOP - 3} width=${length} height=${STRIP + 6} />
      ${ticks(this.bounds, width, this.zone).map((tick) => (tick.x > 24 && tick.x < width - 24 ? svg`<text class="label" x=${tick.x} y=${HEIGHT - 5} text-anchor="middle">${tick.label}</text>` : nothing))}`;
  }

  private playhead(width: number): SVGTemplateResult | typeof nothing {
    const x = xOf(this.range, this.at, width);
    if (x < 0 || x > width) return nothing;
    const flag = Math.min(Math.max(x - FLAG / 2, 0), width - FLAG);
    return svg`<path class="head-casing" d="M${x} ${RULER}V${BAR_TOP + BAR + 4}" /><path class="head" d="M${x} ${RULER}V${BAR_TOP + BAR + 4}" />
      <rect class="flag" x=${flag} y="1" width=${FLAG} height="20" rx="3" /><text class="flag-text" x=${flag + FLAG / 2} y="15" text-anchor="middle">${clock(this.at, this.zone)}</text>`;
  }

  private legend(): TemplateResult {
    return html`<div class="legend">
      <span><i class="swatch rec"></i>Recorded</span><span><i class="swatch gap"></i>Gap, with its reason</span><span><i class="swatch none"></i>Nothing recorded</span>
      <span class="zoom"><button class="button quiet glyph" aria-label="Show a longer time" @click=${() => this.zoom(2)}>−</button>
        <span>${lengthInWords(this.range.end - this.range.start)}</span>
        <button class="button quiet glyph" aria-label="Show a shorter time" @click=${() => this.zoom(0.5)}>+</button></span>
    </div>`;
  }

  /** The same facts as text, for those who can't see the drawing. */
  private gapList(): TemplateResult {
    const shown = this.coverage.gaps.filter((gap) => gap.start < this.range.end && (gap.end ?? this.bounds.end) > this.range.start).slice(0, 40);
    return html`<ul class="name-only" aria-label="Gaps in the shown time">
      ${shown.map((gap) => html`<li>No recording ${clock(gap.start, this.zone)} to ${gap.end === null ? "now" : clock(gap.end, this.zone)}. ${gap.sentence}</li>`)}
    </ul>`;
  }
}

customElements.define("vms-timeline", VmsTimeline);
