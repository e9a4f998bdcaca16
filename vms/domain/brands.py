"""The usual stream paths of camera makes, for people to choose from when they add a camera.

They are each maker's documented defaults for the first input; a camera's own page has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    key: str
    label: str
    main_path: str
    sub_path: str
    hint: str


BRANDS = (
    Brand(
        "axis",
        "Axis",
        "/axis-media/media.amp?videocodec=h264&resolution=1920x1080",
        "/axis-media/media.amp?videocodec=h264&resolution=640x360",
        "Streams are made on demand from these parameters; a stream profile may be named instead: ?streamprofile=NAME.",
    ),
    Brand(
        "hikvision",
        "Hikvision",
        "/Streaming/Channels/101",
        "/Streaming/Channels/102",
        "The first digit is the input, the last the stream: 201 is the main stream of input 2.",
    ),
    Brand(
        "hanwha",
        "Hanwha Vision",
        "/profile2/media.smp",
        "/profile3/media.smp",
        "Profiles are set up on the camera's own page; 2 is usually H.264 in full size. Make profile 3 a small one.",
    ),
    Brand(
        "dahua",
        "Dahua",
        "/cam/realmonitor?channel=1&subtype=0",
        "/cam/realmonitor?channel=1&subtype=1",
        "Recorders and multi-sensor cameras count their inputs with channel=.",
    ),
    Brand(
        "reolink",
        "Reolink",
        "/h264Preview_01_main",
        "/h264Preview_01_sub",
        "Some models send H.265 in the main stream under /h265Preview_01_main.",
    ),
)
