"""`vms request`: entered, looked at, put in order and approved, as the people of `vms login`."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, an_account, done
from tests.vms.services.requesting import SCAN
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.instruments import FormLine
from vms.domain.people import Account, Proof, Role
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical
from vms.domain.timespan import day_of
from vms.services import redactions
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.sessions import open_session
from vms.store import cameras, requests
from vms.store.database import make_engines

pytestmark = pytest.mark.slow
ASKED = (
    *("--instrument", "subpoena", "--name", "Det. R. Alvarez", "--purpose", "a theft", "--camera", "Entrance"),
    *("--from", "2026-03-14T08:00-07:00", "--to", "2026-03-14T08:10-07:00", "--local-time", "Saturday at eight"),
    *("--court", "Circuit Court", "--docket", "26-CV-1188", "--verified", "called back"),
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with a branch and a camera, in which a desk, a Director and a Delegate have accounts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    installed = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    central, at = make_engines(installed.central_path), SystemClock().now()
    with central.writing() as session:
        branch = done(add_branch(session, CONSOLE, name="Harbor", timezone=None, at=at))
        done(add_camera(session, CONSOLE, NewCamera("Entrance", branch.id, "10.20.1.11"), at=at, allow_loopback=False))
        for role in (Role.DESK, Role.DIRECTOR):
            an_account(session, role, at=at)
    central.dispose()
    return installed


@pytest.fixture
def say(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function of words
    def as_role(role: Role, *words: str) -> Result:
        central = make_engines(settings.central_path)
        with central.writing() as session:
            account = next(one for one in _accounts(session) if one.role is role)
            opened = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=SystemClock().now()))
        central.dispose()
        monkeypatch.setattr("vms.cli.context.Cli._token", lambda _: opened.token)
        return CliRunner().invoke(app, ["--data", str(settings.data_dir), "request", *words])

    return as_role


def _accounts(session: Any) -> list[Account]:  # noqa: ANN401 - a session
    from vms.store import people  # noqa: PLC0415

    return list(people.find(session))


def _put_in_order(say: Any, number: str, tmp_path: Path) -> None:  # noqa: ANN401 - a function of words
    scan = tmp_path / "subpoena.pdf"
    scan.write_bytes(SCAN)
    for words in (
        ("paper", number, "--add", str(scan)),
        ("check", number, *(word for line in FormLine for word in ("--line", line.value)), "--answer", "yes"),
        ("act", number, "counsel", "--words", "told by phone"),
        ("advise", number, "--words", "comply with it"),
        ("act", number, "confer", "--words", "the chair"),
    ):
        assert say(Role.DIRECTOR, *words).exit_code == 0, words


def test_from_the_desk_to_an_approval(say: Any, settings: Settings, tmp_path: Path) -> None:  # noqa: ANN401 - a function of words
    entered = say(Role.DESK, "enter", *ASKED, "--json")
    assert entered.exit_code == 0, entered.output
    one = json.loads(entered.output)
    number = one["number"]
    assert "No requests" not in say(Role.DIRECTOR, "list").output
    assert "Before an approval: The paper is missing" in say(Role.DIRECTOR, "show", number).output
    _put_in_order(say, number, tmp_path)
    assert "comply with it" in say(Role.DIRECTOR, "advise", number).output
    refused = say(Role.DESK, "approve", number, "--sha256", one["sha256"])
    assert (refused.exit_code, "Ask the Director" in refused.output) == (2, True)
    assert "changed since" in say(Role.DIRECTOR, "approve", number, "--sha256", "0" * 64).output
    approved = say(Role.DIRECTOR, "approve", number, "--sha256", one["sha256"])
    assert (approved.exit_code, "approved" in approved.output) == (0, True)
    assert "approved" in say(Role.DESK, "letter", number).output
    assert "SHA-256" in say(Role.DIRECTOR, "show", number).output
    less = ("--camera", "Entrance", "--from", "2026-03-14T08:05-07:00", "--to", "2026-03-14T08:10-07:00", "--words", "a minute")
    assert json.loads(say(Role.DIRECTOR, "narrow", number, *less, "--redact", "the children", "--json").output)["state"] == "narrowed"
    fewer = ("--camera", "Entrance", "--from", "2026-03-14T08:06-07:00", "--to", "2026-03-14T08:10-07:00", "--words", "less still")
    assert say(Role.DIRECTOR, "narrow", number, *fewer, "--conditions", "for the case alone").exit_code == 0
    shown = say(Role.DIRECTOR, "show", number).output
    assert "For Det. R. Alvarez, by-hand, with the children made unrecognisable, on these conditions: for the case alone" in shown
    last = f"{SystemClock().now() + timedelta(days=9):%Y-%m-%d}"
    assert say(Role.DIRECTOR, "narrow", number, *fewer, "--until", last).exit_code == 0
    assert say(Role.DIRECTOR, "narrow", number, *fewer, "--redact", "the child").exit_code == 0
    shown = say(Role.DIRECTOR, "show", number).output
    ends = day_of(date.fromisoformat(last), "America/Los_Angeles").end
    assert f"for the case alone, before {ends:%Y-%m-%d %H:%M} UTC" in shown
    over = say(Role.DIRECTOR, "narrow", number, *fewer, "--until", "2026-03-14")
    assert (over.exit_code, "one of the next 366" in over.output) == (2, True)
    paper = json.loads(say(Role.DIRECTOR, "show", number, "--json").output)["papers"][0]["id"]
    out = tmp_path / "out.bin"
    assert say(Role.DESK, "paper", number, "--take", str(paper), "--to", str(out)).exit_code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_bytes() == SCAN
    assert say(Role.DESK, "paper", number, "--take", str(paper), "--to", str(out)).exit_code == 2
    denied = say(Role.DIRECTOR, "deny", number, "--reason", "too-wide", "--words", "all of the day")
    assert "denied" in denied.output
    assert settings.data_dir.exists()


def test_stills_are_asked_for_and_approved_without_a_paper(say: Any) -> None:  # noqa: ANN401 - a function of words
    until = f"{SystemClock().now() + timedelta(days=100):%Y-%m-%d}"
    asked = ("stills", "--purpose", "safety", "--words", "a ban", "--camera", "Entrance", "--at", "2026-03-14T08:00:05-07:00")
    entered = say(Role.DESK, *asked, "--until", until, "--json")
    assert entered.exit_code == 0, entered.output
    one = json.loads(entered.output)
    assert (one["instrument"], one["purpose"]) == ("internal-stills", "For the safety of library users, staff and property: a ban")
    assert "Alder, by-hand, before" in say(Role.DIRECTOR, "show", one["number"]).output
    assert say(Role.DIRECTOR, "approve", one["number"], "--sha256", one["sha256"]).exit_code == 0
    late = say(Role.DESK, *asked, "--until", "2020-01-01")
    assert (late.exit_code, "is one of the next 366" in late.output) == (2, True)
    general = say(Role.DESK, "enter", *ASKED[:1], "internal-stills", *ASKED[2:])
    assert (general.exit_code, "vms request stills" in general.output) == (2, True)


def test_a_redaction_plan_is_kept_and_what_it_makes_is_taken_out(say: Any, settings: Settings, tmp_path: Path) -> None:  # noqa: ANN401 - as above
    number = json.loads(say(Role.DESK, "enter", *ASKED, "--json").output)["number"]
    central = make_engines(settings.central_path)
    with central.reading() as session:
        (request,) = requests.find(session, requests.EVERYBODYS, limit=2)
    (span,) = request.scope.footage
    box = Keyframe(span.start_ms, Box(0, 0, 5000, 5000))
    regions = (Region(Cover.FILL, Between.ALL, (box,), span.end_ms),)
    plan = RedactionPlan((CameraPlan(span.camera_id, span.start_ms, span.end_ms, regions),))
    (tmp_path / "plan.json").write_text(canonical(plan))
    assert "There is no such redaction plan" in say(Role.DIRECTOR, "redaction", number).output
    kept = say(Role.DIRECTOR, "redaction", number, "--plan", str(tmp_path / "plan.json"))
    assert f"Plan {plan.digest.hex()}, by" in " ".join(kept.output.split())
    with central.writing() as session:
        redactions.keep_sheet(session, settings, request, plan, span.camera_id, b"a sheet")
    central.dispose()
    told = say(Role.DIRECTOR, "redaction", number, "--sheets", str(tmp_path)).output
    assert ("1 sheets" in told, "No sheet is of" in told) == (True, False)
    assert (tmp_path / "sheet-01.png").read_bytes() == b"a sheet"
    early = say(Role.DIRECTOR, "redaction", number, "--back", plan.digest.hex(), "--words", "a face")
    assert (early.exit_code, "can't be sent back now" in " ".join(early.output.split())) == (2, True), early.output
    answer = say(Role.DIRECTOR, "redaction", number, "--approve", plan.digest.hex())
    assert (answer.exit_code, "nothing was redacted yet" in " ".join(answer.output.split())) == (2, True), answer.output


def test_a_camera_of_which_nothing_is_covered_is_named(say: Any, settings: Settings, tmp_path: Path) -> None:  # noqa: ANN401 - as above
    central = make_engines(settings.central_path)
    with central.writing() as session:
        (entrance,) = cameras.find(session, None)
        new = NewCamera("Back door", entrance.branch.id, "10.20.1.12")
        done(add_camera(session, CONSOLE, new, at=SystemClock().now(), allow_loopback=False))
    number = json.loads(say(Role.DESK, "enter", *ASKED, "--camera", "Back door", "--json").output)["number"]
    with central.reading() as session:
        (request,) = requests.find(session, requests.EVERYBODYS, limit=2)
    span = next(one for one in request.scope.footage if one.camera_id == entrance.camera.id)
    regions = (Region(Cover.FILL, Between.ALL, (Keyframe(span.start_ms, Box(0, 0, 5000, 5000)),), span.end_ms),)
    plan = RedactionPlan((CameraPlan(span.camera_id, span.start_ms, span.end_ms, regions),))
    (tmp_path / "plan.json").write_text(canonical(plan))
    say(Role.DIRECTOR, "redaction", number, "--plan", str(tmp_path / "plan.json"))
    with central.writing() as session:
        redactions.keep_sheet(session, settings, request, plan, span.camera_id, b"a sheet")
    central.dispose()
    told = " ".join(say(Role.DIRECTOR, "redaction", number).output.split())
    assert "No sheet is of Harbor/Back door: nothing of that is covered" in told


def test_what_can_t_be_is_said_in_one_sentence(say: Any) -> None:  # noqa: ANN401 - a function of words
    for words, sentence in (
        (("show", "2026-0099"), "There is no such request"),
        (("act", "2026-0099", "dance", "--words", "x"), "There is no such request"),
        (("paper", "2026-0099"), "--add FILE"),
        (("enter", *ASKED, "--to", "2026-03-14T07:00-07:00"), "--from lies before --to"),
        (("enter", *ASKED, "--from", "1969-07-20T20:17-05:00"), "and in 1970 or later"),
        (("enter", *ASKED, "--court", ""), "which court"),
    ):
        answer = say(Role.DESK, *words)
        assert (answer.exit_code, sentence in answer.output) == (2, True), answer.output


def test_what_is_sealed_is_said_to_the_named_alone(say: Any, settings: Settings) -> None:  # noqa: ANN401 - a function of words
    """Whoever else asks is answered word for word as if there were none."""
    central, at = make_engines(settings.central_path), SystemClock().now()
    with central.writing() as session:
        for role in (Role.DELEGATE, Role.COUNSEL, Role.IT):
            an_account(session, role, at=at)
    one = json.loads(say(Role.DIRECTOR, "enter", *ASKED, "--sealed", "--json").output)
    number = one["number"]
    assert (number[:2], [who["name"] for who in one["sealed"]["named"]]) == ("S-", ["counsel person", "director person"])
    for role in (Role.DIRECTOR, Role.COUNSEL):
        assert number in say(role, "list").output
        shown = say(role, "show", number).output
        assert "Sealed: nobody learns of it but counsel person, director person" in shown
        assert all(word in shown for word in ("Det. R. Alvarez", "Saturday at eight", "called back")), shown
    stored = b"".join(path.read_bytes() for path in settings.data_dir.glob("central.db*"))
    assert not any(word in stored for word in (b"Det. R. Alvarez", b"a theft", b"Saturday at eight", b"Circuit Court", b"called back"))

    def everybody_else() -> list[tuple[int, str]]:
        asked = [("list", "--json"), ("show", number), ("letter", str(one["id"])), ("act", number, "ask", "--words", "x")]
        asked += [("unseal", number, "--ended", "2026-03-14", "--words", "x")]
        found = [(said.exit_code, said.output) for role in (Role.DELEGATE, Role.IT) for said in (say(role, *words) for words in asked)]
        purge = CliRunner().invoke(app, ["--data", str(settings.data_dir), "records", "purge", "--dry-run"])
        return [*found, (purge.exit_code, purge.output)]

    with_it = everybody_else()
    with central.write.begin() as connection:
        of_requests = ("sealed_request_person", "sealed_request", "request_hold", "request_standing", "request_event", "request_camera")
        for table in (*of_requests, "request_scope", "export_request", "sealed_hold", "hold_scope", "hold_camera", "legal_hold"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names above
    central.dispose()
    assert everybody_else() == with_it


def test_a_seal_is_named_further_and_lifted(say: Any, settings: Settings) -> None:  # noqa: ANN401 - a function of words
    central = make_engines(settings.central_path)
    with central.writing() as session:
        an_account(session, Role.DELEGATE, at=SystemClock().now())
    central.dispose()
    assert "may read the register" in say(Role.DIRECTOR, "enter", *ASKED, "--sealed", "--named", "desk person").output
    assert "Ask the Director" in say(Role.DESK, "enter", *ASKED, "--sealed", "--named", "desk person").output
    one = json.loads(say(Role.DIRECTOR, "enter", *ASKED, "--sealed", "--json").output)
    assert say(Role.DELEGATE, "show", one["number"]).exit_code == 2
    assert say(Role.DIRECTOR, "name", one["number"], "--person", "delegate person").exit_code == 0
    assert say(Role.DELEGATE, "show", one["number"]).exit_code == 0
    data, matter = ("--data", str(settings.data_dir)), one["sealed"]["matter"]
    assert "Lift its seal first" in CliRunner().invoke(app, [*data, "log", "unseal", matter]).output
    assert say(Role.DELEGATE, "unseal", one["number"], "--ended", "2026-03-14", "--words", "set aside").exit_code == 0
    assert "Sealed until 2026-03-14: set aside" in say(Role.DELEGATE, "show", one["number"]).output
    assert CliRunner().invoke(app, [*data, "log", "unseal", matter]).exit_code == 0


def test_without_a_sign_in_nothing_of_requests_is_told(settings: Settings) -> None:
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "request", "list"])
    assert (answer.exit_code, "vms login" in answer.output) == (2, True)


def test_the_package_is_made_by_the_command_itself(say: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a function of words
    """Nothing was ever recorded here, which the package's job finds out by index and keys as they are."""
    one = json.loads(say(Role.DESK, "enter", *ASKED, "--json").output)
    number = one["number"]
    assert "it can't be prepared now" in say(Role.DIRECTOR, "package", number).output
    _put_in_order(say, number, tmp_path)
    assert say(Role.DIRECTOR, "approve", number, "--sha256", one["sha256"]).exit_code == 0
    made = say(Role.DIRECTOR, "package", number, "--wait", "--json")
    assert (made.exit_code, json.loads(made.output)["state"]) == (1, "gone")
    assert "Nothing of what was asked for is there." in made.output
    assert "footage_unavailable" in say(Role.DIRECTOR, "show", number).output
    to = ("--to", str(tmp_path), "--taken-by", "Det. R. Alvarez", "--serial", "4C530001")
    assert "lies on the disk of this machine" in say(Role.DIRECTOR, "release", number, *to).output
    assert "There is no package of request" in say(Role.DIRECTOR, "release", number, *to, "--own-disk").output
    assert "approved to leave as by-hand, not download" in say(Role.DIRECTOR, "ticket", number, "--for", "R. Alvarez").output
    assert "0 tickets open nothing any more" in say(Role.DIRECTOR, "take-back", number).output
    assert "so there is no receipt" in say(Role.DIRECTOR, "receipt", number, "--to", str(tmp_path / "receipt.pdf")).output


