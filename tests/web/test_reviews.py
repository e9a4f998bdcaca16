"""The reviews page: questions in words, months in figures, and that reading it is an entry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories import NOW, a_branch
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.digest import Counts, counts_text
from vms.domain.people import Role
from vms.store import reviews
from vms.store.reviews import Review

COUNTS = Counts("d.nakamura", "desk", 150, 12, 0, 1, 0, 2, 1)


def _add(world: World, number: int, *, counts: str | None = None, actor: str | None = "person:7") -> None:
    with world.site.central.writing() as session:
        at = NOW + timedelta(minutes=number)
        reviews.add(session, Review(number, f"about/{number}", at, actor, f"<b>staff {number}</b> looked often.", counts, 5))


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.AUDITOR])
def test_questions_stand_in_words_and_lead_to_the_log(world: World, role: Role) -> None:
    _add(world, 1)
    with world.client(role, page=True) as client:
        page = client.get("/reviews").text
    assert "&lt;b&gt;staff 1&lt;/b&gt; looked often." in page
    assert 'href="/log?person=7&amp;kind=recordings"' in page
    (event,) = world.events(Action.REVIEW_READ)
    assert f"Opening this page is an entry too: {event.number}." in page


def test_a_question_about_refusals_of_the_console_leads_to_its_refusals(world: World) -> None:
    with world.site.central.writing() as session:
        reviews.add(session, Review(1, "refused/os:root@hub/", NOW, "os:root@hub", "root@hub was refused 14 times.", None, 5))
    with world.client(Role.AUDITOR, page=True) as client:
        page = client.get("/reviews").text
        assert 'href="/log?person=os%3Aroot%40hub&amp;kind=refused"' in page


def test_a_digest_is_a_table(world: World) -> None:
    _add(world, 1, counts=counts_text([COUNTS]), actor=None)
    with world.client(Role.AUDITOR, page=True) as client:
        page = client.get("/reviews").text
    assert "<b>d.nakamura</b> Desk" in page
    assert '<td class="number">150</td>' in page


def test_a_hundred_stand_on_a_page_and_none_is_left_out(world: World) -> None:
    for number in range(103):
        _add(world, 1000 + number)
    with world.client(Role.AUDITOR, page=True) as client:
        first, second = client.get("/reviews").text, client.get("/reviews?skip=100").text
    assert 'href="/reviews?skip=100"' in first
    assert 'href="/reviews"' in second
    assert (first.count("looked often."), second.count("looked often.")) == (100, 3)


def test_an_empty_page_says_what_will_stand_there(world: World) -> None:
    with world.client(Role.DIRECTOR, page=True) as client:
        assert "Nothing to ask about" in client.get("/reviews").text


def test_an_auditor_of_one_branch_does_not_read_about_the_district(world: World) -> None:
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
    with world.client(Role.AUDITOR, branches=frozenset({harbor.id}), page=True) as client:
        answer = client.get("/reviews")
    assert (answer.status_code, "auditor of the whole district" in answer.text) == (403, True)


@pytest.mark.parametrize("query", ["skip=-1", "skip=x", f"skip={'9' * 30}", f"skip={1 << 62}"])
def test_an_address_with_nonsense_in_it_is_no_error(shared_world: World, query: str) -> None:
    with shared_world.client(Role.AUDITOR) as client:
        assert client.get(f"/reviews?{query}").status_code == 200
