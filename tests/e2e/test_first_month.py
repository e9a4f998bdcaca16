"""The first month of a small district: one box, twelve cameras, three people, from `vms init` to footage that a released hold lets go.

The product as it ships, in processes of its own, whose clocks are days ahead, and people who find their way by what its pages say. Where
days go by, the hub's jobs and `vms retain --once` do here what they do by the hour.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from typer.testing import CliRunner

from tests import later
from tests.e2e.staff import Ledger, Someone
from tests.fakes.cameras import PASSWORD, USERNAME
from tests.later.sitecustomize import SECONDS
from tests.product import Product, free_port
from tests.recorder.site import Cameras
from tests.waiting import wait_until
from vms.cli import app, context
from vms.clock import SystemClock
from vms.config import load_settings
from vms.services.log_key import read_log_key
from vms.store.database import make_engines
from web.jobs import Jobs

pytestmark = pytest.mark.long  # two minutes of a processor, which a busy machine makes ten

ROOT = Path(__file__).parents[2]
README = ROOT / "web" / "README.md"
START_SECONDS = 220.0
"""For processes to start, on a machine that is busy with other tests."""
CAMERAS = ("Entrance", "Lobby", "Desk", "Stairs", "Lift", "Garage", "Loading dock", "Yard", "Reading room", "Teens", "Media", "Back door")
ZONE = ZoneInfo("America/Los_Angeles")


class DaysLater(SystemClock):
    """The machine's clock, as if it had run for some days more."""

    days = 0

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)

    def monotonic(self) -> float:
        return super().monotonic() + timedelta(days=self.days).total_seconds()


@dataclass
class Month:
    """The installation, and the three who look after it."""

    product: Product
    cameras: Cameras
    ledger: Ledger = field(default_factory=Ledger)
    clock: DaysLater = field(default_factory=DaysLater)

    def __post_init__(self) -> None:
        self.it = Someone("t.okafor", "nine owls over the harbor", self.ledger, self.clock.now)
        self.director = Someone("h.marsh", "the quiet stacks at noon", self.ledger, self.clock.now)
        self.desk = Someone("d.nakamura", "rain on the book return", self.ledger, self.clock.now)

    def command(self, *words: str) -> str:
        """Run a command at the console, in this process, and return what it prints."""
        self.ledger.cost.commands += 1
        return self._vms(*words)

    def _vms(self, *words: str) -> str:
        said = CliRunner().invoke(app, ["--data", str(self.product.data), *words])
        assert said.exit_code == 0, said.output
        return said.stdout

    @contextmanager
    def sitting(self, day: int, *, runs: str = "up") -> Iterator[None]:
        """Run the product on that day, with everybody at a browser; what recording has open is published at its end."""
        self._days_go_by(day)
        port = free_port()
        with self.product.running(runs, "--listen", f"127.0.0.1:{port}"):
            wait_until(lambda: _answers(port), seconds=START_SECONDS)
            with ExitStack() as stack:
                for someone in (self.it, self.director, self.desk):
                    stack.enter_context(someone.sits_down(f"http://localhost:{port}"))
                yield
        self._do_jobs()

    def wait_until_recorded(self) -> None:
        """Have IT look at the cameras until each of them is recorded."""

        def recorded() -> bool:
            self.it.looks_again()
            return sum("Recording" in row.text for row in self.it.page.all("tr")) == len(CAMERAS)

        wait_until(recorded, seconds=START_SECONDS)

    def attested(self, camera: str, day: int) -> str:
        """Return what became of a camera's footage of a day, as the command line says it."""
        date = f"{(datetime.now(UTC) + timedelta(days=day)).astimezone(ZONE):%Y-%m-%d}"
        verdict: str = json.loads(self.command("retention", "attest", "--camera", camera, "--day", date, "--json"))["verdict"]
        return verdict

    def _days_go_by(self, day: int) -> None:
        while self.clock.days < day:
            self.clock.days += 1
            self._do_jobs()
        self.ledger.day = day
        self.product.environment[SECONDS] = str(timedelta(days=day).total_seconds())
        if day:
            self._vms("retain", "--once")

    def _do_jobs(self) -> None:
        settings = load_settings(self.product.data)
        central = make_engines(settings.central_where)
        try:
            jobs = Jobs(settings, central, read_log_key(settings), self.clock)
            for job in (jobs.checkpoint, jobs.act_alone, jobs.write_down_ends, jobs.end_holds):
                job()
        finally:
            central.dispose()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Month]:
    path = os.pathsep.join([str(Path(later.__file__).parent), str(ROOT), os.environ.get("PYTHONPATH", "")])
    cameras = Cameras(1)
    month = Month(Product(tmp_path / "data", PYTHONPATH=path), cameras)
    monkeypatch.setattr(context, "SystemClock", lambda: month.clock)
    try:
        yield month
    finally:
        cameras.close()


