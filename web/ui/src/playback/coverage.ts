/* What was recorded and why the rest was not, as the timeline and the player ask for it: pure. Moments are epoch milliseconds. */

export type Span = readonly [start: number, end: number];

export interface Gap {
  start: number;
  /** null while it lasts. */
  end: number | null;
  reason: string;
  sentence: string;
}

export interface Coverage {
  recorded: Span[];
  gaps: Gap[];
}

/** Shorter holes are the seams between runs, not worth stopping for. */
const SEAM_MS = 1_500;

export function isRecorded(coverage: Coverage, at: number): boolean {
  return coverage.recorded.some(([start, end]) => at >= start && at < end);
}

/** The next recorded moment at or after `at`; null when there is none yet. */
export function nextRecorded(coverage: Coverage, at: number): number | null {
  const next = coverage.recorded.find(([, end]) => end > at);
  return next ? Math.max(at, next[0]) : null;
}

/** End of the newest footage, or null. */
export function newest(coverage: Coverage): number | null {
  return coverage.recorded.at(-1)?.[1] ?? null;
}

export interface Hole {
  start: number;
  /** null when nothing was recorded after it. */
  end: number | null;
  sentence: string;
}

/** The hole around `at` between two recordings, with the sentence of the longest gap that explains it. */
export function holeAt(coverage: Coverage, at: number): Hole {
  const before = coverage.recorded.findLast(([, end]) => end <= at);
  const after = coverage.recorded.find(([start]) => start > at);
  const start = before?.[1] ?? Number.NEGATIVE_INFINITY;
  const end = after?.[0] ?? null;
  const inside = coverage.gaps.filter((gap) => gap.start < (end ?? Number.POSITIVE_INFINITY) && (gap.end ?? Number.POSITIVE_INFINITY) > start);
  const longest = inside.toSorted((a, b) => length(b) - length(a))[0];
  return { start, end, sentence: longest?.sentence ?? "" };
}

const length = (gap: Gap): number => (gap.end ?? Number.POSITIVE_INFINITY) - gap.start;

/** The hole that playback jumped over between two frames, or null when it was only a seam. */
export function jumpedOver(coverage: Coverage, from: number, to: number): Hole | null {
  if (to - from < SEAM_MS) return null;
  const hole = holeAt(coverage, (from + to) / 2);
  return hole.end !== null && hole.end - hole.start >= SEAM_MS && Number.isFinite(hole.start) ? hole : null;
}

/** `older` with everything from `from` on replaced by `newer`. */
export function refreshed(older: Coverage, newer: Coverage, from: number): Coverage {
  const kept = older.recorded.filter(([start]) => start < from).map(([start, end]): Span => [start, Math.min(end, from)]);
  const gaps = older.gaps.filter((gap) => gap.start < from).map((gap) => ({ ...gap, end: Math.min(gap.end ?? from, from) }));
  return { recorded: joined([...kept, ...newer.recorded]), gaps: joinedGaps([...gaps, ...newer.gaps]) };
}

/** Sorted, with spans joined that touch; half a second is the width of a seam on the index. */
export function joined(spans: readonly Span[]): Span[] {
  const result: [number, number][] = [];
  for (const [start, end] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last && start <= last[1] + 500) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

function joinedGaps(gaps: readonly Gap[]): Gap[] {
  const result: Gap[] = [];
  for (const gap of gaps.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last && last.reason === gap.reason && last.end !== null && gap.start <= last.end) last.end = gap.end;
    else result.push({ ...gap });
  }
  return result;
}
