"""Stills within the district on their form and as JSON: asked for in a few fields, and reminded of on the pages when their day is over."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import httpx

from tests.factories import a_camera, done
from tests.web.world import World, problem
from vms.domain.export_scope import CameraSpan
from vms.domain.ids import PackageId, ReleaseId, RequestId, new_number
from vms.domain.made_package import MadePackage
from vms.domain.package_release import Medium, PackageRelease
from vms.domain.people import Role
from vms.domain.request import RequestAct, RequestState
from vms.services.approvals import advance
from vms.services.packages import JOB
from vms.services.request_steps import Step, take
from vms.store import holds, made_packages, package_releases, requests
from web.security import COOKIE

FORM = {
    "purpose": "safety",
    "words": "banned until summer",
    "moment": ["2026-03-14T07:00:05", "", "2026-03-14T07:10"],
    "until": "2026-06-30",
}

TYPED = (
    *("banned until summer", 'value="2026-03-14T07:00:05"', 'value="2026-03-14T07:10"'),
    *('value="2020-01-01"', 'value="safety" checked'),
)
MISSING = {"purpose": "which of the published purposes", "moment": "at least one day and time", "camera": "at least one camera"}


def _text(answer: httpx.Response) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


def _entered(world: World, by: httpx.Client, **more: str | list[str]) -> str:
    answer = by.post("/requests/stills", data=FORM | {"camera": str(world.camera.camera.id)} | more)
    assert answer.status_code == 303, _text(answer)
    return answer.headers["location"].partition("?")[0]


def test_each_moment_is_narrowed_by_itself_and_stays_to_the_millisecond(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    """Of the hour that the clocks show twice there is a still of each: one reading for two moments."""
    world.clock.step(timedelta(days=240))
    desk.headers["cookie"], director.headers["cookie"] = (f"{COOKIE}={world.token(role)}" for role in (Role.DESK, Role.DIRECTOR))
    page = _entered(world, desk, moment=["2026-11-01T00:30:00", "2026-11-01T01:30:00"], until="2026-12-31")
    before, shown = _footage(world, page), director.get(f"{page}/scope").text
    start, end = (_readings(shown, name) for name in ("start", "end"))
    assert [one[:16] for one in start] == ["2026-11-01T00:30", "2026-11-01T01:30", "2026-11-01T01:30", ""]
    less: dict[str, str | list[str]] = {"start": [start[0], "", *start[2:]], "end": [end[0], "", *end[2:]]}
    _post(director, page, NARROW | {"asked": _asked(shown)} | less)
    assert _footage(world, page) == [before[0], before[2]]
    again = NARROW | {"asked": _asked(director.get(f"{page}/scope").text)}
    longer = director.post(f"{page}/scope", data=again | {"start": ["", start[2], ""], "end": ["", "2026-11-01T05:00:00", ""]})
    assert (longer.status_code, 'value="2026-11-01T05:00:00"' in longer.text) == (422, True), "what was typed is kept"
    half = director.post(f"{page}/scope", data=again | {"start": [start[0], "", ""], "end": ["", "", ""]})
    assert "Give the day and time from when, and until when" in _text(half)


def test_another_camera_is_asked_for_besides_the_moments_that_stay(world: World, desk: httpx.Client) -> None:
    with world.site.central.writing() as session:
        other = a_camera(session, world.branch, "Side door").camera.id
    page = _entered(world, desk)
    before, shown = _footage(world, page), desk.get(f"{page}/scope").text
    start, end = (_readings(shown, name)[:-1] for name in ("start", "end"))
    told = NARROW | {"act": "scope", "asked": _asked(shown), "camera": [str(other)]}
    _post(desk, page, told | {"start": [*start, "2026-03-14T07:20:00"], "end": [*end, "2026-03-14T07:20:01"]})
    added = [one for one in _footage(world, page) if one not in before]
    assert [(one.camera_id, one.end_ms - one.start_ms) for one in added] == [(other, 1000)]


NARROW: dict[str, str | list[str]] = {
    "act": "narrow",
    "words": "one will do",
    "local_time": "at night",
    "delivery": "by-hand",
    "recipient": "Alder County Library District",
}


def _post(by: httpx.Client, page: str, told: dict[str, str | list[str]]) -> None:
    answer = by.post(f"{page}/scope", data=told)
    assert answer.status_code == 303, _text(answer)


def _readings(shown: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" type="datetime-local" step="1" value="([^"]*)"', shown)


def _asked(shown: str) -> list[str]:
    return re.findall(r'name="asked" value="(\d+)"', shown)


def _footage(world: World, page: str) -> list[CameraSpan]:
    with world.site.central.reading() as session:
        found = requests.get(session, requests.EVERYBODYS, RequestId(int(page.rpartition("/")[2])))
    assert found is not None
    return list(found.scope.footage)


def test_from_the_form_to_an_approval_without_a_paper(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    assert 'href="/requests/stills"' in desk.get("/requests/new").text
    assert 'href="/requests/stills"' in desk.get("/requests").text
    page = _entered(world, desk)
    told = director.get(page)
    assert "one still of each moment, with a mark over it, to be used until Tue 30 Jun 2026" in _text(told)
    assert "can’t be approved yet" not in _text(told)
    sha256 = re.search(r'name="sha256" value="([0-9a-f]{64})"', told.text)
    assert sha256 is not None
    assert director.post(f"{page}/approve", data={"sha256": sha256[1]}).status_code == 303
    assert "Approved by" in _text(desk.get(page))


def test_what_is_wrong_stands_on_the_form_and_nothing_typed_is_lost(world: World, desk: httpx.Client) -> None:
    answer = desk.post("/requests/stills", data=FORM | {"camera": str(world.camera.camera.id), "until": "2020-01-01"})
    assert answer.status_code == 422
    assert "is one of the next 366" in _text(answer)
    for typed in TYPED:
        assert typed in answer.text, typed
    for missing, sentence in MISSING.items():
        told = {name: value for name, value in FORM.items() if name != missing}
        told |= {} if missing == "camera" else {"camera": str(world.camera.camera.id)}
        assert sentence in _text(desk.post("/requests/stills", data=told)), missing


def test_of_the_hour_that_clocks_show_twice_there_is_a_still_of_each(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    world.clock.step(timedelta(days=300))
    with world.client(Role.DESK, page=True) as later:
        page = _entered(world, later, moment="2026-11-01T01:30", until="2027-03-01")
    with world.client(Role.DIRECTOR) as reader:
        footage = reader.get(f"/api/v1{page}").json()["scope"]["footage"]
    assert [one["start"] for one in footage] == ["2026-11-01T08:30:00+00:00", "2026-11-01T09:30:00+00:00"]
    assert desk is not director


def test_as_json(world: World, desk: httpx.Client) -> None:
    order = {"purpose": "identify", "words": "a theft", "until": "2026-06-30", "camera": [world.camera.camera.id]}
    json = {"accept": "application/json"}
    entered = desk.post("/api/v1/requests/stills", json=order | {"moment": ["2026-03-14T07:00:05-07:00"]}, headers=json)
    assert entered.status_code == 201, entered.text
    assert (entered.json()["instrument"], entered.json()["scope"]["expires_at"]) == ("internal-stills", "2026-07-01T07:00:00+00:00")
    problem(desk.post("/api/v1/requests/stills", json=order, headers=json), 422)


def test_pages_remind_of_copies_until_somebody_says_who_took_them_away(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _handed_over(world, director, page)
    assert "Take the copies away" not in desk.get("/requests").text
    world.clock.step(timedelta(days=120))
    with world.client(Role.DESK, page=True) as later:
        assert "Take the copies away" in later.get("/requests").text
        assert "take every copy away, on paper and on the medium" in _text(later.get(page))
        assert later.post(f"{page}/acts", data={"act": "removed", "words": "d.nakamura, at eight"}).status_code == 303
        assert "Take the copies away" not in later.get("/requests").text
        assert "take every copy away" not in _text(later.get(page))
        assert "d.nakamura, at eight" in _text(later.get(page))


def _handed_over(world: World, director: httpx.Client, page: str) -> None:
    """Approve the stills, and put down that their package was made and left."""
    sha256 = re.search(r'name="sha256" value="([0-9a-f]{64})"', director.get(page).text)
    assert sha256 is not None
    assert director.post(f"{page}/approve", data={"sha256": sha256[1]}).status_code == 303
    number, settings, at = RequestId(int(page.rpartition("/")[2])), world.site.settings, world.clock.now()
    with world.site.central.writing() as session:
        holds.lock(session)
        done(advance(session, settings, JOB, number, sha256[1], RequestState.PREPARING, at=at))
        request = done(advance(session, settings, JOB, number, sha256[1], RequestState.READY, at=at))
        assert request.approval is not None
        package = MadePackage(PackageId(new_number()), number, request.approval.id, 1, sha256[1], "person:1", "director", at)
        made_packages.add(session, package)
        medium = Medium("SanDisk Ultra", "4C530001")
        release = PackageRelease(ReleaseId(new_number()), package.id, number, medium, "D. Nakamura", "person:1", "director", at)
        package_releases.add(session, release)
        take(session, settings, JOB, request, Step(RequestAct.ADVANCE, RequestState.DISCLOSED, "by hand"), at=at)
    with world.site.central.reading() as session:
        found = requests.get(session, requests.EVERYBODYS, number)
        assert found is not None
        assert found.state is RequestState.DISCLOSED
