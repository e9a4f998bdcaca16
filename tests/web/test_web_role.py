"""The pages on PostgreSQL, as a role that can only add to the access log: everything that people do there works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.databases import Cluster
from tests.factories import PASSWORD, a_hub_that_ran
from tests.web.test_requests import FORM
from tests.web.world import OWN_PAGE, World, a_world
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.people import Role
from vms.domain.policy import LOWER_WAIT
from vms.errors import ConfigError
from vms.store.database import Engines, make_engines
from vms.store.web_role import grant_to_web
from web.app import open_site

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(
    tmp_path: Path, cluster: Cluster, central_postgresql: Engines, migrated_postgresql: str, new_role: Callable[..., str]
) -> Settings:
    role = new_role()
    grant_to_web(central_postgresql, role)
    return Settings(
        data_dir=tmp_path,
        database_url=SecretStr(cluster.url(migrated_postgresql)),
        web_database_url=SecretStr(cluster.url(migrated_postgresql, role=role)),
    )


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    with a_world(settings) as world:
        yield world


def test_people_are_added_invited_join_and_are_confirmed(world: World) -> None:
    with world.client(Role.IT, page=True) as it, world.client(Role.DIRECTOR, page=True) as director:
        before = len(world.events())
        invited = it.post("/people/new", data={"name": "k.iyer", "role": "auditor"})
        code = re.search(r"(?:[0-9a-f]{5}-){3}[0-9a-f]{5}", invited.text)
        number = re.search(r"/people/(\d+)/confirm", director.get("/people").text)
        assert code is not None, invited.text
        assert number is not None
        half = re.search(r"(?:[0-9a-f]{5}-){3}[0-9a-f]{5}", director.post(f"/people/{number[1]}/confirm").text)
        assert half is not None
        joined = _post(world, "/join", {"name": "k.iyer", "invitation": code[0], "second": half[0], "password": PASSWORD})
        assert joined.status_code == 303, joined.text
        assert _post(world, "/login", {"name": "k.iyer", "password": "another one altogether"}).status_code == 401
        assert _post(world, "/login", {"name": "k.iyer", "password": PASSWORD}).status_code == 303
        assert it.post(f"/people/{number[1]}/reset").status_code == 200
        assert director.post(f"/people/{number[1]}/end").status_code == 303
    assert [event.action for event in world.events()[before:]] == [
        Action.PERSON_ADD, Action.PROPOSAL_OPEN, Action.PERSON_INVITE,
        Action.PROPOSAL_APPROVE, Action.PERSON_CONFIRM, Action.PERSON_INVITE,
        Action.SESSION_OPEN, Action.PERSON_JOIN,
        Action.SESSION_REFUSE, Action.SESSION_OPEN,
        Action.PROPOSAL_OPEN, Action.PERSON_INVITE, Action.PROPOSAL_STOP, Action.PERSON_DISABLE,
    ]  # fmt: skip


def test_footage_is_watched_and_the_log_is_read(world: World) -> None:
    with world.client(Role.DIRECTOR) as director:
        order = {"camera": str(world.camera.camera.id), "purpose": "incident", "incident": "2026-118"}
        span = {"start": "2026-03-14T14:00:00+00:00", "end": "2026-03-14T15:00:00+00:00"}
        view = director.post("/api/v1/views", json=order | span)
        assert view.status_code == 201, view.text
        number = view.json()["view"]
        assert director.post(f"/api/v1/views/{number}/extend").status_code == 200
        assert director.post(f"/api/v1/views/{number}/close", json={"intervals": []}).status_code == 204
        assert director.get("/api/v1/log").status_code == 200
        assert director.delete("/api/v1/session").status_code == 204
    with world.client(Role.AUDITOR, page=True) as auditor:
        assert auditor.get("/reviews").status_code == 200
    opened = world.events(Action.VIEW_OPEN, Action.VIEW_EXTEND, Action.VIEW_CLOSE, Action.LOG_READ, Action.SESSION_CLOSE)
    assert [event.action for event in opened] == [
        Action.VIEW_OPEN, Action.VIEW_EXTEND, Action.VIEW_CLOSE, Action.LOG_READ, Action.SESSION_CLOSE,
    ]  # fmt: skip


def test_a_hold_is_placed_and_its_release_proposed_confirmed_and_undone(world: World) -> None:
    with world.client(Role.DELEGATE, page=True) as delegate, world.client(Role.DIRECTOR, page=True) as director:
        form = {"matter": "Smith v. District", "kind": "litigation", "reason": "a letter", "start": "2026-03-13T18:00"}
        placed = director.post("/holds/new", data=form | {"camera": str(world.camera.camera.id), "branch": str(world.branch.id)})
        assert placed.status_code == 303, placed.text
        page = placed.headers["location"].partition("?")[0]
        assert director.post(f"{page}/release", data={"reason": "settled"}).status_code == 303
        assert delegate.post(f"{page}/confirm").status_code == 303
        assert director.post(f"{page}/undo").status_code == 303
        assert [delegate.get(where).status_code for where in ("/holds", page, f"{page}/sheet", "/waiting")] == [200] * 4
    acts = [event.action for event in world.events(Action.HOLD_PLACE, Action.HOLD_RELEASE, Action.HOLD_KEEP)]
    assert acts == [Action.HOLD_PLACE, Action.HOLD_RELEASE, Action.HOLD_KEEP]


def test_a_policy_is_signed_raised_lowered_and_confirmed(settings: Settings, world: World) -> None:
    with world.client(Role.DELEGATE, page=True), world.client(Role.DIRECTOR, page=True) as director:
        form = {"floor": "0", "ceiling": "30", "reason": "the Board asked", "act": "set"}
        assert director.post("/policy/1/approve").status_code == 303
        assert director.post("/policy/new", data=form | {"target": "20"}).headers["location"] == "/policy?done=set"
        assert director.post("/policy/new", data=form | {"target": "7"}).headers["location"] == "/policy?done=waits"
    world.clock.step(LOWER_WAIT)
    owner = make_engines(settings.central_where)  # the hub's jobs sign
    with owner.writing() as session:
        a_hub_that_ran(session, at=world.clock.now())
    owner.dispose()
    with world.client(Role.DELEGATE, page=True) as delegate:
        assert delegate.post("/policy/3/confirm").status_code == 303
        assert "7 days" in delegate.get("/policy").text
    acts = [event.action for event in world.events(Action.POLICY_SET, Action.POLICY_FORCE, Action.POLICY_APPROVE)][2:]
    assert acts == [Action.POLICY_APPROVE, Action.POLICY_SET, Action.POLICY_FORCE, Action.POLICY_SET, Action.POLICY_FORCE]


def test_the_web_server_does_not_start_as_somebody_who_could_change_the_log(settings: Settings, world: World) -> None:
    owner = settings.model_copy(update={"web_database_url": settings.database_url})
    with pytest.raises(ConfigError, match="could change the access log"):
        open_site(owner, world.clock)


def _post(world: World, path: str, form: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{world.address}{path}", data=form, headers=OWN_PAGE | {"accept": "text/html"})


def test_complaints_and_sealed_requests_are_entered_answered_and_opened_and_their_texts_never_changed(
    settings: Settings, world: World, central_postgresql: Engines
) -> None:
    spoken = {"way": "paper", "about": "practice", "said": "it looks at my screen", "from_name": "Rosa Diaz"}
    with world.client(Role.DESK, page=True) as desk, world.client(Role.DIRECTOR, page=True) as director:
        page = desk.post("/complaints/new", data=spoken).headers["location"].partition("?")[0]
        assert director.post(f"{page}/answer", data={"answer": "it was turned"}).status_code == 303
        assert all(word in director.get(page).text for word in ("it looks at my screen", "Rosa Diaz", "it was turned"))
        entered = director.post("/requests/new", data=FORM | {"camera": str(world.camera.camera.id), "sealed": "true"})
        request = entered.headers["location"].partition("?")[0]
        assert director.post(f"{request}/acts", data={"act": "ask", "words": "the annex is missing"}).status_code == 303
        lifted = director.post(f"{request}/unseal", data={"ended": "2026-03-13", "words": "set aside"})
        assert (lifted.status_code, FORM["purpose"] in director.get(request).text) == (303, True)
        assert "the annex is missing" in director.get(request).text
    with central_postgresql.reading() as session:
        assert session.scalars(text("SELECT said || from_name || answer FROM complaint")).all() == [""]
        assert session.scalars(text("SELECT requester || purpose || court FROM export_request")).all() == [""]
    as_web = make_engines(settings.web_where)
    for table, column in (("export_request", "texts"), ("request_event", "texts"), ("complaint", "texts"), ("complaint", "said")):
        with pytest.raises(ProgrammingError, match="permission denied"), as_web.write.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = NULL"))  # noqa: S608 - names above
    as_web.dispose()
