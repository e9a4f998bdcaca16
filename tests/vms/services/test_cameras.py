"""Cameras: added whole or not at all, changed with care, and their passwords readable by one node alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.factories import (
    CONSOLE,
    NODE_PRIVATE_KEY,
    NOW,
    a_branch,
    a_camera,
    a_node,
    a_person,
    after,
    done,
    elsewhere,
    refused,
)
from vms.crypto import KEY_BYTES, open_sealed, random_bytes
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails, Priority, RecordingMode, StreamRole, password_aad
from vms.domain.certificate import spelled_fingerprint
from vms.domain.ids import BranchId, CameraId, DeviceId, NodeId, StreamId
from vms.domain.outcome import Refusal
from vms.domain.people import Role
from vms.errors import Conflict, Corrupt, InvalidInput, NotFound
from vms.services.access_log import DISTRICT
from vms.services.cameras import (
    CameraEdit,
    NewCamera,
    Removed,
    add_camera,
    camera_for,
    camera_named,
    draft_camera,
    edit_camera,
    list_cameras,
    record_test,
    remove_camera,
    save_draft,
    stream_configs,
)
from vms.services.nodes import nodes
from vms.store import access_log, camera_passwords, stream_config
from vms.store import cameras as camera_rows
from vms.store.database import Engines


def _password(details: CameraDetails, private_key: bytes = NODE_PRIVATE_KEY) -> str:
    device = details.device
    return open_sealed(private_key, device.password_sealed, password_aad(device.id, device.address)).decode()


def _newest(engines: Engines) -> AccessEvent:
    with engines.reading() as session:
        return access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)[0]


def _new(branch_id: BranchId, **changed: object) -> NewCamera:
    fields: dict[str, object] = {"name": "Entrance", "branch_id": branch_id, "host": "10.20.1.11", "main_path": "/main"}
    return NewCamera(**{**fields, **changed})  # type: ignore[arg-type]


def _edit(engines: Engines, before: CameraDetails, edit: CameraEdit) -> CameraDetails:
    with engines.writing() as session:
        return done(edit_camera(session, CONSOLE, before.camera.id, edit, at=after(60), allow_loopback=False))


def test_a_camera_added_is_found_as_it_was_returned(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session)
    with central.reading() as session:
        assert camera_for(session, CONSOLE, added.camera.id) == added
        assert list_cameras(session, CONSOLE) == [added]
    assert added.camera.placement_approved_at == NOW
    assert [stream.role for stream in added.camera.streams] == [StreamRole.MAIN, StreamRole.SUB]


def test_adding_a_camera_is_written_with_its_address_and_without_its_password(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session, password="do not tell")
    event = _newest(central)
    assert (event.action, event.camera_id) == (Action.CAMERA_ADD, added.camera.id)
    assert event.detail == {"name": "Entrance", "branch": "Main Street", "address": "rtsp://10.20.1.11:554"}


def test_only_the_node_of_the_camera_reads_its_password(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        added = a_camera(session, password="naïve secret")
    assert _password(added) == "naïve secret"
    with pytest.raises(Corrupt):
        _password(added, random_bytes(KEY_BYTES))


def test_a_password_moved_to_another_host_does_not_open(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        added = a_camera(session)
    elsewhere_now = replace(added.device, address=replace(added.device.address, host="10.66.6.6"))
    with pytest.raises(Corrupt):
        _password(replace(added, device=elsewhere_now))


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ({"name": " "}, "needs a name"),
        ({"host": "127.0.0.1"}, "loopback"),
        ({"host": "169.254.1.1"}, "link-local"),
        ({"host": "239.1.1.1"}, "multicast"),
        ({"host": "camera one"}, "neither an IP address nor a host name"),
        ({"scheme": "http"}, "rtsp or rtsps"),
        ({"port": 0}, "no port"),
        ({"main_path": "/a b"}, "path"),
        ({"main_path": "/../etc/passwd"}, "path"),
        ({"sub_path": "/x\r\ny"}, "path"),
        ({"password": "secret"}, "user name"),
        ({"username": "admin:admin"}, "colon"),
        ({"username": "a\nb"}, "control"),
        ({"username": "admin", "password": "x" * 300}, "password"),
        ({"channel": 0}, "channel"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_saved(central_sqlite: Engines, mistake: dict[str, object], sentence: str) -> None:
    with central_sqlite.writing() as session:
        a_node(session)
        branch = a_branch(session)
    with pytest.raises(InvalidInput, match=sentence), central_sqlite.writing() as session:
        add_camera(session, CONSOLE, _new(branch.id, **mistake), at=NOW, allow_loopback=False)
    with central_sqlite.reading() as session:
        assert list_cameras(session, CONSOLE, removed=Removed.INCLUDED) == []
    assert _newest(central_sqlite).action is Action.BRANCH_ADD


def test_the_demo_may_record_from_this_machine(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        a_node(session)
        new = _new(a_branch(session).id, host="127.0.0.1", port=8554)
        assert done(add_camera(session, CONSOLE, new, at=NOW, allow_loopback=True)).device.address.port == 8554


def test_a_password_does_not_show_in_a_repr() -> None:
    assert "secret" not in repr(NewCamera(name="x", branch_id=BranchId(1), host="h", username="u", password="secret"))
    assert "secret" not in repr(CameraEdit(version=1, password="secret"))


def test_a_draft_is_tried_before_anything_is_written(central: Engines) -> None:
    with central.writing() as session:
        a_node(session)
        branch = a_branch(session)
        draft = done(draft_camera(session, CONSOLE, _new(branch.id), allow_loopback=False))
        assert [config.path for config in stream_configs(draft.details)] == ["/main"]
        assert list_cameras(session, CONSOLE) == []
        saved = save_draft(session, CONSOLE, draft, at=NOW)
        assert list_cameras(session, CONSOLE) == [saved]


def test_two_cameras_in_use_of_a_branch_never_share_a_name(central: Engines) -> None:
    with central.writing() as session:
        branch = a_branch(session)
        a_camera(session, branch, "Entrance")
    with pytest.raises(Conflict, match="already"), central.writing() as session:
        a_camera(session, branch, "ENTRANCE")
    with central.writing() as session:
        a_camera(session, a_branch(session, "West"), "Entrance")


def test_the_name_of_a_removed_camera_is_free_again(central: Engines) -> None:
    with central.writing() as session:
        branch = a_branch(session)
        old = a_camera(session, branch)
        done(remove_camera(session, CONSOLE, old.camera.id, at=after(5)))
        new = a_camera(session, branch)
        assert list_cameras(session, CONSOLE) == [new]
        assert {details.camera.id for details in list_cameras(session, CONSOLE, removed=Removed.INCLUDED)} == {old.camera.id, new.camera.id}


def test_a_removed_camera_can_still_be_looked_up_and_not_be_changed(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session)
        removed = done(remove_camera(session, CONSOLE, added.camera.id, at=after(5)))
        assert camera_for(session, CONSOLE, added.camera.id) == removed
        edit = CameraEdit(version=removed.camera.version, name="Back door")
        answer = edit_camera(session, CONSOLE, added.camera.id, edit, at=after(6), allow_loopback=False)
        assert refused(answer).refusal is Refusal.OUT_OF_SCOPE
        assert refused(remove_camera(session, CONSOLE, added.camera.id, at=after(6))).refusal is Refusal.OUT_OF_SCOPE


def test_a_removed_camera_leaves_no_password_behind_at_the_hub_or_at_its_recorder(central: Engines, index: Engines) -> None:
    with central.writing() as session:
        removed, stays = a_camera(session), a_camera(session, a_branch(session, "Harbor"), host="10.20.1.12")
        node = removed.device.node_id
        with index.write.begin() as connection:
            stream_config.replace(connection, camera_rows.configuration(session, node))
        done(remove_camera(session, CONSOLE, removed.camera.id, at=after(5)))
        with index.write.begin() as connection:
            stream_config.replace(connection, camera_rows.configuration(session, node))
        known = camera_for(session, CONSOLE, removed.camera.id)
    assert isinstance(known, CameraDetails)
    assert (known.device.username, known.device.password_sealed) == ("", b"")
    assert known.device.address == removed.device.address
    with central.writing() as session:
        assert [one.device for one in camera_passwords.page(session, node, DeviceId(0), 9)] == [stays.device.id]
    with index.read.begin() as connection:
        assert {one.camera_id for one in stream_config.load(connection).streams} == {stays.camera.id}


def test_the_password_of_a_device_stays_while_another_camera_in_use_is_asked_with_it(central: Engines) -> None:
    with central.writing() as session:
        first, second = a_camera(session), a_camera(session, a_branch(session, "Harbor"), host="10.20.1.12")
        session.execute(text("UPDATE camera SET device_id = :device"), {"device": first.device.id})
        done(remove_camera(session, CONSOLE, first.camera.id, at=after(5)))
        assert camera_passwords.count(session, first.device.node_id) == 2
        done(remove_camera(session, CONSOLE, second.camera.id, at=after(6)))
        left = camera_passwords.page(session, first.device.node_id, DeviceId(0), 9)
    assert [one.device for one in left] == [second.device.id], "its own device, which no camera names"


def test_an_edit_changes_what_it_names_and_nothing_else(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
    changed = _edit(
        central,
        before,
        CameraEdit(version=1, name="Back door", recording_mode=RecordingMode.OFF, main_path="stream2", priority=Priority.LOW),
    )
    main = replace(before.camera.streams[0], path="/stream2")
    expected = replace(
        before.camera,
        name="Back door",
        recording_mode=RecordingMode.OFF,
        priority=Priority.LOW,
        version=2,
        streams=(main, before.camera.streams[1]),
    )
    assert changed == replace(before, camera=expected)
    with central.reading() as session:
        assert camera_for(session, CONSOLE, before.camera.id) == changed


def test_an_edit_is_written_from_what_to_what(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
    _edit(central, before, CameraEdit(version=1, name="Back door", password="new secret"))
    event = _newest(central)
    assert (event.action, event.detail) == (Action.CAMERA_EDIT, {"name": "Entrance → Back door", "password": "changed"})


def test_a_new_host_asks_for_the_password_again(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session, password="secret")
    with pytest.raises(InvalidInput, match="password again"):
        _edit(central, before, CameraEdit(version=1, host="10.20.1.12"))
    moved = _edit(central, before, CameraEdit(version=1, host="10.20.1.12", password="secret"))
    assert (moved.device.address.host, _password(moved)) == ("10.20.1.12", "secret")


def test_a_camera_without_a_password_moves_without_one(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        before = a_camera(session, password="")
    assert _edit(central_sqlite, before, CameraEdit(version=1, port=8554)).device.address.port == 8554


def test_an_empty_password_clears_the_stored_one(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        before = a_camera(session)
    assert _edit(central_sqlite, before, CameraEdit(version=1, password="", username="")).device.password_sealed == b""


@pytest.mark.parametrize("edit", [CameraEdit(version=1, username=""), CameraEdit(version=1, main_path=""), CameraEdit(version=1, name="")])
def test_an_edit_with_a_mistake_changes_nothing(central_sqlite: Engines, edit: CameraEdit) -> None:
    with central_sqlite.writing() as session:
        before = a_camera(session)
    with pytest.raises(InvalidInput):
        _edit(central_sqlite, before, edit)
    with central_sqlite.reading() as session:
        assert camera_for(session, CONSOLE, before.camera.id) == before


def test_a_sub_stream_taken_away_and_given_back_keeps_its_footage(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
    without = _edit(central, before, CameraEdit(version=1, sub_path=""))
    assert without.camera.stream(StreamRole.SUB) is None
    again = _edit(central, without, CameraEdit(version=2, sub_path="/sub2"))
    sub, was = again.camera.stream(StreamRole.SUB), before.camera.stream(StreamRole.SUB)
    assert sub is not None
    assert was is not None
    assert (sub.id, sub.path) == (was.id, "/sub2")


def test_an_edit_based_on_an_old_version_is_a_conflict(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
    _edit(central, before, CameraEdit(version=1, name="Back door"))
    with pytest.raises(Conflict, match="somebody else"):
        _edit(central, before, CameraEdit(version=1, name="Side door"))


def test_every_change_reaches_the_node(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
        added = nodes(session)[0].config_version
    _edit(central, before, CameraEdit(version=1, name="Back door"))
    with central.writing() as session:
        edited = nodes(session)[0].config_version
        done(remove_camera(session, CONSOLE, before.camera.id, at=after(9)))
        removed = nodes(session)[0].config_version
    assert 1 < added < edited < removed


def test_a_camera_of_another_branch_does_not_exist(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session)
        person = elsewhere(a_person(session, Role.IT), a_branch(session, "West").id)
        missing = refused(camera_for(session, person, CameraId(1)))
        assert refused(camera_for(session, person, added.camera.id)) == missing
        assert list_cameras(session, person) == []
        answer = edit_camera(session, person, added.camera.id, CameraEdit(version=1, name="Mine"), at=NOW, allow_loopback=False)
        assert refused(answer) == missing
        assert refused(add_camera(session, person, _new(added.branch.id), at=NOW, allow_loopback=False)).refusal is Refusal.OUT_OF_SCOPE


@pytest.mark.parametrize("role", [Role.DESK, Role.DIRECTOR, Role.AUDITOR])
def test_who_watches_or_audits_does_not_manage_cameras(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        added = a_camera(session)
        person = a_person(session, role)
        answers = [
            add_camera(session, person, _new(added.branch.id, name="Mine"), at=NOW, allow_loopback=False),
            edit_camera(session, person, added.camera.id, CameraEdit(version=1, name="Mine"), at=NOW, allow_loopback=False),
            remove_camera(session, person, added.camera.id, at=NOW),
        ]
        assert [refused(answer).refusal for answer in answers] == [Refusal.NOT_ALLOWED] * 3
        assert list_cameras(session, person) == [added]


def test_a_camera_is_found_by_name_or_number(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session, name="Children’s room")
        assert camera_named(session, CONSOLE, "children’s ROOM") == camera_named(session, CONSOLE, str(added.camera.id)) == added
        assert refused(camera_named(session, CONSOLE, "Cellar")).refusal is Refusal.OUT_OF_SCOPE


def test_a_name_that_two_branches_use_is_answered_with_both(central: Engines) -> None:
    with central.writing() as session:
        for name in ("Main Street", "West"):
            a_camera(session, a_branch(session, name))
        with pytest.raises(Conflict, match="at West"):
            camera_named(session, CONSOLE, "Entrance")


def test_trying_a_camera_is_written_down(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session)
        record_test(session, CONSOLE, camera_id=added.camera.id, address=added.device.address, verdict="wrong password", at=NOW)
    event = _newest(central)
    assert (event.action, event.detail) == (Action.CAMERA_TEST, {"address": "rtsp://10.20.1.11:554", "verdict": "wrong password"})


def test_of_two_changes_at_the_same_time_one_is_refused_by_the_database(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
        changed = replace(before, camera=replace(before.camera, name="Back door", version=2))
        camera_rows.change(session, changed, at=NOW)
    with pytest.raises(Conflict, match="somebody else"), central.writing() as session:
        camera_rows.change(session, replace(changed, camera=replace(changed.camera, name="Side door")), at=NOW)


def test_a_stream_names_its_camera_even_when_it_is_gone(central: Engines) -> None:
    with central.writing() as session:
        before = a_camera(session)
    _edit(central, before, CameraEdit(version=1, sub_path=""))
    with central.reading() as session:
        assert camera_rows.camera_of(session, before.camera.streams[1].id) == before.camera.id
        assert camera_rows.camera_of(session, StreamId(1)) is None
        with pytest.raises(NotFound, match="not known"):
            camera_rows.configuration(session, NodeId(1))


TRUSTED, OTHER = bytes(range(32)), bytes(range(32, 64))


def _over_tls(engines: Engines) -> CameraDetails:
    with engines.writing() as session:
        a_node(session)
        new = _new(a_branch(session).id, scheme="rtsps", port=322, username="viewer", password="secret", certificate_sha256=TRUSTED)
        return done(add_camera(session, CONSOLE, new, at=NOW, allow_loopback=False))


def test_a_camera_over_rtsps_is_stored_with_its_certificate_and_the_node_gets_it(central: Engines) -> None:
    added = _over_tls(central)
    with central.reading() as session:
        assert camera_for(session, CONSOLE, added.camera.id) == added
    assert [config.certificate_sha256 for config in stream_configs(added)] == [TRUSTED]
    assert _newest(central).detail["certificate"] == spelled_fingerprint(TRUSTED)


def test_a_camera_over_rtsps_is_not_stored_without_a_certificate_but_may_be_tried(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        a_node(session)
        new = _new(a_branch(session).id, scheme="rtsps", port=322)
        draft = done(draft_camera(session, CONSOLE, new, allow_loopback=False))
        assert stream_configs(draft.details)[0].certificate_sha256 is None
        with pytest.raises(InvalidInput, match="Test the camera first"):
            add_camera(session, CONSOLE, new, at=NOW, allow_loopback=False)


def test_a_new_certificate_is_written_down_from_which_to_which_and_the_password_stays(central: Engines) -> None:
    before = _over_tls(central)
    changed = _edit(central, before, CameraEdit(version=1, certificate_sha256=OTHER))
    assert _password(changed) == "secret"
    assert _newest(central).detail == {"certificate": f"{spelled_fingerprint(TRUSTED)} → {spelled_fingerprint(OTHER)}"}


@pytest.mark.parametrize("move", [{"host": "10.20.1.12"}, {"port": 8322}])
def test_a_new_address_needs_its_certificate_trusted_anew(central_sqlite: Engines, move: dict[str, object]) -> None:
    before = _over_tls(central_sqlite)
    with pytest.raises(InvalidInput, match="belongs to the old one"):
        _edit(central_sqlite, before, CameraEdit(version=1, password="secret", **move))  # type: ignore[arg-type]
    moved = CameraEdit(version=1, password="secret", certificate_sha256=OTHER, **move)  # type: ignore[arg-type]
    assert _edit(central_sqlite, before, moved).device.certificate_sha256 == OTHER


def test_a_camera_moved_to_rtsp_has_no_certificate_and_moved_back_needs_one(central_sqlite: Engines) -> None:
    before = _over_tls(central_sqlite)
    plain = _edit(central_sqlite, before, CameraEdit(version=1, scheme="rtsp", password="secret"))
    assert plain.device.certificate_sha256 is None
    with pytest.raises(InvalidInput, match="none is trusted yet"):
        _edit(central_sqlite, plain, CameraEdit(version=2, scheme="rtsps", password="secret"))
