"""Hostile cameras recorded beside a good one of the same worker: each is called what it is, and nobody pays for it."""

from __future__ import annotations

import io
import string
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.fakes.cameras import TINY_MAIN
from tests.hostile import before_playing, descriptions, old_codecs, units, while_playing
from tests.hostile.beside import Beside, Seen, hostile_ports
from tests.hostile.catalog import CAMERAS, RECORDED
from tests.recorder.site import Cameras, Site, a_site
from vms.domain.footage import GapReason
from vms.domain.timespan import TICKS_PER_SECOND

MAX_BUFFERED_BYTES = 8 * 1024 * 1024 + 64 * 1024
"""What a stream may hold when a picture comes, and what may have come of the frame after it."""
MAX_GROWTH_MEGABYTES = 32
MEGABYTES_A_CAMERA = 0.5
"""What each further camera of a batch may cost: a few batches on their way, and its share of the reader's own memory."""
EVERYDAY_PAUSE, NO_PAUSE = 0.05, 0.0
SCRIPTS = (before_playing, descriptions, old_codecs, units, while_playing)


@pytest.fixture
def beside(tmp_path: Path, good: Cameras, request: pytest.FixtureRequest) -> Iterator[Beside]:
    """A recorder that records a good camera; its parameter is how long hostile cameras pause between two batches of a flood."""
    with a_site(tmp_path / "data") as site, hostile_ports(request.param) as ports:
        yield Beside.start(site, good, ports)


@pytest.fixture(scope="module")
def good() -> Iterator[Cameras]:
    made = Cameras(1)
    yield made
    made.close()


def test_the_catalog_is_large_and_every_script_is_in_it() -> None:
    assert len(CAMERAS) >= 60
    assert {Path(script.__file__ or "").stem for script in SCRIPTS} == {
        camera.script.__module__.rpartition(".")[2] for camera in CAMERAS.values()
    }


@pytest.mark.slow
@pytest.mark.parametrize("beside", [EVERYDAY_PAUSE], indirect=True)
def test_all_hostile_cameras_on_one_worker_harm_nobody(beside: Beside) -> None:
    seen = beside.judge(camera for camera in CAMERAS.values() if not camera.greedy)
    seen += beside.judge(camera for camera in CAMERAS.values() if camera.greedy)
    assert_harmless(beside, seen, MAX_GROWTH_MEGABYTES + MEGABYTES_A_CAMERA * len(seen))


@pytest.mark.long
@pytest.mark.parametrize("beside", [NO_PAUSE], indirect=True)
@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_one_hostile_camera_harms_nobody(beside: Beside, name: str) -> None:
    assert_harmless(beside, beside.judge([CAMERAS[name]]), MAX_GROWTH_MEGABYTES)


def assert_harmless(beside: Beside, seen: list[Seen], max_growth_megabytes: float) -> None:
    site, grown = beside.site, beside.worker.grown_megabytes
    assert site.children("recorder.worker") == [beside.worker.pid]
    for each in seen:
        assert_told_clearly(each)
        assert each.most_buffered_bytes <= MAX_BUFFERED_BYTES, each.camera.name
    assert grown <= max_growth_megabytes
    state = site.states()[beside.good]
    assert site.stop() == 0
    assert (state["lost_packets"], state["damaged_pictures"]) == (0, 0)
    assert_nothing_is_missing(site, beside)
    assert site.check().violations == ()


def assert_told_clearly(seen: Seen) -> None:
    """Demand a sentence for a person, whatever octets the camera sent."""
    assert set("".join(seen.states.values())) <= set(string.printable) - set("\r\n\t\v\f")
    sentence = seen.states[seen.camera.verdict.state]
    assert seen.camera.verdict == RECORDED or (sentence.endswith(".") and len(sentence.split()) >= 4), sentence


def assert_nothing_is_missing(site: Site, beside: Beside) -> None:
    """Demand every picture of the good camera, from its first to the recorder's stop, at an even distance."""
    assert [run.end_reason for run in site.runs(beside.good)] == [GapReason.RECORDER_STOPPED]
    segments = site.segments(beside.good)
    assert all(before.end_ticks == after.start_ticks for before, after in pairwise(segments))
    times: list[int] = []
    for segment in segments:
        with av.open(io.BytesIO(site.plaintext(segment)), "r") as container:
            times += [packet.dts for packet in container.demux(video=0) if packet.size and packet.dts is not None]
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) < 1.5 * TICKS_PER_SECOND / TINY_MAIN.fps
