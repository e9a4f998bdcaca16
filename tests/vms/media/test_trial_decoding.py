"""The trial of decoding runs in a child that gave up everything before the first octet of a file."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.vms.media.recorded import LENGTH, START, Recorded
from vms.domain.timespan import Timespan, datetime_of
from vms.media.assembly import assemble
from vms.media.confined import start


def _answers(paths: list[Path], keyframes: list[list[int]]) -> list[list[object]]:
    process, ours = start("vms.media.trial_decoding", *map(str, paths))
    with ours, ours.makefile("rb") as said:
        ours.sendall(json.dumps(keyframes).encode())
        ours.shutdown(socket.SHUT_WR)
        told = [json.loads(line) for line in said]
    assert process.wait() == 0
    return told


@pytest.mark.slow
def test_files_are_tried_behind_the_whole_sandbox_and_each_is_answered_for(tmp_path: Path) -> None:
    source = Recorded().add(START)
    ((whole, part),) = assemble(
        source.segments, Timespan(datetime_of(START), datetime_of(START + LENGTH)), source.open, lambda _: tmp_path / "a"
    )
    noise, none = tmp_path / "noise", tmp_path / "none"
    content, cut = whole.read_bytes(), part.cuts[0]
    noise.write_bytes(content[: cut.offset + 5] + b"\x55" * (cut.size_bytes - 5) + content[cut.offset + cut.size_bytes :])
    none.write_bytes(content[:700])
    layers, *each = _answers([whole, noise, none], [[at - START for at in part.keyframes], [0], [0]])
    assert {layer["name"]: layer["holds"] for layer in layers if isinstance(layer, dict)} == dict.fromkeys(
        ("limits", "no new privileges", "Landlock", "seccomp"), True
    )
    assert [len(sentences) for sentences in each] == [0, 1, 1]
