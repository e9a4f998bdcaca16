"""Decoding and encoding: what comes out shows what went in, and nothing that goes in ends the process."""

from __future__ import annotations

import random

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.codeccontext import VideoCodecContext

from recorder.fallback.frames import MAX_PIXELS
from recorder.fallback.transcode import Transcoder
from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.jpeg import JpegPictures
from tests.recorder.rtp.old_pictures import OldCodec, coded, payload_lists, put_together

pytestmark = pytest.mark.slow
CODECS = pytest.mark.parametrize("codec", ["jpeg", "mpeg4"])
SIZE = {"width": 160, "height": 96}


def transcoded(codec: OldCodec, pictures: list[bytes], *, keyframes: set[int] | None = None) -> list[tuple[int, bytes]]:
    transcoder, wanted = Transcoder(codec), {0} if keyframes is None else keyframes
    return [made for number, picture in enumerate(pictures) for made in transcoder.take(number, picture, keyframe=number in wanted)]


def grey(units: list[bytes]) -> list[npt.NDArray[np.int16]]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = {"err_detect": "explode"}
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))]
    return [np.asarray(frame.to_ndarray(format="gray"), np.int16) for frame in (*frames, *decoder.decode(None))]


def nal_types(unit: bytes) -> set[int]:
    return {nal[0] & 0x1F for nal in unit.split(b"\x00\x00\x01")[1:]}


@CODECS
def test_each_picture_becomes_one_that_looks_like_it(codec: OldCodec) -> None:
    sent = list(coded(codec, **SIZE))
    made = transcoded(codec, sent)
    shown = grey([unit for _, unit in made])

    assert [number for number, _ in made] == list(range(len(sent)))
    assert len(shown) == len(sent)
    for number, picture in enumerate(shown):  # the pattern moves by a pixel a picture
        distances = [np.abs(np.roll(shown[0], step, axis=1) - picture)[:, 16:-16].mean() for step in range(len(sent))]
        assert int(np.argmin(distances)) == number


@CODECS
def test_keyframes_come_where_they_are_asked_for_and_nowhere_else(codec: OldCodec) -> None:
    made = transcoded(codec, list(coded(codec, **SIZE)), keyframes={0, 7})

    assert [number for number, unit in made if 5 in nal_types(unit)] == [0, 7]
    assert all({7, 8} <= nal_types(unit) for number, unit in made if number in (0, 7))


@CODECS
def test_a_keyframe_that_was_asked_of_a_damaged_picture_comes_with_the_next(codec: OldCodec) -> None:
    sent = list(coded(codec, **SIZE))
    sent[6] = b"\x00\x00\x01\xb0rubbish"
    made = transcoded(codec, sent, keyframes={0, 6})

    assert 6 not in [number for number, _ in made]
    assert next(number for number, unit in made[1:] if 5 in nal_types(unit)) >= 7


def test_pictures_that_are_sent_out_of_order_come_back_in_the_order_in_which_they_are_shown() -> None:
    made = transcoded("mpeg4", list(coded("mpeg4", b_frames=2, gop=12, **SIZE)))

    assert [number for number, _ in made] == [0, 2, 3, 1, 5, 6, 4, 8, 9, 7, 11]  # sent I P B B P B B P B B P B; the last waits


def test_a_picture_of_another_size_begins_with_its_own_parameter_sets() -> None:
    small, large = coded("jpeg", **SIZE)[0], coded("jpeg", width=192, height=128)[0]
    made = transcoded("jpeg", [small, small, large, large])

    assert [7 in nal_types(unit) for _, unit in made] == [True, False, True, False]


def test_no_nal_unit_is_longer_than_a_packet() -> None:
    noise = coded("jpeg", count=1, width=1920, height=1088)
    (made,) = transcoded("jpeg", list(noise))

    assert len(made[1]) > 100_000
    assert max(len(nal) for nal in made[1].split(b"\x00\x00\x01")) < 65_000


@pytest.mark.parametrize(("columns", "rows"), [(0xFFFF, 0xFFFF), (3848, 2160)])
def test_a_picture_of_too_many_pixels_is_not_decoded(columns: int, rows: int) -> None:
    assert columns * rows > MAX_PIXELS
    assembler = JpegPictures(ReaderCounters(), (columns, rows))
    parts = [payload[:6] + b"\x00\x00" + payload[8:] for payload in payload_lists("jpeg", coded("jpeg", count=1))[0]]
    (picture,) = put_together(assembler, [parts])

    assert transcoded("jpeg", [picture.payload]) == []


@CODECS
def test_noise_and_damage_end_nothing(codec: OldCodec) -> None:
    chance, sent, transcoder = random.Random(5), coded(codec, **SIZE), Transcoder(codec)
    for number in range(300):
        picture = bytearray(sent[number % len(sent)])
        for _ in range(chance.randrange(1, 30)):
            picture[chance.randrange(len(picture))] = chance.randrange(256)
        if number % 10 == 0:
            picture = bytearray(chance.randbytes(chance.randrange(1, 3000)))
        list(transcoder.take(number, bytes(picture), keyframe=False))
    made = [unit for number, picture in enumerate(sent, 300) for _, unit in transcoder.take(number, picture, keyframe=True)]

    assert len(made) == len(sent)
