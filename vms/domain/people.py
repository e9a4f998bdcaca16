"""Roles, what each may do, and who acts. The table below is the only place that says who may do what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import BranchId, NodeId, PersonId, SessionId


class Role(StrEnum):
    DESK = "desk"
    DIRECTOR = "director"
    IT = "it"
    AUDITOR = "auditor"


class Permission(StrEnum):
    LIVE_VIEW = "live.view"
    RECORDED_VIEW = "recorded.view"
    CAMERA_LIST = "camera.list"
    """Names and places of cameras, as trees and log filters need them."""
    CAMERA_MANAGE = "camera.manage"
    """Add, edit, test, remove; reads addresses, never passwords."""
    HEALTH_READ = "health.read"
    LOG_READ = "log.read"
    PEOPLE_PROPOSE = "people.propose"
    """Create accounts; they work once a Director has confirmed them."""
    PEOPLE_CONFIRM = "people.confirm"
    SIGNED_IN = "signed_in"
    """What every account may: its own name, sign-out, the page shell."""
    PUBLIC = "public"
    """Needs no account: sign-in page, static files, liveness."""


_EVERYONE = frozenset({Permission.PUBLIC, Permission.SIGNED_IN})
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.DESK: _EVERYONE | {Permission.LIVE_VIEW, Permission.RECORDED_VIEW, Permission.CAMERA_LIST},
    Role.DIRECTOR: _EVERYONE
    | {Permission.LIVE_VIEW, Permission.RECORDED_VIEW, Permission.CAMERA_LIST, Permission.HEALTH_READ, Permission.LOG_READ}
    | {Permission.PEOPLE_CONFIRM},
    Role.IT: _EVERYONE | {Permission.CAMERA_LIST, Permission.CAMERA_MANAGE, Permission.HEALTH_READ, Permission.PEOPLE_PROPOSE},
    Role.AUDITOR: _EVERYONE | {Permission.CAMERA_LIST, Permission.LOG_READ},
}
"""Nobody configures cameras and also watches them."""

DESK_PLAYBACK_HOURS = 72
"""How far back Desk sees recordings of its own branches."""

SESSION_LIMIT = timedelta(hours=8)
"""A session ends this long after it was opened, whatever happens in it."""
IDLE_LIMITS: dict[Role, timedelta] = {
    Role.DESK: timedelta(minutes=15),
    Role.DIRECTOR: timedelta(minutes=10),
    Role.IT: timedelta(minutes=10),
    Role.AUDITOR: timedelta(minutes=15),
}
"""A session ends after this long without a request."""
MIN_PASSWORD_CHARS = 15
MAX_PASSWORD_CHARS = 256


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. `branches` None means the whole district."""

    id: PersonId
    name: str
    role: Role
    session_id: SessionId
    branches: frozenset[BranchId] | None = None

    @property
    def label(self) -> str:
        return f"person:{self.id}"

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in, as lists show it."""

    id: PersonId
    name: str
    role: Role
    branches: frozenset[BranchId] | None
    """None means the whole district."""
    created_at: datetime
    confirmed_at: datetime | None
    """None while the account is only proposed: it can't sign in before a Director confirms it."""
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class OsUser:
    """Somebody at the console of the machine."""

    user: str
    host: str

    @property
    def label(self) -> str:
        return f"os:{self.user}@{self.host}"


@dataclass(frozen=True, slots=True)
class System:
    """A job of the product itself."""

    job: str

    @property
    def label(self) -> str:
        return f"system:{self.job}"


@dataclass(frozen=True, slots=True)
class Node:
    """A recording machine."""

    id: NodeId

    @property
    def label(self) -> str:
        return f"node:{self.id}"


Actor = Person | OsUser | System | Node


CONSOLE_PERMISSIONS = frozenset(
    {Permission.CAMERA_LIST, Permission.CAMERA_MANAGE, Permission.HEALTH_READ, Permission.PEOPLE_PROPOSE, Permission.PUBLIC}
)
"""What works on the command line without `vms login`; watching and the log are acts of people."""


def allows(actor: Actor, permission: Permission) -> bool:
    """Say whether `actor` may do what `permission` names, somewhere; where, `reach` says."""
    return actor.may(permission) if isinstance(actor, Person) else permission in CONSOLE_PERMISSIONS


def reach(actor: Actor) -> frozenset[BranchId] | None:
    """Return the branches that exist for `actor`; None means all."""
    return actor.branches if isinstance(actor, Person) else None
