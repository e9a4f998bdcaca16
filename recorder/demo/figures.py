"""People who walk through a scene: where each is at a moment, and how a figure of simple shapes is drawn there.

A figure is put straight into the planes of a 4:2:0 picture, behind whatever stands nearer to the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from recorder.demo.paints import Colour
from recorder.demo.raster import Plane, View

Bytes = npt.NDArray[np.uint8]

# Joints and limbs are written as shares of the body's height: to the right, forward, up.
Joint = tuple[float, float, float]
Joints = dict[str, Joint]
Limb = tuple[Joint, Joint, float, float, Colour]
"""From, to, radius at both ends, colour."""

LOOP_SECONDS = 60.0
_MIDDLES = np.arange(8192, dtype=np.float32) + np.float32(0.5)
_STEP_METRES = 1.35
"""Length of a full stride, both legs, of a grown person."""


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody: a way through the room as (second, x, y), looks, and what they carry.

    Between two points they walk straight; two points at the same place are a stop. The way is closed: the last point meets the first.
    """

    way: tuple[tuple[float, float, float], ...]
    coat: Colour
    trousers: Colour
    hair: Colour
    skin: Colour
    metres: float = 1.74
    bag: Colour | None = None
    book: Colour | None = None
    sits: bool = False
    looks: tuple[float, float] = (0.0, -1.0)
    """Where they face while they stand or sit."""


@dataclass(frozen=True, slots=True)
class Stance:
    x: float
    y: float
    heading: tuple[float, float]
    stride: float
    """Radians of the leg swing; 0 when standing."""
    swing: float
    """0 standing, 1 walking at full pace."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The planes being drawn on (chroma is blue, then red), and what is needed to hide a figure behind furniture."""

    luma: Bytes
    chroma: Bytes
    inverse_depth: Plane
    keeps_depth: bool = False
    """Figures drawn here hide those drawn later; for people who never move."""
    is_crowded: bool = True
    """Something may stand in front of the figure."""


def stance(walker: Walker, second: float) -> Stance:
    """Return where `walker` is, and in what stride, at that second of the loop."""
    way = (*walker.way, (walker.way[0][0] + LOOP_SECONDS, *walker.way[0][1:]))
    moment = second if second >= way[0][0] else second + LOOP_SECONDS
    walked = 0.0
    for (t0, x0, y0), (t1, x1, y1) in pairwise(way):
        length = math.hypot(x1 - x0, y1 - y0)
        if moment < t1:
            return _between(walker, (moment - t0) / (t1 - t0), (x0, y0), (x1, y1), walked, length / (t1 - t0))
        walked += length
    return Stance(way[-1][1], way[-1][2], walker.looks, 0.0, 0.0)


def stands(walker: Walker, second: float) -> bool:
    """Tell whether `walker` does not move at that second."""
    return stance(walker, second).swing == 0.0


def distance(view: View, walker: Walker, second: float) -> float:
    """Return how far from the camera `walker` is at that second."""
    at = stance(walker, second)
    return math.dist((at.x, at.y), (float(view.eye[0]), float(view.eye[1])))


def _between(walker: Walker, share: float, start: tuple[float, float], end: tuple[float, float], walked: float, pace: float) -> Stance:
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
    if length < 0.01:
        return Stance(x, y, walker.looks, 0.0, 0.0)
    edge = 0.01 + min(share, 1 - share) * length / 0.35
    heading = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    stride = 2 * math.pi * (walked + share * length) / (_STEP_METRES * walker.metres / 1.74)
    return Stance(x, y, heading, stride, min(1.0, edge) * min(1.0, 0.45 + pace / 2))


def draw_figure(canvas: Canvas, view: View, walker: Walker, second: float) -> None:
    """Draw `walker` as they are at that second of the loop; nothing when they are out of the picture."""
    pose = stance(walker, second)
    limbs = _limbs(walker, _seated() if walker.sits else _upright(walker, pose))
    foot = np.array((pose.x, pose.y, 0), np.float32)
    across, along = pose.heading[1], pose.heading[0]
    frame = np.array(((across, -along, 0), (along, across, 0), (0, 0, 1)), np.float32)
    ends = np.array([point for limb in limbs for point in limb[:2]], np.float32) * walker.metres @ frame + foot
    height, width = canvas.luma.shape
    pixels, inverse = view.project(ends, width=width, height=height)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (inverse <= 0.02).any() or (inverse > 1.6).any() or (high < 0).any() or low[0] > width or low[1] > height:
        return
    if not walker.sits:
        _shadow(canvas, view, foot, walker.metres)
    scale = view.focal_pixels(width) * walker.metres
    placed = replace(canvas, is_crowded=_is_crowded(canvas, low, high, float(inverse.min())))
    _draw_limbs(placed, limbs, pixels.reshape(-1, 4).tolist(), inverse.reshape(-1, 2).tolist(), scale)


