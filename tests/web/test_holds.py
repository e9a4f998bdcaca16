"""Legal holds on their pages and as JSON: who sees, places and ends them, what is told of each, and the sheet that is printed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from tests.factories import CONSOLE, NOW, a_branch, a_camera, an_account, done
from tests.vms.services.holding import a_hold, a_new_hold, an_answer, of_cameras
from tests.web.statements import statements
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.delegation import Delegation
from vms.domain.hold import HoldKind, HoldScope
from vms.domain.ids import DelegationId, PersonId, SessionId
from vms.domain.legal_hold import COOL_OFF, LAPSE_GRACE, LegalHold
from vms.domain.people import PROOF_LASTS, Person, Role
from vms.domain.reach import Reach
from vms.errors import InvalidInput
from vms.services import cameras
from vms.services.hold_release import end_due
from vms.services.hub_link import LocalHub
from vms.store import holds
from web.hold_rows import places
from web.local_time import first_moment, last_moment, moments_of, reading_of

ZONE = "America/Los_Angeles"
FORM = {
    "matter": "Smith v. District, 26-CV-1188",
    "kind": "litigation",
    "reason": "letter of counsel",
    "authority": "Alder County 26-CV-1188",
    "start": "2026-03-13T18:00",
    "end": "",
    "review": "",
    "expires": "",
}
SCRIPT = "<script>window.hit=1</script>"


@pytest.fixture
def delegate(world: World) -> Iterator[httpx.Client]:
    with world.client(Role.DELEGATE, page=True) as client:
        yield client


@pytest.fixture
def director(world: World, delegate: httpx.Client) -> Iterator[httpx.Client]:  # noqa: ARG001 - once a Director signs in, others wait for one
    with world.client(Role.DIRECTOR, page=True) as client:
        yield client


def _placed(
    world: World, matter: str = "Smith v. District", *, kind: HoldKind = HoldKind.LITIGATION, scope: HoldScope | None = None
) -> LegalHold:
    """Place a hold as a Delegate who signs in for it."""
    with world.site.central.writing() as session:
        account = an_account(session, Role.DELEGATE, name=f"r.castellanos {matter}", at=world.clock.now())
        person = Person(account.id, account.name, account.role, SessionId(1))
        expires = world.clock.now() + timedelta(days=30) if kind is HoldKind.PROVISIONAL else None
        new = a_new_hold(scope or of_cameras(world.camera.camera.id), matter=matter, kind=kind, end=None, expires_at=expires)
        return a_hold(session, person, new, at=world.clock.now())


def _all(world: World) -> list[LegalHold]:
    with world.site.central.reading() as session:
        return holds.find(session, None, limit=10)


def _text(answer: httpx.Response) -> str:
    """Return the words of a page's main part."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


def _propose(director: httpx.Client, hold: LegalHold) -> None:
    answer = director.post(f"/holds/{hold.id}/release", data={"reason": "the case is settled"})
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/holds/{hold.id}?done=proposed"), answer.text


# --- the list -----------------------------------------------------------------------------------------------------------------------


def test_without_a_hold_the_list_says_what_one_is(world: World, director: httpx.Client) -> None:
    assert "No legal holds" in _text(director.get("/holds"))
    assert 'href="/holds/new"' in director.get("/holds").text
    with world.client(Role.AUDITOR, page=True) as auditor:
        page = auditor.get("/holds")
    assert "No legal holds" in _text(page)
    assert "/holds/new" not in page.text


def test_the_list_has_those_in_force_first_with_kind_state_review_and_effect(world: World, director: httpx.Client) -> None:
    old = _placed(world, "Over v. District", kind=HoldKind.PROVISIONAL)
    world.clock.step(timedelta(days=30) + LAPSE_GRACE)
    with world.site.central.writing() as session:
        assert [one.id for one in end_due(session, at=world.clock.now())] == [old.id]
    _placed(world)
    with world.client(Role.DIRECTOR, page=True) as later:
        rows = re.findall(r"<tr>.*?</tr>", later.get("/holds").text, re.DOTALL)[1:]
    told = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in rows]
    assert told == [
        "Smith v. District Litigation In force Effective Review Sun 26 Jul 2026",
        "Over v. District Provisional Ended",
    ]
    del director


