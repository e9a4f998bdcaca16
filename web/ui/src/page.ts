/* What the server put into the page: the JSON data block and the icon file's address. */
import { svg, type TemplateResult } from "lit";

export function pageData<T>(page: Document = document): T {
  const text = page.getElementById("page-data")?.textContent;
  if (!text) throw new Error("the page carries no data block");
  return JSON.parse(text) as T;
}

const icons = document.documentElement.dataset["icons"] ?? "";

export function icon(name: string): TemplateResult {
  return svg`<svg class="icon" aria-hidden="true"><use href="${icons}#${name}"></use></svg>`;
}

/** Single-letter keys act unless they were turned off, a field has the focus, or a modifier is held. */
export function keyOf(event: KeyboardEvent): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("input:not([type=checkbox],[type=radio]), textarea, select, dialog")) return null;
  if (event.key.length === 1 && document.documentElement.dataset["keys"] === "off") return null;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}
