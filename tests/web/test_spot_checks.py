"""The page of spot checks and its sheet, answered by the real retention of a machine: who may ask, and what stands there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from retention.deletion import Deletion
from retention.proof import prove_day
from tests.factories import NOW, a_person, after, done
from tests.retention.world import DAY
from tests.retention.world import World as Machine
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.deletion_certificate import PurgeMonth
from vms.domain.people import Role
from vms.domain.spot_check import WAITS
from vms.services.certificate_pdf import certificate_pdf
from vms.services.deletion_certificates import JOB, make, month_named, take_month
from vms.services.hub_link import LocalHub
from vms.services.log_key import LogKey
from vms.services.sealed_holds import place_sealed
from vms.store.database import Engines
from vms.store.files import IDENTITY

_OLD = -20 * DAY
_DAY = "2026-02-22"
"""Of which footage was recorded; by the branch's time."""


@pytest.fixture
def machine(world: World, index: Engines, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(index, tmp_path)
    made.node = replace(made.node, hub=LocalHub(world.site.central), node_id=world.camera.device.node_id)
    made.deletion = Deletion(made.node, lambda _seconds: False)
    yield made
    made.node.keys.close()


@pytest.fixture
def auditor(world: World) -> Iterator[httpx.Client]:
    with world.client(Role.AUDITOR, page=True) as client:
        yield client


def _record(world: World, machine: Machine) -> None:
    machine.make_pass()
    minutes = [_OLD + 60 * minute for minute in range(1, 9)]
    machine.record(*minutes, stream=world.main, camera=world.camera.camera.id)
    machine.make_pass()


def _answer(machine: Machine) -> None:
    for asked in machine.node.hub.spot_checks(machine.node.node_id):
        found = prove_day(machine.node, asked.camera_id, asked.day)
        machine.node.hub.answer_spot_check(machine.node.node_id, asked.id, found, at=machine.clock.now())


def _pick(world: World, client: httpx.Client, day: str = _DAY) -> httpx.Response:
    return client.post("/spot-checks", data={"camera": str(world.camera.camera.id), "day": day})


def _text(answer: httpx.Response) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


def test_a_picked_day_comes_back_as_a_sheet_with_its_proof(world: World, machine: Machine, auditor: httpx.Client) -> None:
    _record(world, machine)
    machine.clock.advance(DAY)
    machine.make_pass()  # the first of a day says where the purge log stands
    assert "/spot-checks" in auditor.get("/policy").text
    asked = _pick(world, auditor)
    assert asked.status_code == 303, asked.text
    sheet = asked.headers["location"]
    waits = auditor.get(sheet)
    assert "has not answered yet" in _text(waits)
    assert 'http-equiv="refresh"' in waits.text
    world.clock.step(timedelta(minutes=2))
    assert 'http-equiv="refresh"' not in auditor.get(sheet).text, "a page that stands open must not keep somebody signed in"
    _answer(machine)
    page = auditor.get(sheet)
    said = _text(page)
    assert "Main Street/Entrance, Sun 22 Feb 2026" in said
    assert "Gone: its window is over, no hold that may be spoken of keeps any of it" in said
    assert "Kept 14 days" in said
    assert "0 files of the day, by looking through every volume" in said
    assert "14 days, policy version 1" in said
    root = re.search(r"Root ([0-9a-f]{64})", said)
    assert root is not None
    assert "followed from the first of its 1 entries" in said
    assert re.search(r"behind entry [0-9,]+ of the access log", said)
    assert "data-print hidden" in page.text
    assert 'http-equiv="refresh"' not in page.text
    assert "Gone" in _text(auditor.get("/spot-checks"))
    (first, second) = world.events(Action.SPOT_CHECK_ASK, Action.SPOT_CHECK_ANSWER)
    assert (first.detail, first.role) == ({"day": _DAY, "how": "picked"}, "auditor")
    assert second.detail["verdict"] == "gone"
    with world.client(Role.DIRECTOR, page=True) as director:
        log = _text(director.get("/log"))
    assert f"Asked what became of the footage of {_DAY}, picked" in log
    assert f"What became of the footage of {_DAY}: gone" in log


def test_what_is_left_and_what_was_not_seen_is_named(world: World, machine: Machine, auditor: httpx.Client) -> None:
    machine.make_pass()
    machine.record(_OLD + 60, stream=world.main, camera=world.camera.camera.id)
    sheets = [_pick(world, auditor).headers["location"]]
    _answer(machine)
    machine.make_pass()
    (machine.volume.path / IDENTITY).unlink()
    sheets.append(_pick(world, auditor).headers["location"])
    _answer(machine)
    left, unseen = (_text(auditor.get(sheet)) for sheet in sheets)
    assert "Left: its window is over, no hold keeps it, and some of it is still there." in left
    assert "not every volume could be looked through" in unseen
    assert "Not looked through:" in unseen


def test_a_day_is_drawn_once_one_is_over(world: World, machine: Machine, auditor: httpx.Client) -> None:
    early = auditor.post("/spot-checks/draw")
    assert early.status_code == 409
    assert "no day to draw yet" in _text(early)
    world.clock.step(timedelta(days=1))
    with world.client(Role.AUDITOR, page=True) as later:
        drawn = later.post("/spot-checks/draw")
        assert drawn.status_code == 303
        _answer(machine)
        assert "By draw: nobody picked it" in _text(later.get(drawn.headers["location"]))


def test_what_was_not_answered_in_time_says_that_it_has_lapsed(world: World, auditor: httpx.Client) -> None:
    page = _pick(world, auditor, "2026-03-13").headers["location"]
    assert "the check lapses on" in _text(auditor.get(page))
    assert "Lapsed" not in _text(auditor.get("/spot-checks"))
    world.clock.step(WAITS)
    with world.client(Role.AUDITOR, page=True) as later:
        assert "It has lapsed: the camera’s recorder had not answered by" in _text(later.get(page))
        assert "Lapsed: its recorder did not answer in time" in _text(later.get("/spot-checks"))


@pytest.mark.parametrize(("day", "why"), [("2026-03-14", "not over yet"), ("soon", "no day"), ("", "no day")])
def test_a_day_that_can_not_be_checked_comes_back_in_the_form(world: World, auditor: httpx.Client, day: str, why: str) -> None:
    answer = _pick(world, auditor, day)
    assert answer.status_code == 422
    assert why in _text(answer)
    assert f'value="{day}"' in answer.text
    assert not world.events(Action.SPOT_CHECK_ASK)


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.DIRECTOR, Role.AUDITOR)])
def test_nobody_but_the_director_and_an_auditor_asks(world: World, role: Role) -> None:
    with world.client(role) as client:
        problem(_pick(world, client), 403)
        assert client.get("/spot-checks").status_code == 403
        assert client.post("/spot-checks/draw").status_code == 403


