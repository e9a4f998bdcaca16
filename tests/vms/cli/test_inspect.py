"""The commands that look: what they say about an installation that has lost something."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import CONSOLE, a_branch, a_camera, a_segment
from tests.vms.media.segment_samples import CAMERA, HOUR, START_TICKS, STREAM, made_segment
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.camera import CameraState, StreamStatus
from vms.domain.footage import SegmentState
from vms.domain.hold import HeldTime, HoldChange
from vms.domain.ids import HoldId
from vms.domain.retention import Orders, StreamRule
from vms.domain.timespan import datetime_of, ms_of
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.nodes import nodes
from vms.store import hold_replica, protected_places, reconciliations, segments, volumes
from vms.store.coverage import put_states
from vms.store.database import Engines, make_engines
from vms.store.files import IDENTITY, Volume
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.protected_files import link_place
from vms.store.protected_places import Place
from vms.store.reconciliations import Reconciliation

DISTRICT = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")


def test_a_volume_that_is_not_mounted_is_a_violation_and_stops_nothing(tmp_path: Path) -> None:
    settings = install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())
    index = make_engines(settings.index_path)
    with index.write.begin() as connection:
        volumes.add_bytes(connection, next(iter(volumes.numbers(connection).values())), 1_000_000)
    index.dispose()
    (settings.volumes[0].path / IDENTITY).unlink()
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check", "--json"])
    assert answer.exit_code == 1
    (violation,) = json.loads(answer.stdout)["violations"]
    assert "mount it" in violation["detail"]


def test_check_gives_held_footage_its_file_back_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())
    index, volume = make_engines(settings.index_path), Volume.open(settings.volumes[0].path)
    with closing(KeyStore.open(settings.keys1_path, settings.keys2_path, KeyFiles(settings.kek_path))) as keys:
        made = made_segment(hour_key=keys.ensure(CAMERA, [HOUR])[HOUR])
    row = replace(
        a_segment(datetime_of(START_TICKS), 60, stream=STREAM, volume=volume.id), start_ticks=START_TICKS, size_bytes=len(made.file)
    )
    row = replace(row, fragments=made.fragments, media_sha256=made.media_sha256, file_digest=made.file_digest)
    path, place = volume.segment_path(row.id), Place(row.id, volume.id)
    path.parent.mkdir(parents=True)
    path.write_bytes(made.file)
    with index.write.begin() as connection:
        segments.put(connection, [row])
        hold = HoldChange(1, HoldId(1), CAMERA, HeldTime(row.start_ms, row.start_ms + 60_000))
        hold_replica.apply(connection, Orders(1, (hold,), (StreamRule(STREAM, CAMERA, 14 * 86_400_000),)))
        protected_places.note(connection, [place])
        protected_places.set_made(connection, [place], made=True)
    index.dispose()
    assert link_place(volume, row.id)
    path.unlink()
    with monkeypatch.context() as another:
        another.setattr("retention.process.os.geteuid", lambda: settings.data_dir.stat().st_uid + 1)
        answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check"])
    assert answer.exit_code == 1
    assert "are given back by the account that owns" in " ".join(answer.output.split())
    assert not path.exists()
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check"])
    assert (answer.exit_code, "Index and files agree." in answer.output) == (0, True)
    assert f"{row.id}: its file was gone or damaged and is back" in " ".join(answer.output.split())
    assert path.read_bytes() == made.file
    flipped = bytearray(made.file)
    flipped[-1] ^= 1
    path.write_bytes(flipped)  # under both names: nothing is left to mend it from
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check", "--deep", "--json"])
    assert answer.exit_code == 1
    assert {one["subject"] for one in json.loads(answer.stdout)["violations"]} == {row.id}


def test_status_fits_a_narrow_terminal_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment since when stands in local time, to the second, in one piece."""
    since = datetime(2026, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC)
    settings = install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())
    central = make_engines(settings.central_path)
    with central.writing() as session:
        camera = a_camera(session, a_branch(session, "Main Street"), "Entrance").camera
        node = nodes(session)[0].id
        status = StreamStatus(camera.streams[0].id, CameraState.OFFLINE, since, "no answer from 10.20.1.11")
        put_states(session, node, [status], at=SystemClock().now())
    central.dispose()
    monkeypatch.setenv("COLUMNS", "80")
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "status"])
    assert said.exit_code == 0
    assert f"{since.astimezone():%Y-%m-%d %H:%M:%S}  " in said.stdout
    assert len(said.stdout.splitlines()) == 2


def _installed(tmp_path: Path) -> tuple[Settings, Engines]:
    settings = install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())
    return settings, make_engines(settings.index_path)


def _lost_one(index: Engines) -> None:
    with index.write.begin() as connection:
        segment = a_segment(volume=next(iter(volumes.numbers(connection))))
        segments.put(connection, [segment])
        segments.set_state(connection, segment.id, SegmentState.LOST, was=SegmentState.LIVE)


def _doctors_line(settings: Settings) -> dict[str, object]:
    told = json.loads(CliRunner().invoke(app, ["--data", str(settings.data_dir), "doctor", "--json"]).stdout)
    found: dict[str, object] = next(one for one in told if one["what"] == "footage on the disks")
    return found


def test_the_status_and_the_doctor_tell_of_a_lost_file(tmp_path: Path) -> None:
    settings, index = _installed(tmp_path)
    _lost_one(index)
    index.dispose()
    runner, words = CliRunner(), ["--data", str(settings.data_dir), "status"]
    assert [one["lost_segments"] for one in json.loads(runner.invoke(app, [*words, "--json"]).stdout)["volumes"]] == [1]
    assert "1 segments were recorded and their file is gone" in runner.invoke(app, words).stderr
    line = _doctors_line(settings)
    assert not line["ok"]
    assert "Find out who or what removed them: vms check" in str(line["detail"])


@pytest.mark.parametrize(
    ("damaged", "hours_ago", "ok", "words"),
    [
        (0, 5, True, "40 segments are there, 7 of them read"),
        (1, 5, False, "0 files are missing, 1 damaged, 0 other things do not agree. Run: vms check --deep"),
        (0, 60, False, "Is vms retain running?"),
    ],
)
def test_the_doctor_repeats_what_the_last_comparison_found(tmp_path: Path, damaged: int, hours_ago: int, ok: bool, words: str) -> None:  # noqa: FBT001 - a column of the table above
    settings, index = _installed(tmp_path)
    line = _doctors_line(settings)
    assert (line["ok"], "has not compared" in str(line["detail"])) == (True, True)
    at_ms = ms_of(SystemClock().now() - timedelta(hours=hours_ago))
    with index.write.begin() as connection:
        reconciliations.put(connection, Reconciliation(at_ms, at_ms, 40, 7, 0, damaged, 0, ()))
    index.dispose()
    line = _doctors_line(settings)
    assert line["ok"] is ok
    assert words in str(line["detail"])
