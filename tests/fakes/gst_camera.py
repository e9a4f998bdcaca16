"""Cameras served by a third party's RTSP server, Debian's gst-rtsp-server: clips are encoded once and looped without encoding.

The server is `gst_server.py`, a child process under the system's Python, which has the GObject bindings.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from recorder.demo import timecode

SYSTEM_PYTHON = "/usr/bin/python3"
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-rtsp python3-gi"
)
RAW_WIDTH, RAW_HEIGHT = 320, 192
"""As in the server, which imports nothing of this repository."""
_SERVER = Path(__file__).with_name("gst_server.py")
_START_SECONDS = 15
_PROBE = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0');"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "names = 'rtph264pay rtph265pay h264parse h265parse appsrc rtpjpegpay jpegenc rtpmp4vpay mpeg4videoparse videoconvert'.split();"
    "raise SystemExit(not all(map(Gst.ElementFactory.find, names)))"
)


def missing_parts() -> str | None:
    """Return why these cameras can't run here, or None when they can."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"no {SYSTEM_PYTHON}"
    probe = subprocess.run([SYSTEM_PYTHON, "-W", "ignore", "-c", _PROBE], capture_output=True, check=False, timeout=30)
    return None if probe.returncode == 0 else f"gst-rtsp-server is missing; on Debian: apt-get install {PACKAGES}"


def encode_annexb(
    path: Path, codec: Literal["h264", "h265"], *, frames: int = 50, width: int = 320, height: int = 240, fps: int = 25, gop: int = 25
) -> None:
    """Write a moving pattern as Annex B with access unit delimiters."""
    with av.open(str(path), "w", format="h264" if codec == "h264" else "hevc") as container:
        stream = container.add_stream("libx264" if codec == "h264" else "libx265", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        limits = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:aud=1:repeat-headers=1"
        stream.options = {"preset": "ultrafast", "x264-params": limits, "x265-params": f"{limits}:log-level=none:open-gop=0:pools=1"}
        noise = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, number * 3, axis=1), format="rgb24")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def write_time_codes(path: Path, *, frames: int, fps: int, gop: int = 10) -> None:
    """Write pictures with the time code of a minute that begins with the clip: MPEG-4 by that suffix, else raw ones."""
    with path.open("wb") as file:
        encoder = _mpeg4_encoder(fps, gop) if path.suffix == ".mpeg4" else None
        for number in range(frames):
            grey = np.full((RAW_HEIGHT * 3 // 2, RAW_WIDTH), 128, np.uint8)
            timecode.draw(grey[:RAW_HEIGHT], number * 1000 // fps)
            if encoder is None:
                file.write(grey.tobytes())
            else:
                file.writelines(bytes(packet) for packet in encoder.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))


def _mpeg4_encoder(fps: int, gop: int) -> VideoCodecContext:
    encoder = av.CodecContext.create("mpeg4", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError("mpeg4 is no video encoder")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = RAW_WIDTH, RAW_HEIGHT, "yuv420p", Fraction(1, fps)
    encoder.thread_count = 1
    encoder.options = {"g": str(gop), "bf": "0", "flags": "+qscale", "global_quality": "472"}
    return encoder


class GstCameras:
    """One server process on loopback with a mount /cam0, /cam1, … per clip; use it as a context manager."""

    def __init__(self, clips: Sequence[Path], *, fps: float = 25, username: str = "admin", password: str = "") -> None:
        self.paths = [f"/cam{number}" for number in range(len(clips))]
        self.port = 0
        self._username = username
        self._command = [SYSTEM_PYTHON, "-W", "ignore", str(_SERVER), "--fps", str(fps), "--user", username]
        self._command += ["--password-stdin"] if password else []
        self._command += [str(clip) for clip in clips]
        self._password = password
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return when the server listens."""
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process = process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes to the server")
        process.stdin.write(f"{self._password}\n")
        process.stdin.flush()
        watchdog = threading.Timer(_START_SECONDS, process.kill)
        watchdog.start()
        word = process.stdout.readline().split()
        watchdog.cancel()
        if word[:1] != ["ready"]:
            self.stop()
            raise RuntimeError("gst-rtsp-server did not start")
        self.port = int(word[1])

    @property
    def urls(self) -> list[str]:
        return [f"rtsp://127.0.0.1:{self.port}{path}" for path in self.paths]

    def stop(self) -> None:
        """End the process; harmless when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
