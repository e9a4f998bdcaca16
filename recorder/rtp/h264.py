"""H.264 over RTP (RFC 6184): single NAL units, STAP-A, FU-A; the keyframe is the IDR picture."""

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
        6: Role.KEPT,  # SEI
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