def test_what_a_recorder_has_not_answered_is_pending_with_the_time(world: World, director: httpx.Client) -> None:
    node = world.camera.device.node_id
    hub = LocalHub(world.site.central)
    hub.orders(node, 0, at=world.clock.now())
    world.clock.step(timedelta(seconds=1))
    hold = _placed(world)
    listed, page = director.get("/holds"), director.get(f"/holds/{hold.id}")
    assert "Pending until Sat 14 Mar, " in _text(listed)
    assert "pending: it has not answered, and can destroy nothing of it from Sat 14 Mar 2026, " in _text(page)
    assert "The recorder has not answered yet." in _text(page)
    orders = hub.orders(node, 0, at=world.clock.now())
    found = an_answer(hold.id, world.camera.camera.id, 1234)
    hub.answer_holds(node, orders.hold_seq, [found], at=world.clock.now())
    assert "Effective" in _text(director.get("/holds"))
    told = _text(director.get(f"/holds/{hold.id}"))
    assert "branch-server: protected." in told
    assert "1,234" in told
    assert "lost" not in told


@pytest.mark.parametrize(
    ("condemned", "purged", "says"),
    [
        (2, 0, "2 segments were being destroyed when the hold came: what"),
        (0, 1, "1 was gone before: what"),
        (1, 3, "1 segment was being destroyed when the hold came, and 3 were gone before: what"),
    ],
)
@pytest.mark.parametrize("page", ["", "/sheet"])
def test_lost_footage_is_said_in_plain_words(
    world: World, director: httpx.Client, page: str, condemned: int, purged: int, says: str
) -> None:
    hold = _placed(world)
    hub, node = LocalHub(world.site.central), world.camera.device.node_id
    orders = hub.orders(node, 0, at=world.clock.now())
    found = an_answer(hold.id, world.camera.camera.id, condemned=condemned, purged=purged)
    hub.answer_holds(node, orders.hold_seq, [found], at=world.clock.now())
    told = _text(director.get(f"/holds/{hold.id}{page}"))
    assert f"Some of the held time is lost. {says} is being destroyed, or went before, can’t be had back." in told


# --- who sees what ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.IT, Role.AUDITOR])
def test_who_only_reads_has_nothing_to_press(world: World, director: httpx.Client, role: Role) -> None:
    hold = _placed(world)
    _propose(director, hold)
    with world.client(role, page=True) as reader:
        page = reader.get(f"/holds/{hold.id}")
        assert page.status_code == 200
        assert "the case is settled" in page.text
        acts = re.findall(rf'"/holds/{hold.id}/(\w+)"', page.text)
        assert acts == ["sheet"]
        for act in ("release", "confirm", "undo"):
            assert reader.post(f"/holds/{hold.id}/{act}", data={"reason": "no"}).status_code == 403
        assert reader.post("/holds/new", data=FORM).status_code == 403


def test_of_a_hold_nobody_is_told_what_lies_beyond_the_own_reach(world: World) -> None:
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
        pier = a_camera(session, harbor, "Pier", area="Cellar")
        assert pier.area is not None
    everything = HoldScope(frozenset({world.camera.camera.id, pier.camera.id}), frozenset({pier.area.id}), frozenset({harbor.id}))
    both, theirs = _placed(world, scope=everything), _placed(world, "Harbor v. District", scope=of_cameras(pier.camera.id))
    mine = frozenset({world.branch.id})
    with world.client(Role.DIRECTOR, branches=mine, page=True) as narrow, world.client(Role.DIRECTOR, branches=mine) as api:
        listed, page, sheet = (narrow.get(path) for path in ("/holds", f"/holds/{both.id}", f"/holds/{both.id}/sheet"))
        document = api.get(f"/api/v1/holds/{both.id}").json()
        (overview,) = api.get("/api/v1/holds").json()["holds"]
        assert narrow.get(f"/holds/{theirs.id}").status_code == narrow.get(f"/holds/{theirs.id}/sheet").status_code == 404
        assert problem(api.get(f"/api/v1/holds/{theirs.id}"), 404)
        for answer in (listed, page, sheet):
            assert not any(word in answer.text for word in ("Harbor", "Pier", "Cellar")), answer.url
        assert "and more that your account does not reach" in _text(page)
        assert "This hold reaches further than your account" in _text(page)
        assert narrow.post(f"/holds/{both.id}/release", data={"reason": "no more"}).status_code == 403
    for told in (document, overview):
        assert told["scope"] == {"cameras": [world.camera.camera.id], "areas": [], "branches": []}
        assert told["beyond"] is True
    assert [camera["name"] for camera in document["cameras"]] == ["Entrance"]


