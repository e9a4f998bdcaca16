"""T2: every place where somebody names a stored object, found on the routes and the socket's messages, and each entered here by hand.

`test_objects.py` refuses an entry whose name is not known here, and a place that is not entered. Whoever adds a route or a message that
takes an id adds it here, and it is asked for what belongs to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, get_args

from tests.web import text_fields
from web.live_gateway import Message

IDS = frozenset(
    {
        *("area_id", "areas", "asked", "before", "branch", "camera", "inquiry", "named", "number", "of", "paper", "person", "segment"),
        *("sheet", "view"),
    }
)
"""Names of what an id is taken by."""
NOT_IDS = frozenset(
    {
        *("act", "brand", "certificate", "code", "credential", "day", "done", "end", "error", "firm", "host", "incident", "intervals"),
        *("area", "moment", "note", "reason", "right", "second", "officer", "was_for"),
        *("around", "belongs", "beside", "identity"),
        *(
            "about",
            "about_name",
            "answer",
            "check",
            "from_address",
            "from_name",
            "must_not_see",
            "received",
            "result",
            "said",
            "way",
            "what",
        ),
        *("authority", "expires", "hours", "matter", "minutes", "review", "sealed"),
        *("basis", "ceiling", "dry_run", "early", "floor", "legal_basis", "max_days", "min_days", "public_text", "target", "target_days"),
        *("invitation", "iss", "kind", "label", "main_path", "name", "new", "next", "old", "password", "path", "port", "purpose", "q"),
        *("month", "priority"),
        *("agency", "answer_by", "badge", "contact", "court", "delivery", "docket", "instrument", "local_time", "necessity"),
        *("report_number", "served", "verified", "date", "good_cause", "in_force", "names_district", "scope", "service", "signature"),
        *("passphrase", "ticket"),
        *("conditions", "document", "recipient", "redact", "scan", "sha256", "words", "ended"),
        *("refers", "board", "counsel", "in_form", "mail", "phone", "place", "reached", "deputies", "nobody"),
        *("range", "recording_mode", "replay", "role", "scheme", "since", "skip", "start", "state", "stream", "sub_path", "t", "until"),
        *("username", "version"),
        *("asked_by", "brings_paper", "happened", "when"),
        *("across", "back", "between", "cover", "down", "places", "plan", "plan_sha256", "region", "unit"),
    }
)


class Kind(Enum):
    """What an id is of."""

    CAMERA = auto()
    BRANCH = auto()
    AREA = auto()
    VIEW = auto()
    SEGMENT = auto()
    SESSION = auto()
    PASSKEY = auto()
    PROPOSAL = auto()
    ACCOUNT = auto()
    """Of the district: those who see accounts see all, so what is foreign here is what is none."""
    ACTOR = auto()
    """Somebody of another branch, by what the log has of them."""
    LOG_ROW = auto()
    SCREEN = auto()
    EMERGENCY = auto()
    HOLD = auto()
    COMPLAINT = auto()
    INQUIRY = auto()
    """By the public form: who may see one sees all, so what is foreign here is what is none."""
    SPOT_CHECK = auto()
    REQUEST = auto()
    PAPER = auto()
    """The scan of one."""
    SHEET = auto()
    """Of its redaction."""
    POLICY = auto()
    """A version of one: of what lies elsewhere."""


@dataclass(frozen=True)
class Place:
    """Where an id of `kind` is taken, and what else is to be said there so that nothing but the id is at fault."""

    kind: Kind
    beside: Mapping[str, Any] = field(default_factory=dict)
    status: int = 404
    """For what does not exist."""
    is_cursor: bool = False
    """Whether it says from where on to list: other ids show other parts of what is one's own."""
    is_list: bool = False
    """Whether JSON has a list of them there."""


