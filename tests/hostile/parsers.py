"""Every parser of what a camera or a disk hands over, as a function of octets that raises only what is not declared.

Hypothesis (`test_parsers`) and atheris (`fuzz`) drive the same functions.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress

from recorder.fallback.reader import assembler_of
from recorder.playing import refuse_unreadable
from recorder.rtp.access_unit import AccessUnit, ReaderCounters
from recorder.rtp.h264 import is_recovery_point
from recorder.rtp.mpeg4 import MAX_CONFIG_BYTES
from recorder.rtp.pictures import MAX_PICTURE_BYTES
from recorder.rtp.plain import PacketReader
from recorder.rtp.reader import StreamReader
from recorder.rtp.rtcp import sender_report
from recorder.rtsp.digest import Digest
from recorder.rtsp.errors import CameraError, NotRtsp, ProtocolViolation, UnsupportedCodec
from recorder.rtsp.message import take_frame, take_message
from recorder.rtsp.sdp import choose_video, session_control
from tests.recorder.rtp import old_pictures
from tests.recorder.rtp.packets import Sender, nals_of, track
from vms.errors import Corrupt, InvalidInput
from vms.media.boxes import iter_boxes, read_fragment
from vms.media.fmp4 import init_segment, read_init_segment
from vms.media.parameter_sets import Codec, ParameterSets, read_sps
from vms.media.segment_file import SegmentKey, scan

Parser = Callable[[bytes], None]
KEY = SegmentKey(bytes(32))


def rtsp_message(octets: bytes) -> None:
    with suppress(NotRtsp, ProtocolViolation):
        if (taken := take_message(octets)) is not None:
            assert 0 < taken[1] <= len(octets)
    if (frame := take_frame(octets)) is not None:
        assert 4 <= frame[1] <= len(octets)


def session_description(octets: bytes) -> None:
    with suppress(CameraError):
        session_control(octets)
    with suppress(CameraError):
        track = choose_video(octets)
        assert track.control.isascii()
        if track.parameter_sets is not None:
            init_segment(track.parameter_sets)


def digest_challenge(octets: bytes) -> None:
    digest = Digest("admin", "c4nary")
    with suppress(CameraError):
        digest.take([octets.decode("utf-8", "replace")])
        answer = digest.authorization("PLAY", "rtsp://camera/") or ""
        assert "c4nary" not in answer
        assert not set(answer) & set("\r\n\0")


def rtp_of(codec: Codec) -> Parser:
    """Read octets as they come from the socket, in two feeds."""

    def rtp(octets: bytes) -> None:
        reader = StreamReader(track(codec))
        half = len(octets) // 2
        with suppress(ProtocolViolation):
            taken(reader.feed(octets[:half], 0.0) + reader.feed(octets[half:], 1.0))

    return rtp


def payloads_of(codec: Codec) -> Parser:
    """Read octets as payloads of good packets: before each its length and whether it has a marker."""

    def payloads(octets: bytes) -> None:
        sender, reader, at = Sender(codec), StreamReader(track(codec)), 0
        while at + 2 < len(octets):
            size = octets[at] + 1
            packet = sender.packet(octets[at + 2 : at + 2 + size], marker=bool(octets[at + 1] & 1))
            sender.timestamp += 3600 * (octets[at + 1] >> 1 & 1)
            taken(reader.feed(packet, 0.0))
            at += 2 + size

    return payloads


def old_rtp_of(codec: old_pictures.OldCodec) -> Parser:
    """Read octets as they come from the socket of a camera whose pictures are re-encoded."""

    def rtp(octets: bytes) -> None:
        counters = ReaderCounters()
        reader = PacketReader(96, rtp_channel=0, rtcp_channel=1, counters=counters)
        assembler = assembler_of(old_pictures.track(codec), counters)
        with suppress(ProtocolViolation):
            for packet in reader.feed(octets, 0.0):
                if packet.after_loss:
                    assembler.lose()
                assembler.packet(packet.payload, packet.timestamp, marker=packet.marker, arrival=0.0)
        assert reader.unfinished_bytes <= len(octets)

    return rtp


def old_payloads_of(codec: old_pictures.OldCodec) -> Parser:
    """Read octets as payloads of good packets of such a camera: before each its length and whether it has a marker."""

    def payloads(octets: bytes) -> None:
        assembler, at = assembler_of(old_pictures.track(codec), ReaderCounters()), 0
        while at + 2 < len(octets):
            size = octets[at] + 1
            assembler.packet(octets[at + 2 : at + 2 + size], octets[at + 1] >> 1, marker=bool(octets[at + 1] & 1), arrival=0.0)
            at += 2 + size
        assert assembler.unfinished_bytes <= MAX_PICTURE_BYTES
        assert all(0 < len(picture.payload) <= len(octets) + MAX_CONFIG_BYTES for picture in assembler.taken())

    return payloads


def taken(units: list[AccessUnit]) -> None:
    """Take access units as the recorder does: those whose parameter sets can't be read are refused."""
    for unit in units:
        assert nals_of(unit)
        with suppress(UnsupportedCodec):
            refuse_unreadable(unit)


def sps_of(codec: Codec) -> Parser:
    def sps(octets: bytes) -> None:
        with suppress(InvalidInput):
            found = read_sps(codec, octets)
            assert 0 < found.width <= 16_384
            assert 0 < found.height <= 16_384
            sets = ParameterSets(codec, (b"\x40\x01",) if codec == "h265" else (), (octets,), (b"\x68\xce",))
            assert read_init_segment(init_segment(sets)) == sets
            assert sets.rfc6381.isascii()

    return sps


def rtcp(octets: bytes) -> None:
    sender_report(octets, 0.0)


def recovery_point(octets: bytes) -> None:
    is_recovery_point(b"\x06" + octets)


def boxes(octets: bytes) -> None:
    with suppress(Corrupt):
        list(iter_boxes(octets))
    with suppress(Corrupt):
        read_fragment(octets)
    with suppress(Corrupt):
        read_init_segment(octets)


def segment_scan(octets: bytes) -> None:
    with tempfile.TemporaryFile() as file, suppress(Corrupt):
        os.pwrite(file.fileno(), octets, 0)
        assert scan(file, KEY).valid_bytes <= len(octets)


PARSERS: dict[str, Parser] = {
    "rtsp_message": rtsp_message,
    "session_description": session_description,
    "digest_challenge": digest_challenge,
    "rtp_h264": rtp_of("h264"),
    "rtp_h265": rtp_of("h265"),
    "payloads_h264": payloads_of("h264"),
    "payloads_h265": payloads_of("h265"),
    "rtp_jpeg": old_rtp_of("jpeg"),
    "rtp_mpeg4": old_rtp_of("mpeg4"),
    "payloads_jpeg": old_payloads_of("jpeg"),
    "payloads_mpeg4": old_payloads_of("mpeg4"),
    "sps_h264": sps_of("h264"),
    "sps_h265": sps_of("h265"),
    "recovery_point": recovery_point,
    "rtcp": rtcp,
    "boxes": boxes,
    "segment_scan": segment_scan,
}
