"""The node API beside a running recorder: footage with the open segment at its end, live pictures, and nothing without a grant."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import av
import httpx
import pytest
from sqlalchemy import delete, insert
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, unix_connect

from tests.fakes.cameras import PASSWORD, USERNAME
from tests.recorder.site import CLOCK, Cameras, Site, a_site, stream_of
from tests.waiting import wait_until
from vms.crypto import new_signing_key, seal, sealing_public_key
from vms.domain.access import Grant
from vms.domain.camera import Address, RecordingMode, Scheme, password_aad
from vms.domain.capacity import Watermark
from vms.domain.footage import Segment
from vms.domain.hold import HeldTime
from vms.domain.ids import DeviceId, StreamId, ViewId
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, Timespan, datetime_of, ms_of, ticks_of
from vms.media.boxes import ReadFragment, read_fragment
from vms.services.grants import issue
from vms.store.retention_tables import HoldReplicaRow, StreamRuleRow

pytestmark = pytest.mark.slow
_CAMERA = 31


@dataclass(frozen=True, slots=True)
class Running:
    """A recorder at work."""

    site: Site
    stream: StreamId
    live_only: StreamId
    api: httpx.Client

    def span(self) -> Timespan:
        now = CLOCK.now()
        return Timespan(now - timedelta(minutes=5), now + timedelta(minutes=1))

    def fragments(self, span: Timespan | None = None) -> httpx.Response:
        wanted = span or self.span()
        window = {"start": ticks_of(wanted.start), "end": ticks_of(wanted.end)}
        return self.api.get(f"/v1/streams/{self.stream}/fragments", params=window, headers=self.site.grant(self.stream, wanted))

    def watch(self, stream: StreamId) -> ClientConnection:
        return unix_connect(
            str(self.site.settings.node_socket),
            f"ws://node/v1/live/{stream}",
            additional_headers=self.site.grant(stream, None),
            compression=None,
            open_timeout=5,
        )


@pytest.fixture(scope="module")
def running(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with a_site(tmp_path_factory.mktemp("running") / "data", workers=2) as site:
        camera = site.add_camera("Entrance", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0]))
        shown = site.add_camera("Hall", cameras.demo.port, cameras.demo.path(cameras.demo.keys[1]), mode=RecordingMode.LIVE_ONLY)
        site.start()
        site.wait_for_segments(stream_of(camera), 1)
        wait_until(lambda: site.state(stream_of(shown)) == "live_only")
        with site.api() as api:
            yield Running(site, stream_of(camera), stream_of(shown), api)


def read_whole(running: Running, segment: dict[str, object]) -> bytes:
    fragments = segment["fragments"]
    assert isinstance(fragments, list)
    init_size = segment["init_size"]
    assert isinstance(init_size, int)
    length = init_size + sum(entry[0] for entry in fragments)
    headers = running.site.grant(running.stream, running.span())
    answer = running.api.get(f"/v1/segments/{segment['id']}/bytes", params={"offset": 0, "length": length}, headers=headers)
    assert answer.status_code == 200
    return answer.content


def test_the_open_segment_is_listed_and_plays(running: Running) -> None:
    def open_segment() -> dict[str, object] | None:
        listed: list[dict[str, object]] = running.fragments().json()["segments"]
        return listed[-1] if listed and listed[-1]["open"] else None

    segment = wait_until(open_segment)
    assert segment is not None
    with av.open(io.BytesIO(read_whole(running, segment)), "r") as container:
        pictures = len(list(container.decode(video=0)))
    # To within the slew of 500 ppm towards the server's clock.
    assert segment["duration"] == pytest.approx(pictures * TICKS_PER_SECOND / 10, rel=1e-3)


def test_no_hole_is_ever_shown_while_segments_are_published(running: Running) -> None:
    until = len(running.fragments().json()["segments"]) + 2

    def never_a_hole() -> bool:
        listed = running.fragments().json()["segments"]
        for before, after in pairwise(listed):
            assert before["start_ticks"] + before["duration"] == after["start_ticks"]
        return len(listed) >= until

    assert wait_until(never_a_hole)


def test_without_a_grant_nothing_is_shown(running: Running) -> None:
    answer = running.api.get(f"/v1/streams/{running.stream}/fragments", params={"start": 1, "end": 2})

    assert answer.status_code == 401


def test_a_grant_that_another_key_signed_shows_nothing(running: Running) -> None:
    grant = Grant(ViewId("v" * 22), frozenset({running.stream}), running.span(), CLOCK.now() + timedelta(minutes=1))
    headers = {"Authorization": f"Grant {issue(grant, new_signing_key())}"}

    answer = running.api.get(f"/v1/streams/{running.stream}/fragments", params={"start": 1, "end": 2}, headers=headers)

    assert answer.status_code == 401


def test_a_grant_for_another_camera_shows_nothing(running: Running) -> None:
    headers = running.site.grant(running.live_only, running.span())

    answer = running.api.get(f"/v1/streams/{running.stream}/fragments", params={"start": 1, "end": 2}, headers=headers)

    assert answer.status_code == 403


def test_octets_outside_the_granted_span_are_refused(running: Running) -> None:
    first = running.fragments().json()["segments"][0]
    start = datetime_of(first["start_ticks"])
    before = Timespan(start - timedelta(minutes=2), start - timedelta(minutes=1))

    answer = running.api.get(
        f"/v1/segments/{first['id']}/bytes",
        params={"offset": first["init_size"], "length": 100},
        headers=running.site.grant(running.stream, before),
    )

    assert answer.status_code == 403


def test_an_unknown_segment_is_not_found(running: Running) -> None:
    answer = running.api.get(
        f"/v1/segments/{running.stream:016x}{1:016x}/bytes",
        params={"offset": 0, "length": 10},
        headers=running.site.grant(running.stream, running.span()),
    )

    assert answer.status_code == 404


def test_what_is_past_its_window_is_shown_to_nobody_from_that_moment_on_but_for_a_hold(running: Running) -> None:
    """Playlist, octets and timeline, before any pass of retention; around what a hold names it is shown again."""
    wait_until(lambda: len(running.site.segments(running.stream)) > 2)
    past, *_ = running.site.segments(running.stream)
    end_ms = -(-past.end_ticks // TICKS_PER_MS)
    assert _shown(running, past) == (True, 200, True)
    with _kept_for(running.site, running.stream, ms_of(CLOCK.now()) - end_ms):
        assert _shown(running, past) == (False, 404, False)
        wait_until(lambda: running.fragments().json()["segments"][-1]["open"])  # between two segments none is, for a moment
        with _held(running.site, HeldTime(past.start_ms + 60_000, end_ms + 60_000)):
            assert _shown(running, past) == (True, 200, True)
        with _held(running.site, HeldTime(end_ms + 60_000, end_ms + 61_000)):  # kept by a clock's error, and not shown for that
            assert _shown(running, past) == (False, 404, False)
    assert _shown(running, past) == (True, 200, True)


def _shown(running: Running, segment: Segment) -> tuple[bool, int, bool]:
    """Say whether a segment is listed, with which status its first octets are answered, and whether the timeline knows its middle."""
    span = running.span()
    grant = running.site.grant(running.stream, span)
    octets = running.api.get(f"/v1/segments/{segment.id}/bytes", params={"offset": 0, "length": 100}, headers=grant)
    window = {"stream": running.stream, "start": ticks_of(span.start), "end": ticks_of(span.end)}
    recorded = running.api.get("/v1/timeline", params=window, headers=running.site.service()).json()["recorded"]
    middle = segment.start_ticks + segment.duration // 2
    listed = segment.id in [one["id"] for one in running.fragments().json()["segments"]]
    return listed, octets.status_code, any(one["start"] <= middle < one["end"] for one in recorded)


@contextmanager
def _kept_for(site: Site, stream: StreamId, keep_ms: int) -> Iterator[None]:
    """Keep footage for so long while the block runs."""
    with site.index.write.begin() as connection:
        connection.execute(insert(StreamRuleRow).values(stream_id=stream, camera_id=_CAMERA, keep_ms=keep_ms))
    yield
    with site.index.write.begin() as connection:
        connection.execute(delete(StreamRuleRow))


@contextmanager
def _held(site: Site, time: HeldTime) -> Iterator[None]:
    """Have a hold name so much while the block runs."""
    with site.index.write.begin() as connection:
        row = {"camera_id": _CAMERA, "hold_id": 1, "start_ms": time.start_ms, "end_ms": time.end_ms, "answered": True}
        connection.execute(insert(HoldReplicaRow).values(row))
    yield
    with site.index.write.begin() as connection:
        connection.execute(delete(HoldReplicaRow))


def test_the_timeline_reaches_into_the_open_segment(running: Running) -> None:
    def behind() -> float:
        now = CLOCK.now()
        window = {"stream": running.stream, "start": ticks_of(now - timedelta(minutes=5)), "end": ticks_of(now)}
        recorded = running.api.get("/v1/timeline", params=window, headers=running.site.service()).json()["recorded"]
        return (ticks_of(now) - int(recorded[-1]["end"])) / TICKS_PER_SECOND

    assert behind() < 3.5


def test_states_tell_expected_and_recorded_seconds(running: Running) -> None:
    state = running.site.states()[running.stream]

    assert state["state"] == "recording"
    assert state["recorded_s"] == pytest.approx(state["expected_s"], abs=1)


def test_states_tell_what_a_stream_sends(running: Running) -> None:
    wait_until(lambda: running.site.states()[running.stream]["codec"])
    state = running.site.states()[running.stream]

    assert str(state["codec"]).startswith("avc1.")
    assert (state["width"], state["height"]) == (320, 180)


def test_with_the_states_it_tells_how_much_room_is_left(running: Running) -> None:
    def room() -> dict[str, object] | None:
        told: dict[str, object] | None = running.api.get("/v1/states", headers=running.site.service()).json()["room"]
        return told

    wait_until(lambda: room() is not None)
    assert (room() or {})["watermark"] in set(Watermark)


def test_states_are_for_the_hub_only(running: Running) -> None:
    answer = running.api.get("/v1/states", headers=running.site.grant(running.stream, running.span()))

    assert answer.status_code == 403


def test_live_pictures_begin_with_a_keyframe_and_follow_without_a_hole(running: Running) -> None:
    with running.watch(running.stream) as socket:
        texts: list[dict[str, object]] = []
        pictures: list[tuple[int, ReadFragment]] = []
        while len(pictures) < 15:
            message = socket.recv(5)
            if isinstance(message, str):
                texts.append(json.loads(message))
            else:
                pictures.append((message[0], read_fragment(memoryview(message)[1:])))

    assert [text["state"] for text in texts if "state" in text] == ["recording"]
    assert [str(text["codec"])[:4] for text in texts if "init" in text] == ["avc1"]
    assert pictures[0][0] == 1
    for (_, before), (_, after) in pairwise(pictures):
        assert after.tfdt == before.tfdt + before.duration


def test_a_live_only_camera_is_connected_while_it_is_watched_and_never_recorded(running: Running) -> None:
    with running.watch(running.live_only) as socket:
        while isinstance(socket.recv(5), str):
            pass
    assert running.site.segments(running.live_only) == []


def test_a_grant_that_ends_sooner_takes_nothing_from_who_may_watch_longer(running: Running) -> None:
    """The hub has one connection for all windows of a stream, and hands over the grant of each."""
    ends_at = CLOCK.now() + timedelta(seconds=1)
    sooner = Grant(ViewId("w" * 22), frozenset({running.stream}), None, ends_at)
    with running.watch(running.stream) as socket:
        socket.send(json.dumps({"grant": issue(sooner, running.site.settings.grant_key_path.read_bytes())}))
        while CLOCK.now() < ends_at + timedelta(seconds=2):
            assert socket.recv(5)


def test_a_grant_for_recordings_shows_no_live_picture(running: Running) -> None:
    headers = running.site.grant(running.stream, running.span())
    with unix_connect(
        str(running.site.settings.node_socket), f"ws://node/v1/live/{running.stream}", additional_headers=headers, open_timeout=5
    ) as socket:
        with pytest.raises(ConnectionClosedError, match="recordings"):
            socket.recv(5)
        assert socket.close_code == 4403


def test_a_camera_is_tried_with_the_password_that_was_sealed_to_this_machine(running: Running, cameras: Cameras) -> None:
    where = Address(Scheme.RTSP, "127.0.0.1", cameras.demo.port)
    node_key = sealing_public_key(running.site.settings.node_key_path.read_bytes())
    sealed = seal(node_key, PASSWORD.encode(), password_aad(DeviceId(3), where))
    order = {
        "host": where.host,
        "port": where.port,
        "path": cameras.demo.path(cameras.demo.keys[0]),
        "username": USERNAME,
        "password_sealed": base64.b64encode(sealed).decode(),
        "device_id": 3,
    }

    verdict = running.api.post("/v1/test", json=order, headers=running.site.service(), timeout=20).json()

    assert (verdict["ok"], verdict["width"], verdict["height"]) == (True, 320, 180)


def test_an_address_that_is_no_camera_is_refused_with_a_sentence(running: Running) -> None:
    order = {"host": "224.0.0.1", "path": "/main"}

    answer = running.api.post("/v1/test", json=order, headers=running.site.service())

    assert answer.status_code == 422
    assert "multicast" in answer.json()["detail"]
