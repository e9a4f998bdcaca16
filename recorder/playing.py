"""Read one connected camera: drain its socket, take pictures out of the bytes, notice silence, keep the session alive."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from recorder.fallback.reader import ReencodedReader
from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.reader import StreamReader
from recorder.rtsp.client import PlayingStream
from recorder.rtsp.errors import CameraError, ConnectionLost, FailureKind, UnsupportedCodec
from vms.clock import Clock
from vms.domain.camera import CameraState
from vms.domain.footage import GapReason
from vms.errors import InvalidInput
from vms.media.fmp4 import init_segment

SILENT_SECONDS = 10.0
STALLED_SECONDS = 15.0
READ_BYTES = 256 * 1024
MAX_READ_SECONDS = 0.04
"""A drain reads until nothing is there, or for so long: what a camera sends beyond that waits in its socket for the next."""
MAX_COMPLETED = 64
"""Pictures of a stream that wait to be handed over until all streams are drained; of 25 a second five are there in a tick."""
SETTLE_SECONDS = 1.0
"""How long the last pictures may take that are being re-encoded when a stream ends in order."""
_SETTLE_LOOK_SECONDS = 0.01


class CameraSilent(CameraError):
    """Connected, but no packet of the video came."""

    kind = FailureKind.TIMEOUT
    gap_reason = GapReason.SILENT
    state = CameraState.SILENT


class CameraStalled(CameraError):
    """Packets came, but no complete picture."""

    kind = FailureKind.PROTOCOL
    gap_reason = GapReason.STALLED
    state = CameraState.STALLED


def refuse_unreadable(unit: AccessUnit) -> None:
    """Raise UnsupportedCodec, for this stream alone, when `unit` brings sets of which no init segment can be made."""
    if unit.parameter_sets is None:
        return
    try:
        init_segment(unit.parameter_sets)
    except InvalidInput as err:
        raise UnsupportedCodec(f"The camera describes its pictures in a way that can't be read. {err}") from err


def reader_of(stream: PlayingStream) -> StreamReader | ReencodedReader:
    """Return what reads `stream`, with a child process where its pictures have to be re-encoded; CameraError when that can't start."""
    if stream.track.codec in ("h264", "h265"):
        return StreamReader(stream.track, rtp_channel=stream.rtp_channel, rtcp_channel=stream.rtcp_channel)
    return ReencodedReader(stream.track, rtp_channel=stream.rtp_channel, rtcp_channel=stream.rtcp_channel)