def test_the_list_takes_as_many_statements_for_ten_holds_as_for_one(world: World) -> None:
    with world.site.central.writing() as session:
        pier = a_camera(session, a_branch(session, "Harbor"), "Pier").camera.id
    counts = []
    with world.client(Role.DIRECTOR, branches=frozenset({world.branch.id})) as api:
        for more in (1, 9):
            for number in range(more):
                _placed(world, f"{more}.{number} v. District", scope=of_cameras(world.camera.camera.id, pier))
            api.get("/api/v1/holds")
            with statements(world.site.central) as said:
                told = api.get("/api/v1/holds").json()["holds"]
            assert all(one["beyond"] for one in told)
            counts.append((len(told), len(said)))
    (_, before), (many, after_nine) = counts
    assert (many, after_nine) == (10, before)


def test_the_form_offers_cameras_where_holds_may_be_placed_and_nowhere_else(world: World) -> None:
    """Who sees more cameras than that, by another role, is not offered what would be refused."""
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
        pier = a_camera(session, harbor, "Pier")
        lent = Delegation(DelegationId(5), NOW, NOW + timedelta(days=9), Reach(frozenset({harbor.id}), frozenset()))
        person = Person(PersonId(7), "K. Ito", Role.DESK, SessionId(1), frozenset({world.branch.id}), delegation=lent)
        offered = [camera["id"] for place in places(session, person) for camera in place["cameras"]]
    assert offered == [pier.camera.id]


# --- placing ------------------------------------------------------------------------------------------------------------------------


