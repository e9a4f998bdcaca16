"""Real pictures: segment files as the recorder writes them, for the fake node, live ones, and what a window is sent of those."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta

from websockets.sync.client import ClientConnection

from tests.vms.media.pictures import FRAME_TICKS, Recipe, Sample, clip, samples_of
from tests.web.fake_node import FakeNode
from vms.domain.ids import SegmentId, StreamId, segment_id
from vms.domain.timespan import ms_of, ticks_of
from vms.media.fmp4 import fragment_head, init_segment, whole_fragment

PICTURES_A_SECOND = 25
GOP = 25
RECIPE = Recipe(width=96, height=64, frames=4 * GOP, gop=GOP)
SEGMENT_SECONDS = RECIPE.frames // PICTURES_A_SECOND


def record(node: FakeNode, stream: StreamId, start: datetime, *, segments: int = 1, is_open: bool = False, recipe: Recipe = RECIPE) -> None:
    """Put a run of `segments` files of 4 s into `node`; the last is still being written when `is_open`."""
    run_start = start
    for number in range(segments):
        at = start + number * timedelta(seconds=SEGMENT_SECONDS)
        _record_one(node, stream, at, run_start, recipe, is_open=is_open and number == segments - 1)


def live_init(epoch: int = 1, recipe: Recipe = RECIPE) -> str:
    """Return the node's text at the beginning of an epoch."""
    sets = clip(recipe).sets
    described = {"codec": sets.rfc6381, "width": sets.width, "height": sets.height, "epoch": epoch, "wall_at_zero_ms": 1_700_000_000_000}
    return json.dumps({"init": base64.b64encode(init_segment(sets)).decode(), **described})


def live_state(state: str = "recording", since_ms: int = 5) -> str:
    return json.dumps({"state": state, "since_ms": since_ms, "sentence": "for IT"})


def live_pictures(count: int, *, first: int = 0, recipe: Recipe = RECIPE) -> list[bytes]:
    """Return live pictures `first` to `first + count`, each flags ‖ fragment; every 25th is a keyframe."""
    samples = clip(recipe).samples
    return [_live_picture(number, samples[number % len(samples)]) for number in range(first, first + count)]


def next_picture(window: ClientConnection) -> bytes:
    """Return the next picture that a window is sent; what it is told besides is passed over."""
    while not isinstance(message := window.recv(10), bytes):
        pass
    return message


def _live_picture(number: int, sample: Sample) -> bytes:
    exact = replace(sample, duration=FRAME_TICKS)
    return bytes([int(sample.keyframe)]) + whole_fragment(number, number * FRAME_TICKS, samples_of([exact]))


def _record_one(node: FakeNode, stream: StreamId, start: datetime, run_start: datetime, recipe: Recipe, *, is_open: bool) -> None:
    made = clip(recipe)
    init = init_segment(made.sets)
    segment = segment_id(stream, ms_of(start))
    octets, fragments = bytearray(init), []
    for number in range(0, recipe.frames, recipe.gop):
        samples = made.samples[number : number + recipe.gop]
        payloads = b"".join(bytes(sample.payload) for sample in samples)
        fragment = fragment_head(number + 1, ticks_of(start) + number * FRAME_TICKS, samples_of(samples)) + payloads
        fragments.append([len(fragment), len(samples) * FRAME_TICKS, 1, len(fragment) - len(payloads) + len(samples[0].payload)])
        octets += fragment
    node.octets[SegmentId(segment)] = bytes(octets)
    node.segments[stream].append(
        {
            "id": segment,
            "start_ticks": ticks_of(start),
            "duration": recipe.frames * FRAME_TICKS,
            "init_size": len(init),
            "codec": made.sets.rfc6381,
            "width": made.sets.width,
            "height": made.sets.height,
            "open": is_open,
            "run_start_ms": ms_of(run_start),
            "fragments": fragments,
        }
    )
