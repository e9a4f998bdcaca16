"""Write who did what into the access log, and read it, which is written too.

The log's origin is a parameter: a branch cut off keeps a log of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NotRequired, TypedDict, Unpack

from sqlalchemy.orm import Session

from vms.domain.access import OF_HOLDS, AccessEvent, Action, LogLine, Purpose
from vms.domain.ids import CameraId, ViewId
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Node, OsUser, Permission, Person, System, reach
from vms.domain.timespan import Timespan
from vms.services.refusals import not_allowed
from vms.store import access_log
from vms.store.access_log import together

__all__ = ["DISTRICT", "LIST_LIMIT", "LogPage", "Said", "event_of", "list_events", "name_of", "record", "refuse", "together"]

DISTRICT = "district"
LIST_LIMIT = 500


class Said(TypedDict):
    """What an event says; all but who, what and when may be left out."""

    actor: Actor
    action: Action
    at: datetime
    camera_id: NotRequired[CameraId | None]
    purpose: NotRequired[Purpose | None]
    span: NotRequired[Timespan | None]
    view_id: NotRequired[ViewId | None]
    detail: NotRequired[Mapping[str, str] | None]
    origin: NotRequired[str]


def record(session: Session, **said: Unpack[Said]) -> int:
    """Write one event and return its number. Call it last: it holds the log until the transaction ends.

    Where one transaction records many, `together` writes them at once, and their numbers are not known before.
    """
    return access_log.append(session, event_of(said))


def event_of(said: Said) -> AccessEvent:
    """Return the event without a number, as it is before the log has it."""
    actor = said["actor"]
    name, role = _signature(actor)
    return AccessEvent(
        number=0,
        origin=said.get("origin", DISTRICT),
        at=said["at"],
        actor=actor.label,
        actor_name=name,
        role=role,
        action=said["action"],
        camera_id=said.get("camera_id"),
        purpose=said.get("purpose"),
        span=said.get("span"),
        view_id=said.get("view_id"),
        detail=dict(said.get("detail") or {}) | _by_delegation(actor),
    )


def refuse(session: Session, actor: Actor, what: str, refused: Refused, *, at: datetime, camera_id: CameraId | None = None) -> Refused:
    """Write that `what` (an action, a permission or an address) was refused, and return the refusal, marked as written.

    It commits with the transaction that changed nothing.
    """
    detail = {"what": str(what), "why": refused.refusal.value, "sentence": refused.sentence}
    record(session, actor=actor, action=Action.ACCESS_REFUSE, at=at, camera_id=camera_id, detail=detail)
    return replace(refused, logged=True)


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the log."""

    lines: tuple[LogLine, ...]
    own_number: int
    """Of the entry that reading it wrote."""


def list_events(  # noqa: PLR0913 - what a reader may narrow the log by
    session: Session,
    actor: Actor,
    *,
    at: datetime,
    before: int | None = None,
    camera_id: CameraId | None = None,
    actions: frozenset[Action] | None = None,
    actor_label: str | None = None,
    during: Timespan | None = None,
    purposes: frozenset[Purpose] | None = None,
    watched: Timespan | None = None,
    limit: int = 100,
) -> LogPage | Refused:
    """Return events newest first, within the actor's reach; the reading itself is written as `log:read`.

    What tells of holds is left out for who may see no holds.

    `during`: written in that time. `watched`: about watching of that time, footage of it or live while it was.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.LOG_READ):
        return refuse(session, actor, Action.LOG_READ, not_allowed("read the access log", "the Director or an auditor"), at=at)
    if not actor.may(Permission.HOLD_READ):
        actions = (frozenset(Action) if actions is None else actions) - OF_HOLDS
    wanted = access_log.Filter(before, camera_id, actions, actor_label, during, purposes, watched)
    lines = tuple(access_log.lines(session, DISTRICT, reach(actor, Permission.LOG_READ), wanted, limit=min(limit, LIST_LIMIT)))
    detail = {"events": str(len(lines))} | ({"of": actor_label} if actor_label else {})
    own = record(session, actor=actor, action=Action.LOG_READ, at=at, camera_id=camera_id, span=watched or during, detail=detail)
    return LogPage(lines, own)


def _by_delegation(actor: Actor) -> dict[str, str]:
    """Return what names the delegation under which somebody acts: each act while it lasts may be one of the lent role."""
    return {} if not isinstance(actor, Person) or actor.delegation is None else {"delegation": str(actor.delegation.id)}


def name_of(actor: Actor) -> str:
    """Return the name under which an actor is written down."""
    return _signature(actor)[0]


def _signature(actor: Actor) -> tuple[str, str]:
    """Return the name and role under which an actor is written down."""
    match actor:
        case Person():
            return actor.name, actor.role.value
        case OsUser():
            return f"{actor.user}@{actor.host}", "console"
        case System():
            return actor.job, "system"
        case Node():
            return str(actor.id), "node"
