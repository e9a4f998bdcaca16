"""Build the benchmarks' own C programs with gcc when they are needed; kept in the cache, named by their source."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tests.bench.clip import CACHE


def built(name: str) -> Path:
    """Return the program made of `tests/bench/NAME.c`."""
    source = Path(__file__).with_name(f"{name}.c")
    program = CACHE / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", f"{program}.part", str(source)], check=True)
        Path(f"{program}.part").rename(program)
    return program
