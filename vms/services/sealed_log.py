"""Write what only the holder of a matter's key may know into the access log, and read it, which is sealed too.

To everybody else a sealed entry is padding: in lists, counts, exports, proofs, in the log's growth and in what `vms log verify` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, encrypt, random_bytes
from vms.domain.access import AccessEvent, Action, Purpose, UnreadableEntry, body_of, line_of
from vms.domain.checkpoint import SALT_BYTES
from vms.domain.ids import CameraId, MatterId, ViewId
from vms.domain.people import Actor
from vms.domain.sealed_entry import bound_to, filled, text_in
from vms.domain.timespan import Timespan
from vms.errors import Corrupt
from vms.services.access_log import DISTRICT, LIST_LIMIT, event_by, record, together
from vms.store import access_log, access_sealed, matter_keys
from vms.store.access_sealed import SealedEntry

SealedLine: TypeAlias = AccessEvent | UnreadableEntry
"""Number 0: it waits for the next checkpoint."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What is secret together, and the key that reads it."""

    id: MatterId
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """How many entries now stand in the ordinary log, and how many wait for a checkpoint before they can."""

    published: int
    waiting: int


def new_matter(settings: Settings) -> Matter:
    """Begin a sealed matter: its key is in `secrets/` when this returns, and nothing else tells of it."""
    return open_matter(settings, matter_keys.make(settings.secrets_dir))


def open_matter(settings: Settings, matter: str) -> Matter:
    """Return a matter whose key this account can read. NotFound when there is no such key, ConfigError when it can't be read."""
    return Matter(*matter_keys.read(settings.secrets_dir, matter))


def destroy_matter(settings: Settings, matter: MatterId) -> None:
    """Destroy a matter's key: what it sealed can't be read any more, and the log verifies as before."""
    matter_keys.destroy(settings.secrets_dir, matter)


def record_sealed(  # noqa: PLR0913 - as `record`
    session: Session,
    matter: Matter,
    *,
    actor: Actor,
    action: Action,
    at: datetime,
    camera_id: CameraId | None = None,
    purpose: Purpose | None = None,
    span: Timespan | None = None,
    view_id: ViewId | None = None,
    detail: Mapping[str, str] | None = None,
    origin: str = DISTRICT,
) -> None:
    """Write one event that only the holder of the matter's key can read. Call it last: it holds the log until the transaction ends.

    It has no number before the next checkpoint.
    """
    event = event_by(actor, action, at, camera_id=camera_id, purpose=purpose, span=span, view_id=view_id, detail=detail, origin=origin)
    position = access_sealed.next_position(session, origin)
    sealed = encrypt(matter.key, filled(body_of(event)), bound_to(origin, matter.id, position))
    access_sealed.add(session, origin, position, matter.id, salt=random_bytes(SALT_BYTES), sealed=sealed)


def read_sealed(
    session: Session, matter: Matter, *, actor: Actor, at: datetime, limit: int = 100, origin: str = DISTRICT
) -> Sequence[SealedLine]:
    """Return the matter's events, newest first; the reading itself is sealed into the same matter.

    Corrupt when the key opens none of them.
    """
    lines = _opened(matter, access_sealed.of_matter(session, origin, matter.id, limit=min(limit, LIST_LIMIT)), origin)
    record_sealed(session, matter, actor=actor, action=Action.LOG_READ, at=at, detail={"events": str(len(lines))}, origin=origin)
    return lines


def unseal(session: Session, matter: Matter, *, actor: Actor, at: datetime, origin: str = DISTRICT) -> Unsealed:
    """Write for each sealed entry that has a number an ordinary one that says what it said, and when; nothing twice.

    Corrupt, and nothing is written, when one can't be read.
    """
    access_log.last_number(session, origin)  # two at once would publish everything twice
    told = _unsealed_before(session, matter, origin)
    found = [one for one in access_sealed.following(session, origin, matter.id) if str(one.number) not in told]
    events = _opened(matter, [one for one in found if one.number is not None], origin)
    with together(session):
        for event in events:
            if isinstance(event, UnreadableEntry):
                raise Corrupt(f"Sealed entry {event.number:,} can't be read: nothing is unsealed. Run: vms log verify")
            _publish(session, matter, event, actor=actor, at=at)
    return Unsealed(len(events), len(found) - len(events))


def _unsealed_before(session: Session, matter: Matter, origin: str) -> frozenset[str]:
    """Return the numbers of the entries that stand in the ordinary log already."""
    published = access_log.following(session, origin, frozenset({Action.LOG_UNSEAL}), after=0)
    return frozenset(event.detail.get("entry", "") for event in published if event.detail.get("matter") == matter.id)


def _publish(session: Session, matter: Matter, event: AccessEvent, *, actor: Actor, at: datetime) -> None:
    said = {
        "matter": matter.id,
        "entry": str(event.number),
        "written": event.at.isoformat(),
        "action": event.action.value,
        "actor": event.actor,
        "actor_name": event.actor_name,
        "role": event.role,
    }
    record(
        session,
        actor=actor,
        action=Action.LOG_UNSEAL,
        at=at,
        camera_id=event.camera_id,
        purpose=event.purpose,
        span=event.span,
        view_id=event.view_id,
        detail=said | {f"detail.{name}": value for name, value in event.detail.items()},
        origin=event.origin,
    )


def _opened(matter: Matter, entries: Sequence[SealedEntry], origin: str) -> list[SealedLine]:
    lines = [_line(matter, one, origin) for one in entries]
    if lines and all(isinstance(line, UnreadableEntry) for line in lines):
        raise Corrupt(
            f"The key of the matter {matter.id} opens none of its entries: it is another one. "
            f"Put secrets/{matter.id}.key back from the backup of secrets/."
        )
    return lines


def _line(matter: Matter, entry: SealedEntry, origin: str) -> SealedLine:
    number = entry.number or 0
    plaintext = decrypt(matter.key, entry.sealed, bound_to(origin, matter.id, entry.position))
    try:
        line = line_of(0, None if plaintext is None else text_in(plaintext))
    except ValueError:
        return UnreadableEntry(number)
    return replace(line, number=number)
