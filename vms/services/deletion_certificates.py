"""The month's certificate of deletion: what went, what is left and why, and where the purge logs stand, signed by the access log's key.

It is made once and stored as it was signed, so whoever asks again gets the same octets; the PDF is drawn from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from vms.crypto import sign
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails
from vms.domain.checkpoint import signed_note
from vms.domain.deletion_certificate import (
    WAITS,
    BranchPurges,
    CameraPurges,
    DeletionCertificate,
    MachineProof,
    PurgeMonth,
    during,
    month_of,
    signed_text,
)
from vms.domain.digest import Month, month_before
from vms.domain.ids import CameraId, NodeId
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, System
from vms.domain.timespan import Timespan, datetime_of_ms
from vms.errors import Conflict, InvalidInput, NotFound
from vms.services.access_log import DISTRICT, record
from vms.services.district import load_district
from vms.services.log_erase import has_run_a_day
from vms.services.log_key import LogKey
from vms.services.policy_standing import versions_for
from vms.services.purge_heads import entry_behind
from vms.services.records import counts_in
from vms.services.refusals import no_such, not_allowed
from vms.store import access_log, access_tree, cameras, deletion_certificates, nodes
from vms.store.cameras import Removed
from vms.store.deletion_certificates import StoredCertificate

JOB = System("certificates")
LIST_LIMIT = 60
_PAGE = 1000
_TOLD = TypeAdapter(PurgeMonth)
_DOCUMENT = TypeAdapter(DeletionCertificate)


def take_month(session: Session, node_id: NodeId, told: PurgeMonth) -> None:
    """Store what a machine tells of a month; telling it again is harmless."""
    deletion_certificates.put_month(session, node_id, told.month, _TOLD.dump_json(told).decode())


def month_due(session: Session, *, at: datetime) -> Month | None:
    """Return the month that ended last, if it has no certificate and one can be made now.

    Not by a clock that leapt there, and not where the log began after that month.
    """
    month = month_before(at.astimezone(UTC).date())
    begun = access_log.last_before(session, DISTRICT, during(month).end) > 0
    made = deletion_certificates.get(session, _name(month)) is not None
    return month if begun and not made and has_run_a_day(session, at=at) and why_not_yet(session, month, at=at) is None else None


def why_not_yet(session: Session, month: Month, *, at: datetime) -> str | None:
    """Say why there is no certificate of `month` yet; None when one can be made."""
    if during(month).end > at:
        return f"{month.name} is not over yet, by UTC."
    missing = _missing(session, month)
    if missing and at < during(month).end + WAITS:
        return f"{', '.join(missing)} has not told {month.name} yet: run vms retain there. From the 8th on it is made without."
    return None


def make(session: Session, key: LogKey, actor: Actor, month: Month, *, at: datetime) -> StoredCertificate:
    """Return the certificate of a month, made and signed now if there is none; Conflict says why it can't be yet."""
    known = deletion_certificates.get(session, _name(month))
    if known is not None:
        return known
    if (why := why_not_yet(session, month, at=at)) is not None:
        raise Conflict(why)
    certificate = _certificate(session, month, at)
    document = _DOCUMENT.dump_json(certificate, indent=1).decode() + "\n"
    text = signed_text(certificate.log, certificate.month, document)
    note = signed_note(text, certificate.log, key.public, sign(key.private, text.encode()))
    made = StoredCertificate(certificate.month, document, note)
    deletion_certificates.add(session, made)
    detail = {"month": made.month, "sha256": sha256(document.encode()).hexdigest()}
    record(session, actor=actor, action=Action.DELETION_CERTIFY, at=at, detail=detail)
    return made


def list_certificates(session: Session, actor: Person) -> list[str]:
    """Return the months that have one; they are about the whole district, and so is who may read them."""
    return deletion_certificates.list_months(session, limit=LIST_LIMIT) if _may_read(actor) else []


def certificate_for(session: Session, actor: Person, month: str) -> StoredCertificate | Refused:
    if not _may_read(actor):
        return not_allowed("take the certificates of deletion", "the Director or an auditor of the whole district")
    return deletion_certificates.get(session, month) or no_such("certificate")


