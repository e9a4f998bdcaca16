"""Recordings left open at an enrolled screen: closed once the session there has locked or ended, with what was really streamed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy.orm import Session

from vms.domain.access import AccessEvent, Action, View
from vms.domain.ids import ViewId
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.timespan import Timespan
from vms.services.access_log import DISTRICT
from vms.services.footage import barred_by_showing, camera_in_view, close_streamed_view, viewer_of
from vms.services.sessions import Holder, holder_of
from vms.store import access_log, views

SLACK = timedelta(minutes=1)
"""Entries follow the clock, but for one that was set."""


def left_views(session: Session, *, at: datetime) -> list[ViewId]:
    """Return the open views of recordings whose session at an enrolled screen may watch none any more. Reads only."""
    return [view.id for view, holder in _at_screens(session, at) if _why(session, view, holder, at)]


def close_left_views(session: Session, *, at: datetime) -> list[ViewId]:
    """Close them, and write down what of each was streamed and why it was closed."""
    left = [(view, holder.person, why) for view, holder in _at_screens(session, at) if (why := _why(session, view, holder, at))]
    for view, person, why in left:
        close_streamed_view(session, person, view, intervals=streamed(_reads(session, person, view)), why=why, at=at)
    return [view.id for view, _, _ in left]


def streamed(reads: Iterable[AccessEvent]) -> list[Timespan]:
    """Return the footage of the segments that `reads` sent.

    When one is asked for, its end is not known, only that it comes within some time; where the next one that was sent begins before,
    it ended there.
    """
    spans = sorted({event.span for event in reads if event.span is not None and "segment" in event.detail}, key=lambda span: span.start)
    cut = [Timespan(one.start, min(one.end, after.start)) for one, after in pairwise(spans) if one.start < after.start]
    return [*cut, *spans[-1:]]


def _at_screens(session: Session, at: datetime) -> list[tuple[View, Holder]]:
    found = views.recorded_at_screens(session, at - SLACK)  # an emergency ends at its views' deadline: they are to be closed then
    return [(view, holder) for view, number in found if (holder := holder_of(session, number, at=at)) is not None]


def _why(session: Session, view: View, holder: Holder, at: datetime) -> str:
    if not holder.is_open:
        return "ended"
    if viewer_of(view, holder.person) is None:
        return "emergency over"
    if not holder.person.may(Permission.RECORDED_VIEW):
        return "locked" if holder.person.locked_since else "not allowed"
    if barred_by_showing(session, holder.person, view, at) is not None:
        return "a showing runs" if view.showing_id is None else "showing over"
    return "not allowed" if isinstance(camera_in_view(session, view, holder.person), Refused) else ""


def _reads(session: Session, person: Person, view: View) -> list[AccessEvent]:
    # From a number on, not by camera: a camera's entries of years would be looked through while every other writer waits.
    after = access_log.last_before(session, DISTRICT, view.opened_at - SLACK)
    reads = access_log.following(session, DISTRICT, frozenset({Action.FOOTAGE_READ}), after=after)
    return [event for event in reads if (event.view_id, event.actor) == (view.id, person.label)]
