"""An RTSPS camera on the form: its certificate is shown, ticked and stored, without JavaScript and by the API."""

from __future__ import annotations

import httpx
import pytest

from tests.web.test_cameras import entries
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.certificate import spelled_fingerprint
from vms.domain.people import Role

FINGERPRINT = spelled_fingerprint(bytes(range(32)))
OTHER = spelled_fingerprint(bytes(range(32, 64)))
PATH = "/Streaming/Channels/101"


def unknown(fingerprint: str = FINGERPRINT, kind: str = "certificate_unknown") -> dict[str, object]:
    shown = {"fingerprint": fingerprint, "subject": "CN=entrance", "valid_from": "2026-01-01T00:00:00+00:00", "valid_until": "2036-01-01"}
    return {"ok": False, "kind": kind, "sentence": "None is trusted yet.", "certificate": shown}


def secured(world: World, **change: object) -> dict[str, object]:
    return entries(world, scheme="rtsps", port=322, sub_path="", **change)


def add(world: World, client: httpx.Client) -> dict[str, object]:
    answer = client.post("/api/v1/cameras", json=secured(world, certificate=FINGERPRINT))
    assert answer.status_code == 201, answer.text
    added: dict[str, object] = answer.json()
    return added


def test_the_form_offers_rtsps_and_a_test_offers_the_certificate_for_trust(world: World) -> None:
    world.node.verdicts[PATH] = unknown()
    form = {key: str(value) for key, value in secured(world).items()}
    with world.client(Role.IT, page=True) as client:
        assert '<option value="rtsps">' in client.get("/cameras/new").text
        page = client.post("/cameras/new", data=form | {"act": "test"}).text
        assert f'name="certificate" value="{FINGERPRINT}">' in page
        assert "CN=entrance, valid 2026-01-01 to 2036-01-01" in page
        del world.node.verdicts[PATH]
        ticked = client.post("/cameras/new", data=form | {"act": "test", "certificate": FINGERPRINT}).text
        assert f'name="certificate" value="{FINGERPRINT}" checked>' in ticked
        assert "It can record." in ticked
        assert client.post("/cameras/new", data=form | {"certificate": FINGERPRINT}).status_code == 303
    assert [order["certificate"] for order in world.node.tests] == ["", bytes(range(32)).hex()]
    (event,) = world.events(Action.CAMERA_ADD)[-1:]
    assert event.detail["certificate"] == FINGERPRINT


def test_a_certificate_is_needed_at_its_field(world: World) -> None:
    with world.client(Role.IT) as client:
        missing = problem(client.post("/api/v1/cameras", json=secured(world)), 422)
        wrong = problem(client.post("/api/v1/cameras", json=secured(world, certificate="AB:CD")), 422)
    assert "Test the camera first" in str(missing["errors"]["certificate"])  # type: ignore[index]
    assert "64 digits" in str(wrong["errors"]["certificate"])  # type: ignore[index]


def test_the_port_follows_the_scheme_where_none_is_given(world: World) -> None:
    given = secured(world, certificate=FINGERPRINT)
    del given["port"]
    with world.client(Role.IT) as client:
        assert client.post("/api/v1/cameras", json=given).json()["port"] == 322


def test_the_stored_certificate_is_shown_used_by_a_test_and_kept_by_a_save(world: World) -> None:
    with world.client(Role.IT) as client:
        added = add(world, client)
        order = secured(world, camera=added["id"], password="")
        assert client.post("/api/v1/cameras/test", json=order).json()["ok"] is True
        renamed = client.patch(f"/api/v1/cameras/{added['id']}", json={"version": 1, "name": "Lobby"}).json()
    assert world.node.tests[0]["certificate"] == bytes(range(32)).hex()
    assert renamed["certificate"] == FINGERPRINT
    with world.client(Role.IT, page=True) as client:
        assert f'Trusted certificate <span class="fingerprint">{FINGERPRINT}' in client.get(f"/cameras/{added['id']}").text


def test_a_changed_certificate_is_offered_and_the_log_says_from_which_to_which(world: World) -> None:
    world.node.verdicts[PATH] = unknown(OTHER, "certificate_changed")
    with world.client(Role.IT) as client:
        added = add(world, client)
        verdict = client.post("/api/v1/cameras/test", json=secured(world, camera=added["id"], password="")).json()
        assert verdict["certificate"]["fingerprint"] == OTHER
        client.patch(f"/api/v1/cameras/{added['id']}", json={"version": 1, "certificate": OTHER})
    assert world.events(Action.CAMERA_EDIT)[-1].detail == {"certificate": f"{FINGERPRINT} → {OTHER}"}


@pytest.mark.parametrize("change", [{"host": "10.20.1.13"}, {"port": 8322}])
def test_a_new_address_asks_for_the_certificate_again(world: World, change: dict[str, object]) -> None:
    with world.client(Role.IT) as client:
        added = add(world, client)
        document = problem(client.patch(f"/api/v1/cameras/{added['id']}", json={"version": 1, "password": "x", **change}), 422)
        back = client.patch(f"/api/v1/cameras/{added['id']}", json={"version": 1, "password": "x", "scheme": "rtsp"}).json()
    assert "old one" in str(document["errors"]["certificate"])  # type: ignore[index]
    assert back["certificate"] is None
