"""The client against real servers on loopback, well-behaved and not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
import traceback
from collections.abc import Awaitable, Callable

import pytest

from recorder.rtsp.client import PlayingStream, Timeouts, open_stream
from recorder.rtsp.connection import IpAddress, resolve_host
from recorder.rtsp.errors import CameraError, ConnectionLost, FailureKind, WrongPassword
from recorder.rtsp.message import Message
from tests.recorder.rtsp.scripted_camera import PPS, SDP, SPS, Conversation, Guard, Request, ScriptedCamera, answer, camera, serving
from vms.domain.camera import Address, CameraState, Scheme
from vms.domain.footage import GapReason

CANARY = "c4nary-pa55word"
QUICK = Timeouts(connect_s=0.3, answer_s=0.2, total_s=2.0)
LOOPBACK = ipaddress.ip_address("127.0.0.1")


async def dial(address: Address, *, password: str = CANARY, username: str = "admin", path: str = "/stream1") -> PlayingStream:
    return await open_stream(address, path, username=username, password=password, allow_loopback=True, timeouts=QUICK)


async def failure_of(address: Address, **given: str) -> CameraError:
    with pytest.raises(CameraError) as caught:
        await dial(address, **given)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def failure_with(scripted: ScriptedCamera) -> CameraError:
    async with camera(scripted) as playing:
        return await failure_of(playing.address)


async def failure_before(conversation: Conversation) -> CameraError:
    async with serving(conversation) as port:
        return await failure_of(Address(Scheme.RTSP, "127.0.0.1", port))


async def received(stream: PlayingStream, size: int) -> bytes:
    octets = stream.leftover
    while len(octets) < size:
        octets += await stream._connection.receive()
    return octets


def says(octets: bytes) -> Conversation:
    """A server that says the same to everything, then waits for the client to hang up."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(octets)
        while await reader.read(4096):
            pass

    return conversation


def replying(status: str, **headers: str) -> Callable[[Request], bytes]:
    return lambda request: answer(request, status, **headers)


@pytest.mark.asyncio
async def test_a_camera_without_password_plays_and_its_frames_arrive() -> None:
    async with camera(ScriptedCamera(after_play=b"$\x00\x00\x03abc")) as scripted:
        stream = await dial(scripted.address)
        assert await received(stream, 7) == b"$\x00\x00\x03abc"
        assert (stream.track.codec, stream.track.payload_type, stream.track.clock_rate) == ("h264", 96, 90_000)
        assert stream.track.parameter_sets
        assert (stream.track.parameter_sets.sps, stream.track.parameter_sets.pps) == ((SPS,), (PPS,))
        assert (stream.rtp_channel, stream.rtcp_channel, stream.server) == (0, 1, "Scripted/1")
        stream.close()


