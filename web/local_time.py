"""Clock readings that people type into a form, as moments: none for the spring's missing hour, two for the autumn's doubled one."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from vms.errors import InvalidInput

MISSING = "That time did not exist: the clocks went forward in this hour. Choose one before or after it."


def moments_of(text: str, zone: str) -> list[datetime]:
    """Return the moments, in order, at which a wall clock of `zone` shows `text` (2026-11-25T18:00): none, one or two.

    InvalidInput for what is no reading of a clock.
    """
    try:
        reading, there = datetime.fromisoformat(text.strip()), ZoneInfo(zone)
        if reading.tzinfo is not None:
            raise _no_reading(text)
        both = {reading.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1)}
        return sorted(moment for moment in both if moment.astimezone(there).replace(tzinfo=None) == reading)
    except (ValueError, OverflowError) as err:
        raise _no_reading(text) from err


def first_moment(text: str, zone: str) -> datetime:
    """Return the moment of a reading, of the doubled hour the first; InvalidInput for one of the missing hour."""
    return _existing(moments_of(text, zone))[0]


def last_moment(text: str, zone: str) -> datetime:
    """Return the moment of a reading, of the doubled hour the second; InvalidInput for one of the missing hour."""
    return _existing(moments_of(text, zone))[-1]


def reading_of(at: datetime, zone: str) -> str:
    """Return what a wall clock of `zone` shows at `at`, to the second, as forms take it."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="seconds")


def _existing(moments: list[datetime]) -> list[datetime]:
    if not moments:
        raise InvalidInput(MISSING)
    return moments


def _no_reading(text: str) -> InvalidInput:
    return InvalidInput(f"‘{text.strip()}’ is no day and time. Write it as 2026-11-25T18:00.")