def test_a_hold_is_placed_on_a_removed_camera_and_a_branch_in_the_districts_time(world: World, director: httpx.Client) -> None:
    with world.site.central.writing() as session:
        old = a_camera(session, world.branch, "Old door").camera
        done(cameras.remove_camera(session, CONSOLE, old.id, at=NOW))
        harbor = a_branch(session, "Harbor")
    assert "Old door" in (form := director.get("/holds/new").text)
    assert "removed Sat 14 Mar 2026" in form
    data = {**FORM, "camera": str(old.id), "branch": str(harbor.id), "end": "2026-03-13T19:30:15", "review": "2026-06-30"}
    answer = director.post("/holds/new", data=data)
    (hold,) = _all(world)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/holds/{hold.id}?done=placed")
    assert hold.scope == HoldScope(frozenset({old.id}), frozenset(), frozenset({harbor.id}))
    told = _text(director.get(answer.headers["location"]))
    assert "Placed. Each recorder" in told
    assert "Harbor; Main Street/Old door, from Fri 13 Mar 2026, 18:00:00 PDT to Fri 13 Mar 2026, 19:30:15 PDT." in told
    assert "Review Tue 30 Jun 2026" in told
    assert hold.review_at == datetime(2026, 7, 1, 7, tzinfo=UTC)
    (entry,) = world.events(Action.HOLD_PLACE)
    assert entry.actor_name == "director 1"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"matter": " "}, "Name the matter"),
        ({"matter": "m" * 121}, "Name the matter in up to 120 characters"),
        ({"reason": ""}, "why it is to be kept"),
        ({"kind": ""}, "Choose what asks for the hold."),
        ({"kind": "whim"}, "Choose what asks for the hold."),
        ({"camera": ""}, "names at least one camera"),
        ({"start": ""}, "from which footage is to be kept"),
        ({"start": "yesterday"}, "‘yesterday’ is no day and time."),
        ({"start": "2026-03-08T02:30"}, "That time did not exist: the clocks went forward in this hour."),
        ({"end": "2026-03-13T17:00"}, "ends after it starts"),
        ({"end": "9999-12-31T23:59"}, "is no day and time."),
        ({"review": "soon"}, "is no day"),
        ({"review": "2020-01-01"}, "a review date to come"),
        ({"expires": "2026-04-30"}, "only a provisional one may lapse"),
        ({"kind": "provisional", "expires": "2028-04-30"}, "expires within"),
    ],
)
def test_what_can_not_be_meant_is_said_and_the_entries_stay(
    world: World, director: httpx.Client, entries: dict[str, str], says: str
) -> None:
    camera = str(world.camera.camera.id)
    data = {**FORM, "camera": camera, **entries}
    answer = director.post("/holds/new", data={name: value for name, value in data.items() if value or name != "camera"})
    assert answer.status_code == 422
    (error,) = re.findall(r'role="alert">.*?<p>(.*?)</p>', answer.text)
    assert says in html.unescape(error)
    assert error.count(". ") <= 1
    for name in ("matter", "authority", "start", "end", "review", "expires"):
        assert f'name="{name}" value="{html.escape(data[name])}"' in re.sub(r' type="[\w-]+"| step="1"', "", answer.text), name
    assert f">{data['reason']}</textarea>" in answer.text
    assert (f'value="{data["kind"]}" checked' in answer.text) is (data["kind"] in set(HoldKind))
    assert (f'name="camera" value="{camera}" checked' in answer.text) is bool(data["camera"])
    assert _all(world) == []


def test_a_form_that_took_longer_than_the_proof_lasts_comes_back_with_what_was_typed(world: World, director: httpx.Client) -> None:
    camera = str(world.camera.camera.id)
    world.clock.step(PROOF_LASTS)
    assert director.get("/holds/new").headers["location"].startswith("/prove")
    answer = director.post("/holds/new", data={**FORM, "camera": camera})
    assert answer.status_code == 401
    assert "Nothing is placed yet. Show again that it is you" in _text(answer)
    assert f'value="{FORM["matter"]}"' in answer.text
    assert f'name="camera" value="{camera}" checked' in answer.text
    assert _all(world) == []


def test_no_emergency_offers_a_camera_for_a_hold_that_would_be_refused(world: World) -> None:
    with world.site.central.writing() as session:
        a_camera(session, a_branch(session, "Harbor"), "Pier")
    with world.client(Role.DIRECTOR, branches=frozenset({world.branch.id}), page=True) as narrow:
        assert narrow.post("/emergency/new", data={"reason": "a fight"}).status_code == 303
        page = narrow.get("/holds/new").text
    assert "Entrance" in page
    assert "Pier" not in page


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("2026-03-08T02:30", []),
        ("2026-11-01T01:30", ["2026-11-01T08:30:00+00:00", "2026-11-01T09:30:00+00:00"]),
        ("2026-11-01T00:59:59", ["2026-11-01T07:59:59+00:00"]),
        ("2026-07-01T12:00", ["2026-07-01T19:00:00+00:00"]),
    ],
)
def test_a_clock_reading_is_no_moment_one_or_two(text: str, moments: list[str]) -> None:
    assert [moment.isoformat() for moment in moments_of(text, ZONE)] == moments


def test_of_the_doubled_hour_all_is_kept() -> None:
    assert last_moment("2026-11-01T01:30", ZONE) - first_moment("2026-11-01T01:30", ZONE) == timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "noon", "2026-11-01T01:30+00:00", "9999-12-31T23:59"])
