"""Processes that rotate a key and are killed on the way: each line on standard input, WHERE DATA KEY with tabs between, forks one.

It is answered by the lines that ran, if it lived, and its exit code. WHERE is a step, `lines` to count how many lines of the product
the rotation runs, or `line N` to be killed before the N-th of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tests.vms.services.sealed_branch import SealedBranch
from vms.config import load_settings
from vms.domain.ids import BranchId
from vms.services import key_rotation, text_rotation
from vms.services.key_rotation import RotatedKey
from vms.store import district_texts, key_files, keys
from vms.store.database import make_engines
from vms.store.failpoints import arm, kill_self

TRACED = frozenset({one.__file__ for one in (key_rotation, text_rotation, district_texts, key_files, keys)})
SEPARATOR = "\t"

if TYPE_CHECKING:
    from _typeshed import TraceFunction


class Lines:
    """Counts the lines of the traced modules, and kills this process at one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def call(self, frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return self.line if frame.f_code.co_filename in TRACED else None

    def line(self, _frame: FrameType, event: str, _argument: object) -> TraceFunction:
        self.count += event == "line"
        if self.count == self._last:
            kill_self()
        return self.line


def rotate(where: str, data: str, key: str) -> int:
    """Rotate in this process, which may be killed on the way; return how many traced lines ran."""
    settings = load_settings(Path(data))
    branch = SealedBranch(settings, make_engines(settings.central_path), make_engines(settings.index_path), BranchId(0))
    lines = Lines(int(where.removeprefix("line ")) if where.startswith("line ") else 0)
    if where.startswith("line"):
        sys.settrace(lines.call)
    else:
        arm(where)
    branch.rotate(RotatedKey(key))
    sys.settrace(None)
    return lines.count


def main() -> None:
    """Fork for each order: what a fresh interpreter would import for each of fifty kills is imported once."""
    for order in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdout.write(f"{rotate(*order.rstrip().split(SEPARATOR))} ")
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
