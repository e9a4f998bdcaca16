"""RTSP messages: whole, cut anywhere, too big, and not RTSP at all."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.errors import CameraError, NotRtsp, ProtocolViolation
from recorder.rtsp.message import MAX_BODY_BYTES, MAX_HEAD_BYTES, printable, request_bytes, take_frame, take_message

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5\r\nX-A: one\r\nx-a: two\r\n\r\nhello"


def test_an_answer_is_read_with_its_body() -> None:
    taken = take_message(ANSWER + b"$\x00")
    assert taken
    message, size = taken
    assert (message.status, message.reason, message.body, size) == (200, "OK", b"hello", len(ANSWER))
    assert message.header("cseq") == "2"
    assert message.all_headers("x-a") == ["one", "two"]
    assert message.header("absent") is None


@pytest.mark.parametrize("cut", range(len(ANSWER)))
def test_an_answer_cut_anywhere_waits_for_the_rest(cut: int) -> None:
    assert take_message(ANSWER[:cut]) is None


def test_a_message_is_read_from_the_middle_of_a_batch() -> None:
    taken = take_message(b"$\x00\x00\x01x" + ANSWER, 5)
    assert taken
    assert taken[1] == len(ANSWER)


def test_a_request_of_the_camera_has_status_zero() -> None:
    taken = take_message(b"ANNOUNCE rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    assert taken
    assert (taken[0].status, taken[0].reason) == (0, "ANNOUNCE")


def test_an_empty_line_before_an_answer_is_passed_over() -> None:
    taken = take_message(b"\r\n\r\n" + ANSWER)
    assert taken
    assert taken[1] == 4 + len(ANSWER)


def test_a_folded_header_is_one() -> None:
    taken = take_message(b"RTSP/1.0 200 OK\r\nPublic: OPTIONS,\r\n PLAY\r\n\r\n")
    assert taken
    assert taken[0].header("public") == "OPTIONS, PLAY"


@pytest.mark.parametrize("octets", [b"HTTP/1.1 200 OK\r\n\r\n", b"<!DOCTYPE html>", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"rtsp"])
def test_other_protocols_are_not_rtsp(octets: bytes) -> None:
    with pytest.raises(NotRtsp):
        take_message(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"RTSP/1.0 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES,
        b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 65 + b"\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"RTSP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nno colon\r\n\r\n",
        b"\r\n" * MAX_HEAD_BYTES,
    ],
)
def test_what_exceeds_a_limit_or_is_no_header_is_refused(octets: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        take_message(octets)


@pytest.mark.parametrize("url", ["rtsp://camera/a b", "rtsp://camera/\r\nX: y", "rtsp://camera/\0"])
def test_a_url_that_would_break_the_request_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        request_bytes("DESCRIBE", url, {})


def test_a_request_carries_its_headers_in_order() -> None:
    assert (
        request_bytes("OPTIONS", "rtsp://camera/", {"CSeq": "1", "X": "y"}) == b"OPTIONS rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\nX: y\r\n\r\n"
    )


def test_an_interleaved_frame_waits_until_it_is_whole() -> None:
    frame = b"$\x05\x00\x03abc"
    assert [take_frame(frame[:cut]) for cut in range(len(frame))] == [None] * len(frame)
    assert take_frame(b"xx" + frame, 2) == (5, 7)


def test_what_a_camera_says_is_cut_and_cleaned() -> None:
    assert printable("a\x1b[31m\nü" + "b" * 50, 10) == "a?[31m??bb"


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_camera_errors(octets: bytes) -> None:
    with suppress(CameraError):
        take_message(octets)


@given(st.integers(0, len(ANSWER) - 1), st.binary(max_size=8))
def test_a_damaged_answer_raises_nothing_but_camera_errors(at: int, octets: bytes) -> None:
    try:
        taken = take_message(ANSWER[:at] + octets + ANSWER[at + 1 :])
    except CameraError:
        return
    assert taken is None or taken[1] <= len(ANSWER) + len(octets)
