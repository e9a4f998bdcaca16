"""A camera that somebody paused: not recorded, not shown, not missed, and back by itself."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from websockets.sync.client import unix_connect

from tests.factories import CONSOLE, done
from tests.recorder.site import CLOCK, Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.domain.camera import CameraDetails, Pause
from vms.domain.footage import GapReason
from vms.domain.ids import StreamId
from vms.services.pauses import pause_camera, resume_camera
from vms.services.status import status_document

pytestmark = pytest.mark.slow


@pytest.fixture
def camera(site: Site, cameras: Cameras) -> CameraDetails:
    added = site.add_camera("Hall", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0]))
    site.start()
    site.wait_for_segments(stream_of(added), 1)
    return added


def pause(site: Site, camera: CameraDetails, seconds: int) -> Pause:
    wanted = Pause(CLOCK.now() + timedelta(seconds=seconds), "The room is being painted.")
    with site.central.writing() as session:
        done(pause_camera(session, CONSOLE, camera.camera.id, wanted, at=CLOCK.now()))
    # The gap stays, where the state of a short pause may be gone before anybody looks.
    wait_until(lambda: GapReason.PAUSED in {gap.reason for gap in site.gaps(stream_of(camera))}, seconds=40)
    return wanted


def open_gap(site: Site, stream: StreamId) -> GapReason | None:
    return next((gap.reason for gap in site.gaps(stream) if gap.end is None), None)


def test_a_pause_ends_by_itself_and_is_told_as_one(site: Site, camera: CameraDetails) -> None:
    stream = stream_of(camera)
    wanted = pause(site, camera, 8)
    wait_until(lambda: len(site.runs(stream)) == 2, seconds=60)
    wait_until(lambda: site.state(stream) == "recording")

    first, second = site.runs(stream)
    assert first.end_reason is GapReason.PAUSED
    assert second.start_ms >= int(wanted.until.timestamp()) * 1000
    assert {gap.reason for gap in site.gaps(stream)} == {GapReason.PAUSED}
    assert all(wanted.reason in gap.detail for gap in site.gaps(stream))
    assert site.stop() == 0
    assert site.check().violations == ()


def test_a_paused_camera_is_not_shown_and_says_why(site: Site, camera: CameraDetails) -> None:
    stream = stream_of(camera)
    pause(site, camera, 600)
    address = f"ws://node/v1/live/{stream}"
    with unix_connect(str(site.settings.node_socket), address, additional_headers=site.grant(stream, None), compression=None) as viewer:
        told = viewer.recv(timeout=10)

    assert isinstance(told, str)
    assert json.loads(told)["state"] == "paused"
    assert "The room is being painted." in json.loads(told)["sentence"]


def test_paused_time_is_not_expected(site: Site, camera: CameraDetails) -> None:
    pause(site, camera, 600)
    wait_until(lambda: open_gap(site, stream_of(camera)) is GapReason.PAUSED)
    with site.central.reading() as session, site.index.read.begin() as connection:
        document = status_document(session, connection, actor=CONSOLE, now=CLOCK.now() + timedelta(minutes=5))

    (shown,) = document["cameras"]
    assert shown["expected_s"] < 150


def test_a_recorder_that_starts_anew_keeps_to_the_pause_until_it_is_taken_back(site: Site, camera: CameraDetails) -> None:
    stream = stream_of(camera)
    pause(site, camera, 600)
    assert site.stop() == 0
    site.start()
    wait_until(lambda: site.state(stream) == "paused")
    with site.central.writing() as session:
        done(resume_camera(session, CONSOLE, camera.camera.id, at=CLOCK.now()))
    wait_until(lambda: site.state(stream) == "recording")

    wait_until(lambda: open_gap(site, stream) is None)
