"""Marks of what goes on: they exclude each other, and a killed process leaves none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vms.store.running import Mark, marks

_CHILD = """
import sys, pathlib
from vms.store.running import Mark
Mark(pathlib.Path(sys.argv[1]), 2**53 - 1)
print("there", flush=True)
sys.stdin.read()
"""


def test_a_number_is_marked_once_and_until_it_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "run" / "marks"
    first = Mark(path, 7)
    with pytest.raises(BlockingIOError):
        Mark(path, 7)
    other = Mark(path, 8)
    with marks(path) as seen:
        assert [seen.has(number) for number in (6, 7, 8, 7)] == [False, True, True, True]
        first.take_away()
        assert [seen.has(number) for number in (7, 8)] == [False, True]
        Mark(path, 7).take_away()  # looking leaves none
    other.take_away()


def test_a_mark_goes_with_its_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "marks"
    with subprocess.Popen([sys.executable, "-c", _CHILD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        with marks(path) as seen:
            assert seen.has(2**53 - 1)
            child.kill()
            child.wait()
            assert not seen.has(2**53 - 1)
