"""A web process beside an OpenID provider that it signs people in by; both are real, each on a loopback port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes.openid import CLIENT, SECRET, openid_provider
from tests.web.conftest import Migrated
from tests.web.serving import loopback_socket
from tests.web.world import World, a_world
from vms.config import Settings
from vms.services.oidc_provider import CALLBACK
from vms.store import people
from vms.store.migrate import Which

ROLES = {"cameras-it": "it", "cameras-desk": "desk at Main Street", "cameras-lost": "desk at Nowhere"}


@contextmanager
def a_district(folder: Path, migrated: Migrated, host: str) -> Iterator[World]:
    """Serve the pages at the address of `host`; the provider is at 127.0.0.1, which is another site than localhost."""
    sock = loopback_socket()
    address = f"http://{host}:{sock.getsockname()[1]}"
    with openid_provider(f"{address}{CALLBACK}") as issuer, a_world(oidc_settings(folder, migrated, address, issuer), sock) as world:
        world.clock.at = datetime.now(UTC)
        yield world


def oidc_settings(folder: Path, migrated: Migrated, address: str, issuer: str) -> Settings:
    settings = Settings(data_dir=folder, public_url=address, oidc_issuer=issuer, oidc_client_id=CLIENT, oidc_roles=ROLES)
    migrated(Which.CENTRAL, settings.central_path).dispose()
    settings.secrets_dir.mkdir()
    settings.oidc_secret_path.write_text(f"{SECRET}\n", encoding="utf-8")
    settings.oidc_secret_path.chmod(0o600)
    return settings


def confirmed(world: World, name: str) -> None:
    """Confirm the account that was proposed under `name`."""
    with world.site.central.writing() as session:
        found = people.credential(session, name)
        assert found is not None
        people.confirm(session, found[0], world.clock.now())
