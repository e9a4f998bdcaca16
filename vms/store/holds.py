"""Legal holds and the cameras under them. Whoever changes any of it calls `lock` first and keeps it to the commit.

Sealed holds are found by who asks for them (`Sealed.INCLUDED`) and by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, true, update
from sqlalchemy.orm import Session

from vms.domain.hold import HeldTime, HoldKind, HoldScope
from vms.domain.ids import AreaId, BranchId, CameraId, HoldId, MatterId, NodeId
from vms.domain.instruments import KEPT_SECRET
from vms.domain.legal_hold import LAPSE_GRACE, Ending, HeldCamera, LegalHold, Proposed, Seal, Sealed
from vms.domain.reach import Reach
from vms.domain.timespan import Timespan, ms_of
from vms.errors import Corrupt
from vms.store.central_tables import AreaRow, BranchRow, CameraRow, DeviceRow
from vms.store.hold_tables import HoldCameraRow, HoldClockRow, HoldScopeRow, LegalHoldRow, ScopeKind, SealedHoldRow
from vms.store.reach import cameras_within
from vms.store.request_tables import ExportRequestRow, RequestHoldRow


@dataclass(frozen=True, slots=True)
class Place:
    """Where a camera stands."""

    camera_id: CameraId
    branch_id: BranchId
    area_id: AreaId | None


def lock(session: Session) -> int:
    """Lock the one row of `hold_clock` to the end of the transaction and return its number.

    What the statements after this one read is what everybody who held the lock before has committed: PostgreSQL is on READ COMMITTED,
    where each statement sees anew, and on SQLite the transaction began with BEGIN IMMEDIATE.
    """
    seq = session.scalar(select(HoldClockRow.seq).where(HoldClockRow.id == 1).with_for_update())
    if seq is None:
        raise Corrupt("The table hold_clock has lost its one row, so no hold can be numbered. Restore the central database from a backup.")
    return seq


def seq(session: Session) -> int:
    """Return the number of the newest change, without a lock."""
    return session.scalar(select(HoldClockRow.seq).where(HoldClockRow.id == 1)) or 0


def add(session: Session, hold: LegalHold) -> None:
    """Insert a hold and what it names; the cameras follow with `cover`."""
    session.execute(
        insert(LegalHoldRow).values(
            id=hold.id,
            matter=hold.matter,
            kind=hold.kind,
            reason=hold.reason,
            authority=hold.authority,
            start_ms=hold.time.start_ms,
            end_ms=hold.time.end_ms,
            review_at=hold.review_at,
            expires_at=hold.expires_at,
            placed_by=hold.placed_by,
            placed_by_name=hold.placed_by_name,
            placed_at=hold.placed_at,
        )
    )
    named = {ScopeKind.CAMERA: hold.scope.cameras, ScopeKind.AREA: hold.scope.areas, ScopeKind.BRANCH: hold.scope.branches}
    rows = [{"hold_id": hold.id, "kind": kind, "subject_id": number} for kind, numbers in named.items() for number in sorted(numbers)]
    session.execute(insert(HoldScopeRow), rows)
    if hold.seal is not None:
        seal = {"hold_id": hold.id, "matter": hold.seal.matter, "words": hold.seal.words, "noted_seq": hold.seal.noted_seq}
        session.execute(insert(SealedHoldRow).values(**seal))


def cover(session: Session, pairs: Sequence[tuple[HoldId, CameraId]]) -> None:
    """Put cameras under holds, each with a number of its own. The caller holds the lock."""
    if not pairs:
        return
    first = _count(session, len(pairs))
    rows = [{"hold_id": hold, "camera_id": camera, "seq": first + number} for number, (hold, camera) in enumerate(pairs)]
    session.execute(insert(HoldCameraRow), rows)


def count_change(session: Session) -> int:
    """Give a number to a change that concerns no camera's holds, so that nodes ask again and a backup that lacks it is noticed."""
    lock(session)
    return _count(session, 1)


