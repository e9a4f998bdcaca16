"""Requests for footage: as they were entered, what they ask for in versions, their papers, their history, approvals, and how they stand.

All but `request_standing` is only added to. What must never happen is refused by the tables themselves: an approval by whoever entered the
request or let it ask for something else (a trigger), one of another scope than the request has, and a state behind the approval without
one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    DDL,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.request import NEEDS_APPROVAL, RequestAct, RequestState
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of

_APPROVED = ", ".join(f"'{state.value}'" for state in RequestState if state in NEEDS_APPROVAL)


class ExportRequestRow(Central):
    """A request as it was entered."""

    __tablename__ = "export_request"
    __table_args__ = (
        one_of("instrument", Instrument, "instrument"),
        UniqueConstraint("number"),
        # What an approval refers to, so that it can't be by whoever entered it.
        UniqueConstraint("id", "entered_by"),
        # The list, newest first.
        Index(None, "entered_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    number: Mapped[str] = mapped_column(String(32))
    instrument: Mapped[Instrument] = mapped_column(Word(Instrument))
    rules_version: Mapped[int] = mapped_column(Number)
    """That was in force when it was entered."""
    requester: Mapped[str] = mapped_column(Text)
    agency: Mapped[str] = mapped_column(Text)
    badge: Mapped[str] = mapped_column(Text)
    contact: Mapped[str] = mapped_column(Text)
    court: Mapped[str] = mapped_column(Text)
    docket: Mapped[str] = mapped_column(Text)
    served_on: Mapped[str] = mapped_column(String(10))
    """2026-11-24; empty when it was served on nobody."""
    report_number: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    necessity: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(Moment)
    entered_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    entered_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    entered_at: Mapped[datetime] = mapped_column(Moment)
    matter: Mapped[str] = mapped_column(String(32))
    """Under which the key lies that opens its papers and counsel's advice."""
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of one that was entered sealed: what the empty columns would say (`sealed_texts`), here and in the tables below."""


class RequestScopeRow(Central):
    """What a request asks for, in versions: the newest is in `request_standing`."""

    __tablename__ = "request_scope"
    __table_args__ = (
        # What an approval is of.
        UniqueConstraint("request_id", "version", "sha256"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
    """The canonical text (vms/FORMATS.md §10)."""
    sha256: Mapped[str] = mapped_column(String(64))
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)


class RequestCameraRow(Central):
    """A camera that a request was ever about: who reaches one of them may see the request."""

    __tablename__ = "request_camera"
    __table_args__ = (
        # The requests of the cameras within somebody's reach.
        Index(None, "camera_id"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), primary_key=True, autoincrement=False)


class RequestPaperRow(Central):
    """The scan of a paper, encrypted under the key of the request's matter."""

    __tablename__ = "request_paper"
    __table_args__ = (
        # The papers of a request.
        Index(None, "request_id"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"))
    name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the scan itself."""
    size_bytes: Mapped[int] = mapped_column(Number)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    added_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    added_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    added_at: Mapped[datetime] = mapped_column(Moment)
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)


class RequestEventRow(Central):
    """One entry of a request's history."""

    __tablename__ = "request_event"
    __table_args__ = (
        one_of("act", RequestAct, "act"),
        one_of("state", RequestState, "state"),
        one_of("line", FormLine, "line"),
        one_of("answer", FormAnswer, "answer"),
        CheckConstraint("(line IS NULL) = (answer IS NULL)", name="check"),
        CheckConstraint("sealed IS NULL OR words = ''", name="privileged"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    act: Mapped[RequestAct] = mapped_column(Word(RequestAct))
    state: Mapped[RequestState] = mapped_column(Word(RequestState))
    words: Mapped[str] = mapped_column(Text)
    line: Mapped[FormLine | None] = mapped_column(Word(FormLine))
    answer: Mapped[FormAnswer | None] = mapped_column(Word(FormAnswer))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Counsel's words, encrypted under another key than the papers: whoever may read those is not told."""
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)


class ApprovalRow(Central):
    """The Director's yes to exactly one scope, by somebody whose words none of it is."""

    __tablename__ = "approval"
    __table_args__ = (
        ForeignKeyConstraint(
            ["request_id", "entered_by"], ["export_request.id", "export_request.entered_by"], name="fk_approval_entered_by"
        ),
        ForeignKeyConstraint(
            ["request_id", "scope_version", "sha256"],
            ["request_scope.request_id", "request_scope.version", "request_scope.sha256"],
            name="fk_approval_scope",
        ),
        CheckConstraint('"by" <> entered_by', name="another"),
        # What a request in an approved state refers to.
        UniqueConstraint("id", "request_id", "scope_version"),
        # The approvals of a request.
        Index(None, "request_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(Number)
    entered_by: Mapped[str] = mapped_column(String(300))
    scope_version: Mapped[int] = mapped_column(Number)
    sha256: Mapped[str] = mapped_column(String(64))
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    delegation_id: Mapped[int | None] = mapped_column(Number)
    """Under which the Director's power was lent."""
    proof: Mapped[str] = mapped_column(String(32))
    words: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment)
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)


class ApprovalAssertionRow(Central):
    """What a passkey signed when somebody approved with it."""

    __tablename__ = "approval_assertion"
    __table_args__ = (
        CheckConstraint("length(nonce) = 16", name="nonce"),
        # Those of a request, to go with it.
        Index(None, "request_id"),
    )

    approval_id: Mapped[int] = mapped_column(ForeignKey("approval.id"), primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(Number)
    rp_id: Mapped[str] = mapped_column(String(255))
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    authenticator_data: Mapped[bytes] = mapped_column(LargeBinary)
    client_data: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """COSE_Key: the account's passkey may be gone before the approval is."""


class RequestStandingRow(Central):
    """How a request stands: the one row of it that changes. Whoever changes it locks it first."""

    __tablename__ = "request_standing"
    __table_args__ = (
        one_of("state", RequestState, "state", but=frozenset({RequestState.DRAFT})),
        ForeignKeyConstraint(
            ["request_id", "scope_version"], ["request_scope.request_id", "request_scope.version"], name="fk_request_standing_scope"
        ),
        ForeignKeyConstraint(
            ["approval_id", "request_id", "scope_version"],
            ["approval.id", "approval.request_id", "approval.scope_version"],
            name="fk_request_standing_approval",
        ),
        CheckConstraint(f"state NOT IN ({_APPROVED}) OR approval_id IS NOT NULL", name="approved"),
        # What waits for a decision, and what is over.
        Index(None, "state", "since_at"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    state: Mapped[RequestState] = mapped_column(Word(RequestState))
    since_at: Mapped[datetime] = mapped_column(Moment)
    scope_version: Mapped[int] = mapped_column(Number)
    approval_id: Mapped[int | None] = mapped_column(Number)
    rules_version: Mapped[int] = mapped_column(Number, server_default="1")
    """That it was last checked by."""


class RequestHoldRow(Central):
    """A provisional hold that keeps what a request asks for. The hold may be gone before the request is."""

    __tablename__ = "request_hold"

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    hold_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)


class SealedRequestRow(Central):
    """What makes a request one that the law keeps secret, until its seal is lifted."""

    __tablename__ = "sealed_request"
    __table_args__ = tuple(
        CheckConstraint(f"(lifted_at IS NULL) = (lifted_{name} IS NULL)", name=f"lifted_{name}")
        for name in ("on", "reason", "by", "by_name")
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    matter: Mapped[str] = mapped_column(String(32))
    """Of the access log's sealed entries about it; the papers lie under another, which outlives it."""
    lifted_on: Mapped[str | None] = mapped_column(String(10))
    """2026-11-24: the day from which it is no secret any more."""
    lifted_reason: Mapped[str | None] = mapped_column(Text)
    lifted_by: Mapped[str | None] = mapped_column(String(300))
    """`Actor.label`"""
    lifted_by_name: Mapped[str | None] = mapped_column(String(NAME_CHARS * 3))
    lifted_at: Mapped[datetime | None] = mapped_column(Moment)


class SealedRequestPersonRow(Central):
    """An account for which a sealed request exists."""

    __tablename__ = "sealed_request_person"

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)


_ASKED = 'SELECT 1 FROM request_event WHERE request_id = NEW.request_id AND act = \'scope\' AND "by" = NEW."by"'
_NOT_THEIRS = "who lets a request ask for something else does not approve it"
_ON_SQLITE = (
    f"CREATE TRIGGER approval_not_by_asker BEFORE INSERT ON approval WHEN EXISTS ({_ASKED}) BEGIN SELECT RAISE(ABORT, '{_NOT_THEIRS}'); END"
)
_ON_POSTGRESQL = (
    f"CREATE FUNCTION approval_not_by_asker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF EXISTS ({_ASKED}) THEN RAISE EXCEPTION '{_NOT_THEIRS}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$; "
    f"CREATE TRIGGER approval_not_by_asker BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION approval_not_by_asker()"
)
for _dialect, _statement in (("sqlite", _ON_SQLITE), ("postgresql", _ON_POSTGRESQL)):
    # No foreign key can refuse it. SQLAlchemy's DDL() carries no annotations yet (2.1.9).
    event.listen(ApprovalRow.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