def _draw_limbs(canvas: Canvas, limbs: list[Limb], ends: list[list[float]], inverse: list[list[float]], scale: float) -> None:
    for number in sorted(range(len(limbs)), key=lambda each: sum(inverse[each])):
        _, _, radius_a, radius_b, colour = limbs[number]
        near, far = inverse[number]
        _capsule(canvas, ends[number], (radius_a * scale * near, radius_b * scale * far), _ycc(colour), min(near, far))


def _is_crowded(canvas: Canvas, low: Plane, high: Plane, inverse: float) -> bool:
    height, width = canvas.luma.shape
    middle = (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2)
    x0, x1, y0, y1 = _clip(canvas, middle, float(high[0] - low[0]) / 2 + width * 0.03, float(high[1] - low[1]) / 2 + height * 0.05)
    return x0 < x1 and y0 < y1 and bool(canvas.inverse_depth[y0:y1:2, x0:x1:2].max() >= inverse * 1.08)


def _upright(walker: Walker, pose: Stance) -> Joints:
    swing = pose.swing * 0.46
    lift = 0.012 * pose.swing * abs(math.sin(pose.stride))
    joints: Joints = {"neck": (0, 0.015, 0.83 + lift), "head": (0, 0.025, 0.915 + lift), "waist": (0, 0, 0.56 + lift)}
    for side, sign in (("right", 1.0), ("left", -1.0)):
        angle = sign * math.sin(pose.stride) * swing
        bend = max(0.0, sign * math.cos(pose.stride)) * pose.swing * 0.9
        hip, shoulder = (sign * 0.055, 0.0, 0.52 + lift), (sign * 0.105, 0.0, 0.795 + lift)
        knee = (hip[0], hip[1] + 0.25 * math.sin(angle), hip[2] - 0.25 * math.cos(angle))
        ankle = (knee[0], knee[1] + 0.25 * math.sin(angle - bend), max(0.02, knee[2] - 0.25 * math.cos(angle - bend)))
        elbow = (shoulder[0] + sign * 0.025, -0.17 * math.sin(angle), shoulder[2] - 0.17 * math.cos(angle))
        hand = (elbow[0], elbow[1] + 0.15 * math.sin(0.35 - angle), elbow[2] - 0.15 * math.cos(0.35 - angle))
        if walker.book is not None and sign > 0:
            elbow, hand = (shoulder[0] + 0.02, -0.03, shoulder[2] - 0.17), (0.03, 0.13, shoulder[2] - 0.15)
        joints |= {f"{side} hip": hip, f"{side} knee": knee, f"{side} ankle": ankle}
        joints |= {f"{side} shoulder": shoulder, f"{side} elbow": elbow, f"{side} hand": hand}
    return joints


def _seated() -> Joints:
    joints: Joints = {"neck": (0, 0.03, 0.57), "head": (0, 0.06, 0.66), "waist": (0, 0, 0.34)}
    for side, sign in (("right", 1.0), ("left", -1.0)):
        joints |= {
            f"{side} hip": (sign * 0.055, 0, 0.27),
            f"{side} knee": (sign * 0.06, 0.24, 0.28),
            f"{side} ankle": (sign * 0.06, 0.25, 0.03),
        }
        joints |= {
            f"{side} shoulder": (sign * 0.105, 0.01, 0.535),
            f"{side} elbow": (sign * 0.13, 0.08, 0.40),
            f"{side} hand": (sign * 0.05, 0.22, 0.44),
        }
    return joints


def _limbs(walker: Walker, at: Joints) -> list[Limb]:
    limbs: list[Limb] = []
    shoes = (0.16, 0.14, 0.13)
    for side in ("right", "left"):
        ankle, hand = at[f"{side} ankle"], at[f"{side} hand"]
        limbs.append((ankle, (ankle[0], ankle[1] + 0.075, max(0.018, ankle[2] - 0.012)), 0.024, 0.019, shoes))
        limbs.append((at[f"{side} knee"], ankle, 0.036, 0.026, walker.trousers))
        limbs.append((at[f"{side} hip"], at[f"{side} knee"], 0.052, 0.038, walker.trousers))
        limbs.append((at[f"{side} elbow"], hand, 0.025, 0.021, walker.coat))
        limbs.append((hand, hand, 0.022, 0.022, walker.skin))
        limbs.append((at[f"{side} shoulder"], at[f"{side} elbow"], 0.036, 0.027, walker.coat))
        limbs.append((at[f"{side} shoulder"], at[f"{side} hip"], 0.044, 0.050, walker.coat))
    limbs.append((at["neck"], at["waist"], 0.068, 0.078, walker.coat))
    limbs.append((at["neck"], at["head"], 0.026, 0.030, walker.skin))
    limbs += _head(walker, at["head"])
    if walker.bag is not None:
        x, y, z = at["waist"]
        limbs.append(((x, y - 0.085, z + 0.19), (x, y - 0.095, z + 0.06), 0.050, 0.062, walker.bag))
    if walker.book is not None:
        x, y, z = at["right hand"]
        limbs.append(((x - 0.03, y + 0.02, z - 0.01), (x + 0.03, y + 0.02, z + 0.03), 0.032, 0.032, walker.book))
    return limbs


