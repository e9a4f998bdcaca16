"""`vms` commands as processes forked from one that has loaded the product: loading it anew costs each of them seconds of a processor."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["vms.cli", "web.routers.session"])
_STREAMS = ("stdin", "stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    written: bytes
    """Its standard output as it is: a segment's, say."""
    err: str

    @property
    def out(self) -> str:
        return self.written.decode()

    def document(self) -> Any:  # noqa: ANN401 - whatever JSON the command prints
        return json.loads(self.out)


def run_forked(arguments: Sequence[str], environment: Mapping[str, str], *, stdin: str, timeout: float) -> Said:
    """Run one command to its end; AssertionError when it does not come to one in time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stream in _STREAMS:
            (folder / stream).write_text(stdin if stream == "stdin" else "", encoding="utf-8")
        process = _SERVER.Process(target=_run, args=(list(arguments), dict(environment), folder))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{arguments} did not end within {timeout:g} s")
        return Said(process.exitcode, (folder / "stdout").read_bytes(), (folder / "stderr").read_text(encoding="utf-8"))


def _run(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    from vms.cli import main  # noqa: PLC0415 - in the child alone

    for number, stream in enumerate(_STREAMS):
        opened = os.open(folder / stream, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["vms", *arguments]
    main()
