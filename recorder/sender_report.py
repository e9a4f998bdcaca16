"""Read a camera's own clock from RTCP sender reports (RFC 3550 §6.4.1): a claim kept beside our time, never used for it."""

from __future__ import annotations

NTP_TO_UNIX_SECONDS = 2_208_988_800
SINCE_START_SECONDS = 30 * 365 * 86_400
_YEAR_MS = 365 * 86_400_000
_ERA_MS = (1 << 32) * 1000


def camera_clock_offset_ms(ntp: int, *, server_ms: int) -> int | None:
    """Return the camera's clock minus the server's; None when the camera claims no time of day.

    `ntp` is the 64-bit time stamp, `server_ms` the server's clock when the report arrived. A camera without a clock sends 0
    or the time since it was switched on, as the RFC allows: a small number that is not near our time is taken for that.
    """
    seconds = ntp >> 32
    camera_ms = (seconds - NTP_TO_UNIX_SECONDS) * 1000 + ((ntp & 0xFFFF_FFFF) * 1000 >> 32)
    # The count begins again in 2036; the era nearer to the server's time is meant.
    offset = (camera_ms - server_ms + _ERA_MS // 2) % _ERA_MS - _ERA_MS // 2
    return None if seconds < SINCE_START_SECONDS and abs(offset) > _YEAR_MS else offset
