"""The repository's own frame: locked and hashed dependencies, no address of an index, nothing stray at the top."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files

LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
TOP = {"vms", "recorder", "retention", "web", "deploy", "tests"} | {
    *("pyproject.toml", "hatch_build.py", "Makefile", "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE"),
    *LOCKS,
}
MAX_FILE_BYTES = 1_000_000
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==\S+ \\$")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def _lock(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def _pins(name: str) -> dict[str, str]:
    return {match[1]: line.split("==")[1].split()[0] for line in _lock(name) if (match := _PIN.match(line))}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_address(name: str) -> None:
    assert [line for line in _lock(name) if re.search(r"://|--(index|extra-index|find-links|trusted)|@ ", line)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(name: str) -> None:
    lines = [line for line in _lock(name) if line and not line.startswith("#")]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert _PIN.match(line) or re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
        assert not _PIN.match(line) or following.startswith("    --hash="), line


def test_the_lock_files_agree_with_each_other() -> None:
    development = _pins("requirements-dev.lock")
    for name in ("requirements.lock", "requirements-build.lock"):
        assert _pins(name).items() <= development.items(), name


def test_each_dependency_is_in_its_lock_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "requirements.lock": project["dependencies"],
        "requirements-build.lock": extras["build"],
        "requirements-dev.lock": extras["build"] + extras["test"],
    }
    for lock, requirements in wanted.items():
        names = {match[0].lower() for requirement in requirements if (match := _NAME.match(requirement))}
        assert names <= _pins(lock).keys(), lock


def test_the_npm_lock_names_no_address() -> None:
    assert '"resolved"' not in (ROOT / "web/ui/package-lock.json").read_text(encoding="utf-8")


def test_nothing_stray_stands_at_the_top() -> None:
    assert sorted({path.parts[0] for path in files() if not path.parts[0].startswith(".")} - TOP) == []


def test_no_file_is_large() -> None:
    assert [str(path) for path in files() if (ROOT / path).stat().st_size > MAX_FILE_BYTES] == []


def test_every_script_is_executable() -> None:
    scripts = [path for path in files() if path.suffix == ".sh" or path == Path(".ci/run")]
    assert scripts
    assert [str(path) for path in scripts if not os.access(ROOT / path, os.X_OK)] == []


def test_make_help_lists_what_a_newcomer_needs() -> None:
    listed = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for target in ("demo", "setup", "test", "test-long", "check", "bench", "bench-%", "ui", "clean"):
        assert re.search(rf"^  make {re.escape(target)} ", listed, re.MULTILINE), target


@pytest.mark.parametrize("script", sorted(path for path in files() if path.suffix == ".sh"), ids=str)
def test_a_script_parses(script: Path) -> None:
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


def test_no_symbolic_link_is_kept() -> None:
    """One points at a place of whoever made it, and replaces what stands there in every other checkout."""
    listed = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in listed.splitlines() if line.startswith("120000")] == []