def test_a_small_district_gets_through_its_first_month(month: Month) -> None:
    """Nobody is ever stuck, each refusal says whom to ask, and what it all takes stands in a README."""
    invitations = _set_up(month)
    with month.sitting(0):
        _join(month, invitations)
        _add_cameras(month)
        _admit_the_desk(month)
        _watch(month)
        _pause(month)
    with month.sitting(2):
        _look_after_the_cameras(month)
        _keep_an_incident(month)
        _try_what_is_not_theirs(month)
        _keep_footage_shorter(month)
    with month.sitting(11, runs="serve"):
        _see_a_day_gone(month)
        _release(month)
    with month.sitting(19, runs="serve"):
        _see_the_hold_gone(month)
    assert all("Ask " in sentence for sentence in month.ledger.sentences), month.ledger.sentences
    table = month.ledger.table()
    assert table in README.read_text(encoding="utf-8"), f"put this into {README}:\n{table}"


def _set_up(month: Month) -> list[str]:
    """Do what is done at the console; returns the invitations of IT and the Director."""
    with month.ledger.act("set up the box", "IT"):
        month.command("init", "--name", "Alder County Library District", "--timezone", str(ZONE), "--director", "Helen Marsh", "--yes")
        month.command("branch", "add", "Central")
        said = [month.command("user", "add", one.name, "--role", role) for one, role in ((month.it, "it"), (month.director, "director"))]
        month.ledger.cost.commands += 1  # vms up
    return [re.findall(r"Invitation: (\S+)", one)[0] for one in said]


def _join(month: Month, invitations: list[str]) -> None:
    with month.ledger.act("choose a password, set up the authenticator", "IT"):
        month.it.joins(invitations[0])
    with month.ledger.act("the same, and sign the policy", "Director"):
        month.director.joins(invitations[1])
        month.director.follows("The retention policy waits for your signature")
        month.director.presses("Sign it")
        month.director.reads("Signed.")


def _add_cameras(month: Month) -> None:
    it, served = month.it, month.cameras.demo
    with month.ledger.act("add twelve cameras", "IT"):
        for number, name in enumerate(CAMERAS):
            it.follows("Add camera" if number else "Add the first camera")
            where = {"host": "127.0.0.1", "port": str(served.port), "main_path": served.path(served.keys[0])}
            it.enters(name=name, **where, username=USERNAME, password=PASSWORD)
            it.presses("Add and start recording")
            it.reads("Camera added.")
    month.wait_until_recorded()


def _admit_the_desk(month: Month) -> None:
    it, director, desk = month.it, month.director, month.desk
    with month.ledger.act("add an account, and give half a code", "IT"):
        it.follows("People")
        it.follows("Add account")
        it.enters(name=desk.name)
        it.ticks("Desk")
        it.presses("Add and show the invitation")
        first = it.reads_code()
    with month.ledger.act("confirm it, and give the other half", "Director"):
        director.follows("Live")
        director.follows("Something waits for a second person")
        director.follows("Open it", beside=desk.name)
        director.presses("Confirm", beside=desk.name)
        second = director.reads_code()
    with month.ledger.act("choose a password, set up the authenticator", "Desk"):
        desk.joins(first, second)


def _watch(month: Month) -> None:
    """Say why, as the page asks, and read pictures as its player does."""
    desk = month.desk
    with month.ledger.act("watch a recording, and say why", "Desk"):
        desk.follows("Playback")
        month.ledger.cost.entries += 1  # the camera
        month.ledger.cost.clicks += 1  # what for: a button of the player
        camera = next(one["id"] for one in desk.asks("GET", "/api/v1/cameras").json()["cameras"] if one["name"] == "Lobby")
        span = {
            "start": (month.clock.now() - timedelta(minutes=5)).isoformat(),
            "end": (month.clock.now() + timedelta(hours=1)).isoformat(),
        }
        view = desk.asks("POST", "/api/v1/views", json={"camera": camera, "purpose": "incident", **span}).json()["view"]
        wait_until(lambda: "#EXTINF" in desk.asks("GET", f"/api/v1/views/{view}/main.m3u8").text, seconds=START_SECONDS)


def _pause(month: Month) -> None:
    with month.ledger.act("pause a camera for an hour", "IT"):
        month.it.follows("Cameras")
        month.it.follows("Teens")
        month.it.enters(reason="a story hour that asked for it")
        month.it.presses("Pause it")
        wait_until(lambda: _says(month.it, "Paused", beside="Teens"), seconds=START_SECONDS)


