"""One picture of a clip as a PNG, with a visible mark over it. The work of a confined child, of nobody else."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vms.media.clip import Clip
from vms.media.covering import Planes
from vms.media.derivation import Picture, Readable, pictures_of_clip
from vms.media.marking import marking

Colours = NDArray[np.uint8]
_BLOCK_BYTES = 1 << 20


def colours_of(planes: Planes) -> Colours:
    """Return a picture as OpenCV wants it: a line of pixels after another, each blue, green, red."""
    together = np.concatenate([planes.y.ravel(), planes.u.ravel(), planes.v.ravel()]).reshape(-1, planes.width)
    return np.asarray(cv2.cvtColor(together, cv2.COLOR_YUV2BGR_I420), np.uint8)


def take(source: Readable, clip: Clip, mark: str, write: Callable[[bytes], object]) -> tuple[int, int] | None:
    """Write what is on the screen when the clip begins, and return its width and height; None where the clip has no picture."""
    picture = next(pictures_of_clip(source, clip), None)
    if picture is None:
        return None
    marking(mark)(picture)
    shown = _as_wide_as_shown(picture)
    _, png = cv2.imencode(".png", shown)
    octets = png.tobytes()
    for at in range(0, len(octets), _BLOCK_BYTES):
        write(octets[at : at + _BLOCK_BYTES])
    return shown.shape[1], shown.shape[0]


def _as_wide_as_shown(picture: Picture) -> Colours:
    """Return the colours of a picture whose pixels may not be square; a PNG's are."""
    colours, ratio = colours_of(picture.planes), picture.sample_aspect_ratio
    if not ratio or ratio == 1:
        return colours
    width = max(1, round(picture.planes.width * ratio))
    return np.asarray(cv2.resize(colours, (width, picture.planes.height), interpolation=cv2.INTER_LINEAR), np.uint8)
