"""An RTSPS camera on the command line: test, compare, add with the fingerprint, edit when it changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recorder.demo.certificate import DemoCertificate, self_signed
from tests.factories import CONSOLE
from tests.fakes.cameras import PASSWORD, USERNAME
from tests.recorder.site import Cameras
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.certificate import spelled_fingerprint
from vms.services.district import District
from vms.services.installation import Installation, install

pytestmark = pytest.mark.slow

OTHER = spelled_fingerprint(bytes(32))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    installation = Installation(district, extra_settings=(("allow_loopback_cameras", True),))
    return install(tmp_path / "data", installation, actor=CONSOLE, clock=SystemClock())


@pytest.fixture(scope="module")
def certificate() -> DemoCertificate:
    return self_signed("staff door", at=SystemClock().now())


@pytest.fixture(scope="module")
def secured(certificate: DemoCertificate) -> Iterator[Cameras]:
    made = Cameras(1, certificate=certificate)
    yield made
    made.close()


def vms(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *arguments], input=f"{PASSWORD}\n")


def test_a_camera_is_tested_compared_added_and_its_new_certificate_given(
    settings: Settings, secured: Cameras, certificate: DemoCertificate
) -> None:
    fingerprint = spelled_fingerprint(certificate.sha256)
    path = secured.demo.path(secured.demo.keys[0])
    where = ("--url", f"rtsps://127.0.0.1:{secured.demo.port}{path}", "--user", USERNAME, "--password-stdin")
    vms(settings, "branch", "add", "Central")

    unknown = vms(settings, "camera", "test", *where)
    assert unknown.exit_code == 2
    assert f"Certificate (SHA-256): {fingerprint}" in unknown.stdout
    assert "Certificate is of: CN=staff door" in unknown.stdout

    refused = vms(settings, "camera", "add", "Staff door", "--branch", "Central", *where)
    assert (refused.exit_code, "none is trusted yet" in refused.stderr) == (2, True)

    wrong = vms(settings, "camera", "add", "Staff door", "--branch", "Central", *where, "--certificate", OTHER, "--json")
    assert (wrong.exit_code, json.loads(wrong.stdout)["certificate"]) == (0, OTHER)
    changed = json.loads(vms(settings, "camera", "test", "Staff door", "--json").stdout)
    assert (changed["kind"], changed["certificate"]["fingerprint"]) == ("certificate_changed", fingerprint)

    assert vms(settings, "camera", "edit", "Staff door", "--certificate", fingerprint).exit_code == 0
    assert json.loads(vms(settings, "camera", "test", "Staff door", "--json").stdout)["kind"] == "ok"


def test_a_fingerprint_that_is_none_is_one_sentence(settings: Settings) -> None:
    said = vms(settings, "camera", "test", "--url", "rtsps://10.1.2.3/main", "--certificate", "AB:CD")
    assert said.exit_code == 2
    assert "no SHA-256 fingerprint" in said.stderr
