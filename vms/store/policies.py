"""Retention policies: every version, from when on each counts, and who signed it. Whoever adds any calls `holds.lock` first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from sqlalchemy import ColumnElement, and_, func, insert, select, true
from sqlalchemy.orm import Session

from vms.domain.camera import RecordingMode
from vms.domain.hours import hours_of
from vms.domain.ids import AreaId, BranchId, CameraId, NodeId, PolicyVersion
from vms.domain.people import Actor
from vms.domain.policy import DISTRICT, Days, InForce, PolicyPlace, RetentionPolicy, Said, Signature, chain_of
from vms.domain.reach import Reach
from vms.store import holds
from vms.store.central_tables import AreaRow, BranchRow, CameraRow, DeviceRow
from vms.store.policy_tables import PolicyApprovalRow, PolicyForceRow, RetentionPolicyRow
from vms.store.reach import cameras_within


@dataclass(frozen=True, slots=True)
class Spot:
    """A place as there is one: what stands above it, and what it is called."""

    chain: tuple[PolicyPlace, ...]
    name: str
    branch_id: BranchId | None = None
    """None of the district."""
    area_id: AreaId | None = None
    camera_id: CameraId | None = None
    node_id: NodeId | None = None
    """Of a camera: which machine records it."""
    weekly: bool = False
    """A camera that is recorded in the hours that are said."""

    @property
    def place(self) -> PolicyPlace:
        return self.chain[-1]


def next_version(session: Session) -> PolicyVersion:
    """Return the number that a new version gets. The caller holds the lock."""
    return PolicyVersion((session.scalar(select(func.max(RetentionPolicyRow.version))) or 0) + 1)


def add(session: Session, policy: RetentionPolicy) -> None:
    """Insert a version; it counts once `put_in_force` says so."""
    session.execute(
        insert(RetentionPolicyRow).values(
            version=policy.version,
            place=policy.place.kind,
            place_id=policy.place.id,
            min_days=policy.days.min_days,
            target_days=policy.days.target_days,
            max_days=policy.days.max_days,
            hours=str(policy.days.hours),
            early=policy.days.early,
            legal_basis=policy.legal_basis,
            public_text=policy.public_text,
            review_at=policy.review_at,
            reason=policy.reason,
            made_by=policy.made_by,
            made_by_name=policy.made_by_name,
            made_at=policy.made_at,
        )
    )


def put_in_force(session: Session, version: PolicyVersion, *, by: Actor, by_name: str, at: datetime) -> None:
    """Let a version count from now on, under a number of its own of `hold_clock`, so that nodes ask again."""
    seq = holds.count_change(session)
    session.execute(insert(PolicyForceRow).values(version=version, seq=seq, at=at, by=by.label, by_name=by_name))


def sign(session: Session, version: PolicyVersion, *, by: Actor, by_name: str, at: datetime) -> None:
    """Put the Director's signature under a version that has none. The caller holds the lock."""
    session.execute(insert(PolicyApprovalRow).values(version=version, at=at, by=by.label, by_name=by_name))


def said(session: Session, up_to: int | None = None) -> Said:
    """Return what counts; `up_to`: what did for whoever had applied that number of `hold_clock`."""
    until = true() if up_to is None else PolicyForceRow.seq <= up_to
    query = (
        select(RetentionPolicyRow)
        .join(PolicyForceRow, PolicyForceRow.version == RetentionPolicyRow.version)
        .where(until)
        .order_by(PolicyForceRow.seq)
    )
    return {_place(row): _days(row) for row in session.scalars(query)}  # of one place the last


def get(session: Session, version: PolicyVersion) -> RetentionPolicy | None:
    return next(iter(_found(session, RetentionPolicyRow.version == version)), None)


def versions(session: Session, *, limit: int | None = None) -> list[RetentionPolicy]:
    """Return every version, or so many, the newest first."""
    return _found(session, true(), limit=limit)


def oldest_at(session: Session) -> datetime | None:
    """Return when the first version was made; None without any."""
    return session.scalar(select(func.min(RetentionPolicyRow.made_at)))


def counting(session: Session) -> list[RetentionPolicy]:
    """Return the version that counts of each place that says anything."""
    numbers = [(one.in_force.seq, one) for one in versions(session) if one.in_force is not None]
    return list({one.place: one for _, one in sorted(numbers, key=itemgetter(0))}.values())


