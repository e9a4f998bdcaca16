"""Requests as pages show them: in words, with what the reader may do to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypedDict

from sqlalchemy.orm import Session

from vms.domain.export_scope import Delivery
from vms.domain.ids import CameraId
from vms.domain.instruments import QUESTIONS, STILLS, Counsel
from vms.domain.made_package import LIVE, MadePackage, PackageState
from vms.domain.package_ticket import PackageTicket
from vms.domain.people import Permission, Person
from vms.domain.request import (
    APPEAL_WINDOW,
    APPROVED_STATES,
    EDGES,
    OPEN,
    UNDECIDED,
    Approval,
    DenyReason,
    ExportRequest,
    RequestAct,
    RequestState,
    askers,
    form_answers,
)
from vms.domain.showing import Showing, seen_words, shown_until
from vms.domain.timespan import datetime_of_ms
from vms.services.cameras import Removed, list_cameras
from vms.services.codes import grouped
from vms.services.request_acts import WORDED, may_act
from vms.services.request_seals import may_be_named
from vms.services.requests import RequestStanding
from vms.services.stills import is_over
from web.request_history import Event, end_row, history_rows, state_words
from web.words import (
    DELIVERIES,
    DENY_REASONS,
    FORM_ANSWERS,
    INSTRUMENTS,
    PACKAGE_STATES,
    REQUEST_ACTS,
    ROLE_LABELS,
)

_BY_HAND = frozenset({Delivery.BY_HAND, Delivery.ENCRYPTED_FILE})
_STAGES = {
    RequestState.DRAFT: 0,
    RequestState.SUBMITTED: 1,
    RequestState.NEEDS_INFO: 1,
    RequestState.UNDER_REVIEW: 2,
    RequestState.COUNSEL_REVIEW: 2,
    RequestState.CONTESTED: 2,
    RequestState.NARROWED: 2,
    RequestState.APPROVED: 3,
    RequestState.DENIED: 3,
    RequestState.REVOKED: 3,
    RequestState.PREPARING: 4,
    RequestState.PARTIALLY_AVAILABLE: 4,
    RequestState.FOOTAGE_UNAVAILABLE: 4,
    RequestState.REDACTING: 4,
    RequestState.READY: 4,
    RequestState.DISCLOSED: 5,
    RequestState.WITHDRAWN: 6,
    RequestState.EXPIRED: 6,
    RequestState.CLOSED: 6,
}
"""How far along each state is: draft, submitted, looked at with counsel, decided, prepared, handed over, over."""
_MAY_PACK = frozenset({RequestState.APPROVED, RequestState.PREPARING})


class RequestRow(TypedDict):
    id: int
    number: str
    instrument: str
    requester: str
    state: RequestState
    state_words: str
    due_at: datetime
    overdue: bool
    waits: bool
    """It waits for a decision."""
    sealed: bool
    stage: int
    """Of the seven boxes of its line, the one that it has come to."""
    acts: bool
    """Somebody must act on it."""


class Asked(TypedDict):
    """What a request asks for, in a line of the register."""

    camera: str
    more: int
    """So many cameras besides."""
    start: datetime
    end: datetime


class Span(TypedDict):
    camera: str
    start: datetime
    end: datetime


class Line(TypedDict):
    """One line of the form check."""

    name: str
    question: str
    answer: str
    answer_words: str


class Act(TypedDict):
    act: str
    label: str
    asks: str


class PackageRow(TypedDict):
    """The package that was asked for last."""

    state: PackageState
    words: str
    sentence: str
    asked_by: str
    asked_at: datetime
    since: datetime
    manifest: str
    files: int
    size_bytes: int
    missing: int
    leaves_until: datetime
    encrypted: bool


class TicketRow(TypedDict):
    number: str
    recipient: str
    by: str
    at: datetime
    until: datetime
    downloads: int
    most: int
    last_at: datetime | None
    over: str
    """Why it opens nothing any more; empty while it does."""


class Look(TypedDict):
    """Where what was approved plays."""

    name: str
    href: str


class ShowingRow(TypedDict):
    viewer: str
    place: str
    beside: str
    by: str
    at: datetime
    over_at: datetime
    runs: bool
    ended_by: str
    """Empty: nobody, its time ran out."""
    seen: str
    """In words; empty while nobody has written its end down."""
    looks: list[Look]
    """While it runs, for who began it."""


class RequestPage(TypedDict):
    """One request as its page and its letter draw it."""

    row: RequestRow
    request: ExportRequest
    approval: Approval | None
    """The one that counts now."""
    spans: list[Span]
    minutes: int
    delivery: str
    expires_at: datetime | None
    lines: list[Line]
    history: list[Event]
    end: Event | None
    """By what it ended without a package that left."""
    kept_until: datetime | None
    """Once it is open no more: until then, what it asked for is kept for certain."""
    never: bool
    """Nothing makes a request of this kind one that may be approved."""
    standing: RequestStanding
    faults: tuple[str, ...]
    """What keeps it from being approved now."""
    acts: list[Act]
    exemption: bool
    counsel_first: bool
    may_decide: bool
    may_approve: bool
    """The reader decides, asks for none of it, and nothing keeps it from being approved."""
    asks_for_it: bool
    """The reader entered it, or let it ask for something else."""
    may_check: bool
    may_deny: bool
    may_narrow: bool
    may_change: bool
    may_advise: bool
    may_add: bool
    package: PackageRow | None
    may_pack: bool
    may_hand_over: bool
    """The reader decides, asks for none of it, and it is to leave by hand, encrypted or not."""
    may_let_download: bool
    """The reader decides, asks for none of it, and its package is to leave by download."""
    tickets: list[TicketRow]
    on_site: bool
    """It is for showing at a screen: no file leaves."""
    shown_until: datetime | None
    may_show: bool
    """The reader decides, asks for none of it, and a showing may begin now."""
    showings: list[ShowingRow]
    may_unseal: bool
    """It is sealed, and the reader decides."""
    stills: bool
    """It has single pictures alone."""
    copies_due: bool
    """Their last day is over, and nobody said that the copies were taken away."""


def request_row(request: ExportRequest, at: datetime) -> RequestRow:
    state, asks = request.state_at(at), request.requester
    return RequestRow(
        id=request.id,
        number=request.number,
        instrument=INSTRUMENTS[request.instrument],
        requester=f"{asks.name}, {asks.agency}" if asks.agency else asks.name,
        state=state,
        state_words=state_words(request, state),
        due_at=request.due_at,
        overdue=request.is_overdue(at),
        waits=state in UNDECIDED,
        sealed=request.is_sealed,
        stage=_STAGES[state],
        acts=state in UNDECIDED | APPROVED_STATES,
    )


def asked_for(request: ExportRequest, names: Mapping[CameraId, str]) -> Asked | None:
    """Return which camera comes first in what is asked for, how many others, and from when to when in all; None: it can't be read."""
    if request.fault is not None:
        return None
    footage, cameras = request.scope.footage, request.scope.cameras
    return Asked(
        camera=names.get(footage[0].camera_id, ""),
        more=len(cameras) - 1,
        start=datetime_of_ms(min(one.start_ms for one in footage)),
        end=datetime_of_ms(max(one.end_ms for one in footage)),
    )


