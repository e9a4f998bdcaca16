"""Things that stand in a room, each as a few panels: boxes, drums, bookcases, tables, chairs, lamps, plants, windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recorder.demo.paints import BOOKS, Colour, books, lamplit, outside, plain, wood
from recorder.demo.raster import Light, Paint, Panel, Shape

OAK: Colour = (0.66, 0.48, 0.31)
DARK_OAK: Colour = (0.44, 0.31, 0.21)
STEEL: Colour = (0.25, 0.25, 0.26)
LEAF: Colour = (0.33, 0.44, 0.30)
BRASS_GREEN: Colour = (0.23, 0.46, 0.38)


def panel(
    origin: Sequence[float],
    edge_a: Sequence[float],
    edge_b: Sequence[float],
    paint: Paint,
    *,
    shape: Shape = Shape.WHOLE,
    glows: bool = False,
    open_air: bool = False,
) -> Panel:
    return Panel(np.array(origin, np.float32), np.array(edge_a, np.float32), np.array(edge_b, np.float32), paint, shape, glows, open_air)


def box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], side: Paint, top: Paint | None = None) -> list[Panel]:
    """A block without its underside; the side faces' second edge runs up."""
    (x0, x1), (y0, y1), (z0, z1) = x, y, z
    wide, deep, high = (x1 - x0, 0, 0), (0, y1 - y0, 0), (0, 0, z1 - z0)
    return [
        panel((x0, y0, z0), wide, high, side),
        panel((x0, y1, z0), wide, high, side),
        panel((x0, y0, z0), deep, high, side),
        panel((x1, y0, z0), deep, high, side),
        panel((x0, y0, z1), wide, deep, top or side),
    ]


