"""Requests for footage. Whoever changes one holds the lock of `hold_clock` (`holds.lock`): most acts change holds as well.

One that the law keeps secret is found by those whom its seal names, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, distinct, exists, func, insert, or_, select, true, update
from sqlalchemy.orm import Session, defer

from vms.domain.approval_proof import ApprovalAssertion
from vms.domain.export_scope import ExportScope, Terms, scope_from
from vms.domain.ids import ApprovalId, CameraId, DelegationId, HoldId, MatterId, PersonId, RequestId
from vms.domain.instruments import KEPT_SECRET, STILLS
from vms.domain.made_package import LIVE
from vms.domain.reach import Reach
from vms.domain.request import APPROVAL_LASTS, Approval, ExportRequest, Paper, RequestAct, Requester, RequestEvent, RequestState
from vms.domain.timespan import Timespan
from vms.errors import Corrupt, Unavailable
from vms.store import sealed_requests, sealed_texts
from vms.store.central_tables import BranchRow, CameraRow
from vms.store.package_tables import PackageRow
from vms.store.reach import cameras_within
from vms.store.request_tables import (
    ApprovalAssertionRow,
    ApprovalRow,
    ExportRequestRow,
    RequestCameraRow,
    RequestEventRow,
    RequestHoldRow,
    RequestPaperRow,
    RequestScopeRow,
    RequestStandingRow,
)
from vms.store.sealed_texts import TextKey


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: at what somebody entered, and, who may read the register, at what is about cameras within the reach."""

    label: str
    """Empty: everything, the sealed as well."""
    register: bool
    reach: Reach | None
    person: PersonId | None = None
    """Who may be named by a seal."""


@dataclass(frozen=True, slots=True)
class SealedWords:
    """Words of a history that only some may read."""

    seq: int
    sealed: bytes
    by_name: str
    at: datetime


EVERYBODYS = Reader("", register=True, reach=None)
"""For jobs, and for whoever has been asked already."""


def add(session: Session, request: ExportRequest, text: str) -> None:
    """Insert a request that was just entered, its first scope and how it stands; of a sealed one every text encrypted."""
    asks = request.requester
    told = {
        "requester": asks.name,
        "agency": asks.agency,
        "badge": asks.badge,
        "contact": asks.contact,
        "court": request.court,
        "docket": request.docket,
        "report_number": request.report_number,
        "purpose": request.purpose,
        "necessity": request.necessity,
    }
    key = None if request.seal is None else sealed_texts.key_of_matter(session, request.matter, f"request {request.number}")
    session.execute(
        insert(ExportRequestRow).values(
            id=request.id,
            number=request.number,
            instrument=request.instrument,
            rules_version=request.rules_version,
            served_on=request.served_on,
            due_at=request.due_at,
            entered_by=request.entered_by,
            entered_by_name=request.entered_by_name,
            entered_at=request.entered_at,
            matter=request.matter,
            **sealed_texts.encrypted(key, sealed_texts.ENTERED, (request.id,), told),
        )
    )
    add_scope(session, request.id, request.scope_version, text, request.sha256, request.scope.cameras)
    standing = {"state": request.state, "since_at": request.since, "scope_version": request.scope_version}
    standing |= {"rules_version": request.rules_version}
    session.execute(insert(RequestStandingRow).values(request_id=request.id, **standing))
    if request.seal is not None:
        sealed_requests.add(session, request.id, request.seal)


def add_scope(session: Session, request: RequestId, version: int, text: str, sha256: str, cameras: Iterable[CameraId]) -> None:
    """Insert a version of what is asked for."""
    told = sealed_texts.encrypted(sealed_texts.key_to_write(session, request), sealed_texts.SCOPE, (request, version), {"text": text})
    session.execute(insert(RequestScopeRow).values(request_id=request, version=version, sha256=sha256, **told))
    known = set(session.scalars(select(RequestCameraRow.camera_id).where(RequestCameraRow.request_id == request)))
    if new := sorted(set(cameras) - known):
        session.execute(insert(RequestCameraRow), [{"request_id": request, "camera_id": camera} for camera in new])


def add_hold(session: Session, request: RequestId, hold: HoldId) -> None:
    session.execute(insert(RequestHoldRow).values(request_id=request, hold_id=hold))


