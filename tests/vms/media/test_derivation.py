"""Copies with regions covered: of the original nothing is left but what is to be seen."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from av.container import OutputContainer

from tests.vms.media.made_files import START_MS, Picture, a_file, a_frame, lumas_of, noise
from tests.vms.media.pictures import Recipe, clip, open_fmp4
from tests.vms.media.segment_samples import START_TICKS, made_segment
from vms.domain.redaction import Between, Box, Cover, Keyframe, Region
from vms.domain.timespan import TICKS_PER_MS
from vms.errors import InvalidInput
from vms.media import derivation
from vms.media.boxes import child, iter_boxes
from vms.media.covering import FILL, pixels_of

WIDTH, HEIGHT = 192, 128
BOX = Box(2_500, 2_500, 2_500, 5_000)
PLACE = pixels_of(BOX, WIDTH, HEIGHT)
TEN_SECONDS = 10_000


def region(cover: Cover = Cover.FILL, *, since: int = 0, until: int = TEN_SECONDS) -> Region:
    return Region(cover, Between.ALL, (Keyframe(START_MS + since, BOX),), START_MS + until)


def copied(file: bytes, *regions: Region, since: int = 0, until: int = TEN_SECONDS, starts_ms: int | None = START_MS) -> bytes:
    target = io.BytesIO()
    cover = derivation.covering(regions, [0] * len(regions))
    found = derivation.pictures(io.BytesIO(file), starts_ms=starts_ms, start_ms=START_MS + since, end_ms=START_MS + until)
    derivation.write_copy(derivation.touched(found, [cover]), target)
    return target.getvalue()


def under(luma: Picture) -> Picture:
    return luma[PLACE.top : PLACE.bottom, PLACE.left : PLACE.right]


def beside(luma: Picture) -> Picture:
    return luma[:, PLACE.right + 16 :]


def test_what_is_covered_is_of_one_colour_in_the_copy_and_the_rest_is_there() -> None:
    originals = [noise(seed=n) for n in range(8)]
    made = lumas_of(copied(a_file(originals), region()))
    assert len(made) == 8
    for original, luma in zip(originals, made, strict=True):
        assert set(under(luma)[4:-4, 4:-4].flat) == {FILL[0]}
        assert np.abs(under(luma).astype(int) - FILL[0]).max() <= 16  # a player smooths the three pixels next to the edge
        assert np.abs(beside(luma).astype(int) - beside(original)).mean() < 12


@pytest.mark.parametrize("cover", Cover)
def test_copies_of_originals_that_differ_under_the_cover_alone_are_the_same_file(cover: Cover) -> None:
    """Nothing of what was covered, not even by way of the encoder, can be in a file that does not depend on it."""
    originals = [noise(seed=n) for n in range(8)]
    others = [luma.copy() for luma in originals]
    for luma in others:
        under(luma)[:16, :16] = np.flipud(under(luma)[:16, :16].copy())  # has the same mean
    one, other = a_file(originals), a_file(others)
    assert one != other
    assert lumas_of(other)[3].tolist() == others[3].tolist()
    assert copied(one, region(cover)) == copied(other, region(cover))


def nal_types(file: bytes) -> set[int]:
    found = set()
    with open_fmp4(file) as container:
        for packet in container.demux(video=0):
            content = bytes(packet)
            while content:
                size = int.from_bytes(content[:4])
                found.add(content[4] & 0x1F)
                content = content[4 + size :]
    return found


SECRET = b"the plaintiff's own name"


def an_original_that_tells(lumas: list[Picture]) -> bytes:
    """Return a file with user data in SEI, a second track, a title, an edit list and a thumbnail."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4", options={"movflags": "use_metadata_tags"}) as container:
        assert isinstance(container, OutputContainer)
        container.metadata.update({"title": SECRET.decode(), "location": "+42.3265-122.8756/", "note": SECRET.decode()})
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *lumas[0].shape, "yuv420p"
        stream.options = {"qp": "0", "bf": "2", "udu_sei": "1"}
        sound = container.add_stream("aac", rate=48_000)
        for number, luma in enumerate(lumas):
            frame = a_frame(luma)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
            tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            tone.sample_rate, tone.pts = 48_000, number * 1024
            container.mux(sound.encode(tone))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
    return target.getvalue()


def test_nothing_of_the_original_is_in_the_copy_but_pictures() -> None:
    original = an_original_that_tells([noise(seed=n) for n in range(12)])
    assert SECRET in original
    assert 6 in nal_types(original)  # SEI
    assert b"elst" in original
    made = copied(original, region())
    assert nal_types(made) <= {1, 5}
    assert [box.kind for box in iter_boxes(made)] == [b"ftyp", b"free", b"mdat", b"moov"]
    assert [box.kind for box in iter_boxes(child(made, b"moov", b"trak"))] == [b"tkhd", b"mdia"]
    assert not re.search(rb"x264|Lavf|Lavc|elst|plaintiff|42\.32", made)
    assert made == copied(a_file([noise(seed=n) for n in range(12)]), region())


