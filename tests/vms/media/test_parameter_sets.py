from __future__ import annotations

import re
from pathlib import Path

import av
import pytest
from av.container import InputContainer
from hypothesis import given
from hypothesis import strategies as st

from tests.vms.media.bit_writer import BitWriter
from tests.vms.media.pictures import Recipe, clip, open_fmp4, samples_of
from vms.errors import InvalidInput
from vms.media.fmp4 import fragment_head, init_segment
from vms.media.parameter_sets import MAX_SET_BYTES, Codec, ParameterSets, read_sps

RECIPES = [
    Recipe(width=1920, height=1080, frames=1),
    Recipe(width=70, height=50, profile="high422", pix_fmt="yuv422p"),
    Recipe(width=71, height=51, profile="high444", pix_fmt="yuv444p"),
    Recipe(width=70, height=50, profile="high10", pix_fmt="yuv420p10le"),
    Recipe(width=70, height=52, options="interlaced=1"),
    Recipe(profile="high", options="cqm=jvt"),
    Recipe(profile="baseline"),
    Recipe("h265", width=1920, height=1080, frames=1),
    Recipe("h265", width=70, height=50, pix_fmt="yuv420p10le"),
    Recipe("h265", width=71, height=51, pix_fmt="yuv444p"),
    Recipe("h265", width=70, height=50, pix_fmt="gray"),
    Recipe("h265", options="temporal-layers=3:b-pyramid=0", b_frames=3),
]
PIXELS = {0: "gray", 1: "420", 2: "422", 3: "444"}


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_size_and_format_are_what_ffmpeg_reads(recipe: Recipe) -> None:
    made = clip(recipe)
    with _opened(recipe) as container:
        theirs = container.streams.video[0].codec_context
        assert (made.sets.width, made.sets.height) == (theirs.width, theirs.height) == (recipe.width, recipe.height)
        assert theirs.pix_fmt is not None
        assert PIXELS[made.sets.format.chroma_format] in theirs.pix_fmt
        assert made.sets.format.luma_bits == (10 if "10le" in theirs.pix_fmt else 8)


def test_grey_h264_is_cropped_by_single_pixels() -> None:
    # FFmpeg shows grey H.264 as 4:2:0, so only the size can be compared.
    recipe = Recipe(width=70, height=50, pix_fmt="gray")
    with _opened(recipe) as container:
        theirs = container.streams.video[0].codec_context
        found = clip(recipe).sets.format
        assert (found.width, found.height, found.chroma_format) == (theirs.width, theirs.height, 0)


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.codec == "h264"], ids=str)
def test_h264_codec_name_is_what_ffmpeg_writes_into_a_manifest(recipe: Recipe, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.mpd"
    with _opened(recipe) as source, av.open(str(manifest), "w", format="dash") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    written = re.search(r'codecs="([^"]+)"', manifest.read_text())
    assert written is not None
    assert clip(recipe).sets.rfc6381.lower() == written[1].lower()


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.codec == "h265"], ids=str)
def test_h265_codec_name_carries_the_profile_and_level_that_ffmpeg_decodes(recipe: Recipe) -> None:
    profiles = {"Main": 1, "Main 10": 2, "Rext": 4}
    with _opened(recipe) as container:
        decoder = container.streams.video[0].codec_context
        expected = (profiles[str(decoder.profile)], decoder.level)
    name = re.fullmatch(r"hvc1\.(\d+)\.[0-9A-F]+\.L(\d+)(\.[0-9A-F]{1,2})*", clip(recipe).sets.rfc6381)
    assert name is not None
    assert (int(name[1]), int(name[2])) == expected


def test_h265_codec_name_of_the_standards_example() -> None:
    # ISO 14496-15 E.3: Main profile, Main tier, level 3.1, progressive, frame only.
    sps = _h265_sps(64, 48, profile=bytes.fromhex("01 60000000 B00000000000 5D"))
    assert ParameterSets("h265", (), (sps,), ()).rfc6381 == "hvc1.1.6.L93.B0"


def test_h265_codec_name_of_high_tier_and_a_profile_space() -> None:
    sps = _h265_sps(64, 48, profile=bytes.fromhex("A2 20000000 000000000000 99"))
    assert ParameterSets("h265", (), (sps,), ()).rfc6381 == "hvc1.B2.4.H153"


