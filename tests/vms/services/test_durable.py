"""What people are told is there outlasts a power cut: a file is made durable, and each folder in which it is, before anybody goes by it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import done
from tests.vms.media.made_files import START_MS, a_file, noise
from tests.vms.services.test_package_jobs import an_office
from tests.vms.services.test_package_release import STICK
from vms.cli import app
from vms.config import Settings
from vms.domain.export_scope import Delivery
from vms.domain.ids import CameraId
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical
from vms.domain.timespan import datetime_of_ms
from vms.services.package_jobs import folder_of
from vms.services.package_release import Handover, release_by_hand
from vms.store.database import Engines

pytestmark = pytest.mark.slow


class Synced:
    """Which files and folders were made durable, and how large they were then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: set[tuple[int, int]] = set()
        really = os.fsync

        def fsync(handle: int) -> None:
            really(handle)
            there = os.fstat(handle)
            self._seen.add((there.st_ino, there.st_size if not stat.S_ISDIR(there.st_mode) else 0))

        monkeypatch.setattr(os, "fsync", fsync)

    def has(self, path: Path) -> bool:
        there = path.stat()
        return (there.st_ino, 0 if path.is_dir() else there.st_size) in self._seen

    def lacks(self, *under: Path) -> list[Path]:
        """Return what of these, and below them, was not made durable as it is."""
        return [path for top in under for path in (top, *top.rglob("*")) if not self.has(path)]


@pytest.mark.parametrize("delivery", [Delivery.BY_HAND, Delivery.ENCRYPTED_FILE])
def test_a_package_is_durable_when_it_is_ready_and_on_the_medium_when_it_has_its_name_there(
    central_sqlite: Engines, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivery: Delivery
) -> None:
    office = an_office(central_sqlite, settings, delivery=delivery)
    synced = Synced(monkeypatch)
    lies = folder_of(settings, office.ready())
    assert synced.lacks(lies) == []
    assert synced.has(lies.parent)
    stick = tmp_path / "stick"
    stick.mkdir()
    handover = Handover(stick, STICK, "Det. R. Alvarez", passphrase="abcde-fghij" if delivery is Delivery.ENCRYPTED_FILE else "")
    done(release_by_hand(office.hub.central, settings, office.director, office.request.id, handover, clock=office.clock))
    assert synced.lacks(stick) == []


def test_a_redacted_copy_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    region = Region(Cover.FILL, Between.ALL, (Keyframe(START_MS, Box(0, 0, 5_000, 5_000)),), START_MS + 200)
    (tmp_path / "plan.json").write_text(canonical(RedactionPlan((CameraPlan(CameraId(7), START_MS, START_MS + 60_000, (region,)),))))
    (tmp_path / "in.mp4").write_bytes(a_file([noise(seed=n) for n in range(3)]))
    there = tmp_path / "there"
    there.mkdir()
    synced = Synced(monkeypatch)
    words = ["export", "redact", str(tmp_path / "plan.json"), str(tmp_path / "in.mp4"), str(there / "out.mp4")]
    answer = CliRunner().invoke(app, [*words, "--starts", datetime_of_ms(START_MS).isoformat()])
    assert answer.exit_code == 0, answer.output
    assert len(list(there.iterdir())) == 3
    assert synced.lacks(there) == []
