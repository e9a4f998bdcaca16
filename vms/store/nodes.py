"""The machines that record, as the hub knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import NodeId
from vms.store.central_tables import NodeRow


@dataclass(frozen=True, slots=True)
class NodeRecord:
    id: NodeId
    name: str
    public_key: bytes
    """X25519, raw: passwords of the node's cameras are sealed to it."""
    config_version: int


def add(session: Session, node: NodeRecord, *, at: datetime) -> None:
    session.execute(
        insert(NodeRow).values(id=node.id, name=node.name, public_key=node.public_key, config_version=node.config_version, created_at=at)
    )


def find(session: Session) -> list[NodeRecord]:
    """Return every node, the first one made first."""
    query = select(NodeRow.id, NodeRow.name, NodeRow.public_key, NodeRow.config_version).order_by(NodeRow.created_at, NodeRow.id)
    return [NodeRecord(NodeId(number), name, key, version) for number, name, key, version in session.execute(query)]


def set_public_key(session: Session, node: NodeId, public_key: bytes) -> None:
    """Have passwords sealed to another key from the commit on; who is writing one is waited for."""
    session.execute(update(NodeRow).where(NodeRow.id == node).values(public_key=public_key))


def bump(session: Session, node: NodeId) -> None:
    """Count a change of what `node` is to record."""
    session.execute(update(NodeRow).where(NodeRow.id == node).values(config_version=NodeRow.config_version + 1))


def bump_all(session: Session) -> None:
    """Count a change that may be one of what any node is to record."""
    session.execute(update(NodeRow).values(config_version=NodeRow.config_version + 1))


def config_version(session: Session, node: NodeId) -> int | None:
    """Return the version of what `node` is to record; None for a node that does not exist."""
    return session.scalar(select(NodeRow.config_version).where(NodeRow.id == node))
