"""A recorder records on through a rotation of every key, and afterwards works with the new ones alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from itertools import pairwise

import pytest

from tests.recorder.site import CLOCK, DAY, Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.domain.footage import GapReason, Segment
from vms.domain.ids import StreamId
from vms.domain.timespan import TICKS_PER_MS, Timespan, ms_of, ticks_of
from vms.services.key_rotation import half_done, show_keys
from vms.store.key_files import KeyFiles

pytestmark = pytest.mark.slow


def _rotate(site: Site) -> str:
    """Rotate every key with the command that IT gives, beside the running recorder."""
    ended = subprocess.run(
        [sys.executable, "-m", "vms", "--data", str(site.settings.data_dir), "keys", "rotate", "node", "factors", "footage", "texts"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _recorded_until(site: Site, stream: StreamId) -> int:
    found = site.segments(stream)
    return found[-1].end_ticks if found else 0


def test_a_rotation_beside_a_running_recorder_costs_no_picture_and_a_new_worker_opens_the_camera(site: Site, cameras: Cameras) -> None:
    one, other = cameras.demo.keys[:2]
    stream = stream_of(site.add_camera("Entrance", cameras.demo.port, cameras.demo.path(one)))
    site.start()
    (segment, *_) = site.wait_for_segments(stream, 1)
    wait_until(site.states)
    seen, before = _shown(site, segment), show_keys(site.settings)

    said = _rotate(site)

    rotated_at = ticks_of(CLOCK.now())
    wait_until(lambda: _recorded_until(site, stream) > rotated_at)
    assert "node: cameras' passwords sealed anew: 1;" in said
    assert half_done(site.settings) == []
    assert {key.fingerprint for key in before}.isdisjoint(key.fingerprint for key in show_keys(site.settings))
    assert len(site.runs(stream)) == 1
    assert all(first.end_ticks == second.start_ticks for first, second in pairwise(site.segments(stream)))

    assert _shown(site, segment) == seen

    added = stream_of(site.add_camera("Added after", cameras.demo.port, cameras.demo.path(other)))
    site.wait_for_segments(added, 1)
    os.kill(site.children("recorder.worker")[0], signal.SIGKILL)
    killed_ms = ms_of(CLOCK.now())
    for each in (stream, added):
        wait_until(lambda each=each: _recorded_until(site, each) > killed_ms * TICKS_PER_MS)  # type: ignore[misc]
    assert site.stop() == 0

    assert site.runs(stream)[0].end_reason is GapReason.RECORDER_CRASHED
    assert "camera password can't be opened; enter it again" not in {line["event"] for line in site.log_lines()}
    assert site.check().violations == ()


def test_a_key_file_that_can_not_be_read_while_a_worker_is_started_again_is_waited_for(site: Site, cameras: Cameras) -> None:
    stream = stream_of(site.add_camera("Entrance", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0])))
    site.start()
    site.wait_for_segments(stream, 1)
    files = KeyFiles(site.settings.kek_path)
    files.begin()
    with closing(site.keys()) as keys:
        keys.rewrap()
    files.path.chmod(0o640)
    os.kill(site.children("recorder.worker")[0], signal.SIGKILL)
    wait_until(lambda: "worker waits: index or keys do not answer" in {line.get("event") for line in site.log_lines()})
    files.path.chmod(0o600)
    wait_until(lambda: len(site.runs(stream)) == 2)
    assert site.stop() == 0
    assert site.check().violations == ()


def _shown(site: Site, segment: Segment) -> bytes:
    """Return a segment as the node that runs shows it."""
    headers = site.grant(segment.stream_id, Timespan(CLOCK.now() - DAY, CLOCK.now() + DAY))
    whole = {"offset": 0, "length": sum(entry.size for entry in segment.fragments)}
    with site.api() as api:
        answer = api.get(f"/v1/segments/{segment.id}/bytes", params=whole, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content
