from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import av
import pytest
from av.video.frame import PictureType

from recorder.demo.encode import ClipOrder, Profile, has_codec, prepare
from recorder.demo.packets import access_units
from tests.fakes.cameras import CACHE, TINY_H265, TINY_MAIN, code_of
from tests.processes import descendants, is_running
from tests.waiting import wait_until

SMALL = Profile(160, 90, fps=2, gop_seconds=2)
ORDER = ClipOrder("Returns desk", SMALL)


@pytest.fixture(scope="module")
def tiny_clip() -> Path:
    (path,) = prepare([ClipOrder("Main entrance", TINY_MAIN)], CACHE, processes=0)
    return path


def decoded(path: Path, codec: str) -> list[av.VideoFrame]:
    with av.open(str(path), format=codec) as container:
        return list(container.decode(video=0))


def test_loop_is_exactly_a_minute_and_each_frame_says_when(tiny_clip: Path) -> None:
    times = [code_of(frame) for frame in decoded(tiny_clip, "h264")]
    assert times == [number * 100 for number in range(600)]


def test_keyframes_stand_at_equal_distances_and_nothing_refers_backwards(tiny_clip: Path) -> None:
    units = access_units(tiny_clip.read_bytes(), "h264")
    assert [number for number, unit in enumerate(units) if any(nal[0] & 31 == 5 for nal in unit)] == list(range(0, 600, 10))
    assert {frame.pict_type for frame in decoded(tiny_clip, "h264")} == {PictureType.I, PictureType.P}


def test_keyframe_carries_its_parameter_sets(tiny_clip: Path) -> None:
    units = access_units(tiny_clip.read_bytes(), "h264")
    assert {tuple(nal[0] & 31 for nal in unit) for unit in units[::10]} == {(7, 8, 5)}


@pytest.mark.slow
def test_second_start_finds_the_clip_in_the_cache(tmp_path: Path) -> None:
    (path,) = prepare([ORDER], tmp_path, processes=0)
    made = path.stat().st_mtime_ns
    assert prepare([ORDER], tmp_path, processes=0) == [path]
    assert path.stat().st_mtime_ns == made
    assert [each.name for each in tmp_path.iterdir()] == [ORDER.file_name()]


@pytest.mark.slow
def test_progress_grows_to_the_whole_while_children_encode(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    orders = [ORDER, dataclasses.replace(ORDER, scene="Reading room")]
    paths = prepare(orders, tmp_path, processes=2, progress=lambda share, text: told.append((share, text)))
    assert [path.name for path in paths] == [order.file_name() for order in orders]
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any("Reading room" in text for _, text in told)


def test_whatever_shapes_a_clip_shapes_its_name() -> None:
    others = [
        dataclasses.replace(ORDER, scene="Reading room"),
        dataclasses.replace(ORDER, profile=dataclasses.replace(SMALL, crf=30)),
        dataclasses.replace(ORDER, profile=dataclasses.replace(SMALL, codec="h265")),
    ]
    assert len({ORDER.file_name(), *(order.file_name() for order in others)}) == 4


@pytest.mark.slow
def test_a_clip_that_looks_ahead_says_as_much_with_fewer_bits_and_refers_to_nothing_that_comes(tmp_path: Path) -> None:
    small = dataclasses.replace(TINY_MAIN, preset="veryfast")
    orders = [ClipOrder("Main entrance", dataclasses.replace(small, looks_ahead=ahead)) for ahead in (False, True)]
    plain, sparing = prepare(orders, tmp_path, processes=0)
    assert sparing.stat().st_size < 0.9 * plain.stat().st_size
    frames = decoded(sparing, "h264")
    assert [code_of(frame) for frame in frames] == [number * 100 for number in range(600)]
    assert {frame.pict_type for frame in frames} == {PictureType.I, PictureType.P}


@pytest.mark.parametrize(("fps", "gop_seconds"), [(7, 2), (10, 7)])
def test_profile_that_does_not_fit_the_minute_is_refused(fps: int, gop_seconds: int) -> None:
    with pytest.raises(ValueError, match="does not loop"):
        Profile(320, 180, fps=fps, gop_seconds=gop_seconds)


@pytest.mark.slow
@pytest.mark.skipif(not has_codec("h265"), reason="this build of PyAV has no libx265")
def test_h265_clip_is_a_minute_too() -> None:
    (path,) = prepare([ClipOrder("Main entrance", TINY_H265["main"])], CACHE, processes=0)
    times = [code_of(frame) for frame in decoded(path, "hevc")]
    assert times == [number * 200 for number in range(300)]


def test_a_preparation_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recorder.demo", "--listen", "127.0.0.1:0", "--cameras", "2", "--cache", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as demo:
        wait_until(lambda: len(list(tmp_path.glob("*.part"))) == 2, seconds=60)
        children = descendants(demo.pid)
        demo.kill()
    assert len(children) >= 2
    wait_until(lambda: not any(is_running(child) for child in children))
