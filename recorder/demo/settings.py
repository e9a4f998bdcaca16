"""How demo cameras are encoded and served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recorder.demo.auth import ALGORITHMS
from recorder.demo.certificate import DemoCertificate
from recorder.demo.encode import MAIN, SPARING_MAIN, SPARING_SUB, SUB, Profile
from recorder.demo.stream import Start
from vms.clock import Clock, SystemClock

SESSION_SECONDS = 60
"""A client that says nothing for this long (no request, no RTCP) is dropped."""

PROFILES: Mapping[str, Profile] = {"main": MAIN, "sub": SUB}
SPARING: Mapping[str, Profile] = {"main": SPARING_MAIN, "sub": SPARING_SUB}


@dataclass(frozen=True, slots=True)
class DemoSettings:
    username: str = ""
    """Without a user name everybody may watch."""
    password: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    """0: a free one."""
    profiles: Mapping[str, Profile] = field(default_factory=lambda: PROFILES)
    """By stream name, as it stands in the address."""
    certificate: DemoCertificate | None = None
    """Served over rtsps with it, and over rtsps only; without one over rtsp."""
    start: Start = Start.NEXT_KEYFRAME
    algorithms: tuple[str, ...] = ALGORITHMS
    nonce_seconds: float = 3_600
    session_seconds: float = SESSION_SECONDS
    control: Path | None = None
    """Where to listen for orders (a Unix socket)."""
    clock: Clock = field(default_factory=SystemClock)
    processes: int = 2
    """Child processes that encode; 0: none."""
