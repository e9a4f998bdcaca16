/* The one line of a wall session: where, how many are live, what is missing, what time it is there. */
import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../page.ts";
import { minutes } from "../times.ts";
import { everyCamera, type LiveData, WITHOUT_PICTURE } from "./model.ts";

/** The cameras that have no picture, the one that went first first. */
function troubles(data: LiveData): string[] {
  const lost = everyCamera(data.branches).filter(({ camera }) => WITHOUT_PICTURE.has(camera.state));
  const sorted = lost.sort((one, other) => (one.camera.since_ms ?? 0) - (other.camera.since_ms ?? 0));
  return sorted.map(({ camera, branch }) => `${camera.name}: no picture${camera.since_ms === null ? "" : ` since ${minutes(camera.since_ms, branch.zone)}`}`);
}

export function wallLine(data: LiveData, live: number, shown: number, lost: TemplateResult | typeof nothing): TemplateResult {
  const [first, ...more] = troubles(data);
  const zone = data.branches[0]?.zone ?? data.zone;
  return html`<p class="wall-line">
    <b>${data.branches[0]?.name ?? "No cameras"}</b> <span>${live} of ${shown} live</span>
    ${lost === nothing ? (first ? html`<span class="trouble">${icon("offline")}${first}${more.length > 0 ? ` and ${more.length} more` : ""}</span>` : nothing) : lost}
    <time data-clock data-zone=${zone}></time>
  </p>`;
}
