"""Metrics: what a monitoring system is told, and that nobody is told anything who was not asked for."""

from __future__ import annotations

import math
from pathlib import Path

import httpx
import pytest

from tests.fakes.cameras import PASSWORD, USERNAME
from tests.recorder.site import Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.config import Settings

pytest.importorskip("prometheus_client")

from recorder.metrics import Told, exposition

STREAM: dict[str, object] = {
    "stream_id": 5,
    "camera_id": 11,
    "camera": "Main St “entrance”",
    "role": "main",
    "state": "recording",
    "expected_s": 3600.0,
    "recorded_s": 3590.5,
    "bitrate": 4_000_000,
    "lost_packets": 3,
    "queued_bytes": 0,
    "write_lag_ms": 250,
}


def told(text: bytes) -> dict[str, float]:
    """Return the samples by name and labels, these in the order of the alphabet."""
    samples = {}
    for line in text.decode().splitlines():
        if not line.startswith("#"):
            named, value = line.rsplit(" ", 1)
            name, brace, labels = named.partition("{")
            ordered = ",".join(sorted(labels.rstrip("}").split('",'), key=lambda label: label.partition("=")[0]))
            samples[name + brace + ordered.replace('"', "")] = float(value)
    return samples


def value(samples: dict[str, float], name: str, **labels: str) -> float:
    found = [at for key, at in samples.items() if key.partition("{")[0] == name and all(f"{k}={v}" in key for k, v in labels.items())]
    assert len(found) == 1, (name, labels, sorted(samples))
    return found[0]


def test_a_stream_is_told_with_what_was_due_and_what_was_recorded() -> None:
    samples = told(exposition(Told([STREAM], [])))

    assert value(samples, "custodian_stream_expected_seconds", stream_id="5") == 3600.0
    assert value(samples, "custodian_stream_recorded_seconds", stream_id="5") == 3590.5
    assert value(samples, "custodian_stream_lost_packets_total", camera_id="11") == 3
    assert value(samples, "custodian_stream_write_lag_seconds", role="main") == 0.25
    assert value(samples, "custodian_stream_state", state="recording") == 1
    assert value(samples, "custodian_stream_state", state="stalled") == 0


def test_a_volume_that_is_not_there_has_a_condition_and_no_room(tmp_path: Path) -> None:
    there: dict[str, object] = {"id": "a", "path": str(tmp_path), "condition": "ok"}
    gone: dict[str, object] = {"id": "b", "path": str(tmp_path / "gone"), "condition": "failed"}
    samples = told(exposition(Told([], [there, gone])))

    assert value(samples, "custodian_volume_free_bytes") > 0
    assert value(samples, "custodian_volume_condition", volume="b", condition="failed") == 1
    assert value(samples, "custodian_volume_condition", volume="a", condition="failed") == 0


def test_room_that_nothing_fills_lasts_without_end() -> None:
    room: dict[str, object] = {"watermark": "low", "bytes": 5_000_000, "hours": 2.5, "full_in_hours": None}
    samples = told(exposition(Told([], [], room)))

    assert value(samples, "custodian_room_bytes") == 5_000_000
    assert value(samples, "custodian_room_hours") == 2.5
    assert value(samples, "custodian_room_full_in_hours") == math.inf
    assert value(samples, "custodian_room_watermark", watermark="low") == 1
    assert value(samples, "custodian_room_watermark", watermark="critical") == 0
    assert "custodian_room_bytes" not in told(exposition(Told([], [])))


def test_a_recorder_that_does_not_answer_is_down() -> None:
    assert told(exposition(Told([], [])))["custodian_recorder_up"] == 0


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "10.20.1.2:9464", "[::]:9464", "branch-server:9464"])
def test_metrics_are_for_this_machine_alone(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Settings(data_dir=tmp_path, metrics_listen=listen)


@pytest.mark.slow
def test_a_recorder_at_work_tells_its_metrics_and_no_secret(site: Site, cameras: Cameras, unused_tcp_port: int) -> None:
    demo = cameras.demo
    stream = stream_of(site.add_camera("Entrance", demo.port, demo.path(demo.keys[0])))
    site.start(VMS_METRICS_LISTEN=f"127.0.0.1:{unused_tcp_port}")
    site.wait_for_segments(stream, 1)
    address = f"http://127.0.0.1:{unused_tcp_port}"
    samples = wait_until(lambda: recording(f"{address}/metrics"))
    assert samples is not None
    text = httpx.get(f"{address}/metrics").text

    assert value(samples, "custodian_stream_recorded_seconds", stream_id=str(stream)) > 0
    assert value(samples, "custodian_volume_condition", condition="ok") == 1
    assert httpx.get(f"{address}/v1/states").status_code == 404
    assert [secret for secret in (PASSWORD, USERNAME, str(demo.port)) if secret in text] == []


def recording(url: str) -> dict[str, float] | None:
    try:
        samples = told(httpx.get(url).content)
    except httpx.TransportError:
        return None
    up = samples.get("custodian_recorder_up") == 1
    return samples if up and value(samples, "custodian_stream_bits_per_second") > 0 else None


@pytest.mark.slow
def test_a_port_that_is_taken_costs_the_metrics_and_nothing_else(site: Site, cameras: Cameras) -> None:
    demo = cameras.demo
    stream = stream_of(site.add_camera("Entrance", demo.port, demo.path(demo.keys[0])))
    site.start(VMS_METRICS_LISTEN=f"127.0.0.1:{demo.port}")
    wait_until(lambda: site.state(stream) == "recording")

    assert [line["event"] for line in site.log_lines() if line.get("level") == "error"] == ["metrics can't be served"]
