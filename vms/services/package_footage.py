"""Where a package's footage comes from: the one door, and the node that is this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import datetime
from typing import Protocol

from vms.config import Settings
from vms.domain.footage import Gap, GapReason, Segment
from vms.domain.ids import StreamId
from vms.domain.package import Order
from vms.domain.timespan import Timespan, datetime_of, ms_of
from vms.errors import Unavailable
from vms.media.assembly import ReadRecord
from vms.media.segment_file import HourKeys, SegmentReader
from vms.services.nodes import node_of
from vms.store import cameras, segments, stream_rules
from vms.store.database import Engines, make_engines
from vms.store.files import Volume
from vms.store.key_credential import footage_key
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.migrate import Which, require_current
from vms.store.timeline import readable_parts, told_timeline


class FootageSource(Protocol):
    """What shows a package's job the footage of its spans, and no other."""

    def recorded(self, stream: StreamId, span: Timespan, *, at: datetime) -> tuple[Sequence[Segment], Sequence[Gap]]:
        """Return what of `span` may be shown, by start, and why the rest is missing; of two reasons the first counts."""
        ...

    def open(self, segment: Segment) -> AbstractContextManager[ReadRecord]:
        """Open one of those segments; Unavailable without its file, NotFound without its key, Corrupt for damage, each by its name."""
        ...


@contextmanager
def footage_here(settings: Settings, central: Engines, order: Order) -> Iterator[FootageSource]:
    """Open what this machine recorded; Unavailable where another records a camera of the order: it would seem to have no footage."""
    with central.reading() as session:
        here = node_of(session, KeyFiles(settings.node_key_path)).id
        found = [(scope.camera, cameras.get(session, None, scope.camera_id)) for scope in order.cameras]
    if elsewhere := [name for name, details in found if details is None or details.device.node_id != here]:
        raise Unavailable(
            f"‘{elsewhere[0]}’ is recorded by another machine than this. Packages are made of what this machine recorded alone."
        )
    index = make_engines(settings.index_path)
    with ExitStack() as opened:
        opened.callback(index.dispose)
        opened.enter_context(index.answering())
        require_current(index, Which.INDEX)
        keys = opened.enter_context(closing(KeyStore.open(settings.keys1_path, settings.keys2_path, footage_key(settings))))
        yield StoredFootage(index, keys, list(_mounted(settings)))


def _mounted(settings: Settings) -> Iterator[Volume]:
    """Yield the volumes that are there; a segment on one that is not is named when it is to be opened."""
    for setting in settings.volumes:
        with suppress(Unavailable):
            yield Volume.open(setting.path, max_bytes=setting.max_bytes)


class StoredFootage:
    """Reads index, keys and volumes of this machine. Shows what the node API would: nothing past its window but what holds keep."""

    def __init__(self, index: Engines, keys: HourKeys, volumes: Sequence[Volume]) -> None:
        self._index = index
        self._keys = keys
        self._volumes = {volume.id: volume for volume in volumes}

    def recorded(self, stream: StreamId, span: Timespan, *, at: datetime) -> tuple[Sequence[Segment], Sequence[Gap]]:
        found: list[Segment] = []
        with self._index.read.begin() as connection:
            times = stream_rules.readable(connection, stream, ms_of(at))
            rest: Timespan | None = span
            while rest is not None:
                page = segments.find(connection, stream, rest)
                found += [one for one in page if not found or one.start_ticks > found[-1].start_ticks]  # an end between two microseconds
                goes_on = len(page) == segments.FIND_LIMIT and page[-1].span.end < span.end
                rest = Timespan(page[-1].span.end, span.end) if goes_on else None
            why = list(told_timeline(connection, stream, span, now=at).gaps)
            shown = readable_parts(connection, stream, span, now=at)
        why += [Gap(stream, time.start, time.end, GapReason.NOT_KEPT) for time in _rest(span, shown)]
        return [one for one in found if any(time.overlaps(one.start_ticks, one.end_ticks) for time in times)], why

    @contextmanager
    def open(self, segment: Segment) -> Iterator[ReadRecord]:
        volume = self._volumes.get(segment.volume_id)
        if volume is None:
            raise Unavailable(f"Segment {segment.id} of {datetime_of(segment.start_ticks)} is on a volume that is not there now.")
        try:
            file = volume.segment_path(segment.id).open("rb")
        except FileNotFoundError as err:
            raise Unavailable(f"Segment {segment.id} has no file. Run: vms check") from err
        with file:
            yield SegmentReader(file, self._keys, segment.fragments, segment=segment.id).record


def _rest(span: Timespan, parts: Sequence[Timespan]) -> Iterator[Timespan]:
    """Yield what `parts`, which lie in `span` and are in order, leave of it."""
    at = span.start
    for part in parts:
        if at < part.start:
            yield Timespan(at, part.start)
        at = part.end
    if at < span.end:
        yield Timespan(at, span.end)
