/* The cameras by branch and area: one tab stop, arrows inside, a field that finds by name. */
import { html, LitElement, nothing, type TemplateResult } from "lit";
import { icon } from "../page.ts";
import { minutes } from "../times.ts";
import { type LiveArea, type LiveBranch, type LiveCamera, WITHOUT_PICTURE } from "./model.ts";

interface Row {
  key: string;
  level: number;
  label: string;
  camera: LiveCamera | null;
  zone: string;
  open: boolean | null;
  count: string;
  trouble: boolean;
  parent: string | null;
}

const GLYPHS: Record<string, string> = { recording: "live" };

export class VmsTree extends LitElement {
  static override properties = {
    branches: { attribute: false },
    chosen: { attribute: false },
    find: { state: true },
    closed: { state: true },
    at: { state: true },
  };

  declare branches: LiveBranch[];
  /** Camera of the chosen tile. */
  declare chosen: number | null;
  declare private find: string;
  declare private closed: ReadonlySet<string>;
  declare private at: string;

  constructor() {
    super();
    this.branches = [];
    this.chosen = null;
    this.find = "";
    this.closed = new Set();
    this.at = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  focusFind(): void {
    this.querySelector("input")?.focus();
  }

  focusTree(): void {
    this.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')?.focus();
  }

  private rows(): Row[] {
    return this.branches.flatMap((branch) => this.branchRows(branch));
  }

  private branchRows(branch: LiveBranch): Row[] {
    const key = `b${branch.id}`;
    const inside = branch.areas.flatMap((area) => this.areaRows(branch, area.name, this.found(area), key));
    const shown = branch.areas.flatMap((area) => this.found(area));
    if (this.find && shown.length === 0) return [];
    const row = groupRow(key, 1, branch.name, shown, null, this.isOpen(key));
    return row.open ? [row, ...inside] : [row];
  }

  private areaRows(branch: LiveBranch, name: string | null, cameras: LiveCamera[], parent: string): Row[] {
    if (cameras.length === 0) return [];
    if (name === null) return cameras.map((camera) => cameraRow(camera, 2, branch.zone, parent));
    const key = `${parent}/${name}`;
    const row = groupRow(key, 2, name, cameras, parent, this.isOpen(key));
    return row.open ? [row, ...cameras.map((camera) => cameraRow(camera, 3, branch.zone, key))] : [row];
  }

  private found(area: LiveArea): LiveCamera[] {
    const text = this.find.trim().toLowerCase();
    const named = (area.name ?? "").toLowerCase().includes(text);
    return named ? area.cameras : area.cameras.filter((camera) => camera.name.toLowerCase().includes(text));
  }

  private isOpen(key: string): boolean {
    return this.find !== "" || !this.closed.has(key);
  }

  private toggle(key: string, open: boolean): void {
    const closed = new Set(this.closed);
    if (open) closed.delete(key);
    else closed.add(key);
    this.closed = closed;
  }

  private activate(row: Row): void {
    this.at = row.key;
    if (row.camera) this.dispatchEvent(new CustomEvent("show-camera", { bubbles: true, detail: row.camera.id }));
    else this.toggle(row.key, !row.open);
  }

  private onKey(event: KeyboardEvent, rows: Row[]): void {
    const index = rows.findIndex((row) => row.key === this.current(rows));
    const row = rows[index];
    if (!row) return;
    const go = (to: Row | undefined): void => void (to && this.moveTo(to.key));
    switch (event.key) {
      case "ArrowDown": go(rows[index + 1]); break;
      case "ArrowUp": go(rows[index - 1]); break;
      case "Home": go(rows[0]); break;
      case "End": go(rows.at(-1)); break;
      case "ArrowRight": row.open === false ? this.toggle(row.key, true) : row.open && go(rows[index + 1]); break;
      case "ArrowLeft": row.open ? this.toggle(row.key, false) : go(rows.find((one) => one.key === row.parent)); break;
      case "Enter":
      case " ": this.activate(row); break;
      default: return;
    }
    event.preventDefault();
  }

  private moveTo(key: string): void {
    this.at = key;
    void this.updateComplete.then(() => this.focusTree());
  }

  private current(rows: Row[]): string {
    return rows.some((row) => row.key === this.at) ? this.at : (rows.find((row) => row.camera?.id === this.chosen)?.key ?? rows[0]?.key ?? "");
  }

  protected override render(): TemplateResult {
    const rows = this.rows();
    const current = this.current(rows);
    return html`
      <div class="find">
        <label class="name-only" for="find-camera">Find a camera</label>${icon("find")}
        <input id="find-camera" type="search" placeholder="Find a camera" .value=${this.find} @input=${(event: Event) => (this.find = (event.target as HTMLInputElement).value)} />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <h2>Cameras</h2>
      ${rows.length === 0 ? html`<p class="none">${this.find ? `No camera is called “${this.find}”.` : "No cameras yet. IT adds them."}</p>` : nothing}
      <div role="tree" aria-label="Cameras" @keydown=${(event: KeyboardEvent) => this.onKey(event, rows)}>${rows.map((row) => this.row(row, row.key === current))}</div>
    `;
  }

  private row(row: Row, current: boolean): TemplateResult {
    const chosen = row.camera !== null && row.camera.id === this.chosen;
    return html`<div
      role="treeitem" class="row level-${row.level} ${row.trouble ? "trouble" : ""} ${chosen ? "chosen" : ""}" aria-level=${row.level} aria-selected=${chosen ? "true" : "false"}
      aria-expanded=${row.open === null ? nothing : String(row.open)} tabindex=${current ? 0 : -1} @click=${() => this.activate(row)}
    >${icon(row.camera ? (GLYPHS[row.camera.state] ?? row.camera.state) : row.open ? "down" : "right")}<span class="label">${row.label}</span><span class="count">${row.count}</span></div>`;
  }
}

function groupRow(key: string, level: number, label: string, cameras: LiveCamera[], parent: string | null, open: boolean): Row {
  const lost = cameras.filter((camera) => WITHOUT_PICTURE.has(camera.state)).length;
  const count = lost > 0 ? `${cameras.length - lost} of ${cameras.length}` : String(cameras.length);
  return { key, level, label, camera: null, zone: "", open, count, trouble: lost > 0, parent };
}

function cameraRow(camera: LiveCamera, level: number, zone: string, parent: string): Row {
  const trouble = WITHOUT_PICTURE.has(camera.state);
  const count = trouble && camera.since_ms !== null ? minutes(camera.since_ms, zone) : "";
  return { key: `c${camera.id}`, level, label: camera.name, camera, zone, open: null, count, trouble, parent };
}

customElements.define("vms-tree", VmsTree);
