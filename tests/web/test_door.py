"""The page for a warrant at the door: taken in on a plain form, the receipt confirms nothing, calls are noted, the Director's list."""

from __future__ import annotations

import html
import re

import httpx

from tests.vms.services.requesting import SCAN
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.people import Role
from vms.store import people

FORM = {
    "name": "Det. R. Alvarez",
    "agency": "Alder County Sheriff",
    "court": "Circuit Court of Alder County",
    "docket": "26-SW-12",
    "start": "2026-03-14T07:00",
    "end": "2026-03-14T07:10",
}
LOOKED_OVER = {"in_form": "true", "verified": "badge seen", "counsel": "told by phone", "board": "at once"}


def _text(answer: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_from_the_door_to_the_directors_yes_on_plain_forms(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk, world.client(Role.DIRECTOR, page=True) as director:
        (candidate,) = re.findall(r'name="person" value="(\d+)"', director.get("/deputies").text)
        listed = director.post("/deputies", data={"person": candidate, "place": "1", "phone": "555-0101", "mail": "d@alder.example"})
        assert listed.status_code == 303, _text(listed)
        assert "555-0101" in director.get("/deputies").text
        typed = {"person": candidate, "place": "", "phone": "555-0199", "mail": ""}
        assert director.post("/deputies").status_code == 422
        empty = director.post("/deputies", data=typed)
        assert (empty.status_code, "The list is empty" in _text(empty)) == (422, True)
        assert 'value="555-0199"' in empty.text, "what was typed stays"
        assert "555-0101" in director.get("/deputies").text
        assert director.post("/deputies", data=typed | {"nobody": "true"}).status_code == 303
        assert "555-0101" not in director.get("/deputies").text
        assert director.post("/deputies", data={"person": candidate, "place": "1", "phone": "555-0101"} | {"mail": ""}).status_code == 303
        camera = str(world.camera.camera.id)
        answer = desk.post("/door", data=FORM | {"camera": camera}, files={"scan": ("paper.jpg", SCAN)})
        assert answer.status_code == 303, _text(answer)
        page = answer.headers["location"]
        told = _text(desk.get(page))
        assert re.search(r"1\. director( \d+)? 555-0101", told), told
        assert "You decide" not in told
        assert desk.post(f"{page}/calls", data={"person": candidate, "reached": "true"}).status_code == 303
        assert "reached" in _text(desk.get(page)).partition("Tried")[2].partition("Reached")[0]
        receipt = _text(desk.get(f"/requests/{page.rpartition('/')[2]}/letter"))
        assert "confirms no recording" in receipt
        assert "A search warrant is at the door, and you decide" in _text(director.get("/requests"))
        assert director.post(f"{page}/form", data=LOOKED_OVER | {"in_form": "false"}).status_code == 422
        assert director.post(f"{page}/form", data=LOOKED_OVER).status_code == 303
        assert "I agree that this leaves, and nothing else" in _text(director.get(f"/requests/{page.rpartition('/')[2]}"))
        assert "at the door, and you decide" not in _text(director.get("/requests"))


def test_what_is_missing_at_the_door_is_said_and_what_was_typed_stays(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk:
        answer = desk.post("/door", data=FORM)
        assert answer.status_code == 422
        assert "Choose the cameras" in _text(answer)
        assert 'value="26-SW-12"' in answer.text


def test_a_program_takes_a_warrant_in_as_well(world: World) -> None:
    times = {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T14:10:00Z", "camera": str(world.camera.camera.id)}
    with world.client(Role.DESK) as desk, world.client(Role.DIRECTOR) as director:
        answer = desk.post("/api/v1/door", data=FORM | times)
        assert (answer.status_code, answer.json()["instrument"]) == (201, "search-warrant")
        with world.site.central.reading() as session:
            me = next(one.id for one in people.find(session) if one.role is Role.DIRECTOR)
        deputies = {"deputies": [{"person": me, "phone": "555-0101"}]}
        assert director.put("/api/v1/deputies", json=deputies).json()["deputies"][0]["phone"] == "555-0101"
        number = answer.json()["id"]
        called = desk.post(f"/api/v1/door/{number}/calls", json={"person": me, "reached": False})
        assert (called.status_code, called.json()["reached"]) == (201, False)
        problem(desk.post(f"/api/v1/door/{number}/form", json=LOOKED_OVER), 403)
        assert director.post(f"/api/v1/door/{number}/form", json=LOOKED_OVER).json()["state"] == "under_review"
    assert ["director" in one.detail["names"] for one in world.events(Action.DEPUTY_SET)] == [True]