CAMERA = {"name": "Gate", "host": "10.20.1.77", "main_path": "/main", "version": 1, "branch": "OWN"}
SPAN = {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T15:00:00Z"}
SECOND = {"range": "bytes=0-99"}
LOG = {
    "camera": Place(Kind.CAMERA, status=200),
    "person": Place(Kind.ACTOR, status=200),
    "before": Place(Kind.LOG_ROW, status=200, is_cursor=True),
}
PLACES = {"branch": Kind.BRANCH, "areas": Kind.AREA, "camera": Kind.CAMERA}
HOLD = {"matter": "Smith v. District", "kind": "litigation", "reason": "a letter"}
HOLD_FORM, HOLD_ORDER = HOLD | {"start": "2026-03-14T07:00"}, HOLD | {"start": "2026-03-14T14:00:00Z"}
COMPLAINT = {"way": "paper", "about": "practice", "said": "It points at me", "end": "2026-03-14T08:00"}
COMPLAINT_FORM = COMPLAINT | {"start": "2026-03-14T07:00"}
COMPLAINT_ORDER = COMPLAINT | {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T15:00:00Z"}
POLICY_PLACES = {"branch": Kind.BRANCH, "area_id": Kind.AREA, "camera": Kind.CAMERA}
POLICY = {"reason": "Taken over"}
POLICY_FORM, POLICY_ORDER = POLICY | {"target": "20", "act": "set"}, POLICY | {"target_days": 20}
WORDS = {"words": "Taken over"}
SEALED = {"sealed": "true"}
ASKED = {
    "instrument": "library-report",
    "name": "R. Alvarez",
    "purpose": "a theft",
    "local_time": "in the morning",
    "delivery": "by-hand",
    "recipient": "R. Alvarez",
}
STILLS = {"purpose": "safety", "words": "a ban", "until": "2026-06-30"}
ASKED_FORM = ASKED | {"start": "2026-03-14T07:00", "end": "2026-03-14T07:10"}
ASKED_ORDER = ASKED | {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T14:10:00Z"}
BY_FORM = frozenset({"POST /api/v1/door"})
"""Of programs too: a photograph comes with it."""
DOOR_FORM = {"name": "R. Alvarez", "court": "Alder", "docket": "26-1", "start": "2026-03-14T07:00", "end": "2026-03-14T07:10"}
LOOKED_OVER = {"in_form": True, "verified": "badge", "counsel": "told", "board": "at once"}
OF_REQUEST: Mapping[str, dict[str, str]] = {
    "acts": WORDS | {"act": "withdraw"},
    "form": WORDS | {"date": "yes"},
    "approve": WORDS | {"sha256": "0" * 64},
    "package": {},
    "tickets": {"recipient": "R. Alvarez"},
    "showings": {"name": "R. Alvarez", "belongs": "4711", "identity": "badge", "place": "desk 2"},
    "deny": WORDS | {"reason": "other"},
    "advice": WORDS,
    "unseal": WORDS | {"ended": "2026-03-01"},
}
MOLE = {"officer": "A mole", "badge": "1", "agency": "Nobody's"}
PLAN_SEEN = {"sha256": "0" * 64, "plan_sha256": "0" * 64}
REGION = {"start": "2026-03-14T07:00", "until": "2026-03-14T07:10", "places": "0 10 10 20 20"}
OBJECTS: Mapping[str, Mapping[str, Place]] = {
    "GET /playback": {"camera": Place(Kind.CAMERA)},
    "GET /cameras": {"branch": Place(Kind.BRANCH, status=200)},
    "POST /cameras/new": {"branch": Place(Kind.BRANCH, CAMERA)},
    "GET /cameras/{camera}": {"camera": Place(Kind.CAMERA)},
    "POST /cameras/{camera}": {"camera": Place(Kind.CAMERA, CAMERA), "branch": Place(Kind.BRANCH, CAMERA | {"camera": "OWN"}, 422)},
    "POST /cameras/{camera}/remove": {"camera": Place(Kind.CAMERA)},
    "POST /cameras/{camera}/pause": {"camera": Place(Kind.CAMERA, {"reason": "Taken over"})},
    "POST /cameras/{camera}/resume": {"camera": Place(Kind.CAMERA)},
    "PUT /api/v1/cameras/{camera}/pause": {"camera": Place(Kind.CAMERA, {"minutes": 5, "reason": "Taken over"})},
    "DELETE /api/v1/cameras/{camera}/pause": {"camera": Place(Kind.CAMERA)},
    "POST /api/v1/cameras": {"branch": Place(Kind.BRANCH, CAMERA)},
    "POST /api/v1/cameras/test": {"camera": Place(Kind.CAMERA, CAMERA), "branch": Place(Kind.BRANCH, CAMERA)},
    "PATCH /api/v1/cameras/{camera}": {"camera": Place(Kind.CAMERA, {"version": 1, "name": "Taken over"})},
    "DELETE /api/v1/cameras/{camera}": {"camera": Place(Kind.CAMERA)},
    "GET /api/v1/cameras/{camera}/timeline": {"camera": Place(Kind.CAMERA, SPAN)},
    "POST /api/v1/views": {"camera": Place(Kind.CAMERA, SPAN | {"purpose": "incident"})},
    "POST /api/v1/views/{view}/extend": {"view": Place(Kind.VIEW)},
    "POST /api/v1/views/{view}/close": {"view": Place(Kind.VIEW, {"intervals": []})},
    "GET /api/v1/views/{view}/main.m3u8": {"view": Place(Kind.VIEW)},
    "GET /api/v1/views/{view}/segments/{segment}": {
        "view": Place(Kind.VIEW, SECOND | {"segment": "FOREIGN"}),
        "segment": Place(Kind.SEGMENT, SECOND | {"view": "OWN"}),
    },
    "POST /account/sessions/{number}/end": {"number": Place(Kind.SESSION, status=303)},
    "POST /account/passkeys/{number}/rename": {"number": Place(Kind.PASSKEY, {"label": "Taken over"})},
    "POST /account/passkeys/{number}/remove": {"number": Place(Kind.PASSKEY)},
    "POST /waiting/{number}/stop": {"number": Place(Kind.PROPOSAL)},
    "POST /people/new": {
        "branch": Place(Kind.BRANCH, {"name": "Mole", "role": "desk"}),
        "areas": Place(Kind.AREA, {"name": "Mole", "role": "desk"}),
    },
    "POST /people/{number}/confirm": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/end": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/sign-out": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/invite": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/half": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/reset": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/reset/finish": {"number": Place(Kind.ACCOUNT)},
    "GET /people/{number}/delegation": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/delegation": {
        "number": Place(Kind.ACCOUNT, {"until": "2026-03-20"}),
        "branch": Place(Kind.BRANCH, {"until": "2026-03-20", "number": "OWN"}),
        "areas": Place(Kind.AREA, {"until": "2026-03-20", "number": "OWN"}),
    },
    "POST /people/{number}/delegation/confirm": {"number": Place(Kind.ACCOUNT)},
    "POST /people/{number}/delegation/end": {"number": Place(Kind.ACCOUNT)},
    "POST /screens": {"branch": Place(Kind.BRANCH, {"name": "Mole", "kind": "wall"})},
    "POST /screens/{number}/end": {"number": Place(Kind.SCREEN)},
    "POST /emergency/{number}/close": {"number": Place(Kind.EMERGENCY)},
    **{f"POST {root}/{{number}}/shown": {"number": Place(Kind.EMERGENCY, MOLE)} for root in ("/emergency", "/api/v1/emergency")},
    "GET /emergency/{number}/review": {"number": Place(Kind.EMERGENCY)},
    "POST /emergency/{number}/review": {"number": Place(Kind.EMERGENCY, {"was_for": "Nothing", "right": "yes"})},
    "POST /keep": {"camera": Place(Kind.CAMERA, {"reason": "somebody fell"})},
    "GET /holds/new": {"of": Place(Kind.HOLD)},
    "POST /holds/new": {name: Place(of, HOLD_FORM) for name, of in PLACES.items()},
    "GET /holds/{number}": {"number": Place(Kind.HOLD)},
    "GET /holds/{number}/sheet": {"number": Place(Kind.HOLD)},
    "GET /holds/{number}/release": {"number": Place(Kind.HOLD)},
    "POST /holds/{number}/release": {"number": Place(Kind.HOLD, {"reason": "Taken over"})},
    "POST /holds/{number}/confirm": {"number": Place(Kind.HOLD)},
    "POST /holds/{number}/undo": {"number": Place(Kind.HOLD)},
    "POST /api/v1/holds": {name: Place(of, HOLD_ORDER, is_list=True) for name, of in PLACES.items()},
    "GET /api/v1/holds/{number}": {"number": Place(Kind.HOLD)},
    "POST /api/v1/holds/{number}/release": {"number": Place(Kind.HOLD, {"reason": "Taken over"})},
    "POST /api/v1/holds/{number}/confirm": {"number": Place(Kind.HOLD)},
    "POST /api/v1/holds/{number}/undo": {"number": Place(Kind.HOLD)},
    "GET /requests/new": {"inquiry": Place(Kind.INQUIRY)},
    "GET /inquiries/{number}": {"number": Place(Kind.INQUIRY)},
    "POST /inquiries/{number}/aside": {"number": Place(Kind.INQUIRY, {"reason": "Taken over"})},
    "GET /api/v1/inquiries/{number}": {"number": Place(Kind.INQUIRY)},
    "POST /api/v1/inquiries/{number}/aside": {"number": Place(Kind.INQUIRY, {"reason": "Taken over"})},
    "POST /requests/new": {
        "camera": Place(Kind.CAMERA, ASKED_FORM),
        "named": Place(Kind.ACCOUNT, ASKED_FORM | SEALED, status=403),
        "inquiry": Place(Kind.INQUIRY, ASKED_FORM | {"camera": "OWN"}, status=409),
    },
    "POST /requests/stills": {"camera": Place(Kind.CAMERA, STILLS | {"moment": "2026-03-14T07:00"})},
    "POST /api/v1/requests/stills": {"camera": Place(Kind.CAMERA, STILLS | {"moment": ["2026-03-14T07:00:00-07:00"]}, is_list=True)},
    "GET /requests/{number}": {"number": Place(Kind.REQUEST)},
    "GET /requests/{number}/letter": {"number": Place(Kind.REQUEST)},
    "GET /requests/{number}/receipt": {"number": Place(Kind.REQUEST)},
    "GET /requests/{number}/receipt.pdf": {"number": Place(Kind.REQUEST)},
    "GET /requests/{number}/scope": {"number": Place(Kind.REQUEST)},
    "GET /requests/{number}/advice": {"number": Place(Kind.REQUEST)},
    "GET /requests/{number}/papers/{paper}": {
        "number": Place(Kind.REQUEST, {"paper": "FOREIGN"}),
        "paper": Place(Kind.PAPER, {"number": "OWN_REQUEST"}),
    },
    "POST /api/v1/requests": {
        "camera": Place(Kind.CAMERA, ASKED_ORDER, is_list=True),
        "named": Place(Kind.ACCOUNT, ASKED_ORDER | SEALED | {"camera": []}, status=403, is_list=True),
        "inquiry": Place(Kind.INQUIRY, ASKED_ORDER | {"camera": [7]}, status=409),
    },
    **{
        f"POST {root}/{{number}}/named": {
            "number": Place(Kind.REQUEST),
            "named": Place(Kind.ACCOUNT, {"number": "OWN_REQUEST"}, status=403, is_list=is_list),
        }
        for root, is_list in (("/requests", False), ("/api/v1/requests", True))
    },
    "POST /requests/{number}/tickets/take-back": {"number": Place(Kind.REQUEST)},
    "DELETE /api/v1/requests/{number}/tickets": {"number": Place(Kind.REQUEST)},
    "POST /requests/{number}/showings/end": {"number": Place(Kind.REQUEST)},
    "DELETE /api/v1/requests/{number}/showings": {"number": Place(Kind.REQUEST)},
    "GET /api/v1/requests/{number}": {"number": Place(Kind.REQUEST)},
    "POST /api/v1/requests/{number}/challenge": {"number": Place(Kind.REQUEST, status=403)},
    "GET /api/v1/requests/{number}/advice": {"number": Place(Kind.REQUEST)},
    **{
        f"POST {root}/{{number}}/{act}": {"number": Place(Kind.REQUEST, told)}
        for root in ("/requests", "/api/v1/requests")
        for act, told in OF_REQUEST.items()
    },
    **{
        f"GET {root}/{{number}}/redaction{end}": {"number": Place(Kind.REQUEST, {"sheet": "FOREIGN"} if end else {})}
        | ({"sheet": Place(Kind.SHEET, {"number": "OWN_REQUEST"})} if end else {})
        for root in ("/requests", "/api/v1/requests")
        for end in ("", "/sheets/{sheet}")
    },
    **{
        f"POST {root}/{{number}}/redaction/{act}": {"number": Place(Kind.REQUEST, told, status)}
        for root in ("/requests", "/api/v1/requests")
        for act, told, status in (("plan", {}, 422), ("approve", PLAN_SEEN, 404), ("back", PLAN_SEEN | WORDS, 404))
    },
    **{
        f"POST /requests/{{number}}/redaction/{act}": {
            "number": Place(Kind.REQUEST, told | {"camera": "OWN"}),
            "camera": Place(Kind.CAMERA, told | {"number": "OWN_REQUEST"}, status=422),
        }
        for act, told in (("regions", REGION), ("regions/out", {"region": "1"}))
    },
    **{f"POST {root}/{{number}}/papers": {"number": Place(Kind.REQUEST, status=422)} for root in ("/requests", "/api/v1/requests")},
    "POST /requests/{number}/scope": {
        "number": Place(Kind.REQUEST, ASKED_FORM | WORDS | {"act": "scope", "camera": "OWN"}),
        "camera": Place(Kind.CAMERA, ASKED_FORM | WORDS | {"act": "scope", "number": "OWN_REQUEST"}),
        "asked": Place(Kind.CAMERA, ASKED_FORM | WORDS | {"act": "scope", "number": "OWN_REQUEST"}),
    },
    "POST /api/v1/requests/{number}/scope": {
        "number": Place(Kind.REQUEST, ASKED_ORDER | WORDS | {"act": "scope", "camera": []}),
        "camera": Place(Kind.CAMERA, ASKED_ORDER | WORDS | {"act": "scope", "number": "OWN_REQUEST"}, is_list=True),
    },
    "POST /deputies": {"person": Place(Kind.ACCOUNT, {"place": "1", "phone": "555-0100", "mail": ""}, 422)},
    "POST /door": {"camera": Place(Kind.CAMERA, DOOR_FORM)},
    "POST /api/v1/door": {"camera": Place(Kind.CAMERA, DOOR_FORM | SPAN)},
    "GET /door/{number}": {"number": Place(Kind.REQUEST)},
    **{
        f"POST {root}/{{number}}/calls": {
            "number": Place(Kind.REQUEST, {"person": "1"}),
            "person": Place(Kind.ACCOUNT, {"number": "OWN_REQUEST"}),
        }
        for root in ("/door", "/api/v1/door")
    },
    **{f"POST {root}/{{number}}/form": {"number": Place(Kind.REQUEST, LOOKED_OVER)} for root in ("/door", "/api/v1/door")},
    "GET /policy/new": {name: Place(of) for name, of in POLICY_PLACES.items()},
    "POST /policy/new": {name: Place(of, POLICY_FORM) for name, of in POLICY_PLACES.items()},
    "POST /policy/{number}/confirm": {"number": Place(Kind.POLICY)},
    "POST /policy/{number}/approve": {"number": Place(Kind.POLICY)},
    "POST /spot-checks": {"camera": Place(Kind.CAMERA, {"day": "2026-03-01"})},
    "GET /spot-checks/{number}": {"number": Place(Kind.SPOT_CHECK)},
    "POST /api/v1/policies": {name: Place(of, POLICY_ORDER) for name, of in POLICY_PLACES.items()},
    "POST /api/v1/policies/{number}/confirm": {"number": Place(Kind.POLICY)},
    "POST /api/v1/policies/{number}/approve": {"number": Place(Kind.POLICY)},
    "POST /register": {"camera": Place(Kind.CAMERA, {"purpose": "Taken over", "must_not_see": "Nothing"})},
    "POST /complaints/new": {"camera": Place(Kind.CAMERA, COMPLAINT_FORM)},
    "POST /api/v1/complaints": {"camera": Place(Kind.CAMERA, COMPLAINT_ORDER, is_list=True)},
    "GET /complaints/{number}": {"number": Place(Kind.COMPLAINT)},
    "GET /complaints/{number}/receipt": {"number": Place(Kind.COMPLAINT)},
    "GET /complaints/{number}/letter": {"number": Place(Kind.COMPLAINT)},
    "GET /complaints/{number}/watched": {"number": Place(Kind.COMPLAINT)},
    "POST /complaints/{number}/answer": {"number": Place(Kind.COMPLAINT, {"answer": "Taken over"})},
    "POST /complaints/{number}/hold": {"number": Place(Kind.COMPLAINT)},
    "POST /api/v1/complaints/{number}/answer": {"number": Place(Kind.COMPLAINT, {"answer": "Taken over"})},
    "GET /log": LOG,
    "GET /api/v1/log": LOG,
}
MESSAGES: Mapping[str, frozenset[str]] = {"Subscribe": frozenset({"camera"}), "Unsubscribe": frozenset(), "Ping": frozenset()}
"""Of the live socket, by what they name; `ch` is the window's own."""
NOT_NAMING = frozenset({"t", "ch", "stream"})


def unknown_names() -> set[str]:
    """Return what the routes take by a name that is neither an id's nor known to be none."""
    return {name for taken in text_fields.entries().values() for name in taken} - IDS - NOT_IDS


def on_routes() -> dict[str, set[str]]:
    """Return which ids each operation takes, from the routes themselves."""
    found = {operation: {name for name in taken if name in IDS} for operation, taken in text_fields.entries().items()}
    return {operation: names for operation, names in found.items() if names}


def on_socket() -> dict[str, frozenset[str]]:
    """Return what each message of the live socket names, from the messages themselves."""
    kinds = get_args(get_args(Message)[0])
    return {kind.__name__: frozenset(kind.model_fields) - NOT_NAMING for kind in kinds}


Alias = Callable[[str], str]
ALIASES: Mapping[str, Alias] = {
    "itself": str,
    "a zero before": lambda told: f"0{told}",
    "zeros before": lambda told: told.rjust(16, "0"),
    "many zeros before": lambda told: told.rjust(40, "0"),
    "a plus": lambda told: f"+{told}",
    "a minus": lambda told: f"-{told}",
    "a space before": lambda told: f" {told}",
    "a space after": lambda told: f"{told} ",
    "a tab": lambda told: f"{told}\t",
    "a line break": lambda told: f"{told}\n",
    "a NUL": lambda told: f"{told}\0",
    "no break": lambda told: f"\u00a0{told}",
    "full width": lambda told: told.translate({48 + n: 0xFF10 + n for n in range(10)}),
    "Arabic digits": lambda told: told.translate({48 + n: 0x0660 + n for n in range(10)}),
    "Thai digits": lambda told: told.translate({48 + n: 0x0E50 + n for n in range(10)}),
    "mathematical digits": lambda told: told.translate({48 + n: 0x1D7CE + n for n in range(10)}),
    "a fraction": lambda told: f"{told}.0",
    "an exponent": lambda told: f"{told}e0",
    "an underscore": lambda told: f"{told[:1]}_{told[1:]}",
    "a comma": lambda told: f"{told[:1]},{told[1:]}",
    "quoted": lambda told: f'"{told}"',
    "a list": lambda told: f"[{told}]",
    "two of them": lambda told: f"{told},{told}",
    "a comment": lambda told: f"{told}--",
    "or true": lambda told: f"{told} OR 1=1",
    "twice encoded": lambda told: "".join(f"%{octet:02x}" for octet in told.encode()),
    "an encoded slash": lambda told: f"{told}%2f",
    "a suffix": lambda told: f"{told}.mp4",
    "upper case": str.upper,
    "swapped case": str.swapcase,
    "padded": lambda told: f"{told}==",
    "without its last": lambda told: told[:-1],
    "its last twice": lambda told: told + told[-1:],
    "backwards": lambda told: told[::-1],
    "in hex": lambda told: hex(int(told)) if told.isdecimal() else told.encode().hex(),
    "a path around it": lambda told: f"./{told}",
    "a way up": lambda told: f"none/../{told}",
    "a byte order mark": lambda told: f"\ufeff{told}",
    "wrapped around 64 bits": lambda told: str(int(told) + (1 << 64)) if told.isdecimal() else told * 2,
    "wrapped around 53 bits": lambda told: str(int(told) + (1 << 53)) if told.isdecimal() else told * 3,
    "wrapped around 32 bits": lambda told: str(int(told) & 0xFFFFFFFF) if told.isdecimal() else told * 4,
}
"""Other ways to write an id."""


def beside_it(told: str) -> Iterator[str]:
    """Yield the numbers around an id and those that are none: whoever guesses counts."""
    near = int(told) if told.isdecimal() else 0
    yield from (str(number) for number in (near - 2, near - 1, near + 1, near + 2, 0, 1, -1, (1 << 52) - 1, 1 << 53, 1 << 63, 10**30))
