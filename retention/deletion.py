"""One pass: whatever is past its window and held by nothing is condemned, erased and purged. The steps stand in `vms.store.purging`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from retention import clock_trust
from retention.erasing import erase_on, is_mounted
from retention.month import tell_months
from retention.node import RetentionNode
from retention.orders import take_orders
from retention.proof import note_head
from retention.protection import let_go
from retention.survivors import keys_of
from vms.domain.full_disk import first_to_go
from vms.domain.ids import CameraId, SegmentId, VolumeId
from vms.domain.purge import Batch
from vms.domain.retention import ClockReading, StreamRule, lease_lasts
from vms.domain.timespan import MS_PER_HOUR
from vms.errors import VmsError
from vms.log import get_logger
from vms.store import clock_events, deletion_lease, early_purging, purge_log, purging, runs, stream_rules, volumes
from vms.store.failpoints import failpoint
from vms.store.layout import segment_file
from vms.store.purging import Doomed

log = get_logger(__name__)

KEYS_AT_ONCE = 200
NOTED_AT_ONCE = 10
"""Cameras."""
Pause = Callable[[float], bool]
"""Wait so many seconds; True when the process is to end."""


@dataclass(slots=True)
class Passed:
    """What a pass did."""

    condemned: int = 0
    erased: int = 0
    purged: int = 0
    early: int = 0
    """Of those: before their day, because disks were full."""
    kept: int = 0
    """Segments past their window that a hold keeps."""
    keys_destroyed: int = 0
    paused: str | None = None
    """Why nothing, or not everything, could be destroyed."""


class Deletion:
    """Makes passes. One at a time in a data directory: whoever calls sees to it."""

    def __init__(self, node: RetentionNode, pause: Pause, is_short: Callable[[], bool] = lambda: False) -> None:
        """`is_short`: whether there is so little room that what policies let go before its day is to go, measured each time anew."""
        self._node = node
        self._pause = pause
        self._is_short = is_short
        self._kept_waiting = 0.0

    def run(self) -> Passed:
        """Finish what was condemned before, then destroy what is due."""
        passed = Passed()
        try:
            for batch in self._open_batches():
                self._destroy([batch], passed)
            why = self.why_paused()
            if why is None:
                self._destroy_due(passed)
                note_head(self._node)
            passed.paused = why or passed.paused
        except VmsError as err:
            passed.paused = str(err)
        passed.kept = self._kept()
        tell_months(self._node, passed.paused)
        return passed

    def why_paused(self) -> str | None:
        """Take orders, and return why nothing may be condemned now; with None, there is a lease."""
        if (why := self._why_not_trusted(self._node.reading())) is not None:
            return f"{why} Nothing is deleted until somebody says that the clock is right."
        try:
            take_orders(self._node)
        except VmsError as err:
            return str(err)
        return None

    def _why_not_trusted(self, now: ClockReading) -> str | None:
        with self._node.index.read.begin() as connection:
            return clock_trust.why_not(connection, now)

    def _destroy_due(self, passed: Passed) -> None:
        with self._node.index.read.begin() as connection:
            due, places = stream_rules.rules(connection), volumes.all_volumes(connection)
        mounted = [place.id for place in places if is_mounted(place.path, place.id)]
        passed.paused = let_go(self._node, mounted, self._may_go_on) or passed.paused
        for at in range(0, len(due), purging.STREAMS_AT_ONCE):
            # What a disk does not let go of ends this too: nothing more of its stream is condemned.
            while self._may_go_on() and (batches := self._condemned(due[at : at + purging.STREAMS_AT_ONCE], mounted)):
                passed.condemned += sum(batch.segments for batch in batches)
                self._destroy(batches, passed)
        if not self._may_go_on():
            return
        if len(mounted) < len(places) and (left := self._left(due)):
            passed.paused = f"{left:,} segments are past their window on volumes that are not mounted. Mount them where they were."
        self._note_gone(due)
        if passed.paused is None:
            self._destroy_early(mounted, passed)
        for camera in sorted({rule.camera_id for rule in due}):
            self._destroy_keys([rule for rule in due if rule.camera_id == camera], passed)
        self._forget_clock_steps()

    def _forget_clock_steps(self) -> None:
        """Forget the steps of the clock that explain no footage any more, held footage among it."""
        with self._node.index.write.begin() as connection:  # no run begins between the look and the forgetting
            oldest_ms = runs.oldest_ms(connection)
            clock_events.forget_spent(connection, self._node.reading().at_ms if oldest_ms is None else oldest_ms)

    def _destroy_early(self, mounted: Sequence[VolumeId], passed: Passed) -> None:
        """Destroy what policies let go before its day, an hour of a camera at a time, until there is room again."""
        passed_over = set[CameraId]()
        while passed.paused is None and self._may_go_on() and self._is_short():
            with self._node.index.read.begin() as connection:
                found = early_purging.cameras(connection, self._node.reading().at_ms)
            first = first_to_go(one for one in found if one.camera_id not in passed_over)
            if first is None:
                break
            batches = self._condemned_early(first.camera_id, mounted)
            if not batches:
                passed_over.add(first.camera_id)
            early = sum(batch.segments for batch in batches)
            passed.condemned, passed.early = passed.condemned + early, passed.early + early
            self._destroy(batches, passed)
        if passed.early:
            log.warning("footage deleted before its day", segments=passed.early)

    def _condemned_early(self, camera: CameraId, mounted: Sequence[VolumeId]) -> list[Batch]:
        self._have_lease()
        began = self._node.clock.monotonic()
        with self._node.index.write.begin() as connection:
            batches = early_purging.condemn(connection, camera, self._node.reading(), mounted)
        if batches:
            failpoint("retain:condemn")
        self._kept_waiting += self._node.clock.monotonic() - began
        return batches

    def _note_gone(self, due: list[StreamRule]) -> None:
        """Write down what is gone of each camera of which nothing is left that is due."""
        cameras = sorted({rule.camera_id for rule in due})
        for at in range(0, len(cameras), NOTED_AT_ONCE):
            began = self._node.clock.monotonic()
            with self._node.index.write.begin() as connection:
                purging.note_gone(connection, cameras[at : at + NOTED_AT_ONCE], self._node.reading())
            self._kept_waiting += self._node.clock.monotonic() - began
            if not self._may_go_on():
                return

    def _left(self, due: list[StreamRule]) -> int:
        now_ms = self._node.reading().at_ms
        with self._node.index.read.begin() as connection:
            return sum(purging.due(connection, rule, now_ms)[0] for rule in due)

    def _may_go_on(self) -> bool:
        """Let the recorder have the index for as long as it was kept waiting; False when the process is to end."""
        waited, self._kept_waiting = self._kept_waiting, 0.0
        return not self._pause(waited)

    def _condemned(self, rules: Sequence[StreamRule], mounted: Sequence[VolumeId]) -> list[Batch]:
        """Condemn a batch of each of some streams (R1 to R4), each of a volume that is there; none when nothing of them is due."""
        now = self._node.reading()
        with self._node.index.read.begin() as connection:
            if not purging.any_due(connection, rules, now.at_ms, mounted):
                return []
        self._have_lease()
        began = self._node.clock.monotonic()
        with self._node.index.write.begin() as connection:
            batches = purging.condemn_each(connection, [rule.stream_id for rule in rules], self._node.reading(), mounted)
        if batches:
            failpoint("retain:condemn")
        self._kept_waiting += self._node.clock.monotonic() - began
        return batches

    def _have_lease(self) -> None:
        """Take orders again where the lease is over: a pass may take longer than one lasts."""
        with self._node.index.read.begin() as connection:
            lease = deletion_lease.get(connection)
        if lease is None or not lease_lasts(lease.asked, self._node.reading()):
            take_orders(self._node)

    def _destroy(self, batches: list[Batch], passed: Passed) -> None:
        """Erase the files of batches (R5) and purge the rows of those whose disk let go of them (R6)."""
        gone = [batch for batch in batches if self._erased(batch, passed)]
        if not gone:
            return
        failpoint("retain:erase")
        began = self._node.clock.monotonic()
        with self._node.index.write.begin() as connection:
            for batch in gone:
                purging.purge(connection, batch, erased_ms=self._node.reading().at_ms)
        failpoint("retain:purge")
        passed.purged += sum(batch.segments for batch in gone)
        self._kept_waiting += self._node.clock.monotonic() - began
        self._node.index.checkpoint()

    def _erased(self, batch: Batch, passed: Passed) -> bool:
        """Erase the files of a batch and the keys that some were left; False when a disk does not let go of them yet."""
        with self._node.index.read.begin() as connection:
            doomed, paths = purging.doomed(connection, batch), {known.id: known.path for known in volumes.all_volumes(connection)}
        try:
            passed.erased += _erase(doomed, paths)
            self._node.keys.forget(batch.camera_id, [one.id for one in doomed])
        except (OSError, VmsError) as err:
            passed.paused = f"Footage that is condemned can't be erased: {err}"
            log.error("footage not erased", batch=batch.number, reason=str(err))
            return False
        return True

    def _destroy_keys(self, rules: list[StreamRule], passed: Passed) -> None:
        """Destroy the keys of hours of which a camera has no footage left, or only such as holds keep, which is left keys of its own.

        What a disk may still hold of the rest can't be read by anybody.
        """
        now, camera = self._node.reading(), rules[0].camera_id
        if self._why_not_trusted(now) is not None:  # the clock moved in the middle of a pass: keys of hours to come would seem old
            return
        now_ms = now.at_ms
        with self._node.index.read.begin() as connection:
            before = purging.over_before(connection, rules, now_ms) // MS_PER_HOUR
        hours, outlived = self._node.keys.hours(camera, before=before), self._node.keys.outlived_hours(camera, before=before)
        with self._node.index.read.begin() as connection:
            going = dict[int, dict[SegmentId, bytes]](
                (hour, {}) for hour in purging.empty_hours(connection, camera, [*hours, *outlived], now_ms)
            )
            partly = purging.partly_held(connection, camera, [hour for hour in hours if hour not in going], now_ms)
            places = volumes.all_volumes(connection)
        going |= {held.hour: left for held in partly if (left := keys_of(self._node, held, places)) is not None}
        for at in range(0, len(going), KEYS_AT_ONCE):
            page = dict(islice(going.items(), at, at + KEYS_AT_ONCE))
            self._node.keys.destroy({(camera, hour): left for hour, left in page.items()}, at=self._node.clock.now())
            passed.keys_destroyed += len(page)

    def _open_batches(self) -> list[Batch]:
        with self._node.index.read.begin() as connection:
            return purge_log.open_batches(connection)

    def _kept(self) -> int:
        now_ms = self._node.reading().at_ms
        with self._node.index.read.begin() as connection:
            return sum(purging.kept(connection, rule, now_ms) for rule in stream_rules.rules(connection))


@dataclass(frozen=True, slots=True)
class Due:
    """What a pass would do to a camera's footage."""

    camera_id: CameraId
    segments: int
    """To be destroyed, those that are condemned already among them."""
    size_bytes: int
    kept: int
    """Segments past their window that a hold keeps."""
    early: int
    """Segments within their window that might go if disks were full."""