@pytest.mark.asyncio
async def test_only_the_video_track_is_set_up_never_the_audio() -> None:
    async with camera(ScriptedCamera()) as scripted:
        (await dial(scripted.address)).close()
    assert scripted.methods == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]
    setup = scripted.requests[2]
    assert setup.url == f"rtsp://127.0.0.1:{scripted.port}/stream1/trackID=2"
    assert setup.headers["transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"


@pytest.mark.parametrize("algorithm", ["", "MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.asyncio
async def test_digest_sign_in_works_as_the_camera_wants_it(algorithm: str, *, qop: bool) -> None:
    async with camera(ScriptedCamera(guard=Guard(CANARY, algorithm=algorithm, qop=qop))) as scripted:
        (await dial(scripted.address)).close()
    assert scripted.methods == ["OPTIONS", "OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


@pytest.mark.asyncio
async def test_wrong_password_is_said_after_one_try() -> None:
    scripted = ScriptedCamera(guard=Guard("another"))
    error = await failure_with(scripted)
    assert error.kind is FailureKind.WRONG_PASSWORD
    assert (error.gap_reason, error.state) == (GapReason.REFUSED, CameraState.REFUSED)
    assert scripted.methods == ["OPTIONS", "OPTIONS"]


@pytest.mark.asyncio
async def test_missing_password_is_told_apart_from_a_wrong_one() -> None:
    async with camera(ScriptedCamera(guard=Guard(CANARY))) as scripted:
        error = await failure_of(scripted.address, username="", password="")
    assert error.kind is FailureKind.WRONG_PASSWORD
    assert "none is stored" in str(error)
    assert scripted.methods == ["OPTIONS"]


@pytest.mark.asyncio
async def test_a_stale_nonce_is_answered_once_more() -> None:
    guard = Guard(CANARY)

    def run_out(request: Request) -> bytes:
        guard.nonce, guard.stale = "second-nonce", True
        del scripted.scripts["DESCRIBE"]
        return answer(request, "401 Unauthorized", WWW_Authenticate=guard.challenge())

    scripted = ScriptedCamera(guard=guard, scripts={"DESCRIBE": run_out})
    async with camera(scripted):
        (await dial(scripted.address)).close()
    assert scripted.methods == ["OPTIONS", "OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "PLAY"]


@pytest.mark.asyncio
async def test_a_camera_that_calls_every_nonce_stale_is_given_up() -> None:
    scripted = ScriptedCamera(guard=Guard("another", stale=True))
    assert (await failure_with(scripted)).kind is FailureKind.WRONG_PASSWORD
    assert len(scripted.requests) == 3


@pytest.mark.asyncio
async def test_a_basic_challenge_is_refused_without_sending_anything() -> None:
    scripted = ScriptedCamera(scripts={"OPTIONS": replying("401 Unauthorized", WWW_Authenticate='Basic realm="camera"')})
    error = await failure_with(scripted)
    assert error.kind is FailureKind.UNSUPPORTED
    assert "Basic" in str(error)
    assert not any("authorization" in request.headers for request in scripted.requests)


@pytest.mark.parametrize(
    ("method", "status", "kind"),
    [
        ("DESCRIBE", "404 Not Found", FailureKind.NO_SUCH_PATH),
        ("OPTIONS", "404 Not Found", FailureKind.NO_SUCH_PATH),
        ("DESCRIBE", "403 Forbidden", FailureKind.WRONG_PASSWORD),
        ("SETUP", "461 Unsupported Transport", FailureKind.UNSUPPORTED),
        ("PLAY", "453 Not Enough Bandwidth", FailureKind.PROTOCOL),
        ("DESCRIBE", "500 Internal Server Error", FailureKind.PROTOCOL),
    ],
)
@pytest.mark.asyncio
async def test_each_refusal_has_its_kind(method: str, status: str, kind: FailureKind) -> None:
    assert (await failure_with(ScriptedCamera(scripts={method: replying(status)}))).kind is kind


@pytest.mark.asyncio
async def test_a_camera_that_does_not_know_options_is_played_all_the_same() -> None:
    async with camera(ScriptedCamera(scripts={"OPTIONS": replying("501 Not Implemented")})) as scripted:
        (await dial(scripted.address)).close()
    assert scripted.methods[-1] == "PLAY"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "305 Use Proxy"])
@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP"])
@pytest.mark.asyncio
async def test_a_redirect_is_refused_and_its_target_never_contacted(method: str, status: str) -> None:
    elsewhere = ScriptedCamera()
    async with camera(elsewhere), camera(ScriptedCamera(guard=Guard(CANARY))) as scripted:
        scripted.scripts[method] = replying(status, Location=f"rtsp://127.0.0.1:{elsewhere.port}/stream1")
        error = await failure_of(scripted.address)
    assert error.kind is FailureKind.REDIRECT
    assert elsewhere.requests == []


@pytest.mark.asyncio
async def test_a_control_url_that_names_another_host_stays_at_the_camera() -> None:
    elsewhere = ScriptedCamera()
    async with camera(elsewhere), camera(ScriptedCamera()) as scripted:
        scripted.sdp = SDP.replace("a=control:trackID=2", f"a=control:rtsp://127.0.0.1:{elsewhere.port}/other/trackID=2")
        (await dial(scripted.address)).close()
    assert scripted.requests[2].url == f"rtsp://127.0.0.1:{scripted.port}/other/trackID=2"
    assert elsewhere.requests == []


@pytest.mark.asyncio
async def test_a_query_in_the_path_stays_before_the_track() -> None:
    async with camera(ScriptedCamera()) as scripted:
        (await dial(scripted.address, path="/cam/realmonitor?channel=1&subtype=0")).close()
    assert scripted.requests[2].url.endswith("/cam/realmonitor?channel=1&subtype=0/trackID=2")
    assert scripted.requests[3].url.endswith("/cam/realmonitor?channel=1&subtype=0/")


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>hello</html>", FailureKind.NOT_RTSP),
        (b"<html><body>It works!</body></html>", FailureKind.NOT_RTSP),
        (b"SSH-2.0-OpenSSH_9.2\r\n", FailureKind.NOT_RTSP),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 900000000\r\n\r\nabc", FailureKind.PROTOCOL),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", FailureKind.PROTOCOL),
        (b"RTSP/1.0 200 OK\r\n" + b"X-Flood: yes\r\n" * 100_000, FailureKind.PROTOCOL),
        (b"RTSP/1.0 200 OK\r\n" + b"X-Flood: yes\r\n" * 100 + b"\r\n", FailureKind.PROTOCOL),
        (b"RTSP/1.0 200 OK\r\nX: " + b"a" * 100_000, FailureKind.PROTOCOL),
        (b"RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n" * 50, FailureKind.PROTOCOL),
        (b"", FailureKind.TIMEOUT),
    ],
    ids=["http", "html", "ssh", "900 MB", "negative length", "header flood", "many headers", "long line", "answers unasked", "silence"],
)
@pytest.mark.asyncio
async def test_what_does_not_answer_as_rtsp_does_is_told(octets: bytes, kind: FailureKind) -> None:
    assert (await failure_before(says(octets))).kind is kind


