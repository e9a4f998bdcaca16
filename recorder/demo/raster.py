"""A small software renderer: flat parallelograms in space become a picture with its depth.

World axes are metres: x to the right, y away from the camera's wall, z up from the floor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.floating]
"""Any array of numbers, single-precision where speed matters: coordinates, colours from 0 to 1, masks."""

Paint = Callable[[Plane, Plane], Plane]
"""Colours (n×3) of n points, given their distances in metres along both edges of a face."""

SUPERSAMPLING = 2
_NEAR_METRES = 0.05
_FAR_METRES = 40
_SHADOW_CELL_METRES = 0.05
_WARMTH = np.array((1.05, 1.0, 0.93), np.float32)
"""Colour of the rooms' light."""


class View:
    """A pinhole camera, and the way from space to its picture."""

    def __init__(self, *, eye: Sequence[float], target: Sequence[float], field_degrees: float) -> None:
        self.eye = np.array(eye, np.float32)
        forward = _unit(np.array(target, np.float32) - self.eye)
        right = _unit(np.cross(forward, np.array((0, 0, 1), np.float32)))
        self.axes = np.stack((right, np.cross(forward, right), forward)).astype(np.float32)
        self._focal = 0.5 / math.tan(math.radians(field_degrees) / 2)

    def focal_pixels(self, width: int) -> float:
        return self._focal * width

    def project(self, points: Plane, *, width: int, height: int) -> tuple[Plane, Plane]:
        """Return pixel positions (n×2) and inverse depths (n) of points (n×3); behind the camera the inverse depth is not positive."""
        seen = (points - self.eye) @ self.axes.T
        inverse = np.where(np.abs(seen[:, 2]) < 1e-6, 1e6, 1 / np.where(seen[:, 2] == 0, 1, seen[:, 2]))
        centre = np.array((width / 2, height / 2), np.float32)
        pixels = seen[:, :2] * (self.focal_pixels(width) * inverse)[:, None] + centre
        return pixels.astype(np.float32), inverse.astype(np.float32)


class Shape(Enum):
    """What is kept of a parallelogram."""

    WHOLE = auto()
    ELLIPSE = auto()
    PENNANT = auto()
    """The triangle that stands on the middle of the first edge and is as wide as the opposite one."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A parallelogram: a corner and its two edges, or the shape cut out of it; `glows` leaves it out of the light."""

    origin: Plane
    edge_a: Plane
    edge_b: Plane
    paint: Paint
    shape: Shape = Shape.WHOLE
    glows: bool = False
    open_air: bool = False
    """Far behind its frame: who walks beyond it is seen in front of it."""

    @property
    def centre(self) -> Plane:
        return self.origin + (self.edge_a + self.edge_b) / 2


@dataclass(frozen=True, slots=True)
class Sun:
    """Daylight falling through openings of the wall y = `wall_y`: each opening is (x from, x to, z from, z to)."""

    wall_y: float
    openings: tuple[tuple[float, float, float, float], ...]
    towards: tuple[float, float, float]
    strength: float