def test_what_is_no_clock_reading_is_said(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no day and time"):
        moments_of(text, ZONE)


# --- the end ------------------------------------------------------------------------------------------------------------------------


def test_a_release_takes_two_people_and_is_undone_while_it_cools_off(world: World, director: httpx.Client, delegate: httpx.Client) -> None:
    hold = _placed(world)
    assert "Propose its release" in _text(director.get(f"/holds/{hold.id}"))
    assert "it can be undone" in _text(director.get(f"/holds/{hold.id}/release"))
    _propose(director, hold)
    proposed = director.get(f"/holds/{hold.id}")
    assert "director 1 proposed its release" in _text(proposed)
    assert "/confirm" not in proposed.text
    assert director.post(f"/holds/{hold.id}/confirm").status_code == 403
    assert "the case is settled" in _text(delegate.get(f"/holds/{hold.id}"))
    assert f'href="/holds/{hold.id}"' in delegate.get("/waiting").text
    assert delegate.post(f"/holds/{hold.id}/confirm").headers["location"] == f"/holds/{hold.id}?done=released"
    cooling = _text(director.get(f"/holds/{hold.id}"))
    assert "Released by delegate 0. It protects until Sat 21 Mar 2026, " in cooling
    assert "Undo the release" in cooling
    assert director.post(f"/holds/{hold.id}/undo").headers["location"] == f"/holds/{hold.id}?done=kept"
    assert "In force" in _text(director.get(f"/holds/{hold.id}"))
    assert [event.action for event in world.events(Action.HOLD_RELEASE, Action.HOLD_KEEP)] == [Action.HOLD_RELEASE, Action.HOLD_KEEP]


def test_why_a_hold_is_released_is_read_by_nobody_who_may_not_see_it(world: World) -> None:
    """Everybody is told of what one person does alone, and may stop it; the reason may name the matter."""
    with world.client(Role.DIRECTOR, page=True) as director, world.client(Role.DESK, page=True) as desk:
        hold = _placed(world)
        with world.site.central.writing() as session:
            session.execute(text("UPDATE person SET disabled_at = confirmed_at WHERE role = 'delegate'"))
        _propose(director, hold)
        told = _text(desk.get("/waiting"))
        assert "is to be released" in told
        assert "the case is settled" not in told
        assert "the case is settled" in _text(director.get("/waiting"))


def test_a_hold_that_has_ended_says_so_and_offers_nothing(world: World, director: httpx.Client, delegate: httpx.Client) -> None:
    hold = _placed(world)
    _propose(director, hold)
    assert delegate.post(f"/holds/{hold.id}/confirm").status_code == 303
    world.clock.step(COOL_OFF)
    with world.site.central.writing() as session:
        end_due(session, at=world.clock.now())
    with world.client(Role.DIRECTOR, page=True) as later:
        page, sheet = later.get(f"/holds/{hold.id}"), later.get(f"/holds/{hold.id}/sheet")
        assert re.findall(rf'"/holds/{hold.id}/(\w+)"', page.text) == ["sheet"]
        assert "Ended Sat 21 Mar 2026, " in _text(page)
        assert "A legal hold that has ended" in _text(sheet)
        undone = later.post(f"/holds/{hold.id}/undo")
    assert (undone.status_code, "What is still there is protected by a new hold." in undone.text) == (403, True)


def test_without_a_reason_no_release_is_proposed(director: httpx.Client, world: World) -> None:
    hold = _placed(world)
    answer = director.post(f"/holds/{hold.id}/release", data={"reason": " "})
    assert (answer.status_code, "why it is needed no more" in answer.text) == (422, True)
    long = "x" * 501
    assert long in director.post(f"/holds/{hold.id}/release", data={"reason": long}).text


def test_a_release_that_waits_already_is_said_and_the_reason_stays(director: httpx.Client, world: World) -> None:
    hold = _placed(world)
    _propose(director, hold)
    answer = director.post(f"/holds/{hold.id}/release", data={"reason": "no longer needed"})
    assert (answer.status_code, "proposed already" in answer.text, "no longer needed" in answer.text) == (409, True, True)


def test_where_nobody_else_could_confirm_it_the_page_says_when_it_is_done(world: World) -> None:
    with world.client(Role.DIRECTOR, page=True) as alone:
        assert alone.post("/holds/new", data={**FORM, "camera": str(world.camera.camera.id)}).status_code == 303
        (hold,) = _all(world)
        _propose(alone, hold)
        told = _text(alone.get(f"/holds/{hold.id}"))
    assert "Nobody else could confirm it. From Tue 17 Mar 2026, " in told
    assert "unless somebody with an account stops it" in told


@pytest.mark.parametrize("act", ["release", "confirm", "undo"])
def test_each_act_asks_for_a_fresh_proof(world: World, director: httpx.Client, delegate: httpx.Client, act: str) -> None:
    hold = _placed(world)
    if act != "release":
        _propose(director, hold)
    if act == "undo":
        delegate.post(f"/holds/{hold.id}/confirm")
    before = _all(world)
    world.clock.step(PROOF_LASTS)
    answer = delegate.post(f"/holds/{hold.id}/{act}", data={"reason": "settled"}, headers={"referer": f"{world.address}/holds/{hold.id}"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/prove?next=%2Fholds%2F{hold.id}")
    assert _all(world) == before
    with world.client(Role.DELEGATE, page=True) as proved:
        assert proved.post(f"/holds/{hold.id}/{act}", data={"reason": "settled"}).status_code == 303


# --- the sheet ----------------------------------------------------------------------------------------------------------------------


def test_the_sheet_says_what_is_held_by_whom_and_who_releases_it(world: World, director: httpx.Client) -> None:
    hold = _placed(world, kind=HoldKind.PROVISIONAL)
    told = _text(director.get(f"/holds/{hold.id}/sheet"))
    for words in (
        "Alder County Library District",
        f"Legal hold {hold.id}",
        "Smith v. District",
        "What Main Street/Entrance",
        "with whatever is still to come, and a minute before and after",
        "by r.castellanos Smith v. District",
        "Director or Delegate proposes it, another of them confirms it, and the hold protects for 7 more days",
        "Without a release it lasts to the end of ",
        "branch-server: it has not answered, and may destroy nothing before it does.",
        "by director 1, Director. Times are of America/Los_Angeles.",
    ):
        assert words in told, words
    assert "today" not in told.casefold()


def test_the_sheet_asks_for_nothing_from_elsewhere(world: World, director: httpx.Client) -> None:
    page = director.get(f"/holds/{_placed(world).id}/sheet").text
    asked = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert any("/site-" in one or "/site." in one for one in asked)
    assert all(one.startswith(("/", "#")) and not one.startswith("//") for one in asked)


# --- what people type ---------------------------------------------------------------------------------------------------------------


def test_what_people_typed_is_text_on_every_page(world: World, director: httpx.Client, delegate: httpx.Client) -> None:
    data = {**FORM, "matter": f"{SCRIPT} v. District", "reason": SCRIPT, "authority": SCRIPT, "camera": str(world.camera.camera.id)}
    answer = director.post("/holds/new", data=data)
    assert answer.status_code == 303, answer.text
    (hold,) = _all(world)
    assert director.post(f"/holds/{hold.id}/release", data={"reason": SCRIPT}).status_code == 303
    pages = [
        delegate.get(path).text
        for path in ("/holds", f"/holds/{hold.id}", f"/holds/{hold.id}/sheet", f"/holds/{hold.id}/release", "/waiting")
    ]
    assert delegate.post(f"/holds/{hold.id}/confirm").status_code == 303
    pages += [delegate.get(f"/holds/{hold.id}{end}").text for end in ("", "/sheet")]
    pages.append(director.post("/holds/new", data={**data, "start": SCRIPT}).text)
    assert not any(SCRIPT in page for page in pages)
    assert all(html.escape(SCRIPT) in page for page in pages)


def test_the_title_of_a_page_names_no_matter(world: World, director: httpx.Client) -> None:
    hold = _placed(world)
    for end in ("", "/sheet", "/release"):
        (title,) = re.findall(r"<title>(.*?)</title>", director.get(f"/holds/{hold.id}{end}").text)
        assert str(hold.id) in title
        assert hold.matter not in title


# --- the API ------------------------------------------------------------------------------------------------------------------------


def test_a_hold_is_placed_shown_and_ended_as_json(world: World) -> None:
    with world.client(Role.DELEGATE) as delegate, world.client(Role.DIRECTOR) as director:
        order = {"matter": "Smith v. District", "kind": "provisional", "reason": "a call", "camera": [world.camera.camera.id]}
        placed = director.post("/api/v1/holds", json=order | {"start": "2026-03-13T18:00:00-07:00", "expires": "2026-04-30"})
        assert placed.status_code == 201, placed.text
        told = placed.json()
        assert told.pop("resumed") == []
        where = f"/api/v1/holds/{told['id']}"
        assert (told["state"], told["effective"], told["from"], told["to"]) == ("active", True, "2026-03-14T01:00:00+00:00", None)
        assert told["expires_at"] == "2026-05-01T07:00:00+00:00"
        assert [(node["name"], node["effective"]) for node in told["nodes"]] == [("branch-server", True)]
        assert delegate.get(where).json() == told
        (listed,) = delegate.get("/api/v1/holds").json()["holds"]
        assert listed.items() <= (told | {"nodes": told["nodes"]}).items()
        proposed = director.post(f"{where}/release", json={"reason": "settled"})
        assert (proposed.status_code, proposed.json()["hold"], proposed.json()["alone_at"]) == (200, told["id"], None)
        assert problem(director.post(f"{where}/release", json={"reason": "settled"}), 409)
        assert problem(director.post(f"{where}/confirm"), 403)
        assert delegate.post(f"{where}/confirm").json()["state"] == "cooling-off"
        assert director.post(f"{where}/undo").json()["state"] == "active"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "whim"}, "Choose what asks for the hold."),
        ({"camera": []}, "A hold names at least one camera, area or branch."),
        ({"start": "2026-03-13T18:00:00"}, "Some entries can't be used."),
        ({"end": "2026-03-13T18:00:00Z"}, "A hold ends after it starts. Give a later end, or none for whatever is still to come."),
    ],
)
def test_a_wrong_order_is_a_problem_with_one_sentence(world: World, wrong: dict[str, object], says: str) -> None:
    order = {"matter": "Smith v. District", "kind": "litigation", "reason": "a call", "camera": [world.camera.camera.id]}
    with world.client(Role.DIRECTOR) as director:
        answer = director.post("/api/v1/holds", json=order | {"start": "2026-03-13T18:00:00-07:00"} | wrong)
    assert problem(answer, 422)["detail"] == says
    assert _all(world) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [("", {"matter": "x", "start": "2026-03-13T18:00:00Z"}), ("/1/release", {"reason": "x"}), ("/1/confirm", {}), ("/1/undo", {})],
)
def test_as_json_each_act_asks_for_a_fresh_proof_too(world: World, path: str, body: dict[str, str]) -> None:
    with world.client(Role.DIRECTOR) as director:
        world.clock.step(PROOF_LASTS)
        answer = director.post(f"/api/v1/holds{path}", json=body)
    assert problem(answer, 401)["way_on"] == "/prove"


