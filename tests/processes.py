"""Processes of this machine as the kernel tells of them: whether one runs, and what its children are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def is_running(pid: int) -> bool:
    """Say whether a process runs; a zombie that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int, word: str) -> list[int]:
    """Return the pids of the children of `pid` that were started with `word` among their arguments."""
    return [child for child in _children(pid) if word in _arguments(child)]


def descendants(pid: int) -> list[int]:
    """Return the pids of the children of `pid`, of theirs, and so on."""
    return [found for child in _children(pid) for found in (child, *descendants(child))]


def _children(pid: int) -> Iterator[int]:
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return


def _arguments(pid: int) -> list[str]:
    """Return how a process was started; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
