"""Give a segment whose file is gone or damaged its file back from its second place. Only retention does so, while no pass is at work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from retention.node import RetentionNode
from vms.domain.footage import Segment, SegmentState
from vms.domain.ids import SegmentId, VolumeId
from vms.domain.timespan import ms_of
from vms.errors import Corrupt, VmsError
from vms.log import get_logger
from vms.services.check import Depth, Look
from vms.store import protected_places, secrecy, segments
from vms.store.files import DiskFull, Volume
from vms.store.layout import protected_file
from vms.store.protected_files import copy_place, give_back
from vms.store.protected_places import Place

log = get_logger(__name__)


def repair(node: RetentionNode, opened: Sequence[Volume], wanted: Iterable[SegmentId]) -> dict[SegmentId, bool]:
    """Return those of `wanted` that got their file back on the volumes `opened`, and whether people may be told; a lost one is live again.

    Call it while no pass is at work: what is destroyed meanwhile would come back.
    """
    there = {volume.id: volume for volume in opened}
    found = ((one, _given_back(node, there, one)) for one in wanted)
    return {one: told for one, told in found if told is not None}


def _given_back(node: RetentionNode, there: Mapping[VolumeId, Volume], segment: SegmentId) -> bool | None:
    with node.index.read.begin() as connection:
        row, places = segments.get(connection, segment), protected_places.of(connection, segment)
        told = row is not None and not is_secret(connection, row, node)
    home, look = None if row is None else there.get(row.volume_id), Look(Depth.DEEP, node.keys)
    if row is None or home is None or row.state is SegmentState.CONDEMNED or look.is_right(row, home.segment_path(segment)):
        return None
    # A link first: it takes no room.
    made = sorted((volume for volume, done in places.items() if done and volume in there), key=lambda volume: volume != home.id)
    source = next((volume for volume in made if look.is_right(row, there[volume].path / protected_file(segment))), None)
    if source is None:
        return None
    try:
        if source != home.id:
            _bring_home(node, row, there[source], home)
        give_back(home, segment)
    except (OSError, VmsError) as err:
        if told:
            log.error("footage not given back from its second place", segment=segment, volume=home.id, reason=str(err))
        return None
    if row.state is SegmentState.LOST:
        with node.index.write.begin() as connection:
            segments.set_state(connection, segment, SegmentState.LIVE, was=SegmentState.LOST)
    if told:
        log.warning("footage given back from its second place", segment=segment, volume=home.id, copied_from=source)
    return told


def is_secret(connection: Connection, row: Segment, node: RetentionNode) -> bool:
    """Say whether nobody is to be told that this footage came back: it can only have done so from a place that a sealed hold has alone."""
    return secrecy.of_stream(connection, row.stream_id, ms_of(node.clock.now())).has_place(row.start_ticks, row.end_ticks)


def _bring_home(node: RetentionNode, row: Segment, source: Volume, home: Volume) -> None:
    """Copy a segment's file to its second place on its own volume, in place of a link to what is damaged."""
    if (lack := home.lack_of_room(row.size_bytes)) is not None:
        raise DiskFull(lack)
    place = Place(row.id, home.id)
    with node.index.write.begin() as connection:
        protected_places.note(connection, [place])
    if not copy_place(source.path / protected_file(row.id), home, row.id, lambda path: Look(Depth.DEEP, node.keys).is_right(row, path)):
        raise Corrupt(f"{home.path} did not keep what was copied there. Look at the disk.")
    with node.index.write.begin() as connection:
        protected_places.set_made(connection, [place], made=True)
