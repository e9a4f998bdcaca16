"""What nodes are told of holds, what they say back, and until when they may destroy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.orm import Session

from vms.domain.hold import HeldTime, HoldAnswer, HoldChange
from vms.domain.ids import AreaId, BranchId, CameraId, HoldId, NodeId, StreamId
from vms.domain.legal_hold import StoredAnswer
from vms.domain.policy import Said, chain_of, window_at
from vms.domain.reach import Reach
from vms.domain.retention import StreamRule
from vms.store.central_tables import CameraRow, DeviceRow, NodeRow, StreamRow
from vms.store.database import insert_into
from vms.store.hold_tables import DeletionLeaseRow, HoldAnswerRow, HoldCameraRow, LegalHoldRow, NodeHoldStateRow, SealedHoldRow
from vms.store.reach import cameras_within


def changes(session: Session, node: NodeId, after: int) -> list[HoldChange]:
    """Return what changed of the holds of a node's cameras behind `after`, in order: placed, and released."""
    query = (
        select(HoldCameraRow, LegalHoldRow.start_ms, LegalHoldRow.end_ms, SealedHoldRow.hold_id)
        .join(LegalHoldRow, LegalHoldRow.id == HoldCameraRow.hold_id)
        .outerjoin(SealedHoldRow, SealedHoldRow.hold_id == HoldCameraRow.hold_id)
        .join(CameraRow, CameraRow.id == HoldCameraRow.camera_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(DeviceRow.node_id == node, (HoldCameraRow.seq > after) | (HoldCameraRow.released_seq > after))
        .execution_options(populate_existing=True)
    )
    found: list[HoldChange] = []
    for row, start_ms, end_ms, sealed in session.execute(query):
        hold, camera = HoldId(row.hold_id), CameraId(row.camera_id)
        if row.seq > after:
            found.append(HoldChange(row.seq, hold, camera, HeldTime(start_ms, end_ms), sealed=sealed is not None))
        if row.released_seq is not None:
            found.append(HoldChange(row.released_seq, hold, camera, None))
    return sorted(found, key=lambda change: change.seq)


def rules(session: Session, node: NodeId, said: Said) -> list[StreamRule]:
    """Return the rule of every stream of a node's cameras by what policies say; those that were taken away have footage, too."""
    query = (
        select(StreamRow.id, CameraRow.id, CameraRow.branch_id, CameraRow.area_id)
        .join(CameraRow, CameraRow.id == StreamRow.camera_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(DeviceRow.node_id == node)
        .order_by(StreamRow.id)
    )
    found = list[StreamRule]()
    for stream, camera, branch, area in session.execute(query):
        window = window_at(said, chain_of(BranchId(branch), None if area is None else AreaId(area), CameraId(camera)))
        if window is not None:
            found.append(StreamRule(StreamId(stream), CameraId(camera), window.keep_ms, window.floor_ms))
    return found


def grant(session: Session, node: NodeId, hold_seq: int, *, until: datetime, at: datetime) -> None:
    """Write down a lease, and forget those that are over; of one number the longest counts."""
    session.execute(delete(DeletionLeaseRow).where(DeletionLeaseRow.node_id == node, DeletionLeaseRow.until_at <= at))
    new = insert_into(session, DeletionLeaseRow).values(node_id=node, hold_seq=hold_seq, until_at=until)
    longer = DeletionLeaseRow.until_at < new.excluded.until_at
    session.execute(
        new.on_conflict_do_update(index_elements=["node_id", "hold_seq"], set_={"until_at": new.excluded.until_at}, where=longer)
    )


def granted_by_node(session: Session) -> dict[NodeId, list[tuple[int, datetime]]]:
    """Return the leases of each node: by which number of holds it may destroy, and until when."""
    found: dict[NodeId, list[tuple[int, datetime]]] = {}
    for node, hold_seq, until in session.execute(select(DeletionLeaseRow.node_id, DeletionLeaseRow.hold_seq, DeletionLeaseRow.until_at)):
        found.setdefault(NodeId(node), []).append((hold_seq, until))
    return found


def applied_by_node(session: Session) -> dict[NodeId, int]:
    """Return how far each node says that it has put holds into force; one that never said is left out."""
    found = session.execute(select(NodeHoldStateRow.node_id, NodeHoldStateRow.applied_seq))
    return {NodeId(node): applied_seq for node, applied_seq in found}


def put_applied(session: Session, node: NodeId, applied_seq: int, at: datetime) -> None:
    """Store how far a node, which was told as much, has come; it only grows."""
    newer = and_(NodeHoldStateRow.node_id == node, NodeHoldStateRow.applied_seq < applied_seq)
    session.execute(update(NodeHoldStateRow).where(newer).values(applied_seq=applied_seq, at=at))


def given(session: Session, node: NodeId) -> int:
    """Return how far a node was ever told of holds; 0 for one that never asked."""
    return session.scalar(select(NodeHoldStateRow.given_seq).where(NodeHoldStateRow.node_id == node)) or 0


def put_given(session: Session, node: NodeId, given_seq: int, at: datetime) -> None:
    """Store how far a node is told; it only grows."""
    new = insert_into(session, NodeHoldStateRow).values(node_id=node, given_seq=given_seq, applied_seq=0, at=at)
    more = NodeHoldStateRow.given_seq < new.excluded.given_seq
    session.execute(new.on_conflict_do_update(index_elements=["node_id"], set_={"given_seq": new.excluded.given_seq}, where=more))


def put_given_to_all(session: Session, given_seq: int, at: datetime) -> None:
    """Store that every node may have been told as much, those too that never asked by what is known here."""
    for node in session.scalars(select(NodeRow.id)).all():
        put_given(session, NodeId(node), given_seq, at)


def put_answers(session: Session, node: NodeId, applied_seq: int, answers: Sequence[HoldAnswer], at: datetime) -> None:
    """Store what a node found of its cameras; an older answer changes nothing, and one about another node's camera is left out."""
    query = (
        select(HoldCameraRow.hold_id, HoldCameraRow.camera_id)
        .join(CameraRow, CameraRow.id == HoldCameraRow.camera_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(DeviceRow.node_id == node, HoldCameraRow.hold_id.in_({answer.hold_id for answer in answers}))
    )
    known = {(hold, camera) for hold, camera in session.execute(query)}
    for answer in answers:
        if (answer.hold_id, answer.camera_id) in known:
            _put_answer(session, node, applied_seq, answer, at)


def answers_of(session: Session, hold: HoldId) -> list[StoredAnswer]:
    """Return what nodes found of a hold's cameras."""
    query = select(HoldAnswerRow).where(HoldAnswerRow.hold_id == hold).order_by(HoldAnswerRow.camera_id, HoldAnswerRow.node_id)
    return [_answer(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def kept_by_hold(session: Session, reach: Reach | None) -> dict[HoldId, tuple[int, int]]:
    """Return of each hold how many segments nodes found of its cameras within `reach`, and octets."""
    sums = func.sum(HoldAnswerRow.kept_segments), func.sum(HoldAnswerRow.kept_bytes)
    query = select(HoldAnswerRow.hold_id, *sums).join(CameraRow, CameraRow.id == HoldAnswerRow.camera_id)
    found = session.execute(query.where(cameras_within(reach)).group_by(HoldAnswerRow.hold_id))
    return {HoldId(hold): (int(segments), int(size)) for hold, segments, size in found}


def _put_answer(session: Session, node: NodeId, applied_seq: int, answer: HoldAnswer, at: datetime) -> None:
    found = {
        "applied_seq": applied_seq,
        "kept_segments": answer.kept_segments,
        "kept_bytes": answer.kept_bytes,
        "first_ms": answer.first_ms,
        "last_ms": answer.last_ms,
        "condemned_segments": answer.condemned_segments,
        "purged_segments": answer.purged_segments,
        "at": at,
    }
    new = insert_into(session, HoldAnswerRow).values(hold_id=answer.hold_id, camera_id=answer.camera_id, node_id=node, **found)
    newer = HoldAnswerRow.applied_seq <= new.excluded.applied_seq
    values = {name: new.excluded[name] for name in found}
    session.execute(new.on_conflict_do_update(index_elements=["hold_id", "camera_id", "node_id"], set_=values, where=newer))


def _answer(row: HoldAnswerRow) -> StoredAnswer:
    answer = HoldAnswer(
        hold_id=HoldId(row.hold_id),
        camera_id=CameraId(row.camera_id),
        kept_segments=row.kept_segments,
        kept_bytes=row.kept_bytes,
        first_ms=row.first_ms,
        last_ms=row.last_ms,
        condemned_segments=row.condemned_segments,
        purged_segments=row.purged_segments,
    )
    return StoredAnswer(NodeId(row.node_id), answer, row.at)