def request_page(standing: RequestStanding, person: Person, at: datetime) -> RequestPage:
    """Return what a page of this request shows to `person`."""
    request, rule = standing.request, standing.rule
    row = request_row(request, at)
    state, decides, mine = row["state"], person.may(Permission.REQUEST_DECIDE), request.entered_by == person.label
    asks, faults = person.label in askers(request, standing.history), standing.faults_at(at)
    terms, changes = request.scope.terms, state in UNDECIDED | APPROVED_STATES
    reviewed = RequestState.UNDER_REVIEW if state is RequestState.SUBMITTED else state
    return RequestPage(
        row=row,
        request=request,
        approval=request.approval_at(at),
        spans=[
            Span(camera=standing.names.get(one.camera_id, ""), start=datetime_of_ms(one.start_ms), end=datetime_of_ms(one.end_ms))
            for one in request.scope.footage
        ],
        minutes=request.scope.camera_minutes,
        delivery=DELIVERIES[terms.delivery],
        expires_at=None if terms.expires_ms is None else datetime_of_ms(terms.expires_ms),
        lines=_lines(standing),
        history=history_rows(request, standing.history, rule.form),
        end=end_row(request, standing.history),
        kept_until=None if request.state in OPEN else request.since + APPEAL_WINDOW,
        never=not rule.may_be_approved,
        standing=standing,
        faults=faults,
        acts=[Act(act=act.value, label=REQUEST_ACTS[act], asks=WORDED[act].asks) for act in WORDED if may_act(person, request, act, at=at)],
        exemption=rule.cites_exemption,
        counsel_first=rule.counsel is Counsel.FIRST,
        may_decide=decides,
        may_approve=decides and not asks and not faults and RequestState.APPROVED in EDGES[reviewed],
        asks_for_it=asks,
        may_check=decides and bool(rule.form) and changes,
        may_deny=decides and RequestState.DENIED in EDGES[reviewed],
        may_narrow=decides and changes,
        may_change=(decides or mine) and changes,
        may_advise=person.may(Permission.REQUEST_ADVISE),
        may_add=changes,
        package=None if standing.package is None else _package(standing.package, request),
        may_hand_over=decides and not asks and state is RequestState.READY and terms.delivery in _BY_HAND,
        may_let_download=decides and not asks and terms.delivery is Delivery.DOWNLOAD and _lies_here(standing, state),
        tickets=[_ticket(one, at) for one in standing.tickets],
        on_site=terms.delivery is Delivery.ON_SITE,
        shown_until=shown_until(request),
        may_show=decides and not asks and _may_be_shown(standing, state, at),
        showings=[_showing(one, standing, person, at) for one in standing.showings],
        may_pack=decides and _may_pack(standing, state),
        may_unseal=decides and request.is_sealed,
        stills=request.instrument in STILLS,
        copies_due=_copies_due(standing, at),
    )


