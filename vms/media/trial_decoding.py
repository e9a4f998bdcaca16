"""Decode some GOPs of finished MP4 files, to see that they play: a confined child, since what it decodes came from cameras.

`python -m vms.media.trial_decoding FILE… PARENT`, a socketpair as its standard input. It hears JSON to the end: of each file, in
their order, the times of the keyframes to try, in ticks from the file's beginning. It says a line of JSON for its sandbox's layers,
then one for each file: a sentence for each GOP that can't be decoded.
"""

from __future__ import annotations

import json
import mmap
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import av.audio.stream  # PyAV imports these when it opens a file: a confined process could not any more
import av.subtitles.stream
from av.error import FFmpegError

from vms.media.confined import SOCKET, become_its_child, say
from vms.media.sandbox import confine, report_of

PICTURE = ".png"
EVERY = 100
"""Of so many GOPs one is tried, besides the first and the last."""


def to_try(keyframes: Sequence[int]) -> list[int]:
    """Return the first, the last and every 100th of them."""
    return sorted({*keyframes[::EVERY], *keyframes[-1:]})


def failures(path: str, keyframes: Sequence[int], file: mmap.mmap | None = None) -> Iterator[str]:
    """Decode the GOP that begins at each moment, and yield a sentence for each that gives no picture or an error.

    `file`: what `path` names, where it can't be opened any more.
    """
    if path.endswith(PICTURE):
        yield from _failures_of_picture(path, file)
        return
    try:
        with av.open(path if file is None else file, "r", format="mp4", options={"ignore_editlist": "1"}) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # a second one would need system calls that a confined process has not
            stream.codec_context.options = {"err_detect": "explode"}
            for at in keyframes:
                container.seek(at, stream=stream)
                if not _decodes(stream, container.demux(stream), at):
                    yield f"{path}: the pictures from tick {at} on can't be decoded."
                stream.codec_context.flush_buffers()
    except (FFmpegError, IndexError, ValueError) as err:
        yield f"{path} can't be opened as a video: {err}"


def _failures_of_picture(path: str, file: mmap.mmap | None) -> Iterator[str]:
    try:
        with av.open(path if file is None else file, "r", format="png_pipe") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
            if next(container.decode(stream), None) is None:
                yield f"{path} has no picture."
    except (FFmpegError, IndexError, ValueError) as err:
        yield f"{path} can't be opened as a picture: {err}"


def _decodes(stream: av.VideoStream, packets: Iterator[av.Packet[av.VideoStream]], at: int) -> bool:
    """Decode one GOP, with what its decoder holds back."""
    pictures = 0
    try:
        for packet in packets:
            if packet.size == 0 or (packet.is_keyframe and packet.dts != at):
                break
            pictures += len(packet.decode())
        pictures += len(stream.decode(None))
    except FFmpegError:
        return False
    return pictures > 0


def main() -> None:
    """Map the files, put on the sandbox, which opens none any more, and answer file by file, a line each."""
    *paths, parent = sys.argv[1:]
    become_its_child(int(parent))
    wanted: list[list[int]] = json.loads(_heard())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a mapping keeps its file open
    files = [_mapped(path) for path in paths]
    layers = confine(SOCKET, mapped_bytes=sum(map(len, files)))
    say(report_of(layers) + b"\n")
    for path, file, keyframes in zip(paths, files, wanted, strict=True):
        say(json.dumps(list(failures(path, keyframes, file))).encode() + b"\n")


def _mapped(path: str) -> mmap.mmap:
    with Path(path).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _heard() -> bytes:
    with open(SOCKET, "rb", closefd=False) as socket:
        return socket.read()


if __name__ == "__main__":
    main()