def number_anew(session: Session, at: datetime) -> int:
    """Number every camera that is under a hold anew, higher than any number before `at`; return the newest. The caller holds the lock.

    What is handed out later is higher than whatever was before, even by a database that is lost: numbers go up by one for each change,
    and here they leap to the milliseconds since 1970.
    """
    noted = {HoldId(hold): number for hold, number in session.execute(select(SealedHoldRow.hold_id, SealedHoldRow.noted_seq))}
    row = HoldCameraRow
    query = select(row.hold_id, row.camera_id, row.seq).where(row.released_seq.is_(None)).order_by(row.seq)
    under = session.execute(query).all()
    session.execute(update(HoldClockRow).where(HoldClockRow.id == 1, HoldClockRow.seq < ms_of(at)).values(seq=ms_of(at)))
    first = _count(session, len(under) + 1)
    for number, (hold, camera, before) in enumerate(under, first):
        session.execute(update(row).where(row.hold_id == hold, row.camera_id == camera).values(seq=number))
        if before <= noted.get(HoldId(hold), -1):  # the log has its entry: a new number is no new camera
            put_noted(session, HoldId(hold), number)
    return first + len(under)


def covered(session: Session) -> set[tuple[HoldId, CameraId]]:
    """Return every camera that is, or was, under a hold."""
    return {(HoldId(hold), CameraId(camera)) for hold, camera in session.execute(select(HoldCameraRow.hold_id, HoldCameraRow.camera_id))}


def release(session: Session, hold: HoldId, *, by: str, at: datetime) -> bool:
    """Write the release of a hold, a number for each of its cameras; False when it was written before. The caller holds the lock."""
    unreleased = and_(LegalHoldRow.id == hold, LegalHoldRow.released_at.is_(None))
    values = {"released_at": at, "released_by": by}
    if session.scalar(update(LegalHoldRow).where(unreleased).values(**values).returning(LegalHoldRow.id)) is None:
        return False
    query = select(HoldCameraRow.camera_id).where(HoldCameraRow.hold_id == hold, HoldCameraRow.released_seq.is_(None))
    covered = session.scalars(query.order_by(HoldCameraRow.seq)).all()
    first = _count(session, len(covered))
    for number, camera in enumerate(covered):
        row = and_(HoldCameraRow.hold_id == hold, HoldCameraRow.camera_id == camera)
        session.execute(update(HoldCameraRow).where(row).values(released_seq=first + number))
    return True


def begin_ending(session: Session, hold: HoldId, ending: Ending) -> bool:
    """Have a hold cool off; False when it does so already or was released."""
    held = and_(LegalHoldRow.id == hold, LegalHoldRow.released_at.is_(None), LegalHoldRow.ending_at.is_(None))
    values = {"ending_at": ending.at, "ending_by": ending.by, "ending_by_name": ending.by_name, "ending_reason": ending.reason}
    return session.scalar(update(LegalHoldRow).where(held).values(**values).returning(LegalHoldRow.id)) is not None


def put_expiry(session: Session, numbers: Iterable[HoldId], expires_at: datetime | None) -> None:
    """Let provisional holds that nobody released last until `expires_at`; None: as long as nobody ends them. The caller holds the lock."""
    unreleased = and_(LegalHoldRow.id.in_(sorted(numbers)), LegalHoldRow.released_at.is_(None))
    session.execute(update(LegalHoldRow).where(unreleased, LegalHoldRow.kind == HoldKind.PROVISIONAL).values(expires_at=expires_at))


def stop_ending(session: Session, hold: HoldId) -> bool:
    """Undo an approved release; False when there is none, or it was written."""
    cooling = and_(LegalHoldRow.id == hold, LegalHoldRow.released_at.is_(None), LegalHoldRow.ending_at.is_not(None))
    values = {"ending_at": None, "ending_by": None, "ending_by_name": None, "ending_reason": None}
    return session.scalar(update(LegalHoldRow).where(cooling).values(**values).returning(LegalHoldRow.id)) is not None


def due(session: Session, at: datetime, sealed: Sealed = Sealed.LEFT_OUT) -> list[LegalHold]:
    """Return the holds whose release is to be written by `at`, oldest first."""
    lapsed = and_(LegalHoldRow.ending_at.is_(None), LegalHoldRow.expires_at <= at - LAPSE_GRACE)
    return _found(session, and_(_among(sealed), LegalHoldRow.released_at.is_(None), or_(LegalHoldRow.ending_at <= at, lapsed)))


def unreleased(session: Session, sealed: Sealed = Sealed.LEFT_OUT, *, kind: HoldKind | None = None) -> list[LegalHold]:
    """Return every hold that protects, oldest first; of one `kind` alone if that is given."""
    wanted = true() if kind is None else LegalHoldRow.kind == kind
    return _found(session, and_(_among(sealed), LegalHoldRow.released_at.is_(None), wanted))


