"""The one port between a node and the hub: configuration, holds and leases come down, coverage, states and answers go up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import DatabaseError, OperationalError

from vms.domain.camera import NodeConfiguration, StreamStatus
from vms.domain.day_proof import DayProof
from vms.domain.deletion_certificate import PurgeMonth
from vms.domain.footage import CoverageSpan
from vms.domain.hold import HoldAnswer
from vms.domain.ids import NodeId, SpotCheckId
from vms.domain.purge import PurgeHead
from vms.domain.retention import Orders
from vms.domain.spot_check import AskedDay
from vms.errors import Corrupt, NotFound, Unavailable
from vms.services import deletion_certificates, hold_orders, purge_heads, spot_checks
from vms.store import cameras, coverage, nodes
from vms.store.database import Engines


class OrdersLink(Protocol):
    """What a node's retention asks of the hub. Each call may block and may fail with Unavailable: then nothing new is condemned."""

    def hold_seq(self, node_id: NodeId) -> int:
        """Return the number of the newest change of holds, cheaply: what is newer than the node has applied is a reason to ask at once."""
        ...

    def orders(self, node_id: NodeId, applied_seq: int, *, at: datetime, sure: bool = True) -> Orders:
        """Return the holds behind `applied_seq` and how long footage is kept; with it the node has a lease (`LEASE_LASTS`).

        `sure`: the node trusts the clock that says `at`; holds end by no other.

        Each lease carries every hold that was committed before it. Conflict when the hub knows less than the node: nothing may be
        destroyed then.
        """
        ...

    def answer_holds(self, node_id: NodeId, applied_seq: int, answers: Sequence[HoldAnswer], *, at: datetime) -> None:
        """Store how far the node has put holds into force and what it found; answering again, or late, is harmless."""
        ...

    def note_purges(self, node_id: NodeId, head: PurgeHead, *, at: datetime) -> None:
        """Write how far the node's purge log has come into the access log, whose checkpoints others hold."""
        ...

    def noted_purges(self, node_id: NodeId) -> Mapping[int, str]:
        """Return the positions of the node's purge log that were written so, with their hashes in hexadecimal digits."""
        ...

    def spot_checks(self, node_id: NodeId) -> Sequence[AskedDay]:
        """Return the camera's days of which somebody asks what became."""
        ...

    def answer_spot_check(self, node_id: NodeId, number: SpotCheckId, proof: DayProof, *, at: datetime) -> None:
        """Store what the node found of one; answering again is harmless."""
        ...

    def tell_month(self, node_id: NodeId, told: PurgeMonth) -> None:
        """Store what the node destroyed in a month; telling it again is harmless."""
        ...


class HubLink(OrdersLink, Protocol):
    """Everything a node asks of the hub. Each call may block and may fail with Unavailable; the node goes on without it."""

    def configuration(self, node_id: NodeId, known_version: int) -> NodeConfiguration | None:
        """Return what the node is to record; None when `known_version` is still the newest."""
        ...

    def report_coverage(self, node_id: NodeId, spans: Sequence[CoverageSpan]) -> None:
        """Store runs as they stand; reporting again is harmless."""
        ...

    def report_states(self, node_id: NodeId, states: Sequence[StreamStatus], *, at: datetime) -> None:
        """Store what each stream does now."""
        ...


class LocalHub:
    """The hub on the same machine: its services on the central database, each call in a transaction of its own."""

    def __init__(self, central: Engines) -> None:
        self._central = central

    def configuration(self, node_id: NodeId, known_version: int) -> NodeConfiguration | None:
        with _answering(), self._central.reading() as session:
            version = nodes.config_version(session, node_id)
            if version is None:
                raise NotFound(f"node {node_id} is not known to the hub. Run: vms init")
            return None if version == known_version else cameras.configuration(session, node_id)

    def report_coverage(self, node_id: NodeId, spans: Sequence[CoverageSpan]) -> None:
        with _answering(), self._central.writing() as session:
            coverage.put(session, node_id, spans)

    def report_states(self, node_id: NodeId, states: Sequence[StreamStatus], *, at: datetime) -> None:
        with _answering(), self._central.writing() as session:
            coverage.put_states(session, node_id, states, at=at)

    def hold_seq(self, node_id: NodeId) -> int:
        with _answering(), self._central.reading() as session:
            return hold_orders.hold_seq(session, node_id)

    def orders(self, node_id: NodeId, applied_seq: int, *, at: datetime, sure: bool = True) -> Orders:
        """Return what the node is to apply; `hold_orders` says why a hold is never overtaken."""
        with _answering(), self._central.writing() as session:
            return hold_orders.orders(session, node_id, applied_seq, at=at, sure=sure)

    def answer_holds(self, node_id: NodeId, applied_seq: int, answers: Sequence[HoldAnswer], *, at: datetime) -> None:
        with _answering(), self._central.writing() as session:
            hold_orders.take_answers(session, node_id, applied_seq, answers, at=at)

    def note_purges(self, node_id: NodeId, head: PurgeHead, *, at: datetime) -> None:
        with _answering(), self._central.writing() as session:
            purge_heads.note_head(session, node_id, head, at=at)

    def noted_purges(self, node_id: NodeId) -> Mapping[int, str]:
        with _answering(), self._central.reading() as session:
            return purge_heads.noted_heads(session, node_id)

    def spot_checks(self, node_id: NodeId) -> Sequence[AskedDay]:
        with _answering(), self._central.reading() as session:
            return spot_checks.asked_of(session, node_id)

    def answer_spot_check(self, node_id: NodeId, number: SpotCheckId, proof: DayProof, *, at: datetime) -> None:
        with _answering(), self._central.writing() as session:
            spot_checks.take_proof(session, node_id, number, proof, at=at)

    def tell_month(self, node_id: NodeId, told: PurgeMonth) -> None:
        with _answering(), self._central.writing() as session:
            deletion_certificates.take_month(session, node_id, told)


@contextmanager
def _answering() -> Iterator[None]:
    """Say that the hub is away, when its database is: the node goes on and tries again."""
    try:
        yield
    except OperationalError as err:
        raise Unavailable("The central database does not answer. The node goes on recording and tries again.") from err
    except DatabaseError as err:
        if type(err) is not DatabaseError:
            raise
        raise Corrupt("The central database can't be read as a database. Restore it from a backup.") from err
