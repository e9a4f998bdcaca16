"""Serves clips with Debian's gst-rtsp-server; runs under the system's Python and imports nothing of this repository."""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gi  # type: ignore[import-not-found]

for _name in ("Gst", "GstRtspServer", "GstRtsp"):
    gi.require_version(_name, "1.0")

from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402 -- versions first

_START_CODE = b"\x00\x00\x01"


def access_units(clip: Path) -> list[tuple[bytes, bool]]:
    """Split an Annex B clip at its access unit delimiters into (octets, whether it holds a keyframe)."""
    octets, h265 = clip.read_bytes(), clip.suffix == ".h265"
    delimiter = 35 if h265 else 9
    nals = _nal_starts(octets, h265=h265)
    starts = [at for at, kind in nals if kind == delimiter]
    units = []
    for begin, end in zip(starts, [*starts[1:], len(octets)], strict=True):
        kinds = {kind for at, kind in nals if begin <= at < end}
        units.append((octets[begin:end], bool(kinds & set(range(16, 22))) if h265 else 5 in kinds))
    return units


def _nal_starts(octets: bytes, *, h265: bool) -> list[tuple[int, int]]:
    """Return place of the start code and type of each NAL unit."""
    found: list[tuple[int, int]] = []
    at = octets.find(_START_CODE)
    while at >= 0:
        header = octets[at + 3]
        begin = at - 1 if at and octets[at - 1] == 0 else at
        found.append((begin, header >> 1 & 0x3F if h265 else header & 0x1F))
        at = octets.find(_START_CODE, at + 3)
    return found


_JPEG = {
    "jpeg": "jpegenc quality=85 ! rtpjpegpay name=pay0 pt=26",
    "jpeg422": "videoconvert ! video/x-raw,format=Y42B ! jpegenc quality=70 ! rtpjpegpay name=pay0 pt=26",
}
"""By a clip's suffix: such a clip holds raw I420 pictures, which GStreamer itself encodes."""
_MPEG4 = "mpeg4"
_MPEG4_BEGIN = re.compile(rb"\x00\x00\x01(?:\xb0.*?\x00\x00\x01)?\xb6", re.DOTALL)
"""Start code of a picture, with the headers before it where it has some."""
RAW_WIDTH, RAW_HEIGHT = 320, 192


def _serve(clips: list[Path], fps: float, username: str, password: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    if password:
        _require_digest(server, username, password)
    for number, clip in enumerate(clips):
        server.get_mount_points().add_factory(f"/cam{number}", _factory(clip, fps, guarded=bool(password)))
    if not server.attach(None):
        sys.exit("gst-rtsp-server can't listen")
    sys.stdout.write(f"ready {server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


def _require_digest(server: Any, username: str, password: str) -> None:  # noqa: ANN401 -- the bindings have no types
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(username, password, token)
    server.set_auth(auth)


def _factory(clip: Path, fps: float, *, guarded: bool) -> Any:  # noqa: ANN401 -- the bindings have no types
    codec = clip.suffix[1:]
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( appsrc name=source is-live=true format=time caps={_rest(codec, fps)} )")
    factory.set_shared(True)
    if guarded:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    units = raw_pictures(clip) if codec in _JPEG else mpeg4_pictures(clip) if codec == _MPEG4 else access_units(clip)

    def configure(_factory: object, media: Any) -> None:  # noqa: ANN401 -- the bindings have no types
        source = media.get_element().get_by_name("source")
        threading.Thread(target=_push, args=(source, units, fps), daemon=True).start()

    factory.connect("media-configure", configure)
    return factory


def _rest(codec: str, fps: float) -> str:
    """Return the rest of the pipeline from the source's caps on."""
    if codec in _JPEG:
        return f"video/x-raw,format=I420,width={RAW_WIDTH},height={RAW_HEIGHT},framerate={fps:.0f}/1 ! {_JPEG[codec]}"
    if codec == _MPEG4:
        return "video/mpeg,mpegversion=4,systemstream=false ! mpeg4videoparse ! rtpmp4vpay name=pay0 pt=96"
    parsed = f"video/x-{codec},stream-format=byte-stream,alignment=au ! {codec}parse config-interval=-1"
    return f"{parsed} ! rtp{codec}pay name=pay0 pt=96 config-interval=-1"


def raw_pictures(clip: Path) -> list[tuple[bytes, bool]]:
    """Split a clip of raw pictures; each counts as a keyframe."""
    octets, size = clip.read_bytes(), RAW_WIDTH * RAW_HEIGHT * 3 // 2
    return [(octets[at : at + size], True) for at in range(0, len(octets), size)]


def mpeg4_pictures(clip: Path) -> list[tuple[bytes, bool]]:
    """Split a stream of MPEG-4 Visual."""
    octets = clip.read_bytes()
    found = list(_MPEG4_BEGIN.finditer(octets))
    ends = [*(match.start() for match in found[1:]), len(octets)]
    return [(octets[match.start() : end], octets[match.end()] >> 6 == 0) for match, end in zip(found, ends, strict=True)]


def _push(source: Any, units: list[tuple[bytes, bool]], fps: float) -> None:  # noqa: ANN401 -- the bindings have no types
    """Feed the clip in real time, over and over, until the media is gone."""
    start, number = time.monotonic(), 0
    while True:
        octets, keyframe = units[number % len(units)]
        buffer = Gst.Buffer.new_wrapped(octets)
        buffer.pts = buffer.dts = int(number / fps * Gst.SECOND)
        buffer.duration = int(Gst.SECOND / fps)
        if not keyframe:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
            return
        number += 1
        time.sleep(max(0.0, start + number / fps - time.monotonic()))


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password-stdin", action="store_true")
    given = parser.parse_args()
    password = sys.stdin.readline().rstrip("\n") if given.password_stdin else ""
    _serve(given.clips, given.fps, given.user, password)


if __name__ == "__main__":
    _main()
