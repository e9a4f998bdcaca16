import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/* The table of promised contrasts, computed with WCAG's formula from the tokens themselves. */

const CSS = readFileSync(join(import.meta.dirname, "../../../web/ui/src/styles/tokens.css"), "utf-8");
const THEMES = ["light", "dark", "control"] as const;
type Theme = (typeof THEMES)[number];
const WEAK = ["accent-weak", "warn-weak", "danger-weak", "hold-weak"];

/** [what, on what, least contrast in light, dark, control] */
const PROMISES: [string, string[], number, number, number][] = [
  ["text", ["bg", "surface", "raised", "sunken", ...WEAK], 13.9, 10.5, 10.0],
  ["text2", ["bg", "surface", "sunken", "raised", "accent-weak"], 6.4, 6.3, 5.8],
  ["text2", WEAK, 4.5, 4.5, 4.5],
  ["text3", ["bg", "surface", "raised"], 5.2, 5.1, 4.7],
  ["accent", ["bg", "surface", "accent-weak"], 5.9, 6.0, 7.2],
  ["on-accent", ["accent"], 7.2, 8.0, 8.5],
  ["rec", ["bg", "surface", "sunken"], 3.1, 3.4, 3.2],
  ["warn", ["warn-weak"], 6.1, 7.2, 7.3],
  ["danger", ["danger-weak"], 6.0, 6.6, 6.6],
  ["hold", ["hold-weak"], 6.5, 6.6, 7.4],
  ["surface", ["danger"], 7.3, 7.7, 7.8],
  ["edge", ["bg", "surface", "raised"], 3.6, 3.6, 3.5],
  ["motion", ["rec"], 3.8, 4.4, 4.2],
];

function token(name: string, theme: Theme): string {
  const pair = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(CSS);
  const control = new RegExp(`--${name}: (#\\w{6});`).exec(CSS);
  const found = { light: pair?.[1], dark: pair?.[2], control: control?.[1] }[theme];
  assert.ok(found, `no ${theme} value of --${name}`);
  return found;
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

for (const [what, grounds, ...least] of PROMISES)
  test(`${what} keeps its contrast on ${grounds.join(", ")} in every theme`, () => {
    THEMES.forEach((theme, index) => {
      const worst = Math.min(...grounds.map((ground) => contrast(token(what, theme), token(ground, theme))));
      assert.ok(worst >= (least[index] ?? 0) - 0.06, `${theme}: ${worst.toFixed(2)}, promised ${least[index]}`);
    });
  });
