"""Events of the access log in words, one row each, and the filters of the log page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypedDict
from zoneinfo import ZoneInfo

from vms.domain.access import AccessEvent, Action, ErasedEntry, LogLine, Purpose, UnreadableEntry
from vms.domain.ids import CameraId
from vms.domain.people import Role
from vms.domain.request import RequestAct, RequestState
from vms.domain.timespan import Timespan, day_of
from web.pages import day, last_day, short_clock
from web.words import PURPOSE_LABELS, ROLE_LABELS

VIEWS = frozenset({Action.VIEW_OPEN, Action.VIEW_EXTEND, Action.VIEW_CLOSE})


class Kind(StrEnum):
    """What the log page may be narrowed to."""

    ALL = ""
    LIVE = "live"
    RECORDINGS = "recordings"
    REFUSED = "refused"


ACTIONS: Mapping[Kind, frozenset[Action] | None] = {
    Kind.ALL: None,
    Kind.LIVE: VIEWS,
    Kind.RECORDINGS: VIEWS | {Action.FOOTAGE_READ},
    Kind.REFUSED: frozenset({Action.ACCESS_REFUSE, Action.SESSION_REFUSE}),
}
PURPOSES: Mapping[Kind, frozenset[Purpose] | None] = {
    Kind.ALL: None,
    Kind.LIVE: frozenset({Purpose.LIVE}),
    Kind.RECORDINGS: frozenset(Purpose) - {Purpose.LIVE},
    Kind.REFUSED: None,
}

COUNTED_BACK = ": a passkey counted back, somebody may have a copy of it"


class LogRow(TypedDict):
    number: int
    at: datetime | None
    who: str
    role_label: str
    action: str
    purpose: str | None
    camera: str | None
    camera_id: int | None
    seen: str
    refused: bool
    streamed: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A camera's name and zone, for the rows about it."""

    name: str
    zone: str


def line_row(line: LogLine, places: Mapping[CameraId, Place], zone: str) -> LogRow:
    """Return a line of the log in words, what was erased or can't be read too."""
    match line:
        case AccessEvent():
            return log_row(line, places, zone)
        case ErasedEntry():
            on = f" on {day(line.at, zone)}" if line.at else ""
            rule = f", by the rule of {line.days:,} days" if line.days else ""
            return _without_event(line.number, f"Erased{on}{rule}")
        case UnreadableEntry():
            return _without_event(line.number, "This entry can't be read. Run: vms log verify")


def _without_event(number: int, sentence: str) -> LogRow:
    return LogRow(
        number=number,
        at=None,
        who="",
        role_label="",
        action="",
        purpose=None,
        camera=None,
        camera_id=None,
        seen=sentence,
        refused=False,
        streamed=None,
    )


def log_row(event: AccessEvent, places: Mapping[CameraId, Place], zone: str) -> LogRow:
    """Return `event` in words; times of footage in the zone of its camera's branch."""
    place = places.get(event.camera_id) if event.camera_id is not None else None
    return LogRow(
        number=event.number,
        at=event.at,
        who=event.actor_name,
        role_label=_role(event),
        action=event.action.value,
        purpose=_purpose(event),
        camera=place.name if place else None if event.camera_id is None else f"camera {event.camera_id}",
        camera_id=event.camera_id,
        seen=_seen(event, place.zone if place else zone),
        refused=event.action in (Action.ACCESS_REFUSE, Action.SESSION_REFUSE),
        streamed=_streamed(event),
    )


