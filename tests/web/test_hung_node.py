"""A recorder that takes connections and answers nothing: the pages, sign-out and liveness go on without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.factories import done
from tests.waiting import wait_until
from tests.web.footage import live_init, live_pictures
from tests.web.world import World
from vms.domain.people import Role
from vms.services import sessions
from web import node_client

pytestmark = pytest.mark.slow
THREADS = 40
"""All that FastAPI has for pages."""


@pytest.fixture
def hung(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Let the node hang as soon as a test says so; no time runs out by itself."""
    for name in ("ANSWER_SECONDS", "STATES_ANSWER_SECONDS"):
        monkeypatch.setattr(node_client, name, 60.0)
    yield world
    world.node.free.set()


def _end_session(world: World, token: str) -> None:
    with world.site.central.writing() as session:
        found = done(sessions.session_for_token(session, token, at=world.clock.now()))
        sessions.sign_out(session, found.person, at=world.clock.now())


def test_the_live_windows_of_who_signed_out_end_and_liveness_answers_while_every_thread_waits(hung: World) -> None:
    hung.site.gateway.look_seconds = 0.05
    hung.node.live[hung.main] = [live_init(), *live_pictures(5)]
    token = hung.token(Role.DESK)
    window = {"start": hung.clock.now() - timedelta(hours=1), "end": hung.clock.now()}
    timeline = f"/api/v1/cameras/{hung.camera.camera.id}/timeline"
    with ThreadPoolExecutor(THREADS) as others, hung.client(Role.DIRECTOR) as client, hung.socket(token) as live:
        live.send(json.dumps({"t": "sub", "ch": 1, "camera": hung.camera.camera.id, "stream": "main"}))
        while isinstance(live.recv(10), str):
            pass
        hung.node.free.clear()
        asked = [others.submit(client.get, timeline, params={name: at.isoformat() for name, at in window.items()}) for _ in range(THREADS)]
        wait_until(lambda: hung.node.asked.count("timeline") == THREADS)
        _end_session(hung, token)
        with suppress(ConnectionClosed):
            while True:
                live.recv(10)
        health = httpx.get(f"{hung.address}/healthz", timeout=10)
        waiting = [not one.done() for one in asked]
        hung.node.free.set()
        assert all(one.result().status_code == 200 for one in asked)
    assert all(waiting)
    assert live.close_code == 4401
    assert (health.status_code, health.text) == (200, "ok")


def test_one_thread_waits_for_states_and_the_others_take_the_last_answer(hung: World) -> None:
    node, token = hung.site.node, hung.site.service_token()
    assert node.states(token) == {}
    hung.clock.step(timedelta(seconds=2))
    hung.node.free.clear()
    with ThreadPoolExecutor(1) as other:
        waits = other.submit(node.states, token)
        wait_until(lambda: hung.node.asked.count("states") == 2)
        assert node.states(token) == {}
        assert not waits.done()
        hung.node.free.set()
        assert waits.result() == {}


def test_that_nobody_answered_is_remembered_as_long_as_an_answer(hung: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_client, "STATES_ANSWER_SECONDS", 0.05)
    hung.node.free.clear()
    node, token = hung.site.node, hung.site.service_token()
    assert [node.states(token) for _ in range(3)] == [None] * 3
    wait_until(lambda: hung.node.asked)  # it may hear of a question after nobody waits for the answer any more
    assert hung.node.asked == ["states"]
    hung.clock.step(timedelta(seconds=2))
    assert node.states(token) is None
    wait_until(lambda: hung.node.asked != ["states"])
    assert hung.node.asked == ["states"] * 2
