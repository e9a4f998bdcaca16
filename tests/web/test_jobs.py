"""The hub's jobs child: checkpoints by the clock, at its end, and for somebody outside."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.bench.process_tree import tree
from tests.factories import CONSOLE, NOW
from tests.waiting import wait_until
from tests.web.world_clock import DrivenClock
from vms.clock import SystemClock
from vms.config import Settings
from vms.crypto import new_signing_key
from vms.domain.access import Action
from vms.domain.checkpoint import read_note
from vms.errors import ConfigError
from vms.services.access_log import DISTRICT, record
from vms.services.log_key import read_log_key
from vms.services.own_ca import SERVER_DAYS, make_authority
from vms.store import access_tree
from vms.store.database import Engines, make_engines
from web.jobs import Jobs, run
from web.jobs_process import jobs_beside


@pytest.fixture
def hub(settings: Settings) -> Iterator[Engines]:
    """A migrated central database with one entry, and the log's key."""
    settings.secrets_dir.mkdir(exist_ok=True)
    settings.log_key_path.write_bytes(new_signing_key())
    engines = make_engines(settings.central_where)
    with engines.writing() as session:
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
    yield engines
    engines.dispose()


def _sizes(engines: Engines) -> list[int]:
    with engines.reading() as session:
        return [stored.size for stored in access_tree.checkpoints(session, DISTRICT)]


def _jobs(settings: Settings, hub: Engines, clock: DrivenClock) -> Jobs:
    return Jobs(settings, hub, read_log_key(settings), clock)


def test_each_checkpoint_signs_more(settings: Settings, hub: Engines) -> None:
    jobs = _jobs(settings, hub, DrivenClock())
    jobs.checkpoint()
    jobs.checkpoint()
    assert _sizes(hub) == [16, 32]


def test_the_first_checkpoint_of_each_day_is_handed_out(settings: Settings, hub: Engines, tmp_path: Path) -> None:
    outside, clock = tmp_path / "outside", DrivenClock()
    outside.mkdir()
    jobs = _jobs(settings.model_copy(update={"checkpoint_dir": outside}), hub, clock)
    jobs.hand_out()
    for _ in range(2):
        jobs.checkpoint()
        jobs.hand_out()
    clock.step(timedelta(days=1))
    jobs.checkpoint()
    jobs.hand_out()
    sizes = {path.name: read_note(path.read_text(encoding="utf-8"))[0].size for path in outside.iterdir()}
    assert sizes == {"2026-03-14.checkpoint": 16, "2026-03-15.checkpoint": 48}
    assert (outside / "2026-03-14.checkpoint").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_keeps_nothing_from_being_signed(settings: Settings, hub: Engines, tmp_path: Path) -> None:
    jobs = _jobs(settings.model_copy(update={"checkpoint_dir": tmp_path / "unplugged"}), hub, DrivenClock())
    with capture_logs() as lines:
        jobs.checkpoint()
        jobs.hand_out()
    assert [line["event"] for line in lines] == ["checkpoint not handed out"]
    assert _sizes(hub) == [16]


def test_a_damaged_log_is_not_signed_and_the_next_job_comes_all_the_same(settings: Settings, hub: Engines) -> None:
    with hub.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_event_no_delete"))
        connection.execute(text("DELETE FROM access_event"))
    with capture_logs() as lines:
        _jobs(settings, hub, DrivenClock()).checkpoint()
    assert [(line["event"], line["log_level"]) for line in lines] == [("access log damaged", "error")]
    assert _sizes(hub) == []


def test_a_disk_that_takes_no_more_signs_nothing_and_is_survived(settings: Settings, hub: Engines) -> None:
    """What was signed is written down before the commit: where that fails, nothing is committed."""
    jobs, part = _jobs(settings, hub, DrivenClock()), settings.log_signed_path.with_suffix(".txt.tmp")
    part.mkdir()
    with capture_logs() as lines:
        jobs.checkpoint()
    assert [line["event"] for line in lines] == ["checkpoint not made"]
    assert _sizes(hub) == []
    part.rmdir()
    jobs.checkpoint()
    assert _sizes(hub) == [16]


def test_a_log_cut_back_is_not_signed_again(settings: Settings, hub: Engines) -> None:
    jobs = _jobs(settings, hub, DrivenClock())
    jobs.checkpoint()
    with hub.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_checkpoint_no_delete"))
        for statement in ("DELETE FROM access_checkpoint", "DELETE FROM access_tile", "UPDATE access_log SET last_number = 1"):
            connection.execute(text(statement))
    with capture_logs() as lines:
        jobs.checkpoint()
    assert [line["event"] for line in lines] == ["access log damaged"]
    assert _sizes(hub) == []


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_is_said_and_survived(settings: Settings, tmp_path: Path) -> None:
    away = make_engines(tmp_path / "no" / "central.db")
    with capture_logs() as lines:
        Jobs(settings, away, read_log_key(settings), DrivenClock()).checkpoint()
    assert [line["event"] for line in lines] == ["checkpoint not made"]


def test_it_signs_once_more_when_its_parent_ends(settings: Settings, hub: Engines) -> None:
    assert run(settings, SystemClock(), lambda: None) == 0
    assert _sizes(hub) == [16]


def test_without_the_key_it_does_not_start(settings: Settings, hub: Engines) -> None:
    settings.log_key_path.rename(settings.log_key_path.with_suffix(".away"))
    with pytest.raises(ConfigError, match="secrets"):
        run(settings, SystemClock(), lambda: None)
    assert _sizes(hub) == []


@pytest.mark.slow
def test_the_child_is_started_again_when_it_is_killed_and_signs_when_the_server_ends(
    settings: Settings, hub: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.jobs_process.PAUSE_SECONDS", 0.05)
    with jobs_beside(settings.data_dir, SystemClock()):
        (first,) = _children(settings)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: _children(settings) not in ([], [first]))
    assert _children(settings) == []
    assert _sizes(hub) == [16]


def _children(settings: Settings) -> list[int]:
    """Return the jobs children of this process for that data directory; none when a process of the tree ends meanwhile."""
    with suppress(OSError):
        return [pid for pid in tree(os.getpid()) if _is_for(pid, settings)]
    return []


def _is_for(pid: int, settings: Settings) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"web.jobs" in words and str(settings.data_dir).encode() in words


def test_the_pages_certificate_is_issued_again_before_it_ends(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    make_authority(settings, ["cameras.lan"], district="Alder", at=clock.now())
    jobs, before = _jobs(settings, hub, clock), settings.tls_server_path.read_bytes()
    jobs.renew_certificate()
    assert settings.tls_server_path.read_bytes() == before
    clock.step(timedelta(days=SERVER_DAYS - 30))
    jobs.renew_certificate()
    assert settings.tls_server_path.read_bytes() != before
    settings.tls_ca_path.write_bytes(b"torn")
    with capture_logs() as lines:
        jobs.renew_certificate()
    assert [line["event"] for line in lines] == ["certificate not renewed"]
