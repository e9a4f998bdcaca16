"""A redaction plan: what of a camera's picture is covered, when and with what, as data that a digest names.

Where a place is uncertain more is covered, never less. Boxes are in ten-thousandths of the picture, so that a plan fits a stream
of any size; times are UTC milliseconds.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from hashlib import sha256
from itertools import pairwise

from vms.domain.export_scope import CameraSpan
from vms.domain.ids import CameraId
from vms.domain.json_fields import Fields, fields_once
from vms.errors import InvalidInput

FORMAT = "custodian redaction plan v1"
WHOLE = 10_000
"""The width and the height of a picture."""
MARGIN_MS = 100
"""Covered before its first keyframe and after its end: a keyframe that was drawn on the neighbouring picture uncovers nothing."""
MAX_FOLLOWED_MS = 10_000
"""Between two drawn keyframes of what is followed: whoever draws looks as often as that."""
MAX_REGIONS = 200
MAX_KEYFRAMES = 200_000
"""Of a plan: what is followed has one for each picture."""
MAX_PLAN_BYTES = 32 * 1024 * 1024
MAX_MS = 253_402_300_800_000
"""The end of the year 9999."""


class Cover(StrEnum):
    FILL = "fill"
    """One colour."""
    PIXELATE = "pixelate"
    """Means of a few large blocks. Shows movement and clothes; letters and number plates need `FILL`."""


class Between(StrEnum):
    """Where a region is between two keyframes."""

    ALL = "all"
    """All that both boxes span."""
    LINE = "line"
    """On the straight line from one to the other: whoever draws it says that nothing there moves otherwise."""
    FOLLOW = "follow"
    """Where the picture under the box goes, which `vms.media.tracking` finds; `ALL` where it is not sure."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle within the picture, in ten-thousandths of its width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def union(self, other: Box) -> Box:
        """Return the smallest box that has both in it."""
        return _spanning(min(self.x, other.x), min(self.y, other.y), max(self.right, other.right), max(self.bottom, other.bottom))

    def grown(self, share: float) -> Box:
        """Return it larger by `share` of its sides at each of them, as far as the picture goes."""
        across, down = int(self.width * share) + 1, int(self.height * share) + 1
        return _spanning(max(0, self.x - across), max(0, self.y - down), min(WHOLE, self.right + across), min(WHOLE, self.bottom + down))

    def contains(self, other: Box) -> bool:
        return self.union(other) == self


@dataclass(frozen=True, slots=True)
class Keyframe:
    at_ms: int
    box: Box


@dataclass(frozen=True, slots=True)
class Region:
    """One thing that is covered, from its first keyframe until `until_ms`."""

    cover: Cover
    between: Between
    keyframes: tuple[Keyframe, ...]
    """In order of time, at least one."""
    until_ms: int

    @property
    def from_ms(self) -> int:
        return self.keyframes[0].at_ms

    def box_at(self, at_ms: int) -> Box | None:
        """Return what is covered at a moment; None where nothing is. What is to be followed and was not counts as `ALL`."""
        if not self.from_ms - MARGIN_MS <= at_ms < self.until_ms + MARGIN_MS:
            return None
        after = bisect_right(self.keyframes, at_ms, key=_moment)
        if self.between is Between.LINE:
            return _on_the_line(self.keyframes[max(after - 1, 0)], self.keyframes[min(after, len(self.keyframes) - 1)], at_ms)
        first = after - 2 if after > 1 and self.keyframes[after - 1].at_ms == at_ms else after - 1
        return reduce(Box.union, (one.box for one in self.keyframes[max(first, 0) : after + 1]))


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """What becomes of one camera's footage: the copy has the pictures from `start_ms` up to `end_ms` and no others."""

    camera: CameraId
    start_ms: int
    end_ms: int
    regions: tuple[Region, ...]

    @property
    def drawn_ms(self) -> list[int]:
        """When somebody drew something, and when something ends."""
        return sorted({moment for region in self.regions for moment in (*(one.at_ms for one in region.keyframes), region.until_ms)})


@dataclass(frozen=True, slots=True)
class RedactionPlan:
    cameras: tuple[CameraPlan, ...]

    def of(self, camera: CameraId) -> CameraPlan:
        """Return what is planned for a camera; InvalidInput when nothing is."""
        for one in self.cameras:
            if one.camera == camera:
                return one
        known = ", ".join(str(one.camera) for one in self.cameras)
        raise InvalidInput(f"The plan says nothing of camera {camera}. It is for: {known}.")

    @property
    def digest(self) -> bytes:
        """The SHA-256 of `canonical`: what somebody approves."""
        return sha256(canonical(self).encode()).digest()


