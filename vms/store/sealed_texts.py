"""Texts about people that lie encrypted in their rows: encrypted before a row is inserted, opened as it is read (vms/FORMATS.md §12).

A row's texts are one value, and the columns that they would stand in are empty. Those of a request that was entered sealed are under the
key of its matter, those of every complaint and inquiry under a key of the district's, of which there are two while it is replaced
(`vms/services/text_rotation.py`). Which folder has the keys is the session's to know (`make_engines`); each is read once in a transaction,
and anew when it opens nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import ColumnElement, and_, exists, inspect, or_, select, text
from sqlalchemy.orm import Session, object_session

from vms.crypto import KeySource, decrypt, derived_key, encrypt, first_fitting
from vms.domain.ids import RequestId
from vms.domain.sealed_entry import filled, text_in
from vms.errors import ConfigError, Corrupt, NotFound, Unavailable
from vms.store import matter_keys
from vms.store.central_base import Central
from vms.store.complaint_tables import ComplaintRow
from vms.store.database import SECRETS, of_now
from vms.store.inquiry_tables import InquiryRow
from vms.store.key_files import KeyFiles, read_key
from vms.store.package_tables import PackageDownloadRow, PackageReleaseRow, PackageTicketRow
from vms.store.request_tables import (
    ApprovalRow,
    ExportRequestRow,
    RequestEventRow,
    RequestPaperRow,
    RequestScopeRow,
    SealedRequestRow,
)

COMPLAINT_KEY = "complaint_texts.key"
_RESTORE = "Restore the central database and secrets/ from backups of one time."
UNREADABLE = "It can't be read: its key is not in secrets/, or it is not what was written."
"""In a list, in the place of a text."""
_REQUEST_INFO, _COMPLAINT_INFO = b"custodian request texts v1", b"custodian complaint texts v1"
_BOUND = b"custodian texts v1"
_LOCK = int.from_bytes(b"CUSTtext")
"""The PostgreSQL advisory lock that whoever writes under the district's key shares, and its rotation waits for."""
_OPENED = "opened keys"
_ENCRYPTED, _NOT_NOW = "What is encrypted in the central database", "can't be read or added to"


@dataclass(frozen=True, slots=True)
class Kind:
    """Which texts of a table's rows lie encrypted together, and in which column."""

    row: type[Central]
    names: tuple[str, ...]
    column: str = "texts"

    @property
    def table(self) -> str:
        return str(self.row.__tablename__)


ENTERED = Kind(ExportRequestRow, ("requester", "agency", "badge", "contact", "court", "docket", "report_number", "purpose", "necessity"))
SCOPE = Kind(RequestScopeRow, ("text",))
PAPER = Kind(RequestPaperRow, ("name",))
EVENT = Kind(RequestEventRow, ("words",))
APPROVAL = Kind(ApprovalRow, ("words",))
RELEASE = Kind(PackageReleaseRow, ("label", "serial", "taken_by"))
TICKET = Kind(PackageTicketRow, ("recipient",))
DOWNLOAD = Kind(PackageDownloadRow, ("address",))
OF_REQUESTS = (ENTERED, SCOPE, PAPER, EVENT, APPROVAL, RELEASE, TICKET, DOWNLOAD)
COMPLAINT = Kind(ComplaintRow, ("about_name", "from_name", "from_address", "said"))
ANSWER = Kind(ComplaintRow, ("answer",), "answer_texts")
INQUIRY = Kind(InquiryRow, ("name", "agency", "contact", "happened", "place", "when_said"))
OF_THE_DISTRICT = (COMPLAINT, ANSWER, INQUIRY)
"""What lies under the district's key."""


