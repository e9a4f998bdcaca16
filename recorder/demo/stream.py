"""One demo stream at its clients: which frame is due by the wall clock, and sending it to everyone who plays, faults included."""

from __future__ import annotations

import asyncio
import random
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from recorder.demo.packets import CLOCK_RATE, Clip, RtpFrame, frame_number, loop_index, sender_report

REPORT_SECONDS = 5.0
"""Between two RTCP sender reports."""

MAX_BACKLOG_BYTES = 4 * 1024 * 1024
"""A client that leaves more than this unread is dropped, as a camera would."""

_MAX_BEHIND_SECONDS = 2
_MAX_AHEAD_SECONDS = 1
"""The wall clock may lead or trail by this much before it counts as a step, after which a stream begins anew at a keyframe."""


class Start(StrEnum):
    """When a client that plays gets its first frame."""

    NEXT_KEYFRAME = "next_keyframe"
    IMMEDIATE = "immediate"
    """At once, with a burst from the latest keyframe on."""


@dataclass(slots=True)
class Loss:
    """Packets lost on the way: every nth, or each with a probability, the same again for the same seed."""

    every: int = 0
    probability: float = 0.0
    seed: int = 0
    taken: int = 0
    _seen: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable on purpose

    def __call__(self) -> bool:
        self._seen += 1
        lost = self._seen % self.every == 0 if self.every else self._random.random() < self.probability
        self.taken += lost
        return lost


@dataclass(slots=True, eq=False)
class Player:
    """A client that plays a stream: its connection and its own RTP numbering."""

    transport: asyncio.WriteTransport
    channel: int
    waits_for_keyframe: bool = True
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(16))
    base: int = field(default_factory=lambda: secrets.randbits(32))
    packets: int = 0
    octets: int = 0
    next_report: float = 0.0

    def timestamp(self, unix_ticks: int) -> int:
        return (self.base + unix_ticks) & 0xFFFFFFFF

    def send(self, frame: RtpFrame, unix_ticks: int, loss: Loss | None) -> None:
        wire = frame.patched(channel=self.channel, sequence=self.sequence, timestamp=self.timestamp(unix_ticks), ssrc=self.ssrc)
        self.sequence = (self.sequence + len(frame.starts)) & 0xFFFF
        self.packets += len(frame.starts)
        self.octets += len(wire) - 16 * len(frame.starts)
        self._write(frame.without_lost(wire, loss) if loss is not None else wire)

    def report(self, unix_seconds: float, shift_ticks: int) -> None:
        """Send an RTCP sender report when one is due."""
        if unix_seconds < self.next_report:
            return
        self.next_report = unix_seconds + REPORT_SECONDS
        timestamp = self.timestamp(round(unix_seconds * CLOCK_RATE) + shift_ticks)
        octets, packets = self.octets, self.packets
        self._write(
            sender_report(
                channel=self.channel + 1, ssrc=self.ssrc, unix_seconds=unix_seconds, timestamp=timestamp, packets=packets, octets=octets
            )
        )

    def _write(self, wire: bytes | bytearray) -> None:
        if self.transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(wire)


class DemoStream:
    """One presentation: its clip, who plays it, and the faults set on it."""

    def __init__(self, clip: Clip) -> None:
        self.original = clip
        self.clip = clip
        self.players: set[Player] = set()
        self.frames_sent = 0
        self.loss: Loss | None = None
        self.shift_ticks = 0
        """Added to every RTP timestamp."""
        self._frozen = False
        self._next_clip: Clip | None = None
        self._last = -1

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        """Stop sending; connections stay open."""
        self._frozen = True
        for player in self.players:
            player.waits_for_keyframe = True

    def thaw(self) -> None:
        self._frozen = False

    def change_clip(self, clip: Clip) -> None:
        """From the next keyframe on send `clip` instead, with its own parameter sets."""
        self._next_clip = clip

    def first_timestamp(self, player: Player, start: Start, unix_seconds: float) -> int:
        """Return the RTP time of the first frame that `player` would get when it is added now."""
        key = self._latest_key(unix_seconds)
        waits = start is Start.NEXT_KEYFRAME or self._frozen
        return player.timestamp(self._unix_ticks(key + self.clip.profile.gop_frames if waits else key))

    def add(self, player: Player, start: Start, unix_seconds: float) -> None:
        """Let `player` play."""
        self._catch_up(unix_seconds)
        self.players.add(player)
        if start is Start.NEXT_KEYFRAME or self._frozen:
            return
        player.waits_for_keyframe = False
        for number in range(self._latest_key(unix_seconds), self._last + 1):
            player.send(self._frame(number), self._unix_ticks(number), self.loss)

    def send_due(self, unix_seconds: float) -> float:
        """Send every frame that is due; return when the next one is."""
        fps = self.clip.profile.fps
        due = frame_number(unix_seconds, fps)
        if not -_MAX_AHEAD_SECONDS * fps <= due - self._last <= _MAX_BEHIND_SECONDS * fps:
            self._start_anew(unix_seconds)
        while self._last < due:
            self._last += 1
            self._switch_clip_at_keyframe()
            self._send(self._last)
            due = frame_number(unix_seconds, self.clip.profile.fps)
        if not self._frozen:
            for player in self.players:
                if not player.waits_for_keyframe:
                    player.report(unix_seconds, self.shift_ticks)
        return (self._last + 1) / self.clip.profile.fps

    def _send(self, number: int) -> None:
        if self._frozen:
            return
        frame = self._frame(number)
        self.frames_sent += 1
        for player in self.players:
            player.waits_for_keyframe = player.waits_for_keyframe and not frame.keyframe
            if not player.waits_for_keyframe:
                player.send(frame, self._unix_ticks(number), self.loss)

    def _catch_up(self, unix_seconds: float) -> None:
        """After a time without anyone playing: nothing that was due meanwhile is sent."""
        if not self.players:
            self._last = frame_number(unix_seconds, self.clip.profile.fps)

    def _start_anew(self, unix_seconds: float) -> None:
        """After a step of the clock: begin at the next keyframe."""
        self._last = frame_number(unix_seconds, self.clip.profile.fps)
        for player in self.players:
            player.waits_for_keyframe = True

    def _latest_key(self, unix_seconds: float) -> int:
        number = frame_number(unix_seconds, self.clip.profile.fps)
        return number - number % self.clip.profile.gop_frames

    def _switch_clip_at_keyframe(self) -> None:
        if self._next_clip is None or not self._frame(self._last).keyframe:
            return
        self._last = self._last * self._next_clip.profile.fps // self.clip.profile.fps
        self.clip, self._next_clip = self._next_clip, None

    def _frame(self, number: int) -> RtpFrame:
        return self.clip.frames[loop_index(number, self.clip.profile.fps)]

    def _unix_ticks(self, number: int) -> int:
        return number * self.clip.ticks_per_frame + self.shift_ticks
