"""Identifiers, each its own type so that two can't be swapped.

Numbers are random 52-bit integers: exact in JavaScript, and a database restored from an old backup never hands out a
number that footage on disk already carries.
"""

from __future__ import annotations

import secrets
from typing import NewType

BranchId = NewType("BranchId", int)
AreaId = NewType("AreaId", int)
DeviceId = NewType("DeviceId", int)
CameraId = NewType("CameraId", int)
StreamId = NewType("StreamId", int)
NodeId = NewType("NodeId", int)
PersonId = NewType("PersonId", int)
SessionId = NewType("SessionId", int)
ScreenId = NewType("ScreenId", int)
ProposalId = NewType("ProposalId", int)
DelegationId = NewType("DelegationId", int)
EmergencyId = NewType("EmergencyId", int)
HoldId = NewType("HoldId", int)
SpotCheckId = NewType("SpotCheckId", int)
RequestId = NewType("RequestId", int)
ApprovalId = NewType("ApprovalId", int)
PackageId = NewType("PackageId", int)
ReleaseId = NewType("ReleaseId", int)
TicketId = NewType("TicketId", int)
DownloadId = NewType("DownloadId", int)
ShowingId = NewType("ShowingId", int)
PrivacyReviewId = NewType("PrivacyReviewId", int)
TrainingId = NewType("TrainingId", int)
ComplaintId = NewType("ComplaintId", int)
InquiryId = NewType("InquiryId", int)
PolicyVersion = NewType("PolicyVersion", int)
"""Counts up from 1 over all places of the district."""
VolumeId = NewType("VolumeId", str)
"""UUID text, as in the volume's identity file."""
ViewId = NewType("ViewId", str)
"""22 characters of URL-safe base64: 128 random bits."""
MatterId = NewType("MatterId", str)
"""32 hex digits, 128 random bits: what the key of a sealed matter is filed under."""
SegmentId = NewType("SegmentId", str)
"""32 hex digits: stream id (8 bytes, big-endian) then start_ms (8 bytes, big-endian)."""


def new_number() -> int:
    """Return a random positive integer below 2**52."""
    return secrets.randbelow((1 << 52) - 1) + 1


def new_view_id() -> ViewId:
    return ViewId(secrets.token_urlsafe(16))


def new_matter_id() -> MatterId:
    return MatterId(secrets.token_hex(16))


def segment_id(stream: StreamId, start_ms: int) -> SegmentId:
    """Name the segment of `stream` that starts `start_ms` milliseconds after the epoch."""
    return SegmentId(f"{stream:016x}{start_ms:016x}")


def split_segment_id(segment: SegmentId) -> tuple[StreamId, int]:
    """Return stream and start_ms of a segment id; ValueError for anything that is not 32 lower-case hex digits."""
    if len(segment) != 32 or segment != segment.lower():
        raise ValueError(f"not a segment id (32 hex digits): {segment!r}")
    raw = bytes.fromhex(segment)
    if len(raw) != 16:
        raise ValueError(f"not a segment id (32 hex digits): {segment!r}")
    return StreamId(int.from_bytes(raw[:8])), int.from_bytes(raw[8:])
