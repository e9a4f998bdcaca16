"""The central database: people, branches, cameras, views, the access log, and what nodes report. SQLite or PostgreSQL.

Moments (`…_at`) are microseconds since 1970, media times (`…_ms`) milliseconds. Ids are random numbers given by the product
(`vms.domain.ids`), never by the database. No row about footage is kept here: that is the node index.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    FromClause,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler

from vms.domain.access import Purpose
from vms.domain.camera import CameraState, RecordingMode, Scheme, StreamRole
from vms.domain.people import Ceremony, Proof, Role
from vms.domain.second_person import Act, Decision
from vms.store.columns import Moment, Number, Word, one_of

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

NAME_CHARS = 120


class Central(DeclarativeBase):
    """Base of every table of the central database."""

    metadata = MetaData(naming_convention=NAMING)


class SettingRow(Central):
    """What the district decided at set-up and may change on its pages; one row per word."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class NodeRow(Central):
    """A machine that records. Only it holds the private half of `public_key`."""

    __tablename__ = "node"
    __table_args__ = (UniqueConstraint("name"), CheckConstraint("length(public_key) = 32", name="public_key"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """X25519: camera passwords are sealed to it."""
    config_version: Mapped[int] = mapped_column(Number)
    """Grows with every change of what the node is to record."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class BranchRow(Central):
    __tablename__ = "branch"
    __table_args__ = (UniqueConstraint("name_key"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    """The name folded to one case: two branches can't differ by case alone."""
    timezone: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)


class AreaRow(Central):
    __tablename__ = "area"
    __table_args__ = (UniqueConstraint("branch_id", "name"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    name: Mapped[str] = mapped_column(String(NAME_CHARS))


class DeviceRow(Central):
    """Hardware with one address and one credential."""

    __tablename__ = "device"
    __table_args__ = (
        one_of("scheme", Scheme, "scheme"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        # A node's configuration: its devices, joined to cameras and streams.
        Index(None, "node_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))
    scheme: Mapped[Scheme] = mapped_column(Word(Scheme))
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    username: Mapped[str] = mapped_column(String(128))
    password_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed to the node's key with device, host and port as associated data; empty when the device asks for none."""
    certificate_sha256: Mapped[bytes | None] = mapped_column(
        LargeBinary, CheckConstraint("length(certificate_sha256) = 32", name="certificate_sha256")
    )
    """Of the certificate that is trusted over rtsps."""


class CameraRow(Central):
    """A logical position. It is never deleted: footage, holds and the log name it."""

    __tablename__ = "camera"
    __table_args__ = (
        one_of("recording_mode", RecordingMode, "recording_mode"),
        CheckConstraint("channel BETWEEN 1 AND 1024", name="channel"),
        # No two cameras in use of one branch share a name; also lists a branch's cameras.
        Index(
            "uq_camera_branch_id_name_key",
            "branch_id",
            "name_key",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        # The cameras that a device feeds, when its address changes.
        Index(None, "device_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    channel: Mapped[int]
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    recording_mode: Mapped[RecordingMode] = mapped_column(Word(RecordingMode))
    created_at: Mapped[datetime] = mapped_column(Moment)
    placement_approved_at: Mapped[datetime | None] = mapped_column(Moment)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int]
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    pause_reason: Mapped[str | None] = mapped_column(Text)


class StreamRow(Central):
    """One RTSP presentation of a camera. A stream taken away stays as a row: its footage names it."""

    __tablename__ = "stream"
    __table_args__ = (one_of("role", StreamRole, "role"), UniqueConstraint("camera_id", "role"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"))
    role: Mapped[StreamRole] = mapped_column(Word(StreamRole))
    path: Mapped[str] = mapped_column(String(512))
    removed_at: Mapped[datetime | None] = mapped_column(Moment)


class PersonRow(Central):
    """An account. It is never deleted: the access log names it."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("name_key"), one_of("role", Role, "role"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    role: Mapped[Role] = mapped_column(Word(Role))
    whole_district: Mapped[bool]
    """Else `person_branch` lists the branches, which may be none."""
    firm: Mapped[str] = mapped_column(String(NAME_CHARS))
    """A contractor's; else empty."""
    password_hash: Mapped[str] = mapped_column(String(256))
    """argon2id in its own text form; empty while no password was chosen."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    """None: proposed, waits for a Director."""
    first_signed_in_at: Mapped[datetime | None] = mapped_column(Moment)
    ends_at: Mapped[datetime | None] = mapped_column(Moment)
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)


class PersonBranchRow(Central):
    """The branches of a person who does not see the whole district."""

    __tablename__ = "person_branch"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"), primary_key=True, autoincrement=False)


class SessionRow(Central):
    """One sign-in. The token itself is known to the browser alone."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("length(token_sha256) = 32", name="token"),
        # Every request: the session of a token.
        UniqueConstraint("token_sha256"),
        one_of("proof", Proof, "proof"),
        # A person's open sessions.
        Index(None, "person_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    proof: Mapped[Proof] = mapped_column(Word(Proof))
    address: Mapped[str] = mapped_column(String(64))
    """Where it was opened from, for the person to know it again; empty when nobody knows."""
    opened_at: Mapped[datetime] = mapped_column(Moment)
    proved_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class ProposalRow(Central):
    """An act that waits for a second person, or waited."""

    __tablename__ = "proposal"
    __table_args__ = (
        one_of("act", Act, "act"),
        one_of("decision", Decision, "decision"),
        # Of one act about one person at most one is open; also what waits, for every page.
        Index(
            "uq_proposal_act_subject",
            "act",
            "subject_id",
            unique=True,
            sqlite_where=text("decision IS NULL"),
            postgresql_where=text("decision IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    act: Mapped[Act] = mapped_column(Word(Act))
    subject_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`; whoever it was does not approve it."""
    proposed_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    proposed_at: Mapped[datetime] = mapped_column(Moment)
    earliest_at: Mapped[datetime] = mapped_column(Moment)
    alone_at: Mapped[datetime | None] = mapped_column(Moment)
    decision: Mapped[Decision | None] = mapped_column(Word(Decision))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)


class TotpRow(Central):
    """The authenticator of a person (RFC 6238)."""

    __tablename__ = "totp"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    """Encrypted with a key that is not in the database, bound to the person."""
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    """None until a first code came: it opens nothing."""
    last_step: Mapped[int] = mapped_column(Number)
    """The newest step whose code was taken; no older one opens anything again."""


class RecoveryCodeRow(Central):
    """Codes on paper for whoever lost the authenticator, each for one sign-in."""

    __tablename__ = "recovery_code"
    __table_args__ = (CheckConstraint("length(code_sha256) = 32", name="code"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class PasskeyRow(Central):
    """A device or a key that signs for a person (WebAuthn). Only it holds the private half."""

    __tablename__ = "passkey"
    __table_args__ = (
        # Each sign-in: the passkey that answers.
        UniqueConstraint("credential_id"),
        CheckConstraint("length(credential_id) BETWEEN 16 AND 1023", name="credential_id"),
        # A person's passkeys.
        Index(None, "person_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    credential: Mapped[bytes] = mapped_column(LargeBinary)
    """Attested credential data (WebAuthn 6.5.1): model, credential id, public key as COSE."""
    rp_id: Mapped[str] = mapped_column(String(253))
    """The host name that it signs for, and for no other."""
    sign_count: Mapped[int] = mapped_column(Number)
    """The newest that it told; 0 for ever where it doesn't count."""
    label: Mapped[str] = mapped_column(String(NAME_CHARS))
    added_at: Mapped[datetime] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)


class ChallengeRow(Central):
    """What a passkey is to sign, for one browser or one session, once and for some minutes; a new one takes its place."""

    __tablename__ = "challenge"
    __table_args__ = (
        CheckConstraint("length(holder_sha256) = 32", name="holder"),
        CheckConstraint("length(challenge) = 32", name="challenge"),
        one_of("ceremony", Ceremony, "ceremony"),
        # Those that have run out, at each new one.
        Index(None, "ends_at"),
    )

    holder_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    ceremony: Mapped[Ceremony] = mapped_column(Word(Ceremony), primary_key=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    ends_at: Mapped[datetime] = mapped_column(Moment)


class PersonIdentityRow(Central):
    """Who somebody is to the district's OpenID provider."""

    __tablename__ = "person_identity"
    __table_args__ = (UniqueConstraint("person_id"),)

    issuer: Mapped[str] = mapped_column(String(500), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The provider's own name for the person, which is never given to anybody else; an e-mail address may be."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    added_at: Mapped[datetime] = mapped_column(Moment)


class InvitationRow(Central):
    """What lets somebody choose the first password of an account, once and for a while; a new one takes its place."""

    __tablename__ = "invitation"
    __table_args__ = (CheckConstraint("length(code_sha256) = 32", name="code"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    ends_at: Mapped[datetime] = mapped_column(Moment)


class SignInTryRow(Central):
    """Tries to sign in, wrong ones or not yet answered, of one name, one address, or one name at one address. Deleted after an hour."""

    __tablename__ = "sign_in_try"
    __table_args__ = (
        CheckConstraint("length(key) = 32", name="key"),
        # Deleting what is forgotten.
        Index(None, "last_at"),
        {"sqlite_with_rowid": False},
    )

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """HMAC-SHA256: what was typed as a name may be a password."""
    counted: Mapped[int] = mapped_column(Number)
    last_at: Mapped[datetime] = mapped_column(Moment)


class SignInPlaceRow(Central):
    """A name at an address from which it signed in: there it waits for nobody else's tries."""

    __tablename__ = "sign_in_place"
    __table_args__ = (CheckConstraint("length(key) = 32", name="key"), {"sqlite_with_rowid": False})

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    last_at: Mapped[datetime] = mapped_column(Moment)


class ViewRow(Central):
    """One act of watching, from its opening to its close or its deadline."""

    __tablename__ = "view"
    __table_args__ = (
        one_of("purpose", Purpose, "purpose"),
        CheckConstraint("(span_start_at IS NULL) = (span_end_at IS NULL)", name="span"),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    actor: Mapped[str] = mapped_column(String(300))
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"))
    purpose: Mapped[Purpose] = mapped_column(Word(Purpose))
    span_start_at: Mapped[datetime | None] = mapped_column(Moment)
    """Both None for live."""
    span_end_at: Mapped[datetime | None] = mapped_column(Moment)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    deadline_at: Mapped[datetime] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)


class AccessLogRow(Central):
    """One row per log: the number of its newest entry. Whoever adds an entry holds this row until the commit."""

    __tablename__ = "access_log"

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    """Its name in the world, random and for good: what checkpoints are signed for."""
    last_number: Mapped[int] = mapped_column(Number)


class _FromBody(ColumnElement[object]):
    """What an event's text says under a key, for a column that the database itself fills: it can say nothing else."""

    inherit_cache = False

    def __init__(self, key: str, *, kind: str = "") -> None:
        self.key = key
        self.kind = kind


@compiles(_FromBody, "sqlite")
def _from_json(element: _FromBody, _compiler: object, **_: object) -> str:
    told = f"json_extract(body, '$.{element.key}')"
    return f"CAST({told} AS {element.kind})" if element.kind else told


@compiles(_FromBody, "postgresql")
def _from_jsonb(element: _FromBody, _compiler: object, **_: object) -> str:
    told = f"((body)::jsonb ->> '{element.key}'::text)"
    return f"({told})::{element.kind}" if element.kind else told


class _Told(ColumnElement[Any]):
    """What an event's text says under a key or at an index below it, to search by where there is no column; a whole number or a word."""

    inherit_cache = False

    def __init__(self, body: ColumnElement[Any], *path: str | int) -> None:
        self.body = body
        self.path = path


@compiles(_Told, "sqlite")
def _told_in_json(element: _Told, compiler: SQLCompiler, **given: object) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in element.path)
    return f"json_extract({compiler.process(element.body, **given)}, '${path}')"


@compiles(_Told, "postgresql")
def _told_in_jsonb(element: _Told, compiler: SQLCompiler, **given: object) -> str:
    told = f"(({compiler.process(element.body, **given)})::jsonb #>> '{{{','.join(map(str, element.path))}}}')"
    return f"({told})::bigint" if isinstance(element.path[-1], int) else told


def told(body: InstrumentedAttribute[str | None], *path: str | int) -> ColumnElement[Any]:
    """Return what the text `body` says at `path`: a whole number where it ends with an index, else a word."""
    return _Told(body.expression, *path)


class AccessEventRow(Central):
    """Who saw or did what, why. Triggers refuse every change but erasing; there is no foreign key, so nothing else can reach in.

    The event is `body`, the text that the log's tree is over; `salt` makes its hash say nothing. The other columns are there to
    search by. A number without a row is padding, which the tree tells from a row that somebody took away. An entry that the district's
    rule erased keeps its row.
    """

    __tablename__ = "access_event"
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("length(salt) = 16", name="salt"),
        CheckConstraint("(body IS NULL) = (erased_by IS NOT NULL) AND (salt IS NULL) = (body IS NULL)", name="erased"),
        # The log page narrowed to one camera, newest first.
        Index(None, "camera_id", "number"),
        {"sqlite_with_rowid": False},
    )

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    """From 1."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    body: Mapped[str | None] = mapped_column(Text)
    erased_by: Mapped[int | None] = mapped_column(Number)
    """The number of the `log:erase` entry that says when and by what rule salt and body were erased."""
    at: Mapped[datetime | None] = mapped_column(Moment, Computed(_FromBody("at", kind="bigint"), persisted=True))
    actor: Mapped[str | None] = mapped_column(Text, Computed(_FromBody("actor"), persisted=True))
    action: Mapped[str | None] = mapped_column(Text, Computed(_FromBody("action"), persisted=True))
    camera_id: Mapped[int | None] = mapped_column(Number, Computed(_FromBody("camera", kind="bigint"), persisted=True))
    purpose: Mapped[str | None] = mapped_column(Text, Computed(_FromBody("purpose"), persisted=True))


class AccessTileRow(Central):
    """Hashes of a log's tree, 256 in a row: level 0 those of entries, level n+1 those of whole tiles of level n."""

    __tablename__ = "access_tile"

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)
    """32 octets each; the newest tile of a level grows."""


class AccessCheckpointRow(Central):
    """Every size of a log that was signed. Append-only, like the entries."""

    __tablename__ = "access_checkpoint"

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    note: Mapped[str] = mapped_column(Text)
    """C2SP signed note."""


class MailRow(Central):
    """A mail to send or sent, written in the transaction that causes it. Rows go 30 days after they were done with."""

    __tablename__ = "mail"
    __table_args__ = (
        CheckConstraint("(attachment_name IS NULL) = (attachment IS NULL)", name="attachment"),
        # What a mail is about is told to an address once.
        UniqueConstraint("about", "recipient"),
        # The sender's look, every minute.
        Index(None, "next_try_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    about: Mapped[str] = mapped_column(String(120))
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    attachment_name: Mapped[str | None] = mapped_column(String(120))
    attachment: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment)
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None] = mapped_column(Moment)
    """None when it is done with."""
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    """None as well when it was given up."""
    done_at: Mapped[datetime | None] = mapped_column(Moment)


class ReviewRow(Central):
    """What was found about who watches, and the digest of a month. Nothing changes a row; the log says that it was made."""

    __tablename__ = "review"
    __table_args__ = (
        # Whether a pattern was told before, and when.
        Index(None, "about", "at"),
        # The page, newest first.
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    about: Mapped[str] = mapped_column(String(400))
    """A finding's key, or digest/2026-02."""
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str | None] = mapped_column(String(300))
    """Whom a finding is about; None for a digest."""
    sentence: Mapped[str] = mapped_column(Text)
    counts: Mapped[str | None] = mapped_column(Text)
    """A digest's figures, a JSON list; None for a finding."""
    last_number: Mapped[int] = mapped_column(Number)
    """The newest entry of the log that it may be about: it goes when that does."""


class AccessCosignatureRow(Central):
    """A witness's signature beside ours over a checkpoint of this size."""

    __tablename__ = "access_cosignature"

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    witness: Mapped[str] = mapped_column(String(255), primary_key=True)
    size: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    """By the witness's clock."""
    line: Mapped[str] = mapped_column(Text)
    """As it stands in the signed note."""


class CoverageRow(Central):
    """Recorded time as nodes report it: one row per run, for timelines of the whole district."""

    __tablename__ = "coverage"
    __table_args__ = (CheckConstraint("end_ms >= start_ms", name="order"),)

    stream_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    end_ms: Mapped[int] = mapped_column(Number)
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))


class StreamStateRow(Central):
    """The newest state of each stream as its node reported it."""

    __tablename__ = "stream_state"
    __table_args__ = (one_of("state", CameraState, "state"),)

    stream_id: Mapped[int] = mapped_column(ForeignKey("stream.id"), primary_key=True, autoincrement=False)
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))
    state: Mapped[CameraState] = mapped_column(Word(CameraState))
    since_at: Mapped[datetime] = mapped_column(Moment)
    detail: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(Moment)


# Append-only in the database itself: a slip in code, or a hand at the console, is refused too. The same statements stand in
# the migrations; the drift test compares the two.
def _sqlite_append_only(table: str, key: str, *, but: str) -> tuple[str, ...]:
    unless = f" WHEN ({but}) IS NOT TRUE" if but else ""
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {moment} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb, moment in (
            ("update", f"UPDATE ON {table}{unless}"),
            ("delete", f"DELETE ON {table}"),
            # INSERT OR REPLACE deletes without firing the trigger above.
            ("replace", f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE origin = NEW.origin AND {key} = NEW.{key})"),  # noqa: S608
        )
    )


def _postgresql_append_only(table: str, *, but: str) -> tuple[str, ...]:
    refuse = f"EXECUTE FUNCTION {table}_append_only()"
    allow = f"IF TG_OP = 'UPDATE' THEN IF {but} THEN RETURN NEW; END IF; END IF; " if but else ""
    return (
        f"""CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN {allow}RAISE EXCEPTION '{table} is append-only'; END $$""",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
    )


def _append_only(table: FromClause, key: str, *, but: str = "") -> None:
    """Refuse every change of a row of `table`, unless `but` holds for an update."""
    name = str(table)
    statements = {"sqlite": _sqlite_append_only(name, key, but=but), "postgresql": _postgresql_append_only(name, but=but)}
    for dialect, of_dialect in statements.items():
        for statement in of_dialect:
            # SQLAlchemy's DDL() carries no annotations yet (2.1.9).
            ddl = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


_ERASING = (
    "NEW.origin = OLD.origin AND NEW.number = OLD.number AND OLD.body IS NOT NULL AND OLD.action IS DISTINCT FROM 'log:erase' "
    "AND NEW.salt IS NULL AND NEW.body IS NULL AND NEW.erased_by > OLD.number AND EXISTS (SELECT 1 FROM access_event AS told "
    "WHERE told.origin = OLD.origin AND told.number = NEW.erased_by AND told.action = 'log:erase')"
)
"""Salt and text go, nothing else, once an entry stands there that says so."""
_append_only(AccessEventRow.__table__, "number", but=_ERASING)
_append_only(AccessCheckpointRow.__table__, "size")
