"""Machines that record: made known to the hub with the key to which camera passwords are sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.crypto import KeySource, sealing_public_key
from vms.domain.ids import NodeId, new_number
from vms.errors import Conflict, NotFound, Unavailable
from vms.store import nodes as node_rows
from vms.store.nodes import NodeRecord


def register_node(session: Session, *, name: str, public_key: bytes, at: datetime) -> NodeRecord:
    """Return the node `name`, made when it is new; Conflict when it is known with another key."""
    for node in node_rows.find(session):
        if node.name != name:
            continue
        if node.public_key != public_key:
            raise Conflict(f"node ‘{name}’ is known with another key; the passwords of its cameras could not be opened with this one")
        return node
    node = NodeRecord(NodeId(new_number()), name, public_key, 1)
    node_rows.add(session, node, at=at)
    return node


def nodes(session: Session) -> list[NodeRecord]:
    """Return every node, the first one made first."""
    return node_rows.find(session)


def node(session: Session, node_id: NodeId) -> NodeRecord:
    """Return one node; NotFound when there is none of that number."""
    found = next((node for node in node_rows.find(session) if node.id == node_id), None)
    if found is None:
        raise NotFound(f"node {node_id} is not known to the hub. Run: vms init")
    return found


def node_of(session: Session, keys: KeySource) -> NodeRecord:
    """Return the node with the public half of one of these keys: how a machine finds itself, whatever it is called today."""
    mine = {sealing_public_key(key) for key in keys.fresh()}
    found = next((node for node in node_rows.find(session) if node.public_key in mine), None)
    if found is None:
        raise NotFound("This machine is not known as a node. Run: vms init")
    return found


def recording_node(session: Session) -> NodeRecord:
    """Return the node that records new cameras; with one machine that is the only one."""
    found = node_rows.find(session)
    if not found:
        raise Unavailable("No machine records yet. Run: vms init")
    return found[0]
