"""The web process that these tests look at, beside a node made of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.world import World, a_world
from vms.config import Settings
from vms.domain.people import Role
from vms.store.database import Engines
from vms.store.migrate import Which

Migrated = Callable[[Which, Path], Engines]


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: Migrated) -> Settings:
    return _settings(tmp_path, migrated_sqlite)


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    with a_world(settings) as world:
        yield world


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[World]:
    """One world for many tests that only look at what a single answer says."""
    with a_world(_settings(tmp_path_factory.mktemp("shared"), migrated_sqlite)) as world:
        yield world


@pytest.fixture
def delegate(world: World) -> Iterator[httpx.Client]:
    with world.client(Role.DELEGATE, page=True) as client:
        yield client


@pytest.fixture
def desk(world: World, delegate: httpx.Client) -> Iterator[httpx.Client]:  # noqa: ARG001 - once a Director signs in, others wait for one
    with world.client(Role.DESK, page=True) as client:
        yield client


@pytest.fixture
def director(world: World, desk: httpx.Client) -> Iterator[httpx.Client]:  # noqa: ARG001 - as above
    with world.client(Role.DIRECTOR, page=True) as client:
        yield client


def _settings(folder: Path, migrated: Migrated) -> Settings:
    settings = Settings(data_dir=folder)
    migrated(Which.CENTRAL, settings.central_path).dispose()
    return settings
