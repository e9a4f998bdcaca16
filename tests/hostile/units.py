"""Cameras whose NAL units lie: fragments without start or end, aggregates that overrun, parameter sets and units without measure."""

from __future__ import annotations

import asyncio

from tests.hostile.catalog import RECORDED, STALLED, UNSUPPORTED, greedy, hostile
from tests.hostile.descriptions import HEAD, VIDEO
from tests.hostile.talk import Talk
from tests.hostile.video import keyframe, packets, pictures
from tests.hostile.while_playing import PACE_SECONDS
from tests.recorder.rtp.packets import TICKS, Sender

WITHOUT_SETS = HEAD + VIDEO
H265 = HEAD + VIDEO.replace("H264", "H265")
FU_START, FU_MIDDLE, FU_END = 0x80, 0x00, 0x40
BODY = bytes(range(1, 200)) * 5


def fu_a(bits: int, kind: int = 5, body: bytes = BODY) -> bytes:
    return bytes([0x7C, bits | kind]) + body


async def flood_of(talk: Talk, payloads: list[bytes], *, marker: bool = False, ticks: int = 0, sdp: str | None = None) -> None:
    """Send packets with these payloads over and over, as fast as they are taken; numbers run on, timestamps by `ticks` a round."""
    await talk.play(sdp)
    sender = Sender()
    while True:
        batch = b""
        while len(batch) < 65_536:
            batch += b"".join(sender.packet(payload, marker=marker) for payload in payloads)
            sender.timestamp += ticks
        await talk.pour(batch)


@greedy(STALLED)
async def never_starts_its_fragments(talk: Talk) -> None:
    await flood_of(talk, [fu_a(FU_MIDDLE), fu_a(FU_END)], ticks=TICKS)


@greedy(STALLED)
async def never_ends_its_fragments(talk: Talk) -> None:
    await flood_of(talk, [fu_a(FU_START), *[fu_a(FU_MIDDLE)] * 20], ticks=TICKS)


@greedy(STALLED)
async def starts_a_fragmented_unit_that_never_ends(talk: Talk) -> None:
    await talk.play()
    sender = Sender()
    await talk.send(sender.packet(fu_a(FU_START)))
    while True:
        await talk.pour(b"".join(sender.packet(fu_a(FU_MIDDLE)) for _ in range(64)))


@greedy(STALLED)
async def starts_every_fragment(talk: Talk) -> None:
    await flood_of(talk, [fu_a(FU_START)])


@greedy(RECORDED)
async def starts_and_ends_each_fragment(talk: Talk) -> None:
    await flood_of(talk, [fu_a(FU_START | FU_END, body=b"\x88" + BODY)], marker=True, ticks=TICKS)


@greedy(STALLED)
async def fragments_its_fragments(talk: Talk) -> None:
    await flood_of(talk, [fu_a(FU_START, 28), fu_a(FU_MIDDLE, 28), fu_a(FU_END, 28)], marker=True, ticks=TICKS)


@greedy(STALLED)
async def sends_fragments_without_a_body(talk: Talk) -> None:
    await flood_of(talk, [b"\x7c", b"\x7c\x85", b"\x7c\x45"], marker=True)


@greedy(STALLED)
async def aggregates_more_than_it_sends(talk: Talk) -> None:
    await flood_of(talk, [b"\x18\xff\xff\x65\x88" + BODY], marker=True, ticks=TICKS)


@greedy(STALLED)
async def aggregates_its_aggregates(talk: Talk) -> None:
    inner = b"\x18" + len(BODY).to_bytes(2) + BODY
    await flood_of(talk, [b"\x18" + len(inner).to_bytes(2) + inner], marker=True)


@greedy(STALLED)
async def aggregates_nothing_a_thousand_times(talk: Talk) -> None:
    await flood_of(talk, [b"\x18" + bytes(2000)], marker=True)


@greedy(STALLED)
async def sends_units_of_types_that_do_not_exist(talk: Talk) -> None:
    await flood_of(talk, [bytes([kind]) + BODY for kind in (0, 25, 26, 27, 29, 30, 31)], marker=True, ticks=TICKS)


@greedy(STALLED)
async def sends_delimiters_alone(talk: Talk) -> None:
    await flood_of(talk, [b"\x09\xf0"], marker=True, ticks=TICKS)


@greedy(STALLED)
async def sends_remarks_alone(talk: Talk) -> None:
    await flood_of(talk, [b"\x06\x05\x04abcd"])


@greedy(STALLED)
async def aggregates_h265_units_that_overrun(talk: Talk) -> None:
    await flood_of(talk, [b"\x60\x01\xff\xff\x26\x01" + BODY, b"\x60\x01" + bytes(100)], marker=True, ticks=TICKS, sdp=H265)


@greedy(STALLED)
async def fragments_h265_units_without_an_end(talk: Talk) -> None:
    await flood_of(talk, [b"\x62\x01\x93" + BODY, b"\x62\x01\x13" + BODY, b"\x62\x01\x31" + BODY], sdp=H265)


