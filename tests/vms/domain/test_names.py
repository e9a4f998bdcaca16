"""Names of branches, cameras and accounts."""

from __future__ import annotations

import pytest

from vms.domain.names import MAX_NAME_CHARS, name_key, plain_name


def test_spaces_are_made_single() -> None:
    assert plain_name("  Main   Street ", "branch") == "Main Street"


@pytest.mark.parametrize("name", ["", "   ", "x" * (MAX_NAME_CHARS + 1), "Main\x00Street", "left\u202eright"])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="branch"):
        plain_name(name, "branch")


def test_names_that_look_alike_have_one_key() -> None:
    assert name_key("\uff2dain street") == name_key("Main Street")
