"""Lift a matter's seal: write what its entries say into the ordinary access log, then destroy its key, which nothing needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import AccessEvent, Action, UnreadableEntry
from vms.domain.people import Actor
from vms.services.access_log import DISTRICT, record, together
from vms.services.sealed_log import Matter, destroy_matter, line_in, require_key
from vms.store import access_log, access_sealed
from vms.store.access_sealed import SealedEntry


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What came of it. The key is destroyed when nothing waits and everything could be read."""

    published: int
    """Entries that were written into the access log now."""
    waiting: int
    """Entries without a number: they are published once a checkpoint gave them theirs."""
    unreadable: tuple[int, ...]
    """Numbers of the entries that the key does not open."""

    @property
    def over(self) -> bool:
        return not self.waiting and not self.unreadable


class Unsealing:
    """One lifting of a seal. Call `publish_page` until it says that nothing follows, then `end`; each in a transaction of its own.

    Nothing is published twice, by two at once neither, and one that is killed is taken up again by another.
    """

    def __init__(self, matter: Matter, *, actor: Actor, at: datetime, origin: str = DISTRICT) -> None:
        self._matter, self._actor, self._at, self._origin = matter, actor, at, origin
        self._told: set[str] = set()
        """Numbers of the entries that stand in the ordinary log."""
        self._looked_to = 0
        """Up to here in the ordinary log."""
        self._after = 0
        """Position of the last entry that was looked at."""
        self._published = self._waiting = 0
        self._unreadable: list[int] = []

    def publish_page(self, session: Session) -> bool:
        """Publish the next entries, and say whether more may follow. Corrupt when the key is another one."""
        self._look_at_the_log(session)  # most of it before the log is held
        access_log.last_number(session, self._origin)
        self._look_at_the_log(session)
        page = access_sealed.page_of_matter(session, self._origin, self._matter.id, after=self._after)
        require_key(session, self._matter, page, self._origin)
        with together(session):
            for entry in page:
                self._publish(session, entry)
        return bool(page)

    def end(self, session: Session, settings: Settings) -> Unsealed:
        """Say what came of it, and destroy the key when that is all: what was published is committed by now."""
        access_log.last_number(session, self._origin)  # nobody seals an entry meanwhile
        came_since = access_sealed.page_of_matter(session, self._origin, self._matter.id, after=self._after)
        unsealed = Unsealed(self._published, self._waiting + len(came_since), tuple(self._unreadable))
        if unsealed.over:
            destroy_matter(settings, self._matter.id)
        return unsealed

    def _look_at_the_log(self, session: Session) -> None:
        newest = access_log.newest(session, self._origin)
        for event in access_log.following(session, self._origin, frozenset({Action.LOG_UNSEAL}), after=self._looked_to):
            if event.detail.get("matter") == self._matter.id:
                self._told.add(event.detail.get("entry", ""))
        self._looked_to = newest

    def _publish(self, session: Session, entry: SealedEntry) -> None:
        self._after = entry.position
        if entry.number is None:
            self._waiting += 1
            return
        if str(entry.number) in self._told:
            return
        line = line_in(self._matter, entry, self._origin)
        if isinstance(line, UnreadableEntry):
            self._unreadable.append(entry.number)
            return
        self._record(session, line)
        self._published += 1

    def _record(self, session: Session, event: AccessEvent) -> None:
        said = {
            "matter": self._matter.id,
            "entry": str(event.number),
            "written": event.at.isoformat(),
            "action": event.action.value,
            "actor": event.actor,
            "actor_name": event.actor_name,
            "role": event.role,
        }
        record(
            session,
            actor=self._actor,
            action=Action.LOG_UNSEAL,
            at=self._at,
            camera_id=event.camera_id,
            purpose=event.purpose,
            span=event.span,
            view_id=event.view_id,
            detail=said | {f"detail.{name}": value for name, value in event.detail.items()},
            origin=event.origin,
        )
