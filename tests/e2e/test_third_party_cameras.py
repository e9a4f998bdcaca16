"""A camera server that is not ours, Debian's gst-rtsp-server, recorded by the product and read back by a player that is not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.fakes.gst_camera import GstCameras, encode_annexb, missing_parts
from tests.product import Product
from tests.waiting import wait_until
from vms.domain.footage import Segment
from vms.domain.timespan import TICKS_PER_SECOND, Timespan
from vms.store import segments
from vms.store.database import make_engines

pytestmark = pytest.mark.slow

FPS = 25
PASSWORD = "third party: s3cret"
CODECS: tuple[Literal["h264", "h265"], ...] = ("h264", "h265")
SEGMENTS = 3
EVER = Timespan(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
FFPROBE = shutil.which("ffprobe")


@dataclass(frozen=True)
class Recorded:
    """What the product recorded of one camera, by start."""

    product: Product
    segments: list[Segment]


@pytest.fixture(scope="module", params=[0, 1], ids=CODECS)
def recorded(request: pytest.FixtureRequest, both: tuple[Product, list[list[Segment]]]) -> Recorded:
    return Recorded(both[0], both[1][request.param])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Product, list[list[Segment]]]:
    """One H.264 and one H.265 camera, digest only, recorded until each has a few segments, then stopped in order."""
    if reason := missing_parts():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("third-party")
    clips = [folder / f"clip.{codec}" for codec in CODECS]
    for clip, codec in zip(clips, CODECS, strict=True):
        encode_annexb(clip, codec, frames=4 * FPS, fps=FPS, gop=FPS)
    product = Product(folder / "data", VMS_SEGMENT_SECONDS="3")
    product.init()
    with GstCameras(clips, fps=FPS, password=PASSWORD) as cameras:
        for path, codec in zip(cameras.paths, CODECS, strict=True):
            url = f"rtsp://127.0.0.1:{cameras.port}{path}"
            product.must("camera", "add", codec, "--branch", "Central", "--url", url, "--user", "admin", "--password-stdin", stdin=PASSWORD)
        with product.running("record"):
            wait_until(lambda: all(len(rows) >= SEGMENTS for rows in _segments(product)), seconds=60)
    return product, _segments(product)


def _segments(product: Product) -> list[list[Segment]]:
    """Return the segments of each camera, in the order of CODECS."""
    cameras = {camera["name"]: camera for camera in product.must("camera", "list", "--json").document()}
    index = make_engines(product.data / "index" / "index.db")
    with index.read.begin() as connection:
        found = [segments.find(connection, cameras[codec]["streams"][0]["id"], EVER) for codec in CODECS]
    index.dispose()
    return found


def _probe(content: bytes) -> dict[str, Any]:
    """Decode everything with ffprobe and return its packets and frames; nothing may be complained about."""
    assert FFPROBE is not None
    command = [FFPROBE, "-v", "error", "-count_frames", "-show_packets", "-show_streams", "-of", "json", "-"]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    assert done.stderr == b""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(FFPROBE is None, reason="no ffprobe: deploy/debian-test-packages.sh installs it")
def test_every_published_segment_decodes_and_lasts_as_long_as_its_row(recorded: Recorded) -> None:
    """`vms segment cat ID | ffprobe`: no error, every picture, the row's duration to within one picture."""
    for segment in recorded.segments:
        told = _probe(recorded.product.segment(segment.id))
        pictures = int(told["streams"][0]["nb_read_frames"])
        assert pictures == len(told["packets"])
        assert abs(pictures / FPS - segment.duration / TICKS_PER_SECOND) <= 1 / FPS


@pytest.mark.skipif(FFPROBE is None, reason="no ffprobe: deploy/debian-test-packages.sh installs it")
def test_no_picture_is_missing_across_a_cut(recorded: Recorded) -> None:
    """The times of all packets of all segments are one even row."""
    starts = [
        round(float(packet["pts_time"]) * 1000)
        for segment in recorded.segments
        for packet in _probe(recorded.product.segment(segment.id))["packets"]
    ]
    steps = [after - before for before, after in pairwise(starts)]
    assert max(steps) <= 1.5 * 1000 / FPS
    assert min(steps) > 0


def test_index_and_files_agree_to_the_last_digest(recorded: Recorded) -> None:
    """`vms check --deep` finds nothing."""
    assert recorded.product.must("check", "--deep", "--json").document() == {"ok": True, "violations": []}


def test_the_reading_of_a_segment_is_in_the_log(recorded: Recorded) -> None:
    """`vms segment cat` wrote who, what and which span before it sent a byte."""
    segment = recorded.segments[0]
    recorded.product.segment(segment.id)
    central = make_engines(recorded.product.data / "central.db")
    with central.read.begin() as connection:
        rows = connection.exec_driver_sql("SELECT actor, action, purpose, body FROM access_event ORDER BY number DESC LIMIT 1").all()
    central.dispose()
    actor, action, purpose, body = rows[0]
    assert actor.startswith("os:")
    assert (action, purpose) == ("footage:read", "maintenance")
    assert segment.id in str(body)


def test_the_password_is_nowhere_in_the_data_directory(recorded: Recorded) -> None:
    """Not in a database, a log or a setting: only sealed."""
    folder = Path(recorded.product.data)
    holding = [path for path in folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert holding == []
