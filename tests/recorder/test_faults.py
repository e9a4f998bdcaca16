"""Cameras and disks that fail, with the real processes: the state and the reason are told, everything else goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from websockets.sync.client import unix_connect

from tests.fakes.cameras import PASSWORD
from tests.recorder.rtp.packets import unreadable
from tests.recorder.rtsp.scripted_camera import SDP_WITHOUT_SETS, ScriptedCamera
from tests.recorder.site import Cameras, Site, a_site, scripted_camera, stream_of
from tests.waiting import wait_until
from vms.domain.camera import CameraDetails
from vms.domain.footage import GapReason
from vms.domain.ids import StreamId
from vms.domain.timespan import ms_of
from vms.media.segment_layout import whole_places
from vms.store.database import BUSY_SECONDS

pytestmark = pytest.mark.slow


@pytest.fixture
def faulty() -> Iterator[Cameras]:
    """Two cameras that a test may break."""
    made = Cameras(2)
    yield made
    made.close()


def add(site: Site, cameras: Cameras, number: int, name: str, *, password: str = PASSWORD, path: str | None = None) -> CameraDetails:
    key = cameras.demo.keys[number]
    return site.add_camera(name, cameras.demo.port, path or cameras.demo.path(key), password=password)


def wait_for_gap(site: Site, stream: StreamId, reason: GapReason, *, seconds: float = 30) -> None:
    wait_until(lambda: reason in {gap.reason for gap in site.gaps(stream)}, seconds=seconds)


def assert_runs_and_gaps_abut(site: Site, stream: StreamId) -> None:
    """Demand that runs do not overlap and that missing time between two begins where the first ends."""
    starts = {ms_of(gap.start) for gap in site.gaps(stream)}
    for before, after in pairwise(site.runs(stream)):
        assert before.end_ms <= after.start_ms
        assert before.end_ms == after.start_ms or before.end_ms in starts


def test_wrong_cameras_are_told_apart_and_the_right_one_is_recorded(site: Site, cameras: Cameras) -> None:
    right = add(site, cameras, 0, "Right")
    wrong_password = add(site, cameras, 0, "Wrong password", password="not the password")
    wrong_path = add(site, cameras, 0, "Wrong path", path="/nowhere")
    nobody = site.add_camera("Nobody", 1, "/main")
    site.start()
    site.wait_for_segments(stream_of(right), 1)

    expected = {
        wrong_password: ("refused", "does not take this user name and password"),
        wrong_path: ("refused", "no stream under this path"),
        nobody: ("offline", "nothing listens on that port"),
    }
    for camera, (state, words) in expected.items():
        stream = stream_of(camera)
        wait_until(lambda stream=stream, state=state: site.state(stream) == state)  # type: ignore[misc]
        assert words in str(site.states()[stream]["detail"])
    assert site.state(stream_of(right)) == "recording"
    wait_for_gap(site, stream_of(wrong_password), GapReason.REFUSED)
    wait_for_gap(site, stream_of(nobody), GapReason.OFFLINE)


def test_a_camera_that_can_not_be_described_ends_no_recording_of_another(site: Site, cameras: Cameras) -> None:
    with scripted_camera(ScriptedCamera(sdp=SDP_WITHOUT_SETS, after_play=unreadable())) as scripted:
        good, bad = add(site, cameras, 0, "Good"), site.add_camera("Bad", scripted.port, "/")
        site.start()
        wait_for_gap(site, stream_of(bad), GapReason.UNSUPPORTED)
        wait_until(lambda: site.state(stream_of(bad)) == "refused")
        site.wait_for_segments(stream_of(good), 2)
        assert site.stop() == 0

    assert "worker died" not in {line["event"] for line in site.log_lines()}
    assert [gap.reason for gap in site.gaps(stream_of(good))] == [GapReason.RECORDER_STOPPED]


def test_a_camera_that_freezes_is_silent_and_the_others_go_on(site: Site, faulty: Cameras) -> None:
    frozen, other = add(site, faulty, 0, "Frozen"), add(site, faulty, 1, "Other")
    site.start()
    site.wait_for_segments(stream_of(frozen), 1)
    faulty.do(lambda demo: demo.script.freeze(demo.keys[0]))

    wait_until(lambda: site.state(stream_of(frozen)) == "silent", seconds=20)
    wait_for_gap(site, stream_of(frozen), GapReason.SILENT)
    recorded = len(site.segments(stream_of(other)))
    faulty.resume()
    wait_until(lambda: site.state(stream_of(frozen)) == "recording", seconds=30)
    wait_until(lambda: len(site.runs(stream_of(frozen))) == 2)
    assert site.stop() == 0

    assert recorded >= 4
    assert len(site.runs(stream_of(other))) == 1
    assert_runs_and_gaps_abut(site, stream_of(frozen))


def test_a_camera_that_goes_away_is_a_gap_between_two_runs(site: Site, faulty: Cameras) -> None:
    stream = stream_of(add(site, faulty, 0, "Away"))
    site.start()
    site.wait_for_segments(stream, 1)
    faulty.do(lambda demo: demo.script.refuse())
    faulty.do(lambda demo: demo.script.drop())
    wait_for_gap(site, stream, GapReason.OFFLINE)
    wait_until(lambda: site.state(stream) == "offline")
    faulty.resume()

    wait_until(lambda: len(site.runs(stream)) == 2)
    assert site.stop() == 0

    assert [gap.reason for gap in site.gaps(stream)] == [GapReason.OFFLINE, GapReason.RECORDER_STOPPED]
    assert_runs_and_gaps_abut(site, stream)


def test_time_stamps_that_jump_begin_a_new_run(site: Site, faulty: Cameras) -> None:
    stream = stream_of(add(site, faulty, 0, "Jumping"))
    site.start()
    site.wait_for_segments(stream, 1)
    faulty.do(lambda demo: demo.script.jump(-3600, demo.keys[0]))

    wait_until(lambda: len(site.runs(stream)) == 2)
    assert site.stop() == 0

    assert site.runs(stream)[0].end_reason is GapReason.STREAM_CHANGED
    assert site.check().violations == ()
    assert_runs_and_gaps_abut(site, stream)


def test_a_changed_picture_size_begins_a_new_run(site: Site, faulty: Cameras) -> None:
    stream = stream_of(add(site, faulty, 0, "Changing"))
    site.start()
    site.wait_for_segments(stream, 1)
    faulty.do(lambda demo: demo.script.change_parameters(demo.keys[0]))

    wait_until(lambda: {segment.width for segment in site.segments(stream)} == {320, 192})
    assert site.stop() == 0

    assert site.runs(stream)[0].end_reason is GapReason.STREAM_CHANGED
    assert site.check().violations == ()


@pytest.mark.long
def test_an_index_that_is_locked_for_long_keeps_no_camera_from_being_recorded_again(site: Site, cameras: Cameras) -> None:
    stream = stream_of(add(site, cameras, 0, "Locked"))
    site.start()
    site.wait_for_segments(stream, 1)
    with site.index.write.begin():  # as long as another process may hold it, and longer than anybody waits for it
        wait_until(lambda: any(whole_pictures(part) for part in site.volume().path.rglob("*.part")))
        (worker,) = site.children("recorder.worker")
        os.kill(worker, signal.SIGKILL)
        for event in ("worker waits: index or keys do not answer", "put off: index or keys do not answer"):
            wait_until(lambda event=event: event in {line.get("event") for line in site.log_lines()}, seconds=BUSY_SECONDS * 8)  # type: ignore[misc]

    wait_until(lambda: len(site.runs(stream)) == 2, seconds=90)
    wait_until(lambda: site.state(stream) == "recording")
    assert site.stop() == 0
    assert site.check().violations == ()


def whole_pictures(part: Path) -> bool:
    """Say whether a `.part` holds a fragment, so that a kill now leaves something to salvage."""
    try:
        with part.open("rb") as file:
            return len(whole_places(file.fileno())) > 1
    except FileNotFoundError:
        return False


@pytest.mark.long
def test_a_worker_that_hangs_is_replaced(site: Site, cameras: Cameras) -> None:
    stream = stream_of(add(site, cameras, 0, "Hanging"))
    site.start()
    site.wait_for_segments(stream, 1)
    (worker,) = site.children("recorder.worker")
    os.kill(worker, signal.SIGSTOP)

    wait_until(lambda: len(site.runs(stream)) == 2, seconds=60)
    wait_until(lambda: site.state(stream) == "recording")
    assert "worker hangs; it is killed" in {line["event"] for line in site.log_lines()}
    assert site.stop() == 0
    assert [gap.reason for gap in site.gaps(stream)] == [GapReason.RECORDER_CRASHED, GapReason.RECORDER_STOPPED]


def test_at_max_bytes_recording_stops_live_goes_on_and_room_brings_it_back(tmp_path: Path, cameras: Cameras) -> None:
    with a_site(tmp_path / "data", max_bytes=8_000_000) as site:
        stream = stream_of(add(site, cameras, 0, "Full"))
        site.start()
        site.wait_for_segments(stream, 1)
        filler = site.volume().path / "filler"
        filler.write_bytes(bytes(9_000_000))

        wait_until(lambda: site.state(stream) == "disk_full", seconds=30)
        wait_for_gap(site, stream, GapReason.DISK_FULL)
        with unix_connect(
            str(site.settings.node_socket), f"ws://node/v1/live/{stream}", additional_headers=site.grant(stream, None), compression=None
        ) as socket:
            while isinstance(socket.recv(5), str):
                pass
        filler.unlink()
        wait_until(lambda: site.state(stream) == "recording", seconds=30)
        wait_until(lambda: len(site.runs(stream)) == 2, seconds=30)
        assert site.stop() == 0

        assert site.check().violations == ()
        assert_runs_and_gaps_abut(site, stream)


def test_a_camera_added_while_recording_is_taken_up(site: Site, cameras: Cameras) -> None:
    site.start()
    stream = stream_of(add(site, cameras, 0, "New"))
    site.wait_for_segments(stream, 1)

    wait_until(lambda: site.state(stream) == "recording")


def test_a_second_recorder_on_the_same_data_is_refused(site: Site, cameras: Cameras) -> None:
    stream = stream_of(add(site, cameras, 0, "Only one"))
    site.start()
    site.wait_for_segments(stream, 1)
    second = subprocess.run(
        [sys.executable, "-m", "vms", "--data", str(site.settings.data_dir), "record"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode == 2
    assert "Another recorder" in second.stderr
    assert site.state(stream) == "recording"
