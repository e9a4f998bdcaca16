"""`vms emergency shown`: as the person of `vms login` who opened it, and nobody else."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from tests.factories import a_branch, an_account, done
from tests.vms.cli.test_complaints import settings, sign_in
from vms.cli import app
from vms.cli.context import Cli
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Proof, Role
from vms.services.emergency import open_emergency
from vms.services.sessions import open_session
from vms.store import emergencies
from vms.store.database import make_engines

__all__ = ["settings"]
pytestmark = pytest.mark.slow
OFFICER = ("--officer", "Officer Diaz", "--agency", "Alder County Sheriff")


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "emergency", "shown", *words])


def test_to_whom_the_screen_was_shown_is_written_down_by_who_opened_it(settings: Settings) -> None:
    central, at = make_engines(settings.central_path), SystemClock().now()
    with central.writing() as session:
        ours = frozenset({a_branch(session, "East").id})
        a_branch(session, "West")
        account = an_account(session, Role.DESK, name="at the east desk", branches=ours, at=at)
        opened = done(open_session(session, person_id=account.id, at=at, proof=Proof.TOTP))
        access = done(open_emergency(session, settings, opened.person, reason="a fight", at=at))
    number = str(access.id)
    assert "sign in first" in _say(settings, number, *OFFICER, "--badge", "4711").stderr
    Cli.of(settings.data_dir, otherwise="").keep_token(opened.token)
    assert "Name the number of the badge" in _say(settings, number, *OFFICER, "--badge", " ").stderr
    said = _say(settings, number, *OFFICER, "--badge", "4711")
    assert (said.exit_code, "shown to Officer Diaz, badge 4711, Alder County Sheriff." in " ".join(said.stdout.split())) == (0, True)
    sign_in(settings, Role.SUPERVISOR)
    assert _say(settings, number, *OFFICER, "--badge", "4712").exit_code == 2
    with central.reading() as session:
        kept = emergencies.get(session, access.id)
    central.dispose()
    assert kept is not None
    assert kept.shown_to == "Officer Diaz, badge 4711, Alder County Sheriff"