@pytest.mark.asyncio
async def test_a_camera_that_floods_frames_instead_of_answering_is_cut_off() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(200):
            writer.write(b"$\x00\xff\xff" + bytes(65_535))
            await writer.drain()

    assert (await failure_before(conversation)).kind is FailureKind.PROTOCOL


@pytest.mark.asyncio
async def test_a_dripping_camera_runs_into_the_time_limit_of_the_whole_answer() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for octet in b"RTSP/1.0 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000:
            writer.write(bytes([octet]))
            await writer.drain()
            try:  # the next octet comes 10 ms later, unless the client hangs up first
                await asyncio.wait_for(reader.read(1), 0.01)
            except TimeoutError:
                continue
            return

    begun = time.monotonic()
    assert (await failure_before(drip)).kind is FailureKind.TIMEOUT
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("sdp", "kind"),
    [
        ("v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:1\r\n", FailureKind.NO_VIDEO),
        ("", FailureKind.NO_VIDEO),
        ("v=0\r\nm=video 0 RTP/AVP 31\r\na=control:1\r\n", FailureKind.UNSUPPORTED_CODEC),
        ("v=0\r\nm=video 0 RTP/AVP 98\r\na=rtpmap:98 AV1/90000\r\n", FailureKind.UNSUPPORTED_CODEC),
    ],
    ids=["audio only", "empty", "H.261", "AV1"],
)
@pytest.mark.asyncio
async def test_a_presentation_that_cannot_be_recorded_is_told(sdp: str, kind: FailureKind) -> None:
    scripted = ScriptedCamera(sdp=sdp)
    error = await failure_with(scripted)
    assert error.kind is kind
    assert "SETUP" not in scripted.methods


@pytest.mark.asyncio
async def test_nothing_listening_is_a_refused_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take the port meanwhile
        error = await failure_of(Address(Scheme.RTSP, "127.0.0.1", taken.getsockname()[1]))
    assert error.kind is FailureKind.REFUSED_CONNECTION
    assert (error.gap_reason, error.state) == (GapReason.OFFLINE, CameraState.OFFLINE)


@pytest.mark.asyncio
async def test_a_machine_that_does_not_answer_is_unreachable() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for client in waiting:  # a full backlog drops what comes next, as a switched-off camera does
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        error = await failure_of(Address(Scheme.RTSP, "127.0.0.1", full.getsockname()[1]))
        for client in waiting:
            client.close()
    assert error.kind is FailureKind.UNREACHABLE
    assert "does not answer" in str(error)


@pytest.mark.asyncio
async def test_a_name_without_address_is_unreachable() -> None:
    async def resolve(host: str) -> list[IpAddress]:
        raise socket.gaierror(socket.EAI_NONAME, f"unknown {host}")

    with pytest.raises(CameraError, match="can't be resolved") as caught:
        await open_stream(Address(Scheme.RTSP, "no-such-camera", 554), "/", resolve=resolve)
    assert caught.value.kind is FailureKind.UNREACHABLE


@pytest.mark.asyncio
async def test_a_name_is_resolved_once_and_that_address_dialled() -> None:
    asked: list[str] = []

    async def resolve(host: str) -> list[IpAddress]:
        asked.append(host)
        return [LOOPBACK]

    async with camera(ScriptedCamera()) as scripted:
        address = Address(Scheme.RTSP, "entrance.example", scripted.port)
        (await open_stream(address, "/stream1", allow_loopback=True, timeouts=QUICK, resolve=resolve)).close()
    assert asked == ["entrance.example"]
    assert scripted.requests[0].url == f"rtsp://entrance.example:{scripted.port}/stream1"


