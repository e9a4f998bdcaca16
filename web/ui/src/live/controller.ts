/* Where the playhead of a live picture should go: pure, so that the measured thresholds can be tested without a browser. */

/** Thresholds were measured at 15 frames a second; slower cameras need proportionally more in hand. */
const TUNED_INTERVAL_S = 1 / 15;
const TARGET_S = 0.08;
const JUMP_S = 0.8;
const FAST_S = 0.3;
const BRISK_S = 0.16;
const SLOW_S = 0.04;
const KEEP_S = 20;

export interface LiveEdge {
  position: number;
  /** Buffered range that holds the newest frame, in seconds. */
  start: number;
  end: number;
  /** Seconds between two frames. */
  interval: number;
  /** Nothing has been painted yet. */
  warmingUp: boolean;
}

export interface Steering {
  rate: number;
  /** Where to jump, or null. */
  seek: number | null;
  /** Remove what lies before this, or null. */
  trimBefore: number | null;
}

export function steer(edge: LiveEdge): Steering {
  const scale = Math.max(1, edge.interval / TUNED_INTERVAL_S);
  const target = Math.max(edge.start, edge.end - TARGET_S * scale);
  const gap = edge.end - edge.position;
  const trimBefore = edge.end - edge.start > KEEP_S ? edge.end - KEEP_S / 2 : null;
  const outside = edge.position < edge.start || gap < 0;
  const seek = outside || gap > JUMP_S * scale || (edge.warmingUp && gap > FAST_S * scale) ? target : null;
  return { rate: seek === null ? rate(gap / scale) : 1, seek, trimBefore };
}

function rate(gap: number): number {
  if (gap > FAST_S) return 1.5;
  if (gap > BRISK_S) return 1.1;
  return gap < SLOW_S ? 0.9 : 1;
}

/** Smooth the frame interval from how far the buffer grew by how many frames; jumps are left out. */
export function smoothedInterval(known: number, grownBy: number, frames: number): number {
  if (frames <= 0 || grownBy <= 0 || grownBy > 5) return known;
  return known * 0.8 + (grownBy / frames) * 0.2;
}
