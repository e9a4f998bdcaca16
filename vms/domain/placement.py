"""The camera register: what each camera is for, what it must not see, and that the Director approved where it looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vms.domain.ids import CameraId

MAX_PURPOSE_CHARS = 300
MAX_MUST_NOT_CHARS = 500


class Check(StrEnum):
    """What somebody looks at on the camera's own picture before it is approved; each has to be so."""

    NO_PRIVATE_ROOM = "no-private-room"
    NO_READING = "no-reading"
    NO_NEIGHBOURS = "no-neighbours"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Placement:
    """An approval. It never changes; a later one takes its place."""

    camera_id: CameraId
    place: str
    """Branch and area, as they were called then."""
    purpose: str
    must_not_see: str
    approved_by: str
    """`Actor.label`"""
    approved_by_name: str
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A camera in use."""

    camera_id: CameraId
    name: str
    place: str
    """Branch and area now."""
    placement: Placement | None
    """None: where it looks was never approved."""

    @property
    def has_moved(self) -> bool:
        return self.placement is not None and self.placement.place != self.place

    @property
    def is_approved(self) -> bool:
        return self.placement is not None and not self.has_moved
