"""The camera register: a missing approval is shown, only the Director gives one, and a camera that moved lacks it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, refused
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.camera import RecordingMode
from vms.domain.footage import Coverage
from vms.domain.ids import CameraId, NodeId
from vms.domain.people import Role
from vms.domain.placement import Check
from vms.domain.timespan import Timespan
from vms.errors import InvalidInput
from vms.services import placements
from vms.services.access_log import DISTRICT
from vms.services.cameras import CameraEdit, edit_camera
from vms.services.hub_link import LocalHub
from vms.services.placements import NewPlacement
from vms.services.status import expected_of
from vms.store import access_log, nodes
from vms.store.database import Engines


def _new(camera: CameraId) -> NewPlacement:
    return NewPlacement(camera, "Who comes and goes", "The reading room behind it", [*Check])


def test_a_camera_is_approved_with_its_purpose_and_again_when_it_moved(central: Engines) -> None:
    with central.writing() as session:
        details = a_camera(session, area="Door")
        director, camera = a_person(session, Role.DIRECTOR), details.camera.id
        (before,) = done(placements.register(session, CONSOLE))
        assert (before.place, before.placement, before.is_approved) == ("Main Street/Door", None, False)
        done(placements.approve(session, director, _new(camera), at=NOW))
        done(placements.approve(session, director, replace(_new(camera), purpose="The till"), at=after(60)))
        (approved,) = done(placements.register(session, director))
        assert approved.is_approved
        assert approved.placement is not None
        assert (approved.placement.purpose, approved.placement.approved_by_name) == ("The till", director.name)
        edit = CameraEdit(version=details.camera.version, area="Stacks")
        done(edit_camera(session, CONSOLE, camera, edit, at=after(90), allow_loopback=False))
        (moved,) = done(placements.register(session, director))
        assert (moved.has_moved, moved.is_approved, moved.place) == (True, False, "Main Street/Stacks")
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.PLACEMENT_APPROVE})), limit=9)
        assert [(one.camera_id, one.detail["place"]) for one in entries] == [(camera, "Main Street/Door")] * 2


def test_only_the_director_approves_and_of_the_own_reach(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        mine, theirs = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        director = a_person(session, Role.DIRECTOR)
        here = replace(director, branches=frozenset({mine.branch.id}))
        for role in set(Role) - {Role.DIRECTOR}:
            assert refused(placements.approve(session, replace(director, role=role), _new(mine.camera.id), at=NOW)).logged
        assert refused(placements.approve(session, CONSOLE, _new(mine.camera.id), at=NOW)).logged
        assert "no such camera" in refused(placements.approve(session, here, _new(theirs.camera.id), at=NOW)).sentence
        assert [one.camera_id for one in done(placements.register(session, here))] == [mine.camera.id]
        refused(placements.register(session, replace(director, role=Role.DESK)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"checks": [*Check][1:]}, "tick each line"),
        ({"checks": [*Check, "other"]}, "tick each line"),
        ({"purpose": " "}, "what the camera is for"),
        ({"must_not_see": ""}, "must not see"),
    ],
)
def test_what_is_not_whole_is_not_approved(central_sqlite: Engines, wrong: dict[str, object], sentence: str) -> None:
    with central_sqlite.writing() as session:
        camera = a_camera(session).camera.id
        with pytest.raises(InvalidInput, match=sentence):
            placements.approve(session, a_person(session, Role.DIRECTOR), replace(_new(camera), **wrong), at=NOW)  # type: ignore[arg-type]


def _modes(central: Engines, node: NodeId, known: int = 0) -> set[RecordingMode]:
    configuration = LocalHub(central).configuration(node, known)
    assert configuration is not None
    return {one.recording_mode for one in configuration.streams}


def test_where_it_is_required_a_camera_is_live_only_until_it_is_approved(central: Engines, tmp_path: Path) -> None:
    required = Settings(data_dir=tmp_path, placement="required")
    with central.writing() as session:
        details = a_camera(session, area="Door")
        director, camera, node = a_person(session, Role.DIRECTOR), details.camera.id, details.device.node_id
    assert _modes(central, node) == {RecordingMode.ALWAYS}
    with central.writing() as session, capture_logs() as logged:
        before = nodes.config_version(session, node)
        placements.take_over(session, required)
        assert nodes.config_version(session, node) != before, "recorders ask again"
        assert [one["cameras"] for one in logged] == [1]
        assert [one.camera.id for one in placements.waiting(session, CONSOLE)] == [camera]
    assert _modes(central, node) == {RecordingMode.LIVE_ONLY}
    with central.writing() as session:
        before = nodes.config_version(session, node)
        placements.take_over(session, required)
        assert nodes.config_version(session, node) == before, "nothing changed"
        done(placements.approve(session, director, _new(camera), at=NOW))
        assert nodes.config_version(session, node) != before
        assert placements.waiting(session, CONSOLE) == []
    assert _modes(central, node) == {RecordingMode.ALWAYS}
    with central.writing() as session:
        edit = CameraEdit(version=details.camera.version, area="Stacks")
        done(edit_camera(session, CONSOLE, camera, edit, at=after(90), allow_loopback=False))
    assert _modes(central, node) == {RecordingMode.LIVE_ONLY}, "it moved"
    with central.writing() as session:
        placements.take_over(session, required.model_copy(update={"placement": "note"}))
    assert _modes(central, node) == {RecordingMode.ALWAYS}


def test_what_is_switched_off_stays_off_and_nothing_is_expected_of_what_waits(central_sqlite: Engines, tmp_path: Path) -> None:
    with central_sqlite.writing() as session:
        details = a_camera(session)
        camera, node = details.camera.id, details.device.node_id
        placements.take_over(session, Settings(data_dir=tmp_path, placement="required"))
        (waiting,) = placements.as_recorded(session, [details])
        whole = Coverage(details.camera.streams[0].id, (), ())
        assert expected_of(details, whole, Timespan(NOW, after(3600)), after(7200)) == [Timespan(NOW, after(3600))]
        assert expected_of(waiting, whole, Timespan(NOW, after(3600)), after(7200)) == []
        edit = CameraEdit(version=details.camera.version, recording_mode=RecordingMode.OFF)
        done(edit_camera(session, CONSOLE, camera, edit, at=NOW, allow_loopback=False))
        assert placements.waiting(session, CONSOLE) == []
    assert _modes(central_sqlite, node) == {RecordingMode.OFF}
