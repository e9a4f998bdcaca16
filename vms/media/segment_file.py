"""The segment file `.cseg`: fMP4 records, encrypted chunk by chunk under a key of its own. Layout: vms/FORMATS.md §1.

A chunk is written once: the same key and nonce never meet two plaintexts. Offsets in the index, in playlists and in the API
count the concatenated plaintext records. Everything read back is authenticated; what does not fit is `Corrupt`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.utils import Buffer

from vms.domain.footage import FragmentEntry, pack_fragments, unpack_fragments
from vms.domain.ids import CameraId, SegmentId, split_segment_id
from vms.domain.timespan import TICKS_PER_MS
from vms.errors import Corrupt
from vms.media.boxes import read_fragment
from vms.media.fmp4 import ParameterSets, read_init_segment
from vms.media.segment_layout import (
    CHUNK_BYTES,
    HEADER_BYTES,
    LENGTH,
    MAX_RECORD_BYTES,
    NONCE,
    TAG_BYTES,
    HasFileno,
    Header,
    HourKeys,
    Place,
    SegmentKey,
    aad_of,
    chunk_count,
    derive_key,
    descriptor,
    encrypted_size,
    file_offset,
    pack_header,
    places_of,
    pread,
    pread_into,
    read_header,
    record_size,
    sealed_chunks,
    segment_key,
    walk,
    whole_places,
)

__all__ = [
    "CHUNK_BYTES",
    "HEADER_BYTES",
    "Header",
    "HourKeys",
    "MakeEncoder",
    "RecordEncoder",
    "Scan",
    "Scratch",
    "SegmentEncoder",
    "SegmentKey",
    "SegmentReader",
    "derive_key",
    "digest_file",
    "encrypted_size",
    "file_offset",
    "pack_fragments",
    "read_header",
    "scan",
    "segment_key",
    "unpack_fragments",
]

_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_READ_BYTES = 2 * _SEALED_CHUNK_BYTES
"""Of a record that is read whole, so much at a time: it is decrypted while the processor's cache has it."""


class ChunkCipher(Protocol):
    """What encrypts a chunk: `AESGCM`. A benchmark hands in one that only copies."""

    def encrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int: ...


class ChunkOpener(Protocol):
    """What decrypts a chunk: `AESGCM`, likewise."""

    def decrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int: ...


