"""Tell the hub what was destroyed in a month that ended, and what is left and why: of that the certificate of deletion is made."""

from __future__ import annotations

from datetime import UTC, datetime

from retention import clock_trust
from retention.node import RetentionNode
from retention.proof import broken, standings
from vms.domain.deletion_certificate import CameraLeft, CameraPurges, Paused, PurgeMonth, during, month_of
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import Unavailable
from vms.store import purge_log

MOST_MONTHS = 12
"""Told at once by a machine that was off for longer."""


def tell_months(node: RetentionNode, paused: str | None) -> None:
    """Tell every month that ended since the last one told, after a pass that was `paused` or came to its end.

    By a clock that is not trusted none; nothing while the hub is away: the next pass tells it. A crash in between: it is told twice.
    """
    since = _note_pause(node, paused)
    with node.index.read.begin() as connection:
        told, trusted = purge_log.told_month(connection), clock_trust.why_not(connection, node.reading()) is None
    last = _number(node.clock.now()) - 1
    first = last if told is None else max(told + 1, last - MOST_MONTHS + 1)
    try:
        for number in range(first, last + 1) if trusted else ():
            node.hub.tell_month(node.node_id, _month(node, number, None if paused is None or since is None else Paused(since, paused)))
            with node.index.write.begin() as connection:
                purge_log.put_told_month(connection, number)
    except Unavailable:
        return


def _note_pause(node: RetentionNode, paused: str | None) -> datetime | None:
    """Remember since when deletion is paused, and return that."""
    with node.index.read.begin() as connection:
        known_ms = purge_log.paused_since(connection)
    since_ms = None if paused is None else known_ms or node.reading().at_ms
    if since_ms != known_ms:
        with node.index.write.begin() as connection:
            purge_log.put_paused_since(connection, since_ms)
    return None if since_ms is None else datetime_of_ms(since_ms)


def _month(node: RetentionNode, number: int, paused: Paused | None) -> PurgeMonth:
    name = f"{number // 12:04}-{number % 12 + 1:02}"
    span, noted = during(month_of(name)), node.hub.noted_purges(node.node_id)
    start_ms, end_ms = ms_of(span.start), ms_of(span.end)
    with node.index.read.begin() as connection:
        cameras = [
            CameraPurges(
                one.camera_id,
                one.segments,
                one.size_bytes,
                one.first_ms,
                one.end_ms,
                purge_log.hold_seqs(connection, one.camera_id, start_ms, end_ms),
                one.early,
            )
            for one in purge_log.destroyed(connection, start_ms, end_ms)
        ]
        position, digest = purge_log.last_before(connection, end_ms)
        chain = purge_log.follow(connection, frozenset(noted))
    return PurgeMonth(
        month=name,
        told_at=node.clock.now(),
        cameras=tuple(cameras),
        left=tuple(CameraLeft(one.camera_id, one.held, one.overdue) for one in standings(node)),
        paused=paused,
        position=position,
        hash=digest.hex(),
        broken_at=broken(chain, noted),
    )


def _number(at: datetime) -> int:
    """Return the month of a moment by UTC, counted from the year 0."""
    there = at.astimezone(UTC)
    return there.year * 12 + there.month - 1
