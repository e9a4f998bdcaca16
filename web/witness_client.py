"""Send checkpoints to the witness that the settings name (C2SP tlog-witness, `add-checkpoint`). Off unless it is set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import httpx

from vms.clock import Clock
from vms.domain.cosignature import MAX_ANSWER_BYTES, Witness
from vms.errors import Unavailable
from vms.services.log_witness import Submission, countersigned, submission
from vms.store.database import Engines

ANSWER_SECONDS = 10.0
"""For each step; the whole answer has three times as long."""


class Countersigning(StrEnum):
    """How it ended."""

    NOTHING_NEW = "nothing new"
    DONE = "done"
    REFUSED = "refused"
    """What the witness knows of this log is not its beginning: it was cut back, or forked."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: str


def countersign(central: Engines, witness: Witness, url: str, clock: Clock) -> Countersigning:
    """Send the newest checkpoint, again from where the witness says that he is, and store his signature.

    Unavailable when he can't be reached or answers what the protocol doesn't have; Corrupt when he knows more of the log than is here.
    """
    with httpx.Client(timeout=ANSWER_SECONDS, follow_redirects=False, trust_env=False) as client:
        sent, answer = _submit(client, url, central, witness, clock)
        if sent is not None and (known_size := _told_size(answer)) is not None:
            sent, answer = _submit(client, url, central, witness, clock, known_size=known_size)
    if sent is None:
        return Countersigning.NOTHING_NEW
    if answer.status in (httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY):
        return Countersigning.REFUSED
    if answer.status != httpx.codes.OK:
        raise Unavailable(f"The witness answered {answer.status}. {_MEANING.get(answer.status, 'Look at witness_url.')}")
    with central.writing() as session:
        if countersigned(session, witness, sent, answer.text) is None:
            raise Unavailable("The witness's answer holds no signature by the key of witness_key.")
    return Countersigning.DONE


_MEANING = {
    403: "It knows another key of this log: give it the key that vms log verify prints.",
    404: "It does not know this log: give it the key that vms log verify prints, or correct witness_url.",
}


def _submit(
    client: httpx.Client, url: str, central: Engines, witness: Witness, clock: Clock, *, known_size: int | None = None
) -> tuple[Submission | None, _Answer]:
    """Send the newest checkpoint if there is one to send; no transaction is open meanwhile."""
    with central.reading() as session:
        sent = submission(session, witness, known_size=known_size)
    return sent, _ask(client, url, sent, clock) if sent is not None else _Answer(0, "")


def _told_size(answer: _Answer) -> int | None:
    """Return the size that a conflict names; None for any other answer."""
    told = answer.text.removesuffix("\n")
    return int(told) if answer.status == httpx.codes.CONFLICT and told.isdecimal() and len(told) < 20 else None


def _ask(client: httpx.Client, url: str, sent: Submission, clock: Clock) -> _Answer:
    end, octets = clock.monotonic() + 3 * ANSWER_SECONDS, b""
    try:
        with client.stream("POST", f"{url.rstrip('/')}/add-checkpoint", content=sent.body.encode()) as answer:
            for chunk in answer.iter_bytes():
                octets += chunk
                if len(octets) > MAX_ANSWER_BYTES or clock.monotonic() > end:
                    raise Unavailable("The witness's answer is longer than any, or takes too long.")
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise Unavailable(f"The witness does not answer ({type(err).__name__}). Look at witness_url and at the way there.") from err
    return _Answer(answer.status_code, octets.decode(errors="replace"))
