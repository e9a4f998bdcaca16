"""How much of the disk a volume's files take, measured again and again at little cost."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vms.store.layout import PART_SUFFIX, PROTECTED

_BLOCK_BYTES = 512
"""Unit of st_blocks (stat(2)), whatever the file system's own block is."""


@dataclass(frozen=True, slots=True)
class _Folder:
    changed_ns: int
    file_bytes: int
    folders: tuple[str, ...]


class Usage:
    """Sums up one directory tree and remembers folders that did not change since: hours that are over cost one stat each.

    A file that has a second name because it is held counts once.
    A folder changes when a file comes, goes or is renamed. Files that grow are `.part`; folders with one are looked at anew.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._known: dict[str, _Folder] = {}

    def measure(self) -> int:
        """Return the bytes that the files take on disk, reserved ones included."""
        before, self._known = self._known, {}
        total, waiting = 0, [self._root]
        while waiting:
            path = waiting.pop()
            with suppress(FileNotFoundError):  # retention may take a folder away meanwhile
                changed_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - a Path per folder costs more than the stat
                known = before.get(path)
                folder = known if known and known.changed_ns == changed_ns else self._look(path, changed_ns)
                if folder.changed_ns:
                    self._known[path] = folder
                total += folder.file_bytes
                waiting.extend(folder.folders)
        return total

    def _look(self, path: str, changed_ns: int) -> _Folder:
        file_bytes, folders = 0, []
        second = path.startswith(f"{self._root}/{PROTECTED}/")
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                with suppress(FileNotFoundError):
                    stat = entry.stat(follow_symlinks=False)
                    if second and stat.st_nlink > 1:
                        continue  # counted where it is published
                    file_bytes += max(stat.st_size, stat.st_blocks * _BLOCK_BYTES)
                if entry.name.endswith(PART_SUFFIX):
                    changed_ns = 0  # never remembered
        return _Folder(changed_ns, file_bytes, tuple(folders))
