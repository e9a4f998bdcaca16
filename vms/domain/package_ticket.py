"""A ticket: whoever has it and its passphrase may download a package, so often, until its day, unless it is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from vms.domain.ids import PackageId, ReleaseId, RequestId, TicketId

TICKET_LASTS = timedelta(days=7)
"""The longest; a package or an approval that ends before ends its tickets, too."""
MOST_TICKETS = 20
"""Of a package: enough for every passphrase that was lost."""


@dataclass(frozen=True, slots=True)
class PackageTicket:
    id: TicketId
    number: str
    """What is typed beside the passphrase; it opens nothing by itself."""
    package: PackageId
    request: RequestId
    release: ReleaseId
    """By which the package left with this ticket."""
    recipient: str
    by_name: str
    """Who handed it out."""
    at: datetime
    until: datetime
    most_downloads: int
    downloads: int = 0
    """That were begun: each counts, however far it came."""
    last_download_at: datetime | None = None
    revoked_at: datetime | None = None

    def ended(self, at: datetime) -> str:
        """Say why it opens nothing any more; empty while it does. The count is not looked at: a last download goes on."""
        if self.revoked_at is not None:
            return "It was taken back. Ask the Library for a new one."
        return "Its time is over. Ask the Library for a new one." if self.until <= at else ""

    def is_used_up(self) -> bool:
        return self.downloads >= self.most_downloads
