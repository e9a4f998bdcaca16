"""Accounts, what opens them, what waits for a second person, and emergency accesses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.people import Ceremony, Proof, Role
from vms.domain.screens import SessionKind
from vms.domain.second_person import Act, Decision
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class PersonRow(Central):
    """An account. It is never deleted: the access log names its number, which nobody else may get."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("name_key"), one_of("role", Role, "role"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    role: Mapped[Role] = mapped_column(Word(Role))
    whole_district: Mapped[bool]
    """Else `person_branch` lists the branches and `person_area` areas of others; both may be empty."""
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
    purged_at: Mapped[datetime | None] = mapped_column(Moment)
    """Since when a sentence stands in the place of the name: the account ended long ago."""


class PersonBranchRow(Central):
    """The branches of a person who does not see the whole district."""

    __tablename__ = "person_branch"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"), primary_key=True, autoincrement=False)


class PersonAreaRow(Central):
    """The areas that a person sees of branches that are not theirs as a whole."""

    __tablename__ = "person_area"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True, autoincrement=False)


class SessionRow(Central):
    """One sign-in. The token itself is known to the browser alone."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("length(token_sha256) = 32", name="token"),
        # Every request: the session of a token.
        UniqueConstraint("token_sha256"),
        one_of("proof", Proof, "proof"),
        one_of("kind", SessionKind, "kind"),
        CheckConstraint("kind = 'ordinary' OR screen_id IS NOT NULL", name="place"),
        # A person's open sessions.
        Index(None, "person_id"),
        # A screen's, when it ends.
        Index(None, "screen_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    proof: Mapped[Proof] = mapped_column(Word(Proof))
    address: Mapped[str] = mapped_column(String(64))
    """Where it was opened from, for the person to know it again; empty when nobody knows."""
    kind: Mapped[SessionKind] = mapped_column(Word(SessionKind))
    screen_id: Mapped[int | None] = mapped_column(ForeignKey("screen.id"))
    """The enrolled screen at which it was opened."""
    opened_at: Mapped[datetime] = mapped_column(Moment)
    proved_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    """The last request, or the last look at a live picture at a screen: it ends some time after."""
    acted_at: Mapped[datetime] = mapped_column(Moment)
    """The last request by hand: at a workstation it locks some time after."""
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class ProposalRow(Central):
    """An act that waits for a second person, or waited."""

    __tablename__ = "proposal"
    __table_args__ = (
        one_of("act", Act, "act"),
        one_of("decision", Decision, "decision"),
        # Of one act about one subject at most one is open; also what waits, for every page.
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
    subject_id: Mapped[int] = mapped_column(Number)
    """An account or a hold, as the act says."""
    reason: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`; whoever it was does not approve it."""
    proposed_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    proposed_at: Mapped[datetime] = mapped_column(Moment)
    earliest_at: Mapped[datetime] = mapped_column(Moment)
    alone_at: Mapped[datetime | None] = mapped_column(Moment)
    announced_at: Mapped[datetime | None] = mapped_column(Moment)
    """Since when the running hub has told everybody: what is done alone is done no sooner than three days after."""
    decision: Mapped[Decision | None] = mapped_column(Word(Decision))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)


class DelegationRow(Central):
    """The Delegate's role, lent to an account. It has the number of the proposal that it is the matter of."""

    __tablename__ = "delegation"
    __table_args__ = (
        # Every request: what is lent to the person of a token. Of one person at most one that was granted and not ended.
        Index(
            "uq_delegation_person_id",
            "person_id",
            unique=True,
            sqlite_where=text("granted_at IS NOT NULL AND ended_at IS NULL"),
            postgresql_where=text("granted_at IS NOT NULL AND ended_at IS NULL"),
        ),
        CheckConstraint("starts_at < ends_at", name="span"),
    )

    id: Mapped[int] = mapped_column(ForeignKey("proposal.id"), primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    whole_district: Mapped[bool]
    """Else `delegation_branch` lists the branches and `delegation_area` areas of others."""
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    granted_at: Mapped[datetime | None] = mapped_column(Moment)
    """None: proposed, gives nothing."""
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    """When somebody revoked it, or when its end was written into the log."""


class DelegationBranchRow(Central):
    """The branches for which the Delegate's role is lent."""

    __tablename__ = "delegation_branch"

    delegation_id: Mapped[int] = mapped_column(ForeignKey("delegation.id"), primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"), primary_key=True, autoincrement=False)


class DelegationAreaRow(Central):
    """The areas for which it is lent of branches for which it isn't as a whole."""

    __tablename__ = "delegation_area"

    delegation_id: Mapped[int] = mapped_column(ForeignKey("delegation.id"), primary_key=True, autoincrement=False)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True, autoincrement=False)


class EmergencyRow(Central):
    """One emergency access: a session that saw every camera for half an hour. Whether it is open, or overdue, follows from its moments."""

    __tablename__ = "emergency"
    __table_args__ = (
        # Every request: what the session of a token has opened. A person has at most one that nobody has closed.
        Index(
            "uq_emergency_person_id",
            "person_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        # What waits for a review, for every page of a reviewer, and what is overdue.
        Index(
            "ix_emergency_review_due_at",
            "review_due_at",
            sqlite_where=text("reviewed_at IS NULL"),
            postgresql_where=text("reviewed_at IS NULL"),
        ),
        # The page, newest first; a month's.
        Index(None, "opened_at"),
        CheckConstraint("(reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL) = (was_right IS NULL)", name="review"),
        CheckConstraint("reviewed_by <> person_id", name="somebody_else"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    """It ends with that session."""
    reason: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    """By hand, or when the next one was opened."""
    review_due_at: Mapped[datetime] = mapped_column(Moment)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it was mailed that the review is overdue."""
    shown_to: Mapped[str] = mapped_column(Text)
    reviewed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reviewed_at: Mapped[datetime | None] = mapped_column(Moment)
    was_for: Mapped[str] = mapped_column(Text)
    was_right: Mapped[bool | None]
    review_note: Mapped[str] = mapped_column(Text)
    last_number: Mapped[int] = mapped_column(Number)
    """The newest entry of the log that it may be about: its texts go when that does."""


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
    session_id: Mapped[int] = mapped_column(Number)
    """Which session asked for it: no other is shown the secret before its first code."""


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
    """What is known of all that opens it; of none while a second half is missing."""
    ends_at: Mapped[datetime] = mapped_column(Moment)
    first_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the first half, where there are two."""
    second_missing: Mapped[bool] = mapped_column(server_default=false())


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
