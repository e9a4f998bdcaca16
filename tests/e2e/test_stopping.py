"""Stopping as people and service managers do it: Ctrl-C and SIGTERM for the whole group publish everything."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.product import CameraProcess, Product, free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "systemd"])
def test_a_signal_to_every_process_at_once_loses_no_open_segment(tmp_path: Path, number: signal.Signals) -> None:
    """No `.part` is left and index and files agree."""
    product = Product(tmp_path / "data")
    product.init()
    with CameraProcess(tmp_path) as cameras:
        cameras.add_to(product)
        with product.running("record") as recorder:
            wait_until(lambda: len(list(product.data.rglob("*.part"))) == 2, seconds=40)
            os.killpg(recorder.process.pid, number)
            assert recorder.stop() == 0
    assert list(product.data.rglob("*.part")) == []
    assert len(list(product.data.rglob("*.cseg"))) == 2
    assert product.must("check", "--deep", "--json").document() == {"ok": True, "violations": []}


def test_up_ends_its_processes_and_a_second_start_goes_on(tmp_path: Path) -> None:
    """SIGTERM to `vms up` alone; after the second start the pages answer on the same port."""
    product, listen = Product(tmp_path / "data"), f"127.0.0.1:{free_port()}"
    product.init()
    with CameraProcess(tmp_path) as cameras:
        cameras.add_to(product)
        for _start in range(2):
            with product.running("up", "--listen", listen) as up:
                wait_until(lambda: list(product.data.rglob("*.part")), seconds=40)
                assert up.stop(signal.SIGTERM) == 0
            assert list(product.data.rglob("*.part")) == []
    assert product.must("check", "--json").document()["ok"] is True


def test_up_ends_when_a_process_cannot_even_start(tmp_path: Path) -> None:
    """Here the recorder, whose sockets have no room in so long a path: its sentence, once, and exit code 2."""
    product = Product(tmp_path / ("a-very-long-name" * 6) / "data")
    product.init()
    said = product.vms("up", "--listen", f"127.0.0.1:{free_port()}")
    assert said.code == 2
    assert said.err.count("shorter path") == 1
    assert "the recorder can't start; the reason stands above" in said.err


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """`vms up` does not wander off to another port by itself."""
    product, port = Product(tmp_path / "data"), free_port()
    product.init()
    with product.running("up", "--listen", f"127.0.0.1:{port}") as up:
        up.line("Custodian runs at")
        said = product.vms("up", "--listen", f"127.0.0.1:{port}")
    assert said.code == 2
    assert f"127.0.0.1:{port}" in said.err


def test_pages_for_other_machines_need_a_certificate(tmp_path: Path) -> None:
    """Footage is never served unencrypted beyond the machine itself."""
    product = Product(tmp_path / "data")
    product.init()
    said = product.vms("up", "--listen", f"0.0.0.0:{free_port()}")
    assert said.code == 2
    assert "certificate" in said.err
