"""The page of the training register, the cards, and the same as JSON."""

from __future__ import annotations

from tests.web.world import World, problem
from vms.domain.people import Role


def test_the_director_enters_a_training_and_sees_who_has_none(world: World) -> None:
    with world.client(Role.DIRECTOR, page=True) as director:
        assert "<b>Not trained to refer inquiries within a year:</b> director 0" in director.get("/training").text
        wrong = director.post("/training", data={"name": "", "what": "Refer"})
        assert (wrong.status_code, "Name who was trained" in wrong.text) == (422, True)
        assert director.post("/training", data={"name": "director 0", "what": "Fire drill"}).status_code == 303
        assert "within a year:</b> director 0" in director.get("/training").text
        assert 'name="refers" value="true" checked' in director.get("/training").text
        assert director.post("/training", data={"name": "director 0", "what": "Refer", "refers": "true"}).status_code == 303
        page = director.get("/training").text
        assert "Not trained" not in page
        assert "2026-03-14" in page


def test_everybody_prints_the_cards(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk:
        cards = desk.get("/cards").text
        assert 'href="/cards"' in desk.get("/rules").text
    assert "Neither confirm nor deny" in cards
    assert "subpoena, warrant, court order" in cards
    assert (cards.count("<ol>"), "<ul" in cards) == (2, False), "both cards are set in one size"
    assert "This receipt confirms neither that there is a recording nor that there is none" in cards


def test_a_program_does_the_same(world: World) -> None:
    with world.client(Role.DIRECTOR) as director:
        assert director.post("/api/v1/training", json={"name": "Pat", "what": "Refer", "refers": True}).status_code == 201
        told = director.get("/api/v1/training").json()
        assert ([(one["name"], one["refers"]) for one in told["trainings"]], told["untrained"]) == ([("Pat", True)], ["director 0"])
    with world.client(Role.DESK) as desk:
        problem(desk.get("/api/v1/training"), 403)
