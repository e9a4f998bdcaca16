"""Puts NAL units together to whole access units; a damaged one is never handed over, nor what depends on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from recorder.rtp.h264 import is_recovery_point
from recorder.rtp.nal import FIRST_FRAGMENT, LAST_FRAGMENT, NalSyntax, Role
from vms.media.parameter_sets import ParameterSets

MAX_UNIT_BYTES = 4 * 1024 * 1024
"""Of one access unit, and so of each NAL unit in it. With the pictures since the last keyframe
(`live.MAX_GOP_BYTES`) that is half of what a stream may hold (`capture.MAX_BUFFERED_BYTES`)."""
MAX_PIECES = 16_384
"""Of one access unit, one or more for each batch: a camera that drips octets must not cost an object for each."""
MAX_SETS = 16
MAX_SET_BYTES = 4096
UNIT_BYTES = 512
"""More than an access unit takes in memory beside its payload, wherever it waits: tiny pictures must not make bounds in bytes untrue."""
LENGTH_BYTES = 4
BEGINS_PICTURE = 0x80
"""Top bit behind a slice's NAL header: first_mb_in_slice = 0 in H.264, first_slice_segment_in_pic_flag in H.265."""
Buffer: TypeAlias = bytes | memoryview
_SETS = (Role.VPS, Role.SPS, Role.PPS)
_SLICE, _KEYFRAME_SLICE, _REMARK, _KEPT, _DROPPED = Role.SLICE, Role.KEYFRAME_SLICE, Role.REMARK, Role.KEPT, Role.DROPPED
_FRAGMENT, _AGGREGATE, _UNKNOWN = Role.FRAGMENT, Role.AGGREGATE, Role.UNKNOWN
"""By names of their own: a member that is looked up in its class takes seven times as long."""


@dataclass(slots=True)
class AccessUnit:
    """One coded picture, whole, ready to be an MP4 sample."""

    rtp_timestamp: int
    """32 bits as sent; the consumer unwraps them."""
    payload: bytes
    """NAL units with a 4-byte length before each; no parameter sets, delimiters or filler.

    One object on purpose: the cipher and the MP4 sample want contiguous bytes, and the join is one copy.
    """
    keyframe: bool
    arrival: float
    """When its last packet came, as given to feed()."""
    lost: bool
    """Something was lost since the unit before; such a unit is always a keyframe."""
    parameter_sets: ParameterSets | None
    """On the first keyframe, and on one from which other sets hold: a new run begins there."""


def held_bytes(units: Sequence[AccessUnit]) -> int:
    """Return what `units` take in memory, wherever they wait: payloads, and `UNIT_BYTES` for each."""
    return sum([len(unit.payload) for unit in units]) + UNIT_BYTES * len(units)


@dataclass(slots=True)
class ReaderCounters:
    packets: int = 0
    lost_packets: int = 0
    """By their sequence numbers."""
    damaged_units: int = 0
    skipped_units: int = 0
    """Whole, but waiting for a keyframe, at the start or after damage."""
    ignored_packets: int = 0
    """Malformed, repeated, or of another payload type."""

    @property
    def received_packets(self) -> int:
        """All that came on the video's channel, of use or not; padding alone does not count."""
        return self.packets + self.ignored_packets