class Scratch:
    """Memory of one writing thread: every encoder that shares it encrypts into the same place, one record at a time."""

    def __init__(self) -> None:
        self._sealed = bytearray()

    def take(self, size_bytes: int) -> memoryview:
        """Return room for one encrypted record; what was taken before may be overwritten."""
        if size_bytes > len(self._sealed):
            self._sealed = bytearray(-(-size_bytes // CHUNK_BYTES) * CHUNK_BYTES)
        return memoryview(self._sealed)[:size_bytes]


class RecordEncoder(Protocol):
    """What turns one segment's records into bytes of its file: `SegmentEncoder`, for all that is ever recorded.

    A benchmark hands the writer one that leaves cipher and digests out, to show what they cost; no setting can.
    """

    @property
    def header(self) -> bytes: ...

    def encode_record(self, head: bytes, samples: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]: ...

    def media_sha256(self) -> bytes: ...

    def file_digest(self) -> bytes: ...


class MakeEncoder(Protocol):
    """Makes the encoder of one segment, with the parameters of `SegmentEncoder`."""

    def __call__(self, segment: SegmentId, camera: CameraId, camera_hour_key: bytes, salt: bytes, *, scratch: Scratch) -> RecordEncoder: ...


class SegmentEncoder:
    """Encrypts one segment's records in order and keeps both digests. One thread; each record is encoded once and never again.

    `scratch` is shared by the encoders of a thread so that its memory is that of one record, not of one per segment.
    """

    def __init__(
        self,
        segment: SegmentId,
        camera: CameraId,
        camera_hour_key: bytes,
        salt: bytes,
        *,
        scratch: Scratch | None = None,
        cipher: Callable[[bytes], ChunkCipher] = AESGCM,
    ) -> None:
        self._segment = bytes.fromhex(segment)
        self.header = pack_header(segment, camera, salt)
        self._scratch = scratch or Scratch()
        self._cipher = cipher(derive_key(camera_hour_key, salt, segment))
        self._record = 0
        self._media = hashlib.sha256()
        self._file = hashlib.sha256(self.header)

    def encode_record(self, head: bytes, samples: Sequence[bytes | memoryview]) -> list[memoryview]:
        """Return the next record, ready for writev: `head` (an init segment, or moof and the header of mdat), then `samples`.

        The memory is the scratch's: write it before the next record of any encoder that shares it. ValueError when the record
        would be empty or longer than `MAX_RECORD_BYTES`.
        """
        # One join and slices of it: measured 5 % cheaper than gathering chunk by chunk.
        clear = memoryview(b"".join((head, *samples)))
        if not 1 <= len(clear) <= MAX_RECORD_BYTES:
            raise ValueError(f"a record of {len(clear)} bytes; it has 1 to {MAX_RECORD_BYTES}")
        self._media.update(clear[len(head) :])
        sealed = self._scratch.take(record_size(len(clear)))
        LENGTH.pack_into(sealed, 0, len(clear))
        self._seal_chunks(clear, sealed[LENGTH.size :])
        self._record += 1
        return [sealed]

    def media_sha256(self) -> bytes:
        """Return SHA-256 over the payloads of all samples so far, in order."""
        return self._media.digest()

    def file_digest(self) -> bytes:
        """Return SHA-256 over the header and every chunk's tag so far, in order."""
        return self._file.digest()

    def _seal_chunks(self, clear: memoryview, sealed: memoryview) -> None:
        inner, last = aad_of(self._segment, 0, len(clear)), aad_of(self._segment, 1, len(clear))
        at = 0
        for number in range(chunk_count(len(clear))):
            chunk = clear[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
            end = at + len(chunk) + TAG_BYTES
            self._cipher.encrypt_into(NONCE.pack(self._record, number), chunk, last if end == len(sealed) else inner, sealed[at:end])
            self._file.update(sealed[end - TAG_BYTES : end])
            at = end


class SegmentReader:
    """Reads ranges of a segment's plaintext, by `os.pread` and only the chunks that a range touches.

    Works on a published file and on a `.part` that grows: `fragments` is what the writer has finished so far. Without it the
    record lengths in the file are followed, as far as whole records reach. Bounds: memory for the range asked for. Threads may
    share a reader.
    """

    def __init__(
        self,
        file: int | HasFileno,
        key: SegmentKey | HourKeys,
        fragments: Sequence[FragmentEntry] | None = None,
        *,
        segment: SegmentId | None = None,
    ) -> None:
        """`segment`: the id that the file should carry. Raises Corrupt when it carries another or is none of ours."""
        self._fd = descriptor(file)
        self._vault = _Vault(self._fd, key, segment)
        self._places = whole_places(self._fd) if fragments is None else places_of(entry.size for entry in fragments)

    @property
    def header(self) -> Header:
        return self._vault.header

    @property
    def size(self) -> int:
        """Plaintext bytes of all records."""
        return self._places[-1].end if self._places else 0

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` plaintext bytes from `offset`, fewer at the end; Corrupt when a touched chunk is not what was written."""
        if offset < 0 or length < 0:
            raise ValueError(f"a range of {length} bytes from {offset}")
        end = min(offset + length, self.size)
        return b"".join([self._piece(place, offset, end) for place in self._places if place.start < end and place.end > offset])

    def record(self, number: int) -> memoryview:
        """Return the plaintext of record `number`, in memory that the next call uses again: for one thread that reads much.

        Corrupt when a chunk of it is not what was written.
        """
        return self._vault.open_record(self._places[number])

    def records(self) -> Iterator[bytes]:
        """Yield each record's plaintext: the init segment, then the fragments."""
        for place in self._places:
            yield self._piece(place, place.start, place.end)

    def _piece(self, place: Place, start: int, end: int) -> bytes:
        """Return what [start, end) takes from one record."""
        start, end = max(start, place.start) - place.start, min(end, place.end) - place.start
        first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        clear = self._vault.open_chunks(place, first, last)
        return bytes(clear[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES])


class _Vault:
    """One file's header and key: opens chunks."""

    def __init__(self, fd: int, key: SegmentKey | HourKeys, segment: SegmentId | None) -> None:
        self._fd = fd
        self.header = read_header(fd)
        if segment is not None and segment != self.header.segment:
            raise Corrupt(f"The file of segment {segment} holds segment {self.header.segment}.")
        self._segment = bytes.fromhex(self.header.segment)
        self._cipher: ChunkOpener = AESGCM(key if isinstance(key, bytes) else segment_key(self.header, key))
        self._sealed, self._clear = bytearray(_READ_BYTES), bytearray()

    def open_record(self, place: Place) -> memoryview:
        """Return the plaintext of a whole record, valid until the next call. Memory that is used again costs no page faults."""
        if place.length > len(self._clear):
            self._clear = bytearray(place.length)
        room, clear = memoryview(self._sealed), memoryview(self._clear)[: place.length]
        self._compare_length(place, pread(self._fd, LENGTH.size, place.file_at))
        inner, last = aad_of(self._segment, 0, place.length), aad_of(self._segment, 1, place.length)
        open_into, nonce, number, end = self._cipher.decrypt_into, NONCE.pack, 0, chunk_count(place.length) - 1
        at, file_end = place.file_at + LENGTH.size, place.file_at + record_size(place.length)
        try:
            while at < file_end:
                sealed = room[: file_end - at]
                pread_into(self._fd, sealed, at)
                at += len(sealed)
                for begin in range(0, len(sealed), _SEALED_CHUNK_BYTES):
                    to = number * CHUNK_BYTES
                    chunk = sealed[begin : begin + _SEALED_CHUNK_BYTES]
                    open_into(nonce(place.number, number), chunk, last if number == end else inner, clear[to : to + CHUNK_BYTES])
                    number += 1
        except InvalidTag as err:
            raise self._changed(place, number) from err
        return clear

    def open_chunks(self, place: Place, first: int, last: int) -> memoryview:
        """Return the plaintext of the chunks `first` to `last` of one record."""
        self._compare_length(place, pread(self._fd, LENGTH.size, place.file_at))
        sealed_at = place.file_at + LENGTH.size + first * (CHUNK_BYTES + TAG_BYTES)
        clear_bytes = min((last + 1) * CHUNK_BYTES, place.length) - first * CHUNK_BYTES
        sealed = memoryview(pread(self._fd, clear_bytes + (last + 1 - first) * TAG_BYTES, sealed_at))
        clear = memoryview(bytearray(clear_bytes))
        for number in range(first, last + 1):
            skip = number - first
            chunk = sealed[skip * (CHUNK_BYTES + TAG_BYTES) : (skip + 1) * (CHUNK_BYTES + TAG_BYTES)]
            self.open_into(place, number, chunk, clear[skip * CHUNK_BYTES : (skip + 1) * CHUNK_BYTES])
        return clear

    def open_into(self, place: Place, number: int, sealed: memoryview, clear: memoryview) -> None:
        """Decrypt one chunk with its tag into `clear`, which has exactly its size."""
        last = number == chunk_count(place.length) - 1
        try:
            self._cipher.decrypt_into(NONCE.pack(place.number, number), sealed, aad_of(self._segment, last, place.length), clear)
        except InvalidTag as err:
            raise self._changed(place, number) from err

    def _changed(self, place: Place, number: int) -> Corrupt:
        return Corrupt(f"Chunk {number} of record {place.number} of segment {self.header.segment} is not what was written.")

    def _compare_length(self, place: Place, beginning: bytes | memoryview) -> None:
        if LENGTH.unpack_from(beginning)[0] != place.length:
            raise Corrupt(f"Record {place.number} of segment {self.header.segment} has another length than the index says.")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file proves by itself: everything up to the first record that is torn, damaged or not of our making."""

    header: Header
    fragments: tuple[FragmentEntry, ...]
    """Entry 0 is the init segment; nothing after it means that the file holds no picture."""
    valid_bytes: int
    """Where the last good record ends: cut here to salvage."""
    file_digest: bytes
    media_sha256: bytes
    start_ticks: int
    """0 when the file holds no picture."""
    duration: int
    codec: str
    width: int
    height: int
    stopped: str | None
    """Why the scan ended before the file did; None when every byte was good."""


def scan(file: int | HasFileno, key: SegmentKey | HourKeys, *, segment: SegmentId | None = None) -> Scan:
    """Walk a file record by record, authenticate everything and stop at the first record that does not fit.

    For salvage, adoption and `check --deep`. Raises Corrupt when not even header and init segment are good. Bounds: memory for
    one record (64 MiB), of which only authenticated chunks are kept; time in proportion to the file.
    """
    fd = descriptor(file)
    vault = _Vault(fd, key, segment)
    found = _Found(vault.header)
    stopped = found.take_all(fd, vault)
    if found.sets is None:
        raise Corrupt(f"Segment {vault.header.segment} has no readable beginning. {stopped or 'The file ends after its header.'}")
    return Scan(
        header=vault.header,
        fragments=tuple(found.fragments),
        valid_bytes=encrypted_size(found.fragments),
        file_digest=found.file_hash.digest(),
        media_sha256=found.media_hash.digest(),
        start_ticks=found.start_ticks,
        duration=found.end_ticks - found.start_ticks,
        codec=found.sets.rfc6381,
        width=found.sets.width,
        height=found.sets.height,
        stopped=stopped,
    )


class _Found:
    """What a scan has gathered from good records."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self.file_hash = hashlib.sha256(header.octets)
        self.media_hash = hashlib.sha256()
        self.fragments: list[FragmentEntry] = []
        self.sets: ParameterSets | None = None
        self.start_ticks = 0
        self.end_ticks = 0

    def take_all(self, fd: int, vault: _Vault) -> str | None:
        """Take records until one is not good and say what is wrong with it; None at the end of the file."""
        try:
            for place in walk(fd):
                clear, tags = _open_whole(fd, vault, place)
                if place.number == 0:
                    self._take_init(clear)
                else:
                    self._take_fragment(clear, place.number)
                self.file_hash.update(tags)
        except Corrupt as err:
            return str(err)
        return None

    def _take_init(self, clear: memoryview) -> None:
        self.sets = read_init_segment(clear)
        self.fragments.append(FragmentEntry(len(clear), 0, starts_with_keyframe=False, keyframe_size=0))

    def _take_fragment(self, clear: memoryview, number: int) -> None:
        fragment = read_fragment(clear)
        if number == 1:
            self._begin(fragment.tfdt)
        if fragment.tfdt != self.end_ticks:
            raise Corrupt(f"Record {number} begins at {fragment.tfdt} where the one before ends at {self.end_ticks}.")
        self.end_ticks += fragment.duration
        self.media_hash.update(fragment.payload)
        first = fragment.samples[0]
        keyframe_size = fragment.head_bytes + first.size if first.keyframe else 0
        self.fragments.append(FragmentEntry(len(clear), fragment.duration, first.keyframe, keyframe_size))

    def _begin(self, tfdt: int) -> None:
        if tfdt // TICKS_PER_MS != split_segment_id(self._header.segment)[1]:
            raise Corrupt(f"The first picture of segment {self._header.segment} is not of the time in its name.")
        self.start_ticks = self.end_ticks = tfdt


def _open_whole(fd: int, vault: _Vault, place: Place) -> tuple[memoryview, bytes]:
    """Return a record's plaintext and its tags, read chunk by chunk so that a hostile length is found out at the first."""
    clear = memoryview(bytearray(place.length))
    tags = bytearray()
    for number, at, size in sealed_chunks(place):
        sealed = memoryview(pread(fd, size, at))
        vault.open_into(place, number, sealed, clear[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
        tags += sealed[-TAG_BYTES:]
    return clear, bytes(tags)


def digest_file(file: int | HasFileno) -> bytes:
    """Return the file digest without any key: SHA-256 over header and tags as they stand; Corrupt when the end is torn.

    Reads 20 octets per chunk or less. It proves that the tags are the recorded ones; that the ciphertext fits them, only
    `scan` proves.
    """
    fd = descriptor(file)
    digest = hashlib.sha256(read_header(fd).octets)
    for place in walk(fd):
        for _, at, size in sealed_chunks(place):
            digest.update(pread(fd, TAG_BYTES, at + size - TAG_BYTES))
    return digest.digest()