@dataclass(frozen=True, slots=True)
class TextKey:
    """What the texts of a request or of a complaint lie under, and how those are called in a sentence."""

    source: KeySource
    """Unavailable when it is gone or can't be read."""
    what: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A `KeySource` of keys that are read once in a transaction, and anew when what they are to open does not open."""

    session: Session
    name: str
    what: str
    read: Callable[[Path], tuple[bytes, ...]]
    """NotFound when the key is gone."""

    def held(self) -> tuple[bytes, ...]:
        keys: dict[str, tuple[bytes, ...]] = self.session.info.setdefault(_OPENED, {})
        return keys.get(self.name) or self.fresh()

    def fresh(self) -> tuple[bytes, ...]:
        try:
            found = self.read(_secrets_of(self.session))
        except NotFound as err:
            raise _gone(self.what, self.name) from err
        except ConfigError as err:
            raise Unavailable(f"What is written in {self.what} {_NOT_NOW}. {err}", in_log=f"{_ENCRYPTED} {_NOT_NOW}. {err}") from err
        self.session.info.setdefault(_OPENED, {})[self.name] = found
        return found


def encrypted(key: TextKey | None, kind: Kind, number: Sequence[int], texts: Mapping[str, str]) -> dict[str, str | bytes]:
    """Return the columns of a row to be inserted, whose primary key is `number`: as they are where there is no key."""
    if key is None:
        return dict(texts)
    told = json.dumps(dict(texts), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    sealed = encrypt(key.source.held()[-1], filled(told), bound_to(kind, number))
    return {**dict.fromkeys(texts, ""), kind.column: sealed}


def decrypted(key: TextKey, kind: Kind, row: Central) -> dict[str, str]:
    """Return the texts of a row, encrypted or not. Unavailable without the key, Corrupt when they are not that row's under it."""
    sealed = cast("bytes | None", getattr(row, kind.column))
    if sealed is None:
        return {name: getattr(row, name) or "" for name in kind.names}
    plaintext = _opened(key, kind, row, sealed)
    if plaintext is None:
        raise Corrupt(
            f"What is written in {key.what} ({kind.table}) is not what was written there under this key. {_RESTORE}",
            in_log=f"What is encrypted in a row of {kind.table} is not what was written there under this key. {_RESTORE}",
        )
    told: dict[str, str] = json.loads(text_in(plaintext))
    return told


def key_of(session: Session, request: ExportRequestRow) -> TextKey:
    return key_of_matter(session, request.matter, f"request {request.number}")


def key_of_matter(session: Session, matter: str, what: str) -> TextKey:
    """Return what a sealed request's texts lie under; the key is read when it is first needed."""
    return TextKey(_Kept(session, f"{matter}.key", what, lambda folder: _of_matter(folder, matter)), what)


def key_of_request(session: Session, request: RequestId) -> TextKey:
    """Return what the texts of a request's rows are read with."""
    row = ExportRequestRow
    matter, number = session.execute(select(row.matter, row.number).where(row.id == request)).one_or_none() or ("", str(request))
    return key_of_matter(session, matter, f"request {number}")


def decrypted_or_said(key: TextKey, kind: Kind, row: Central) -> dict[str, str]:
    """Return the texts of a row that is acted on by its numbers: in the place of those that can't be read stands a sentence."""
    try:
        return decrypted(key, kind, row)
    except (Corrupt, Unavailable):
        return dict.fromkeys(kind.names, UNREADABLE)


def key_to_write(session: Session, request: RequestId) -> TextKey | None:
    """Return what a request's new texts go under; None of one that is open and was entered so."""
    row, seal = ExportRequestRow, SealedRequestRow
    is_sealed = exists().where(seal.request_id == row.id, seal.lifted_at.is_(None))  # its first texts may lie plain until `vms migrate`
    query = select(row.matter, row.number).where(row.id == request, or_(row.texts.is_not(None), is_sealed))
    found = session.execute(query).one_or_none()
    return None if found is None else key_of_matter(session, found.matter, f"request {found.number}")


def key_of_complaints(session: Session, what: str) -> TextKey:
    return TextKey(_Kept(session, COMPLAINT_KEY, what, _of_complaints), what)


