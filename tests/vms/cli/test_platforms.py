"""What a machine goes without: judged from facts, so that one machine can tell for all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recorder.fallback import child
from tests.factories import CONSOLE
from vms.cli import app, platforms
from vms.cli.inspect import _sandbox_findings
from vms.cli.platforms import Machine, left_out, this_machine
from vms.clock import SystemClock
from vms.media.sandbox import Layer
from vms.services.district import District
from vms.services.installation import Installation, install

LINUX = Machine("Linux", "6.1.0-26-amd64", "ext4")
MACOS = Machine("Darwin", "24.1.0", "")
WSL2 = Machine("Linux", "5.15.153.1-microsoft-standard-WSL2", "ext4")
WSL2_ON_WINDOWS = Machine("Linux", "5.15.153.1-microsoft-standard-WSL2", "9p")
_INSTALLATION = Installation(District(name="Alder", timezone="UTC", days=14, director="Helen Marsh"))


def test_linux_goes_without_nothing() -> None:
    assert left_out(LINUX) == []


def test_macos_names_each_part_it_goes_without_in_one_line() -> None:
    lines = left_out(MACOS)
    assert [line for line in lines if not line.startswith("macOS ") or "\n" in line] == []
    assert [word for word in ("kill -9", "full disk", "NFS") if not any(word in line for line in lines)] == []


def test_wsl2_goes_without_nothing_on_its_own_disk_and_says_what_a_windows_disk_lacks() -> None:
    assert left_out(WSL2) == []
    (line,) = left_out(WSL2_ON_WINDOWS)
    assert "own disk" in line


def test_the_facts_of_this_machine_are_found_for_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    found = this_machine(tmp_path / "not" / "yet")
    assert found.system
    assert found.release


def test_the_recorder_says_it_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it ends at once, for so long a path has no room for its sockets."""
    settings = install(tmp_path / ("a-long-name" * 9) / "data", _INSTALLATION, actor=CONSOLE, clock=SystemClock())
    monkeypatch.setattr(platforms, "this_machine", lambda _data_dir: MACOS)
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "record"])
    assert said.exit_code == 2
    assert said.stderr.splitlines()[: len(left_out(MACOS))] == left_out(MACOS)


def test_doctor_lists_it_as_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = install(tmp_path / "data", _INSTALLATION, actor=CONSOLE, clock=SystemClock())
    monkeypatch.setattr(platforms, "this_machine", lambda _data_dir: MACOS)
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "doctor", "--json"])
    assert said.exit_code == 0
    assert [finding["detail"] for finding in json.loads(said.stdout) if finding["what"] == "left out"] == left_out(MACOS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these layers")
def test_doctor_says_which_layers_of_the_sandbox_hold(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["--data", str(tmp_path), "doctor", "--json"])
    layers = {finding["what"]: finding for finding in json.loads(said.stdout) if finding["what"].startswith("sandbox")}

    assert list(layers) == ["sandbox: limits", "sandbox: no new privileges", "sandbox: Landlock", "sandbox: seccomp"]
    assert all(finding["ok"] for finding in layers.values())
    assert "no files" in layers["sandbox: Landlock"]["detail"]
    assert "system calls" in layers["sandbox: seccomp"]["detail"]


@pytest.mark.parametrize(("name", "ok"), [("Landlock", True), ("seccomp", False), ("limits", False)])
def test_doctor_says_what_a_kernel_lacks_of_the_sandbox(name: str, ok: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr(child, "sandbox_here", lambda: [Layer(name, holds=False, detail="this kernel has none")])
    monkeypatch.setattr(sys, "platform", "linux")
    (finding,) = _sandbox_findings()

    assert (finding.what, finding.ok, finding.detail) == (f"sandbox: {name}", ok, "left out: this kernel has none")


def test_doctor_says_when_no_sandbox_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[Layer]:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(child, "sandbox_here", refuse)
    (finding,) = _sandbox_findings()

    assert not finding.ok
    assert "can't be recorded" in finding.detail
