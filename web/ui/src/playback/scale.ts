/* The timeline's axis: linear in UTC; only labels know the branch's zone, so the doubled autumn hour appears twice. Pure. */
import { abbreviation, clock, day, minutes, momentsAt, offset } from "../times.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY];
const MIN_LABEL_PX = 84;
export const SHORTEST_MS = MINUTE;

export interface Range {
  start: number;
  end: number;
}

export interface Tick {
  at: number;
  x: number;
  label: string;
}

export const xOf = (range: Range, at: number, width: number): number => ((at - range.start) / (range.end - range.start)) * width;
export const momentAt = (range: Range, x: number, width: number): number => range.start + (x / width) * (range.end - range.start);

/** `range` moved so that it stays inside `bounds`, keeping its length where that fits. */
export function within(range: Range, bounds: Range): Range {
  const length = Math.min(range.end - range.start, bounds.end - bounds.start);
  const start = Math.min(Math.max(range.start, bounds.start), bounds.end - length);
  return { start, end: start + length };
}

/** The range `factor` times as long around `anchor`, which stays where it is on the screen. */
export function zoomed(range: Range, factor: number, anchor: number, bounds: Range): Range {
  const length = Math.min(Math.max((range.end - range.start) * factor, SHORTEST_MS), bounds.end - bounds.start);
  const share = (anchor - range.start) / (range.end - range.start);
  return within({ start: anchor - share * length, end: anchor + (1 - share) * length }, bounds);
}

/** The range moved just far enough that `at` stands inside it, with a tenth of air. */
export function following(range: Range, at: number, bounds: Range): Range {
  const length = range.end - range.start;
  if (at >= range.start && at <= range.end - length / 10) return range;
  return within({ start: at - length / 3, end: at + (length * 2) / 3 }, bounds);
}

/** Labelled marks at round wall-clock times of the zone; as many as there is room for, however long the range. */
export function ticks(range: Range, width: number, zone: string): Tick[] {
  if (width <= 0) return [];
  const room = ((range.end - range.start) / width) * MIN_LABEL_PX;
  const step = STEPS.find((one) => one >= room) ?? Math.ceil(room / DAY) * DAY;
  const [before, after] = [offset(range.start, zone), offset(range.end, zone)];
  const moments: number[] = [];
  // In the doubled autumn hour the wall clock of the end may show less than that of the start.
  const last = range.end + Math.max(before, after);
  for (let wall = Math.ceil((range.start + Math.min(before, after)) / step) * step; wall <= last; wall += step) moments.push(...momentsAt(wall, zone));
  const shown = moments.filter((at) => at >= range.start && at <= range.end).sort((a, b) => a - b);
  return shown.map((at) => ({ at, x: xOf(range, at, width), label: label(at, step, zone) }));
}

function label(at: number, step: number, zone: string): string {
  const wall = (at + offset(at, zone)) % DAY;
  if (wall === 0 && step >= HOUR) return day(at, zone);
  const text = step < MINUTE ? clock(at, zone) : minutes(at, zone);
  return isDoubled(at, zone) ? `${text} ${abbreviation(at, zone)}` : text;
}

/** The wall clock shows this time twice on this day. */
export function isDoubled(at: number, zone: string): boolean {
  const here = offset(at, zone);
  return [-HOUR, HOUR].some((away) => {
    const there = offset(at + away, zone);
    return there !== here && at + here === at + away + there;
  });
}

/** Moments inside the range at which the clocks of the zone go forward: drawn as a seam. */
export function springSeams(range: Range, zone: string): number[] {
  const seams: number[] = [];
  if (range.end - range.start > 40 * DAY) return seams;
  for (let from = Math.floor(range.start / DAY) * DAY; from < range.end; from += DAY) {
    if (offset(from, zone) >= offset(from + DAY, zone)) continue;
    for (let at = from + HOUR; at <= from + DAY; at += HOUR)
      if (offset(at, zone) > offset(at - HOUR, zone) && at >= range.start && at < range.end) seams.push(at);
  }
  return seams;
}
