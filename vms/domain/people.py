"""Roles, what each may do, and who acts. The table below is the only place that says who may do what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.camera import Area
from vms.domain.delegation import Delegation
from vms.domain.emergency import Emergency
from vms.domain.ids import AreaId, BranchId, NodeId, PersonId, ScreenId, SessionId
from vms.domain.reach import Reach, either
from vms.domain.screens import SessionKind
from vms.domain.timespan import EPOCH


class Role(StrEnum):
    DESK = "desk"
    SUPERVISOR = "supervisor"
    BRANCH_MANAGER = "branch-manager"
    DIRECTOR = "director"
    DELEGATE = "delegate"
    """Somebody to whom the Director lent the deciding, until a day."""
    COUNSEL = "counsel"
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
    LOG_EXPORT = "log.export"
    """Take signed entries out, with their proofs."""
    REVIEW_READ = "review.read"
    """What the rules asked about everybody who watches, the Director too."""
    PEOPLE_READ = "people.read"
    """Who has an account, with which role, until when."""
    PEOPLE_PROPOSE = "people.propose"
    """Create accounts; they work once a Director has confirmed them."""
    PEOPLE_CONFIRM = "people.confirm"
    PEOPLE_END = "people.end"
    """End accounts, delegations and other people's sessions."""
    DELEGATION_PROPOSE = "delegation.propose"
    """Propose that somebody holds the Delegate's role for some days; somebody else, a Director, confirms it."""
    SCREEN_MANAGE = "screen.manage"
    """Add, list and end enrolled screens."""
    EMERGENCY_OPEN = "emergency.open"
    """See every camera of the district for half an hour, when somebody is in danger."""
    EMERGENCY_REVIEW = "emergency.review"
    """Say whether somebody else's emergency access was right."""
    HOLD_READ = "hold.read"
    """Which legal holds there are, and how far they are in force."""
    HOLD_PLACE = "hold.place"
    """Place legal holds, and undo the release of one."""
    HOLD_RELEASE = "hold.release"
    """Propose the release of a legal hold, or be the second person for it."""
    POLICY_READ = "policy.read"
    """How long footage is kept where, and which cameras it goes by."""
    POLICY_SET = "policy.set"
    """Say how long footage is kept, and sign what is in force."""
    POLICY_CONFIRM = "policy.confirm"
    """Be the second person where footage is to be kept for fewer days."""
    HOLD_START = "hold.start"
    """Keep the last day of some cameras at once, until the Director has decided."""
    HOLD_SEAL = "hold.seal"
    """Place, see and end holds that the law keeps secret; in the whole district or not at all."""
    DELETION_CHECK = "deletion.check"
    """Check what became of a camera's day, picked or drawn, and take the months' certificates of deletion."""
    REQUEST_ENTER = "request.enter"
    """Enter a request for footage, and see, answer for and withdraw what one entered."""
    REQUEST_READ = "request.read"
    """The register: every request about cameras within reach."""
    REQUEST_ADVISE = "request.advise"
    """Read and write counsel's advice, which is privileged."""
    REQUEST_DECIDE = "request.decide"
    """Ask back, narrow, approve and refuse requests that somebody else entered."""
    COMPLAINT_READ = "complaint.read"
    """Read complaints that others entered; in the whole district or not at all."""
    COMPLAINT_ANSWER = "complaint.answer"
    TRAINING_KEEP = "training.keep"
    """Say who was trained, and see who was not."""
    SIGNED_IN = "signed_in"
    """What every account may: its own page, the rules, the page shell."""
    SESSION_OWN = "session.own"
    """Who one is, a new proof, sign-out, another person in one's place: what a locked session may, too."""
    PUBLIC = "public"
    """Needs no account: sign-in page, static files, liveness."""


