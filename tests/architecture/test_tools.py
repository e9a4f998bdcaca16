"""After `make setup` on Debian no test is skipped for want of a program: a skip would hide that a package was forgotten."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.conftest import CHROMIUM
from tests.databases import postgresql_tools
from tests.fakes.gst_camera import missing_parts

pytestmark = [
    pytest.mark.slow,  # `make check` needs none of these programs
    pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian: what is missing is skipped, and says so"),
]


@pytest.mark.parametrize("program", ["ffmpeg", "ffprobe", "gcc"])
def test_programs_that_the_tests_drive_are_there(program: str) -> None:
    assert shutil.which(program)


def test_the_browser_is_there() -> None:
    assert CHROMIUM


def test_postgresql_is_there() -> None:
    assert postgresql_tools()


def test_the_third_party_camera_server_is_there() -> None:
    assert missing_parts() is None