def _head(walker: Walker, head: tuple[float, float, float]) -> list[Limb]:
    x, y, z = head
    return [
        ((x, y - 0.016, z + 0.022), (x, y - 0.022, z + 0.002), 0.059, 0.054, walker.hair),
        ((x, y + 0.018, z + 0.004), (x, y + 0.016, z - 0.022), 0.047, 0.042, walker.skin),
    ]


def _shadow(canvas: Canvas, view: View, foot: Plane, metres: float) -> None:
    height, width = canvas.luma.shape
    around = np.array([(0.30, 0, 0), (-0.30, 0, 0), (0, 0.30, 0), (0, -0.30, 0), (0, 0, 0)], np.float32) * (metres / 1.74) + foot
    pixels, inverse = view.project(around, width=width, height=height)
    reach_x, reach_y = abs(float(pixels[0, 0] - pixels[1, 0])) / 2, abs(float(pixels[2, 1] - pixels[3, 1])) / 2
    x0, x1, y0, y1 = _clip(canvas, (float(pixels[4, 0]), float(pixels[4, 1])), reach_x + 1, reach_y + 1)
    if x0 >= x1 or y0 >= y1 or reach_y < 0.5:
        return
    dx = ((_counted(x0, x1) - float(pixels[4, 0])) / reach_x)[None, :]
    dy = ((_counted(y0, y1) - float(pixels[4, 1])) / reach_y)[:, None]
    cover = np.maximum(1 - dx * dx - dy * dy, 0) * 0.5
    area = canvas.luma[y0:y1, x0:x1]
    cover *= canvas.inverse_depth[y0:y1, x0:x1] < float(inverse[4]) * 1.12
    area[...] = (area - (area - 16.0) * cover).astype(np.uint8)


def _capsule(canvas: Canvas, ends: list[float], radii: tuple[float, float], colour: tuple[int, int, int], inverse: float) -> None:
    """Draw a rounded stroke that tapers between two radii. Few and cheap array operations: this runs a million times for a loop."""
    start_x, start_y, end_x, end_y = ends
    reach = max(radii) + 1
    middle = ((start_x + end_x) / 2, (start_y + end_y) / 2)
    x0, x1, y0, y1 = _clip(canvas, middle, abs(end_x - start_x) / 2 + reach, abs(end_y - start_y) / 2 + reach)
    if x0 >= x1 or y0 >= y1:
        return
    square, radius = _distance_squared(_counted(x0, x1) - start_x, _counted(y0, y1) - start_y, (end_x - start_x, end_y - start_y), radii)
    cover = np.minimum(np.maximum(radius + 0.5 - np.sqrt(square), 0), 1)
    if canvas.is_crowded:
        cover *= canvas.inverse_depth[y0:y1, x0:x1] < inverse * (1.02 if canvas.keeps_depth else 1.08) + 0.004
    bright = (colour[0] - 16) * 1.04
    _blend(canvas.luma[y0:y1, x0:x1], cover, square * (-0.22 * bright / (max(radii) ** 2)) + (bright + 16))
    target = canvas.chroma[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
    _blend(target, cover[::2, ::2], np.array(colour[1:], np.float32)[:, None, None])
    if canvas.keeps_depth:
        area = canvas.inverse_depth[y0:y1, x0:x1]
        area[cover > 0.5] = inverse


def _distance_squared(x: Plane, y: Plane, along: tuple[float, float], radii: tuple[float, float]) -> tuple[Plane, Plane | float]:
    """Return the squared distance of each pixel from the stroke's axis, and the stroke's radius there; x and y count from its start."""
    square = (x * x)[None, :] + (y * y)[:, None]
    length_squared = along[0] * along[0] + along[1] * along[1]
    if length_squared < 0.05:
        return square, max(radii)
    projected = (x * along[0])[None, :] + (y * along[1])[:, None]
    share = np.minimum(np.maximum(projected * (1 / length_squared), 0), 1)
    square += share * (share * length_squared - 2 * projected)
    return np.maximum(square, 0), share * (radii[1] - radii[0]) + radii[0]


def _counted(low: int, high: int) -> Plane:
    """Middles of the pixels from `low` to `high`."""
    return _MIDDLES[low:high]


def _clip(canvas: Canvas, at: tuple[float, float], reach_x: float, reach_y: float) -> tuple[int, int, int, int]:
    """Return the even-sided box around a point that lies within the picture: columns from and to, rows from and to."""
    height, width = canvas.luma.shape
    x, y = at
    left, top = int(max(0, x - reach_x)) & ~1, int(max(0, y - reach_y)) & ~1
    return left, min(width, int(x + reach_x + 2) & ~1), top, min(height, int(y + reach_y + 2) & ~1)


def _blend(area: Bytes, cover: Plane, value: Plane) -> None:
    mixed = value - area
    mixed *= cover
    mixed += area
    mixed += 0.5
    area[...] = mixed


@lru_cache(maxsize=256)
def _ycc(colour: Colour) -> tuple[int, int, int]:
    """BT.709, limited range."""
    red, green, blue = colour
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return round(16 + 219 * luma), round(128 + 224 * (blue - luma) / 1.8556), round(128 + 224 * (red - luma) / 1.5748)
