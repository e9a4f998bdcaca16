"""Turn a stream's RTP timestamps into one exactly continuous time line on the server's clock.

The camera's clock is a claim: it sets the distance between two pictures, never the time of day. The server's clock decides
when a run started and pulls the line along: slowly enough that no playback notices, but where the camera keeps no time.
"""

from __future__ import annotations

from collections.abc import Iterable

from vms.clock import Clock
from vms.domain.timespan import TICKS_PER_SECOND, ticks_of

MAX_SLEW_PPM = 500
"""How fast the line may be pulled towards the server's clock: half a millisecond a second."""
JUMP_FORWARD_TICKS = 10 * TICKS_PER_SECOND
"""A longer pause between two pictures breaks the run."""
JUMP_BACK_TICKS = TICKS_PER_SECOND
"""No camera reorders pictures deeper than this; a longer step back breaks the run."""
MAX_REORDERED = 16
"""H.264 and H.265 allow at most 16 pictures to wait for one: more of them in the past means that the timestamps slipped."""
MAX_BEHIND_TICKS = MAX_REORDERED * JUMP_BACK_TICKS
"""Each of the pictures that may wait for one steps back by this at most: what is shown further behind its decode time has time stamps
that mean nothing, and the line goes on from where it is."""
DRIFT_WINDOW_TICKS = 10 * TICKS_PER_SECOND
MAX_SLEW_TICKS = 5 * TICKS_PER_SECOND
"""How far one picture may be stretched towards the server's clock."""
MAX_PICTURE_TICKS = JUMP_FORWARD_TICKS + MAX_SLEW_TICKS
"""The longest that one picture lasts."""
FAR_TICKS = TICKS_PER_SECOND
"""A line that has gone so far from the server's clock follows a camera that keeps no time: what a window went is undone in the next."""
CLOCK_STEP_SECONDS = 1.0
DEFAULT_DURATION = TICKS_PER_SECOND // 25
"""Of a picture that nothing is known about yet."""

_HALF_TURN, _TURN_MASK = 1 << 31, (1 << 32) - 1
_ENDLESS = 1 << 62
_MILLION = 1_000_000


