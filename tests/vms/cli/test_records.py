"""`vms records`: what is kept for how long, what is past its day, and its going."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, an_account, done
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Proof
from vms.domain.records import RECORDS
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.log_key import read_log_key
from vms.services.log_proof import sign_checkpoint
from vms.services.records import CLOCK_NOT_TRUSTED
from vms.services.sessions import open_session
from vms.store.database import make_engines

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation in which one session is past its day."""
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    settings = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    central, old = make_engines(settings.central_path), SystemClock().now() - timedelta(days=91)
    with central.writing() as session:
        account = an_account(session, at=old)
        done(open_session(session, person_id=account.id, at=old, proof=Proof.TOTP))
    central.dispose()
    return settings


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "records", *words])


def _let_the_clock_run(settings: Settings) -> None:
    central = make_engines(settings.central_path)
    with central.writing() as session:
        sign_checkpoint(session, read_log_key(settings), at=SystemClock().now() - timedelta(days=2))
    central.dispose()


def test_what_is_past_its_day_is_counted_deleted_and_then_gone(settings: Settings) -> None:
    _let_the_clock_run(settings)
    dry = _say(settings, "purge", "--dry-run", "--json")
    assert (dry.exit_code, json.loads(dry.stdout)) == (0, {"due": {"sessions": 1}, "paused": None})
    assert _say(settings, "purge", "--dry-run").stdout == "1 sessions are past their day.\n"
    done_now = _say(settings, "purge")
    assert (done_now.exit_code, done_now.stdout) == (0, "1 sessions deleted.\n")
    again = _say(settings, "purge", "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"purged": {}, "paused": None})


def test_before_the_clock_has_run_for_a_day_nothing_goes_and_it_says_why(settings: Settings) -> None:
    answer = _say(settings, "purge", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)) == (1, {"purged": {}, "paused": CLOCK_NOT_TRUSTED})
    assert json.loads(_say(settings, "purge", "--dry-run", "--json").stdout)["due"] == {"sessions": 1}


def test_the_list_has_every_record_with_the_districts_days(settings: Settings) -> None:
    (settings.data_dir / "config.toml").write_text("[record_days]\nsessions = 60\n")
    listed = json.loads(_say(settings, "list", "--json").stdout)["records"]
    assert len(listed) == sum(map(len, RECORDS.values()))
    assert next(one["kept"] for one in listed if one["record"] == "session") == "60 days after the last request"
    assert "60 days after" in _say(settings, "list").stdout
