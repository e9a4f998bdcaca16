"""The import contracts hold, and each breaks when its violation is planted in a copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, files

pytestmark = pytest.mark.slow

VIOLATIONS = {
    "layers": [
        ("vms/services/planted.py", "import web.app"),
        ("recorder/planted.py", "import web.app"),
        ("vms/media/planted.py", "import vms.store.files"),
    ],
    "places": [("vms/helpers.py", "x = 1")],
    "domain": [("vms/domain/planted.py", "import sqlalchemy")],
    "erase": [("vms/services/planted.py", "import vms.store.erase"), ("recorder/planted.py", "def f():\n    from vms.store import erase")],
    "http": [("vms/services/planted.py", "import fastapi"), ("recorder/planted.py", "from starlette.responses import Response")],
    "demo": [("web/planted.py", "import web.demo"), ("recorder/planted.py", "def f():\n    from recorder import demo")],
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the four packages and of the contracts."""
    there = tmp_path_factory.mktemp("tree")
    for path in files():
        if path.suffix == ".py" and path.parts[0] in PACKAGES:
            (there / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, there / path)
    shutil.copy(ROOT / "pyproject.toml", there)
    return there


def _lint(there: Path, *options: str) -> tuple[int, str]:
    """Run import-linter on the copy; PYTHONPATH goes before the editable install, so it is the copy that is read."""
    outcome = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo", *options],
        cwd=there,
        env=os.environ | {"PYTHONPATH": str(there)},
        check=False,
        capture_output=True,
        text=True,
    )
    return outcome.returncode, outcome.stdout + outcome.stderr


def test_every_contract_is_kept(copy: Path) -> None:
    status, report = _lint(copy)
    assert status == 0, report
    assert f"{len(VIOLATIONS)} kept, 0 broken" in report


@pytest.mark.parametrize(
    ("contract", "path", "source"), [(contract, *planted) for contract, each in VIOLATIONS.items() for planted in each]
)
def test_a_planted_violation_breaks_its_contract(copy: Path, contract: str, path: str, source: str) -> None:
    planted = copy / path
    planted.write_text(source + "\n", encoding="utf-8")
    try:
        status, report = _lint(copy, "--contract", contract)
    finally:
        planted.unlink()
    assert status == 1, report
    assert "0 kept, 1 broken" in report
