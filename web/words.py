"""The words of pages and answers that stand for stored values: roles, permissions, purposes, states, reasons of gaps."""

from __future__ import annotations

from vms.domain.access import Purpose
from vms.domain.camera import CameraState
from vms.domain.complaint import About, Way
from vms.domain.day_proof import Verdict
from vms.domain.export_scope import Delivery
from vms.domain.footage import GapReason
from vms.domain.hold import HoldKind
from vms.domain.inquiry import AskedBy, InquiryState
from vms.domain.instruments import FormAnswer, Instrument
from vms.domain.legal_hold import HoldState
from vms.domain.made_package import PackageState
from vms.domain.people import PERMISSIONS, Permission, Person, Role
from vms.domain.placement import Check
from vms.domain.redaction import Between, Cover
from vms.domain.request import DenyReason, RequestAct, RequestState

ROLE_LABELS = {
    Role.DESK: "Desk",
    Role.SUPERVISOR: "Supervisor",
    Role.BRANCH_MANAGER: "Branch manager",
    Role.DIRECTOR: "Director",
    Role.DELEGATE: "Delegate",
    Role.COUNSEL: "Counsel",
    Role.IT: "IT",
    Role.AUDITOR: "Auditor",
}
PURPOSE_LABELS = {
    Purpose.LIVE: "Live",
    Purpose.LIVE_INCIDENT: "Live incident",
    Purpose.INCIDENT: "Incident",
    Purpose.REQUEST: "Request",
    Purpose.MAINTENANCE: "Maintenance",
}
PURPOSE_SENTENCES = {
    Purpose.LIVE: "A live picture, watched as it comes.",
    Purpose.LIVE_INCIDENT: "The last five minutes again, of what was just seen live.",
    Purpose.INCIDENT: "Something happened: to see what, and to help who was hurt or wronged.",
    Purpose.REQUEST: "Somebody asked for footage, and the Director is to decide.",
    Purpose.MAINTENANCE: "To see whether a camera shows what it should.",
}
RECORDED_PURPOSES = (Purpose.INCIDENT, Purpose.REQUEST, Purpose.MAINTENANCE)

HOLD_KINDS = {
    HoldKind.PROVISIONAL: "Provisional",
    HoldKind.PRESERVATION_LETTER: "Preservation letter",
    HoldKind.LITIGATION: "Litigation",
    HoldKind.SUBPOENA: "Subpoena",
    HoldKind.INCIDENT: "Incident",
    HoldKind.RECORDS_REQUEST: "Records request",
}
PLACEMENT_CHECKS = {
    Check.NO_PRIVATE_ROOM: "It sees no restroom, changing or nursing room, and no way in that shows who uses one",
    Check.NO_READING: "Nobody can read on it what people read, write or have on a screen",
    Check.NO_NEIGHBOURS: "It sees no neighbour’s window or ground",
    Check.SIGN: "A sign tells of it at the door",
}
INQUIRY_ASKED_BY = {
    AskedBy.AGENCY: "For the police, or another agency of government",
    AskedBy.PERSON: "About myself, or a child of mine",
    AskedBy.OTHER: "As somebody else, such as an insurer",
}
"""On the public form, to whoever asks."""
INQUIRERS = {
    AskedBy.AGENCY: "The police, or another agency of government",
    AskedBy.PERSON: "Somebody about themselves, or a child of theirs",
    AskedBy.OTHER: "Somebody else, such as an insurer",
}
"""The same, to staff."""
INQUIRY_STATES = {
    InquiryState.WAITING: "Waits",
    InquiryState.REQUEST: "A request was made of it",
    InquiryState.ASIDE: "Set aside",
}
COMPLAINT_WAYS = {Way.PAPER: "On paper", Way.MAIL: "By mail", Way.FORM: "By the form of the public notice"}
COMPLAINT_ABOUT = {
    About.PRACTICE: "Cameras, footage or a rule",
    About.STAFF: "Somebody on the staff",
    About.DIRECTOR: "The Director",
}
HOLD_STATES = {
    HoldState.ACTIVE: "In force",
    HoldState.LAPSING: "Expired, still in force",
    HoldState.COOLING_OFF: "Released, still in force",
    HoldState.RELEASED: "Ended",
}

