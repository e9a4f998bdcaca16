"""Recorded footage over HTTP: what is played, what is refused, and that the log knows before the first octet leaves."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import httpx
import pytest
from sqlalchemy import text

from tests.factories import a_branch, a_camera
from tests.web.footage import SEGMENT_SECONDS, record
from tests.web.world import World, cookie, problem
from vms.domain.access import VIEW_DEADLINE, Action
from vms.domain.ids import SegmentId
from vms.domain.people import Role
from vms.domain.timespan import ms_of

pytestmark = pytest.mark.slow
NOTHING: Mapping[str, str] = MappingProxyType({})


def test_a_view_is_opened_with_purpose_and_span_in_the_log(world: World) -> None:
    with world.client(Role.DESK) as client:
        answer = _post_view(world, client)
    assert answer.status_code == 201
    (event,) = world.events(Action.VIEW_OPEN)
    assert (event.view_id, event.purpose, event.camera_id) == (answer.json()["view"], "incident", world.camera.camera.id)
    assert answer.json()["deadline"] == (world.clock.now() + timedelta(minutes=15)).isoformat()


def test_the_playlist_names_what_was_recorded_and_ends(world: World) -> None:
    record(world.node, world.main, _ago(world, 60), segments=2)
    with world.client(Role.DESK) as client:
        text = _playlist(client, _view(world, client, seconds=(90, 30)))
    assert text.count("#EXTINF") == 8
    assert text.count("#EXT-X-MAP") == 1
    assert "#EXT-X-DISCONTINUITY" not in text
    assert text.endswith("#EXT-X-ENDLIST\n")


def test_a_window_that_reaches_now_follows_the_recording_and_leaves_out_the_last_gop(world: World) -> None:
    record(world.node, world.main, _ago(world, SEGMENT_SECONDS), is_open=True)
    with world.client(Role.DESK) as client:
        text = _playlist(client, _view(world, client, seconds=(90, -600)))
    assert text.count("#EXTINF") == 3
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in text
    assert "#EXT-X-ENDLIST" not in text


def test_a_growing_playlist_only_grows(world: World) -> None:
    record(world.node, world.main, _ago(world, SEGMENT_SECONDS), is_open=True)
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, -600))
        before = _playlist(client, view)
        world.node.segments[world.main][0]["open"] = False
        record(world.node, world.main, world.clock.now(), is_open=True)
        world.clock.step(timedelta(seconds=SEGMENT_SECONDS))
        after = _playlist(client, view)
    assert after.startswith(before)
    assert len(after) > len(before)


def test_the_sub_stream_is_played_when_asked_for(world: World) -> None:
    record(world.node, world.sub, _ago(world, 60))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        assert f"{world.sub:016x}" in _playlist(client, view, stream="sub")
        problem(client.get(f"/api/v1/views/{view}/main.m3u8"), 404)


def test_ffprobe_plays_the_whole_list_without_an_error(world: World) -> None:
    record(world.node, world.main, _ago(world, 60), segments=2)
    record(world.node, world.main, _ago(world, 40))
    token = world.token(Role.DESK)
    with httpx.Client(base_url=world.address, headers={**cookie(token), "sec-fetch-site": "same-origin"}, timeout=20) as client:
        view = _view(world, client, seconds=(90, 30))
    playlist = f"{world.address}/api/v1/views/{view}/main.m3u8"
    probed = _ffprobe(playlist, token, "-count_frames", "-show_entries", "stream=nb_read_frames,codec_name")
    (stream,) = probed["streams"]
    assert (stream["codec_name"], stream["nb_read_frames"]) == ("h264", "300")


def test_a_range_carries_the_octets_that_the_playlist_names(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    with world.client(Role.DESK) as client:
        segment, first, length = _last_range(_playlist(client, view := _view(world, client, seconds=(90, 30))))
        answer = _range(client, view, segment, first, length)
    assert answer.status_code == 206
    assert answer.content == next(iter(world.node.octets.values()))[first : first + length]
    assert answer.headers["content-range"] == f"bytes {first}-{first + length - 1}/*"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("how", ["signed out", "view closed", "deadline"])
def test_a_range_that_is_read_slowly_ends_within_seconds_of_what_it_was_opened_under(world: World, how: str) -> None:
    segment, length = _large(world)
    with _slow_reader(world) as client, client.stream("GET", _of_large(world, client, segment, length)) as answer:
        octets = answer.iter_raw()
        received = [len(next(octets))]
        with world.site.central.writing() as session:
            if how == "signed out":
                session.execute(text("UPDATE session SET ended_at = seen_at"))
            elif how == "view closed":
                session.execute(text("UPDATE view SET closed_at = deadline_at"))
            else:
                session.execute(text("UPDATE view SET deadline_at = :now"), {"now": ms_of(world.clock.now()) * 1000})
        world.clock.step(timedelta(seconds=5))
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(map(len, octets))
    assert sum(received) < length // 2
    (event,) = world.events(Action.FOOTAGE_READ)
    assert event.detail == {"segment": segment}


def test_a_range_stops_at_the_view_s_deadline_even_before_the_next_look(world: World) -> None:
    segment, length = _large(world)
    with _slow_reader(world) as client, client.stream("GET", _of_large(world, client, segment, length)) as answer:
        octets = answer.iter_raw()
        received = [len(next(octets))]
        world.clock.at += VIEW_DEADLINE  # the monotonic clock of the looks stands still
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(map(len, octets))
    assert sum(received) < length // 2


def test_a_range_that_is_read_slowly_arrives_whole_while_it_may(world: World) -> None:
    segment, length = _large(world)
    with _slow_reader(world) as client, client.stream("GET", _of_large(world, client, segment, length)) as answer:
        received = 0
        for chunk in answer.iter_raw():
            received += len(chunk)
            world.clock.step(timedelta(seconds=0.1))
    assert received == length


def _large(world: World) -> tuple[SegmentId, int]:
    record(world.node, world.main, _ago(world, 60))
    segment, length = next(iter(world.node.octets)), 16 * 1024 * 1024
    world.node.octets[segment] = bytes(length)
    return segment, length


def _slow_reader(world: World) -> httpx.Client:
    """Return a browser whose machine takes little at once."""
    headers = {**cookie(world.token(Role.DESK)), "sec-fetch-site": "same-origin"}
    transport = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)])
    return httpx.Client(base_url=world.address, headers=headers, transport=transport, timeout=20)


def _of_large(world: World, client: httpx.Client, segment: SegmentId, length: int) -> str:
    client.headers["range"] = f"bytes=0-{length - 1}"
    return f"/api/v1/views/{_view(world, client, seconds=(90, 30))}/segments/{segment}"


def test_each_read_is_one_event_whose_span_lies_in_the_view(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        for _ in range(3):
            segment, first, length = _last_range(_playlist(client, view))
            _range(client, view, segment, first, length)
            _range(client, view, segment, 0, 100)
    events = world.events(Action.FOOTAGE_READ)
    assert [sorted(event.detail) for event in events] == [["list"], ["segment"]]
    assert all(event.view_id == view and event.purpose == "incident" for event in events)


def test_no_playlist_leaves_when_its_event_can_not_be_committed(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        world.refuse_events(Action.FOOTAGE_READ)
        answer = client.get(f"/api/v1/views/{view}/main.m3u8")
    problem(answer, 503)
    assert "fragments" not in world.node.asked


def test_no_octet_leaves_when_its_event_can_not_be_committed(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    segment = next(iter(world.node.octets))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        world.refuse_events(Action.FOOTAGE_READ)
        answer = _range(client, view, segment, 0, 1000)
    problem(answer, 503)
    assert "octets" not in world.node.asked


def test_no_view_is_opened_when_its_event_can_not_be_committed(world: World) -> None:
    world.refuse_events(Action.VIEW_OPEN)
    with world.client(Role.DESK) as client:
        problem(_post_view(world, client), 503)


@pytest.mark.parametrize(
    "asked", ["bytes=0-10,20-30", "bytes=0-", "bytes=-500", "octets=0-1", "", "bytes=9-3", f"bytes=0-{16 * 1024 * 1024}"]
)
def test_only_one_bounded_range_is_served(shared_world: World, asked: str) -> None:
    with shared_world.client(Role.DESK) as client:
        problem(client.get("/api/v1/views/any/segments/any", headers={"range": asked}), 416)


def test_a_range_beyond_the_segment_is_refused_like_one_that_does_not_exist(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    segment = next(iter(world.node.octets))
    with world.client(Role.DESK) as client:
        problem(_range(client, _view(world, client, seconds=(90, 30)), segment, 10**9, 100), 404)


def test_a_segment_of_another_camera_or_time_does_not_exist_under_a_view(world: World) -> None:
    with world.site.central.writing() as session:
        other = a_camera(session, world.branch, "Parking")
    stream = other.camera.streams[0].id
    record(world.node, stream, _ago(world, 60))
    record(world.node, world.main, _ago(world, 7200))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        after_every_calendar = f"{world.main:016x}" + "f" * 16
        answers = [_range(client, view, segment, 0, 100) for segment in (*world.node.octets, "0" * 32, after_every_calendar, "nonsense")]
    assert {answer.text for answer in answers} == {answers[-1].text}
    assert {answer.status_code for answer in answers} == {404}
    assert "octets" not in world.node.asked


def test_somebody_elses_view_does_not_exist(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    with world.client(Role.DESK) as owner, world.client(Role.DIRECTOR) as other:
        view = _view(world, owner, seconds=(90, 30))
        theirs = other.get(f"/api/v1/views/{view}/main.m3u8")
        missing = other.get("/api/v1/views/none/main.m3u8")
    assert (theirs.status_code, theirs.text) == (404, missing.text)


def test_a_camera_out_of_reach_answers_like_one_that_does_not_exist(world: World) -> None:
    with world.site.central.writing() as session:
        elsewhere = a_branch(session, "Harbor")
    with world.client(Role.DESK, branches=frozenset({elsewhere.id})) as client:
        hidden = _post_view(world, client)
        missing = _post_view(world, client, camera=12345)
    assert (hidden.status_code, hidden.text) == (404, missing.text)


def test_a_view_ends_at_its_deadline_and_goes_on_when_extended_before(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        world.clock.step(timedelta(minutes=14))
        extended = client.post(f"/api/v1/views/{view}/extend")
        world.clock.step(timedelta(minutes=14))
        assert client.get(f"/api/v1/views/{view}/main.m3u8").status_code == 200
        world.clock.step(timedelta(minutes=2))
        problem(client.get(f"/api/v1/views/{view}/main.m3u8"), 404)
    assert datetime.fromisoformat(extended.json()["deadline"]) > world.events(Action.VIEW_OPEN)[0].at + timedelta(minutes=15)


def test_closing_a_view_writes_what_was_shown_and_ends_it(world: World) -> None:
    start = _ago(world, 60)
    shown = [[start.isoformat(), (start + timedelta(seconds=20)).isoformat()]]
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        assert client.post(f"/api/v1/views/{view}/close", json={"intervals": shown}).status_code == 204
        assert client.post(f"/api/v1/views/{view}/close", json={"intervals": []}).status_code == 204
        problem(client.get(f"/api/v1/views/{view}/main.m3u8"), 404)
    (event,) = world.events(Action.VIEW_CLOSE)
    assert event.detail["shown"] == "/".join(shown[0])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"purpose": "live"}, "why"),
        ({"start": "2026-03-14T12:00:00+00:00", "end": "2026-03-14T11:00:00+00:00"}, "ends after"),
        ({"start": "2026-03-14T12:00:00", "end": "2026-03-14T13:00:00"}, "offset"),
        ({"start": "2026-03-12T11:00:00+00:00", "end": "2026-03-14T12:00:00+00:00"}, "24 hours"),
    ],
)
def test_a_view_that_can_not_be_is_refused_with_a_sentence(shared_world: World, change: dict[str, str], word: str) -> None:
    with shared_world.client(Role.DIRECTOR) as client:
        answer = _post_view(shared_world, client, change=change)
    assert word in str(problem(answer, 422)["detail"])


def test_a_part_of_a_view_without_its_offset_from_utc_is_refused(world: World) -> None:
    record(world.node, world.main, _ago(world, 60))
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        answer = client.get(f"/api/v1/views/{view}/main.m3u8", params={"start": "2026-03-14T12:00:00"})
    assert problem(answer, 422)["errors"].keys() == {"start"}  # type: ignore[attr-defined]


def test_the_desk_sees_no_more_than_72_hours_back(world: World) -> None:
    with world.client(Role.DESK) as client, world.client(Role.DIRECTOR) as director:
        refused = _post_view(world, client, seconds=(74 * 3600, 73 * 3600))
        allowed = _post_view(world, director, seconds=(74 * 3600, 73 * 3600))
    assert "72 hours" in str(problem(refused, 403)["detail"])
    assert allowed.status_code == 201
    assert [event.detail["what"] for event in world.events(Action.ACCESS_REFUSE)] == ["view:open"]


def test_the_desks_oldest_view_is_opened_a_moment_late_and_extended_while_footage_of_it_is_left(world: World) -> None:
    oldest = 72 * 3600
    with world.client(Role.DESK) as client:
        drawn = _window(world, (oldest, oldest - 3600))
        world.clock.step(timedelta(seconds=30))
        opened = _post_view(world, client, change=drawn)
        assert opened.status_code == 201, opened.text
        world.clock.step(timedelta(minutes=5))
        assert client.post(f"/api/v1/views/{opened.json()['view']}/extend").status_code == 200
    assert world.events(Action.ACCESS_REFUSE) == []


def test_the_timeline_tells_recorded_time_and_gaps_in_sentences(world: World) -> None:
    gap = {"start": 2_000 * 90, "end": None, "reason": "offline", "detail": "no route to 10.20.1.11"}
    world.node.timelines[world.main] = {"recorded": [{"start": 1_000 * 90, "end": 2_000 * 90}], "gaps": [gap]}
    with world.client(Role.DESK) as client:
        answer = client.get(f"/api/v1/cameras/{world.camera.camera.id}/timeline", params=_window(world))
    assert answer.json()["recorded"] == [[1000, 2000]]
    assert answer.json()["gaps"] == [{"start_ms": 2000, "end_ms": None, "reason": "offline", "sentence": "Camera offline."}]


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        ("2026-03-14T12:00:00Z", "2026-03-14T12:00:00Z", "ends after"),
        ("2026-03-14T12:00:00", "2026-03-14T13:00:00", "offset"),
        ("2026-01-01T12:00:00Z", "2026-07-14T12:00:00Z", "100 days"),
        ("1960-01-01T12:00:00Z", "1960-01-02T12:00:00Z", "No footage"),
    ],
)
def test_a_timeline_that_can_not_be_is_refused_with_a_sentence(shared_world: World, start: str, end: str, word: str) -> None:
    with shared_world.client(Role.DESK) as client:
        answer = client.get(f"/api/v1/cameras/{shared_world.camera.camera.id}/timeline", params={"start": start, "end": end})
    assert word in str(problem(answer, 422)["detail"])


def test_a_recorder_that_is_away_is_said_in_one_sentence(world: World) -> None:
    world.node.away = True
    with world.client(Role.DESK) as client:
        view = _view(world, client, seconds=(90, 30))
        document = problem(client.get(f"/api/v1/views/{view}/main.m3u8"), 503)
    assert "recorder" in str(document["detail"])


def _ago(world: World, seconds: float) -> datetime:
    return world.clock.now().replace(microsecond=0) - timedelta(seconds=seconds)


def _window(world: World, seconds: tuple[float, float] = (90, 30)) -> dict[str, str]:
    return {"start": _ago(world, seconds[0]).isoformat(), "end": _ago(world, seconds[1]).isoformat()}


def _post_view(
    world: World,
    client: httpx.Client,
    *,
    seconds: tuple[float, float] = (90, 30),
    camera: int | None = None,
    change: Mapping[str, str] = NOTHING,
) -> httpx.Response:
    order = {"camera": camera or world.camera.camera.id, "purpose": "incident", **_window(world, seconds), **change}
    return client.post("/api/v1/views", json=order)


def _view(world: World, client: httpx.Client, *, seconds: tuple[float, float]) -> str:
    return str(_post_view(world, client, seconds=seconds).json()["view"])


def _playlist(client: httpx.Client, view: str, **query: str) -> str:
    answer = client.get(f"/api/v1/views/{view}/main.m3u8", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def _last_range(playlist: str) -> tuple[str, int, int]:
    length, first, segment = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\nsegments/(\w+)\.mp4", playlist)[-1]
    return segment, int(first), int(length)


def _range(client: httpx.Client, view: str, segment: str, first: int, length: int) -> httpx.Response:
    return client.get(f"/api/v1/views/{view}/segments/{segment}", headers={"range": f"bytes={first}-{first + length - 1}"})


def _ffprobe(address: str, token: str, *asked: str) -> dict[str, list[dict[str, str]]]:
    headers = f"Cookie: {cookie(token)['cookie']}\r\n"
    command = ["ffprobe", "-v", "error", "-headers", headers, "-of", "json", *asked, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found