def coming_to(session: Session, place: Place, *, after_ms: int) -> list[LegalHold]:
    """Return the holds that protect whatever comes to a place after `after_ms`, and that its camera is not under yet; sealed ones, too."""
    named = or_(
        and_(HoldScopeRow.kind == ScopeKind.CAMERA, HoldScopeRow.subject_id == place.camera_id),
        and_(HoldScopeRow.kind == ScopeKind.AREA, HoldScopeRow.subject_id == place.area_id),
        and_(HoldScopeRow.kind == ScopeKind.BRANCH, HoldScopeRow.subject_id == place.branch_id),
    )
    covers = exists().where(HoldScopeRow.hold_id == LegalHoldRow.id, named)
    under = exists().where(HoldCameraRow.hold_id == LegalHoldRow.id, HoldCameraRow.camera_id == place.camera_id)
    lasting = or_(LegalHoldRow.end_ms.is_(None), LegalHoldRow.end_ms > after_ms)
    return _found(session, and_(LegalHoldRow.released_at.is_(None), lasting, covers, ~under))


def held_times(session: Session, camera: CameraId) -> list[HeldTime]:
    """Return what unreleased holds name of a camera's time; sealed ones are left out, for whoever is told the outcome."""
    query = (
        select(LegalHoldRow.start_ms, LegalHoldRow.end_ms)
        .join(HoldCameraRow, HoldCameraRow.hold_id == LegalHoldRow.id)
        .where(_among(Sealed.LEFT_OUT), HoldCameraRow.camera_id == camera, HoldCameraRow.released_seq.is_(None))
        .order_by(LegalHoldRow.start_ms, LegalHoldRow.id)
    )
    return [HeldTime(start_ms, end_ms) for start_ms, end_ms in session.execute(query)]


def keeping(session: Session, camera: CameraId, start_ms: int, end_ms: int) -> list[LegalHold]:
    """Return the holds that protect a camera in a time, oldest first; of sealed ones nobody is told here either."""
    row = HoldCameraRow
    under = exists().where(row.hold_id == LegalHoldRow.id, row.camera_id == camera, row.released_seq.is_(None))
    during = and_(LegalHoldRow.start_ms < end_ms, or_(LegalHoldRow.end_ms.is_(None), LegalHoldRow.end_ms > start_ms))
    return _found(session, and_(_among(Sealed.LEFT_OUT), LegalHoldRow.released_at.is_(None), during, under))


def count_placed(session: Session, during: Timespan) -> int:
    """Return how many were placed in a time; none that is sealed, or for a request that the law may make secret."""
    inside = LegalHoldRow.placed_at >= during.start, LegalHoldRow.placed_at < during.end
    secret = (
        exists()
        .where(RequestHoldRow.hold_id == LegalHoldRow.id, RequestHoldRow.request_id == ExportRequestRow.id)
        .where(ExportRequestRow.instrument.in_(sorted(KEPT_SECRET)))
    )
    return session.scalar(select(func.count()).select_from(LegalHoldRow).where(*inside, _among(Sealed.LEFT_OUT), ~secret)) or 0


def get(session: Session, reach: Reach | None, number: HoldId, sealed: Sealed = Sealed.LEFT_OUT) -> LegalHold | None:
    """Return a hold that names or covers anything within `reach`."""
    return next(iter(_found(session, and_(_among(sealed), LegalHoldRow.id == number, _touching(reach)))), None)


def find(session: Session, reach: Reach | None, *, limit: int, sealed: Sealed = Sealed.LEFT_OUT) -> list[LegalHold]:
    """Return holds within `reach`: those that protect first, each the newest first."""
    order = LegalHoldRow.released_at.is_not(None), LegalHoldRow.placed_at.desc(), LegalHoldRow.id
    query = (
        select(LegalHoldRow).where(_among(sealed), _touching(reach)).order_by(*order).limit(limit).execution_options(populate_existing=True)
    )
    return _with_scopes(session, list(session.scalars(query)))


def places(session: Session, reach: Reach | None) -> list[Place]:
    """Return where each camera within `reach` stands, those that were removed too: their footage may still be there."""
    query = select(CameraRow.id, CameraRow.branch_id, CameraRow.area_id).where(cameras_within(reach)).order_by(CameraRow.id)
    return [
        Place(CameraId(camera), BranchId(branch), None if area is None else AreaId(area)) for camera, branch, area in session.execute(query)
    ]


