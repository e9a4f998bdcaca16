"""Pages and API answer, octet for octet, as if there were no sealed hold; a Director of the whole district has it on the same pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from tests.factories import NOW, done
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.web.compared import Answers, answers, copy_of, put_back
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.hold import HoldScope
from vms.domain.ids import HoldId, SessionId
from vms.domain.legal_hold import COOL_OFF, LegalHold, Sealed
from vms.domain.people import Person, Role
from vms.services import hold_acts
from vms.services.sealed_holds import look_after, place_sealed
from vms.store import holds, people

FORM = {
    "matter": "In re Grand Jury 26-14",
    "kind": "subpoena",
    "reason": "order of the court",
    "start": "2026-03-13T18:00",
    "sealed": "true",
}


@pytest.fixture
def director(world: World) -> Iterator[httpx.Client]:
    with world.client(Role.DIRECTOR, page=True) as client:
        yield client


def _directors(world: World) -> Person:
    with world.site.central.reading() as session:
        found = next(one for one in people.find(session) if one.role is Role.DIRECTOR and one.branches is None)
    return Person(found.id, found.name, found.role, SessionId(1))


@pytest.mark.slow
def test_every_answer_to_everybody_else_is_the_same_with_one_and_without(world: World) -> None:
    """Every GET route, and every act on a hold, asked by every role, and by a Director of one branch."""
    with world.client(Role.DIRECTOR):
        pass
    here = frozenset({world.branch.id})
    readers = [world.client(role, page=page) for role in Role if role is not Role.DIRECTOR for page in (True, False)]
    readers += [world.client(Role.DIRECTOR, branches=here, page=page) for page in (True, False)]
    with world.site.central.writing() as session:
        director = _directors(world)
        a_hold(session, director, a_new_hold(of_cameras(world.camera.camera.id), end=None))
    _answers(world, readers, HoldId(1))  # refusals of the same minute are counted in memory: from here on in both alike
    before = copy_of(world)
    number = _sealed(world, director)
    among = _answers(world, readers, number)
    put_back(world, before)
    plain = _answers(world, readers, number)
    differing = [asked for asked in plain if among[asked] != plain[asked]]
    for reader in readers:
        reader.close()
    assert differing == []
    assert sum("Smith v. District" in answer[2] for answer in plain.values()) > 5, "the comparison is of something"
    assert len({asked for _, asked in plain}) > 40


def _sealed(world: World, director: Person) -> HoldId:
    """Place one on the whole branch, let a camera come under it, and have its release wait."""
    new = a_new_hold(HoldScope(branches=frozenset({world.branch.id})), matter=FORM["matter"], end=None)
    with world.site.central.writing() as session:
        hold = done(place_sealed(session, world.site.settings, director, new, at=NOW))
        done(hold_acts.propose_release(session, world.site.settings, director, hold.id, "lifted", at=NOW))
        look_after(session, world.site.settings, at=NOW, sure=True)
    return hold.id


def _answers(world: World, readers: list[httpx.Client], number: HoldId) -> Answers:
    return answers(world, readers, number, of=("/holds/{number}",), ask=_ask)


def _ask(reader: httpx.Client, where: str) -> httpx.Response:
    return reader.post(where, json={"reason": "settled"}) if "/api/" in where else reader.post(where, data={"reason": "settled"})


def _only(world: World) -> LegalHold:
    with world.site.central.reading() as session:
        (hold,) = holds.find(session, None, limit=9, sealed=Sealed.INCLUDED)
    return hold


def test_a_director_places_sees_and_ends_one_on_the_pages(world: World, director: httpx.Client) -> None:
    assert 'name="sealed"' in director.get("/holds/new").text
    placed = director.post("/holds/new", data=FORM | {"camera": str(world.camera.camera.id)})
    assert placed.status_code == 303, placed.text
    hold = _only(world)
    assert hold.seal is not None
    assert "Grand Jury" not in hold.matter
    listed, page, sheet = (director.get(where).text for where in ("/holds", f"/holds/{hold.id}", f"/holds/{hold.id}/sheet"))
    for shown in (listed, page, sheet):
        assert "In re Grand Jury 26-14" in shown
    assert "Subpoena, sealed" in listed
    assert "In re Grand Jury 26-14" not in director.get("/holds/report").text, "what is handed on has no sealed one"
    assert f"vms log show --sealed {hold.seal.matter}" in page
    assert "hand this to nobody" in sheet
    assert director.post(f"/holds/{hold.id}/release", data={"reason": "lifted"}).status_code == 303
    waits = director.get(f"/holds/{hold.id}").text
    assert "Nobody else may know of it" in waits
    assert "Take the proposal back" in waits
    assert "sealed" not in director.get("/waiting").text
    assert director.post(f"/holds/{hold.id}/undo").status_code == 303
    assert "Propose its release" in director.get(f"/holds/{hold.id}").text


def test_the_api_places_one_and_tells_its_matter_to_a_director_alone(world: World) -> None:
    order = {name: value for name, value in FORM.items() if name not in ("start", "sealed")}
    order |= {"start": "2026-03-14T14:00:00Z"}
    body: dict[str, object] = order | {"sealed": True, "camera": [world.camera.camera.id]}
    with world.client(Role.DELEGATE) as delegate, world.client(Role.DIRECTOR) as director:
        assert delegate.post("/api/v1/holds", json=body).status_code == 403
        placed = director.post("/api/v1/holds", json=body)
        assert placed.status_code == 201, placed.text
        told = placed.json()
        assert (told["matter"], len(told["sealed"])) == ("In re Grand Jury 26-14", 32)
        assert [one["matter"] for one in director.get("/api/v1/holds").json()["holds"]] == ["In re Grand Jury 26-14"]
        assert delegate.get("/api/v1/holds").json() == {"holds": []}
        assert delegate.get(f"/api/v1/holds/{told['id']}").status_code == 404
    assert not world.events(Action.HOLD_PLACE)


def test_the_jobs_write_its_end(world: World, director: httpx.Client) -> None:
    director.post("/holds/new", data=FORM | {"camera": str(world.camera.camera.id)})
    hold, person = _only(world), _directors(world)
    with world.site.central.writing() as session:
        done(hold_acts.propose_release(session, world.site.settings, person, hold.id, "lifted", at=NOW))
        done(hold_acts.confirm_release(session, world.site.settings, person, hold.id, at=NOW + timedelta(days=3)))
        look_after(session, world.site.settings, at=NOW + timedelta(days=3) + COOL_OFF, sure=True)
    assert "Ended" in director.get("/holds").text
    assert not world.events(Action.HOLD_END)
