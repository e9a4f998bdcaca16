"""Emergency access on the pages: who sees which, and what an open window and an open recording do when it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from tests.factories import a_branch, a_camera, an_account
from tests.waiting import wait_until
from tests.web.footage import live_init, live_pictures, live_state, record
from tests.web.test_live import Window
from tests.web.world import OWN_PAGE, World, cookie, problem, stream_of
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails, StreamRole
from vms.domain.people import Person, Role
from vms.domain.timespan import Timespan
from vms.services.sessions import OpenSession, session_for_token
from web.reading import Timeline, timeline_of

pytestmark = pytest.mark.slow
REASON = "fight in the lobby of Harbor"
NAME_THE_BADGE = "Name the number of the badge, or “none shown”, in up to 100 characters; it stands in the access log."


class District:
    """Two branches; somebody at the desk of the first, signed in twice."""

    def __init__(self, world: World, role: Role = Role.DESK) -> None:
        self.world = world
        with world.site.central.writing() as session:
            self.camera: CameraDetails = a_camera(session, a_branch(session, "Harbor"), "Pier")
        ours = frozenset({world.branch.id})
        self.token, self.other = world.token(role, branches=ours), world.token(role, branches=ours)
        self.reviewer = world.token(Role.DIRECTOR)

    def client(self, token: str, accept: str = "text/html") -> httpx.Client:
        headers = {**OWN_PAGE, "accept": accept, **cookie(token)}
        return httpx.Client(base_url=self.world.address, headers=headers, trust_env=False, timeout=20)

    def open(self) -> int:
        """Open one on the page and return its number."""
        with self.client(self.token) as client:
            answer = client.post("/emergency/new", data={"reason": REASON})
            assert (answer.status_code, answer.headers["location"]) == (303, "/emergency?done=opened"), answer.text
        opened = self.person().emergency
        assert opened is not None
        return opened.id

    def person(self) -> Person:
        """Return who acts in the first of the two sign-ins."""
        with self.world.site.central.reading() as session:
            found = session_for_token(session, self.token, at=self.world.clock.now())
        assert isinstance(found, OpenSession)
        return found.person

    def page(self, token: str, path: str) -> str:
        with self.client(token) as client:
            answer = client.get(path)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text

    def post(self, token: str, path: str, **form: str) -> httpx.Response:
        with self.client(token) as client:
            return client.post(path, data=form)

    def pass_in_use(self, length: timedelta) -> None:
        """Let time go by while the person looks at pages."""
        for _ in range(3):
            self.world.clock.step(length / 3)
            for token in (self.token, self.reviewer):
                self.page(token, "/account")

    def view(self, client: httpx.Client, minutes_ago: float) -> httpx.Response:
        now = self.world.clock.now()
        start, end = now - timedelta(minutes=minutes_ago), now + timedelta(minutes=5)
        body = {"camera": self.camera.camera.id, "purpose": "incident", "start": start.isoformat(), "end": end.isoformat()}
        return client.post("/api/v1/views", json=body)


@pytest.fixture
def district(world: World) -> District:
    world.site.gateway.look_seconds = 0.05
    return District(world)


@pytest.fixture
def window(world: World) -> Iterator[Callable[[str], Window]]:
    with ExitStack() as opened:
        yield lambda token: Window(opened.enter_context(world.socket(token)), token)


def test_the_navigation_has_it_only_for_whom_it_opens_something(district: District) -> None:
    link = 'href="/emergency"'
    assert link in district.page(district.token, "/live")
    assert link not in district.page(district.reviewer, "/live")
    assert link not in district.page(district.world.token(Role.DESK), "/live")
    assert "You see every camera already" in district.page(district.reviewer, "/emergency")


def test_the_form_asks_for_a_fresh_proof_before_anything_is_typed(district: District) -> None:
    district.world.clock.step(timedelta(minutes=6))
    with district.client(district.token) as client:
        asked = client.get("/emergency/new")
        posted = client.post("/emergency/new", data={"reason": REASON})
    assert asked.headers["location"] == "/prove?next=%2Femergency%2Fnew"
    assert posted.headers["location"].startswith("/prove")
    assert district.world.events(Action.EMERGENCY_OPEN) == []


def test_a_reason_that_is_missing_is_asked_for_and_what_was_typed_stays(district: District) -> None:
    answer = district.post(district.token, "/emergency/new", reason="x" * 201)
    assert answer.status_code == 422
    assert "x" * 201 in answer.text
    assert "Say what happens" in answer.text


def test_while_open_its_pages_show_the_other_branches_and_until_when(district: District) -> None:
    number = district.open()
    page = district.page(district.token, "/emergency")
    assert "Open until Sat 14 Mar, 08:39:26" in page
    assert f"/playback?camera={district.camera.camera.id}" in page
    assert f'action="/emergency/{number}/close"' in page
    for path in ("/live", "/playback"):
        shown = district.page(district.token, path)
        assert "Pier" in shown
        assert "Emergency access until 08:39" in shown
        assert "Pier" not in district.page(district.other, path)
    assert "in another of your sign-ins" in district.page(district.other, "/emergency")
    assert district.post(district.token, f"/emergency/{number}/close").status_code == 303
    assert "Pier" not in district.page(district.token, "/live")


def test_what_everybody_is_told_stands_in_the_part_of_the_page_that_open_live_pages_take_over(district: District) -> None:
    district.open()
    for token, told in ((district.token, "Emergency access until"), (district.reviewer, "An emergency access waits")):
        page = district.page(token, "/live")
        found = re.search(r'<div id="announcements"[^>]*>(.*?)\n</div>', page, re.DOTALL)
        assert found is not None, page
        assert told in found[1]


def test_a_session_is_told_apart_by_what_opens_nothing(district: District) -> None:
    """So that a window asks the next person anew what the watching is for."""
    mine, other = (json.loads(_page_data(district.page(token, "/playback")))["session"] for token in (district.token, district.other))
    assert mine == str(district.person().session_id) != other


def test_a_list_of_people_names_the_branches_of_the_own_right_alone(world: World) -> None:
    district = District(world, Role.DIRECTOR)
    with world.site.central.writing() as session:
        both = frozenset({world.branch.id, district.camera.branch.id})
        an_account(session, Role.DESK, name="b.oth", branches=both)
    before = district.page(district.token, "/people")
    district.open()
    after = district.page(district.token, "/people")
    assert [("b.oth" in page, "Harbor" in page) for page in (before, after)] == [(True, False)] * 2


def test_the_page_says_who_is_told_and_by_what(district: District) -> None:
    """In this district no mail is set up."""
    assert "each page of the Director and the Auditor; no mail is set up." in district.page(district.token, "/emergency")
    district.open()
    page = district.page(district.token, "/emergency?done=opened")
    assert "No mail is set up, so nobody is told by mail: call them." in page
    assert "are being told" not in page


def test_playback_of_another_branch_reaches_half_an_hour_back(district: District) -> None:
    district.open()
    shown = district.page(district.token, f"/playback?camera={district.camera.camera.id}")
    assert json.loads(_page_data(shown))["look_back_ms"] == 30 * 60_000
    own = district.page(district.token, f"/playback?camera={district.world.camera.camera.id}")
    assert json.loads(_page_data(own))["look_back_ms"] == 72 * 3_600_000


def _page_data(page: str) -> str:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None, page
    return found[1]


def test_a_timeline_of_another_branch_begins_where_its_footage_does(district: District) -> None:
    world, stream = district.world, stream_of(district.camera, StreamRole.MAIN)
    world.node.timelines[stream] = {"recorded": [{"start": 0, "end": 90_000}], "gaps": []}
    address, now = f"/api/v1/cameras/{district.camera.camera.id}/timeline", world.clock.now()
    district.open()
    with district.client(district.token, "application/json") as client:
        reaching = client.get(address, params={"start": (now - timedelta(days=1)).isoformat(), "end": now.isoformat()})
        before = client.get(address, params={"start": (now - timedelta(days=1)).isoformat(), "end": (now - timedelta(hours=1)).isoformat()})
        person = district.person()
    assert reaching.json()["recorded"] == [[0, 1000]]
    assert before.json()["recorded"] == []
    assert [path for path in world.node.asked if "timeline" in path] == ["timeline"]
    told = timeline_of(world.site, person, district.camera.camera.id, Timespan(now - timedelta(days=1), now))
    assert told == Timeline(stream, Timespan(now - timedelta(minutes=30), now))
    own = timeline_of(world.site, person, world.camera.camera.id, Timespan(now - timedelta(days=1), now))
    assert own == Timeline(world.main, Timespan(now - timedelta(days=1), now))


@pytest.mark.parametrize("ending", ["time", "by hand"])
def test_live_pictures_of_another_branch_stop_when_it_ends_and_the_own_go_on(
    district: District, window: Callable[[str], Window], ending: str
) -> None:
    world, there = district.world, stream_of(district.camera, StreamRole.MAIN)
    for stream in (there, world.main):
        world.node.live[stream] = [live_state(), live_init(), *live_pictures(5)]
    number = district.open()
    one = window(district.token)
    one.sub(district.camera.camera.id, channel=1)
    one.sub(world.camera.camera.id, channel=2)
    one.pictures(10)
    if ending == "time":
        for times in (1, 2):
            world.clock.step(timedelta(minutes=11))
            district.page(district.token, "/account")  # watching alone keeps no session open
            wait_until(lambda times=times: len(_extended(district)) == times)  # type: ignore[misc]
        world.clock.step(timedelta(minutes=7, seconds=59))
        district.page(district.token, "/account")
        assert world.node.watched(there) == 1
        world.clock.step(timedelta(seconds=1))
    else:
        district.post(district.token, f"/emergency/{number}/close")
    ended = one.state("denied")
    assert (ended["ch"], ended["sentence"]) == (1, "The emergency access is over.")
    wait_until(lambda: world.node.watched(there) == 0)
    assert world.node.watched(world.main) == 1
    of_it = {event.camera_id: event.detail.get("emergency") for event in world.events(Action.VIEW_OPEN)}
    assert of_it == {district.camera.camera.id: str(number), world.camera.camera.id: None}
    # At its last deadline it was looked at again and again, and written no more.
    assert len(_extended(district)) == (2 if ending == "time" else 0)


def _extended(district: District) -> list[AccessEvent]:
    events = district.world.events(Action.VIEW_EXTEND)
    return [event for event in events if event.camera_id == district.camera.camera.id]


def test_the_window_of_another_sign_in_is_shown_nothing_more(district: District, window: Callable[[str], Window]) -> None:
    district.open()
    one = window(district.other)
    one.sub(district.camera.camera.id)
    assert one.state("denied")["sentence"] == "There is no such camera."


@pytest.mark.parametrize("ending", ["time", "by hand", "sign-out"])
def test_an_open_recording_ends_with_it(district: District, ending: str) -> None:
    world, stream = district.world, stream_of(district.camera, StreamRole.MAIN)
    record(world.node, stream, world.clock.now() - timedelta(minutes=1))
    number = district.open()
    with district.client(district.token, "application/json") as client:
        view = district.view(client, 2).json()["view"]
        playlist = client.get(f"/api/v1/views/{view}/main.m3u8")
        assert playlist.status_code == 200
        (segment, *_) = re.findall(r"segments/(\w+)", playlist.text)
        assert _octets(client, view, segment) == 206
        if ending == "time":
            for _ in range(3):
                district.pass_in_use(timedelta(minutes=9, seconds=59))
                client.post(f"/api/v1/views/{view}/extend")
            assert _octets(client, view, segment) == 206
            world.clock.step(timedelta(seconds=3))
        elif ending == "by hand":
            district.post(district.token, f"/emergency/{number}/close")
        else:
            district.post(district.token, "/logout")
        status = 401 if ending == "sign-out" else 404
        assert (_octets(client, view, segment), client.get(f"/api/v1/views/{view}/main.m3u8").status_code) == (status, status)


def _octets(client: httpx.Client, view: str, segment: str) -> int:
    return client.get(f"/api/v1/views/{view}/segments/{segment}", headers={"range": "bytes=0-99"}).status_code


def test_older_recordings_of_another_branch_are_refused(district: District) -> None:
    district.open()
    with district.client(district.token, "application/json") as client:
        assert district.view(client, 30).status_code == 201
        assert "half an hour before" in str(problem(district.view(client, 30.1), 403)["detail"])
    with district.client(district.other, "application/json") as client:
        problem(district.view(client, 2), 404)


def test_a_branch_manager_plays_recordings_while_it_lasts(world: World) -> None:
    district = District(world, Role.BRANCH_MANAGER)
    with district.client(district.token) as client:
        assert client.get("/playback").status_code == 403
        number = district.open()
        assert client.get("/playback").status_code == 200
        assert "Playback" in client.get("/live").text
        client.post(f"/emergency/{number}/close")
        assert client.get("/playback").status_code == 403


def test_it_opens_no_page_of_the_log_of_people_of_cameras_or_of_reviews(district: District) -> None:
    district.open()
    with district.client(district.token) as client:
        answers = {path: client.get(path).status_code for path in ("/log", "/people", "/cameras", "/reviews", "/emergency/reviews")}
    assert set(answers.values()) == {403}


def test_reviewers_are_told_on_every_page_and_review_it(district: District) -> None:
    number = district.open()
    assert "An emergency access waits for a review" in district.page(district.reviewer, "/log")
    assert "waits for a review" not in district.page(district.token, "/live")
    district.post(district.token, f"/emergency/{number}/shown", officer="Officer Diaz", badge="4711", agency="Alder County Sheriff")
    with district.client(district.token, "application/json") as client:
        second = {"officer": "Officer Wu", "badge": "none shown", "agency": "Alder County Sheriff"}
        told = client.post(f"/api/v1/emergency/{number}/shown", json=second).json()["shown_to"]
        assert told.endswith("; Officer Wu, badge none shown, Alder County Sheriff")
        assert problem(client.post(f"/api/v1/emergency/{number}/shown", json={"officer": "Officer Wu"}), 422)["detail"] == NAME_THE_BADGE
        view = {"camera": district.camera.camera.id, "purpose": "incident", "start": "2026-03-14T14:50:00Z", "end": "2026-03-14T15:00:00Z"}
        assert client.post("/api/v1/views", json=view).status_code == 201
    district.world.clock.step(timedelta(seconds=30))
    district.post(district.token, f"/emergency/{number}/close")
    listed = district.page(district.reviewer, "/emergency/reviews")
    assert REASON in listed
    assert "Shown to Officer Diaz, badge 4711, Alder County Sheriff; Officer Wu, badge none shown, Alder County Sheriff." in listed
    assert f'href="/emergency/{number}/review"' in listed
    review = district.page(district.reviewer, f"/emergency/{number}/review")
    assert REASON in review
    assert "<b>Pier</b>: recorded" in review
    for form in ({"was_for": "a fight"}, {"was_for": "", "right": "no"}):
        answer = district.post(district.reviewer, f"/emergency/{number}/review", **form)
        assert answer.status_code == 422
        assert f'value="{form["was_for"]}"' in answer.text
    assert district.post(district.reviewer, f"/emergency/{number}/review", was_for="a fight", right="no").status_code == 303
    assert "Reviewed: not right" in district.page(district.reviewer, "/emergency/reviews")
    assert "waits for a review" not in district.page(district.reviewer, "/log")
    assert "not right" in district.page(district.token, "/emergency")


def test_who_showed_the_screen_to_nobody_by_name_is_told(district: District) -> None:
    number = district.open()
    answer = district.post(district.token, f"/emergency/{number}/shown", officer="x" * 101, badge="4711", agency="Sheriff")
    assert answer.status_code == 422
    assert "x" * 101 in answer.text
    assert 'value="4711"' in answer.text


def _review(district: District, token: str, number: int) -> httpx.Response:
    """Send a review that says all it must."""
    return district.post(token, f"/emergency/{number}/review", was_for="a fight", right="yes")


def test_who_used_it_does_not_review_it_even_when_it_is_over_and_the_person_of_the_whole_district_by_then(world: World) -> None:
    district = District(world, Role.DELEGATE)
    number = district.open()
    district.post(district.token, f"/emergency/{number}/close")
    with world.site.central.writing() as session:
        session.execute(text("UPDATE person SET whole_district = true"))
    answer = _review(district, district.token, number)
    assert (answer.status_code, "Who used an emergency access does not review it." in answer.text) == (403, True)
    assert world.events(Action.EMERGENCY_REVIEW) == []


def test_one_that_is_open_is_not_reviewed_yet(district: District) -> None:
    number = district.open()
    answer = _review(district, district.reviewer, number)
    assert (answer.status_code, "It is still open." in answer.text) == (403, True)
    assert district.world.events(Action.EMERGENCY_REVIEW) == []


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.DELEGATE, Role.AUDITOR])
def test_who_sees_one_branch_reviews_none(district: District, role: Role) -> None:
    number = district.open()
    district.post(district.token, f"/emergency/{number}/close")
    branch = frozenset({district.world.branch.id})
    answer = _review(district, district.world.token(role, branches=branch), number)
    assert (answer.status_code, "There is no such emergency access without a review." in answer.text) == (404, True)
    assert district.world.events(Action.EMERGENCY_REVIEW) == []
    assert _review(district, district.world.token(role), number).status_code == 303


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.DIRECTOR, Role.DELEGATE, Role.AUDITOR)])
def test_whose_role_reviews_none_does_not_though_it_is_over_and_somebody_else_s(district: District, role: Role) -> None:
    number = district.open()
    district.post(district.token, f"/emergency/{number}/close")
    answer = _review(district, district.world.token(role), number)
    assert (answer.status_code, "Your role is" in answer.text) == (403, True)
    assert district.world.events(Action.EMERGENCY_REVIEW) == []


def test_an_overdue_one_is_said_and_keeps_the_next_closed(district: District) -> None:
    number = district.open()
    district.post(district.token, f"/emergency/{number}/close")
    district.world.clock.step(timedelta(days=5))
    ours = frozenset({district.world.branch.id})
    district.token, district.reviewer = district.world.token(Role.DESK, branches=ours), district.world.token(Role.DIRECTOR)
    assert "An emergency access waits for a review, overdue" in district.page(district.reviewer, "/log")
    assert "Review overdue since Tue 17 Mar 2026" in district.page(district.reviewer, "/emergency/reviews")
    page = district.page(district.token, "/emergency")
    assert "not reviewed in time" in page
    assert "/emergency/new" not in page
    refused = district.post(district.token, "/emergency/new", reason=REASON)
    assert refused.status_code == 403
    assert "Who can review it: director" in refused.text


def test_the_log_says_it_in_words(district: District) -> None:
    number = district.open()
    with district.client(district.token, "application/json") as client:
        assert district.view(client, 1).status_code == 201
    district.post(district.token, f"/emergency/{number}/close")
    log = district.page(district.reviewer, "/log")
    assert f"Opened emergency access: {REASON}" in log
    assert "under emergency access" in log
    assert "Ended the emergency access early" in log
