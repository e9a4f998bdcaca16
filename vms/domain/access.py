"""Who saw what, why: purposes, views and the events of the access log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from json.encoder import encode_basestring
from typing import TypeAlias

from vms.domain.ids import CameraId, EmergencyId, ShowingId, StreamId, ViewId
from vms.domain.timespan import EPOCH, Timespan

VIEW_DEADLINE = timedelta(minutes=15)
"""A view ends by itself after this long unless it is extended."""
_MICROSECOND = timedelta(microseconds=1)


LIVE_REPLAY = timedelta(minutes=5)
"""So far back from a live picture nobody is asked why: something just happened."""
MAX_INCIDENT_CHARS = 40


class Purpose(StrEnum):
    LIVE = "live"
    LIVE_INCIDENT = "live-incident"
    """The last minutes again, of what was just seen live."""
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    REQUEST = "request"


class Action(StrEnum):
    """object:verb. A retired action stays listed."""

    SESSION_OPEN = "session:open"
    SESSION_REFUSE = "session:refuse"
    SESSION_CLOSE = "session:close"
    VIEW_OPEN = "view:open"
    VIEW_EXTEND = "view:extend"
    VIEW_CLOSE = "view:close"
    FOOTAGE_READ = "footage:read"
    CAMERA_ADD = "camera:add"
    CAMERA_EDIT = "camera:edit"
    CAMERA_REMOVE = "camera:remove"
    CAMERA_TEST = "camera:test"
    CAMERA_PAUSE = "camera:pause"
    CAMERA_RESUME = "camera:resume"
    BRANCH_ADD = "branch:add"
    PERSON_ADD = "person:add"
    PERSON_CONFIRM = "person:confirm"
    PERSON_INVITE = "person:invite"
    PERSON_JOIN = "person:join"
    """The invited chose a password."""
    PERSON_DISABLE = "person:disable"
    PERSON_PASSWORD = "person:password"  # noqa: S105 - the name of an act
    PERSON_RESET = "person:reset"
    """Password and second factor were taken off an account."""
    DELEGATION_GRANT = "delegation:grant"
    """The Delegate's role is lent to an account, from a moment to another."""
    DELEGATION_END = "delegation:end"
    """A delegation was over on its day."""
    DELEGATION_REVOKE = "delegation:revoke"
    """Somebody ended a delegation before its day."""
    PROPOSAL_OPEN = "proposal:open"
    """Somebody proposed an act that needs a second person."""
    PROPOSAL_APPROVE = "proposal:approve"
    PROPOSAL_STOP = "proposal:stop"
    PROPOSAL_ALONE = "proposal:alone"
    """Nobody could approve it and nobody stopped it: the act was done by one person alone."""
    FACTOR_ADD = "factor:add"
    FACTOR_REMOVE = "factor:remove"
    IDENTITY_LINK = "identity:link"
    """An account is opened by the district's sign-in from now on, too."""
    IDENTITY_UNLINK = "identity:unlink"
    SESSION_PROVE = "session:prove"
    """Somebody signed in proved anew who they are."""
    SESSION_REVOKE = "session:revoke"
    SCREEN_ADD = "screen:add"
    SCREEN_ENROL = "screen:enrol"
    """A browser became a screen, by its code."""
    SCREEN_END = "screen:end"
    WALL_SHOW = "wall:show"
    """A session became a wall's: live pictures of the screen's branch alone."""
    DISTRICT_EDIT = "district:edit"
    ACCESS_REFUSE = "access:refuse"
    LOG_READ = "log:read"
    REVIEW_ADD = "review:add"
    REVIEW_READ = "review:read"
    TLS_INIT = "tls:init"
    """A new authority for the pages' certificate, which every device has to trust."""
    KEY_ROTATE = "key:rotate"
    """A key that wraps others is being replaced, or was."""
    EMERGENCY_OPEN = "emergency:open"
    """Somebody in danger: a session sees every camera for half an hour."""
    EMERGENCY_CLOSE = "emergency:close"
    EMERGENCY_REVIEW = "emergency:review"
    EMERGENCY_SHOW = "emergency:show"
    """Whom the screen was shown to, as who used the access says."""
    CLOCK_TRUST = "clock:trust"
    """Somebody said that a machine's clock, by which footage is destroyed, is right."""
    PURGE_HEAD = "purge:head"
    """A recording machine said how far its log of destroyed footage has come."""
    HOLD_PLACE = "hold:place"
    HOLD_COVER = "hold:cover"
    """A camera came to a branch or an area under a hold, and under the hold with it."""
    HOLD_RESEND = "hold:resend"
    """After a backup was restored: every hold goes to the nodes again, and those that only a node knew are holds of the hub again."""
    HOLD_RELEASE = "hold:release"
    """A second person agreed to it: the hold cools off, and protects until that is over."""
    HOLD_KEEP = "hold:keep"
    """A release was undone while the hold cooled off."""
    HOLD_END = "hold:end"
    """The release was written: from here on the footage is kept no longer than any other."""
    POLICY_SET = "policy:set"
    """A version of a retention policy was drawn up: what it says, of which place, and why."""
    POLICY_APPROVE = "policy:approve"
    """The Director signed a version."""
    POLICY_FORCE = "policy:force"
    """A version counts from here on."""
    SPOT_CHECK_ASK = "spot-check:ask"
    """Somebody picked or drew a camera's day, to see what became of its footage."""
    SPOT_CHECK_ANSWER = "spot-check:answer"
    """A recording machine said what it found of such a day."""
    DELETION_CERTIFY = "deletion:certify"
    """The certificate of what was deleted in a month was signed."""
    REQUEST_ENTER = "request:enter"
    """Somebody asked for footage, and it was taken down."""
    REQUEST_NOTE = "request:note"
    """Something was asked, answered, checked or added to a request; which act, the entry says, and never what counsel advised."""
    REQUEST_SCOPE = "request:scope"
    """What a request asks for was changed: an approval of what it was counts no more."""
    REQUEST_READ = "request:read"
    """Somebody took out a paper of a request, or read counsel's advice."""
    REQUEST_UNSEAL = "request:unseal"
    """The seal of a request was lifted: the order that made it secret has ended."""
    REQUEST_END = "request:end"
    """A request was withdrawn or closed."""
    EXPORT_APPROVE = "export:approve"
    """The Director agreed that footage leaves, exactly as the scope of this digest says."""
    EXPORT_DENY = "export:deny"
    EXPORT_VOID = "export:void"
    """An approval counts no more: something changed, it was taken back, or it was not used in time."""
    EXPORT_ADVANCE = "export:advance"
    """A package was begun or finished, or left."""
    EXPORT_PACKAGE = "export:package"
    """A package of footage was made for a request; by its manifest's digest the package proves that it is this one."""
    EXPORT_RELEASE = "export:release"
    """A package begins to leave, or its medium gave back what was written; which of both, the entry says."""
    EXPORT_TICKET = "export:ticket"
    """A ticket for downloading a package was handed out, or all of a request were taken back."""
    EXPORT_DOWNLOAD = "export:download"
    """A package begins to be downloaded, or how far that came."""
    EXPORT_SHOW = "export:show"
    """An outsider begins to be shown what was approved at a screen, or that has ended; which of both, the entry says."""
    EXPORT_PURGE = "export:purge"
    """The working copy of a package was deleted, or is about to be."""
    COMPLAINT_ENTER = "complaint:enter"
    COMPLAINT_READ = "complaint:read"
    """Somebody looked at a complaint that somebody else had entered."""
    COMPLAINT_ANSWER = "complaint:answer"
    INQUIRY_ENTER = "inquiry:enter"
    """Somebody filled in the public form: who, and what about, is in no entry."""
    INQUIRY_READ = "inquiry:read"
    INQUIRY_DECIDE = "inquiry:decide"
    """A request was made of an inquiry, or it was set aside."""
    NOTICE_BUILD = "notice:build"
    """The public notice was drawn, to be published."""
    TRAINING_ENTER = "training:enter"
    DEPUTY_SET = "deputy:set"
    """The Director said who is called when a warrant is at the door, in which order."""
    PLACEMENT_APPROVE = "placement:approve"
    """The Director approved where a camera looks."""
    RULES_PROPOSE = "rules:propose"
    """Somebody proposed other rules per instrument."""
    RULES_APPROVE = "rules:approve"
    """The Director put a version of the rules per instrument in force."""
    PRIVACY_REVIEW = "privacy:review"
    EVIDENCE_TAKE = "evidence:take"
    """Somebody took the evidence for a privacy review."""
    RECORD_PURGE = "record:purge"
    """Sessions, mail and the like went because their day was over."""
    LOG_EXPORT = "log:export"
    LOG_ERASE = "log:erase"
    LOG_UNSEAL = "log:unseal"
    """A seal was lifted: what one sealed entry said."""


