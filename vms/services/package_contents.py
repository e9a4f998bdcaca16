"""What the papers of a package tell of, and how each writes a moment and a digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vms.domain.ids import CameraId
from vms.domain.package import ClockRecord, CopyKind, Missing, Order, PictureCopy, Video


@dataclass(frozen=True, slots=True)
class Contents:
    order: Order
    videos: tuple[Video, ...]
    copies: tuple[PictureCopy, ...]
    missing: tuple[Missing, ...]
    clocks: Mapping[CameraId, ClockRecord]
    key: str
    """The district's verifier key."""
    fingerprint: str
    software: str
    made_at: datetime

    def copied(self, kind: CopyKind) -> list[PictureCopy]:
        return [one for one in self.copies if one.kind is kind]


def spaced(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}Z"
