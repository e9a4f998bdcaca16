"""Live pictures in a window: every view in the log first, one stream from the node for all, an end when there is no right any more."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.factories import CONSOLE, a_branch, a_camera, a_person, done
from tests.waiting import wait_until
from tests.web.footage import GOP, live_init, live_pictures, live_state, next_picture
from tests.web.world import World
from vms.domain.access import Action
from vms.domain.people import SESSION_LIMITS, Role
from vms.media.boxes import read_fragment
from vms.services import cameras, screens, sessions
from vms.services.sessions import session_for_token
from web import live_gateway

pytestmark = pytest.mark.slow
Document = dict[str, object]


@pytest.fixture(autouse=True)
def _looks_often(world: World) -> None:
    world.site.gateway.look_seconds = 0.05


@dataclass
class Window:
    """A browser window: what it asked and what it was sent."""

    socket: ClientConnection
    token: str

    def sub(self, camera: int, channel: int = 1, stream: str = "main") -> None:
        self.socket.send(json.dumps({"t": "sub", "ch": channel, "camera": camera, "stream": stream}))

    def unsub(self, channel: int = 1) -> None:
        self.socket.send(json.dumps({"t": "unsub", "ch": channel}))

    def text(self) -> Document:
        """Return the next JSON message, which must come before any picture."""
        message = self.socket.recv(10)
        assert isinstance(message, str), "a picture came first"
        document: Document = json.loads(message)
        return document

    def state(self, wanted: str) -> Document:
        """Return the next message about this state; pictures and other states are passed over."""
        while True:
            message = self.socket.recv(10)
            if isinstance(message, str) and (document := json.loads(message)).get("state") == wanted:
                found: Document = document
                return found

    def init(self) -> Document:
        while (document := self.text())["t"] != "init":
            pass
        return document

    def pictures(self, count: int) -> list[bytes]:
        return [next_picture(self.socket) for _ in range(count)]

    def close_code(self) -> int | None:
        with suppress(ConnectionClosed):
            while True:
                self.socket.recv(10)
        return self.socket.close_code


@pytest.fixture
def window(world: World) -> Iterator[Callable[..., Window]]:
    """Return a function that opens a window; all are closed at the end."""
    with ExitStack() as opened:

        def open_one(role: Role = Role.DESK, token: str | None = None) -> Window:
            token = token or world.token(role)
            return Window(opened.enter_context(world.socket(token)), token)

        yield open_one


Open = Callable[..., Window]


def _camera(world: World) -> int:
    return int(world.camera.camera.id)


def _on_air(world: World) -> None:
    """Have the node send state, an epoch and its first pictures to whoever connects."""
    world.node.live[world.main] = [live_state(), live_init(), *live_pictures(5)]


def test_the_state_comes_first_then_the_epoch_then_pictures_from_a_keyframe(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world), channel=7)
    first, init = one.text(), one.init()
    pictures = one.pictures(5)
    assert (first["t"], first["ch"], first["state"]) == ("state", 7, "connecting")
    assert (init["ch"], init["w"], init["h"], init["epoch"]) == (7, 96, 64, "1")
    assert base64.b64decode(str(init["init"]))[4:8] == b"ftyp"
    assert [picture[:3] for picture in pictures] == [b"\x00\x07\x01"] + [b"\x00\x07\x00"] * 4
    assert read_fragment(pictures[0][3:]).tfdt == 0


def test_the_view_is_in_the_log_before_the_first_picture(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(1)
    (event,) = world.events(Action.VIEW_OPEN)
    assert (event.role, event.purpose, event.span, event.camera_id) == ("desk", "live", None, _camera(world))


def test_nothing_is_sent_when_the_event_can_not_be_committed(world: World, window: Open) -> None:
    _on_air(world)
    world.refuse_events(Action.VIEW_OPEN)
    one = window()
    one.sub(_camera(world))
    with pytest.raises(ConnectionClosed):
        one.socket.recv(10)
    assert world.node.connected[world.main] == 0


def test_two_windows_share_one_stream_from_the_node_and_the_second_starts_at_once(world: World, window: Open) -> None:
    _on_air(world)
    one, two = window(), window(Role.DIRECTOR)
    one.sub(_camera(world))
    one.pictures(5)
    two.sub(_camera(world))
    assert two.init()["epoch"] == "1"
    assert len(two.pictures(5)) == 5
    assert world.node.connected[world.main] == 1


def test_a_picture_reaches_every_window(world: World, window: Open) -> None:
    _on_air(world)
    windows = [window(), window(Role.DIRECTOR)]
    for one in windows:
        one.sub(_camera(world))
        one.pictures(5)
    (picture,) = live_pictures(1, first=5)
    world.node.send(world.main, picture)
    assert [one.pictures(1)[0][3:] for one in windows] == [picture[1:]] * 2


def test_who_joins_late_gets_the_pictures_since_the_last_keyframe_only(world: World, window: Open) -> None:
    world.node.live[world.main] = [live_init(), *live_pictures(GOP + 3)]
    one = window()
    one.sub(_camera(world))
    one.pictures(GOP + 3)
    two = window()
    two.sub(_camera(world))
    assert read_fragment(two.pictures(3)[0][3:]).tfdt == GOP * 3600


def test_a_window_without_viewers_costs_the_node_nothing(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(1)
    one.unsub()
    wait_until(lambda: world.node.watched(world.main) == 0)


def test_closing_a_window_closes_its_views_with_what_was_streamed(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    one.socket.close()
    (event,) = wait_until(lambda: world.events(Action.VIEW_CLOSE))
    start, _, end = event.detail["streamed"].partition("/")
    assert start == world.clock.now().isoformat()
    assert end > start


def test_changing_from_sub_to_main_stays_one_view(world: World, window: Open) -> None:
    _on_air(world)
    world.node.live[world.sub] = [live_init(), *live_pictures(5)]
    one = window()
    one.sub(_camera(world), channel=1, stream="auto")
    one.pictures(5)
    one.sub(_camera(world), channel=2, stream="main")
    one.unsub(1)
    one.pictures(5)
    wait_until(lambda: world.node.watched(world.sub) == 0)
    assert len(world.events(Action.VIEW_OPEN)) == 1
    assert world.events(Action.VIEW_CLOSE) == []


def test_asking_again_for_the_same_channel_starts_it_anew(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    one.sub(_camera(world))
    assert one.init()["ch"] == 1
    assert len(one.pictures(5)) == 5
    assert len(world.events(Action.VIEW_OPEN)) == 1


def test_sixteen_cameras_asked_for_together_are_all_shown(world: World, window: Open) -> None:
    with world.site.central.writing() as session:
        more = [a_camera(session, world.branch, f"Camera {number}") for number in range(15)]
    shown = [world.camera, *more]
    for details in shown:
        world.node.live[details.camera.streams[0].id] = [live_init(), *live_pictures(1)]
    one = window()
    for channel, details in enumerate(shown, 1):
        one.sub(details.camera.id, channel=channel)
    assert {picture[1] for picture in one.pictures(16)} == set(range(1, 17))
    assert len(world.events(Action.VIEW_OPEN)) == 16


def test_a_camera_out_of_reach_is_denied_like_one_that_does_not_exist(world: World, window: Open) -> None:
    with world.site.central.writing() as session:
        elsewhere = a_branch(session, "Harbor")
    one = window(token=world.token(Role.DESK, branches=frozenset({elsewhere.id})))
    one.sub(_camera(world), channel=1)
    hidden = one.state("denied")
    one.sub(12345, channel=2)
    missing = one.state("denied")
    assert {**hidden, "ch": 0} == {**missing, "ch": 0}
    assert world.node.connected[world.main] == 0


def test_pictures_stop_when_the_session_is_signed_out_elsewhere(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    with world.site.central.writing() as session:
        found = session_for_token(session, one.token, at=world.clock.now())
        assert isinstance(found, sessions.OpenSession)
        sessions.sign_out(session, found.person, at=world.clock.now())
    assert one.close_code() == 4401
    wait_until(lambda: world.node.watched(world.main) == 0)


def test_pictures_stop_when_the_camera_is_removed(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    with world.site.central.writing() as session:
        it = session_for_token(session, world.token(Role.IT), at=world.clock.now())
        assert isinstance(it, sessions.OpenSession)
        cameras.remove_camera(session, it.person, world.camera.camera.id, at=world.clock.now())
    assert one.state("denied")["sentence"]
    wait_until(lambda: world.events(Action.VIEW_CLOSE))


def test_a_watched_view_is_extended_before_its_deadline_and_the_node_told(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    world.clock.step(timedelta(minutes=11))
    wait_until(lambda: world.events(Action.VIEW_EXTEND))
    wait_until(lambda: [grant for grant in world.node.renewed if grant.deadline == world.clock.now() + timedelta(minutes=15)])


def test_watching_keeps_a_workstations_session_alive_and_an_open_window_alone_does_not(world: World, window: Open) -> None:
    _on_air(world)
    desk = world.screen()
    watching, idle = (window(token=world.token(Role.DESK, screen=desk)) for _ in range(2))
    watching.sub(_camera(world))
    watching.pictures(5)
    for _ in range(3):
        world.clock.step(timedelta(minutes=6))
        wait_until(lambda: _seen_at(world, watching.token) == world.clock.now())
    assert idle.close_code() == 4401
    watching.socket.send('{"t": "ping"}')
    assert watching.text()["t"] == "pong"


def test_watching_elsewhere_keeps_no_session_alive(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    world.clock.step(timedelta(minutes=14))
    wait_until(lambda: world.events(Action.VIEW_EXTEND))
    world.clock.step(timedelta(minutes=1))
    assert one.close_code() == 4401


def test_watching_at_a_workstation_ends_with_the_shift(world: World, window: Open) -> None:
    _on_air(world)
    one = window(token=world.token(Role.DESK, screen=world.screen()))
    one.sub(_camera(world))
    one.pictures(5)
    step = timedelta(minutes=6)  # a view is extended in its last five of fifteen
    for _ in range(SESSION_LIMITS[Role.DESK] // step - 1):
        world.clock.step(step)
        wait_until(lambda: _seen_at(world, one.token) == world.clock.now())
    world.clock.step(step)
    assert one.close_code() == 4401


def test_a_locked_workstation_shows_live_pictures_on(world: World, window: Open) -> None:
    _on_air(world)
    one = window(token=world.token(Role.DESK, screen=world.screen()))
    one.sub(_camera(world))
    one.pictures(5)
    for _ in range(3):
        world.clock.step(timedelta(minutes=6))
        wait_until(lambda: _seen_at(world, one.token) == world.clock.now())
    assert _open(world, one.token).person.locked_since is not None
    (picture,) = live_pictures(1, first=5)
    world.node.send(world.main, picture)
    assert one.pictures(1)[0][3:] == picture[1:]


def test_ending_a_screen_ends_the_pictures_there_and_no_others(world: World, window: Open) -> None:
    _on_air(world)
    desk, elsewhere = world.screen(), window()
    one = window(token=world.token(Role.DESK, screen=desk))
    for each in (one, elsewhere):
        each.sub(_camera(world))
        each.pictures(5)
    with world.site.central.writing() as session:
        screens.end_screen(session, CONSOLE, desk.screen.id, at=world.clock.now())
    assert one.close_code() == 4401
    elsewhere.socket.send('{"t": "ping"}')
    assert elsewhere.text()["t"] == "pong"


def test_a_node_that_comes_back_starts_a_new_epoch(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    world.node.live[world.main] = [live_state(), live_init(epoch=2), *live_pictures(5)]
    world.node.send(world.main, None)
    assert one.state("connecting")["sentence"] == "The recorder does not answer."
    assert one.init()["epoch"] == "2"
    assert one.pictures(1)[0][2] == 1


def test_a_state_of_the_camera_is_passed_on_in_plain_words(world: World, window: Open) -> None:
    world.node.live[world.main] = [live_state("offline", since_ms=1234)]
    one = window()
    one.sub(_camera(world))
    told = one.state("offline")
    assert (told["since"], told["sentence"]) == (1234, "Camera offline.")


@pytest.mark.parametrize("message", ["hello", "{}", '{"t":"sub","ch":0,"camera":1}', '{"t":"sub","ch":70000,"camera":1}', "[" * 5000])
def test_a_message_that_is_none_ends_the_window(world: World, window: Open, message: str) -> None:
    one = window()
    one.socket.send(message)
    assert one.close_code() == 4400
    assert world.events(Action.VIEW_OPEN) == []


def test_a_window_shows_at_most_so_many_pictures(world: World, window: Open) -> None:
    world.site.gateway.max_channels = 2
    _on_air(world)
    one = window()
    for channel in (1, 2, 3):
        one.sub(_camera(world), channel=channel)
    assert one.state("denied")["ch"] == 3


def test_a_picture_too_many_opens_no_view(world: World, window: Open) -> None:
    world.site.gateway.max_channels = 1
    with world.site.central.writing() as session:
        other = a_camera(session, world.branch, "Parking").camera.id
    _on_air(world)
    one = window()
    one.sub(_camera(world), channel=1)
    one.pictures(1)
    one.sub(int(other), channel=2)
    assert one.state("denied")["ch"] == 2
    assert len(world.events(Action.VIEW_OPEN)) == 1


def test_a_window_that_asks_on_and_never_reads_is_let_go(window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_gateway, "MAX_ANSWERS", 3)
    one = window()
    with suppress(ConnectionClosed):
        for _ in range(200_000):
            one.socket.send('{"t": "ping"}')
    assert one.close_code() == 4400


def test_a_sign_in_has_so_many_windows_and_no_more(world: World, window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_gateway, "MAX_WINDOWS", 2)
    token = world.token(Role.DESK)
    for one in [window(token=token) for _ in range(2)]:
        one.socket.send('{"t": "ping"}')
        assert one.text()["t"] == "pong"
    refused, somebody_else = window(token=token), window(Role.DIRECTOR)
    assert refused.close_code() == 4429
    assert "live windows of one sign-in" in str(refused.socket.close_reason)
    somebody_else.socket.send('{"t": "ping"}')
    assert somebody_else.text()["t"] == "pong"


def test_invented_cameras_are_one_event_and_end_the_window(world: World, window: Open) -> None:
    one = window()
    for channel in range(1, live_gateway.MAX_REFUSALS + 2):
        one.sub(10_000 + channel, channel=channel)
    assert one.close_code() == 4429
    assert len(world.events(Action.ACCESS_REFUSE)) == 1


def _seen_at(world: World, token: str) -> object:
    return _open(world, token).seen_at


def _open(world: World, token: str) -> sessions.OpenSession:
    with world.site.central.reading() as session:
        return done(session_for_token(session, token, at=world.clock.now()))


@pytest.mark.asyncio
@pytest.mark.parametrize("unheard", ["websocket.send", "websocket.close"])
async def test_a_session_that_ends_as_its_browser_leaves_is_no_fault(world: World, unheard: str) -> None:
    """Whoever goes to another page and signs out there: the connection is gone when the end of the session is to be told."""
    gateway = world.site.gateway
    messages: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": json.dumps({"t": "ping"})}]
    sent: list[str] = []

    async def receive() -> Message:
        return messages.pop(0) if messages else await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.send":
            (window,) = gateway._windows
            window.over.set_result(live_gateway.SESSION_ENDED)
        if message["type"] == unheard:
            raise OSError

    with world.site.central.writing() as session:
        person = a_person(session)
    await gateway.serve(WebSocket({"type": "websocket"}, receive, send), person, "a cookie")
    assert sent[-1] == unheard


def test_no_window_goes_on_when_nobody_can_look_after_it(world: World, window: Open) -> None:
    _on_air(world)
    one = window()
    one.sub(_camera(world))
    one.pictures(5)
    with world.site.central.write.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE session RENAME TO gone")
    assert one.close_code() is not None
    wait_until(lambda: world.node.watched(world.main) == 0)