OF_HOLDS = frozenset({Action.HOLD_PLACE, Action.HOLD_COVER, Action.HOLD_RESEND, Action.HOLD_RELEASE, Action.HOLD_KEEP, Action.HOLD_END})
"""Entries that tell what a hold is about: for who may see holds."""


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One line of the access log. `number` and `at` are given by the log when the event is recorded."""

    number: int
    origin: str
    """Which log: "district", or later a branch's own."""
    at: datetime
    actor: str
    """`Actor.label`: person:…, os:…, system:…, node:…"""
    actor_name: str
    role: str
    action: Action
    camera_id: CameraId | None
    purpose: Purpose | None
    span: Timespan | None
    view_id: ViewId | None
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class ErasedEntry:
    """What is left of an entry whose text the rule of so many days erased."""

    number: int
    at: datetime | None
    """When; None when the entry that says so can't be read."""
    days: int | None


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """An entry that is no event: somebody changed it, or a newer program wrote it."""

    number: int


LogLine: TypeAlias = AccessEvent | ErasedEntry | UnreadableEntry


def body_of(event: AccessEvent, number: int | None = None) -> str:
    """Return the canonical text of `event`, which the log's tree is over: JSON by RFC 8785, moments in microseconds since 1970.

    `number`: the one that the log gives it, where the event has none yet.
    """
    # By hand, in the order of the keys: an encoder takes three times as long, and this stands between every request and its answer.
    camera = "null" if event.camera_id is None else f'"{event.camera_id}"'
    detail = ",".join([f"{_quoted(key)}:{_quoted(value)}" for key, value in sorted(event.detail.items())]) if event.detail else ""
    purpose = "null" if event.purpose is None else _quoted(event.purpose)
    span = "null" if event.span is None else f"[{microseconds(event.span.start)},{microseconds(event.span.end)}]"
    view = "null" if event.view_id is None else _quoted(event.view_id)
    return (
        f'{{"action":{_quoted(event.action)},"actor":{_quoted(event.actor)},"actor_name":{_quoted(event.actor_name)},'
        f'"at":{microseconds(event.at)},"camera":{camera},"detail":{{{detail}}},"number":{event.number if number is None else number},'
        f'"origin":{_quoted(event.origin)},"purpose":{purpose},"role":{_quoted(event.role)},"span":{span},"view":{view}}}'
    )


