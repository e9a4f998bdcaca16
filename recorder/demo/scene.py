"""A demo camera's picture at any millisecond of its minute: the room, who walks in it, the burnt-in clock, name and code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recorder.demo import timecode
from recorder.demo.figures import Bytes, Canvas, Walker, distance, draw_figure, stands
from recorder.demo.lettering import lettered, width_of
from recorder.demo.raster import Plane, View, render
from recorder.demo.rooms import ROOMS, Room

SCENES = tuple(ROOMS)
"""Names of the scenes, in order."""

_LABEL_COLUMNS = timecode.CELLS + 2
_LABEL_ROWS = 6
"""The dark label, in cells of the code: the code with a cell around it, and the clock and name below."""
_CLOCK_CELLS = 2.2
"""Height of the clock's figures in cells."""
_NAME_CELLS = 1.1
_LABEL_LUMA = 22
_LABEL_CLEARNESS = 0.16
"""How much of the room shows through the label."""
_INK_LUMA = 226


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture, 4:2:0, BT.709, limited range: luma (height×width) and chroma (2×half height×half width; blue, then red)."""

    luma: Bytes
    chroma: Bytes

    def copy(self) -> Planes:
        return Planes(self.luma.copy(), self.chroma.copy())


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The part of a scene that does not move, with the inverse depth of its pixels."""

    planes: Planes
    inverse_depth: Plane


class Scene:
    """Draws the frames of the scene with that name at one size."""

    def __init__(self, name: str, *, width: int, height: int) -> None:
        room = ROOMS[name]()
        self._view = room.view
        self._walkers = room.walkers
        self._empty = _backdrop(room, width, height)
        self._standing: tuple[Walker, ...] = ()
        self._backdrop = self._empty
        self._label = _Label(self._empty.planes, name)

    def frame(self, milliseconds: int) -> Planes:
        """Return the picture `milliseconds` after the full minute."""
        second = milliseconds / 1000
        self._stand_still(tuple(walker for walker in self._walkers if stands(walker, second)), second)
        planes = self._backdrop.planes.copy()
        canvas = Canvas(planes.luma, planes.chroma, self._backdrop.inverse_depth)
        moving = (walker for walker in self._walkers if walker not in self._standing)
        for walker in _far_to_near(self._view, moving, second):
            draw_figure(canvas, self._view, walker, second)
        self._label.burn(planes, milliseconds)
        return planes

    def _stand_still(self, standing: tuple[Walker, ...], second: float) -> None:
        """Make those who stand part of the backdrop: they are drawn again only when one of them leaves."""
        if standing == self._standing:
            return
        planes, depth = self._empty.planes.copy(), self._empty.inverse_depth.copy()
        canvas = Canvas(planes.luma, planes.chroma, depth, keeps_depth=True)
        for walker in _far_to_near(self._view, standing, second):
            draw_figure(canvas, self._view, walker, second)
        self._standing, self._backdrop = standing, Backdrop(planes, depth)


class _Label:
    """The dark label in the corner: the code, and the clock and the camera's name below it. Nobody walks over it."""

    def __init__(self, backdrop: Planes, name: str) -> None:
        height, width = backdrop.luma.shape
        self._box = top, bottom, left, right = _label_box(width, height)
        cell_x, cell_y = width / timecode.COLUMNS, height / timecode.ROWS
        clock = {letter: lettered(letter, _CLOCK_CELLS * cell_y, weight=0.15) for letter in "0123456789:."}
        self._letters = clock
        self._clock_at = round((timecode.TOP_CELLS + 1.5) * cell_y) - top, round((timecode.LEFT_CELLS - 0.15) * cell_x) - left
        ground = backdrop.luma[top:bottom, left:right]
        self._luma = np.asarray(_LABEL_LUMA + (ground.astype(np.float32) - 16) * _LABEL_CLEARNESS, np.float32)
        tinted = backdrop.chroma[:, top // 2 : bottom // 2, left // 2 : right // 2].astype(np.float32)
        self._chroma = _bytes(128 + (tinted - 128) * _LABEL_CLEARNESS)
        name_left = self._clock_at[1] + sum(clock[letter].shape[1] for letter in clock_text(0)) + round(0.7 * cell_x)
        self._write_name(name, self._clock_at[0] + clock["0"].shape[0], name_left, right - left - round(0.5 * cell_x), cell_y)

    def burn(self, planes: Planes, milliseconds: int) -> None:
        top, bottom, left, right = self._box
        area = planes.luma[top:bottom, left:right]
        area[...] = self._luma
        planes.chroma[:, top // 2 : bottom // 2, left // 2 : right // 2] = self._chroma
        timecode.draw(planes.luma, milliseconds)
        row, column = self._clock_at
        for letter in clock_text(milliseconds):
            cover = self._letters[letter]
            _ink(area[row : row + cover.shape[0], column : column + cover.shape[1]], cover)
            column += cover.shape[1]

    def _write_name(self, name: str, bottom: int, left: int, right: int, cell: float) -> None:
        size = min(_NAME_CELLS * cell, (right - left) / width_of(name, 1.0) * 0.97)
        letters = lettered(name, size, weight=0.13)[:, : max(0, right - left)]
        top = bottom - letters.shape[0] - round(0.1 * cell)
        _ink(self._luma[top : top + letters.shape[0], left : left + letters.shape[1]], letters)


def clock_text(milliseconds: int) -> str:
    """Return what the burnt-in clock shows, e.g. ":42.360"; the hour and minute are not in a picture that repeats each minute."""
    return f":{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"


def planes_of(colours: Plane) -> Planes:
    """Convert colours (0 to 1) to planes, with a little noise against banding."""
    shown = np.clip(colours, 0, 1)
    luma = shown @ np.array((0.2126, 0.7152, 0.0722), np.float32)
    chroma = np.stack(((shown[:, :, 2] - luma) / 1.8556, (shown[:, :, 0] - luma) / 1.5748))
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, luma.shape).astype(np.float32)
    halved = (chroma[:, ::2, ::2] + chroma[:, 1::2, ::2] + chroma[:, ::2, 1::2] + chroma[:, 1::2, 1::2]) / 4
    return Planes(_bytes(16 + 219 * luma + noise), _bytes(128 + 224 * halved))


def _backdrop(room: Room, width: int, height: int) -> Backdrop:
    picture = render(room.view, room.panels, room.light, width=width, height=height)
    return Backdrop(planes_of(picture.colours * _vignette(width, height)), picture.inverse_depth)


def _far_to_near(view: View, walkers: Iterable[Walker], second: float) -> list[Walker]:
    return sorted(walkers, key=lambda each: -distance(view, each, second))


def _vignette(width: int, height: int) -> Plane:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return (1.04 - 0.13 * (x * x + y * y))[:, :, None]


def _label_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Rows from and to, columns from and to; even, so that the chroma planes fit."""
    top, left = timecode.TOP_CELLS - 1, timecode.LEFT_CELLS - 1
    first_row, last_row = (round(cell * height / timecode.ROWS) & ~1 for cell in (top, top + _LABEL_ROWS))
    first_column, last_column = (round(cell * width / timecode.COLUMNS) & ~1 for cell in (left, left + _LABEL_COLUMNS))
    return first_row, last_row, first_column, last_column


def _ink(area: npt.NDArray[np.uint8] | Plane, cover: Plane) -> None:
    area[...] = area + (_INK_LUMA - area.astype(np.float32)) * cover


def _bytes(values: Plane) -> Bytes:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)
