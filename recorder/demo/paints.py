"""What the faces of a room are painted with: plain walls, wood, carpet, tiles, book spines, glass, signs."""

from __future__ import annotations

import numpy as np

from recorder.demo.lettering import lettered
from recorder.demo.raster import Paint, Plane

Colour = tuple[float, float, float]

BOOKS: tuple[Colour, ...] = (
    (0.49, 0.22, 0.18), (0.20, 0.29, 0.38), (0.33, 0.38, 0.26), (0.70, 0.54, 0.28), (0.38, 0.27, 0.22),
    (0.58, 0.50, 0.40), (0.29, 0.37, 0.40), (0.55, 0.31, 0.20), (0.24, 0.22, 0.25), (0.73, 0.66, 0.54),
)  # fmt: skip
PICTURE_BOOKS: tuple[Colour, ...] = (
    (0.80, 0.33, 0.25), (0.25, 0.48, 0.58), (0.88, 0.68, 0.27), (0.42, 0.58, 0.36), (0.58, 0.38, 0.52),
    (0.90, 0.83, 0.68), (0.22, 0.36, 0.50), (0.82, 0.50, 0.30),
)  # fmt: skip


def rgb(text: str) -> Colour:
    """Return the colour written as six hexadecimal digits."""
    return int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255


def plain(colour: Colour) -> Paint:
    def paint(a: Plane, _b: Plane) -> Plane:
        return np.broadcast_to(np.array(colour, np.float32), (len(a), 3))

    return paint


def wall(colour: Colour, *, skirting: Colour, skirting_metres: float = 0.12) -> Paint:
    """Plaster above a skirting board; the second edge of the face runs up from the floor."""

    def paint(_a: Plane, b: Plane) -> Plane:
        return np.where((b < skirting_metres)[:, None], np.array(skirting, np.float32), np.array(colour, np.float32))

    return paint


def wood(colour: Colour, *, plank_metres: float = 0.16, contrast: float = 0.10) -> Paint:
    """Boards that run along the first edge."""

    def paint(a: Plane, b: Plane) -> Plane:
        board = np.floor(b / plank_metres)
        piece = np.floor(a / 1.9 + _hash(board, 3.1))
        tone = 1 + contrast * (_hash(board, piece) - 0.5) * 2
        tone += contrast * 0.35 * np.sin(b * 70 + np.sin(a * 1.7 + board) * 2.2)
        tone *= 1 - 0.16 * (np.mod(b, plank_metres) < 0.008) - 0.12 * (np.mod(a / 1.9 + _hash(board, 3.1), 1) < 0.005)
        return np.asarray(np.array(colour, np.float32) * tone[:, None], np.float32)

    return paint


def lamplit(under: Paint, middle_a: float, middle_b: float) -> Paint:
    """The same face with a pool of warm light around that place."""

    def paint(a: Plane, b: Plane) -> Plane:
        near = np.exp((np.square(a - middle_a) + np.square(b - middle_b)) * -9.0)[:, None]
        return np.asarray(under(a, b) * (1 + near * np.array((0.95, 0.78, 0.42))), np.float32)

    return paint


def tiles(colour: Colour, joint: Colour, *, tile_metres: float = 0.6) -> Paint:
    def paint(a: Plane, b: Plane) -> Plane:
        tone = 1 + 0.05 * (_hash(np.floor(a / tile_metres), np.floor(b / tile_metres)) - 0.5)
        seam = (np.mod(a, tile_metres) < 0.014) | (np.mod(b, tile_metres) < 0.014)
        return np.where(seam[:, None], np.array(joint, np.float32), np.array(colour, np.float32) * tone[:, None])

    return paint


def carpet(colour: Colour, *, square_metres: float = 0.5) -> Paint:
    """Carpet squares laid in turns, with a short pile."""

    def paint(a: Plane, b: Plane) -> Plane:
        turn = np.mod(np.floor(a / square_metres) + np.floor(b / square_metres), 2)
        tone = 1 + 0.030 * (turn - 0.5) + 0.05 * (_hash(np.floor(a * 40), np.floor(b * 40)) - 0.5)
        return np.asarray(np.array(colour, np.float32) * tone[:, None], np.float32)

    return paint


def rings(colours: tuple[Colour, ...], *, size_metres: float) -> Paint:
    """Concentric rings for a round rug of that diameter, from the rim inwards."""
    table = np.array(colours, np.float32)

    def paint(a: Plane, b: Plane) -> Plane:
        radius = np.hypot(a - size_metres / 2, b - size_metres / 2) / (size_metres / 2)
        return np.asarray(table[np.clip(((1 - radius) * len(table)).astype(np.intp), 0, len(table) - 1)], np.float32)

    return paint


