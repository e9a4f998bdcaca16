"""The disks that retention looks after: whether room is low, so that a pass begins at once, and the ballast for commits on a full one.

Footage never takes the room of the ballast: recording stops while twice as much is free (`Volume.low_watermark_bytes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from vms.config import Settings, VolumeSetting
from vms.domain.capacity import LOW_HOURS, OVER
from vms.domain.full_disk import EARLY_HOURS
from vms.errors import VmsError
from vms.log import get_logger
from vms.services.capacity import headroom
from vms.store.ballast import is_whole, let_go, make_ballast
from vms.store.database import Engines
from vms.store.files import Volume

log = get_logger(__name__)


class Disks:
    """The volumes of this machine, and where its databases are."""

    def __init__(self, volumes: Sequence[VolumeSetting], databases: Sequence[Path]) -> None:
        self._volumes = volumes
        self._databases = databases
        self._low = self._short = False
        self._opened: dict[Path, Volume] = {}

    @classmethod
    def of(cls, settings: Settings) -> Disks:
        files = (settings.index_path, settings.central_path, settings.keys1_path, settings.keys2_path)
        return cls(settings.volumes, [path.parent for path in files])

    def is_low(self, index: Engines, *, now: datetime) -> bool:
        """Say whether the room lasts for less than `LOW_HOURS`; once it does, until there is a quarter more."""
        self._low = self._hours(index, now) < LOW_HOURS * (OVER if self._low else 1.0)
        return self._low

    def is_short(self, index: Engines, *, now: datetime) -> bool:
        """Say the same of `EARLY_HOURS`: what may go before its day goes."""
        self._short = self._hours(index, now) < EARLY_HOURS * (OVER if self._short else 1.0)
        return self._short

    def mind_ballast(self) -> None:
        """Let the ballast go where databases are out of room beside it, and set it aside again where recording has room once more."""
        for volume in self.there():
            with suppress(OSError):  # the disk went away, or was filled meanwhile: the next look finds it so
                self._mind(volume)

    def there(self) -> Iterator[Volume]:
        """Yield the volumes that are there, each the same as the last time: it knows what it has measured."""
        for setting in self._volumes:
            with suppress(VmsError, OSError):
                opened = Volume.open(setting.path, max_bytes=setting.max_bytes)
                known = self._opened.get(setting.path)
                if known is None or known.id != opened.id:
                    self._opened[setting.path] = known = opened
                yield known

    def _hours(self, index: Engines, now: datetime) -> float:
        with index.read.begin() as connection:
            return headroom(connection, list(self.there()), now=now, growing=None).hours

    def _mind(self, volume: Volume) -> None:
        free, size = volume.free_bytes(), volume.ballast_bytes
        if free < size:
            if self._has_databases(volume) and let_go(volume.path):
                log.error("ballast let go: the disk of the databases is full", path=str(volume.path), free_bytes=free)
        elif not is_whole(volume.path, size) and free >= volume.low_watermark_bytes + size:
            make_ballast(volume.path, size)
            log.info("ballast set aside again", path=str(volume.path))

    def _has_databases(self, volume: Volume) -> bool:
        device = volume.path.stat().st_dev
        return any(folder.exists() and folder.stat().st_dev == device for folder in self._databases)
