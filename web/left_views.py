"""Look every few seconds for recordings left open at a screen that has locked, and close them in the log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError

from vms.clock import Clock
from vms.log import get_logger
from vms.services.left_views import close_left_views, left_views
from vms.store.database import Engines

LOOK_SECONDS = 4.0
"""A view is closed so long at most after the session at its screen has locked or ended."""

log = get_logger(__name__)


@dataclass(slots=True)
class LeftViews:
    """One per process; as long as the site is served."""

    central: Engines
    clock: Clock
    look_seconds: float = LOOK_SECONDS
    _thread: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(self.look_seconds)
            try:
                await to_thread.run_sync(self.look, limiter=self._thread)
            except SQLAlchemyError as err:
                # Nothing is shown meanwhile: each request of footage asks for the session itself.
                log.error("central database failed", path="left views", reason=type(err).__name__)

    def look(self) -> None:
        """Write only where something was left. Blocking."""
        at = self.clock.now()
        with self.central.reading() as session:
            if not left_views(session, at=at):
                return
        with self.central.writing() as session:
            close_left_views(session, at=at)
