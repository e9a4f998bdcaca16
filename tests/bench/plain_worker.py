"""The capture worker without cipher and digests, so that the benchmark can tell what they cost: plain fMP4 by one write."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from recorder.worker import main
from vms.domain.ids import CameraId, SegmentId
from vms.media.segment_file import Scratch


class PlainEncoder:
    """A `RecordEncoder` that gathers each record and hands it on as it is.

    Gathered, because the kernel copies pieces that lie cold in memory at a third of the speed that Python joins them.
    """

    header = b""

    def __init__(self, segment: SegmentId, camera: CameraId, camera_hour_key: bytes, salt: bytes, *, scratch: Scratch) -> None:
        del segment, camera, camera_hour_key, salt, scratch

    def encode_record(self, head: bytes, samples: Sequence[bytes | memoryview]) -> list[bytes]:
        return [b"".join((head, *samples))]

    def media_sha256(self) -> bytes:
        return bytes(32)

    def file_digest(self) -> bytes:
        return bytes(32)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], encoder=PlainEncoder))
