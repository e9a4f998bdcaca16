from __future__ import annotations

import struct
from pathlib import Path

import pytest

from recorder.demo.encode import ClipOrder, Codec, has_codec, prepare
from recorder.demo.packets import MAX_PAYLOAD_BYTES, RtpFrame, access_units, frame_number, load_clip, loop_index, sender_report
from tests.fakes.cameras import CACHE, TINY_H265, TINY_MAIN

CODECS = ["h264", pytest.param("h265", marks=[pytest.mark.slow, pytest.mark.skipif(not has_codec("h265"), reason="no libx265")])]


def clip_path(codec: Codec) -> Path:
    (path,) = prepare([ClipOrder("Main entrance", TINY_MAIN if codec == "h264" else TINY_H265["main"])], CACHE, processes=0)
    return path


def payloads(frame: RtpFrame) -> list[bytes]:
    ends = (*frame.starts[1:], len(frame.wire))
    return [frame.wire[start + 16 : end] for start, end in zip(frame.starts, ends, strict=True)]


def unpacked(frame: RtpFrame, codec: Codec) -> list[bytes]:
    """What a receiver makes of it, written from the RFCs and not from our own reader."""
    head, aggregate, fragment = (1, 24, 28) if codec == "h264" else (2, 48, 49)
    nals: list[bytes] = []
    for payload in payloads(frame):
        kind = payload[0] & 31 if codec == "h264" else payload[0] >> 1 & 63
        if kind == aggregate:
            rest = payload[head:]
            while rest:
                size = int.from_bytes(rest[:2], "big")
                nals.append(rest[2 : 2 + size])
                rest = rest[2 + size :]
        elif kind == fragment:
            flags = payload[head]
            if flags & 0x80:
                first = payload[0] & 0xE0 | flags & 31 if codec == "h264" else payload[0] & 0x81 | (flags & 63) << 1
                nals.append(bytes((first,)) + payload[1:head])
            nals[-1] += payload[head + 1 :]
        else:
            nals.append(payload)
    return nals


@pytest.mark.parametrize("codec", CODECS)
def test_receiver_gets_back_every_nal_unit(codec: Codec) -> None:
    path = clip_path(codec)
    clip = load_clip(path, TINY_MAIN if codec == "h264" else TINY_H265["main"])
    assert [unpacked(frame, codec) for frame in clip.frames] == access_units(path.read_bytes(), codec)


@pytest.mark.parametrize("codec", CODECS)
def test_packets_fit_and_only_the_last_of_a_frame_is_marked(codec: Codec) -> None:
    clip = load_clip(clip_path(codec), TINY_MAIN if codec == "h264" else TINY_H265["main"])
    for frame in clip.frames[:20]:
        assert max(len(payload) for payload in payloads(frame)) <= MAX_PAYLOAD_BYTES
        marks = [frame.wire[start + 5] >> 7 for start in frame.starts]
        assert marks == [0] * (len(marks) - 1) + [1]


def test_patching_numbers_packets_and_leaves_the_template_alone() -> None:
    frame = load_clip(clip_path("h264"), TINY_MAIN).frames[0]
    kept = frame.wire
    wire = frame.patched(channel=4, sequence=0xFFFF, timestamp=7, ssrc=9)
    heads = [struct.unpack_from(">xBxxxxHII", wire, start) for start in frame.starts]
    assert heads[:2] == [(4, 0xFFFF, 7, 9), (4, 0, 7, 9)]
    assert frame.wire == kept


def test_clip_of_another_length_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short.h264"
    short.write_bytes(clip_path("h264").read_bytes()[:100_000])
    with pytest.raises(ValueError, match="not the 600 of a minute"):
        load_clip(short, TINY_MAIN)


def test_sender_report_is_a_compound_of_sr_and_sdes() -> None:
    content = sender_report(channel=1, ssrc=5, unix_seconds=0.5, timestamp=6, packets=7, octets=8)
    assert content[:2] == b"$\x01"
    assert int.from_bytes(content[2:4], "big") == len(content) - 4
    assert struct.unpack_from(">BBHIIIIII", content, 4) == (0x80, 200, 6, 5, 2_208_988_800, 1 << 31, 6, 7, 8)
    assert struct.unpack_from(">BBH", content, 32) == (0x81, 202, (len(content) - 32) // 4 - 1)


def test_loop_begins_with_the_minute() -> None:
    minute = 1_800_000_000
    assert [loop_index(frame_number(minute + late, 15), 15) for late in (-0.01, 0, 1 / 15, 59.99)] == [899, 0, 1, 899]