def test_a_hold_is_named_on_the_sheet_and_a_sealed_one_is_not(world: World, machine: Machine, auditor: httpx.Client) -> None:
    _record(world, machine)
    with world.site.central.writing() as session:
        director = a_person(session, Role.DIRECTOR, name="who places holds")
        new = a_new_hold(of_cameras(world.camera.camera.id), start=after(_OLD), end=after(_OLD + 3600))
        sealed = done(place_sealed(session, world.site.settings, director, new, at=NOW))
    machine.make_pass()
    sheets = [_pick(world, auditor).headers["location"]]
    _answer(machine)
    with world.site.central.writing() as session:
        hold = a_hold(session, director, new)
    machine.make_pass()
    sheets.append(_pick(world, auditor).headers["location"])
    _answer(machine)
    without, with_one = (_text(auditor.get(sheet)) for sheet in sheets)
    assert "None that may be spoken of protects any of it" in without
    assert f"Hold {hold.id}" in with_one
    assert f"Hold {sealed.id}" not in without + with_one


def test_a_months_certificate_is_taken_from_the_page(world: World, auditor: httpx.Client) -> None:
    assert "Certificates" not in _text(auditor.get("/spot-checks"))
    april = NOW.replace(month=4, day=1)
    with world.site.central.writing() as session:
        take_month(session, world.camera.device.node_id, PurgeMonth("2026-03", april, (), (), None, 0, "00" * 32, None))
        made = make(session, LogKey(bytes(range(32))), JOB, month_named("2026-03"), at=april)
    assert "2026-03 PDF , JSON , signature" in _text(auditor.get("/spot-checks"))
    got = {kind: auditor.get(f"/deletion-certificates/2026-03.{kind}") for kind in ("json", "note", "pdf")}
    assert (got["json"].content, got["note"].content) == (made.document.encode(), made.note.encode())
    assert got["pdf"].content == certificate_pdf(made) == auditor.get("/deletion-certificates/2026-03.pdf").content
    assert got["pdf"].headers["content-type"] == "application/pdf"
    assert got["pdf"].headers["content-disposition"] == 'attachment; filename="deletion-2026-03.pdf"'
    with world.client(Role.DIRECTOR, branches=frozenset({world.branch.id}), page=True) as somewhere:
        assert "2026-03" not in somewhere.get("/spot-checks").text
        assert somewhere.get("/deletion-certificates/2026-03.json").status_code == 403
