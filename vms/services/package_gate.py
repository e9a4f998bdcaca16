"""The gate that a package passes before it is released: opened again, decoded here and there, verified as its reader will."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import IO

from vms.domain.package import PictureCopy, Video
from vms.errors import Corrupt
from vms.log import get_logger
from vms.media.confined import start
from vms.media.sandbox import layers_of, missing_of
from vms.media.trial_decoding import to_try

_VERIFIER = Path(__file__).parent / "package_files" / "verify.py"
UNSIGNED = ("manifest.json", "manifest.note", "log/entry.json", "log/entry.tlog-proof")
"""What the manifest can't list, as `verify.py` has it."""
_KEY = "keys/district.vkey"
_OF_UNSIGNED = frozenset({"signature", "log"})
_NO_PACKAGE = 2
_SILENT_SECONDS = 600.0
"""So long the trial may take for one file."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    check: str
    outcome: str
    """PASS, WARN or FAIL."""
    detail: str


def verify_package(folder: Path, key: str | None) -> list[Check]:
    """Run our own `verify.py`, never the package's, as a process without this one's modules. Corrupt when there is no package."""
    with_key = ["--key", key] if key is not None else []
    done = _run([sys.executable, "-I", str(_VERIFIER), str(folder), "--json", *with_key])
    if done.returncode == _NO_PACKAGE:
        raise Corrupt(done.stderr.strip())
    return [Check(**one) for one in json.loads(done.stdout)["checks"]]


def pass_gate(
    folder: Path, videos: Sequence[Video], copies: Sequence[PictureCopy], key: str, *, later: frozenset[str] = frozenset()
) -> None:
    """Corrupt, with every reason, unless the package verifies and every GOP that is tried decodes. The two run beside each other.

    `later`: checks that can't pass yet; `require_verified` does them all.
    """
    begins = {video.path: [at - video.part.start_ticks for at in video.part.keyframes] for video in videos}
    with _decoding(folder, begins | {copy.path: list(copy.keyframes) for copy in copies}) as told:
        wrong = _wrong(folder, key, later) + told()
    _refuse_if(wrong)


def require_verified(folder: Path, key: str) -> None:
    """Corrupt, with every reason, unless a package whose pictures were tried before verifies."""
    _refuse_if(_wrong(folder, key, frozenset()))


def unsigned(folder: Path) -> list[str]:
    """Return what is wrong with what the manifest can't list, the signature over it and the log's proof; no recording is read."""
    with TemporaryDirectory(dir=folder.parent) as alone:  # goes with the package's own, whatever happens
        for path in (*UNSIGNED, _KEY):
            if (folder / path).is_file():
                (Path(alone) / path).parent.mkdir(exist_ok=True)
                copyfile(folder / path, Path(alone) / path)
        checks = verify_package(Path(alone), None)
    return [f"{one.check}: {one.detail}." for one in checks if one.check in _OF_UNSIGNED and one.outcome != "PASS"]


def _wrong(folder: Path, key: str, later: frozenset[str]) -> list[str]:
    return [f"{one.check}: {one.detail}" for one in verify_package(folder, key) if one.outcome != "PASS" and one.check not in later]


def _refuse_if(wrong: Sequence[str]) -> None:
    if wrong:
        raise Corrupt(f"The package did not pass its gate and was not released. {' '.join(wrong)}")


@contextmanager
def _decoding(folder: Path, files: Mapping[str, Sequence[int]]) -> Iterator[Callable[[], list[str]]]:
    """Start the trial of files, each with when its GOPs begin, and give what waits for its answer; it ends with the block in any case."""
    wanted = [to_try(keyframes) for keyframes in files.values()]
    process, ours = start("vms.media.trial_decoding", *(str((folder / path).absolute()) for path in files))
    ours.settimeout(_SILENT_SECONDS)
    try:
        with ours, ours.makefile("rb") as said:
            with suppress(BrokenPipeError):  # it ended: that is seen when it is asked
                ours.sendall(json.dumps(wanted).encode())
                ours.shutdown(socket.SHUT_WR)
            yield lambda: _told(said, len(files))
    finally:
        process.kill()
        process.wait()


def _told(said: IO[bytes], files: int) -> list[str]:
    """Return the sentences of a trial. One that does not answer for every file has failed: hostile octets may have ended it."""
    try:
        missing = missing_of(layers_of(said.readline()))
        each = [json.loads(said.readline()) for _ in range(files)]
    except (OSError, ValueError, TypeError):
        return ["The trial of decoding ended before it had tried every file."]
    if missing:
        log.warning("trial of decoding has not its whole sandbox", missing=missing)
    return [sentence for sentences in each for sentence in sentences]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell, our own script and paths
