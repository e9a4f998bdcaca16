"""Cameras that are hostile in their session description; many of them send good video all the same."""

from __future__ import annotations

import base64
import random

from tests.hostile.catalog import OFFLINE, RECORDED, UNSUPPORTED, hostile
from tests.hostile.talk import Talk
from tests.hostile.video import endlessly, paced_video

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n"
VIDEO = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=2\r\n"
ONE_TRACK = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 X-OTHER/90000\r\n"


async def described(talk: Talk, sdp: str) -> None:
    """Describe the stream like that, and send good video if the recorder wants it."""
    await talk.play(sdp)
    await paced_video(talk, endlessly())


@hostile(OFFLINE)
async def describes_twenty_thousand_streams(talk: Talk) -> None:
    await described(talk, HEAD + ONE_TRACK * 20_000)


@hostile(OFFLINE)
async def describes_a_thousand_streams(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO[:30] + "\r\n" + "m=video 0 RTP/AVP 96\r\n" * 1000)


@hostile(UNSUPPORTED)
async def describes_random_bytes(talk: Talk) -> None:
    await described(talk, random.Random(7).randbytes(20_000).decode("latin-1"))


@hostile(UNSUPPORTED)
async def describes_nothing(talk: Talk) -> None:
    await described(talk, "")


@hostile(UNSUPPORTED)
async def describes_sound_alone(talk: Talk) -> None:
    await described(talk, HEAD + "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n")


@hostile(UNSUPPORTED)
async def describes_a_codec_of_its_own(talk: Talk) -> None:
    await described(talk, HEAD + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 \x1b[2J/90000\r\na=rtpmap:96 WONDER-264/90000\r\n")


@hostile(UNSUPPORTED)
async def describes_a_port_of_a_million(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO.replace("m=video 0 ", "m=video 1000000 "))


@hostile(UNSUPPORTED)
async def describes_a_payload_type_of_999(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO.replace("AVP 96", "AVP 9999"))


@hostile(UNSUPPORTED)
async def describes_packets_in_any_order(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + "a=fmtp:96 packetization-mode=2\r\n")


@hostile(OFFLINE)
async def names_its_track_in_4_kb(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO.replace("trackID=2", "x" * 4096))


@hostile(OFFLINE)
async def hides_a_request_in_the_name_of_its_track(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO.replace("trackID=2", "x RTSP/1.0\tTEARDOWN rtsp://x/"))


@hostile(RECORDED)
async def names_its_track_at_another_host(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO.replace("trackID=2", "rtsp://collector.example/steal"))


@hostile(RECORDED)
async def describes_each_thing_a_thousand_times(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + "a=rtpmap:96 H264/90000\r\na=control:trackID=2\r\n" * 1000)


@hostile(RECORDED)
async def describes_parameter_sets_of_40_kb(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + f"a=fmtp:96 sprop-parameter-sets={'Z' * 40_000},aM4PyA==\r\n")


@hostile(RECORDED)
async def describes_a_thousand_parameter_sets(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + f"a=fmtp:96 sprop-parameter-sets={'Z0LA,' * 1000}aM4PyA==\r\n")


@hostile(RECORDED)
async def describes_parameter_sets_that_are_no_base64(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + "a=fmtp:96 sprop-parameter-sets=*!*,\x00\x00\r\n")


@hostile(RECORDED)
async def describes_parameter_sets_that_are_noise(talk: Talk) -> None:
    noise = random.Random(3)
    sps, pps = (base64.b64encode(bytes([kind]) + noise.randbytes(20)).decode() for kind in (0x67, 0x68))
    await described(talk, HEAD + VIDEO + f"a=fmtp:96 sprop-parameter-sets={sps},{pps}\r\n")


@hostile(RECORDED)
async def describes_a_clock_that_stands_still(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO.replace("90000", "0"))


@hostile(RECORDED)
async def describes_a_frame_rate_of_9999(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + "a=framerate:9999\r\na=framerate:-1\r\na=framerate:1e400\r\n")


@hostile(RECORDED)
async def describes_itself_in_one_line_of_60_kb(talk: Talk) -> None:
    await described(talk, HEAD + VIDEO + "a=fmtp:96 " + "a=b;" * 14_000 + "\r\n")
