"""What footage is to leave, for whom and how: one canonical text, whose SHA-256 an approval is of (vms/FORMATS.md §10)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import groupby

from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId, RequestId

FORMAT = 1
MOST_CAMERAS = 100
MOST_SPANS = 500
LATEST_UNTIL = timedelta(days=366)
"""So far ahead may the last day of handing over lie, or of using stills: what lasts longer is asked for anew."""
_MS_PER_MINUTE = 60_000


class Delivery(StrEnum):
    """How what is approved is disclosed: the ways in which a package leaves, and one in which no file does."""

    BY_HAND = "by-hand"
    """A plain folder on a new medium."""
    DOWNLOAD = "download"
    ENCRYPTED_FILE = "encrypted-file"
    ON_SITE = "on-site"
    """Shown to whoever asks at a screen of the Library: no package is made."""


@dataclass(frozen=True, slots=True, order=True)
class CameraSpan:
    """A camera from `start_ms` up to, not including, `end_ms`: milliseconds since 1970, UTC."""

    camera_id: CameraId
    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms:
            raise ValueError(f"a span of footage ends after it starts: {self.start_ms} to {self.end_ms}")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms footage is to leave."""

    recipient: str
    delivery: Delivery = Delivery.BY_HAND
    redact: str = ""
    """Who or what is to be made unrecognisable; empty: nothing."""
    conditions: str = ""
    """What the recipient is held to; may be empty."""
    expires_ms: int | None = None
    """It is handed over, or shown, before; None: as long as the approval lasts."""


@dataclass(frozen=True, slots=True)
class ExportScope:
    """Cameras × spans and the terms. Make one with `scope_of`: two that ask for the same have the same text."""

    footage: tuple[CameraSpan, ...]
    local_time: str
    """The time as whoever asked gave it, in words."""
    terms: Terms

    @property
    def cameras(self) -> frozenset[CameraId]:
        return frozenset(one.camera_id for one in self.footage)

    @property
    def camera_minutes(self) -> int:
        """Return how much it is, a part of a minute as a whole one."""
        return -(-sum(one.end_ms - one.start_ms for one in self.footage) // _MS_PER_MINUTE)

    def by_time(self) -> dict[HeldTime, frozenset[CameraId]]:
        """Return the cameras by the span in which they are asked for: a hold has one span for all its cameras."""
        found: dict[HeldTime, set[CameraId]] = {}
        for one in self.footage:
            found.setdefault(HeldTime(one.start_ms, one.end_ms), set()).add(one.camera_id)
        return {time: frozenset(cameras) for time, cameras in found.items()}

    def covers(self, footage: Iterable[CameraSpan]) -> bool:
        """Say whether it has all of `footage`."""
        return all(
            any(mine.camera_id == one.camera_id and mine.start_ms <= one.start_ms and one.end_ms <= mine.end_ms for mine in self.footage)
            for one in joined(footage)
        )


def scope_of(footage: Iterable[CameraSpan], local_time: str, terms: Terms) -> ExportScope:
    """Return the scope of `footage` in order, spans of a camera that touch or overlap as one; ValueError when it can't be one."""
    spans = joined(footage)
    if not spans:
        raise ValueError("Name at least one camera and the time that is asked for.")
    if len({one.camera_id for one in spans}) > MOST_CAMERAS or len(spans) > MOST_SPANS:
        raise ValueError(f"A request is about at most {MOST_CAMERAS} cameras and {MOST_SPANS} spans. Enter several.")
    return ExportScope(spans, local_time, terms)


def text_of(request: RequestId, scope: ExportScope) -> str:
    """Return the canonical text (JSON by RFC 8785) of what is asked for in `request`."""
    terms = scope.terms
    told = {
        "conditions": terms.conditions,
        "delivery": terms.delivery.value,
        "expires_ms": terms.expires_ms,
        "footage": [{"camera": str(one.camera_id), "end_ms": one.end_ms, "start_ms": one.start_ms} for one in scope.footage],
        "format": FORMAT,
        "local_time": scope.local_time,
        "recipient": terms.recipient,
        "redact": terms.redact,
        "request": str(request),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def digest_of(text: str) -> str:
    """Return the SHA-256 of a canonical text in 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def scope_from(text: str) -> ExportScope:
    """Return the scope that `text_of` wrote; ValueError when it did not."""
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise ValueError(f"a scope of format {told['format']}")
        terms = Terms(told["recipient"], Delivery(told["delivery"]), told["redact"], told["conditions"], told["expires_ms"])
        return ExportScope(tuple(_span(one) for one in told["footage"]), told["local_time"], terms)
    except (LookupError, TypeError) as err:
        raise ValueError("no scope of an export") from err


def joined(footage: Iterable[CameraSpan]) -> tuple[CameraSpan, ...]:
    """Return `footage` in order, spans of a camera that touch or overlap as one."""
    found: list[CameraSpan] = []
    for _, spans in groupby(sorted(footage), key=lambda one: one.camera_id):
        last: CameraSpan | None = None
        for span in spans:
            if last is not None and span.start_ms <= last.end_ms:
                last = CameraSpan(last.camera_id, last.start_ms, max(last.end_ms, span.end_ms))
                found[-1] = last
            else:
                last = span
                found.append(span)
    return tuple(found)


def _span(told: Mapping[str, int | str]) -> CameraSpan:
    return CameraSpan(CameraId(int(told["camera"])), int(told["start_ms"]), int(told["end_ms"]))