_ALL = frozenset(Permission)
OF_EVERYBODY = frozenset({Permission.PUBLIC, Permission.SIGNED_IN, Permission.SESSION_OWN})
"""What every account may, whatever its role."""
_ENTERS = OF_EVERYBODY | {Permission.REQUEST_ENTER}
"""Besides, whoever is signed in takes a request for footage in: the paper may be handed to anybody."""
_WATCHES_LIVE = _ENTERS | {Permission.CAMERA_LIST, Permission.LIVE_VIEW, Permission.EMERGENCY_OPEN}
_WATCHES = _WATCHES_LIVE | {Permission.RECORDED_VIEW}
_READS = frozenset({Permission.CAMERA_LIST, Permission.LOG_READ, Permission.LOG_EXPORT, Permission.REVIEW_READ}) | {
    Permission.PEOPLE_READ,
    Permission.HOLD_READ,
    Permission.POLICY_READ,
    Permission.DELETION_CHECK,
    Permission.COMPLAINT_READ,
}
_HOLDS = {Permission.HOLD_READ, Permission.HOLD_PLACE, Permission.HOLD_RELEASE, Permission.HOLD_START}
_POLICY = {Permission.POLICY_READ, Permission.POLICY_CONFIRM}
_ADVISES = {Permission.REQUEST_READ, Permission.REQUEST_ADVISE}
_REQUESTS = _ADVISES | {Permission.REQUEST_DECIDE}
_PUBLIC_SIDE = {Permission.COMPLAINT_READ, Permission.COMPLAINT_ANSWER, Permission.TRAINING_KEEP}
_DECIDES = (
    _WATCHES | _HOLDS | _POLICY | _REQUESTS | _PUBLIC_SIDE | {Permission.HEALTH_READ, Permission.LOG_READ, Permission.EMERGENCY_REVIEW}
)
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.DESK: _WATCHES | {Permission.HOLD_START},
    Role.SUPERVISOR: _WATCHES | {Permission.HOLD_START},
    Role.BRANCH_MANAGER: _WATCHES_LIVE | {Permission.LOG_READ},
    Role.DIRECTOR: _DECIDES
    | {Permission.LOG_EXPORT, Permission.REVIEW_READ, Permission.POLICY_SET}
    | {Permission.PEOPLE_READ, Permission.PEOPLE_CONFIRM, Permission.PEOPLE_END, Permission.SCREEN_MANAGE}
    | {Permission.DELEGATION_PROPOSE, Permission.HOLD_SEAL, Permission.DELETION_CHECK},
    Role.DELEGATE: _DECIDES,
    Role.COUNSEL: _ENTERS | _ADVISES | {Permission.CAMERA_LIST},
    Role.IT: _ENTERS
    | {Permission.CAMERA_LIST, Permission.CAMERA_MANAGE, Permission.HEALTH_READ, Permission.HOLD_READ, Permission.POLICY_READ}
    | {Permission.PEOPLE_READ, Permission.PEOPLE_PROPOSE, Permission.PEOPLE_END, Permission.SCREEN_MANAGE}
    | {Permission.DELEGATION_PROPOSE},
    Role.AUDITOR: _ENTERS | _READS | {Permission.EMERGENCY_REVIEW},
}
"""Nobody configures cameras and also watches them; who adds accounts confirms none; who reads everybody's log watches nobody."""

IN_EMERGENCY = frozenset({Permission.LIVE_VIEW, Permission.RECORDED_VIEW, Permission.CAMERA_LIST})
"""What an emergency access gives in the whole district: to look, and nothing that yields a file, a list of people or the log."""

LOOK_BACK: dict[Role, timedelta] = {Role.DESK: timedelta(hours=72)}
"""How far back a role sees recordings; a role without a line sees all that is kept."""
MAX_DELEGATION = timedelta(days=366)
"""A delegate's account ends at the latest so long after it was added, and a delegation after it began."""
NO_DELEGATE: dict[Role, str] = {
    Role.DIRECTOR: "A Director decides already.",
    Role.DELEGATE: "This account is a Delegate's already.",
    Role.COUNSEL: "Counsel advises on what a Delegate decides: nobody does both.",
    Role.IT: "Who configures cameras and adds accounts doesn't watch and decide as well.",
    Role.AUDITOR: "Who reads everybody's log decides nothing and watches nobody.",
}
"""The roles beside which nobody holds the Delegate's, and why."""

SESSION_LIMITS: dict[Role, timedelta] = dict.fromkeys(Role, timedelta(hours=8)) | {Role.DESK: timedelta(hours=13)}
"""A session ends this long after it was opened, whatever happens in it: a desk's after the longest shift."""
IDLE_LIMITS: dict[Role, timedelta] = dict.fromkeys(Role, timedelta(minutes=15)) | dict.fromkeys(
    (Role.DIRECTOR, Role.DELEGATE, Role.IT), timedelta(minutes=10)
)
"""A session ends after this long without a request; at a workstation it locks after this long without one made by hand."""
WALL_LIMIT = timedelta(hours=13)
"""A wall ends this long after its session was opened, whoever opened it."""
LOCKED_MAY = frozenset({Permission.PUBLIC, Permission.SESSION_OWN, Permission.CAMERA_LIST, Permission.LIVE_VIEW})
"""What is left of a role in a locked session: live pictures, and showing who one is."""
WALL_MAY = frozenset({Permission.PUBLIC, Permission.LIVE_VIEW})
"""What is left of a role in a wall session."""
PROOF_LASTS = timedelta(minutes=5)
"""So long after somebody proved who they are, acts that ask for a fresh proof may be done."""
MIN_PASSWORD_CHARS = 15
MAX_PASSWORD_CHARS = 256


