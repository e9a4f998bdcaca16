"""What a command shows of its work: a line that moves on a terminal, plain lines or nothing elsewhere."""

from __future__ import annotations

from vms.cli.demo import Lines


def test_without_a_terminal_each_step_of_the_demo_is_one_line() -> None:
    said: list[str] = []
    step = Lines(said.append)
    step("Making the data directory")
    for share in range(4):
        step("drawing Main entrance, 1280×720", share / 4)
        step("drawing Stacks, 1280×720", share / 4)
    assert said == ["Making the data directory", "drawing Main entrance, 1280×720", "drawing Stacks, 1280×720"]