def event_of(body: str) -> AccessEvent:
    """Return the event that `body_of` wrote; ValueError when it did not."""
    try:
        return _event(json.loads(body))
    except (LookupError, TypeError, OverflowError, RecursionError) as err:
        raise ValueError("no event of the access log") from err


def line_of(number: int, body: object) -> AccessEvent | UnreadableEntry:
    """Return the event that entry `number` holds, or that it can't be read."""
    try:
        event = event_of(body) if isinstance(body, str) else None
    except ValueError:
        event = None
    return event if event is not None and event.number == number else UnreadableEntry(number)


def _event(told: Mapping[str, object]) -> AccessEvent:
    span, camera, purpose, view = told["span"], told["camera"], told["purpose"], told["view"]
    return AccessEvent(
        number=_whole(told["number"]),
        origin=_text(told["origin"]),
        at=_moment(told["at"]),
        actor=_text(told["actor"]),
        actor_name=_text(told["actor_name"]),
        role=_text(told["role"]),
        action=Action(_text(told["action"])),
        camera_id=None if camera is None else CameraId(int(_text(camera))),
        purpose=None if purpose is None else Purpose(_text(purpose)),
        span=None if span is None else _span(span),
        view_id=None if view is None else ViewId(_text(view)),
        detail=_words(told["detail"]),
    )


def _whole(told: object) -> int:
    if type(told) is not int:
        raise TypeError("no number")
    return told


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise TypeError("no text")
    return told


def _words(told: object) -> dict[str, str]:
    if not isinstance(told, dict):
        raise TypeError("no words by name")
    return {_text(key): _text(value) for key, value in told.items()}


def _span(told: object) -> Timespan:
    if not isinstance(told, list):
        raise TypeError("no span")
    start, end = told
    return Timespan(_moment(start), _moment(end))


def _quoted(text: str) -> str:
    """Return `text` as JSON has it, without what no database takes: NUL, and halves of surrogate pairs."""
    if not text.isascii() or "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    return encode_basestring(text)


def microseconds(moment: datetime) -> int:
    """Return `moment` as an entry's text has it."""
    return (moment - EPOCH) // _MICROSECOND


def _moment(told: object) -> datetime:
    return EPOCH + timedelta(microseconds=_whole(told))


@dataclass(frozen=True, slots=True)
class View:
    """One act of watching: one camera, live or a span, one purpose, until a deadline."""

    id: ViewId
    actor: str
    camera_id: CameraId
    purpose: Purpose
    span: Timespan | None
    """None for live."""
    opened_at: datetime
    deadline: datetime
    emergency_id: EmergencyId | None = None
    """Under which emergency access it was opened; None in the person's own right."""
    showing_id: ShowingId | None = None
    """In which showing to an outsider it was opened; None in none."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the hub lets a node show: signed with Ed25519, checked by the node API on each call."""

    view_id: ViewId
    streams: frozenset[StreamId]
    span: Timespan | None
    """None for live only."""
    deadline: datetime
