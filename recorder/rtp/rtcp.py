"""RTCP sender reports: what the camera's own clock said at which RTP timestamp (RFC 3550 §6.4.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBH")
_REPORT = struct.Struct("!4x4xQI")
_SENDER_REPORT = 200
_MIN_REPORT_BYTES = 28


@dataclass(frozen=True, slots=True)
class SenderReport:
    ntp: int
    """64-bit NTP timestamp: seconds since 1900 and fraction. A claim of the camera, no more."""
    rtp_timestamp: int
    arrival: float
    """As given to StreamReader.feed()."""


def sender_report(compound: bytes, arrival: float) -> SenderReport | None:
    """Return the first sender report of a compound packet, or None when it has none or is broken before it."""
    at = 0
    while len(compound) - at >= _HEADER.size:
        first, kind, words = _HEADER.unpack_from(compound, at)
        size = 4 * (words + 1)
        if first >> 6 != 2 or at + size > len(compound):
            return None
        if kind == _SENDER_REPORT and size >= _MIN_REPORT_BYTES:
            ntp, rtp_timestamp = _REPORT.unpack_from(compound, at)
            return SenderReport(ntp, rtp_timestamp, arrival)
        at += size
    return None
