"""The port between node and hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import CONSOLE, NOW, STREAM, a_camera, after, done, span
from vms.domain.camera import CameraState, RecordingMode, StreamStatus
from vms.domain.footage import CoverageSpan
from vms.domain.ids import NodeId, StreamId
from vms.domain.timespan import ms_of
from vms.errors import NotFound, Unavailable
from vms.services.cameras import remove_camera, stream_configs
from vms.services.hub_link import HubLink, LocalHub
from vms.store import coverage
from vms.store.database import Engines, make_engines


def test_a_node_is_told_what_to_record(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session, recording_mode=RecordingMode.LIVE_ONLY)
    configuration = LocalHub(central).configuration(added.device.node_id, 0)
    assert configuration is not None
    assert configuration.streams == stream_configs(added)
    assert configuration.streams[0].password_sealed == added.device.password_sealed


def test_a_node_that_knows_the_newest_is_told_nothing(central: Engines) -> None:
    with central.writing() as session:
        node = a_camera(session).device.node_id
    hub: HubLink = LocalHub(central)
    known = hub.configuration(node, 0)
    assert known is not None
    assert hub.configuration(node, known.version) is None


def test_a_removed_camera_is_no_longer_recorded(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session)
        done(remove_camera(session, CONSOLE, added.camera.id, at=NOW))
    configuration = LocalHub(central).configuration(added.device.node_id, 0)
    assert configuration is not None
    assert configuration.streams == ()


def test_a_node_that_is_not_known_is_told_so(central_sqlite: Engines) -> None:
    with pytest.raises(NotFound, match="vms init"):
        LocalHub(central_sqlite).configuration(NodeId(1), 0)


def test_coverage_reported_again_takes_the_place_of_the_earlier_report(central: Engines) -> None:
    with central.writing() as session:
        node = a_camera(session).device.node_id
    hub, start = LocalHub(central), ms_of(NOW)
    for end_s in (30, 60):
        hub.report_coverage(node, [CoverageSpan(STREAM, start, start + 1000 * end_s)])
    with central.reading() as session:
        assert coverage.find(session, [STREAM], span(0, 10)) == [CoverageSpan(STREAM, start, start + 60_000)]
        assert coverage.find(session, [STREAM], span(61, 70)) == []


def test_the_newest_state_of_a_stream_is_kept(central: Engines) -> None:
    with central.writing() as session:
        added = a_camera(session)
    stream = added.camera.streams[0].id
    hub = LocalHub(central)
    for at, state in ((NOW, CameraState.CONNECTING), (after(5), CameraState.REFUSED)):
        hub.report_states(added.device.node_id, [StreamStatus(stream, state, at, "wrong password")], at=at)
    with central.reading() as session:
        assert coverage.states(session) == {
            stream: coverage.ReportedStatus(StreamStatus(stream, CameraState.REFUSED, after(5), "wrong password"), after(5))
        }


def test_a_state_of_a_stream_that_the_hub_forgot_is_left_out(central: Engines) -> None:
    with central.writing() as session:
        node = a_camera(session).device.node_id
    LocalHub(central).report_states(node, [StreamStatus(StreamId(1), CameraState.OFF, NOW)], at=NOW)
    with central.reading() as session:
        assert coverage.states(session) == {}


def test_a_hub_whose_database_is_away_says_so(tmp_path: Path) -> None:
    hub = LocalHub(make_engines(tmp_path / "no" / "such" / "folder.db"))
    with pytest.raises(Unavailable, match="tries again"):
        hub.configuration(NodeId(1), 0)
