"""An installation of one's own: IT adds a camera on the page, Desk watches it, and it stops: wall, playback and reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import Watched, keep_picture, watching
from tests.browser.picture import apart_s, code_of
from tests.product import CameraProcess, Product, free_port
from tests.waiting import is_listening, wait_until

pytestmark = pytest.mark.slow

DESK = ("d.nakamura", "a long enough password")
IT = ("t.okafor", "another long password")


@dataclass(frozen=True)
class Site:
    """A running installation with one camera that can be told to fail."""

    product: Product
    cameras: CameraProcess
    origin: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything as IT sets it up by the command line, with the shipped settings."""
    folder = tmp_path_factory.mktemp("gap")
    product, port = Product(folder / "data"), free_port()
    product.init()
    for (name, password), role in ((DESK, "desk"), (IT, "it")):
        product.must("user", "add", name, "--role", role, "--password-stdin", stdin=password + "\n")
    with CameraProcess(folder) as cameras:
        cameras.add_to(product)
        with product.running("up", "--listen", f"127.0.0.1:{port}"):
            wait_until(lambda: product.must("status", "--json").document()["cameras"][0]["state"] == "recording", seconds=60)
            wait_until(lambda: is_listening(product.data / "run" / "node.sock"), seconds=60)
            yield Site(product, cameras, f"http://localhost:{port}")