def drum(x: float, y: float, radius: float, z: tuple[float, float], side: Paint, top: Paint | None = None) -> list[Panel]:
    """An upright cylinder."""
    corners = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in (2 * math.pi * n / 18 for n in range(18))]
    panels = [
        panel((ax, ay, z[0]), (bx - ax, by - ay, 0), (0, 0, z[1] - z[0]), side)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    return [*panels, disc(x, y, radius, z[1], top or side)]


def disc(x: float, y: float, radius: float, z: float, paint: Paint) -> Panel:
    return panel((x - radius, y - radius, z), (2 * radius, 0, 0), (0, 2 * radius, 0), paint, shape=Shape.ELLIPSE)


@dataclass(frozen=True, slots=True)
class Shelving:
    """What a bookcase is made of and filled with."""

    palette: tuple[Colour, ...] = BOOKS
    frame: Colour = OAK
    row_metres: float = 0.36


def bookcase(
    light: Light, x: tuple[float, float], y: tuple[float, float], height: float, *, seed: int, shelving: Shelving | None = None
) -> list[Panel]:
    """A case with books on its long sides."""
    light.cast(*x, *y, 0.6)
    made = shelving or Shelving()
    panels = box(x, y, (0, height), plain(made.frame), wood(made.frame))
    fronts = [books(made.palette, frame=made.frame, row_metres=made.row_metres, seed=number) for number in (seed, seed + 50)]
    along: tuple[float, float, float] = (x[1] - x[0], 0, 0)
    sides: tuple[tuple[float, float], ...] = ((x[0], y[0] - 0.004), (x[0], y[1] + 0.004))
    if x[1] - x[0] < y[1] - y[0]:
        along, sides = (0, y[1] - y[0], 0), ((x[0] - 0.004, y[0]), (x[1] + 0.004, y[0]))
    return panels + [panel((*side, 0), along, (0, 0, height), paint) for side, paint in zip(sides, fronts, strict=True)]


def table(light: Light, x: tuple[float, float], y: tuple[float, float], *, height: float = 0.74, colour: Colour = OAK) -> list[Panel]:
    """A table with a lamp's pool of light in its middle."""
    light.cast(x[0] + 0.05, x[1] - 0.05, y[0] + 0.05, y[1] - 0.05, 0.42)
    legs = plain((colour[0] * 0.6, colour[1] * 0.6, colour[2] * 0.6))
    panels = box(
        x,
        y,
        (height - 0.05, height),
        plain((colour[0] * 0.78, colour[1] * 0.78, colour[2] * 0.78)),
        lamplit(wood(colour, plank_metres=0.22), (x[1] - x[0]) / 2, (y[1] - y[0]) / 2),
    )
    for leg_x in (x[0] + 0.08, x[1] - 0.14):
        for leg_y in (y[0] + 0.08, y[1] - 0.14):
            panels += box((leg_x, leg_x + 0.06), (leg_y, leg_y + 0.06), (0, height - 0.05), legs)
    return panels


def chair(light: Light, x: float, y: float, *, back_towards_y: float, colour: Colour = DARK_OAK) -> list[Panel]:
    """A chair whose back stands on the side `back_towards_y` (-1 near, 1 far)."""
    light.cast(x - 0.2, x + 0.2, y - 0.2, y + 0.2, 0.34)
    seat, legs = plain(colour), plain((colour[0] * 0.72, colour[1] * 0.72, colour[2] * 0.72))
    panels = box((x - 0.21, x + 0.21), (y - 0.2, y + 0.2), (0.43, 0.47), seat)
    for leg_x in (x - 0.2, x + 0.16):
        for leg_y in (y - 0.19, y + 0.15):
            panels += box((leg_x, leg_x + 0.04), (leg_y, leg_y + 0.04), (0, 0.43), legs)
    edge = y + back_towards_y * 0.19
    return panels + box((x - 0.2, x + 0.2), (edge - 0.02, edge + 0.02), (0.58, 0.88), seat)


def reading_lamp(x: float, y: float, table_height: float) -> list[Panel]:
    """A green-shaded table lamp."""
    stem = box((x - 0.012, x + 0.012), (y - 0.012, y + 0.012), (table_height, table_height + 0.34), plain((0.55, 0.44, 0.25)))
    shade = drum(x, y, 0.17, (table_height + 0.30, table_height + 0.40), plain(BRASS_GREEN), plain((0.28, 0.54, 0.45)))
    return [*stem, *shade]


def plant(light: Light, x: float, y: float, height: float, *, seed: int = 5) -> list[Panel]:
    """A potted plant: leaves as ellipses at many angles."""
    light.cast(x - 0.28, x + 0.28, y - 0.28, y + 0.28, 0.5)
    panels = drum(x, y, 0.2, (0, 0.42), plain((0.68, 0.62, 0.54)), plain((0.24, 0.19, 0.15)))
    draw = np.random.default_rng(seed)
    for number in range(26):
        turn, lean = 2.4 * number + draw.uniform(-0.3, 0.3), draw.uniform(0.15, 1.15)
        tone = draw.uniform(0.75, 1.25)
        reach = (height - 0.42) * draw.uniform(0.55, 1.0)
        along = (reach * math.cos(turn) * math.sin(lean) * 0.75, reach * math.sin(turn) * math.sin(lean) * 0.75, reach * math.cos(lean))
        across = (-0.16 * math.sin(turn), 0.16 * math.cos(turn), 0.02)
        leaf = plain((LEAF[0] * tone, LEAF[1] * tone, LEAF[2] * tone))
        panels.append(panel((x - across[0] / 2, y - across[1] / 2, 0.42), along, across, leaf, shape=Shape.ELLIPSE))
    return panels


def window(
    x: tuple[float, float],
    y: float,
    z: tuple[float, float],
    *,
    bars: int = 2,
    crossbar: bool = True,
    frame: Colour = (0.86, 0.84, 0.80),
    seed: int = 3,
) -> list[Panel]:
    """A window in a wall across the view, with its frame and glazing bars."""
    panels = [
        panel(
            (x[0], y - 0.01, z[0]),
            (x[1] - x[0], 0, 0),
            (0, 0, z[1] - z[0]),
            outside(horizon_metres=0.9 - z[0] + 0.3, seed=seed),
            glows=True,
            open_air=True,
        )
    ]
    paint = plain(frame)
    for number in range(bars + 1):
        middle = x[0] + (x[1] - x[0]) * number / bars
        panels += box((middle - 0.035, middle + 0.035), (y - 0.07, y - 0.01), z, paint)
    rails = [z[0], z[1], (z[0] + z[1] * 2) / 3] if crossbar else [z[0], z[1]]
    for middle in rails:
        panels += box((x[0] - 0.035, x[1] + 0.035), (y - 0.07, y - 0.01), (middle - 0.035, middle + 0.035), paint)
    return panels


def ceiling_light(x: tuple[float, float], y: tuple[float, float], z: float) -> Panel:
    return panel((x[0], y[0], z - 0.01), (x[1] - x[0], 0, 0), (0, y[1] - y[0], 0), plain((0.99, 0.965, 0.90)), glows=True)


def monitor(x: float, y: float, table_height: float, *, turned_away: bool) -> list[Panel]:
    """A screen on a foot; seen from behind when `turned_away`."""
    z = table_height + 0.14
    panels = box((x - 0.29, x + 0.29), (y - 0.02, y + 0.02), (z, z + 0.36), plain(STEEL))
    panels += box((x - 0.03, x + 0.03), (y - 0.03, y + 0.03), (table_height, z), plain(STEEL))
    panels += box((x - 0.13, x + 0.13), (y - 0.09, y + 0.09), (table_height, table_height + 0.02), plain(STEEL))
    if not turned_away:
        panels.append(panel((x - 0.27, y - 0.026, z + 0.03), (0.54, 0, 0), (0, 0, 0.31), plain((0.55, 0.66, 0.68)), glows=True))
    return panels


def stack_of_books(x: float, y: float, z: float, palette: tuple[Colour, ...], *, count: int = 4, seed: int = 2) -> list[Panel]:
    draw = np.random.default_rng(seed)
    panels: list[Panel] = []
    for number in range(count):
        shift = draw.uniform(-0.025, 0.025)
        level = z + 0.04 * number
        colour = plain(palette[int(draw.integers(0, len(palette)))])
        panels += box((x - 0.12 + shift, x + 0.12 + shift), (y - 0.085, y + 0.085), (level, level + 0.036), colour)
    return panels
