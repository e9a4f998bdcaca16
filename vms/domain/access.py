"""Who saw what, why: purposes, views and the events of the access log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import CameraId, StreamId, ViewId
from vms.domain.timespan import EPOCH, Timespan

VIEW_DEADLINE = timedelta(minutes=15)
"""A view ends by itself after this long unless it is extended."""
_MICROSECOND = timedelta(microseconds=1)


class Purpose(StrEnum):
    LIVE = "live"
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    REQUEST = "request"


class Action(StrEnum):
    """object:verb. A retired action stays listed."""

    SESSION_OPEN = "session:open"
    SESSION_REFUSE = "session:refuse"
    SESSION_CLOSE = "session:close"
    VIEW_OPEN = "view:open"
    VIEW_EXTEND = "view:extend"
    VIEW_CLOSE = "view:close"
    FOOTAGE_READ = "footage:read"
    CAMERA_ADD = "camera:add"
    CAMERA_EDIT = "camera:edit"
    CAMERA_REMOVE = "camera:remove"
    CAMERA_TEST = "camera:test"
    CAMERA_PAUSE = "camera:pause"
    CAMERA_RESUME = "camera:resume"
    BRANCH_ADD = "branch:add"
    PERSON_ADD = "person:add"
    PERSON_CONFIRM = "person:confirm"
    PERSON_INVITE = "person:invite"
    PERSON_JOIN = "person:join"
    """The invited chose a password."""
    PERSON_DISABLE = "person:disable"
    PERSON_PASSWORD = "person:password"  # noqa: S105 - the name of an act
    FACTOR_ADD = "factor:add"
    FACTOR_REMOVE = "factor:remove"
    IDENTITY_LINK = "identity:link"
    """An account is opened by the district's sign-in from now on, too."""
    IDENTITY_UNLINK = "identity:unlink"
    SESSION_PROVE = "session:prove"
    """Somebody signed in proved anew who they are."""
    SESSION_REVOKE = "session:revoke"
    DISTRICT_EDIT = "district:edit"
    ACCESS_REFUSE = "access:refuse"
    LOG_READ = "log:read"


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One line of the access log. `number` and `at` are given by the log when the event is recorded."""

    number: int
    origin: str
    """Which log: "district", or later a branch's own."""
    at: datetime
    actor: str
    """`Actor.label`: person:…, os:…, system:…, node:…"""
    actor_name: str
    role: str
    action: Action
    camera_id: CameraId | None
    purpose: Purpose | None
    span: Timespan | None
    view_id: ViewId | None
    detail: dict[str, str]


def body_of(event: AccessEvent) -> str:
    """Return the canonical text of `event`, which the log's tree is over: JSON by RFC 8785, moments in microseconds since 1970."""
    body = {
        "action": event.action.value,
        "actor": _storable(event.actor),
        "actor_name": _storable(event.actor_name),
        "at": _microseconds(event.at),
        "camera": None if event.camera_id is None else str(event.camera_id),
        "detail": {key: _storable(value) for key, value in event.detail.items()},
        "number": event.number,
        "origin": event.origin,
        "purpose": event.purpose,
        "role": event.role,
        "span": None if event.span is None else [_microseconds(event.span.start), _microseconds(event.span.end)],
        "view": event.view_id,
    }
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def event_of(body: str) -> AccessEvent:
    """Return the event that `body_of` wrote; ValueError, LookupError or TypeError when it did not."""
    told = json.loads(body)
    return AccessEvent(
        number=told["number"],
        origin=told["origin"],
        at=_moment(told["at"]),
        actor=told["actor"],
        actor_name=told["actor_name"],
        role=told["role"],
        action=Action(told["action"]),
        camera_id=None if told["camera"] is None else CameraId(int(told["camera"])),
        purpose=None if told["purpose"] is None else Purpose(told["purpose"]),
        span=None if told["span"] is None else Timespan(*map(_moment, told["span"])),
        view_id=None if told["view"] is None else ViewId(told["view"]),
        detail=told["detail"],
    )


def _storable(text: str) -> str:
    """Return `text` without what no database takes: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True, slots=True)
class View:
    """One act of watching: one camera, live or a span, one purpose, until a deadline."""

    id: ViewId
    actor: str
    camera_id: CameraId
    purpose: Purpose
    span: Timespan | None
    """None for live."""
    opened_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """What the hub lets a node show: signed with Ed25519, checked by the node API on each call."""

    view_id: ViewId
    streams: frozenset[StreamId]
    span: Timespan | None
    """None for live only."""
    deadline: datetime
