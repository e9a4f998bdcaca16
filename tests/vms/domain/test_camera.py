"""A camera's source: fields that are checked, never a free URL."""

from __future__ import annotations

import ipaddress

import pytest

from vms.domain.camera import Address, Scheme, address, password_aad, refuse_target, stream_path
from vms.domain.ids import DeviceId

_HERE = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST")


@pytest.mark.parametrize("host", ["10.20.1.11", "fd00::11", "camera-3.branch.example.org", "cam3", "8.8.8.8"])
def test_an_address_of_a_camera_is_taken(host: str) -> None:
    assert address("rtsp", host, 554, allow_loopback=False) == Address(Scheme.RTSP, host, 554)


@pytest.mark.parametrize("host", _HERE)
def test_this_machine_is_a_camera_only_where_it_was_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="this machine"):
        address("rtsp", host, 554, allow_loopback=False)
    assert address("rtsp", host, 554, allow_loopback=True).port == 554


@pytest.mark.parametrize(
    "host",
    [
        "169.254.3.4",
        "fe80::1",
        "224.0.0.1",
        "239.255.255.250",
        "ff02::1",
        str(ipaddress.IPv4Address(0)),
        "::",
        "255.255.255.255",
        "240.0.0.1",
    ],
)
def test_an_address_that_no_camera_has_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="address"):
        refuse_target(ipaddress.ip_address(host), allow_loopback=True)


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "10.20.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "admin@10.20.1.11",
        "10.20.1.11/x",
        "[::1]",
        "a..b",
        "-cam",
        "x" * 254,
        "ca\nm",
    ],
)
def test_what_is_neither_address_nor_name_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"address|host name"):
        address("rtsp", host, 554, allow_loopback=True)


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("file", 1), ("exec", 1), ("RTSP", 554), ("rtsp", 0), ("rtsp", 65_536)])
def test_another_scheme_or_no_port_is_refused(scheme: str, port: int) -> None:
    with pytest.raises(ValueError, match=r"rtsp|port"):
        address(scheme, "10.20.1.11", port, allow_loopback=False)


def test_a_path_gets_its_slash() -> None:
    assert stream_path("stream1?profile=main") == "/stream1?profile=main"


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/../etc", "/a/../b", "/" + "x" * 600, "/\u00e9", "/\x00"])
def test_a_path_that_could_be_more_than_a_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        stream_path(path)


def test_a_password_belongs_to_its_device_host_and_port() -> None:
    here = Address(Scheme.RTSP, "10.20.1.11", 554)
    bound = {
        password_aad(DeviceId(1), here),
        password_aad(DeviceId(2), here),
        password_aad(DeviceId(1), Address(Scheme.RTSP, "10.20.1.12", 554)),
        password_aad(DeviceId(1), Address(Scheme.RTSP, "10.20.1.11", 555)),
        password_aad(DeviceId(1), Address(Scheme.RTSPS, "10.20.1.11", 554)),
    }
    assert len(bound) == 5