class Proof(StrEnum):
    """By what somebody showed who they are."""

    PASSWORD = "password"  # noqa: S105 - the word for it
    TOTP = "totp"
    """Password and a code of an authenticator."""
    RECOVERY = "recovery"
    """Password and one of the codes kept on paper."""
    PASSKEY = "passkey"
    """A device or a key that checked its owner by a finger, a face or a PIN: both factors in one."""
    OIDC = "oidc"
    DEMO = "demo"


class Ceremony(StrEnum):
    """What a passkey is asked for (the word of the WebAuthn specification)."""

    REGISTER = "register"
    SIGN_IN = "sign-in"
    PROVE = "prove"


_HARMLESS = _ENTERS | _READS | {Permission.EMERGENCY_REVIEW}
"""A review opens nothing, and its page asks for a fresh proof; a request is paperwork that somebody else decides on."""


def needs_second_factor(role: Role) -> bool:
    """Say whether `role` watches or changes anything: then a password alone is not enough."""
    return not PERMISSIONS[role] <= _HARMLESS


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may, and where: by the own role, and by the Delegate's where it is lent. Nothing else adds the two up."""

    role: Role
    own: Reach | None
    """None means the whole district."""
    lent: Delegation | None = None

    @property
    def roles(self) -> tuple[Role, ...]:
        return (self.role,) if self.lent is None else (self.role, Role.DELEGATE)

    @property
    def permissions(self) -> frozenset[Permission]:
        return PERMISSIONS[self.role] if self.lent is None else PERMISSIONS[self.role] | PERMISSIONS[Role.DELEGATE]

    @property
    def session_limit(self) -> timedelta:
        """A lent role is guarded as an account of that role: the shorter limit counts."""
        return min(SESSION_LIMITS[role] for role in self.roles)

    @property
    def idle_limit(self) -> timedelta:
        return min(IDLE_LIMITS[role] for role in self.roles)

    @property
    def needs_second_factor(self) -> bool:
        return any(needs_second_factor(role) for role in self.roles)

    def reach(self, permission: Permission) -> Reach | None:
        """Return where `permission` counts; None means the whole district."""
        if self.lent is None or permission not in PERMISSIONS[Role.DELEGATE]:
            return self.own
        return either(self.own, self.lent.reach) if permission in PERMISSIONS[self.role] else self.lent.reach

    def role_at(self, branch: BranchId, area: AreaId | None) -> Role:
        """Return the role that counts in this area of `branch`: the Delegate's where it is lent, which may all that those beside it may."""
        lent = self.lent is not None and (self.lent.reach is None or self.lent.reach.has(branch, area))
        return Role.DELEGATE if lent else self.role


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. `branches` None means the whole district."""

    id: PersonId
    name: str
    role: Role
    session_id: SessionId
    branches: frozenset[BranchId] | None = None
    proof: Proof = Proof.TOTP
    proved_at: datetime = EPOCH
    kind: SessionKind = SessionKind.ORDINARY
    screen_id: ScreenId | None = None
    """The enrolled screen at which the session was opened."""
    acted_at: datetime = EPOCH
    """When somebody last asked for something by hand."""
    at: datetime = field(default=EPOCH, compare=False)
    """The moment at which all this was so."""
    emergency: Emergency | None = None
    """What this session, and no other of the person, has opened besides the person's own rights."""
    areas: frozenset[Area] = frozenset()
    """Of other branches than `branches`."""
    delegation: Delegation | None = None
    """By which the Delegate's role is lent to the account now."""

    @property
    def label(self) -> str:
        return f"person:{self.id}"

    @property
    def rights(self) -> Rights:
        """What role and delegation give, in every session of the person."""
        return Rights(self.role, self.own_reach, self.delegation)

    @property
    def locked_since(self) -> datetime | None:
        """Return since when nobody has acted at this workstation for the idle limit; None when somebody has."""
        since = self.acted_at + self.rights.idle_limit
        return since if self.kind is SessionKind.WORKSTATION and since <= self.at else None

    @property
    def must_enrol(self) -> bool:
        """Say whether a second factor has to be set up before anything else."""
        return self.proof is Proof.PASSWORD and self.rights.needs_second_factor

    def may(self, permission: Permission) -> bool:
        """Say whether this session may do what `permission` names now: by role or an emergency, less what a lock or a wall takes away."""
        return (self._may_by_role(permission) or self._in_emergency(permission)) and permission in self._left()

    def has_right(self, permission: Permission, branch: BranchId, area: AreaId | None) -> bool:
        """Say whether the person may do it in this area of `branch` (None: in what is in none) without an emergency."""
        own = self.rights.reach(permission)
        return self._may_by_role(permission) and (own is None or own.has(branch, area))

    @property
    def own_reach(self) -> Reach | None:
        """Where the account's own role counts."""
        return None if self.branches is None else Reach(self.branches, self.areas)

    def reach(self, permission: Permission) -> Reach | None:
        """Return where `permission` counts; None means the whole district."""
        return None if self._in_emergency(permission) else self.rights.reach(permission)

    @property
    def without_emergency(self) -> Person:
        return replace(self, emergency=None)

    def proved_lately(self, at: datetime) -> bool:
        """Say whether a new proof is not needed yet, for acts that ask for one."""
        return timedelta(0) <= at - self.proved_at < PROOF_LASTS

    def _may_by_role(self, permission: Permission) -> bool:
        return permission in (OF_EVERYBODY if self.must_enrol else self.rights.permissions)

    def _in_emergency(self, permission: Permission) -> bool:
        if self.emergency is None or self.kind is SessionKind.WALL:
            return False
        return permission in IN_EMERGENCY and self._may_by_role(Permission.EMERGENCY_OPEN)

    def _left(self) -> frozenset[Permission]:
        if self.kind is SessionKind.WALL:
            return WALL_MAY
        return LOCKED_MAY if self.locked_since else _ALL


