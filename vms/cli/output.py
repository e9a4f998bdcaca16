"""What the commands print: sentences for people on stderr, one JSON document on stdout for scripts, and the exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from threading import Timer

from rich.console import Console
from rich.table import Table

from vms.errors import VmsError

# What is printed is as it is: the pair AB of a fingerprint, between its colons, is no picture, and a name's [brackets] no style.
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)
out = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)


SLOW_SECONDS = 1.0
"""Longer than this, and a person wants to know what a command is doing."""


class Exit(IntEnum):
    DONE = 0
    """Done and fine."""
    WRONG = 1
    """Done, and something is wrong."""
    NOT_DONE = 2
    """Not done: usage, refused, unreachable."""


def print_json(document: object) -> None:
    """Print one document; moments are ISO 8601."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows under their heads, or the sentence `empty` when there are none."""
    if not rows:
        out.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def unreadable(fault: VmsError | None) -> str:
    """Return what stands behind an entry of a list whose texts can't be read; `show` says why."""
    return "" if fault is None else "; can't be read"


@dataclass(slots=True)
class Work:
    """What the line of a slow command shows: its words and, once it is told, how far it is."""

    words: str
    done: int = 0
    total: int | None = None

    def tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def __rich__(self) -> str:
        return self.words if self.total is None else f"{self.words} {self.done:,} of {self.total:,}"


@contextmanager
def working(words: str, *, console: Console = err, after: float = SLOW_SECONDS) -> Iterator[Work]:
    """Show `words` while the block runs, on a terminal and only when it takes long; nothing is left of them."""
    work = Work(words)
    status = console.status(work)
    late = Timer(after, status.start)
    if console.is_terminal:
        late.start()
    try:
        yield work
    finally:
        late.cancel()
        if late.ident is not None:
            late.join()
        status.stop()


@contextmanager
def sentences() -> Iterator[None]:
    """Turn a failure of the product into its sentence on stderr and exit code 2; a bug keeps its traceback."""
    try:
        yield
    except VmsError as error:
        err.print(f"vms: {error}", markup=False)
        raise SystemExit(Exit.NOT_DONE) from error
