/* The server's time, which is the only one that counts: the page carries it, the browser's clock only carries it on. */

const stated = Number(document.documentElement.dataset["nowMs"] ?? Number.NaN);
const startedAt = performance.timeOrigin + performance.now();
/** Two quartz clocks part by less than this share of the time. */
const DRIFT = 1e-4;
let heardAt = performance.now();
let ahead = Number.isFinite(stated) ? stated - startedAt : 0;

/**
 * Take over the time that an answer told: the browser's clock drifts, and stands still while the computer sleeps. An answer that was
 * long on its way tells too early a time, so what is known only gives way as fast as clocks drift.
 */
export function heard(nowMs: number): void {
  const at = performance.now();
  ahead = Math.max(ahead - (at - heardAt) * DRIFT, nowMs - (performance.timeOrigin + at));
  heardAt = at;
}

/** Milliseconds since the epoch by the server's clock, to within the time that the page took to arrive. */
export function serverNow(): number {
  return performance.timeOrigin + performance.now() + ahead;
}
