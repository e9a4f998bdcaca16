/* One polite live region: at most one sentence in five seconds, the newest of each subject. */

const PAUSE_MS = 5_000;

/** Keeps what is still to be said; pure, so that the rule can be tested without a screen reader. */
export class Announcements {
  private readonly waiting = new Map<string, string>();
  private quietUntil = 0;

  add(subject: string, sentence: string): void {
    this.waiting.delete(subject);
    this.waiting.set(subject, sentence);
  }

  /** The sentence to say at `now`, or null; several subjects become one sentence. */
  next(now: number): string | null {
    if (now < this.quietUntil || this.waiting.size === 0) return null;
    const sentences = [...this.waiting.values()];
    this.waiting.clear();
    this.quietUntil = now + PAUSE_MS;
    return sentences.length <= 2 ? sentences.join(" ") : `${sentences.length} changes. ${sentences.at(-1)}`;
  }
}

const announcements = new Announcements();
let region: HTMLElement | null = null;
let timer = 0;

export function announce(subject: string, sentence: string): void {
  announcements.add(subject, sentence);
  speak();
}

function speak(): void {
  clearTimeout(timer);
  const sentence = announcements.next(performance.now());
  if (sentence) theRegion().textContent = sentence;
  else timer = window.setTimeout(speak, 1_000);
}

function theRegion(): HTMLElement {
  if (!region) {
    region = Object.assign(document.createElement("div"), { className: "name-only", role: "status" });
    region.setAttribute("aria-live", "polite");
    document.body.append(region);
  }
  return region;
}
