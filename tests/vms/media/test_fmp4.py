from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vms.media.pictures import FRAME_TICKS, Clip, Recipe, Sample, clip, open_fmp4, samples_of
from vms.errors import Corrupt, InvalidInput
from vms.media.boxes import read_fragment
from vms.media.fmp4 import ParameterSets, Samples, fragment_head, init_segment, read_init_segment, whole_fragment

NEW_YEAR_2026 = 1_767_225_600 * 90_000
RECIPES = {
    "h264": Recipe("h264"),
    "h264 with b-frames": Recipe("h264", b_frames=2),
    "h265": Recipe("h265"),
    "h265 with b-frames": Recipe("h265", b_frames=3),
    "10-bit h265": Recipe("h265", pix_fmt="yuv420p10le", width=70, height=50),
}
samples_strategy = st.lists(
    st.builds(Sample, st.binary(max_size=40), st.integers(1, 2**32 - 1), st.booleans(), st.integers(-(2**31), 2**31 - 1) | st.just(0)),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("name", RECIPES)
def test_every_picture_decodes_at_its_own_time(name: str) -> None:
    made = clip(RECIPES[name])
    with open_fmp4(_file(made, NEW_YEAR_2026, split_at=(5,))) as container:
        frames = list(container.decode(video=0))
    assert [frame.pts for frame in frames] == [NEW_YEAR_2026 + time for time in made.presentation]
    assert {(frame.width, frame.height) for frame in frames} == {(made.sets.width, made.sets.height)}


@pytest.mark.parametrize("name", RECIPES)
def test_a_reader_finds_each_sample_with_its_times_and_flags(name: str) -> None:
    made = clip(RECIPES[name])
    with open_fmp4(_file(made, NEW_YEAR_2026, split_at=(1, 7))) as container:
        assert container.streams.video[0].time_base == Fraction(1, 90_000)
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [bytes(packet) for packet in packets] == [sample.payload for sample in made.samples]
    assert [packet.is_keyframe for packet in packets] == [sample.keyframe for sample in made.samples]
    assert [packet.dts for packet in packets] == [NEW_YEAR_2026 + number * FRAME_TICKS for number in range(len(packets))]
    assert [packet.duration for packet in packets] == [FRAME_TICKS] * len(packets)


def test_fragments_of_one_picture_decode_like_longer_ones() -> None:
    made = clip(Recipe("h264", b_frames=2))
    live = init_segment(made.sets) + b"".join(
        whole_fragment(number, number * FRAME_TICKS, samples_of([sample])) for number, sample in enumerate(made.samples)
    )
    with open_fmp4(live) as container:
        assert tuple(frame.pts for frame in container.decode(video=0)) == made.presentation


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_an_init_segment_gives_its_parameter_sets_back(codec: str) -> None:
    sets = clip(Recipe("h265" if codec == "h265" else "h264")).sets
    twice = ParameterSets(sets.codec, sets.vps, sets.sps, sets.pps + sets.pps)
    assert read_init_segment(init_segment(twice)) == twice


@pytest.mark.parametrize("missing", ["sps", "pps"])
def test_an_init_segment_is_not_made_without_a_parameter_set(missing: str) -> None:
    sets = clip().sets
    broken = ParameterSets("h264", (), () if missing == "sps" else sets.sps, () if missing == "pps" else sets.pps)
    with pytest.raises(InvalidInput):
        init_segment(broken)


def test_an_h265_init_segment_is_not_made_without_its_vps() -> None:
    sets = clip(Recipe("h265")).sets
    with pytest.raises(InvalidInput, match=r"An H\.265 stream needs"):
        init_segment(ParameterSets("h265", (), sets.sps, sets.pps))


def test_a_fragment_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        fragment_head(1, 0, Samples())


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), samples_strategy)
def test_what_a_fragment_says_is_read_back(sequence: int, tfdt: int, samples: list[Sample]) -> None:
    head = fragment_head(sequence, tfdt, samples_of(samples))
    payload = b"".join(bytes(sample.payload) for sample in samples)
    found = read_fragment(head + payload)
    assert (found.sequence, found.tfdt, bytes(found.payload), found.head_bytes) == (sequence, tfdt, payload, len(head))
    assert [(s.duration, s.size, s.keyframe, s.cts) for s in found.samples] == [
        (s.duration, len(s.payload), s.keyframe, s.cts) for s in samples
    ]
    assert found.duration == sum(sample.duration for sample in samples)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_fragment_and_no_init_segment(octets: bytes) -> None:
    for read in (read_fragment, read_init_segment):
        with pytest.raises(Corrupt):
            read(octets)


@given(st.data())
def test_a_changed_head_is_corrupt_or_read_as_something_bounded(data: st.DataObject) -> None:
    samples = (Sample(b"12345", 10, True, -3), Sample(b"678", 20, False))
    record = bytearray(fragment_head(1, 5, samples_of(samples)) + b"12345678")
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))
    try:
        found = read_fragment(memoryview(record))
    except Corrupt:
        return
    assert sum(sample.size for sample in found.samples) == len(found.payload) == 8


@given(st.data())
def test_a_changed_init_segment_is_corrupt_or_still_names_a_picture(data: st.DataObject) -> None:
    record = bytearray(init_segment(clip().sets))
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))
    try:
        sets = read_init_segment(memoryview(record))
    except Corrupt:
        return
    assert sets.width > 0
    assert sets.height > 0


def _file(made: Clip, tfdt: int, *, split_at: Sequence[int]) -> bytes:
    """Return an init segment and fragments that end at the samples `split_at`."""
    borders = [0, *split_at, len(made.samples)]
    content = [init_segment(made.sets)]
    for number, (start, end) in enumerate(pairwise(borders)):
        samples = made.samples[start:end]
        content.append(fragment_head(number + 1, tfdt + start * FRAME_TICKS, samples_of(samples)))
        content.extend(bytes(sample.payload) for sample in samples)
    return b"".join(content)