def add_event(session: Session, request: RequestId, event: RequestEvent, sealed: bytes | None = None) -> None:
    """Add an entry to a request's history; `sealed` in the place of its words."""
    last = session.scalar(select(func.max(RequestEventRow.seq)).where(RequestEventRow.request_id == request)) or 0
    key = sealed_texts.key_to_write(session, request)
    session.execute(
        insert(RequestEventRow).values(
            request_id=request,
            seq=last + 1,
            act=event.act,
            state=event.state,
            line=event.line,
            answer=event.answer,
            sealed=sealed,
            by=event.by,
            by_name=event.by_name,
            at=event.at,
            **sealed_texts.encrypted(key, sealed_texts.EVENT, (request, last + 1), {"words": event.words}),
        )
    )


def add_paper(session: Session, request: RequestId, paper: Paper, sealed: bytes, *, by: str) -> None:
    key = sealed_texts.key_to_write(session, request)
    session.execute(
        insert(RequestPaperRow).values(
            id=paper.id,
            request_id=request,
            sha256=paper.sha256,
            size_bytes=paper.size_bytes,
            sealed=sealed,
            added_by=by,
            added_by_name=paper.added_by_name,
            added_at=paper.added_at,
            **sealed_texts.encrypted(key, sealed_texts.PAPER, (paper.id,), {"name": paper.name}),
        )
    )


def add_approval(session: Session, request: ExportRequest, approval: Approval) -> None:
    """Insert an approval.

    The database refuses one by who entered the request or let it ask for something else, or of another scope than the request ever had.
    """
    key = sealed_texts.key_to_write(session, request.id)
    session.execute(
        insert(ApprovalRow).values(
            id=approval.id,
            request_id=request.id,
            entered_by=request.entered_by,
            scope_version=approval.scope_version,
            sha256=approval.sha256,
            by=approval.by,
            by_name=approval.by_name,
            delegation_id=approval.delegation_id,
            proof=approval.proof,
            at=approval.at,
            **sealed_texts.encrypted(key, sealed_texts.APPROVAL, (approval.id,), {"words": approval.words}),
        )
    )
    if approval.assertion is not None:
        session.execute(insert(ApprovalAssertionRow).values(approval_id=approval.id, request_id=request.id, **asdict(approval.assertion)))


def put_standing(
    session: Session,
    before: ExportRequest,
    state: RequestState,
    *,
    at: datetime,
    scope_version: int,
    approval: ApprovalId | None,
    rules_version: int,
) -> bool:
    """Store how a request stands from now on; False when it does not stand as it was read."""
    row = RequestStandingRow
    as_read = and_(row.request_id == before.id, row.state == before.state, row.scope_version == before.scope_version)
    values = {"state": state, "since_at": at, "scope_version": scope_version, "approval_id": approval}
    values |= {"rules_version": rules_version}
    return session.scalar(update(row).where(as_read).values(**values).returning(row.request_id)) is not None


def next_number(session: Session, year: int) -> str:
    """Return the number of the next request of a year, 2026-0014. The caller holds the lock."""
    number = ExportRequestRow.number
    longest_first = (func.length(number).desc(), number.desc())  # 2026-10000 is more than 2026-9999
    newest = session.scalar(select(number).where(number.startswith(f"{year}-")).order_by(*longest_first).limit(1))
    return f"{year}-{1 if newest is None else int(newest.partition('-')[2]) + 1:04}"


def get(session: Session, reader: Reader, number: RequestId) -> ExportRequest | None:
    """Return a request. Unavailable or Corrupt when it has texts that can't be read: whoever asks would act on what it does not say."""
    return _read(known(session, reader, number))


def known(session: Session, reader: Reader, number: RequestId) -> ExportRequest | None:
    """Return a request, with its `fault` when its texts can't be read."""
    return next(iter(_found(session, and_(_seen_by(reader), ExportRequestRow.id == number), 1)), None)


def find(session: Session, reader: Reader, *, limit: int, states: Iterable[RequestState] | None = None) -> list[ExportRequest]:
    """Return requests, the newest first; with its `fault` one whose texts can't be read."""
    among = true() if states is None else RequestStandingRow.state.in_(sorted(states))
    return _found(session, and_(_seen_by(reader), among), limit)


