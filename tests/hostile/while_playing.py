"""Cameras that turn hostile once they play: packets that lie, units that never end, floods of everything."""

from __future__ import annotations

import asyncio
import random
import struct

from tests.hostile.catalog import OFFLINE, RECORDED, REFUSED, SILENT, STALLED, greedy, hostile
from tests.hostile.talk import Talk
from tests.hostile.video import endlessly, keyframe, paced_video, packets, pictures
from tests.recorder.rtp.packets import Sender, frame

NOISE = random.Random(11).randbytes(65_000)
PACE_SECONDS = 0.02


def report(ntp: int = 1) -> bytes:
    return frame(1, struct.pack("!BBHIQIII", 0x80, 200, 6, 7, ntp, 90, 1, 2))


async def paced(talk: Talk, data: bytes) -> None:
    """Send `data` 50 times a second."""
    while True:
        await talk.send(data)
        await asyncio.sleep(PACE_SECONDS)


@hostile(SILENT)
async def plays_and_says_nothing(talk: Talk) -> None:
    await talk.play()
    await talk.hold()


@hostile(SILENT)
async def sends_only_reports(talk: Talk) -> None:
    await talk.play()
    await paced(talk, report())


@greedy(SILENT)
async def floods_with_reports(talk: Talk) -> None:
    await talk.play()
    await talk.flood(report())


@greedy(SILENT)
async def floods_with_reports_of_noise(talk: Talk) -> None:
    await talk.play()
    await talk.flood(frame(1, NOISE[:1400]))


@greedy(SILENT)
async def floods_channels_that_were_not_set_up(talk: Talk) -> None:
    await talk.play()
    await talk.flood(b"".join(frame(channel, NOISE[: 10 * channel]) for channel in range(2, 256)))


@greedy(SILENT)
async def floods_with_answers(talk: Talk) -> None:
    await talk.play()
    await talk.flood(b"RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n")


@hostile(SILENT)
async def says_goodbye_and_stays(talk: Talk) -> None:
    await talk.play()
    await talk.send(frame(1, struct.pack("!BBHI", 0x81, 203, 1, 7)))
    await talk.hold()


@hostile(OFFLINE)
async def plays_and_hangs_up(talk: Talk) -> None:
    await talk.play()
    talk.writer.close()


@hostile(OFFLINE)
async def plays_a_little_and_breaks_the_connection(talk: Talk) -> None:
    await talk.play()
    await talk.send(packets(pictures()[:3]))
    talk.reset()


@hostile(REFUSED)
async def wants_the_password_again_while_it_plays(talk: Talk) -> None:
    await talk.play()
    await talk.flood(b'RTSP/1.0 401 Unauthorized\r\nCSeq: 9\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n')


@greedy(OFFLINE)
async def sends_random_bytes(talk: Talk) -> None:
    await talk.play()
    await talk.flood(NOISE)


@greedy(OFFLINE)
async def sends_good_video_and_then_random_bytes(talk: Talk) -> None:
    await talk.play()
    await talk.send(packets(pictures()))
    await talk.flood(NOISE)


@hostile(OFFLINE)
async def announces_a_body_of_900_mb_between_its_pictures(talk: Talk) -> None:
    await talk.play()
    await talk.send(packets(pictures()) + b"RTSP/1.0 200 OK\r\nContent-Length: 900000000\r\n\r\n")
    await talk.hold()


@hostile(SILENT)
async def begins_a_header_between_its_packets_and_never_ends_it(talk: Talk) -> None:
    await talk.play()
    await talk.send(frame(0, b"\x80\x60" + bytes(20)) + b"RTSP/1.0 200 OK\r\nServer: ")
    while True:
        await talk.drip(b"a")


@greedy(STALLED)
async def floods_with_empty_packets(talk: Talk) -> None:
    await talk.play()
    await talk.flood(frame(0, b""))


@greedy(STALLED)
async def floods_with_packets_of_rtp_version_0(talk: Talk) -> None:
    await talk.play()
    await talk.flood(frame(0, bytes(1400)))


@hostile(STALLED)
async def sends_another_payload_type(talk: Talk) -> None:
    await talk.play()
    await paced_video(talk, endlessly(Sender(payload_type=97, payload_size=1000)))


@hostile(STALLED)
async def sends_more_padding_than_packet(talk: Talk) -> None:
    await talk.play()
    await paced(talk, frame(0, struct.pack("!BBHII", 0xA0, 0xE0, 1, 1, 7) + b"\x65\x88\xff"))


@hostile(STALLED)
async def announces_extensions_that_are_not_there(talk: Talk) -> None:
    await talk.play()
    await paced(talk, frame(0, struct.pack("!BBHIIHH", 0x9F, 0xE0, 1, 1, 7, 0xABAC, 0xFFFF) + bytes(64)))


@hostile(STALLED)
async def repeats_one_sequence_number(talk: Talk) -> None:
    await talk.play()
    sender = Sender(payload_size=1000)
    first = packets([keyframe()[:2]], sender)
    sender.sequence -= 1
    await talk.send(first)
    await paced(talk, sender.packet(b"\x41\x9a\x00\x01", marker=True))


@hostile(STALLED)
async def numbers_its_packets_at_random(talk: Talk) -> None:
    await talk.play()
    sender, chance = Sender(payload_size=300), random.Random(5)
    while True:
        for unit in pictures():
            for nal in unit:
                for packet in sender.fragments(nal, marker=True):
                    sender.sequence = chance.randrange(0x10000)
                    await talk.send(packet)
            await asyncio.sleep(PACE_SECONDS)


@hostile(STALLED)
async def never_sends_a_keyframe(talk: Talk) -> None:
    await talk.play()
    sender = Sender(payload_size=1000)
    while True:
        await talk.send(packets(pictures()[1:5], sender))
        await asyncio.sleep(PACE_SECONDS)


@hostile(STALLED)
async def sends_one_picture_for_ever(talk: Talk) -> None:
    await talk.play()
    sender = Sender()
    await talk.send(b"".join(list(sender.fragments(keyframe()[-1], marker=False))[:1]))
    while True:
        await talk.send(sender.packet(b"\x7c\x05\x01"))
        await asyncio.sleep(PACE_SECONDS)


@hostile(RECORDED)
async def sends_one_octet_at_a_time(talk: Talk) -> None:
    await talk.play()
    for picture in endlessly():
        for octet in picture:
            await talk.send(bytes([octet]))
        await asyncio.sleep(PACE_SECONDS * 5)


@greedy(RECORDED)
async def sends_good_video_as_fast_as_it_is_read(talk: Talk) -> None:
    await talk.play()
    for picture in endlessly():
        await talk.pour(picture)
