"""MPEG-4 Visual over RTP (RFC 6416 §5): the bitstream cut into packets, a marker on the last of each picture or of several small ones."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.mpeg4_headers import PICTURE, is_intra, split_pictures, time_increment, time_resolution
from recorder.rtp.pictures import Made, PictureAssembler
from vms.domain.timespan import TICKS_PER_SECOND

START_CODE = b"\x00\x00\x01"
MAX_CONFIG_BYTES = 4096
"""Headers of a stream take some 50."""
MAX_PICTURES = 64
"""That share a packet; of more the rest is left out."""
_HEADERS = frozenset(b"\xb0" + bytes(range(0x20, 0x30)))
"""visual_object_sequence_start_code and video_object_layer_start_code: a picture behind one of them needs no others."""


class Mpeg4Pictures(PictureAssembler):
    """Hands over nothing before an intra picture, and gives each of these the headers that the description has."""

    def __init__(self, counters: ReaderCounters, config: bytes = b"") -> None:
        """`config`: the headers from the description, empty when the stream brings its own."""
        super().__init__(counters)
        self._config = config
        self._resolution = time_resolution(config)
        self._waiting = True

    def lose(self) -> None:
        super().lose()
        self._waiting = True

    def skip(self) -> None:
        self._waiting = True

    def body_of(self, payload: bytes) -> bytes | None:
        return payload if self._parts or payload.startswith(START_CODE) else None

    def pictures_of(self, body: bytes) -> Iterator[Made]:
        """Only the first picture of a packet has its time stamp; the others follow it as their headers say."""
        offset, before = 0, -1
        for number, picture in enumerate(split_pictures(body)):
            self._learn(picture)
            at = picture.find(PICTURE)
            if at < 0 or number == MAX_PICTURES:
                return
            if self._resolution:
                increment = time_increment(picture, self._resolution)
                if before >= 0:  # less than a second apart
                    offset += (increment - before) % self._resolution * TICKS_PER_SECOND // self._resolution
                before = increment
            if (made := self._made(picture, offset, intra=is_intra(picture, at))) is not None:
                yield made

    def _learn(self, picture: bytes) -> None:
        """Note headers: the times' unit, and all of them when they come alone."""
        if picture[3:4] and picture[3] in _HEADERS:
            self._resolution = time_resolution(picture[:MAX_CONFIG_BYTES]) or self._resolution
            if PICTURE not in picture and len(picture) <= MAX_CONFIG_BYTES:
                self._config = picture

    def _made(self, picture: bytes, offset: int, *, intra: bool) -> Made | None:
        if self._waiting and not intra:
            self._counters.skipped_units += 1
            return None
        self._waiting = False
        return Made(picture if not intra or picture[3] in _HEADERS else self._config + picture, intra, offset)


def config_of(text: str) -> bytes:
    """Return the headers that a description's `config` spells in hex; nothing when it holds none."""
    if len(text) > 2 * MAX_CONFIG_BYTES:
        return b""
    try:
        config = bytes.fromhex(text)
    except ValueError:
        return b""
    return config if config.startswith(START_CODE) else b""
