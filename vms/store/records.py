"""Deleting records whose day is over: which rows of each kind those are, and some of them at a time. The rules: `vms.domain.records`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, inspect, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from vms.domain.hold import LEAST_CLOCK_ERROR, ROLL
from vms.domain.request import OPEN
from vms.domain.second_person import Act
from vms.domain.timespan import ms_of
from vms.store import factors, people, proposals
from vms.store.central_tables import CameraRow, CoverageRow, DeviceRow, MailRow, StreamRow, StreamStateRow, ViewRow
from vms.store.complaint_tables import ComplaintCameraRow, ComplaintRow
from vms.store.door_tables import DoorCallRow
from vms.store.held import held
from vms.store.hold_tables import HoldAnswerRow, HoldCameraRow, HoldScopeRow, LegalHoldRow, NodeHoldStateRow, SealedHoldRow
from vms.store.inquiry_tables import InquiryRow
from vms.store.package_tables import PackageDownloadRow, PackageReleaseRow, PackageRow, PackageTicketRow
from vms.store.people_tables import (
    DelegationAreaRow,
    DelegationBranchRow,
    DelegationRow,
    EmergencyRow,
    InvitationRow,
    PersonAreaRow,
    PersonBranchRow,
    PersonIdentityRow,
    PersonRow,
    ProposalRow,
    SessionRow,
)
from vms.store.proof_tables import SpotCheckRow
from vms.store.redaction_tables import RedactionApprovalRow, RedactionPlanRow, RedactionSheetRow
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
    SealedRequestPersonRow,
    SealedRequestRow,
)
from vms.store.screen_tables import ScreenRow
from vms.store.showing_tables import ShowingRow
from vms.store.training_tables import TrainingRow

_PROTECTED_MS = int((LEAST_CLOCK_ERROR + ROLL).total_seconds() * 1000)
_Column = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Rows of one table, and of others that go with them."""

    keys: tuple[_Column, ...]
    over: Callable[[datetime], ColumnElement[bool]]
    """Which rows are past a cutoff, and kept by nothing else."""
    with_them: tuple[_Column, ...] = ()
    """Columns of other tables that hold the key, the outermost first."""
    emptied: Callable[[Session, Sequence[int], datetime], None] | None = None
    """What takes the words out of rows that stay for their numbers; without it they are deleted."""


def count(session: Session, kind: str, cutoff: datetime) -> int:
    """Return how many records of a kind (a field of `record_days`) are past `cutoff`."""
    return session.scalar(select(func.count()).where(KINDS[kind].over(cutoff))) or 0


def purge(session: Session, kind: str, cutoff: datetime, *, limit: int, at: datetime) -> int:
    """Delete, or empty, at most `limit` records of a kind that are past `cutoff`; return how many."""
    what = KINDS[kind]
    found = session.execute(select(*what.keys).where(what.over(cutoff)).order_by(*what.keys).limit(limit)).all()
    numbers = [row[0] for row in found]
    if found:
        for column in what.with_them:
            session.execute(delete(column.class_).where(column.in_(numbers)))
        if what.emptied is None:
            session.execute(delete(what.keys[0].class_).where(tuple_(*what.keys).in_([tuple(row) for row in found])))
        else:
            what.emptied(session, numbers, at)
    return len(found)


def _sessions(cutoff: datetime) -> ColumnElement[bool]:
    return and_(
        func.coalesce(SessionRow.ended_at, SessionRow.seen_at) < cutoff,
        SessionRow.seen_at < cutoff,
        ~exists().where(EmergencyRow.session_id == SessionRow.id),
    )


def _views(cutoff: datetime) -> ColumnElement[bool]:
    reviewed_by_it = exists().where(EmergencyRow.id == ViewRow.emergency_id)
    return and_(ViewRow.deadline_at < cutoff, ~reviewed_by_it, ~held(ViewRow.camera_id))


def _invitations(cutoff: datetime) -> ColumnElement[bool]:
    return InvitationRow.ends_at < cutoff


def _proposals(cutoff: datetime) -> ColumnElement[bool]:
    # Who proposed an account says, as long as it is in use, whether the district's sign-in may take it away again.
    in_use = and_(
        ProposalRow.act == Act.PERSON_CONFIRM, exists().where(PersonRow.id == ProposalRow.subject_id, PersonRow.disabled_at.is_(None))
    )
    held_by = and_(
        ProposalRow.act == Act.HOLD_RELEASE, exists().where(LegalHoldRow.id == ProposalRow.subject_id, LegalHoldRow.released_at.is_(None))
    )
    lent = exists().where(
        DelegationRow.id == ProposalRow.id,
        DelegationRow.granted_at.is_not(None),
        or_(DelegationRow.ended_at.is_(None), DelegationRow.ended_at >= cutoff),
    )
    return and_(ProposalRow.decided_at < cutoff, ~in_use, ~held_by, ~lent)


def _accounts(cutoff: datetime) -> ColumnElement[bool]:
    to_review = exists().where(EmergencyRow.person_id == PersonRow.id, EmergencyRow.reviewed_at.is_(None))
    return and_(PersonRow.disabled_at < cutoff, PersonRow.purged_at.is_(None), ~to_review)


def _empty_accounts(session: Session, persons: Sequence[int], at: datetime) -> None:
    factors.forget(session, *persons)
    proposals.rename_proposers(session, persons, people.purge_names(session, persons, at))


def _screens(cutoff: datetime) -> ColumnElement[bool]:
    return and_(ScreenRow.ended_at < cutoff, ~exists().where(SessionRow.screen_id == ScreenRow.id))


