"""The central database on PostgreSQL: the same commands, a recorder and pages over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.databases import Cluster
from tests.product import CameraProcess, Product, free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_an_installation_on_postgresql_records_and_shows(tmp_path: Path, cluster: Cluster, new_role: Callable[..., str]) -> None:
    """No central.db is made; status comes from the recorder's reports in PostgreSQL; a person signs in by a role that changes no log."""
    database, role = cluster.new_database(), new_role()
    urls = {"VMS_DATABASE_URL": cluster.url(database), "VMS_WEB_DATABASE_URL": cluster.url(database, role=role)}
    product = Product(tmp_path / "data", **urls)
    product.init()
    product.must("user", "add", "t.okafor", "--role", "it", "--password-stdin", stdin="a long enough password\n")
    origin = f"http://127.0.0.1:{free_port()}"
    with CameraProcess(tmp_path) as cameras:
        cameras.add_to(product)
        with product.running("up", "--listen", origin.removeprefix("http://")):
            wait_until(lambda: _states(product) == ["recording"], seconds=60)
            wait_until(lambda: _answers(origin), seconds=60)
            signed_in = httpx.post(
                f"{origin}/api/v1/session",
                json={"name": "t.okafor", "password": "a long enough password"},
                headers={"origin": origin, "sec-fetch-site": "same-origin"},
            )
    assert signed_in.status_code == 200
    assert signed_in.json()["role"] == "it"
    assert not (product.data / "central.db").exists()
    assert product.must("check", "--deep", "--json").document()["ok"] is True
    found = {one["what"]: one for one in product.vms("doctor", "--json").document()}
    assert found["web server's role"]["ok"] is True
    assert role in found["web server's role"]["detail"]
    product.must("log", "verify")


def _states(product: Product) -> list[str]:
    return [camera["state"] for camera in product.must("status", "--json").document()["cameras"]]


def _answers(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/healthz").is_success
    except httpx.TransportError:
        return False
