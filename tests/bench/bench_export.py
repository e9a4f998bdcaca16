"""What a package of footage costs: assembly in MB per CPU-second beside `ffmpeg -f concat -c copy` and beside the least that reading, AES
and writing cost, the package beside a plain copy, `verify.py` beside bare SHA-256.

300 MB of 1080p at 4 Mbit/s, a GOP of 2 s drawn and encoded once and repeated, in encrypted segments of a minute. Turns alternate.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.utils import Buffer

from tests.bench.bench_segment import Copies
from tests.bench.report import Row, percentile, publish
from tests.factories import a_segment
from tests.vms.media.pictures import FRAME_TICKS, Recipe, encoder_of, sets_of, split_annex_b
from tests.vms.media.segment_samples import CAMERA, HOUR_KEY, STREAM
from tests.vms.services.packaging import a_hub, an_order
from vms.domain.footage import FragmentEntry, Gap, Segment
from vms.domain.ids import StreamId
from vms.domain.package import Part
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS, Timespan, datetime_of
from vms.media.assembly import ReadRecord, assemble
from vms.media.fmp4 import ParameterSets, Samples, fragment_head, init_segment
from vms.media.segment_file import SegmentEncoder, SegmentReader
from vms.media.segment_layout import CHUNK_BYTES, TAG_BYTES
from vms.services.package_papers import FILES
from vms.services.packages import build_package
from vms.store.database import make_engines
from vms.store.migrate import Which, migrate

GOP_FRAMES = 50
GOPS_A_SEGMENT = 30
SEGMENTS = 10
TURNS = 5
START = 1_767_225_600_000 * TICKS_PER_MS
DURING = Timespan(datetime_of(START), datetime_of(START + SEGMENTS * GOPS_A_SEGMENT * GOP_FRAMES * FRAME_TICKS))
DECRYPTED, NULL, FFMPEG = "ours: assembly, decrypted", "ours: assembly, null cipher", "ffmpeg -f concat -c copy"
LIMITS = {DECRYPTED: 5.0, NULL: 10.0}
FLOORS = {DECRYPTED: "floor: read, AES-256-GCM, write", NULL: "floor: read, write"}
"""What no assembly of each kind can come below: the same octets with the same system calls, and none of them looked at."""
WAYS = {DECRYPTED: "sealed", NULL: "null", FLOORS[DECRYPTED]: "sealed-floor", FLOORS[NULL]: "null-floor"}
"""What a child is told, by what it is to do."""
PACKAGE_LIMIT = 4.0
VERIFY_LIMIT = 0.4
MEMORY_LIMIT_MB = 64.0
T = TypeVar("T")


class NullCipher:
    """Copies: what is left of the assembly without AES."""

    def decrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int:
        del nonce, associated_data
        clear = memoryview(buf)
        clear[:] = memoryview(data)[: len(clear)]
        return len(clear)


class Keys:
    def hour_key(self, _camera: int, _hour: int, /) -> bytes | None:
        return HOUR_KEY

    def survivor_key(self, _camera: int, _hour: int, _segment: str, /) -> bytes | None:
        return None


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A `FootageSource` of segment files in a folder."""

    folder: Path
    segments: tuple[Segment, ...]
    null: bool = False

    def recorded(self, stream: StreamId, span: Timespan, *, at: datetime) -> tuple[Sequence[Segment], Sequence[Gap]]:
        del stream, span, at
        return self.segments, ()

    @contextmanager
    def open(self, segment: Segment) -> Iterator[ReadRecord]:
        with (self.folder / f"{segment.id}.{'null' if self.null else 'cseg'}").open("rb") as file:
            reader = SegmentReader(file, Keys(), segment.fragments)
            if self.null:
                reader._vault._cipher = NullCipher()
            yield reader.record


def main() -> int:
    if len(sys.argv) > 1:
        return _child(Path(sys.argv[1]), sys.argv[2])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        source = _made(folder)
        size_bytes = sum((folder / f"{one.id}.cseg").stat().st_size for one in source.segments)
        cpu, memory_mb = _assemblies(folder)
        rows = [_cpu_row(what, size_bytes, cpu) for what in cpu]
        rows.append({"what": "ours: memory of an assembly", "n": 1, "mb": memory_mb, "limit": MEMORY_LIMIT_MB})
        rows[-1]["ratio_to_limit"] = memory_mb / MEMORY_LIMIT_MB
        return publish("export", [*rows, *_package_rows(folder, source, size_bytes)])


def _assemblies(folder: Path) -> tuple[dict[str, float], float]:
    """Return the CPU seconds of each way, medians of turns that alternate, and the most memory that ours came by."""
    turns: dict[str, list[float]] = {what: [] for what in (*WAYS, FFMPEG, "ffmpeg, the moov first", "ffmpeg -version")}
    memory_mb = 0.0
    for _ in range(TURNS):
        for what, how in WAYS.items():
            command = [sys.executable, "-m", "tests.bench.bench_export", str(folder), how]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            turns[what].append(told["cpu"])
            memory_mb = max(memory_mb, told["grown_mb"]) if what in LIMITS else memory_mb
        turns[FFMPEG].append(_ffmpeg(folder))
        turns["ffmpeg, the moov first"].append(_ffmpeg(folder, "-movflags", "+faststart"))
        turns["ffmpeg -version"].append(_children_seconds(["ffmpeg", "-version"]))
    return {what: percentile(seconds, 0.5) for what, seconds in turns.items()}, memory_mb


