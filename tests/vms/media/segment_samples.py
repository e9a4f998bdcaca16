"""Segment files for tests: made by our encoder, and by a second one written straight from vms/FORMATS.md."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vms.media.pictures import FRAME_TICKS, Clip, clip, samples_of
from vms.domain.footage import FragmentEntry
from vms.domain.ids import CameraId, SegmentId, StreamId, segment_id
from vms.domain.timespan import TICKS_PER_MS
from vms.media.fmp4 import fragment_head, init_segment
from vms.media.segment_file import SegmentEncoder

START_TICKS = 1_767_225_600_050 * TICKS_PER_MS
STREAM = StreamId(0x123456789)
CAMERA = CameraId(0x987654321)
SEGMENT = segment_id(STREAM, START_TICKS // TICKS_PER_MS)
HOUR = START_TICKS // TICKS_PER_MS // 3_600_000
HOUR_KEY = bytes(range(32))
SALT = bytes(range(100, 116))


class Keys:
    """A key store of one key: an hour's, or that of a segment which outlives it."""

    def __init__(self, key: bytes | None = HOUR_KEY, *, survivor: bytes | None = None) -> None:
        self._key = key
        self._survivor = survivor

    def hour_key(self, camera: CameraId, hour: int, /) -> bytes | None:
        return self._key if (camera, hour) == (CAMERA, HOUR) else None

    def survivor_key(self, camera: CameraId, hour: int, segment: SegmentId, /) -> bytes | None:
        return self._survivor if (camera, hour, segment) == (CAMERA, HOUR, SEGMENT) else None


@dataclass(frozen=True, slots=True)
class Made:
    """A segment as the recorder would leave it."""

    records: tuple[bytes, ...]
    """Plaintext."""
    sealed: tuple[bytes, ...]
    """As they stand in the file after `header`."""
    header: bytes
    fragments: tuple[FragmentEntry, ...]
    media_sha256: bytes
    file_digest: bytes

    @property
    def plaintext(self) -> bytes:
        return b"".join(self.records)

    @property
    def file(self) -> bytes:
        return self.header + b"".join(self.sealed)


def encoder(segment: SegmentId = SEGMENT, *, salt: bytes = SALT, hour_key: bytes = HOUR_KEY) -> SegmentEncoder:
    return SegmentEncoder(segment, CAMERA, hour_key, salt)


def made_segment(
    made: Clip | None = None,
    *,
    borders: Sequence[int] = (0, 5, 6, 12),
    salt: bytes = SALT,
    start_ticks: int = START_TICKS,
    hour_key: bytes = HOUR_KEY,
    stream: StreamId = STREAM,
) -> Made:
    """Encode the samples of a clip, a fragment between each two `borders`."""
    source = made or clip()
    segment = segment_id(stream, start_ticks // TICKS_PER_MS)
    sealing = encoder(segment, salt=salt, hour_key=hour_key)
    init = init_segment(source.sets)
    records, sealed = [init], [joined(sealing.encode_record(init, ()))]
    fragments = [FragmentEntry(len(init), 0, starts_with_keyframe=False, keyframe_size=0)]
    for number, (first, end) in enumerate(pairwise(borders)):
        samples = source.samples[first:end]
        head = fragment_head(number + 1, start_ticks + first * FRAME_TICKS, samples_of(samples))
        payloads = [bytes(sample.payload) for sample in samples]
        records.append(head + b"".join(payloads))
        sealed.append(joined(sealing.encode_record(head, payloads)))
        key = samples[0].keyframe
        fragments.append(FragmentEntry(len(records[-1]), len(samples) * FRAME_TICKS, key, len(head) + len(payloads[0]) if key else 0))
    return Made(tuple(records), tuple(sealed), sealing.header, tuple(fragments), sealing.media_sha256(), sealing.file_digest())


def joined(buffers: Sequence[bytes | memoryview]) -> bytes:
    return b"".join(bytes(buffer) for buffer in buffers)


def sealed_by_the_book(records: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the file of these plaintext records and its digest, by the words of vms/FORMATS.md §1 alone."""
    segment = bytes.fromhex(SEGMENT)
    header = b"CUSTSEG1" + (1).to_bytes(2) + (64).to_bytes(2) + bytes(4) + segment + CAMERA.to_bytes(8) + HOUR.to_bytes(8) + SALT
    cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=SALT, info=b"custodian segment v1" + segment).derive(HOUR_KEY))
    content, tags = header, b""
    for number, record in enumerate(records):
        content += len(record).to_bytes(4)
        chunks = [record[at : at + 65_536] for at in range(0, len(record), 65_536)]
        for place, chunk in enumerate(chunks):
            last = bytes([place == len(chunks) - 1])
            sealed = cipher.encrypt(number.to_bytes(8) + place.to_bytes(4), chunk, segment + last + len(record).to_bytes(4))
            content += sealed
            tags += sealed[-16:]
    return content, hashlib.sha256(header + tags).digest()
