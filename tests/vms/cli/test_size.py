"""`vms size`, and what `vms doctor` says of room and of footage that should be gone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE
from tests.retention.footage import footage
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.footage import Run
from vms.domain.ids import CameraId, StreamId
from vms.domain.retention import Orders, StreamRule
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store import hold_replica, runs, volumes
from vms.store.database import make_engines
from vms.store.files import BALLAST_BYTES, Volume

pytestmark = pytest.mark.slow
_STREAM = StreamId(77)
_DAY_MS = 86_400_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words])


def _recorded(settings: Settings, *, days: float, a_segment: int) -> None:
    """Record a segment each hour of so many days."""
    now = SystemClock().now()
    (setting,) = settings.volumes
    index = make_engines(settings.index_path)
    starts = [now - timedelta(days=days) + timedelta(hours=hour) for hour in range(int(days * 24))]
    volume = Volume.open(setting.path)
    made = footage(index, volume, None, starts, stream=_STREAM, content=b"x" * a_segment)
    with index.write.begin() as connection:
        volumes.register(connection, volume.id, volume.path)
        volumes.add_bytes(connection, 1, sum(one.size_bytes for one in made))
        runs.put(connection, [Run(_STREAM, made[0].start_ms, made[-1].start_ms + 60_000, None)])
        hold_replica.apply(connection, Orders(0, (), (StreamRule(_STREAM, CameraId(1), 14 * _DAY_MS),)))
    index.dispose()


def _findings(settings: Settings) -> dict[str, dict[str, object]]:
    return {one["what"]: one for one in json.loads(_say(settings, "doctor", "--json").stdout)}


def test_room_is_measured_by_what_was_recorded(settings: Settings) -> None:
    _recorded(settings, days=2, a_segment=100_000)
    said = _say(settings, "size", "--json")
    told = json.loads(said.stdout)
    assert said.exit_code == 0
    assert told["a_day"] == pytest.approx(2_400_000, rel=0.05)
    assert (told["days"], told["enough"], told["full_in_days"]) == (14, True, None)
    assert told["oldest_days"] == pytest.approx(2, rel=0.01)
    assert told["used"] >= 4_800_000
    assert "That is enough" in _say(settings, "size").stdout
    assert _findings(settings)["room for the window"]["ok"] is True


def test_volumes_that_are_full_before_the_window_is_over_are_told_with_the_day(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _recorded(settings, days=2, a_segment=100_000)
    (setting,) = settings.volumes
    monkeypatch.setenv("VMS_VOLUMES", json.dumps([{"path": str(setting.path), "max_bytes": BALLAST_BYTES + 15_000_000}]))
    said = _say(settings, "size", "--json")
    told = json.loads(said.stdout)
    assert (said.exit_code, told["enough"]) == (1, False)
    assert told["full_in_days"] == pytest.approx((told["total"] - told["used"]) / told["a_day"])
    finding = _findings(settings)["room for the window"]
    assert finding["ok"] is False
    assert "full in" in str(finding["detail"])


def test_volumes_that_are_full_within_two_days_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _recorded(settings, days=2, a_segment=100_000)
    assert _findings(settings)["room until full"]["ok"] is True
    assert "The volumes take" not in _say(settings, "status").stdout
    (setting,) = settings.volumes
    used = Volume.open(setting.path).used_bytes()
    monkeypatch.setenv("VMS_VOLUMES", json.dumps([{"path": str(setting.path), "max_bytes": used + 4_000_000}]))
    finding = _findings(settings)["room until full"]
    assert finding["ok"] is False
    assert "full in 40" in str(finding["detail"])
    assert "full in 40" in _say(settings, "status").stdout.replace("\n", " ")
    room = json.loads(_say(settings, "status", "--json").stdout)["room"]
    assert (room["watermark"], room["hours"]) == ("warn", None)  # nothing is to be recorded here


def test_of_little_that_was_recorded_nothing_is_said(settings: Settings) -> None:
    said = _say(settings, "size")
    assert said.exit_code == 2
    assert "says nothing of a day" in said.stderr
    assert _findings(settings)["room for the window"]["ok"] is True


def test_footage_that_should_be_gone_is_a_finding(settings: Settings) -> None:
    assert _findings(settings)["footage past its window"]["ok"] is True
    _recorded(settings, days=15, a_segment=10)
    finding = _findings(settings)["footage past its window"]
    assert finding["ok"] is False
    assert "vms retain --once" in str(finding["detail"])


def test_figures_that_are_given_say_how_many_disks_it_takes(settings: Settings) -> None:
    told = json.loads(_say(settings, "size", "--cameras", "150", "--mbit", "4", "--days", "14", "--disk", "8", "--json").stdout)
    assert told["disks"] == 13
    assert "13, without a spare" in _say(settings, "size", "--cameras", "150", "--mbit", "4").stdout


@pytest.mark.parametrize(
    "words", [("--cameras", "3"), ("--mbit", "4"), ("--cameras", "0", "--mbit", "4"), ("--cameras", "3", "--mbit", "0")]
)
def test_half_a_figure_is_refused(settings: Settings, words: tuple[str, ...]) -> None:
    assert _say(settings, "size", *words).exit_code == 2
