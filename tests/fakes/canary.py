"""A network of its own whose only way out leads to a canary: it answers nothing and tells every packet that came."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_ALL_PROTOCOLS = 3
_OUTGOING = 4
_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_HOP_BY_HOP, _ICMPV6 = 0, 58
NAME_SERVER = "192.0.2.53"


@dataclass(frozen=True, slots=True)
class Canary:
    namespace: str
    resolv_conf: Path
    _sock: socket.socket

    def inside(self, *command: str) -> list[str]:
        """Return the command that runs `command` in that network, with a name server that stands outside."""
        mount = f'mount --bind "{self.resolv_conf}" /etc/resolv.conf && exec "$@"'
        return ["ip", "netns", "exec", self.namespace, "sh", "-c", mount, "sh", *command]

    def packets(self) -> list[str]:
        """Return what came since the last call, each packet as its kind and where it wanted to go."""
        return [told for told in self._frames() if told]

    def _frames(self) -> Iterator[str]:
        while True:
            try:
                frame, (_, _, kind, *_rest) = self._sock.recvfrom(65536)
            except BlockingIOError:
                return
            if kind != _OUTGOING:
                yield _told(frame)


@contextmanager
def canary(folder: Path) -> Iterator[Canary]:
    """Make the network and take it away again; skips, with the reason, where that is not possible."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2")
    name = f"canary{os.getpid()}"
    outer, inner = f"co{os.getpid()}", f"ci{os.getpid()}"
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        Path(f"/proc/sys/net/ipv6/conf/{outer}/disable_ipv6").write_text("1")
        _ip("link", "set", outer, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "set", inner, "up")
        mac = Path(f"/sys/class/net/{outer}/address").read_text().strip()
        for address, way_out in (("192.0.2.2/24", "192.0.2.1"), ("2001:db8::2/64", "2001:db8::1")):
            nodad = ["nodad"] if ":" in address else []
            _ip("-n", name, "address", "add", address, "dev", inner, *nodad)
            _ip("-n", name, "neighbour", "add", way_out, "lladdr", mac, "dev", inner, "nud", "permanent")
            _ip("-n", name, "route", "add", "default", "via", way_out)
        # 192.0.2.53 lies in the same network: it is to be heard of as well.
        _ip("-n", name, "neighbour", "add", NAME_SERVER, "lladdr", mac, "dev", inner, "nud", "permanent")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS)) as sock:
            sock.bind((outer, _ALL_PROTOCOLS))
            sock.setblocking(False)
            yield Canary(name, resolv_conf, sock)
    finally:
        _ip("netns", "delete", name)  # both ends go with it


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _told(frame: bytes) -> str:
    kind = int.from_bytes(frame[12:14])
    if kind == _IPV4:
        return f"protocol {frame[23]} to {ipaddress.ip_address(frame[30:34])}"
    if kind == _IPV6:
        # Neighbours and multicast groups are the kernel's own, whoever runs in the network.
        return "" if frame[20] in (_HOP_BY_HOP, _ICMPV6) else f"protocol {frame[20]} to {ipaddress.ip_address(frame[38:54])}"
    return f"ARP for {ipaddress.ip_address(frame[38:42])}" if kind == _ARP else f"frame of kind {kind:04x}"
