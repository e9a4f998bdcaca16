"""Cameras, the devices behind them and their streams. Every question carries the asker's reach into the SQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import ColumnElement, and_, func, insert, select, true, update
from sqlalchemy.orm import Session

from vms.domain.camera import (
    Address,
    Branch,
    Camera,
    CameraDetails,
    Device,
    NodeConfiguration,
    Pause,
    Stream,
    StreamConfig,
    StreamRole,
)
from vms.domain.hours import LocalHours
from vms.domain.ids import AreaId, BranchId, CameraId, DeviceId, NodeId, StreamId
from vms.domain.names import name_key
from vms.domain.placement import live_until_approved
from vms.domain.policy import hours_for
from vms.domain.reach import Reach
from vms.errors import Conflict, NotFound
from vms.store import nodes, placements, policies
from vms.store.areas import area_of
from vms.store.central_tables import AreaRow, BranchRow, CameraRow, DeviceRow, StreamRow
from vms.store.database import unique
from vms.store.reach import cameras_within


class Removed(Enum):
    """What a list does with cameras that were taken away."""

    HIDDEN = auto()
    INCLUDED = auto()


def add(session: Session, details: CameraDetails, *, at: datetime) -> None:
    """Insert camera, device and streams; Conflict when a camera in use of the branch has that name."""
    camera, device = details.camera, details.device
    owned = {"id": device.id, "branch_id": device.branch_id, "node_id": device.node_id, "password_sealed": device.password_sealed}
    session.execute(insert(DeviceRow).values(**owned, **_device_values(device)))
    fixed = {"id": camera.id, "branch_id": camera.branch_id, "device_id": camera.device_id, "channel": camera.channel, "created_at": at}
    with _name_free(details):
        session.execute(insert(CameraRow).values(**fixed, **_camera_values(camera)))
    for stream in camera.streams:
        _put_stream(session, stream)
    nodes.bump(session, device.node_id)


def change(session: Session, details: CameraDetails, *, at: datetime) -> None:
    """Store camera, device and streams as `details` has them; Conflict when its version is not one more than the stored.

    The password stays: what `details` has of it may be older than a rotation of the node's key. `camera_passwords.put` changes it.
    """
    camera, device = details.camera, details.device
    before = and_(CameraRow.id == camera.id, CameraRow.version == camera.version - 1)
    with _name_free(details):
        changed = session.scalar(update(CameraRow).where(before).values(**_camera_values(camera)).returning(CameraRow.id))
    if changed is None:
        raise Conflict(f"‘{camera.name}’ was changed by somebody else in the meantime. Load it again and repeat your change.")
    session.execute(update(DeviceRow).where(DeviceRow.id == device.id).values(**_device_values(device)))
    _take_away(session, camera, at=at)
    for stream in camera.streams:
        _put_stream(session, stream)
    nodes.bump(session, device.node_id)


def find(
    session: Session, reach: Reach | None, *, removed: Removed = Removed.HIDDEN, branch_id: BranchId | None = None
) -> list[CameraDetails]:
    """Return the cameras within `reach` (None: all), by branch, area and name; first those in no area."""
    shown = true() if removed is Removed.INCLUDED else CameraRow.removed_at.is_(None)
    return _details(session, and_(cameras_within(reach), shown, true() if branch_id is None else CameraRow.branch_id == branch_id))


def get(session: Session, reach: Reach | None, camera_id: CameraId) -> CameraDetails | None:
    """Return a camera, removed or not; None when it does not exist within `reach`."""
    return next(iter(_details(session, and_(cameras_within(reach), CameraRow.id == camera_id))), None)


def stream_id(session: Session, camera_id: CameraId, role: StreamRole) -> StreamId | None:
    """Return the stream that a camera has or had in `role`: one that comes back keeps its footage."""
    number = session.scalar(select(StreamRow.id).where(StreamRow.camera_id == camera_id, StreamRow.role == role))
    return None if number is None else StreamId(number)


def every_stream(session: Session, camera_id: CameraId) -> list[StreamId]:
    """Return the streams that a camera has or had."""
    query = select(StreamRow.id).where(StreamRow.camera_id == camera_id).order_by(StreamRow.id)
    return [StreamId(number) for number in session.scalars(query)]


def camera_of(session: Session, stream: StreamId) -> CameraId | None:
    """Return the camera that `stream` is or was of, removed ones too; None for a stream that was never here."""
    found = session.scalar(select(StreamRow.camera_id).where(StreamRow.id == stream))
    return None if found is None else CameraId(found)


def configuration(session: Session, node: NodeId) -> NodeConfiguration:
    """Return what `node` is to record; NotFound for a node that does not exist."""
    # The version first: under READ COMMITTED a change in between leaves an old version with new streams, and the node asks again.
    version = nodes.config_version(session, node)
    if version is None:
        raise NotFound(f"node {node} is not known to the hub")
    recorded = _details(session, and_(DeviceRow.node_id == node, CameraRow.removed_at.is_(None)))
    if (approved := placements.required(session)) is not None:
        recorded = [live_until_approved(details, approved.get(details.camera.id)) for details in recorded]
    said = policies.said(session)
    return NodeConfiguration(version, tuple(config for details in recorded for config in stream_configs(details, hours_for(details, said))))


def stream_configs(details: CameraDetails, hours: LocalHours | None = None) -> tuple[StreamConfig, ...]:
    """Return what the node needs to record each stream of a camera."""
    camera, device = details.camera, details.device
    return tuple(
        StreamConfig(
            stream_id=stream.id,
            camera_id=camera.id,
            device_id=device.id,
            role=stream.role,
            address=device.address,
            path=stream.path,
            username=device.username,
            password_sealed=device.password_sealed,
            recording_mode=camera.recording_mode,
            camera_name=camera.name,
            version=camera.version,
            certificate_sha256=device.certificate_sha256,
            pause=camera.pause,
            priority=camera.priority,
            hours=hours,
        )
        for stream in camera.streams
    )


def _name_free(details: CameraDetails) -> AbstractContextManager[None]:
    return unique(f"{details.branch.name} has a camera ‘{details.camera.name}’ already. Choose another name.")


def _camera_values(camera: Camera) -> dict[str, object]:
    return {
        "area_id": camera.area_id,
        "name": camera.name,
        "name_key": name_key(camera.name),
        "recording_mode": camera.recording_mode,
        "placement_approved_at": camera.placement_approved_at,
        "removed_at": camera.removed_at,
        "version": camera.version,
        "paused_until": None if camera.pause is None else camera.pause.until,
        "pause_reason": None if camera.pause is None else camera.pause.reason,
        "priority": camera.priority,
    }


def _device_values(device: Device) -> dict[str, object]:
    return {
        "scheme": device.address.scheme,
        "host": device.address.host,
        "port": device.address.port,
        "username": device.username,
        "certificate_sha256": device.certificate_sha256,
    }


def _put_stream(session: Session, stream: Stream) -> None:
    known = update(StreamRow).where(StreamRow.id == stream.id).values(path=stream.path, removed_at=None)
    if session.scalar(known.returning(StreamRow.id)) is None:
        values = {"id": stream.id, "camera_id": stream.camera_id, "role": stream.role, "path": stream.path}
        session.execute(insert(StreamRow).values(values))


def _take_away(session: Session, camera: Camera, *, at: datetime) -> None:
    gone = and_(
        StreamRow.camera_id == camera.id, StreamRow.removed_at.is_(None), StreamRow.id.not_in([stream.id for stream in camera.streams])
    )
    session.execute(update(StreamRow).where(gone).values(removed_at=at))


def _details(session: Session, condition: ColumnElement[bool]) -> list[CameraDetails]:
    query = (
        select(CameraRow, BranchRow, AreaRow, DeviceRow)
        .join(BranchRow, BranchRow.id == CameraRow.branch_id)
        .outerjoin(AreaRow, AreaRow.id == CameraRow.area_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(condition)
        .order_by(BranchRow.name_key, func.lower(func.coalesce(AreaRow.name, "")), CameraRow.area_id, CameraRow.name_key, CameraRow.id)
        .execution_options(populate_existing=True)
    )
    rows = session.execute(query).all()
    streams = _streams(session, [row[0].id for row in rows])
    return [_one(camera, branch, area, device, tuple(streams.get(camera.id, ()))) for camera, branch, area, device in rows]


def _streams(session: Session, cameras: Sequence[int]) -> dict[int, list[Stream]]:
    query = select(StreamRow.id, StreamRow.camera_id, StreamRow.role, StreamRow.path)
    query = query.where(StreamRow.camera_id.in_(cameras), StreamRow.removed_at.is_(None)).order_by(StreamRow.camera_id, StreamRow.role)
    found: dict[int, list[Stream]] = {}
    for number, camera, role, path in session.execute(query):
        found.setdefault(camera, []).append(Stream(StreamId(number), CameraId(camera), role, path))
    return found


def _one(camera: CameraRow, branch: BranchRow, area: AreaRow | None, device: DeviceRow, streams: tuple[Stream, ...]) -> CameraDetails:
    return CameraDetails(
        Camera(
            id=CameraId(camera.id),
            branch_id=BranchId(camera.branch_id),
            area_id=None if camera.area_id is None else AreaId(camera.area_id),
            device_id=DeviceId(camera.device_id),
            channel=camera.channel,
            name=camera.name,
            recording_mode=camera.recording_mode,
            placement_approved_at=camera.placement_approved_at,
            removed_at=camera.removed_at,
            streams=streams,
            version=camera.version,
            pause=None if camera.paused_until is None else Pause(camera.paused_until, camera.pause_reason or ""),
            priority=camera.priority,
        ),
        Branch(BranchId(branch.id), branch.name, branch.timezone),
        Device(
            id=DeviceId(device.id),
            branch_id=BranchId(device.branch_id),
            node_id=NodeId(device.node_id),
            address=Address(device.scheme, device.host, device.port),
            username=device.username,
            password_sealed=device.password_sealed,
            certificate_sha256=device.certificate_sha256,
        ),
        None if area is None else area_of(area),
    )
