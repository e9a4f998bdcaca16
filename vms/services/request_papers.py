"""Scans of a request's papers, and counsel's advice: both encrypted, each under a key of its own that is made from the request's.

A scan is never shown, only handed out as a file: what it may do when it is opened is nobody's to find out here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, derived_key, encrypt
from vms.domain.access import Action
from vms.domain.ids import RequestId, new_number
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.request import APPROVED_STATES, UNDECIDED, ExportRequest, Paper, RequestAct
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import name_of, refuse, together
from vms.services.names import checked_name
from vms.services.refusals import no_such, not_allowed
from vms.services.request_steps import Step, locked, named_in_log, not_from, reader, refuse_about, take, voided, write
from vms.services.requests import words_of
from vms.store import matter_keys, requests

MAX_PAPER_BYTES = 12 * 1024 * 1024
"""A warrant of twenty scanned pages; a photograph of one."""
MOST_PAPERS = 20
_PAPER_INFO = b"custodian request paper v1"
_ADVICE_INFO = b"custodian request advice v1"
_NOT_THAT = "is not what was written. Restore the central database and secrets/."
_WHO = "the Director or counsel"


@dataclass(frozen=True, slots=True)
class Advice:
    """What counsel said, and who wrote it down."""

    words: str
    by_name: str
    at: datetime


def add_paper(
    session: Session, settings: Settings, actor: Actor, number: RequestId, name: str, content: bytes, *, at: datetime
) -> Paper | Refused:
    """Keep the scan of a paper with its request, for whoever sees that; an approval counts no more: the paper is part of what it was of.

    InvalidInput for an empty file, one that is too large, or a name that can't be one.
    """
    plain = checked_name(name.rpartition("/")[2].rpartition("\\")[2], "scan")
    if not 0 < len(content) <= MAX_PAPER_BYTES:
        raise InvalidInput(f"A scan has from 1 octet to {MAX_PAPER_BYTES // 1024 // 1024} MB. Scan fewer pages into one file.")
    if not isinstance(actor, Person):
        return refuse(session, actor, Action.REQUEST_NOTE, not_allowed("add a paper", "a person, signed in"), at=at)
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state not in UNDECIDED | APPROVED_STATES:
        return refuse_about(session, settings, actor, request, not_from(request, "given a paper"), at=at)
    if len(requests.papers(session, number)) >= MOST_PAPERS:
        raise Conflict(f"Request {request.number} has {MOST_PAPERS} papers already. Put what belongs together into one file.")
    paper = Paper(new_number(), plain, hashlib.sha256(content).hexdigest(), len(content), name_of(actor), at)
    sealed = encrypt(_key(settings, request, _PAPER_INFO), content, _bound_to(request, paper.id))
    with together(session):
        request = voided(session, settings, actor, request, at=at)
        requests.add_paper(session, number, paper, sealed, by=actor.label)
        take(session, settings, actor, request, Step(RequestAct.PAPER, words=f"{plain}, SHA-256 {paper.sha256}"), at=at)
    return paper


def read_paper(
    session: Session, settings: Settings, actor: Actor, number: RequestId, paper: int, *, at: datetime
) -> tuple[Paper, bytes] | Refused:
    """Return a scan with its octets, for whoever sees the request; who took it out is written. Corrupt when it is not what was written."""
    request = requests.get(session, reader(actor), number) if isinstance(actor, Person) else None
    found = None if request is None else requests.sealed_paper(session, number, paper)
    if request is None:
        return no_such("paper")
    if found is None:
        return refuse_about(session, settings, actor, request, no_such("paper"), at=at)
    told, sealed = found
    content = decrypt(_key(settings, request, _PAPER_INFO), sealed, _bound_to(request, told.id))
    if content is None or hashlib.sha256(content).hexdigest() != told.sha256:
        raise Corrupt(f"The scan {told.id} of request {request.number} {_NOT_THAT}", in_log=f"A scan {_NOT_THAT}")
    detail = named_in_log(request) | {"what": "paper", "paper": str(told.id)}
    write(session, settings, request, actor=actor, action=Action.REQUEST_READ, at=at, detail=detail)
    return told, content


def advise(session: Session, settings: Settings, actor: Actor, number: RequestId, words: str, *, at: datetime) -> ExportRequest | Refused:
    """Write down what counsel advised, by counsel or by whoever asked them; the words are privileged, and in no log."""
    said = words_of(words, "what counsel advises, or with whom you conferred by phone and what they said")
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_ADVISE):
        return refuse(session, actor, Action.REQUEST_NOTE, not_allowed("write down counsel's advice", _WHO), at=at)
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state not in UNDECIDED:
        return refuse_about(session, settings, actor, request, not_from(request, "advised on"), at=at)
    sealed = encrypt(_key(settings, request, _ADVICE_INFO), said.encode(), _bound_to(request, 0))
    with together(session):
        return take(session, settings, actor, request, Step(RequestAct.ADVICE, sealed=sealed), at=at)


def read_advice(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> list[Advice] | Refused:
    """Return what counsel advised, the oldest first; that somebody read it is written."""
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_ADVISE):
        return refuse(session, actor, Action.REQUEST_READ, not_allowed("read counsel's advice", _WHO), at=at)
    request = requests.get(session, reader(actor), number)
    if request is None:
        return no_such("request")
    key, found = _key(settings, request, _ADVICE_INFO), []
    for one in requests.sealed_words(session, number):
        words = decrypt(key, one.sealed, _bound_to(request, 0))
        if words is None:
            raise Corrupt(f"Counsel's advice on request {request.number} {_NOT_THAT}", in_log=f"Counsel's advice {_NOT_THAT}")
        found.append(Advice(words.decode(), one.by_name, one.at))
    write(session, settings, request, actor=actor, action=Action.REQUEST_READ, at=at, detail=named_in_log(request) | {"what": "advice"})
    return found


def _key(settings: Settings, request: ExportRequest, info: bytes) -> bytes:
    """Return the key for a request's papers, or that for its advice: who has one can't make the other of it."""
    return derived_key(matter_keys.read(settings.secrets_dir, request.matter)[1], info)


def _bound_to(request: ExportRequest, paper: int) -> bytes:
    return b"custodian request v1\n%d\n%d" % (request.id, paper)
