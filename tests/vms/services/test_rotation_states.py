"""Rotations, failures in the middle, new cameras, passwords, people, hours and complaints: in any order nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.factories import FixedKeys
from tests.vms.services.sealed_branch import SealedBranch, sealed_branch
from vms.config import load_settings
from vms.services.key_rotation import STEPS, RotatedKey
from vms.store.database import Engines
from vms.store.failpoints import armed
from vms.store.keys import REWRAP_STEPS
from vms.store.migrate import Which

KEYS = st.sampled_from(list(RotatedKey))
AT = st.sampled_from([*STEPS, *REWRAP_STEPS, "rotate:d@2", "keys:rewrap:b@2"])


class Died(Exception):
    """Stands for a kill: the real ones are in `test_rotation_kills.py`."""


class Rotations(RuleBasedStateMachine):
    """One branch server; whatever was put in must come out after every step."""

    def __init__(self, branch: SealedBranch) -> None:
        super().__init__()
        self.branch = branch
        self.retired: list[tuple[RotatedKey, bytes]] = []
        self.number = 0

    @rule(key=KEYS)
    def rotate(self, key: RotatedKey) -> None:
        old, *_ = self.branch.keys(key)
        self.branch.rotate(key)
        self.retired.append((key, old))
        assert len(self.branch.keys(key)) == 1

    @rule(key=KEYS, step=AT)
    def die_in_a_rotation(self, key: RotatedKey, step: str) -> None:
        old, *_ = self.branch.keys(key)
        try:
            with armed(step, _die):
                self.branch.rotate(key)
        except Died:
            pass
        if old not in self.branch.keys(key):
            self.retired.append((key, old))

    @rule()
    def add_a_camera(self) -> None:
        self.number += 1
        self.branch.add_camera(f"Camera {self.number}", f"password {self.number}")

    @rule(which=st.integers(0, 99))
    def change_a_password(self, which: int) -> None:
        if self.branch.passwords:
            self.number += 1
            self.branch.change_password(sorted(self.branch.passwords)[which % len(self.branch.passwords)], f"password {self.number}")

    @rule()
    def enrol(self) -> None:
        self.number += 1
        self.branch.enrol(f"person {self.number}")

    @rule(which=st.integers(0, 99), hour=st.integers(0, 30))
    def record(self, which: int, hour: int) -> None:
        if self.branch.passwords:
            self.branch.record(sorted(self.branch.passwords)[which % len(self.branch.passwords)], [hour, hour + 1])

    @rule()
    def complain(self) -> None:
        self.number += 1
        self.branch.complain(f"complaint {self.number}")

    @rule()
    def answer_a_complaint(self) -> None:
        waiting = [number for number, complaint in self.branch.complaints.items() if complaint.answer is None]
        if waiting:
            self.branch.answer(waiting[0], f"answer to {waiting[0]}")

    @rule()
    def ask(self) -> None:
        self.number += 1
        self.branch.ask(f"inquiry {self.number}")

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.branch.lost() == []

    @invariant()
    def no_key_that_was_removed_opens_anything(self) -> None:
        assert [key for key, old in self.retired if self.branch.opened(key, FixedKeys((old,)))] == []


@pytest.mark.slow
def test_no_order_of_events_loses_a_secret(
    migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(migrated_sqlite, tmp_path_factory, monkeypatch, examples=8)


@pytest.mark.long
def test_no_order_of_events_loses_a_secret_in_many_tries(
    migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(migrated_sqlite, tmp_path_factory, monkeypatch, examples=150)


def _run(
    migrated: Callable[[Which, Path], Engines], folders: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, *, examples: int
) -> None:
    monkeypatch.setattr("vms.services.key_rotation.PAGE", 2)
    monkeypatch.setattr("vms.services.text_rotation.PAGE", 2)
    monkeypatch.setattr("vms.store.keys.REWRAP_PAGE", 2)
    opened: list[Engines] = []

    def make() -> SealedBranch:
        data = load_settings(folders.mktemp("branch"))
        data.index_path.parent.mkdir(parents=True)
        central, index = migrated(Which.CENTRAL, data.central_path), migrated(Which.INDEX, data.index_path)
        opened.extend((central, index))
        return sealed_branch(data, central, index)

    class Fresh(Rotations):
        def __init__(self) -> None:
            super().__init__(make())

    try:
        run_state_machine_as_test(Fresh, settings=settings(max_examples=examples, stateful_step_count=15, deadline=None))
    finally:
        for engines in opened:
            engines.dispose()


def _die() -> None:
    raise Died