def current(session: Session, place: PolicyPlace) -> RetentionPolicy | None:
    """Return the version that counts at a place; None where it inherits all."""
    of_place = and_(RetentionPolicyRow.place == place.kind, RetentionPolicyRow.place_id == place.id)
    counting = [one for one in _found(session, of_place) if one.in_force is not None]
    return max(counting, key=lambda one: 0 if one.in_force is None else one.in_force.seq, default=None)


def spots(session: Session) -> list[Spot]:
    """Return every place that a policy can be said of: the district, branches, areas and cameras, removed ones too, by name."""
    branches = session.execute(select(BranchRow.id, BranchRow.name).order_by(BranchRow.name_key)).all()
    areas = session.execute(
        select(AreaRow.id, AreaRow.branch_id, BranchRow.name, AreaRow.name)
        .join(BranchRow, BranchRow.id == AreaRow.branch_id)
        .order_by(BranchRow.name_key, AreaRow.name, AreaRow.id)
    ).all()
    return [
        Spot((DISTRICT,), "the district"),
        *(Spot(chain_of(BranchId(number)), name, BranchId(number)) for number, name in branches),
        *(
            Spot(chain_of(BranchId(branch), AreaId(number)), f"{where}/{name}", BranchId(branch), AreaId(number))
            for number, branch, where, name in areas
        ),
        *camera_spots(session, None),
    ]


def camera_spots(session: Session, reach: Reach | None) -> list[Spot]:
    """Return every camera within `reach`, removed ones too: their footage may still be there."""
    query = (
        select(
            CameraRow.id,
            CameraRow.branch_id,
            CameraRow.area_id,
            BranchRow.name,
            CameraRow.name,
            DeviceRow.node_id,
            CameraRow.recording_mode,
        )
        .join(BranchRow, BranchRow.id == CameraRow.branch_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(cameras_within(reach))
        .order_by(BranchRow.name_key, CameraRow.name_key, CameraRow.id)
    )
    found = []
    for number, branch, area, where, name, node, mode in session.execute(query):
        branch_id, area_id = BranchId(branch), None if area is None else AreaId(area)
        chain = chain_of(branch_id, area_id, CameraId(number))
        weekly = mode is RecordingMode.WEEKLY
        found.append(Spot(chain, f"{where}/{name}", branch_id, area_id, CameraId(number), NodeId(node), weekly))
    return found


def spoken_names(session: Session, numbers: Collection[int]) -> dict[int, str]:
    """Return what versions are called where everybody reads."""
    if not numbers:
        return {}
    called = {spot.place: spot.name for spot in spots(session)}
    found = _found(session, RetentionPolicyRow.version.in_(sorted(numbers)))
    return {one.version: f"retention policy, version {one.version} ({called.get(one.place, one.place.kind.value)})" for one in found}


def _found(session: Session, which: ColumnElement[bool], *, limit: int | None = None) -> list[RetentionPolicy]:
    query = (
        select(RetentionPolicyRow, PolicyForceRow, PolicyApprovalRow)
        .outerjoin(PolicyForceRow, PolicyForceRow.version == RetentionPolicyRow.version)
        .outerjoin(PolicyApprovalRow, PolicyApprovalRow.version == RetentionPolicyRow.version)
        .where(which)
        .order_by(RetentionPolicyRow.version.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_policy(row, force, approval) for row, force, approval in session.execute(query)]


def _policy(row: RetentionPolicyRow, force: PolicyForceRow | None, approval: PolicyApprovalRow | None) -> RetentionPolicy:
    return RetentionPolicy(
        version=PolicyVersion(row.version),
        place=_place(row),
        days=_days(row),
        legal_basis=row.legal_basis,
        public_text=row.public_text,
        review_at=row.review_at,
        reason=row.reason,
        made_by=row.made_by,
        made_by_name=row.made_by_name,
        made_at=row.made_at,
        in_force=None if force is None else InForce(force.seq, force.at, force.by, force.by_name),
        approval=None if approval is None else Signature(approval.by_name, approval.at),
    )


def _place(row: RetentionPolicyRow) -> PolicyPlace:
    return PolicyPlace(row.place, row.place_id)


def _days(row: RetentionPolicyRow) -> Days:
    return Days(row.min_days, row.target_days, row.max_days, hours_of(row.hours), row.early)
