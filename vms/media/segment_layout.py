"""Where things stand in a segment file `.cseg`, and which key opens it. Layout: vms/FORMATS.md §1.

Encrypts and decrypts nothing: that is `segment_file`. The header and the record lengths are clear, so what is read here is only
a claim until the chunks' tags confirm it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NewType, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vms.domain.footage import FragmentEntry
from vms.domain.ids import CameraId, SegmentId, split_segment_id
from vms.domain.timespan import MS_PER_HOUR
from vms.errors import Corrupt, NotFound

MAGIC = b"CUSTSEG1"
VERSION = 1
CHUNK_BYTES = 65_536
TAG_BYTES = 16
MAX_RECORD_BYTES = 64 * 1024 * 1024
"""Sixteen times the longest fragment the recorder makes: a longer length is not ours and is not read."""
_HEADER = struct.Struct(">8sHHI16sQQ16s")
HEADER_BYTES = _HEADER.size
LENGTH = struct.Struct(">I")
NONCE = struct.Struct(">QI")
_AAD_TAIL = struct.Struct(">BI")
_INFO = b"custodian segment v1"

SegmentKey = NewType("SegmentKey", bytes)
"""The AES-256 key of one segment file: `derive_key`. Not the camera-hour key, which opens every segment of its hour."""


class HourKeys(Protocol):
    """Where camera-hour keys come from: the key store."""

    def hour_key(self, camera: CameraId, hour: int, /) -> bytes | None:
        """Return the key of `camera` for the hour that began `hour` hours after the epoch; None when it is gone."""
        ...

    def survivor_key(self, camera: CameraId, hour: int, segment: SegmentId, /) -> bytes | None:
        """Return the key of one segment that outlives that of its hour; None when it doesn't."""
        ...


class HasFileno(Protocol):
    def fileno(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Header:
    """The clear beginning of a segment file. Only the chunks' tags prove what it says."""

    segment: SegmentId
    camera: CameraId
    hour: int
    """Hours since the epoch: with the camera, the name of the key."""
    salt: bytes
    octets: bytes
    """As it stands in the file."""


def pack_header(segment: SegmentId, camera: CameraId, salt: bytes) -> bytes:
    """Return the header of a new segment file; its key is that of the hour in which the segment starts."""
    hour = split_segment_id(segment)[1] // MS_PER_HOUR
    return _HEADER.pack(MAGIC, VERSION, HEADER_BYTES, 0, bytes.fromhex(segment), camera, hour, salt)


def derive_key(camera_hour_key: bytes, salt: bytes, segment: SegmentId) -> SegmentKey:
    """Return the key of one segment file: HKDF-SHA256 over the camera-hour key."""
    return SegmentKey(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_INFO + bytes.fromhex(segment)).derive(camera_hour_key))


def record_size(plaintext_bytes: int) -> int:
    """Return how many bytes of the file a record of so much plaintext takes."""
    return LENGTH.size + plaintext_bytes + TAG_BYTES * chunk_count(plaintext_bytes)


def file_offset(fragments: Sequence[FragmentEntry], number: int) -> int:
    """Return where record `number` begins in the file; for the count of records, where the file ends."""
    return HEADER_BYTES + sum([record_size(entry.size) for entry in fragments[:number]])


def encrypted_size(fragments: Sequence[FragmentEntry]) -> int:
    """Return the size of a file that holds exactly these records."""
    return file_offset(fragments, len(fragments))


def read_header(file: int | HasFileno) -> Header:
    """Read and check the clear header; Corrupt when it is not one of ours."""
    octets = os.pread(descriptor(file), HEADER_BYTES, 0)
    if len(octets) < HEADER_BYTES:
        raise Corrupt(f"The file has {len(octets)} bytes: too short for a segment's header of {HEADER_BYTES}.")
    magic, version, header_bytes, reserved, segment, camera, hour, salt = _HEADER.unpack(octets)
    if (magic, version, header_bytes, reserved) != (MAGIC, VERSION, HEADER_BYTES, 0):
        raise Corrupt(f"The file does not begin as a segment file of version {VERSION}.")
    header = Header(SegmentId(segment.hex()), CameraId(camera), hour, salt, octets)
    if split_segment_id(header.segment)[1] // MS_PER_HOUR != hour:
        raise Corrupt(f"The header of segment {header.segment} names the key of another hour.")
    return header


