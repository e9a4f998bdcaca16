"""Redaction plans: read strictly, one text each, and never less covered than what was drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.export_scope import CameraSpan
from vms.domain.ids import CameraId
from vms.domain.redaction import (
    MARGIN_MS,
    MAX_FOLLOWED_MS,
    WHOLE,
    Between,
    Box,
    CameraPlan,
    Cover,
    Keyframe,
    RedactionPlan,
    Region,
    canonical,
    misfit,
    plan_document,
    read_plan,
    resolved,
    uncovered,
)
from vms.errors import InvalidInput

START = 1_767_225_600_000


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, WHOLE - 1)), draw(st.integers(0, WHOLE - 1))
    return Box(x, y, draw(st.integers(1, WHOLE - x)), draw(st.integers(1, WHOLE - y)))


@st.composite
def regions(draw: st.DrawFn, between: Between | None = None) -> Region:
    steps = draw(st.lists(st.tuples(st.integers(1, MAX_FOLLOWED_MS), boxes()), min_size=1, max_size=5))
    at, keyframes = START + draw(st.integers(-5_000, 5_000)), []
    for step, box in steps:
        at += step
        keyframes.append(Keyframe(at, box))
    word = draw(st.sampled_from(Between)) if between is None else between
    return Region(draw(st.sampled_from(Cover)), word, tuple(keyframes), at + draw(st.integers(1, 5_000)))


def plans() -> st.SearchStrategy[RedactionPlan]:
    of_one = st.lists(regions(), min_size=1, max_size=3)
    return st.lists(of_one, min_size=1, max_size=3).map(
        lambda each: RedactionPlan(
            tuple(CameraPlan(CameraId(n), START - 5_000, START + 100_000, tuple(one)) for n, one in enumerate(each, 1))
        )
    )


@given(plans())
def test_a_plan_is_read_back_from_its_one_text(plan: RedactionPlan) -> None:
    assert read_plan(canonical(plan)) == plan
    shuffled = json.dumps(json.loads(canonical(plan)), indent=3)
    assert read_plan(shuffled).digest == plan.digest


@given(regions(), st.data())
def test_what_is_drawn_is_covered_from_before_its_time_until_after_it(region: Region, data: st.DataObject) -> None:
    last = region.keyframes[-1]
    at = data.draw(st.integers(region.from_ms - MARGIN_MS, region.until_ms + MARGIN_MS - 1))
    box = region.box_at(at)
    assert box is not None
    assert Box(0, 0, WHOLE, WHOLE).contains(box)
    for one in region.keyframes:
        assert (at_it := region.box_at(one.at_ms)) is not None
        assert at_it.contains(one.box)
    for at in (last.at_ms, region.until_ms - 1, region.until_ms + MARGIN_MS - 1):
        assert (held := region.box_at(at)) is not None
        assert held.contains(last.box)
    assert region.box_at(region.from_ms - MARGIN_MS - 1) is None
    assert region.box_at(region.until_ms + MARGIN_MS) is None


@given(regions(), st.data())
def test_between_two_keyframes_all_is_covered_that_a_line_would_cover(region: Region, data: st.DataObject) -> None:
    wide, line = replace(region, between=Between.ALL), replace(region, between=Between.LINE)
    at = data.draw(st.integers(region.from_ms, region.until_ms))
    all_of_it, on_the_line = wide.box_at(at), line.box_at(at)
    assert all_of_it is not None
    assert on_the_line is not None
    assert all_of_it.contains(on_the_line)
    for first, last in pairwise(region.keyframes):
        if first.at_ms <= at <= last.at_ms:
            assert all_of_it.contains(first.box.union(last.box))


def test_a_line_goes_straight_and_its_edges_are_rounded_outwards() -> None:
    keyframes = (Keyframe(START, Box(0, 9, 10, 10)), Keyframe(START + 3, Box(10, 0, 10, 10)))
    line = Region(Cover.FILL, Between.LINE, keyframes, START + 10)
    assert [line.box_at(START + n) for n in range(5)] == [
        Box(0, 9, 10, 10),
        Box(3, 6, 11, 10),
        Box(6, 3, 11, 10),
        *[Box(10, 0, 10, 10)] * 2,
    ]


@given(regions(Between.FOLLOW), st.data())
def test_what_is_followed_covers_what_was_found_and_all_where_nobody_is_sure(region: Region, data: st.DataObject) -> None:
    followed: list[list[Keyframe]] = []
    for first, last in pairwise(region.keyframes):
        times = data.draw(st.sets(st.integers(first.at_ms, last.at_ms), max_size=3))
        followed.append([Keyframe(at, data.draw(boxes())) for at in sorted(times)])
    line = resolved(region, followed)
    assert line.between is Between.LINE
    for (first, last), found in zip(pairwise(region.keyframes), followed, strict=True):
        for at in (first.at_ms, (first.at_ms + last.at_ms) // 2, last.at_ms):
            covered = line.box_at(at)
            assert covered is not None
            assert found or covered.contains(first.box.union(last.box))
        for one in found:
            assert (there := line.box_at(one.at_ms)) is not None
            assert there.contains(one.box)
    for one in region.keyframes:
        assert (there := line.box_at(one.at_ms)) is not None
        assert there.contains(one.box)


def test_a_box_grows_within_the_picture() -> None:
    assert Box(0, 9_000, 1_000, 1_000).grown(0.1) == Box(0, 8_899, 1_101, 1_101)


ONE = RedactionPlan(
    (
        CameraPlan(
            CameraId(7),
            START,
            START + 60_000,
            (Region(Cover.FILL, Between.FOLLOW, (Keyframe(START, Box(1, 2, 3, 4)), Keyframe(START + 9, Box(1, 2, 3, 4))), START + 20),),
        ),
    )
)


def changed(*path: str | int, to: object) -> str:
    document = json.loads(json.dumps(plan_document(ONE)))
    place = document
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return json.dumps(document)


REGION = ("cameras", 0, "regions", 0)
FIRST = (*REGION, "keyframes", 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON"),
        ('{"format": 1, "format": 1}', "names a field twice"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "The plan is not an object"),
        (changed("format", to="v2"), "is no redaction plan"),
        (changed("cameras", to=[]), "“cameras” is a list of 1 to 200"),
        (changed("author", to="me"), "The plan has what no plan has: 'author'"),
        (changed("cameras", 0, "camera", to=None), "The plan, camera 1 has no “camera”"),
        (changed("cameras", 0, "end_ms", to=START), "camera 1 ends before it starts"),
        (changed("cameras", to=json.loads(canonical(ONE))["cameras"] * 2), "has a camera twice"),
        (changed(*REGION, "cover", to="blur"), "region 1: “cover” is one of: fill, pixelate"),
        (changed(*REGION, "between", to=3), "region 1: “between” is a text"),
        (changed(*REGION, "why", to="a witness"), "region 1 has what no plan has: 'why'"),
        (changed(*REGION, "until_ms", to=START + 9), "it ends after the last"),
        (changed(*FIRST, "at_ms", to=START + 9), "in order of time"),
        (changed(*FIRST, "at_ms", to=START - 20_000), "followed for more than 10 s"),
        (changed("cameras", 0, "start_ms", to=START + 20), "region 1 covers nothing of the camera's footage"),
        (changed("cameras", 0, "end_ms", to=True), "“end_ms” is a whole number"),
        (changed(*FIRST, "x", to=WHOLE), "keyframe 1: “x” is a whole number from 0 to 9999"),
        (changed(*FIRST, "x", to=1.0), "“x” is a whole number"),
        (changed(*FIRST, "x", to=float("nan")), "“x” is a whole number"),
        (changed(*REGION, "until_ms", to=10**300), "“until_ms” is a whole number from 0"),
        (changed(*REGION, "until_ms", to=7).replace('"until_ms": 7', '"until_ms": ' + "9" * 5000), "is no JSON"),
        (changed(*FIRST, "width", to=WHOLE), "“width” is a whole number from 1 to 9999"),
        (changed(*FIRST, "height", to=0), "“height” is a whole number"),
    ],
)
def test_what_is_no_plan_is_refused_by_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read_plan(text)


def test_the_plan_of_another_camera_is_not_taken_for_it() -> None:
    assert ONE.of(CameraId(7)) is ONE.cameras[0]
    with pytest.raises(InvalidInput, match=r"nothing of camera 8\. It is for: 7\."):
        ONE.of(CameraId(8))


@pytest.mark.parametrize(("camera", "start_ms", "end_ms"), [(7, -1, 60_000), (7, 0, 60_001), (8, 0, 9)])
def test_a_plan_is_for_all_of_the_time_that_is_asked_for(camera: int, start_ms: int, end_ms: int) -> None:
    """What it left out would go out uncovered."""
    other = CameraSpan(CameraId(9), 0, 9)
    assert misfit(ONE, [CameraSpan(CameraId(camera), START + start_ms, START + end_ms)])
    assert misfit(ONE, [CameraSpan(CameraId(7), START, START + 60_000), other]) == ""


def test_a_camera_that_a_plan_says_nothing_of_is_named() -> None:
    asked = [CameraSpan(CameraId(camera), START, START + 60_000) for camera in (9, 7, 8, 9)]
    assert uncovered(ONE, asked) == [8, 9]
    assert uncovered(ONE, asked[1:2]) == []


def test_a_plan_says_when_somebody_drew() -> None:
    assert ONE.cameras[0].drawn_ms == [START, START + 9, START + 20]
