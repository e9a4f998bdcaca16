"""The public form of inquiries, and what staff see of it: off as shipped, at a pace, and telling nobody anything."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from tests.web.world import World, a_world, problem
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.people import Role
from vms.store.sealed_texts import COMPLAINT_KEY

FORM = {
    "asked_by": "person", "name": "J. Doe <b>", "contact": "555-0100", "happened": "My bag was taken.", "place": "The reading room",
    "when": "Friday, about six", "agency": "",
}  # fmt: skip


@pytest.fixture
def on(settings: Settings) -> Iterator[World]:
    with a_world(settings.model_copy(update={"public_inquiry": "on", "notice_contact": "12 Main St"})) as world:
        yield world


@pytest.fixture
def outsider(on: World) -> Iterator[httpx.Client]:
    with on.client(page=True) as client:
        yield client


@pytest.fixture
def desk(on: World) -> Iterator[httpx.Client]:
    with on.client(Role.DESK, page=True) as client:
        yield client


def _number(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    found = re.search(r'number <b class="mono">(\d+)</b>', answer.text)
    assert found is not None
    return found[1]


def test_as_shipped_there_is_no_form(world: World) -> None:
    with world.client(page=True) as client:
        answers = [client.get("/inquiry"), client.post("/inquiry", data=FORM), client.post("/api/v1/inquiries", json=FORM)]
        wrong = FORM | {"brings_paper": "perhaps"}
        answers += [client.post("/inquiry", data=wrong), client.post("/api/v1/inquiries", json=wrong | {"name": 5})]
    assert [one.status_code for one in answers] == [404] * 5
    with world.client(Role.DESK, page=True) as client:
        assert "/inquiries" not in client.get("/requests").text


def test_from_the_public_form_to_a_request(on: World, outsider: httpx.Client, desk: httpx.Client) -> None:
    page = outsider.get("/inquiry").text
    assert "<script" not in page.partition("<body")[2]
    number = _number(outsider.post("/inquiry", data=FORM))
    listed = desk.get("/inquiries").text
    assert (f"/inquiries/{number}" in listed, "Somebody about themselves, or a child of theirs" in listed) == (True, True)
    assert "it is deleted after 180 days" in page
    assert "Inquiries (1)" in desk.get("/requests").text
    one = desk.get(f"/inquiries/{number}").text
    assert "J. Doe &lt;b&gt;" in one
    form = desk.get(f"/requests/new?inquiry={number}").text
    for told in (
        "J. Doe &lt;b&gt;",
        "555-0100",
        "The reading room: My bag was taken.",
        "Friday, about six",
        f'name="inquiry" value="{number}"',
    ):
        assert told in form, told
    assert re.search(r'value="subject-access" checked', form)
    typed = {
        "instrument": "subject-access", "name": "J. Doe", "purpose": "a bag", "local_time": "Friday", "delivery": "by-hand",
        "camera": str(on.camera.camera.id), "start": "2026-03-14T07:00", "end": "2026-03-14T07:10", "inquiry": number,
    }  # fmt: skip
    made = desk.post("/requests/new", data=typed)
    assert made.status_code == 303
    again = desk.post("/requests/new", data=typed)
    assert (again.status_code, "does not wait any more" in again.text, 'value="J. Doe"' in again.text) == (409, True, True)
    link = f'href="{made.headers["location"].partition("?")[0]}"'
    told = desk.get(f"/inquiries/{number}").text
    assert ("A request was made of it" in told, link in told) == (True, True)
    with on.client(Role.IT, page=True) as another, on.client(Role.COUNSEL, page=True) as counsel:
        assert (link in another.get(f"/inquiries/{number}").text, link in counsel.get(f"/inquiries/{number}").text) == (False, True)
    assert [event.detail for event in on.events(Action.INQUIRY_ENTER)] == [{"inquiry": number}]


def test_what_is_answered_does_not_depend_on_the_place(outsider: httpx.Client) -> None:
    answers = [outsider.post("/inquiry", data=FORM | {"place": place}) for place in ("At the Gate camera", "On the moon")]
    first, second = (re.sub(r"nonce=\"[^\"]+\"|data-now-ms=\"\d+\"", "", one.text.replace(_number(one), "")) for one in answers)
    assert first == second
    assert "confirms neither that there is a camera" in first
    assert "12 Main St" in first


def test_what_is_wrong_comes_back_with_what_was_typed_and_does_not_count(on: World, outsider: httpx.Client) -> None:
    for _ in range(8):
        wrong = outsider.post("/inquiry", data=FORM | {"when": ""})
        assert (wrong.status_code, "the day and the time" in wrong.text, "My bag was taken." in wrong.text) == (422, True, True)
    _number(outsider.post("/inquiry", data=FORM))
    with on.client() as program:
        assert "as what you ask" in str(problem(program.post("/api/v1/inquiries", json=FORM | {"asked_by": "x"}), 422))


def test_without_the_key_strangers_are_sent_to_the_desk_and_staff_read_which_file_is_gone(
    on: World, outsider: httpx.Client, desk: httpx.Client
) -> None:
    number = _number(outsider.post("/inquiry", data=FORM))
    key = on.site.settings.secrets_dir / COMPLAINT_KEY
    away = key.rename(on.site.settings.data_dir / "key")
    with capture_logs() as lines, on.client() as program:
        refused = outsider.post("/inquiry", data=FORM)
        told = problem(program.post("/api/v1/inquiries", json=FORM), 503)
    assert (refused.status_code, "Hand yours in on paper" in refused.text, "My bag was taken." in refused.text) == (503, True, True)
    assert [answer for answer in (refused.text, str(told)) if COMPLAINT_KEY in answer] == []
    assert [COMPLAINT_KEY in line["reason"] for line in lines if line["event"] == "inquiry not taken in"] == [True, True]
    assert "Can’t be read" in desk.get("/inquiries").text
    for page in (f"/inquiries/{number}", f"/requests/new?inquiry={number}"):
        unread = desk.get(page)
        assert (unread.status_code, f"{COMPLAINT_KEY} is gone. Put it back" in unread.text) == (503, True), page
    away.replace(key)
    assert "My bag was taken." in desk.get(f"/inquiries/{number}").text
    assert "Can’t be read" not in desk.get("/inquiries").text


def test_who_sends_many_waits_longer_each_time(on: World, outsider: httpx.Client) -> None:
    answers = [outsider.post("/inquiry", data=FORM) for _ in range(8)]
    assert [one.status_code for one in answers[:5]] == [201] * 5
    assert (answers[-1].status_code, "My bag was taken." in answers[-1].text) == (429, True)
    with on.client() as program:
        problem(program.post("/api/v1/inquiries", json=FORM), 429)


def test_a_large_body_and_another_site_are_refused(on: World, outsider: httpx.Client) -> None:
    assert outsider.post("/inquiry", data=FORM | {"happened": "x" * 20_001}).status_code == 422
    elsewhere = outsider.post("/inquiry", data=FORM, headers={"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"})
    assert elsewhere.status_code == 403
    assert on.events(Action.INQUIRY_ENTER) == []


def test_staff_set_one_aside_on_the_page_and_by_program(on: World, outsider: httpx.Client, desk: httpx.Client) -> None:
    first, second = (_number(outsider.post("/inquiry", data=FORM)) for _ in range(2))
    no_reason = desk.post(f"/inquiries/{first}/aside", data={"reason": ""})
    assert (no_reason.status_code, "why nothing comes of it" in no_reason.text) == (422, True)
    assert desk.post(f"/inquiries/{first}/aside", data={"reason": "a prank"}).status_code == 303
    assert "Set aside, " in desk.get("/inquiries?done=aside").text
    assert "a prank" in desk.get(f"/inquiries/{first}").text
    twice = desk.post(f"/inquiries/{first}/aside", data={"reason": "another"})
    assert (twice.status_code, "another" in twice.text or "does not wait" in twice.text) == (409, True)
    with on.client(Role.DESK) as program:
        listed = program.get("/api/v1/inquiries").json()["inquiries"]
        assert [(str(one["id"]), one["state"]) for one in listed] == [(second, "waiting"), (first, "aside")]
        assert not [one for one in listed if "J. Doe" in str(one)], "a list tells nothing that would have to be written"
        assert program.get(f"/api/v1/inquiries/{second}").json()["name"] == "J. Doe <b>"
        problem(program.post(f"/api/v1/inquiries/{second}/aside", json={}), 422)
        aside = program.post(f"/api/v1/inquiries/{second}/aside", json={"reason": "a prank"}).json()
        assert (aside["state"], aside["outcome"]["reason"]) == ("aside", "a prank")
        problem(program.get("/api/v1/inquiries/7"), 404)
    decided = [event.detail["outcome"] for event in on.events(Action.INQUIRY_DECIDE)]
    assert decided == ["aside", "aside"]
