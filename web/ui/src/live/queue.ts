/* Fragments waiting for the SourceBuffer: bounded, and when it overflows the viewer goes on from the next keyframe. */

const MAX_BYTES = 8 * 1024 * 1024;

export class FragmentQueue {
  private parts: Uint8Array[] = [];
  private bytes = 0;
  private skipping = false;
  private readonly limit: number;

  constructor(limit: number = MAX_BYTES) {
    this.limit = limit;
  }

  /** Take a fragment in; false when it was dropped. */
  push(fragment: Uint8Array, keyframe: boolean): boolean {
    if (this.skipping && !keyframe) return false;
    if (this.bytes + fragment.byteLength > this.limit) return this.overflow(fragment, keyframe);
    this.skipping = false;
    this.parts.push(fragment);
    this.bytes += fragment.byteLength;
    return true;
  }

  /** Everything that waits as one buffer, with its number of fragments; null when nothing waits. */
  takeAll(): { bytes: Uint8Array<ArrayBuffer>; count: number } | null {
    if (this.parts.length === 0) return null;
    const bytes = new Uint8Array(this.bytes);
    let at = 0;
    for (const part of this.parts) {
      bytes.set(part, at);
      at += part.byteLength;
    }
    const count = this.parts.length;
    this.clear();
    return { bytes, count };
  }

  clear(): void {
    this.parts = [];
    this.bytes = 0;
  }

  private overflow(fragment: Uint8Array, keyframe: boolean): boolean {
    this.clear();
    this.skipping = true;
    return keyframe && fragment.byteLength <= this.limit ? this.push(fragment, keyframe) : false;
  }
}