def certificate_in(document: str) -> DeletionCertificate:
    """Return what the JSON of a certificate says."""
    return _DOCUMENT.validate_json(document)


def month_named(text: str) -> Month:
    """InvalidInput says what a month looks like."""
    try:
        return month_of(text)
    except ValueError as err:
        raise InvalidInput("That is no month. Give one as 2026-11.") from err


def _may_read(actor: Person) -> bool:
    return actor.may(Permission.DELETION_CHECK) and actor.reach(Permission.DELETION_CHECK) is None


def _certificate(session: Session, month: Month, at: datetime) -> DeletionCertificate:
    district, log = load_district(session), access_tree.log_of(session, DISTRICT)
    if district is None or log is None:
        raise NotFound("There is no district here yet. Run: vms init")
    told = {node: _TOLD.validate_json(text) for node, text in deletion_certificates.months(session, _name(month)).items()}
    records, entries = _records(session, during(month))
    return DeletionCertificate(
        district=district.name,
        log=log.name,
        month=_name(month),
        during=during(month),
        made_at=at,
        branches=_branches(session, [one for machine in told.values() for one in machine.cameras]),
        machines=tuple(_machine(session, node.id, node.name, told[node.id]) for node in nodes.find(session) if node.id in told),
        missing=tuple(_missing(session, month)),
        records=records,
        log_entries=entries,
    )


def _missing(session: Session, month: Month) -> list[str]:
    """Return the machines that were there and have not told the month."""
    told = deletion_certificates.months(session, _name(month))
    return sorted(node.name for node in nodes.find(session) if node.id not in told)


def _branches(session: Session, purges: list[CameraPurges]) -> tuple[BranchPurges, ...]:
    known: Mapping[CameraId, CameraDetails] = {one.camera.id: one for one in cameras.find(session, None, removed=Removed.INCLUDED)}
    by_branch: dict[str, list[CameraPurges]] = {}
    for one in purges:
        by_branch.setdefault(known[one.camera_id].branch.name if one.camera_id in known else "not known any more", []).append(one)
    return tuple(_branch(session, name, mine, known) for name, mine in sorted(by_branch.items()))


def _branch(session: Session, name: str, purges: list[CameraPurges], known: Mapping[CameraId, CameraDetails]) -> BranchPurges:
    of_known = [(known[one.camera_id], one.hold_seqs) for one in purges if one.camera_id in known]
    versions = {version for details, seqs in of_known for version in versions_for(session, details, seqs).values() if version is not None}
    return BranchPurges(
        branch=name,
        segments=sum(one.segments for one in purges),
        size_bytes=sum(one.size_bytes for one in purges),
        first=datetime_of_ms(min(one.first_ms for one in purges)),
        last=datetime_of_ms(max(one.end_ms for one in purges)),
        policy_versions=tuple(sorted(versions)),
        early=sum(one.early for one in purges),
    )


def _machine(session: Session, node: NodeId, name: str, told: PurgeMonth) -> MachineProof:
    return MachineProof(
        machine=name,
        position=told.position,
        hash=told.hash,
        broken_at=told.broken_at,
        log_entry=entry_behind(session, node, told.position) if told.position else None,
        told_at=told.told_at,
        held_cameras=sum(1 for one in told.left if one.held),
        held_segments=sum(one.held for one in told.left),
        overdue_segments=sum(one.overdue for one in told.left),
        paused=told.paused,
    )


def _records(session: Session, span: Timespan) -> tuple[dict[str, int], int]:
    """Return how many records went in a time, by kind, and how many of the log's numbers lost their texts."""
    counted, entries = Counter[str](), 0
    for event in _events(session, span):
        if event.action is Action.RECORD_PURGE:
            counted.update(counts_in(event.detail["counts"]))
        else:
            entries += int(event.detail["last"]) - int(event.detail["first"]) + 1
    return dict(sorted(counted.items())), entries


def _events(session: Session, span: Timespan) -> Iterator[AccessEvent]:
    before: int | None = None
    while True:
        wanted = access_log.Filter(before=before, actions=frozenset({Action.RECORD_PURGE, Action.LOG_ERASE}), during=span)
        page = access_log.find(session, DISTRICT, None, wanted, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].number


def _name(month: Month) -> str:
    return f"{month.first:%Y-%m}"