def books(palette: tuple[Colour, ...], *, frame: Colour, row_metres: float = 0.36, seed: int = 1, length_metres: float = 20) -> Paint:
    """The front of a bookcase: uprights, boards, and spines of many widths and heights. The second edge runs up."""
    draw = np.random.default_rng(seed)
    count = round(length_metres / 0.035)
    shelf_of_books = [np.cumsum(draw.uniform(0.028, 0.075, count)).astype(np.float32) for _ in range(8)]
    colours = np.array(palette, np.float32)[draw.integers(0, len(palette), (8, count + 1))]
    colours *= draw.uniform(0.82, 1.12, (8, count + 1, 1)).astype(np.float32)
    heights = draw.uniform(0.62, 0.88, (8, count + 1)).astype(np.float32)
    heights[draw.random((8, count + 1)) < 0.06] = 0

    def paint(a: Plane, b: Plane) -> Plane:
        row = np.floor(b / row_metres).astype(np.intp) % 8
        up = np.mod(b, row_metres) / row_metres
        place, edge = _spines(shelf_of_books, row, a)
        spine = colours[row, place] * (1 - 0.35 * (edge < 0.007))[:, None]
        band = (np.abs(up - 0.62 * heights[row, place] - 0.08) < 0.025) & (place % 3 == 0)
        spine = np.where(band[:, None], spine * 0.55 + 0.36, spine)
        behind = np.array(frame, np.float32) * np.where(up > 0.93, 0.5, 0.34)[:, None]
        shown = np.where((up - 0.08 < heights[row, place])[:, None], spine, behind)
        board = (up < 0.08) | (np.mod(a, 0.95) < 0.035)
        return np.where(board[:, None], np.array(frame, np.float32), shown)

    return paint


def outside(*, horizon_metres: float, seed: int = 3) -> Paint:
    """What is seen through a window: pale sky, trees out of focus, a lawn. The second edge runs up."""
    crowns = np.random.default_rng(seed).uniform((0, 0.5, 0.5), (14, 1.3, 1.2), (16, 3))

    def paint(a: Plane, b: Plane) -> Plane:
        up = b - horizon_metres
        sky = np.array((0.80, 0.875, 0.90), np.float32) + np.clip(up * 0.05, 0, 0.16)[:, None] * np.array((-0.6, -0.2, 0.2), np.float32)
        colours = np.where((up < 0)[:, None], np.array((0.60, 0.66, 0.52), np.float32) * (1 + 0.18 * up)[:, None], sky)
        for x, z, radius in crowns:
            distance = np.hypot(a - float(x), (up - float(z)) * 1.1) / float(radius)
            share = np.clip((1 - distance) * 2.2, 0, 1)[:, None] * 0.62
            colours = colours * (1 - share) + share * np.array((0.52, 0.63, 0.52), np.float32)
        return np.asarray(colours, np.float32)

    return paint


def sign(text: str, *, width_metres: float, height_metres: float, ink: Colour, ground: Colour) -> Paint:
    """A lettered board; the first edge runs to the right, the second up."""
    letters = lettered(text, 64)
    rows, columns = letters.shape
    scale = max(columns / width_metres, rows / height_metres) * 1.25

    def paint(a: Plane, b: Plane) -> Plane:
        column = ((a - width_metres / 2) * scale + columns / 2).astype(np.intp)
        row = ((height_metres / 2 - b) * scale + rows / 2).astype(np.intp)
        hit = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        cover = np.where(hit, letters[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)], 0)[:, None]
        return np.asarray(np.array(ground, np.float32) * (1 - cover) + np.array(ink, np.float32) * cover, np.float32)

    return paint


def _spines(
    shelves: list[Plane], row: np.ndarray[tuple[int], np.dtype[np.intp]], a: Plane
) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Plane]:
    """Return, for each point, which book it falls on and how far it is from that book's left edge."""
    place, edge = np.zeros(len(a), np.intp), np.zeros(len(a), np.float32)
    for number, ends in enumerate(shelves):
        mine = row == number
        found = np.searchsorted(ends, a[mine])
        place[mine] = found
        edge[mine] = a[mine] - np.where(found > 0, ends[np.maximum(found - 1, 0)], 0)
    return place, edge


def _hash(a: Plane, b: Plane | float) -> Plane:
    mixed = np.sin(a * 12.9898 + b * 78.233) * 43758.547
    return np.asarray(mixed - np.floor(mixed), np.float32)