def called(session: Session, reader: Reader, number: str) -> ExportRequest | None:
    """Return the request that people call `number`."""
    return _read(next(iter(_found(session, and_(_seen_by(reader), ExportRequestRow.number == number), 1)), None))


def count_waiting(session: Session, reader: Reader, states: Iterable[RequestState]) -> int:
    """Return how many requests of these states the reader sees and did not enter."""
    query = (
        select(func.count()).select_from(ExportRequestRow).join(RequestStandingRow, RequestStandingRow.request_id == ExportRequestRow.id)
    )
    by_others = ExportRequestRow.entered_by != reader.label
    return session.scalar(query.where(_seen_by(reader), by_others, RequestStandingRow.state.in_(sorted(states)))) or 0


def count(session: Session, during: Timespan) -> tuple[int, int]:
    """Return how many came in a time, and how many were approved in it, whatever became of them; none that the law may make secret."""
    told = and_(ExportRequestRow.instrument.not_in(sorted(KEPT_SECRET)), ~sealed_requests.is_sealed())
    came = select(func.count()).select_from(ExportRequestRow)
    approved = select(func.count(distinct(ApprovalRow.request_id))).join(ExportRequestRow, ExportRequestRow.id == ApprovalRow.request_id)
    inside = ((came, ExportRequestRow.entered_at), (approved, ApprovalRow.at))
    counted = [session.scalar(which.where(told, at >= during.start, at < during.end)) or 0 for which, at in inside]
    return counted[0], counted[1]


def run_out(session: Session, at: datetime) -> list[ExportRequest]:
    """Return what was approved so long ago, and never prepared, that the approval has run out."""
    return _found(session, _unused(at), 100)


def has_run_out(session: Session, number: RequestId, at: datetime) -> bool:
    """Say whether a request is among those."""
    return bool(_found(session, and_(ExportRequestRow.id == number, _unused(at)), 1))


def due_between(session: Session, states: Iterable[RequestState], after: datetime, until: datetime) -> list[ExportRequest]:
    """Return requests of these states that are due in that time, none that is secret."""
    due = and_(ExportRequestRow.due_at > after, ExportRequestRow.due_at <= until, RequestStandingRow.state.in_(sorted(states)))
    return _found(session, and_(due, ~sealed_requests.is_sealed()), 500)


def with_copies(session: Session, reader: Reader) -> list[ExportRequest]:
    """Return requests for stills that were handed over, and of which nobody said that the copies on paper were taken away."""
    removed = exists().where(RequestEventRow.request_id == ExportRequestRow.id, RequestEventRow.act == RequestAct.REMOVED)
    left = exists().where(RequestEventRow.request_id == ExportRequestRow.id, RequestEventRow.state == RequestState.DISCLOSED)
    return _found(session, and_(_seen_by(reader), ExportRequestRow.instrument.in_(sorted(STILLS)), left, ~removed), 1000)


def count_entered(session: Session, label: str, *, since: datetime) -> int:
    """Return how many requests somebody has entered since a moment, without those that are sealed now: a refusal tells of the number."""
    mine = and_(ExportRequestRow.entered_by == label, ExportRequestRow.entered_at > since, ~sealed_requests.is_sealed())
    return session.scalar(select(func.count()).select_from(ExportRequestRow).where(mine)) or 0


def count_open(session: Session, label: str, states: Iterable[RequestState]) -> int:
    """Return how many requests that somebody entered are in one of these states, without those that are sealed, as above."""
    both = select(func.count()).select_from(ExportRequestRow).join(RequestStandingRow, RequestStandingRow.request_id == ExportRequestRow.id)
    mine = and_(ExportRequestRow.entered_by == label, ~sealed_requests.is_sealed())
    return session.scalar(both.where(mine, RequestStandingRow.state.in_(sorted(states)))) or 0


def count_sealed(session: Session, label: str) -> int:
    """Return how many requests that somebody entered are sealed now."""
    mine = and_(ExportRequestRow.entered_by == label, sealed_requests.is_sealed())
    return session.scalar(select(func.count()).select_from(ExportRequestRow).where(mine)) or 0


