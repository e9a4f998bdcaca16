"""Which track of a session description is chosen, and which descriptions are refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.errors import CameraError, NoVideo, ProtocolViolation, UnsupportedCodec
from recorder.rtsp.sdp import choose_video, session_control

H264 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n"
VPS, PPS = b"\x40\x01\x0c\x01", b"\x44\x01\xc0\x73"
SPS = bytes.fromhex("42010101600000030090000003000003001ea010206165ba4a4c2e6808000003000800000300c840")


def b64(nal: bytes) -> str:
    return base64.b64encode(nal).decode()


def test_the_video_track_is_found_between_others() -> None:
    audio = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/16000\r\na=control:track0\r\n"
    metadata = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track9\r\n"
    track = choose_video((HEAD + audio + H264 + metadata).encode())
    assert (track.codec, track.payload_type, track.clock_rate, track.control) == ("h264", 96, 90_000, "track1")
    assert track.parameter_sets is None
    assert track.frame_rate is None


def test_h264_parameter_sets_are_decoded() -> None:
    sps, pps = bytes.fromhex("6742c00ada11e840000003004000000c83c489a8"), b"\x68\xce\x0f\xc8"
    text = f"{H264}a=fmtp:96 packetization-mode=1; sprop-parameter-sets={b64(sps)},{b64(pps)}\r\na=framerate:12.5\r\n"
    track = choose_video((HEAD + text).encode())
    assert track.parameter_sets
    assert (track.parameter_sets.sps, track.parameter_sets.pps) == ((sps,), (pps,))
    assert track.frame_rate == 12.5


def test_h265_parameter_sets_are_decoded() -> None:
    text = f"m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\na=fmtp:98 sprop-vps={b64(VPS)};sprop-sps={b64(SPS)};sprop-pps={b64(PPS)}\n"
    track = choose_video((HEAD + text).encode())
    assert track.codec == "h265"
    assert track.parameter_sets
    assert (track.parameter_sets.vps, track.parameter_sets.sps, track.parameter_sets.pps) == ((VPS,), (SPS,), (PPS,))


@pytest.mark.parametrize(
    "sprop", ["Z0IAHg==", "Z0IAHg==,%%%", "AAAA", "Z0IAHg==,aM44gA==", "Z0IAHg==," * 40 + "aM44gA==", "Z" * 9000 + ",aM44gA=="]
)
def test_broken_or_incomplete_sets_count_as_absent(sprop: str) -> None:
    track = choose_video(f"{HEAD}{H264}a=fmtp:96 sprop-parameter-sets={sprop}\r\n".encode())
    assert track.parameter_sets is None


def test_padding_missing_from_base64_is_forgiven() -> None:
    track = choose_video(f"{HEAD}{H264}a=fmtp:96 sprop-parameter-sets=Z0LACtoR6EAAAAMAQAAADIPEiag,aM4PyA\r\n".encode())
    assert track.parameter_sets


def test_a_second_video_section_is_taken_when_the_first_is_mjpeg() -> None:
    assert choose_video((HEAD + "m=video 0 RTP/AVP 26\r\na=control:track0\r\n" + H264).encode()).control == "track1"


def test_the_codec_that_cannot_be_used_is_named() -> None:
    with pytest.raises(UnsupportedCodec, match="H261"):
        choose_video(f"{HEAD}m=video 0 RTP/AVP 31\r\n".encode())
    with pytest.raises(UnsupportedCodec, match="JPEG2000"):
        choose_video(f"{HEAD}m=video 0 RTP/AVP 96\r\na=rtpmap:96 JPEG2000/90000\r\n".encode())


@pytest.mark.parametrize(
    "text",
    ["m=video 0 RTP/AVP 26\r\n", "m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n", "m=video 0 RTP/AVP 26 31\r\n"],
)
def test_jpeg_is_taken_with_and_without_a_map_of_its_payload_type(text: str) -> None:
    track = choose_video(f"{HEAD}{text}a=control:track3\r\n".encode())

    assert (track.codec, track.payload_type, track.control, track.dimensions) == ("jpeg", 26, "track3", None)


def test_jpeg_pictures_too_large_for_their_packets_fields_have_their_size_from_the_description() -> None:
    text = "m=video 0 RTP/AVP 97\r\na=rtpmap:97 JPEG/90000\r\na=x-dimensions:2560,1440\r\n"

    assert choose_video((HEAD + text).encode()).dimensions == (2560, 1440)


def test_mpeg4_is_taken_with_its_headers() -> None:
    text = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\na=fmtp:96 profile-level-id=1;config=000001b001\r\n"
    track = choose_video((HEAD + text).encode())

    assert (track.codec, track.payload_type, track.config) == ("mpeg4", 96, b"\x00\x00\x01\xb0\x01")


def test_h264_is_preferred_wherever_it_stands() -> None:
    both = "m=video 0 RTP/AVP 26\r\na=control:track0\r\nm=video 0 RTP/AVP 98\r\na=rtpmap:98 MP4V-ES/90000\r\na=control:track2\r\n"

    assert choose_video((HEAD + both + H264).encode()).codec == "h264"
    assert choose_video((HEAD + both).encode()).control == "track0"


def test_mpeg4_of_another_clock_is_refused() -> None:
    with pytest.raises(UnsupportedCodec, match="MP4V-ES"):
        choose_video(f"{HEAD}m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/30000\r\n".encode())


@pytest.mark.parametrize(
    "text",
    [f"{H264}a=fmtp:96 packetization-mode=2\r\n", "m=video 0 RTP/AVP 98\r\na=rtpmap:98 H265/90000\r\na=fmtp:98 sprop-max-don-diff=2\r\n"],
)
def test_interleaved_packet_order_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedCodec, match="interleaved"):
        choose_video((HEAD + text).encode())


@pytest.mark.parametrize("text", ["", "<html></html>", "m=audio 0 RTP/AVP 0\r\n", "m=video\r\n"])
def test_a_description_without_video_is_told(text: str) -> None:
    with pytest.raises(NoVideo):
        choose_video(text.encode())


@pytest.mark.parametrize(
    "text", [H264.replace("track1", "t" * 2000), H264.replace("track1", "tr ack"), H264 * 65, HEAD + "a=x\r\n" * 20_000]
)
def test_a_description_beyond_the_limits_is_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        choose_video(text.encode())


def test_the_control_of_the_whole_presentation_is_read_before_the_tracks() -> None:
    assert session_control(f"{HEAD}a=control:rtsp://camera/all\r\n{H264}".encode()) == "rtsp://camera/all"
    assert session_control((HEAD + H264).encode()) == ""


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_camera_errors(octets: bytes) -> None:
    for description in (octets, f"{HEAD}{H264}a=fmtp:96 ".encode() + octets, b"m=video " + octets):
        try:
            choose_video(description)
            session_control(description)
        except CameraError:
            pass
