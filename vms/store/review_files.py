"""The folder in which reviews lie as files too: what is there, and deleting what goes with its entries."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def names(folder: Path) -> list[str]:
    """Return the names of the text files; none when the folder was never made."""
    return [path.name for path in folder.glob("*.txt")]


def delete(folder: Path, doomed: Iterable[str]) -> None:
    """Delete files by name. Raises OSError when one can't be deleted; those before it are gone."""
    for name in doomed:
        (folder / name).unlink(missing_ok=True)