def _mails(cutoff: datetime) -> ColumnElement[bool]:
    return MailRow.done_at < cutoff


def _coverage(cutoff: datetime) -> ColumnElement[bool]:
    covers = (
        exists()
        .where(StreamRow.id == CoverageRow.stream_id, HoldCameraRow.camera_id == StreamRow.camera_id)
        .where(HoldCameraRow.released_seq.is_(None), LegalHoldRow.id == HoldCameraRow.hold_id)
        .where(LegalHoldRow.start_ms < CoverageRow.end_ms + _PROTECTED_MS)
        .where(or_(LegalHoldRow.end_ms.is_(None), LegalHoldRow.end_ms > CoverageRow.start_ms - _PROTECTED_MS))
    )
    return and_(CoverageRow.end_ms < ms_of(cutoff), ~covers)


def _states(cutoff: datetime) -> ColumnElement[bool]:
    removed = (
        exists()
        .where(StreamRow.id == StreamStateRow.stream_id, CameraRow.id == StreamRow.camera_id)
        .where(func.coalesce(CameraRow.removed_at, StreamRow.removed_at) < cutoff)
    )
    return and_(StreamStateRow.reported_at < cutoff, removed)


def _spot_checks(cutoff: datetime) -> ColumnElement[bool]:
    return SpotCheckRow.asked_at < cutoff


def _complaints(cutoff: datetime) -> ColumnElement[bool]:
    return ComplaintRow.answered_at < cutoff


def _inquiries(cutoff: datetime) -> ColumnElement[bool]:
    return InquiryRow.at < cutoff


def _training(cutoff: datetime) -> ColumnElement[bool]:
    return TrainingRow.entered_at < cutoff


def _holds(cutoff: datetime) -> ColumnElement[bool]:
    # A recorder drops a hold on the record of its release alone. A sealed one stays: the entry that counts what went would tell of it.
    not_taken_yet = (
        exists()
        .where(HoldCameraRow.hold_id == LegalHoldRow.id, CameraRow.id == HoldCameraRow.camera_id, DeviceRow.id == CameraRow.device_id)
        .where(NodeHoldStateRow.node_id == DeviceRow.node_id, NodeHoldStateRow.applied_seq < HoldCameraRow.released_seq)
    )
    sealed = exists().where(SealedHoldRow.hold_id == LegalHoldRow.id)
    return and_(LegalHoldRow.released_at < cutoff, ~not_taken_yet, ~sealed)


def _requests(cutoff: datetime) -> ColumnElement[bool]:
    ended = RequestStandingRow.state.not_in(sorted(OPEN))
    # A sealed one stays until its seal is lifted: the entry that counts what went would tell of it.
    sealed = exists().where(SealedRequestRow.request_id == ExportRequestRow.id, SealedRequestRow.lifted_at.is_(None))
    over = exists().where(RequestStandingRow.request_id == ExportRequestRow.id, ended, RequestStandingRow.since_at < cutoff)
    return and_(over, ~sealed)


KINDS: Mapping[str, _Kind] = {
    # In this order: a screen waits for its sessions.
    "views": _Kind((ViewRow.id,), _views),
    "sessions": _Kind((SessionRow.id,), _sessions),
    "screens": _Kind((ScreenRow.id,), _screens),
    "invitations": _Kind((InvitationRow.person_id,), _invitations),
    "proposals": _Kind(
        (ProposalRow.id,), _proposals, (DelegationBranchRow.delegation_id, DelegationAreaRow.delegation_id, DelegationRow.id)
    ),
    "accounts": _Kind(
        (PersonRow.id,), _accounts, (PersonBranchRow.person_id, PersonAreaRow.person_id, PersonIdentityRow.person_id), _empty_accounts
    ),
    "mails": _Kind((MailRow.id,), _mails),
    "coverage": _Kind((CoverageRow.stream_id, CoverageRow.start_ms), _coverage),
    "states": _Kind((StreamStateRow.stream_id,), _states),
    "spot_checks": _Kind((SpotCheckRow.id,), _spot_checks),
    "requests": _Kind(
        (ExportRequestRow.id,),
        _requests,
        (
            PackageDownloadRow.request_id,
            PackageTicketRow.request_id,
            PackageReleaseRow.request_id,
            PackageRow.request_id,
            DoorCallRow.request_id,
            ShowingRow.request_id,
            RequestStandingRow.request_id,
            ApprovalAssertionRow.request_id,
            ApprovalRow.request_id,
            RequestHoldRow.request_id,
            SealedRequestPersonRow.request_id,
            SealedRequestRow.request_id,
            RequestEventRow.request_id,
            RedactionApprovalRow.request_id,
            RedactionSheetRow.request_id,
            RedactionPlanRow.request_id,
            RequestPaperRow.request_id,
            RequestCameraRow.request_id,
            RequestScopeRow.request_id,
        ),
    ),
    "complaints": _Kind((ComplaintRow.id,), _complaints, (ComplaintCameraRow.complaint_id,)),
    "inquiries": _Kind((InquiryRow.id,), _inquiries),
    "training": _Kind((TrainingRow.id,), _training),
    "holds": _Kind((LegalHoldRow.id,), _holds, (HoldAnswerRow.hold_id, HoldCameraRow.hold_id, HoldScopeRow.hold_id)),
}
TABLES: Mapping[str, tuple[str, ...]] = {
    kind: tuple(inspect(column.class_).local_table.name for column in (what.keys[0], *what.with_them)) for kind, what in KINDS.items()
}
"""What is deleted from, or emptied, for each kind."""
