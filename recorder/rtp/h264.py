"""H.264 over RTP (RFC 6184): single NAL units, STAP-A, FU-A; keyframes are IDR pictures and those of a recovery point."""

from __future__ import annotations

from recorder.rtp.nal import NalSyntax, Role, syntax

H264: NalSyntax = syntax(
    "h264",
    header_bytes=1,
    type_mask=0x1F,
    type_shift=0,
    roles={
        range(1, 3): Role.SLICE,  # coded slice, data partition A
        range(3, 5): Role.KEPT,  # data partitions B and C
        5: Role.KEYFRAME_SLICE,
        6: Role.REMARK,
        7: Role.SPS,
        8: Role.PPS,
        9: Role.DROPPED,  # access unit delimiter
        range(10, 12): Role.KEPT,  # end of sequence, end of stream
        12: Role.DROPPED,  # filler
        range(13, 24): Role.KEPT,
        24: Role.AGGREGATE,  # STAP-A
        28: Role.FRAGMENT,  # FU-A; 25, 26, 27 and 29 belong to the interleaved mode, which is never accepted
    },
)
"""ITU-T H.264 table 7-1 and RFC 6184 table 1."""
_RECOVERY_POINT = 6


def is_recovery_point(sei: bytes) -> bool:
    """Say whether an SEI NAL unit makes its picture one to start from (H.264 §D.2.8), as in a stream with open GOPs.

    A recovery that takes several pictures (`recovery_frame_cnt` above 0) does not count: the first of them are damaged.
    """
    at = 1
    while at < len(sei) - 1:
        kind, at = _extended(sei, at)
        size, at = _extended(sei, at)
        if kind == _RECOVERY_POINT:
            return at < len(sei) and sei[at] >= 0x80
        at += size
    return False


def _extended(sei: bytes, at: int) -> tuple[int, int]:
    """Read a number written as octets of 255 and a rest (H.264 §7.3.2.3.1); return it and where the next octet is."""
    end = at
    while end < len(sei) and sei[end] == 0xFF:
        end += 1
    return (end - at) * 255 + (sei[end] if end < len(sei) else 0), end + 1
