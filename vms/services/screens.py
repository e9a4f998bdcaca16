"""Enrolled screens: added with a code, enrolled by it, listed, ended with the sessions opened there; and the wall that one shows."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import BranchId, ScreenId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, System, allows, reach
from vms.domain.screens import CODE_LASTS, Screen, ScreenKind
from vms.services.access_log import record, refuse
from vms.services.codes import grouped, new_code, plain_code
from vms.services.names import checked_name, named
from vms.services.refusals import no_such, not_allowed
from vms.services.sessions import digest
from vms.store import branches, screens, sessions

LIST_LIMIT = 1000
WRONG_CODE = "This code enrols no screen: it is wrong, was used, or its hour is over. Ask IT for a new one."
NO_WALL = Refused(Refusal.NOT_ALLOWED, "This browser is no wall screen. IT adds one on the page Screens.")


@dataclass(frozen=True, slots=True)
class NewScreen:
    screen: Screen
    code: str
    """Enrols one browser, once; kept nowhere."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    screen: Screen
    token: str
    """Goes to the browser and is stored nowhere."""


def add_screen(session: Session, actor: Actor, *, name: str, branch: BranchId, kind: ScreenKind, at: datetime) -> NewScreen | Refused:
    """Add a screen, and return it with the code that enrols its browser; InvalidInput for the name, Conflict when it is taken."""
    if not allows(actor, Permission.SCREEN_MANAGE):
        return refuse(session, actor, Action.SCREEN_ADD, not_allowed("add a screen", "IT"), at=at)
    plain = checked_name(name, "screen")
    if branch not in {one.id for one in branches.find_whole(session, reach(actor, Permission.SCREEN_MANAGE))}:
        return no_such("branch")
    code = new_code()
    screen = Screen(ScreenId(new_number()), plain, branch, kind, at, code_ends_at=at + CODE_LASTS)
    screens.add(session, screen, digest(code))
    record(session, actor=actor, action=Action.SCREEN_ADD, at=at, detail=_told(screen))
    return NewScreen(screen, grouped(code))


def enrol_screen(session: Session, code: str, *, at: datetime, address: str = "") -> Enrolled | Refused:
    """Make the browser that says a screen's code that screen."""
    token = secrets.token_urlsafe(32)
    screen = screens.enrol(session, digest(plain_code(code)), digest(token), at)
    if screen is None:
        return refuse(session, System("enrolment"), Action.SCREEN_ENROL, Refused(Refusal.NOT_ALLOWED, WRONG_CODE), at=at)
    told = _told(screen) | ({"address": address} if address else {})
    record(session, actor=System("enrolment"), action=Action.SCREEN_ENROL, at=at, detail=told)
    return Enrolled(screen, token)


def list_screens(session: Session, actor: Actor) -> list[Screen] | Refused:
    """Return the screens in use of branches that are the actor's as a whole, by name."""
    if not allows(actor, Permission.SCREEN_MANAGE):
        return not_allowed("list the screens", "IT")
    return screens.find(session, reach(actor, Permission.SCREEN_MANAGE), limit=LIST_LIMIT)


def screen_named(session: Session, actor: Actor, text: str) -> Screen | Refused:
    """Return the screen in use with this name or number; Conflict when branches share the name."""
    known = list_screens(session, actor)
    if isinstance(known, Refused):
        return known
    places = {branch.id: branch.name for branch in branches.find(session, None)}
    found = named(text, "screen", [(one.id, one.name, places[one.branch_id], one) for one in known])
    return found or no_such(f"screen ‘{text}’; vms screen list shows them")


def end_screen(session: Session, actor: Actor, number: ScreenId, *, at: datetime) -> Screen | Refused:
    """End a screen and every session opened at it: whoever watches there is out within seconds."""
    if not allows(actor, Permission.SCREEN_MANAGE):
        return refuse(session, actor, Action.SCREEN_END, not_allowed("end a screen", "IT"), at=at)
    screen = screens.get(session, number, reach=reach(actor, Permission.SCREEN_MANAGE))
    if screen is None:
        return no_such("screen")
    if screens.end(session, number, at):
        ended = sessions.end_at_screen(session, number, at)
        record(session, actor=actor, action=Action.SCREEN_END, at=at, detail=_told(screen) | {"sessions_ended": str(ended)})
    return screen


def screen_of(session: Session, person: Person) -> Screen | None:
    """Return the enrolled screen at which `person` is signed in."""
    return None if person.screen_id is None else screens.get(session, person.screen_id)


def names_of_screens(session: Session, numbers: Iterable[ScreenId | None]) -> dict[ScreenId, str]:
    """Return the names of screens, of ended ones too."""
    found = [screens.get(session, number) for number in {*numbers} if number is not None]
    return {screen.id: screen.name for screen in found if screen is not None}


def show_wall(session: Session, person: Person, *, at: datetime) -> Screen | Refused:
    """Let the session of somebody who signed in at a wall screen show live pictures of that screen's branch, and nothing else ever."""
    if not person.may(Permission.LIVE_VIEW):
        return refuse(session, person, Action.WALL_SHOW, not_allowed("watch live", "the Director"), at=at)
    screen = screen_of(session, person)
    if screen is None or screen.kind is not ScreenKind.WALL:
        return refuse(session, person, Action.WALL_SHOW, NO_WALL, at=at)
    if person.own_reach is not None and not person.own_reach.touches(screen.branch_id):
        refused = Refused(Refusal.NOT_ALLOWED, "This wall shows a branch that is not yours. Ask the Director.")
        return refuse(session, person, Action.WALL_SHOW, refused, at=at)
    sessions.show_wall(session, person.session_id)
    record(session, actor=person, action=Action.WALL_SHOW, at=at, detail={"screen": str(screen.id), "name": screen.name})
    return screen


def _told(screen: Screen) -> dict[str, str]:
    return {"screen": str(screen.id), "name": screen.name, "kind": screen.kind.value, "branch": str(screen.branch_id)}
