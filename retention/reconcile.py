"""Compare index and files without being asked: what is missing or damaged gets its file back from its second place, or is told.

What a crash left is the recorder's to take in; so is a file that comes back. Both run at the recorder's start (recorder/README.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import islice

from retention.erasing import is_mounted
from retention.node import RetentionNode
from retention.protection import Alone
from retention.repair import repair
from vms.domain.footage import SegmentState
from vms.domain.ids import SegmentId, VolumeId, split_segment_id
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import Unavailable
from vms.log import get_logger
from vms.services.check import CheckReport, Depth, Kind, Violation, check
from vms.store import hold_replica, protected_places, reconciliations, segments, volumes
from vms.store.files import Volume
from vms.store.protected_places import Place
from vms.store.reconciliations import Reconciliation

NOT_AGAIN_FOR = timedelta(hours=1)
"""A process that is started again and again does not read the disks each time."""
AT_ONCE = 200
"""Rows marked in one transaction."""
TOLD = 20
"""Lines, and sentences for the page: of a disk that lost a folder nobody reads ten thousand."""

log = get_logger(__name__)


class Stopped(Exception):
    """The process is to end: what was found so far is thrown away, and found again next time."""


def is_due(node: RetentionNode) -> bool:
    """Say whether the last comparison is not of just now. One of a clock that has been set back since does not count."""
    with node.index.read.begin() as connection:
        last = reconciliations.newest(connection)
    return last is None or not timedelta(0) <= node.clock.now() - datetime_of_ms(last.ended_ms) < NOT_AGAIN_FOR


def reconcile(node: RetentionNode, stopping: Callable[[], bool] = lambda: False, alone: Alone = nullcontext) -> Reconciliation:
    """Compare every row with its file and some files with their digests; mend or mark what is lost, tell the rest, keep what was found.

    `alone` keeps passes away while files are given back.
    """

    def go_on(_done: int, _total: int) -> None:
        if stopping():
            raise Stopped

    began_ms = ms_of(node.clock.now())
    opened = list(_mounted(node))
    report = check(node.index, opened, at=node.clock.now(), depth=Depth.SAMPLE, keys=node.keys, progress=go_on)
    with alone():
        report = _mended(node, opened, report)
    _tell_lost(_mark_lost(node, opened, _missing(report.violations)))
    if lost := _mark_lost(node, opened, _missing(report.hushed)):
        with node.index.write.begin() as connection:
            hold_replica.answer_again(connection, [split_segment_id(one)[0] for one in lost])
    _tell(report)
    found = _found(report, began_ms, ms_of(node.clock.now()))
    with node.index.write.begin() as connection:
        reconciliations.put(connection, found)
    return found


def _mounted(node: RetentionNode) -> Iterator[Volume]:
    with node.index.read.begin() as connection:
        known = volumes.all_volumes(connection)
    for one in known:
        with suppress(Unavailable, OSError):  # the check names those that are away
            yield Volume.open(one.path, expect=one.id)


def _mended(node: RetentionNode, opened: Sequence[Volume], report: CheckReport) -> CheckReport:
    """Give files back from second places, have those that are wrong made again, and return what is wrong still."""
    found = (*report.violations, *report.hushed)
    back = repair(node, opened, report.mendable)
    after = None
    while page := _lost(node, after):
        repair(node, opened, page)
        after = page[-1]
    with node.index.write.begin() as connection:
        again = [Place(SegmentId(one.subject), one.volume) for one in found if one.volume is not None]
        protected_places.set_made(connection, again, made=False)
        protected_places.start_over(connection)
    return report.without(back)


def _lost(node: RetentionNode, after: SegmentId | None) -> list[SegmentId]:
    with node.index.read.begin() as connection:
        return protected_places.lost(connection, after, limit=AT_ONCE)


def _missing(found: Sequence[Violation]) -> list[SegmentId]:
    return [SegmentId(one.subject) for one in found if one.kind is Kind.MISSING]


def _mark_lost(node: RetentionNode, opened: Sequence[Volume], missing: Sequence[SegmentId]) -> dict[SegmentId, VolumeId]:
    """Mark rows whose file is gone from a volume that is there: from one that fell away meanwhile everything seems gone.

    Returns which, and where they lay.
    """
    lost = dict[SegmentId, VolumeId]()
    for at in range(0, len(missing), AT_ONCE):
        page = missing[at : at + AT_ONCE]
        with node.index.read.begin() as connection:
            places = {one: row.volume_id for one in page if (row := segments.get(connection, one)) is not None}
        there = {volume.id: volume for volume in opened if is_mounted(volume.path, volume.id)}
        gone = [one for one, place in places.items() if place in there and not there[place].segment_path(one).exists()]
        with node.index.write.begin() as connection:
            lost |= {one: places[one] for one in gone if segments.set_state(connection, one, SegmentState.LOST, was=SegmentState.LIVE)}
    return lost


def _tell_lost(lost: Mapping[SegmentId, VolumeId]) -> None:
    for segment, volume in islice(lost.items(), TOLD):
        log.error("segment lost: its file is gone; run: vms check", segment=segment, volume=volume)


def _tell(report: CheckReport) -> None:
    damaged = [one for one in report.violations if one.kind is Kind.DAMAGED]
    for one in damaged[:TOLD]:
        log.error("footage is not what was written; run: vms check --deep", segment=one.subject, reason=one.detail)
    if other := [one for one in report.violations if one.kind in (Kind.OTHER, Kind.SECOND_PLACE)]:
        log.warning("index and files do not agree; run: vms check", found=len(other), first=_sentence(other[0]))
    log.info("index and files compared", segments=report.compared, read=report.read, violations=len(report.violations))


def _found(report: CheckReport, began_ms: int, ended_ms: int) -> Reconciliation:
    kinds = [one.kind for one in report.violations]
    return Reconciliation(
        began_ms,
        ended_ms,
        report.compared,
        report.read,
        missing=kinds.count(Kind.MISSING),
        damaged=kinds.count(Kind.DAMAGED),
        other=kinds.count(Kind.OTHER) + kinds.count(Kind.SECOND_PLACE),
        first=tuple(_sentence(one) for one in report.violations[:TOLD]),
    )


def _sentence(one: Violation) -> str:
    return f"{one.subject}: {one.detail}"
