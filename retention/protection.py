"""The second place of what holds keep: made by a job after the acknowledgement, let go before the segment itself may be condemned.

P1 look which live segments that a hold keeps have none
P2 one transaction: note the places                        `protect:note`   a crash: they are made by the next round, or let go
P3 link or copy; sync the file and its folders             `protect:place`  the same
P4 one transaction: note that they are there               `protect:made`
and, when no hold keeps the segment any more, in a pass that has a lease:
L1 look which places those are
L2 erase their files, sync their folders                   `protect:erase`  a crash: the next pass erases what is not there
L3 one transaction: forget them                            `protect:forget`
Until L3 the segment is not condemned, so nothing is purged of which a second place is left. Both run while no other pass does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retention.erasing import erase_on, is_mounted
from retention.node import RetentionNode
from retention.repair import is_secret
from vms.domain.capacity import LOW_HOURS, WARN_HOURS
from vms.domain.footage import Segment
from vms.domain.ids import SegmentId, VolumeId, split_segment_id
from vms.domain.retention import StreamRule
from vms.domain.timespan import MS_PER_HOUR, ms_of
from vms.errors import VmsError
from vms.log import get_logger
from vms.services.capacity import headroom
from vms.services.check import Depth, Look
from vms.store import hold_replica, protected_places, segments, stream_rules, volumes
from vms.store.failpoints import failpoint
from vms.store.files import DiskFault, Volume
from vms.store.layout import PART_SUFFIX, protected_file
from vms.store.protected_files import copy_place, is_file, link_place
from vms.store.protected_places import Place, PlaceKind
from vms.store.volumes import VolumeState

PROTECT_STEPS = ("protect:note", "protect:place", "protect:made")
LET_GO_STEPS = ("protect:erase", "protect:forget")
AT_ONCE = {PlaceKind.LINK: 200, PlaceKind.COPY: 5}
"""Made while a pass waits: a copy is some tens of megabytes, written and read."""
PAUSE = 0.1
"""Seconds between: whoever waits for its turn has it."""
LATE_MS = MS_PER_HOUR
"""Segments that a crash left are entered late, behind others of their stream."""

log = get_logger(__name__)
Alone = Callable[[], AbstractContextManager[object]]
"""Keeps passes away for as long as it lasts."""


@dataclass(slots=True)
class Protected:
    """What a round did."""

    linked: int = 0
    copied: int = 0
    given_up: int = 0
    """Copies whose room recording needs."""
    refused: str | None = None
    """The last reason for which a disk did not take one."""


def protect(
    node: RetentionNode, there: Sequence[Volume], pause: Callable[[float], bool] = lambda _seconds: False, alone: Alone = nullcontext
) -> Protected:
    """Make what second places are wanting on the volumes that are `there`: a link each, and a copy where another volume has room to spare.

    `pause` waits so many seconds and says whether the process is to end. What was not finished is found again by the next round.
    """
    round_ = _Round(node, there, pause, alone)
    round_.run()
    return round_.done


def let_go(node: RetentionNode, mounted: Collection[VolumeId], go_on: Callable[[], bool]) -> str | None:
    """Take away the second places that no hold keeps any more; return why some of them stay. In a pass that has a lease."""
    why, left = None, set(mounted)
    while True:
        with node.index.read.begin() as connection:
            found = protected_places.unheld(connection, left, limit=AT_ONCE[PlaceKind.LINK])
            paths = {known.id: known.path for known in volumes.all_volumes(connection)}
        if not found or not go_on():
            return why
        for volume in {place.volume for place in found}:
            try:
                _erase(node, paths[volume], volume, [place for place in found if place.volume == volume])
            except (OSError, VmsError) as err:
                log.error("second place not erased", volume=volume, reason=str(err))
                left.discard(volume)
                why = f"Files that are due can't be erased: {err}"  # of which hold they were is nobody's business


class _Round:
    """One look at everything that holds keep."""

    def __init__(self, node: RetentionNode, there: Sequence[Volume], pause: Callable[[float], bool], alone: Alone) -> None:
        self.done = Protected()
        self._node = node
        self._there = {volume.id: volume for volume in there}
        self._pause = pause
        self._alone = alone

    def run(self) -> None:
        began_ms = ms_of(self._node.clock.now())
        with self._node.index.read.begin() as connection:
            since_ms = protected_places.until_ms(connection) - LATE_MS
            seq, rules = hold_replica.applied_seq(connection), stream_rules.rules(connection)
            held = {camera for _, camera, _ in hold_replica.in_force(connection)}
            sound = {known.id for known in volumes.all_volumes(connection) if known.state is VolumeState.OK}
        self._sound = {volume: self._there[volume] for volume in self._there.keys() & sound}
        self._give_way()
        for kind, on in ((PlaceKind.LINK, self._sound.keys()), (PlaceKind.COPY, self._there.keys() if len(self._there) > 1 else ())):
            for rule in rules:
                if rule.camera_id in held and on and not self._of_stream(rule, kind, on, since_ms):
                    return
        if self.done.refused is None:
            with self._node.index.write.begin() as connection:
                if hold_replica.applied_seq(connection) == seq:
                    protected_places.put_until_ms(connection, began_ms)

    def _of_stream(self, rule: StreamRule, kind: PlaceKind, on: Collection[VolumeId], since_ms: int) -> bool:
        """Make the places of one kind of a stream; False when the process is to end."""
        while True:
            if kind is PlaceKind.COPY and self._hours() < WARN_HOURS:
                return True
            with self._alone():
                with self._node.index.read.begin() as connection:
                    found = protected_places.wanting(connection, rule, kind, on, since_ms=since_ms, limit=AT_ONCE[kind])
                    rows = [row for one in found if (row := segments.get(connection, one)) is not None]
                if not found:
                    return True
                self._make(rows, kind)
            since_ms = split_segment_id(found[-1])[1] + 1
            if self._pause(PAUSE):
                return False

    def _make(self, rows: Sequence[Segment], kind: PlaceKind) -> None:
        wanted = {}
        for row in rows:
            target = self._there[row.volume_id] if kind is PlaceKind.LINK else self._roomiest(row)
            if target is not None:
                wanted[Place(row.id, target.id)] = row
        with self._node.index.write.begin() as connection:
            noted = protected_places.note(connection, list(wanted))  # P2
        failpoint("protect:note")
        made = [place for place in noted if self._made(place, wanted[place], kind)]  # P3
        failpoint("protect:place")
        with self._node.index.write.begin() as connection:
            protected_places.set_made(connection, made, made=True)  # P4
        failpoint("protect:made")

    def _made(self, place: Place, row: Segment, kind: PlaceKind) -> bool:
        try:
            return self._link(row) if kind is PlaceKind.LINK else self._copy(row, self._there[place.volume])
        except FileNotFoundError:  # the segment's own file: the comparison of index and files tells it
            return False
        except (OSError, VmsError) as err:
            if self.done.refused is None:
                log.error("second place not made", volume=place.volume, reason=str(err))
            self.done.refused = str(err)
            return False

    def _link(self, row: Segment) -> bool:
        volume = self._there[row.volume_id]
        if not Look(Depth.ROWS, None).is_right(row, volume.segment_path(row.id)):
            return False
        if not link_place(volume, row.id) and not Look(Depth.DEEP, self._node.keys).is_right(row, volume.path / protected_file(row.id)):
            _erase_files(volume.path, volume.id, [row.id])
            link_place(volume, row.id)
        self.done.linked += 1
        return True

    def _copy(self, row: Segment, target: Volume) -> bool:
        source = self._there[row.volume_id].segment_path(row.id)
        if not copy_place(source, target, row.id, lambda path: Look(Depth.DEEP, self._node.keys).is_right(row, path)):
            with self._node.index.read.begin() as connection:
                told = not is_secret(connection, row, self._node)
            if told:
                log.error(
                    "footage is not what was written; run: vms check --deep", segment=row.id, reason="its copy does not have its digests"
                )
            return False
        target.note_growth(row.size_bytes)
        self.done.copied += 1
        return True

    def _roomiest(self, row: Segment) -> Volume | None:
        """Return the volume for a copy: not the segment's own, and one on which recording and ballast keep their room."""
        others = [volume for volume in self._sound.values() if volume.id != row.volume_id]
        with suppress(DiskFault):
            others = [volume for volume in others if volume.lack_of_room(row.size_bytes) is None]
            return max(others, key=Volume.room_left, default=None)
        return None

    def _hours(self) -> float:
        with self._node.index.read.begin() as connection:
            return headroom(connection, list(self._there.values()), now=self._node.clock.now(), growing=None).hours

    def _give_way(self) -> None:
        """Give copies up while their room is needed: of those on sound volumes whose segment's own file is whole, on a sound one too."""
        after: SegmentId | None = None
        while self._hours() < LOW_HOURS:
            with self._alone():
                with self._node.index.read.begin() as connection:
                    found = protected_places.copies(connection, self._sound.keys(), after, limit=AT_ONCE[PlaceKind.COPY])
                    rows = {place: segments.get(connection, place.segment) for place in found}
                spare = [place for place, row in rows.items() if row is not None and self._is_whole(row)]
                for volume in {place.volume for place in spare}:
                    _erase(self._node, self._there[volume].path, volume, [place for place in spare if place.volume == volume])
            self.done.given_up += len(spare)
            if not found or self._pause(PAUSE):
                return
            after = found[-1].segment

    def _is_whole(self, row: Segment) -> bool:
        volume = self._sound.get(row.volume_id)
        if volume is None or not is_mounted(volume.path, volume.id):
            return False
        path = volume.segment_path(row.id)
        return is_file(path) and Look(Depth.DEEP, self._node.keys).is_right(row, path)


def _erase(node: RetentionNode, path: Path, volume: VolumeId, places: Sequence[Place]) -> None:
    """Erase places of one volume and forget them (L2, L3)."""
    _erase_files(path, volume, [place.segment for place in places])
    failpoint("protect:erase")
    with node.index.write.begin() as connection:
        protected_places.forget(connection, places)
    failpoint("protect:forget")


def _erase_files(path: Path, volume: VolumeId, found: Iterable[SegmentId]) -> None:
    """Erase second places, half made ones too."""
    files = [protected_file(segment) for segment in found]
    erase_on(path, volume, [*files, *map(_half_made, files)])


def _half_made(file: PurePosixPath) -> PurePosixPath:
    return file.with_name(file.name + PART_SUFFIX)