class RunClock:
    """The time line of one run; all numbers are 90 kHz ticks.

    `advance` it by access units in arrival order; let it `observe` once for all that came together.

    The first picture stands at line position 0. `fix_start` says which moment that is; it is called once, when the first
    fragment is whole, and nothing is slewed before.
    """

    __slots__ = (
        "_arrival",
        "_behind",
        "_carry",
        "_decode",
        "_highest",
        "_last_rtp",
        "_last_step",
        "_lead",
        "_least",
        "_media",
        "_pending",
        "_rate_ppm",
        "_slewed",
        "_start",
        "_window_arrival",
        "_window_line",
        "line",
        "nominal",
    )

    def __init__(self, rtp: int, arrival: int) -> None:
        """Begin with the first picture: its 32-bit RTP timestamp and the server's ticks at its arrival."""
        self._last_rtp = rtp
        self._media = 0
        self._highest = 0
        self._behind = 0
        self._decode = 0
        self._last_step = DEFAULT_DURATION
        self._carry = 0
        self._pending = 0
        self._lead = 0
        self._rate_ppm = MAX_SLEW_PPM
        self._slewed = 0
        self._start: int | None = None
        self._least = self._arrival = self._window_arrival = arrival
        self._window_line = 0
        self.line = 0
        """Decode time of the newest picture after the run's start: the sum of all durations handed out."""
        self.nominal = DEFAULT_DURATION
        """Best guess at the duration of the newest picture, while its successor is not there or when it is the last."""

    @property
    def media(self) -> int:
        """Presentation time of the newest picture after the run's start by the camera's count, without any slew."""
        return self._media

    @property
    def least_delayed(self) -> int:
        """When the run began, as its least-delayed picture of this window tells; final before `fix_start` only."""
        return self._least

    def advance(self, stamps: Iterable[int]) -> tuple[list[int], list[int]]:
        """Take the next pictures by their 32-bit RTP timestamps; return durations and compositions, one of each for every picture.

        A duration is that of the picture before; a composition is presentation minus decode time, not 0 only where the camera reorders
        pictures.

        Fewer than `stamps` when one broke the time line. The run is over then: close it and begin a new `RunClock` with that picture.
        """
        durations: list[int] = []
        compositions: list[int] = []
        last_rtp, media, decode = self._last_rtp, self._media, self._decode
        for rtp in stamps:
            step = (rtp - last_rtp + _HALF_TURN & _TURN_MASK) - _HALF_TURN
            if not -JUMP_BACK_TICKS <= step <= JUMP_FORWARD_TICKS:
                break
            last_rtp = rtp
            media += step
            duration = media - decode
            if media > self._highest:
                self._highest = media
                self._behind = 0
                duration = max(duration, 1)
                if duration != self._last_step or duration != self.nominal:
                    self._guess(duration)
            else:
                media, duration = self._reordered(media, decode)
            decode += duration
            compositions.append(media - decode)
            durations.append(duration + self._slew(duration) if self._pending else duration)
        self._last_rtp, self._media, self._decode = last_rtp, media, decode
        self.line += sum(durations)
        return durations, compositions

    def observe(self, arrival: int) -> None:
        """Note when the newest picture came, after all those that came with it.

        The least of arrival minus line in a window is of the picture that the network held up least.
        """
        self._arrival = arrival
        # Pictures are compared as if none of this window's slew had happened yet, or it would be corrected twice.
        line = self.line - self._slewed
        self._least = min(self._least, arrival - line)
        counted = line - self._window_line
        if (counted >= DRIFT_WINDOW_TICKS or arrival - self._window_arrival >= DRIFT_WINDOW_TICKS) and self._start is not None:
            self._correct(self._least - self._slewed - self._start, counted=counted)
            self._open_window()

    def fix_start(self, *, not_before: int) -> int:
        """Return the run's first moment: when its least-delayed picture says it began, never before `not_before`."""
        self._start = max(self._least, not_before)
        self._pending = self._lead = self._least - self._start
        self._open_window()
        return self._start

    def _guess(self, step: int) -> None:
        """One late picture says nothing about the next; two in a row do."""
        if TICKS_PER_SECOND // 1000 <= step <= TICKS_PER_SECOND:
            self.nominal, self._last_step = min(step, self._last_step), step

    def _reordered(self, media: int, decode: int) -> tuple[int, int]:
        """Return where a picture stands that is shown before an earlier one, and how far the decode time moves for it.

        One too many of them, or one too far behind, goes on from where the line is.
        """
        self._behind += 1
        if self._behind <= MAX_REORDERED and decode - media < MAX_BEHIND_TICKS:
            return media, 1
        self._behind = 0
        self._highest = decode + self.nominal
        return self._highest, self.nominal

    def _slew(self, duration: int) -> int:
        allowed, self._carry = divmod(duration * self._rate_ppm + self._carry, _MILLION)
        step = max(-allowed, 1 - duration, min(allowed, self._pending, MAX_SLEW_TICKS))
        self._pending -= step
        self._slewed += step
        return step

    def _correct(self, offset: int, *, counted: int) -> None:
        """Decide how the line, `offset` behind the server, is pulled in the coming window; `counted`: what the camera did in this one."""
        # A run that had to begin ahead, after the clock was set back, is not the camera's fault: what is left of that goes gently.
        self._lead = min(0, max(self._lead, offset))
        gone = offset - self._lead
        if abs(gone) <= FAR_TICKS:
            self._pending, self._rate_ppm = offset, MAX_SLEW_PPM
        else:  # as evenly as the camera goes astray, and never more than it did
            self._pending = gone
            self._rate_ppm = abs(gone) * _MILLION // counted

    def _open_window(self) -> None:
        self._least = _ENDLESS
        self._slewed = 0
        self._window_line, self._window_arrival = self.line, self._arrival


class WallAnchor:
    """The server's wall clock as monotonic time plus an offset, polled; a step of the wall clock shows here."""

    __slots__ = ("_clock", "_offset")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._measure()

    def ticks(self, monotonic: float) -> int:
        """Return the server's ticks since the epoch at a monotonic moment."""
        return self._offset + int(monotonic * TICKS_PER_SECOND)

    def now(self) -> int:
        return self.ticks(self._clock.monotonic())

    def poll(self) -> float:
        """Follow the wall clock; return the seconds it stepped since the last poll when that is a step, else 0.0.

        Called once a second: whatever NTP slews in that time is far below the limit.
        """
        measured = self._measure()
        moved = (measured - self._offset) / TICKS_PER_SECOND
        self._offset = measured
        return moved if abs(moved) > CLOCK_STEP_SECONDS else 0.0

    def _measure(self) -> int:
        return ticks_of(self._clock.now()) - int(self._clock.monotonic() * TICKS_PER_SECOND)