# --- kept at once by staff ----------------------------------------------------------------------------------------------------------


def test_staff_keep_footage_at_once_on_a_page_of_one_form(world: World, director: httpx.Client) -> None:
    here = frozenset({world.branch.id})
    with world.site.central.writing() as session:
        pier = a_camera(session, a_branch(session, "Harbor"), "Pier").camera
    with world.client(Role.DESK, branches=here, page=True) as desk:
        form = desk.get("/keep").text
        assert "Entrance" in form
        assert "Pier" not in form
        assert "Holds" not in form.partition("<main")[0]
        nothing = desk.post("/keep", data={"reason": "somebody fell"})
        assert (nothing.status_code, "somebody fell" in nothing.text) == (422, True)
        assert desk.post("/keep", data={"reason": "somebody fell", "camera": str(pier.id)}).status_code == 404
        kept = desk.post("/keep", data={"reason": "somebody fell", "camera": str(world.camera.camera.id)})
        assert (kept.status_code, kept.headers["location"]) == (303, "/keep?done=kept")
        assert "The Director sees it" in desk.get("/keep?done=kept").text
        assert desk.get("/holds").status_code == 403
    (hold,) = _all(world)
    page = _text(director.get(f"/holds/{hold.id}"))
    assert "Provisional" in page
    assert "somebody fell" in page


