/* Every page: the branch clock, choices of looks, filters that act on change. */
import { preference, remember, wear, type Preference } from "./preferences.ts";
import { serverNow } from "./server_clock.ts";
import { abbreviation, clock, day } from "./times.ts";

const HANDS_MS = 30_000;

function tick(): void {
  const now = serverNow();
  for (const element of document.querySelectorAll<HTMLTimeElement>("[data-clock]")) {
    const zone = element.dataset["zone"] || "UTC";
    element.dateTime = new Date(now).toISOString();
    element.replaceChildren(
      Object.assign(document.createElement("span"), { className: "day", textContent: `${day(now, zone)} · ` }),
      `${clock(now, zone)} ${abbreviation(now, zone)}`,
    );
  }
  setTimeout(tick, 1000 - (now % 1000));
}

function offerChoices(): void {
  for (const select of document.querySelectorAll<HTMLSelectElement>("select[data-choose]")) {
    const name = select.dataset["choose"] as Preference;
    select.value = preference(name);
    select.addEventListener("change", () => remember(name, select.value));
  }
}

/** Escape closes an open popover and gives the focus back. */
function closePopovers(): void {
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" ? document.querySelector<HTMLDetailsElement>("details.person[open]") : null;
    if (!open) return;
    open.open = false;
    open.querySelector("summary")?.focus();
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const open = document.querySelector<HTMLDetailsElement>("details.person[open]");
    if (open && event.target instanceof Node && !open.contains(event.target)) open.open = false;
  });
}

function filterOnChange(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form.filter")) {
    form.querySelector<HTMLElement>("[data-filter-button]")?.setAttribute("hidden", "");
    form.addEventListener("change", () => form.requestSubmit());
  }
}

/** A sheet of paper has a button that prints it. */
function offerPrint(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}

/** Tell a workstation's server at most twice a minute that a hand is here: what is done on a page alone asks it for nothing. */
function tellOfHands(): void {
  if (!("workstation" in document.documentElement.dataset)) return;
  let toldAt = performance.now();
  const tell = (event: Event): void => {
    if (!event.isTrusted || performance.now() - toldAt < HANDS_MS) return;
    toldAt = performance.now();
    void fetch("/api/v1/me", { credentials: "same-origin" }).catch(() => undefined);
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, tell, { capture: true, passive: true });
}

for (const name of ["theme", "density", "keys"] as const) wear(name, preference(name));
tick();
offerChoices();
closePopovers();
filterOnChange();
offerPrint();
tellOfHands();
