"""Stills for use within the district: what a request for them may ask for, and until when what was printed may hang."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from vms.domain.export_scope import CameraSpan, Delivery, ExportScope
from vms.domain.ids import CameraId
from vms.domain.timespan import datetime_of_ms, ms_of

MOMENT = timedelta(seconds=1)
"""So long is the time of one still that a form or a command asks for."""
LONGEST = timedelta(seconds=5)
"""Of one moment: moments beside each other count as one, and a still is no film."""
MOST_STILLS = 24
"""What hangs on a board, and not a film cut into pictures."""


class PublishedPurpose(StrEnum):
    """What the district publishes its cameras to be for: stills within the district are for nothing else."""

    DETER = "deter"
    IDENTIFY = "identify"
    SAFETY = "safety"


PURPOSES = {
    PublishedPurpose.DETER: "To discourage inappropriate and illegal behavior",
    PublishedPurpose.IDENTIFY: "To find out who broke the law",
    PublishedPurpose.SAFETY: "For the safety of library users, staff and property",
}


def fault_of(scope: ExportScope) -> str:
    """Return a sentence for what of a scope can't be asked for as stills; empty when all can."""
    terms = scope.terms
    if terms.expires_ms is None:
        return "Say until which day the stills are used, the end of the ban: on the form for stills, or with vms request stills."
    if any(one.end_ms - one.start_ms > LONGEST // timedelta(milliseconds=1) for one in scope.footage):
        return (
            f"A still is of a moment, {LONGEST.seconds} seconds at the most; times beside each other count as one. "
            "Name fewer moments, or leave some seconds between them."
        )
    if len(scope.footage) > MOST_STILLS:
        return f"That is {len(scope.footage)} stills. A request asks for at most {MOST_STILLS}: choose the ones that show it best."
    if terms.redact:
        return "Stills are not redacted: nothing covers a part of them. Ask for other moments, or for footage as a report by the library."
    if terms.delivery is not Delivery.BY_HAND:
        return "Stills for use within the district are handed over by hand."
    return ""


def moments_of(cameras: Sequence[CameraId], starts: Sequence[datetime]) -> tuple[CameraSpan, ...]:
    """Return a moment of each camera at each start."""
    length = MOMENT // timedelta(milliseconds=1)
    return tuple(CameraSpan(camera, ms_of(start), ms_of(start) + length) for camera in cameras for start in starts)


def last_day_of(expires_ms: int, zone: str) -> str:
    """Return the last day on which stills may be used, 2026-12-31, by the district's clocks."""
    return f"{(datetime_of_ms(expires_ms) - timedelta(milliseconds=1)).astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def mark_of(number: str, recipient: str, expires_ms: int, zone: str) -> str:
    """Return what stands over each still: whose request, for whom, until when."""
    return f"{number} · For {recipient} · Remove by {last_day_of(expires_ms, zone)}"
