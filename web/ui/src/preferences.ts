/* What this browser remembers about looks: theme, density, single-letter keys. Never anything about footage. */

export type Preference = "theme" | "density" | "keys";

const DEFAULTS: Record<Preference, string> = { theme: "auto", density: "regular", keys: "on" };

export function preference(name: Preference): string {
  try {
    return localStorage.getItem(`custodian.${name}`) ?? DEFAULTS[name];
  } catch {
    return DEFAULTS[name]; // storage is blocked in this browser
  }
}

export function remember(name: Preference, value: string): void {
  try {
    localStorage.setItem(`custodian.${name}`, value);
  } catch {
    // storage is blocked: the choice holds for this page
  }
  wear(name, value);
}

/** Put a preference on the root element; a page with a theme of its own (Live: control room) keeps it. */
export function wear(name: Preference, value: string): void {
  const root = document.documentElement;
  if (name === "theme" && root.hasAttribute("data-fixed")) return;
  root.setAttribute(`data-${name}`, value);
  if (name === "theme") colourTheBrowser(value);
}

function colourTheBrowser(theme: string): void {
  const colour = { light: "#fffefb", dark: "#201e1b", control: "#12110f" }[theme];
  if (!colour) return;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) meta.content = colour;
}
