"""Sessions: opened by a proof, found by their token, proved anew, listed, revoked. Every open stream asks again within five seconds."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import PersonId, ScreenId, SessionId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import WALL_LIMIT, AccountState, Permission, Person, Proof, System, covers
from vms.domain.reach import Reach
from vms.domain.screens import Screen, ScreenKind, SessionKind
from vms.services.access_log import record, refuse
from vms.services.refusals import BEYOND, SESSION_ENDED, no_such, not_allowed, sign_in_first
from vms.store import people, screens, sessions
from vms.store.prepared import Source
from vms.store.sessions import StoredSession

TOUCH_EVERY = timedelta(minutes=1)
"""A session's last request is written at most so often: reading pages stays reading."""
MAX_TOKEN_CHARS = 128
LIST_LIMIT = 100
NOT_CONFIRMED = Refused(Refusal.SIGN_IN, "This account waits for the Director's confirmation.")
WRONG_ENTRY = "Name, password or code is wrong."
WRONG_PASSKEY = "This passkey opens nothing here. Sign in with password and code, then look at your account's passkeys."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and its token, which goes to the browser and is stored nowhere."""

    token: str
    person: Person


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser brings along to a sign-in, besides its address."""

    screen_sha256: bytes = b""
    """The digest of its token, where it was enrolled as a screen."""
    gives_way: SessionId | None = None
    """The session that was open in it, and ends when the new one opens: another person takes its place."""


ANY_BROWSER = Browser()


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Whose request this is, and how long the session still lasts."""

    person: Person
    seen_at: datetime
    ends_at: datetime

    @property
    def watching_counts(self) -> bool:
        """Say whether a live picture that is watched keeps the session open: at an enrolled screen, and under an emergency, alone."""
        return self.person.kind is not SessionKind.ORDINARY or self.person.emergency is not None

    def touch_due(self, at: datetime) -> bool:
        """Say whether it is time to write this request down (`touch_session`)."""
        return at - self.seen_at >= TOUCH_EVERY

    def act_due(self, at: datetime) -> bool:
        """Say whether it is time to write down that this request was made by hand (`act_in_session`); once locked it never is."""
        person = self.person
        return person.kind is SessionKind.WORKSTATION and person.locked_since is None and at - person.acted_at >= TOUCH_EVERY


def open_session(  # noqa: PLR0913 - who came, by what, from where
    session: Session,
    *,
    person_id: PersonId,
    proof: Proof,
    at: datetime,
    address: str = "",
    how: str = "",
    proved_at: datetime | None = None,
    browser: Browser = ANY_BROWSER,
) -> SignedIn | Refused:
    """Open a session for somebody who has shown who they are by `proof`; refused when the account is not in use.

    `how` is what the log says of it where `proof` does not say it all; `proved_at` is when they showed it, if not now.
    """
    people.lock(session, person_id)
    account = people.get(session, person_id)
    if account is None or not account.in_use(at):
        refused = refuse_sign_in(session, person_id, at=at, address=address, how="" if proof is Proof.PASSWORD else how or proof.value)
        return NOT_CONFIRMED if account is not None and account.state(at) is AccountState.WAITS else refused
    screen = screens.held_for_token(session, browser.screen_sha256) if browser.screen_sha256 else None
    kind = SessionKind.WORKSTATION if screen is not None and screen.kind is ScreenKind.WORKSTATION else SessionKind.ORDINARY
    token, number = secrets.token_urlsafe(32), SessionId(new_number())
    proved = min(at, proved_at or at)
    stored = StoredSession(
        number,
        account,
        proof,
        address[:64],
        opened_at=at,
        proved_at=proved,
        seen_at=at,
        acted_at=at,
        ended_at=None,
        kind=kind,
        screen_id=screen.id if screen else None,
        screen_branch=screen.branch_id if screen else None,
    )
    sessions.add(session, stored, digest(token))
    people.signed_in(session, account.id, at)
    if screen is not None:
        screens.seen(session, screen.id, at)
    person = _person(stored, at)
    _give_way(session, browser.gives_way, at)
    detail = _origin(address) | {"how": how or proof.value} | ({"screen": screen.name} if screen else {})
    record(session, actor=person, action=Action.SESSION_OPEN, at=at, detail=detail)
    return SignedIn(token, person)


def refuse_sign_in(session: Session, person: PersonId | None, *, at: datetime, address: str, how: str = "", why: str = "") -> Refused:
    """Write that a sign-in failed. The typed name is not written down: people type their password there."""
    detail = _origin(address) | {"account": "unknown" if person is None else str(person)}
    detail |= ({"how": how} if how else {}) | ({"why": why} if why else {})
    record(session, actor=System("sign-in"), action=Action.SESSION_REFUSE, at=at, detail=detail)
    return Refused(Refusal.SIGN_IN, WRONG_PASSKEY if how == Proof.PASSKEY else WRONG_ENTRY, logged=True)


def session_for_token(source: Source, token: str, *, at: datetime) -> OpenSession | Refused:
    """Return whose session `token` opens now: what every request asks first, and every open stream again within five seconds.

    Reads only, by one statement, and by another for who does not see the whole district; roles and branches are those of this moment.
    """
    stored = sessions.of_token(source, token_digest(token))
    if stored is None or stored.ended_at is not None or not stored.account.in_use(at):
        return sign_in_first("go on")
    ends_at = _ends_at(stored, at)
    if not stored.opened_at <= at < ends_at:
        return SESSION_ENDED
    return OpenSession(_person(stored, at), stored.seen_at, ends_at)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session something was opened in, and whether it still is one."""

    person: Person
    is_open: bool


