"""The ingest benchmark's PyAV variant: `python -m tests.bench.pyav_threads PORT CAMERAS DIRECTORY`, a thread a camera."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import av

SEGMENT_SECONDS = "10"


def record(url: str, target: Path) -> None:
    """Copy one camera's packets into MP4 segments until the process ends."""
    options = {"rtsp_transport": "tcp", "use_wallclock_as_timestamps": "1", "fflags": "+genpts"}
    segments = {"segment_time": SEGMENT_SECONDS, "segment_format": "mp4", "reset_timestamps": "1"}
    with av.open(url, format="rtsp", options=options) as camera, av.open(str(target), "w", format="segment", options=segments) as output:
        stream = output.add_stream_from_template(camera.streams.video[0])
        for packet in camera.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)


def main(port: int, cameras: int, directory: Path) -> None:
    threads = [
        threading.Thread(target=record, args=(f"rtsp://127.0.0.1:{port}/cam/{number}", directory / f"{number}-%05d.mp4"))
        for number in range(cameras)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
