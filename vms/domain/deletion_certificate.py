"""What was deleted in a month: what each machine says of it, and the certificate that the hub makes of that and signs.

Months are those of UTC, as the days of the purge log are.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256

from vms.domain.digest import Month
from vms.domain.ids import CameraId, PolicyVersion
from vms.domain.timespan import Timespan

WAITS = timedelta(days=7)
"""So long after its end a month waits for machines that have not told it; then the certificate says which have not."""
_SIGNED = "certificate of deletion"


@dataclass(frozen=True, slots=True)
class CameraPurges:
    """What was destroyed of a camera's footage in a month. Times are milliseconds since 1970."""

    camera_id: CameraId
    segments: int
    size_bytes: int
    first_ms: int
    end_ms: int
    hold_seqs: tuple[int, ...]
    """Of the purges: by them the hub knows the versions of the policy. They go on with holds that nobody is to learn of."""
    early: int = 0
    """Of the segments: before their day, because disks were full."""


@dataclass(frozen=True, slots=True)
class CameraLeft:
    """What of a camera is past its window when a machine tells its month; of what sealed holds alone keep nothing is told."""

    camera_id: CameraId
    held: int
    """Segments that holds keep."""
    overdue: int
    """Segments that nothing keeps, for longer than a pass takes to come."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Why nothing, or not everything, is destroyed, and since when."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class PurgeMonth:
    """A month of one machine's purge log."""

    month: str
    """2026-11"""
    told_at: datetime
    cameras: tuple[CameraPurges, ...]
    left: tuple[CameraLeft, ...]
    paused: Paused | None
    position: int
    """Of its last entry up to the end of the month, over the whole log; 0: there is none."""
    hash: str
    """Of that entry, in hexadecimal digits."""
    broken_at: int | None


@dataclass(frozen=True, slots=True)
class BranchPurges:
    branch: str
    segments: int
    size_bytes: int
    first: datetime
    last: datetime
    policy_versions: tuple[PolicyVersion, ...]
    early: int = 0
    """Of the segments: before their day, because disks were full."""


@dataclass(frozen=True, slots=True)
class MachineProof:
    """Where a machine's purge log stood at the end of the month, and what it could not destroy."""

    machine: str
    position: int
    hash: str
    broken_at: int | None
    log_entry: int | None
    """The first entry of the access log that has the position, or one behind it."""
    told_at: datetime
    held_cameras: int
    held_segments: int
    overdue_segments: int
    paused: Paused | None


@dataclass(frozen=True, slots=True)
class DeletionCertificate:
    """What the JSON says, and the PDF in words. It names branches and no cameras: of one whose footage goes on being kept it would tell."""

    district: str
    log: str
    """The access log that the machines' purge logs are written into, by the name it is signed under."""
    month: str
    during: Timespan
    made_at: datetime
    branches: tuple[BranchPurges, ...]
    machines: tuple[MachineProof, ...]
    missing: tuple[str, ...]
    """Machines that have not told their month."""
    records: dict[str, int]
    """Other than footage: how many went, by kind."""
    log_entries: int
    """Numbers of the access log whose texts were erased."""


def during(month: Month) -> Timespan:
    first, after = (datetime.combine(one, time(), UTC) for one in (month.first, month.after))
    return Timespan(first, after)


def month_of(text: str) -> Month:
    """Return the month that 2026-11 names; ValueError for what names none."""
    if len(text) != 7:
        raise ValueError("no month")
    return Month(date.fromisoformat(f"{text}-01"))


def signed_text(log: str, month: str, document: str) -> str:
    """Return what is signed: no checkpoint can read so, whose second line is a size."""
    digest = base64.b64encode(sha256(document.encode()).digest()).decode()
    return f"{log}\n{_SIGNED} {month}\n{digest}\n"


def signed_month(text: str) -> str:
    """Return the month that a text as `signed_text` makes it is about; of another text, what stands there."""
    return text.partition("\n")[2].partition("\n")[0].removeprefix(f"{_SIGNED} ")
