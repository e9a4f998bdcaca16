"""Parameter sets of a stream: what they say of its pictures, read from bytes that a camera sent and nobody has checked.

Sources: H.264 (ITU-T H.264 §7.3.2.1.1), H.265 (ITU-T H.265 §7.3.2.2, §7.3.3), codec names (RFC 6381, ISO 14496-15 annex E).
Every read is bounded; what does not fit is `InvalidInput`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from vms.errors import InvalidInput

Codec = Literal["h264", "h265"]

MAX_SET_BYTES = 4096
"""Longest parameter set that is read; cameras send 10 to 100 bytes."""
MAX_PIXELS_A_SIDE = 16_384
_CACHED_SETS = 256
_H264_SPS = 7
_H265_SPS = 33
_H264_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose SPS says chroma format and bit depth (H.264 §7.3.2.1.1)."""
_SUB_WIDTH = {0: 1, 1: 2, 2: 2, 3: 1}
_SUB_HEIGHT = {0: 1, 1: 2, 2: 1, 3: 1}


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """What an SPS says that a decoder's set-up and a page need."""

    width: int
    height: int
    """Both after cropping: what is shown."""
    chroma_format: int
    """0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    luma_bits: int
    chroma_bits: int
    profile: bytes
    """H.264: profile, constraints, level. H.265: the 12 octets of profile_tier_level that avcC's sibling hvcC repeats."""
    temporal_layers: int = 1
    temporal_id_nested: bool = True


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The NAL units that a decoder needs before the first picture, without start codes or lengths.

    Made without checks, since a camera's words make it; the properties raise InvalidInput when the first SPS can't be read.
    """

    codec: Codec
    vps: tuple[bytes, ...]
    """Empty for H.264."""
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    @property
    def format(self) -> PictureFormat:
        if not self.sps:
            raise InvalidInput(f"The {self.codec} stream brought no sequence parameter set.")
        return read_sps(self.codec, self.sps[0])

    @property
    def width(self) -> int:
        return self.format.width

    @property
    def height(self) -> int:
        return self.format.height

    @property
    def plays_everywhere(self) -> bool:
        """Say whether any player takes it: H.264 with 8 bits a sample and 4:2:0."""
        found = self.format
        return self.codec == "h264" and (found.chroma_format, found.luma_bits, found.chroma_bits) == (1, 8, 8)

    @property
    def rfc6381(self) -> str:
        """The codec's name for MSE and HLS, e.g. avc1.640028 or hvc1.1.6.L93.B0."""
        profile = self.format.profile
        return f"avc1.{profile.hex().upper()}" if self.codec == "h264" else _hevc_name(profile)


@lru_cache(maxsize=_CACHED_SETS)
def read_sps(codec: Codec, nal: bytes) -> PictureFormat:
    """Read a sequence parameter set; InvalidInput when it is broken or describes no picture."""
    if not 4 <= len(nal) <= MAX_SET_BYTES:
        raise InvalidInput(f"A {codec} sequence parameter set of {len(nal)} bytes; it has 4 to {MAX_SET_BYTES}.")
    kind, wanted = (nal[0] & 0x1F, _H264_SPS) if codec == "h264" else (nal[0] >> 1 & 0x3F, _H265_SPS)
    if kind != wanted:
        raise InvalidInput(f"NAL unit type {kind} where a {codec} sequence parameter set ({wanted}) belongs.")
    rbsp = nal.replace(b"\x00\x00\x03", b"\x00\x00")  # emulation prevention, H.264 §7.4.1
    return _h264(rbsp) if codec == "h264" else _h265(rbsp)


