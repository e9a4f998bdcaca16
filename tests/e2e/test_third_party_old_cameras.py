"""JPEG (4:2:0 and 4:2:2) and MPEG-4 from a camera server that is not ours, recorded by the product: what was sent is in the files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import av
import pytest

from tests.fakes.cameras import code_of
from tests.fakes.gst_camera import GstCameras, missing_parts, write_time_codes
from tests.product import Product
from tests.waiting import wait_until
from vms.domain.footage import Segment
from vms.domain.timespan import TICKS_PER_SECOND, Timespan
from vms.store import segments
from vms.store.database import make_engines

pytestmark = pytest.mark.slow

FPS, FRAMES = 10, 100
PASSWORD = "third party: s3cret"
CODECS = ("jpeg", "jpeg422", "mpeg4")
SEGMENTS = 2
EVER = Timespan(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Recorded:
    product: Product
    verdicts: dict[str, dict[str, object]]
    """By codec, from `vms camera test`."""
    segments: dict[str, list[Segment]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Each camera, digest only, tested and then recorded until it has a few segments, then stopped in order."""
    if reason := missing_parts():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("third-party-old")
    clips = [folder / f"clip.{codec}" for codec in CODECS]
    for clip in clips:
        write_time_codes(clip, frames=FRAMES, fps=FPS)
    product = Product(folder / "data", VMS_SEGMENT_SECONDS="3")
    product.init()
    with GstCameras(clips, fps=FPS, password=PASSWORD) as cameras:
        verdicts = {}
        for path, codec in zip(cameras.paths, CODECS, strict=True):
            url = f"rtsp://127.0.0.1:{cameras.port}{path}"
            product.must("camera", "add", codec, "--branch", "Central", "--url", url, "--user", "admin", "--password-stdin", stdin=PASSWORD)
            verdicts[codec] = product.must("camera", "test", codec, "--json").document()
        with product.running("record"):
            wait_until(lambda: all(len(rows) >= SEGMENTS for rows in _segments(product).values()), seconds=60)
    return Recorded(product, verdicts, _segments(product))


def _segments(product: Product) -> dict[str, list[Segment]]:
    cameras = {camera["name"]: camera for camera in product.must("camera", "list", "--json").document()}
    index = make_engines(product.data / "index" / "index.db")
    with index.read.begin() as connection:
        found = {codec: segments.find(connection, cameras[codec]["streams"][0]["id"], EVER) for codec in CODECS}
    index.dispose()
    return found


def shown(product: Product, segment: Segment) -> list[tuple[int, int | None]]:
    """Return the time of each picture of a segment, in ticks, and the code in it, in milliseconds."""
    with av.open(io.BytesIO(product.segment(segment.id)), "r") as container:
        return [(frame.pts or 0, code_of(frame)) for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_is_there_in_order_at_its_time(recorded: Recorded, codec: str) -> None:
    pictures = [picture for segment in recorded.segments[codec] for picture in shown(recorded.product, segment)]

    assert len(pictures) > SEGMENTS * FPS
    for (before, earlier), (after, later) in pairwise(pictures):
        assert earlier is not None
        assert later is not None
        assert (later - earlier) % (FRAMES * 1000 // FPS) == 1000 // FPS
        assert abs((after - before) - TICKS_PER_SECOND // FPS) < TICKS_PER_SECOND // FPS // 2


@pytest.mark.parametrize("codec", CODECS)
def test_the_cameras_verdict_says_that_it_is_re_encoded(recorded: Recorded, codec: str) -> None:
    verdict = recorded.verdicts[codec]

    assert (verdict["ok"], verdict["width"], verdict["height"], verdict["fps"]) == (True, 320, 192, pytest.approx(FPS, abs=0.2))
    assert any("re-encodes it to H.264" in str(warning) for warning in verdict["warnings"])  # type: ignore[attr-defined]


def test_index_and_files_agree_to_the_last_digest(recorded: Recorded) -> None:
    assert recorded.product.must("check", "--deep", "--json").document() == {"ok": True, "violations": []}
