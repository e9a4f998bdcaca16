"""What a re-encoding child can't do, tried in real children: confined as they are, and by each layer alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recorder.fallback.child import CHILD_MODULE, sandbox_here
from recorder.fallback.frames import ANSWER_HEAD
from vms.media.confined import start
from vms.media.seccomp import _CALLS, _NAMES

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these layers")]
DONE = "done"
MUST_WORK = {"re-encode", "hold 100 MB"}


def tried(layer: str) -> dict[str, str]:
    process, ours = start("tests.recorder.fallback.probes", layer)
    with ours, ours.makefile("rb") as answers:
        ours.settimeout(60)
        size, _, _ = ANSWER_HEAD.unpack(answers.read(ANSWER_HEAD.size))
        found: dict[str, str] = json.loads(answers.read(size))
    assert process.wait(20) == 0
    return found


def done(found: dict[str, str]) -> set[str]:
    return {name for name, outcome in found.items() if outcome == DONE}


def test_a_child_can_re_encode_and_nothing_else() -> None:
    found = tried("all")

    assert len(found) >= 30
    assert done(found) == MUST_WORK


def test_seccomp_alone_refuses_all_but_memory() -> None:
    assert done(tried("seccomp")) == MUST_WORK | {"take 512 MiB"}


def test_landlock_alone_refuses_files_ports_and_signals_to_others() -> None:
    refused = {"read a file", "write a file", "list a folder", "connect to a port", "bind a port", "signal the parent"}
    found = tried("Landlock")

    assert refused & done(found) == set()
    assert {found[name] for name in ("read a file", "connect to a port")} == {"Permission denied"}
    assert done(found) >= MUST_WORK | {"signal itself", "make a TCP socket"}


def test_limits_alone_bound_memory_files_and_what_is_written() -> None:
    found = tried("limits")

    assert done(found) == MUST_WORK
    assert (found["write a file"], found["open many files"]) == ("File too large", "Too many open files")


def test_a_child_tells_that_every_layer_holds_here() -> None:
    assert [(layer.name, layer.holds) for layer in sandbox_here()] == [
        ("limits", True),
        ("no new privileges", True),
        ("Landlock", True),
        ("seccomp", True),
    ]


def test_a_child_has_one_thread_no_foreign_descriptor_and_an_empty_environment(tmp_path: Path) -> None:
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)
    process, ours = start(CHILD_MODULE, "jpeg")
    try:
        with ours:
            ours.settimeout(60)
            assert ours.recv(1)  # the report: it is confined by now
            descriptors = {path.name: str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()}
            environment = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
            status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        process.wait()
        os.close(secret)

    assert sorted(descriptors) == ["0", "1", "2"]
    assert descriptors["1"] == descriptors["2"] == os.devnull
    assert {line.partition("=")[0] for line in environment} - {""} <= {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "LC_CTYPE"}
    assert "Threads:\t1\n" in status
    assert "NoNewPrivs:\t1\n" in status
    assert "Seccomp:\t2\n" in status


def test_a_child_ends_when_its_socketpair_does() -> None:
    process, ours = start(CHILD_MODULE, "jpeg")
    with ours, ours.makefile("rb") as answers:
        ours.settimeout(60)
        answers.read(ANSWER_HEAD.unpack(answers.read(ANSWER_HEAD.size))[0])
    assert process.wait(20) == 0


def test_a_child_that_an_orphan_started_ends_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-m", "recorder.fallback.process", "jpeg", "1"], stdin=subprocess.DEVNULL)
    assert process.wait(20) == 1


def test_each_architecture_allows_the_same_calls() -> None:
    assert {len(calls.allowed) for calls in _CALLS.values()} == {len(_NAMES.split())}
    assert all(len(set(calls.allowed)) == len(calls.allowed) for calls in _CALLS.values())