def _child(folder: Path, how: str) -> int:
    """Do it in a process of its own, and print its CPU time and by how much its memory grew."""
    segments = pickle.loads((folder / "segments.pickle").read_bytes())  # noqa: S301 - this program wrote it
    path, null, floor = folder / ("floor.mp4" if how.endswith("-floor") else "ours.mp4"), how.startswith("null"), how.endswith("-floor")
    path.unlink(missing_ok=True)
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew
    source, before, began = OnDisk(folder, segments, null), _memory_mb("VmRSS"), time.process_time()
    if floor:
        _floor([folder / f"{one.id}.cseg" for one in segments], path, None if null else AESGCM(bytes(32)))
    else:
        _assembled(source, path)
    cpu = time.process_time() - began
    print(json.dumps({"cpu": cpu, "grown_mb": _memory_mb("VmHWM") - before}))
    return 0


def _floor(files: Sequence[Path], path: Path, cipher: AESGCM | None) -> None:
    """Copy `files` into one with memory that is used again and room that is reserved, as an assembly does, and encrypt chunk by chunk."""
    clear, sealed, nonce = memoryview(bytearray(2 * CHUNK_BYTES)), memoryview(bytearray(CHUNK_BYTES + TAG_BYTES)), bytes(12)
    with path.open("xb", buffering=0) as to:
        os.posix_fallocate(to.fileno(), 0, sum(file.stat().st_size for file in files))
        for file in files:
            with file.open("rb", buffering=0) as opened:
                while size := opened.readinto(clear):
                    if cipher is not None:
                        for chunk in (clear[at : min(at + CHUNK_BYTES, size)] for at in range(0, size, CHUNK_BYTES)):
                            cipher.encrypt_into(nonce, chunk, None, sealed[: len(chunk) + TAG_BYTES])
                    to.write(clear[:size])


def _assembled(source: OnDisk, path: Path) -> list[tuple[Path, Part]]:
    return list(assemble(source.segments, DURING, source.open, lambda _: path))


def _memory_mb(what: str) -> float:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1]) / 1024


def _ffmpeg(folder: Path, *options: str) -> float:
    """Return its CPU seconds."""
    (folder / "ffmpeg.mp4").unlink(missing_ok=True)
    output = ["-f", "concat", "-safe", "0", "-i", str(folder / "list.txt"), "-c", "copy", *options, str(folder / "ffmpeg.mp4")]
    return _children_seconds(["ffmpeg", "-v", "error", *output])


