"""What the node API answers; numbers are checked here, so that nothing past this border has to."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from vms.domain.camera import CameraState, StreamRole
from vms.domain.capacity import Watermark
from vms.domain.footage import GapReason


class NodeGap(BaseModel):
    start: int
    end: int | None
    """90 kHz ticks; None while it lasts."""
    reason: GapReason
    detail: str = ""


class NodeSegment(BaseModel):
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    start_ticks: int
    duration: int
    init_size: int = Field(gt=0)
    codec: str = Field(pattern=r"^[A-Za-z0-9.]+$")
    width: int
    height: int
    open: bool
    run_start_ms: int
    fragments: list[tuple[int, int, int, int]]
    """Size, duration, starts with a keyframe, octets up to the keyframe's end; the init segment is not among them."""


class NodeFragments(BaseModel):
    segments: list[NodeSegment]
    gaps: list[NodeGap]


class NodeSpan(BaseModel):
    start: int
    end: int


class NodeTimeline(BaseModel):
    recorded: list[NodeSpan]
    gaps: list[NodeGap]


class NodeState(BaseModel):
    stream_id: int
    camera_id: int
    role: StreamRole
    state: CameraState
    since: datetime
    detail: str = ""
    expected_s: float = 0.0
    recorded_s: float = 0.0
    bitrate: int = 0
    codec: str = ""
    width: int = 0
    height: int = 0
    """Empty and 0 while the stream is not recorded."""


class NodeRoom(BaseModel):
    """`vms.services.capacity.RoomDocument`."""

    watermark: Watermark
    bytes: int
    hours: float | None
    full_in_hours: float | None


class NodeStates(BaseModel):
    states: list[NodeState]
    room: NodeRoom | None = None
    """None before it was measured."""


class NodeCertificate(BaseModel):
    """The certificate that a camera showed; all but its fingerprint is the camera's own claim."""

    fingerprint: str = Field(pattern=r"^([0-9A-F]{2}:){31}[0-9A-F]{2}$")
    subject: str = ""
    valid_from: str = ""
    valid_until: str = ""


class NodeVerdict(BaseModel):
    """What a test of a camera found; figures are None where it did not get that far."""

    ok: bool
    kind: str
    sentence: str
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    gop_seconds: float | None = None
    bitrate: int | None = None
    clock_offset_ms: int | None = None
    warnings: list[str] = []
    certificate: NodeCertificate | None = None


class NodeInit(BaseModel):
    """The beginning of an epoch of live pictures."""

    init: str
    codec: str
    width: int
    height: int
    epoch: int | str
    wall_at_zero_ms: int


class NodeLiveState(BaseModel):
    state: CameraState
    since_ms: int | None = None
    sentence: str = ""
