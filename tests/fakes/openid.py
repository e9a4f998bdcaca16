"""A real OpenID provider as a process on loopback: npm oidc-provider, installed once from the lock file beside its script."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hatch_build

HERE = Path(__file__).parent / "oidc"
CACHE = Path(__file__).parents[2] / ".cache"
CLIENT = "custodian:1"
SECRET = "a secret with spaces & + signs"
_FILES = ("package.json", "package-lock.json")


@contextmanager
def openid_provider(redirect_uri: str) -> Iterator[str]:
    """Run a provider that knows one client, and yield its issuer."""
    command = [hatch_build._node(), str(HERE / "provider.mjs"), str(_installed()), CLIENT, SECRET, redirect_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            issuer = process.stdout.readline().strip()
            assert issuer.startswith("http://127.0.0.1:"), "the provider did not start; its words are above"
            yield issuer
        finally:
            process.terminate()


def _installed() -> Path:
    """Return the folder with the provider's packages; what several processes install at once, one of them keeps."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _FILES)).hexdigest()[:16]
    folder = CACHE / f"oidc-{digest}"
    if not folder.is_dir():
        CACHE.mkdir(exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix="oidc-", dir=CACHE))
        for name in _FILES:
            shutil.copy(HERE / name, making)
        _npm_ci(making)
        try:
            making.rename(folder)
        except OSError:
            shutil.rmtree(making)
    return folder


def _npm_ci(folder: Path) -> None:
    node = hatch_build._node()
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    command = [node, str(hatch_build._npm(node)), "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
