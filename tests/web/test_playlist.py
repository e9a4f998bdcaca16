"""Playlists, letter by letter: the same fragments always make the same text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.ids import StreamId, segment_id
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, Timespan, ms_of, ticks_of
from web.playlist import Reach, media_playlist
from web.schemas.node import NodeSegment

START = datetime(2026, 3, 14, 12, 0, 0, tzinfo=UTC)
INIT = 700
KEY, DELTA = 1, 0
Fragment = tuple[float, int, int]
"""Seconds, size, starts with a keyframe."""


def a_file(
    at: float = 0.0,
    *fragments: Fragment,
    run: float | None = None,
    codec: str = "avc1.640028",
    height: int = 1080,
    is_open: bool = False,
) -> NodeSegment:
    """Return a file that starts `at` seconds after `START`."""
    start_ticks = ticks_of(START) + round(at * TICKS_PER_SECOND)
    told = fragments or ((2.0, 5000, KEY), (2.0, 6000, KEY))
    durations = [round(seconds * TICKS_PER_SECOND) for seconds, _, _ in told]
    return NodeSegment(
        id=segment_id(StreamId(5), start_ticks // TICKS_PER_MS),
        start_ticks=start_ticks,
        duration=sum(durations),
        init_size=INIT,
        codec=codec,
        width=height * 16 // 9,
        height=height,
        open=is_open,
        run_start_ms=ms_of(START + timedelta(seconds=at if run is None else run)),
        fragments=[(size, duration, key, 0) for (_, size, key), duration in zip(told, durations, strict=True)],
    )


def window(start: float = -60, end: float = 600) -> Timespan:
    return Timespan(START + timedelta(seconds=start), START + timedelta(seconds=end))


def test_two_files_of_one_run_share_their_map_and_have_no_discontinuity() -> None:
    files = [a_file(0.0), a_file(4.0, (2.5, 7000, KEY), (1.5, 300, DELTA), run=0.0)]
    assert media_playlist(files, window(), Reach.ENDED) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="segments/00000000000000050000019cec37b600.mp4",BYTERANGE="700@0"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-03-14T12:00:00.000Z\n"
        "#EXTINF:2.00000,\n"
        "#EXT-X-BYTERANGE:5000@700\n"
        "segments/00000000000000050000019cec37b600.mp4\n"
        "#EXTINF:2.00000,\n"
        "#EXT-X-BYTERANGE:6000@5700\n"
        "segments/00000000000000050000019cec37b600.mp4\n"
        "#EXTINF:4.00000,\n"
        "#EXT-X-BYTERANGE:7300@700\n"
        "segments/00000000000000050000019cec37c5a0.mp4\n"
        "#EXT-X-ENDLIST\n"
    )


def test_a_gap_brings_a_discontinuity_a_map_and_the_time() -> None:
    text = media_playlist([a_file(0.0), a_file(60.0)], window(), Reach.ENDED)
    assert text is not None
    _, _, second = text.partition("#EXT-X-DISCONTINUITY\n")
    assert second.splitlines()[:2] == [
        '#EXT-X-MAP:URI="segments/00000000000000050000019cec38a060.mp4",BYTERANGE="700@0"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-03-14T12:01:00.000Z",
    ]


@pytest.mark.parametrize("change", [{"codec": "hvc1.1.6.L93.B0"}, {"height": 720}, {"run": 4.0}])
def test_changed_parameters_and_a_new_run_bring_a_discontinuity_without_a_gap(change: dict[str, object]) -> None:
    following = {"run": 0.0} | change
    text = media_playlist([a_file(0.0), a_file(4.0, **following)], window(), Reach.ENDED)  # type: ignore[arg-type]
    assert text is not None
    assert text.count("#EXT-X-DISCONTINUITY") == 1
    assert text.count("#EXT-X-MAP") == 2


def test_pictures_before_the_first_keyframe_of_a_file_are_passed_over() -> None:
    text = media_playlist([a_file(0.0, (1.0, 400, DELTA), (2.0, 5000, KEY))], window(), Reach.ENDED)
    assert text is not None
    assert "#EXT-X-BYTERANGE:5000@1100" in text
    assert "#EXT-X-PROGRAM-DATE-TIME:2026-03-14T12:00:01.000Z" in text


def test_a_file_without_any_keyframe_is_nothing_to_play() -> None:
    assert media_playlist([a_file(0.0, (4.0, 400, DELTA))], window(), Reach.ENDED) is None


def test_the_list_begins_with_the_gop_that_the_window_starts_in() -> None:
    text = media_playlist([a_file(0.0)], window(start=1.0, end=1.5), Reach.ENDED)
    assert text is not None
    assert text.count("#EXTINF") == 1
    assert "BYTERANGE:5000@700" in text


def test_of_an_open_file_the_last_gop_is_left_out_while_the_list_grows() -> None:
    files = [a_file(0.0, is_open=True)]
    growing, ended = media_playlist(files, window(), Reach.GROWING), media_playlist(files, window(), Reach.ENDED)
    assert growing is not None
    assert ended is not None
    assert growing.count("#EXTINF") == 1
    assert "#EXT-X-ENDLIST" not in growing
    assert ended.count("#EXTINF") == 2


def test_no_footage_is_no_list() -> None:
    assert media_playlist([], window(), Reach.ENDED) is None
    assert media_playlist([a_file(0.0)], window(start=100), Reach.ENDED) is None


@st.composite
def recordings(draw: st.DrawFn) -> list[NodeSegment]:
    """Files in order, some with gaps between."""
    at, files = 0.0, []
    for _ in range(draw(st.integers(1, 6))):
        at += draw(st.sampled_from([0.0, 0.0, 7.5]))
        shapes = draw(
            st.lists(st.tuples(st.floats(0.1, 4.0), st.integers(100, 9000), st.sampled_from([KEY, DELTA])), min_size=1, max_size=8)
        )
        files.append(a_file(at, *[(round(seconds, 3), size, key) for seconds, size, key in shapes]))
        at += files[-1].duration / TICKS_PER_SECOND
    return files


@given(recordings(), st.integers(1, 40))
def test_a_growing_list_is_always_a_beginning_of_the_later_one(files: list[NodeSegment], reached: int) -> None:
    """As a player requires that follows it: whatever was listed stays, octet for octet."""
    known = [fragment for file in files for fragment in file.fragments]
    earlier = _cut(files, min(reached, len(known)))
    before, after = media_playlist(earlier, window(), Reach.GROWING), media_playlist(files, window(), Reach.GROWING)
    if before is not None and after is not None:
        assert _entries(after)[: len(_entries(before))] == _entries(before)


@given(recordings())
def test_no_listed_segment_is_longer_than_the_target_duration(files: list[NodeSegment]) -> None:
    text = media_playlist(files, window(), Reach.ENDED)
    if text is not None:
        target = int(text.partition("TARGETDURATION:")[2].partition("\n")[0])
        assert all(round(float(line[8:-1])) <= target for line in text.splitlines() if line.startswith("#EXTINF"))


def _cut(files: list[NodeSegment], count: int) -> list[NodeSegment]:
    """Return what was written when only `count` fragments were: the last file open."""
    kept: list[NodeSegment] = []
    for file in files:
        fragments = file.fragments[:count]
        count -= len(fragments)
        if fragments:
            duration = sum(duration for _, duration, _, _ in fragments)
            kept.append(file.model_copy(update={"fragments": fragments, "duration": duration, "open": False}))
    return [*kept[:-1], kept[-1].model_copy(update={"open": True})]


def _entries(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#EXT-X-TARGETDURATION")]
