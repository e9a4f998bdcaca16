"""What a package of footage says: whose request it answers, which recorded octets stand in which file, and what is missing.

Times are 90 kHz ticks since 1970, half-open, as in the recordings; local time stands only in what people read.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise

from vms.domain.approval_proof import ApprovalAssertion
from vms.domain.footage import Gap, GapReason
from vms.domain.ids import ApprovalId, CameraId, SegmentId, StreamId
from vms.domain.redaction import CameraPlan, RedactionPlan
from vms.domain.timespan import Timespan, datetime_of, ticks_of

FORMAT = "custodian package 1"
MAX_PATH = 120
"""Characters of a path with the package's own folder: Windows programs of old take 260 of the whole path."""
_SLUG_CHARS = 24


@dataclass(frozen=True, slots=True)
class Cut:
    """What of one recorded segment stands in a file: a run of its octets, exactly as they were recorded."""

    segment: SegmentId
    start_ticks: int
    end_ticks: int
    samples: int
    offset: int
    """Where its sample payloads begin in the file; they follow each other without anything between."""
    size_bytes: int
    recorded_sha256: bytes
    """`media_sha256` of the whole segment, as the recorder wrote it down."""
    whole: bool
    """Whether all of the segment is here; only then the recorded digest is the one of these octets."""


@dataclass(frozen=True, slots=True)
class Part:
    """One MP4 file: unbroken recording of one camera."""

    start_ticks: int
    shown_from_ticks: int
    """A player begins here: pictures need the keyframe before them, which may lie before what was asked for."""
    end_ticks: int
    codec: str
    plays_everywhere: bool
    """H.264 with 8 bits and 4:2:0: what is anything else gets a viewing copy."""
    width: int
    height: int
    samples: int
    keyframes: tuple[int, ...]
    """When each GOP begins."""
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class CameraScope:
    """What of one camera goes into a package."""

    camera_id: CameraId
    stream_id: StreamId
    camera: str
    branch: str
    zone: str
    """Of the branch: the local time that people read."""
    device: str
    """Maker, model, serial number, as far as they are known."""
    spans: tuple[Timespan, ...]


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One line of the custody report."""

    at: datetime
    who: str
    what: str
    log_entry: int | None = None
    """The number of the access log's entry that says so."""


@dataclass(frozen=True, slots=True)
class OrderApproval:
    """The yes that a package is made under, as its manifest tells it."""

    id: ApprovalId
    scope: str
    """The canonical text of what was approved (FORMATS §10)."""
    by: str
    at: datetime
    proof: str
    assertion: ApprovalAssertion | None


@dataclass(frozen=True, slots=True)
class Order:
    """An approved request, as a package tells of it: what to cut, and what its papers say."""

    district: str
    request: str
    """The number by which the district knows it, e.g. 2026-014."""
    cameras: tuple[CameraScope, ...]
    facts: tuple[tuple[str, str], ...]
    """What the custody report says first, in order: instrument, who asked, how that was verified, approval, counsel …"""
    events: tuple[CustodyEvent, ...] = ()
    redaction: RedactionPlan | None = None
    """Of the cameras in it the package has redacted copies, and not what was recorded."""
    approval: OrderApproval | None = None
    mark: str = ""
    """Not empty: the package has one picture of each time with these words over it, and nothing of what was recorded."""

    def redacts(self, scope: CameraScope) -> CameraPlan | None:
        plans = self.redaction.cameras if self.redaction is not None else ()
        return next((plan for plan in plans if plan.camera == scope.camera_id), None)


@dataclass(frozen=True, slots=True)
class Missing:
    """Time that was asked for and is not in the package."""

    camera_id: CameraId
    start_ticks: int
    end_ticks: int
    reason: str
    """A `GapReason`, or "unexplained"."""


@dataclass(frozen=True, slots=True)
class Video:
    """A file of the package, with the digests that were computed from it after it was written."""

    path: str
    camera_id: CameraId
    part: Part
    sha256: bytes
    size_bytes: int
    cut_sha256: tuple[bytes, ...]


