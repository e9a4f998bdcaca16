"""Take from the hub what is kept and for how long, put it into force, and answer for each hold what there is.

H1 read the clocks, then ask: the lease counts from before the question
H2 one transaction on the index: holds, rules, lease   `retain:orders`   a crash before it: the next question brings the same
H3 read what there is of each hold without an answer
H4 give the answers to the hub                         `retain:answer`   a crash: they are given again
H5 note that it has them
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection

from retention import clock_trust
from retention.node import RetentionNode
from vms.domain.hold import LEAST_CLOCK_ERROR, HeldTime, protected
from vms.domain.ids import CameraId, HoldId
from vms.domain.retention import Orders
from vms.domain.timespan import datetime_of_ms
from vms.store import deletion_lease, hold_replica, secrecy
from vms.store.deletion_lease import Lease
from vms.store.failpoints import failpoint


def take_orders(node: RetentionNode) -> None:
    """Take what the hub says now, and with it a lease; while the clock is not trusted, the holds alone.

    Unavailable when the hub does not answer, Conflict when it knows less than this node.
    """
    asked = node.reading()  # H1
    with node.index.read.begin() as connection:
        known, sure = hold_replica.applied_seq(connection), clock_trust.why_not(connection, asked) is None
    orders = node.hub.orders(node.node_id, known, at=datetime_of_ms(asked.at_ms), sure=sure)
    with node.index.write.begin() as connection:  # H2
        over = _seals_over(connection, orders)
        if hold_replica.apply(connection, orders) and clock_trust.why_not(connection, asked) is None:
            deletion_lease.put(connection, Lease(orders.hold_seq, asked))
        for camera, time in over:
            secrecy.open_seal(connection, camera, time)
    failpoint("retain:orders")
    answer_holds(node)


def answer_holds(node: RetentionNode) -> None:
    """Tell the hub what there is of each hold that it has no answer to."""
    with node.index.read.begin() as connection:
        applied, new = hold_replica.applied_seq(connection), hold_replica.unanswered(connection)
        sealed = hold_replica.sealed(connection)
        answers = [
            hold_replica.answer(
                connection, hold_id, camera_id, protected(held, LEAST_CLOCK_ERROR), _told(connection, hold_id, camera_id, sealed)
            )
            for hold_id, camera_id, held in new
        ]  # H3
    node.hub.answer_holds(node.node_id, applied, answers, at=node.clock.now())  # H4
    failpoint("retain:answer")
    if answers:
        with node.index.write.begin() as connection:  # H5
            hold_replica.mark_answered(connection, [(answer.hold_id, answer.camera_id) for answer in answers])


def _seals_over(connection: Connection, orders: Orders) -> list[tuple[CameraId, HeldTime]]:
    """Return what sealed holds named that are in force here and that `orders` release."""
    released = {(change.hold_id, change.camera_id) for change in orders.changes if change.time is None}
    sealed = hold_replica.sealed(connection) if released else frozenset()
    return [(camera, time) for hold, camera, time in hold_replica.in_force(connection) if hold in sealed and (hold, camera) in released]


def _told(connection: Connection, hold: HoldId, camera: CameraId, sealed: frozenset[HoldId]) -> ColumnElement[bool] | None:
    """Return which segments the answer to a hold speaks of; None for a sealed one: of all."""
    return None if hold in sealed else secrecy.is_spoken_of(connection, camera)


def holds_changed(node: RetentionNode) -> bool:
    """Say whether the hub knows of a change that is not in force here, or has an answer to come."""
    with node.index.read.begin() as connection:
        applied, new = hold_replica.applied_seq(connection), hold_replica.unanswered(connection)
    return bool(new) or node.hub.hold_seq(node.node_id) != applied
