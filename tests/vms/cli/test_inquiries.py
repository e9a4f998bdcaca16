"""`vms inquiry`: listed, shown, set aside, and made into a request, as the person of `vms login`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from tests.factories import a_camera, done
from tests.vms.cli.test_complaints import settings, sign_in
from tests.vms.services.test_inquiries import ASKED
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Role
from vms.services.inquiries import submit
from vms.store.database import make_engines
from vms.store.sealed_texts import COMPLAINT_KEY

pytestmark = pytest.mark.slow
__all__ = ["settings"]


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words])


def _came(settings: Settings) -> tuple[str, str]:
    """Have two come; return their numbers."""
    central = make_engines(settings.central_path)
    with central.writing() as session:
        a_camera(session, name="Gate")
        public = settings.model_copy(update={"public_inquiry": "on"})
        first, second = (done(submit(session, public, ASKED, at=SystemClock().now())) for _ in range(2))
    central.dispose()
    return str(first.id), str(second.id)


def test_one_is_set_aside_and_another_made_into_a_request(settings: Settings) -> None:
    first, second = _came(settings)
    assert "sign in first" in _say(settings, "inquiry", "list").stderr
    sign_in(settings, Role.DESK)
    listed = _say(settings, "inquiry", "list").stdout
    assert (first in listed, "waiting" in listed, "Alvarez" in listed) == (True, True, False)
    shown = _say(settings, "inquiry", "show", first).stdout
    assert all(told in shown for told in ("R. Alvarez, Sheriff", "By the main door, Friday, half past six", "It was red."))
    assert "no such inquiry" in _say(settings, "inquiry", "show", "7").stderr
    assert "why nothing comes of it" in _say(settings, "inquiry", "aside", first, "--reason", " ").stderr
    assert "Set aside by" in _say(settings, "inquiry", "aside", first, "--reason", "a prank").stdout
    at = ("--from", "2026-11-25T18:00-08:00", "--to", "2026-11-25T18:10-08:00", "--camera", "Gate", "--local-time", "Friday")
    enter = ("request", "enter", "--instrument", "agency-request", "--name", "R. Alvarez", "--purpose", "a bicycle", *at)
    gone = _say(settings, *enter, "--inquiry", first)
    assert (gone.exit_code, "does not wait any more" in gone.stderr) == (2, True)
    made = _say(settings, *enter, "--inquiry", second)
    assert made.exit_code == 0, made.stderr
    rows = json.loads(_say(settings, "inquiry", "list", "--json").stdout)["inquiries"]
    assert {str(one["id"]): one["state"] for one in rows} == {first: "aside", second: "request"}


def test_without_its_key_the_list_says_which_cannot_be_read(settings: Settings) -> None:
    first, _ = _came(settings)
    sign_in(settings, Role.DESK)
    assert "can't be read" not in _say(settings, "inquiry", "list").stdout
    key = settings.secrets_dir / COMPLAINT_KEY
    key.rename(settings.data_dir / "key")
    assert _say(settings, "inquiry", "list").stdout.count("waiting; can't be read") == 2
    told = json.loads(_say(settings, "doctor", "--json").stdout)
    assert [one["ok"] for one in told if one["what"] == "what complaints and inquiries say"] == [False]
    assert f"{COMPLAINT_KEY} is gone" in _say(settings, "inquiry", "show", first).stderr
