"""An outsider at a staff screen: begun on a form, played under views of exactly what was approved, seen by who is at the desk, ended."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.vms.services.requesting import SCAN
from tests.web.footage import live_init, live_pictures, live_state, next_picture, record
from tests.web.test_requests import FORM, YES, _digest, _entered, _in_order, _post, _text
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.people import PROOF_LASTS, Role

pytestmark = pytest.mark.slow
WHO = {
    "name": "Det. R. Alvarez",
    "belongs": "4711, Alder County Sheriff",
    "identity": "badge, seen by Dana",
    "place": "Main Street, desk 2",
}
START = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
"""What `FORM` asks for, ten minutes of it."""
NOTHING_ELSE = "You show request 2026-0001 to an outsider: until you end that, what was approved of it opens, and nothing else."


@pytest.fixture
def page(world: World, desk: httpx.Client, director: httpx.Client) -> str:
    """Return the page of a request that is approved to be shown on site."""
    page = _entered(world, desk, delivery="on-site")
    _in_order(director, page)
    ready = director.get(page)
    assert "I agree that this is shown, and nothing else" in _text(ready)
    _post(director, f"{page}/approve", sha256=_digest(ready))
    return page


def _view(client: httpx.Client, world: World, start: datetime, end: datetime, around: datetime | None = None) -> httpx.Response:
    order = {"camera": world.camera.camera.id, "purpose": "incident", "start": start.isoformat(), "end": end.isoformat()}
    return client.post("/api/v1/views", json=order | ({} if around is None else {"around": around.isoformat()}))


def test_an_officer_at_the_desk_sees_what_was_approved_and_nothing_else(
    world: World, page: str, desk: httpx.Client, director: httpx.Client
) -> None:
    record(world.node, world.main, START - timedelta(seconds=8), segments=4)
    ready = _text(director.get(page))
    assert "Begin the showing" in ready
    assert "It ends by itself after 60 minutes" in ready
    assert "Make the package" not in ready
    assert "Begin the showing" not in _text(desk.get(page))
    _post(director, f"{page}/showings", **WHO)
    shown = director.get(page)
    assert "Det. R. Alvarez, 4711, Alder County Sheriff (badge, seen by Dana) is shown it at Main Street, desk 2" in _text(shown)
    assert "You show recordings to an outsider until" in shown.text
    link = f"/playback?camera={world.camera.camera.id}&amp;t={int(START.timestamp() * 1000)}"
    assert f'href="{link}"' in shown.text
    assert '"showing": "2026-0001"' in director.get(link.replace("&amp;", "&")).text
    assert re.search(r"director \d shows recordings to an outsider at Main Street, desk 2, until", desk.get("/live").text)
    assert "Alvarez" not in desk.get("/live").text
    view = _view(director, world, START - timedelta(hours=1), START + timedelta(hours=2), START)
    assert (view.status_code, view.json()["start"], view.json()["end"]) == (
        201,
        START.isoformat(),
        (START + timedelta(minutes=10)).isoformat(),
    )
    (opened,) = world.events(Action.VIEW_OPEN)
    assert (opened.purpose, opened.detail["incident"]) == ("request", "2026-0001")
    playlist = director.get(f"/api/v1/views/{view.json()['view']}/main.m3u8").text
    found = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\nsegments/(\w+)\.mp4", playlist)
    length, first, segment = found[-1]
    octets = f"/api/v1/views/{view.json()['view']}/segments/{segment}"
    there = {"range": f"bytes={first}-{int(first) + int(length) - 1}"}
    assert director.get(octets, headers=there).status_code == 206
    beyond = _view(director, world, START - timedelta(minutes=5), START)
    assert problem(beyond, 403)["detail"] == NOTHING_ELSE
    _post(director, f"{page}/showings/end")
    assert director.get(octets, headers=there).status_code == 404, "the showing is over"
    ended = _text(director.get(page))
    assert re.findall(r"Showing (begun|ended)\s+Then Shown on site", ended) == ["begun", "ended"], "one act, one row"
    assert "was shown it at Main Street, desk 2" in ended
    assert "Sent to the screen (UTC): Main Street/Entrance 2026-03-14 14:00:0" in ended
    receipt = director.get(f"{page}/receipt").text
    assert "Seen as it stands here, Det. R. Alvarez" in receipt
    assert "No copy of it was handed over" in receipt
    assert director.get(f"{page}/receipt.pdf").content.startswith(b"%PDF")
    assert "shows recordings" not in desk.get("/live").text


def test_the_log_says_when_a_showing_begins_and_that_it_has_ended(page: str, director: httpx.Client) -> None:
    for _ in range(2):
        _post(director, f"{page}/showings", **WHO)
        _post(director, f"{page}/showings/end")
    told = re.findall(r"The showing of request 2026-0001 to an outsider (has ended|begins|is about to begin)", director.get("/log").text)
    assert told == ["has ended", "begins"] * 2 + ["is about to begin"] * 2, "the newest first"


def test_live_pictures_of_who_shows_recordings_end_and_those_of_others_go_on(world: World, page: str, director: httpx.Client) -> None:
    world.site.gateway.look_seconds = 0.05
    world.node.live[world.main] = [live_state(), live_init(), *live_pictures(2)]
    world.node.live[world.sub] = world.node.live[world.main]
    token = director.headers["cookie"].partition("=")[2]
    with world.socket(token) as mine, world.socket(world.token(Role.DESK)) as other:
        for window in (mine, other):
            window.send(f'{{"t": "sub", "ch": 1, "camera": {world.camera.camera.id}, "stream": "main"}}')
            next_picture(window)
        _post(director, f"{page}/showings", **WHO)
        while '"denied"' not in (told := str(mine.recv(10))):
            pass
        assert "nothing else" in told


def test_a_form_with_a_mistake_keeps_what_was_typed(page: str, director: httpx.Client) -> None:
    answer = director.post(f"{page}/showings", data=WHO | {"identity": " ", "beside": "Kim"})
    assert answer.status_code == 422
    assert "Say how it was made sure who they are, and by whom." in _text(answer)
    for typed in ("Det. R. Alvarez", "4711, Alder County Sheriff", "Main Street, desk 2", "Kim"):
        assert f'value="{typed}"' in answer.text
    assert "Approved" in _text(director.get(page))


def test_a_showing_asks_for_a_fresh_proof_and_is_never_begun_by_who_asked(
    world: World, page: str, desk: httpx.Client, director: httpx.Client
) -> None:
    assert desk.post(f"{page}/showings", data=WHO).status_code == 403
    world.clock.step(PROOF_LASTS)
    assert director.post(f"{page}/showings", data=WHO).headers["location"].startswith("/prove")
    assert world.events(Action.EXPORT_SHOW) == []


def test_the_same_as_json(page: str, director: httpx.Client) -> None:
    api = f"/api/v1{page}"
    director.headers["accept"] = "application/json"
    begun = director.post(f"{api}/showings", json=WHO)
    assert begun.status_code == 201, begun.text
    told = begun.json()
    assert (told["name"], told["beside"], told["ended_at"]) == ("Det. R. Alvarez", told["by"], None)
    assert str(problem(director.post(f"{api}/showings", json=WHO), 409)["detail"]).endswith("End that showing first.")
    assert problem(director.post(f"{api}/acts", json={"act": "close", "words": "the end"}), 403)
    ended = director.delete(f"{api}/showings").json()
    assert (ended["ended_by"], ended["seen"]) == (told["by"], [])
    assert director.get(api).json()["showings"] == [ended]
    assert problem(director.delete(f"{api}/showings"), 403)["detail"] == "Request 2026-0001 is not being shown now."
    refused = problem(director.post(f"{api}/package"), 403)["detail"]
    assert "no package is made of it, and no file leaves" in str(refused)
    forged = director.post(f"{page}/package", headers={"accept": "text/html"})
    assert (forged.status_code, "<h2>Not allowed</h2>" in forged.text) == (403, True), "it is no question of the role"
    for way in ("package", "tickets"):
        body = {"recipient": "R. Alvarez"} if way == "tickets" else None
        assert director.post(f"{api}/{way}", json=body).status_code == 403


def test_what_is_covered_is_not_shown(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk, delivery="on-site")
    scope = {key: FORM[key] for key in ("start", "end", "local_time", "delivery")} | {
        "delivery": "on-site",
        "act": "narrow",
        "words": "the child",
    }
    scope |= {"camera": str(world.camera.camera.id), "recipient": "Alder County Sheriff", "redact": "the child beside him"}
    _post(director, f"{page}/scope", **scope)
    assert director.post(f"{page}/papers", files={"scan": ("subpoena.pdf", SCAN)}).status_code == 303
    _post(director, f"{page}/form", **YES)
    assert "A screen shows what was recorded, with everybody in it" in _text(director.get(page))
