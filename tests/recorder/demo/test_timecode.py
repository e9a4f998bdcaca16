from __future__ import annotations

import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from recorder.demo import timecode
from recorder.demo.encode import MAIN, _encoder, _video_frame
from recorder.demo.scene import Scene
from tests.fakes.cameras import code_of

SIZES = [(1920, 1080), (1280, 720), (704, 396), (640, 360), (320, 180), (192, 108), (160, 90)]


def coded(milliseconds: int, width: int = 320, height: int = 180) -> timecode.Luma:
    frame = np.full((height, width), 120, np.uint8)
    timecode.draw(frame, milliseconds)
    return frame


@given(milliseconds=st.integers(0, 59_999), size=st.sampled_from(SIZES))
def test_what_is_drawn_is_read(milliseconds: int, size: tuple[int, int]) -> None:
    assert timecode.read(coded(milliseconds, *size)) == milliseconds


@given(milliseconds=st.integers(0, 59_999), bit=st.integers(2, 21))
def test_one_wrong_block_is_no_code_rather_than_another_time(milliseconds: int, bit: int) -> None:
    frame = coded(milliseconds)
    left = (timecode.LEFT_CELLS + bit) * 4
    block = frame[8:12, left : left + 4]
    block[...] = timecode.BLACK if block[0, 0] == timecode.WHITE else timecode.WHITE
    assert timecode.read(frame) is None


@given(milliseconds=st.integers(0, 59_999), seed=st.integers(0, 1000))
def test_code_survives_noise_and_low_contrast(milliseconds: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 12, (180, 320))
    dull = np.clip(coded(milliseconds) * 0.5 + 60 + noise, 0, 255).astype(np.uint8)
    assert timecode.read(dull) == milliseconds


@pytest.mark.parametrize("level", [0, 16, 128, 235])
def test_picture_without_a_code_has_none(level: int) -> None:
    assert timecode.read(np.full((180, 320), level, np.uint8)) is None


def test_picture_too_small_for_a_code_has_none() -> None:
    assert timecode.read(np.full((40, 100), 128, np.uint8)) is None


@pytest.mark.parametrize("milliseconds", [-1, 60_000])
def test_time_outside_the_minute_is_refused(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="not within a minute"):
        coded(milliseconds)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["FAST_BILINEAR", "BICUBIC", "AREA"])
def test_code_survives_encoding_and_scaling_to_320_pixels(interpolation: str) -> None:
    scene = Scene("Reading room", width=MAIN.width, height=MAIN.height)
    times = [42_360, 42_426, 42_493, 59_933]
    encoder, decoder = _encoder(MAIN), VideoCodecContext.create("h264", "r")
    packets = [packet for number, time in enumerate(times) for packet in encoder.encode(_video_frame(scene.frame(time), number))]
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    assert [code_of(frame.reformat(320, 180, interpolation=interpolation)) for frame in frames] == times
