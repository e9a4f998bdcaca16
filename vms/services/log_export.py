"""Hand out entries of the access log with their proofs, and verify such a file without the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from vms.crypto import is_signed
from vms.domain.access import Action
from vms.domain.checkpoint import Checkpoint, VerifierKey, read_note, signatures_by
from vms.domain.log_erasure import told_by_text
from vms.domain.log_export import Exported, entry_line, head_line, is_in, read_export
from vms.domain.merkle import inclusion_proof
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, reach
from vms.errors import Corrupt, InvalidInput, NotFound
from vms.services.access_log import DISTRICT, record, refuse
from vms.services.refusals import not_allowed
from vms.store import access_log, access_tree

MOST_EXPORTED = 10_000
"""Entries in one file; `Filter.before` goes on where one ended."""


@dataclass(frozen=True, slots=True)
class Export:
    lines: tuple[str, ...]
    oldest: int | None
    """The number of the last entry in it, which is the oldest; None when there is none."""


def export_log(session: Session, actor: Actor, wanted: access_log.Filter, *, at: datetime) -> Export | Refused:
    """Return signed entries newest first, within the actor's reach, each with its proof; writing it down is `log:export`.

    NotFound when nothing is signed yet, Corrupt when the stored tree can't prove an entry.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.LOG_EXPORT):
        return refuse(session, actor, Action.LOG_EXPORT, not_allowed("export the access log", "the Director or an auditor"), at=at)
    newest = access_tree.newest_checkpoint(session, DISTRICT)
    if newest is None:
        raise NotFound("No checkpoint of the access log is signed yet: entries can be exported five minutes after they were written.")
    signed = replace(wanted, before=min(wanted.before or newest.size + 1, newest.size + 1))
    rows = access_log.stored(session, DISTRICT, reach(actor, Permission.LOG_EXPORT), signed, limit=MOST_EXPORTED)
    entries = _proved(session, rows, read_note(newest.note)[0])
    detail = {"events": str(len(entries)), "signed": f"{newest.size}"} | ({"of": wanted.actor} if wanted.actor else {})
    record(session, actor=actor, action=Action.LOG_EXPORT, at=at, camera_id=wanted.camera_id, span=wanted.during, detail=detail)
    return Export((head_line(newest.note, len(entries)), *map(entry_line, entries)), entries[-1].number if entries else None)


def _proved(session: Session, rows: Iterable[access_log.Stored], checkpoint: Checkpoint) -> list[Exported]:
    hash_at = access_tree.subtrees(session, DISTRICT)
    found = []
    for number, salt, body, erased_by in rows:
        try:
            path = tuple(inclusion_proof(number - 1, checkpoint.size, hash_at))
            found.append(Exported(number, salt, body, erased_by, hash_at(0, number - 1), path))
        except IndexError:
            raise _unprovable(number) from None
        if not is_in(found[-1], checkpoint):
            raise _unprovable(number)
    return found


def _unprovable(number: int) -> Corrupt:
    return Corrupt(f"The access log's tree can't prove entry {number:,}: it was changed. Run: vms log verify")


@dataclass(frozen=True, slots=True)
class ExportReport:
    name: str
    signed_to: int
    entries: int
    erased: int
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def verify_export(lines: Iterable[str], key: VerifierKey, *, proved: Callable[[Exported], object] = lambda _: None) -> ExportReport:
    """Verify each entry of an export against its checkpoint, and that against the log's key; no database is needed.

    `proved` is handed each entry that is as it was signed. InvalidInput when it is no export, or not by this key. That nothing was left
    out is not shown: an export may be narrowed.
    """
    try:
        note, promised, entries = read_export(lines)
        checkpoint, text = read_note(note)
    except ValueError as err:
        raise InvalidInput(f"This is no export of an access log: {err}.") from err
    if not any(is_signed(key.public_key, text.encode(), one) for one in signatures_by(note, key.name, key.public_key)):
        raise InvalidInput("The export's checkpoint is not signed by this key.")
    verifying = _Verifying(checkpoint, key, proved)
    for one in entries:
        verifying.take(one)
    return verifying.report(promised)


class _Verifying:
    def __init__(self, checkpoint: Checkpoint, key: VerifierKey, proved: Callable[[Exported], object]) -> None:
        self._checkpoint = checkpoint
        self._key = key
        self._proved = proved
        self._numbers: set[int] = set()
        self._erased: dict[int, int] = {}
        self._bodies: dict[int, str] = {}
        """Of entries that tell of an erasure."""
        self._findings: list[str] = []

    def take(self, one: Exported | int) -> None:
        if isinstance(one, int):
            self._findings.append(f"Line {one:,} can't be read as an entry.")
            return
        if is_in(one, self._checkpoint):
            self._proved(one)
        else:
            self._findings.append(f"Entry {one.number:,} is not the one that was signed.")
        if one.number in self._numbers:
            self._findings.append(f"Entry {one.number:,} stands there twice.")
        self._numbers.add(one.number)
        if one.body is None:
            self._erased[one.number] = one.erased_by or 0
        elif told_by_text(one.body) is not None:
            self._bodies[one.number] = one.body

    def report(self, promised: int) -> ExportReport:
        if promised != len(self._numbers):
            self._findings.append(f"{len(self._numbers):,} entries stand there, {promised:,} were exported.")
        for number, by in self._erased.items():
            if by in self._bodies and not self._tells(self._bodies[by], number):
                self._findings.append(f"Entry {number:,} was erased, and entry {by:,} does not say so.")
        entries, erased = len(self._numbers), len(self._erased)
        return ExportReport(self._checkpoint.name, self._checkpoint.size, entries, erased, tuple(self._findings))

    def _tells(self, body: str, number: int) -> bool:
        told = told_by_text(body)
        return (
            told is not None
            and told[0].first <= number <= told[0].last
            and is_signed(self._key.public_key, told[0].signed_text(self._checkpoint.name), told[1])
        )
