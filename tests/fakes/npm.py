"""Packages of npm for tests: installed once from a folder's lock file, under `.cache`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import hatch_build

CACHE = Path(__file__).parents[2] / ".cache"
_FILES = ("package.json", "package-lock.json")


def installed(here: Path) -> Path:
    """Return the folder with the packages that `here` locks; what several processes install at once, one of them keeps."""
    digest = hashlib.sha256(b"".join((here / name).read_bytes() for name in _FILES)).hexdigest()[:16]
    folder = CACHE / f"{here.name}-{digest}"
    if not folder.is_dir():
        CACHE.mkdir(exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f"{here.name}-", dir=CACHE))
        for name in _FILES:
            shutil.copy(here / name, making)
        _npm_ci(making)
        try:
            making.rename(folder)
        except OSError:
            shutil.rmtree(making)
    return folder


def _npm_ci(folder: Path) -> None:
    node = hatch_build._node()
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    command = [node, str(hatch_build._npm(node)), "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