class CopyKind(StrEnum):
    VIEWING = "viewing"
    """In H.264, beside the recording."""
    REDACTED = "redacted"
    """In the stead of the recording."""
    STILL = "still"
    """One picture with a mark over it, as PNG, in the stead of the recording."""


@dataclass(frozen=True, slots=True)
class PictureCopy:
    """A file of pictures that were encoded anew: declared as what it is, and of which recording."""

    path: str
    kind: CopyKind
    of: Video
    """Only a viewing copy's is in the package."""
    pictures: int
    keyframes: tuple[int, ...]
    """When each GOP begins, in ticks since the first picture."""
    sha256: bytes
    size_bytes: int

    @property
    def camera_id(self) -> CameraId:
        return self.of.camera_id

    @property
    def start_ticks(self) -> int:
        return self.of.part.shown_from_ticks

    @property
    def end_ticks(self) -> int:
        return self.start_ticks if self.kind is CopyKind.STILL else self.of.part.end_ticks


@dataclass(frozen=True, slots=True)
class ClockRecord:
    """How far the camera's own clock was from the server's, by what it said while it recorded."""

    least_ms: int | None
    most_ms: int | None
    silent_segments: int
    """Segments for which it said nothing."""


def canonical(document: object) -> bytes:
    """Return JSON by RFC 8785; `document` has text, whole numbers, truth values, lists, and objects with ASCII names alone."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def signed_text(log: str, request: str, manifest: bytes) -> str:
    """Return what the log's key signs of a package: no checkpoint can read so, whose second line is a size."""
    return f"{log}\npackage {request}\n{sha256(manifest).hexdigest()}\n"


def video_name(number: int, scope: CameraScope, start_ticks: int, folder: str = "video") -> str:
    """Return a file's path in the package: in order, ASCII, without what Windows refuses."""
    return f"{folder}/{number:03}_{_slug(scope.branch)}_{_slug(scope.camera)}_{datetime_of(start_ticks):%Y%m%dT%H%M%SZ}.mp4"


def folder_name(request: str) -> str:
    return f"EXPORT-{_slug(request)}"


def missing_of(scope: CameraScope, parts: Sequence[Part], gaps: Sequence[Gap]) -> list[Missing]:
    """Return what of the spans no part shows, each stretch with the reason of the gap that it falls into."""
    found: list[Missing] = []
    for span in scope.spans:
        at, end = ticks_of(span.start), ticks_of(span.end)
        for part in sorted(parts, key=lambda one: one.start_ticks):
            if part.end_ticks <= at or part.shown_from_ticks >= end:
                continue
            found += _missing(scope.camera_id, at, part.shown_from_ticks, gaps)
            at = part.end_ticks
        found += _missing(scope.camera_id, at, end, gaps)
    return found


def _missing(camera: CameraId, start: int, end: int, gaps: Sequence[Gap]) -> list[Missing]:
    """Cut a stretch at the borders of the gaps in it."""
    if end <= start:
        return []
    known = [(max(start, ticks_of(gap.start)), end if gap.end is None else min(end, ticks_of(gap.end)), gap.reason) for gap in gaps]
    borders = sorted({start, end, *(border for first, last, _ in known if first < last for border in (first, last))})
    pieces = [Missing(camera, first, last, _reason(first, last, known)) for first, last in pairwise(borders)]
    return _joined(pieces)


def _reason(start: int, end: int, known: Iterable[tuple[int, int, GapReason]]) -> str:
    return next((reason.value for first, last, reason in known if first <= start and end <= last), "unexplained")


def _joined(pieces: Sequence[Missing]) -> list[Missing]:
    """Join neighbours of one reason: gaps of the index may overlap."""
    joined: list[Missing] = []
    for piece in pieces:
        if joined and joined[-1].reason == piece.reason:
            joined[-1] = Missing(piece.camera_id, joined[-1].start_ticks, piece.end_ticks, piece.reason)
        else:
            joined.append(piece)
    return joined


