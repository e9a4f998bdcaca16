"""A legal hold as the hub keeps it: its text, which never changes, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

from vms.domain.hold import ROLL, HeldTime, HoldAnswer, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId, MatterId, NodeId
from vms.domain.timespan import ms_of

COOL_OFF = timedelta(days=7)
"""From the second person's yes to the release: so long it can be undone."""
LAPSE_GRACE = timedelta(days=14)
"""From the expiry of a provisional hold to its release: nothing goes by surprise."""
MAX_REVIEW = timedelta(days=366)
"""So long a hold stands at the most before somebody looks whether it is still needed."""
DEFAULT_REVIEW = timedelta(days=90)
MAX_MATTER_CHARS = 120
MAX_REASON_CHARS = 500
MAX_AUTHORITY_CHARS = 200


class Sealed(Enum):
    """Whether holds that the law keeps secret are among those that are looked for."""

    LEFT_OUT = auto()
    OF_HOLDS = auto()
    """Those that were placed as such; none that keeps what a sealed request asks for: who may know of that, its seal names."""
    INCLUDED = auto()
    """All of them, for what destroys and for who writes down their end."""


class HoldState(StrEnum):
    ACTIVE = "active"
    LAPSING = "lapsing"
    """Provisional and past its expiry: it protects until the grace is over."""
    COOLING_OFF = "cooling-off"
    """Its release was approved: it protects, and the release can be undone, until that is written."""
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Ending:
    """A release that was approved."""

    at: datetime
    """When it is written; before it can be undone."""
    by: str
    """`Actor.label` of the second person, or of who waited alone."""
    by_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """Somebody wants a sealed hold to be released, and nobody has agreed."""

    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Seal:
    """What makes a hold one that the law keeps secret."""

    matter: MatterId
    """Of the access log's sealed entries about it, whose key opens its text."""
    words: bytes = field(repr=False)
    """Matter, reason and authority, encrypted: the hold itself has none before they are opened."""
    noted_seq: int
    """Up to here the log has an entry of each camera that came under it."""
    proposed: Proposed | None = None


@dataclass(frozen=True, slots=True)
class LegalHold:
    """One matter's hold. Narrowing it is a release and a new hold."""

    id: HoldId
    matter: str
    kind: HoldKind
    reason: str
    authority: str
    """Who issued the paper and under which number; may be empty."""
    scope: HoldScope
    time: HeldTime
    review_at: datetime
    expires_at: datetime | None
    """Of a provisional hold alone."""
    placed_by: str
    placed_by_name: str
    placed_at: datetime
    ending: Ending | None = None
    released_at: datetime | None = None
    released_by: str = ""
    seal: Seal | None = None

    @property
    def ends_at(self) -> datetime | None:
        """Return from when on the release is written, by what is known now; None while nothing ends it."""
        if self.ending is not None:
            return self.ending.at
        return None if self.expires_at is None else self.expires_at + LAPSE_GRACE

    def state(self, at: datetime) -> HoldState:
        if self.released_at is not None:
            return HoldState.RELEASED
        if self.ending is not None:
            return HoldState.COOLING_OFF
        return HoldState.LAPSING if self.expires_at is not None and self.expires_at <= at else HoldState.ACTIVE

    def asks_for(self, start: datetime, end: datetime) -> bool:
        """Say whether it keeps any of what is recorded from `start` to `end`, what leads to it and follows it included."""
        begins = self.released_at is None and self.time.start_ms < ms_of(end + ROLL)
        return start < end and begins and (self.time.end_ms is None or self.time.end_ms > ms_of(start - ROLL))

    @property
    def spoken(self) -> str:
        """Return what it is called where everybody reads: the matter may name somebody."""
        return spoken(self.kind, self.id) if self.seal is None else sealed_name(self.id)


def spoken(kind: HoldKind, number: HoldId) -> str:
    return f"{kind.value.replace('-', ' ')} hold {number}"


def sealed_name(number: HoldId) -> str:
    return f"sealed hold {number}"


@dataclass(frozen=True, slots=True)
class HeldCamera:
    """A camera under a hold."""

    camera_id: CameraId
    name: str
    branch: str
    node_id: NodeId
    seq: int
    """With which it came under the hold."""
    paused_until: datetime | None = None

    def is_left_out_of(self, hold: LegalHold, at: datetime) -> bool:
        """Say whether it is paused while the hold asks for what it would record."""
        return self.paused_until is not None and hold.asks_for(at, self.paused_until)


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """How far a hold is in force at a node that records cameras of it."""

    node_id: NodeId
    name: str
    applied: bool
    """The node has put all of the hold into force."""
    safe_from: datetime | None
    """Until then at the latest the node may destroy by what it knew before; None when it may not at all."""

    def effective(self, at: datetime) -> bool:
        """Say whether nothing that was there when it became so is destroyed any more."""
        return self.applied or self.safe_from is None or self.safe_from <= at


@dataclass(frozen=True, slots=True)
class HoldOverview:
    """A hold with how far it is in force, as a list has it."""

    hold: LegalHold
    nodes: tuple[NodeStanding, ...]
    """None of a hold that was released: it is in force nowhere."""

    def pending(self, at: datetime) -> list[NodeStanding]:
        """Return the nodes that may still destroy what is under it."""
        return [node for node in self.nodes if not node.effective(at)]


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A hold as a report of all has it."""

    overview: HoldOverview
    segments: int
    """Kept of its cameras, as the nodes counted when they put it into force."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a node found, and when it said so."""

    node_id: NodeId
    answer: HoldAnswer
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldStanding:
    """A hold with all that is known of it."""

    hold: LegalHold
    cameras: tuple[HeldCamera, ...]
    nodes: tuple[NodeStanding, ...]
    answers: tuple[StoredAnswer, ...]
    release_waits: bool
    """Somebody proposed its release, and nobody has answered."""

    def effective(self, at: datetime) -> bool:
        return all(node.effective(at) for node in self.nodes)

    def paused(self, at: datetime) -> list[HeldCamera]:
        """Return the cameras that don't record what the hold asks for, as long as somebody has paused them."""
        return [one for one in self.cameras if one.is_left_out_of(self.hold, at)]

    @property
    def lost_segments(self) -> tuple[int, int]:
        """Return how much of the held time can't be had back: what was being destroyed, and what went before."""
        found = [one.answer for one in self.answers]
        return sum(one.condemned_segments for one in found), sum(one.purged_segments for one in found)
