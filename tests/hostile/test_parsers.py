"""Every parser of what a camera or a disk hands over: whatever it is given, it answers or refuses as declared, and never hangs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.reader import StreamReader
from recorder.rtsp.digest import Digest
from recorder.rtsp.errors import CameraError, NotRtsp, ProtocolViolation
from recorder.rtsp.message import MAX_BODY_BYTES, MAX_HEAD_BYTES, Message, take_message
from tests.hostile.parsers import PARSERS
from tests.recorder.rtp.packets import Sender, clip, frame, track
from vms.media.parameter_sets import Codec

CODECS: st.SearchStrategy[Codec] = st.sampled_from(("h264", "h265"))
LINES = st.sampled_from(
    (
        *(b"RTSP/1.0 200 OK\r\n", b"RTSP/1.0 401 Unauthorized\r\n", b"OPTIONS * RTSP/1.0\r\n", b"CSeq: 1\r\n", b"Session: a;timeout=5\r\n"),
        *(
            b"Content-Length: 9\r\n",
            b"Content-Length: -1\r\n",
            b" folded\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b"$\x00\x00\x04abcd",
            b"a=b\r\n",
            b":\r\n",
        ),
        *(b"v=0\r\n", b"m=video 0 RTP/AVP 96\r\n", b"a=rtpmap:96 H264/90000\r\n", b"a=fmtp:96 sprop-parameter-sets=Z0IA,aM4=\r\n"),
        *(
            b'WWW-Authenticate: Digest realm="r", nonce="n"\r\n',
            b'Digest nonce="\\"',
            b", Digest ",
            b'qop="auth,auth-int"',
            b"=",
            b'"',
            b",",
        ),
    )
)
WORDS = st.lists(LINES | st.binary(max_size=20), max_size=30).map(b"".join)
PAYLOADS = st.binary(min_size=1, max_size=40) | st.sampled_from(
    (
        *(
            b"\x7c\x85\x88abc",
            b"\x7c\x05abc",
            b"\x7c\x45abc",
            b"\x7c\xc5\x88",
            b"\x18\x00\x03\x65\x88\x01",
            b"\x18\xff\xff\x65",
            b"\x65\x88\x01",
        ),
        *(
            b"\x41\x9a\x01",
            b"\x06\x06\x01\x80",
            b"\x67\x42\x00\x1e",
            b"\x68\xce",
            b"\x62\x01\x93\xafabc",
            b"\x62\x01\x13abc",
            b"\x62\x01\x53abc",
        ),
        *(b"\x60\x01\x00\x04\x26\x01\xaf\x01", b"\x60\x01\xff\xff", b"\x26\x01\xaf\x01", b"\x02\x01\xd0\x01", b"\x42\x01\x01", b"\x09\xf0"),
    )
)


@pytest.mark.parametrize("name", sorted(PARSERS))
@given(st.binary(max_size=2000) | WORDS)
def test_a_parser_answers_or_refuses_as_declared(name: str, octets: bytes) -> None:
    PARSERS[name](octets)


@st.composite
def bent(draw: st.DrawFn, packets: list[bytes]) -> list[bytes]:
    """Draw what becomes of good packets: headers with an octet changed, packets left out or sent twice."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(packets) - 1))
        place = draw(st.integers(1, 19).filter(lambda place: place not in (2, 3)))  # but the length, which would only end it all
        bit = 1 << draw(st.integers(0, 7))
        changed = bytearray(packets[at])
        if place < len(changed):
            changed[place] ^= bit
        packets[at : at + 1] = draw(st.sampled_from(([bytes(changed)], [bytes(changed)], [], [packets[at], packets[at]])))
        if not packets:
            break
    return packets


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Codec, bytes]:
    """Draw what a camera may send once it plays: good video, lies, answers, reports and noise in any order."""
    codec: Codec = draw(CODECS)
    sender = Sender(codec)
    parts: list[bytes] = [b"".join(sender.unit(clip(codec)[0]))]
    for number in range(1, 1 + draw(st.integers(0, 3))):
        parts += draw(bent(sender.unit(clip(codec)[number])))
    for payload in draw(st.lists(PAYLOADS, max_size=12)):
        parts.append(
            sender.packet(
                payload, marker=draw(st.booleans()), padding=draw(st.sampled_from((0, 0, 4))), csrc=draw(st.sampled_from((0, 0, 2)))
            )
        )
        sender.sequence += draw(st.sampled_from((0, 0, 0, 1, -1, 70)))
        sender.timestamp += draw(st.sampled_from((0, 0, 3600, -3600, 1 << 31)))
        parts += draw(
            st.lists(
                st.sampled_from(
                    (b"\r\n", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", frame(1, b"\x80\xc8\x00\x06" + bytes(24)), frame(7, b"x"))
                ),
                max_size=2,
            )
        )
    return codec, b"".join(parts)


def read(codec: Codec, chunks: Iterator[bytes]) -> tuple[list[AccessUnit], str, object]:
    """Return what came out, what it ended with, and what else the reader knows."""
    reader, units = StreamReader(track(codec)), list[AccessUnit]()
    try:
        for chunk in chunks:
            units += reader.feed(chunk, 1.0)
    except CameraError as err:
        return units, type(err).__name__, None
    return units, "", (reader.counters, reader.sender_report, reader.take_messages(), reader.parameter_sets)


@pytest.mark.slow
@given(conversations(), st.data())
def test_no_chunking_changes_what_a_camera_said(conversation: tuple[Codec, bytes], data: st.DataObject) -> None:
    codec, octets = conversation
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=20))), len(octets)]
    whole = read(codec, iter([octets]))
    pieces = read(codec, (octets[begin:end] for begin, end in pairwise(cuts)))
    single = read(codec, (octets[at : at + 1] for at in range(len(octets))))
    if whole[1]:  # what came before the end is handed over or not, as it arrived
        assert pieces[1] == single[1] == whole[1]
    else:
        assert pieces == single == whole


@given(WORDS)
def test_a_message_that_comes_in_pieces_is_the_same_message(octets: bytes) -> None:
    whole = _taken(octets)
    for end in range(len(octets)):
        if (part := _taken(octets[:end])) is not None:
            assert part == whole
            break


def _taken(octets: bytes) -> Message | str | None:
    try:
        taken = take_message(octets)
    except (NotRtsp, ProtocolViolation) as err:
        return type(err).__name__
    return taken[0] if taken else None


@pytest.mark.slow
@given(WORDS, WORDS)
def test_a_message_is_never_waited_for_beyond_its_limits(head: bytes, filling: bytes) -> None:
    octets = (b"RTSP/1.0 200 OK\r\n" + head.replace(b"\r\n\r\n", b"\r\n") + filling) * ((MAX_HEAD_BYTES + MAX_BODY_BYTES) // 17 + 1)
    assert _taken(octets) is not None


@given(st.lists(st.text(alphabet="Digest realm=\"no,c=\\' \t;", max_size=4000), max_size=3))
def test_a_challenge_of_any_shape_is_answered_or_refused(values: list[str]) -> None:
    digest = Digest("admin", "secret")
    try:
        digest.take(values)
    except CameraError:
        return
    assert "secret" not in (digest.authorization("PLAY", "rtsp://camera/") or "")
