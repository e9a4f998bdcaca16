"""How long footage is kept, on its page and as JSON: who sees it, changes it, confirms and signs, and what is said before."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import httpx
import pytest

from tests.factories import CONSOLE, a_hub_that_ran, done
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.camera import RecordingMode
from vms.domain.ids import SessionId
from vms.domain.people import PROOF_LASTS, Person, Role
from vms.domain.policy import DISTRICT, LOWER_WAIT, Days, RetentionPolicy
from vms.services.cameras import CameraEdit, edit_camera
from vms.services.hub_link import LocalHub
from vms.store import people, policies

FORM = {
    "floor": "0",
    "target": "21",
    "ceiling": "30",
    "basis": "GS2",
    "public_text": "Three weeks.",
    "reason": "the Board asked",
    "version": "1",
}


def _text(answer: httpx.Response) -> str:
    """Return the words of a page's main part."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


def _current(world: World) -> RetentionPolicy:
    with world.site.central.reading() as session:
        found = policies.current(session, DISTRICT)
    assert found is not None
    return found


def _post(client: httpx.Client, act: str, **said: str) -> httpx.Response:
    return client.post("/policy/new", data=FORM | said | {"act": act})


def test_the_page_says_what_counts_and_that_nobody_signed_it(world: World, director: httpx.Client) -> None:
    page = director.get("/policy")
    said = _text(page)
    assert "14 days floor 0, ceiling 30" in said
    assert "Version 1, of the district, is not signed by the Director yet. It counts all the same. Sign it" in said
    assert "check your records schedule" in said
    assert "It has not answered yet" in said
    assert "/policy" in director.get("/holds").text
    asked = "The retention policy waits for your signature"
    assert asked in director.get("/live").text
    with world.client(Role.IT, page=True) as it:
        assert asked not in it.get("/cameras").text
    assert director.post("/policy/1/approve").headers["location"] == "/policy?done=approved"
    assert "not signed" not in _text(director.get("/policy?done=approved"))
    assert asked not in director.get("/live").text
    assert [one.action for one in world.events(Action.POLICY_APPROVE)] == [Action.POLICY_APPROVE]


def test_a_recorder_that_goes_by_other_days_is_shown(world: World, director: httpx.Client) -> None:
    node, hub = world.camera.device.node_id, LocalHub(world.site.central)

    def told() -> str:
        newest = hub.orders(node, 0, at=world.clock.now()).hold_seq
        hub.answer_holds(node, newest, [], at=world.clock.now())
        return _text(director.get("/policy"))

    assert "Its recorder keeps 14 days" in told()
    assert _post(director, "set").status_code == 303
    assert "21 days floor 0, ceiling 30 14 days" in _text(director.get("/policy"))
    assert "Its recorder keeps 21 days" in told()


def test_the_page_says_how_long_the_disks_last_in_the_words_of_the_command_line(world: World, director: httpx.Client) -> None:
    assert "The volumes take" not in _text(director.get("/policy"))
    for watermark, hours, full, said, warns in (
        ("room", 900.0, None, "The volumes take 250.0 GB more, which lasts.", False),
        ("room", 900.0, 400.0, "The volumes take 250.0 GB more, which lasts 400 hours.", False),
        ("low", 9.0, 11.5, "which is what comes in 9.0 hours; by what comes and goes they are full in 11.5 hours. Add a volume", True),
    ):
        world.node.room = {"watermark": watermark, "bytes": 250_000_000_000, "hours": hours, "full_in_hours": full}
        world.clock.step(timedelta(minutes=1))
        assert said in _text(director.get("/policy"))
        with world.client(Role.IT, page=True) as it:
            assert ("The volumes take" in _text(it.get("/cameras"))) == warns


def test_it_reads_and_changes_nothing(world: World, director: httpx.Client) -> None:
    del director
    with world.client(Role.IT, page=True) as it:
        page = it.get("/policy")
        assert "14 days" in _text(page)
        assert "/policy/new" not in page.text
        assert "Sign it" not in page.text
        assert it.get("/policy/new").status_code == 403
    with world.client(Role.DESK, page=True) as desk:
        assert desk.get("/policy").status_code == 403


def test_what_would_follow_is_shown_before_it_is_set(world: World, director: httpx.Client) -> None:
    form = director.get("/policy/new").text
    assert 'name="target" inputmode="numeric" value="14"' in form
    assert 'name="version" value="1"' in form
    looked = _post(director, "look")
    assert looked.status_code == 200
    assert "Nothing is kept shorter, and no less recorded: it would count at once. Nothing is changed yet." in _text(looked)
    assert "14 days, then 21" in _text(looked)
    assert 'value="GS2"' in looked.text
    assert _current(world).version == 1
    assert _post(director, "set").headers["location"] == "/policy?done=set"
    now = _current(world)
    assert (now.version, now.days, now.legal_basis, now.public_text) == (2, Days(0, 21, 30), "GS2", "Three weeks.")
    assert _post(director, "set", target="22").status_code == 409, "version 2 counts, and the form was of version 1"