def test_an_outsider_is_shown_what_was_approved(say: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a function of words
    one = json.loads(say(Role.DESK, "enter", *ASKED, "--delivery", "on-site", "--json").output)
    number, who = one["number"], ("--to", "Det. R. Alvarez", "--belongs", "4711", "--identity", "badge", "--place", "desk 2")
    assert "it can't be shown now" in say(Role.DIRECTOR, "show-on-site", number, *who).output
    _put_in_order(say, number, tmp_path)
    assert say(Role.DIRECTOR, "approve", number, "--sha256", one["sha256"]).exit_code == 0
    assert "no package is made of it" in say(Role.DIRECTOR, "package", number).output
    to = ("--to", str(tmp_path), "--taken-by", "Det. R. Alvarez", "--serial", "4C530001", "--own-disk")
    assert "no file leaves" in say(Role.DIRECTOR, "release", number, *to).output
    begun = say(Role.DIRECTOR, "show-on-site", number, *who)
    assert (begun.exit_code, "beside them director person" in begun.output) == (0, True)
    assert "vms request receipt" in say(Role.DIRECTOR, "end-showing", number).output
    assert "is not being shown now" in say(Role.DIRECTOR, "end-showing", number).output
    again = json.loads(say(Role.DIRECTOR, "show-on-site", number, *who, "--beside", "Kim", "--json").output)
    ended = json.loads(say(Role.DIRECTOR, "end-showing", number, "--json").output)
    assert (again["showing"], again["beside"], ended["seen"]) == (ended["showing"], "Kim", [])
    receipt = tmp_path / "receipt.pdf"
    assert say(Role.DIRECTOR, "receipt", number, "--to", str(receipt)).exit_code == 0
    assert receipt.read_bytes().startswith(b"%PDF")


def test_a_warrant_at_the_door(say: Any, settings: Settings, tmp_path: Path) -> None:  # noqa: ANN401 - a function of words
    photograph = tmp_path / "paper.jpg"
    photograph.write_bytes(SCAN)
    central = make_engines(settings.central_path)
    with central.reading() as session:
        director = next(one for one in _accounts(session) if one.role is Role.DIRECTOR)
    central.dispose()
    signed_in = say(Role.DIRECTOR, "list")
    assert signed_in.exit_code == 0, signed_in.output
    deputies = ["--data", str(settings.data_dir), "deputy", "set"]
    with_comma = CliRunner().invoke(app, [*deputies, "Marsh, Helen,555-0101,"])
    assert "‘Marsh, Helen’" in with_comma.stderr, "a name may have a comma of its own"
    listed = CliRunner().invoke(app, [*deputies, f"{director.name},555-0101,"])
    assert listed.exit_code == 0, listed.output
    assert "The list is empty" in CliRunner().invoke(app, deputies).stderr
    assert "Nobody yet" in CliRunner().invoke(app, [*deputies, "--nobody"]).output
    assert CliRunner().invoke(app, [*deputies, f"{director.name},555-0101,"]).exit_code == 0
    told = ("--name", "Det. R. Alvarez", *ASKED[6:12], "--court", "Circuit Court", "--docket", "26-SW-12")
    taken = say(Role.DESK, "door", *told, "--photograph", str(photograph))
    assert taken.exit_code == 0, taken.output
    assert "555-0101" in taken.output
    number = taken.output.split()[1].rstrip(".")
    called = say(Role.DESK, "call", number, director.name, "--not-reached")
    assert "not reached at" in called.output
    looked = say(Role.DIRECTOR, "look-over", number, "--verified", "badge", "--counsel", "told by phone", "--board", "at once")
    assert "under_review" in looked.output
    standing = json.loads(say(Role.DIRECTOR, "show", number, "--json").output)
    assert say(Role.DIRECTOR, "approve", number, "--sha256", standing["sha256"]).exit_code == 0
