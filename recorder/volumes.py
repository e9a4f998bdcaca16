"""Open the volumes that are there: one disk that is missing must not keep the others from recording."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vms.errors import Unavailable
from vms.log import get_logger
from vms.store.files import Volume

log = get_logger(__name__)


def open_those_there(wanted: Iterable[tuple[Path, int | None]]) -> tuple[Volume, ...]:
    """Open each of `wanted` (path, `max_bytes`) and name those that can't be; Unavailable when not even one can."""
    opened: list[Volume] = []
    missing: list[Unavailable] = []
    for path, max_bytes in wanted:
        try:
            opened.append(Volume.open(path, max_bytes=max_bytes))
        except Unavailable as err:
            missing.append(err)
    if missing and not opened:
        raise missing[0]
    for reason in missing:
        log.error("volume is missing", reason=str(reason))
    return tuple(opened)