def came_under(session: Session, hold: HoldId, after: int) -> list[tuple[int, CameraId]]:
    """Return the cameras that came under a hold behind the number `after`, in order, each with its number."""
    row = HoldCameraRow
    query = select(row.seq, row.camera_id).where(row.hold_id == hold, row.seq > after).order_by(row.seq)
    return [(number, CameraId(camera)) for number, camera in session.execute(query)]


def put_noted(session: Session, hold: HoldId, noted_seq: int) -> None:
    """Store up to which number the log has an entry of each camera under a sealed hold."""
    session.execute(update(SealedHoldRow).where(SealedHoldRow.hold_id == hold).values(noted_seq=noted_seq))


def put_proposed(session: Session, hold: HoldId, proposed: Proposed | None) -> None:
    """Store that somebody wants a sealed hold to be released, or that nobody does."""
    told = (None, None, None) if proposed is None else (proposed.by, proposed.by_name, proposed.at)
    values = dict(zip(("proposed_by", "proposed_by_name", "proposed_at"), told, strict=True))
    session.execute(update(SealedHoldRow).where(SealedHoldRow.hold_id == hold).values(**values))


def areas_within(session: Session, reach: Reach | None, wanted: Iterable[AreaId]) -> set[AreaId]:
    """Return those of `wanted` that there are within `reach`, with cameras in them or not."""
    query = select(AreaRow.id, AreaRow.branch_id).where(AreaRow.id.in_(sorted(wanted)))
    return {AreaId(area) for area, branch in session.execute(query) if reach is None or reach.has(BranchId(branch), AreaId(area))}


