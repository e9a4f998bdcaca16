"""Asks a camera for its video: OPTIONS, DESCRIBE, SETUP over TCP, PLAY (RFC 2326); then hands over the socket.

Never follows a redirect, never sends a password but as a Digest answer, never sets up audio, never talks to another host
than the one it was given.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from recorder.rtsp.connection import RECEIVE_BYTES, Connection, Resolver, dial, resolve_host
from recorder.rtsp.digest import Digest
from recorder.rtsp.errors import CameraTimeout, NoSuchPath, ProtocolViolation, Redirected, Unsupported, WrongPassword
from recorder.rtsp.message import DOLLAR, Message, after_empty_lines, printable, request_bytes, take_frame, take_message
from recorder.rtsp.sdp import VideoTrack, choose_video, session_control
from vms.domain.camera import Address

USER_AGENT = "Custodian"
MAX_EARLY_BYTES = 4 * 1024 * 1024
"""Interleaved frames kept that arrive before the answer to PLAY."""
MAX_URL_CHARS = 2048
_MAX_STRAY_MESSAGES = 16
_MAX_ATTEMPTS = 3
"""Of one request: without credentials, with, and once more with a fresh nonce."""
_DEFAULT_SESSION_S = 60
"""RFC 2326 §12.37."""
_KEEPALIVE_MIN_S, _KEEPALIVE_MAX_S = 5.0, 20.0
"""Some servers promise 60 s and close a connection on which nothing was asked for 30 s (seen: ipycam 1.3.0)."""
_SESSION = re.compile(r"([!-:<-~]{1,256})(?![!-:<-~])(?:\s*;\s*timeout\s*=\s*(\d{1,6}))?.*")
_ABSOLUTE = re.compile(r"rtsps?://[^/?]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a camera may take, in seconds."""

    connect_s: float = 5.0
    answer_s: float = 5.0
    """For each answer as a whole, so that a camera that drips bytes gains nothing."""
    total_s: float = 15.0


async def open_stream(  # noqa: PLR0913 -- a camera's fields and the seams of the tests
    address: Address,
    path: str,
    *,
    username: str = "",
    password: str = "",
    allow_loopback: bool = False,
    timeouts: Timeouts | None = None,
    certificate: bytes | None = None,
    resolve: Resolver = resolve_host,
) -> PlayingStream:
    """Return the camera's video stream, already playing; CameraError says what is wrong and what to do.

    `certificate`: SHA-256 of the only certificate that is trusted over rtsps.
    """
    limits = timeouts or Timeouts()
    try:
        async with asyncio.timeout(limits.total_s):
            connection = await dial(
                address, allow_loopback=allow_loopback, certificate=certificate, resolve=resolve, connect_s=limits.connect_s
            )
            try:
                requests = _Requests(Digest(username, password), has_username=bool(username))
                return await _Handshake(connection, requests, _url(address, path), limits.answer_s).play()
            except BaseException:  # a cancelled task too must not leave the socket open
                connection.socket.close()
                raise
    except TimeoutError as err:
        raise CameraTimeout(
            f"{address.host}:{address.port} did not answer in time. Check that the camera works and that this is its RTSP port."
        ) from err


class PlayingStream:
    """A stream that plays: the socket belongs to the caller, this object knows what to say on it."""

    def __init__(self, connection: Connection, requests: _Requests, session: _Session, *, track: VideoTrack, leftover: bytes) -> None:
        self._connection = connection
        self._requests = requests
        self._session = session
        self._due: float | None = None
        self._retrying = False
        self.track = track
        self.leftover = leftover
        """Bytes that came with the answer to PLAY: the reader takes them first."""
        self.rtp_channel, self.rtcp_channel = session.channels
        self.server = session.server

    @property
    def socket(self) -> socket.socket:
        return self._connection.socket

    def receive(self, limit: int = RECEIVE_BYTES) -> bytes | None:
        """Return up to `limit` bytes, None when none are there yet; ConnectionLost at the end. Less than `limit`: no more is there."""
        return self._connection.receive_now(limit)

    def keepalive(self, now: float) -> bytes:
        """Return the request that keeps the session alive when it is due at `now` (monotonic seconds), else nothing."""
        if self._due is None:
            self._due = now + self._session.keepalive_s
        if now < self._due:
            return b""
        self._due = now + self._session.keepalive_s
        return self._requests.make(self._session.keepalive_method, self._session.url)

    def answered(self, message: Message) -> None:
        """Take what the reader found between the frames. WrongPassword when the camera no longer takes the password."""
        if message.status == 401:
            self._requests.take_challenge(message, retry=not self._retrying)
            self._due = float("-inf")
        self._retrying = message.status == 401

    def teardown_bytes(self) -> bytes:
        return self._requests.make("TEARDOWN", self._session.url)

    def close(self) -> None:
        self._connection.socket.close()


