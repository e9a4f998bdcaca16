"""The document of a district's own rules: read whole or refused, and what the policy asks can't be edited away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.instrument_rules import MAX_DOCUMENT_BYTES, differences, floor_faults, rules_from, spoken_rule, text_of
from vms.domain.instruments import SHIPPED, Instrument, Rule
from vms.errors import InvalidInput

Document = dict[str, Any]


def _shipped() -> Document:
    return json.loads(text_of(1, SHIPPED.of))  # type: ignore[no-any-return]


def _rule(document: Document, instrument: str) -> Document:
    return document["instruments"][instrument]  # type: ignore[no-any-return]


def test_the_shipped_rules_are_read_from_their_own_document() -> None:
    assert rules_from(text_of(1, SHIPPED.of)).of == SHIPPED.of
    assert floor_faults(SHIPPED.of) == []


@pytest.mark.parametrize(
    ("instrument", "field", "value", "clause"),
    [
        ("agency-request", "may_be_approved", True, "clause VIII: no library record"),
        ("preservation-letter", "may_be_approved", True, "clause VIII: no library record"),
        ("subpoena", "form", ["court", "signature"], "clause VIII: a document has to be issued.*lacks: good-cause, names-district"),
        ("search-warrant", "form", [], "clause VIII: a document has to be issued"),
        ("national-security-letter", "form", ["court"], "clause VIII: a document has to be issued"),
        ("court-order", "of_a_court", False, "clause VIII: a document is issued by a court"),
        ("national-security-letter", "counsel", "in-parallel", "clause IV d"),
        ("national-security-letter", "counsel", "not-asked", "clause IV d"),
        ("public-records", "cites_exemption", False, "clause II"),
        ("insurer", "cites_exemption", False, "clause II"),
        ("subject-access", "cites_exemption", False, "clause II"),
        ("subpoena", "working_days", 0, "clause VIII: the Director confers with the Library Board"),
        ("public-records", "working_days", 0, "clause VIII: the Director confers with the Library Board"),
        ("library-report", "working_days", 0, "clause VIII: the Director confers with the Library Board"),
    ],
)
def test_the_policys_floor_is_not_edited_away(instrument: str, field: str, value: object, clause: str) -> None:
    document = _shipped()
    _rule(document, instrument)[field] = value
    with pytest.raises(InvalidInput, match=clause):
        rules_from(json.dumps(document))


def _without(name: str) -> Callable[[Document], object]:
    return lambda document: document["instruments"].pop(name)


def _says(field: str, value: object, instrument: str = "subpoena") -> Callable[[Document], object]:
    return lambda document: _rule(document, instrument).update({field: value})


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (_without("insurer"), "has no “insurer”"),
        (lambda document: document["instruments"].update({"bribe": {}}), "no rules has: 'bribe'"),
        (lambda document: document.update({"approver_may_be_asker": True}), "no rules has: 'approver_may_be_asker'"),
        (_says("approver_may_be_asker", value=True), "“subpoena” has what no rules has: 'approver_may_be_asker'"),
        (lambda document: _rule(document, "subpoena").pop("letter"), "has no “letter”"),
        (_says("may_be_approved", 1), "“may_be_approved” is true or false"),
        (_says("working_days", value=True), "whole number"),
        (_says("working_days", 61), "from 0 to 60"),
        (_says("counsel", "sometimes"), "one of: not-asked, in-parallel, first"),
        (_says("form", ["court", "court"]), "each at most once"),
        (_says("form", ["stamp"]), "list of these words"),
        (_says("form", {"court": 1}), "list of these words"),
        (_says("letter", " "), "“letter” is a text"),
        (_says("letter", "x" * 2001), "“letter” is a text"),
        (_says("letter", "\u202etxt"), "“letter” is a text"),
        (lambda document: document.update({"based_on": 0}), "“based_on” is a whole number"),
        (lambda document: document.update({"instruments": []}), "not an object"),
    ],
)
def test_what_is_not_whole_is_refused_and_says_where(edit: Callable[[Document], object], sentence: str) -> None:
    document = _shipped()
    edit(document)
    with pytest.raises(InvalidInput, match=sentence):
        rules_from(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no JSON"),
        ("[" * 60_000, "no JSON"),
        ('{"based_on": 1, "based_on": 2}', "twice"),
        (b"\xff\xfe\x00", "no JSON"),
        ("x" * (MAX_DOCUMENT_BYTES + 1), "64 KiB at most"),
        ("null", "not an object"),
    ],
)
def test_what_is_no_document_is_refused(text: str | bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        rules_from(text)


def test_a_difference_is_said_field_by_field() -> None:
    document = _shipped()
    _rule(document, "subpoena").update(working_days=5, counsel="in-parallel")
    _rule(document, "library-report")["form"] = ["date"]
    changes = differences(SHIPPED.of, rules_from(json.dumps(document)).of)
    assert [(one.instrument, one.field, one.before, one.after) for one in changes] == [
        (Instrument.SUBPOENA, "counsel", "first", "in-parallel"),
        (Instrument.SUBPOENA, "working_days", "10", "5"),
        (Instrument.LIBRARY_REPORT, "form", "nothing", "date"),
    ]


_VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False)),
    st.lists(st.sampled_from(["court", "date", "first", "x"])),
    st.sampled_from(["first", "in-parallel", "not-asked"]),
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([one.value for one in Instrument]), st.sampled_from(list(spoken_rule(SHIPPED.of[Instrument.INSURER]))), _VALUES
        ),
        max_size=4,
    )
)
def test_whatever_is_edited_is_refused_or_keeps_the_floor_and_reads_back(edits: list[tuple[str, str, object]]) -> None:
    document = _shipped()
    for instrument, field, value in edits:
        _rule(document, instrument)[field] = value
    try:
        of = rules_from(json.dumps(document)).of
    except InvalidInput:
        return
    assert not of[Instrument.AGENCY_REQUEST].may_be_approved
    assert {one for one in Instrument if of[one].at_once} <= {Instrument.SEARCH_WARRANT}
    assert all(isinstance(rule, Rule) for rule in of.values())
    assert rules_from(text_of(1, of)).of == of