def cameras(session: Session, reach: Reach | None, hold: HoldId) -> list[HeldCamera]:
    """Return the cameras within `reach` that a hold covers, or covered, by branch and name."""
    query = (
        select(CameraRow.id, CameraRow.name, BranchRow.name, DeviceRow.node_id, HoldCameraRow.seq, CameraRow.paused_until)
        .join(HoldCameraRow, HoldCameraRow.camera_id == CameraRow.id)
        .join(BranchRow, BranchRow.id == CameraRow.branch_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(HoldCameraRow.hold_id == hold, cameras_within(reach))
        .order_by(BranchRow.name_key, CameraRow.name_key, CameraRow.id)
    )
    return [
        HeldCamera(CameraId(camera), name, branch, NodeId(node), number, until)
        for camera, name, branch, node, number, until in session.execute(query)
    ]


def newest_numbers(session: Session, reach: Reach | None, numbers: Sequence[HoldId]) -> dict[HoldId, dict[NodeId, int]]:
    """Return by node with which number the last of its cameras within `reach` came under each of these holds."""
    query = (
        select(HoldCameraRow.hold_id, DeviceRow.node_id, func.max(HoldCameraRow.seq))
        .join(CameraRow, CameraRow.id == HoldCameraRow.camera_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(HoldCameraRow.hold_id.in_(numbers), cameras_within(reach))
        .group_by(HoldCameraRow.hold_id, DeviceRow.node_id)
        .order_by(HoldCameraRow.hold_id, DeviceRow.node_id)
    )
    found: dict[HoldId, dict[NodeId, int]] = {}
    for hold, node, number in session.execute(query):
        found.setdefault(HoldId(hold), {})[NodeId(node)] = number
    return found


def scopes_within(session: Session, reach: Reach | None, scopes: Sequence[HoldScope]) -> list[HoldScope]:
    """Return what of each scope is within `reach`; of a branch any part will do. So many statements for one as for all."""
    if reach is None:
        return list(scopes)
    query = select(CameraRow.id).where(CameraRow.id.in_(sorted({one for scope in scopes for one in scope.cameras})), cameras_within(reach))
    within = frozenset(CameraId(camera) for camera in session.scalars(query))
    areas = frozenset(areas_within(session, reach, {one for scope in scopes for one in scope.areas}))
    return [
        HoldScope(scope.cameras & within, scope.areas & areas, frozenset(branch for branch in scope.branches if reach.touches(branch)))
        for scope in scopes
    ]


def scope_names(session: Session, scope: HoldScope) -> list[str]:
    """Return what a scope names, in words: branches, areas, cameras."""
    queries = (
        select(BranchRow.name).where(BranchRow.id.in_(scope.branches)),
        select(BranchRow.name, AreaRow.name).join(AreaRow, AreaRow.branch_id == BranchRow.id).where(AreaRow.id.in_(scope.areas)),
        select(BranchRow.name, CameraRow.name).join(CameraRow, CameraRow.branch_id == BranchRow.id).where(CameraRow.id.in_(scope.cameras)),
    )
    return ["/".join(row) for query in queries for row in session.execute(query.order_by(BranchRow.name_key))]


def _count(session: Session, many: int) -> int:
    """Take so many numbers and return the first."""
    query = update(HoldClockRow).where(HoldClockRow.id == 1).values(seq=HoldClockRow.seq + many).returning(HoldClockRow.seq)
    return session.execute(query).scalar_one() - many + 1


def _touching(reach: Reach | None) -> ColumnElement[bool]:
    if reach is None:
        return true()
    area_ids = [area.id for area in reach.areas]
    of_branches = select(AreaRow.id).where(AreaRow.branch_id.in_(sorted(reach.branches)))
    named = or_(
        and_(HoldScopeRow.kind == ScopeKind.BRANCH, HoldScopeRow.subject_id.in_(sorted(reach.branches))),
        and_(HoldScopeRow.kind == ScopeKind.AREA, or_(HoldScopeRow.subject_id.in_(area_ids), HoldScopeRow.subject_id.in_(of_branches))),
    )
    covered = exists().where(HoldCameraRow.hold_id == LegalHoldRow.id, HoldCameraRow.camera_id == CameraRow.id, cameras_within(reach))
    return or_(exists().where(HoldScopeRow.hold_id == LegalHoldRow.id, named), covered)


def _found(session: Session, condition: ColumnElement[bool]) -> list[LegalHold]:
    query = select(LegalHoldRow).where(condition).order_by(LegalHoldRow.placed_at, LegalHoldRow.id)
    return _with_scopes(session, list(session.scalars(query.execution_options(populate_existing=True))))


def _with_scopes(session: Session, rows: Sequence[LegalHoldRow]) -> list[LegalHold]:
    query = select(HoldScopeRow.hold_id, HoldScopeRow.kind, HoldScopeRow.subject_id)
    named: dict[tuple[int, ScopeKind], set[int]] = {}
    for hold, kind, subject in session.execute(query.where(HoldScopeRow.hold_id.in_([row.id for row in rows]))):
        named.setdefault((hold, kind), set()).add(subject)
    seals = {row.hold_id: _seal(row) for row in _seal_rows(session, [row.id for row in rows])}
    return [_hold(row, _scope(row.id, named), seals.get(row.id)) for row in rows]


def _seal_rows(session: Session, numbers: Sequence[int]) -> Sequence[SealedHoldRow]:
    query = select(SealedHoldRow).where(SealedHoldRow.hold_id.in_(numbers))
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _seal(row: SealedHoldRow) -> Seal:
    proposed = None if row.proposed_at is None else Proposed(row.proposed_by or "", row.proposed_by_name or "", row.proposed_at)
    return Seal(MatterId(row.matter), row.words, row.noted_seq, proposed)


def _among(sealed: Sealed) -> ColumnElement[bool]:
    secret = exists().where(SealedHoldRow.hold_id == LegalHoldRow.id)
    match sealed:
        case Sealed.INCLUDED:
            return true()
        case Sealed.OF_HOLDS:
            return ~and_(secret, exists().where(RequestHoldRow.hold_id == LegalHoldRow.id))
        case Sealed.LEFT_OUT:
            return ~secret


def _scope(hold: int, named: dict[tuple[int, ScopeKind], set[int]]) -> HoldScope:
    return HoldScope(
        frozenset(CameraId(number) for number in named.get((hold, ScopeKind.CAMERA), ())),
        frozenset(AreaId(number) for number in named.get((hold, ScopeKind.AREA), ())),
        frozenset(BranchId(number) for number in named.get((hold, ScopeKind.BRANCH), ())),
    )


def _hold(row: LegalHoldRow, scope: HoldScope, seal: Seal | None) -> LegalHold:
    ending = None
    if row.ending_at is not None:
        ending = Ending(row.ending_at, row.ending_by or "", row.ending_by_name or "", row.ending_reason or "")
    return LegalHold(
        id=HoldId(row.id),
        matter=row.matter,
        kind=row.kind,
        reason=row.reason,
        authority=row.authority,
        scope=scope,
        time=HeldTime(row.start_ms, row.end_ms),
        review_at=row.review_at,
        expires_at=row.expires_at,
        placed_by=row.placed_by,
        placed_by_name=row.placed_by_name,
        placed_at=row.placed_at,
        ending=ending,
        released_at=row.released_at,
        released_by=row.released_by or "",
        seal=seal,
    )