def manifest_of(  # noqa: PLR0913 - a manifest has so many parts
    order: Order,
    *,
    log: str,
    software: str,
    made_at: datetime,
    videos: Sequence[Video],
    copies: Sequence[PictureCopy],
    missing: Sequence[Missing],
    clocks: Mapping[CameraId, ClockRecord],
    files: Mapping[str, tuple[bytes, int]],
) -> bytes:
    """Return the manifest: everything that the signature is over. `files`: SHA-256 and size of what else is in the folder, by path."""
    filmed: list[Video | PictureCopy] = [*videos, *copies]
    return canonical(
        {
            "format": FORMAT,
            "district": order.district,
            "request": order.request,
            "log": log,
            "software": software,
            "made_at": ticks_of(made_at),
            "cameras": [_camera(scope, clocks[scope.camera_id]) for scope in order.cameras],
            "videos": [_video(video) for video in videos],
            "copies": [_copy(one) for one in copies],
            "redaction_plan_sha256": None if order.redaction is None else order.redaction.digest.hex(),
            "approval": None if order.approval is None else _approval(order.approval),
            "missing": [_gap(one) for one in missing],
            "files": {path: {"sha256": digest.hex(), "size": size} for path, (digest, size) in files.items()}
            | {one.path: {"sha256": one.sha256.hex(), "size": one.size_bytes} for one in filmed},
        }
    )


def _approval(approval: OrderApproval) -> dict[str, object]:
    signed = approval.assertion
    return {
        "id": str(approval.id),
        "scope": approval.scope,
        "by": approval.by,
        "at": ticks_of(approval.at),
        "proof": approval.proof,
        "assertion": None
        if signed is None
        else {
            "rp_id": signed.rp_id,
            "nonce": signed.nonce.hex(),
            "authenticator_data": signed.authenticator_data.hex(),
            "client_data": signed.client_data.hex(),
            "signature": signed.signature.hex(),
            "public_key": signed.public_key.hex(),
        },
    }


def _camera(scope: CameraScope, clock: ClockRecord) -> dict[str, object]:
    return {
        "id": str(scope.camera_id),
        "name": scope.camera,
        "branch": scope.branch,
        "zone": scope.zone,
        "device": scope.device,
        "spans": [[ticks_of(span.start), ticks_of(span.end)] for span in scope.spans],
        "clock": {"least_ms": clock.least_ms, "most_ms": clock.most_ms, "silent_segments": clock.silent_segments},
    }


def _video(video: Video) -> dict[str, object]:
    part = video.part
    return {
        "path": video.path,
        "camera": str(video.camera_id),
        "start": part.start_ticks,
        "shown_from": part.shown_from_ticks,
        "end": part.end_ticks,
        "codec": part.codec,
        "width": part.width,
        "height": part.height,
        "samples": part.samples,
        "segments": [_cut(cut, digest) for cut, digest in zip(part.cuts, video.cut_sha256, strict=True)],
    }


def _copy(one: PictureCopy) -> dict[str, object]:
    return {
        "path": one.path,
        "kind": one.kind.value,
        "camera": str(one.camera_id),
        "start": one.start_ticks,
        "end": one.end_ticks,
        "pictures": one.pictures,
        "of": one.of.path if one.kind is CopyKind.VIEWING else None,
        "of_sha256": one.of.sha256.hex(),
    } | ({"recorded": [_named(cut) for cut in one.of.part.cuts]} if one.kind is CopyKind.STILL else {})


def _named(cut: Cut) -> dict[str, object]:
    """Return what a recorded segment is known by that is not in the package."""
    return {"id": cut.segment, "recorded_sha256": cut.recorded_sha256.hex()}


def _cut(cut: Cut, digest: bytes) -> dict[str, object]:
    return {
        "id": cut.segment,
        "start": cut.start_ticks,
        "end": cut.end_ticks,
        "samples": cut.samples,
        "offset": cut.offset,
        "size": cut.size_bytes,
        "sha256": digest.hex(),
        "recorded_sha256": cut.recorded_sha256.hex(),
        "whole": cut.whole,
    }


def _gap(one: Missing) -> dict[str, object]:
    return {"camera": str(one.camera_id), "start": one.start_ticks, "end": one.end_ticks, "reason": one.reason}


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_CHARS].strip("-") or "x"
