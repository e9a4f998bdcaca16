from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.rtcp import SenderReport, sender_report

REPORT = struct.pack("!BBHIQIII", 0x80, 200, 6, 7, 0xE8_00_00_00_80_00_00_00, 90_000, 1, 2)
DESCRIPTION = struct.pack("!BBHII", 0x81, 202, 2, 7, 0)


def test_a_sender_report_is_read_from_a_compound() -> None:
    wanted = SenderReport(ntp=0xE8_00_00_00_80_00_00_00, rtp_timestamp=90_000, arrival=1.5)
    assert sender_report(REPORT + DESCRIPTION, 1.5) == wanted
    assert sender_report(DESCRIPTION + REPORT, 1.5) == wanted


@pytest.mark.parametrize(
    "compound", [b"", DESCRIPTION, REPORT[:20], b"\x00" + REPORT[1:], struct.pack("!BBH", 0x80, 200, 0), DESCRIPTION + REPORT[:-1]]
)
def test_what_holds_no_whole_report_gives_none(compound: bytes) -> None:
    assert sender_report(compound, 0.0) is None


@given(st.binary(max_size=80))
def test_random_bytes_raise_nothing(compound: bytes) -> None:
    sender_report(compound, 0.0)
