"""`need(Permission…)`: what each route declares on its own object, checked before it runs; a route without it stops the start.

A dependency that returned a response would be ignored by FastAPI, so a refusal is always raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, _EffectiveRouteContext, _IncludedRouter
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PERMISSIONS, Permission, Person, Role
from vms.domain.screens import SessionKind
from vms.errors import ConfigError
from web.deps import Use, site_of, use_of
from web.security import COOKIE
from web.words import ASK, ROLE_LABELS, only, roles_label

PROVE_FIRST = Refused(Refusal.PROVE, "Show again that it is you. For this, that may be at most five minutes ago.")
ENROL_FIRST = Refused(
    Refusal.ENROL, "Your role needs a second factor. Add a passkey or set up an authenticator first: on your account's page."
)
LOCKED = Refused(Refusal.PROVE, "This workstation is locked: prove who you are. Live pictures go on.")
WALL_ONLY = Refused(Refusal.SIGN_IN, "This screen shows live pictures alone. Sign in for anything else.")


class Denied(Exception):
    """A route was not opened, or what it asked for was refused; the handler in `web.errors` writes the event and answers."""

    def __init__(self, refused: Refused, *, what: str, person: Person | None) -> None:
        super().__init__(refused.sentence)
        self.refused = refused
        self.what = what
        self.person = person


class SocketDenied(Denied):
    """The same for a WebSocket, which is answered by a close code."""


@dataclass(frozen=True, slots=True)
class Need:
    """The dependency: returns the signed-in person or raises."""

    permission: Permission
    proved: bool = False
    """Whether who asks must have shown anew, within five minutes, that it is still they."""
    keeps: bool = False
    """Whether the route itself looks at that, so that a long form comes back with what was typed."""
    use: Use = Use.BY_HAND
    """Who asks at this route, as far as the route knows."""

    async def __call__(self, connection: HTTPConnection) -> Person | None:
        # What is open to everybody needs no thread: liveness answers while all of them wait.
        return None if self.permission is Permission.PUBLIC else await run_in_threadpool(self._admitted, connection)

    def _admitted(self, connection: HTTPConnection) -> Person:
        answer = site_of(connection).signed_in(connection.cookies.get(COOKIE), use_of(connection, self.use))
        if isinstance(answer, Refused):
            raise self._denied(connection, answer, None)
        if refused := self._refused(answer, site_of(connection).clock.now()):
            raise self._denied(connection, refused, answer)
        return answer

    def _refused(self, person: Person, at: datetime) -> Refused | None:
        if person.may(self.permission):
            return PROVE_FIRST if self.proved and not self.keeps and not person.proved_lately(at) else None
        if person.kind is SessionKind.WALL:
            return WALL_ONLY
        if person.locked_since is not None and self.permission in person.rights.permissions:
            return LOCKED
        return ENROL_FIRST if person.must_enrol and self.permission in person.rights.permissions else not_for(person, self.permission)

    def _denied(self, connection: HTTPConnection, refused: Refused, person: Person | None) -> Denied:
        kind = SocketDenied if connection.scope["type"] == "websocket" else Denied
        return kind(refused, what=self.permission, person=person)


def need(permission: Permission) -> Any:  # noqa: ANN401 - FastAPI's own marker has no public type
    return Depends(Need(permission))


def need_proved(permission: Permission) -> Any:  # noqa: ANN401 - as above
    return Depends(Need(permission, proved=True))


def need_proved_keeping(permission: Permission) -> Any:  # noqa: ANN401 - as above
    """Declare a route of a form that takes longer than a proof lasts: it asks `Person.proved_lately` itself, and keeps what was typed."""
    return Depends(Need(permission, proved=True, keeps=True))


def need_by_player(permission: Permission) -> Any:  # noqa: ANN401 - as above
    """Declare a route that a player asks by itself: it keeps the session, and unlocks nothing."""
    return Depends(Need(permission, use=Use.BY_PLAYER))


def not_for(person: Person, permission: Permission) -> Refused:
    """Return the refusal of `permission` to `person`, in words that say whom to ask."""
    return Refused(Refusal.NOT_ALLOWED, f"{only(permission)}. Your role is {roles_label(person)}. {ASK[permission]}", of_role=True)


SignedIn = Annotated[Person, need(Permission.SIGNED_IN)]
SessionOwner = Annotated[Person, need(Permission.SESSION_OWN)]
ProvedPerson = Annotated[Person, need_proved(Permission.SIGNED_IN)]
LiveViewer = Annotated[Person, need(Permission.LIVE_VIEW)]
Player = Annotated[Person, need_by_player(Permission.SESSION_OWN)]
LivePlayer = Annotated[Person, need_by_player(Permission.LIVE_VIEW)]
RecordedViewer = Annotated[Person, need(Permission.RECORDED_VIEW)]
RecordedPlayer = Annotated[Person, need_by_player(Permission.RECORDED_VIEW)]
CameraLister = Annotated[Person, need(Permission.CAMERA_LIST)]
CameraManager = Annotated[Person, need(Permission.CAMERA_MANAGE)]
PeopleReader = Annotated[Person, need(Permission.PEOPLE_READ)]
PeopleProposer = Annotated[Person, need_proved(Permission.PEOPLE_PROPOSE)]
PeopleConfirmer = Annotated[Person, need_proved(Permission.PEOPLE_CONFIRM)]
PeopleEnder = Annotated[Person, need_proved(Permission.PEOPLE_END)]
DelegationProposer = Annotated[Person, need_proved(Permission.DELEGATION_PROPOSE)]
ReviewReader = Annotated[Person, need(Permission.REVIEW_READ)]
ScreenReader = Annotated[Person, need(Permission.SCREEN_MANAGE)]
ScreenManager = Annotated[Person, need_proved(Permission.SCREEN_MANAGE)]
EmergencyOpener = Annotated[Person, need(Permission.EMERGENCY_OPEN)]
ProvedEmergencyOpener = Annotated[Person, need_proved(Permission.EMERGENCY_OPEN)]
EmergencyReviewer = Annotated[Person, need(Permission.EMERGENCY_REVIEW)]
ProvedEmergencyReviewer = Annotated[Person, need_proved(Permission.EMERGENCY_REVIEW)]
HoldStarter = Annotated[Person, need(Permission.HOLD_START)]
HoldReader = Annotated[Person, need(Permission.HOLD_READ)]
HoldPlacer = Annotated[Person, need_proved(Permission.HOLD_PLACE)]
HoldDrafter = Annotated[Person, need_proved_keeping(Permission.HOLD_PLACE)]
HoldReleaser = Annotated[Person, need_proved(Permission.HOLD_RELEASE)]
RequestEnterer = Annotated[Person, need(Permission.REQUEST_ENTER)]
RequestDecider = Annotated[Person, need(Permission.REQUEST_DECIDE)]
RequestApprover = Annotated[Person, need_proved(Permission.REQUEST_DECIDE)]
RequestSigner = Annotated[Person, need_proved_keeping(Permission.REQUEST_DECIDE)]
RequestAdviser = Annotated[Person, need(Permission.REQUEST_ADVISE)]
PolicyReader = Annotated[Person, need(Permission.POLICY_READ)]
PolicySetter = Annotated[Person, need_proved(Permission.POLICY_SET)]
PolicyDrafter = Annotated[Person, need_proved_keeping(Permission.POLICY_SET)]
PolicyConfirmer = Annotated[Person, need_proved(Permission.POLICY_CONFIRM)]
DeletionChecker = Annotated[Person, need(Permission.DELETION_CHECK)]
TrainingKeeper = Annotated[Person, need(Permission.TRAINING_KEEP)]
LogReader = Annotated[Person, need(Permission.LOG_READ)]
ANYBODY = need(Permission.PUBLIC)


@dataclass(frozen=True, slots=True)
class Declared:
    """One route and the permission it declares."""

    path: str
    methods: tuple[str, ...]
    """("WEBSOCKET",) for a WebSocket."""
    permission: Permission
    proved: bool


def declared_permissions(app: FastAPI) -> list[Declared]:
    """Return every route of `app` with its permission; ConfigError names each that declares none, several, or can't declare one."""
    found, faults = [], []
    for route in _flattened(app.routes):
        path, methods, needs = _needs(route)
        if len(needs) == 1:
            found.append(Declared(path, methods, needs[0].permission, needs[0].proved))
        else:
            faults.append(f"{' '.join(methods) or type(route).__name__} {path} declares {len(needs)} permissions")
    if faults:
        raise ConfigError(f"Each route declares one permission with need(). {'; '.join(sorted(faults))}.")
    return sorted(found, key=lambda one: (one.path, one.methods))


