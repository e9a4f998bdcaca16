"""What encrypting and hashing a segment costs: MB per CPU-second of a record, of its parts, and of the floors in the same run.

Floors: a copy of the same bytes (memcpy), and bare SHA-256, without which no digest is had. Turns alternate, so that a machine
that is busy meanwhile is busy for all.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.utils import Buffer

from tests.bench.report import Row, percentile, publish
from vms.domain.ids import CameraId, StreamId, segment_id
from vms.media.fmp4 import Samples, whole_fragment
from vms.media.segment_file import ChunkCipher, SegmentEncoder
from vms.media.segment_layout import CHUNK_BYTES, TAG_BYTES

RECORD_BYTES = 1_000_000
SAMPLES = 50
TURNS = 9
TURN_SECONDS = 0.3
SEGMENT = segment_id(StreamId(1), 1_767_225_600_000)
CAMERA = CameraId(2)
CAMERAS, CAMERA_BYTES_A_SECOND = 150, 500_000
"""A large branch: cameras of 4 Mbit/s."""


class Copies:
    """A cipher that only copies: what is left of a record's cost is joining, `media_sha256` and the tags."""

    def __init__(self, _key: bytes) -> None:
        pass

    def encrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int:
        del nonce, associated_data
        clear, sealed = memoryview(data), memoryview(buf)
        sealed[: len(clear)] = clear
        return len(sealed)


def main() -> int:
    payload = os.urandom(RECORD_BYTES)
    step = RECORD_BYTES // SAMPLES
    samples = [memoryview(payload)[at : at + step] for at in range(0, RECORD_BYTES, step)]
    ours, copying = _encoder(AESGCM), _encoder(Copies)
    works: dict[str, Callable[[], object]] = {
        "ours: encode_record": lambda: ours.encode_record(b"head", samples),
        "ours with a null cipher": lambda: copying.encode_record(b"head", samples),
        "part: AES-256-GCM in chunks": _sealing(payload),
        "floor: SHA-256": lambda: hashlib.sha256(payload).digest(),
        "floor: memcpy": lambda: bytearray(payload),
    }
    turns = [{what: _seconds(work) for what, work in works.items()} for _turn in range(TURNS)]
    cost = {what: percentile([turn[what] for turn in turns], 0.5) for what in works}
    rows = [_row(what, seconds, cost) for what, seconds in cost.items()]
    return publish("segment", [*rows, _fragment_row(payload)])


def _encoder(cipher: Callable[[bytes], ChunkCipher]) -> SegmentEncoder:
    return SegmentEncoder(SEGMENT, CAMERA, bytes(32), bytes(16), cipher=cipher)


def _sealing(payload: bytes) -> Callable[[], None]:
    """Return work that encrypts the record's bytes chunk by chunk, as the encoder does, and no more."""
    cipher, room, clear = AESGCM(bytes(32)), bytearray(CHUNK_BYTES + TAG_BYTES), memoryview(payload)
    numbers = iter(range(1 << 62))

    def seal() -> None:
        for at in range(0, RECORD_BYTES, CHUNK_BYTES):
            chunk = clear[at : at + CHUNK_BYTES]
            cipher.encrypt_into(next(numbers).to_bytes(12), chunk, b"", memoryview(room)[: len(chunk) + TAG_BYTES])

    return seal


def _seconds(work: Callable[[], object]) -> float:
    """Return the CPU time that `work` takes once, over a turn."""
    begun, times = time.process_time(), 0
    while (spent := time.process_time() - begun) < TURN_SECONDS:
        work()
        times += 1
    return spent / times


def _row(what: str, seconds: float, cost: dict[str, float]) -> Row:
    return {
        "what": what,
        "n": TURNS,
        "mb_per_cpu_s": RECORD_BYTES / 1e6 / seconds,
        "percent_of_a_core_150_cameras": CAMERAS * CAMERA_BYTES_A_SECOND * seconds / RECORD_BYTES * 100,
        "ratio_to_sha256": seconds / cost["floor: SHA-256"],
        "ratio_to_memcpy": seconds / cost["floor: memcpy"],
    }


def _fragment_row(payload: bytes) -> Row:
    samples = Samples()
    samples.append(payload[:20_000], 3600, keyframe=False)
    seconds = percentile([_seconds(lambda: whole_fragment(1, 0, samples)) for _turn in range(TURNS)], 0.5)
    copied = percentile([_seconds(lambda: bytearray(samples.payloads[0])) for _turn in range(TURNS)], 0.5)
    return {"what": "a fragment of one picture of 20 kB", "n": TURNS, "us": seconds * 1e6, "ratio_to_memcpy": seconds / copied}


if __name__ == "__main__":
    sys.exit(main())
