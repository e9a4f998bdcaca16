"""Try a camera for some seconds and say what it sends, or in one sentence why it can't be recorded. Nothing is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median

from recorder.fallback.reader import ReencodedReader
from recorder.playing import reader_of, refuse_unreadable
from recorder.rtp.access_unit import AccessUnit
from recorder.rtp.reader import StreamReader
from recorder.rtsp.certificate import ShownCertificate, describe_certificate
from recorder.rtsp.client import PlayingStream, open_stream
from recorder.rtsp.errors import CameraError, CertificateNotPinned, NoVideo
from recorder.sender_report import camera_clock_offset_ms
from vms.clock import Clock, SystemClock
from vms.domain.camera import Address
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, ms_of

WATCH_SECONDS = 8.0
"""Long enough for two keyframes of a camera with a GOP of 4 s, and usually for one RTCP sender report."""
ENOUGH_KEYFRAMES = 3
ENOUGH_SECONDS = 5.5
READ_BYTES = 256 * 1024
POLL_SECONDS = 0.02
LONG_GOP_SECONDS = 4.0
FAR_CLOCK_MS = 2000
REENCODED = {"jpeg": "JPEG", "mpeg4": "MPEG-4"}
"""Names of what no browser plays, as a person knows them."""

OK = "ok"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test found. Figures are None where the camera did not get that far or did not say."""

    kind: str
    """"ok", or a `FailureKind`."""
    sentence: str
    codec: str | None = None
    """RFC 6381."""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    gop_seconds: float | None = None
    bitrate: int | None = None
    """Bits per second."""
    clock_offset_ms: int | None = None
    """The camera's clock minus ours, by its RTCP sender reports."""
    jitter_ms: float | None = None
    """Mean distance of the pictures' arrivals from an even flow."""
    server: str = ""
    """What the camera calls itself."""
    warnings: tuple[str, ...] = ()
    certificate: ShownCertificate | None = None
    """The one that would have to be trusted first."""

    @property
    def ok(self) -> bool:
        return self.kind == OK

    def document(self) -> dict[str, object]:
        return {"ok": self.ok, **asdict(self)}

    def lines(self) -> list[str]:
        """Return the figures and warnings, one line each, for a terminal."""
        figures = (
            ("Picture", None if self.width is None else f"{self.width} x {self.height}, {self.codec}"),
            ("Pictures a second", self.fps),
            ("Seconds between keyframes", self.gop_seconds),
            ("Rate", None if self.bitrate is None else f"{self.bitrate / 1e6:.2f} Mbit/s"),
            ("Camera's clock", None if self.clock_offset_ms is None else f"{self.clock_offset_ms} ms from ours"),
            ("Jitter", None if self.jitter_ms is None else f"{self.jitter_ms:.0f} ms"),
            ("Camera says it is", self.server or None),
            *(_certificate_lines(self.certificate) if self.certificate else ()),
        )
        return [f"{name}: {value}" for name, value in figures if value is not None] + [f"Note: {warning}" for warning in self.warnings]


def _certificate_lines(shown: ShownCertificate) -> tuple[tuple[str, str | None], ...]:
    validity = f"{shown.valid_from[:10]} to {shown.valid_until[:10]}" if shown.valid_from else None
    return ("Certificate (SHA-256)", shown.fingerprint), ("Certificate is of", shown.subject or None), ("Certificate is valid", validity)


def test_camera(
    address: Address,
    path: str,
    *,
    username: str,
    password: str,
    allow_loopback: bool,
    certificate: bytes | None = None,
    clock: Clock | None = None,
) -> Verdict:
    """Test a camera from a program without an event loop."""
    return asyncio.run(
        examine(
            address,
            path,
            username=username,
            password=password,
            allow_loopback=allow_loopback,
            certificate=certificate,
            clock=clock or SystemClock(),
        )
    )


test_camera.__test__ = False  # type: ignore[attr-defined]  # pytest would take an imported one for a test


async def examine(  # noqa: PLR0913 -- a camera's fields and the seam of the tests
    address: Address,
    path: str,
    *,
    username: str,
    password: str,
    allow_loopback: bool,
    clock: Clock,
    certificate: bytes | None = None,
    watch_seconds: float = WATCH_SECONDS,
) -> Verdict:
    """Connect, watch for some seconds, and return the verdict; never raises for anything a camera does."""
    try:
        stream = await open_stream(
            address, path, username=username, password=password, allow_loopback=allow_loopback, certificate=certificate
        )
        try:
            return await _watch(stream, clock, watch_seconds)
        finally:
            _part(stream)
    except CertificateNotPinned as err:
        return Verdict(kind=str(err.kind), sentence=str(err), certificate=describe_certificate(err.certificate))
    except CameraError as err:
        return Verdict(kind=str(err.kind), sentence=str(err))


@dataclass(slots=True)
class _Observation:
    units: list[tuple[int, float, bool, int]]
    """RTP time stamp, arrival, keyframe, bytes."""
    started: float
    received_bytes: int = 0

    def take(self, unit: AccessUnit) -> None:
        refuse_unreadable(unit)
        self.units.append((unit.rtp_timestamp, unit.arrival, unit.keyframe, len(unit.payload)))

    def enough(self, now: float) -> bool:
        keyframes = sum(keyframe for _, _, keyframe, _ in self.units)
        return keyframes >= ENOUGH_KEYFRAMES and now - self.started >= ENOUGH_SECONDS