INSTRUMENTS = {
    Instrument.SUBPOENA: "Subpoena",
    Instrument.SEARCH_WARRANT: "Search warrant",
    Instrument.COURT_ORDER: "Court order",
    Instrument.CIVIL_DISCOVERY: "Civil discovery",
    Instrument.NATIONAL_SECURITY_LETTER: "National-security letter",
    Instrument.AGENCY_REQUEST: "Agency, without a document",
    Instrument.PUBLIC_RECORDS: "Public-records request",
    Instrument.SUBJECT_ACCESS: "Somebody of themselves, or a guardian of a child",
    Instrument.INSURER: "Insurer",
    Instrument.PRESERVATION_LETTER: "Preservation letter",
    Instrument.LIBRARY_REPORT: "Report by the library",
    Instrument.INTERNAL_STILLS: "Stills for use within the district",
}
RULE_FIELDS = {
    "may_be_approved": "May be approved",
    "counsel": "Counsel",
    "form": "Form check",
    "cites_exemption": "Decision cites an exemption",
    "of_a_court": "Has a court and a number there",
    "working_days": "Working days to the answer",
    "letter": "Letter when it can’t be granted",
}
_RULE_VALUES = {"not-asked": "not asked", "in-parallel": "told at once, not waited for", "first": "advises first"}
REQUEST_STATES = {
    RequestState.DRAFT: "Draft",
    RequestState.SUBMITTED: "Submitted",
    RequestState.NEEDS_INFO: "Asked back",
    RequestState.UNDER_REVIEW: "Under review",
    RequestState.COUNSEL_REVIEW: "With counsel",
    RequestState.CONTESTED: "Contested",
    RequestState.NARROWED: "Narrowed",
    RequestState.APPROVED: "Approved",
    RequestState.DENIED: "Refused",
    RequestState.WITHDRAWN: "Withdrawn",
    RequestState.EXPIRED: "Approval has run out",
    RequestState.PREPARING: "Being prepared",
    RequestState.PARTIALLY_AVAILABLE: "Available in part",
    RequestState.FOOTAGE_UNAVAILABLE: "No footage is left of it",
    RequestState.REDACTING: "Being redacted",
    RequestState.READY: "Ready to hand over",
    RequestState.DISCLOSED: "Handed over",
    RequestState.REVOKED: "Taken back",
    RequestState.CLOSED: "Closed",
}
PACKAGE_STATES = {
    PackageState.WAITING: "waits to be made",
    PackageState.MAKING: "is being made",
    PackageState.PROVING: "is made, and waits for the access log to be signed",
    PackageState.READY: "ready",
    PackageState.FAILED: "could not be made",
    PackageState.GONE: "is deleted",
}
PACKAGE_ADVANCES = {
    RequestState.PREPARING: "Package begun",
    RequestState.PARTIALLY_AVAILABLE: "Made, with gaps",
    RequestState.FOOTAGE_UNAVAILABLE: "Found no footage",
    RequestState.REDACTING: "Redacted copy made",
    RequestState.READY: "Package ready",
    RequestState.DISCLOSED: "Handed over",
}
"""What was done when a package brought a request to that state."""
REQUEST_ACTS = {
    RequestAct.SUBMIT: "Entered",
    RequestAct.REVIEW: "Taken up",
    RequestAct.PAPER: "Paper added",
    RequestAct.VERIFY: "Made sure who asks",
    RequestAct.SCOPE: "Changed what it asks for",
    RequestAct.ASK: "Asked back",
    RequestAct.ANSWER: "Answered",
    RequestAct.CHECK: "Form check",
    RequestAct.CONFER: "Conferred with the Board",
    RequestAct.NOT_CONFERRED: "Did not confer with the Board",
    RequestAct.COUNSEL: "Told counsel",
    RequestAct.ADVICE: "Counsel advised",
    RequestAct.CONTEST: "Contested",
    RequestAct.NARROW: "Narrowed",
    RequestAct.APPROVE: "Approved",
    RequestAct.VOID: "Approval void",
    RequestAct.DENY: "Refused",
    RequestAct.WITHDRAW: "Withdrawn",
    RequestAct.EXPIRE: "Approval ran out",
    RequestAct.REVOKE: "Taken back",
    RequestAct.REOPEN: "Taken up again",
    RequestAct.ADVANCE: "Package",
    RequestAct.REDACTION_PLAN: "Redaction planned",
    RequestAct.REDACTION_APPROVED: "Redaction approved",
    RequestAct.REDACTION_BACK: "Redaction sent back",
    RequestAct.CLOSE: "Closed",
    RequestAct.SHOW: "Showing begun",
    RequestAct.SHOWN: "Showing ended",
    RequestAct.REMOVED: "Took the paper copies away",
}
"""What was done; and on a button, what is to be said to have been done."""
COVERS = {Cover.FILL: "Filled with one colour", Cover.PIXELATE: "Coarse blocks, for what is neither writing nor a face"}
BETWEENS = {
    Between.ALL: "All that both places span is covered",
    Between.LINE: "On a straight line from one to the next",
    Between.FOLLOW: "Followed in the picture, at most 10 s from one to the next",
}
DELIVERIES = {
    Delivery.BY_HAND: "By hand",
    Delivery.DOWNLOAD: "Download",
    Delivery.ENCRYPTED_FILE: "Encrypted file",
    Delivery.ON_SITE: "Shown on site, no file",
}
ON_SITE_STATES = REQUEST_STATES | {
    RequestState.PREPARING: "Made ready to show",
    RequestState.READY: "Ready to show",
    RequestState.DISCLOSED: "Shown on site",
}
"""Of requests of which no file leaves."""
FORM_ANSWERS = {FormAnswer.YES: "Yes", FormAnswer.NO: "No", FormAnswer.NOT_NEEDED: "Not needed"}
DENY_REASONS = {
    DenyReason.NO_DOCUMENT: "No document",
    DenyReason.NOT_IN_FORM: "Document not in proper form",
    DenyReason.EXEMPT: "Exempt from disclosure",
    DenyReason.TOO_WIDE: "Asks for too much",
    DenyReason.NOT_VERIFIED: "Not clear who asks",
    DenyReason.NOT_KEPT: "No footage is left of it",
    DenyReason.OTHER: "Another reason",
}

