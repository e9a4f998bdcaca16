"""A while of coverage-guided fuzzing for every parser; skipped where atheris is not installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.hostile.parsers import PARSERS

pytestmark = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: pip install atheris")

ONE_OF_EACH_KIND = ("rtsp_message", "rtp_h264", "payloads_jpeg", "sps_h265", "segment_scan")
"""Most of a moment goes into starting the fuzzer; `test_parsers` feeds made-up octets to every parser."""


def fuzzed(name: str, limit: str, folder: Path) -> None:
    command = [sys.executable, "-m", "tests.hostile.fuzz", name, limit, f"-artifact_prefix={folder}/"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert list(folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_a_moment_of_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    fuzzed(name, "-runs=500", tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PARSERS))
def test_two_minutes_of_fuzzing_find_nothing(name: str, tmp_path: Path) -> None:
    fuzzed(name, "-max_total_time=120", tmp_path)
