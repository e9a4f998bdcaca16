"""What people enter of what a request is to ask for from now on, on a form or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vms.domain.export_scope import MOST_SPANS, CameraSpan, Delivery, ExportScope, Terms
from vms.domain.ids import CameraId
from vms.domain.request import RequestAct
from vms.domain.timespan import datetime_of_ms
from vms.errors import InvalidInput
from vms.services.requests import until_ms
from web.hold_entries import Ids, Text
from web.local_time import first_moment, last_moment, reading_of
from web.request_entries import delivery_of, require_both, spans

Readings = Annotated[list[Text], Field(max_length=MOST_SPANS + 1)]


class Row(NamedTuple):
    """One of several times that are asked for, as the form shows it."""

    camera: int
    name: str
    start: str
    end: str


class ScopeEntries(BaseModel):
    """What the form and JSON have in common."""

    model_config = ConfigDict(hide_input_in_errors=True)

    act: Text = ""
    """`narrow`, or `scope` where whoever asks said that it is something else."""
    recipient: Text = ""
    delivery: Text = Delivery.BY_HAND.value
    redact: Text = ""
    conditions: Text = ""
    until: Text = ""
    """The last day on which it is handed over or shown, 2026-12-31; empty: as long as the approval and the package last."""
    local_time: Text = ""
    words: Text = ""
    camera: Ids = []

    @property
    def narrows(self) -> bool:
        if self.act not in (RequestAct.NARROW, RequestAct.SCOPE):
            raise InvalidInput("Say whether it is less, by your decision (narrow), or something else, as whoever asks said (scope).")
        return self.act == RequestAct.NARROW

    def _scope(self, footage: tuple[CameraSpan, ...], zone: str) -> ExportScope:
        """Return what is said, to be checked and put in order by the service."""
        terms = Terms(self.recipient, delivery_of(self.delivery), self.redact, self.conditions, until_ms(self.until, zone))
        return ExportScope(footage, self.local_time, terms)


class ScopeForm(ScopeEntries):
    """The form's fields as they were typed.

    Where all cameras are asked for in the same time there is one of it, and `camera` says which. Else `asked` names the camera of
    each time that was asked for, in order, and a last time, with `camera`, is what is asked for besides.
    """

    asked: Ids = []
    start: Readings = []
    end: Readings = []

    @classmethod
    def of(cls, scope: ExportScope, zone: str) -> ScopeForm:
        """Return the form filled with what is asked for now."""
        together = len(scope.by_time()) == 1
        times = scope.footage[:1] if together else scope.footage
        more = [] if together else [""]
        return cls(
            recipient=scope.terms.recipient,
            delivery=scope.terms.delivery.value,
            redact=scope.terms.redact,
            conditions=scope.terms.conditions,
            until=_last_day_of(scope.terms, zone),
            local_time=scope.local_time,
            camera=sorted(scope.cameras) if together else [],
            asked=[] if together else [one.camera_id for one in times],
            start=[reading_of(datetime_of_ms(one.start_ms), zone) for one in times] + more,
            end=[reading_of(datetime_of_ms(one.end_ms), zone) for one in times] + more,
        )

    def rows(self, names: Mapping[CameraId, str]) -> list[Row]:
        """Return the times that were asked for one by one; none where there is one time for all cameras."""
        return [Row(camera, names.get(CameraId(camera), ""), *self._typed(place)) for place, camera in enumerate(self.asked)]

    @property
    def last(self) -> Mapping[str, str]:
        """Return the one time for all cameras, or what is asked for besides."""
        start, end = self._typed(len(self.asked))
        return {"start": start, "end": end}

    def scope(self, now: ExportScope, zone: str) -> ExportScope:
        """Return what was typed. `now`: what is asked for; a time that was left as it is stays so to the millisecond."""
        return self._scope((*self._kept(now, zone), *self._besides(now, zone)), zone)

    def _kept(self, now: ExportScope, zone: str) -> Iterator[CameraSpan]:
        for place, camera in enumerate(self.asked):
            start, end = self._typed(place)
            before = now.footage[place] if place < len(now.footage) and now.footage[place].camera_id == camera else None
            if start.strip() or end.strip():
                yield from _between([camera], start, end, before, zone)

    def _besides(self, now: ExportScope, zone: str) -> Iterator[CameraSpan]:
        start, end = self._typed(len(self.asked))
        before = None if self.asked else now.footage[0]
        if not self.asked or self.camera or start.strip() or end.strip():
            yield from _between(self.camera, start, end, before, zone)

    def _typed(self, place: int) -> tuple[str, str]:
        return next(iter(self.start[place : place + 1]), ""), next(iter(self.end[place : place + 1]), "")


class ScopeOrder(ScopeEntries):
    start: AwareDatetime
    end: AwareDatetime

    def scope(self, zone: str) -> ExportScope:
        return self._scope(spans(self.camera, self.start, self.end), zone)


def _between(cameras: list[int], start: str, end: str, before: CameraSpan | None, zone: str) -> tuple[CameraSpan, ...]:
    """Return the cameras between two readings. `before`: the time that the form showed, finer than a reading tells."""
    require_both(start, end)
    first = _moment(start, None if before is None else before.start_ms, zone, first_moment)
    last = _moment(end, None if before is None else before.end_ms, zone, last_moment)
    return spans(cameras, first, last)


def _moment(typed: str, before_ms: int | None, zone: str, read: Callable[[str, str], datetime]) -> datetime:
    if before_ms is not None and typed.strip() == reading_of(datetime_of_ms(before_ms), zone):
        return datetime_of_ms(before_ms)
    return read(typed, zone)


def _last_day_of(terms: Terms, zone: str) -> str:
    if terms.expires_ms is None:
        return ""
    return reading_of(datetime_of_ms(terms.expires_ms - 1), zone).partition("T")[0]
