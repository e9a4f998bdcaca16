"""What a command shows of its work: a line that moves on a terminal, plain lines or nothing elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.waiting import wait_until
from vms.cli.demo import Lines
from vms.cli.output import err, out, print_table, working


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80)


def _shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_takes_long_shows_how_far_it_is_on_a_terminal(terminal: Console) -> None:
    with working("Comparing index and files:", console=terminal, after=0) as work:
        wait_until(lambda: "Comparing index and files:" in _shown(terminal))
        work.tell(1_200, 34_000)
        wait_until(lambda: "1,200 of 34,000" in _shown(terminal))


def test_what_is_done_at_once_shows_nothing(terminal: Console) -> None:
    with working("Comparing index and files:", console=terminal, after=60):
        pass
    assert "Comparing" not in _shown(terminal)


def test_nothing_is_shown_in_a_file() -> None:
    file = Console(file=io.StringIO(), force_terminal=False)
    with working("Comparing index and files:", console=file, after=0):
        pass
    assert _shown(file) == ""


def test_without_a_terminal_each_step_of_the_demo_is_one_line() -> None:
    said: list[str] = []
    step = Lines(said.append)
    step("Making the data directory")
    for share in range(4):
        step("drawing Main entrance, 1280×720", share / 4)
        step("drawing Stacks, 1280×720", share / 4)
    assert said == ["Making the data directory", "drawing Main entrance, 1280×720", "drawing Stacks, 1280×720"]


def test_what_looks_like_an_emoji_or_a_style_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "04:AB:CD:75 [red] [/nothing]"
    print_table(("name",), [(odd,)], empty="")
    out.print(odd)
    err.print(odd)
    said = capsys.readouterr()
    assert (said.out + said.err).count(odd) == 3
