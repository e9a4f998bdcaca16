"""H.265 over RTP (RFC 7798): single NAL units, aggregation and fragmentation units; keyframes are the IRAP pictures."""

from __future__ import annotations

from recorder.rtp.nal import NalSyntax, Role, syntax

H265: NalSyntax = syntax(
    "h265",
    header_bytes=2,
    type_mask=0x3F,
    type_shift=1,
    roles={
        range(10): Role.SLICE,
        range(10, 16): Role.KEPT,  # reserved
        range(16, 22): Role.KEYFRAME_SLICE,  # BLA, IDR, CRA
        range(22, 32): Role.KEPT,  # reserved
        32: Role.VPS,
        33: Role.SPS,
        34: Role.PPS,
        35: Role.DROPPED,  # access unit delimiter
        range(36, 38): Role.KEPT,  # end of sequence, end of bitstream
        38: Role.DROPPED,  # filler
        range(39, 48): Role.KEPT,  # SEI before and after the picture, reserved
        48: Role.AGGREGATE,
        49: Role.FRAGMENT,  # 50 (PACI) is not known to be sent by cameras
    },
)
"""ITU-T H.265 table 7-1 and RFC 7798 §4.4."""
