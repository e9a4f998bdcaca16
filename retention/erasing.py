"""Files of a volume erased, and only where its disk is: those of one that is away seem gone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vms.domain.ids import VolumeId
from vms.errors import VmsError
from vms.store.erase import erase_published
from vms.store.files import Volume


def erase_on(path: Path, volume: VolumeId, files: Iterable[PurePosixPath]) -> int:
    """Erase files of a volume, sync their folders and return how many there were.

    Unavailable for one that is not mounted where it was: its files would seem gone.
    """
    erased = erase_published(Volume.open(path, expect=volume).path, files)
    Volume.open(path, expect=volume)  # one that fell away meanwhile has its files still
    return erased


def is_mounted(path: Path, volume: VolumeId) -> bool:
    """Say whether the disk of a volume is where it was: the files of one that is away seem gone."""
    try:
        Volume.open(path, expect=volume)
    except (OSError, VmsError):
        return False
    return True
