"""A showing: an outsider sees exactly what was approved at a screen of the Library, beside somebody who may let it leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vms.domain.export_scope import CameraSpan, ExportScope, joined
from vms.domain.ids import ApprovalId, CameraId, PersonId, RequestId, ShowingId
from vms.domain.request import ExportRequest
from vms.domain.timespan import Timespan, datetime_of_ms, local_time, ms_of

MOST_SHOWINGS = 20
"""Of one approval: what is looked at more often is asked for anew."""
MOST_SAID = 20
"""Stretches of what was seen that are spelled out in words; the showing has all."""


FETCHED_AHEAD = "A player fetches ahead of what it shows: the last of a stretch need not have been looked at."


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who sits at the screen, as whoever begins a showing says it."""

    name: str
    belongs: str
    """Badge and agency of an officer, firm of an agent; of anybody else what they have to do with it."""
    identity: str
    """How it was made sure who they are, and by whom."""
    place: str
    """At which branch, at which screen."""
    beside: str
    """Who of the staff is beside them."""

    @property
    def words(self) -> str:
        return f"{self.name}, {self.belongs} ({self.identity}), at {self.place}; beside them {self.beside}"


@dataclass(frozen=True, slots=True)
class Showing:
    """One showing, running or past."""

    id: ShowingId
    request: RequestId
    number: str
    """As people call the request."""
    approval: ApprovalId
    scope: ExportScope
    """What may be shown in it: all that was approved, and nothing else."""
    viewer: Viewer
    person: PersonId
    """Who began it: the account that opens what is shown."""
    by_name: str
    at: datetime
    """It was in the access log then; the first look came after that."""
    ends_at: datetime
    """By itself, where nobody ends it before."""
    ended_at: datetime | None = None
    """None: nobody has written its end down."""
    ended_by_name: str = ""
    """Empty: its time ran out."""
    seen: tuple[CameraSpan, ...] = ()
    """What of it was sent to the screen, once its end is written down."""

    def runs(self, at: datetime) -> bool:
        return self.ended_at is None and self.at <= at < self.ends_at

    @property
    def over_at(self) -> datetime:
        return self.ends_at if self.ended_at is None else min(self.ended_at, self.ends_at)

    def part(self, camera: CameraId, asked: Timespan, around: datetime | None = None) -> Timespan | None:
        """Return what of `asked` may be shown of a camera: of several spans the one with `around`, else the first; None when nothing."""
        found = [part for one in self.scope.footage if one.camera_id == camera and (part := _span(one).intersection(asked)) is not None]
        return next((one for one in found if around is not None and one.start <= around < one.end), next(iter(found), None))


def shown_until(request: ExportRequest) -> datetime | None:
    """Return until when what is approved may be shown: the last day of its terms, and no longer than the approval; None without one."""
    if request.approval is None:
        return None
    ends_ms = request.scope.terms.expires_ms
    return request.approval.ends_at if ends_ms is None else min(request.approval.ends_at, datetime_of_ms(ends_ms))


def seen_of(sent: Iterable[tuple[CameraId, Timespan]]) -> tuple[CameraSpan, ...]:
    """Return what was sent to a screen, camera by camera, joined where it touches."""
    return joined(CameraSpan(camera, ms_of(span.start), ms_of(span.end)) for camera, span in sent if ms_of(span.start) < ms_of(span.end))


def seen_words(seen: Sequence[CameraSpan], names: Mapping[CameraId, str], zone: str = "") -> str:
    """Return what was sent to the screen, in words: in UTC, and as the clocks of `zone` showed it where one is given.

    A player fetches ahead of what it shows, so what was sent is what can have been seen, and no proof that it was.
    """

    def said(ms: int) -> str:
        at = datetime_of_ms(ms)
        return f"{at:%Y-%m-%d %H:%M:%S}" if not zone else f"{local_time(at, zone)} ({at:%Y-%m-%d %H:%M:%S})"

    if not seen:
        return "Nothing was sent to the screen."
    told = [f"{names.get(one.camera_id, one.camera_id)} {said(one.start_ms)} to {said(one.end_ms)}" for one in seen[:MOST_SAID]]
    more = f"; and {len(seen) - MOST_SAID} more" if len(seen) > MOST_SAID else ""
    of_which = "local time, and UTC in brackets" if zone else "UTC"
    return f"Sent to the screen ({of_which}): {'; '.join(told)}{more}. {FETCHED_AHEAD}"


def _span(one: CameraSpan) -> Timespan:
    return Timespan(datetime_of_ms(one.start_ms), datetime_of_ms(one.end_ms))
