"""Stroke lettering for the burnt-in clock, the camera's name and signs: no font file is needed."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from recorder.demo.raster import Plane

ADVANCE = 0.77
"""Width of a full letter's cell as a share of the letter's height."""

# Polylines on a grid 8 wide and 12 high; each point is x, then y in hexadecimal; y grows downwards; "|" lifts the pen.
_STROKES = {
    "A": "0c 03 20 60 83 8c|07 87",
    "B": "00 0c 6c 8a 88 66 06|66 84 82 60 00",
    "C": "82 60 20 02 0a 2c 6c 8a",
    "D": "00 0c 5c 89 83 50 00",
    "E": "80 00 0c 8c|06 66",
    "F": "80 00 0c|06 66",
    "G": "82 60 20 02 0a 2c 6c 8a 86 56",
    "H": "00 0c|80 8c|06 86",
    "I": "40 4c",
    "J": "80 8a 6c 2c 0a",
    "K": "00 0c|80 07|35 8c",
    "L": "00 0c 8c",
    "M": "0c 00 46 80 8c",
    "N": "0c 00 8c 80",
    "O": "20 60 82 8a 6c 2c 0a 02 20",
    "P": "0c 00 60 82 85 67 07",
    "Q": "20 60 82 8a 6c 2c 0a 02 20|58 8c",
    "R": "0c 00 60 82 84 66 06|46 8c",
    "S": "82 60 20 02 04 26 66 88 8a 6c 2c 0a",
    "T": "00 80|40 4c",
    "U": "00 0a 2c 6c 8a 80",
    "V": "00 4c 80",
    "W": "00 2c 46 6c 80",
    "X": "00 8c|80 0c",
    "Y": "00 46 80|46 4c",
    "Z": "00 80 0c 8c",
    "0": "20 60 82 8a 6c 2c 0a 02 20",
    "1": "23 40 4c|2c 6c",
    "2": "02 20 60 82 84 0c 8c",
    "3": "02 20 60 82 84 66 46|66 88 8a 6c 2c 0a",
    "4": "6c 60 08 88",
    "5": "80 10 05 65 87 8a 6c 2c 0a",
    "6": "71 60 20 02 0a 2c 6c 8a 87 65 25 07",
    "7": "00 80 3c",
    "8": "26 04 02 20 60 82 84 66 26 08 0a 2c 6c 8a 88 66",
    "9": "1b 2c 6c 8a 82 60 20 02 05 27 67 85",
    ":": "43 44|49 4a",
    ".": "4b 4c",
    ",": "4b 3e",
    "'": "40 43",
    "-": "26 66",
    "/": "80 0c",
}
_NARROW = {" ": 0.5, ":": 0.42, ".": 0.42, ",": 0.42, "'": 0.42, "I": 0.42}


def width_of(text: str, height: float) -> float:
    """Return the width in pixels of `text` set `height` pixels high."""
    return sum(_advance(letter) for letter in text.upper()) * height


def lettered(text: str, height: float, *, weight: float = 0.14) -> Plane:
    """Return the coverage (0 to 1) of `text`, `height` pixels high, with a margin of one stroke on every side.

    `weight` is the stroke's width as a share of the height. A character without a shape is left blank.
    """
    margin = weight * height
    rows, columns = round(height + 2.5 * margin), round(width_of(text, height) + 2 * margin)
    ink = np.zeros((rows, columns), np.float32)
    left = margin
    for letter in text.upper():
        for start, end in _segments(letter):
            offset = np.array((left + _indent(letter) * height, margin), np.float32)
            _stroke(ink, start * height + offset, end * height + offset, margin / 2)
        left += _advance(letter) * height
    return ink


def _advance(letter: str) -> float:
    return _NARROW.get(letter, ADVANCE)


def _indent(letter: str) -> float:
    """Shift that brings a narrow letter, drawn in the middle of a full cell, to the middle of its own."""
    return (_advance(letter) - ADVANCE) / 2


@lru_cache(maxsize=64)
def _segments(letter: str) -> tuple[tuple[Plane, Plane], ...]:
    lines = (line.split() for line in _STROKES.get(letter, "").split("|") if line)
    points = ([np.array((int(p[0]) / 14 + 0.07, int(p[1], 16) / 12), np.float32) for p in line] for line in lines)
    return tuple(pair for line in points for pair in pairwise(line))


def _stroke(ink: Plane, start: Plane, end: Plane, radius: float) -> None:
    rows, columns = ink.shape
    low = np.maximum(np.floor(np.minimum(start, end) - radius - 1), 0).astype(int)
    high = np.ceil(np.maximum(start, end) + radius + 2).astype(int)
    x = np.arange(low[0], min(high[0], columns), dtype=np.float32)[None, :] + 0.5
    y = np.arange(low[1], min(high[1], rows), dtype=np.float32)[:, None] + 0.5
    along = end - start
    share = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(float(along @ along), 1e-9), 0, 1)
    distance = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
    area = ink[low[1] : low[1] + len(y), low[0] : low[0] + x.shape[1]]
    np.maximum(area, np.clip(radius + 0.5 - distance, 0, 1), out=area)
