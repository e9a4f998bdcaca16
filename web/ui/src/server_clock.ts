/* The server's time, which is the only one that counts: the page carries it, the browser's clock only carries it on. */

const stated = Number(document.documentElement.dataset["nowMs"] ?? Number.NaN);
const startedAt = performance.timeOrigin + performance.now();
const ahead = Number.isFinite(stated) ? stated - startedAt : 0;

/** Milliseconds since the epoch by the server's clock, to within the time that the page took to arrive. */
export function serverNow(): number {
  return performance.timeOrigin + performance.now() + ahead;
}
