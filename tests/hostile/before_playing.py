"""Cameras that are hostile before they play: silence, dribble, floods and lies in their RTSP answers."""

from __future__ import annotations

import random

from tests.hostile.catalog import OFFLINE, RECORDED, REFUSED, UNSUPPORTED, greedy, hostile
from tests.hostile.talk import Talk
from tests.hostile.video import endlessly, paced_video
from tests.recorder.rtsp.scripted_camera import SDP, answer

NOISE = random.Random(4).randbytes(65_536)
CRLF = b"\r\n"


@hostile(OFFLINE)
async def says_nothing(talk: Talk) -> None:
    await talk.hold()


@hostile(OFFLINE)
async def hangs_up_at_once(talk: Talk) -> None:
    talk.writer.close()


@hostile(OFFLINE)
async def resets_the_connection(talk: Talk) -> None:
    await talk.request()
    talk.reset()


@hostile(OFFLINE)
async def falls_silent_when_asked_to_describe(talk: Talk) -> None:
    await talk.until("DESCRIBE")
    await talk.hold()


@hostile(OFFLINE)
async def falls_silent_when_asked_to_set_up(talk: Talk) -> None:
    await talk.until("SETUP")
    await talk.hold()


@hostile(OFFLINE)
async def falls_silent_when_asked_to_play(talk: Talk) -> None:
    await talk.until("PLAY")
    await talk.hold()


@hostile(OFFLINE)
async def hangs_up_in_the_middle_of_an_answer(talk: Talk) -> None:
    request = await talk.until("DESCRIBE")
    await talk.send(answer(request, body=SDP)[:-40])
    talk.writer.close()


@hostile(OFFLINE)
async def drips_its_answer(talk: Talk) -> None:
    await talk.drip(answer(await talk.request(), Public="OPTIONS, " * 500))
    await talk.hold()


