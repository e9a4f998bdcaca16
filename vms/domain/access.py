"""Who saw what, why: purposes, views and the events of the access log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import CameraId, StreamId, ViewId
from vms.domain.timespan import Timespan

VIEW_DEADLINE = timedelta(minutes=15)
"""A view ends by itself after this long unless it is extended."""


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