def history(session: Session, request: RequestId) -> list[RequestEvent]:
    """Return what was done to a request, the oldest first; of privileged words nothing."""
    row, key = RequestEventRow, sealed_texts.key_of_request(session, request)
    query = select(row).where(row.request_id == request).order_by(row.seq)
    return [
        RequestEvent(one.act, one.state, said["words"], one.line, one.answer, one.by, one.by_name, one.at)
        for one in session.scalars(query.execution_options(populate_existing=True))
        for said in [sealed_texts.decrypted(key, sealed_texts.EVENT, one)]
    ]


def sealed_words(session: Session, request: RequestId) -> list[SealedWords]:
    """Return the privileged words of a request's history, encrypted, the oldest first."""
    row = RequestEventRow
    query = select(row.seq, row.sealed, row.by_name, row.at).where(row.request_id == request, row.sealed.is_not(None)).order_by(row.seq)
    return [SealedWords(seq, sealed or b"", name, at) for seq, sealed, name, at in session.execute(query)]


def papers(session: Session, request: RequestId) -> list[Paper]:
    """Return a request's papers without their octets, the oldest first."""
    row, key = RequestPaperRow, sealed_texts.key_of_request(session, request)
    query = select(row).where(row.request_id == request).order_by(row.added_at, row.id).options(defer(row.sealed))
    return [_paper(one, key) for one in session.scalars(query)]


def sealed_paper(session: Session, request: RequestId, paper: int) -> tuple[Paper, bytes] | None:
    """Return a paper with its encrypted octets."""
    row = RequestPaperRow
    found = session.scalar(select(row).where(row.request_id == request, row.id == paper))
    if found is None:
        return None
    return _paper(found, sealed_texts.key_of_request(session, request)), found.sealed


def hold_ids(session: Session) -> set[HoldId]:
    """Return the holds that keep for requests, whatever became of either."""
    return {HoldId(hold) for hold in session.scalars(select(RequestHoldRow.hold_id))}


def camera_names(session: Session, cameras: Iterable[CameraId]) -> dict[CameraId, str]:
    """Return branch/camera by number."""
    query = select(CameraRow.id, BranchRow.name, CameraRow.name).join(BranchRow, BranchRow.id == CameraRow.branch_id)
    found = session.execute(query.where(CameraRow.id.in_(sorted(cameras))).order_by(BranchRow.name_key, CameraRow.name_key))
    return {CameraId(camera): f"{branch}/{name}" for camera, branch, name in found}


def are_within(session: Session, reach: Reach | None, cameras: Iterable[CameraId]) -> bool:
    """Say whether all of these cameras lie within `reach`."""
    wanted = sorted(set(cameras))
    found = session.scalar(select(func.count()).select_from(CameraRow).where(CameraRow.id.in_(wanted), cameras_within(reach)))
    return found == len(wanted)


def _seen_by(reader: Reader) -> ColumnElement[bool]:
    if not reader.label:
        return true()
    seen = and_(_in_the_open(reader), ~sealed_requests.is_sealed())
    if not reader.register or reader.person is None:
        return seen
    return or_(seen, and_(sealed_requests.is_sealed(), sealed_requests.names(reader.person)))


def _in_the_open(reader: Reader) -> ColumnElement[bool]:
    own = ExportRequestRow.entered_by == reader.label
    if not reader.register:
        return own
    if reader.reach is None:
        return true()
    about = exists().where(
        RequestCameraRow.request_id == ExportRequestRow.id, RequestCameraRow.camera_id == CameraRow.id, cameras_within(reader.reach)
    )
    return or_(own, about)


def _unused(at: datetime) -> ColumnElement[bool]:
    """Nothing is made by an approval that old, be it that nobody asked or that it failed."""
    live = exists().where(PackageRow.request_id == ExportRequestRow.id, PackageRow.state.in_(sorted(LIVE)))
    without = or_(RequestStandingRow.state == RequestState.APPROVED, and_(RequestStandingRow.state == RequestState.PREPARING, ~live))
    return and_(without, ApprovalRow.at <= at - APPROVAL_LASTS)