def key_to_complain(session: Session) -> TextKey:
    """Return what the texts of a new complaint or inquiry go under, the newest that there is; the first one makes the key.

    A rotation of it that begins later waits until this transaction ends. Unavailable when the key is gone under which others lie: another
    one beside it would be taken for theirs.
    """
    path, what = _secrets_of(session) / COMPLAINT_KEY, "complaints and inquiries"
    if not path.exists():
        if any(session.scalar(select(exists().where(inspect(kind.row).columns[kind.column].is_not(None)))) for kind in OF_THE_DISTRICT):
            raise _gone(what, COMPLAINT_KEY)
        KeyFiles(path).make_if_none()
    _share_lock(session)
    key = key_of_complaints(session, what)
    key.source.fresh()  # those held may be from before the lock, and before a rotation
    return key


def wait_for_writers(session: Session) -> None:
    """Wait until nobody is on the way to write under a key that was read before; a process that writes later reads the newest."""
    if session.connection().dialect.name == "postgresql":  # on SQLite a transaction that may write has the database for itself
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _share_lock(session: Session) -> None:
    if session.connection().dialect.name == "postgresql":  # on SQLite `connection` begins the transaction, which is the lock
        session.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})


def _secrets_of(session: Session) -> Path:
    """Return the folder of keys; ConfigError for a session of a database that was opened without one."""
    folder = session.info.get(SECRETS)
    if not isinstance(folder, Path):
        raise ConfigError("The central database was opened without its secrets/, so texts in it can't be read or written.")
    return folder


def number_of(row: Central) -> tuple[int, ...]:
    """Return a row's primary key."""
    return tuple(inspect(row).identity or ())


def is_row(row: Central) -> ColumnElement[bool]:
    """Select just this row."""
    return and_(*(column == part for column, part in zip(inspect(type(row)).primary_key, number_of(row), strict=True)))


def texts_key(matter_key: bytes) -> bytes:
    """Return the key of a sealed request's texts, made of that of its matter."""
    return derived_key(matter_key, _REQUEST_INFO)


def key_of_district(secret: bytes) -> bytes:
    """Return the key of the texts of complaints and inquiries, made of what is in its file."""
    return derived_key(secret, _COMPLAINT_INFO)


def _of_matter(folder: Path, matter: str) -> tuple[bytes, ...]:
    return (texts_key(matter_keys.read(folder, matter)[1]),)


def _of_complaints(folder: Path) -> tuple[bytes, ...]:
    files = KeyFiles(folder / COMPLAINT_KEY)
    if read_key(files.path) is None:
        raise NotFound(COMPLAINT_KEY)
    return tuple(key_of_district(secret) for secret in files.fresh())


def _opened(key: TextKey, kind: Kind, row: Central, sealed: bytes) -> bytes | None:
    """Return the plaintext of a row; None when no key opens it, neither as it was read nor as it lies now.

    A transaction that sees the state from before a rotation may read the keys after its end.
    """
    bound = bound_to(kind, number_of(row))
    plaintext = first_fitting(key.source, lambda one: decrypt(one, sealed, bound))
    if plaintext is None and (now := _as_it_lies_now(kind, row)) is not None:
        return first_fitting(key.source, lambda one: decrypt(one, now, bound))
    return plaintext


def _as_it_lies_now(kind: Kind, row: Central) -> bytes | None:
    session = object_session(row)
    if session is None:
        return None
    with of_now(session) as newest:
        return newest.scalar(select(inspect(kind.row).columns[kind.column]).where(is_row(row)))


def _gone(what: str, key: str) -> Unavailable:
    why = f"{_NOT_NOW}: {key} is gone. Put it back from the backup of secrets/."
    return Unavailable(f"What is written in {what} {why}", in_log=f"{_ENCRYPTED} {why}")


def bound_to(kind: Kind, number: Sequence[int]) -> bytes:
    """Return the associated data: a value opens in its own column and row alone."""
    return b"\n".join((_BOUND, kind.table.encode(), kind.column.encode(), *(b"%d" % part for part in number)))
