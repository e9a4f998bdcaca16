"""A package that somebody asked for: how far its making has come, and when its working copy goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.export_scope import Terms
from vms.domain.ids import ApprovalId, PackageId, RequestId
from vms.domain.timespan import datetime_of_ms

READY_LASTS = timedelta(days=14)
"""A package that did not leave by then does not leave: its approval is asked for anew."""
MOST_TRIES = 3
"""A making that ends with its process is begun again so often."""


class PackageState(StrEnum):
    WAITING = "waiting"
    MAKING = "making"
    READY = "ready"
    """It passed its gate, and lies on the server."""
    FAILED = "failed"
    GONE = "gone"
    """There is none any more, or never was; the sentence says why."""
    PROVING = "proving"
    """Of a sealed request: it lies on the server, and waits for the checkpoint that holds its entry in the log."""


LIVE = frozenset({PackageState.WAITING, PackageState.MAKING, PackageState.PROVING, PackageState.READY})
"""A request has one of these at the most."""


@dataclass(frozen=True, slots=True)
class MadePackage:
    id: PackageId
    request: RequestId
    approval: ApprovalId
    scope_version: int
    sha256: str
    """Of the scope that it is made of."""
    asked_by: str
    """`Actor.label`"""
    asked_by_name: str
    asked_at: datetime
    state: PackageState = PackageState.WAITING
    since: datetime | None = None
    """None: since it was asked for."""
    tries: int = 0
    sentence: str = ""
    """Why it failed, or went."""
    manifest: str = ""
    """SHA-256 of its manifest, once it is ready."""
    folder: str = ""
    """Its name below the package's own in `packages`: of a folder, or of one file where it is encrypted."""
    files: int = 0
    size_bytes: int = 0
    missing: int = 0
    """Stretches of time that were asked for and are not in it."""
    identity: bytes = b""
    """What opens it where it lies encrypted, itself encrypted under the request's key; empty: it is a plain folder."""
    log_position: int | None = None
    """Of a sealed request: where its entry stands among what the log has sealed."""

    def leaves_until(self, terms: Terms) -> datetime:
        """Return until when it may leave, once it is ready; `terms`: those that were approved."""
        ends = (self.since or self.asked_at) + READY_LASTS
        return ends if terms.expires_ms is None else min(ends, datetime_of_ms(terms.expires_ms))
