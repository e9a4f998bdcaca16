"""A real OpenID provider as a process on loopback: npm oidc-provider, installed once from the lock file beside its script."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hatch_build
from tests.fakes.npm import installed

HERE = Path(__file__).parent / "oidc"
CLIENT = "custodian:1"
SECRET = "a secret with spaces & + signs"


@contextmanager
def openid_provider(redirect_uri: str) -> Iterator[str]:
    """Run a provider that knows one client, and yield its issuer."""
    command = [hatch_build._node(), str(HERE / "provider.mjs"), str(installed(HERE)), CLIENT, SECRET, redirect_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            issuer = process.stdout.readline().strip()
            assert issuer.startswith("http://127.0.0.1:"), "the provider did not start; its words are above"
            yield issuer
        finally:
            process.terminate()
