"""`kill -9` at any moment of a rotation: everything still opens, the next run ends it, and the old key opens nothing."""

from __future__ import annotations

import inspect
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.factories import FixedKeys
from tests.vms.services.rotation_child import SEPARATOR
from tests.vms.services.sealed_branch import SealedBranch, fill, sealed_branch
from vms.config import load_settings
from vms.services import key_rotation, text_rotation
from vms.services.key_rotation import RotatedKey
from vms.store import key_files
from vms.store.database import Engines, make_engines
from vms.store.keys import REWRAP_STEPS
from vms.store.migrate import Which

pytestmark = pytest.mark.slow
CHILD = "tests.vms.services.rotation_child"
STEPS = {
    RotatedKey.NODE: ("a", "b1", "b", "c", "d", "e", "f", "g", "h"),
    RotatedKey.FACTORS: ("a", "b1", "b", "d", "d@2", "e", "f", "g", "h"),
    RotatedKey.FOOTAGE: ("a", "b1", "b", "keys:rewrap:b", "keys:rewrap:c", "d", "keys:rewrap:d", "keys:rewrap:e", "e", "f", "g", "h"),
    RotatedKey.TEXTS: ("a", "b1", "b", "c", "d", "d@2", "d@3", "e", "f", "g", "h"),
}
SEED = 23
EVERYDAY = 5
"""Random moments for each key; the long form has fifty."""


class Victims:
    """Processes that rotate a key, each forked from one that has everything imported."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent

    def killed_at(self, where: str, branch: SealedBranch, key: RotatedKey) -> None:
        assert self._ends(where, branch, key) == [str(-signal.SIGKILL)]

    def lines(self, branch: SealedBranch, key: RotatedKey) -> int:
        count, code = self._ends("lines", branch, key)
        assert code == "0"
        return int(count)

    def _ends(self, where: str, branch: SealedBranch, key: RotatedKey) -> list[str]:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(SEPARATOR.join((where, str(branch.settings.data_dir), key)) + "\n")
        self._parent.stdin.flush()
        return self._parent.stdout.readline().split()


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with subprocess.Popen([sys.executable, "-m", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        yield Victims(parent)


Migrated = Callable[[Which, Path], Engines]


@pytest.fixture
def branch(migrated_sqlite: Migrated, tmp_path: Path) -> Iterator[SealedBranch]:
    settings = load_settings(tmp_path / "data")
    settings.index_path.parent.mkdir(parents=True)
    central, index = migrated_sqlite(Which.CENTRAL, settings.central_path), migrated_sqlite(Which.INDEX, settings.index_path)
    made = sealed_branch(settings, central, index)
    fill(made, cameras=3, people=2, hours=3)
    yield made
    central.dispose()
    index.dispose()


def test_every_step_of_a_rotation_kills_a_process_here() -> None:
    """Whoever adds a step enters it above; one that the modules reach and that nobody listed is found too."""
    killed = {_whole(step) for steps in STEPS.values() for step in steps}
    assert {step.partition("@")[0] for step in killed} == {*key_rotation.STEPS, *REWRAP_STEPS}
    sources = "".join(inspect.getsource(module) for module in (key_rotation, text_rotation, key_files))
    assert {*re.findall(r'failpoint\("([^"]+)"\)', sources)} == {*key_rotation.STEPS}


def _whole(step: str) -> str:
    return step if ":" in step else f"rotate:{step}"


@pytest.mark.parametrize("key", list(RotatedKey))
def test_a_kill_after_any_step_loses_nothing_and_the_next_run_goes_on(branch: SealedBranch, victims: Victims, key: RotatedKey) -> None:
    """One rotation, killed again and again, each time a step later."""
    old = branch.keys(key)
    for step in STEPS[key]:
        victims.killed_at(_whole(step), branch, key)
        assert branch.lost() == [], step
    _ends_well(branch, key, old)


@pytest.mark.parametrize("key", list(RotatedKey))
def test_a_kill_at_random_moments_loses_nothing(branch: SealedBranch, victims: Victims, key: RotatedKey) -> None:
    _killed_at_random(branch, victims, key, moments=EVERYDAY)


@pytest.mark.long
@pytest.mark.parametrize("key", list(RotatedKey))
def test_a_kill_at_fifty_random_moments_loses_nothing(branch: SealedBranch, victims: Victims, key: RotatedKey) -> None:
    _killed_at_random(branch, victims, key, moments=50)


def _killed_at_random(branch: SealedBranch, victims: Victims, key: RotatedKey, *, moments: int) -> None:
    with _copy(branch) as unhurt:
        lines = victims.lines(unhurt, key)
        assert unhurt.lost() == []
    for line in random.Random(SEED).sample(range(1, lines + 1), moments):
        with _copy(branch) as copy:
            old = copy.keys(key)
            victims.killed_at(f"line {line}", copy, key)
            assert copy.lost() == [], line
            _ends_well(copy, key, old)


def _ends_well(branch: SealedBranch, key: RotatedKey, old: tuple[bytes, ...]) -> None:
    """Have the next run end the rotation; it begins a new one when the kill came after the end of the old."""
    branch.rotate(key)
    assert branch.lost() == []
    assert branch.opened(key, FixedKeys(old)) == 0
    assert branch.opened(key, branch.files(key)) == branch.stored(key) > 0
    assert len(branch.keys(key)) == 1


@contextmanager
def _copy(branch: SealedBranch) -> Iterator[SealedBranch]:
    """Copy everything that nobody holds open for writing now: each kill begins with the same."""
    folder = branch.settings.data_dir.with_name("copy")
    shutil.copytree(branch.settings.data_dir, folder)
    settings = load_settings(folder)
    central, index = make_engines(settings.central_path), make_engines(settings.index_path)
    try:
        yield SealedBranch(
            settings,
            central,
            index,
            branch.branch,
            branch.passwords,
            branch.authenticators,
            branch.hours,
            branch.complaints,
            branch.inquiries,
        )
    finally:
        central.dispose()
        index.dispose()
        shutil.rmtree(folder)
