/* What was recorded and why the rest was not, as the timeline and the player ask for it: pure. Moments are epoch milliseconds. */

export type Span = readonly [start: number, end: number];

/** Missing time. */
export interface Gap {
  start: number;
  /** null while it lasts. */
  end: number | null;
  sentence: string;
}

/** Missing time for one reason; a gap between two recordings may hold several. */
export interface ReasonedGap extends Gap {
  reason: string;
}

export interface Coverage {
  recorded: Span[];
  gaps: ReasonedGap[];
}

/** Shorter gaps are the seams between runs, not worth stopping for. */
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

/** The whole gap around `at` between two recordings, with the sentence of its longest reason. */
export function gapAt(coverage: Coverage, at: number): Gap {
  const before = coverage.recorded.findLast(([, end]) => end <= at);
  const after = coverage.recorded.find(([start]) => start > at);
  const start = before?.[1] ?? Number.NEGATIVE_INFINITY;
  const end = after?.[0] ?? null;
  const inside = coverage.gaps.filter((gap) => gap.start < (end ?? Number.POSITIVE_INFINITY) && (gap.end ?? Number.POSITIVE_INFINITY) > start);
  const longest = inside.toSorted((a, b) => length(b) - length(a))[0];
  return { start, end, sentence: longest?.sentence ?? "" };
}

const length = (gap: Gap): number => (gap.end ?? Number.POSITIVE_INFINITY) - gap.start;

/** The gap that playback jumped over between two frames, or null when it was only a seam. */
export function jumpedOver(coverage: Coverage, from: number, to: number): Gap | null {
  if (to - from < SEAM_MS) return null;
  const gap = gapAt(coverage, (from + to) / 2);
  return gap.end !== null && gap.end - gap.start >= SEAM_MS && Number.isFinite(gap.start) ? gap : null;
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

function joinedGaps(gaps: readonly ReasonedGap[]): ReasonedGap[] {
  const result: ReasonedGap[] = [];
  for (const gap of gaps.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last && last.reason === gap.reason && last.end !== null && gap.start <= last.end) last.end = gap.end;
    else result.push({ ...gap });
  }
  return result;
}