def test_one_day_is_no_days(world: World, director: httpx.Client) -> None:
    assert _post(director, "set", target="1").headers["location"] == "/policy?done=waits"
    assert "footage is kept shorter or less is recorded: 1 day." in _text(director.get("/policy"))
    world.clock.step(LOWER_WAIT)
    with world.site.central.writing() as session:
        a_hub_that_ran(session, at=world.clock.now())
    with world.client(Role.DELEGATE, page=True) as second:
        assert second.post("/policy/2/confirm").headers["location"] == "/policy?done=confirmed"
        hub, node = LocalHub(world.site.central), world.camera.device.node_id
        hub.answer_holds(node, hub.orders(node, 0, at=world.clock.now()).hold_seq, [], at=world.clock.now())
        said = _text(second.get("/policy"))
    assert "Its recorder keeps 1 day" in said
    assert "1 days" not in said


def test_lowering_waits_and_is_confirmed_by_somebody_else(world: World, director: httpx.Client, delegate: httpx.Client) -> None:
    looked = _post(director, "look", target="7")
    assert "Footage is kept shorter, or less is recorded: it waits 72 hours and for a second person." in _text(looked)
    assert _post(director, "set", target="7").headers["location"] == "/policy?done=waits"
    assert "footage is kept shorter or less is recorded: 7 days" in _text(director.get("/policy"))
    assert "retention policy, version 2 (the district), footage is to be kept for fewer days" in _text(delegate.get("/waiting"))
    assert "Confirm it" not in delegate.get("/policy").text, "not yet"
    assert delegate.post("/policy/2/confirm").status_code == 403
    world.clock.step(LOWER_WAIT)
    with world.site.central.writing() as session:
        a_hub_that_ran(session, at=world.clock.now())
    with world.client(Role.DIRECTOR, page=True) as own:
        assert own.post("/policy/2/confirm").status_code == 403
    with world.client(Role.DELEGATE, page=True) as second:
        assert "Confirm it" in second.get("/policy").text
        assert second.post("/policy/2/confirm").headers["location"] == "/policy?done=confirmed"
        assert second.post("/policy/2/confirm").status_code == 404
    assert _current(world).days.target_days == 7


def test_without_a_fresh_proof_nothing_is_set_and_what_was_typed_stays(world: World, director: httpx.Client) -> None:
    world.clock.step(PROOF_LASTS + timedelta(seconds=1))
    answer = _post(director, "set")
    assert "Nothing is changed yet" in _text(answer)
    assert answer.status_code >= 400
    assert 'value="21"' in answer.text
    assert _current(world).version == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"target": "two"}, "no number of days"),
        ({"target": "31"}, "target of 31"),
        ({"target": ""}, "names floor, target and ceiling"),
        ({"reason": " "}, "why"),
        ({"review": "soon"}, "soon"),
        ({"early": "yes"}, "floor of at least 1 day"),
        ({"early": "perhaps"}, "is yes or no"),
    ],
)
def test_what_is_wrong_comes_back_with_a_sentence(director: httpx.Client, said: dict[str, str], sentence: str) -> None:
    answer = _post(director, "set", **said)
    assert (answer.status_code, sentence in _text(answer)) == (422, True), _text(answer)


def test_a_camera_has_a_form_of_its_own(world: World, director: httpx.Client) -> None:
    camera = str(world.camera.camera.id)
    page = director.get(f"/policy/new?camera={camera}")
    assert "all from the place above" in _text(page)
    said = {"camera": camera, "floor": "", "target": "20", "ceiling": "", "basis": "", "public_text": "", "version": "0"}
    assert _post(director, "set", **said).status_code == 303
    assert "20 days floor 0, ceiling 30" in _text(director.get("/policy"))
    assert director.get(f"/policy/new?camera={camera}&branch=1").status_code == 404
    assert director.get("/policy/new?camera=1x").status_code == 404


def test_a_review_date_that_is_near_or_over_is_shown(world: World, director: httpx.Client) -> None:
    day = (world.clock.now() + timedelta(days=20)).date()
    assert _post(director, "set", review=f"{day:%Y-%m-%d}").status_code == 303
    assert "is to be reviewed" not in _text(director.get("/policy"))
    world.clock.step(timedelta(days=10))
    with world.client(Role.DIRECTOR, page=True) as later:
        assert "Version 2, of the district, is to be reviewed by" in _text(later.get("/policy"))
    with world.client(Role.DIRECTOR) as program:
        assert program.get("/api/v1/policies").json()["places"][0]["review"] == "near"
    world.clock.step(timedelta(days=12))
    with world.client(Role.DIRECTOR, page=True) as later:
        assert "and nobody has. It counts on." in _text(later.get("/policy"))