@dataclass(frozen=True, slots=True)
class _Session:
    url: str
    """Of the whole presentation, host pinned."""
    channels: tuple[int, int]
    keepalive_method: str
    keepalive_s: float
    server: str


class _Requests:
    """Numbers requests and adds what each of them carries."""

    def __init__(self, digest: Digest, *, has_username: bool) -> None:
        self._digest = digest
        self._has_username = has_username
        self._authorized = False
        self.sequence = 0
        self.session_id: str | None = None

    def make(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        self.sequence += 1
        lines = {"CSeq": str(self.sequence), "User-Agent": USER_AGENT}
        if self.session_id:
            lines["Session"] = self.session_id
        credentials = self._digest.authorization(method, url)
        self._authorized = credentials is not None
        if credentials:
            lines["Authorization"] = credentials
        return request_bytes(method, url, lines | dict(headers or {}))

    def take_challenge(self, answer: Message, *, retry: bool) -> None:
        """Prepare for one more try; WrongPassword when there is nothing new to say."""
        challenge = self._digest.take(answer.all_headers("www-authenticate"))
        if not self._has_username:
            raise WrongPassword("The camera asks for a user name and a password, and none is stored. Enter them.")
        if self._authorized and not (retry or challenge.stale):
            raise WrongPassword(
                "The camera does not take this user name and password. Check both; some cameras lock out after several wrong tries."
            )


class _Handshake:
    """The dialogue up to PLAY."""

    def __init__(self, connection: Connection, requests: _Requests, url: str, answer_s: float) -> None:
        self._connection = connection
        self._requests = requests
        self._url = url
        self._answer_s = answer_s
        self._buffer = b""
        self._early = bytearray()
        self._proven = False

    async def play(self) -> PlayingStream:
        options = await self._ask("OPTIONS", self._url)
        if options.status in (404, 410) or 300 <= options.status < 400:
            _require_success("OPTIONS", options)
        describe = _require_success("DESCRIBE", await self._ask("DESCRIBE", self._url, {"Accept": "application/sdp"}))
        track = choose_video(describe.body)
        base = self._base(describe)
        session = await self._set_up(
            self._pinned(base, track.control), self._pinned(base, session_control(describe.body)), options, describe
        )
        _require_success("PLAY", await self._ask("PLAY", session.url, {"Range": "npt=0.000-"}))
        return PlayingStream(self._connection, self._requests, session, track=track, leftover=bytes(self._early) + self._buffer)

    async def _set_up(self, track_url: str, url: str, options: Message, describe: Message) -> _Session:
        setup = _require_success("SETUP", await self._ask("SETUP", track_url, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}))
        session_id, timeout_s = _session(setup)
        self._requests.session_id = session_id
        return _Session(
            url=url,
            channels=_channels(setup),
            keepalive_method="GET_PARAMETER" if "GET_PARAMETER" in (options.header("public") or "").upper() else "OPTIONS",
            keepalive_s=min(max(timeout_s / 2, _KEEPALIVE_MIN_S), _KEEPALIVE_MAX_S),
            server=printable(describe.header("server") or options.header("server") or "", 200),
        )

    async def _ask(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Message:
        for _ in range(_MAX_ATTEMPTS):
            await self._connection.send(self._requests.make(method, url, headers))
            async with asyncio.timeout(self._answer_s):
                answer = await self._answer()
            if answer.status != 401:
                self._proven = True
                return answer
            # Once accepted, a second 401 means that the nonce ran out, whether or not the camera says so.
            self._requests.take_challenge(answer, retry=self._proven)
            self._proven = False
        raise WrongPassword("The camera asks for the password again and again, with a new nonce each time. Check user name and password.")

    async def _answer(self) -> Message:
        """Return the answer to the last request; frames in between are kept, other messages are passed over."""
        for _ in range(_MAX_STRAY_MESSAGES):
            message = await self._message()
            if message.status >= 200 and message.header("cseq") in (None, str(self._requests.sequence)):
                return message
        raise ProtocolViolation("The camera answers questions that were not asked.")

    async def _message(self) -> Message:
        while True:
            self._keep_frames()
            taken = take_message(self._buffer) if self._buffer[:1] != DOLLAR else None
            if taken:
                message, size = taken
                self._buffer = self._buffer[size:]
                return message
            self._buffer += await self._connection.receive()

    def _keep_frames(self) -> None:
        at = 0
        while self._buffer.startswith(DOLLAR, begin := after_empty_lines(self._buffer, at)):
            at = begin
            if (frame := take_frame(self._buffer, at)) is None:
                break
            at += frame[1]
            self._early += self._buffer[begin:at]
        self._buffer = self._buffer[at:]
        if len(self._early) > MAX_EARLY_BYTES:
            raise ProtocolViolation("The camera sends pictures without answering the request to play.")

    def _base(self, describe: Message) -> str:
        """RFC 2326 appendix C.1.1: Content-Base, else Content-Location, else the URL asked for."""
        named = describe.header("content-base") or describe.header("content-location") or ""
        return self._pinned(self._url, named if _ABSOLUTE.match(named) else "*")

    def _pinned(self, base: str, control: str) -> str:
        """Return what a control attribute means, always at the host that was dialled, whatever host the camera names."""
        own_host = _host_part(self._url)
        if control in ("", "*"):
            url = base
        elif _ABSOLUTE.match(control):
            url = own_host + (_ABSOLUTE.sub("", control, count=1) or "/")
        else:  # appended, not resolved: cameras put queries before it (…/realmonitor?channel=1&subtype=0/trackID=1)
            url = f"{base.rstrip('/')}/{control.lstrip('/')}"
        if len(url) > MAX_URL_CHARS or not re.fullmatch(r"[!-~]+", url):
            raise ProtocolViolation("The camera names its stream in a way that can't be sent back to it.")
        return url


def _url(address: Address, path: str) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{address.scheme}://{host}:{address.port}{path}"


def _host_part(url: str) -> str:
    match = _ABSOLUTE.match(url)
    return match[0] if match else ""


def _require_success(method: str, answer: Message) -> Message:
    """Return a 2xx answer; every other becomes the failure it means."""
    status = answer.status
    if 200 <= status < 300:
        return answer
    if 300 <= status < 400:
        raise Redirected(
            "The camera sends the recorder to another address; that is never followed. Enter the address where it really serves."
        )
    if status in (404, 410):
        raise NoSuchPath("The camera has no stream under this path. Look the path up on the camera's own page.")
    if status == 403:
        raise WrongPassword("The camera forbids this user to watch the stream. Give the user the right to watch, or use another one.")
    if status == 461:
        raise Unsupported("The camera refuses to send over TCP. Allow RTP over RTSP (TCP) on the camera.")
    hint = " It may have too many viewers already." if status in (453, 503) else ""
    raise ProtocolViolation(f"The camera answers {method} with {status} {answer.reason}.{hint}")


def _session(setup: Message) -> tuple[str, int]:
    match = _SESSION.fullmatch(setup.header("session") or "")
    if not match:
        raise ProtocolViolation("The camera sets up the stream without a session, or names it in more than 256 characters.")
    return match[1], int(match[2]) if match[2] else _DEFAULT_SESSION_S


def _channels(setup: Message) -> tuple[int, int]:
    transport = (setup.header("transport") or "").lower()
    if "tcp" not in transport and "interleaved" not in transport:
        raise Unsupported("The camera answers with UDP although TCP was asked for. Allow RTP over RTSP (TCP) on the camera.")
    match = re.search(r"interleaved=(\d{1,3})(?:-(\d{1,3}))?", transport)
    if not match:
        return 0, 1
    rtp = int(match[1])
    rtcp = int(match[2]) if match[2] else rtp + 1
    if rtp > 255 or rtcp > 255 or rtp == rtcp:
        raise ProtocolViolation("The camera names no usable channels for its stream.")
    return rtp, rtcp
