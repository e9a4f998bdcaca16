"""What the hub tells a node that asks what it may destroy, and what it keeps of the node's answer.

Why no footage under an effective hold is destroyed. Placing a hold and granting a lease lock the same row, `hold_clock`, before they read
or write anything of holds, and keep it to the commit: one of the two comes first as a whole. If the hold commits first, the grant reads
it, hands it over and carries its number or a newer one. If the grant commits first, its lease carries an older number and stands in
`deletion_lease` when the hold is placed, and until it is over the hold is shown as pending. No lease is granted with an older number than
the clock's, so none that lacks the hold begins after it. A node applies the changes before it uses the lease that came with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.hold import HoldAnswer
from vms.domain.ids import NodeId
from vms.domain.retention import LEASE_LASTS, LEASE_MARGIN, Orders
from vms.errors import Conflict, NotFound
from vms.services.hold_release import note_ended, write_due
from vms.store import holds, leases, nodes, policies


def orders(session: Session, node: NodeId, applied_seq: int, *, at: datetime, sure: bool) -> Orders:
    """Return what a node has not applied yet and how long it keeps what, and grant it a lease.

    Writes the releases that are due first, if the clock that says `at` is trusted (`sure`): a release can't be taken back. NotFound for
    a node that the hub does not know; Conflict for one that knows more than the hub: nothing may be destroyed then.
    """
    _require_known(session, node)
    holds.lock(session)
    _require_given(session, node, applied_seq)
    ended = write_due(session, at=at) if sure else []
    newest = holds.seq(session)
    changes = leases.changes(session, node, applied_seq)
    rules = leases.rules(session, node, policies.said(session))
    leases.put_given(session, node, newest, at)
    leases.grant(session, node, newest, until=at + LEASE_LASTS + LEASE_MARGIN, at=at)
    note_ended(session, ended, at=at)
    return Orders(newest, tuple(changes), tuple(rules))


def take_answers(session: Session, node: NodeId, applied_seq: int, answers: Sequence[HoldAnswer], *, at: datetime) -> None:
    """Store how far a node has put holds into force and what it found. What came before a newer answer changes nothing."""
    _require_known(session, node)
    _require_given(session, node, applied_seq)
    leases.put_answers(session, node, applied_seq, answers, at)
    leases.put_applied(session, node, applied_seq, at)


def hold_seq(session: Session, node: NodeId) -> int:
    """Return the number of the newest change of holds: a node that has applied it needs no new orders for holds' sake."""
    _require_known(session, node)
    return holds.seq(session)


def _require_known(session: Session, node: NodeId) -> None:
    if nodes.config_version(session, node) is None:
        raise NotFound(f"node {node} is not known to the hub. Run: vms init")


def _require_given(session: Session, node: NodeId, applied_seq: int) -> None:
    """Refuse a node that has applied what it was never handed: whatever numbers there are today, they mean something else to it."""
    given = leases.given(session, node)
    if applied_seq > given:
        raise Conflict(
            f"The node has applied change {applied_seq} of the legal holds, and the hub gave it only {given}: the central database was "
            "restored from an older backup. Nothing may be destroyed before somebody has compared the holds: vms hold resend"
        )
