"""A re-encoding child as its worker sees it: started, fed, listened to and killed, without ever waiting for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from recorder.fallback.frames import ANSWER_HEAD, DONE, MAX_REPORT_BYTES, PICTURE_HEAD, REPORT, UNIT
from recorder.rtp.access_unit import UNIT_BYTES
from recorder.rtp.pictures import MAX_PICTURE_BYTES
from recorder.rtsp.errors import CameraError, FailureKind
from vms.domain.camera import CameraState
from vms.domain.footage import GapReason
from vms.log import get_logger
from vms.media.confined import start
from vms.media.sandbox import Layer, layers_of, missing_of

START_SECONDS = 20.0
"""Until the report of its sandbox: what a machine under load needs to start a Python process."""
ANSWER_SECONDS = 5.0
"""For one picture; a large one takes 0.1."""
MAX_UNANSWERED = 12
MAX_BEFORE_START = 120
"""Pictures that wait for it to start: some seconds of a camera, while their octets fit."""
CHILD_MODULE = "recorder.fallback.process"
MAX_PUT_BY = 16
"""Pictures that a decoder may hold back because they are shown later."""
_READ_BYTES = 256 * 1024
_REPORT_SECONDS = 30.0

log = get_logger(__name__)


class ReencodingFailed(CameraError):
    """The child ended, hangs, or sent what can't be: the stream is connected afresh, with another child."""

    kind = FailureKind.PROTOCOL
    gap_reason = GapReason.RECORDER_CRASHED
    state = CameraState.STALLED


@dataclass(frozen=True, slots=True)
class Unit:
    """An access unit that the child made."""

    number: int
    """Of the picture that it was made of."""
    annexb: bytes


