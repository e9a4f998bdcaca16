"""Find the key that opens one segment alone, for each that a hold keeps out of an hour whose key is due. Destroys nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retention.node import RetentionNode
from vms.domain.footage import Segment
from vms.domain.ids import SegmentId
from vms.errors import Corrupt, VmsError
from vms.media.segment_file import SegmentReader, read_header, segment_key
from vms.store.files import Volume
from vms.store.layout import found_of
from vms.store.purging import PartlyHeld
from vms.store.volumes import VolumeRecord


def keys_of(node: RetentionNode, held: PartlyHeld, places: Sequence[VolumeRecord]) -> dict[SegmentId, bytes] | None:
    """Return the key of each segment that is left of an hour, tried on its file; None as long as the hour's key has to stay.

    It has to while a volume is away, a file is missing, does not open, or has no row: what recovery would adopt may be held, too.
    """
    if not places or not node.volume_paths <= {place.path for place in places}:
        return None
    try:
        there = {place.id: Volume.open(place.path, expect=place.id) for place in places}
        files = {file.segment for one in there.values() for stream in held.streams for file in found_of(one.path, stream, held.hour)}
        if files != {row.id for row in held.left}:
            return None
        return {row.id: _tried_key(node, row, there[row.volume_id].segment_path(row.id), held) for row in held.left}
    except (OSError, VmsError):  # the key stays, so nothing is lost; `vms check` and the nightly comparison tell what is wrong
        return None


def _tried_key(node: RetentionNode, row: Segment, path: Path, held: PartlyHeld) -> bytes:
    """Return a segment's key, with which its beginning was decrypted; Corrupt when it does not open, or is not of this camera's hour."""
    with path.open("rb") as file:
        header = read_header(file)
        if (header.camera, header.hour) != (held.camera_id, held.hour):
            raise Corrupt(f"{path} names the key of another camera or hour.")
        key = segment_key(header, node.keys)
        SegmentReader(file, key, row.fragments, segment=row.id).read(0, 1)
    return key