@dataclass(slots=True)
class Light:
    """What makes a face brighter or darker: the room's own light, lamps, sun, and soft shadows on the floor."""

    ambient: float
    lamps: tuple[tuple[float, float, float, float], ...]
    """(x, y, z, strength)."""
    sun: Sun | None = None
    bounds: tuple[float, float, float, float] = (-8, 8, -2, 14)
    _shadows: Plane = field(init=False)

    def __post_init__(self) -> None:
        left, right, near, far = self.bounds
        self._shadows = np.zeros((round((far - near) / _SHADOW_CELL_METRES), round((right - left) / _SHADOW_CELL_METRES)), np.float32)

    def cast(self, x0: float, x1: float, y0: float, y1: float, depth: float) -> None:
        """Darken the floor below a thing that stands on x0…x1, y0…y1."""
        rows, columns = self._cell(np.array((y0, y1), np.float32), np.array((x0, x1), np.float32))
        area = self._shadows[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
        np.maximum(area, depth, out=area)

    def soften(self, metres: float) -> None:
        """Blur all shadows cast so far."""
        reach = max(1, round(metres / _SHADOW_CELL_METRES))
        for _ in range(3):
            self._shadows = _box_blur(_box_blur(self._shadows, reach).T, reach).T

    def shade(self, points: Plane, normal: Plane) -> Plane:
        """Return the brightness (n) of points (n×3) on a face that looks along `normal`."""
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        total = np.full(len(points), self.ambient * (0.92 + 0.08 * float(normal[2])), np.float32)
        for lamp_x, lamp_y, lamp_z, strength in self.lamps:
            dx, dy, dz = lamp_x - x, lamp_y - y, lamp_z - z
            square = dx * dx + dy * dy + dz * dz + 0.6
            facing = (dx * float(normal[0]) + dy * float(normal[1]) + dz * float(normal[2])) / np.sqrt(square)
            total += strength * np.maximum(facing * 0.8 + 0.2, 0) / (1 + 0.16 * square)
        if self.sun is not None and float(normal[2]) > 0.5:
            total += _sunlight(self.sun, x, y, z)
        total *= 1 - 0.28 * np.exp(z * -3.2) if abs(float(normal[2])) < 0.5 else self._shadow_at(x, y, z)
        return total

    def _shadow_at(self, x: Plane, y: Plane, z: Plane) -> Plane:
        rows, columns = self._cell(y, x)
        return np.where(z < 0.1, 1 - self._shadows[rows, columns], 1).astype(np.float32)

    def _cell(self, y: Plane, x: Plane) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        left, _, near, _ = self.bounds
        height, width = self._shadows.shape
        rows = np.clip((y - near) / _SHADOW_CELL_METRES, 0, height - 1).astype(np.intp)
        return rows, np.clip((x - left) / _SHADOW_CELL_METRES, 0, width - 1).astype(np.intp)


@dataclass(frozen=True, slots=True)
class Picture:
    """Colours (height×width×3, 0 to 1) and the inverse depth of each pixel (height×width, 1/metres)."""

    colours: Plane
    inverse_depth: Plane


def render(view: View, panels: Sequence[Panel], light: Light, *, width: int, height: int) -> Picture:
    """Draw the panels, nearest first, with a depth buffer and anti-aliasing."""
    fine = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    colours, depth, far = np.zeros((*fine, 3), np.float32), np.zeros(fine, np.float32), np.zeros(fine, bool)
    for panel in sorted(panels, key=lambda each: float(np.linalg.norm(each.centre - view.eye))):
        _draw(view, panel, light, colours, depth, far)
    depth[far] = 1 / _FAR_METRES
    return Picture(_shrink(colours), np.ascontiguousarray(depth[::SUPERSAMPLING, ::SUPERSAMPLING]))


def _draw(view: View, panel: Panel, light: Light, colours: Plane, depth: Plane, far: npt.NDArray[np.bool_]) -> None:
    height, width = depth.shape
    matrix = (np.stack((panel.edge_a, panel.edge_b, panel.origin - view.eye)) @ view.axes.T).T.astype(np.float64)
    if abs(np.linalg.det(matrix)) < 1e-9:
        return
    to_face = np.linalg.inv(matrix).astype(np.float32)
    top, bottom, left, right = _bounds(view, panel, width, height)
    if top >= bottom or left >= right:
        return
    focal = view.focal_pixels(width)
    ray_x = ((np.arange(left, right, dtype=np.float32) + 0.5 - width / 2) / focal)[None, :]
    ray_y = ((np.arange(top, bottom, dtype=np.float32) + 0.5 - height / 2) / focal)[:, None]
    along_a, along_b, inverse = (row[0] * ray_x + (row[1] * ray_y + row[2]) for row in to_face)
    area = depth[top:bottom, left:right]
    seen = (inverse > area) & (along_a >= 0) & (along_b >= 0) & (along_a <= inverse) & (along_b <= inverse)
    if panel.shape is Shape.ELLIPSE:
        seen &= np.square(2 * along_a - inverse) + np.square(2 * along_b - inverse) <= np.square(inverse)
    elif panel.shape is Shape.PENNANT:
        seen &= np.abs(2 * along_a - inverse) <= along_b
    if not seen.any():
        return
    near = inverse[seen]
    area[seen] = near
    far[top:bottom, left:right][seen] = panel.open_air
    colours[top:bottom, left:right][seen] = _colours(view, panel, light, along_a[seen] / near, along_b[seen] / near)


def _colours(view: View, panel: Panel, light: Light, a: Plane, b: Plane) -> Plane:
    painted = panel.paint(a * float(np.linalg.norm(panel.edge_a)), b * float(np.linalg.norm(panel.edge_b)))
    if panel.glows:
        return painted
    normal = _unit(np.cross(panel.edge_a, panel.edge_b))
    if float(normal @ (view.eye - panel.centre)) < 0:
        normal = -normal
    points = panel.origin + a[:, None] * panel.edge_a + b[:, None] * panel.edge_b
    return painted * light.shade(points, normal)[:, None] * _WARMTH


def _bounds(view: View, panel: Panel, width: int, height: int) -> tuple[int, int, int, int]:
    corners = panel.origin + np.stack((0 * panel.edge_a, panel.edge_a, panel.edge_b, panel.edge_a + panel.edge_b))
    pixels, inverse = view.project(corners, width=width, height=height)
    if (inverse <= 0).any() or (inverse > 1 / _NEAR_METRES).any():
        return 0, height, 0, width
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    return max(0, int(low[1])), min(height, int(high[1]) + 1), max(0, int(low[0])), min(width, int(high[0]) + 1)


def _sunlight(sun: Sun, x: Plane, y: Plane, z: Plane) -> Plane:
    towards_x, towards_y, towards_z = sun.towards
    reach = (sun.wall_y - y) / towards_y
    wall_x, wall_z = x + reach * towards_x, z + reach * towards_z
    lit = np.zeros_like(x)
    for x0, x1, z0, z1 in sun.openings:
        lit += _ramp(wall_x - x0) * _ramp(x1 - wall_x) * _ramp(wall_z - z0) * _ramp(z1 - wall_z)
    return sun.strength * lit / (1 + 0.06 * reach)


def _ramp(distance: Plane) -> Plane:
    return np.asarray(np.clip(distance * 9 + 0.5, 0, 1), np.float32)


def _box_blur(values: Plane, reach: int) -> Plane:
    padded = np.pad(values, ((reach + 1, reach), (0, 0)), mode="edge").cumsum(axis=0)
    return np.asarray((padded[2 * reach + 1 :] - padded[: -2 * reach - 1]) / (2 * reach + 1), np.float32)


def _shrink(fine: Plane) -> Plane:
    parts = [fine[i::SUPERSAMPLING, j::SUPERSAMPLING] for i in range(SUPERSAMPLING) for j in range(SUPERSAMPLING)]
    return np.asarray(sum(parts[1:], parts[0].copy()) / len(parts), np.float32)


def _unit(vector: npt.NDArray[np.floating]) -> Plane:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