ACTS = {
    Permission.LIVE_VIEW: "watch live pictures",
    Permission.RECORDED_VIEW: "watch recordings",
    Permission.CAMERA_LIST: "see the cameras",
    Permission.CAMERA_MANAGE: "set up cameras",
    Permission.HEALTH_READ: "see how the recorder is",
    Permission.LOG_READ: "read the access log",
    Permission.LOG_EXPORT: "export the access log",
    Permission.REVIEW_READ: "read the reviews",
    Permission.PEOPLE_READ: "see who has an account",
    Permission.PEOPLE_PROPOSE: "add accounts",
    Permission.PEOPLE_CONFIRM: "confirm accounts",
    Permission.PEOPLE_END: "end accounts and other people’s sessions",
    Permission.DELEGATION_PROPOSE: "propose who holds the Delegate’s role for some days",
    Permission.SCREEN_MANAGE: "add and end screens",
    Permission.EMERGENCY_OPEN: "open emergency access",
    Permission.EMERGENCY_REVIEW: "review emergency accesses",
    Permission.HOLD_READ: "see the legal holds",
    Permission.HOLD_PLACE: "place legal holds and undo a release",
    Permission.HOLD_RELEASE: "propose and confirm the release of a legal hold",
    Permission.POLICY_READ: "see how long footage is kept",
    Permission.POLICY_SET: "say how long footage is kept",
    Permission.POLICY_CONFIRM: "confirm that footage is kept for fewer days",
    Permission.HOLD_START: "keep footage at once",
    Permission.HOLD_SEAL: "place and see holds that the law keeps secret",
    Permission.DELETION_CHECK: "check what was deleted",
    Permission.REQUEST_ENTER: "enter a request for footage",
    Permission.REQUEST_READ: "read the register of requests",
    Permission.REQUEST_ADVISE: "read and write counsel’s advice",
    Permission.REQUEST_DECIDE: "decide about requests for footage",
    Permission.COMPLAINT_READ: "read complaints that others entered",
    Permission.COMPLAINT_ANSWER: "answer complaints",
    Permission.TRAINING_KEEP: "keep the training register",
    Permission.SIGNED_IN: "open this with an account",
    Permission.SESSION_OWN: "prove who they are and sign out",
    Permission.PUBLIC: "open this",
}
"""What each permission allows, as the end of "may …"."""
ASK = {
    Permission.LIVE_VIEW: "Ask the Director.",
    Permission.RECORDED_VIEW: "Ask the Director.",
    Permission.CAMERA_LIST: "Ask IT.",
    Permission.CAMERA_MANAGE: "Ask IT.",
    Permission.HEALTH_READ: "Ask IT.",
    Permission.LOG_READ: "Ask the Director.",
    Permission.LOG_EXPORT: "Ask the Director.",
    Permission.REVIEW_READ: "Ask the Director.",
    Permission.PEOPLE_READ: "Ask IT.",
    Permission.PEOPLE_PROPOSE: "Ask IT.",
    Permission.PEOPLE_CONFIRM: "Ask the Director.",
    Permission.PEOPLE_END: "Ask IT or the Director.",
    Permission.DELEGATION_PROPOSE: "Ask the Director.",
    Permission.SCREEN_MANAGE: "Ask IT.",
    Permission.EMERGENCY_OPEN: "Ask the Director.",
    Permission.EMERGENCY_REVIEW: "Ask the Director.",
    Permission.HOLD_READ: "Ask the Director.",
    Permission.HOLD_PLACE: "Ask the Director.",
    Permission.HOLD_RELEASE: "Ask the Director.",
    Permission.POLICY_READ: "Ask the Director.",
    Permission.POLICY_SET: "Ask the Director.",
    Permission.POLICY_CONFIRM: "Ask the Director.",
    Permission.HOLD_START: "Ask the Director.",
    Permission.HOLD_SEAL: "Ask the Director.",
    Permission.DELETION_CHECK: "Ask the Director.",
    Permission.REQUEST_ENTER: "Ask the Director.",
    Permission.REQUEST_READ: "Ask the Director.",
    Permission.REQUEST_ADVISE: "Ask the Director.",
    Permission.REQUEST_DECIDE: "Ask the Director.",
    Permission.COMPLAINT_READ: "Ask the Director.",
    Permission.COMPLAINT_ANSWER: "Ask the Director.",
    Permission.TRAINING_KEEP: "Ask the Director.",
    Permission.SIGNED_IN: "Ask IT.",
    Permission.SESSION_OWN: "Ask IT.",
    Permission.PUBLIC: "",
}


