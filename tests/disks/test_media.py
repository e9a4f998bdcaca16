"""Media that a package is to be handed over on, and that can't take it: said before anything is written down."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.disks.machine import in_memory, needs_root, run, unmount
from tests.vms.services.test_package_jobs import an_office
from tests.vms.services.test_package_release import STICK
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.request import RequestState
from vms.errors import InvalidInput, Unavailable
from vms.services import package_release
from vms.services.package_release import Handover, release_by_hand
from vms.store.database import Engines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size_mb", "options", "sentence"), [(64, "ro", "can't be written to"), (8, "rw", "Take a larger medium")], ids=["read-only", "small"]
)
def test_a_medium_that_is_write_protected_or_too_small_is_told_while_the_package_is_still_here(
    central_sqlite: Engines, tmp_path: Path, size_mb: int, options: str, sentence: str
) -> None:
    needs_root()
    settings = Settings(data_dir=tmp_path / "data")
    settings.secrets_dir.mkdir(parents=True)
    office = an_office(central_sqlite, settings)
    office.ready()
    with in_memory(tmp_path / "stick", size_mb=size_mb) as stick:
        run("mount", "-o", f"remount,{options}", stick)
        handover = Handover(stick, STICK, "Det. R. Alvarez, in person")
        with pytest.raises(InvalidInput, match=sentence):
            release_by_hand(office.hub.central, settings, office.director, office.request.id, handover, clock=office.clock)
        assert list(stick.iterdir()) == []
    assert (office.now().state, office.logged(Action.EXPORT_RELEASE)) == (RequestState.READY, [])


@pytest.mark.slow
def test_of_a_medium_that_was_pulled_out_it_is_said_that_footage_is_still_on_it(
    central_sqlite: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.secrets_dir.mkdir(parents=True)
    office = an_office(central_sqlite, settings)
    office.ready()
    with in_memory(tmp_path / "stick", size_mb=64) as stick:

        def pulled_out(_: Path) -> bytes:
            unmount(stick)
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(package_release, "_read_back", pulled_out)
        handover = Handover(stick, STICK, "Det. R. Alvarez, in person")
        with pytest.raises(Unavailable, match="what was written of the package is still on it"):
            release_by_hand(office.hub.central, settings, office.director, office.request.id, handover, clock=office.clock)
    assert office.now().state is RequestState.DISCLOSED
