"""What a camera costs whose pictures are re-encoded: processor time and memory of its child and of the worker, one camera at a time.

Beside each picture size stands the same in H.264, which is copied. Takes half a minute a row, and some to draw the clips.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from recorder.demo.encode import Profile
from tests.bench.process_tree import cpu_ns, pss_bytes
from tests.bench.report import Row, publish
from tests.processes import children_of
from tests.recorder.site import Cameras, a_site, stream_of

WINDOW_SECONDS = 20.0
SIZES = ((640, 480, 10), (1280, 720, 15))
CODECS = ("jpeg", "mpeg4", "h264")


def main() -> int:
    return publish("fallback", [row(profile) for profile in profiles()])


def profiles() -> list[Profile]:
    return [Profile(width, height, fps, gop_seconds=2, codec=codec) for width, height, fps in SIZES for codec in CODECS]  # type: ignore[arg-type]


def row(profile: Profile) -> Row:
    cameras = Cameras(1, profiles={"main": profile})
    try:
        with tempfile.TemporaryDirectory() as folder, a_site(Path(folder) / "data", segment_seconds=10) as site:
            camera = site.add_camera("Camera", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0]))
            site.start()
            site.wait_for_segments(stream_of(camera), 1)
            (worker,) = site.children("recorder.worker")
            children = children_of(worker, "recorder.fallback.process")
            before = cpu_ns(children), cpu_ns([worker])
            time.sleep(WINDOW_SECONDS)
            child, worker_ns = cpu_ns(children) - before[0], cpu_ns([worker]) - before[1]
            pictures = int(str(site.states()[stream_of(camera)]["pictures"]))
            return {
                "what": f"{profile.codec} {profile.width}x{profile.height}, {profile.fps} a second",
                "child_cpu_ms_per_camera_s": child / WINDOW_SECONDS / 1e6,
                "worker_cpu_ms_per_s": worker_ns / WINDOW_SECONDS / 1e6,
                "child_pss_mb": pss_bytes(children) / 1e6,
                "worker_pss_mb": pss_bytes([worker]) / 1e6,
                "pictures": pictures,
            }
    finally:
        cameras.close()


if __name__ == "__main__":
    sys.exit(main())
