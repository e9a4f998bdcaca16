"""A package on somebody's PC: opened from the disk, in a browser without a network, it plays and is verified."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import keep_picture, watching
from tests.vms.media.recorded import LENGTH
from tests.vms.services.packaging import AT, Sources, a_hub, a_package, a_sealed_package, a_source, an_order
from tests.vms.services.tampering import SEALED_TAMPERINGS, TAMPERINGS, Tampering, five_gigabytes
from tests.vms.services.test_package_copies import black, in_hevc
from tests.vms.services.test_package_stills import moments
from vms.services.packages import Built, build_package
from vms.store.database import Engines
from vms.store.migrate import Which

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("built")
    central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
    yield a_package(central, folder)
    central.dispose()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A window without a network, which fails when a page asks for anything but a file."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000}, timezone_id="Europe/Berlin")
    context.set_offline(True)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    with watching(context) as watched:
        yield watched.page
    context.close()
    assert [url for url in asked if not url.startswith("file:")] == []


@dataclass(frozen=True, slots=True)
class Verdict:
    rows: dict[str, tuple[str, str]]
    conclusion: str


def _verified(page: Page, folder: Path, key: str, *, seconds: float = 30) -> Verdict:
    """Open our own copy of the page, as the district publishes it: the package's may be the tamperer's."""
    page.goto((Path("vms/services/package_files").resolve() / "verify.html").as_uri())
    page.set_input_files("#folder", folder)
    page.fill("#key", key)
    page.click("#go")
    page.locator("#conclusion:not(:empty)").wait_for(timeout=seconds * 1000)  # waiting by a script of ours, the page's own policy forbids
    cells = [row.locator("td").all_text_contents() for row in page.locator("#rows tr").all()]
    return Verdict({name: (outcome, detail) for name, outcome, detail in cells}, page.text_content("#conclusion") or "")


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_each_tampering_is_noticed_in_a_browser(page: Page, built: Built, tmp_path: Path, tampering: Tampering) -> None:
    folder = tmp_path / "package"
    shutil.copytree(built.folder, folder)
    tampering.act(folder)
    verdict = _verified(page, folder, built.fingerprint if tampering.told else "")
    assert verdict.rows[tampering.check][0] == tampering.outcome, verdict.rows
    assert not verdict.conclusion.startswith("VERIFIED")


def test_tampering_with_a_sealed_entry_is_noticed_in_a_browser(page: Page, central_sqlite: Engines, tmp_path: Path) -> None:
    built = a_sealed_package(central_sqlite, tmp_path)
    verdict = _verified(page, built.folder, built.fingerprint)
    assert (verdict.rows["log"][0], verdict.conclusion[:9]) == ("PASS", "VERIFIED:"), verdict.rows
    assert verdict.rows["log"][1].endswith("; it is sealed in the log")
    entry = built.folder / "log" / "entry.json"
    whole = entry.read_bytes()
    for name, tampering in SEALED_TAMPERINGS.items():
        tampering.act(built.folder)
        verdict = _verified(page, built.folder, built.fingerprint)
        assert (verdict.rows["log"][0], verdict.conclusion[:8] == "VERIFIED") == ("FAIL", False), name
        entry.write_bytes(whole)


def test_a_package_of_stills_is_verified_and_shown_without_a_script(page: Page, central_sqlite: Engines, tmp_path: Path) -> None:
    order = moments(an_order(central_sqlite))
    built = build_package(order, a_source(order), tmp_path, hub=a_hub(central_sqlite), at=AT)
    verdict = _verified(page, built.folder, built.fingerprint)
    assert {outcome for outcome, _ in verdict.rows.values()} <= {"PASS", "not checked"}, verdict.rows
    assert {verdict.rows[name][0] for name in ("signature", "digests", "copies", "time", "log")} == {"PASS"}
    assert "2 stills with a mark over them" in verdict.rows["copies"][1]
    page.goto((built.folder / "START.html").as_uri())
    shown = page.locator("img").evaluate_all("all => all.map((one) => one.complete && one.naturalWidth > 0)")
    assert shown == [True, True]


def test_a_package_that_nobody_touched_is_verified(page: Page, built: Built) -> None:
    verdict = _verified(page, built.folder, built.fingerprint)
    assert verdict.rows["recordings"] == ("PASS", "the pictures of 4 whole segments are those that were recorded")
    keep_picture(page, "package-verify")
    assert {outcome for name, (outcome, _) in verdict.rows.items() if name != "playing"} == {"PASS"}
    assert verdict.rows["playing"][0] == "not checked"
    assert verdict.conclusion == "VERIFIED: this is the package that the district released."
    assert _verified(page, built.folder, "").conclusion.startswith("NOT CONFIRMED")


def test_its_arithmetic_agrees_with_published_vectors(page: Page) -> None:
    """FIPS 180-4's and RFC 8032's own, and lengths around the size of a block, by pieces."""
    page.goto((Path("vms/services/package_files").resolve() / "verify.html").as_uri())
    assert page.evaluate("hex(sha256(utf8('abc')))") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert page.evaluate("hex(sha512(utf8('abc')))").startswith("ddaf35a193617abacc417349ae204131")
    same = """async () => {
      for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 70001]) {
        const bytes = Uint8Array.from({ length: size }, (_, at) => at * 7 + size & 255), ours = new Sha256();
        for (let at = 0; at < size; at += 61) ours.update(bytes.subarray(at, at + 61));
        const theirs = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
        const long = new Uint8Array(await crypto.subtle.digest('SHA-512', bytes));
        if (hex(ours.digest()) !== hex(theirs) || hex(sha512(bytes)) !== hex(long)) return size;
      }
      return 'all';
    }"""
    assert page.evaluate(same) == "all"
    signed = """([key, text, signature]) => {
      const octets = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (one) => parseInt(one, 16));
      const changed = octets(signature);
      changed[40] ^= 1;
      return [isSigned(octets(key), octets(text), octets(signature)), isSigned(octets(key), octets(text), changed)];
    }"""
    key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert page.evaluate(signed, [key, "72", signature]) == [True, False]


def test_everything_plays_in_order_with_local_time_and_gaps(page: Page, built: Built) -> None:
    page.goto((built.folder / "START.html").as_uri())
    assert "Footage for request 2026-014" in (page.text_content("#about") or "")
    assert [mark.get_attribute("class") for mark in page.locator("#line span").all()] == ["recorded", "missing", "recorded", "head"]
    assert "December 31, 2025 at 4:00:00 PM PST" in (page.text_content("#local") or "").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert page.text_content("#utc") == "2026-01-01 00:00:00 UTC"
    page.evaluate("""() => {
      window.played = [];
      video.addEventListener('ended', () => played.push(decodeURI(video.src).split('/').pop().slice(0, 3)), true);
      new MutationObserver(() => { if ($('gap').classList.contains('shown')) played.push('gap'); }).observe($('gap'), { attributes: true });
    }""")
    page.click("#play")
    page.locator("#gap.shown").wait_for()
    assert "the camera did not answer" in (page.text_content("#gap") or "")
    keep_picture(page, "package-start")
    page.locator("body[data-done]").wait_for(timeout=20_000)
    assert page.evaluate("played") == ["001", "gap", "002", "003"]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "names of files break on a telephone"


def test_every_video_opens_in_a_browser_and_begins_at_its_moment(page: Page, built: Built) -> None:
    told = json.loads((built.folder / "manifest.json").read_bytes())
    page.goto((built.folder / "START.html").as_uri())
    for one in told["videos"]:
        opened = """(path) => new Promise((done, fail) => {
          const made = document.createElement('video');
          made.onloadeddata = () => done([made.duration, made.videoWidth]);
          made.onerror = () => fail(made.error.message);
          made.src = path;
        })"""
        duration, width = page.evaluate(opened, one["path"])
        assert (round(duration * 90_000), width) == (one["end"] - one["shown_from"], one["width"])


def test_a_copy_plays_where_the_recording_can_not_and_says_what_it_is(page: Page, central_sqlite: Engines, tmp_path: Path) -> None:
    """Both cameras send H.265, which Chromium has no decoder for here; the second is redacted."""
    order, hevc = an_order(central_sqlite), in_hevc()
    source = Sources({scope.stream_id: hevc for scope in order.cameras})
    order = replace(order, redaction=black(order.cameras[1], until=LENGTH))
    built = build_package(order, source, tmp_path, hub=a_hub(central_sqlite), at=AT, keep_sheet=lambda _scope, _sheet: None)
    page.goto((built.folder / "START.html").as_uri())
    assert (page.text_content("#copy") or "").startswith("This is a viewing copy")
    page.evaluate("""() => {
      window.played = [];
      const name = () => decodeURI(video.src).split('/').slice(-2).join('/').slice(0, 12);
      video.addEventListener('ended', () => played.push(`${name()} ${$('copy').textContent.slice(0, 17)}`), true);
    }""")
    page.click("#play")
    page.locator("#gap.shown").wait_for()
    page.locator("#gap:not(.shown)").wait_for(state="attached")
    keep_picture(page, "package-viewing-copy")
    page.locator("body[data-done]").wait_for(timeout=20_000)
    assert page.evaluate("played") == ["viewing/001_ This is a viewing", "viewing/002_ This is a viewing", "redacted/003 This is a redacte"]
    verdict = _verified(page, built.folder, built.fingerprint)
    viewing, redacted = (
        "2 viewing copies of recordings that are here, for watching alone",
        "1 redacted copies of recordings that are not here",
    )
    assert verdict.rows["copies"] == ("PASS", f"{viewing}; {redacted}: encoded anew, not what the cameras sent")
    assert verdict.conclusion.startswith("VERIFIED")


@pytest.mark.long
def test_five_gigabytes_verify_in_a_browser(page: Page, built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(built.folder, folder)
    key = five_gigabytes(folder)
    assert _verified(page, folder, key, seconds=3000).conclusion.startswith("VERIFIED")
