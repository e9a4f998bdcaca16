"""What the supervisor holds open, where something of it is missing or the clock was set back."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.node import open_node
from recorder.open_segment import HOUR_MS
from recorder.supervisor import run
from tests.recorder.site import CLOCK, Site
from vms.config import VolumeSetting
from vms.domain.footage import Run
from vms.domain.ids import StreamId, VolumeId
from vms.domain.timespan import ms_of
from vms.errors import Unavailable
from vms.store import volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.volumes import VolumeState


def test_one_disk_that_is_missing_does_not_keep_the_other_from_recording(site: Site, tmp_path: Path) -> None:
    (there,) = site.settings.volumes
    missing = VolumeSetting(path=tmp_path / "not mounted")
    gone = VolumeId("6c7a3bb0-2b8e-4f0e-9c1d-0a51f2f6c001")
    with site.index.write.begin() as connection:
        volumes.register(connection, gone, missing.path)

    node = open_node(site.settings.model_copy(update={"volumes": (missing, there)}), CLOCK)
    node.close()

    assert [volume.path for volume in node.volumes] == [there.path]
    with site.index.read.begin() as connection:
        assert volumes.get(connection, gone).state is VolumeState.FAILED


def test_without_any_volume_nothing_starts(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no volume"):
        open_node(site.settings.model_copy(update={"volumes": (VolumeSetting(path=tmp_path),)}), CLOCK)


def test_after_the_clock_was_set_back_the_keys_of_the_hours_ahead_are_due(site: Site) -> None:
    now_ms = ms_of(CLOCK.now())
    end_ms = now_ms + 5 * HOUR_MS
    with site.index.write.begin() as connection:
        apply_batch(connection, IndexBatch(runs=(Run(StreamId(5), now_ms, end_ms, None), Run(StreamId(6), 0, 1000, None))))
    node = open_node(site.settings, CLOCK)
    due = node.hours_due()
    node.close()

    assert {now_ms // HOUR_MS, end_ms // HOUR_MS, end_ms // HOUR_MS + 1} <= set(due)
    assert len(due) <= 6


def test_a_data_directory_too_deep_for_a_socket_is_refused_in_words(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deep = site.settings.model_copy(update={"data_dir": tmp_path / ("d" * 120)})

    assert run(deep, CLOCK) == 2
    assert "too long for a Unix socket" in "".join(capfd.readouterr())
