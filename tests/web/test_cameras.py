"""Cameras as JSON: who sees what, mistakes at their field, passwords that only go in."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from tests.factories import NODE_PRIVATE_KEY, a_branch, a_person
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.web.world import World, problem
from vms.crypto import open_sealed
from vms.domain.access import Action
from vms.domain.camera import Address, Scheme, password_aad
from vms.domain.ids import DeviceId
from vms.domain.people import Role

SECRET = "open sesame: 7"


def entries(world: World, **change: object) -> dict[str, object]:
    return {
        "name": "Lobby, north",
        "branch": world.branch.id,
        "host": "10.20.1.12",
        "port": 554,
        "username": "viewer",
        "password": SECRET,
        "main_path": "/Streaming/Channels/101",
        "sub_path": "/Streaming/Channels/102",
        **change,
    }


def _cameras(client: httpx.Client) -> dict[str, dict[str, object]]:
    return {camera["name"]: camera for camera in client.get("/api/v1/cameras").json()["cameras"]}


def test_it_sees_addresses_and_the_desk_sees_none(world: World) -> None:
    with world.client(Role.IT) as it, world.client(Role.DESK) as desk:
        assert _cameras(it)["Entrance"]["host"] == "10.20.1.11"
        assert not {"host", "username", "main_path", "detail"} & _cameras(desk)["Entrance"].keys()


def test_the_list_carries_the_state_that_the_node_tells(world: World) -> None:
    world.node.states = [state(world, "offline", detail="no route to 10.20.1.11")]
    with world.client(Role.IT) as it, world.client(Role.DESK) as desk:
        seen_by_it, seen_by_desk = _cameras(it)["Entrance"], _cameras(desk)["Entrance"]
    assert (seen_by_it["state"], seen_by_it["sentence"], seen_by_it["detail"]) == ("offline", "Camera offline.", "no route to 10.20.1.11")
    assert seen_by_desk["state"] == "offline"


def test_a_recorder_that_is_away_shows_in_the_list_instead_of_breaking_it(world: World) -> None:
    world.node.away = True
    with world.client(Role.DESK) as client:
        camera = _cameras(client)["Entrance"]
    assert (camera["state"], camera["sentence"]) == ("connecting", "The recorder does not answer.")


def test_adding_a_camera_stores_it_with_its_password_sealed_to_the_node(world: World) -> None:
    with world.client(Role.IT) as client:
        answer = client.post("/api/v1/cameras", json=entries(world))
    assert answer.status_code == 201, answer.text
    assert answer.json()["has_password"] is True
    assert SECRET not in answer.text
    with world.client(Role.DESK) as client:
        assert _cameras(client)["Lobby, north"]["streams"] == ["main", "sub"]


def test_a_priority_is_taken_kept_by_edits_and_told_to_who_may_change_it(world: World) -> None:
    with world.client(Role.IT) as client:
        camera = client.post("/api/v1/cameras", json=entries(world, priority="low")).json()
        assert camera["priority"] == "low"
        named = client.patch(f"/api/v1/cameras/{camera['id']}", json={"version": camera["version"], "name": "Lobby, south"}).json()
        assert named["priority"] == "low"
        raised = client.patch(f"/api/v1/cameras/{camera['id']}", json={"version": named["version"], "priority": "high"}).json()
        assert raised["priority"] == "high"
    with world.client(Role.DESK) as client:
        assert "priority" not in _cameras(client)["Lobby, south"]


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("name", "", "needs a name"),
        ("name", "x" * 200, "120 characters"),
        ("branch", "", "branch"),
        ("host", "", "address"),
        ("host", "rtsp://10.0.0.1", "neither"),
        ("host", "127.0.0.1", "loopback"),
        ("host", "169.254.1.1", "link-local"),
        ("host", "224.0.0.1", "multicast"),
        ("port", "http", "number"),
        ("port", 70000, "65535"),
        ("scheme", "http", "rtsp"),
        ("main_path", "", "main stream"),
        ("main_path", "/a b", "space"),
        ("sub_path", "/../x", ".."),
        ("username", "a:b", "colon"),
        ("username", "", "user name"),
        ("recording_mode", "sometimes", "sometimes"),
        ("priority", "highest", "highest"),
    ],
)
def test_each_mistake_stands_at_its_field_and_nothing_is_saved(shared_world: World, field: str, value: object, word: str) -> None:
    with shared_world.client(Role.IT) as client:
        document = problem(client.post("/api/v1/cameras", json=entries(shared_world, **{field: value})), 422)
        assert list(_cameras(client)) == ["Entrance"]
    faults = document["errors"]
    assert isinstance(faults, dict)
    assert [word in sentence for sentence in faults.values()] == [True]
    assert field in faults or (field, value) == ("username", "")
    assert SECRET not in str(document)


def test_all_mistakes_are_told_at_once(shared_world: World) -> None:
    with shared_world.client(Role.IT) as client:
        document = problem(client.post("/api/v1/cameras", json={"host": "nowhere at all", "port": 0}), 422)
    assert set(document["errors"]) == {"name", "branch", "host", "port", "main_path"}  # type: ignore[call-overload]


def test_a_name_that_is_taken_is_a_conflict_at_the_name(world: World) -> None:
    with world.client(Role.IT) as client:
        document = problem(client.post("/api/v1/cameras", json=entries(world, name="entrance")), 409)
    assert list(document["errors"]) == ["name"]  # type: ignore[call-overload]


def test_a_change_keeps_what_it_does_not_name(world: World) -> None:
    camera = world.camera.camera
    with world.client(Role.IT) as client:
        answer = client.patch(f"/api/v1/cameras/{camera.id}", json={"version": camera.version, "name": "Front door"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["name"], changed["main_path"], changed["has_password"], changed["version"]) == ("Front door", "/main", True, 2)


def test_a_camera_goes_into_an_area_and_out_of_it(world: World) -> None:
    with world.client(Role.IT) as client:
        added = client.post("/api/v1/cameras", json=entries(world, area="Lobby")).json()
        assert added["area"] == "Lobby"
        address = f"/api/v1/cameras/{added['id']}"
        assert client.patch(address, json={"version": 1, "name": "Other"}).json()["area"] == "Lobby"
        assert client.patch(address, json={"version": 2, "area": ""}).json()["area"] is None
        assert "area" in str(problem(client.patch(address, json={"version": 3, "area": "x" * 300}), 422)["errors"])


def test_a_change_based_on_an_old_version_is_refused(world: World) -> None:
    camera = world.camera.camera
    with world.client(Role.IT) as client:
        client.patch(f"/api/v1/cameras/{camera.id}", json={"version": 1, "name": "Front door"})
        document = problem(client.patch(f"/api/v1/cameras/{camera.id}", json={"version": 1, "name": "Back door"}), 409)
    assert "somebody else" in str(document["detail"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("port", "55 4"), ("port", "9" * 20), ("port", 10**30), ("port", ""), ("port", 0), ("recording_mode", "sometimes")],
)
def test_a_mistake_in_a_change_stands_at_its_field(shared_world: World, field: str, value: object) -> None:
    camera = shared_world.camera.camera
    with shared_world.client(Role.IT) as client:
        answer = client.patch(f"/api/v1/cameras/{camera.id}", json={"version": camera.version, field: value})
    assert problem(answer, 422)["errors"].keys() == {field}  # type: ignore[attr-defined]


def test_a_new_address_asks_for_the_password_again(world: World) -> None:
    with world.client(Role.IT) as client:
        document = problem(client.patch(f"/api/v1/cameras/{world.camera.camera.id}", json={"version": 1, "host": "10.20.1.99"}), 422)
    assert list(document["errors"]) == ["password"]  # type: ignore[call-overload]


def test_an_unknown_field_of_a_change_is_refused(shared_world: World) -> None:
    with shared_world.client(Role.IT) as client:
        answer = client.patch(f"/api/v1/cameras/{shared_world.camera.camera.id}", json={"version": 1, "url": "rtsp://x/"})
    assert "url" in problem(answer, 422)["errors"]  # type: ignore[operator]


def test_a_removed_camera_leaves_the_list_and_can_not_be_removed_twice(world: World) -> None:
    with world.client(Role.IT) as client:
        assert client.delete(f"/api/v1/cameras/{world.camera.camera.id}").status_code == 204
        assert _cameras(client) == {}
        problem(client.delete(f"/api/v1/cameras/{world.camera.camera.id}"), 404)
    assert len(world.events(Action.CAMERA_REMOVE)) == 1


def test_a_camera_of_another_branch_does_not_exist_for_its_it(world: World) -> None:
    with world.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
    with world.client(Role.IT, branches=frozenset({harbor.id})) as client:
        hidden = client.delete(f"/api/v1/cameras/{world.camera.camera.id}")
        missing = client.delete("/api/v1/cameras/12345")
    assert (hidden.status_code, hidden.text) == (404, missing.text)


def test_a_test_sends_the_sealed_password_and_saves_nothing(world: World) -> None:
    with world.client(Role.IT) as client:
        answer = client.post("/api/v1/cameras/test", json=entries(world))
        assert list(_cameras(client)) == ["Entrance"]
    assert answer.json()["ok"] is True
    assert [check["result"] for check in answer.json()["checks"]] == ["good", "none", "good", "none"]
    sealed, device = world.node.tests[0]["password_sealed"], world.node.tests[0]["device_id"]
    assert isinstance(sealed, bytes)
    assert isinstance(device, int)
    aad = password_aad(DeviceId(device), Address(Scheme.RTSP, "10.20.1.12", 554))
    assert open_sealed(NODE_PRIVATE_KEY, sealed, aad).decode() == SECRET
    assert sorted(str(order["path"]) for order in world.node.tests) == ["/Streaming/Channels/101", "/Streaming/Channels/102"]


def test_a_test_of_a_stored_camera_uses_its_stored_password(world: World) -> None:
    order = entries(world, host="10.20.1.11", password="", camera=world.camera.camera.id, sub_path="")
    with world.client(Role.IT) as client:
        assert client.post("/api/v1/cameras/test", json=order).json()["ok"] is True
    (sent,) = world.node.tests
    assert sent["password_sealed"] == world.camera.device.password_sealed
    assert sent["device_id"] == world.camera.device.id


def test_the_stored_password_is_never_tried_at_another_address(world: World) -> None:
    order = entries(world, password="", camera=world.camera.camera.id)
    with world.client(Role.IT) as client:
        document = problem(client.post("/api/v1/cameras/test", json=order), 422)
    assert list(document["errors"]) == ["password"]  # type: ignore[call-overload]
    assert world.node.tests == []


def test_a_verdict_says_in_its_first_sentence_why_it_can_not_record(world: World) -> None:
    world.node.verdicts["/Streaming/Channels/101"] = {"ok": False, "kind": "wrong_password", "sentence": "The camera refused the password."}
    with world.client(Role.IT) as client:
        verdict = client.post("/api/v1/cameras/test", json=entries(world)).json()
    assert verdict["sentence"] == "It can't record: The camera refused the password."
    assert verdict["checks"][0]["result"] == "bad"
    assert world.events(Action.CAMERA_TEST)[0].detail["verdict"] == verdict["sentence"]


def test_a_test_while_the_recorder_is_away_says_so(world: World) -> None:
    world.node.away = True
    with world.client(Role.IT) as client:
        assert "recorder" in str(problem(client.post("/api/v1/cameras/test", json=entries(world)), 503)["detail"])


def state(world: World, word: str, *, detail: str = "") -> dict[str, object]:
    """Return what the node tells about the main stream of the world's camera."""
    return {
        "stream_id": world.main,
        "camera_id": world.camera.camera.id,
        "role": "main",
        "recording_mode": "always",
        "state": word,
        "since": world.clock.now().isoformat(),
        "detail": detail,
        "expected_s": 3600.0,
        "recorded_s": 3500.0,
        "bitrate": 3_200_000,
    }


