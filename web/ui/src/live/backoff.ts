/* How long to wait before the next try: half a second, doubling to ten, with jitter so that a hundred walls don't come back at once. */

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** Wait before try number `attempt` (from 1); `chance` is in [0, 1). */
export function backoff(attempt: number, chance: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(full * (0.6 + 0.4 * chance));
}
