"""The Delegate's role, lent for some days to an account that has a role of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vms.domain.ids import DelegationId
from vms.domain.reach import Reach


@dataclass(frozen=True, slots=True)
class Delegation:
    """What the Director lends. It takes no job to begin or to end it: both follow from the moments."""

    id: DelegationId
    starts_at: datetime
    ends_at: datetime
    reach: Reach | None
    """Where; None means the whole district."""

    def lasts(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at
