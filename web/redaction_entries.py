"""What people enter about a redaction: one region as they type it, without JSON; and what they decide of what a plan made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException

from pydantic import BaseModel, ConfigDict

from vms.domain.export_scope import CameraSpan
from vms.domain.ids import CameraId
from vms.domain.redaction import MAX_MS, WHOLE, Between, Box, Cover, Keyframe, RedactionPlan, Region, with_region
from vms.domain.timespan import ms_of
from vms.errors import InvalidInput
from web.hold_entries import Text
from web.local_time import first_moment, moments_of, reading_of
from web.numbers import BodyId

PERCENT, PIXELS = "percent", "pixels"
FIVE = "seconds after the start, left, top, width and height"
_MOST = Decimal(1_000_000)
"""No time within a recording and no side of a picture is written with more."""


class RegionForm(BaseModel):
    """One thing that is covered; times are clock readings of the district, or have an offset."""

    model_config = ConfigDict(hide_input_in_errors=True)

    plan_sha256: Text = ""
    """Of the plan that was shown; empty for none."""
    camera: BodyId = 0
    cover: Text = Cover.FILL.value
    between: Text = Between.ALL.value
    start: Text = ""
    until: Text = ""
    unit: Text = PERCENT
    across: Text = ""
    """The picture's width, where places are in pixels."""
    down: Text = ""
    places: Text = ""
    """One a line: `FIVE`."""

    @classmethod
    def of(cls, footage: Iterable[CameraSpan], start: datetime, end: datetime, zone: str) -> RegionForm:
        """Return the form filled with all the time that is asked for."""
        cameras = [span.camera_id for span in footage]
        return cls(camera=cameras[0] if cameras else 0, start=reading_of(start, zone), until=reading_of(end, zone))

    def added_to(self, plan: RedactionPlan | None, footage: Iterable[CameraSpan], zone: str) -> RedactionPlan:
        """Return the plan with this region; InvalidInput says what is wrong with it."""
        return with_region(plan, CameraId(self.camera), footage, self._region(zone))

    def _region(self, zone: str) -> Region:
        if self.cover not in set(Cover) or self.between not in set(Between):
            raise InvalidInput("Choose with what it is covered, and where it is between two places.")
        start_ms, until_ms = ms_of(_moment(self.start, zone, last=False)), ms_of(_moment(self.until, zone, last=True))
        sides = self._sides()
        lines = [line.split() for line in self.places.splitlines() if line.strip()]
        if not lines:
            raise InvalidInput(f"Write at least one place on a line of its own: {FIVE}.")
        keyframes = tuple(_keyframe(number, line, start_ms, sides) for number, line in enumerate(lines, 1))
        return Region(Cover(self.cover), Between(self.between), keyframes, until_ms)

    def _sides(self) -> tuple[Decimal, Decimal]:
        """Return the picture's width and height in the unit that places are written in."""
        if self.unit == PERCENT:
            return Decimal(100), Decimal(100)
        across, down = (_number(text.strip(), "Write the picture's width and height in pixels") for text in (self.across, self.down))
        if self.unit != PIXELS or min(across, down) < 1:
            raise InvalidInput("Say whether places are in percent or in pixels; in pixels, with the picture's width and height.")
        return across, down


class WithoutRegion(BaseModel):
    """A region that is taken out of the plan that was shown."""

    model_config = ConfigDict(hide_input_in_errors=True)

    plan_sha256: Text = ""
    camera: BodyId = 0
    region: BodyId = 0


class LookedOverEntries(BaseModel):
    """What was looked at, by its digests."""

    model_config = ConfigDict(hide_input_in_errors=True)

    sha256: Text = ""
    plan_sha256: Text = ""


class SentBackEntries(LookedOverEntries):
    words: Text = ""


def _moment(text: str, zone: str, *, last: bool) -> datetime:
    """Return the moment; of the doubled hour the last one where more is covered by that, else InvalidInput: places count from it."""
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        told = None
    if told is not None and told.tzinfo is not None:
        try:
            return told.astimezone(UTC)
        except OverflowError as err:
            raise InvalidInput(f"‘{text.strip()}’ is no day and time of a recording.") from err
    found = moments_of(text, zone)
    if len(found) > 1 and not last:
        raise InvalidInput("The clocks showed that time twice. Write the first moment with its offset, such as 2026-11-01T01:30:05-08:00.")
    return found[-1] if found else first_moment(text, zone)


def _keyframe(number: int, line: list[str], start_ms: int, sides: tuple[Decimal, Decimal]) -> Keyframe:
    what = f"Place {number} is five numbers: {FIVE}"
    if len(line) != 5:
        raise InvalidInput(f"{what}.")
    after, left, top, width, height = (_number(text, what) for text in line)
    across, down = sides
    if not width or not height or left + width > across or top + height > down:
        raise InvalidInput(f"Place {number} lies beside the picture, or has no size: it is {across} wide and {down} high.")
    at_ms = start_ms + int((after * 1000).to_integral_value(ROUND_FLOOR))
    if at_ms > MAX_MS:
        raise InvalidInput(f"Place {number} is at no time of a recording.")
    x, y = (int((value * WHOLE / whole).to_integral_value(ROUND_FLOOR)) for value, whole in ((left, across), (top, down)))
    right, bottom = (
        int(((value + size) * WHOLE / whole).to_integral_value(ROUND_CEILING))
        for value, size, whole in ((left, width, across), (top, height, down))
    )
    return Keyframe(at_ms, Box(x, y, right - x, bottom - y))


def _number(text: str, what: str) -> Decimal:
    try:
        number = Decimal(text)
    except DecimalException as err:
        raise InvalidInput(f"{what}.") from err
    if not number.is_finite() or not 0 <= number <= _MOST:
        raise InvalidInput(f"{what}, none below 0 and none above {_MOST:,}.")
    return number