class Child:
    """One running child. All on the worker's event loop; no call waits."""

    def __init__(self, codec: str, module: str = CHILD_MODULE) -> None:
        """Start it. ReencodingFailed when that can't be."""
        try:
            self._process, self._socket = start(module, codec)
        except OSError as err:
            raise ReencodingFailed(f"The process that re-encodes this camera's pictures can't be started: {err.strerror}.") from err
        self._socket.setblocking(False)
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._unanswered: deque[tuple[int, float]] = deque()
        """Numbers of pictures and when each was given; the oldest first."""
        self._most_unanswered = MAX_BEFORE_START
        self._awaited: set[int] = set()
        """Pictures of which an access unit may come."""
        self.undecoded = 0
        """Pictures that became no access unit."""
        self._heard: float | None = None
        """When it last answered; at first, when somebody first asked."""
        self._ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def held_bytes(self) -> int:
        return len(self._outgoing) + len(self._incoming) + UNIT_BYTES * len(self._unanswered)

    @property
    def is_busy(self) -> bool:
        """Whether pictures are with it that it has not answered."""
        return bool(self._unanswered)

    def has_room(self, size_bytes: int) -> bool:
        """Whether a picture of that size can be given."""
        return len(self._unanswered) < self._most_unanswered and len(self._outgoing) + size_bytes <= MAX_PICTURE_BYTES

    def give(self, number: int, picture: bytes, *, keyframe: bool, now: float) -> None:
        """Hand it one picture; `number` counts up, `now` is monotonic."""
        self._unanswered.append((number, now))
        self._awaited.add(number)
        self._outgoing += PICTURE_HEAD.pack(len(picture), number, keyframe) + picture
        self._send()

    def take(self, now: float) -> Iterator[Unit]:
        """Yield what it made since the last call. ReencodingFailed when it is gone, hangs or breaks the rules."""
        self._receive()
        while (answer := self._next_answer()) is not None:
            number, kind, payload = answer
            self._heard = now
            if kind == UNIT:
                self._awaited.discard(number)
                yield Unit(number, payload)
            elif kind == DONE:
                self._unanswered.popleft()
                if len(self._unanswered) < MAX_UNANSWERED:  # it has caught up with what waited for its start
                    self._most_unanswered = MAX_UNANSWERED
                self._forget_old(number)
            else:
                self._ready = True
                _say_what_is_missing(payload)
        self._look(now)

    def close(self) -> None:
        """Kill it; somebody else waits until it is gone."""
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._socket)
        self._socket.close()
        self._process.kill()
        loop.run_in_executor(None, self._process.wait)

    def _send(self) -> None:
        """Send what the socket takes; the rest when it takes more."""
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            asyncio.get_running_loop().add_writer(self._socket, self._send)
            return
        except OSError:  # it is gone, and `take` says so
            self._outgoing.clear()
        asyncio.get_running_loop().remove_writer(self._socket)

    def _receive(self) -> None:
        """Take what is there, up to about one answer of the largest size."""
        try:
            while len(self._incoming) <= MAX_PICTURE_BYTES + ANSWER_HEAD.size:
                if not (received := self._socket.recv(_READ_BYTES)):
                    raise self._failed("ended by itself")
                self._incoming += received
        except BlockingIOError:
            return
        except ConnectionError as err:
            raise self._failed("ended by itself") from err

    def _next_answer(self) -> tuple[int, int, bytes] | None:
        """Return number, kind and payload of the next answer; None while it is not whole."""
        if len(self._incoming) < ANSWER_HEAD.size:
            return None
        size, number, kind = ANSWER_HEAD.unpack_from(self._incoming)
        self._check(size, number, kind)
        end = ANSWER_HEAD.size + size
        if len(self._incoming) < end:
            return None
        payload = bytes(self._incoming[ANSWER_HEAD.size : end])
        del self._incoming[:end]
        return number, kind, payload

    def _look(self, now: float) -> None:
        """Notice when it says nothing though something is due."""
        self._heard = now if self._heard is None else self._heard
        if not self._ready:
            if now - self._heard > START_SECONDS:
                raise self._failed(f"did not start within {START_SECONDS:.0f} s")
        elif self._unanswered and now - max(self._unanswered[0][1], self._heard) > ANSWER_SECONDS:
            raise self._failed(f"gave no answer for {ANSWER_SECONDS:.0f} s")

    def _check(self, size: int, number: int, kind: int) -> None:
        """Refuse an answer by its head alone."""
        oldest = self._unanswered[0][0] if self._unanswered else -1
        if kind == UNIT:
            good = self._ready and size <= MAX_PICTURE_BYTES and number in self._awaited
        elif kind == DONE:
            good = self._ready and size == 0 and number == oldest
        else:
            good = kind == REPORT and not self._ready and size <= MAX_REPORT_BYTES
        if not good:
            raise self._failed("answered what was not asked")

    def _forget_old(self, number: int) -> None:
        """A picture so far back, which no decoder puts by for so long, has become no access unit."""
        forgotten = {each for each in self._awaited if each < number - MAX_PUT_BY}
        self._awaited -= forgotten
        self.undecoded += len(forgotten)

    def _failed(self, what: str) -> ReencodingFailed:
        log.warning("re-encoding process is replaced", pid=self.pid, reason=what, exit_code=self._process.poll())
        return ReencodingFailed(f"The process that re-encodes this camera's pictures {what}; another one is started.")


def sandbox_here() -> list[Layer]:
    """Start a child and return which layers of its sandbox hold on this machine; OSError or ValueError when it can't tell."""
    process, ours = start(CHILD_MODULE, "jpeg")
    with ours:
        ours.settimeout(_REPORT_SECONDS)
        try:
            with ours.makefile("rb") as answers:
                size, _, kind = ANSWER_HEAD.unpack(answers.read(ANSWER_HEAD.size).ljust(ANSWER_HEAD.size, b"\xff"))
                if kind != REPORT or size > MAX_REPORT_BYTES:
                    raise ValueError("the process that re-encodes pictures ended before it told")
                return layers_of(answers.read(size))
        finally:
            process.kill()
            process.wait()


def _say_what_is_missing(report: bytes) -> None:
    try:
        missing = missing_of(layers_of(report))
    except (ValueError, TypeError) as err:
        raise ReencodingFailed("The process that re-encodes this camera's pictures answered what was not asked.") from err
    if missing:
        log.warning("re-encoding process has not its whole sandbox", missing=missing)
