"""Which records the product keeps, for how long, why so long, and what takes them away: every table, and every file that it writes.

A table or a file that is not here is refused by a test. `vms records list` prints it, deploy/README.md has it as a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where a record lies."""

    CENTRAL = "central database"
    INDEX = "node index"
    KEYS = "key store"
    FILES = "files"


RECORDS_PURGE = "`vms records purge`"
"""What the hub's jobs child does each six hours, and a person by hand."""
HUB_JOBS = "the hub's jobs child, each ten seconds"
LOG_ERASE = "the erasing of old entries"
RETENTION = "`vms retain`"
NEXT_ONE = "the next one, in its place"
OWN_CALLS = "the calls that write it"
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Record:
    """One table, or one kind of file."""

    name: str
    """The table; of files, the path below the data directory."""
    what: str
    kept: str
    """How long; `{days}` stands for the district's number where `setting` names one."""
    why: str
    """The reason for just so long."""
    purged_by: str
    setting: str = ""
    """The field of `record_days`, or `log_days`."""
    held: str = ""
    """What of it a hold in force keeps beyond its day."""


_NO_PEOPLE = "says nothing of people, and what is kept refers to it"
_OF_FOOTAGE = "says what footage there is"
_PROOF = "proves that the log is as it was written, and says of nobody what was done"
_HOLD = "explains why footage outlived its window; seven years, when claims about it have lapsed"
_POLICY = "says by which window footage went"
_ACCOUNT = "opens the account"
_REQUEST = "says what was asked, decided and handed over; seven years, when claims about it have lapsed"
_WITH_REQUEST = "with its request"
_AS_ABOVE = "as above"