def _says(someone: Someone, text: str, *, beside: str) -> bool:
    someone.looks_again()
    return any(beside in row.text and text in row.text for row in someone.page.all("tr"))


def _look_after_the_cameras(month: Month) -> None:
    with month.ledger.act("see that every camera is recorded", "IT"):
        month.it.signs_in()
    month.wait_until_recorded()


def _keep_an_incident(month: Month) -> None:
    desk, director = month.desk, month.director
    with month.ledger.act("keep footage at once", "Desk"):
        desk.signs_in()
        desk.follows("Keep")
        desk.ticks("Lobby", "Entrance")
        desk.enters(reason="a patron fell on the steps")
        desk.presses("Keep it")
        desk.reads("Kept.")
    with month.ledger.act("decide on it: a hold in its stead", "Director"):
        director.signs_in()
        director.follows("Footage kept at once waits for your decision")
        director.follows("Place a hold in its stead")
        director.enters(matter="A fall on the steps")
        director.ticks("Incident")
        director.presses("Place the hold")
        director.reads("Placed.")
        assert "waits for your decision" not in director.page.text
        wait_until(lambda: _is_protected(director), seconds=START_SECONDS)


def _is_protected(director: Someone) -> bool:
    director.looks_again()
    return "protected." in director.page.text


def _try_what_is_not_theirs(month: Month) -> None:
    tries = (
        ("IT", month.it, ("/live", "/playback", "/log", "/keep", "/holds/new", "/policy/new")),
        ("Director", month.director, ("/cameras", "/people/new")),
        ("Desk", month.desk, ("/cameras", "/log", "/people", "/holds", "/policy", "/reviews")),
    )
    for who, someone, paths in tries:
        with month.ledger.act("try what is not theirs", who):
            for path in paths:
                someone.is_refused(path)


def _keep_footage_shorter(month: Month) -> None:
    director = month.director
    with month.ledger.act("keep footage for 7 days, no longer 14", "Director"):
        director.follows("Holds")
        director.follows("How long footage is kept")
        director.follows("Change it")
        director.enters(target="7", reason="the Board's decision of Monday")
        director.presses("See what would follow")
        director.reads("it waits 72 hours")
        director.presses("Propose it")
        director.reads("Nobody else could confirm it.")
    with month.ledger.act("look at what the Director does alone", "IT"):
        month.it.follows("Back to the start")
        month.it.follows("Something waits for a second person")
        month.it.reads("unless stopped")
        month.it.follows("Open it")
        month.it.reads("by which footage is kept shorter or less is recorded: 7 days")


def _see_a_day_gone(month: Month) -> None:
    with month.ledger.act("attest that the first day is gone", "IT"):
        assert month.attested("Lobby", 0) == "gone"
    with month.ledger.act("attest that the incident is kept", "IT"):
        assert month.attested("Lobby", 2) == "held"


def _release(month: Month) -> None:
    it, director, desk = month.it, month.director, month.desk
    with month.ledger.act("propose a Delegate for a week", "IT"):
        it.signs_in()
        it.follows("People")
        it.follows("Lend the Delegate’s role", beside=desk.name)
        it.enters(until=f"{month.clock.now() + timedelta(days=7):%Y-%m-%d}")
        it.presses("Propose the delegation")
    with month.ledger.act("confirm the Delegate", "Director"):
        director.signs_in()
        director.follows("Something waits for a second person")
        director.follows("Open it", beside=desk.name)
        director.presses("Confirm the delegation", beside=desk.name)
    for matter in ("A fall on the steps", f"Kept at once by {desk.name}"):
        with month.ledger.act("propose a release", "Director"):
            director.follows("Holds")
            director.follows(matter)
            director.follows("Propose its release")
            director.enters(reason="the patron was insured and is content")
            director.presses("Propose the release")
    for number in range(2):
        with month.ledger.act("confirm a release", "Delegate (Desk)"):
            if number == 0:
                desk.signs_in()
            desk.follows("Something waits for a second person" if number else "2 things wait for a second person")
            desk.follows("Open it")
            desk.presses("Confirm the release")
            desk.reads("The hold protects until it has cooled off")


def _see_the_hold_gone(month: Month) -> None:
    with month.ledger.act("attest that the incident is gone", "IT"):
        assert month.attested("Lobby", 2) == "gone"
    with month.ledger.act("see both holds ended", "Director"):
        month.director.signs_in()
        month.director.follows("Holds")
        assert sum("Ended" in row.text for row in month.director.page.all("tr")) == 2
