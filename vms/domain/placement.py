"""The camera register: what each camera is for, what it must not see, and that the Director approved where it looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from vms.domain.camera import CameraDetails, RecordingMode
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


def place_of(details: CameraDetails) -> str:
    return details.branch.name if details.area is None else f"{details.branch.name}/{details.area.name}"


def live_until_approved(details: CameraDetails, placement: Placement | None) -> CameraDetails:
    """Return a camera as it is recorded where an approval is required: without one of its place only live, so that it can be looked at."""
    approved = placement is not None and placement.place == place_of(details)
    if approved or details.camera.recording_mode is RecordingMode.OFF:
        return details
    return replace(details, camera=replace(details.camera, recording_mode=RecordingMode.LIVE_ONLY))
