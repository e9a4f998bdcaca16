"""The text of an entry, and what is said of a text that is none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.factories import NOW, span
from vms.domain.access import AccessEvent, Action, Purpose, UnreadableEntry, body_of, line_of
from vms.domain.ids import CameraId, ViewId

_EVENT = AccessEvent(
    number=7,
    origin="district",
    at=NOW,
    actor="person:12",
    actor_name="Helen Marsh",
    role="director",
    action=Action.VIEW_OPEN,
    camera_id=CameraId(5),
    purpose=Purpose.INCIDENT,
    span=span(-60, 0),
    view_id=ViewId("v" * 22),
    detail={"note": "na\u00efve"},
)
_TOLD: dict[str, object] = json.loads(body_of(_EVENT))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def test_an_entry_reads_back() -> None:
    assert line_of(7, body_of(_EVENT)) == _EVENT


_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_EVENTS = st.builds(
    AccessEvent,
    number=st.integers(1),
    origin=_TEXTS,
    at=st.datetimes(timezones=st.just(UTC)),
    actor=_TEXTS,
    actor_name=_TEXTS,
    role=_TEXTS,
    action=st.sampled_from(Action),
    camera_id=st.none() | st.integers(1).map(CameraId),
    purpose=st.none() | st.sampled_from(Purpose),
    span=st.none() | st.integers(0, 10**6).map(lambda until: span(-60, until)),
    view_id=st.none() | _TEXTS.map(ViewId),
    detail=st.dictionaries(_TEXTS, _TEXTS),
)


@given(event=_EVENTS)
def test_the_text_is_json_in_the_order_of_its_keys_without_a_space_and_says_all_of_the_event(event: AccessEvent) -> None:
    body = body_of(event)
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert line_of(event.number, body) == event
    assert body_of(replace(event, number=0), event.number) == body


@given(text=st.text(st.characters()))
@example("a\0b")
@example("a\ud800b")
def test_what_no_database_takes_is_not_in_the_text(text: str) -> None:
    body = body_of(replace(_EVENT, actor_name=text, detail={"note": text}))
    assert "\0" not in json.loads(body)["actor_name"]
    assert body.encode()


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "7", "[" * 100_000, '{"number":7}', b"{}", None, 7])
def test_what_is_no_event_can_not_be_read(body: object) -> None:
    assert line_of(7, body) == UnreadableEntry(7)


def test_an_entry_that_stands_at_another_s_number_can_not_be_read() -> None:
    assert line_of(8, body_of(_EVENT)) == UnreadableEntry(8)


@given(key=st.sampled_from(sorted(_TOLD)), value=_JSON)
def test_any_value_in_any_place_is_read_or_said_to_be_unreadable(key: str, value: object) -> None:
    assert line_of(7, json.dumps(_TOLD | {key: value})).number == 7


@pytest.mark.parametrize(
    "told", [{"at": 10**30}, {"span": [5, 4]}, {"span": [1, 2, 3]}, {"action": "camera:paint"}, {"camera": "x"}, {"detail": {"n": 1}}]
)
def test_a_word_that_no_program_of_ours_wrote_makes_it_unreadable(told: dict[str, object]) -> None:
    assert line_of(7, json.dumps(_TOLD | told)) == UnreadableEntry(7)
