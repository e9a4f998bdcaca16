"""The pages of complaints: entered by a desk, answered by the Director, each paper of it, and the same as JSON."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import httpx
import pytest

from tests.factories import CONSOLE, done
from tests.web.statements import statements
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.people import Role
from vms.services.cameras import remove_camera
from vms.services.key_rotation import STEPS, carry_out, text_rotation
from vms.store.failpoints import armed
from vms.store.sealed_texts import COMPLAINT_KEY

ENTRIES = {
    "way": "paper", "about": "practice", "said": "The camera\nlooks at <my> screen.", "from_name": "Rosa Diaz", "from_address": "12 Elm St",
    "start": "2026-03-14T07:00", "end": "2026-03-14T08:00",
}  # fmt: skip


def _text(answer: httpx.Response) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


def _enter(world: World, client: httpx.Client, **more: str) -> str:
    answer = client.post("/complaints/new", data=ENTRIES | {"camera": str(world.camera.camera.id)} | more)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def test_a_desk_enters_one_and_the_director_keeps_the_footage_looks_who_watched_and_answers(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk:
        page = _enter(world, desk)
        receipt = _text(desk.get(f"{page}/receipt"))
        assert page.rpartition("/")[2] in receipt
        assert "by Fri 27 Mar 2026, from the Director" in receipt
        assert "Answer" not in _text(desk.get(page)).partition("What it says")[2]
    with world.client(Role.DIRECTOR, page=True) as director:
        assert "A complaint waits for an answer" in director.get("/live").text
        shown = director.get(page)
        assert "The camera<br>looks at &lt;my&gt; screen." in shown.text
        assert "Main Street/Entrance" in _text(shown)
        kept = director.post(f"{page}/hold")
        assert kept.headers["location"] == f"{page}?done=kept"
        assert "Legal hold" in _text(director.get(page))
        assert "Nobody, as far as the access log says" in _text(director.get(f"{page}/watched"))
        world.clock.step(timedelta(days=20))
    with world.client(Role.DIRECTOR, page=True) as director:
        assert "for an answer, overdue" in director.get("/live").text
        empty = director.post(f"{page}/answer", data={"answer": " "})
        assert (empty.status_code, "Write the answer" in _text(empty)) == (422, True)
        answered = director.post(f"{page}/answer", data={"answer": "The camera was turned.\nThank you."})
        assert answered.headers["location"] == f"{page}?done=answered"
        letter = director.get(f"{page}/letter")
        assert "The camera was turned.<br>Thank you." in letter.text
        assert "Rosa Diaz 12 Elm St" in _text(letter)
        assert "waits for an answer" not in director.get("/live").text
    assert len(world.events(Action.COMPLAINT_ENTER, Action.COMPLAINT_ANSWER, Action.HOLD_PLACE)) == 3


def test_who_watched_stands_on_its_sheet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.client(Role.DESK) as desk:
        seen = {"camera": world.camera.camera.id, "purpose": "incident", "start": "2026-03-14T14:10:00Z", "end": "2026-03-14T14:20:00Z"}
        assert desk.post("/api/v1/views", json=seen).status_code == 201
        page = _enter(world, desk)
    with world.site.central.writing() as session:
        done(remove_camera(session, CONSOLE, world.camera.camera.id, at=world.clock.now()))
    with world.client(Role.AUDITOR, page=True) as auditor:
        said = _text(auditor.get(f"{page}/watched"))
        monkeypatch.setattr("web.routers.complaints.MOST_ENTRIES", 1)
        assert "the log may have older ones" in _text(auditor.get(f"{page}/watched"))
    with world.client(Role.DESK, page=True) as desk:
        assert "Entrance (removed)" in _text(desk.get("/complaints/new"))
    assert "older ones" not in said
    assert "desk 0, Desk Entrance" in said
    assert "Incident" in said
    assert [event.role for event in world.events(Action.LOG_READ)] == ["auditor"] * 2


def test_the_form_comes_back_with_what_was_typed(world: World) -> None:
    with world.client(Role.COUNSEL, page=True) as client:
        assert "<legend>Cameras" in client.get("/complaints/new").text
        answer = client.post("/complaints/new", data=ENTRIES | {"way": ""})
        assert answer.status_code == 422
        assert "Choose how the complaint came" in _text(answer)
        assert 'value="Rosa Diaz"' in answer.text
        turned = client.post("/complaints/new", data=ENTRIES | {"end": "2026-03-14T06:00"})
        assert "ends after it begins" in _text(turned)
        half = client.post("/complaints/new", data=ENTRIES | {"end": ""})
        assert "Give both" in _text(half)


def test_the_director_finds_nothing_of_what_is_about_the_director(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk:
        page = _enter(world, desk, about="director")
        assert "hand its paper to the Board" in _text(desk.get(page))
        assert "from the Board" in _text(desk.get(f"{page}/receipt"))
        assert "No name given" not in _text(desk.get(page))
    with world.client(Role.DIRECTOR, page=True) as director:
        for path in (page, f"{page}/receipt", f"{page}/letter", f"{page}/watched"):
            assert director.get(path).status_code == 404
        assert page.rpartition("/")[2] not in director.get("/complaints").text
        assert "waits for an answer" not in director.get("/live").text
    with world.client(Role.DESK, page=True) as desk:
        desk.post(f"{page}/answer", data={"answer": "The Board says so."})
        assert "For the Board, written down by" in _text(desk.get(f"{page}/letter"))


@pytest.mark.parametrize(("role", "asked"), [(Role.DESK, 0), (Role.DIRECTOR, 3)])
def test_each_page_asks_for_numbers_and_dates_alone(world: World, role: Role, asked: int) -> None:
    """Once how many complaints wait, once when the last privacy review was, once when the first is counted from."""
    with world.client(Role.DESK) as desk:
        _enter(world, desk)
    with world.client(role, page=True) as client, statements(world.site.central) as said:
        assert client.get("/live").status_code == 200
    lines = [" ".join(one.split()) for one in said if re.search(r"complaint|privacy_review|min\(retention_policy", one)]
    assert len(lines) == asked, lines
    assert all(re.match(r"SELECT (count|min|max)\(", one) for one in lines)


def test_a_program_does_the_same(world: World) -> None:
    order = ENTRIES | {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T15:00:00Z", "camera": [world.camera.camera.id]}
    with world.client(Role.DESK) as desk:
        made = desk.post("/api/v1/complaints", json=order)
        assert made.status_code == 201, made.text
        number = made.json()["id"]
        assert (made.json()["state"], made.json()["hold"], made.json()["answer"]) == ("open", None, None)
        problem(desk.post(f"/api/v1/complaints/{number}/answer", json={"answer": "Fine."}), 403)
    with world.client(Role.DIRECTOR) as director:
        assert director.get("/complaints").status_code == 200
        assert world.events(Action.COMPLAINT_READ) == []
        assert director.get("/api/v1/complaints").json()["complaints"][0]["said"]
        assert [event.detail for event in world.events(Action.COMPLAINT_READ)] == [{"complaint": str(number)}]
        told = director.post(f"/api/v1/complaints/{number}/answer", json={"answer": "It was turned."}).json()
        assert (told["state"], told["answer"]["text"]) == ("answered", "It was turned.")
        assert [one["id"] for one in director.get("/api/v1/complaints").json()["complaints"]] == [number]


def test_what_it_says_lies_encrypted_and_without_the_key_the_page_says_what_to_do(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk:
        page = _enter(world, desk)
    words = [ENTRIES[name] for name in ("said", "from_name", "from_address")]
    stored = b"".join(path.read_bytes() for path in world.site.settings.data_dir.glob("central.db*"))
    assert [word for word in words if word.encode() in stored] == []
    key = world.site.settings.secrets_dir / COMPLAINT_KEY
    with world.client(Role.DIRECTOR, page=True) as director:
        assert [word for word in words if " ".join(word.split()) not in _text(director.get(page))] == []
        away = key.rename(world.site.settings.data_dir / "key")
        refused = director.get(page)
        assert (refused.status_code, "Put it back from the backup of secrets/" in refused.text) == (503, True), refused.text
        listed = director.get("/complaints").text
        assert (page in listed, "Can’t be read" in listed) == (True, True)
        assert director.post(f"{page}/answer", data={"answer": "Fine."}).status_code == 503
        away.replace(key)
        assert ENTRIES["from_name"] in _text(director.get(page))
        assert "Can’t be read" not in director.get("/complaints").text


@pytest.mark.slow
def test_pages_read_and_add_while_their_key_is_replaced(world: World) -> None:
    """At each step of a rotation one is entered, and all those before are read."""
    settings, central = world.site.settings, world.site.central
    entered: dict[str, str] = {}
    with world.client(Role.DESK, page=True) as desk, world.client(Role.DIRECTOR, page=True) as director:

        def go_on(step: str) -> None:
            if step not in entered:  # one that comes in the middle may make another page of the rotation
                entered[step] = _enter(world, desk, said=f"entered at {step}")
                assert [one for one, page in entered.items() if f"entered at {one}" not in _text(director.get(page))] == []

        go_on("its beginning")
        for step in STEPS:
            with armed(step, lambda step=step: go_on(step)):  # type: ignore[misc]
                carry_out(text_rotation(settings, central), central, actor=CONSOLE, clock=world.clock, tell=lambda *_: None)
        go_on("its end")
    assert [*entered] == ["its beginning", *STEPS, "its end"]
