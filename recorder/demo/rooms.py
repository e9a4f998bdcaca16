"""The four rooms of the demo library: what stands in them, how they are lit, where the camera hangs and who walks there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recorder.demo import people
from recorder.demo.figures import Walker
from recorder.demo.furniture import (
    DARK_OAK,
    OAK,
    STEEL,
    Shelving,
    bookcase,
    box,
    ceiling_light,
    chair,
    disc,
    drum,
    monitor,
    panel,
    plant,
    reading_lamp,
    stack_of_books,
    table,
    window,
)
from recorder.demo.paints import BOOKS, PICTURE_BOOKS, carpet, plain, rgb, rings, sign, tiles, wall, wood
from recorder.demo.raster import Light, Paint, Panel, Shape, Sun, View

_CREAM = rgb("e6dcc9")
_WHITE = rgb("f1ece1")

_OAK = Shelving(row_metres=0.39)
_DARK = Shelving(frame=DARK_OAK)
_DARK_TALL = Shelving(frame=DARK_OAK, row_metres=0.39)
_TRUCK = Shelving(frame=rgb("7a7f80"))
_PICTURE_BOOKS = Shelving(PICTURE_BOOKS, row_metres=0.40)


@dataclass(frozen=True, slots=True)
class Room:
    view: View
    light: Light
    panels: tuple[Panel, ...]
    walkers: tuple[Walker, ...]


def entrance() -> Room:
    """Glass doors seen from inside, a welcome desk, a book drop and the gates."""
    doors = tuple((x, x + 1.38, 0.05, 2.75) for x in (-2.9, -1.45, 0.0, 1.45))
    sun = Sun(11.0, doors, (-0.34, 0.72, 0.60), 0.30)
    light = Light(0.70, ((-2.5, 3.5, 3.2, 0.55), (2.5, 3.5, 3.2, 0.55), (0, 8, 3.2, 0.5)), sun)
    panels = _shell(light, (-6, 6), (-1.5, 11), 3.4, tiles(rgb("b9ab98"), rgb("8f8373")), _CREAM)
    panels += [ceiling_light((x, x + 1.2), (y, y + 0.3), 3.4) for x in (-3.1, 1.9) for y in (4.5, 8)]
    for number in range(4):
        left = -2.9 + 1.45 * number
        panels += window((left, left + 1.38), 11, (0.05, 2.75), bars=1, crossbar=False, frame=rgb("4a4844"), seed=7 + number)
    panels += window((-2.9, 2.83), 11, (2.8, 3.25), bars=4, crossbar=False, frame=rgb("4a4844"), seed=2)
    panels.append(panel((-2.2, 7.9, 0.006), (4.4, 0, 0), (0, 2.7, 0), carpet(rgb("4f4a45"), square_metres=0.3)))
    light.cast(-2.2, 2.2, 7.9, 10.6, 0.12)
    panels += _welcome_desk(light) + _gates(light) + _book_drop(light)
    panels += bookcase(light, (-6.0, -5.65), (6.6, 10.4), 1.95, seed=81, shelving=_OAK) + _display(light, -1.9, 3.1)
    panels += plant(light, -3.6, 10.3, 1.9) + plant(light, 3.6, 10.3, 1.7, seed=9)
    panels += _poster((5.98, 5.2, 1.2), "READ", rgb("7d3b2c")) + _poster((5.98, 7.4, 1.2), "LISTEN", rgb("2f5a60"))
    panels += box((4.4, 5.6), (8.4, 8.9), (0.40, 0.46), wood(OAK)) + box((4.5, 5.5), (8.5, 8.8), (0, 0.40), plain(STEEL))
    light.cast(4.4, 5.6, 8.4, 8.9, 0.45)
    light.soften(0.22)
    return Room(
        View(eye=(0.5, -1.0, 3.15), target=(0.0, 6.2, 0.75), field_degrees=80),
        light,
        tuple(panels),
        people.ENTRANCE,
    )


def returns_desk() -> Room:
    """A long counter with screens, shelves behind it, a book truck and the queue in front."""
    light = Light(0.70, ((-3, 3, 3.2, 0.6), (3, 3, 3.2, 0.6), (0, 6.5, 3.2, 0.7)))
    panels = _shell(light, (-5.5, 5.5), (-1.5, 8.6), 3.4, carpet(rgb("8d8172")), rgb("d9cdb8"))
    panels += [ceiling_light((x, x + 1.4), (6.2, 6.5), 3.4) for x in (-3.6, -0.7, 2.2)]
    panels += bookcase(light, (-5.2, -0.6), (8.2, 8.58), 2.35, seed=11, shelving=_DARK_TALL)
    panels += bookcase(light, (2.9, 5.2), (8.2, 8.58), 2.35, seed=14, shelving=_DARK_TALL)
    panels.append(
        panel(
            (-0.25, 8.55, 1.75),
            (2.8, 0, 0),
            (0, 0, 0.62),
            sign("Returns", width_metres=2.8, height_metres=0.62, ink=_WHITE, ground=rgb("29504c")),
        )
    )
    panels += box((-0.1, 2.4), (8.1, 8.58), (0, 0.95), plain(DARK_OAK), wood(OAK))
    panels += (
        stack_of_books(0.4, 8.3, 0.95, BOOKS)
        + stack_of_books(1.1, 8.3, 0.95, BOOKS, count=6, seed=8)
        + stack_of_books(1.9, 8.3, 0.95, BOOKS, count=3, seed=3)
    )
    panels += _counter(light)
    panels += _truck(light, 4.35, 3.6) + plant(light, -4.9, 2.5, 1.6, seed=12)
    panels += [panel((x, 2.55, 0.005), (0.9, 0, 0), (0, 0.07, 0), plain(rgb("d9b75f"))) for x in (-2.7, 0.4)]
    light.soften(0.2)
    return Room(
        View(eye=(-0.3, -1.1, 3.2), target=(0.1, 5.0, 0.85), field_degrees=78),
        light,
        tuple(panels),
        people.RETURNS_DESK,
    )


def childrens_room() -> Room:
    """A round rug, low cases of picture books, small tables, a mural and bunting."""
    openings = ((-1.75, 1.75, 1.15, 2.75),)
    sun = Sun(8.6, openings, (0.42, 0.70, 0.62), 0.26)
    light = Light(0.72, ((-2.8, 2.5, 3.0, 0.55), (2.8, 2.5, 3.0, 0.55), (0, 6.5, 3.0, 0.5)), sun)
    panels = _shell(light, (-5.5, 5.5), (-1.5, 8.6), 3.2, wood(rgb("b98e60"), plank_metres=0.14, contrast=0.07), rgb("efe2c6"))
    panels += window((-1.75, 1.75), 8.6, openings[0][2:], bars=3, seed=21)
    panels += _mural()
    panels += bookcase(light, (-5.2, -2.2), (8.15, 8.5), 1.25, seed=21, shelving=_PICTURE_BOOKS) + bookcase(
        light, (2.2, 5.2), (8.15, 8.5), 1.25, seed=25, shelving=_PICTURE_BOOKS
    )
    panels += bookcase(light, (-5.48, -5.1), (2.4, 7.4), 1.25, seed=31, shelving=_PICTURE_BOOKS) + bookcase(
        light, (5.1, 5.48), (2.4, 7.4), 1.25, seed=35, shelving=_PICTURE_BOOKS
    )
    rug = rings(
        (
            rgb("3f6f73"),
            rgb("3f6f73"),
            rgb("e4d3ac"),
            rgb("c9794f"),
            rgb("c9794f"),
            rgb("e4d3ac"),
            rgb("d9a94c"),
            rgb("d9a94c"),
            rgb("d9a94c"),
        ),
        size_metres=4.6,
    )
    panels.append(disc(0.0, 4.7, 2.3, 0.008, rug))
    light.cast(-1.9, 1.9, 2.9, 6.5, 0.05)
    panels += _small_table(light, -3.2, 2.9, rgb("e2c48f")) + _small_table(light, 3.3, 3.1, rgb("e2c48f"))
    for x, y, colour in ((-1.7, 6.7, "b8533c"), (1.6, 6.9, "3c6d86"), (2.5, 5.6, "d8a43f"), (-2.6, 5.4, "6d8b58")):
        light.cast(x - 0.3, x + 0.3, y - 0.3, y + 0.3, 0.45)
        soft = rgb(colour)
        panels += drum(x, y, 0.34, (0, 0.32), plain(soft), plain((soft[0] * 1.12, soft[1] * 1.12, soft[2] * 1.12)))
    panels += (
        _bunting()
        + stack_of_books(-0.4, 4.2, 0.01, PICTURE_BOOKS, count=3)
        + stack_of_books(0.7, 5.3, 0.01, PICTURE_BOOKS, count=2, seed=6)
    )
    light.soften(0.2)
    return Room(
        View(eye=(0.2, -1.1, 3.0), target=(0.0, 4.8, 0.55), field_degrees=80),
        light,
        tuple(panels),
        people.CHILDRENS_ROOM,
    )


def reading_room() -> Room:
    """Tall windows, tables with green lamps, and the stacks on the right."""
    openings = tuple((x, x + 1.15, 0.95, 2.95) for x in (-5.3, -3.65, -2.0, -0.35, 1.3))
    sun = Sun(9.6, openings, (-0.30, 0.70, 0.62), 0.34)
    light = Light(0.70, ((-3, 3.5, 3.3, 0.55), (2.5, 3.0, 3.3, 0.5), (-1.5, 7.5, 3.3, 0.45)), sun)
    panels = _shell(light, (-6.2, 6.6), (-1.5, 9.6), 3.5, wood(rgb("a87f58"), plank_metres=0.15, contrast=0.08), rgb("d8ccb6"))
    panels += [face for number, (x0, x1, z0, z1) in enumerate(openings) for face in window((x0, x1), 9.6, (z0, z1), seed=40 + number)]
    for number in range(3):
        left = 3.1 + 1.32 * number
        panels += bookcase(light, (left, left + 0.52), (3.4, 8.4), 2.15, seed=60 + number, shelving=_DARK)
    panels += bookcase(light, (-6.18, -5.8), (1.5, 8.2), 2.15, seed=71, shelving=_DARK)
    for x in (-4.3, -0.6):
        for y in (2.6, 4.9, 7.2):
            panels += _reading_table(light, x, y)
    panels += (
        stack_of_books(-3.6, 2.85, 0.74, BOOKS)
        + stack_of_books(0.5, 5.2, 0.74, BOOKS, count=3, seed=4)
        + plant(light, 2.35, 9.1, 1.7, seed=44)
    )
    light.soften(0.2)
    return Room(
        View(eye=(-1.4, -1.1, 3.25), target=(0.05, 5.0, 0.75), field_degrees=80),
        light,
        tuple(panels),
        people.READING_ROOM,
    )


ROOMS: Mapping[str, Callable[[], Room]] = {
    "Main entrance": entrance,
    "Returns desk": returns_desk,
    "Children's room": childrens_room,
    "Reading room": reading_room,
}
"""By the name of the camera that looks into it."""


def _shell(
    light: Light, x: tuple[float, float], y: tuple[float, float], height: float, floor: Paint, plaster: tuple[float, float, float]
) -> list[Panel]:
    (x0, x1), (y0, y1) = x, y
    for edges in ((x0 - 0.3, x0, y0, y1), (x1, x1 + 0.3, y0, y1), (x0, x1, y1, y1 + 0.3)):
        light.cast(*edges, 0.5)
    paint = wall(plaster, skirting=(plaster[0] * 0.66, plaster[1] * 0.62, plaster[2] * 0.56))
    return [
        panel((x0, y0, 0), (x1 - x0, 0, 0), (0, y1 - y0, 0), floor),
        panel((x0, y1, 0), (x1 - x0, 0, 0), (0, 0, height), paint),
        panel((x0, y0, 0), (0, y1 - y0, 0), (0, 0, height), paint),
        panel((x1, y0, 0), (0, y1 - y0, 0), (0, 0, height), paint),
        panel((x0, y0, height), (x1 - x0, 0, 0), (0, y1 - y0, 0), plain(rgb("e3dccd"))),
    ]


def _welcome_desk(light: Light) -> list[Panel]:
    light.cast(-5.6, -3.2, 5.0, 5.6, 0.5)
    panels = box((-5.6, -3.3), (5.1, 5.5), (0, 1.05), wood(rgb("8a6240"), plank_metres=0.35)) + box(
        (-5.7, -3.2), (5.0, 5.6), (1.05, 1.11), plain(OAK), wood(OAK)
    )
    panels.append(
        panel(
            (-5.3, 5.09, 0.32),
            (1.7, 0, 0),
            (0, 0, 0.4),
            sign("Welcome", width_metres=1.7, height_metres=0.4, ink=_WHITE, ground=rgb("29504c")),
        )
    )
    return panels + monitor(-4.0, 5.3, 1.11, turned_away=True) + stack_of_books(-5.0, 5.3, 1.11, BOOKS)


def _gates(light: Light) -> list[Panel]:
    panels: list[Panel] = []
    for x in (-1.15, 0.35, 1.85):
        light.cast(x - 0.06, x + 0.06, 6.6, 7.4, 0.4)
        panels += box((x - 0.05, x + 0.05), (6.6, 7.4), (0, 1.35), plain(rgb("cfc9bd")), plain(rgb("e3ded4"))) + box(
            (x - 0.055, x + 0.055), (6.72, 7.28), (0.25, 1.22), plain(rgb("9fb0ae"))
        )
    return panels


def _book_drop(light: Light) -> list[Panel]:
    light.cast(3.3, 4.2, 6.3, 7.0, 0.5)
    panels = box((3.3, 4.2), (6.3, 7.0), (0, 1.25), plain(rgb("3d5b58")), plain(rgb("48706b")))
    panels.append(panel((3.42, 6.29, 0.88), (0.66, 0, 0), (0, 0, 0.12), plain(rgb("191a19"))))
    return [
        *panels,
        panel(
            (3.37, 6.29, 0.5),
            (0.76, 0, 0),
            (0, 0, 0.22),
            sign("Book drop", width_metres=0.76, height_metres=0.22, ink=_WHITE, ground=rgb("2c4744")),
        ),
    ]


def _display(light: Light, x: float, y: float) -> list[Panel]:
    """A round table with new books."""
    light.cast(x - 0.6, x + 0.6, y - 0.6, y + 0.6, 0.42)
    panels = drum(x, y, 0.12, (0, 0.7), plain(rgb("6f5038"))) + drum(
        x, y, 0.75, (0.70, 0.76), plain(rgb("9a7048")), wood(OAK, plank_metres=0.25)
    )
    for dx, dy, seed in ((-0.35, 0.2, 3), (0.1, 0.4, 5), (0.4, 0.0, 7), (-0.05, -0.35, 9), (-0.4, -0.25, 15)):
        panels += stack_of_books(x + dx, y + dy, 0.76, BOOKS if seed % 4 == 1 else PICTURE_BOOKS, count=1 + seed % 4, seed=seed)
    return panels


def _poster(at: tuple[float, float, float], text: str, ground: tuple[float, float, float]) -> list[Panel]:
    x, y, z = at
    frame = panel((x, y + 1.3, z - 0.05), (0, -1.3, 0), (0, 0, 1.3), plain(rgb("57493c")))
    return [
        frame,
        panel(
            (x - 0.01, y + 1.25, z), (0, -1.2, 0), (0, 0, 1.2), sign(text, width_metres=1.2, height_metres=1.2, ink=_CREAM, ground=ground)
        ),
    ]


def _counter(light: Light) -> list[Panel]:
    light.cast(-4.1, 3.3, 4.3, 5.3, 0.5)
    panels = box((-4.0, 3.2), (4.45, 5.2), (0, 1.0), wood(rgb("8f653f"), plank_metres=1.0 / 3), wood(OAK)) + box(
        (-4.1, 3.3), (4.3, 5.3), (1.0, 1.07), plain(rgb("a87848")), wood(rgb("b98a58"), plank_metres=0.25)
    )
    for x in (-2.9, 0.6):
        panels += monitor(x, 4.95, 1.07, turned_away=True)
    panels += (
        stack_of_books(-0.9, 4.75, 1.07, BOOKS, count=5, seed=7)
        + stack_of_books(2.5, 4.8, 1.07, BOOKS, count=4, seed=17)
        + stack_of_books(-1.25, 4.85, 1.07, BOOKS, count=2, seed=27)
    )
    return [*panels, disc(-3.6, 4.7, 0.06, 1.075, plain(rgb("c9a24e")))]


def _truck(light: Light, x: float, y: float) -> list[Panel]:
    light.cast(x - 0.5, x + 0.5, y - 0.3, y + 0.3, 0.4)
    panels = bookcase(light, (x - 0.5, x + 0.5), (y - 0.24, y + 0.24), 1.08, seed=91, shelving=_TRUCK)
    return panels + stack_of_books(x - 0.2, y, 1.08, BOOKS, count=3, seed=31)


def _small_table(light: Light, x: float, y: float, colour: tuple[float, float, float]) -> list[Panel]:
    light.cast(x - 0.55, x + 0.55, y - 0.55, y + 0.55, 0.4)
    panels = drum(x, y, 0.06, (0, 0.5), plain(rgb("8a7256"))) + drum(x, y, 0.62, (0.50, 0.54), plain(rgb("b6935f")), plain(colour))
    for dx, dy, seat in ((-0.72, 0.5, "b8533c"), (0.78, 0.35, "3c6d86"), (0.0, -0.85, "d8a43f")):
        light.cast(x + dx - 0.17, x + dx + 0.17, y + dy - 0.17, y + dy + 0.17, 0.4)
        panels += drum(x + dx, y + dy, 0.18, (0, 0.30), plain(rgb("a98a62")), plain(rgb(seat)))
    return panels + stack_of_books(x - 0.15, y + 0.1, 0.54, PICTURE_BOOKS, count=2, seed=13)


def _mural() -> list[Panel]:
    """Hills and a sun along the far wall, on both sides of the window."""
    panels: list[Panel] = []
    hills = (
        (-5.4, 8.57, 2.8, 1.6, "a9bd92"),
        (-4.2, 8.58, 2.4, 1.25, "86a58e"),
        (1.8, 8.58, 2.6, 1.35, "86a58e"),
        (2.9, 8.57, 2.6, 1.75, "a9bd92"),
    )
    for x, y, width, height, colour in hills:
        panels.append(panel((x, y, 1.25 - height / 2), (width, 0, 0), (0, 0, height), plain(rgb(colour)), shape=Shape.ELLIPSE))
    return [*panels, panel((3.6, 8.59, 2.05), (0.8, 0, 0), (0, 0, 0.8), plain(rgb("e9bd62")), shape=Shape.ELLIPSE)]


def _bunting() -> list[Panel]:
    colours = ("b8533c", "d8a43f", "3c6d86", "6d8b58", "c9794f")
    panels: list[Panel] = []
    for number in range(17):
        x = -4.8 + 0.6 * number
        z = 2.92 - 0.16 * (1 - (x / 4.8) ** 2)
        panels.append(
            panel((x, 8.5, z - 0.34), (0.34, 0, 0), (0, 0, 0.34), plain(rgb(colours[number % len(colours)])), shape=Shape.PENNANT)
        )
    return panels


def _reading_table(light: Light, x: float, y: float) -> list[Panel]:
    panels = table(light, (x - 0.2, x + 1.9), (y - 0.45, y + 0.45), colour=rgb("9c6b41"))
    panels += reading_lamp(x + 0.85, y, 0.74)
    for seat in (x + 0.35, x + 1.35):
        panels += chair(light, seat, y - 0.72, back_towards_y=-1) + chair(light, seat, y + 0.72, back_towards_y=1)
    return panels
