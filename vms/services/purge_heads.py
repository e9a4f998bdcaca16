"""What nodes say of their purge logs, written into the access log: whoever holds a checkpoint of that can tell a purge log made anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import AccessEvent, Action
from vms.domain.ids import NodeId
from vms.domain.people import Node
from vms.domain.purge import PurgeHead
from vms.services import nodes
from vms.services.access_log import DISTRICT, record
from vms.store import access_log

_HEADS = frozenset({Action.PURGE_HEAD})
_PAGE = 1000


def note_head(session: Session, node_id: NodeId, head: PurgeHead, *, at: datetime) -> None:
    """Write how far a node's purge log has come."""
    detail = {
        "node": nodes.node(session, node_id).name,
        "position": str(head.position),
        "hash": head.hash.hex(),
        "segments": str(head.segments),
        "bytes": str(head.size_bytes),
    }
    record(session, actor=Node(node_id), action=Action.PURGE_HEAD, at=at, detail=detail)


def noted_heads(session: Session, node_id: NodeId) -> dict[int, str]:
    """Return every position of a node's purge log that was written down, with the hash in hexadecimal digits."""
    return {int(entry.detail["position"]): entry.detail["hash"] for entry in _entries(session, node_id)}


def entry_behind(session: Session, node_id: NodeId, position: int) -> int | None:
    """Return the number of the first entry that has `position` of a node's purge log, or one behind it; None while there is none."""
    return min((entry.number for entry in _entries(session, node_id) if int(entry.detail["position"]) >= position), default=None)


def _entries(session: Session, node_id: NodeId) -> Iterator[AccessEvent]:
    """Yield the entries that say how far a node's purge log had come, the newest first."""
    before: int | None = None
    while True:
        wanted = access_log.Filter(before=before, actions=_HEADS, actor=Node(node_id).label)
        page = access_log.find(session, DISTRICT, None, wanted, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].number
