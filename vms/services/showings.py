"""An outsider is shown exactly what was approved at a screen: written down first, ended by somebody or by its time, with what was seen.

It is a disclosure: who may begin one is who may hand a package over, and under an approval of that very scope. What it opens are views as
any others (`footage`), of what was approved and nothing else, to the account of who began it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import CameraSpan, Delivery
from vms.domain.ids import RequestId, ShowingId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.request import ExportRequest, RequestAct, RequestState
from vms.domain.showing import MOST_SHOWINGS, Showing, Viewer, seen_of, seen_words, shown_until
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import DISTRICT, name_of, refuse, together
from vms.services.approvals import may_let_go
from vms.services.left_views import SLACK, streamed
from vms.services.refusals import not_allowed
from vms.services.request_acts import begun
from vms.services.request_steps import JOB, Step, can_write_about, not_from, refuse_about, take
from vms.services.requests import line_of
from vms.store import access_log, holds, requests, showings, views

_WAYS = frozenset({Delivery.ON_SITE})
_S = RequestState


def begin_showing(
    session: Session, settings: Settings, actor: Actor, number: RequestId, viewer: Viewer, *, at: datetime
) -> Showing | Refused:
    """Write down who is about to be shown what was approved; views of that, and of nothing else, open for `actor` from the commit on.

    InvalidInput says what was left out; Conflict while another showing runs, or when there were too many.
    """
    if not isinstance(actor, Person):
        return refuse(session, actor, Action.EXPORT_SHOW, not_allowed("show footage to anybody", "a person, signed in"), at=at)
    told = _checked(viewer, actor)
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if isinstance(refused := may_let_go(session, actor, request, _WAYS, at=at), Refused):
        return refuse_about(session, settings, actor, request, refused, at=at, what=Action.EXPORT_SHOW)
    until = shown_until(request)
    if request.state not in {_S.APPROVED, _S.DISCLOSED} or until is None or request.approval is None:
        return refuse_about(session, settings, actor, request, not_from(request, "shown"), at=at, what=Action.EXPORT_SHOW)
    if until <= at:
        sentence = f"It was to be shown until {until:%Y-%m-%d %H:%M} UTC. Enter it anew to have it approved again."
        late = Refused(Refusal.NOT_ALLOWED, sentence)
        return refuse_about(session, settings, actor, request, late, at=at, what=Action.EXPORT_SHOW)
    _require_free(session, settings, actor, request, at)
    showing = Showing(
        id=ShowingId(new_number()),
        request=request.id,
        number=request.number,
        approval=request.approval.id,
        scope=request.scope,
        viewer=told,
        person=actor.id,
        by_name=name_of(actor),
        at=at,
        ends_at=min(until, at + timedelta(minutes=settings.showing_minutes)),
    )
    showings.add(session, showing, request, by=actor.label)
    with together(session):
        _begin(session, settings, actor, request, showing, at=at)
    return showing


def end_showing(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> Showing | Refused:
    """End what of a request is shown now, and return it with what was sent to the screen; views of it show nothing more."""
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    showing = showings.unended_of_request(session, number)
    if showing is None or not showing.runs(at):
        none = Refused(Refusal.NOT_ALLOWED, f"Request {request.number} is not being shown now.")
        return refuse_about(session, settings, actor, request, none, at=at)
    return _end(session, settings, actor, request, showing, name_of(actor), at=at)


def write_down_over(session: Session, settings: Settings, *, at: datetime) -> int:
    """Write down which showings ran out with nobody ending them, and return how many: nothing opened in them since, written down or not."""
    holds.lock(session)
    with together(session):
        return sum(_write_down(session, settings, showing, at=at) for showing in showings.over(session, at))


def any_over(session: Session, *, at: datetime) -> bool:
    return bool(showings.over(session, at))


def shown_now(session: Session, person: Person, *, at: datetime) -> list[Showing]:
    """Return what is shown now of cameras that `person` may watch live: who is at the desk sees that, and not to whom or what."""
    if not person.may(Permission.LIVE_VIEW):
        return []
    return [one for one in showings.running(session, person.reach(Permission.LIVE_VIEW), at) if one.runs(at)]


def _checked(viewer: Viewer, actor: Actor) -> Viewer:
    told = Viewer(
        name=line_of(viewer.name, "who is shown it"),
        belongs=line_of(viewer.belongs, "their badge and agency, or what they have to do with it"),
        identity=line_of(viewer.identity, "how it was made sure who they are, and by whom"),
        place=line_of(viewer.place, "at which branch and screen"),
        beside=line_of(viewer.beside, "who of the staff is beside them") or name_of(actor),
    )
    missing = (
        (told.name, "Say who is shown it."),
        (told.belongs, "Say their badge and agency, or what they have to do with it."),
        (told.identity, "Say how it was made sure who they are, and by whom."),
        (told.place, "Say at which branch and screen they sit."),
    )
    for entry, sentence in missing:
        if not entry:
            raise InvalidInput(sentence)
    return told


def _require_free(session: Session, settings: Settings, actor: Person, request: ExportRequest, at: datetime) -> None:
    """Write down what has run out and stands in the way; Conflict while something else does."""
    for found in _in_the_way(session, request, actor):
        if found.runs(at):
            raise Conflict(f"Request {found.number} is being shown now, by {found.by_name}. End that showing first.")
        if not _write_down(session, settings, found, at=at):
            raise Conflict(f"A showing of request {found.number} ran out, and its end can't be written: the request can't be read now.")
    if len(showings.of_request(session, request.id)) >= MOST_SHOWINGS:
        raise Conflict(f"Request {request.number} was shown {MOST_SHOWINGS} times. Enter it anew, if it is still needed.")
    newest_ms = max(one.end_ms for one in request.scope.footage)
    if newest_ms > ms_of(at):
        raise InvalidInput(f"The newest of it is still to be recorded. Show it from {datetime_of_ms(newest_ms):%Y-%m-%d %H:%M:%S} UTC on.")


def _in_the_way(session: Session, request: ExportRequest, actor: Person) -> Iterator[Showing]:
    if (of_it := showings.unended_of_request(session, request.id)) is not None:
        yield of_it
    # Asked once the first was dealt with: it may be the same.
    if (own := showings.unended_of(session, actor.id)) is not None:
        yield own


def _begin(session: Session, settings: Settings, actor: Person, request: ExportRequest, showing: Showing, *, at: datetime) -> None:
    """Take the steps that the table of states has: nothing is prepared, and it counts as disclosed before the first look."""
    said = f"{showing.viewer.words}; until {showing.ends_at:%Y-%m-%d %H:%M} UTC at the latest."
    step = Step(RequestAct.SHOW, None, said, showing=showing.id)
    if request.state is _S.APPROVED:
        for state in (_S.PREPARING, _S.READY):
            request = take(session, settings, actor, request, replace(step, to=state, words=""), at=at)
        step = replace(step, to=_S.DISCLOSED)
    take(session, settings, actor, request, step, at=at)


def _write_down(session: Session, settings: Settings, showing: Showing, *, at: datetime) -> bool:
    """Write down what nobody ended; False, and it waits, while its request can't be read: nothing of it opens either way."""
    request = requests.known(session, requests.EVERYBODYS, showing.request)
    if request is None or not can_write_about(settings, request):
        return False
    _end(session, settings, JOB, request, showing, "", at=at)
    return True


