"""The child that covers and marks: `python -m vms.media.derivation_child PARENT` (see `derivation_files`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np

from vms.domain.redaction import MAX_MS, WHOLE, Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical, read_plan
from vms.media import derivation, still, tracking
from vms.media.clip import Clip
from vms.media.covering import Planes
from vms.media.derivation_files import Made, Original, serve
from vms.media.derivation_wire import COPY
from vms.media.marking import marking
from vms.media.review_sheet import ReviewSheets, moments


class Job(TypedDict):
    """As the parent says it."""

    plan: str
    starts_ms: int | None
    clip: tuple[int, int, int] | None
    size_bytes: int
    sheet_every_ms: int


class MarkJob(TypedDict):
    mark: str
    size_bytes: int


class StillJob(TypedDict):
    still: str
    clip: tuple[int, int, int]
    size_bytes: int


def take_still(job: StillJob) -> dict[str, object]:
    """Make one marked picture of a clip."""
    made = Made(COPY)
    return {"size": still.take(Original(job["size_bytes"]), Clip(*job["clip"]), job["still"], made.write)}


def watermark(job: MarkJob) -> dict[str, object]:
    """Make a copy of all pictures with a mark over each; when they were taken does not matter."""
    found = derivation.pictures(Original(job["size_bytes"]), starts_ms=0, start_ms=0, end_ms=MAX_MS)
    return {"pictures": derivation.write_copy(derivation.touched(found, [marking(job["mark"])]), Made(COPY)).pictures}


def derive(job: Job) -> dict[str, object]:
    """Do one job and return what was made: first what is to be followed, then the copy and its review sheets."""
    drawn = read_plan(job["plan"]).cameras[0]
    plan, unsure = _resolved(drawn, job)
    counted = [0] * len(plan.regions)
    sheets = ReviewSheets(plan.regions, moments(drawn, job["sheet_every_ms"]), lambda number, png: Made(number).write(png))
    touches = [derivation.covering(plan.regions, counted), sheets.look]
    made = derivation.write_copy(derivation.touched(_pictures(plan, job), touches), Made(COPY))
    sheets.finish()
    return {
        "pictures": made.pictures,
        "keyframes": made.keyframes,
        "covered": counted,
        "unsure": unsure,
        "plan": canonical(RedactionPlan((plan,))),
    }


def _do(job: Any) -> Mapping[str, object]:  # noqa: ANN401 - one of three jobs, as JSON
    if "still" in job:
        return take_still(job)
    return watermark(job) if "mark" in job else derive(job)


def _pictures(plan: CameraPlan, job: Job) -> Iterator[derivation.Picture]:
    if job["clip"] is not None:
        return derivation.pictures_of_clip(Original(job["size_bytes"]), Clip(*job["clip"]))
    return derivation.pictures(Original(job["size_bytes"]), starts_ms=job["starts_ms"], start_ms=plan.start_ms, end_ms=plan.end_ms)


def _resolved(plan: CameraPlan, job: Job) -> tuple[CameraPlan, list[tuple[int, int, int]]]:
    """Return a plan in which nothing is to be followed any more, and of each region by number where nobody is sure."""
    if not any(region.between is Between.FOLLOW for region in plan.regions):
        return plan, []
    found = tracking.follow(plan.regions, _pictures(plan, job))
    regions = tuple(region if one is None else one.region for region, one in zip(plan.regions, found, strict=True))
    unsure = [(number, *times) for number, one in enumerate(found) if one is not None for times in one.unsure]
    return replace(plan, regions=regions), unsure


def _rehearse() -> None:
    """Load all that a confined process could load no more."""
    derivation.rehearse()
    tracking.rehearse()
    region = Region(Cover.FILL, Between.ALL, (Keyframe(0, Box(0, 0, WHOLE, WHOLE)),), 1)
    picture = derivation.Picture(0, 0, Planes(*(np.full((side, side), 128, np.uint8) for side in (64, 32, 32))), None)
    marking("É")(picture)
    sheets = ReviewSheets([region], [0], lambda _number, _png: None)
    sheets.look(picture)
    sheets.finish()
    still.colours_of(picture.planes)


if __name__ == "__main__":
    serve(_do, _rehearse)
