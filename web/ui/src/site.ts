/* Every page: the branch clock, choices of looks, filters that act on change. */
import { preference, remember, wear, type Preference } from "./preferences.ts";
import { serverNow } from "./server_clock.ts";
import { abbreviation, clock, day } from "./times.ts";

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

for (const name of ["theme", "density", "keys"] as const) wear(name, preference(name));
tick();
offerChoices();
closePopovers();
filterOnChange();
