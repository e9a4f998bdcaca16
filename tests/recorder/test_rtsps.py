"""Cameras over RTSPS with the real recorder: recorded under the trusted certificate, refused under another, back when it is trusted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recorder.demo.certificate import DemoCertificate, self_signed
from recorder.probe import examine
from tests.factories import CONSOLE, done
from tests.fakes.cameras import PASSWORD, USERNAME, tiny_cameras
from tests.recorder.site import CLOCK, Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.domain.camera import Address, CameraDetails, Scheme
from vms.domain.certificate import fingerprint, shortened_fingerprint
from vms.domain.footage import GapReason
from vms.services.cameras import CameraEdit, edit_camera

pytestmark = pytest.mark.slow


@pytest.fixture
def certificate() -> DemoCertificate:
    return self_signed("entrance camera", at=CLOCK.now())


@pytest.fixture
def secured(certificate: DemoCertificate) -> Iterator[Cameras]:
    made = Cameras(1, certificate=certificate)
    yield made
    made.close()


def trust(site: Site, camera: CameraDetails, certificate: DemoCertificate) -> None:
    with site.central.writing() as session:
        edit = CameraEdit(version=camera.camera.version, certificate_sha256=certificate.sha256)
        done(edit_camera(session, CONSOLE, camera.camera.id, edit, at=CLOCK.now(), allow_loopback=True))


def test_a_changed_certificate_is_refused_and_shown_until_it_is_trusted(site: Site, secured: Cameras, certificate: DemoCertificate) -> None:
    key = secured.demo.keys[0]
    camera = site.add_camera("Entrance", secured.demo.port, secured.demo.path(key), certificate=certificate)
    stream = stream_of(camera)
    site.start()
    site.wait_for_segments(stream, 2)

    changed = secured.change_certificate()
    wait_until(lambda: site.state(stream) == "refused", seconds=20)
    shown = str(site.states()[stream]["detail"])
    assert shortened_fingerprint(certificate.sha256) in shown
    assert shortened_fingerprint(changed.sha256) in shown
    wait_until(lambda: GapReason.REFUSED in {gap.reason for gap in site.gaps(stream)})
    before = len(site.segments(stream))

    trust(site, camera, changed)
    wait_until(lambda: site.state(stream) == "recording", seconds=40)
    site.wait_for_segments(stream, before + 1)
    assert site.stop() == 0
    assert len(site.runs(stream)) == 2
    assert site.check().ok


@pytest.mark.asyncio
async def test_a_test_shows_an_unknown_certificate_and_with_it_trusted_what_the_camera_sends(certificate: DemoCertificate) -> None:
    async with tiny_cameras(1, certificate=certificate) as demo:
        where, path = Address(Scheme.RTSPS, "127.0.0.1", demo.port), demo.path(demo.keys[0])
        unknown = await examine(where, path, username=USERNAME, password=PASSWORD, allow_loopback=True, clock=CLOCK)
        assert (unknown.kind, unknown.ok) == ("certificate_unknown", False)
        assert unknown.certificate is not None
        assert unknown.certificate.subject == "CN=entrance camera"
        assert unknown.certificate.fingerprint in "\n".join(unknown.lines())
        trusted = fingerprint(unknown.certificate.fingerprint)
        assert trusted == certificate.sha256
        known = await examine(where, path, username=USERNAME, password=PASSWORD, allow_loopback=True, clock=CLOCK, certificate=trusted)
        assert (known.kind, known.width, known.certificate) == ("ok", 320, None)
