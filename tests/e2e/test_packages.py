"""What a camera sent, by recorder, request, approval and the hub's jobs, which are killed, into a package that its recipient checks."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.jobs_child import MinutesAhead
from tests.factories import done
from tests.product import Product
from tests.recorder.site import Cameras, Site, a_site, stream_of
from tests.vms.media.test_assembly import packets
from tests.vms.services.requesting import Staff, a_new_request, at_work, in_order, staff
from tests.waiting import wait_until
from vms.domain.camera import CameraDetails
from vms.domain.export_scope import CameraSpan
from vms.domain.footage import Segment
from vms.domain.made_package import MadePackage, PackageState
from vms.domain.package_release import Medium
from vms.domain.request import ExportRequest
from vms.domain.timespan import ms_of
from vms.media.boxes import read_fragment
from vms.media.segment_file import SegmentReader
from vms.services.approvals import approve
from vms.services.package_jobs import ask_package
from vms.services.package_release import Handover, release_by_hand
from vms.services.requests import enter
from vms.store import made_packages

pytestmark = pytest.mark.slow
CLOCK = MinutesAhead()
SEGMENTS = 3
RECORDED_SECONDS = 120.0
"""For segments of two seconds, on a machine that is busy with other tests."""


@pytest.fixture
def cameras() -> Iterator[Cameras]:
    made = Cameras(2)
    yield made
    made.close()


def _recorded(site: Site, cameras: Cameras) -> list[CameraDetails]:
    """Record two cameras by `vms up` until each has some segments, and stop it."""
    demo = cameras.demo
    added = [site.add_camera(name, demo.port, demo.path(key)) for name, key in zip(("Door", "Desk"), demo.keys, strict=True)]
    with Product(site.settings.data_dir).running("up", "--listen", "127.0.0.1:0") as up:
        up.line("Custodian runs at")
        for camera in added:
            site.wait_for_segments(stream_of(camera), SEGMENTS, seconds=RECORDED_SECONDS)
    return added


def _asked_for(site: Site, people: Staff, segments: list[Segment], camera: CameraDetails, *, sealed: bool = False) -> ExportRequest:
    """Take a request down for exactly these segments, have it approved, and ask for its package; `sealed`: the Delegate enters it."""
    start, end = ms_of(segments[0].span.start), ms_of(segments[-1].span.end)  # the picture at the end began before it
    with site.central.writing() as session:
        named = (people.director.id,) if sealed else ()
        asked = a_new_request((CameraSpan(camera.camera.id, start, end),), sealed=sealed, named=named)
        by = at_work(people.delegate, CLOCK.now()) if sealed else people.desk
        request = done(enter(session, site.settings, by, asked, at=CLOCK.now()))
        director = at_work(people.director, CLOCK.now())
        in_order(session, site.settings, director, request, at=CLOCK.now())
        request = done(approve(session, site.settings, director, request.id, request.sha256, at=CLOCK.now()))
        done(ask_package(session, site.settings, director, request.id, at=CLOCK.now()))
    return request


def _jobs(site: Site, failpoint: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.e2e.jobs_child", str(site.settings.data_dir), failpoint], stdin=subprocess.PIPE)


def _package(site: Site, request: ExportRequest) -> MadePackage:
    with site.central.reading() as session:
        found = made_packages.newest_of(session, request.id)
    assert found is not None
    return found


def _payloads(site: Site, segments: list[Segment]) -> bytes:
    """Return every octet of every picture that the recorder stored."""
    stored = []
    with closing(site.keys()) as keys:
        for segment in segments:
            with site.volume().segment_path(segment.id).open("rb") as file:
                records = list(SegmentReader(file, keys, segment.fragments).records())
            stored += [bytes(read_fragment(record).payload) for record in records[1:]]
    return b"".join(stored)


def test_what_was_recorded_leaves_as_it_was_though_the_jobs_are_killed_twice(tmp_path: Path, cameras: Cameras) -> None:
    """By `kill -9`: when a package was begun, and when it was whole but for the word that it is. Nobody else's footage is in it."""
    with a_site(tmp_path / "data") as site:
        door, _ = _recorded(site, cameras)
        segments = site.segments(stream_of(door))[:SEGMENTS]
        with site.central.writing() as session:
            people = staff(session)
        request = _asked_for(site, people, segments, door)

        for tries, step in enumerate(("package:begun", "package:built"), 1):
            with _jobs(site, step) as killed:
                assert killed.wait(60) == -signal.SIGKILL
            left = _package(site, request)
            assert (left.state, left.tries) == (PackageState.MAKING, tries)
        with _jobs(site) as jobs:
            made = wait_until(lambda: None if (found := _package(site, request)).state is PackageState.MAKING else found, seconds=60)
            jobs.communicate(timeout=30)
        assert (made.state, made.tries) == (PackageState.READY, 3), made.sentence
        assert [path.name for path in site.settings.packages_dir.iterdir() if path.is_dir()] == [str(made.id)]

        folder = _handed_over(site, people, request, tmp_path / "stick")
        videos = sorted(folder.rglob("*.mp4"))
        assert b"".join(octets for video in videos for _, octets, _ in packets(video)) == _payloads(site, segments)
        assert _verdict(folder) == 0
        with videos[0].open("r+b") as file:
            file.seek(videos[0].stat().st_size // 2)
            octet = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([octet[0] ^ 1]))
        assert _verdict(folder) == 1


@pytest.mark.long
def test_the_package_of_a_sealed_request_waits_for_a_checkpoint_of_the_hub(tmp_path: Path, cameras: Cameras) -> None:
    """The jobs sign at their end, besides every five minutes; so many of the request's entries as one has room for get their numbers."""
    with a_site(tmp_path / "data") as site:
        door, _ = _recorded(site, cameras)
        with site.central.writing() as session:
            people = staff(session)
        request = _asked_for(site, people, site.segments(stream_of(door))[:SEGMENTS], door, sealed=True)
        for state in (PackageState.PROVING, PackageState.READY):
            with _jobs(site) as jobs:
                wait_until(lambda state=state: _package(site, request).state is state, seconds=60)  # type: ignore[misc]
                jobs.communicate(timeout=30)
            for _ in range(2):
                with _jobs(site) as jobs:
                    jobs.communicate(timeout=30)
        assert _verdict(_handed_over(site, people, request, tmp_path / "stick")) == 0


def _handed_over(site: Site, people: Staff, request: ExportRequest, stick: Path) -> Path:
    stick.mkdir()
    handover = Handover(stick, Medium("SanDisk Ultra", "4C530001"), "Det. R. Alvarez, in person")
    director = at_work(people.director, CLOCK.now())
    return done(release_by_hand(site.central, site.settings, director, request.id, handover, clock=CLOCK))[1]


def _verdict(folder: Path) -> int:
    """Return what the program in the package says of it, run as its recipient does, by a Python that knows nothing of ours."""
    key = (folder / "keys" / "district.vkey").read_text().strip()
    command = [sys.executable, "-I", str(folder / "verify.py"), str(folder), "--key", key]
    return subprocess.run(command, capture_output=True, check=False).returncode
