/* Moments in words: epoch milliseconds and an IANA zone in, text out. The axis is always UTC; zones only make labels. */

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(locale, { timeZone: zone, ...options })));
  return found;
}

function parts(ms: number, zone: string, options: Intl.DateTimeFormatOptions): Record<string, string> {
  return Object.fromEntries(format("en-GB", zone, options).formatToParts(ms).map((part) => [part.type, part.value]));
}

/** 14:03:22 */
export function clock(ms: number, zone: string): string {
  const { hour, minute, second } = parts(ms, zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return `${hour}:${minute}:${second}`;
}

/** 14:03 */
export function minutes(ms: number, zone: string): string {
  return clock(ms, zone).slice(0, 5);
}

/** Mon 23 Nov, or Mon 23 Nov 2026 */
export function day(ms: number, zone: string, year: "year" | "no year" = "no year"): string {
  const found = parts(ms, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  return `${found["weekday"]} ${found["day"]} ${found["month"]}${year === "year" ? ` ${found["year"]}` : ""}`;
}

/** PST, CET, UTC: the abbreviation that people of the zone use; en-US knows America's, en-GB Europe's. */
export function abbreviation(ms: number, zone: string): string {
  const names = ["en-US", "en-GB", "en-AU"].map((locale) => {
    const found = format(locale, zone, { timeZoneName: "short" }).formatToParts(ms).find((part) => part.type === "timeZoneName");
    return found?.value ?? "";
  });
  return names.find((name) => !/^GMT[+-]/.test(name)) ?? names[0] ?? zone;
}

/** Milliseconds that the zone's wall clock is ahead of UTC at that moment. */
export function offset(ms: number, zone: string): number {
  const found = parts(ms, zone, { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" });
  const at = (name: string): number => Number(found[name]);
  const wall = Date.UTC(at("year"), at("month") - 1, at("day"), at("hour"), at("minute"), at("second"));
  return wall - Math.floor(ms / 1000) * 1000;
}

/** The moments at which a wall clock of the zone shows `text` (2026-11-09T14:31:07): none in the missing spring hour, two in the doubled autumn hour. */
export function momentsOf(text: string, zone: string): number[] {
  const wall = Date.parse(`${text}Z`);
  return Number.isNaN(wall) ? [] : momentsAt(wall, zone);
}

/** The moments at which the zone's wall clock is so far past its own 1970: none, one or two, in order. */
export function momentsAt(wall: number, zone: string): number[] {
  const candidates = [wall - offset(wall - 86_400_000, zone), wall - offset(wall + 86_400_000, zone)];
  return [...new Set(candidates)].filter((ms) => ms + offset(ms, zone) === wall).sort((a, b) => a - b);
}

/** 2026-11-09T14:31:07 as the zone's wall clock shows it: the value of a datetime-local field. */
export function fieldValue(ms: number, zone: string): string {
  return new Date(ms + offset(ms, zone)).toISOString().slice(0, 19);
}

/** 4 min, 18 s, 2 h 5 min: a length in words. */
export function lengthInWords(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  const whole = Math.round(seconds / 60);
  if (whole < 100) return `${whole} min`;
  const hours = Math.floor(whole / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return whole % 60 === 0 ? `${hours} h` : `${hours} h ${whole % 60} min`;
}

/** 14:26–14:33; with seconds when either end needs them to differ. */
export function span(start: number, end: number, zone: string): string {
  const write = end - start < 120_000 ? clock : minutes;
  return `${write(start, zone)}–${write(end, zone)}`;
}
