"""A folder for the image of a loop device that writes down what reaches the device: every write and every flush, in order.

    python -m tests.fakes.write_log_fs BELOW MOUNT_POINT LOG

From the log and the image as it was, `disk_after_power_cut` makes what a disk with a volatile cache may hold after a power cut at
any moment: all that was written before the last flush, and of what was written since any part, in pieces that a disk writes whole.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from recorder.process import die_with_the_parent
from tests.fakes.passthrough_fs import PassthroughFs, serve

PIECE_BYTES = 4096
"""What a disk writes whole: its physical sector."""
_ENTRY = struct.Struct("<QI")
_FLUSH = _ENTRY.pack(0, 0)


class WriteLogFs(PassthroughFs):
    def __init__(self, below: Path, log: Path) -> None:
        super().__init__(below)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        os.writev(self._log, [_ENTRY.pack(offset, len(data)), data])
        return super().write(path, data, offset, fh)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.write(self._log, _FLUSH)
        super().fsync(path, datasync, fh)


@dataclass(frozen=True, slots=True)
class Written:
    """One entry of the log: a write, or without octets a flush."""

    offset: int
    data: bytes
    logged_bytes: int
    """Where the log ended when this was done."""


def read_log(log: Path, until_bytes: int) -> list[Written]:
    """Return what was logged in the first `until_bytes` octets."""
    logged, at, found = log.read_bytes()[:until_bytes], 0, []
    while at < len(logged):
        offset, length = _ENTRY.unpack_from(logged, at)
        at += _ENTRY.size + length
        found.append(Written(offset, logged[at - length : at], at))
    return found


def disk_after_power_cut(image: Path, written: Sequence[Written], random: Random, *, cut: Path) -> None:
    """Make `cut`: `image` with the writes of `written`, of those after its last flush only some."""
    subprocess.run(["cp", "--sparse=always", image, cut], check=True)
    flushed = max((number for number, entry in enumerate(written) if not entry.data), default=-1)
    kept = random.choice((0.0, 0.3, 0.7, 0.95))
    with cut.open("r+b") as disk:
        for entry in written[: flushed + 1]:
            disk.seek(entry.offset)
            disk.write(entry.data)
        for offset, piece in _pieces(written[flushed + 1 :]):
            if random.random() < kept:
                disk.seek(offset)
                disk.write(piece)


def _pieces(written: Sequence[Written]) -> Iterator[tuple[int, bytes]]:
    for entry in written:
        for at in range(0, len(entry.data), PIECE_BYTES):
            yield entry.offset + at, entry.data[at : at + PIECE_BYTES]


if __name__ == "__main__":
    die_with_the_parent()
    serve(WriteLogFs(Path(sys.argv[1]), Path(sys.argv[3])), Path(sys.argv[2]))