@pytest.fixture(scope="module")
def desk(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    yield from _signed_in(browser, site, DESK, "**/live")


@pytest.fixture(scope="module")
def it(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    yield from _signed_in(browser, site, IT, "**/cameras")


def _signed_in(browser: Browser, site: Site, account: tuple[str, str], home: str) -> Iterator[BrowserContext]:
    """Yield a browser in which somebody signed in by name and password."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    wait_until(lambda: _answers(site.origin, context), seconds=60)
    with watching(context) as watched:
        page = watched.page
        page.goto(f"{site.origin}/login")
        page.get_by_label("Name").fill(account[0])
        page.get_by_label("Password").fill(account[1])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/account")  # a password alone opens nothing else
        page.get_by_role("link", name="Set up an authenticator").click()
        page.get_by_role("button", name="Set up an authenticator").click()
        page.get_by_label("Code").fill(pyotp.TOTP(page.locator("p.mono").inner_text().replace(" ", "")).now())
        page.get_by_role("button", name="Finish").click()
        page.get_by_role("link", name="Go on").click()
        page.wait_for_url(home)
    yield context
    context.close()


@pytest.fixture
def watched(desk: BrowserContext) -> Iterator[Watched]:
    with watching(desk) as watched:
        yield watched


@pytest.fixture
def workbench(it: BrowserContext) -> Iterator[Watched]:
    with watching(it) as watched:
        yield watched


def _answers(origin: str, context: BrowserContext) -> bool:
    try:
        return context.request.get(f"{origin}/healthz").ok
    except PlaywrightError:
        return False


def _timeline(watched: Watched, site: Site) -> dict[str, Any]:
    request = watched.page.request
    camera = request.get(f"{site.origin}/api/v1/cameras").json()["cameras"][0]["id"]
    now = datetime.now(UTC)
    window: dict[str, str | float | bool] = {
        "start": (now - timedelta(minutes=10)).isoformat(),
        "end": (now + timedelta(minutes=1)).isoformat(),
    }
    told: dict[str, Any] = request.get(f"{site.origin}/api/v1/cameras/{camera}/timeline", params=window).json()
    return told


def _clock(at_ms: int) -> str:
    """Return how the pages write a moment, in the branch's zone."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo("America/Los_Angeles")).strftime("%H:%M:%S")


def _gap(watched: Watched, site: Site, reason: str, since_ms: int) -> dict[str, Any] | None:
    """Return the gap with `reason` that began after `since_ms`, once there is one."""
    return next((gap for gap in _timeline(watched, site)["gaps"] if gap["reason"] == reason and gap["start_ms"] >= since_ms), None)


@pytest.mark.parametrize(
    ("orders", "reason", "sentence"),
    [
        (["freeze"], "silent", "Camera connected, but sent no pictures."),
        (["refuse", "drop"], "offline", "Camera offline."),
    ],
)
def test_a_camera_that_stops_is_greyed_on_the_wall_and_its_gap_tells_why_in_playback(
    watched: Watched, site: Site, orders: list[str], reason: str, sentence: str
) -> None:
    """Frozen or gone, its last picture never looks live; playback jumps the gap and names its reason."""
    page = watched.page
    page.goto(f"{site.origin}/live")
    tile = page.locator("vms-tile").first
    expect(tile).to_have_attribute("data-state", "live", timeout=20_000)
    since_ms = _timeline(watched, site)["now_ms"] - 2000
    for order in orders:
        site.cameras.tell(order)
    expect(tile).to_have_attribute("data-state", "no-picture", timeout=20_000)
    expect(tile).to_contain_text("No picture since")
    keep_picture(page, f"no-picture-{reason}")
    wait_until(lambda: _gap(watched, site, reason, since_ms), seconds=40)
    site.cameras.tell("resume")
    expect(tile).to_have_attribute("data-state", "live", timeout=60_000)
    gap = wait_until(lambda: gap if (gap := _gap(watched, site, reason, since_ms)) and gap["end_ms"] else None, seconds=30)
    assert gap["sentence"] == sentence

    camera = page.request.get(f"{site.origin}/api/v1/cameras").json()["cameras"][0]["id"]
    page.goto(f"{site.origin}/playback?camera={camera}&t={gap['start_ms'] + 500}")
    page.locator("[data-purpose=incident]").click()
    expect(page.locator(".toast")).to_contain_text(sentence, timeout=20_000)
    stage = page.locator(".stage")
    wait_until(lambda: page.locator(".when .at").inner_text() > _clock(gap["end_ms"]))
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="5 seconds back").click()
    expect(stage).to_have_attribute("data-screen", "gap")
    expect(stage).to_contain_text(sentence)
    keep_picture(page, f"gap-{reason}")
    page.get_by_role("link", name="Go to").click()
    video = page.locator("video[data-current]")
    wait_until(lambda: apart_s(code_of(video), gap["end_ms"]) < 0.5)


def test_it_tries_a_camera_mends_the_password_and_adds_it(workbench: Watched, site: Site) -> None:
    """A wrong password is told and nothing is saved; the right one gives a verdict; the new camera records within seconds."""
    page = workbench.page
    page.goto(f"{site.origin}/cameras/new")
    for name, entry in {
        "name": "Second entrance",
        "host": "127.0.0.1",
        "port": str(site.cameras.port),
        "main_path": site.cameras.cameras[0]["sub"],
        "username": CameraProcess.USERNAME,
        "password": "not the password",
    }.items():
        page.locator(f"#{name}").fill(entry)
    page.get_by_role("button", name="Test now").click()
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("password", timeout=20_000)
    keep_picture(page, "camera-refused")
    page.locator("#password").fill(CameraProcess.PASSWORD)
    page.get_by_role("button", name="Test now").click()
    expect(verdict).to_contain_text("640", timeout=30_000)
    keep_picture(page, "camera-verdict")
    page.get_by_role("button", name="Add and start recording").click()
    page.wait_for_url("**/cameras?*")
    row = page.get_by_role("row").filter(has_text="Second entrance")
    expect(row).to_contain_text("Recording", timeout=30_000)
    expect(row.locator("[data-state]")).to_have_attribute("data-state", "recording")


def test_it_trusts_the_certificate_of_an_rtsps_camera_and_adds_it(workbench: Watched, site: Site, tmp_path: Path) -> None:
    """The port follows the scheme; the first test shows the fingerprint, ticked it lets the second one in; another host takes it back."""
    page = workbench.page
    with CameraProcess(tmp_path, more=["--tls"]) as secured:
        assert secured.certificate is not None
        page.goto(f"{site.origin}/cameras/new")
        page.locator("#scheme").select_option("rtsps")
        expect(page.locator("#port")).to_have_value("322")
        for name, entry in {
            "name": "Staff door",
            "host": "127.0.0.1",
            "port": str(secured.port),
            "main_path": secured.cameras[0]["sub"],
            "username": secured.USERNAME,
            "password": secured.PASSWORD,
        }.items():
            page.locator(f"#{name}").fill(entry)
        page.get_by_role("button", name="Test now").click()
        verdict, tick = page.locator("#verdict"), page.get_by_label("Trust this camera’s certificate")
        expect(verdict).to_contain_text("none is trusted yet", timeout=20_000)
        expect(page.locator("#certificate")).to_contain_text(secured.certificate)
        expect(tick).not_to_be_checked()
        keep_picture(page, "certificate-unknown")
        page.locator("#host").fill("127.0.0.2")
        expect(tick).to_have_count(0)
        page.locator("#host").fill("127.0.0.1")
        page.get_by_role("button", name="Test now").click()
        tick.check(timeout=20_000)
        page.get_by_role("button", name="Test now").click()
        expect(verdict).to_contain_text("640", timeout=30_000)
        page.get_by_role("button", name="Add and start recording").click()
        page.wait_for_url("**/cameras?*")
        row = page.get_by_role("row").filter(has_text="Staff door")
        expect(row.locator("[data-state]")).to_have_attribute("data-state", "recording", timeout=30_000)

        secured.tell("change_certificate")
        secured.tell("drop")
        expect(row.locator("[data-state]")).to_have_attribute("data-state", "refused", timeout=40_000)
        page.get_by_role("link", name="Staff door").click()
        expect(page.locator("#certificate")).to_contain_text(secured.certificate)
        page.get_by_role("button", name="Test now").click()
        expect(verdict).to_contain_text("instead of the trusted", timeout=20_000)
        keep_picture(page, "certificate-changed")
        tick.check()
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/cameras?done=saved")
        expect(row.locator("[data-state]")).to_have_attribute("data-state", "recording", timeout=40_000)


def test_it_renames_a_camera_and_its_password_stays(workbench: Watched, site: Site) -> None:
    """The camera's page shows its settings and never its password; what is left empty is kept."""
    page = workbench.page
    page.goto(f"{site.origin}/cameras")
    name = site.cameras.cameras[0]["name"]
    page.get_by_role("link", name=name).click()
    expect(page.locator("#password")).to_have_value("")
    page.locator("#name").fill(f"{name}, inside")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/cameras?done=saved")
    row = page.get_by_role("row").filter(has_text=f"{name}, inside")
    expect(row).to_contain_text("Recording", timeout=30_000)


def test_a_wrong_address_is_told_at_its_field_and_keeps_the_entries(workbench: Watched, site: Site) -> None:
    """Nothing typed is lost but the password, nothing is half-saved."""
    page = workbench.page
    workbench.foresee(422)
    page.goto(f"{site.origin}/cameras/new")
    page.locator("#name").fill("Gate")
    page.locator("#host").fill("169.254.1.1")
    page.locator("#main_path").fill("/stream1")
    page.get_by_role("button", name="Add and start recording").click()
    expect(page.locator("#host-fault")).to_contain_text("link-local")
    assert page.locator("#name").input_value() == "Gate"
    page.goto(f"{site.origin}/cameras")
    expect(page.get_by_role("table")).not_to_contain_text("Gate")