class _Bits:
    """Reads a raw byte sequence payload bit by bit, never past its end."""

    def __init__(self, rbsp: bytes) -> None:
        self._value = int.from_bytes(rbsp)
        self._left = len(rbsp) * 8

    def u(self, bits: int) -> int:
        if bits > self._left:
            raise InvalidInput("A sequence parameter set ends too early.")
        self._left -= bits
        return self._value >> self._left & ((1 << bits) - 1)

    def flag(self) -> bool:
        return bool(self.u(1))

    def ue(self, most: int) -> int:
        """Read an Exp-Golomb number of at most `most` (H.264 §9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise InvalidInput("A sequence parameter set holds a number of more than 32 bits.")
        number = (1 << zeros) - 1 + self.u(zeros)
        if number > most:
            raise InvalidInput(f"A sequence parameter set holds {number} where at most {most} is allowed.")
        return number

    def se(self) -> int:
        number = self.ue(0xFFFF_FFFE)
        return (number + 1) // 2 if number & 1 else -(number // 2)


def _h264(rbsp: bytes) -> PictureFormat:
    bits = _Bits(rbsp[4:])
    bits.ue(31)  # seq_parameter_set_id
    chroma, luma_bits, chroma_bits, separate = _h264_chroma(bits) if rbsp[1] in _H264_WITH_CHROMA else (1, 8, 8, False)
    bits.ue(12)  # log2_max_frame_num_minus4
    _h264_skip_picture_order(bits)
    bits.ue(16)  # max_num_ref_frames
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    width = (bits.ue(MAX_PIXELS_A_SIDE // 16) + 1) * 16
    map_units = bits.ue(MAX_PIXELS_A_SIDE // 16) + 1
    fields = 1 if bits.flag() else 2  # frame_mbs_only_flag
    height = map_units * 16 * fields
    if fields == 2:
        bits.flag()  # mb_adaptive_frame_field_flag
    bits.flag()  # direct_8x8_inference_flag
    array_type = 0 if separate else chroma
    width, height = _cropped(bits, width, height, unit=(_SUB_WIDTH[array_type], _SUB_HEIGHT[array_type] * fields))
    return PictureFormat(width, height, chroma, luma_bits, chroma_bits, rbsp[1:4])


def _h264_chroma(bits: _Bits) -> tuple[int, int, int, bool]:
    chroma = bits.ue(3)
    separate = bits.flag() if chroma == 3 else False
    luma_bits, chroma_bits = bits.ue(6) + 8, bits.ue(6) + 8
    bits.flag()  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():  # seq_scaling_matrix_present_flag
        for number in range(12 if chroma == 3 else 8):
            if bits.flag():
                _h264_skip_scaling_list(bits, 16 if number < 6 else 64)
    return chroma, luma_bits, chroma_bits, separate


def _h264_skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _h264_skip_picture_order(bits: _Bits) -> None:
    kind = bits.ue(2)
    if kind == 0:
        bits.ue(12)  # log2_max_pic_order_cnt_lsb_minus4
    elif kind == 1:
        bits.flag()  # delta_pic_order_always_zero_flag
        bits.se()
        bits.se()
        for _ in range(bits.ue(255)):
            bits.se()


def _h265(rbsp: bytes) -> PictureFormat:
    bits = _Bits(rbsp[2:])
    bits.u(4)  # sps_video_parameter_set_id
    sub_layers = bits.u(3)
    if sub_layers > 6:
        raise InvalidInput("An H.265 sequence parameter set with more than 7 temporal layers.")
    nested = bits.flag()
    profile = bits.u(96).to_bytes(12)
    _h265_skip_sub_layers(bits, sub_layers)
    bits.ue(15)  # sps_seq_parameter_set_id
    chroma = bits.ue(3)
    separate = bits.flag() if chroma == 3 else False
    width, height = bits.ue(MAX_PIXELS_A_SIDE), bits.ue(MAX_PIXELS_A_SIDE)
    array_type = 0 if separate else chroma
    width, height = _cropped(bits, width, height, unit=(_SUB_WIDTH[array_type], _SUB_HEIGHT[array_type]))
    luma_bits, chroma_bits = bits.ue(8) + 8, bits.ue(8) + 8
    return PictureFormat(width, height, chroma, luma_bits, chroma_bits, profile, sub_layers + 1, nested)


def _h265_skip_sub_layers(bits: _Bits, sub_layers: int) -> None:
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))  # reserved_zero_2bits
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)


def _cropped(bits: _Bits, width: int, height: int, *, unit: tuple[int, int]) -> tuple[int, int]:
    """Read the cropping window, which both codecs write alike, and return what it leaves."""
    if bits.flag():
        left, right, top, bottom = (bits.ue(MAX_PIXELS_A_SIDE) for _ in range(4))
        width -= (left + right) * unit[0]
        height -= (top + bottom) * unit[1]
    if not (0 < width <= MAX_PIXELS_A_SIDE and 0 < height <= MAX_PIXELS_A_SIDE):
        raise InvalidInput(f"A sequence parameter set describes pictures of {width} × {height}.")
    return width, height


def _hevc_name(profile: bytes) -> str:
    """Name a profile_tier_level as ISO 14496-15 E.3 does: flags bit-reversed, trailing zero constraint octets left out."""
    space, tier, idc = profile[0] >> 6, profile[0] >> 5 & 1, profile[0] & 0x1F
    compatibility = int(f"{int.from_bytes(profile[1:5]):032b}"[::-1], 2)
    constraints = "".join(f".{octet:X}" for octet in profile[5:11].rstrip(b"\x00"))
    return f"hvc1.{('', 'A', 'B', 'C')[space]}{idc}.{compatibility:X}.{'H' if tier else 'L'}{profile[11]}{constraints}"
