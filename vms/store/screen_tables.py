"""Enrolled screens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.screens import ScreenKind
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class ScreenRow(Central):
    """A browser that IT named. It is never deleted: sessions and the access log name it."""

    __tablename__ = "screen"
    __table_args__ = (
        one_of("kind", ScreenKind, "kind"),
        CheckConstraint("length(code_sha256) = 32", name="code"),
        CheckConstraint("length(token_sha256) = 32", name="token"),
        CheckConstraint("(code_sha256 IS NULL) = (code_ends_at IS NULL)", name="code_ends"),
        # Enrolling, and each sign-in at a screen.
        UniqueConstraint("code_sha256"),
        UniqueConstraint("token_sha256"),
        # In its branch, so that nobody learns names of another's; free again once the screen has ended.
        Index(
            "uq_screen_branch_id_name_key",
            "branch_id",
            "name_key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    kind: Mapped[ScreenKind] = mapped_column(Word(ScreenKind))
    code_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None once it enrolled a browser, or the screen has ended."""
    code_ends_at: Mapped[datetime | None] = mapped_column(Moment)
    token_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None before a browser was enrolled, and after the end. The token itself is known to that browser alone."""
    added_at: Mapped[datetime] = mapped_column(Moment)
    enrolled_at: Mapped[datetime | None] = mapped_column(Moment)
    seen_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
