"""The node's copy of what it is to record: it works from this, so it needs no hub."""

from __future__ import annotations

from sqlalchemy import Connection, Row, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from vms.domain.camera import Address, NodeConfiguration, Pause, Priority, StreamConfig
from vms.domain.hours import LocalHours, hours_of
from vms.domain.ids import CameraId, DeviceId, StreamId
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.store.index_tables import ReplicaRow, StreamConfigRow

_KIND = "stream_config"


def replace(connection: Connection, configuration: NodeConfiguration) -> None:
    """Store `configuration` in place of the one before."""
    connection.execute(delete(StreamConfigRow))
    if configuration.streams:
        connection.execute(insert(StreamConfigRow), [_columns(stream) for stream in configuration.streams])
    put = upsert(ReplicaRow).values(kind=_KIND, version=configuration.version)
    connection.execute(put.on_conflict_do_update(index_elements=[ReplicaRow.kind], set_={"version": put.excluded.version}))


def load(connection: Connection) -> NodeConfiguration:
    """Return the stored configuration; version 0 without streams before the first."""
    rows = connection.execute(select(StreamConfigRow.__table__).order_by(StreamConfigRow.stream_id))
    return NodeConfiguration(version(connection), tuple(_stream(row) for row in rows))


def priorities(connection: Connection) -> dict[CameraId, Priority]:
    """Return how much each camera matters that is recorded here."""
    found = connection.execute(select(StreamConfigRow.camera_id, StreamConfigRow.priority).distinct())
    return {CameraId(camera): priority for camera, priority in found}


def version(connection: Connection) -> int:
    """Return the version of the stored configuration; 0 before the first."""
    return connection.scalar(select(ReplicaRow.version).where(ReplicaRow.kind == _KIND)) or 0


def _columns(stream: StreamConfig) -> dict[str, object]:
    return {
        "stream_id": stream.stream_id,
        "camera_id": stream.camera_id,
        "device_id": stream.device_id,
        "role": stream.role,
        "scheme": stream.address.scheme,
        "host": stream.address.host,
        "port": stream.address.port,
        "path": stream.path,
        "username": stream.username,
        "password_sealed": stream.password_sealed,
        "recording_mode": stream.recording_mode,
        "camera_name": stream.camera_name,
        "version": stream.version,
        "certificate_sha256": stream.certificate_sha256,
        "paused_until_ms": None if stream.pause is None else ms_of(stream.pause.until),
        "pause_reason": None if stream.pause is None else stream.pause.reason,
        "priority": stream.priority,
        "hours": "" if stream.hours is None else str(stream.hours.hours),
        "timezone": None if stream.hours is None else stream.hours.timezone,
    }


def _stream(row: Row[*tuple[object, ...]]) -> StreamConfig:
    return StreamConfig(
        stream_id=StreamId(row.stream_id),
        camera_id=CameraId(row.camera_id),
        device_id=DeviceId(row.device_id),
        role=row.role,
        address=Address(row.scheme, row.host, row.port),
        path=row.path,
        username=row.username,
        password_sealed=row.password_sealed,
        recording_mode=row.recording_mode,
        camera_name=row.camera_name,
        version=row.version,
        certificate_sha256=row.certificate_sha256,
        pause=None if row.paused_until_ms is None else Pause(datetime_of_ms(row.paused_until_ms), row.pause_reason or ""),
        priority=row.priority,
        hours=None if row.timezone is None else LocalHours(hours_of(row.hours), row.timezone),
    )
