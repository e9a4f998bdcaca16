"""What is in this machine, on one sheet, for the day on which somebody takes it away.

Everything is read where it lies: no server is asked, and what can't be read is said and keeps nothing else from being told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from vms.config import Settings
from vms.domain.ids import StreamId
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import VmsError
from vms.services.capacity import oldest_ms
from vms.services.signed_notes import SignedNotes
from vms.store import runs, stream_rules
from vms.store.files import Volume

SECTOR_BYTES = 512
"""In which the kernel counts a disk's size, whatever the disk says."""
_NO_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One part of the sheet after the other: a title, and its lines."""

    host: str
    at: datetime
    parts: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def title(self) -> str:
        return f"Custodian on {self.host}: what is in this machine, {self.at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def text(self) -> str:
        parts = "".join(f"\n{title}\n" + "".join(f"  {line}\n" for line in lines) for title, lines in self.parts)
        return f"{self.title}\n{parts}"

    def pdf(self) -> bytes:
        from vms.services import paper  # noqa: PLC0415 - what draws pages takes time and memory to load

        content = [paper.text(self.title, "Heading2")]
        for title, lines in self.parts:
            content += [paper.text(title, "Heading4"), *(paper.text(line) for line in lines)]
        return paper.pdf(self.title, "Custodian", content)


def part(title: str, lines: Callable[[], Sequence[str]]) -> tuple[str, tuple[str, ...]]:
    """Return a part of the sheet; where it can't be read, with the reason."""
    try:
        return title, tuple(lines()) or ("None.",)
    except (VmsError, OSError) as err:
        return title, (f"Could not be read: {err}",)


def disks(blocks: Path = Path("/sys/block")) -> list[str]:
    """Return each disk with what it calls itself, by what the kernel tells everybody: no right of root is needed."""
    found = sorted(one for one in blocks.iterdir() if not one.name.startswith(_NO_DISKS))
    return [_disk(one) for one in found]


def volumes(settings: Settings) -> list[str]:
    return [_volume(one.path) for one in settings.volumes]


def footage(index: Connection, names: Mapping[StreamId, str], at: datetime) -> list[str]:
    """Return of each stream from when to when there is footage that people know of; without the hub's database by its number.

    What only a sealed hold keeps is in no line.
    """
    now_ms, rules = ms_of(at), {rule.stream_id: rule for rule in stream_rules.rules(index)}
    lines = []
    for stream, until_ms in sorted(runs.recorded_until(index, now_ms).items()):
        first_ms = oldest_ms(index, stream, rules.get(stream), now_ms)
        shown = [one for one in stream_rules.readable(index, stream, now_ms) if one.start_ms < until_ms]
        if first_ms is not None and shown:
            last_ms = max(until_ms if one.end_ms is None else min(until_ms, one.end_ms) for one in shown)
            lines.append(f"{names.get(stream, f'stream {stream}')}: {_moment(first_ms)} to {_moment(last_ms)}")
    return lines


def signed_last(settings: Settings) -> list[str]:
    """Return the lines of the newest signed checkpoint of the access log, from beside its key."""
    known = SignedNotes(settings).known()
    return [line for note in sorted(known or ()) for line in note.splitlines() if line]


def _disk(block: Path) -> str:
    size = int(_told(block / "size") or 0) * SECTOR_BYTES
    model = " ".join(part for part in (_told(block / "device/vendor"), _told(block / "device/model")) if part)
    serial = _told(block / "device/serial") or _told(block / "serial") or _page_80(block / "device/vpd_pg80")
    return f"{block.name}: {size / 1e9:,.1f} GB, {model or 'model not told'}, serial {serial or 'not told'}"


def _told(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _page_80(path: Path) -> str:
    """Return a SCSI or SATA disk's serial number: page 80h of its vital product data (SPC-4, 7.8.15), four octets before it."""
    try:
        return path.read_bytes()[4:].decode("ascii", "replace").strip("\0 ")
    except OSError:
        return ""


def _volume(path: Path) -> str:
    try:
        volume = Volume.open(path)
        return f"{path}: volume {volume.id}, {volume.used_bytes() / 1e9:,.1f} GB of footage, {volume.free_bytes() / 1e9:,.1f} GB free"
    except (VmsError, OSError) as err:
        return f"{path}: could not be read: {err}"


def _moment(ms: int) -> str:
    return f"{datetime_of_ms(ms):%Y-%m-%d %H:%M:%S} UTC"