def due(node: RetentionNode) -> list[Due]:
    """Return what a pass would do to each camera's footage, by what is in force here now; nothing is changed."""
    now_ms, found = node.reading().at_ms, dict[CameraId, Due]()

    def add(camera: CameraId, segments: int, size_bytes: int, kept: int = 0, early: int = 0) -> None:
        one = found.get(camera, Due(camera, 0, 0, 0, 0))
        found[camera] = Due(camera, one.segments + segments, one.size_bytes + size_bytes, one.kept + kept, one.early + early)

    with node.index.read.begin() as connection:
        for rule in stream_rules.rules(connection):
            kept, early = purging.kept(connection, rule, now_ms), early_purging.told(connection, rule, now_ms)
            add(rule.camera_id, *purging.due(connection, rule, now_ms), kept, early)
        for batch in purge_log.open_batches(connection):
            add(batch.camera_id, batch.segments, batch.size_bytes)
    return [one for one in found.values() if one.segments or one.kept or one.early]


def _erase(doomed: list[Doomed], paths: dict[VolumeId, Path]) -> int:
    """Erase the files of segments, each on its volume."""
    volumes_of = {one.volume for one in doomed}
    return sum(erase_on(paths[volume], volume, [segment_file(one.id) for one in doomed if one.volume == volume]) for volume in volumes_of)
