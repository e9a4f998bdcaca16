"""T18: what listens, and that nothing of it answers with data to who has not said who they are; loopback included."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.bench.process_tree import tree
from tests.product import CameraProcess, Product, free_port
from tests.waiting import is_listening, wait_until
from tests.web.test_permissions import _bare, _path
from vms.domain.people import Permission
from web.permissions import Declared, declared_permissions

pytestmark = pytest.mark.slow

CAMERA = "Vault, north door"
_LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
HTTP_ROUTES = [route for route in declared_permissions(_bare()) if route.methods != ("WEBSOCKET",)]
NODE_PATHS = ("/v1/states", "/v1/timeline?stream=1&start=0&end=9", "/v1/streams/1/fragments?start=0&end=9", "/", "/docs")


@dataclass(frozen=True)
class Running:
    product: Product
    pages: int
    metrics: int
    pids: list[int]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("listeners")
    pages, metrics = free_port(), free_port()
    product = Product(folder / "data", VMS_METRICS_LISTEN=f"127.0.0.1:{metrics}")
    product.init()
    with CameraProcess(folder) as cameras:
        cameras.add_to(product, name=CAMERA)
        with product.running("up", "--listen", f"127.0.0.1:{pages}") as up:
            wait_until(lambda: product.must("status", "--json").document()["cameras"][0]["state"] == "recording", seconds=90)
            wait_until(lambda: is_listening(product.data / "run" / "node.sock"), seconds=60)
            wait_until(lambda: _answers(pages), seconds=60)
            yield Running(product, pages, metrics, list(tree(up.process.pid)))


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _sockets(pids: list[int]) -> set[str]:
    """Return the inodes of every socket that these processes hold."""
    found = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(handle.readlink())
            except FileNotFoundError:
                continue  # closed meanwhile
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def _ports(pids: list[int]) -> set[tuple[str, str, int]]:
    """Return kind, address and port of everything that these processes listen on."""
    held, found = _sockets(pids), set()
    for kind, state in _LISTENING.items():
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in held and fields[3] == state:
                address, port = fields[1].split(":")
                found.add((kind, socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address, int(port, 16)))
    return found


def test_nothing_listens_but_what_the_guide_names(running: Running) -> None:
    assert _ports(running.pids) == {("tcp", "127.0.0.1", running.pages), ("tcp", "127.0.0.1", running.metrics)}


def test_the_sockets_on_disk_are_in_a_folder_of_their_own_users(running: Running) -> None:
    held = _sockets(running.pids)
    listening = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    paths = {Path(fields[7]) for fields in listening if len(fields) > 7 and fields[6] in held and fields[3] == "00010000"}
    run = running.product.data / "run"
    assert {path.parent for path in paths} == {run}
    assert run / "node.sock" in paths
    assert run.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("route", HTTP_ROUTES, ids=lambda route: f"{route.methods[0]} {route.path}")
def test_a_stranger_gets_no_data_from_the_pages(running: Running, route: Declared) -> None:
    for method in route.methods:
        answer = httpx.request(method, f"http://127.0.0.1:{running.pages}{_path(route.path)}", headers={"sec-fetch-site": "same-origin"})
        if route.permission is not Permission.PUBLIC:
            assert answer.status_code in (303, 401), answer.text
        assert answer.status_code < 500
        assert CAMERA not in answer.text


@pytest.mark.parametrize("path", NODE_PATHS)
def test_the_node_answers_nobody_without_a_grant(running: Running, path: str) -> None:
    transport = httpx.HTTPTransport(uds=str(running.product.data / "run" / "node.sock"))
    with httpx.Client(transport=transport, base_url="http://node") as caller:
        for headers in ({}, {"authorization": "Grant none"}, {"authorization": "Bearer none"}):
            assert caller.get(path, headers=headers).status_code in (401, 403, 404, 422)


def test_the_metrics_tell_no_people_and_no_addresses(running: Running) -> None:
    told = httpx.get(f"http://127.0.0.1:{running.metrics}/metrics").text
    assert "custodian_recorder_up" in told
    assert "rtsp" not in told
    assert httpx.get(f"http://127.0.0.1:{running.metrics}/other").status_code == 404