class AccountState(StrEnum):
    WAITS = "waits"
    """Proposed: it opens nothing before a Director has confirmed it."""
    WORKS = "works"
    ENDED = "ended"
    """By somebody, or on its last day."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in, as lists show it."""

    id: PersonId
    name: str
    role: Role
    branches: frozenset[BranchId] | None
    """None means the whole district."""
    created_at: datetime
    confirmed_at: datetime | None = None
    """None while the account is only proposed: it can't sign in before a Director confirms it."""
    disabled_at: datetime | None = None
    ends_at: datetime | None = None
    """A delegate's and a contractor's account ends by itself."""
    firm: str = ""
    """A contractor's."""
    first_signed_in_at: datetime | None = None
    areas: frozenset[Area] = frozenset()
    """Of other branches than these."""
    delegation: Delegation | None = None
    """The one that was confirmed and not ended by anybody: to come, lasting, or over since its last day."""

    @property
    def reach(self) -> Reach | None:
        return None if self.branches is None else Reach(self.branches, self.areas)

    @property
    def widest_reach(self) -> Reach | None:
        """Where the account's own role counts, or that which it is lent at any time."""
        return self.reach if self.delegation is None else either(self.reach, self.delegation.reach)

    def rights(self, at: datetime) -> Rights:
        lent = self.delegation
        return Rights(self.role, self.reach, lent if lent is not None and lent.lasts(at) else None)

    def state(self, at: datetime) -> AccountState:
        if self.disabled_at is not None or (self.ends_at is not None and self.ends_at <= at):
            return AccountState.ENDED
        return AccountState.WAITS if self.confirmed_at is None else AccountState.WORKS

    def in_use(self, at: datetime) -> bool:
        return self.state(at) is AccountState.WORKS


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


CONSOLE_PERMISSIONS = frozenset({Permission.PUBLIC, Permission.CAMERA_LIST, Permission.CAMERA_MANAGE, Permission.HEALTH_READ}) | {
    Permission.PEOPLE_READ,
    Permission.PEOPLE_PROPOSE,
    Permission.PEOPLE_END,
    Permission.DELEGATION_PROPOSE,
    Permission.SCREEN_MANAGE,
    Permission.HOLD_READ,
    Permission.POLICY_READ,
}
"""What works on the command line without `vms login`; watching, holds and the log are acts of people."""


def allows(actor: Actor, permission: Permission) -> bool:
    """Say whether `actor` may do what `permission` names, somewhere; where, `reach` says."""
    return actor.may(permission) if isinstance(actor, Person) else permission in CONSOLE_PERMISSIONS


def reach(actor: Actor, permission: Permission) -> Reach | None:
    """Return what exists for `actor` where `permission` is what is asked for; None means the whole district."""
    return actor.reach(permission) if isinstance(actor, Person) else None


def covers(actor: Actor, account: Account, permission: Permission) -> bool:
    """Say whether all that `account` reaches lies where `permission` counts for `actor`: nobody acts on an account that sees more."""
    mine, widest = reach(actor, permission), account.widest_reach
    return mine is None or (widest is not None and mine.covers(widest))
