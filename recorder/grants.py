"""Decide what a grant of the hub lets the node API show: which streams, which span, until when."""

from __future__ import annotations

from typing import Protocol

from vms.clock import Clock
from vms.domain.access import Grant
from vms.domain.footage import FragmentEntry
from vms.domain.ids import SegmentId, StreamId, split_segment_id
from vms.domain.outcome import Refused
from vms.domain.timespan import Timespan, ticks_of
from vms.services.grants import is_service, verify

SCHEME = "Grant "


class Denied(Exception):
    """The grant is missing, not valid, or does not cover what was asked."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class ReadableSegment(Protocol):
    """What a range is checked against."""

    @property
    def start_ticks(self) -> int: ...

    @property
    def fragments(self) -> tuple[FragmentEntry, ...]: ...


class Gate:
    """Checks grants with the hub's public key; holds no state."""

    def __init__(self, public_key: bytes, clock: Clock) -> None:
        self._public_key = public_key
        self._clock = clock

    def admit(self, authorization: str) -> Grant:
        """Return the grant of an Authorization header; Denied (401) without a valid one."""
        if not authorization.startswith(SCHEME):
            raise Denied(401, "This needs a grant of the hub.")
        return self.admit_token(authorization.removeprefix(SCHEME).strip())

    def admit_token(self, token: str) -> Grant:
        grant = verify(token, self._public_key, at=self._clock.now())
        if isinstance(grant, Refused):
            raise Denied(401, grant.sentence)
        return grant

    def footage_span(self, grant: Grant, stream: StreamId, wanted: Timespan | None) -> Timespan:
        """Return the part of `wanted` that the grant covers (all of it when None); Denied (403) when there is none."""
        self._check_listed(grant, stream)
        if grant.span is None:
            raise Denied(403, "This grant is for the live picture, not for recordings.")
        span = grant.span if wanted is None else grant.span.intersection(wanted)
        if span is None:
            raise Denied(403, "This grant does not cover that time.")
        return span

    def check_live(self, grant: Grant, stream: StreamId) -> None:
        self._check_listed(grant, stream)
        if grant.span is not None:
            raise Denied(403, "This grant is for recordings, not for the live picture.")

    def check_stream(self, grant: Grant, stream: StreamId) -> None:
        """Timelines show no picture: the hub's own grant will do."""
        if not is_service(grant):
            self._check_listed(grant, stream)

    def check_service(self, grant: Grant) -> None:
        if not is_service(grant):
            raise Denied(403, "Only the hub itself may ask that.")

    def check_range(self, segment: ReadableSegment, span: Timespan, offset: int, length: int) -> None:
        """Deny (403) octets of pictures outside `span`, whole GOPs counted in; Denied (416) beyond the segment's end."""
        low, high = readable_octets(segment, span)
        total = sum(entry.size for entry in segment.fragments)
        if offset + length > total:
            raise Denied(416, f"The segment holds {total} octets.")
        init_size = segment.fragments[0].size
        within_init = offset + length <= init_size
        reaches_back = offset < low and not (offset < init_size and low == init_size)
        if not within_init and (reaches_back or offset + length > high):
            raise Denied(403, "This grant does not cover that part of the segment.")

    def stream_of(self, segment: SegmentId) -> StreamId:
        try:
            return split_segment_id(segment)[0]
        except ValueError as err:
            raise Denied(404, str(err)) from err

    def _check_listed(self, grant: Grant, stream: StreamId) -> None:
        if stream not in grant.streams:
            raise Denied(403, "This grant does not cover that camera.")


def readable_octets(segment: ReadableSegment, span: Timespan) -> tuple[int, int]:
    """Return from which to which plaintext offset `span` may be read.

    It starts at the last keyframe at or before the span and ends before the first one at or after it: what a player needs
    to show the span, and no GOP more. Nothing of a segment that ended before the span: its last GOP shows none of it.
    """
    start, end = ticks_of(span.start), ticks_of(span.end)
    at, offset = segment.start_ticks, segment.fragments[0].size
    low = high = offset
    if at >= end or at + sum(entry.duration for entry in segment.fragments) <= start:
        return low, high
    for entry in segment.fragments[1:]:
        if entry.starts_with_keyframe and at <= start:
            low = offset
        if entry.starts_with_keyframe and at >= end:
            return low, high
        at, offset = at + entry.duration, offset + entry.size
        high = offset
    return low, high