@given(st.integers(1, 1024), st.integers(1, 512), st.tuples(*[st.integers(0, 3)] * 4), st.integers(0, 2), st.integers(0, 1))
def test_h264_size_is_read_whatever_stands_before_it(
    wide: int, high: int, crop: tuple[int, int, int, int], order: int, frames_only: int
) -> None:
    bits = BitWriter().u(8, 0x67).u(8, 77).u(8, 0).u(8, 31).ue(0).ue(4).ue(order)
    if order == 0:
        bits.ue(4)
    elif order == 1:
        bits.u(1, 0).se(-7).se(5).ue(3).se(-1).se(0).se(200)
    bits.ue(4).u(1, 0).ue(wide - 1).ue(high - 1).u(1, frames_only)
    if not frames_only:
        bits.u(1, 1)
    bits.u(1, 1).u(1, 1).ue(crop[0]).ue(crop[1]).ue(crop[2]).ue(crop[3]).u(1, 0)
    fields = 1 if frames_only else 2
    expected = wide * 16 - 2 * (crop[0] + crop[1]), (high * 16 - 2 * (crop[2] + crop[3])) * fields
    if min(expected) <= 0 or max(expected) > 16_384:
        with pytest.raises(InvalidInput):
            read_sps("h264", bits.nal())
    else:
        found = read_sps("h264", bits.nal())
        assert (found.width, found.height) == expected


@given(st.integers(1, 16_384), st.integers(1, 16_384), st.integers(0, 6))
def test_h265_size_is_read_behind_any_number_of_sub_layers(width: int, height: int, sub_layers: int) -> None:
    found = read_sps("h265", _h265_sps(width, height, sub_layers=sub_layers))
    assert (found.width, found.height, found.temporal_layers) == (width, height, sub_layers + 1)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_torn_parameter_set_is_invalid_or_read(codec: Codec) -> None:
    whole = clip(Recipe(codec)).sets.sps[0]
    for length in range(len(whole)):
        try:
            assert read_sps(codec, whole[:length]).width == 64
        except InvalidInput:
            continue


@given(st.sampled_from(["h264", "h265"]), st.binary(max_size=80))
def test_random_bytes_are_invalid_input_or_a_picture(codec: Codec, octets: bytes) -> None:
    header = b"\x67" if codec == "h264" else b"\x42\x01"
    try:
        found = read_sps(codec, header + octets)
    except InvalidInput:
        return
    assert 0 < found.width <= 16_384
    assert 0 < found.height <= 16_384


@pytest.mark.parametrize(
    ("codec", "nal"),
    [
        ("h264", b""),
        ("h264", b"\x68" + bytes(20)),
        ("h265", b"\x40\x01" + bytes(20)),
        ("h264", b"\x67" + bytes(MAX_SET_BYTES)),
        ("h264", b"\x67\x42\x00\x1f" + bytes(40)),
        ("h265", b"\x42\x01\xff" + bytes(40)),
    ],
)
def test_what_is_no_sequence_parameter_set_is_invalid(codec: Codec, nal: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_sps(codec, nal)


def test_a_stream_without_a_sequence_parameter_set_says_so() -> None:
    with pytest.raises(InvalidInput, match="brought no sequence parameter set"):
        _ = ParameterSets("h264", (), (), ()).width


def _opened(recipe: Recipe) -> InputContainer:
    made = clip(recipe)
    payload = b"".join(bytes(sample.payload) for sample in made.samples)
    return open_fmp4(init_segment(made.sets) + fragment_head(1, 0, samples_of(made.samples)) + payload)


def _h265_sps(width: int, height: int, *, sub_layers: int = 0, profile: bytes = bytes(11) + b"\x5d") -> bytes:
    bits = BitWriter().u(16, 0x4201).u(4, 0).u(3, sub_layers).u(1, 1).u(96, int.from_bytes(profile))
    for number in range(sub_layers):
        bits.u(1, number & 1).u(1, 1)
    if sub_layers:
        bits.u(2 * (8 - sub_layers), 0)
    for number in range(sub_layers):
        bits.u(88 if number & 1 else 0, 0).u(8, 30)
    return bits.ue(0).ue(1).ue(width).ue(height).u(1, 0).ue(0).ue(0).nal()
