"""`vms hold`: placed, shown, released by two people and kept, as the people of `vms login`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, an_account, done
from vms.cli import app, holds
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.hold import HoldAnswer
from vms.domain.ids import NodeId
from vms.domain.people import Account, Proof, Role
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera, remove_camera
from vms.services.district import District
from vms.services.hub_link import LocalHub
from vms.services.installation import Installation, install
from vms.services.sessions import open_session
from vms.store import nodes, people
from vms.store.database import Engines, make_engines

pytestmark = pytest.mark.slow
PLACED = ("--matter", "Smith v. District", "--kind", "litigation", "--reason", "letter of counsel", "--from", "2026-03-14T08:00-07:00")


@contextmanager
def _central(settings: Settings) -> Iterator[Engines]:
    engines = make_engines(settings.central_path)
    yield engines
    engines.dispose()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with a branch, a camera in an area, a removed one, and nobody to wait long for."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(holds, "ANSWER_SECONDS", 0.0)
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    installed = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    at = SystemClock().now()
    with _central(installed) as central, central.writing() as session:
        branch = done(add_branch(session, CONSOLE, name="Harbor", timezone=None, at=at))
        new = NewCamera("Entrance", branch.id, "10.20.1.11", area="Door")
        done(add_camera(session, CONSOLE, new, at=at, allow_loopback=False))
        old = done(add_camera(session, CONSOLE, NewCamera("Old", branch.id, "10.20.1.12"), at=at, allow_loopback=False))
        done(remove_camera(session, CONSOLE, old.camera.id, at=at))
    return installed


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words])


def _accounts(settings: Settings, *roles: Role) -> list[Account]:
    with _central(settings) as central, central.writing() as session:
        return [an_account(session, role, at=SystemClock().now()) for role in roles]


def _sign_in(settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as somebody with both factors, proved just now."""
    with _central(settings) as central, central.writing() as session:
        opened = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=SystemClock().now()))
    monkeypatch.setattr("vms.cli.context.Cli._token", lambda _: opened.token)


