"""Erase what the access log says of people when the district's rule says so: texts go, hashes and an entry that tells it stay.

Only the jobs child does it, which has the log's key: the entry is signed, and `vms log verify` takes no other erasure for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.crypto import sign
from vms.domain.access import Action
from vms.domain.log_erasure import Erasure
from vms.domain.merkle import includes, inclusion_proof
from vms.domain.people import System
from vms.domain.tiles import TILE_HASHES
from vms.errors import Corrupt
from vms.services.access_log import DISTRICT, record
from vms.services.log_key import LogKey
from vms.services.log_proof import trusted_checkpoint
from vms.store import access_erasing, access_tree, emergencies, reviews

MOST_ERASED = 8_192
"""Numbers in one transaction: a fraction of a second, which whoever writes waits for."""
_SETTLED = timedelta(days=1), timedelta(days=3)
JOB = System("log-erase")


@dataclass(frozen=True, slots=True)
class Due:
    """Numbers whose texts are older than the rule keeps."""

    first: int
    last: int


def due(session: Session, *, days: int, at: datetime, origin: str = DISTRICT) -> Due | None:
    """Return the oldest entries, `MOST_ERASED` numbers at most, that are signed and older than `days`; None when there are none.

    In the order of numbers, up to the first entry that is not older: a clock that went wrong for a moment takes nothing with it.
    None too until this clock has run for a day: one that leapt ahead must not empty the log.
    """
    newest = access_tree.newest_checkpoint(session, origin)
    first = access_erasing.first_with_text(session, origin)
    if newest is None or first is None or not has_run_a_day(session, at=at, origin=origin):
        return None
    kept = access_erasing.first_since(session, origin, at - timedelta(days=days), after=first)
    last = min(newest.size, first + MOST_ERASED - 1, newest.size if kept is None else kept - 1)
    return Due(first, last) if last >= first else None


def has_run_a_day(session: Session, *, at: datetime, origin: str = DISTRICT) -> bool:
    """Say whether the clock that says `at` said so a day ago, too: the log was signed then. One that leapt was not there."""
    return access_erasing.was_signed_between(session, origin, at - _SETTLED[1], at - _SETTLED[0])


def erase_texts(session: Session, key: LogKey, found: Due, *, days: int, at: datetime, origin: str = DISTRICT) -> None:
    """Erase what is due, with the reviews and emergency accesses that are about nothing newer, and write the entry that says so.

    Holds the log until the transaction ends.

    Corrupt, and nothing is erased, when an entry is not the one that was signed: what somebody changed must stay to be seen.
    """
    name = _compare(session, key, found, origin)
    erasure = Erasure(found.first, found.last, days)
    told = record(
        session,
        actor=JOB,
        action=Action.LOG_ERASE,
        at=at,
        detail=erasure.detail(sign(key.private, erasure.signed_text(name))),
        origin=origin,
    )
    access_erasing.erase(session, origin, found.first, found.last, told_by=told)
    reviews.forget(session, found.last)
    emergencies.forget(session, found.last)


def _compare(session: Session, key: LogKey, found: Due, origin: str) -> str:
    """Return the log's name; Corrupt unless every entry that is due is in the signed tree."""
    checkpoint = trusted_checkpoint(session, key, origin)
    hash_at = access_tree.subtrees(session, origin)
    shown = -1
    for numbers, hashes in access_tree.entry_hashes(session, origin, after=found.first - 1, until=found.last):
        for number, own in zip(numbers, hashes, strict=True):
            if isinstance(own, int):
                continue
            tile = (number - 1) // TILE_HASHES
            fits = own == hash_at(0, number - 1)
            if fits and tile != shown:  # the proof of one entry is over all others of its tile
                proof = inclusion_proof(number - 1, checkpoint.size, hash_at)
                fits, shown = includes(own, number - 1, checkpoint.size, proof, checkpoint.root), tile
            if not fits:
                raise Corrupt(f"Entry {number:,} of the access log is not the one that was signed: nothing is erased. Run: vms log verify")
    return checkpoint.name
