from __future__ import annotations

import pytest

from vms.store.failpoints import arm, armed, failpoint


class Reached(Exception):
    pass


def _reach() -> None:
    raise Reached


def test_a_step_does_nothing_unless_it_is_armed() -> None:
    failpoint("publish:a")
    with armed("publish:b", _reach):
        failpoint("publish:a")
    failpoint("publish:b")


def test_an_armed_step_acts_when_it_is_reached() -> None:
    with armed("publish:b", _reach), pytest.raises(Reached):
        failpoint("publish:b")


def test_a_step_can_be_let_through_some_times() -> None:
    with armed("publish:b@3", _reach):
        failpoint("publish:b")
        failpoint("publish:b")
        with pytest.raises(Reached):
            failpoint("publish:b")


def test_an_empty_setting_disarms() -> None:
    arm("publish:b", _reach)
    arm("")
    failpoint("publish:b")
