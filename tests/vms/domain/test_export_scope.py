from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.export_scope import (
    MOST_CAMERAS,
    MOST_SPANS,
    CameraSpan,
    Delivery,
    ExportScope,
    Terms,
    digest_of,
    scope_from,
    scope_of,
    text_of,
)
from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId, RequestId

TERMS = Terms("Alder County Sheriff")
SPANS = st.builds(
    lambda camera, start, length: CameraSpan(CameraId(camera), start, start + length),
    st.integers(1, 3),
    st.integers(0, 40),
    st.integers(1, 20),
)


def _scope(*spans: tuple[int, int, int]) -> ExportScope:
    return scope_of([CameraSpan(CameraId(camera), start, end) for camera, start, end in spans], "at noon", TERMS)


@given(st.lists(SPANS, min_size=1, max_size=12), st.randoms())
def test_the_same_footage_has_one_text_however_it_is_said(spans: list[CameraSpan], random: Random) -> None:
    scope = scope_of(spans, "at noon", TERMS)
    pieces = [CameraSpan(one.camera_id, ms, ms + 1) for one in spans for ms in range(one.start_ms, one.end_ms)]
    random.shuffle(pieces)
    again = scope_of(pieces, "at noon", TERMS)
    assert text_of(RequestId(7), again) == text_of(RequestId(7), scope)
    assert scope_from(text_of(RequestId(7), scope)) == scope
    assert scope.covers(pieces)
    assert sum(one.end_ms - one.start_ms for one in scope.footage) == len({(one.camera_id, one.start_ms) for one in pieces})


def test_spans_are_half_open_and_those_that_touch_are_one() -> None:
    assert _scope((1, 0, 10), (1, 10, 20), (2, 0, 5)).footage == (CameraSpan(CameraId(1), 0, 20), CameraSpan(CameraId(2), 0, 5))
    assert len(_scope((1, 0, 10), (1, 11, 20)).footage) == 2
    assert not _scope((1, 0, 10)).covers([CameraSpan(CameraId(1), 0, 11)])
    assert not _scope((1, 0, 10)).covers([CameraSpan(CameraId(2), 0, 10)])
    assert not _scope((1, 0, 10), (1, 20, 30)).covers([CameraSpan(CameraId(1), 5, 25)])


@pytest.mark.parametrize(
    "other",
    [
        Terms("Somebody else"),
        Terms("Alder County Sheriff", Delivery.DOWNLOAD),
        Terms("Alder County Sheriff", redact="the child"),
        Terms("Alder County Sheriff", conditions="not to be published"),
        Terms("Alder County Sheriff", expires_ms=5),
    ],
)
def test_every_term_is_in_the_digest(other: Terms) -> None:
    scope = _scope((1, 0, 10))
    changed = scope_of(scope.footage, "at noon", other)
    assert digest_of(text_of(RequestId(7), scope)) != digest_of(text_of(RequestId(7), changed))
    assert scope_from(text_of(RequestId(7), changed)).terms == other


def test_the_digest_is_of_this_request_alone() -> None:
    assert text_of(RequestId(7), _scope((1, 0, 10))) != text_of(RequestId(8), _scope((1, 0, 10)))


def test_the_text_is_json_in_the_order_of_its_keys() -> None:
    text = text_of(RequestId(7), _scope((1, 0, 10)))
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert " " not in text.replace("at noon", "").replace("Alder County Sheriff", "")


def test_a_scope_has_something_in_it_and_not_too_much() -> None:
    with pytest.raises(ValueError, match="at least one camera"):
        _scope()
    with pytest.raises(ValueError, match="Enter several"):
        _scope(*((camera, 0, 10) for camera in range(MOST_CAMERAS + 1)))
    with pytest.raises(ValueError, match="after it starts"):
        _scope((1, 10, 10))


@pytest.mark.parametrize("text", ['{"format":2}', "{}", "[]", '{"format":1,"footage":[]}'])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        scope_from(text)


def test_footage_is_kept_by_spans_of_time() -> None:
    assert _scope((1, 0, 10), (2, 0, 10), (2, 20, 30)).by_time() == {
        HeldTime(0, 10): frozenset({CameraId(1), CameraId(2)}),
        HeldTime(20, 30): frozenset({CameraId(2)}),
    }


def test_a_part_of_a_minute_counts_as_one() -> None:
    assert _scope((1, 0, 60_001)).camera_minutes == 2


def test_spans_are_counted_when_those_that_touch_are_one() -> None:
    def asked(count: int, length_ms: int) -> tuple[tuple[int, int, int], ...]:
        return tuple((1, number * 10, number * 10 + length_ms) for number in range(count))

    assert len(_scope(*asked(10_000, 10)).footage) == 1
    assert len(_scope(*asked(MOST_SPANS, 9)).footage) == MOST_SPANS
    with pytest.raises(ValueError, match=f"and {MOST_SPANS} spans"):
        _scope(*asked(MOST_SPANS + 1, 9))