def test_a_camera_is_paused_and_recorded_again(world: World) -> None:
    where = f"/api/v1/cameras/{world.camera.camera.id}/pause"
    with world.client(Role.IT) as client:
        paused = client.put(where, json={"minutes": 90, "reason": "Blood drive in the meeting room"})
        assert paused.status_code == 200, paused.text
        assert paused.json()["paused_until"] == (world.clock.now() + timedelta(minutes=90)).replace(microsecond=0).isoformat()
        assert client.delete(where).json()["paused_until"] is None
    (began,) = world.events(Action.CAMERA_PAUSE)
    assert began.detail["reason"] == "Blood drive in the meeting room"
    assert len(world.events(Action.CAMERA_RESUME)) == 1


@pytest.mark.parametrize(
    ("sent", "word"),
    [({"minutes": 721, "reason": "x"}, "720"), ({"reason": "x"}, "minutes"), ({"minutes": 5, "reason": " "}, "why")],
)
def test_a_pause_without_an_end_that_can_be_or_a_reason_is_refused(world: World, sent: dict[str, object], word: str) -> None:
    with world.client(Role.IT) as client:
        refused = client.put(f"/api/v1/cameras/{world.camera.camera.id}/pause", json=sent)
    assert refused.status_code == 422
    assert word in refused.text
    assert world.events(Action.CAMERA_PAUSE) == []


