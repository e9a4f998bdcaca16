"""The purge log: what was destroyed, by which rule, knowing which holds. Each entry's hash is over the one before, too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from hashlib import sha256

from vms.domain import merkle
from vms.domain.ids import CameraId, StreamId

FIRST_HASH = bytes(32)
"""What stands before the first entry."""


class PurgeReason(StrEnum):
    """Why footage went."""

    WINDOW = "window"
    """Its window was over."""
    DISK_FULL = "disk_full"
    """Before that: the disks were full, and the policy lets what is past its floor go then."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Segments of one stream that are condemned together. Times are milliseconds since 1970."""

    number: int
    stream_id: StreamId
    camera_id: CameraId
    first_ms: int
    """Start of the first segment."""
    last_ms: int
    """Start of the last."""
    end_ms: int
    """End of the last, rounded up."""
    segments: int
    size_bytes: int
    keep_ms: int
    """The rule by which they went: how long the stream is kept, or, of what went before its day, its floor."""
    hold_seq: int
    """All holds up to this change were known."""
    condemned_ms: int
    reason: PurgeReason = PurgeReason.WINDOW


BATCH_NAMES = tuple(field.name for field in fields(Batch))


@dataclass(frozen=True, slots=True)
class Purge:
    """A batch that is gone."""

    batch: Batch
    position: int
    """From 1 without a hole."""
    erased_ms: int
    root: bytes
    """Of the Merkle tree over the segments' file digests, by start."""

    @property
    def text(self) -> str:
        """The canonical text of the entry: JSON in the order of its keys, without a space. What went on its day names no reason."""
        told = {name: getattr(self.batch, name) for name in BATCH_NAMES}
        told |= {"position": self.position, "erased_ms": self.erased_ms, "root": self.root.hex()}
        if self.batch.reason is PurgeReason.WINDOW:
            del told["reason"]
        return json.dumps(told, separators=(",", ":"), sort_keys=True)

    def hash_after(self, before: bytes) -> bytes:
        """Return the entry's hash, given that of the entry before it (`FIRST_HASH` for the first)."""
        return sha256(before + self.text.encode()).digest()


@dataclass(frozen=True, slots=True)
class PurgeHead:
    """How far a node's purge log has come."""

    position: int
    hash: bytes
    segments: int
    """Erased on the day before (UTC)."""
    size_bytes: int


def root_of(digests: Sequence[bytes]) -> bytes:
    """Return the root of the Merkle tree (RFC 6962) whose leaves are `digests`."""
    levels = [[merkle.leaf_hash(digest) for digest in digests]]
    while len(levels[-1]) > 1:
        levels.append(merkle.parents(levels[-1]))
    return merkle.root(len(digests), lambda level, index: levels[level][index])