class Playing:
    """A camera in the PLAYING state. All on the worker's event loop; the socket is not asyncio's."""

    def __init__(
        self, stream: PlayingStream, *, clock: Clock, on_pictures: Callable[[list[AccessUnit]], None], is_watched: Callable[[], bool]
    ) -> None:
        try:
            self.reader = reader_of(stream)
        except CameraError:
            stream.close()
            raise
        self._reencoded = self.reader if isinstance(self.reader, ReencodedReader) else None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with CameraError when the connection is over; succeeds when nobody wants it any more."""
        self.pictures = 0
        self._stream = stream
        self._clock = clock
        self._on_pictures = on_pictures
        self._is_watched = is_watched
        self._began = self._last_packet = self._last_picture = clock.monotonic()
        self._completed: list[AccessUnit] = []
        self._fed_at = self._began
        self._packets = 0
        self._bytes = self._counted_bytes = 0
        self._counted_at = self._began

    @property
    def watched(self) -> bool:
        return self._is_watched()

    @property
    def delivers(self) -> bool:
        return self.pictures > 0

    def begin(self) -> None:
        """Feed what came together with the camera's answer to PLAY."""
        if self._stream.leftover:
            self._guarded(lambda: self._feed(self._stream.leftover, self._clock.monotonic()))
            self.deliver()

    def drain(self, now: float) -> None:
        """Take what the socket holds; the pictures of the last batch wait for `deliver`, unless they are many or somebody watches."""
        if self.ended.done():
            return
        try:
            self._read(now)
        except CameraError as err:
            self.deliver()
            self._end(err)
        if len(self._completed) > MAX_COMPLETED or self.watched:
            self.deliver()
        if self._reencoded is not None:
            self._collect(now)

    def deliver(self) -> None:
        completed, self._completed = self._completed, []
        if completed:
            self._guarded(lambda: self._deliver(completed, self._fed_at))

    async def settle(self) -> None:
        """Wait for the pictures that are being re-encoded, a moment at most."""
        until = self._clock.monotonic() + SETTLE_SECONDS
        while self._reencoded is not None and self._reencoded.child.is_busy and not self.ended.done():
            if (now := self._clock.monotonic()) > until:
                return
            await asyncio.sleep(_SETTLE_LOOK_SECONDS)
            self._collect(now)

    def fail(self, error: Exception) -> None:
        """End the connection by an error of our own."""
        self._end(CameraStalled(f"Reading this camera failed inside the recorder ({type(error).__name__}); see its log."))

    def watch(self, now: float) -> None:
        """Once a second: ask for life, or end the connection when nothing came for too long."""
        if self.ended.done():
            return
        if now - self._last_packet >= SILENT_SECONDS:
            self._end(CameraSilent(f"The camera is connected but has sent nothing of its video for {SILENT_SECONDS:.0f} s."))
        elif now - self._last_picture >= STALLED_SECONDS:
            self._end(CameraStalled(f"The camera sends packets, but no complete picture for {STALLED_SECONDS:.0f} s."))
        else:
            self._guarded(lambda: self._ask_for_life(now))

    def nobody_watches(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def bits_per_second(self) -> int:
        """Return the rate since the last call."""
        now = self._clock.monotonic()
        elapsed = max(now - self._counted_at, 0.001)
        rate = int((self._bytes - self._counted_bytes) * 8 / elapsed)
        self._counted_at, self._counted_bytes = now, self._bytes
        return rate

    def steady_seconds(self) -> float:
        """Return how long this connection delivered pictures."""
        return self._last_picture - self._began if self.pictures else 0.0

    def close(self) -> None:
        """Say goodbye if the socket takes it at once, and close."""
        if not self.ended.done():
            self.ended.cancel()
        with suppress(OSError):  # the camera is gone or its buffer is full; closing says the same
            self._stream.socket.send(self._stream.teardown_bytes())
        self._stream.close()
        if self._reencoded is not None:
            self._reencoded.close()

    def _read(self, now: float) -> None:
        while (received := self._stream.receive(READ_BYTES)) is not None:
            self.deliver()
            if self.ended.done():
                return
            self._feed(received, now)
            if len(received) < READ_BYTES or self._clock.monotonic() - now > MAX_READ_SECONDS:
                return

    def _feed(self, received: bytes, now: float) -> None:
        self._bytes += len(received)
        reader = self.reader
        self._completed, self._fed_at = reader.feed(received, now), now
        if (packets := reader.counters.received_packets) != self._packets:  # an answer to a keep-alive is no sign of video
            self._packets, self._last_packet = packets, now
        for message in reader.take_messages():
            self._stream.answered(message)

    def _collect(self, now: float) -> None:
        """Hand over what was re-encoded meanwhile, after what the last bytes gave."""
        self.deliver()
        reencoded = self._reencoded
        if reencoded is not None and not self.ended.done():
            self._guarded(lambda: self._deliver(reencoded.collect(now), now))

    def _deliver(self, units: list[AccessUnit], now: float) -> None:
        """Hand over what a batch completed, up to a picture that can't be read."""
        begin = 0
        for described in [at for at, unit in enumerate(units) if unit.parameter_sets is not None]:
            self._take(units[begin:described], now)
            begin = described
            refuse_unreadable(units[described])
        self._take(units[begin:], now)

    def _take(self, units: list[AccessUnit], now: float) -> None:
        if units:
            self._last_picture = now
            self.pictures += len(units)
            self._on_pictures(units)

    def _ask_for_life(self, now: float) -> None:
        request = self._stream.keepalive(now)
        if request:
            try:
                self._stream.socket.send(request)
            except (BlockingIOError, ssl.SSLWantWriteError) as err:
                raise ConnectionLost("The camera does not take our keep-alive requests any more.") from err
            except OSError as err:
                raise ConnectionLost(f"The connection to the camera broke: {err.strerror}.") from err

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except CameraError as err:
            self._end(err)

    def _end(self, err: CameraError) -> None:
        if not self.ended.done():
            self.ended.set_exception(err)
