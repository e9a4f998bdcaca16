"""`vms policy`: shown to whoever may read it, drawn up, confirmed and signed as the people of `vms login`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, a_hub_that_ran, a_segment, an_account, done
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.camera import CameraDetails
from vms.domain.people import Account, Proof, Role
from vms.domain.policy import LOWER_WAIT
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera
from vms.services.district import District
from vms.services.hub_link import LocalHub
from vms.services.installation import Installation, install
from vms.services.sessions import open_session
from vms.store import segments, volumes
from vms.store.database import Engines, make_engines
from vms.store.retention_tables import StreamRuleRow

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)


@contextmanager
def _engines(where: Path) -> Iterator[Engines]:
    engines = make_engines(where)
    yield engines
    engines.dispose()


@pytest.fixture
def camera(settings: Settings) -> CameraDetails:
    at = SystemClock().now()
    with _engines(settings.central_path) as central, central.writing() as session:
        branch = done(add_branch(session, CONSOLE, name="Harbor", timezone=None, at=at))
        return done(add_camera(session, CONSOLE, NewCamera("Entrance", branch.id, "10.20.1.11", area="Door"), at=at, allow_loopback=False))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "policy", *words])


def _told(settings: Settings, *words: str) -> dict[str, list[dict[str, object]]]:
    said = _say(settings, *words, "--json")
    assert said.exit_code in (0, 1), said.output
    told: dict[str, list[dict[str, object]]] = json.loads(said.stdout)
    return told


def _accounts(settings: Settings, *roles: Role) -> list[Account]:
    with _engines(settings.central_path) as central, central.writing() as session:
        return [an_account(session, role, at=SystemClock().now()) for role in roles]


def _sign_in(settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with _engines(settings.central_path) as central, central.writing() as session:
        opened = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=SystemClock().now()))
    monkeypatch.setattr("vms.cli.context.Cli._token", lambda _: opened.token)


@pytest.fixture
def people(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[Account, Account]:
    """The Director, who is signed in, and a Delegate."""
    delegate, director = _accounts(settings, Role.DELEGATE, Role.DIRECTOR)
    _sign_in(settings, director, monkeypatch)
    return director, delegate


def _record(settings: Settings, camera: CameraDetails, *starts: datetime) -> None:
    """Put segments of a minute into the index of this machine, with the rule that its retention was told."""
    stream = camera.camera.streams[0].id
    with _engines(settings.index_path) as index, index.write.begin() as connection:
        volume = volumes.all_volumes(connection)[0].id
        connection.execute(insert(StreamRuleRow).values(stream_id=stream, camera_id=camera.camera.id, keep_ms=14 * 86_400_000))
        segments.put(connection, [a_segment(start, stream=stream, volume=volume) for start in starts])


def test_before_anybody_signed_it_the_shipped_policy_counts_and_says_what_is_missing(settings: Settings) -> None:
    said = _say(settings, "show")
    assert "the district: 14 days (floor 0, ceiling 30), version 1." in said.stdout
    assert "Not signed by the Director yet: vms policy approve 1" in said.stdout
    assert "check your records schedule" in said.stderr
    told = _told(settings, "show")
    (district,) = told["places"]
    assert (district["approved"], district["counts"]) == (
        None,
        {"min_days": 0, "target_days": 14, "max_days": 30, "hours": "", "early": False},
    )


def test_the_director_signs_and_raises_and_the_recorder_is_told(
    settings: Settings, camera: CameraDetails, people: tuple[Account, Account]
) -> None:
    director, _ = people
    assert "Signed" in _say(settings, "approve", "1").stdout
    raised = _say(settings, "set", "--branch", "Harbor", "--target", "20", "--reason", "the Board asked", "--basis", "GS2")
    assert raised.exit_code == 0, raised.output
    assert "in force at once, as version 2" in raised.stdout
    told = _told(settings, "show")
    (shown,) = told["cameras"]
    assert (shown["counts"], shown["uses_days"], shown["drifts"]) == (
        {"min_days": 0, "target_days": 20, "max_days": 30, "hours": "", "early": False},
        None,
        True,
    )
    assert _say(settings, "show").exit_code == 1, "its recorder has not told yet"
    with _engines(settings.central_path) as central:
        hub, at = LocalHub(central), SystemClock().now()
        newest = hub.orders(camera.device.node_id, 0, at=at).hold_seq
        hub.answer_holds(camera.device.node_id, newest, [], at=at)
    assert _say(settings, "show").exit_code == 0
    assert "20 days" in _say(settings, "show").stdout
    _say(settings, "set", "--branch", "Harbor", "--target", "above", "--floor", "5", "--reason", "no more")
    versions = _told(settings, "list")["versions"]
    assert [(one["version"], one["target_days"], one["in_force"] is None) for one in versions] == [
        (3, None, True),
        (2, 20, False),
        (1, 14, False),
    ]
    assert versions[1]["approved"] == {"at": versions[1]["made_at"], "by": director.name}
    assert "waits" in _say(settings, "list").stdout
    assert "Version 3 for Harbor waits" in _say(settings, "show").stdout


@pytest.mark.usefixtures("people")
def test_a_dry_run_counts_what_is_here_and_changes_nothing(settings: Settings, camera: CameraDetails) -> None:
    now = SystemClock().now()
    _record(settings, camera, now - 20 * DAY, now - 10 * DAY, now - 9 * DAY, now - 2 * DAY)
    words = ("set", "--target", "7", "--reason", "less is more", "--dry-run")
    told = json.loads(_say(settings, *words, "--json").stdout)
    assert (told["effect"], told["dry_run"], told["policy"]["in_force"]) == ("lowers", True, None)
    (effect,) = told["cameras"]
    assert (effect["segments"], effect["size_bytes"]) == (2, 2_000_000), "the first is past its window already"
    assert "waits 72 hours and for a second person" in _say(settings, *words).stdout
    assert [one["version"] for one in _told(settings, "list")["versions"]] == [1]
    (shown,) = _told(settings, "show")["cameras"]
    assert shown["beyond"] == 1


def test_lowering_is_confirmed_by_somebody_else_after_72_hours(
    settings: Settings, people: tuple[Account, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "vms policy confirm 2" in _say(settings, "set", "--target", "7", "--reason", "less is more").stdout
    with _engines(settings.central_path) as central, central.writing() as session:
        a_hub_that_ran(session, at=SystemClock().now())
    own = _say(settings, "confirm", "2")
    assert (own.exit_code, "Who proposed this" in own.stderr) == (2, True)
    _sign_in(settings, people[1], monkeypatch)
    assert "This waits until" in _say(settings, "confirm", "2").stderr
    earlier = (LOWER_WAIT + timedelta(minutes=1)) // timedelta(microseconds=1)
    with _engines(settings.central_path) as central, central.write.begin() as connection:
        connection.execute(text("UPDATE proposal SET earliest_at = earliest_at - :by"), {"by": earlier})
    assert "counts from now on" in _say(settings, "confirm", "2").stdout
    assert "the district: 7 days" in _say(settings, "show").stdout


def test_who_did_not_sign_in_sets_nothing_and_reads(settings: Settings) -> None:
    for words in (("set", "--target", "20", "--reason", "x"), ("approve", "1"), ("confirm", "1")):
        said = _say(settings, *words)
        assert (said.exit_code, "vms login" in said.stderr) == (2, True), words
    assert _told(settings, "list")["versions"][0]["reason"]


@pytest.mark.usefixtures("camera", "people")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--branch", "Harbor", "--camera", "Entrance"), "Give one of"),
        (("--area", "Harbor"), "names no area"),
        (("--target", "two"), "no number of days"),
        (("--target", "31"), "target of 31"),
        (("--ceiling", "above"), "names floor, target and ceiling"),
        (("--target", "14"), "nothing would change"),
        (("--branch", "Nowhere"), "Nowhere"),
        (("--hours", "Mon 09:00-13:00, 12:00-17:00; Tue-Sun closed"), "two of these times overlap"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(settings: Settings, words: tuple[str, ...], sentence: str) -> None:
    said = _say(settings, "set", *words, "--reason", "x")
    assert (said.exit_code, sentence in said.stderr) == (2, True), said.output


@pytest.mark.usefixtures("people")
def test_a_review_date_that_is_near_is_told_by_policy_show_and_by_check(settings: Settings) -> None:
    soon = (SystemClock().now() + timedelta(days=5)).date()
    assert _say(settings, "set", "--review", f"{soon:%Y-%m-%d}", "--reason", "x").exit_code == 0
    sentence = "Version 2 of the retention policy, of the district, is to be reviewed by"
    assert sentence in " ".join(_say(settings, "show").stderr.split())
    assert _told(settings, "show")["places"][0]["review"] == "near"
    checked = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check", "--json"])
    assert (json.loads(checked.stdout)["violations"], sentence in " ".join(checked.stderr.split())) == ([], True)


@pytest.mark.usefixtures("camera", "people")
def test_hours_are_said_once_and_stay_until_they_are_taken_from_above(settings: Settings) -> None:
    opening = "Mon-Fri 09:00-17:00; Sat-Sun closed; 2026-12-25 closed"
    assert _say(settings, "set", "--hours", opening, "--reason", "x").exit_code == 0
    assert _say(settings, "set", "--area", "Harbor/Door", "--hours", "2026-12-25 10:00-11:00", "--reason", "x").exit_code == 0
    assert _say(settings, "set", "--target", "15", "--reason", "x").exit_code == 0
    shown = _say(settings, "show").stdout
    assert f"Weekly hours: {opening}" in shown
    assert "Weekly hours: Mon-Fri 09:00-17:00; Sat-Sun closed; 2026-12-25 10:00-11:00" in shown
    (district, area) = _told(settings, "show")["places"]
    assert (district["hours"], area["hours"]) == (opening.replace("; ", "\n"), "2026-12-25 10:00-11:00")
    assert _say(settings, "set", "--hours", "above", "--reason", "x").exit_code == 0
    assert "Mon-Fri" not in _say(settings, "show").stdout


@pytest.mark.usefixtures("camera", "people")
def test_going_early_on_full_disks_is_said_with_a_floor_and_looked_at_first(settings: Settings) -> None:
    looked = _say(settings, "set", "--floor", "5", "--early", "yes", "--reason", "x", "--dry-run")
    assert "it waits 72 hours and for a second person" in looked.stdout
    assert "and then 14 days (floor 5, ceiling 30, early on full disks)" in looked.stdout
    assert "floor of at least 1 day" in _say(settings, "set", "--early", "yes", "--reason", "x").stderr
    assert "is yes or no" in _say(settings, "set", "--early", "1", "--reason", "x").stderr
    assert _say(settings, "set", "--camera", "Entrance", "--early", "no", "--reason", "x").exit_code == 0
    (_, camera) = _told(settings, "show")["places"]
    assert camera["early"] is False


@pytest.mark.usefixtures("camera", "people")
def test_a_camera_and_an_area_have_days_of_their_own(settings: Settings) -> None:
    assert _say(settings, "set", "--area", "Harbor/Door", "--target", "16", "--reason", "x").exit_code == 0
    assert _say(settings, "set", "--camera", "Entrance", "--target", "18", "--reason", "x").exit_code == 0
    shown = _say(settings, "show").stdout
    assert "Harbor/Door: 16 days" in shown
    assert "Harbor/Entrance: 18 days" in shown
