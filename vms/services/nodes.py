"""Machines that record: made known to the hub with the key to which camera passwords are sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.crypto import KeySource, first_fitting, sealing_public_key
from vms.domain.access import Action
from vms.domain.ids import NodeId, new_number
from vms.domain.people import Actor
from vms.errors import ConfigError, Conflict, NotFound, Unavailable
from vms.services.access_log import record
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


def note_clock_trusted(session: Session, actor: Actor, node_id: NodeId, *, at: datetime) -> None:
    """Write that somebody says that a machine's clock is right, before footage is destroyed by it."""
    record(session, actor=actor, action=Action.CLOCK_TRUST, at=at, detail={"node": node(session, node_id).name})


def node_of(session: Session, keys: KeySource) -> NodeRecord:
    """Return the node with the public half of one of these keys: how a machine finds itself, whatever it is called today.

    NotFound when there is no node, ConfigError when there are others.
    """
    # The rows first: a rotation has its next key in place before a row names it.
    known = {node.public_key: node for node in node_rows.find(session)}
    if not known:
        raise NotFound("This machine is not known as a node. Run: vms init")
    found = first_fitting(keys, lambda key: known.get(sealing_public_key(key)))
    if found is None:
        raise ConfigError(
            "secrets/node_x25519.key is not the key that this machine is known with. "
            "Keep it under another name and put back the right one from the backup of secrets/."
        )
    return found


def recording_node(session: Session) -> NodeRecord:
    """Return the node that records new cameras; with one machine that is the only one."""
    found = node_rows.find(session)
    if not found:
        raise Unavailable("No machine records yet. Run: vms init")
    return found[0]
