"""Have a witness countersign the log's checkpoints: what to send, and what to make of the answer. `web.witness_client` sends it.

The witness remembers the newest tree it saw of this log and countersigns only one that begins with it: a log that was cut back and
continued otherwise gets no signature any more. Size, root and signature are all that it learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import is_signed
from vms.domain.checkpoint import read_note
from vms.domain.cosignature import Cosignature, Witness, add_checkpoint, cosignatures, read_witness
from vms.domain.merkle import consistency_proof
from vms.errors import ConfigError, Corrupt
from vms.services.access_log import DISTRICT
from vms.store import access_tree, access_witness

LATE = timedelta(hours=3)
"""A checkpoint an hour is countersigned: when the newest one countersigned is so much older than the newest one, something is wrong."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint to be countersigned, and the body that asks for it."""

    size: int
    note: str
    body: str


def configured_witness(settings: Settings) -> Witness | None:
    """Return the witness of the settings; ConfigError when his key is none."""
    if settings.witness_key is None:
        return None
    try:
        return read_witness(settings.witness_key)
    except ValueError as err:
        raise ConfigError(f"witness_key is {err}. Ask whoever runs the witness for its verifier key.") from err


def submission(session: Session, witness: Witness, *, known_size: int | None = None, origin: str = DISTRICT) -> Submission | None:
    """Return the newest checkpoint with the proof that its tree begins with the one the witness knows; None when he has signed it.

    `known_size`: what the witness says he knows, where that is not what is stored here. Corrupt when he knows a larger tree.
    """
    newest = access_tree.newest_checkpoint(session, origin)
    seen = access_witness.newest_cosigned(session, origin, witness.name)
    if newest is None or (known_size is None and seen is not None and seen.size == newest.size):
        return None
    old = known_size if known_size is not None else seen.size if seen else 0
    if old > newest.size:
        raise Corrupt(
            f"The witness knows {old:,} numbers of this log, the newest checkpoint here has {newest.size:,}: the log was cut back."
        )
    proof = consistency_proof(old, newest.size, access_tree.subtrees(session, origin)) if old else []
    return Submission(newest.size, newest.note, add_checkpoint(old, proof, newest.note))


def countersigned(session: Session, witness: Witness, sent: Submission, answer: str, *, origin: str = DISTRICT) -> Cosignature | None:
    """Store the witness's signature over what was sent and return it; None when the answer holds none that is his."""
    text = read_note(sent.note)[1]
    for one in cosignatures(answer, witness, text):
        if is_signed(witness.public_key, one.signed_text, one.signature):
            access_witness.add(session, origin, sent.size, witness.name, one)
            return one
    return None


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How far the log is countersigned."""

    size: int
    at: datetime | None
    late: bool


def witness_state(session: Session, witness: Witness, *, origin: str = DISTRICT) -> WitnessState:
    newest = access_witness.newest_checkpoint_at(session, origin)
    seen = access_witness.newest_cosigned(session, origin, witness.name)
    late = newest is not None and (seen is None or newest - seen.at > LATE)
    return WitnessState(seen.size if seen else 0, seen.at if seen else None, late)
