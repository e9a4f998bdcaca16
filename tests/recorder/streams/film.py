"""Real encoded video sent as RTP through reader and recording into segment files on disk, by a clock that the test turns."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from recorder.rtp.reader import StreamReader
from recorder.wire import SegmentPublished
from recorder.writer import MAX_QUEUED_BYTES
from tests.recorder.rtp.packets import Sender, track
from tests.recorder.test_recording_side import Studio
from tests.vms.media.pictures import Recipe, encoder_of, picture_of, sets_of, split_annex_b
from tests.waiting import wait_until
from vms.domain.footage import GapReason, Segment
from vms.domain.timespan import TICKS_PER_SECOND
from vms.media.boxes import ReadFragment, iter_boxes, read_fragment
from vms.media.parameter_sets import ParameterSets
from vms.media.segment_file import SegmentReader


@dataclass(frozen=True, slots=True)
class Coded:
    """One picture as an encoder made it, in decoding order."""

    nals: tuple[bytes, ...]
    pts: int
    """In pictures."""
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Reel:
    """A stream of pictures."""

    recipe: Recipe
    sets: ParameterSets
    pictures: tuple[Coded, ...]

    def in_band(self) -> Reel:
        """Return the same with its parameter sets before each keyframe."""
        sets = (*self.sets.vps, *self.sets.sps, *self.sets.pps)
        pictures = (Coded((*sets, *p.nals), p.pts, p.keyframe) if p.keyframe else p for p in self.pictures)
        return Reel(self.recipe, self.sets, tuple(pictures))


def shot(recipe: Recipe) -> Reel:
    """Encode a moving gradient."""
    encoder = encoder_of(recipe)
    packets = [packet for number in range(recipe.frames) for packet in encoder.encode(picture_of(recipe, number))]
    packets += encoder.encode(None)
    first = min(packet.pts or 0 for packet in packets)
    pictures = tuple(Coded(tuple(split_annex_b(bytes(packet))), (packet.pts or 0) - first, packet.is_keyframe) for packet in packets)
    return Reel(recipe, sets_of(recipe.codec, bytes(encoder.extradata or b"")), pictures)


class Film(Studio):
    """A camera that sends reels, a reader, and the recording side on a real volume."""

    def __init__(self, folder: Path, sets: ParameterSets | None, *, segment_seconds: int = 4, sender: Sender | None = None) -> None:
        super().__init__(folder, segment_seconds=segment_seconds)
        self.sender = sender or Sender("h264", payload_size=1200)
        self.reader = StreamReader(track(self.sender.codec, sets))
        self.recording.connected(self.reader)
        self.seconds = 0.0
        self.writer.start()
        self._started = True

    def send(self, pictures: Iterable[Coded], *, fps: Fraction = Fraction(25), marker: bool = True, stamp: int | None = None) -> None:
        """Send pictures at the pace of `fps`, stamped by their presentation time after `stamp` (the clock's own count)."""
        pictures = tuple(pictures)
        base = self.sender.timestamp if stamp is None else stamp
        ticks = TICKS_PER_SECOND / fps
        last = base
        # No camera sends a picture before it has taken it: one that reorders sends everything later.
        self.seconds += max((picture.pts - number for number, picture in enumerate(pictures)), default=0) * float(1 / fps)
        for picture in pictures:
            self.sender.timestamp = base + round(picture.pts * ticks)
            last = max(last, self.sender.timestamp)
            self.take(b"".join(self.sender.unit(picture.nals, marker=marker)))
            self.seconds += float(1 / fps)
        self.sender.timestamp = last + round(ticks)

    def take(self, octets: bytes) -> None:
        for unit in self.reader.feed(octets, self.seconds):
            self.recording.pictures([unit])
        wait_until(lambda: self.recording.queued_bytes < MAX_QUEUED_BYTES // 8)  # by this clock the disk takes no time

    def develop(self) -> list[Print]:
        """End the recording and return its segments as the files on disk hold them."""
        self.recording.end(GapReason.RECORDER_STOPPED, "")
        return [self._print(message.segment) for message in self.settle() if isinstance(message, SegmentPublished)]

    def _print(self, segment: Segment) -> Print:
        with self.writer.volume.segment_path(segment.id).open("rb") as file:
            return Print(segment, b"".join(SegmentReader(file, _Keys(), segment.fragments).records()))


class _Keys:
    def hour_key(self, _camera: int, _hour: int, /) -> bytes:
        return bytes(32)

    def survivor_key(self, _camera: int, _hour: int, _segment: str, /) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Print:
    """One segment, decrypted."""

    segment: Segment
    mp4: bytes

    @property
    def boxes(self) -> list[bytes]:
        return list(_kinds(self.mp4))

    def fragments(self) -> list[ReadFragment]:
        at = self.segment.fragments[0].size
        found = []
        for entry in self.segment.fragments[1:]:
            found.append(read_fragment(self.mp4[at : at + entry.size]))
            at += entry.size
        return found

    def decoded(self) -> int:
        """Return how many pictures a decoder that stops at the first error makes of the file."""
        return self._count({"err_detect": "explode"})

    def played(self) -> int:
        """Return how many pictures an ordinary decoder makes; to a strict one a stream that begins with no IDR has a gap before it."""
        return self._count({})

    def _count(self, options: dict[str, str]) -> int:
        with av.open(io.BytesIO(self.mp4), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = options
            return sum(1 for _ in container.decode(stream))

    def shown(self) -> list[int]:
        """Return when each picture is shown, in ticks since the epoch.

        By the boxes: FFmpeg's demuxer moves everything by the most negative composition offset (`dts_shift`, libavformat 62).
        """
        moments = []
        for fragment in self.fragments():
            at = fragment.tfdt
            for sample in fragment.samples:
                moments.append(at + sample.cts)
                at += sample.duration
        return sorted(moments)


def _kinds(content: bytes | memoryview) -> Iterator[bytes]:
    for box in iter_boxes(content):
        yield box.kind
        if box.kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"):
            yield from _kinds(box.payload)


def shown(prints: Sequence[Print]) -> list[int]:
    """Return when each picture of a recording is shown; every one has been decoded."""
    assert [each.decoded() for each in prints] == [len(each.shown()) for each in prints]
    return [moment for each in prints for moment in each.shown()]