def resolved(region: Region, followed: Sequence[Sequence[Keyframe]]) -> Region:
    """Return a region that is followed as one on lines, with what was found between each two of its keyframes.

    Nothing between two: all that both span is covered. What was drawn, or found twice at one moment, is covered in any case.
    """
    boxes = {one.at_ms: one.box for one in region.keyframes}
    for (first, last), found in zip(pairwise(region.keyframes), followed, strict=True):
        both = first.box.union(last.box)
        for one in found or (Keyframe(first.at_ms, both), Keyframe(last.at_ms, both)):
            boxes[one.at_ms] = one.box.union(boxes.get(one.at_ms, one.box))
    return replace(region, between=Between.LINE, keyframes=tuple(Keyframe(at, box) for at, box in sorted(boxes.items())))


def with_region(plan: RedactionPlan | None, camera: CameraId, footage: Iterable[CameraSpan], region: Region) -> RedactionPlan:
    """Return a plan that covers one thing more, in a camera of which some of this footage is; InvalidInput when none of it is."""
    before = () if plan is None else plan.cameras
    for number, one in enumerate(before):
        if one.camera == camera:
            return RedactionPlan((*before[:number], replace(one, regions=(*one.regions, region)), *before[number + 1 :]))
    spans = [span for span in footage if span.camera_id == camera]
    if not spans:
        raise InvalidInput("Choose a camera of which something is asked for.")
    start_ms, end_ms = min(span.start_ms for span in spans), max(span.end_ms for span in spans)
    return RedactionPlan((*before, CameraPlan(camera, start_ms, end_ms, (region,))))


def without_region(plan: RedactionPlan, camera: CameraId, number: int) -> RedactionPlan:
    """Return a plan without a region of a camera, counted from 1; a camera that nothing is left of goes. InvalidInput where it can't."""
    of_camera = plan.of(camera)
    if not 1 <= number <= len(of_camera.regions):
        raise InvalidInput(f"The plan has no region {number} of that camera.")
    left = (*of_camera.regions[: number - 1], *of_camera.regions[number:])
    cameras = tuple(replace(one, regions=left) if one.camera == camera else one for one in plan.cameras)
    if not any(one.regions for one in cameras):
        raise InvalidInput("A plan covers something. Add the region that is to stand in its stead first, then take this one out.")
    return RedactionPlan(tuple(one for one in cameras if one.regions))


def misfit(plan: RedactionPlan, footage: Iterable[CameraSpan]) -> str:
    """Return why a plan can't be of this footage, empty when it can: what it would leave out would go out uncovered."""
    asked = list(footage)
    for one in plan.cameras:
        spans = [span for span in asked if span.camera_id == one.camera]
        if not spans:
            return f"The redaction plan is for camera {one.camera}, of which nothing is asked for."
        if any(span.start_ms < one.start_ms or one.end_ms < span.end_ms for span in spans):
            return f"The redaction plan does not say all of the time that is asked for of camera {one.camera}."
    return ""


def uncovered(plan: RedactionPlan, footage: Iterable[CameraSpan]) -> list[CameraId]:
    """Return the cameras of this footage that a plan says nothing of: what they recorded leaves as it is, and no sheet shows it."""
    return sorted({span.camera_id for span in footage} - {one.camera for one in plan.cameras})


