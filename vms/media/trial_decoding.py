"""Decode some GOPs of finished MP4 files, to see that they play: a program of its own, since what it decodes came from cameras.

    python -m vms.media.trial_decoding FILE…

Each line of standard input has, in the order of the files, the times of the keyframes to try, in ticks from the file's beginning.
Prints a sentence for each GOP that can't be decoded, and ends with 1 when there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import av
from av.error import FFmpegError

EVERY = 100
"""Of so many GOPs one is tried, besides the first and the last."""


def to_try(keyframes: Sequence[int]) -> list[int]:
    """Return the first, the last and every 100th of them."""
    return sorted({*keyframes[::EVERY], *keyframes[-1:]})


def failures(path: str, keyframes: Sequence[int]) -> Iterator[str]:
    """Decode the GOP that begins at each moment, and yield a sentence for each that gives no picture or an error."""
    try:
        with av.open(path, format="mp4", options={"advanced_editlist": "0"}) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            for at in keyframes:
                container.seek(at, stream=stream)
                if not _decodes(container.demux(stream), at):
                    yield f"{path}: the pictures from tick {at} on can't be decoded."
                stream.codec_context.flush_buffers()
    except (FFmpegError, IndexError) as err:
        yield f"{path} can't be opened as a video: {err}"


def _decodes(packets: Iterator[av.Packet[av.VideoStream]], at: int) -> bool:
    """Decode one GOP."""
    pictures = 0
    try:
        for packet in packets:
            if packet.size == 0 or (packet.is_keyframe and packet.dts != at):
                break
            pictures += len(packet.decode())
    except FFmpegError:
        return False
    return pictures > 0 or packet.size != 0


def main() -> int:
    failed = [
        failure
        for path, line in zip(sys.argv[1:], sys.stdin, strict=True)
        for failure in failures(path, [int(word) for word in line.split()])
    ]
    sys.stdout.writelines(f"{failure}\n" for failure in failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
