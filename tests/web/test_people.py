"""The people page: IT proposes and invites, the Director confirms, both end; nobody raises their own rights."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.factories import PASSWORD, a_branch, a_camera, a_person, an_account, done
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.web.world import OWN_PAGE, World
from vms.domain.access import Action
from vms.domain.ids import PersonId, SessionId
from vms.domain.people import Account, Person, Role
from vms.domain.reach import Reach
from vms.services.hold_release import propose_release
from vms.services.people import RESET_WAIT
from vms.store import people
from web.people_rows import Waiting, person_rows
from web.security import COOKIE

FORM = {"name": "k.iyer", "role": "desk"}


@pytest.fixture
def it(world: World) -> Iterator[httpx.Client]:
    with world.client(Role.IT, page=True) as client:
        yield client


@pytest.fixture
def director(world: World, it: httpx.Client) -> Iterator[httpx.Client]:  # noqa: ARG001 - IT's account is there before the Director signs in
    with world.client(Role.DIRECTOR, page=True) as client:
        yield client


def _account(world: World, name: str = "k.iyer") -> Account:
    with world.site.central.reading() as session:
        return next(one for one in people.find(session) if one.name == name)


def _code(answer: httpx.Response) -> str:
    shown = re.search(r"(?:[0-9a-f]{5}-){3}[0-9a-f]{5}", answer.text)
    assert shown is not None, answer.text
    return shown[0]


def _confirm(world: World) -> str:
    """Let the account that IT added work, as the Director would, and return the half of the invitation that the Director is shown."""
    with world.client(Role.DIRECTOR, page=True) as director:
        answer = director.post(f"/people/{_account(world).id}/confirm")
    assert "Second half of the invitation for k.iyer" in answer.text
    return _code(answer)


def _join(world: World, code: str, password: str = PASSWORD, *, second: str = "") -> httpx.Response:
    form = {"name": "k.iyer", "invitation": code, "second": second, "password": password}
    return httpx.post(f"{world.address}/join", data=form, headers=OWN_PAGE | {"accept": "text/html"})


def test_it_adds_the_director_confirms_and_the_invited_chooses_a_password(world: World, it: httpx.Client, director: httpx.Client) -> None:
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
    invited = it.post("/people/new", data={**FORM, "branch": str(harbor.id)})
    account = _account(world)
    assert (account.branches, account.confirmed_at) == (frozenset({harbor.id}), None)
    assert "once the Director has confirmed it" in invited.text
    assert "Waits for the Director" in it.get("/people").text
    assert f"/people/{account.id}/confirm" not in it.get("/people").text
    assert "First half of the invitation for k.iyer" in invited.text
    assert "two halves" in _join(world, _code(invited)).text
    assert f"/people/{account.id}/confirm" in director.get("/people").text
    second = _code(director.post(f"/people/{account.id}/confirm"))
    for one in (_code(invited), second):
        assert _join(world, one).status_code == 401
    assert _join(world, _code(invited), second=second).status_code == 303
    signed_in = httpx.post(
        f"{world.address}/login", data={"name": "k.iyer", "password": PASSWORD}, headers=OWN_PAGE | {"accept": "text/html"}
    )
    assert signed_in.status_code == 303
    assert [event.actor_name for event in world.events(Action.PERSON_CONFIRM)] == ["director 1"]


def test_an_account_is_limited_to_an_area(world: World, it: httpx.Client) -> None:
    with world.site.central.writing() as session:
        shelves = a_camera(session, world.branch, "Shelves", area="Children's room").area
    assert shelves is not None
    assert "Main Street, Children&#39;s room only" in it.get("/people/new").text
    wrong = it.post("/people/new", data={**FORM, "role": "", "areas": str(shelves.id)}).text
    assert f'name="areas" value="{shelves.id}" checked' in wrong
    assert it.post("/people/new", data={**FORM, "areas": str(shelves.id)}).status_code == 200
    account = _account(world)
    assert account.reach == Reach(frozenset(), frozenset({shelves}))
    assert "Main Street, Children&#39;s room" in it.get("/people").text


def test_the_name_of_an_area_is_shown_to_nobody_who_does_not_reach_it(world: World) -> None:
    with world.site.central.writing() as session:
        ours = a_camera(session, world.branch, "Shelves", area="Children's room").area
        theirs = a_camera(session, world.branch, "Safe", area="Cellar").area
        assert ours is not None
        assert theirs is not None
        person = a_person(session, Role.AUDITOR, branches=frozenset(), areas=frozenset({ours.id}))
        accounts = [an_account(session, name=area.name, branches=frozenset(), areas=frozenset({area.id})) for area in (ours, theirs)]
    rows = person_rows(accounts, {world.branch.id: "Main Street"}, Waiting(), person, world.clock.now())
    assert {row["name"]: row["where"] for row in rows} == {"Cellar": "elsewhere", "Children's room": "Main Street, Children's room"}


def test_the_invited_signs_in_by_choosing_a_password(world: World, it: httpx.Client) -> None:
    code = _code(it.post("/people/new", data=FORM))
    weak = _join(world, code, "password password")
    assert (weak.status_code, "first that are tried" in weak.text) == (422, True)
    second = _confirm(world)
    answer = _join(world, code, second=second)
    assert (answer.status_code, COOKIE in answer.cookies) == (303, True)
    assert _join(world, code, second=second).status_code == 401


def test_a_new_invitation_takes_the_place_of_the_old(world: World, it: httpx.Client) -> None:
    old = _code(it.post("/people/new", data=FORM))
    new = _code(it.post(f"/people/{_account(world).id}/invite"))
    second = _confirm(world)
    assert _join(world, old, second=second).status_code == 401
    newest = _code(it.post(f"/people/{_account(world).id}/invite"))
    assert _join(world, new, second=second).status_code == 401
    with world.client(Role.DIRECTOR, page=True) as director:
        half = f"/people/{_account(world).id}/half"
        assert half in director.get("/people").text
        assert half not in it.get("/people").text
        assert it.post(half).status_code == 403
        again = _code(director.post(half))
        assert half not in director.get("/people").text
        assert _join(world, newest, second=second).status_code == 401
        assert _join(world, newest, second=again).status_code == 303
        assert director.post(half).headers["location"] == "/people?done=used"
        assert "Invited k.iyer, second half" in director.get("/log").text
    assert it.post(f"/people/{_account(world).id}/invite").status_code == 403


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"name": ""}, "needs a name"),
        ({"role": "everything"}, "Choose a role"),
        ({"role": ""}, "Choose a role"),
        ({"role": "delegate"}, "needs a last day"),
        ({"firm": "Alder Cabling"}, "contractor"),
        ({"until": "tomorrow"}, "no day"),
        ({"until": "2020-01-01"}, "a day to come"),
        ({"name": "it 0"}, "There is an account"),
    ],
)
def test_what_is_wrong_with_an_account_is_said_and_the_entries_stay(
    world: World, it: httpx.Client, entries: dict[str, str], sentence: str
) -> None:
    answer = it.post("/people/new", data={**FORM, "name": "k.iyer", **entries})
    assert answer.status_code in (409, 422)
    assert sentence in answer.text
    assert f'value="{entries.get("name", "k.iyer")}"' in answer.text
    assert len(world.events(Action.PERSON_ADD)) == 1


def test_ending_an_account_signs_its_owner_out(world: World, it: httpx.Client) -> None:
    with world.client(Role.DESK) as desk:
        number = next(number for (role, _), number in world._people.items() if role is Role.DESK)
        assert it.post(f"/people/{number}/end").status_code == 303
        assert desk.get("/api/v1/me").status_code == 401
    assert "Ended" in it.get("/people").text


def test_signing_somebody_out_leaves_the_account(world: World, it: httpx.Client) -> None:
    with world.client(Role.DESK) as desk:
        number = next(number for (role, _), number in world._people.items() if role is Role.DESK)
        assert it.post(f"/people/{number}/sign-out").status_code == 303
        assert desk.get("/api/v1/me").status_code == 401
    assert _account(world, "desk 1").disabled_at is None


def test_it_can_not_end_the_director(world: World, it: httpx.Client, director: httpx.Client) -> None:
    number = _account(world, "director 1").id
    assert f"/people/{number}/end" not in it.get("/people").text
    assert it.post(f"/people/{number}/end").status_code == 403
    assert director.get("/people").status_code == 200


def test_a_reset_is_begun_by_it_seen_by_its_owner_and_finished_by_the_director(
    world: World, it: httpx.Client, director: httpx.Client
) -> None:
    owner = _account(world, "it 0")
    first = _code(it.post(f"/people/{owner.id}/reset"))
    assert "for a second person" in it.get("/account").text
    assert "Finish the reset" not in director.get("/people").text
    world.clock.step(RESET_WAIT)
    with world.client(Role.DIRECTOR, page=True) as later:
        assert "Finish the reset" in later.get("/people").text
        code = _code(later.post(f"/people/{owner.id}/reset/finish"))
    form = {"name": "it 0", "invitation": code, "password": "a quite different sentence"}
    for half in (first, code):
        alone = form | {"invitation": half}
        assert httpx.post(f"{world.address}/join", data=alone, headers=OWN_PAGE | {"accept": "text/html"}).status_code == 401
    form |= {"second": first}
    assert httpx.post(f"{world.address}/join", data=form, headers=OWN_PAGE | {"accept": "text/html"}).status_code == 303


def test_what_waits_is_stopped_on_its_page(world: World, it: httpx.Client, director: httpx.Client) -> None:
    owner = _account(world, "it 0")
    it.post(f"/people/{owner.id}/reset")
    (stop,) = re.findall(r'action="(/waiting/\d+/stop)"', it.get("/waiting").text)
    assert it.post(stop).status_code == 303
    assert "Nothing waits" in director.get("/waiting").text
    assert [event.detail["act"] for event in world.events(Action.PROPOSAL_STOP)] == ["person:reset"]


def test_the_release_of_a_hold_waits_on_the_page_without_its_matter(world: World, it: httpx.Client, director: httpx.Client) -> None:
    account = _account(world, "director 1")
    by = Person(account.id, account.name, account.role, SessionId(1))
    with world.site.central.writing() as session:
        hold = a_hold(session, by, a_new_hold(of_cameras(world.camera.camera.id)))
        done(propose_release(session, by, hold.id, "settled", at=world.clock.now()))
    assert f"The {hold.spoken} is to be released" in it.get("/waiting").text
    assert hold.matter not in it.get("/waiting").text
    (stop,) = re.findall(r'action="(/waiting/\d+/stop)"', director.get("/waiting").text)
    assert director.post(stop).status_code == 303
    (entry,) = world.events(Action.PROPOSAL_STOP)
    assert (entry.detail["act"], entry.detail["name"]) == ("hold:release", hold.spoken)


RIGHTS = {"role": "director", "confirmed_at": "2026-01-01", "branches": "", "whole_district": "1", "approved_by": "1", "branch_id": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
def test_nobody_raises_the_own_rights(world: World, role: Role) -> None:
    """Every form of every role, with the words that a table might take: the account stays what it was."""
    with world.client(role, page=True) as client:
        number = world._people[role, None]
        before = _stored(world, number)
        if role is not Role.DIRECTOR:
            with world.client(Role.DIRECTOR):
                pass
        for path in ("/account/password", "/account/authenticator", "/account/authenticator/code", "/prove", "/join", "/people/new"):
            client.post(path, data={**RIGHTS, "name": before.name})
        for act in ("confirm", "invite", "sign-out"):
            client.post(f"/people/{number}/{act}", data=RIGHTS)
        client.patch(f"/people/{number}", data=RIGHTS)
        client.post("/api/v1/session/proof", json={**RIGHTS, "password": "x"})
    assert _stored(world, number) == before


def _stored(world: World, number: PersonId) -> Account:
    with world.site.central.reading() as session:
        account = people.get(session, number)
    assert account is not None
    return account
