"""Chooses the video track of a session description; an audio track is never chosen.

RFC 4566; RFC 6184 §8.2 for H.264, RFC 7798 §7.2 for H.265, RFC 2435 for JPEG, RFC 6416 §7.2 for MPEG-4 Visual.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Literal

from recorder.rtp.mpeg4 import config_of
from recorder.rtsp.errors import NoVideo, ProtocolViolation, UnsupportedCodec
from recorder.rtsp.message import printable
from vms.errors import InvalidInput
from vms.media.fmp4 import init_segment
from vms.media.parameter_sets import Codec, ParameterSets

MAX_SDP_BYTES = 64 * 1024
MAX_MEDIA_SECTIONS = 64
MAX_SETS = 16
"""Parameter sets of one kind in one description; cameras send one or two."""
MAX_SET_BYTES = 4096
MAX_CONTROL_CHARS = 1024
TrackCodec = Literal["h264", "h265", "jpeg", "mpeg4"]
_CODECS: dict[str, Codec] = {"h264": "h264", "h265": "h265", "hevc": "h265"}
_REENCODED: dict[str, Literal["jpeg", "mpeg4"]] = {"jpeg": "jpeg", "mp4v-es": "mpeg4"}
"""What no browser plays as video: taken where a camera has nothing better, and re-encoded (`recorder.fallback`)."""
_REENCODED_CLOCK_RATE = 90_000
_STATIC_JPEG = ("26", "JPEG", _REENCODED_CLOCK_RATE)
_STATIC_NAMES = {"26": "JPEG", "31": "H261", "32": "MPV", "33": "MP2T", "34": "H263"}
"""Payload types that need no rtpmap (RFC 3551 §6), for the sentence only."""
_MEDIA = re.compile(r"([a-z]+) \d{1,5}(?:/\d+)? [A-Za-z/]+((?: [0-9]{1,3})+)")
_RTPMAP = re.compile(r"rtpmap:(\d{1,3}) +([A-Za-z0-9_.-]{1,64})/(\d{1,9})")
_FMTP = re.compile(r"fmtp:(\d{1,3}) +(.*)")
_DIMENSIONS = re.compile(r"x-dimensions:\s*(\d{1,5})\s*,\s*(\d{1,5})")
"""GStreamer's, for JPEG pictures that are wider or higher than the packets' own fields can say (2040)."""
_FRAME_RATE = re.compile(r"(?:framerate|x-framerate):\s*(\d{1,4}(?:\.\d{1,4})?)")


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The one track that is set up."""

    codec: TrackCodec
    payload_type: int
    clock_rate: int
    control: str
    """As the camera wrote it: a URL, a path relative to the presentation, or empty for the presentation itself."""
    parameter_sets: ParameterSets | None
    """None unless the description holds a complete set; then the stream itself has to bring it."""
    frame_rate: float | None
    """What the camera claims."""
    config: bytes = b""
    """Of MPEG-4: the headers before its pictures; empty when the stream has to bring them."""
    dimensions: tuple[int, int] | None = None
    """Of JPEG: width and height of pictures that are too large for the packets' own fields."""


@dataclass(slots=True)
class _Section:
    """One m= line and the attributes below it; payload types as written."""

    kind: str
    payload_types: list[str]
    attributes: list[str] = field(default_factory=list)


def choose_video(description: bytes) -> VideoTrack:
    """Return the first video track in H.264 or H.265, else in JPEG or MPEG-4; NoVideo, UnsupportedCodec or ProtocolViolation otherwise."""
    video = [section for section in _sections(description) if section.kind == "video"]
    if not video:
        raise NoVideo("The camera answers, but offers no video there. Check the path; it may name an audio-only or a metadata stream.")
    for choose in (_track, _reencoded_track):
        for section in video:
            if (track := choose(section)) is not None:
                return track
    names = sorted({name for section in video for name in _codec_names(section)})
    raise UnsupportedCodec(f"The camera sends video as {', '.join(names)[:100]}. Set the stream to H.264 or H.265 on the camera.")


def _sections(description: bytes) -> list[_Section]:
    if len(description) > MAX_SDP_BYTES:
        raise ProtocolViolation(f"The camera's session description is longer than {MAX_SDP_BYTES} bytes.")
    sections: list[_Section] = []
    for line in description.decode("utf-8", "replace").replace("\r", "\n").split("\n"):
        if line.startswith("m="):
            match = _MEDIA.match(line, 2)
            sections.append(_Section(match[1], match[2].split()) if match else _Section("", []))
        elif line.startswith("a=") and sections:
            sections[-1].attributes.append(line[2:].strip())
    if len(sections) > MAX_MEDIA_SECTIONS:
        raise ProtocolViolation(f"The camera's session description names more than {MAX_MEDIA_SECTIONS} tracks.")
    return sections


def session_control(description: bytes) -> str:
    """Return the control attribute of the whole presentation, or an empty string."""
    head = re.split(rb"[\r\n]m=", description[:MAX_SDP_BYTES], maxsplit=1)[0]
    match = re.search(rb"^a=control:[ \t]*(\S+)[ \t]*\r?$", head, re.MULTILINE)
    return _control(match[1].decode("utf-8", "replace")) if match else ""


