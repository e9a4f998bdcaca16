/* Cameras pages, better with JavaScript: paths by make, a test without leaving the form, states that refresh. */
import { html, render } from "lit";
import { call, sentenceFor } from "./api.ts";
import { freshPage, takeOver } from "./fresh_page.ts";
import { icon, pageData } from "./page.ts";

interface Brand {
  key: string;
  label: string;
  main: string;
  sub: string;
  hint?: string | null;
}

interface Check {
  result: "good" | "fix" | "bad" | "none";
  title: string;
  detail: string;
}

interface Certificate {
  fingerprint: string;
  claim: string;
}

interface Verdict {
  certificate: Certificate | null;
  ok: boolean;
  sentence: string;
  checks: Check[];
}

const GLYPHS = { good: "tick", fix: "warn", bad: "problem", none: "off" } as const;

function enhance(form: HTMLFormElement): void {
  const data = pageData<{ brands: Brand[]; camera: number | null }>();
  const field = (name: string): HTMLInputElement => form.elements.namedItem(name) as HTMLInputElement;
  field("scheme").addEventListener("change", () => usualPort(field));
  for (const name of ["scheme", "host", "port"]) field(name).addEventListener("input", () => offer(null));
  field("brand").addEventListener("change", () => fillPaths(data.brands, field));
  form.addEventListener("submit", (event) => {
    if ((event.submitter as HTMLButtonElement | null)?.value !== "test") return;
    event.preventDefault();
    void test(form, data.camera, event.submitter as HTMLButtonElement);
  });
}

/** Follow the scheme with its usual port, unless another one was entered. */
function usualPort(field: (name: string) => HTMLInputElement): void {
  const [usual, other] = field("scheme").value === "rtsps" ? ["322", "554"] : ["554", "322"];
  if (field("port").value === other) field("port").value = usual;
}

/** Offer a certificate for trust: ticked, it is sent with the form. None takes the offer back. */
function offer(certificate: Certificate | null): void {
  const box = document.querySelector<HTMLElement>("[data-certificate] [data-offered]");
  if (!box) return;
  const slot = document.createElement("div");
  box.replaceChildren(slot);
  if (!certificate) return;
  render(
    html`<div class="field">
      <label class="choice"><input type="checkbox" name="certificate" value=${certificate.fingerprint} />Trust this camera’s certificate</label>
      <p class="hint"><span class="fingerprint">${certificate.fingerprint}</span>${certificate.claim}<br />Compare it with the SHA-256 fingerprint on the camera’s own page. Then test again or save.</p>
    </div>`,
    slot,
  );
}

function fillPaths(brands: Brand[], field: (name: string) => HTMLInputElement): void {
  const brand = brands.find((one) => one.key === field("brand").value);
  const hint = document.getElementById("brand-hint");
  if (hint) hint.textContent = brand?.hint ?? "Fills in the usual paths of that make.";
  if (!brand) return;
  field("main_path").value = brand.main;
  field("sub_path").value = brand.sub;
}

async function test(form: HTMLFormElement, camera: number | null, button: HTMLButtonElement): Promise<void> {
  const box = document.getElementById("verdict");
  if (!box) return;
  button.disabled = true;
  const show = (content: unknown): void => {
    const slot = document.createElement("div");
    box.replaceChildren(slot);
    render(content, slot);
  };
  show(html`<div class="note">${icon("connecting")}<p><strong>Connecting.</strong> This takes up to 15 seconds.</p></div>`);
  try {
    const verdict = await call<Verdict>("POST", "/api/v1/cameras/test", entries(form, camera));
    show(card(verdict));
    if (verdict.certificate) offer(verdict.certificate);
  } catch (error) {
    show(html`<div class="note danger">${icon("problem")}<p><strong>Not tested.</strong> ${sentenceFor(error)}</p></div>`);
  } finally {
    button.disabled = false;
  }
}

function entries(form: HTMLFormElement, camera: number | null): object {
  const data = Object.fromEntries([...new FormData(form)].filter(([name]) => name !== "act"));
  return { ...data, port: Number(data["port"]), branch: Number(data["branch"]), camera };
}

function card(verdict: Verdict): unknown {
  const fix = verdict.checks.some((check) => check.result === "fix");
  return html`<section class="verdict" aria-label="Result of the test">
    <div class="note ${verdict.ok ? (fix ? "warn" : "") : "danger"}">
      ${icon(verdict.ok ? (fix ? "warn" : "tick") : "problem")}
      <p class="answer">${verdict.sentence}</p>
    </div>
    <ul class="checks">
      ${verdict.checks.map((check) => html`<li class=${check.result}>${icon(GLYPHS[check.result])}<div><strong>${check.title}</strong><span>${check.detail}</span></div></li>`)}
    </ul>
  </section>`;
}

/** Replace the states in the table by the server's newest, without moving focus or scroll. */
function refresh(table: HTMLTableElement): void {
  setInterval(async () => {
    const page = await freshPage();
    if (!page) return;
    takeOver(page, ".top .chip");
    for (const row of table.querySelectorAll<HTMLTableRowElement>("tr[data-camera]")) takeOver(page, `tr[data-camera="${row.dataset["camera"]}"] [data-cell="state"]`);
  }, 5_000);
}

const form = document.querySelector<HTMLFormElement>("form[data-camera-form]");
if (form) enhance(form);
const table = document.querySelector<HTMLTableElement>("table[data-cameras]");
if (table) refresh(table);
