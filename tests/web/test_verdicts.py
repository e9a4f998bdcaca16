"""What “Test now” says."""

from __future__ import annotations

import pytest

from vms.domain.camera import StreamRole
from web.schemas.node import NodeVerdict
from web.verdicts import verdict


@pytest.mark.parametrize(
    ("offset_ms", "said"),
    [
        (-30, "In step with the server's"),
        (-41_000, "41.0 s slow. Server time is used."),
        (2500, "2.5 s fast. Server time is used."),
    ],
)
def test_the_cameras_clock_is_told_in_words(offset_ms: int, said: str) -> None:
    found = NodeVerdict(ok=True, kind="ok", sentence="", codec="avc1.640028", width=1920, height=1080, clock_offset_ms=offset_ms)

    checks = verdict({StreamRole.MAIN: found})["checks"]

    assert said in [check["detail"] for check in checks]
