/* The server's time, which is the only one that counts: the page carries it, the browser's clock only carries it on. */

const stated = Number(document.documentElement.dataset["nowMs"] ?? Number.NaN);
const startedAt = performance.timeOrigin + performance.now();
let ahead = Number.isFinite(stated) ? stated - startedAt : 0;

/** Take over a later time that an answer told: the browser's clock stands still while the computer sleeps. */
export function heard(nowMs: number): void {
  ahead = Math.max(ahead, nowMs - (performance.timeOrigin + performance.now()));
}

/** Milliseconds since the epoch by the server's clock, to within the time that the page took to arrive. */
export function serverNow(): number {
  return performance.timeOrigin + performance.now() + ahead;
}
