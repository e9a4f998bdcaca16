"""Cameras' passwords as they are stored, sealed to the node that records."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from vms.domain.camera import Address
from vms.domain.ids import DeviceId, NodeId
from vms.store.central_tables import CameraRow, DeviceRow


@dataclass(frozen=True, slots=True)
class SealedPassword:
    """One device's password, and what it is sealed together with."""

    device: DeviceId
    address: Address
    sealed: bytes


def put(session: Session, device: DeviceId, sealed: bytes) -> None:
    session.execute(update(DeviceRow).where(DeviceRow.id == device).values(password_sealed=sealed))


def forget(session: Session, device: DeviceId) -> None:
    """Take the user name and the password of a device away: no camera in use is asked with them."""
    session.execute(update(DeviceRow).where(DeviceRow.id == device).values(username="", password_sealed=b""))


def count(session: Session, node: NodeId) -> int:
    """Return how many passwords are sealed to `node`."""
    return session.scalar(select(func.count()).select_from(DeviceRow).where(_sealed_to(node))) or 0


def page(session: Session, node: NodeId, after: DeviceId, limit: int) -> list[SealedPassword]:
    """Return the next passwords behind the device `after`, by device; nobody else changes them until the transaction ends."""
    query = select(DeviceRow.id, DeviceRow.scheme, DeviceRow.host, DeviceRow.port, DeviceRow.password_sealed)
    query = query.where(_sealed_to(node), DeviceRow.id > after).order_by(DeviceRow.id).limit(limit).with_for_update()
    return [
        SealedPassword(DeviceId(number), Address(scheme, host, port), sealed)
        for number, scheme, host, port, sealed in session.execute(query)
    ]


def cameras_of(session: Session, device: DeviceId) -> list[str]:
    """Return the names of the cameras in use that a device feeds."""
    query = select(CameraRow.name).where(CameraRow.device_id == device, CameraRow.removed_at.is_(None)).order_by(CameraRow.name)
    return list(session.scalars(query))


def _sealed_to(node: NodeId) -> ColumnElement[bool]:
    return and_(DeviceRow.node_id == node, func.length(DeviceRow.password_sealed) > 0)
