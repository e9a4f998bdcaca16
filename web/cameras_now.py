"""What cameras do now: the configuration from the central database joined with the states that the node tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vms.domain.camera import CameraDetails, CameraState, RecordingMode, Stream, StreamRole
from vms.domain.ids import StreamId
from vms.domain.timespan import ms_of
from web.schemas.node import NodeState
from web.words import RECORDER_AWAY, STATE_SENTENCES

States = Mapping[StreamId, NodeState] | None
"""None when the recorder does not answer."""
NOT_EXPECTED = frozenset({CameraState.PAUSED, CameraState.OFF, CameraState.LIVE_ONLY})
RECORDED = frozenset({RecordingMode.ALWAYS, RecordingMode.WEEKLY})
"""In its hours; outside them its state is not expected to record."""


@dataclass(frozen=True, slots=True)
class CameraNow:
    details: CameraDetails
    state: CameraState
    since: datetime | None
    sentence: str
    detail: str
    """For IT: what the recorder wrote."""
    figures: NodeState | None
    """Of the main stream."""

    @property
    def since_ms(self) -> int | None:
        return None if self.since is None else ms_of(self.since)


@dataclass(frozen=True, slots=True)
class Chip:
    """How many cameras record, of those that should."""

    recording: int
    expected: int


def now(details: CameraDetails, states: States) -> CameraNow:
    """Return the state of a camera: that of its main stream."""
    if details.camera.recording_mode is RecordingMode.OFF:
        return CameraNow(details, CameraState.OFF, None, STATE_SENTENCES[CameraState.OFF], "", None)
    main = leading_stream(details)
    told = None if states is None or main is None else states.get(main.id)
    if told is None:
        sentence = RECORDER_AWAY if states is None else STATE_SENTENCES[CameraState.CONNECTING]
        return CameraNow(details, CameraState.CONNECTING, None, sentence, "", None)
    return CameraNow(details, told.state, told.since, STATE_SENTENCES[told.state], told.detail, told)


def leading_stream(details: CameraDetails) -> Stream | None:
    """Return the main stream, or the sub-stream of a camera that has only one."""
    return details.camera.stream(StreamRole.MAIN) or details.camera.stream(StreamRole.SUB)


def chip(cameras: Sequence[CameraNow]) -> Chip | None:
    """Return None where nothing is expected to record."""
    expected = [one for one in cameras if one.state not in NOT_EXPECTED and one.details.camera.recording_mode in RECORDED]
    recording = sum(one.state is CameraState.RECORDING for one in expected)
    return Chip(recording, len(expected)) if expected else None
