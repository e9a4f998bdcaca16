"""Pages as a browser without JavaScript gets them."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.factories import CONSOLE, a_branch, a_camera
from tests.web.test_cameras import SECRET, entries, state
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.people import OF_EVERYBODY, PERMISSIONS, Permission, Role
from vms.errors import ConfigError
from vms.services import cameras
from web.pages import Pages, clock, day, short_clock, short_span, size, span, when, zone_abbr
from web.views import moment_ms
from web.words import ACTS, PURPOSE_SENTENCES, ROLE_LABELS

HOMES = {
    Role.DESK: "/live",
    Role.SUPERVISOR: "/live",
    Role.BRANCH_MANAGER: "/live",
    Role.DIRECTOR: "/live",
    Role.DELEGATE: "/live",
    Role.COUNSEL: "/requests",
    Role.IT: "/cameras",
    Role.AUDITOR: "/log",
}
LOS_ANGELES = "America/Los_Angeles"


@pytest.mark.parametrize(("role", "path"), HOMES.items())
def test_the_start_leads_each_role_to_its_own_work(shared_world: World, role: Role, path: str) -> None:
    with shared_world.client(role, page=True) as client:
        assert client.get("/").headers["location"] == path
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("role", "sections"),
    [
        (Role.DESK, ["Live", "Playback", "Keep", "Requests"]),
        (Role.SUPERVISOR, ["Live", "Playback", "Keep", "Requests"]),
        (Role.BRANCH_MANAGER, ["Live", "Log", "Requests"]),
        (Role.DIRECTOR, ["Live", "Playback", "Log", "Holds", "Requests", "Reviews", "People"]),
        (Role.DELEGATE, ["Live", "Playback", "Log", "Holds", "Requests"]),
        (Role.COUNSEL, ["Requests"]),
        (Role.IT, ["Cameras", "Holds", "Requests", "People"]),
        (Role.AUDITOR, ["Log", "Holds", "Requests", "Reviews", "People"]),
    ],
)
def test_the_navigation_shows_only_what_the_role_opens(shared_world: World, role: Role, sections: list[str]) -> None:
    with shared_world.client(role, page=True) as client:
        page = client.get(HOMES[role]).text
    navigation = page.partition('aria-label="Sections"')[2].partition("</nav>")[0]
    assert re.findall(r"<span>(\w+)</span>", navigation) == sections


@pytest.mark.parametrize(
    ("role", "path", "section"),
    [
        (Role.DIRECTOR, "/policy", "Holds"),
        (Role.DIRECTOR, "/door", "Requests"),
        (Role.DIRECTOR, "/inquiries", "Requests"),
        (Role.DIRECTOR, "/privacy-reviews", "Reviews"),
        (Role.DIRECTOR, "/deputies", "People"),
        (Role.IT, "/register", "Cameras"),
        (Role.IT, "/screens", "People"),
        (Role.DIRECTOR, "/requests/new", "Requests"),
    ],
)
def test_a_page_marks_the_section_that_it_is_reached_from(shared_world: World, role: Role, path: str, section: str) -> None:
    with shared_world.client(role, page=True) as client:
        page = client.get(path).text
    assert re.findall(r'aria-current="page">.*?<span>(\w+)</span>', page, re.DOTALL) == [section]


@pytest.mark.parametrize("role", Role)
def test_the_rules_are_shown_as_they_are_in_force(shared_world: World, role: Role) -> None:
    with shared_world.client(role, page=True) as client:
        page = client.get("/rules").text
    for permission in set(Permission) - {*OF_EVERYBODY, Permission.HEALTH_READ}:
        row = page.partition(f">{html.escape(ACTS[permission].capitalize())}<")[2].partition("</tr>")[0]
        assert [cell != "" for cell in re.findall(r"<td>(.*?)</td>", row)] == [permission in PERMISSIONS[one] for one in Role]
    assert all(html.escape(sentence) in page for sentence in PURPOSE_SENTENCES.values())
    assert f"Your role is {ROLE_LABELS[role]}" in page


def test_a_refused_page_says_which_role_and_whom_to_ask(shared_world: World) -> None:
    with shared_world.client(Role.DESK, page=True) as client:
        answer = client.get("/log")
    assert answer.status_code == 403
    assert (
        "Only Branch manager, Director, Delegate and Auditor may read the access log. Your role is Desk. Ask the Director." in answer.text
    )


def test_a_page_that_does_not_exist_says_so_as_a_page(shared_world: World) -> None:
    with shared_world.client(Role.DESK, page=True) as client:
        answer = client.get("/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/playback"' in answer.text
    assert "Back to the start" in answer.text


def test_a_page_that_does_not_exist_leads_a_stranger_to_the_sign_in(shared_world: World) -> None:
    headers = {"accept": "text/html"}
    answer = httpx.get(shared_world.address + "/nowhere", headers=headers, trust_env=False)
    start = httpx.get(shared_world.address + "/", headers=headers, trust_env=False)
    assert answer.status_code == 404
    assert 'href="/"' in answer.text
    assert (start.status_code, start.headers["location"]) == (303, "/login")


def test_live_lists_the_cameras_of_the_persons_branches_only(world: World) -> None:
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
        a_camera(session, harbor, "Pier")
    with world.client(Role.DESK, branches=frozenset({harbor.id}), page=True) as client:
        data = _data(client.get("/live"))
    assert [branch["name"] for branch in data["branches"]] == ["Harbor"]
    assert [camera["name"] for area in data["branches"][0]["areas"] for camera in area["cameras"]] == ["Pier"]


def test_live_lists_a_branchs_cameras_by_area_first_those_in_none(world: World) -> None:
    with world.site.central.writing() as session:
        for name, area in (("Crib", "Children's room"), ("Door", "Lobby"), ("Aisle", "children's ROOM")):
            a_camera(session, world.branch, name, area=area)
    with world.client(Role.DESK, page=True) as client:
        (branch,) = _data(client.get("/live"))["branches"]
    assert [(area["name"], [camera["name"] for camera in area["cameras"]]) for area in branch["areas"]] == [
        (None, ["Entrance"]),
        ("Children's room", ["Aisle", "Crib"]),
        ("Lobby", ["Door"]),
    ]


def test_playback_opens_at_the_camera_and_moment_of_its_address(shared_world: World) -> None:
    camera = shared_world.camera.camera
    with shared_world.client(Role.DESK, page=True) as client:
        data = _data(client.get("/playback", params={"camera": camera.id, "t": "2026-03-14T05:00:00-07:00"}))
    assert (data["camera"]["id"], data["camera"]["zone"], data["t_ms"]) == (camera.id, LOS_ANGELES, 1_773_489_600_000)


@pytest.mark.parametrize(("role", "hours"), [(Role.DESK, 72), (Role.DIRECTOR, 14 * 24)])
def test_playback_says_how_far_back_the_role_looks_and_the_timeline_answers_all_of_it(shared_world: World, role: Role, hours: int) -> None:
    camera = shared_world.camera.camera.id
    with shared_world.client(role, page=True) as client:
        data = _data(client.get("/playback", params={"camera": camera}))
        start, end = (shared_world.clock.now() + timedelta(milliseconds=ms) for ms in (-data["look_back_ms"], 180_000))
        answer = client.get(f"/api/v1/cameras/{camera}/timeline", params={"start": start.isoformat(), "end": end.isoformat()})
    assert data["look_back_ms"] == hours * 3_600_000
    assert answer.status_code == 200, answer.text


def test_playback_of_a_camera_out_of_reach_does_not_exist(shared_world: World) -> None:
    with shared_world.client(Role.DESK, page=True) as client:
        assert client.get("/playback", params={"camera": 12345}).status_code == 404


def test_the_chip_counts_what_records_of_what_should(world: World) -> None:
    world.node.states = [state(world, "recording")]
    with world.client(Role.DESK, page=True) as client:
        first = client.get("/live").text
        world.node.states = [state(world, "offline")]
        world.clock.step(timedelta(seconds=2))
        second = client.get("/live").text
    assert '1 <span class="of">of 1 </span>recording' in first
    assert '0 <span class="of">of 1 </span>recording' in second


def test_the_cameras_page_filters_and_shows_states(world: World) -> None:
    world.node.states = [state(world, "offline")]
    with world.client(Role.IT, page=True) as client:
        assert 'data-state="offline"' in client.get("/cameras", params={"q": "20.1.11", "state": "offline"}).text
        assert "Entrance" not in client.get("/cameras", params={"q": "parking"}).text.partition("<tbody>")[2]


def test_the_cameras_page_tells_what_the_main_stream_sends(world: World) -> None:
    world.node.states = [{**state(world, "recording"), "codec": "hvc1.1.6.L120.90", "width": 2560, "height": 1440}]
    with world.client(Role.IT, page=True) as client:
        assert "2560 × 1440 H.265" in client.get("/cameras").text


def test_a_camera_is_added_by_a_plain_form(world: World) -> None:
    with world.client(Role.IT, page=True) as client:
        answer = client.post("/cameras/new", data=_form(world))
        assert (answer.status_code, answer.headers["location"]) == (303, "/cameras?done=added")
        assert "Camera added." in client.get(answer.headers["location"]).text
    assert world.events(Action.CAMERA_ADD)[-1].detail["name"] == "Lobby, north"


def test_the_form_puts_a_camera_into_an_area_and_names_those_there_are(world: World) -> None:
    with world.client(Role.IT, page=True) as client:
        assert client.post("/cameras/new", data=_form(world, area="Lobby")).status_code == 303
        assert '<option value="Lobby">' in client.get("/cameras/new").text
        assert "Main Street, Lobby" in client.get("/cameras", params={"q": "lobby"}).text
        wrong = client.post("/cameras/new", data=_form(world, name="Other", area="x" * 300))
        assert wrong.status_code == 422
        assert 'id="area-fault"' in wrong.text
    assert world.events(Action.CAMERA_ADD)[-1].detail["area"] == "Lobby"


def test_a_form_with_mistakes_keeps_its_entries_but_for_the_password(world: World) -> None:
    with world.client(Role.IT, page=True) as client:
        answer = client.post("/cameras/new", data=_form(world, port="many", name=""))
    assert answer.status_code == 422
    assert 'value="10.20.1.12"' in answer.text
    assert 'value="many"' in answer.text
    assert "The port is a number" in answer.text
    assert SECRET not in answer.text


@pytest.mark.parametrize(("field", "value"), [("port", "55 4"), ("port", "9" * 20), ("recording_mode", "sometimes")])
def test_a_change_with_a_mistake_shows_the_form_again(shared_world: World, field: str, value: str) -> None:
    camera = shared_world.camera.camera
    with shared_world.client(Role.IT, page=True) as client:
        answer = client.post(f"/cameras/{camera.id}", data=_form(shared_world, version=str(camera.version), **{field: value}))
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


def test_a_stored_camera_shows_everything_but_its_password(shared_world: World) -> None:
    with shared_world.client(Role.IT, page=True) as client:
        page = client.get(f"/cameras/{shared_world.camera.camera.id}").text
    assert 'value="10.20.1.11"' in page
    assert "camera secret" not in page
    assert "empty keeps the stored one" in page


def test_a_camera_is_changed_by_a_plain_form_and_keeps_its_password(world: World) -> None:
    camera = world.camera.camera
    form = _form(world, host="10.20.1.11", username="viewer", password="", version=str(camera.version), name="Front door")
    with world.client(Role.IT, page=True) as client:
        answer = client.post(f"/cameras/{camera.id}", data=form)
    assert answer.headers.get("location") == "/cameras?done=saved", answer.text
    assert "password" not in world.events(Action.CAMERA_EDIT)[0].detail


def test_a_change_of_an_old_form_is_not_saved_and_says_why(world: World) -> None:
    camera = world.camera.camera
    form = _form(world, host="10.20.1.11", password="", version="0", name="Front door")
    with world.client(Role.IT, page=True) as client:
        answer = client.post(f"/cameras/{camera.id}", data=form)
    assert answer.status_code == 409
    assert "changed by somebody else" in answer.text


def test_the_test_button_shows_the_verdict_beside_the_kept_entries(world: World) -> None:
    with world.client(Role.IT, page=True) as client:
        answer = client.post("/cameras/new", data=_form(world, act="test"))
    assert "It can record." in answer.text
    assert 'value="Lobby, north"' in answer.text
    assert world.events(Action.CAMERA_ADD)[-1].detail["name"] == "Entrance"


def test_a_camera_stays_at_its_branch_and_the_form_says_so(world: World) -> None:
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
    camera = world.camera.camera
    with world.client(Role.IT, page=True) as client:
        assert "Harbor" not in client.get(f"/cameras/{camera.id}").text
        form = _form(world, host="10.20.1.11", password="", version=str(camera.version), branch=str(harbor.id), name="Front door")
        answer = client.post(f"/cameras/{camera.id}", data=form)
    assert answer.status_code == 422
    assert "A camera stays at its branch" in answer.text
    assert world.events(Action.CAMERA_EDIT) == []


def test_a_chosen_make_fills_in_its_paths_without_a_script(world: World) -> None:
    with world.client(Role.IT, page=True) as client:
        answer = client.post("/cameras/new", data=_form(world, brand="hikvision", main_path="", sub_path=""))
        by_hand = client.post("/cameras/new", data=_form(world, name="Door", brand="hikvision", main_path="/mine", sub_path=""))
    assert (answer.status_code, by_hand.status_code) == (303, 303)
    with world.site.central.reading() as session:
        known = cameras.list_cameras(session, CONSOLE)
    paths = {one.camera.name: [stream.path for stream in one.camera.streams] for one in known}
    assert paths["Lobby, north"] == ["/Streaming/Channels/101", "/Streaming/Channels/102"]
    assert paths["Door"] == ["/mine"]


def test_a_camera_is_removed_by_a_plain_form(world: World) -> None:
    with world.client(Role.IT, page=True) as client:
        answer = client.post(f"/cameras/{world.camera.camera.id}/remove")
        assert answer.headers["location"] == "/cameras?done=removed"
        assert client.get(f"/cameras/{world.camera.camera.id}").status_code == 404


def test_the_form_offers_the_paths_of_five_makes(shared_world: World) -> None:
    with shared_world.client(Role.IT, page=True) as client:
        data = _data(client.get("/cameras/new"))
    assert [brand["key"] for brand in data["brands"]] == ["axis", "hikvision", "hanwha", "dahua", "reolink"]
    assert all(brand["main"].startswith("/") and brand["sub"].startswith("/") for brand in data["brands"])


def test_times_are_told_in_the_branchs_zone_across_the_change_of_clocks() -> None:
    before, after = datetime(2026, 11, 1, 8, 30, 5, tzinfo=UTC), datetime(2026, 11, 1, 9, 30, 5, tzinfo=UTC)
    assert (clock(before, LOS_ANGELES), zone_abbr(before, LOS_ANGELES)) == ("01:30:05", "PDT")
    assert (clock(after, LOS_ANGELES), zone_abbr(after, LOS_ANGELES)) == ("01:30:05", "PST")
    assert (short_clock(after, LOS_ANGELES), day(after, LOS_ANGELES)) == ("01:30", "Sun 1 Nov")
    assert when(after, LOS_ANGELES) == "Sun 1 Nov, 01:30:05"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-03-14T12:00:00Z", 1_773_489_600_000),
        ("2026-03-14T14:00:00 02:00", 1_773_489_600_000),
        ("1773489600000", 1_773_489_600_000),
        ("yesterday", None),
        ("9" * 40, None),
        ("", None),
        (None, None),
    ],
)
def test_a_moment_of_an_address_is_read_or_passed_over(text: str | None, ms: int | None) -> None:
    assert moment_ms(text) == ms


def test_a_span_says_once_what_both_its_ends_share() -> None:
    zone, start = "America/Los_Angeles", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert span(start, start + timedelta(seconds=5), zone) == "Sun 1 Nov 2026, 01:30:00 to 01:30:05 PDT"
    assert span(start, start + timedelta(hours=1), zone) == "Sun 1 Nov 2026, 01:30:00 PDT to Sun 1 Nov 2026, 01:30:00 PST", (
        "the doubled hour"
    )
    assert span(start, start + timedelta(days=1), "UTC") == "Sun 1 Nov 2026, 08:30:00 UTC to Mon 2 Nov 2026, 08:30:00 UTC"
    assert short_span(start, start + timedelta(minutes=5), zone) == "Sun 1 Nov 2026, 01:30–01:35"
    assert short_span(start, start + timedelta(days=1), zone) == "Sun 1 Nov 2026, 01:30–Mon 2 Nov 2026, 00:30"


@pytest.mark.parametrize(
    ("octets", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_400, "999 kB"), (5_250_000_000, "5,250.0 MB")]
)
def test_a_size_is_said_in_the_unit_that_people_use(octets: int, said: str) -> None:
    assert size(octets) == said


def test_the_start_says_how_to_build_the_user_interface(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make ui"):
        Pages.load(tmp_path)


def test_a_sign_in_address_brings_back_where_one_wanted_to_go(shared_world: World) -> None:
    with shared_world.client(page=True) as client:
        to = urlsplit(client.get("/log?kind=refused").headers["location"])
        page = client.get(f"{to.path}?{to.query}").text
    assert parse_qs(to.query) == {"next": ["/log?kind=refused"]}
    assert 'value="/log?kind=refused"' in page


def _form(world: World, **change: str) -> dict[str, str]:
    return {name: str(value) for name, value in (entries(world, **change) | {"act": change.get("act", "save")}).items()}


def _data(answer: httpx.Response) -> Any:  # noqa: ANN401 - whatever the page hands to its script
    assert answer.status_code == 200, answer.text
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', answer.text, re.DOTALL)
    assert found
    return json.loads(found[1])