def _track(section: _Section) -> VideoTrack | None:
    for payload_type, name, clock_rate in _rtpmaps(section):
        codec = _CODECS.get(name.lower())
        if codec is None or payload_type not in section.payload_types:
            continue
        parameters = _format_parameters(section, payload_type)
        _refuse_reordering(codec, parameters)
        return VideoTrack(
            codec=codec,
            payload_type=int(payload_type) & 0x7F,
            clock_rate=clock_rate if 1000 <= clock_rate <= 10_000_000 else 90_000,
            control=_control(_attribute(section, "control:")),
            parameter_sets=_parameter_sets(codec, parameters),
            frame_rate=_frame_rate(section),
        )
    return None


def _reencoded_track(section: _Section) -> VideoTrack | None:
    static = [_STATIC_JPEG] if _STATIC_JPEG[0] in section.payload_types else []
    for payload_type, name, clock_rate in [*_rtpmaps(section), *static]:
        codec = _REENCODED.get(name.lower())
        if codec is None or payload_type not in section.payload_types or clock_rate != _REENCODED_CLOCK_RATE:
            continue
        return VideoTrack(
            codec=codec,
            payload_type=int(payload_type) & 0x7F,
            clock_rate=clock_rate,
            control=_control(_attribute(section, "control:")),
            parameter_sets=None,
            frame_rate=_frame_rate(section),
            config=config_of(_format_parameters(section, payload_type).get("config", "")) if codec == "mpeg4" else b"",
            dimensions=_dimensions(section) if codec == "jpeg" else None,
        )
    return None


def _rtpmaps(section: _Section) -> list[tuple[str, str, int]]:
    matches = (_RTPMAP.match(attribute) for attribute in section.attributes)
    return [(match[1], match[2], int(match[3])) for match in matches if match]


def _codec_names(section: _Section) -> list[str]:
    named = {payload_type: name for payload_type, name, _ in _rtpmaps(section)}
    return [
        printable(named.get(number) or _STATIC_NAMES.get(number) or f"payload type {number}", 32) for number in section.payload_types
    ] or ["nothing"]


def _attribute(section: _Section, prefix: str) -> str:
    return next((attribute[len(prefix) :].strip() for attribute in section.attributes if attribute.startswith(prefix)), "")


def _control(text: str) -> str:
    if len(text) > MAX_CONTROL_CHARS or not re.fullmatch(r"[!-~]*", text):
        raise ProtocolViolation("The camera names its video track in a way that can't be sent back to it.")
    return text


def _format_parameters(section: _Section, payload_type: str) -> dict[str, str]:
    for attribute in section.attributes:
        match = _FMTP.match(attribute)
        if match and match[1] == payload_type:
            pairs = (part.partition("=") for part in match[2].split(";"))
            return {name.strip().lower(): value.strip() for name, _, value in pairs}
    return {}


def _refuse_reordering(codec: str, parameters: dict[str, str]) -> None:
    """Refuse interleaved transmission order, which no known camera uses (RFC 6184 §5.6, RFC 7798 §4.4)."""
    reordered = (
        parameters.get("packetization-mode") == "2" if codec == "h264" else parameters.get("sprop-max-don-diff", "0") not in ("", "0")
    )
    if reordered:
        raise UnsupportedCodec("The camera sends its video in interleaved packet order. Switch that off on the camera.")


def _parameter_sets(codec: Codec, parameters: dict[str, str]) -> ParameterSets | None:
    if codec == "h265":
        vps, sps, pps = (_nals(parameters.get(f"sprop-{kind}", "")) for kind in ("vps", "sps", "pps"))
        return _readable(ParameterSets(codec="h265", vps=vps, sps=sps, pps=pps)) if vps and sps and pps else None
    nals = _nals(parameters.get("sprop-parameter-sets", ""))
    sps, pps = (tuple(nal for nal in nals if nal[0] & 0x1F == kind) for kind in (7, 8))
    return _readable(ParameterSets(codec="h264", vps=(), sps=sps, pps=pps)) if sps and pps else None


def _readable(sets: ParameterSets) -> ParameterSets | None:
    """Return `sets`, or None when no init segment can be made of them: then too the stream has to bring its own."""
    try:
        init_segment(sets)
    except InvalidInput:
        return None
    return sets


def _nals(text: str) -> tuple[bytes, ...]:
    """Decode a comma-separated base64 list; one that is broken or too long counts as absent, since the stream brings its own."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > MAX_SETS or any(len(word) > MAX_SET_BYTES for word in words):
        return ()
    try:
        nals = tuple(base64.b64decode(word + "=" * (-len(word) % 4), validate=True) for word in words)
    except (binascii.Error, ValueError):
        return ()
    return tuple(nal for nal in nals if len(nal) > 2)


def _dimensions(section: _Section) -> tuple[int, int] | None:
    for attribute in section.attributes:
        if match := _DIMENSIONS.match(attribute):
            return int(match[1]), int(match[2])
    return None


def _frame_rate(section: _Section) -> float | None:
    for attribute in section.attributes:
        if (match := _FRAME_RATE.match(attribute)) and 0 < float(match[1]) <= 240:
            return float(match[1])
    return None
