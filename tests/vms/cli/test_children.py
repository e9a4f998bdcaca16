"""What keeps the processes of one machine up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.processes import is_running
from tests.waiting import wait_until
from vms.cli.children import Child, Children
from vms.clock import SystemClock

WRITE_PID = "import os,sys,signal,pathlib; pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); signal.pause()"


KEEP_ONE_UP = """
import os, sys
from vms.cli.children import Child, Children
from vms.clock import SystemClock
kept = Children(SystemClock(), lambda sentence: os._exit(3))
kept.start([Child("the child", (sys.executable, "-c", *sys.argv[1:]))])
kept.run()
"""
PID_NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def _may_have_a_pid_namespace() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run([*PID_NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def children(said: list[str]) -> Iterator[Children]:
    kept = Children(SystemClock(), said.append)
    runner = Thread(target=kept.run)
    runner.start()
    yield kept
    kept.stop()
    runner.join(30)
    assert not runner.is_alive()


def _writes_pid(path: Path) -> Child:
    return Child("the child", (sys.executable, "-c", WRITE_PID, str(path)))


def _pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_killed_child_starts_again_and_the_reason_is_said(children: Children, said: list[str], tmp_path: Path) -> None:
    """A child that dies is replaced."""
    pids = tmp_path / "pids"
    children.start([_writes_pid(pids)])
    wait_until(lambda: len(_pids(pids)) == 1)
    os.kill(_pids(pids)[0], signal.SIGKILL)
    wait_until(lambda: len(_pids(pids)) == 2)
    assert "the child ended (killed by SIGKILL); it starts again" in said[0]


def test_a_child_that_ends_at_once_is_not_started_in_a_tight_loop(children: Children, said: list[str]) -> None:
    """The pause doubles with each early end."""
    children.start([Child("the child", (sys.executable, "-c", "raise SystemExit(3)"))])
    wait_until(lambda: len(said) >= 2)
    assert "exit code 3" in said[0]
    assert "again in 0.5 s" in said[0]
    assert "again in 1 s" in said[1]


def test_a_child_that_cannot_start_ends_the_others_too(said: list[str], tmp_path: Path) -> None:
    """Exit code 2 at the first start: what it said is not repeated for ever."""
    kept = Children(SystemClock(), said.append)
    pids = tmp_path / "pids"
    kept.start([_writes_pid(pids)])
    wait_until(lambda: len(_pids(pids)) == 1)
    kept.start([Child("the web server", (sys.executable, "-c", "raise SystemExit(2)"))])
    assert kept.run() == 2
    assert said == ["the web server can't start; the reason stands above. Nothing runs without it."]
    with pytest.raises(ProcessLookupError):
        os.kill(_pids(pids)[0], 0)


def test_a_child_that_ran_once_is_tried_again_whatever_it_ends_with(children: Children, said: list[str], tmp_path: Path) -> None:
    """The lock of a killed recorder stays until its last worker is gone: the next start may fail and the one after it not."""
    first = tmp_path / "first"
    killed_then_refused = (
        "import os,signal,pathlib,sys; p = pathlib.Path(sys.argv[1])\n"
        "if p.exists(): sys.exit(2)\n"
        "p.touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    children.start([Child("the child", (sys.executable, "-c", killed_then_refused, str(first)))])
    wait_until(lambda: len(said) == 2)
    assert "exit code 2" in said[1]
    assert "starts again" in said[1]


def test_stopping_ends_every_child_in_order(said: list[str], tmp_path: Path) -> None:
    """Stop sends SIGTERM and waits."""
    kept = Children(SystemClock(), said.append)
    pids = tmp_path / "pids"
    kept.start([_writes_pid(pids), _writes_pid(pids)])
    wait_until(lambda: len(_pids(pids)) == 2)
    kept.stop()
    kept.run()
    for pid in _pids(pids):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert said == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """`kill -9` of `vms up` leaves no process behind."""
    pids = tmp_path / "pids"
    with subprocess.Popen([sys.executable, "-c", KEEP_ONE_UP, WRITE_PID, str(pids)]) as parent:
        wait_until(lambda: len(_pids(pids)) == 1)
        parent.kill()
    wait_until(lambda: not is_running(_pids(pids)[0]))


@pytest.mark.skipif(not _may_have_a_pid_namespace(), reason="this kernel gives no process-id namespace to ordinary users")
def test_children_of_process_1_live(tmp_path: Path) -> None:
    """In a container `vms up` is process 1: a parent of that number doesn't mean that the child's own has died."""
    pids = tmp_path / "pids"
    with subprocess.Popen([*PID_NAMESPACE, sys.executable, "-c", KEEP_ONE_UP, WRITE_PID, str(pids)]) as unshared:
        wait_until(lambda: len(_pids(pids)) == 1 or unshared.poll() is not None)
        assert unshared.poll() is None
        unshared.kill()