@hostile(OFFLINE)
async def drips_headers_without_end(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 OK\r\n")
    while True:
        await talk.drip(b"X-More: yes\r\n")


@hostile(OFFLINE)
async def drips_a_session_description(talk: Talk) -> None:
    await talk.drip(answer(await talk.until("DESCRIBE"), body=SDP * 100))
    await talk.hold()


@greedy(OFFLINE)
async def sends_headers_without_end(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 OK\r\n")
    await talk.flood(b"X-More: yes\r\n")


@greedy(OFFLINE)
async def sends_one_header_line_without_end(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 OK\r\nServer: ")
    await talk.flood(b"a")


@hostile(OFFLINE)
async def sends_a_thousand_short_headers(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 OK\r\n" + b"A:b\r\n" * 1000 + CRLF)
    await talk.hold()


@greedy(OFFLINE)
async def sends_empty_lines_without_end(talk: Talk) -> None:
    await talk.request()
    await talk.flood(CRLF)


@greedy(UNSUPPORTED)
async def sends_a_status_line_without_end(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 ")
    await talk.send(b"O" * 8000 + b"\r\n\r\n")
    await talk.flood(b"K")


@greedy(OFFLINE)
async def sends_a_body_of_900_mb(talk: Talk) -> None:
    await talk.until("DESCRIBE")
    await talk.send(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 900000000\r\n\r\n")
    await talk.flood(b"a=tool:x\r\n")


@greedy(UNSUPPORTED)
async def sends_a_body_without_a_length(talk: Talk) -> None:
    await talk.send(answer(await talk.until("DESCRIBE")))
    await talk.flood(b"a=tool:x\r\n")


@hostile(OFFLINE)
async def announces_more_than_it_sends(talk: Talk) -> None:
    request = await talk.until("DESCRIBE")
    await talk.send(answer(request, Content_Length="60000") + SDP.encode())
    await talk.hold()


@hostile(UNSUPPORTED)
async def announces_less_than_it_sends(talk: Talk) -> None:
    request = await talk.until("DESCRIBE")
    await talk.send(answer(request, Content_Length="20") + SDP.encode())
    await talk.hold()


@hostile(OFFLINE)
async def announces_a_negative_length(talk: Talk) -> None:
    await talk.answer("DESCRIBE", Content_Length="-1")


@hostile(OFFLINE)
async def announces_two_lengths(talk: Talk) -> None:
    request = await talk.until("DESCRIBE")
    await talk.send(answer(request, Content_Length="10\r\nContent-Length: 20") + SDP.encode())
    await talk.hold()


@hostile(OFFLINE)
async def announces_a_length_of_5000_digits(talk: Talk) -> None:
    await talk.answer("DESCRIBE", Content_Length="9" * 5000)


@hostile(UNSUPPORTED)
async def answers_with_a_web_page(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>Sign in</body></html>")
    await talk.hold()


@hostile(UNSUPPORTED)
async def answers_with_a_shell(talk: Talk) -> None:
    await talk.send(b"SSH-2.0-dropbear_2019.78\r\n")
    await talk.hold()


@hostile(UNSUPPORTED)
async def answers_with_a_tls_alert(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"\x15\x03\x01\x00\x02\x02\x0a")
    await talk.hold()


@greedy(UNSUPPORTED)
async def answers_with_random_bytes(talk: Talk) -> None:
    await talk.request()
    await talk.flood(NOISE)


@hostile(UNSUPPORTED)
async def answers_with_a_status_of_four_digits(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 2000 OK\r\nCSeq: 1\r\n\r\n")
    await talk.hold()


@hostile(OFFLINE)
async def answers_with_lines_that_are_no_headers(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 OK\r\nno colon here\r\n\r\n")
    await talk.hold()


@hostile(OFFLINE)
async def has_an_internal_error_each_time(talk: Talk) -> None:
    await talk.answer("DESCRIBE", "500 \x1b[31mInternal Error\x07")


@hostile(OFFLINE)
async def has_too_many_viewers(talk: Talk) -> None:
    await talk.answer("SETUP", "453 Not Enough Bandwidth")


@hostile(REFUSED)
async def sends_the_recorder_elsewhere(talk: Talk) -> None:
    await talk.answer("DESCRIBE", "302 Moved", Location="rtsp://collector.example/steal")


@hostile(REFUSED)
async def sends_the_recorder_in_a_circle(talk: Talk) -> None:
    await talk.answer("OPTIONS", "301 Moved", Location="rtsp://127.0.0.1/again")


@hostile(UNSUPPORTED)
async def wants_the_password_readable(talk: Talk) -> None:
    await talk.answer("DESCRIBE", "401 Unauthorized", WWW_Authenticate='Basic realm="camera"')


@hostile(UNSUPPORTED)
async def wants_a_digest_that_nobody_knows(talk: Talk) -> None:
    await talk.answer("DESCRIBE", "401 Unauthorized", WWW_Authenticate='Digest realm="camera", nonce="n", algorithm=ROT13')


@hostile(REFUSED)
async def wants_the_password_again_with_new_nonces(talk: Talk) -> None:
    number = 0
    while True:
        number += 1
        challenge = f'Digest realm="camera", nonce="{number}", stale=true'
        await talk.send(answer(await talk.request(), "401 Unauthorized", WWW_Authenticate=challenge))


@hostile(OFFLINE)
async def challenges_without_a_nonce(talk: Talk) -> None:
    await talk.answer("DESCRIBE", "401 Unauthorized", WWW_Authenticate='Digest realm="camera"')


@hostile(OFFLINE)
async def challenges_with_a_nonce_of_15_kb(talk: Talk) -> None:
    await talk.answer("DESCRIBE", "401 Unauthorized", WWW_Authenticate=f'Digest realm="camera", nonce="{"n" * 15_000}"')


@hostile(OFFLINE)
async def challenges_five_hundred_times_at_once(talk: Talk) -> None:
    many = "\r\nWWW-Authenticate: ".join(['Digest realm="r", nonce="n"'] * 500)
    await talk.answer("DESCRIBE", "401 Unauthorized", WWW_Authenticate=many)


@hostile(OFFLINE)
async def numbers_its_answers_wrongly(talk: Talk) -> None:
    await talk.request()
    await talk.send(b"RTSP/1.0 200 OK\r\nCSeq: 4711\r\n\r\n" * 10)
    await talk.hold()


@greedy(OFFLINE)
async def answers_what_was_not_asked(talk: Talk) -> None:
    await talk.request()
    await talk.flood(b"RTSP/1.0 200 OK\r\nCSeq: 4711\r\n\r\n")


@greedy(OFFLINE)
async def asks_instead_of_answering(talk: Talk) -> None:
    await talk.request()
    await talk.flood(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")


@hostile(OFFLINE)
async def names_its_session_in_1_mb(talk: Talk) -> None:
    await talk.answer("SETUP", Session="s" * 1_000_000, Transport="RTP/AVP/TCP;interleaved=0-1")


@hostile(OFFLINE)
async def names_its_session_in_4_kb(talk: Talk) -> None:
    await talk.answer("SETUP", Session="s" * 4096, Transport="RTP/AVP/TCP;interleaved=0-1")


@hostile(OFFLINE)
async def names_no_session(talk: Talk) -> None:
    await talk.answer("SETUP", Transport="RTP/AVP/TCP;interleaved=0-1")


@hostile(UNSUPPORTED)
async def insists_on_udp(talk: Talk) -> None:
    await talk.answer("SETUP", Session="s", Transport="RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001")


@hostile(OFFLINE)
async def names_channels_that_do_not_exist(talk: Talk) -> None:
    await talk.answer("SETUP", Session="s", Transport="RTP/AVP/TCP;interleaved=300-301")


@hostile(OFFLINE)
async def uses_one_channel_for_everything(talk: Talk) -> None:
    await talk.answer("SETUP", Session="s", Transport="RTP/AVP/TCP;interleaved=0-0")


@greedy(OFFLINE)
async def sends_pictures_without_answering(talk: Talk) -> None:
    await talk.until("PLAY")
    await talk.flood(b"$\x00\xff\xff" + bytes(65_535))


@hostile(OFFLINE)
async def begins_a_frame_instead_of_answering(talk: Talk) -> None:
    await talk.until("PLAY")
    await talk.send(b"$\x00\xff\xff" + bytes(1000))
    await talk.hold()


@hostile(OFFLINE)
async def sends_a_hundred_thousand_tiny_frames_instead_of_answering(talk: Talk) -> None:
    await talk.until("PLAY")
    await talk.send(b"$\x00\x00\x01x" * 100_000)
    await talk.hold()


@hostile(RECORDED)
async def asks_the_recorder_while_it_plays(talk: Talk) -> None:
    await talk.play()
    await paced_video(talk, endlessly(), between=b"OPTIONS rtsp://recorder/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")


@hostile(RECORDED)
async def sends_empty_lines_between_its_pictures(talk: Talk) -> None:
    await talk.play()
    await paced_video(talk, endlessly(), between=CRLF)