def _found(session: Session, which: ColumnElement[bool], limit: int) -> list[ExportRequest]:
    query = (
        select(ExportRequestRow, RequestStandingRow, RequestScopeRow, ApprovalRow, ApprovalAssertionRow)
        .join(RequestStandingRow, RequestStandingRow.request_id == ExportRequestRow.id)
        .join(
            RequestScopeRow,
            and_(RequestScopeRow.request_id == ExportRequestRow.id, RequestScopeRow.version == RequestStandingRow.scope_version),
        )
        .outerjoin(ApprovalRow, ApprovalRow.id == RequestStandingRow.approval_id)
        .outerjoin(ApprovalAssertionRow, ApprovalAssertionRow.approval_id == ApprovalRow.id)
        .where(which)
        .order_by(ExportRequestRow.entered_at.desc(), ExportRequestRow.number.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    found = session.execute(query).all()
    numbers = [row.id for row, *_ in found]
    kept, seals = _holds_of(session, numbers), sealed_requests.seals_of(session, numbers)
    return [
        replace(
            _request(row, standing, scope, (approval, assertion), tuple(kept.get(row.id, ())), sealed_texts.key_of(session, row)),
            seal=seals.get(RequestId(row.id)),
        )
        for row, standing, scope, approval, assertion in found
    ]


def _read(request: ExportRequest | None) -> ExportRequest | None:
    if request is not None and request.fault is not None:
        raise request.fault
    return request


def _paper(row: RequestPaperRow, key: TextKey) -> Paper:
    name = sealed_texts.decrypted(key, sealed_texts.PAPER, row)["name"]
    return Paper(row.id, name, row.sha256, row.size_bytes, row.added_by_name, row.added_at)


def _holds_of(session: Session, requests: Sequence[int]) -> dict[int, list[HoldId]]:
    query = select(RequestHoldRow.request_id, RequestHoldRow.hold_id).where(RequestHoldRow.request_id.in_(requests))
    found: dict[int, list[HoldId]] = {}
    for request, hold in session.execute(query.order_by(RequestHoldRow.hold_id)):
        found.setdefault(request, []).append(HoldId(hold))
    return found


def _request(
    row: ExportRequestRow,
    standing: RequestStandingRow,
    scope: RequestScopeRow,
    approved: tuple[ApprovalRow | None, ApprovalAssertionRow | None],
    kept: tuple[HoldId, ...],
    key: TextKey,
) -> ExportRequest:
    fault: Corrupt | Unavailable | None = None
    try:
        told, asks, yes = sealed_texts.decrypted(key, sealed_texts.ENTERED, row), _scope(scope, key), _approval(*approved, key)
    except (Corrupt, Unavailable) as err:
        told = dict.fromkeys(sealed_texts.ENTERED.names, "") | {"requester": sealed_texts.UNREADABLE, "purpose": sealed_texts.UNREADABLE}
        asks, yes, fault = ExportScope((), "", Terms("")), None, err
    return ExportRequest(
        id=RequestId(row.id),
        number=row.number,
        instrument=row.instrument,
        rules_version=standing.rules_version,
        requester=Requester(told["requester"], told["agency"], told["badge"], told["contact"]),
        court=told["court"],
        docket=told["docket"],
        served_on=row.served_on,
        report_number=told["report_number"],
        purpose=told["purpose"],
        necessity=told["necessity"],
        due_at=row.due_at,
        entered_by=row.entered_by,
        entered_by_name=row.entered_by_name,
        entered_at=row.entered_at,
        matter=MatterId(row.matter),
        state=standing.state,
        since=standing.since_at,
        scope_version=standing.scope_version,
        scope=asks,
        sha256=scope.sha256,
        approval=yes,
        holds=kept,
        fault=fault,
    )


def _scope(row: RequestScopeRow, key: TextKey) -> ExportScope:
    return scope_from(sealed_texts.decrypted(key, sealed_texts.SCOPE, row)["text"])


def _approval(row: ApprovalRow | None, assertion: ApprovalAssertionRow | None, key: TextKey) -> Approval | None:
    if row is None:
        return None
    return Approval(
        id=ApprovalId(row.id),
        scope_version=row.scope_version,
        sha256=row.sha256,
        by=row.by,
        by_name=row.by_name,
        delegation_id=None if row.delegation_id is None else DelegationId(row.delegation_id),
        proof=row.proof,
        words=sealed_texts.decrypted(key, sealed_texts.APPROVAL, row)["words"],
        at=row.at,
        assertion=None if assertion is None else _assertion(assertion),
    )


def _assertion(row: ApprovalAssertionRow) -> ApprovalAssertion:
    return ApprovalAssertion(row.rp_id, row.nonce, row.authenticator_data, row.client_data, row.signature, row.public_key)
