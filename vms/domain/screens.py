"""Enrolled screens: browsers that IT named, and what a session that was opened at one may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import BranchId, ScreenId

CODE_LASTS = timedelta(hours=1)
"""So long the code of a new screen enrols a browser."""


class ScreenKind(StrEnum):
    WORKSTATION = "workstation"
    """A desk at which people watch in shifts: watching keeps the session open, and it locks when nobody acts."""
    WALL = "wall"
    """A display that shows live pictures and takes no hand."""


class SessionKind(StrEnum):
    ORDINARY = "ordinary"
    """Opened at a browser that is no workstation, the one of a wall before it shows the wall too."""
    WORKSTATION = "workstation"
    WALL = "wall"


@dataclass(frozen=True, slots=True)
class Screen:
    id: ScreenId
    name: str
    branch_id: BranchId
    kind: ScreenKind
    added_at: datetime
    code_ends_at: datetime | None = None
    """Until when its code enrols a browser; None once it did."""
    enrolled_at: datetime | None = None
    seen_at: datetime | None = None
    """When somebody last signed in, acted or watched there."""
