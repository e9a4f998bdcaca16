"""The one deleter of published footage. Only retention may import it; it decides nothing."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from vms.errors import InvalidInput

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def erase_published(volume: Path, relative: PurePosixPath) -> bool:
    """Unlink `relative` inside `volume` and fsync its directory; False when it was gone already.

    Every step down is taken by directory handle without following links, so a link planted in the volume leads nowhere.
    Raises OSError when the disk refuses; the caller keeps the condemned row and tries again.
    """
    if relative.is_absolute() or ".." in relative.parts or len(relative.parts) < 2:
        raise InvalidInput(f"{relative} does not name a file inside a volume; nothing was erased")
    folder = os.open(volume, _DIRECTORY)
    try:
        for name in relative.parts[:-1]:
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.unlink(relative.name, dir_fd=folder)
        os.fsync(folder)
    except FileNotFoundError:
        return False
    finally:
        os.close(folder)
    return True
