"""What became of a camera's footage of a day: found by the machine that recorded it, told to people without what they are not to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import CameraId, HoldId, PolicyVersion
from vms.domain.purge import Purge, PurgeReason
from vms.domain.timespan import Timespan, datetime_of_ms

_DAY = timedelta(days=1)


class Verdict(StrEnum):
    GONE = "gone"
    """Nothing is left but what a sealed hold may keep: of that nobody is told, whether there is any or not."""
    HELD = "held"
    KEPT = "kept"
    EARLY = "early"
    LEFT = "left"
    UNSEEN = "unseen"
    BROKEN = "broken"

    @property
    def is_wrong(self) -> bool:
        return self in (Verdict.LEFT, Verdict.UNSEEN, Verdict.BROKEN)

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Verdict.GONE: "Gone: its window is over, no hold that may be spoken of keeps any of it, and nothing else is left.",
    Verdict.HELD: "Its window is over, and what is left is kept by a legal hold.",
    Verdict.KEPT: "Kept: its window is not over, or only just.",
    Verdict.EARLY: "Gone before its day, all or in part: the disks were full, and the policy lets what is past its floor go then.",
    Verdict.LEFT: "Left: its window is over, no hold keeps it, and some of it is still there. Look into the log of vms retain.",
    Verdict.UNSEEN: "Nothing was found, but not every volume could be looked through.",
    Verdict.BROKEN: "The purge log is not as it was written. What it says proves nothing from there on.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """What was found of a camera's day."""

    verdict: Verdict
    keeps_days: float | None
    """None: no window was ever said, so everything stays."""
    over_at: datetime | None
    """When the window of the day's last moment ends."""
    held: tuple[HoldId, ...]
    """Holds that protect some of the day. What a sealed one keeps alone counts as gone, here and below."""
    rows: int
    """Segments of the day in the index."""
    files: int
    """Files of the day on this machine's volumes, by looking for them."""
    keys_there: int
    keys_destroyed: int
    """Of the hours that begin in the day."""
    entries: int
    """Of the purge log, each followed from the first."""
    broken_at: int | None
    """The first position of the purge log that is not as it was written."""
    heads: int
    """Positions that the access log knows, and that were compared."""
    unmounted: tuple[str, ...]
    """Volumes that could not be looked through."""
    early: bool = False
    """Whether some of the day went before its day, because disks were full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayProof(DayFacts):
    """The same as the camera's machine tells it. Moments of the purge log are milliseconds since 1970."""

    camera_id: CameraId
    day: Timespan
    purges: tuple[Purge, ...]
    left: tuple[str, ...]
    """Files of which the index knows nothing: a copy that was put back, a second place that was left."""


@dataclass(frozen=True, slots=True)
class ToldPurge:
    """An entry of the purge log, but for the number of the newest hold: that goes on with holds that nobody is to learn of."""

    position: int
    start: datetime
    end: datetime
    segments: int
    size_bytes: int
    keeps_days: float
    """The rule by which they went."""
    condemned_at: datetime
    erased_at: datetime
    root: str
    """Of the Merkle tree over the segments' file digests, in hexadecimal digits."""
    policy_version: PolicyVersion | None
    reason: PurgeReason = PurgeReason.WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldProof(DayFacts):
    """The same as it is kept and printed."""

    purges: tuple[ToldPurge, ...]
    log_entry: int | None
    """The first entry of the access log that has a position of the purge log behind the last of these purges."""


def told(proof: DayProof, versions: Mapping[int, PolicyVersion | None], log_entry: int | None) -> ToldProof:
    """Return what is told of `proof`; `versions` of the policy by the number of the holds' clock that a purge was made under."""
    facts = {one.name: getattr(proof, one.name) for one in fields(DayFacts)}
    purges = tuple(_told(one, versions.get(one.batch.hold_seq)) for one in proof.purges)
    return ToldProof(**facts, purges=purges, log_entry=log_entry)


def _told(purge: Purge, version: PolicyVersion | None) -> ToldPurge:
    batch = purge.batch
    return ToldPurge(
        position=purge.position,
        start=datetime_of_ms(batch.first_ms),
        end=datetime_of_ms(batch.end_ms),
        segments=batch.segments,
        size_bytes=batch.size_bytes,
        keeps_days=timedelta(milliseconds=batch.keep_ms) / _DAY,
        condemned_at=datetime_of_ms(batch.condemned_ms),
        erased_at=datetime_of_ms(purge.erased_ms),
        root=purge.root.hex(),
        policy_version=version,
        reason=batch.reason,
    )