def canonical(plan: RedactionPlan) -> str:
    """Return the one text of a plan."""
    return json.dumps(plan_document(plan), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def plan_document(plan: RedactionPlan) -> dict[str, object]:
    return {"format": FORMAT, "cameras": [_camera_document(one) for one in plan.cameras]}


def read_plan(text: str | bytes) -> RedactionPlan:
    """Read a plan; InvalidInput says what is wrong and where. What the format does not name is refused, not passed over."""
    if len(text) > MAX_PLAN_BYTES:
        raise InvalidInput(f"A redaction plan has {MAX_PLAN_BYTES // 1024**2} MB at most. Make one for each camera.")
    try:
        document: object = json.loads(text, object_pairs_hook=fields_once)
    except (ValueError, RecursionError) as err:
        raise InvalidInput(f"The redaction plan is no JSON: {err}.") from err
    plan = Fields("The plan", document)
    if plan.text("format") != FORMAT:
        raise InvalidInput(f"That is no redaction plan: its format is not “{FORMAT}”.")
    cameras = tuple(_read_camera(one) for one in plan.each("cameras", most=MAX_REGIONS))
    plan.end("no plan")
    if len({one.camera for one in cameras}) < len(cameras):
        raise InvalidInput("The plan has a camera twice. Give each all its regions in one place.")
    if sum(len(region.keyframes) for one in cameras for region in one.regions) > MAX_KEYFRAMES:
        raise InvalidInput(f"The plan has more than {MAX_KEYFRAMES:,} keyframes. Make one for each camera.")
    return RedactionPlan(cameras)


def _spanning(left: int, top: int, right: int, bottom: int) -> Box:
    return Box(left, top, right - left, bottom - top)


def _moment(one: Keyframe) -> int:
    return one.at_ms


def _on_the_line(earlier: Keyframe, later: Keyframe, at_ms: int) -> Box:
    """Edges are rounded outwards."""
    whole = later.at_ms - earlier.at_ms
    if whole <= 0:
        return earlier.box
    part, a, b = at_ms - earlier.at_ms, earlier.box, later.box
    left, top = (start + (end - start) * part // whole for start, end in ((a.x, b.x), (a.y, b.y)))
    right, bottom = (start - (start - end) * part // whole for start, end in ((a.right, b.right), (a.bottom, b.bottom)))
    return _spanning(left, top, right, bottom)


def _camera_document(plan: CameraPlan) -> dict[str, object]:
    regions = [
        {
            "cover": region.cover.value,
            "between": region.between.value,
            "until_ms": region.until_ms,
            "keyframes": [
                {"at_ms": one.at_ms, "x": one.box.x, "y": one.box.y, "width": one.box.width, "height": one.box.height}
                for one in region.keyframes
            ],
        }
        for region in plan.regions
    ]
    return {"camera": plan.camera, "start_ms": plan.start_ms, "end_ms": plan.end_ms, "regions": regions}


def _read_camera(reader: Fields) -> CameraPlan:
    camera = CameraId(reader.number("camera", least=1, most=2**52))
    start_ms = reader.number("start_ms", least=0, most=MAX_MS)
    end_ms = reader.number("end_ms", least=0, most=MAX_MS)
    if end_ms <= start_ms:
        raise InvalidInput(f"{reader.where} ends before it starts.")
    regions = tuple(_read_region(one, start_ms, end_ms) for one in reader.each("regions", most=MAX_REGIONS))
    reader.end("no plan")
    return CameraPlan(camera, start_ms, end_ms, regions)


def _read_region(reader: Fields, start_ms: int, end_ms: int) -> Region:
    cover, between = reader.word("cover", Cover), reader.word("between", Between)
    until_ms = reader.number("until_ms", least=0, most=MAX_MS)
    keyframes = tuple(_read_keyframe(one) for one in reader.each("keyframes", most=MAX_KEYFRAMES))
    reader.end("no plan")
    times = [one.at_ms for one in keyframes]
    if any(earlier >= later for earlier, later in pairwise([*times, until_ms])):
        raise InvalidInput(f"{reader.where}: its keyframes are in order of time, and it ends after the last.")
    if until_ms <= start_ms or times[0] >= end_ms:
        raise InvalidInput(f"{reader.where} covers nothing of the camera's footage from {start_ms} to {end_ms} ms.")
    if between is Between.FOLLOW and any(later - earlier > MAX_FOLLOWED_MS for earlier, later in pairwise(times)):
        raise InvalidInput(f"{reader.where} is followed for more than {MAX_FOLLOWED_MS // 1000} s at once. Draw a keyframe in between.")
    return Region(cover, between, keyframes, until_ms)


def _read_keyframe(reader: Fields) -> Keyframe:
    at_ms = reader.number("at_ms", least=0, most=MAX_MS)
    x, y = (reader.number(name, least=0, most=WHOLE - 1) for name in ("x", "y"))
    width, height = reader.number("width", least=1, most=WHOLE - x), reader.number("height", least=1, most=WHOLE - y)
    reader.end("no plan")
    return Keyframe(at_ms, Box(x, y, width, height))
