"""The hostile cameras by name: what each does to the recorder, and what the recorder has to say of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.hostile.talk import Talk
from vms.domain.camera import CameraState
from vms.domain.footage import GapReason

Script = Callable[[Talk], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What health shows of a camera, and why its time is missing; a camera that is recorded has no reason."""

    state: CameraState
    reason: GapReason | None


OFFLINE = Verdict(CameraState.OFFLINE, GapReason.OFFLINE)
REFUSED = Verdict(CameraState.REFUSED, GapReason.REFUSED)
UNSUPPORTED = Verdict(CameraState.REFUSED, GapReason.UNSUPPORTED)
SILENT = Verdict(CameraState.SILENT, GapReason.SILENT)
STALLED = Verdict(CameraState.STALLED, GapReason.STALLED)
RECORDED = Verdict(CameraState.RECORDING, None)


@dataclass(frozen=True, slots=True)
class HostileCamera:
    name: str
    script: Script
    verdict: Verdict
    greedy: bool
    """Sends as fast as the recorder reads."""


CAMERAS: dict[str, HostileCamera] = {}


def hostile(verdict: Verdict) -> Callable[[Script], Script]:
    """Enter a camera that behaves, or only breaks rules."""
    return _entering(verdict, greedy=False)


def greedy(verdict: Verdict) -> Callable[[Script], Script]:
    """Enter a camera that sends without end, as fast as it can."""
    return _entering(verdict, greedy=True)


def _entering(verdict: Verdict, *, greedy: bool) -> Callable[[Script], Script]:
    def enter(script: Script) -> Script:
        name = script.__name__
        assert name not in CAMERAS, name
        CAMERAS[name] = HostileCamera(name, script, verdict, greedy)
        return script

    return enter
