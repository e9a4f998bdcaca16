"""The access log: entries, their tree, its checkpoints and cosignatures, and what was found about who watches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    CheckConstraint,
    ColumnElement,
    Computed,
    FromClause,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler

from vms.store.central_base import Central
from vms.store.columns import Moment, Number


class AccessLogRow(Central):
    """One row per log: the number of its newest entry. Whoever adds an entry holds this row until the commit."""

    __tablename__ = "access_log"

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    """Its name in the world, random and for good: what checkpoints are signed for."""
    last_number: Mapped[int] = mapped_column(Number)
    last_sealed: Mapped[int] = mapped_column(Number, server_default=text("0"))
    """The position of its newest sealed entry."""


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


class _Hashed(ColumnElement[Any]):
    """Salt and text of an entry as its hash is over them; nothing where the text was erased."""

    inherit_cache = False

    def __init__(self, salt: ColumnElement[Any], body: ColumnElement[Any]) -> None:
        self.salt = salt
        self.body = body


@compiles(_Hashed, "sqlite")
def _hashed_sqlite(element: _Hashed, compiler: SQLCompiler, **given: object) -> str:
    salt, body = (compiler.process(one, **given) for one in (element.salt, element.body))
    return f"CAST(coalesce({salt}, x'') || {body} AS BLOB)"


@compiles(_Hashed, "postgresql")
def _hashed_postgresql(element: _Hashed, compiler: SQLCompiler, **given: object) -> str:
    salt, body = (compiler.process(one, **given) for one in (element.salt, element.body))
    return f"(coalesce({salt}, ''::bytea) || convert_to({body}, 'UTF8'))"


def hashed() -> ColumnElement[Any]:
    """Return what the hash of an entry is over, as octets: the database joins them sooner than Python would."""
    return _Hashed(AccessEventRow.salt.expression, AccessEventRow.body.expression)


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


class AccessSealedRow(Central):
    """An entry that only the holder of its matter's key can read. Triggers let it get its number, once, and refuse all else.

    To every reader of `access_event` its number is padding. There is no moment and no name here: a row says that it is, and nothing more.
    """

    __tablename__ = "access_sealed"
    __table_args__ = (
        # What a matter holds, in order.
        Index(None, "matter", "position"),
        # What has a number, for verifying; what waits for one, for signing.
        UniqueConstraint("origin", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("length(matter) = 16", name="matter"),
        CheckConstraint("length(salt) = 16", name="salt"),
        # With one, INSERT OR REPLACE by rowid takes a row away and no trigger sees it.
        {"sqlite_with_rowid": False},
    )

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    """From 1, without a gap: one that is taken away before it has its number is missed."""
    number: Mapped[int | None] = mapped_column(Number)
    """None until a checkpoint is signed that has room."""
    matter: Mapped[bytes] = mapped_column(LargeBinary)
    """Its id, 16 octets."""
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Nonce, ciphertext and tag: AES-256-GCM."""
    commitment: Mapped[bytes | None] = mapped_column(
        LargeBinary, CheckConstraint("commitment IS NULL OR length(commitment) = 32", name="commitment")
    )
    """To its text (`vms.domain.sealed_entry`); None of entries from before there were any."""


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
    __table_args__ = ({"sqlite_with_rowid": False},)

    origin: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    note: Mapped[str] = mapped_column(Text)
    """C2SP signed note."""


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


# Append-only in the database itself: a slip in code, or a hand at the console, is refused too. The same statements stand in
# the migrations; the drift test compares the two.
def _sqlite_append_only(table: str, keys: tuple[str, ...], *, but: str) -> tuple[str, ...]:
    same = " OR ".join(f"{key} = NEW.{key}" for key in keys)
    same = f"({same})" if len(keys) > 1 else same
    unless = f" WHEN ({but}) IS NOT TRUE" if but else ""
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {moment} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb, moment in (
            ("update", f"UPDATE ON {table}{unless}"),
            ("delete", f"DELETE ON {table}"),
            # INSERT OR REPLACE deletes without firing the trigger above.
            ("replace", f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE origin = NEW.origin AND {same})"),  # noqa: S608
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


def _append_only(table: FromClause, *keys: str, but: str = "") -> None:
    """Refuse every change of a row of `table`, unless `but` holds for an update."""
    name = str(table)
    statements = {"sqlite": _sqlite_append_only(name, keys, but=but), "postgresql": _postgresql_append_only(name, but=but)}
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
_NUMBERING = (
    "OLD.number IS NULL AND NEW.number IS NOT NULL AND NEW.origin = OLD.origin AND NEW.position = OLD.position "
    "AND NEW.matter = OLD.matter AND NEW.salt = OLD.salt AND NEW.sealed = OLD.sealed "
    "AND NEW.commitment IS NOT DISTINCT FROM OLD.commitment "
    # UPDATE OR REPLACE takes the row away that has the number.
    "AND NOT EXISTS (SELECT 1 FROM access_sealed AS other WHERE other.origin = NEW.origin AND other.number = NEW.number)"
)
"""A number is given to one that has none, and nothing else."""
_append_only(AccessSealedRow.__table__, "position", "number", but=_NUMBERING)
