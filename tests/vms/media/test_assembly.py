"""Recorded segments become plain MP4: the same samples at the same times, and a damaged one is named."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import a_segment
from tests.vms.media.pictures import FRAME_TICKS, Clip, Recipe, Sample, clip, samples_of
from tests.vms.media.recorded import LENGTH, START, Recorded, three_segments
from tests.vms.media.segment_samples import STREAM, Made, made_segment
from vms.domain.footage import FragmentEntry, Segment
from vms.domain.package import Part
from vms.domain.timespan import TICKS_PER_SECOND, Timespan, datetime_of
from vms.errors import Corrupt
from vms.media.assembly import assemble
from vms.media.boxes import child, iter_boxes, read_columns, read_fragment
from vms.media.fmp4 import fragment_head, init_segment


def during(start: int, end: int) -> Timespan:
    return Timespan(datetime_of(start), datetime_of(end))


def assembled(
    recorded: Recorded, folder: Path, start: int = START, end: int = START + 100 * LENGTH, **limits: int
) -> list[tuple[Path, Part]]:
    places = iter(range(100))
    return list(assemble(recorded.segments, during(start, end), recorded.open, lambda _: folder / f"{next(places)}.mp4", **limits))


def packets(path: Path) -> list[tuple[int, bytes, bool]]:
    """Return decoding time, octets and whether it is a keyframe of each sample of a file, as libav reads it."""
    with av.open(str(path), options={"advanced_editlist": "0"}) as container:
        return [(packet.dts or 0, bytes(packet), packet.is_keyframe) for packet in container.demux(video=0) if packet.size]


def shown(path: Path) -> list[Fraction]:
    """Return the times, in seconds, of the pictures that a player shows."""
    with av.open(str(path)) as container:
        return [Fraction(frame.pts) * frame.time_base for frame in container.decode(video=0) if frame.pts is not None and frame.time_base]


def test_every_sample_is_the_recorded_one_at_its_time(tmp_path: Path) -> None:
    recorded = three_segments()
    ((path, part),) = assembled(recorded, tmp_path)
    found = packets(path)
    assert [octets for _, octets, _ in found] == recorded.payloads()
    assert [at for at, _, _ in found] == [number * FRAME_TICKS for number in range(36)]
    assert [number for number, (_, _, keyframe) in enumerate(found) if keyframe] == [0, 6, 12, 18, 24, 30]
    assert (part.start_ticks, part.shown_from_ticks, part.end_ticks, part.samples) == (START, START, START + 3 * LENGTH, 36)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [Recipe(), Recipe("h265"), Recipe(b_frames=2), Recipe("h265", b_frames=2)], ids=str)
def test_a_player_shows_what_was_recorded(tmp_path: Path, recipe: Recipe) -> None:
    source = clip(recipe)
    ((path, _),) = assembled(three_segments(source), tmp_path)
    times = [at + number * LENGTH - source.presentation[0] for number in range(3) for at in source.presentation]
    assert [at * TICKS_PER_SECOND for at in shown(path)] == times


def test_the_moov_comes_first_and_carries_the_time_of_recording(tmp_path: Path) -> None:
    ((path, _),) = assembled(three_segments(), tmp_path)
    mvhd = child(_boxes_until_mdat(path.read_bytes()), b"moov", b"mvhd")
    assert int.from_bytes(mvhd[4:12]) - 2_082_844_800 == START // TICKS_PER_SECOND


def _boxes_until_mdat(content: bytes) -> bytes:
    """The mdat has a size of 64 bits, which our own reader of fragments does not know."""
    return content[: content.index(b"mdat") - 4]


def test_the_room_that_the_moov_did_not_need_is_small_and_free(tmp_path: Path) -> None:
    ((path, _),) = assembled(three_segments(), tmp_path)
    assert [box.kind for box in iter_boxes(_boxes_until_mdat(path.read_bytes()))] == [b"ftyp", b"moov", b"free"]


def test_a_cut_says_where_the_octets_of_a_segment_stand(tmp_path: Path) -> None:
    recorded = three_segments()
    ((path, part),) = assembled(recorded, tmp_path)
    content = path.read_bytes()
    for cut, segment in zip(part.cuts, recorded.segments, strict=True):
        assert (cut.segment, cut.whole, cut.samples) == (segment.id, True, 12)
        assert hashlib.sha256(content[cut.offset : cut.offset + cut.size_bytes]).digest() == cut.recorded_sha256 == segment.media_sha256


def test_it_begins_at_the_keyframe_before_and_players_at_the_moment(tmp_path: Path) -> None:
    """Samples 6 and 12 are keyframes: of a span from sample 8 on, 6 and 7 come along unseen."""
    recorded = three_segments()
    ((path, part),) = assembled(recorded, tmp_path, START + 8 * FRAME_TICKS, START + 20 * FRAME_TICKS)
    assert (part.start_ticks, part.shown_from_ticks) == (START + 6 * FRAME_TICKS, START + 8 * FRAME_TICKS)
    assert [octets for _, octets, _ in packets(path)] == recorded.payloads()[6:20]
    assert [at * 25 for at in shown(path)] == list(range(12))
    assert [cut.whole for cut in part.cuts] == [False, False]


def test_a_span_that_begins_with_a_keyframe_has_nothing_before_it(tmp_path: Path) -> None:
    recorded = three_segments()
    ((path, part),) = assembled(recorded, tmp_path, START + 6 * FRAME_TICKS, START + 9 * FRAME_TICKS)
    assert (part.start_ticks, part.shown_from_ticks) == (START + 6 * FRAME_TICKS, START + 6 * FRAME_TICKS)
    assert [octets for _, octets, _ in packets(path)] == recorded.payloads()[6:9]


def test_only_segments_of_the_span_are_opened(tmp_path: Path) -> None:
    recorded = three_segments()
    assembled(recorded, tmp_path, START + LENGTH, START + 2 * LENGTH)
    assert recorded.opened == [recorded.segments[1].id]


def test_a_span_without_footage_makes_no_file(tmp_path: Path) -> None:
    assert assembled(three_segments(), tmp_path, START + 3 * LENGTH, START + 4 * LENGTH) == []


def test_a_gap_begins_another_file(tmp_path: Path) -> None:
    recorded = Recorded().add(START).add(START + LENGTH).add(START + 2 * LENGTH + 1)
    parts = [part for _, part in assembled(recorded, tmp_path)]
    assert [(part.start_ticks, part.end_ticks) for part in parts] == [
        (START, START + 2 * LENGTH),
        (START + 2 * LENGTH + 1, START + 3 * LENGTH + 1),
    ]


def test_other_parameter_sets_begin_another_file(tmp_path: Path) -> None:
    recorded = Recorded().add(START).add(START + LENGTH, clip(Recipe(width=96)))
    assert [part.width for _, part in assembled(recorded, tmp_path)] == [64, 96]


def test_a_full_file_ends_before_a_keyframe_and_nothing_is_lost(tmp_path: Path) -> None:
    recorded = three_segments()
    for _ in range(3):
        recorded.add(recorded.segments[-1].end_ticks)
    ((whole, _),) = assembled(recorded, tmp_path)
    limit = whole.stat().st_size // 2
    (tmp_path / "cut").mkdir()
    parts = assembled(recorded, tmp_path / "cut", max_bytes=limit)
    assert len(parts) > 1
    assert [octets for path, _ in parts for _, octets, _ in packets(path)] == recorded.payloads()
    assert all(path.stat().st_size <= limit and packets(path)[0][2] for path, _ in parts)


@pytest.mark.slow
def test_wherever_a_file_is_full_the_next_begins_with_a_keyframe(tmp_path: Path) -> None:
    """As long as one comes before the limit itself; a fragment in three begins with none."""
    recorded = Recorded()
    for number in range(60):
        recorded.add(START + number * LENGTH)
    ((whole, _),) = assembled(recorded, tmp_path)
    assert any(not entry.starts_with_keyframe for entry in recorded.segments[0].fragments[1:])
    for number in range(8):
        there = tmp_path / str(number)
        there.mkdir()
        parts = assembled(recorded, there, max_bytes=whole.stat().st_size // 2 + 401 * number)
        assert len(parts) > 1
        assert all(packets(path)[0][2] for path, _ in parts)


@pytest.mark.slow
def test_a_file_whose_tables_outgrow_their_room_ends_too(tmp_path: Path) -> None:
    """A camera that sends 400 times as many pictures as it began with, and no keyframe among them."""
    slow = tuple(replace(sample, duration=400 * FRAME_TICKS) for sample in clip().samples)
    many = Clip(clip().sets, tuple(Sample(b"\0\0\0\1\x41", 90, keyframe=n == 0) for n in range(8000)), ())
    recorded = Recorded()
    made = _timed(recorded, START, Clip(clip().sets, slow, ()), [0, 12])
    _timed(recorded, made.end_ticks, many, list(range(0, 8001, 250)))
    parts = assembled(recorded, tmp_path, end=START + 10_000 * TICKS_PER_SECOND)
    assert len(parts) > 1
    assert [octets for path, _ in parts for _, octets, _ in packets(path)] == recorded.payloads()


def _timed(recorded: Recorded, at: int, source: Clip, borders: list[int]) -> Segment:
    """Add a segment whose pictures last as long as each says."""
    init = init_segment(source.sets)
    records, fragments, tfdt = [init], [FragmentEntry(len(init), 0, starts_with_keyframe=False, keyframe_size=0)], at
    for first, end in pairwise(borders):
        samples = source.samples[first:end]
        records.append(fragment_head(1, tfdt, samples_of(samples)) + b"".join(sample.payload for sample in samples))
        duration = sum(sample.duration for sample in samples)
        fragments.append(FragmentEntry(len(records[-1]), duration, samples[0].keyframe, 1))
        tfdt += duration
    row = replace(a_segment(stream=STREAM), start_ticks=at, duration=tfdt - at, fragments=tuple(fragments))
    recorded.segments.append(row)
    recorded.made[row.id] = Made(tuple(records), (), b"", tuple(fragments), b"", b"")
    return row


def test_what_a_camera_says_beside_its_pictures_stays(tmp_path: Path) -> None:
    """SEI with the identifier under which cameras sign their pictures: a transcode or a remux by nal type would drop it."""
    sei = b"\x06\x05\x18" + bytes.fromhex("005bc93f2d715e95ada4796f90877a6f") + b"signature\x80"
    plain = clip()
    signed = [replace(sample, payload=len(sei).to_bytes(4) + sei + sample.payload) for sample in plain.samples]
    ((path, _),) = assembled(Recorded().add(START, Clip(plain.sets, tuple(signed), plain.presentation)), tmp_path)
    assert path.read_bytes().count(sei) == 12
    assert len(shown(path)) == 12


def test_a_record_of_another_time_is_refused_by_its_name(tmp_path: Path) -> None:
    recorded = three_segments()
    named, other = recorded.segments[1].id, recorded.segments[2].id
    recorded.made[named] = recorded.made[other]
    with pytest.raises(Corrupt, match=f"Record 1 of segment {named} is of another time"):
        assembled(recorded, tmp_path)


@pytest.mark.parametrize("damage", [lambda record: record[:-1], lambda record: record[:4] + b"free" + record[8:]])
def test_a_record_that_is_no_fragment_is_refused_by_its_name(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    recorded = three_segments()
    named = recorded.segments[1].id
    first, second, *rest = recorded.made[named].records
    recorded.made[named] = replace(recorded.made[named], records=(first, damage(second), *rest))
    with pytest.raises(Corrupt, match=f"Record 1 of segment {named} is no fragment of ours"):
        assembled(recorded, tmp_path)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    recorded = three_segments()
    for _ in range(60):
        recorded.add(recorded.segments[-1].end_ticks)
    tracemalloc.start()
    try:
        assembled(recorded, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@given(st.integers(0, 36), st.integers(1, 36))
@settings(max_examples=10)
def test_any_span_has_exactly_its_pictures(tmp_path_factory: pytest.TempPathFactory, first: int, count: int) -> None:
    recorded = three_segments()
    end = min(36, first + count)
    parts = assembled(recorded, tmp_path_factory.mktemp("any"), START + first * FRAME_TICKS, START + (first + count) * FRAME_TICKS)
    if first >= end:
        assert parts == []
        return
    ((path, part),) = parts
    keyframe = first - first % 6
    assert [octets for _, octets, _ in packets(path)] == recorded.payloads()[keyframe:end]
    assert part.shown_from_ticks == START + first * FRAME_TICKS


@given(st.data())
@settings(max_examples=20)
def test_columns_say_what_fragments_say(data: st.DataObject) -> None:
    recipe = data.draw(st.sampled_from([Recipe(), Recipe(b_frames=2), Recipe("h265", b_frames=2)]))
    for record in made_segment(clip(recipe)).records[1:]:
        fragment, columns = read_fragment(record), read_columns(record)
        assert (columns.tfdt, columns.duration, columns.head_bytes) == (fragment.tfdt, fragment.duration, fragment.head_bytes)
        assert list(columns.sizes) == [sample.size for sample in fragment.samples]
        assert list(columns.compositions or [0] * len(columns.sizes)) == [sample.cts for sample in fragment.samples]


@pytest.mark.slow
def test_ffprobe_reads_it_without_a_complaint(tmp_path: Path) -> None:
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        pytest.skip("no ffprobe: deploy/debian-test-packages.sh installs it")
    ((path, _),) = assembled(three_segments(), tmp_path)
    told = subprocess.run(
        [ffprobe, "-v", "warning", "-show_streams", "-count_packets", "-of", "json", path], check=True, capture_output=True, text=True
    )
    (stream,) = json.loads(io.StringIO(told.stdout).read())["streams"]
    assert (stream["nb_read_packets"], stream["r_frame_rate"], told.stderr) == ("36", "25/1", "")