def permission_table(app: FastAPI) -> str:
    """Return routes, permissions and roles as the table of web/README.md."""
    roles = " | ".join(ROLE_LABELS[role] for role in Role)
    lines = [f"| route | permission | {roles} |", f"|---|---|{'---|' * len(Role)}"]
    for route in declared_permissions(app):
        marks = " | ".join("yes" if route.permission in PERMISSIONS[role] else "" for role in Role)
        lines.append(f"| {' '.join(route.methods)} `{route.path}` | `{route.permission}`{', proved' if route.proved else ''} | {marks} |")
    return "\n".join(lines)


def _flattened(routes: Iterable[BaseRoute | _EffectiveRouteContext]) -> Iterator[BaseRoute | _EffectiveRouteContext]:
    """Yield the routes themselves: FastAPI since 0.165 keeps included routers as objects, and a plain walk would miss theirs."""
    for route in routes:
        if isinstance(route, _IncludedRouter):
            yield from _flattened(route.effective_candidates())
        else:
            yield route


def _needs(route: BaseRoute | _EffectiveRouteContext) -> tuple[str, tuple[str, ...], list[Need]]:
    """Return path, methods and declared permissions. Mounts, hosts and plain Starlette routes have no place to declare one."""
    if isinstance(route, _EffectiveRouteContext):
        original = route.original_route
        if isinstance(original, APIRoute):
            return str(route.path), tuple(sorted(route.methods or ())), list(_declared(route.dependant))
        route = route.starlette_route or original
    if isinstance(route, APIWebSocketRoute):
        return route.path, ("WEBSOCKET",), list(_declared(route.dependant))
    if isinstance(route, APIRoute):
        return route.path, tuple(sorted(route.methods or ())), list(_declared(route.dependant))
    return str(getattr(route, "path", "?")), (), []


def _declared(dependant: Dependant | None) -> Iterator[Need]:
    for inner in dependant.dependencies if dependant else ():
        if isinstance(inner.call, Need):
            yield inner.call
        yield from _declared(inner)
