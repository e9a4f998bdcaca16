/* The cameras of the live page by branch and area, and which of them stand in which place of the wall: plain data and pure functions. */

/** States of a stream in which it has no picture though it should have one; on a full disk it is not recorded, and live as ever. */
export const WITHOUT_PICTURE = new Set(["offline", "refused", "silent", "stalled"]);

export interface LiveCamera {
  id: number;
  name: string;
  state: string;
  since_ms: number | null;
  /** The camera has a sub-stream. */
  sub: boolean;
}

export interface LiveArea {
  name: string | null;
  cameras: LiveCamera[];
}

export interface LiveBranch {
  id: number;
  name: string;
  zone: string;
  areas: LiveArea[];
}

export interface LiveData {
  branches: LiveBranch[];
  may_playback: boolean;
  socket: string;
  zone: string;
  /** A wall session: pictures and one line, no controls. */
  wall?: boolean;
}

export interface Placed {
  camera: LiveCamera;
  branch: LiveBranch;
}

export const SIZES = [1, 4, 9, 16] as const;
export type Size = (typeof SIZES)[number];

export function everyCamera(branches: readonly LiveBranch[]): Placed[] {
  return branches.flatMap((branch) => branch.areas.flatMap((area) => area.cameras.map((camera) => ({ camera, branch }))));
}

/** Whether both list the same cameras, in whatever state. */
export function sameCameras(ours: readonly LiveBranch[], newer: readonly LiveBranch[]): boolean {
  const names = (branches: readonly LiveBranch[]): string => JSON.stringify(everyCamera(branches).map(({ camera, branch }) => [branch.id, branch.name, camera.id, camera.name]));
  return names(ours) === names(newer);
}

/** The same places without cameras that are not there any more. */
export function cleared(layout: Layout, branches: readonly LiveBranch[]): Layout {
  const known = new Set(everyCamera(branches).map(({ camera }) => camera.id));
  return { ...layout, places: layout.places.map((camera) => (camera !== null && known.has(camera) ? camera : null)) };
}

/** The smallest grid that shows `count` cameras. */
export function sizeFor(count: number): Size {
  return SIZES.find((size) => size >= count) ?? 16;
}

export interface Layout {
  size: Size;
  /** Camera of each place, in reading order. */
  places: (number | null)[];
}

/** The layout that the address names (?grid=4&cams=1,2,,3), or the first cameras of the tree. */
export function layoutOf(query: URLSearchParams, known: readonly number[]): Layout {
  const named = query.get("cams");
  const wanted = named === null ? [...known] : named.split(",").map((text) => (known.includes(Number(text)) ? Number(text) : null));
  const size = SIZES.find((one) => one === Number(query.get("grid"))) ?? sizeFor(wanted.length);
  return resized({ size, places: wanted }, size);
}

/** The same cameras in a grid of `size` places; what finds no place is left out, but `keep` always stays. */
export function resized(layout: Layout, size: Size, keep: number | null = null): Layout {
  const places = Array.from({ length: size }, (_, place) => layout.places[place] ?? null);
  if (keep !== null && !places.includes(keep)) places[0] = keep;
  return { size, places };
}

export function queryOf(layout: Layout): string {
  return new URLSearchParams({ grid: String(layout.size), cams: layout.places.map((camera) => camera ?? "").join(",") }).toString();
}

/** Put `camera` into `place`; a camera stands in one place only. */
export function placed(layout: Layout, camera: number, place: number): Layout {
  const places = layout.places.map((one) => (one === camera ? null : one));
  places[place] = camera;
  return { ...layout, places };
}

/** Where the arrow key leads from `place` in a square grid. */
export function neighbour(place: number, key: string, size: Size): number {
  const side = Math.sqrt(size);
  const [row, column] = [Math.floor(place / side), place % side];
  const clamp = (value: number): number => Math.min(side - 1, Math.max(0, value));
  switch (key) {
    case "ArrowLeft": return row * side + clamp(column - 1);
    case "ArrowRight": return row * side + clamp(column + 1);
    case "ArrowUp": return clamp(row - 1) * side + column;
    case "ArrowDown": return clamp(row + 1) * side + column;
    case "Home": return 0;
    case "End": return size - 1;
    default: return place;
  }
}
