"""`vms user`, `vms login` and `vms logout`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, PASSWORD, done
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Proof
from vms.services import people
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.log_key import read_log_key
from vms.services.log_proof import sign_checkpoint
from vms.services.second_factor import enrol_totp, offer_totp, read_factor_key
from vms.services.sessions import open_session
from vms.store.database import make_engines

pytestmark = pytest.mark.slow
DISTRICT = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())


def _say(settings: Settings, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words], input=typed)


def _add(settings: Settings, name: str, role: str, *more: str) -> Result:
    return _say(settings, "user", "add", name, "--role", role, "--password-stdin", *more, typed=f"{PASSWORD}\n")


def _login(settings: Settings, name: str, code: str = "", *, typed: str = PASSWORD) -> Result:
    return _say(settings, "login", name, "--password-stdin", typed=f"{typed}\n{code}\n")


def _authenticator(settings: Settings, name: str) -> str:
    """Set up an authenticator for `name` and return a code that still opens something."""
    engines, at = make_engines(settings.central_path), SystemClock().now()
    try:
        with engines.writing() as session:
            account = done(people.account_named(session, CONSOLE, name))
            person = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=at)).person
            offer = done(offer_totp(session, person, key=read_factor_key(settings)))
            authenticator = pyotp.TOTP(offer.secret)
            done(enrol_totp(session, person, authenticator.at(at - timedelta(seconds=30)), key=read_factor_key(settings), at=at))
        return authenticator.at(at)
    finally:
        engines.dispose()


def test_an_account_is_added_with_an_invitation(settings: Settings) -> None:
    said = _say(settings, "user", "add", "t.okafor", "--role", "it")
    assert said.exit_code == 0
    assert said.stdout.startswith("t.okafor, it\nInvitation: ")
    (person,) = json.loads(_say(settings, "user", "list", "--json").stdout)["people"]
    assert (person["name"], person["role"], person["branches"], person["state"]) == ("t.okafor", "it", None, "works")
    assert _say(settings, "user", "invite", "t.okafor").stdout.startswith("Invitation: ")


def test_who_signs_in_by_hand_is_asked_for_password_and_code(settings: Settings) -> None:
    _add(settings, "h.marsh", "director")
    code = _authenticator(settings, "h.marsh")
    said = _say(settings, "login", "h.marsh", typed=f"{PASSWORD}\n{code}\n")
    assert (said.exit_code, said.stdout.strip()) == (0, "Signed in as h.marsh, director.")
    assert "Password" in said.stderr
    assert "Code (empty for none)" in said.stderr
    assert code not in said.stdout + said.stderr


def test_a_delegate_needs_a_last_day(settings: Settings) -> None:
    assert _add(settings, "r.castellanos", "delegate").exit_code == 2
    assert _add(settings, "r.castellanos", "delegate", "--until", "soon").exit_code == 2
    day = f"{SystemClock().now().year + 1}-01-01"
    assert _add(settings, "r.castellanos", "delegate", "--until", day).exit_code == 0


def test_ending_an_account_closes_it(settings: Settings) -> None:
    _add(settings, "d.nakamura", "desk")
    assert _say(settings, "user", "end", "d.nakamura").stdout == "d.nakamura is ended.\n"
    assert "ended" in _say(settings, "user", "list").stdout
    assert _login(settings, "d.nakamura").exit_code == 2
    assert _say(settings, "user", "end", "nobody").exit_code == 2


def test_what_people_alone_may_do_asks_for_a_sign_in(settings: Settings) -> None:
    _add(settings, "h.marsh", "director")
    said = _say(settings, "user", "confirm", "h.marsh")
    assert (said.exit_code, "vms login" in said.stderr) == (2, True)


def test_the_director_confirms_after_signing_in_with_both_factors(settings: Settings) -> None:
    _add(settings, "h.marsh", "director")
    code = _authenticator(settings, "h.marsh")
    assert "for somebody else" in _add(settings, "d.nakamura", "desk").stderr
    added = _say(settings, "user", "add", "d.nakamura", "--role", "desk")
    assert added.stdout.startswith("d.nakamura, desk; it waits for the Director's confirmation\nFirst half: ")
    assert _login(settings, "h.marsh", "123").exit_code == 2
    assert _login(settings, "h.marsh", code).stdout == "Signed in as h.marsh, director.\n"
    assert _say(settings, "user", "confirm", "d.nakamura").stdout.startswith("d.nakamura is confirmed.\nSecond half: ")
    assert _say(settings, "user", "half", "d.nakamura").stdout.startswith("Second half: ")
    assert _say(settings, "user", "half", "h.marsh").exit_code == 2
    assert _say(settings, "logout").stdout == "Signed out.\n"
    assert _say(settings, "user", "invite", "d.nakamura").stdout.startswith("First half: ")
    assert "First half: " in _say(settings, "user", "reset", "d.nakamura").stdout
    assert _say(settings, "user", "half", "d.nakamura").exit_code == 2
    assert _say(settings, "user", "confirm", "d.nakamura").exit_code == 2
    assert _say(settings, "logout").stdout == "Nobody was signed in.\n"


def test_a_password_alone_signs_in_and_says_what_is_missing(settings: Settings) -> None:
    _add(settings, "h.marsh", "director")
    said = _login(settings, "h.marsh")
    assert (said.exit_code, "second factor" in said.stderr) == (0, True)
    assert _say(settings, "user", "confirm", "h.marsh").exit_code == 2


def test_only_whoever_signed_in_reads_the_session(settings: Settings, tmp_path: Path) -> None:
    _add(settings, "p.lindqvist", "auditor")
    _login(settings, "p.lindqvist")
    (kept,) = (tmp_path / "state" / "custodian").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_the_log_is_shown_and_exported_to_who_signed_in_and_may(settings: Settings, tmp_path: Path) -> None:
    _add(settings, "p.lindqvist", "auditor")
    assert _say(settings, "log", "show").exit_code == 2
    _login(settings, "p.lindqvist")
    shown = json.loads(_say(settings, "log", "show", "--json").stdout)["entries"]
    assert [entry["action"] for entry in shown] == ["session:open", "person:add", "district:edit", "policy:force", "policy:set"]
    assert "p.lindqvist" in _say(settings, "log", "show").stdout
    assert _say(settings, "log", "show", "--until", "2026-01-01T00:00Z").stdout == "No entries.\n"
    for wrong in (("--since", "yesterday"), ("--since", "2026-01-02T00:00Z", "--until", "2026-01-01T00:00Z"), ("--camera", "none")):
        assert _say(settings, "log", "show", *wrong).exit_code == 2
    file = tmp_path / "log.export"
    assert "No checkpoint" in _say(settings, "log", "export", str(file)).stderr
    engines = make_engines(settings.central_path)
    with engines.writing() as session:
        sign_checkpoint(session, read_log_key(settings), at=SystemClock().now())
    engines.dispose()
    assert _say(settings, "log", "export", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert _say(settings, "log", "export", str(file)).exit_code == 2
    key = _say(settings, "log", "verify").stdout.partition("Key: ")[2].split()[0]
    assert _say(settings, "log", "verify", "--export", str(file), "--key", key).exit_code == 0


def test_the_log_is_not_shown_to_who_may_not_read_it(settings: Settings) -> None:
    _add(settings, "t.okafor", "it")
    _authenticator(settings, "t.okafor")
    _login(settings, "t.okafor", "123")
    assert _say(settings, "log", "show").exit_code == 2


def test_a_sign_in_of_six_minutes_ago_confirms_nobody_and_takes_nothing_out(settings: Settings, tmp_path: Path) -> None:
    _add(settings, "h.marsh", "director")
    _login(settings, "h.marsh", _authenticator(settings, "h.marsh"))
    _add(settings, "d.nakamura", "desk")
    engines = make_engines(settings.central_path)
    with engines.writing() as session:
        session.execute(text("UPDATE session SET proved_at = proved_at - 360000000"))
    engines.dispose()
    for act in (("user", "confirm", "d.nakamura"), ("log", "export", str(tmp_path / "file"))):
        said = _say(settings, *act)
        assert (said.exit_code, "five minutes" in said.stderr) == (2, True)
    assert _say(settings, "log", "show").exit_code == 0


def test_an_account_is_limited_to_an_area_of_a_branch(settings: Settings) -> None:
    assert _say(settings, "branch", "add", "Harbor").exit_code == 0
    camera = ("camera", "add", "Pier", "--branch", "Harbor", "--url", "rtsp://10.20.1.11/main", "--area", "Quay")
    assert _say(settings, *camera).stdout.startswith("Pier at Harbor, Quay, rtsp://10.20.1.11:554")
    for wrong, sentence in (("Quay", "names no area"), ("Harbor/Dock", "Areas: ‘Quay’"), ("Dock/Quay", "Branches: ‘Harbor’")):
        said = _add(settings, "n.ruiz", "desk", "--area", wrong)
        assert (said.exit_code, sentence in said.stderr.replace("\n", " ")) == (2, True), said.stderr
    assert _add(settings, "n.ruiz", "desk", "--area", "Harbor/quay").exit_code == 0
    (person,) = json.loads(_say(settings, "user", "list", "--json").stdout)["people"]
    assert (person["branches"], len(person["areas"])) == ([], 1)
    assert _say(settings, "camera", "edit", "Pier", "--area", "").stdout.startswith("Pier at Harbor, rtsp://")
    assert json.loads(_say(settings, "camera", "list", "--json").stdout)[0]["area"] is None


def test_the_delegates_role_is_lent_and_ended(settings: Settings) -> None:
    assert _say(settings, "branch", "add", "Harbor").exit_code == 0
    _add(settings, "h.marsh", "director")
    _add(settings, "n.ruiz", "supervisor", "--branch", "Harbor")
    _add(settings, "t.okafor", "it")
    code = _authenticator(settings, "h.marsh")
    year = SystemClock().now().year + 1
    assert "Nothing is lent" in _say(settings, "delegation", "list").stdout
    propose = ("delegation", "propose", "n.ruiz", "--until", f"{SystemClock().now():%Y-%m-%d}", "--branch", "Harbor")
    assert "it waits for the Director's confirmation" in _say(settings, *propose).stdout
    assert _say(settings, "delegation", "confirm", "n.ruiz").exit_code == 2
    for wrong in (("t.okafor", "--until", f"{year}-01-01"), ("n.ruiz", "--until", ""), ("n.ruiz", "--until", f"{year + 3}-01-01")):
        assert _say(settings, "delegation", "propose", *wrong).exit_code == 2
    assert _login(settings, "h.marsh", code).exit_code == 0
    assert _say(settings, "delegation", "confirm", "n.ruiz").stdout.startswith("n.ruiz holds the Delegate's role, from ")
    assert "supervisor, delegate until" in " ".join(_say(settings, "user", "list").stdout.split())
    (lent,) = json.loads(_say(settings, "delegation", "list", "--json").stdout)["delegations"]
    assert (lent["name"], lent["lasts"], len(lent["branches"])) == ("n.ruiz", True, 1)
    assert "lasts" in _say(settings, "delegation", "list").stdout
    assert _say(settings, "delegation", "end", "n.ruiz").stdout == "The delegation of n.ruiz is ended.\n"
    assert _say(settings, "delegation", "end", "n.ruiz").exit_code == 2
    assert json.loads(_say(settings, "user", "list", "--json").stdout)["people"][1]["delegation"] is None
