"""Opens an MP4 by GStreamer, under the system's Python, and prints as JSON what comes out: samples by qtdemux, pictures by its decoder.

Arguments: file, codec (h264 or h265). It imports nothing of this repository.
"""

import hashlib
import json
import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # type: ignore[import-not-found] # noqa: E402 - the version is chosen first


def main(path: str, codec: str) -> None:
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"filesrc name=file ! qtdemux name=mp4 mp4.video_0 ! identity name=samples signal-handoffs=true "
        f"! {codec}parse ! avdec_{codec} max-threads=1 ! fakesink name=pictures signal-handoffs=true sync=false"
    )
    pipeline.get_by_name("file").set_property("location", path)
    samples, pictures, complaints = [], [], []
    pipeline.get_by_name("samples").connect(
        "handoff", lambda _element, buffer: samples.append(hashlib.sha256(buffer.extract_dup(0, buffer.get_size())).hexdigest())
    )
    pipeline.get_by_name("pictures").connect("handoff", lambda _sink, buffer, _pad: pictures.append(buffer.pts))
    pipeline.set_state(Gst.State.PLAYING)
    bus, kinds = pipeline.get_bus(), Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.WARNING
    while (message := bus.timed_pop_filtered(30 * Gst.SECOND, kinds)) is not None and message.type != Gst.MessageType.EOS:
        told = message.parse_error() if message.type == Gst.MessageType.ERROR else message.parse_warning()
        complaints.append(" ".join(map(str, told)))
        if message.type == Gst.MessageType.ERROR:
            break
    if message is None:
        complaints.append("no end within 30 s")
    pipeline.set_state(Gst.State.NULL)
    sys.stdout.write(json.dumps({"samples": samples, "pictures": len(pictures), "complaints": complaints}))


if __name__ == "__main__":
    main(*sys.argv[1:])
