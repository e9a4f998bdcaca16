"""Draws a visible mark over every picture of a courtesy copy: once to be read, and faintly all over, so that no crop is without it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vms.media.derivation import Picture, Touch

Plane = NDArray[np.uint8]

_FONT = cv2.FONT_HERSHEY_SIMPLEX  # OpenCV's own: no font file is read
_THICKNESS = 2
_AROUND = np.ones((5, 5), np.uint8)
_LINES_IN_HEIGHT = 30
_LEAST_SCALE, _SMALLEST_SCALE = 0.4, 0.15
_WIDTH_SHARE = 0.94
_READABLE, _FAINT = 255, 90
"""How strong the ink is, of 255."""
_ROWS, _GAP = 5, 60
"""Of the faint text, and the pixels between two in a row."""
_BLACK, _WHITE = 16, 235


def marking(text: str) -> Touch:
    """Return what draws `text`; pictures that follow are of one size."""
    drawn: _Drawn | None = None

    def touch(picture: Picture) -> None:
        nonlocal drawn
        drawn = _Drawn(text, picture.planes.width, picture.planes.height) if drawn is None else drawn
        drawn.over(picture.planes.y)

    return touch


class _Drawn:
    """What becomes of each pixel that the mark touches: light ink with a dark edge is seen on any ground."""

    def __init__(self, text: str, width: int, height: int) -> None:
        ink, edge = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        scale = max(_LEAST_SCALE, height / _LINES_IN_HEIGHT / 30)
        (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, _THICKNESS)
        for row in range(_ROWS):
            base = height * (2 * row + 1) // (2 * _ROWS) + text_height // 2
            for left in range(-row * text_width // 3, width, text_width + _GAP):
                _write(ink, edge, text, (left, base), scale, _FAINT)
        _write(
            ink, edge, text, (int(width * (1 - _WIDTH_SHARE) / 2), height - text_height // 2 - 2), _fitting(text, scale, width), _READABLE
        )
        self._touched = np.flatnonzero(ink | edge)
        light, dark = (plane.ravel()[self._touched].astype(np.uint32) for plane in (ink, edge))
        self._kept = (255 - light) * (255 - dark)
        self._added = dark * (255 - light) * _BLACK + light * 255 * _WHITE

    def over(self, luma: Plane) -> None:
        flat = luma.reshape(-1)
        flat[self._touched] = ((flat[self._touched] * self._kept + self._added) // (255 * 255)).astype(np.uint8)


def _fitting(text: str, scale: float, width: int) -> float:
    """Return the largest scale at which a text fits; its width does not grow evenly, as letters begin on whole pixels."""
    while scale > _SMALLEST_SCALE and cv2.getTextSize(text, _FONT, scale, _THICKNESS)[0][0] > width * _WIDTH_SHARE:
        scale *= 0.95
    return scale


def _write(ink: Plane, edge: Plane, text: str, at: tuple[int, int], scale: float, strength: int) -> None:
    """Write once and widen that: OpenCV's letters are of another width when they are thicker."""
    letters = np.zeros_like(ink)
    cv2.putText(letters, text, at, _FONT, scale, 255, _THICKNESS)
    for plane, drawn in ((ink, letters), (edge, cv2.dilate(letters, _AROUND))):
        np.maximum(plane, (drawn.astype(np.uint16) * strength // 255).astype(np.uint8), out=plane)
