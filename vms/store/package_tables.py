"""Packages of footage: asked for, made, gone. The database refuses one that no approval of that very scope is behind."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.made_package import PackageState
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of

_LIVE = text("state IN ('waiting', 'making', 'proving', 'ready')")
"""`LIVE`, as the migration has it."""


class PackageRow(Central):
    """A package as it was asked for, and how far it has come."""

    __tablename__ = "package"
    __table_args__ = (
        one_of("state", PackageState, "state"),
        ForeignKeyConstraint(
            ["approval_id", "request_id", "scope_version"],
            ["approval.id", "approval.request_id", "approval.scope_version"],
            name="fk_package_approval",
        ),
        ForeignKeyConstraint(
            ["request_id", "scope_version", "sha256"],
            ["request_scope.request_id", "request_scope.version", "request_scope.sha256"],
            name="fk_package_scope",
        ),
        CheckConstraint("state <> 'ready' OR length(manifest) = 64", name="ready"),
        # The packages of a request, and that two who ask at once get one.
        Index(None, "request_id"),
        Index("uq_package_live", "request_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        # What is to be made, and what lies here.
        Index(None, "state", "asked_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(Number)
    approval_id: Mapped[int] = mapped_column(Number)
    scope_version: Mapped[int] = mapped_column(Number)
    sha256: Mapped[str] = mapped_column(String(64))
    asked_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    asked_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[PackageState] = mapped_column(Word(PackageState))
    since_at: Mapped[datetime] = mapped_column(Moment)
    tries: Mapped[int] = mapped_column(Number)
    sentence: Mapped[str] = mapped_column(Text)
    manifest: Mapped[str] = mapped_column(String(64))
    folder: Mapped[str] = mapped_column(String(120))
    files: Mapped[int] = mapped_column(Number)
    size_bytes: Mapped[int] = mapped_column(Number)
    missing: Mapped[int] = mapped_column(Number)
    identity: Mapped[bytes] = mapped_column(LargeBinary, server_default=text("''"))
    log_position: Mapped[int | None] = mapped_column(Number)


class PackageReleaseRow(Central):
    """A package that left: what was written down before the first octet, and when the medium had been read back, or all was sent."""

    __tablename__ = "package_release"
    __table_args__ = (
        # The releases of a request.
        Index(None, "request_id", "at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    request_id: Mapped[int] = mapped_column(Number)
    label: Mapped[str] = mapped_column(String(120))
    serial: Mapped[str] = mapped_column(String(120))
    taken_by: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)
    read_back_at: Mapped[datetime | None] = mapped_column(Moment)
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Label, serial and who took it, of a sealed request (`sealed_texts`); those columns are empty then."""


class PackageTicketRow(Central):
    """A ticket for downloading a package. `sealed`: what opens that, under the passphrase, which is kept nowhere."""

    __tablename__ = "package_ticket"
    __table_args__ = (
        UniqueConstraint("number"),
        # The tickets of a request.
        Index(None, "request_id", "at"),
        CheckConstraint("most_downloads > 0", name="most_downloads"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    number: Mapped[str] = mapped_column(String(20))
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    request_id: Mapped[int] = mapped_column(Number)
    release_id: Mapped[int] = mapped_column(ForeignKey("package_release.id"))
    recipient: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime] = mapped_column(Moment)
    most_downloads: Mapped[int] = mapped_column(Number)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_by: Mapped[str] = mapped_column(String(300))
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The recipient, of a sealed request; that column is empty then."""


class PackageDownloadRow(Central):
    """A download that was begun: written before its first octet, and how far it came."""

    __tablename__ = "package_download"
    __table_args__ = (
        # Those of a ticket.
        Index(None, "ticket_id", "at"),
        Index(None, "request_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("package_ticket.id"))
    request_id: Mapped[int] = mapped_column(Number)
    address: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    octets: Mapped[int] = mapped_column(Number)
    whole: Mapped[bool]
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The address, of a sealed request; that column is empty then."""