def roles_label(person: Person) -> str:
    """Return the role of `person`, and the one that is lent: "Desk, Delegate"."""
    return ", ".join(ROLE_LABELS[role] for role in person.rights.roles)


def only(permission: Permission) -> str:
    """Return who may do what `permission` allows: "Only Desk and the Director watch recordings", from the table itself."""
    roles = [ROLE_LABELS[role] for role in Role if permission in PERMISSIONS[role]]
    who = roles[0] if len(roles) == 1 else f"{', '.join(roles[:-1])} and {roles[-1]}"
    return f"Only {who} may {ACTS[permission]}"


STATE_SENTENCES = {
    CameraState.RECORDING: "",
    CameraState.LIVE_ONLY: "Not recorded, by its setting.",
    CameraState.CONNECTING: "Connecting to the camera.",
    CameraState.OFFLINE: "Camera offline.",
    CameraState.REFUSED: "Camera refused the connection.",
    CameraState.SILENT: "Connected, but no pictures come.",
    CameraState.STALLED: "Pictures come incomplete.",
    CameraState.PAUSED: "Paused.",
    CameraState.OFF: "Switched off in its settings.",
    CameraState.DISK_FULL: "Disk full, not recording.",
}


DAY_VERDICTS = {
    Verdict.GONE: "Gone",
    Verdict.EARLY: "Gone before its day, as the disks were full",
    Verdict.HELD: "Kept by a legal hold",
    Verdict.KEPT: "Kept: its window is not over",
    Verdict.LEFT: "Left, and should be gone",
    Verdict.UNSEEN: "Not every disk was there",
    Verdict.BROKEN: "The purge log was changed",
}
RECORDER_AWAY = "The recorder does not answer."

GAP_SENTENCES = {
    GapReason.OFFLINE: "Camera offline.",
    GapReason.REFUSED: "Camera refused the connection.",
    GapReason.SILENT: "Camera connected, but sent no pictures.",
    GapReason.STALLED: "Pictures came incomplete.",
    GapReason.UNSUPPORTED: "Camera sent a codec that can't be recorded.",
    GapReason.DISK_FULL: "Disk full.",
    GapReason.DISK_SLOW: "Disk too slow.",
    GapReason.DISK_ERROR: "Disk failed.",
    GapReason.RECORDER_STOPPED: "Recorder stopped.",
    GapReason.RECORDER_CRASHED: "Recorder stopped unexpectedly.",
    GapReason.CLOCK_STEP: "Server clock was set.",
    GapReason.STREAM_CHANGED: "Camera changed its settings.",
    GapReason.PAUSED: "Paused.",
    GapReason.OFF: "Switched off in its settings.",
    GapReason.OUTSIDE_HOURS: "Outside its recording hours.",
    GapReason.LOST: "Recorded, and its file is gone.",
    GapReason.DELETED_EARLY: "Deleted before its day: the disks were full.",
    GapReason.NOT_KEPT: "Not kept any more: its day has come.",
}


def rule_value(text: str) -> str:
    """Return a value of a rule in the words of the pages."""
    return _RULE_VALUES.get(text, text)