def _end(
    session: Session, settings: Settings, actor: Actor, request: ExportRequest, showing: Showing, by_name: str, *, at: datetime
) -> Showing:
    seen = _seen(session, showing)
    ended_at = min(at, showing.ends_at)
    showings.end(session, showing.id, ended_at, by_name, seen)
    how = "" if by_name else f"By itself: its time ran out at {ended_at:%Y-%m-%d %H:%M} UTC. "
    said = how + seen_words(seen, requests.camera_names(session, showing.scope.cameras))
    take(session, settings, actor, request, Step(RequestAct.SHOWN, None, said, showing=showing.id), at=at)
    return replace(showing, ended_at=ended_at, ended_by_name=by_name, seen=seen)


def _seen(session: Session, showing: Showing) -> tuple[CameraSpan, ...]:
    """Return what was sent to the screen, as the entries say that were written before it was."""
    opened = {view.id: view for view in views.in_showing(session, showing.id)}
    after = access_log.last_before(session, DISTRICT, showing.at - SLACK)
    read = access_log.following(session, DISTRICT, frozenset({Action.FOOTAGE_READ}), after=after) if opened else ()
    by_view = [event for event in read if event.view_id in opened]
    return seen_of(
        (view.camera_id, part)
        for view in opened.values()
        for sent in streamed(event for event in by_view if event.view_id == view.id)
        if view.span is not None and (part := sent.intersection(view.span)) is not None
    )