def test_hours_are_written_in_lines_and_stay_what_they_were_typed_as(world: World, director: httpx.Client) -> None:
    hours = "Mon-Fri 09:00-21:00\nSat-Sun closed\n2026-12-25 closed"
    looked = _post(director, "look", hours="Mon 09:00-13:00, 12:00-17:00")
    assert (looked.status_code, "two of these times overlap" in _text(looked)) == (422, True)
    assert "Mon 09:00-13:00, 12:00-17:00</textarea>" in looked.text
    half = _post(director, "set", hours="Mon-Fri 09:00-21:00")
    assert "Nothing is said of Sat, Sun." in _text(half)
    assert _post(director, "set", target="14", hours=hours.replace("\n", "\r\n")).headers["location"] == "/policy?done=set"
    assert _current(world).days.hours.lines == hours.split("\n")
    assert "Weekly hours Mon-Fri 09:00-21:00 Sat-Sun closed 2026-12-25 closed Version 2" in _text(director.get("/policy"))
    assert f"{hours}</textarea>" in director.get("/policy/new").text


def test_fewer_hours_of_a_camera_that_goes_by_them_are_shown_before_and_wait(world: World, director: httpx.Client) -> None:
    with world.site.central.writing() as session:
        edit = CameraEdit(world.camera.camera.version, recording_mode=RecordingMode.WEEKLY)
        done(edit_camera(session, CONSOLE, world.camera.camera.id, edit, at=world.clock.now(), allow_loopback=False))
    looked = _text(_post(director, "look", target="14", hours="Mon-Sun 09:00-21:00"))
    assert "Footage is kept shorter, or less is recorded: it waits 72 hours and for a second person." in looked
    assert f"{world.camera.camera.name}: 14 days, then 14; recorded in fewer hours" in looked
    assert _post(director, "set", target="14", hours="Mon-Sun 09:00-21:00").headers["location"] == "/policy?done=waits"
    assert "or less is recorded: 14 days. the Board asked Weekly hours: Mon-Sun 09:00-21:00" in _text(director.get("/policy"))


def test_what_goes_early_on_full_disks_is_chosen_from_a_list_and_waits(world: World, director: httpx.Client) -> None:
    looked = _post(director, "look", target="14", floor="5", early="yes")
    assert f"{world.camera.camera.name}: 14 days, then 14; goes on full disks from 5 days on" in _text(looked)
    assert '<option value="yes" selected>' in looked.text
    assert _post(director, "set", target="14", floor="5", early="yes").headers["location"] == "/policy?done=waits"
    page = _text(director.get("/policy"))
    assert "When disks are full, what is past its floor goes before its day." in page
    assert "14, 5, 30 early on full disks" in page
    assert '<option value="" selected>Footage stays to its day' in director.get("/policy/new").text


def test_the_same_as_json(world: World, director: httpx.Client) -> None:
    del director
    order = {"min_days": 0, "target_days": 21, "max_days": 30, "reason": "the Board asked"}
    with world.client(Role.DIRECTOR) as client:
        (place,) = client.get("/api/v1/policies").json()["places"]
        assert (place["version"], place["approved"], place["counts"]["target_days"]) == (1, None, 14)
        looked = client.post("/api/v1/policies", json=order | {"dry_run": True})
        assert (looked.status_code, looked.json()["effect"]) == (200, "raises")
        said = client.post("/api/v1/policies", json=order | {"hours": "Mon-Sun 09:00-17:00"})
        assert (said.status_code, said.json()["policy"]["version"], said.json()["policy"]["hours"]) == (201, 2, "Mon-Sun 09:00-17:00")
        lower = client.post("/api/v1/policies", json=order | {"target_days": 7, "version": 2})
        assert lower.json()["policy"]["waits"]["alone_at"] is None
        assert [one["version"] for one in client.get("/api/v1/policies/versions").json()["versions"]] == [3, 2, 1]
        assert client.post("/api/v1/policies/1/approve").json()["approved"]["by"]
        both = client.post("/api/v1/policies", json=order | {"branch": 1, "camera": 2})
        assert "Name one" in str(problem(both, 422)["detail"])
    world.clock.step(LOWER_WAIT)
    with world.site.central.writing() as session:
        a_hub_that_ran(session, at=world.clock.now())
    with world.client(Role.DELEGATE) as second:
        assert second.post("/api/v1/policies/3/confirm").json()["in_force"]["by"]


@pytest.mark.parametrize(("days", "reaches"), [(5, 21), (40, 40), (2000, 99)])
def test_the_timeline_reaches_back_as_far_as_windows_and_holds_keep(world: World, director: httpx.Client, days: int, reaches: int) -> None:
    assert _post(director, "set").status_code == 303  # 21 days
    with world.site.central.writing() as session:
        found = next(one for one in people.find(session) if one.role is Role.DIRECTOR)
        person = Person(found.id, found.name, found.role, SessionId(1))
        start = world.clock.now() - timedelta(days=days)
        a_hold(session, person, a_new_hold(of_cameras(world.camera.camera.id), start=start, end=start + timedelta(hours=1)))
    shown = director.get("/playback", params={"camera": str(world.camera.camera.id)}).text
    told = re.search(r'"look_back_ms": ?(\d+)', html.unescape(shown))
    assert told is not None
    assert int(told[1]) // 86_400_000 == reaches
    assert "all that is kept" in director.get("/rules").text
