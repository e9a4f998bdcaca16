"""Redaction on its page and as JSON: a plan without a line of JSON, sheets that are read only by who decides, their approval."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import httpx
import pytest

from tests.factories import a_camera, done
from tests.web.test_requests import FORM, _digest, _entered, _in_order, _post, _text
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.ids import RequestId
from vms.domain.people import PROOF_LASTS, Role, System
from vms.domain.redaction import Box, RedactionPlan, canonical
from vms.domain.request import RequestState
from vms.domain.timespan import datetime_of_ms
from vms.services import redactions
from vms.services.approvals import advance
from vms.store import requests
from web.routers.redactions import MOST_OF_A_PLAN

REGION = {"start": "2026-03-14T07:00:05", "until": "2026-03-14T07:02", "places": "0 40 20 15.5 50\n2.5 50 20 15.5 50", "unit": "percent"}
PNG = b"\x89PNG of a sheet"


@dataclass(frozen=True)
class Shown:
    """A request whose redaction waits to be looked over, and what its page binds a decision to."""

    page: str
    seen: dict[str, str]
    sheet: str


@pytest.fixture
def shown(world: World, desk: httpx.Client, director: httpx.Client) -> Shown:
    page = _entered(world, desk)
    _region(world, director, page)
    _in_order(director, page)
    _post(director, f"{page}/approve", sha256=_digest(director.get(page)))
    _made(world, page)
    answer = director.get(f"{page}/redaction")
    sheet = re.search(r'<img src="([^"]+)"', answer.text)
    assert sheet is not None, _text(answer)
    return Shown(page, {"sha256": _digest(answer), "plan_sha256": _plan_digest(answer)}, sheet[1])


def _region(world: World, by: httpx.Client, page: str, **more: str) -> httpx.Response:
    seen = _plan_digest(by.get(f"{page}/redaction"))
    told = REGION | {"camera": str(world.camera.camera.id), "plan_sha256": seen} | more
    return by.post(f"{page}/redaction/regions", data=told)


def _plan_digest(answer: httpx.Response) -> str:
    found = re.search(r'name="plan_sha256" value="([0-9a-f]*)"', answer.text)
    assert found is not None, _text(answer)
    return found[1]


def _number(page: str) -> RequestId:
    return RequestId(int(page.rpartition("/")[2]))


def _made(world: World, page: str) -> None:
    """Leave what the job leaves that makes the package."""
    at, settings, job = world.clock.now(), world.site.settings, System("packages")
    with world.site.central.writing() as session:
        request = requests.get(session, requests.EVERYBODYS, _number(page))
        assert request is not None
        plan = redactions.plan_of(session, settings, request)
        assert isinstance(plan, RedactionPlan)
        for state in (RequestState.PREPARING, RequestState.REDACTING):
            done(advance(session, settings, job, request.id, request.sha256, state, at=at))
        redactions.keep_sheet(session, settings, request, plan, plan.cameras[0].camera, PNG)


def _plan(world: World, page: str) -> RedactionPlan:
    with world.site.central.reading() as session:
        request = requests.get(session, requests.EVERYBODYS, _number(page))
        assert request is not None
        plan = redactions.plan_of(session, world.site.settings, request)
    assert isinstance(plan, RedactionPlan)
    return plan


def _state(world: World, page: str) -> RequestState:
    with world.site.central.reading() as session:
        request = requests.get(session, requests.EVERYBODYS, _number(page))
    assert request is not None
    return request.state


def test_a_plan_is_made_on_a_form_without_a_line_of_json(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    assert _region(world, director, page).status_code == 303
    pixels = {"unit": "pixels", "across": "1920", "down": "1080", "places": "0 1 1 3 3", "cover": "pixelate", "between": "line"}
    assert _region(world, director, page, **pixels).status_code == 303
    (camera,) = _plan(world, page).cameras
    first, second = camera.regions
    assert [(f"{datetime_of_ms(one.at_ms):%H:%M:%S.%f}", one.box) for one in first.keyframes] == [
        ("14:00:05.000000", Box(4000, 2000, 1550, 5000)),
        ("14:00:07.500000", Box(5000, 2000, 1550, 5000)),
    ]
    assert f"{datetime_of_ms(first.until_ms):%H:%M:%S}" == "14:02:00"
    assert second.keyframes[0].box == Box(5, 9, 16, 29), "edges outwards"
    told = _text(director.get(f"{page}/redaction"))
    assert "2; the first: left 40, top 20, width 15.5, height 50 percent" in told
    assert "Kept by director" in told


def test_a_region_is_taken_out_of_the_plan_that_was_seen_alone(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _region(world, director, page)
    old = _plan_digest(director.get(f"{page}/redaction"))
    _region(world, director, page, places="0 1 1 3 3")
    out = {"camera": str(world.camera.camera.id), "region": "1"}
    stale = director.post(f"{page}/redaction/regions/out", data=out | {"plan_sha256": old})
    assert (stale.status_code, "was changed since you looked at it" in stale.text) == (409, True)
    _post(director, f"{page}/redaction/regions/out", plan_sha256=_plan_digest(director.get(f"{page}/redaction")), **out)
    assert _plan(world, page).cameras[0].regions[0].keyframes[0].box == Box(100, 100, 300, 300)
    last = director.post(f"{page}/redaction/regions/out", data=out | {"plan_sha256": _plan_digest(director.get(f"{page}/redaction"))})
    assert (last.status_code, "A plan covers something" in last.text) == (422, True)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"places": ""}, "Write at least one place"),
        ({"places": "0 1 2 3"}, "Place 1 is five numbers"),
        ({"places": "0 1 2 3 4\nnow 1 2 3 4"}, "Place 2 is five numbers"),
        ({"places": "0 NaN 2 3 4"}, "Place 1 is five numbers"),
        ({"places": "0 1e999999 2 3 4"}, "none above 1,000,000"),
        ({"places": "0 90 2 20 4"}, "Place 1 lies beside the picture"),
        ({"places": "0 1 2 0 4"}, "has no size"),
        ({"unit": "pixels"}, "width and height in pixels"),
        ({"unit": "miles", "across": "9", "down": "9"}, "in percent or in pixels"),
        ({"cover": "smile"}, "Choose with what it is covered"),
        ({"start": "soon"}, "no day and time"),
        ({"start": "2026-03-08T02:30"}, "That time did not exist"),
        ({"start": "2025-11-02T01:30"}, "The clocks showed that time twice"),
        ({"start": "0001-01-01T00:00+14:00"}, "no day and time of a recording"),
        ({"until": "2026-03-14T07:00:06"}, "it ends after the last"),
        ({"start": "2026-03-14T08:00", "until": "2026-03-14T08:10"}, "covers nothing of the camera"),
        ({"camera": "4711"}, "Choose a camera of which something is asked for"),
    ],
)
def test_a_region_with_a_mistake_comes_back_with_what_was_typed(
    world: World, desk: httpx.Client, director: httpx.Client, wrong: dict[str, str], sentence: str
) -> None:
    page = _entered(world, desk)
    answer = _region(world, director, page, **{"until": "2026-03-14T07:01:17"} | wrong)
    assert (answer.status_code, sentence in _text(answer)) == (422, True), _text(answer)
    kept = wrong.get("places", REGION["places"]).splitlines()[:1]
    assert all(line in answer.text for line in kept)
    assert _plan_digest(answer) == ""


def test_a_moment_with_an_offset_says_which_of_two_hours_is_meant(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    assert _region(world, director, page, start="2026-03-14T14:00:05Z").status_code == 303
    assert f"{datetime_of_ms(_plan(world, page).cameras[0].regions[0].from_ms):%H:%M:%S}" == "14:00:05"


def test_sheets_are_shown_to_who_decides_are_kept_by_no_browser_and_logged(world: World, shown: Shown, director: httpx.Client) -> None:
    before = len(world.events(Action.REQUEST_READ))
    answer = director.get(shown.sheet)
    assert (answer.content, answer.headers["content-type"], answer.headers["cache-control"]) == (PNG, "image/png", "no-store")
    read = world.events(Action.REQUEST_READ)[before:]
    assert [entry.detail["what"] for entry in read] == ["review sheet"]
    told = _text(director.get(f"{shown.page}/redaction"))
    assert "I looked at every sheet" in told


def test_neither_page_nor_sheet_is_anybody_elses(world: World, shown: Shown) -> None:
    for role in (Role.DESK, Role.SUPERVISOR, Role.COUNSEL, Role.IT, Role.AUDITOR):
        with world.client(role, page=True) as client:
            for address in (shown.sheet, f"/api/v1{shown.sheet}", f"{shown.page}/redaction", f"/api/v1{shown.page}/redaction"):
                answer = client.get(address)
                assert (answer.status_code, PNG in answer.content) == (403, False), (role, address)


def test_a_sheet_is_not_shown_when_its_reading_can_t_be_written(world: World, shown: Shown, director: httpx.Client) -> None:
    with world.site.central.write.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON access_event BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    answer = director.get(shown.sheet)
    assert (answer.status_code, PNG in answer.content) == (503, False)


def test_what_the_sheets_show_is_approved_by_a_fresh_proof_for_exactly_this(world: World, shown: Shown, director: httpx.Client) -> None:
    stale = director.post(f"{shown.page}/redaction/approve", data=shown.seen | {"plan_sha256": "0" * 64})
    assert (stale.status_code, "was changed since you looked at it" in stale.text) == (409, True)
    assert _state(world, shown.page) is RequestState.REDACTING
    _post(director, f"{shown.page}/redaction/approve", **shown.seen)
    assert _state(world, shown.page) is RequestState.READY
    assert "Looked over and approved by director" in _text(director.get(f"{shown.page}/redaction"))
    assert "Redaction approved" in _text(director.get(shown.page))


def test_an_old_proof_approves_no_redaction(world: World, shown: Shown, director: httpx.Client) -> None:
    world.clock.step(PROOF_LASTS)
    answer = director.post(f"{shown.page}/redaction/approve", data=shown.seen)
    assert answer.headers["location"].startswith("/prove")
    assert _state(world, shown.page) is RequestState.REDACTING


def test_who_entered_it_may_send_it_back_and_not_approve_it(world: World, director: httpx.Client, delegate: httpx.Client) -> None:
    page = _entered(world, delegate)
    _region(world, director, page)
    _in_order(director, page)
    _post(director, f"{page}/approve", sha256=_digest(director.get(page)))
    _made(world, page)
    answer = delegate.get(f"{page}/redaction")
    assert ("Approve what these sheets show" in _text(answer), "so somebody else approves this" in _text(answer)) == (False, True)
    seen = {"sha256": _digest(answer), "plan_sha256": _plan_digest(answer)}
    assert delegate.post(f"{page}/redaction/approve", data=seen).status_code == 403
    nothing = delegate.post(f"{page}/redaction/back", data=seen | {"words": ""})
    assert (nothing.status_code, "Say what the sheets show" in nothing.text) == (422, True)
    _post(delegate, f"{page}/redaction/back", words="the child's face", **seen)
    assert _state(world, page) is RequestState.UNDER_REVIEW
    assert "the child's face" in _text(director.get(page))
    assert "was sent back" in _text(director.get(f"{page}/redaction"))


def test_who_looks_it_over_is_told_of_a_camera_of_which_nothing_is_covered(
    world: World, desk: httpx.Client, director: httpx.Client
) -> None:
    """Its recording leaves as it is, and there is no sheet of it that could show that."""
    with world.site.central.writing() as session:
        other = a_camera(session, world.branch, "Back door").camera.id
    cameras = [str(world.camera.camera.id), str(other)]
    page = desk.post("/requests/new", data=FORM | {"camera": cameras}).headers["location"].partition("?")[0]
    assert "Nothing is covered of" not in _text(director.get(f"{page}/redaction"))
    _region(world, director, page)
    assert "Nothing is covered of Main Street/Back door." in _text(director.get(f"{page}/redaction"))
    assert director.get(f"/api/v1{page}/redaction", headers={"accept": "application/json"}).json()["uncovered"] == [other]
    _region(world, director, page, camera=str(other))
    assert "Nothing is covered of" not in _text(director.get(f"{page}/redaction"))


def test_the_same_as_json(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    api = f"/api/v1{page}/redaction"
    director.headers["accept"] = "application/json"
    assert director.get(api).json()["plan"] is None
    assert problem(director.post(f"{api}/plan", files={"plan": ("plan.json", b"{}")}), 422)["detail"] == "The plan has no “format”."
    _region(world, director, page)
    wanted = canonical(_plan(world, page)).encode()
    answer = director.post(f"{api}/plan", files={"plan": ("plan.json", wanted)})
    assert answer.status_code == 201
    assert answer.json()["plan"] == json.loads(wanted)
    _in_order(director, page)
    sha256 = director.get(f"/api/v1{page}").json()["sha256"]
    assert director.post(f"/api/v1{page}/approve", json={"sha256": sha256}).status_code == 200
    _made(world, page)
    found = director.get(api).json()
    assert director.get(f"{api}/sheets/{found['sheets'][0]['id']}").content == PNG
    seen = {"sha256": found["sha256"], "plan_sha256": found["plan_sha256"]}
    back = director.post(f"{api}/back", json=seen | {"words": "too little"}).json()
    assert (back["state"], back["sent_back"]) == ("under_review", True)
    assert problem(director.post(f"{api}/approve", json=seen), 403)["status"] == 403


def test_a_plan_as_a_file_may_be_larger_than_a_form_and_not_endless(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    address = f"{page}/redaction/plan"
    answer = director.post(address, files={"plan": ("plan.json", b" " * (2 * 1024 * 1024))})
    assert (answer.status_code, "The redaction plan is no JSON" in answer.text) == (422, True)
    assert director.post(address, files={"plan": ("plan.json", b" " * (MOST_OF_A_PLAN + 1))}).status_code == 413


def test_no_plan_is_put_once_it_has_left_or_ended(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _post(director, f"{page}/acts", act="withdraw", words="they called")
    assert "Add it to the plan" not in _text(director.get(f"{page}/redaction"))
    assert _region_of(world, director, page).status_code == 403


def _region_of(world: World, by: httpx.Client, page: str) -> httpx.Response:
    return by.post(f"{page}/redaction/regions", data=REGION | {"camera": str(world.camera.camera.id), "plan_sha256": ""})
