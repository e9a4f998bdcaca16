"""Sheets for whoever looks over a redacted copy: its own pictures, small, with the covered places framed and the time under each.

Nothing is on a sheet that is not in the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from vms.domain.redaction import CameraPlan, Region
from vms.domain.timespan import datetime_of_ms
from vms.media.covering import pixels_of
from vms.media.derivation import Picture, boxes_in
from vms.media.derivation_wire import MAX_SHEETS
from vms.media.still import Colours, colours_of

ACROSS, DOWN = 4, 4
TILE_WIDTH = 480
CAPTION_HEIGHT = 28
_YELLOW, _WHITE = (0, 220, 255), (235, 235, 235)


def moments(plan: CameraPlan, every_ms: int) -> list[int]:
    """Return when pictures are shown: at each drawn keyframe and end, and every so often. Fewer of them where no sheets would hold all."""
    drawn = [at for at in plan.drawn_ms if plan.start_ms <= at < plan.end_ms]
    most = MAX_SHEETS * ACROSS * DOWN
    step = max(every_ms, (plan.end_ms - plan.start_ms) // most + 1)
    wanted = sorted({*drawn, *range(plan.start_ms, plan.end_ms, step)})
    return wanted[:: -(-len(wanted) // most)]


class ReviewSheets:
    """Takes the pictures of a copy as they come and writes sheets by number, from 1 on."""

    def __init__(self, regions: Sequence[Region], wanted: Sequence[int], write: Callable[[int, bytes], object]) -> None:
        self._regions = regions
        self._wanted = list(wanted)
        self._write = write
        self._tiles: list[Colours] = []
        self.count = 0

    def look(self, picture: Picture) -> None:
        """Show a picture that is the first at or after a moment that is wanted."""
        if not self._wanted or picture.at_ms < self._wanted[0]:
            return
        while self._wanted and self._wanted[0] <= picture.at_ms:
            self._wanted.pop(0)
        self._tiles.append(self._tile(picture))
        if len(self._tiles) == ACROSS * DOWN:
            self.finish()

    def finish(self) -> None:
        """Write what there is, if there is anything."""
        if not self._tiles:
            return
        height = max(tile.shape[0] for tile in self._tiles)
        sheet = np.zeros((height * -(-len(self._tiles) // ACROSS), TILE_WIDTH * ACROSS, 3), np.uint8)
        for number, tile in enumerate(self._tiles):
            top, left = number // ACROSS * height, number % ACROSS * TILE_WIDTH
            sheet[top : top + tile.shape[0], left : left + TILE_WIDTH] = tile
        self._tiles.clear()
        self.count += 1
        _, png = cv2.imencode(".png", sheet)
        self._write(self.count, png.tobytes())

    def _tile(self, picture: Picture) -> Colours:
        planes, scale = picture.planes, TILE_WIDTH / picture.planes.width
        height = max(1, round(planes.height * scale))
        small = cv2.resize(colours_of(planes), (TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
        tile = cv2.copyMakeBorder(small, 0, CAPTION_HEIGHT, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        found = boxes_in(self._regions, picture.at_ms)
        for number, box in found:
            place = pixels_of(box, planes.width, planes.height)
            corner, other = (int(place.left * scale), int(place.top * scale)), (int(place.right * scale) - 1, int(place.bottom * scale) - 1)
            cv2.rectangle(tile, corner, other, _YELLOW, 1)
            cv2.putText(tile, str(number + 1), (corner[0] + 4, corner[1] + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _YELLOW, 1)
        names = ", ".join(str(number + 1) for number, _ in found)
        caption = (
            f"{datetime_of_ms(picture.at_ms):%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" UTC   {f'covered: {names}' if found else 'nothing covered'}"
        )
        cv2.putText(tile, caption, (6, height + 19), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _WHITE, 1)
        return np.asarray(tile, np.uint8)