async def _watch(stream: PlayingStream, clock: Clock, watch_seconds: float) -> Verdict:
    reader = reader_of(stream)
    try:
        seen = await _observe(stream, reader, clock, watch_seconds)
    finally:
        if isinstance(reader, ReencodedReader):
            reader.close()
    if not seen.units:
        raise NoVideo(
            f"The camera accepted the connection but sent no complete picture in {watch_seconds:.0f} s. Look whether it shows one itself."
        )
    return _verdict(stream, reader, seen, clock)


async def _observe(stream: PlayingStream, reader: StreamReader | ReencodedReader, clock: Clock, watch_seconds: float) -> _Observation:
    seen = _Observation([], clock.monotonic())
    _feed(reader, seen, stream.leftover, seen.started)
    while (now := clock.monotonic()) - seen.started < watch_seconds and not seen.enough(now):
        received = stream.receive(READ_BYTES)
        if received is None:
            await asyncio.sleep(POLL_SECONDS)
        else:
            _feed(reader, seen, received, now)
            await asyncio.sleep(0)  # a camera that always has more must not hold up who shares the loop
        if isinstance(reader, ReencodedReader):
            for unit in reader.collect(now):
                seen.take(unit)
    return seen


def _feed(reader: StreamReader | ReencodedReader, seen: _Observation, received: bytes, now: float) -> None:
    if received:
        seen.received_bytes += len(received)
        for unit in reader.feed(received, now):
            seen.take(unit)


def _verdict(stream: PlayingStream, reader: StreamReader | ReencodedReader, seen: _Observation, clock: Clock) -> Verdict:
    sets = reader.parameter_sets
    report = reader.sender_report
    offset = None
    if report is not None:
        server_ms = ms_of(clock.now()) - int((clock.monotonic() - report.arrival) * 1000)
        offset = camera_clock_offset_ms(report.ntp, server_ms=server_ms)
    steps = _steps(seen)
    gop = _gop_seconds(seen)
    elapsed = max(seen.units[-1][1] - seen.started, 0.001)
    return Verdict(
        kind=OK,
        sentence="The camera works and can be recorded.",
        codec=sets.rfc6381 if sets is not None else None,
        width=sets.width if sets is not None else None,
        height=sets.height if sets is not None else None,
        fps=round(TICKS_PER_SECOND / median(steps), 2) if steps else None,
        gop_seconds=gop,
        bitrate=int(seen.received_bytes * 8 / elapsed),
        clock_offset_ms=offset,
        jitter_ms=_jitter_ms(seen),
        server=stream.server,
        warnings=(*_reencoding_warning(stream.track.codec), *_warnings(seen, gop, offset, reader.counters.lost_packets)),
    )


def _reencoding_warning(codec: str) -> tuple[str, ...]:
    """Say what a stream costs that can't be recorded as it comes."""
    if (name := REENCODED.get(codec)) is None:
        return ()
    what = f"The camera sends {name}, which no browser plays: the recorder re-encodes it to H.264, and that takes processor time all day."
    return (f"{what} Set the stream to H.264 or H.265 on the camera if it has it.",)


def _steps(seen: _Observation) -> list[int]:
    """Return the positive distances between successive time stamps."""
    pairs = pairwise(seen.units)
    steps = [_signed(after[0] - before[0]) for before, after in pairs]
    return [step for step in steps if step > 0]


def _gop_seconds(seen: _Observation) -> float | None:
    """Return the median time between keyframes; None when fewer than two came."""
    keys = [rtp for rtp, _, keyframe, _ in seen.units if keyframe]
    steps = [_signed(after - before) for before, after in pairwise(keys)]
    return round(median(steps) / TICKS_PER_SECOND, 2) if steps else None


def _jitter_ms(seen: _Observation) -> float | None:
    if len(seen.units) < ENOUGH_KEYFRAMES:
        return None
    first_rtp, first_arrival, _, _ = seen.units[0]
    delays = [(arrival - first_arrival) * 1000 - _signed(rtp - first_rtp) / TICKS_PER_MS for rtp, arrival, _, _ in seen.units]
    middle = median(delays)
    return round(sum(abs(delay - middle) for delay in delays) / len(delays), 1)


def _warnings(seen: _Observation, gop: float | None, offset: int | None, lost_packets: int) -> list[str]:
    found = []
    if gop is None or gop > LONG_GOP_SECONDS:
        found.append("Keyframes are far apart: the picture starts late and seeking is coarse. Set the keyframe interval to 1 or 2 s.")
    if any(_signed(after[0] - before[0]) < 0 for before, after in pairwise(seen.units)):
        found.append("The camera reorders pictures (B-frames). Switch them off for a live picture without delay.")
    if offset is not None and abs(offset) > FAR_CLOCK_MS:
        found.append(f"The camera's clock is {abs(offset) / 1000:.0f} s {'ahead' if offset > 0 else 'behind'}. Give it a time server.")
    if lost_packets:
        found.append(f"{lost_packets} packets were lost on the way.")
    return found


def _signed(step: int) -> int:
    """Read the difference of two 32-bit time stamps as a signed number."""
    return (step + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000


def _part(stream: PlayingStream) -> None:
    with suppress(OSError):  # gone already
        stream.socket.send(stream.teardown_bytes())
    stream.close()