@pytest.fixture
def director(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The Director, who is signed in; a Delegate is there too."""
    _, account = _accounts(settings, Role.DELEGATE, Role.DIRECTOR)
    _sign_in(settings, account, monkeypatch)
    return account


def _delegate(settings: Settings) -> Account:
    with _central(settings) as central, central.reading() as session:
        return next(one for one in people.find(session) if one.role is Role.DELEGATE)


def _node(settings: Settings) -> NodeId:
    with _central(settings) as central, central.reading() as session:
        return nodes.find(session)[0].id


def _shown(settings: Settings, hold: str = "Smith v. District") -> dict[str, object]:
    told: dict[str, object] = json.loads(_say(settings, "hold", "show", hold, "--json").stdout)
    return told


def test_a_hold_is_placed_and_in_force_where_nothing_may_be_destroyed(settings: Settings, director: Account) -> None:
    said = _say(settings, "hold", "place", *PLACED, "--branch", "Harbor", "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert (told["matter"], told["state"], told["effective"], told["to"]) == ("Smith v. District", "active", True, None)
    assert told["from"] == "2026-03-14T15:00:00+00:00"
    assert {camera["name"] for camera in told["cameras"]} == {"Entrance", "Old"}
    assert told["placed_by"] == director.name
    assert "Entrance" in _say(settings, "hold", "show", str(told["id"])).stdout
    (listed,) = json.loads(_say(settings, "hold", "list", "--json").stdout)["holds"]
    assert listed["id"] == told["id"]
    assert "Smith v. District" in _say(settings, "hold", "list").stdout


@pytest.mark.usefixtures("director")
def test_what_is_pending_is_said_with_the_time(settings: Settings) -> None:
    with _central(settings) as central:
        LocalHub(central).orders(_node(settings), 0, at=SystemClock().now())
    said = _say(settings, "hold", "place", *PLACED, "--camera", "entrance")
    assert said.exit_code == 1, said.output
    assert "pending: it has not answered, and is protected from 20" in said.stdout
    assert "not answered" in said.stdout
    assert _shown(settings)["effective"] is False


@pytest.mark.usefixtures("director")
@pytest.mark.parametrize(("condemned", "purged", "code"), [(0, 0, 0), (2, 0, 1), (0, 3, 1)])
def test_the_command_waits_for_the_node_and_says_what_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, condemned: int, purged: int, code: int
) -> None:
    monkeypatch.setattr(holds, "ANSWER_SECONDS", 20.0)
    node, stopping = _node(settings), threading.Event()

    def answer() -> None:
        """Be a node that asks until it is told something, and answers."""
        with _central(settings) as central:
            hub = LocalHub(central)
            while not stopping.wait(0.02):
                orders = hub.orders(node, 0, at=SystemClock().now())
                found = [HoldAnswer(one.hold_id, one.camera_id, 7, 7000, 0, 60_000, condemned, purged) for one in orders.changes]
                if found:
                    hub.answer_holds(node, orders.hold_seq, found, at=SystemClock().now())
                    return

    asking = threading.Thread(target=answer)
    asking.start()
    try:
        said = _say(settings, "hold", "place", *PLACED, "--camera", "Entrance", "--to", "2026-03-15T08:00-07:00")
    finally:
        stopping.set()
        asking.join()
    assert said.exit_code == code, said.output
    assert ": protected." in said.stdout
    assert ("can't be had back" in said.stderr) is (code == 1)
    (camera,) = _cameras(settings)
    assert camera["answer"]["kept_segments"] == 7
    assert (camera["answer"]["condemned_segments"], camera["answer"]["purged_segments"]) == (condemned, purged)


def _cameras(settings: Settings) -> list[dict[str, dict[str, int]]]:
    found = json.loads(_say(settings, "hold", "show", "Smith v. District", "--json").stdout)["cameras"]
    assert isinstance(found, list)
    return found


@pytest.mark.usefixtures("director")
def test_areas_and_removed_cameras_are_named(settings: Settings) -> None:
    dated = ("--kind", "provisional", "--expires", f"{SystemClock().now() + timedelta(days=20):%Y-%m-%d}")
    said = _say(settings, "hold", "place", *PLACED, *dated, "--area", "Harbor/door", "--camera", "Old", "--json")
    assert said.exit_code == 0, said.output
    assert {camera["name"] for camera in json.loads(said.stdout)["cameras"]} == {"Entrance", "Old"}
    assert "It protects until" in _say(settings, "hold", "show", "Smith v. District").stdout


@pytest.mark.usefixtures("director")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--camera", "nowhere"), "no camera ‘nowhere’"),
        (("--area", "Harbor"), "names no area"),
        (("--branch", "Nowhere"), "Branches: ‘Harbor’"),
        ((), "at least one camera"),
        (("--branch", "Harbor", "--to", "2020-01-01T00:00Z"), "ends after it starts"),
        (("--branch", "Harbor", "--to", "soon"), "is no moment"),
        (("--branch", "Harbor", "--review", "soon"), "is no day"),
        (("--branch", "Harbor", "--expires", "2027-01-01"), "only a provisional one"),
    ],
)
def test_what_can_not_be_meant_is_not_done(settings: Settings, words: tuple[str, ...], says: str) -> None:
    said = _say(settings, "hold", "place", *PLACED, *words)
    assert (said.exit_code, says in " ".join(said.stderr.split())) == (2, True), said.output
    assert _say(settings, "hold", "list").stdout == "No legal holds. Place one: vms hold place\n"


def test_only_a_person_places_a_hold(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _say(settings, "hold", "place", *PLACED, "--branch", "Harbor")
    assert (said.exit_code, "sign in first" in said.stderr) == (2, True)
    (technician,) = _accounts(settings, Role.IT)
    _sign_in(settings, technician, monkeypatch)
    said = _say(settings, "hold", "place", *PLACED, "--branch", "Harbor")
    assert (said.exit_code, "You may not place a legal hold" in said.stderr) == (2, True)


@pytest.mark.usefixtures("director")
def test_a_release_takes_two_people_and_is_undone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _say(settings, "hold", "place", *PLACED, "--branch", "Harbor").exit_code == 0
    proposed = _say(settings, "hold", "release", "Smith v. District", "--reason", "settled")
    assert (proposed.exit_code, "Somebody else confirms it" in proposed.stdout) == (0, True)
    assert _say(settings, "hold", "confirm", "Smith v. District").exit_code == 2
    assert "waits for a second person" in _say(settings, "hold", "show", "Smith v. District").stdout
    _sign_in(settings, _delegate(settings), monkeypatch)
    confirmed = _say(settings, "hold", "confirm", "Smith v. District")
    assert (confirmed.exit_code, "released, still in force until 20" in confirmed.stdout) == (0, True)
    assert _shown(settings)["state"] == "cooling-off"
    assert json.loads(_say(settings, "hold", "undo", "Smith v. District", "--json").stdout)["state"] == "active"
    assert _say(settings, "hold", "undo", "Smith v. District").exit_code == 2


def test_where_nobody_else_could_confirm_it_the_command_says_when(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (director,) = _accounts(settings, Role.DIRECTOR)
    _sign_in(settings, director, monkeypatch)
    for matter in ("Smith v. District", "other"):
        assert _say(settings, "hold", "place", *PLACED, "--matter", matter, "--branch", "Harbor").exit_code == 0
    said = _say(settings, "hold", "release", "Smith v. District", "--reason", "settled")
    assert "Nobody else could confirm it. From 20" in said.stdout
    told = json.loads(_say(settings, "hold", "release", "other", "--reason", "settled", "--json").stdout)
    assert told["alone_at"] is not None
    assert _say(settings, "hold", "release", "nothing", "--reason", "settled").exit_code == 2


def test_nobody_is_told_what_a_hold_names_beyond_the_own_reach(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, director: Account
) -> None:
    with _central(settings) as central, central.writing() as session:
        at = SystemClock().now()
        pier = done(add_branch(session, CONSOLE, name="Pier", timezone=None, at=at))
        narrow = an_account(session, Role.DIRECTOR, name="narrow", branches=frozenset({pier.id}), at=at)
        people.confirm(session, narrow.id, at)
    _sign_in(settings, director, monkeypatch)
    whole = json.loads(_say(settings, "hold", "place", *PLACED, "--branch", "Harbor", "--branch", "Pier", "--json").stdout)
    assert (len(whole["scope"]["branches"]), whole["beyond"]) == (2, False)
    _sign_in(settings, narrow, monkeypatch)
    (listed,) = json.loads(_say(settings, "hold", "list", "--json").stdout)["holds"]
    for told in (listed, _shown(settings)):
        assert (told["scope"], told["beyond"]) == ({"cameras": [], "areas": [], "branches": [pier.id]}, True)
    assert "names more than your account reaches" in _say(settings, "hold", "show", "Smith v. District").stdout


@pytest.mark.usefixtures("director")
def test_the_report_lists_every_hold_with_what_it_keeps(settings: Settings) -> None:
    assert _say(settings, "hold", "place", *PLACED, "--camera", "Entrance").exit_code == 0
    assert _say(settings, "hold", "place", *PLACED, "--matter", "secret", "--sealed", "--camera", "Entrance").exit_code == 0
    said = _say(settings, "hold", "report")
    assert (said.exit_code, "1 in force; they keep 0 segments" in said.stdout) == (0, True)
    (told,) = json.loads(_say(settings, "hold", "report", "--json").stdout)["holds"]
    assert (told["matter"], told["kept_segments"], told["beyond"]) == ("Smith v. District", 0, False)


def test_what_is_sealed_is_said_to_the_director_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch, director: Account) -> None:
    """Whoever else asks, signed in or at the console, is answered word for word as before."""
    delegate = _delegate(settings)

    def everybody_else(number: object) -> list[tuple[int, str]]:
        asked = [
            ("hold", "list"),
            ("hold", "list", "--json"),
            ("hold", "report"),
            ("hold", "show", str(number)),
            ("hold", "show", "In re Grand Jury 26-14"),
        ]
        asked += [("hold", "release", str(number), "--reason", "settled"), ("hold", "confirm", str(number)), ("hold", "undo", str(number))]
        asked += [("retain", "--dry-run"), ("retention", "attest"), ("retention", "attest", "--camera", "Entrance", "--day", "2026-03-14")]
        asked += [("size",), ("camera", "list")]
        found = []
        for signed_in in (True, False):
            if signed_in:
                _sign_in(settings, delegate, monkeypatch)
            else:
                monkeypatch.setattr("vms.cli.context.Cli._token", lambda _: None)
            found += [(said.exit_code, said.output) for said in (_say(settings, *words) for words in asked)]
        return found

    placed = ("--matter", "In re Grand Jury 26-14", "--sealed", "--branch", "Harbor", "--json")
    _sign_in(settings, director, monkeypatch)
    said = _say(settings, "hold", "place", *PLACED, *placed)
    told = json.loads(said.stdout)
    assert (told["matter"], len(told["sealed"])) == ("In re Grand Jury 26-14", 32)
    listed = _say(settings, "hold", "list").stdout
    assert "In re Grand Jury" in listed
    assert "sealed" in listed
    assert f"vms log show --sealed {told['sealed']}" in _say(settings, "hold", "show", str(told["id"])).stdout.replace("\n", " ")
    with_it = everybody_else(told["id"])
    with _central(settings) as central, central.write.begin() as connection:
        for table in ("hold_answer", "sealed_hold", "hold_scope", "hold_camera", "legal_hold"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names above
    assert everybody_else(told["id"]) == with_it


@pytest.mark.usefixtures("director")
def test_a_hold_that_has_ended_is_shown_as_that(settings: Settings) -> None:
    assert _say(settings, "hold", "place", *PLACED, "--camera", "Entrance").exit_code == 0
    with _central(settings) as central, central.write.begin() as connection:
        connection.execute(text("UPDATE legal_hold SET released_at = 1, released_by = 'system:holds'"))
    assert "ended" in _say(settings, "hold", "list").stdout
    said = _say(settings, "hold", "show", "Smith v. District").stdout
    assert ": ended." in said
    assert "protected" not in said