class Assembler:
    """Takes the payloads of one stream in sequence; finished access units gather in `units`."""

    def __init__(self, syntax: NalSyntax, parameter_sets: ParameterSets | None, counters: ReaderCounters) -> None:
        self.units: list[AccessUnit] = []
        self.parameter_sets: ParameterSets | None = None
        self.timestamp = -1
        self.arrival = 0.0
        self._syntax = syntax
        self._counters = counters
        self._announced = parameter_sets
        self._new_sets: dict[Role, tuple[bytes, ...]] = {}
        self._waiting = True
        self._lost = False
        self._trust_marker = True
        self._marked_timestamp = -1
        self._parts: list[Buffer] = []
        self._settled = 0
        """How many parts are copies already."""
        self._size = 0
        self._nal_at = -1
        """Place among the parts of the fragmented NAL unit that is open; -1 when none is."""
        self._nal_role = _UNKNOWN
        self._nal_header = b""
        self._nal_began = 0
        """Size of the unit where that NAL unit opened."""
        self._picture = False
        """The unit has a slice."""
        self._keyframe = False
        self._recovers = False
        """A remark says that the picture is one to start from."""
        self._broken = False
        """The rest of the unit is passed over."""

    @property
    def unfinished_bytes(self) -> int:
        """Of the access unit in hand."""
        return self._size

    def begin(self, timestamp: int) -> None:
        """Note the timestamp of the packet that follows; a new one ends the unit before it, marker or not."""
        if self._picture or self._broken or self._nal_at >= 0:
            self._finish()
        self.timestamp = timestamp

    def marker(self) -> None:
        """End the unit, unless the camera has shown that it sets the marker on every slice."""
        if self._trust_marker and (self._picture or self._broken or self._nal_at >= 0):
            self._marked_timestamp = -1 if self._broken else self.timestamp
            self._finish()

    def lose(self) -> None:
        """Packets are missing before the next one; between two units they may have been units of their own."""
        if self._parts:
            self._break()
        self._give_up()
        self._marked_timestamp = -1

    def packet(self, data: bytes, start: int, stop: int) -> bool:
        """Take one payload; True when it leaves a fragmented NAL unit open, so that a run of fragments may follow."""
        if self._broken:
            return False
        role = self._syntax.role_of_octet[data[start]]
        if role is _FRAGMENT:
            return self._fragment(data, start, stop)
        if self._nal_at >= 0:  # its last fragment never came, though no packet is missing
            self._break()
        elif role is _DROPPED:
            return False
        elif role is _AGGREGATE:
            self._aggregate(data, start + self._syntax.header_bytes, stop)
        else:
            self._nal(role, data[start:stop])
        return False

    def fragments(self, bodies: Iterable[Buffer], size: int) -> None:
        """Take the bodies of fragments in the middle of the open NAL unit, `size` bytes in all; copied before `settle` returns."""
        self._parts += bodies
        self._size += size
        if self._size > MAX_UNIT_BYTES:
            self._break()

    def last_fragment(self, body: bytes) -> None:
        """Take the body of the fragment that ends the open NAL unit."""
        if self._nal_at >= 0:
            self._parts.append(body)
            self._size += len(body)
            self._close_nal()

    @property
    def takes_whole(self) -> bool:
        """Say whether a whole picture may follow at once: none is begun, and what it depends on was handed over."""
        return not (self._parts or self._waiting or self._new_sets) and self._trust_marker

    def whole(self, units: list[AccessUnit]) -> None:
        """Hand over pictures that are one slice each and whole, one or more; only while `takes_whole`."""
        self.units += units
        self.timestamp = self._marked_timestamp = units[-1].rtp_timestamp

    def settle(self) -> None:
        """Copy what is open out of the batch that it came in, so that no batch outlives its feed()."""
        parts, begin, at = self._parts, self._settled, self._nal_at
        if at >= begin:
            parts[begin:] = [b"".join(parts[begin:at]), b"", b"".join(parts[at + 1 :])]
            self._nal_at = begin + 1
        elif len(parts) > begin:
            parts[begin:] = [b"".join(parts[begin:])]
        self._settled = len(parts)
        if self._settled > MAX_PIECES:
            self._break()

    def _fragment(self, data: bytes, start: int, stop: int) -> bool:
        octet_at = start + self._syntax.header_bytes
        if octet_at + 1 >= stop:
            self._break()
            return False
        octet = data[octet_at]
        if octet & FIRST_FRAGMENT:
            self._open_nal(data, start, octet_at, octet)
        if self._nal_at < 0:  # began before we listened, or before a loss
            self._break()
            return False
        self._parts.append(data[octet_at + 1 : stop])
        self._size += stop - octet_at - 1
        if self._size > MAX_UNIT_BYTES:
            self._break()
        elif octet & LAST_FRAGMENT:
            self._close_nal()
        return self._nal_at >= 0

    def _open_nal(self, data: bytes, start: int, octet_at: int, octet: int) -> None:
        if self._nal_at >= 0:  # the one before never ended
            self._break()
            return
        syntax = self._syntax
        role = syntax.role_of_type[octet & syntax.type_mask]
        if (role is _SLICE or role is _KEYFRAME_SLICE) and not self._slice(role, data[octet_at + 1]):
            return
        self._nal_role = role
        self._nal_header = syntax.fragment_header(data[start:octet_at], octet)
        self._nal_at = len(self._parts)
        self._nal_began = self._size
        self._parts.append(b"")  # takes length and header when the length is known

    def _close_nal(self) -> None:
        at, role = self._nal_at, self._nal_role
        if at < 0:
            return
        self._nal_at = -1
        if role is _SLICE or role is _KEYFRAME_SLICE or role is _KEPT:
            header = self._nal_header
            size = self._size - self._nal_began + len(header)
            self._parts[at] = size.to_bytes(LENGTH_BYTES) + header
            self._size += LENGTH_BYTES + len(header)
            if self._size > MAX_UNIT_BYTES:
                self._break()
            return
        nal = self._nal_header + b"".join(self._parts[at + 1 :])
        del self._parts[at:]
        self._settled = min(self._settled, at)
        self._size = self._nal_began
        self._nal(role, nal)

    def _aggregate(self, data: bytes, at: int, stop: int) -> None:
        while at + 2 < stop and not self._broken:
            begin = at + 2
            at = begin + int.from_bytes(data[at:begin])
            if at == begin:
                continue
            role = self._syntax.role_of_octet[data[begin]]
            if at > stop or role is _AGGREGATE or role is _FRAGMENT:
                self._break()
            else:
                self._nal(role, data[begin:at])

    def _nal(self, role: Role, nal: bytes) -> None:
        """Take one whole NAL unit."""
        if role is _DROPPED:
            return
        if role is _UNKNOWN or len(nal) <= self._syntax.header_bytes:
            self._break()
        elif role in _SETS:
            self._take_set(role, nal)
        elif role is _REMARK:
            self._recovers = self._recovers or is_recovery_point(nal)
            self._keep(nal)
        elif role is _KEPT or self._slice(role, nal[self._syntax.header_bytes]):
            self._keep(nal)

    def _keep(self, nal: bytes) -> None:
        self._parts += (len(nal).to_bytes(LENGTH_BYTES), nal)
        self._grow(LENGTH_BYTES + len(nal))

    def _slice(self, role: Role, first_octet: int) -> bool:
        """Note a slice by the octet behind its header; False, and the unit is given up, when the picture's first slice is missing."""
        if not self._picture and not first_octet & BEGINS_PICTURE:
            if self.timestamp == self._marked_timestamp:
                self._trust_marker = False
            self._break()
            return False
        self._picture = True
        if role is _KEYFRAME_SLICE or self._recovers:
            self._keyframe = True
        return True

    def _take_set(self, role: Role, nal: bytes) -> None:
        """Gather the sets before a picture; a set that is out of all proportion is passed over."""
        gathered = self._new_sets.get(role, ())
        if nal not in gathered and len(gathered) < MAX_SETS and len(nal) <= MAX_SET_BYTES:
            self._new_sets[role] = (*gathered, nal)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_UNIT_BYTES:
            self._break()

    def _break(self) -> None:
        """The unit in hand is damaged; one that began before we listened is not counted."""
        if not self._broken and (self._parts or self._lost or not self._waiting):
            self._counters.damaged_units += 1
        self._give_up()

    def _give_up(self) -> None:
        """Take nothing more for this unit, and hand over nothing before a keyframe: it would depend on what is missing."""
        self._reset()
        self._broken = True
        self._lost = self._lost or not self._waiting
        self._waiting = True

    def _reset(self) -> None:
        self._parts = []
        self._size = self._settled = 0
        self._nal_at = -1
        self._picture = self._keyframe = self._recovers = self._broken = False

    def _finish(self) -> None:
        """Hand over the unit when it is whole and can be decoded."""
        if self._nal_at >= 0:
            self._break()
        if not self._broken:
            if self._new_sets:
                self._settle_sets()
            self._hand_over()
        self._reset()

    def _settle_sets(self) -> None:
        """A complete group of sets replaces those before it, an incomplete one only its kinds; they hold from a keyframe on."""
        before = self._announced
        vps, sps, pps = (self._new_sets.get(role, ()) for role in _SETS)
        if before:
            vps, sps, pps = vps or before.vps, sps or before.sps, pps or before.pps
        after = ParameterSets(codec=self._syntax.codec, vps=vps, sps=sps, pps=pps)
        if not (sps and pps and (vps or self._syntax.codec == "h264")):
            return
        self._new_sets = {}
        if after != before:
            self._announced = after
            self._waiting = True  # until the keyframe that uses them, which is nearly always this one

    def _hand_over(self) -> None:
        if self._waiting and not (self._keyframe and self._announced):
            self._counters.skipped_units += 1
            return
        changed = None
        if self._announced is not self.parameter_sets:
            changed = self._announced if self._announced != self.parameter_sets else None
            self.parameter_sets = self._announced
        self.units.append(AccessUnit(self.timestamp, b"".join(self._parts), self._keyframe, self.arrival, self._lost, changed))
        self._waiting = self._lost = False