def segment_key(header: Header, keys: HourKeys) -> SegmentKey:
    """Return the key of the segment with this header; NotFound when neither its camera-hour key is there nor one of its own."""
    hour_key = keys.hour_key(header.camera, header.hour)
    if hour_key is not None:
        return derive_key(hour_key, header.salt, header.segment)
    survivor = keys.survivor_key(header.camera, header.hour, header.segment)  # asked last: it comes when the hour's key goes
    if survivor is None:
        raise NotFound(f"Segment {header.segment} can't be decrypted: the key of its hour was destroyed or never stored here.")
    return SegmentKey(survivor)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one record stands: in the plaintext and in the file."""

    number: int
    start: int
    length: int
    file_at: int

    @property
    def end(self) -> int:
        return self.start + self.length


def places_of(sizes: Iterable[int]) -> list[Place]:
    places: list[Place] = []
    start, file_at = 0, HEADER_BYTES
    for number, size in enumerate(sizes):
        places.append(Place(number, start, size, file_at))
        start += size
        file_at += record_size(size)
    return places


def walk(fd: int) -> Iterator[Place]:
    """Follow the clear record lengths to the file's end; Corrupt where one can't be or reaches beyond it.

    The lengths are only claims until the chunks' tags confirm them.
    """
    file_bytes = os.fstat(fd).st_size
    number, start, file_at = 0, 0, HEADER_BYTES
    while file_at < file_bytes:
        length = LENGTH.unpack(pread(fd, LENGTH.size, file_at))[0]
        if not 1 <= length <= MAX_RECORD_BYTES:
            raise Corrupt(f"Record {number} claims a length of {length} bytes.")
        if file_at + record_size(length) > file_bytes:
            raise Corrupt(f"The file ends within record {number}.")
        yield Place(number, start, length, file_at)
        number, start, file_at = number + 1, start + length, file_at + record_size(length)


def whole_places(fd: int) -> list[Place]:
    """Return the whole records of a file whose end may be torn."""
    places: list[Place] = []
    with suppress(Corrupt):
        places.extend(walk(fd))
    return places


def sealed_chunks(place: Place) -> Iterator[tuple[int, int, int]]:
    """Yield number, file offset and size with tag of each chunk of a record."""
    at = place.file_at + LENGTH.size
    for number in range(chunk_count(place.length)):
        size = min(CHUNK_BYTES, place.length - number * CHUNK_BYTES) + TAG_BYTES
        yield number, at, size
        at += size


def chunk_count(plaintext_bytes: int) -> int:
    return -(-plaintext_bytes // CHUNK_BYTES)


def aad_of(segment: bytes, last: int, length: int) -> bytes:
    """Return what a chunk is bound to: its segment, whether it ends its record, and the record's length."""
    return segment + _AAD_TAIL.pack(last, length)


def pread(fd: int, size: int, at: int) -> bytes:
    """Return exactly `size` bytes; Corrupt when the file ends before."""
    octets = os.pread(fd, size, at)
    while len(octets) < size:
        more = os.pread(fd, size - len(octets), at + len(octets))
        if not more:
            raise Corrupt(f"The file ends at {at + len(octets)} where {at + size} bytes were expected.")
        octets += more
    return octets


def pread_into(fd: int, room: memoryview, at: int) -> None:
    """Fill `room`; Corrupt when the file ends before."""
    done = os.preadv(fd, [room], at)
    while done < len(room):
        more = os.preadv(fd, [room[done:]], at + done)
        if not more:
            raise Corrupt(f"The file ends at {at + done} where {at + len(room)} bytes were expected.")
        done += more


def descriptor(file: int | HasFileno) -> int:
    return file if isinstance(file, int) else file.fileno()
