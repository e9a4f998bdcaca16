"""The answer to “Test now”: first a sentence, then what was found, each fault with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from vms.domain.camera import StreamRole
from web.camera_views import CODECS
from web.schemas.node import NodeCertificate, NodeVerdict

Result = Literal["good", "fix", "bad", "none"]

SAME_TIME_MS = 100
"""Nearer than this, a camera's clock is in step with ours."""


class Check(TypedDict):
    result: Result
    title: str
    detail: str


class Certificate(TypedDict):
    fingerprint: str
    claim: str
    """Whose it says it is and how long it is valid."""


class Verdict(TypedDict):
    ok: bool
    sentence: str
    checks: list[Check]
    certificate: Certificate | None
    """The one to trust before anything else can be found out."""


TITLES = {StreamRole.MAIN: "Main stream", StreamRole.SUB: "Sub-stream"}
_COUNTS = {1: "One thing", 2: "Two things", 3: "Three things", 4: "Four things"}


def verdict(found: Mapping[StreamRole, NodeVerdict]) -> Verdict:
    """Return one verdict for all streams of a camera."""
    checks = [check for role, one in found.items() for check in _checks(role, one)]
    ok = all(one.ok for one in found.values())
    shown = next((one.certificate for one in found.values() if one.certificate), None)
    if shown is not None:
        checks = [Check(result="bad", title="Certificate", detail=_claim(shown))]
    certificate = Certificate(fingerprint=shown.fingerprint, claim=_claim(shown)) if shown else None
    return Verdict(ok=ok, sentence=_sentence(found, checks, ok=ok), checks=checks, certificate=certificate)


def _sentence(found: Mapping[StreamRole, NodeVerdict], checks: list[Check], *, ok: bool) -> str:
    if not ok:
        return f"It can't record: {next(one.sentence for one in found.values() if not one.ok)}"
    to_fix = sum(check["result"] == "fix" for check in checks)
    return "It can record." if not to_fix else f"It can record. {_COUNTS.get(to_fix, f'{to_fix} things')} to put right."


def _claim(shown: NodeCertificate) -> str:
    validity = f", valid {shown.valid_from[:10]} to {shown.valid_until[:10]}" if shown.valid_from else ""
    return f"It says it is {shown.subject or 'nobody in particular'}{validity}"


def _checks(role: StreamRole, one: NodeVerdict) -> list[Check]:
    title = TITLES[role]
    if not one.ok:
        return [Check(result="bad", title=title, detail=one.sentence)]
    checks = [Check(result="good", title=title, detail=_picture(one))]
    if one.clock_offset_ms is not None:
        checks.append(Check(result="none", title="Camera's clock", detail=_clock(one.clock_offset_ms)))
    return checks + [Check(result="fix", title=title, detail=warning) for warning in one.warnings]


def _clock(offset_ms: int) -> str:
    if abs(offset_ms) < SAME_TIME_MS:
        return "In step with the server's"
    return f"{abs(offset_ms) / 1000:.1f} s {'fast' if offset_ms > 0 else 'slow'}. Server time is used."


def _picture(one: NodeVerdict) -> str:
    parts = [
        f"{one.width}×{one.height}" if one.width else "",
        f"{one.fps:g} fps" if one.fps else "",
        CODECS.get((one.codec or "").split(".")[0], one.codec or ""),
        f"keyframe each {one.gop_seconds:.1f} s" if one.gop_seconds else "",
        f"{one.bitrate / 1e6:.1f} Mbit/s" if one.bitrate else "",
    ]
    return ", ".join(part for part in parts if part)