@greedy(STALLED)
async def sends_parameter_sets_of_4_mb(talk: Talk) -> None:
    await talk.play(WITHOUT_SETS)
    sender = Sender(payload_size=1400)
    while True:
        fragments = list(sender.fragments(b"\x67" + bytes(4 * 1024 * 1024), marker=False))
        for at in range(0, len(fragments), 50):
            await talk.pour(b"".join(fragments[at : at + 50]))
        await talk.send(packets([keyframe()[-1:]], sender))


@greedy(STALLED)
async def sends_a_million_different_parameter_sets(talk: Talk) -> None:
    await flood_of(talk, [b"\x67\x42" + number.to_bytes(4) + bytes(1000) for number in range(60)])


@greedy(RECORDED)
async def changes_its_parameter_sets_at_every_picture(talk: Talk) -> None:
    await talk.play()
    sender = Sender(payload_size=1000)
    sets = [pictures()[0][:-1], [nal + b"\x00" if nal[0] & 0x1F == 8 else nal for nal in pictures()[0][:-1]]]
    number = 0
    while True:
        number += 1
        await talk.pour(packets([[*sets[number % 2], keyframe()[-1]]], sender))


@hostile(UNSUPPORTED)
async def sends_parameter_sets_that_can_not_be_read(talk: Talk) -> None:
    await talk.play(WITHOUT_SETS)
    sender = Sender(payload_size=1000)
    while True:
        await talk.send(packets([[b"\x67\x42\x00\x1e" + bytes(40), b"\x68\xce\x38\x80", keyframe()[-1]]], sender))
        await asyncio.sleep(PACE_SECONDS)


@hostile(UNSUPPORTED)
async def sends_parameter_sets_of_no_picture(talk: Talk) -> None:
    await talk.play(WITHOUT_SETS)
    sender = Sender(payload_size=1000)
    while True:
        await talk.send(packets([[b"\x67\x42\x00\x1e\x00", b"\x68\xce\x38\x80", keyframe()[-1]]], sender))
        await asyncio.sleep(PACE_SECONDS)


@greedy(RECORDED)
async def sends_keyframes_without_end(talk: Talk) -> None:
    await talk.play()
    sender = Sender(payload_size=1400)
    while True:
        await talk.pour(packets([keyframe()] * 8, sender))


@greedy(RECORDED)
async def sends_tiny_pictures_without_end(talk: Talk) -> None:
    await talk.play()
    sender = Sender(payload_size=1400)
    await talk.send(packets([keyframe()], sender))
    while True:
        await talk.pour(packets([[b"\x41\x9a\x01"]] * 500, sender))


@greedy(RECORDED)
async def sends_tiny_keyframes_without_end(talk: Talk) -> None:
    await talk.play()
    await flood_tiny(talk, b"\x65\x88\x01", ticks=TICKS)


@greedy(RECORDED)
async def never_advances_its_timestamps(talk: Talk) -> None:
    await talk.play()
    sender = Sender(payload_size=1400)
    await talk.send(packets([keyframe()], sender))
    await flood_tiny(talk, b"\x41\x9a\x01", ticks=0, sender=sender)


async def flood_tiny(talk: Talk, nal: bytes, *, ticks: int, sender: Sender | None = None) -> None:
    using = sender or Sender()
    while True:
        batch = b""
        for _ in range(1000):
            batch += using.packet(nal, marker=True)
            using.timestamp += ticks
        await talk.pour(batch)


@greedy(STALLED)
async def sends_a_picture_of_slices_that_never_ends(talk: Talk) -> None:
    await flood_of(talk, [b"\x65\x88" + BODY, *[b"\x65\x08" + BODY] * 30])


@greedy(STALLED)
async def sends_a_picture_of_a_million_tiny_slices(talk: Talk) -> None:
    await flood_of(talk, [b"\x65\x88\x01", *[b"\x65\x08\x01"] * 200])


@hostile(RECORDED)
async def steps_its_timestamps_by_nine_seconds(talk: Talk) -> None:
    await stamped(talk, [9 * 90_000])


@hostile(RECORDED)
async def runs_its_timestamps_backwards(talk: Talk) -> None:
    await stamped(talk, [-TICKS])


@hostile(RECORDED)
async def jumps_to_and_fro_in_time(talk: Talk) -> None:
    await stamped(talk, [TICKS, 1 << 31, TICKS, -(1 << 30)])


async def stamped(talk: Talk, steps: list[int]) -> None:
    """Send good video at 25 pictures a second, its timestamps moved by `steps` in turn."""
    await talk.play()
    sender = Sender(payload_size=1000)
    number = 0
    while True:
        for unit in pictures():
            at = sender.timestamp
            await talk.send(packets([unit], sender))
            sender.timestamp = at + steps[number % len(steps)]
            number += 1
            await asyncio.sleep(2 * PACE_SECONDS)


@hostile(STALLED)
async def sends_a_slice_without_the_first(talk: Talk) -> None:
    await talk.play()
    sender = Sender()
    await paced_rest(talk, sender)


async def paced_rest(talk: Talk, sender: Sender) -> None:
    while True:
        await talk.send(sender.packet(b"\x65\x08" + BODY, marker=True))
        sender.timestamp += TICKS
        await asyncio.sleep(PACE_SECONDS)
