"""A package that left: on which medium, by whom, to whom, and whether the medium gave back what was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vms.domain.ids import PackageId, ReleaseId, RequestId

MAX_MEDIUM_CHARS = 120


@dataclass(frozen=True, slots=True)
class Medium:
    """What tells one medium from another."""

    label: str
    """As people call it, or its maker and model."""
    serial: str

    def __str__(self) -> str:
        return ", ".join(one for one in (self.label, self.serial and f"serial number {self.serial}") if one)


@dataclass(frozen=True, slots=True)
class PackageRelease:
    id: ReleaseId
    package: PackageId
    request: RequestId
    medium: Medium
    taken_by: str
    """Who took it."""
    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime
    """It was in the access log then; the first octet came after that."""
    read_back_at: datetime | None = None
    """None: the copying ended before it was whole, and may be begun again."""
