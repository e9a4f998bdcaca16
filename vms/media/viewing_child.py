"""The child that makes viewing copies: `python -m vms.media.viewing_child PARENT` (see `derivation_files`). It needs no OpenCV."""

from __future__ import annotations

from typing import TypedDict

from vms.media import derivation
from vms.media.clip import Clip
from vms.media.derivation_files import Made, Original, serve
from vms.media.derivation_wire import COPY


class ViewingJob(TypedDict):
    """As the parent says it."""

    clip: tuple[int, int, int]
    size_bytes: int
    most_kbits: int


def view(job: ViewingJob) -> dict[str, object]:
    found = derivation.pictures_of_clip(Original(job["size_bytes"]), Clip(*job["clip"]))
    copied = derivation.write_copy(found, Made(COPY), most_kbits=job["most_kbits"])
    return {"pictures": copied.pictures, "keyframes": copied.keyframes}


if __name__ == "__main__":
    serve(view, derivation.rehearse)