CENTRAL: tuple[Record, ...] = (
    Record("setting", "what the district decided at set-up", "until it is changed", "the product works by it", NEXT_ONE),
    Record("node", "recording machines", "for good", _NO_PEOPLE, NOTHING),
    Record("branch", "branches", "for good", _NO_PEOPLE, NOTHING),
    Record("area", "areas of branches", "for good", _NO_PEOPLE, NOTHING),
    Record(
        "device",
        "cameras' addresses, user names and sealed passwords",
        "the address for good; user name and password until its last camera is removed",
        "footage and the log are of its cameras; nothing asks a removed one",
        OWN_CALLS,
    ),
    Record("camera", "cameras, removed ones too", "for good", "footage, holds and the log name it", NOTHING),
    Record("stream", "a camera's streams", "for good", "footage and the purge log name it", NOTHING),
    Record(
        "person",
        "accounts, ended ones too",
        "the password until the end, the name {days} days after it, and never shorter than `log_days`; number, role and moments for good",
        "the longest that footage is kept and two years: so long the log may be asked who somebody was. It goes on naming the "
        "number, which nobody else may get. The name stays while an emergency access waits for its review",
        RECORDS_PURGE,
        "accounts",
    ),
    Record(
        "person_branch", "where an account counts", "with its account's name", "says what an account may see", RECORDS_PURGE, "accounts"
    ),
    Record("person_area", "where an account counts", "with its account's name", "says what an account may see", RECORDS_PURGE, "accounts"),
    Record(
        "person_identity",
        "who somebody is at the district's sign-in",
        "with its account's name, or until the link is taken away",
        "opens the account, and tells that an ended one comes back",
        RECORDS_PURGE,
        "accounts",
    ),
    Record("totp", "sealed secrets of authenticators", "until removed, reset or the account's end", _ACCOUNT, OWN_CALLS),
    Record("recovery_code", "digests of codes on paper", "until made anew, reset or the account's end", _ACCOUNT, OWN_CALLS),
    Record("passkey", "public keys of passkeys", "until removed, reset or the account's end", _ACCOUNT, OWN_CALLS),
    Record("challenge", "what a passkey is to sign", "minutes", "it is used once", OWN_CALLS),
    Record(
        "session",
        "sign-ins: whose, when, from which address",
        "{days} days after the last request",
        "people may ask where their account was used; the log says it for longer. One of an emergency access stays with it",
        RECORDS_PURGE,
        "sessions",
    ),
    Record("sign_in_try", "keyed digests of what was tried at sign-in", "an hour", "guessing is slowed down for so long", OWN_CALLS),
    Record("sign_in_place", "keyed digests of where names sign in", "half a year", "there a name waits for nobody else's tries", OWN_CALLS),
    Record(
        "invitation",
        "digests of invitations",
        "{days} days after it ran out, or until the account's end",
        "it opens nothing any more; a month is enough to ask why it did not work",
        RECORDS_PURGE,
        "invitations",
    ),
    Record(
        "proposal",
        "acts that waited for a second person",
        "{days} days after it was decided",
        "a year and a month, so that the yearly look finds who approved what. What waits stays, and so does who proposed an account in use",
        RECORDS_PURGE,
        "proposals",
        "the release of a hold, until that hold has ended",
    ),
    Record("delegation", "the Delegate's role, lent", "with its proposal", "is the matter of the proposal", RECORDS_PURGE, "proposals"),
    Record("delegation_branch", "where it was lent", "with its proposal", "as above", RECORDS_PURGE, "proposals"),
    Record("delegation_area", "where it was lent", "with its proposal", "as above", RECORDS_PURGE, "proposals"),
    Record(
        "screen",
        "enrolled desks and walls",
        "{days} days after it was ended",
        "as long as sessions, which name it",
        RECORDS_PURGE,
        "screens",
    ),
    Record(
        "view",
        "who watches what, as the server needs it to end it",
        "{days} days after it was over",
        "the log says the same for longer. One under an emergency access stays with it, for its review",
        RECORDS_PURGE,
        "views",
        "views of a camera under a hold that is not sealed",
    ),
    Record("emergency", "emergency accesses and their reviews", "with its entries, {days} days", "is about entries", LOG_ERASE, "log_days"),
    Record(
        "review", "what was asked about the log, and digests", "with its entries, {days} days", "is about entries", LOG_ERASE, "log_days"
    ),
    Record(
        "access_event",
        "entries of the access log: who, what, why",
        "texts {days} days; number and hash for good",
        "the longest that footage is kept and two years, by when somebody may have gone to law over it",
        LOG_ERASE,
        "log_days",
        "entries that name a camera under a hold that is not sealed",
    ),
    Record("access_sealed", "entries of sealed matters, encrypted", "for good", "only who holds the matter's key reads them", NOTHING),
    Record("access_log", "a log's name and its newest numbers", "for good", _PROOF, NOTHING),
    Record("access_tile", "the hashes of the log's tree", "for good", _PROOF, NOTHING),
    Record("access_checkpoint", "signatures over the log", "for good", _PROOF, NOTHING),
    Record("access_cosignature", "a witness's signatures over the log", "for good", _PROOF, NOTHING),
    Record(
        "mail",
        "mail that was sent or given up, with its text",
        "{days} days after it was done with",
        "whoever asks whether it was sent; until then nobody is told the same twice",
        RECORDS_PURGE,
        "mails",
    ),
    Record(
        "coverage",
        "when a camera recorded, as nodes reported it",
        "{days} days after the footage's window",
        "the month's figures are read in the month after; what was there is in the purge log",
        RECORDS_PURGE,
        "coverage",
        "what a hold protects of it",
    ),
    Record(
        "stream_state",
        "what each stream does now",
        "its newest; {days} days after the camera was removed",
        "there is no history of it",
        RECORDS_PURGE,
        "states",
    ),
    Record("retention_policy", "versions of the retention policy", "for good", _POLICY, NOTHING),
    Record("policy_force", "from when each version counted", "for good", _POLICY, NOTHING),
    Record("policy_approval", "who signed each version", "for good", _POLICY, NOTHING),
    Record(
        "instrument_rules",
        "the district's own rules per instrument, in versions",
        "for good",
        "says by which rules requests were decided",
        NOTHING,
    ),
    Record("instrument_rules_approval", "who approved which version", "for good", _AS_ABOVE, NOTHING),
    Record("placement", "who approved where a camera looks", "for good", "says why a camera is where it is", NOTHING),
    Record("privacy_review", "what came of reviews of the cameras", "for good", "the Board asks what earlier ones found", NOTHING),
    Record("purge_month", "what a machine destroyed in a month, by camera", "for good", "a month's certificate is made of it", NOTHING),
    Record(
        "deletion_certificate", "certificates of what was deleted in a month", "for good", "proves the deletion; names no people", NOTHING
    ),
    Record(
        "spot_check",
        "camera's days of which somebody asked what became, with the answer",
        "{days} days after it was asked",
        "a year and a month, so that the yearly look finds the last one; who asked and the verdict are in the log",
        RECORDS_PURGE,
        "spot_checks",
    ),
    Record(
        "complaint",
        "complaints with their answers: who complained, about what, encrypted",
        "{days} days after the answer; one without an answer stays",
        "three years, in which a further complaint may refer to it",
        RECORDS_PURGE,
        "complaints",
    ),
    Record("complaint_camera", "the cameras that one is about", "with its complaint", "as above", RECORDS_PURGE, "complaints"),
    Record(
        "inquiry",
        "inquiries by the public form: who asked about what, encrypted",
        "{days} days after it came, whatever became of it",
        "half a year, in which whoever asked brings a paper; what was made a request is told there",
        RECORDS_PURGE,
        "inquiries",
    ),
    Record(
        "training",
        "who was trained to refer inquiries to the Director",
        "{days} days after it was entered",
        "four years, in which somebody may ask what staff had been told",
        RECORDS_PURGE,
        "training",
    ),
    Record("legal_hold", "legal holds", "{days} days after the release, once its recorders know of that", _HOLD, RECORDS_PURGE, "holds"),
    Record(
        "export_request",
        "requests for footage",
        "{days} days after their end; a sealed one once its seal is lifted",
        _REQUEST,
        RECORDS_PURGE,
        "requests",
    ),
    Record("request_scope", "what they ask for", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("request_camera", "which cameras they are about", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("request_paper", "scans of their papers, encrypted", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("request_event", "what was done to them; counsel's advice, encrypted", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("redaction_plan", "what is covered in them, encrypted", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("redaction_sheet", "small pictures of what was covered, encrypted", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("redaction_approval", "who looked that over", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("approval", "the Director's yes to exactly one scope", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("approval_assertion", "what a passkey signed of one", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("package", "which packages were asked for, and what became of them", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("package_release", "on which media they left, and who took them", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("package_ticket", "who may download them, and how often", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("package_download", "when and from which address they were downloaded", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("showing", "to whom they were shown at a screen, and what of them", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("request_standing", "how they stand", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("request_hold", "which holds keep for them", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("door_call", "who was called when a warrant came", _WITH_REQUEST, _AS_ABOVE, RECORDS_PURGE, "requests"),
    Record("deputy", "who stands in for the Director when one comes", "until it is changed", "they are called in this order", NEXT_ONE),
    Record(
        "sealed_request",
        "which requests the law makes secret",
        "with its request, once its seal is lifted",
        "the entry that counts what went would tell of it",
        RECORDS_PURGE,
        "requests",
    ),
    Record(
        "sealed_request_person", "for whom they exist", "with its request, once its seal is lifted", _AS_ABOVE, RECORDS_PURGE, "requests"
    ),
    Record("sealed_hold", "holds that the law keeps secret", "for good", "the entry that counts what went would tell of it", NOTHING),
    Record("hold_scope", "what a hold names", "with its hold", _HOLD, RECORDS_PURGE, "holds"),
    Record("hold_camera", "the cameras under a hold", "with its hold", _HOLD, RECORDS_PURGE, "holds"),
    Record("hold_answer", "what nodes found for a hold", "with its hold", _HOLD, RECORDS_PURGE, "holds"),
    Record("hold_clock", "the number of the newest change of holds", "for good", "orders what nodes are told", NEXT_ONE),
    Record("deletion_lease", "until when nodes may destroy", "a quarter of an hour", "is over then", OWN_CALLS),
    Record("node_hold_state", "how far nodes know of holds", "its newest", "shows a restored backup", NEXT_ONE),
    Record("alembic_version", "which version the schema has", "its newest", "`vms migrate` goes on from there", NEXT_ONE),
)

INDEX: tuple[Record, ...] = (
    Record("volume", "disks for footage", "for good", _NO_PEOPLE, NOTHING),
    Record("segment", "segments of footage", "with the footage", _OF_FOOTAGE, RETENTION, held="what a hold protects"),
    Record("segment_side", "their digests and tables", "with the footage", _OF_FOOTAGE, RETENTION, held="what a hold protects"),
    Record("run", "unbroken recording", "with the footage", _OF_FOOTAGE, RETENTION, held="what a hold protects"),
    Record(
        "gap",
        "missing time with its reason: a stream's health",
        "with the footage around it",
        _OF_FOOTAGE,
        RETENTION,
        held="what a hold protects",
    ),
    Record(
        "clock_event",
        "steps of the clock",
        "as long as footage from before the step; a leap ahead that was not taken back as much longer as it was far",
        "explains the times of that footage",
        RETENTION,
        held="while a hold protects footage from before",
    ),
    Record("replica", "which versions of the hub's tables are here", "its newest", "says what to ask for", NEXT_ONE),
    Record("stream_config", "how cameras are recorded, passwords sealed", "its newest", "recording goes on without the hub", NEXT_ONE),
    Record("coverage_outbox", "what the hub has not heard yet", "until the hub has it", "is handed over", OWN_CALLS),
    Record("stream_rule", "how long each stream is kept", "its newest", "deletion works by it", NEXT_ONE),
    Record("hold_replica", "the holds in force here", "until released", "deletion works by it", RETENTION),
    Record(
        "told_gone",
        "times of which people are told that their footage is gone",
        "for good, some spans a camera",
        "a hold or a window that comes later would show what only a sealed hold kept",
        NOTHING,
    ),
    Record("deletion_lease", "until when footage may be destroyed here", "its newest", "deletion works by it", NEXT_ONE),
    Record(
        "protected_place",
        "second places of footage that holds keep",
        "as long as a hold keeps it",
        "nothing is destroyed before its second place",
        RETENTION,
        held="what a hold protects",
    ),
    Record("reconciliation", "what the newest comparison of index and files found", "its newest", "`vms doctor` tells it", NEXT_ONE),
    Record(
        "purge_log",
        "what was destroyed, when, by which rule",
        "for good",
        "is the proof of deletion, a chain that lacks no link; names no people",
        NOTHING,
    ),
    Record("alembic_version", "which version the schema has", "its newest", "`vms migrate` goes on from there", NEXT_ONE),
)

KEYS: tuple[Record, ...] = (
    Record("store", "which key store this is", "for good", _NO_PEOPLE, NOTHING),
    Record(
        "hour_key",
        "the key of a camera's hour, or when it was destroyed",
        "the key as long as any footage of its hour; that it was destroyed for good",
        "without it a restored copy would bring the key back",
        RETENTION,
        held="keys of hours that a hold covers from end to end",
    ),
    Record(
        "segment_key",
        "the keys of held segments that outlive their hour's",
        "with the footage",
        "opens what is held, and nothing else of its hour",
        RETENTION,
        held="what a hold protects",
    ),
)

FILES: tuple[Record, ...] = (
    Record("config.toml", "settings", "until it is changed", "the product works by it", NEXT_ONE),
    Record("central.db", "the central database, where it is not PostgreSQL", "as its tables", "holds them", "as its tables"),
    Record("index/index.db", "the node index", "as its tables", "holds them", "as its tables"),
    Record("keys1/keys.db, keys2/keys.db", "the key store, two copies", "as its tables", "holds them", "as its tables"),
    Record("volumes", "footage, encrypted", "the district's days", "is the footage", RETENTION, held="what a hold protects"),
    Record(
        "packages",
        "packages of footage, encrypted where they leave so or by download",
        "until they have left, and `released_package_days` more; 14 days, if they don't",
        "whoever asked gets them; the footage itself is kept by its hold",
        HUB_JOBS,
    ),
    Record("reviews", "copies of what was asked about the log", "with its entries, {days} days", "is about entries", LOG_ERASE, "log_days"),
    Record("secrets/log_signed.txt", "what was signed last", "its newest", "shows a restored backup", NEXT_ONE),
    Record("secrets/log_ed25519.key", "what signs the access log", "for good", "proves the log", NOTHING),
    Record("secrets/grant_ed25519.key", "what signs grants", "for good", "nodes believe it", NOTHING),
    Record("secrets/factor_x25519.key", "what opens authenticators' secrets", "until rotated", _ACCOUNT, "`vms keys rotate`"),
    Record(
        "secrets/complaint_texts.key", "what opens complaints and inquiries", "until rotated", "they are read by it", "`vms keys rotate`"
    ),
    Record("secrets/node_x25519.key", "what opens camera passwords", "until rotated", "recording needs it", "`vms keys rotate`"),
    Record(
        "secrets/node_kek.key",
        "what wraps footage keys, where it is no credential",
        "until rotated",
        "footage needs it",
        "`vms keys rotate`",
    ),
    Record(
        "secrets/*.key.next",
        "the next of one of these four",
        "while a rotation is open",
        "both open what is half done",
        "`vms keys rotate`",
    ),
    Record(
        "secrets/MATTER.key",
        "what opens a sealed matter's entries, or a request's papers",
        "until the seal is lifted; a request's for good",
        "they are read by it; once the request is gone it opens nothing",
        "`vms log unseal`",
    ),
    Record("secrets/smtp_password", "the mail server's password", "until it is changed", "mail needs it", NEXT_ONE),
    Record("secrets/oidc_client_secret", "the secret for the OpenID provider", "until it is changed", "its sign-in needs it", NEXT_ONE),
    Record("secrets/tls_ca.pem", "the own certificate authority", "ten years, or until made anew", "devices trust it", NEXT_ONE),
    Record("secrets/tls_server.pem", "the pages' certificate", "390 days, or until issued anew", "pages need it", NEXT_ONE),
    Record("run", "sockets and locks", "while a process runs", "holds no records", OWN_CALLS),
    Record("checkpoint_dir", "checkpoints of the log, a day each", "by whoever keeps them outside", _PROOF, "whoever keeps them"),
    Record(
        "~/.local/state/custodian", "the sign-in of `vms login`", "as long as its session", "the command line works by it", "`vms logout`"
    ),
)

RECORDS: dict[Place, tuple[Record, ...]] = {Place.CENTRAL: CENTRAL, Place.INDEX: INDEX, Place.KEYS: KEYS, Place.FILES: FILES}

FOOTAGE_READERS: dict[str, str] = {
    "recorder.capture": "hands live pictures to viewers of a stream, whose view is open; a `view:open` came first",
    "recorder.footage": "decrypts segments for the node API, under a grant that names an open view",
    "recorder.live": "live pictures for viewers whose view is open; kept since the last keyframe, in memory",
    "recorder.live_proxy": "joins viewers to the worker that has their stream, under a grant",
    "recorder.node_api": "sends lists, octets and live pictures to the hub, under a grant",
    "recorder.playing": "reads cameras, for the worker that records and for the test of one",
    "recorder.probe": "a picture of a camera under test, for whoever adds it; `camera:test`",
    "recorder.recovery": "salvages and adopts after a crash; no octet leaves the process",
    "recorder.worker": "records; live pictures go to viewers whose view is open",
    "recorder.worker_socket": "carries live pictures to the node API",
    "recorder.writer": "writes segments; nothing is read",
    "retention.survivors": "decrypts the first octets of held segments, to try their keys; no octet leaves the process",
    "retention.protection": "links and copies what holds keep, on volumes of this machine; no octet leaves the process",
    "retention.repair": "gives held footage its file back from its second place; no octet leaves the process",
    "retention.reconcile": "compares names and digests each night; no octet leaves the process",
    "vms.cli.inspect": "`vms segment cat`, for the console; `footage:read` came first",
    "vms.media.segment_file": "the format: opened only by those here",
    "vms.services.package_footage": "decrypts segments for a package of footage; `footage:read` came first",
    "vms.services.check": "compares digests for `vms check`; no octet leaves the process",
    "vms.store.files": "knows where files lie, for those above",
    "vms.store.protected_files": "links and copies files of footage as they are, encrypted, for `vms retain`",
    "web.app": "holds the way to the node API",
    "web.deps": "holds the way to the node API",
    "web.live_gateway": "live pictures for a browser, under its open views",
    "web.live_feed": "carries live pictures from the node API; the views of the window are open",
    "web.node_client": "asks the node API, with the grants that it is handed",
    "web.reading": "recordings for a browser; `view:open` and `footage:read` came first",
    "web.routers.playback": "recordings for a browser, all of it by `web.reading`",
}
"""Each module that opens footage or hands it on: for whom, and which entry of the access log comes before the first octet."""


def kept_for(record: Record, days: dict[str, int | None]) -> str:
    """Return how long a record is kept with the district's numbers in it; without one it is kept for good."""
    number = days.get(record.setting)
    if record.setting and number is None:
        return "for good: no `log_days` is set"
    return record.kept.format(days=number)


def table(days: dict[str, int | None]) -> str:
    """Return the registry as the table of deploy/README.md."""
    lines = ["| record | where | kept | why | taken away by | kept by a hold |", "| --- | --- | --- | --- | --- | --- |"]
    for place, records in RECORDS.items():
        for one in records:
            setting = f" (`{one.setting}`)" if one.setting and "{days}" in one.kept else ""
            kept = kept_for(one, days) + setting
            lines.append(f"| `{one.name}`: {one.what} | {place} | {kept} | {one.why} | {one.purged_by} | {one.held} |")
    return "\n".join(lines)
