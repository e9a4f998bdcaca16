"""A row of black and white blocks that says, to the millisecond, when within its minute a frame was taken.

The geometry is measured in shares of the picture, so that it survives scaling; README.md repeats it for other readers.
Cells, from the left: white, black (guards); 16 bits of milliseconds, highest first; 4 check bits; black, white (guards).
The check is the exclusive or of the four nibbles of the milliseconds and of `CHECK_SEED`. White is 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MILLISECONDS = 60_000

COLUMNS = 80
"""A cell is 1/80 of the picture's width: 4 pixels at 320, 16 (one macroblock) at 1280."""
ROWS = 45
"""A cell is 1/45 of the picture's height."""
LEFT_CELLS = 2
TOP_CELLS = 2
"""The row starts 2 cells from the left and 2 from the top."""

DATA_BITS = 16
CHECK_BITS = 4
CHECK_SEED = 0xA
CELLS = 2 + DATA_BITS + CHECK_BITS + 2

WHITE = 235
BLACK = 16
MIN_CONTRAST = 64
"""Guards closer together than this are no code."""
_DOUBTFUL = 0.12
"""A cell within this share of the contrast around the threshold makes the code unreadable rather than wrong."""

Luma = npt.NDArray[np.uint8]


def draw(frame: Luma, milliseconds: int) -> None:
    """Put the code for `milliseconds` (0 to 59,999) into the luma plane `frame`, in place."""
    height, width = frame.shape
    top, bottom = _edges(TOP_CELLS, height, ROWS)
    for number, bit in enumerate(_bits(milliseconds)):
        left, right = _edges(LEFT_CELLS + number, width, COLUMNS)
        frame[top:bottom, left:right] = WHITE if bit else BLACK


def read(frame: Luma) -> int | None:
    """Return the milliseconds within the minute coded in the luma plane (or a grey picture), None when there is no sound code."""
    height, width = frame.shape
    if width < COLUMNS * 2 or height < ROWS * 2:
        return None
    levels = np.array([_level(frame, number) for number in range(CELLS)])
    contrast = (levels[0] + levels[-1] - levels[1] - levels[-2]) / 2
    threshold = (levels[0] + levels[-1] + levels[1] + levels[-2]) / 4
    if contrast < MIN_CONTRAST or bool((np.abs(levels - threshold) < contrast * _DOUBTFUL).any()):
        return None
    return _decoded([bool(level > threshold) for level in levels])


def _bits(milliseconds: int) -> list[bool]:
    if not 0 <= milliseconds < MILLISECONDS:
        raise ValueError(f"{milliseconds} ms is not within a minute. Give 0 to {MILLISECONDS - 1}.")
    word = milliseconds << CHECK_BITS | _check(milliseconds)
    return [True, False, *(bool(word >> place & 1) for place in reversed(range(DATA_BITS + CHECK_BITS))), False, True]


def _decoded(bits: list[bool]) -> int | None:
    if (bits[0], bits[1], bits[-2], bits[-1]) != (True, False, False, True):
        return None
    word = int("".join("1" if bit else "0" for bit in bits[2:-2]), 2)
    milliseconds, check = word >> CHECK_BITS, word & (1 << CHECK_BITS) - 1
    return milliseconds if check == _check(milliseconds) and milliseconds < MILLISECONDS else None


def _check(milliseconds: int) -> int:
    return (milliseconds >> 12 ^ milliseconds >> 8 ^ milliseconds >> 4 ^ milliseconds ^ CHECK_SEED) & 0xF


def _level(frame: Luma, number: int) -> float:
    """Mean of the middle half of a cell: its rim carries ringing and the neighbour's colour."""
    height, width = frame.shape
    top, bottom = _middle(TOP_CELLS, height, ROWS)
    left, right = _middle(LEFT_CELLS + number, width, COLUMNS)
    return float(frame[top:bottom, left:right].mean())


def _edges(cell: int, size: int, cells: int) -> tuple[int, int]:
    return round(cell * size / cells), round((cell + 1) * size / cells)


def _middle(cell: int, size: int, cells: int) -> tuple[int, int]:
    low, high = round((cell + 0.25) * size / cells), round((cell + 0.75) * size / cells)
    return low, max(high, low + 1)