def offered_cameras(session: Session, person: Person) -> list[tuple[str, list[tuple[int, str]]]]:
    """Return the cameras that a request of this person may be about, by branch: removed ones too, their footage may still be there."""
    known = list_cameras(session, person, Permission.REQUEST_ENTER, removed=Removed.INCLUDED)
    by_branch = groupby(known, key=lambda one: one.branch.name)
    return [(branch, [(one.camera.id, one.camera.name) for one in cameras]) for branch, cameras in by_branch]


def offered_people(session: Session, person: Person, at: datetime, request: ExportRequest | None = None) -> list[tuple[int, str]]:
    """Return whom `person` may name a sealed request to, besides those whom it is named to already."""
    if not person.may(Permission.REQUEST_DECIDE):
        return []
    there = {person.id} if request is None or request.seal is None else set(request.seal.named)
    return [(one.id, f"{one.name}, {ROLE_LABELS[one.role]}") for one in may_be_named(session, at=at) if one.id not in there]


def instrument_choices() -> Sequence[tuple[str, str]]:
    """Return what somebody brings or says; stills have a form of their own."""
    return [(one.value, label) for one, label in INSTRUMENTS.items() if one not in STILLS]


def delivery_choices() -> Sequence[tuple[str, str]]:
    return [(one.value, DELIVERIES[one]) for one in Delivery]


def deny_choices() -> Sequence[tuple[str, str]]:
    return [(one.value, DENY_REASONS[one]) for one in DenyReason]


def _copies_due(standing: RequestStanding, at: datetime) -> bool:
    removed = any(one.act is RequestAct.REMOVED for one in standing.history)
    return is_over(standing.request, at) and standing.release is not None and not removed


def _package(package: MadePackage, request: ExportRequest) -> PackageRow:
    return PackageRow(
        state=package.state,
        words=PACKAGE_STATES[package.state],
        sentence=package.sentence,
        asked_by=package.asked_by_name,
        asked_at=package.asked_at,
        since=package.since or package.asked_at,
        manifest=package.manifest,
        files=package.files,
        size_bytes=package.size_bytes,
        missing=package.missing,
        leaves_until=package.leaves_until(request.scope.terms),
        encrypted=bool(package.identity),
    )


def _may_pack(standing: RequestStanding, state: RequestState) -> bool:
    free = standing.package is None or standing.package.state not in LIVE
    return free and state in _MAY_PACK and standing.request.scope.terms.delivery is not Delivery.ON_SITE


def _may_be_shown(standing: RequestStanding, state: RequestState, at: datetime) -> bool:
    request, until = standing.request, shown_until(standing.request)
    open_to = request.scope.terms.delivery is Delivery.ON_SITE and state in {RequestState.APPROVED, RequestState.DISCLOSED}
    return open_to and until is not None and at < until and not any(one.runs(at) for one in standing.showings)


def _showing(showing: Showing, standing: RequestStanding, person: Person, at: datetime) -> ShowingRow:
    viewer, runs = showing.viewer, showing.runs(at)
    looks = [
        Look(name=standing.names.get(one.camera_id, ""), href=f"/playback?camera={one.camera_id}&t={one.start_ms}")
        for one in showing.scope.footage
    ]
    return ShowingRow(
        viewer=f"{viewer.name}, {viewer.belongs} ({viewer.identity})",
        place=viewer.place,
        beside=viewer.beside,
        by=showing.by_name,
        at=showing.at,
        over_at=showing.over_at,
        runs=runs,
        ended_by=showing.ended_by_name,
        seen="" if showing.ended_at is None else seen_words(showing.seen, standing.names),
        looks=looks if runs and showing.person == person.id else [],
    )


def _lies_here(standing: RequestStanding, state: RequestState) -> bool:
    there = standing.package is not None and standing.package.state is PackageState.READY
    return there and state in {RequestState.READY, RequestState.DISCLOSED}


def _ticket(ticket: PackageTicket, at: datetime) -> TicketRow:
    used_up = "Every download that it allows was begun." if ticket.is_used_up() else ""
    return TicketRow(
        number=grouped(ticket.number),
        recipient=ticket.recipient,
        by=ticket.by_name,
        at=ticket.at,
        until=ticket.until,
        downloads=ticket.downloads,
        most=ticket.most_downloads,
        last_at=ticket.last_download_at,
        over=ticket.ended(at) or used_up,
    )


def _lines(standing: RequestStanding) -> list[Line]:
    answers = form_answers(standing.history)
    return [
        Line(
            name=line.value.replace("-", "_"),
            question=QUESTIONS[line],
            answer=answers[line].value if line in answers else "",
            answer_words=FORM_ANSWERS[answers[line]] if line in answers else "Not answered",
        )
        for line in standing.rule.form
    ]