def holder_of(session: Session, number: SessionId, *, at: datetime) -> Holder | None:
    stored = sessions.get(session, number)
    if stored is None:
        return None
    is_open = stored.ended_at is None and stored.account.in_use(at) and stored.opened_at <= at < _ends_at(stored, at)
    return Holder(_person(stored, at), is_open)


def touch_session(session: Session, session_id: SessionId, *, at: datetime, screen: ScreenId | None = None) -> None:
    """Count a request, or a live picture watched at `screen`, against the idle limit."""
    if screen is not None:  # first, as who signs in at a screen or ends it holds the screen before any session
        screens.seen(session, screen, at)
    sessions.seen(session, session_id, at)


def act_in_session(session: Session, person: Person, *, at: datetime) -> None:
    """Count a request by hand against the idle limit and against the lock; what has locked stays so."""
    touch_session(session, person.session_id, at=at, screen=person.screen_id)
    sessions.acted(session, person.session_id, at, since=at - person.rights.idle_limit)


def prove_session(session: Session, person: Person, proof: Proof, *, at: datetime, how: str = "") -> SignedIn:
    """Write that `person` has just proved anew who they are; the session goes on under a new token."""
    token = secrets.token_urlsafe(32)
    sessions.proved(session, person.session_id, digest(token), proof, at)
    record(session, actor=person, action=Action.SESSION_PROVE, at=at, detail={"how": how or proof.value})
    return SignedIn(token, replace(person, proof=proof, proved_at=at, acted_at=at, at=at))


def sign_out(session: Session, person: Person, *, at: datetime) -> None:
    """End the session that `person` acts in; open streams close when they next ask."""
    if sessions.end(session, person.session_id, at):
        record(session, actor=person, action=Action.SESSION_CLOSE, at=at)


def screen_of_browser(session: Session, token_sha256: bytes) -> Screen | None:
    """Return the screen that a browser is by its token's digest, if it still is one."""
    return screens.for_token(session, token_sha256) if token_sha256 else None


def list_sessions(session: Session, person: Person, *, at: datetime) -> list[StoredSession]:
    """Return where `person` is signed in, the newest first."""
    account = people.get(session, person.id)
    if account is None:
        return []
    found = sessions.of_person(session, account, since=at - account.rights(at).idle_limit, limit=LIST_LIMIT)
    return [one for one in found if at < _ends_at(one, at)]


def revoke_sessions(session: Session, actor: Person, person_id: PersonId, *, at: datetime, only: SessionId | None = None) -> int | Refused:
    """End the sessions of a person, or one of them, and return how many; whoever watches through one is out within seconds.

    The actor's own session stays unless it is the one that is named.
    """
    account = people.get(session, person_id)
    if account is None:
        return no_such("account")
    if actor.id != person_id and not actor.may(Permission.PEOPLE_END):
        return refuse(session, actor, Action.SESSION_REVOKE, not_allowed("end somebody else's session", "IT or the Director"), at=at)
    if not covers(actor, account, Permission.PEOPLE_END):
        return refuse(session, actor, Action.SESSION_REVOKE, BEYOND, at=at)
    people.lock(session, person_id)
    ended = (
        sessions.end_all(session, person_id, at, but=actor.session_id) if only is None else sessions.end_of(session, person_id, only, at)
    )
    if ended:
        detail = {"person": str(person_id), "name": account.name, "sessions": str(ended)}
        record(session, actor=actor, action=Action.SESSION_REVOKE, at=at, detail=detail)
    return ended


def token_digest(token: str) -> bytes:
    """Return the digest by which a browser's token is found; empty for what can be none."""
    return digest(token) if 0 < len(token) <= MAX_TOKEN_CHARS else b""


def digest(token: str) -> bytes:
    """Return what a token or a code is known by here."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _ends_at(stored: StoredSession, at: datetime) -> datetime:
    rights, account_ends = stored.account.rights(at), stored.account.ends_at
    longest = WALL_LIMIT if stored.kind is SessionKind.WALL else rights.session_limit
    ends = min(stored.opened_at + longest, stored.seen_at + rights.idle_limit)
    return ends if account_ends is None else min(ends, account_ends)


def _give_way(session: Session, number: SessionId | None, at: datetime) -> None:
    """End the session whose place another person takes; its open views are closed when they are next looked at."""
    before = None if number is None else holder_of(session, number, at=at)
    if before is not None and before.is_open and sessions.end(session, before.person.session_id, at):
        record(session, actor=before.person, action=Action.SESSION_CLOSE, at=at, detail={"why": "switched"})


def _origin(address: str) -> dict[str, str]:
    return {"address": address} if address else {}


def _person(stored: StoredSession, at: datetime) -> Person:
    account, reach = stored.account, _reach(stored)
    return Person(
        account.id,
        account.name,
        account.role,
        stored.id,
        branches=None if reach is None else reach.branches,
        areas=frozenset() if reach is None else reach.areas,
        proof=stored.proof,
        proved_at=stored.proved_at,
        kind=stored.kind,
        screen_id=stored.screen_id,
        acted_at=stored.acted_at,
        at=at,
        emergency=stored.emergency if stored.emergency is not None and stored.emergency.lasts(at) else None,
        delegation=None if stored.kind is SessionKind.WALL else account.rights(at).lent,
    )


def _reach(stored: StoredSession) -> Reach | None:
    """Return the reach of the account; on a wall, what of it is in the screen's branch."""
    mine = stored.account.reach
    if stored.kind is not SessionKind.WALL or stored.screen_id is None:
        return mine
    if stored.screen_branch is None:
        return Reach(frozenset())
    return Reach(frozenset({stored.screen_branch})) if mine is None else mine.inside(stored.screen_branch)
