"""The gate that a package passes before it is released: opened again, decoded here and there, verified as its reader will."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vms.domain.package import Video
from vms.errors import Corrupt
from vms.media.trial_decoding import to_try
from vms.services.package_papers import FILES

_VERIFIED = 0
_NO_PACKAGE = 2


@dataclass(frozen=True, slots=True)
class Check:
    check: str
    outcome: str
    """PASS, WARN or FAIL."""
    detail: str


def verify_package(folder: Path, key: str | None) -> list[Check]:
    """Run our own `verify.py`, never the package's, as a process without this one's modules. Corrupt when there is no package."""
    with_key = ["--key", key] if key is not None else []
    done = _run([sys.executable, "-I", str(FILES / "verify.py"), str(folder), "--json", *with_key])
    if done.returncode == _NO_PACKAGE:
        raise Corrupt(done.stderr.strip())
    return [Check(**one) for one in json.loads(done.stdout)["checks"]]


def pass_gate(folder: Path, videos: Sequence[Video], key: str) -> None:
    """Corrupt, with every reason, unless the package verifies and every GOP that is tried decodes. The two run beside each other."""
    decoding = _start_decoding(folder, videos)
    wrong = [f"{one.check}: {one.detail}" for one in verify_package(folder, key) if one.outcome != "PASS"]
    told, complaint = decoding.communicate("".join(_keyframes(video) for video in videos))
    if decoding.returncode != 0:
        wrong += told.splitlines() or [f"The trial of decoding ended with {decoding.returncode}: {complaint.strip()[-200:]}"]
    if wrong:
        raise Corrupt(f"The package did not pass its gate and was not released. {' '.join(wrong)}")


def _start_decoding(folder: Path, videos: Sequence[Video]) -> subprocess.Popen[str]:
    paths = [str(folder / video.path) for video in videos]
    command = [sys.executable, "-m", "vms.media.trial_decoding", *paths]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603 - no shell, our own module and paths


def _keyframes(video: Video) -> str:
    """Return the line of a file: the keyframes to try, from its beginning."""
    return " ".join(str(at - video.part.start_ticks) for at in to_try(video.part.keyframes)) + "\n"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell, our own script and paths
