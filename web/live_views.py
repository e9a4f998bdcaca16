"""The access side of live watching: views opened, extended and closed in the log, and sessions looked at again. Blocking calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.clock import Clock
from vms.domain.access import Action, Purpose, View
from vms.domain.camera import StreamRole
from vms.domain.ids import CameraId, SessionId, StreamId, ViewId
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.reach import Reach
from vms.domain.timespan import Timespan
from vms.services import cameras, footage, grants, sessions
from vms.services.access_log import together
from vms.services.refusals import no_such, not_allowed
from vms.services.sessions import OpenSession
from vms.store.database import Engines
from web.refusal_log import RefusalLog

EXTEND_BEFORE = timedelta(minutes=5)
"""A watched view is extended so long before its deadline."""


@dataclass(frozen=True, slots=True)
class LiveView:
    """A committed view of one camera, and what opens its streams on the node."""

    view: View
    token: str
    streams: Mapping[StreamRole, StreamId]

    def stream(self, wanted: str) -> StreamId | None:
        """Return the stream for "main", "sub" or "auto": the smaller one unless main is named or the only one."""
        main, sub = self.streams.get(StreamRole.MAIN), self.streams.get(StreamRole.SUB)
        return main or sub if wanted == StreamRole.MAIN else sub or main


@dataclass(frozen=True, slots=True)
class Glance:
    """What is to be looked at again of one window."""

    cookie: str
    views: Sequence[LiveView]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a window found: views that go on, renewed where due, and views that end."""

    person: Person
    renewed: Mapping[ViewId, LiveView]
    ended: Mapping[ViewId, Refused]


@dataclass(frozen=True, slots=True)
class LiveViews:
    central: Engines
    clock: Clock
    grant_key: bytes
    refusals: RefusalLog

    def open(self, person: Person, wanted: Sequence[CameraId]) -> list[LiveView | Refused]:
        """Open a view of each camera; their events are committed when this returns."""
        with self.central.writing() as session, together(session):
            answers = [self._opened(session, person, camera) for camera in wanted]
        for answer in answers:
            if isinstance(answer, Refused) and not answer.logged:
                self.refusals.write(person, Action.VIEW_OPEN, answer)
        return answers

    def close(self, person: Person, views: Mapping[ViewId, Sequence[Timespan]]) -> None:
        """Close views and write down what was really streamed in each."""
        with self.central.writing() as session, together(session):
            for view, streamed in views.items():
                footage.close_view(session, person, view, intervals=streamed, at=self.clock.now())

    def look(self, windows: Sequence[Glance]) -> list[Looked | Refused]:
        """Check sessions, roles and reach again, and extend what is due; refused where the session has ended.

        One transaction for all windows. At an enrolled screen, and while an emergency access is open, watching counts as use of the
        session, so that a desk keeps its wall for a shift; the limit of hours since sign-in stays.
        """
        at = self.clock.now()
        with self.central.reading() as session:
            shown = _Shown(session, at)
            found = [sessions.session_for_token(session, window.cookie, at=at) for window in windows]
            ended = [
                {} if isinstance(one, Refused) else shown.refused(one.person, window.views)
                for one, window in zip(found, windows, strict=True)
            ]
        renewed = self._renew(
            [(one, window, gone) for one, window, gone in zip(found, windows, ended, strict=True) if isinstance(one, OpenSession)]
        )
        return [one if isinstance(one, Refused) else _looked(one.person, gone, renewed) for one, gone in zip(found, ended, strict=True)]

    def _renew(self, windows: Sequence[tuple[OpenSession, Glance, Mapping[ViewId, Refused]]]) -> dict[ViewId, LiveView | Refused]:
        """Extend the views whose deadline is near, and count watching as use; nothing is written when neither is due."""
        at = self.clock.now()
        touched = [found.person for found, window, _ in windows if window.views and found.watching_counts and found.touch_due(at)]
        due = [
            (found.person, live)
            for found, window, gone in windows
            for live in window.views
            if live.view.id not in gone and _extends(found.person, live.view, at)
        ]
        if not touched and not due:
            return {}
        with self.central.writing() as session, together(session):
            for person in touched:
                sessions.touch_session(session, person.session_id, at=at, screen=person.screen_id)
            return {live.view.id: self._extended(session, person, live) for person, live in due}

    def _extended(self, session: Session, person: Person, live: LiveView) -> LiveView | Refused:
        answer = footage.extend_view(session, person, live.view.id, at=self.clock.now())
        return answer if isinstance(answer, Refused) else replace(live, view=answer, token=self._token(session, answer))

    def _opened(self, session: Session, person: Person, camera: CameraId) -> LiveView | Refused:
        # Asked first: whoever makes up numbers of cameras would fill the log with their refusals.
        details = cameras.camera_for(session, person, camera)
        if isinstance(details, Refused):
            return details
        answer = footage.open_view(session, person, camera_id=camera, purpose=Purpose.LIVE, span=None, at=self.clock.now())
        if isinstance(answer, Refused):
            return answer
        return LiveView(answer, self._token(session, answer), {stream.role: stream.id for stream in details.camera.streams})

    def _token(self, session: Session, view: View) -> str:
        return grants.issue(footage.grant_for(session, view), self.grant_key)


@dataclass(slots=True)
class _Shown:
    """Which cameras may still be shown, each asked for once in a look."""

    session: Session
    at: datetime
    _barred: dict[SessionId, Refused | None] = field(default_factory=dict)
    _known: dict[tuple[CameraId, Reach | None], Refused | None] = field(default_factory=dict)

    def refused(self, person: Person, views: Sequence[LiveView]) -> dict[ViewId, Refused]:
        if not person.may(Permission.LIVE_VIEW):
            return {live.view.id: not_allowed("watch live", "the Director") for live in views}
        if views and (barred := self._in_showing(person, views[0].view)) is not None:
            return {live.view.id: barred for live in views}
        answers = {live.view.id: self._of_view(person, live.view) for live in views}
        return {view: answer for view, answer in answers.items() if answer is not None}

    def _in_showing(self, person: Person, view: View) -> Refused | None:
        """Say why nothing live may be on the screens of who shows recordings to an outsider; `view`: any of theirs."""
        if person.session_id not in self._barred:
            self._barred[person.session_id] = footage.barred_by_showing(self.session, person, view, self.at)
        return self._barred[person.session_id]

    def _of_view(self, person: Person, view: View) -> Refused | None:
        viewer = footage.viewer_of(view, person)
        return footage.EMERGENCY_OVER if viewer is None else self._of_camera(viewer, view.camera_id)

    def _of_camera(self, person: Person, camera: CameraId) -> Refused | None:
        key = camera, person.reach(Permission.CAMERA_LIST)
        if key not in self._known:
            details = cameras.camera_for(self.session, person, camera)
            gone = isinstance(details, Refused) or details.camera.removed_at is not None
            self._known[key] = no_such("camera") if gone else None
        return self._known[key]


def _extends(person: Person, view: View, at: datetime) -> bool:
    """Say whether the deadline is near and may still move: that of a view under an emergency ends with it."""
    last = view.emergency_id is not None and person.emergency is not None and view.deadline >= person.emergency.ends_at
    return view.deadline - at < EXTEND_BEFORE and not last


def _looked(person: Person, ended: Mapping[ViewId, Refused], renewed: Mapping[ViewId, LiveView | Refused]) -> Looked:
    refused = {view: answer for view, answer in renewed.items() if isinstance(answer, Refused)}
    return Looked(person, {view: live for view, live in renewed.items() if isinstance(live, LiveView)}, {**ended, **refused})
