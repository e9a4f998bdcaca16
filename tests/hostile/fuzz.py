"""Fuzzes one parser with atheris, guided by which lines its input reaches: `python -m tests.hostile.fuzz NAME [libFuzzer options]`.

Without options it goes on until it finds something or is stopped. The first input that raises what is not declared, takes
longer than a second or more than a gigabyte is written to `crash-…` in the working directory.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

LIMITS = ("-timeout=1", "-rss_limit_mb=1024", "-max_len=65536")


def main(name: str, options: list[str]) -> None:
    atheris = importlib.import_module("atheris")  # no type of it is known, and not every machine has it
    with atheris.instrument_imports(include=["recorder", "vms"]):
        parsers = importlib.import_module("tests.hostile.parsers")
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *LIMITS, *options, corpus], parsers.PARSERS[name])
        atheris.Fuzz()


def seeds(name: str) -> Iterator[bytes]:
    """Yield good input, so that the fuzzer need not find out what RTP or a box is."""
    from tests.recorder.rtp import old_pictures  # noqa: PLC0415 - after the parsers were instrumented
    from tests.recorder.rtp.packets import Sender, clip  # noqa: PLC0415
    from tests.recorder.rtsp.scripted_camera import SDP  # noqa: PLC0415
    from tests.vms.media.segment_samples import made_segment  # noqa: PLC0415

    codec, segment = ("h265" if name.endswith("h265") else "h264"), made_segment()
    units = clip("h265" if codec == "h265" else "h264")[:6]
    old: old_pictures.OldCodec | None = "jpeg" if name.endswith("jpeg") else "mpeg4" if name.endswith("mpeg4") else None
    sets = [nal for nal in units[0] if len(nal) < 200]
    match name.partition("_")[0]:
        case "rtp" if old is not None:
            yield b"".join(old_pictures.interleaved(old, old_pictures.coded(old)[:3]))
        case "payloads" if old is not None:
            lists = old_pictures.payload_lists(old, old_pictures.coded(old)[:3])
            yield from (b"".join(bytes([len(part[:200]) - 1, 1]) + part[:200] for part in parts) for parts in lists)
        case "rtp":
            sender = Sender("h265" if codec == "h265" else "h264")
            yield b"".join(packet for unit in units for packet in sender.unit(unit))
        case "payloads":
            yield from (b"".join(bytes([len(nal[:200]), 1]) + nal[:201] for nal in unit) for unit in units)
        case "sps":
            yield from sets
        case "boxes":
            yield from segment.records
        case "segment":
            yield segment.file
        case _:
            yield f"RTSP/1.0 401 No\r\nCSeq: 1\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
            yield SDP.encode()
            yield b'Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256, stale=true, opaque="c", Basic realm="d"'


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