@pytest.mark.parametrize("target", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0"])  # noqa: S104 -- refused
@pytest.mark.asyncio
async def test_a_name_that_points_where_no_camera_can_be_is_not_dialled(target: str) -> None:
    async def resolve(_host: str) -> list[IpAddress]:
        return [ipaddress.ip_address(target)]

    async with camera(ScriptedCamera()) as scripted:
        with pytest.raises(CameraError) as caught:
            await open_stream(Address(Scheme.RTSP, "entrance.example", scripted.port), "/", timeouts=QUICK, resolve=resolve)
        assert caught.value.kind is FailureKind.FORBIDDEN_ADDRESS
    assert scripted.requests == []


@pytest.mark.asyncio
async def test_frames_that_overtake_the_answer_to_play_are_kept() -> None:
    early = b"$\x00\x00\x02ab$\x01\x00\x01c"
    scripted = ScriptedCamera(scripts={"PLAY": lambda request: early + answer(request, Session="abc123") + b"$\x00\x00\x01d"})
    async with camera(scripted):
        stream = await dial(scripted.address)
        assert await received(stream, len(early) + 5) == early + b"$\x00\x00\x01d"
        stream.close()


@pytest.mark.asyncio
async def test_empty_lines_between_answers_and_frames_are_passed_over() -> None:
    early = b"$\x00\x00\x02ab"
    scripted = ScriptedCamera(scripts={"PLAY": lambda request: b"\r\n" + early + b"\r\n\r\n" + answer(request, Session="abc123")})
    async with camera(scripted):
        stream = await dial(scripted.address)
        assert stream.leftover == early
        stream.close()


@pytest.mark.asyncio
async def test_a_session_name_that_is_too_long_is_not_cut_short() -> None:
    scripted = ScriptedCamera(
        scripts={"SETUP": lambda request: answer(request, Session="s" * 257, Transport="RTP/AVP/TCP;interleaved=0-1")}
    )
    failure = await failure_with(scripted)
    assert failure.kind is FailureKind.PROTOCOL
    assert "256" in str(failure)


@pytest.mark.parametrize(
    ("transport", "channels"),
    [("RTP/AVP/TCP;unicast;interleaved=4-5", (4, 5)), ("RTP/AVP/TCP;unicast;interleaved=2", (2, 3)), ("RTP/AVP/TCP;unicast", (0, 1))],
)
@pytest.mark.asyncio
async def test_the_camera_may_choose_other_channels(transport: str, channels: tuple[int, int]) -> None:
    async with camera(ScriptedCamera(scripts={"SETUP": replying("200 OK", Session="abc", Transport=transport)})) as scripted:
        stream = await dial(scripted.address)
        assert (stream.rtp_channel, stream.rtcp_channel) == channels
        stream.close()


@pytest.mark.parametrize(
    ("transport", "kind"),
    [
        ("RTP/AVP;unicast;client_port=5000-5001", FailureKind.UNSUPPORTED),
        ("RTP/AVP/TCP;unicast;interleaved=300-301", FailureKind.PROTOCOL),
        ("RTP/AVP/TCP;unicast;interleaved=1-1", FailureKind.PROTOCOL),
    ],
)
@pytest.mark.asyncio
async def test_a_transport_that_was_not_asked_for_is_refused(transport: str, kind: FailureKind) -> None:
    scripted = ScriptedCamera(scripts={"SETUP": replying("200 OK", Session="abc", Transport=transport)})
    assert (await failure_with(scripted)).kind is kind


@pytest.mark.asyncio
async def test_a_setup_without_session_is_refused() -> None:
    scripted = ScriptedCamera(scripts={"SETUP": replying("200 OK", Transport="RTP/AVP/TCP;interleaved=0-1")})
    assert (await failure_with(scripted)).kind is FailureKind.PROTOCOL


@pytest.mark.asyncio
async def test_the_socket_is_closed_after_a_failure() -> None:
    async with camera(ScriptedCamera(scripts={"DESCRIBE": replying("404 Not Found")})) as scripted:
        await failure_of(scripted.address)
        async with asyncio.timeout(2):
            await scripted.hung_up.wait()


@pytest.mark.asyncio
async def test_the_end_of_the_stream_is_told() -> None:
    async def play_and_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        scripted = ScriptedCamera()
        for _ in range(4):
            await _one_turn(scripted, reader, writer)

    async with serving(play_and_leave) as port:
        stream = await dial(Address(Scheme.RTSP, "127.0.0.1", port))
        with pytest.raises(ConnectionLost, match="closed the connection"):
            await received(stream, 1)
        stream.close()


async def _one_turn(scripted: ScriptedCamera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    lone = asyncio.StreamReader()
    lone.feed_data(await reader.readuntil(b"\r\n\r\n"))
    lone.feed_eof()
    await scripted.converse(lone, writer)


@pytest.mark.asyncio
async def test_the_session_is_kept_alive_at_half_its_timeout() -> None:
    async with camera(ScriptedCamera()) as scripted:
        stream = await dial(scripted.address)
        assert stream.keepalive(100.0) == b""
        assert stream.keepalive(109.9) == b""
        request = stream.keepalive(110.0)
        assert request.startswith(f"GET_PARAMETER rtsp://127.0.0.1:{scripted.port}/stream1/ RTSP/1.0\r\n".encode())
        assert b"Session: abc123\r\n" in request
        assert stream.keepalive(110.1) == b""
        assert stream.teardown_bytes().startswith(b"TEARDOWN rtsp://")
        stream.close()


@pytest.mark.asyncio
async def test_a_camera_that_promises_a_minute_is_asked_well_before_half_of_it() -> None:
    """It may close what said nothing for 30 s all the same, and a request that is due then comes too late."""
    session = replying("200 OK", Session="abc123;timeout=60", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
    async with camera(ScriptedCamera(scripts={"SETUP": session})) as scripted:
        stream = await dial(scripted.address)
        assert stream.keepalive(100.0) == b""
        assert stream.keepalive(119.9) == b""
        assert stream.keepalive(120.0).startswith(b"GET_PARAMETER ")
        stream.close()


@pytest.mark.asyncio
async def test_a_camera_without_get_parameter_is_kept_alive_by_options() -> None:
    async with camera(ScriptedCamera(scripts={"OPTIONS": replying("200 OK", Public="DESCRIBE, SETUP, PLAY")})) as scripted:
        stream = await dial(scripted.address)
        stream.keepalive(0.0)
        assert stream.keepalive(30.0).startswith(b"OPTIONS ")
        stream.close()


@pytest.mark.asyncio
async def test_a_nonce_that_ran_out_is_renewed_with_the_next_keepalive_and_only_once() -> None:
    guard = Guard(CANARY)
    async with camera(ScriptedCamera(guard=guard)) as scripted:
        stream = await dial(scripted.address)
        stream.keepalive(0.0)
        assert stream.keepalive(10.0)
        refused = Message(401, "Unauthorized", (("www-authenticate", Guard(CANARY, nonce="later").challenge()),), b"")
        stream.answered(refused)
        assert b'nonce="later"' in stream.keepalive(10.0)
        with pytest.raises(WrongPassword):
            stream.answered(refused)
        stream.close()


@pytest.mark.parametrize(
    "noise", [b"\x00" * 50, bytes(range(256)), b"RTSP/1.0 \xff\xfe OK\r\n\r\n", b"RTSP/1.0 200 OK\r\n: x\r\n\r\n", b"A" * 40]
)
@pytest.mark.asyncio
async def test_noise_ends_in_a_camera_error(noise: bytes) -> None:
    assert isinstance(await failure_before(says(noise)), CameraError)


@pytest.mark.parametrize("nonce", ['"\nInjected: yes"', '"a\x00b"', '""', '"' + "n" * 5000 + '"'])
@pytest.mark.asyncio
async def test_a_challenge_that_would_break_a_header_is_refused(nonce: str) -> None:
    scripted = ScriptedCamera(scripts={"OPTIONS": replying("401 Unauthorized", WWW_Authenticate=f'Digest realm="x", nonce={nonce}')})
    assert (await failure_with(scripted)).kind is FailureKind.PROTOCOL
    assert len(scripted.requests) == 1


@pytest.mark.asyncio
async def test_a_user_name_with_a_line_break_is_refused() -> None:
    async with camera(ScriptedCamera()) as scripted:
        error = await failure_of(scripted.address, username="admin\r\nX: y")
    assert error.kind is FailureKind.WRONG_PASSWORD


@pytest.mark.asyncio
async def test_cancelling_the_attempt_closes_the_socket() -> None:
    asked = asyncio.Event()
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        gone.set()

    async with serving(silent) as port, asyncio.timeout(5):
        attempt: Awaitable[PlayingStream] = asyncio.ensure_future(
            open_stream(Address(Scheme.RTSP, "127.0.0.1", port), "/", allow_loopback=True)
        )
        await asked.wait()
        asyncio.ensure_future(attempt).cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await gone.wait()


def test_a_resolver_that_does_not_answer_holds_up_no_end_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    release, gave_up = threading.Event(), threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        if not release.wait(20):
            gave_up.set()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(resolve_host("camera.branch.example"), 0.05))

    assert not gave_up.is_set()
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("resolve"):
            thread.join()


@pytest.mark.asyncio
async def test_a_name_that_can_not_be_resolved_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    failure = await failure_of(Address(Scheme.RTSP, "camera.branch.example", 554))
    assert "can't be resolved" in str(failure)
