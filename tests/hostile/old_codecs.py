"""Cameras that send JPEG or MPEG-4 and lie in it: to what puts their pictures together, and to the decoder in its sandbox."""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
from collections.abc import Iterable

from tests.hostile.catalog import RECORDED, STALLED, greedy, hostile
from tests.hostile.descriptions import HEAD, VIDEO
from tests.hostile.talk import Talk
from tests.hostile.video import PICTURE_SECONDS
from tests.recorder.rtp.old_pictures import coded, interleaved, payload_lists
from tests.recorder.rtp.packets import TICKS, Sender

JPEG = HEAD + "m=video 0 RTP/AVP 26\r\na=control:trackID=2\r\n"
MPEG4 = HEAD + VIDEO.replace("H264", "MP4V-ES")
SCAN = random.Random(3).randbytes(900).replace(b"\xff", b"\xfe")
PICTURE = b"\x00\x00\x01\xb6"


def jpeg(offset: int, *, kind: int = 1, q: int = 80, columns: int = 40, rows: int = 30, body: bytes = SCAN) -> bytes:
    return struct.pack("!IBBBB", offset, kind, q, columns, rows) + body


def jpeg_sender() -> Sender:
    return Sender(payload_type=26)


async def flood_of(talk: Talk, sdp: str, sender: Sender, pictures: Iterable[list[bytes]]) -> None:
    """Send the payloads of picture after picture, as fast as they are taken."""
    await talk.play(sdp)
    batch = b""
    for parts in pictures:
        batch += b"".join(sender.packet(payload, marker=at == len(parts) - 1) for at, payload in enumerate(parts))
        sender.timestamp += TICKS
        if len(batch) > 65_536:
            await talk.pour(batch)
            batch = b""


@greedy(STALLED)
async def lies_about_the_places_of_its_fragments(talk: Talk) -> None:
    lies = [[jpeg(0), jpeg(1)], [jpeg(0), jpeg(0xFFFFFF)], [jpeg(900)], [jpeg(0), jpeg(0)], [jpeg(0), jpeg(900, columns=41)]]
    await flood_of(talk, JPEG, jpeg_sender(), itertools.cycle(lies))


@greedy(STALLED)
async def sends_jpeg_without_its_tables(talk: Talk) -> None:
    empty, cut = struct.pack("!BBH", 0, 0, 0), struct.pack("!BBH", 0, 0, 0xFFFF)
    lies = [[jpeg(0, q=q, body=head + SCAN)] for q, head in ((255, empty), (128, empty), (255, cut), (0, b""), (100, b""))]
    await flood_of(talk, JPEG, jpeg_sender(), itertools.cycle(lies))


@greedy(STALLED)
async def sends_jpeg_of_types_that_do_not_exist(talk: Talk) -> None:
    await flood_of(talk, JPEG, jpeg_sender(), itertools.cycle([[jpeg(0, kind=kind)] for kind in (2, 5, 63, 66, 127, 128, 255)]))


@greedy(STALLED)
async def never_ends_its_jpeg_picture(talk: Talk) -> None:
    await talk.play(JPEG)
    sender = jpeg_sender()
    for first in itertools.count(step=64):
        await talk.pour(b"".join(sender.packet(jpeg(number * len(SCAN) & 0xFFFFFF)) for number in range(first, first + 64)))


@greedy(STALLED)
async def describes_jpeg_of_65535_by_65535(talk: Talk) -> None:
    pictures = payload_lists("jpeg", coded("jpeg"))
    without_size = [[payload[:6] + b"\x00\x00" + payload[8:] for payload in parts] for parts in pictures]
    await flood_of(talk, JPEG + "a=x-dimensions:65535,65535\r\n", jpeg_sender(), itertools.cycle(without_size))


@greedy(RECORDED)
async def floods_with_jpeg_of_8_megapixels(talk: Talk) -> None:
    pictures = payload_lists("jpeg", coded("jpeg", count=1, width=3840, height=2160, flat=True))
    await flood_of(talk, JPEG + "a=x-dimensions:3840,2160\r\n", jpeg_sender(), itertools.cycle(pictures))


@greedy(RECORDED)
async def floods_with_good_jpeg(talk: Talk) -> None:
    await flood_of(talk, JPEG, jpeg_sender(), itertools.cycle(payload_lists("jpeg", coded("jpeg"))))


@hostile(RECORDED)
async def changes_the_size_of_its_jpeg_at_every_picture(talk: Talk) -> None:
    await talk.play(JPEG)
    sender, sizes = jpeg_sender(), [coded("jpeg", count=1), coded("jpeg", count=1, width=128, height=96)]
    for pictures in itertools.cycle(sizes):
        for octets in interleaved("jpeg", pictures, sender):
            await talk.send(octets)
        await asyncio.sleep(PICTURE_SECONDS)


@greedy(STALLED)
async def begins_none_of_its_mpeg4_pictures(talk: Talk) -> None:
    await flood_of(talk, MPEG4, Sender(), itertools.repeat([SCAN, SCAN]))


@greedy(STALLED)
async def sends_mpeg4_headers_alone(talk: Talk) -> None:
    await flood_of(talk, MPEG4, Sender(), itertools.repeat([b"\x00\x00\x01\xb0\x01" + SCAN]))


@greedy(STALLED)
async def sends_mpeg4_noise_under_headers_of_noise(talk: Talk) -> None:
    sdp = MPEG4 + f"a=fmtp:96 profile-level-id=1;config=000001b0{random.Random(1).randbytes(200).hex()}\r\n"
    chance = random.Random(2)
    await flood_of(talk, sdp, Sender(), ([PICTURE + b"\x10" + chance.randbytes(900)] for _ in itertools.count()))


@greedy(STALLED)
async def never_ends_its_mpeg4_picture(talk: Talk) -> None:
    await talk.play(MPEG4)
    sender = Sender()
    while True:
        await talk.pour(b"".join(sender.packet(PICTURE + SCAN) for _ in range(64)))


@greedy(STALLED)
async def sends_mpeg4_of_16_megapixels_in_a_few_packets(talk: Talk) -> None:
    await flood_of(talk, MPEG4, Sender(), itertools.repeat(payload_lists("mpeg4", [bomb()])[0]))


def bomb() -> bytes:
    """Return a small picture whose decoder would fill 16 megapixels: a real header, its size written over."""
    octets = bytearray(coded("mpeg4")[0])
    at = octets.index(b"\x00\x00\x01\x20")
    bits = f"{int.from_bytes(octets[at : at + 32]):0256b}"
    size = f"1{64:013b}1{48:013b}1"
    assert bits.count(size) == 1
    octets[at : at + 32] = int(bits.replace(size, f"1{4096:013b}1{4096:013b}1"), 2).to_bytes(32)
    return bytes(octets)