def day_span(text: str, zone: str) -> Timespan | None:
    """Return the hours of a calendar day (2026-11-24) in `zone`; None when `text` names none."""
    try:
        return day_of(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None


def span_of_minutes(since: str, until: str, zone: str) -> Timespan | None:
    """Return the time from one clock reading (2026-11-24T09:15) to another in `zone`; None when they are none or in no order."""
    there = ZoneInfo(zone)
    try:
        start, end = (datetime.fromisoformat(text).replace(tzinfo=there).astimezone(UTC) for text in (since, until))
        return Timespan(start, end)
    except (ValueError, OverflowError):
        return None


def span_in_words(span: Timespan, zone: str) -> str:
    start, end = f"{day(span.start, zone)} {short_clock(span.start, zone)}", short_clock(span.end, zone)
    same_day = day(span.start, zone) == day(span.end, zone)
    return f"{start}–{end}" if same_day else f"{start} to {day(span.end, zone)} {end}"


_SAID: Mapping[Action, str] = {
    Action.SESSION_PROVE: "Showed again who it is",
    Action.SESSION_REVOKE: "Signed {name} out, {sessions} times",
    Action.PERSON_ADD: "Added the account {name}, {role}",
    Action.PERSON_CONFIRM: "Confirmed the account {name}",
    Action.PERSON_INVITE: "Invited {name}{by_half}",
    Action.PERSON_JOIN: "Chose a password",
    Action.PERSON_DISABLE: "Ended the account {name}",
    Action.PERSON_PASSWORD: "Changed the password",
    Action.PERSON_RESET: "Took password and second factor off the account {name}",
    Action.PROPOSAL_OPEN: "Proposed {act} of {name}",
    Action.PROPOSAL_APPROVE: "Approved {act} of {name}, proposed by {proposed_by}",
    Action.PROPOSAL_STOP: "Stopped {act} of {name}, proposed by {proposed_by}",
    Action.PROPOSAL_ALONE: "Done by one person alone: {act} of {name}, proposed by {proposed_by}",
    Action.DELEGATION_GRANT: "Lent the Delegate’s role to {name}, from {first_day} to {last_day}; proposed by {proposed_by}",
    Action.DELEGATION_END: "The delegation of {name} was over",
    Action.DELEGATION_REVOKE: "Ended the delegation of {name} before its day",
    Action.FACTOR_ADD: "Added a second factor: {kind}",
    Action.FACTOR_REMOVE: "Removed a second factor: {kind}",
    Action.IDENTITY_LINK: "Linked the account to {issuer}",
    Action.IDENTITY_UNLINK: "Took the link to {issuer} away",
    Action.EMERGENCY_OPEN: "Opened emergency access: {reason}",
    Action.EMERGENCY_CLOSE: "Ended the emergency access early",
    Action.EMERGENCY_SHOW: "Showed the screen under emergency access to {shown_to}",
    Action.EMERGENCY_REVIEW: "Reviewed the emergency access of {of}: it was for {was_for}; right: {right}",
    Action.REVIEW_ADD: "Asked a question about who watches",
    Action.REVIEW_READ: "Reviews, {reviews} of them",
    Action.SCREEN_ADD: "Added the screen {name}, {kind}",
    Action.SCREEN_ENROL: "A browser became the screen {name}, {kind}",
    Action.SCREEN_END: "Ended the screen {name} and {sessions_ended} sessions there",
    Action.WALL_SHOW: "Showed the wall at the screen {name}",
    Action.TLS_INIT: "Made an authority for the pages of {hosts}",
    Action.KEY_ROTATE: "Rotation of the {key} key: {step}",
    Action.CLOCK_TRUST: "Said that the clock of {node} is right",
    Action.PURGE_HEAD: "{node}: {segments} segments deleted the day before; its purge log stands at {position}, {hash}",
    Action.HOLD_PLACE: "Placed the {name} on {of}, for {matter}",
    Action.HOLD_COVER: "The camera came under the {name}",
    Action.HOLD_RESEND: "Sent the legal holds to the recorders again after a restored backup; found there and kept: {found}",
    Action.HOLD_RELEASE: "Released the {name}, for {matter}; it protects until {until}",
    Action.HOLD_KEEP: "Undid the release of the {name}, for {matter}",
    Action.HOLD_END: "The {name}, for {matter}, has ended",
    Action.POLICY_SET: "Drew up version {version} of the retention policy for {of}, {target} days ({floor} to {ceiling}): {reason}",
    Action.POLICY_APPROVE: "Signed version {version} of the retention policy for {of}",
    Action.POLICY_FORCE: "From here on version {version} of the retention policy counts for {of}: {target} days ({floor} to {ceiling})",
    Action.SPOT_CHECK_ASK: "Asked what became of the footage of {day}, {how}",
    Action.SPOT_CHECK_ANSWER: "What became of the footage of {day}: {verdict}",
    Action.DELETION_CERTIFY: "Signed the certificate of deletion of {month}; its SHA-256 is {sha256}",
    Action.REQUEST_ENTER: "Entered request {number} for footage: {instrument}, {minutes} minutes of {cameras} cameras",
    Action.REQUEST_NOTE: "Request {number}: {act}; it is {state}",
    Action.REQUEST_SCOPE: "Changed what request {number} asks for; its SHA-256 is {sha256}",
    Action.REQUEST_READ: "Took out of request {number}: {what}",
    Action.REQUEST_UNSEAL: "Request {number} is sealed no more since {on}: {reason}",
    Action.REQUEST_END: "Request {number} was ended: {state}",
    Action.EXPORT_APPROVE: "Approved request {number}: {minutes} minutes of {cameras} cameras, by the scope with the SHA-256 {sha256}",
    Action.EXPORT_DENY: "Refused request {number}",
    Action.EXPORT_VOID: "The approval of request {number} counts no more: {act}",
    Action.EXPORT_ADVANCE: "The package of request {number} is {state}",
    Action.EXPORT_PACKAGE: "Made the package for request {request}, {files} video files; its manifest’s SHA-256 is {manifest}",
    Action.EXPORT_RELEASE: "Handed over the package of request {number} on {medium}: {step}; its manifest’s SHA-256 is {manifest}",
    Action.EXPORT_TICKET: "A ticket for downloading the package of request {number}: {step}",
    Action.EXPORT_DOWNLOAD: "Download of the package of request {number} by ticket {ticket}: {step}",
    Action.EXPORT_SHOW: "The showing of request {number} to an outsider {how_far}",
    Action.EXPORT_PURGE: "The working copy of the package of request {number} goes, {files} video files: {reason}",
    Action.COMPLAINT_ENTER: "Entered complaint {complaint}, which came by {way}",
    Action.COMPLAINT_READ: "Read complaint {complaint}",
    Action.COMPLAINT_ANSWER: "Answered complaint {complaint}",
    Action.INQUIRY_ENTER: "Somebody filled in the public form: inquiry {inquiry}",
    Action.INQUIRY_READ: "Read inquiry {inquiry}",
    Action.INQUIRY_DECIDE: "Decided on inquiry {inquiry}: {outcome}",
    Action.NOTICE_BUILD: "Built the public notice, {files} files; its SHA-256 is {sha256}",
    Action.TRAINING_ENTER: "Wrote down that {name} was trained on {day}",
    Action.DEPUTY_SET: "Said who is called when a warrant is at the door: {names}",
    Action.PLACEMENT_APPROVE: "Approved where it looks, at {place}: {purpose}",
    Action.RULES_PROPOSE: "Proposed version {version} of the rules per instrument: {reason}; its SHA-256 is {sha256}",
    Action.RULES_APPROVE: "Put version {version} of the rules per instrument in force; its SHA-256 is {sha256}",
    Action.PRIVACY_REVIEW: "Entered a privacy review; the SHA-256 of its evidence is {evidence}",
    Action.EVIDENCE_TAKE: "Took the evidence for a privacy review; its SHA-256 is {sha256}",
    Action.RECORD_PURGE: "Deleted records whose day was over: {counts}",
    Action.LOG_UNSEAL: "Unsealed what {actor_name} did at {written}: {action}",
    Action.LOG_ERASE: "Erased entries {first} to {last}, by the rule of {days} days",
}
"""With the parts of an entry's detail; one that is missing is a question mark."""


def _seen(event: AccessEvent, zone: str) -> str:
    detail = event.detail
    match event.action:
        case Action.VIEW_OPEN | Action.VIEW_EXTEND | Action.VIEW_CLOSE | Action.FOOTAGE_READ:
            under = ", under emergency access" if "emergency" in detail else ", shown to an outsider" if "showing" in detail else ""
            return ("Live" if event.span is None else span_in_words(event.span, zone)) + under
        case Action.ACCESS_REFUSE:
            return f"Refused: {detail.get('sentence', detail.get('what', ''))}"
        case Action.SESSION_REFUSE:
            return f"Sign-in refused{COUNTED_BACK if detail.get('why') == 'counter' else ''}"
        case Action.SESSION_OPEN:
            return f"Signed in at {detail['screen']}" if "screen" in detail else "Signed in"
        case Action.SESSION_CLOSE:
            return "Signed out by the next person" if detail.get("why") == "switched" else "Signed out"
        case Action.LOG_READ | Action.LOG_EXPORT:
            how = " exported" if event.action is Action.LOG_EXPORT else ""
            of = f" on {span_in_words(event.span, zone)}" if event.span else ""
            return f"Access log{how}{of}, {detail.get('events', '0')} entries"
        case _ if event.action in _SAID:
            return _SAID[event.action].format_map(defaultdict(lambda: "?", {**detail, **_parts(detail, zone)}))
        case _:
            return ", ".join(f"{name}: {value}" for name, value in detail.items())


def _role(event: AccessEvent) -> str:
    """Return the role of who acted, and that which was lent meanwhile."""
    if event.role not in set(Role):
        return ""
    lent = "delegation" in event.detail and event.action not in (Action.DELEGATION_GRANT, Action.DELEGATION_REVOKE)
    return ROLE_LABELS[Role(event.role)] + (f", {ROLE_LABELS[Role.DELEGATE]}" if lent else "")


def _how_far(detail: Mapping[str, str]) -> str:
    """Return how far a showing has come: before the first of a request it is brought through the states of a package."""
    if detail.get("act") == RequestAct.SHOWN:
        return "has ended"
    return "begins" if detail.get("state") == RequestState.DISCLOSED else f"is about to begin: {detail.get('state', '?')}"


def _parts(detail: Mapping[str, str], zone: str) -> dict[str, str]:
    """Return parts of sentences that an entry does not have as words: half an invitation, days of what counts for a while."""
    parts = {"by_half": f", {detail['half']} half" if "half" in detail else ""}
    parts["how_far"] = _how_far(detail)
    try:
        start, end = (datetime.fromisoformat(detail[part]) for part in ("from", "until"))
    except (KeyError, ValueError):
        return parts
    return parts | {"first_day": day(start, zone), "last_day": last_day(end, zone)}


def _purpose(event: AccessEvent) -> str | None:
    if event.purpose is None:
        return None
    return " ".join(part for part in (PURPOSE_LABELS[event.purpose], event.detail.get("incident")) if part)


def _streamed(event: AccessEvent) -> str | None:
    """Return how much was streamed, as `view:close` tells it: the hub counts a live view, of a recording only the browser knows."""
    told = event.detail.get("shown", event.detail.get("streamed"))
    if event.action is not Action.VIEW_CLOSE or told is None:
        return None
    seconds = sum(_seconds(interval) for interval in told.split(" ") if "/" in interval)
    length = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return length if event.span is None else f"{length} shown, says the browser"


def _seconds(interval: str) -> float:
    start, _, end = interval.partition("/")
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except ValueError:
        return 0.0