def _children_seconds(command: Sequence[str]) -> float:
    """Return the CPU seconds of a command from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _cpu_row(what: str, size_bytes: int, cpu: dict[str, float]) -> Row:
    ratio = cpu[FFMPEG] / cpu[what]
    row: Row = {"what": what, "n": TURNS, "mb_per_cpu_s": size_bytes / 1e6 / cpu[what], "ratio_to_ffmpeg": ratio}
    if what == "ffmpeg -version":
        return {"what": "part: ffmpeg's start, which its figures hold and ours don't", "n": TURNS, "cpu_s": cpu[what]}
    if what in LIMITS:
        row |= {"ratio_to_floor": cpu[FLOORS[what]] / cpu[what], "limit": LIMITS[what], "ratio_to_limit": LIMITS[what] / ratio}
    return row


def _package_rows(folder: Path, source: OnDisk, size_bytes: int) -> list[Row]:
    central = make_engines(folder / "central.db")
    migrate(central, Which.CENTRAL)
    hub, order = a_hub(central), an_order(central)
    order = replace(order, approval=None, cameras=(replace(order.cameras[0], spans=(DURING,)),))
    copies, packages, plain, verified = [], [], [], []
    for turn in range(TURNS):
        copies.append(_seconds(lambda: _copy(folder / "ours.mp4", folder / "copy.mp4")))
        one = replace(order, request=f"turn {turn}")
        built, seconds = _timed(lambda one=one: build_package(one, source, folder, hub=hub, at=DURING.end.replace(year=2027)))  # type: ignore[misc]
        packages.append(seconds)
        (video,) = built.videos
        plain.append(_seconds(lambda path=built.folder / video.path: hashlib.sha256(path.read_bytes()).digest()))  # type: ignore[misc]
        command = [sys.executable, "-I", str(FILES / "verify.py"), str(built.folder), "--key", built.fingerprint]
        verified.append(_seconds(lambda command=command: subprocess.run(command, check=True, capture_output=True)))  # type: ignore[misc]
        shutil.rmtree(built.folder)
    central.dispose()
    copy, package, sha, verify = (percentile(each, 0.5) for each in (copies, packages, plain, verified))
    mb = size_bytes / 1e6
    return [
        {"what": "floor: copy and fsync", "n": TURNS, "seconds": copy, "mb_per_s": mb / copy},
        {
            "what": "ours: package, gate included",
            "n": TURNS,
            "seconds": package,
            "mb_per_s": mb / package,
            "ratio_to_floor": package / copy,
            "limit": PACKAGE_LIMIT,
            "ratio_to_limit": package / copy / PACKAGE_LIMIT,
        },
        {"what": "floor: SHA-256", "n": TURNS, "seconds": sha, "mb_per_s": mb / sha},
        {
            "what": "ours: verify.py",
            "n": TURNS,
            "seconds": verify,
            "mb_per_s": mb / verify,
            "ratio_to_floor": sha / verify,
            "limit": VERIFY_LIMIT,
            "ratio_to_limit": VERIFY_LIMIT * verify / sha,
        },
    ]


def _copy(source: Path, to: Path) -> None:
    shutil.copyfile(source, to)
    with to.open("rb") as file:
        os.fsync(file.fileno())


def _seconds(act: Callable[[], object]) -> float:
    return _timed(act)[1]


def _timed(act: Callable[[], T]) -> tuple[T, float]:
    began = time.monotonic()
    done = act()
    return done, time.monotonic() - began


def _made(folder: Path) -> OnDisk:
    """Write the segments encrypted, and as plain fMP4 for ffmpeg with its list."""
    sets, payloads = _gop()
    segments = tuple(
        _segment(folder, START + number * GOPS_A_SEGMENT * GOP_FRAMES * FRAME_TICKS, sets, payloads) for number in range(SEGMENTS)
    )
    (folder / "list.txt").write_text("".join(f"file '{one.id}.mp4'\n" for one in segments))
    (folder / "segments.pickle").write_bytes(pickle.dumps(segments))
    return OnDisk(folder, segments)


def _segment(folder: Path, at: int, sets: ParameterSets, payloads: Sequence[bytes]) -> Segment:
    row = replace(a_segment(stream=STREAM), start_ticks=at, duration=GOPS_A_SEGMENT * GOP_FRAMES * FRAME_TICKS)
    init, samples = init_segment(sets), Samples()
    for number, payload in enumerate(payloads):
        samples.append(payload, FRAME_TICKS, keyframe=number == 0)
    heads = [fragment_head(gop + 1, at + gop * GOP_FRAMES * FRAME_TICKS, samples) for gop in range(GOPS_A_SEGMENT)]
    (folder / f"{row.id}.mp4").write_bytes(init + b"".join(head + b"".join(payloads) for head in heads))
    encoder = SegmentEncoder(row.id, CAMERA, HOUR_KEY, bytes(16))
    size_bytes = _write(folder / f"{row.id}.cseg", encoder, init, heads, payloads)
    _write(folder / f"{row.id}.null", SegmentEncoder(row.id, CAMERA, HOUR_KEY, bytes(16), cipher=Copies), init, heads, payloads)
    fragments = [FragmentEntry(len(init), 0, starts_with_keyframe=False, keyframe_size=0)]
    size = len(heads[0]) + sum(map(len, payloads))
    fragments += [FragmentEntry(size, GOP_FRAMES * FRAME_TICKS, starts_with_keyframe=True, keyframe_size=len(payloads[0]))] * GOPS_A_SEGMENT
    return replace(row, fragments=tuple(fragments), media_sha256=encoder.media_sha256(), size_bytes=size_bytes)


def _write(path: Path, encoder: SegmentEncoder, init: bytes, heads: Sequence[bytes], payloads: Sequence[bytes]) -> int:
    with path.open("wb") as file:
        file.write(encoder.header)
        file.writelines(encoder.encode_record(init, ()))
        for head in heads:
            file.writelines(encoder.encode_record(head, payloads))
        return file.tell()


def _gop() -> tuple[ParameterSets, list[bytes]]:
    """Encode two seconds of a noisy room at 4 Mbit/s."""
    recipe = Recipe(width=1920, height=1080, frames=GOP_FRAMES, gop=GOP_FRAMES, options="bitrate=4000:vbv-maxrate=4400:vbv-bufsize=4400")
    encoder, random = encoder_of(recipe), np.random.default_rng(20)
    room = np.kron(random.integers(40, 200, (45, 80), np.uint8), np.ones((24, 24), np.uint8)) // 2
    packets = []
    for number in range(GOP_FRAMES):
        luma = (room + random.integers(0, 14, room.shape, np.uint8)).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(np.vstack((luma, np.full((540, 1920), 128, np.uint8))), format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    nals = [[nal for nal in split_annex_b(bytes(packet)) if nal[0] & 0x1F in (1, 5)] for packet in packets]
    return sets_of("h264", bytes(encoder.extradata or b"")), [b"".join(len(nal).to_bytes(4) + nal for nal in each) for each in nals]


assert START // TICKS_PER_MS % MS_PER_HOUR == 0, "all segments are of one hour, under one key"

if __name__ == "__main__":
    sys.exit(main())
