"""The Delegate's role lent on the people page: proposed, confirmed, in force in open sessions, ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from tests.web.world import World
from vms.domain.access import Action
from vms.domain.ids import PersonId
from vms.domain.people import Account, Role
from vms.domain.reach import Reach
from vms.store import people


@pytest.fixture
def it(world: World) -> Iterator[httpx.Client]:
    with world.client(Role.IT, page=True) as client:
        yield client


@pytest.fixture
def director(world: World, it: httpx.Client) -> Iterator[httpx.Client]:  # noqa: ARG001 - IT's account is there before the Director signs in
    with world.client(Role.DIRECTOR, page=True) as client:
        yield client


@pytest.fixture
def manager(world: World, director: httpx.Client) -> Iterator[httpx.Client]:  # noqa: ARG001 - see above
    with world.client(Role.BRANCH_MANAGER, page=True) as client:
        yield client


def _number(world: World, role: Role = Role.BRANCH_MANAGER) -> PersonId:
    return next(number for (known, _), number in world._people.items() if known is role)


def _account(world: World) -> Account:
    with world.site.central.reading() as session:
        found = people.get(session, _number(world))
    assert found is not None
    return found


def _days(world: World, **more: str) -> dict[str, str]:
    return {"until": f"{world.clock.now() + timedelta(days=3):%Y-%m-%d}", "reason": "Leave of the Director"} | more


def test_it_proposes_the_director_confirms_and_what_it_adds_is_there_in_the_open_session(
    world: World, it: httpx.Client, director: httpx.Client, manager: httpx.Client
) -> None:
    page = f"/people/{_number(world)}/delegation"
    assert page in it.get("/people").text
    assert "Lend the Delegate’s role to" in it.get(page).text
    assert manager.get("/playback").status_code == 403
    assert it.post(page, data=_days(world, branch=str(world.branch.id))).status_code == 303
    assert "waits for the Director" in it.get("/people").text
    assert f"{page}/confirm" not in it.get("/people").text
    assert f"{page}/confirm" in director.get("/people").text
    assert "is to be lent to branch-manager" in director.get("/waiting").text
    assert manager.get("/playback").status_code == 403
    assert director.post(f"{page}/confirm").status_code == 303
    assert _account(world).widest_reach is None
    assert manager.get("/playback").status_code == 200
    assert "Branch manager, Delegate until Tue 17 Mar 2026" in manager.get("/account").text
    assert "Delegate until Tue 17 Mar 2026, Main Street" in director.get("/people").text
    assert "Lent the Delegate’s role to branch-manager" in director.get("/log").text


def test_it_ends_on_its_day_and_when_somebody_ends_it(
    world: World, it: httpx.Client, director: httpx.Client, manager: httpx.Client
) -> None:
    page = f"/people/{_number(world)}/delegation"
    today = {"until": f"{world.clock.now():%Y-%m-%d}"}
    for ending in (it, director):
        assert it.post(page, data=today).status_code == 303
        assert director.post(f"{page}/confirm").status_code == 303
        assert manager.get("/playback").status_code == 200
        assert ending.post(f"{page}/end").status_code == 303
        assert manager.get("/playback").status_code == 403
    assert ending.post(f"{page}/end").status_code == 404
    assert [event.actor_name for event in world.events(Action.DELEGATION_REVOKE)] == ["it 0", "director 1"]
    assert "before its day" in director.get("/log").text


def test_a_director_who_proposes_is_told_that_it_waits(world: World, director: httpx.Client, manager: httpx.Client) -> None:
    page = f"/people/{_number(world)}/delegation"
    assert "in three days" in director.get(page).text
    assert director.post(page, data=_days(world)).status_code == 303
    assert director.post(f"{page}/confirm").status_code == 403
    assert "unless stopped" in director.get("/people").text
    assert "for a second person" in manager.get("/account").text


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"until": ""}, "needs a last day"),
        ({"until": "soon"}, "no day"),
        ({"since": "2026-03-20"}, "before it begins"),
        ({"until": "2028-03-20"}, "at most 366 days"),
    ],
)
def test_what_is_wrong_with_the_days_is_said_and_the_entries_stay(
    world: World, director: httpx.Client, manager: httpx.Client, entries: dict[str, str], sentence: str
) -> None:
    assert manager.get("/account").status_code == 200
    answer = director.post(f"/people/{_number(world)}/delegation", data=_days(world) | entries)
    assert (answer.status_code, sentence in answer.text, "Leave of the Director" in answer.text) == (422, True, True)


def test_roles_that_do_not_fit_are_offered_nothing_and_refused(world: World, it: httpx.Client, director: httpx.Client) -> None:
    for role in (Role.IT, Role.DIRECTOR):
        page = f"/people/{_number(world, role)}/delegation"
        assert page not in it.get("/people").text
        assert it.post(page, data=_days(world)).status_code == 403
    assert director.get(f"/people/{_number(world, Role.IT)}/delegation").status_code == 200


def test_the_people_page_shows_where_it_counts(world: World, it: httpx.Client, director: httpx.Client, manager: httpx.Client) -> None:
    assert manager.get("/account").status_code == 200
    page = f"/people/{_number(world)}/delegation"
    later = f"{world.clock.now() + timedelta(days=1):%Y-%m-%d}"
    assert it.post(page, data=_days(world, since=later, branch=str(world.branch.id))).status_code == 303
    assert director.post(f"{page}/confirm").status_code == 303
    lent = _account(world).delegation
    assert lent is not None
    assert lent.reach == Reach(frozenset({world.branch.id}))
    assert "Delegate from Sun 15 Mar to Tue 17 Mar 2026, Main Street" in director.get("/people").text


def test_who_decides_is_led_there_and_who_does_not_reads_who_does(world: World, director: httpx.Client, manager: httpx.Client) -> None:
    with world.client(Role.IT, page=True) as it:
        assert it.post(f"/people/{_number(world)}/delegation", data=_days(world)).status_code == 303
        assert "The Director decides" in it.get("/waiting").text
    assert "for a second person" in director.get("/account").text
    page = director.get("/waiting").text
    assert "You decide" in page
    assert 'href="/people"' in re.sub(r"<nav.*?</nav>", "", page, flags=re.DOTALL)
    seen = manager.get("/waiting").text
    assert "The Director decides" in seen
    assert 'href="/people"' not in seen