def test_the_page_pauses_keeps_what_was_entered_when_it_can_not_and_ends_a_pause(world: World) -> None:
    where = f"/cameras/{world.camera.camera.id}"
    with world.client(Role.IT, page=True) as client:
        faulty = client.post(f"{where}/pause", data={"minutes": "240", "reason": ""})
        assert faulty.status_code == 422
        assert "why the camera is paused" in faulty.text
        assert '<option value="240" selected>' in faulty.text
        done = client.post(f"{where}/pause", data={"minutes": "240", "reason": "Painting <b>"})
        assert done.headers["location"] == "/cameras?done=paused"
        page = client.get(where).text
        assert "neither recorded nor shown: Painting &lt;b&gt;" in page
        assert f'action="{where}/pause"' not in page
        assert client.post(f"{where}/resume").headers["location"] == "/cameras?done=resumed"
        assert f'action="{where}/pause"' in client.get(where).text


def test_a_camera_under_a_hold_is_not_paused_on_a_page_either(world: World) -> None:
    with world.site.central.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        a_hold(session, director, a_new_hold(of_cameras(world.camera.camera.id), end=None), at=world.clock.now())
    with world.client(Role.IT, page=True) as client:
        refused = client.post(f"/cameras/{world.camera.camera.id}/pause", data={"minutes": "60", "reason": "Painting"})
    assert refused.status_code == 403
    assert "is under the" in refused.text