# --- the report of all --------------------------------------------------------------------------------------------------------------


def test_the_report_prints_every_hold_within_reach_and_what_it_keeps(world: World, director: httpx.Client) -> None:
    with world.site.central.writing() as session:
        pier = a_camera(session, a_branch(session, "Harbor"), "Pier").camera.id
    camera = world.camera.camera.id
    hold, theirs = _placed(world, scope=of_cameras(camera, pier)), _placed(world, "Harbor v. District", scope=of_cameras(pier))
    hub, node = LocalHub(world.site.central), world.camera.device.node_id
    told = hub.orders(node, 0, at=world.clock.now())
    hub.answer_holds(node, told.hold_seq, [an_answer(hold.id, one, 4) for one in (camera, pier)], at=world.clock.now())
    report = director.get("/holds/report")
    assert "2 in force, 0 of them past the review date; they keep 8 segments" in _text(report)
    assert "Smith v. District" not in report.text.partition("<title>")[2].partition("</title>")[0]
    with world.client(Role.DIRECTOR, branches=frozenset({world.branch.id}), page=True) as narrow:
        within = narrow.get("/holds/report")
    assert "1 in force, 0 of them past the review date; they keep 4 segments" in _text(within)
    assert str(theirs.id) not in within.text


def _kept_by_the_desk(world: World) -> int:
    with world.client(Role.DESK, page=True) as desk:
        assert desk.post("/keep", data={"camera": str(world.camera.camera.id), "reason": "somebody <b>fell</b>"}).status_code == 303
    with world.site.central.reading() as session:
        return holds.unreleased(session)[-1].id


