"""`vms export verify`: what it prints and how it ends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.vms.services.packaging import a_package
from vms.cli import app
from vms.services.packages import Built
from vms.store.database import Engines
from vms.store.migrate import Which

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("built")
    central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
    yield a_package(central, folder)
    central.dispose()


def _verify(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["export", "verify", *words])
    return done.exit_code, done.output


def test_a_package_with_the_key_is_confirmed(built: Built) -> None:
    code, said = _verify(str(built.folder), "--key", built.fingerprint, "--json")
    told = json.loads(said)
    assert (code, told["ok"], {one["outcome"] for one in told["checks"]}) == (0, True, {"PASS"})


def test_without_the_key_it_is_not(built: Built) -> None:
    code, said = _verify(str(built.folder))
    assert code == 1
    assert "WARN" in said
    assert said.splitlines()[-1] == "It is not confirmed that this is the package that was released."


def test_the_verifier_in_the_package_is_not_the_one_that_is_run(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(built.folder, folder)
    (folder / "verify.py").write_text("raise SystemExit(0)")
    assert _verify(str(folder), "--key", built.fingerprint)[0] == 1


def test_what_is_no_package_is_told_in_a_sentence(tmp_path: Path) -> None:
    code, said = _verify(str(tmp_path))
    assert code == 2
    assert "is no package that can be verified: manifest.json is missing" in said
