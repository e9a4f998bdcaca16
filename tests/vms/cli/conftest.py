"""What each command of these tests would do again: Typer's commands are built once, and passwords hashed with argon2's least."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from typer.main import get_command

from tests.factories import QUICK
from vms.services import passwords


@pytest.fixture(scope="package", autouse=True)
def quick_commands() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        patch.setattr(passwords, "_HASHER", QUICK)
        yield