def test_what_staff_keep_is_told_on_every_page_and_decided_by_a_form_that_is_filled(world: World, director: httpx.Client) -> None:
    assert "for your decision" not in director.get("/account").text
    number = _kept_by_the_desk(world)
    assert f'href="/holds/{number}"' in director.get("/account").text
    assert f'href="/holds/new?of={number}"' in director.get(f"/holds/{number}").text
    form = director.get(f"/holds/new?of={number}").text
    filled = dict(re.findall(r'name="(start|end)" type="datetime-local" step="1" value="([^"]*)"', form))
    assert "somebody &lt;b&gt;fell&lt;/b&gt;" in form
    assert re.search(rf'name="camera" value="{world.camera.camera.id}" checked', form)
    entries = {"matter": "A fall", "kind": "incident", "reason": "a fall", "camera": str(world.camera.camera.id)} | filled
    assert director.post("/holds/new", data=entries).status_code == 303
    assert "for your decision" not in director.get("/account").text


@pytest.mark.parametrize("number", ["999", "no", "-1", str(1 << 60)])
def test_in_the_stead_of_none_no_form_is_shown(director: httpx.Client, number: str) -> None:
    assert director.get(f"/holds/new?of={number}").status_code == 404


def test_a_hold_of_another_kind_is_not_replaced(world: World, director: httpx.Client) -> None:
    assert "in its stead" not in director.get(f"/holds/{_placed(world).id}").text


@pytest.mark.parametrize("text", ["2026-11-01T01:30:00", "2026-11-01T01:00:00", "2026-03-08T03:00:00", "2026-07-04T12:34:56"])
def test_a_reading_of_a_moment_is_read_as_that_moment_again(text: str) -> None:
    for moment in moments_of(text, ZONE):
        assert reading_of(moment, ZONE) == text