def test_a_copy_has_the_pictures_of_its_span_and_no_others() -> None:
    flat = [np.full((HEIGHT, WIDTH), 20 + 10 * n, np.uint8) for n in range(20)]
    made = lumas_of(copied(a_file(flat), region(), since=200, until=480))
    assert [round(float(beside(luma).mean())) for luma in made] == [20 + 10 * n for n in range(5, 12)]


def test_a_region_is_covered_in_its_time_alone() -> None:
    made = lumas_of(copied(a_file([noise(seed=n) for n in range(20)]), region(since=300, until=400)))
    covered = [float(under(luma).std()) < 2 for luma in made]
    assert [number * 40 for number, one in enumerate(covered) if one] == [200, 240, 280, 320, 360, 400, 440, 480]  # with a margin


def test_pictures_that_were_predicted_from_covered_ones_are_as_they_were() -> None:
    """The decoder goes on from its own pictures, not from what was made of them."""
    original = [noise(seed=3)] * 12
    # a copy says its colour range, so that its frames are used as the decoder has them
    flagged = copied(a_file(original, options={"crf": "10", "preset": "ultrafast", "g": "100"}), region(since=9_000))
    made = lumas_of(copied(flagged, region(until=1)))
    assert float(under(made[0]).std()) < 2
    assert np.abs(under(made[-1]).astype(int) - under(original[0])).mean() < 15


@pytest.mark.parametrize("codec", ["libx265", "mpeg4"])
def test_other_codecs_come_out_as_h264(codec: str) -> None:
    options = {"x265-params": "log-level=none:pools=none:frame-threads=1:bframes=2"} if codec == "libx265" else {"b": "2M"}
    flat = [np.full((HEIGHT, WIDTH), 40 + 10 * n, np.uint8) for n in range(10)]
    made = copied(a_file(flat, codec=codec, options=options), region())
    with open_fmp4(made) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    means = [float(beside(luma).mean()) for luma in lumas_of(made)]
    assert len(means) == 10
    assert all(5 < later - earlier < 15 for earlier, later in pairwise(means))


def test_recorded_fragments_say_their_time_themselves() -> None:
    recorded = made_segment(clip(Recipe(width=WIDTH, height=HEIGHT, b_frames=2))).plaintext
    start = START_TICKS // TICKS_PER_MS
    found = derivation.pictures(io.BytesIO(recorded), starts_ms=None, start_ms=start, end_ms=start + TEN_SECONDS)
    times = [picture.at_ms for picture in found]
    assert [later - earlier for earlier, later in pairwise(times)] == [40] * 11
    assert start <= times[0] <= start + 80


def test_a_file_that_does_not_say_when_it_was_taken_is_asked_for() -> None:
    with pytest.raises(InvalidInput, match=r"does not say when its first picture was taken\. Give it: --starts"):
        copied(a_file([noise()]), region(), starts_ms=None)


def test_a_file_of_many_sizes_becomes_a_copy_of_its_first() -> None:
    made = copied(a_file([noise(width=194, height=130)]), region())
    assert lumas_of(made)[0].shape == (130, 194)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"not a film", "can't be decoded to its end"),
        (b"", "can't be decoded to its end"),
        (a_file([noise(seed=n) for n in range(8)])[:-2000], "can't be decoded to its end"),
    ],
)
def test_what_can_not_be_read_to_its_end_becomes_no_copy(file: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        copied(file, region())


def test_a_damaged_picture_is_not_passed_over() -> None:
    whole = a_file([noise(seed=n) for n in range(20)], options={"crf": "20", "preset": "ultrafast", "g": "10"})
    at = whole.index(b"mdat")
    spoiled = bytearray(whole)
    middle = at + (len(whole) - at) // 2
    spoiled[middle : middle + 20] = bytes(octet ^ 0x55 for octet in spoiled[middle : middle + 20])
    with pytest.raises(InvalidInput, match="Nothing was made of"):
        copied(bytes(spoiled), region())


def test_another_format_is_not_tried() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        container.mux(stream.encode(a_frame(noise())))
        container.mux(stream.encode(None))
    with pytest.raises(InvalidInput, match="can't be decoded"):
        copied(target.getvalue(), region())


def test_an_empty_span_makes_nothing() -> None:
    assert copied(a_file([noise()]), region(), since=5_000) == b""
