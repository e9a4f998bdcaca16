"""Branches, areas, devices, cameras and their streams: where pictures come from."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vms.domain.hours import LocalHours
from vms.domain.ids import AreaId, BranchId, CameraId, DeviceId, NodeId, StreamId

MAX_PATH_CHARS = 512
DEFAULT_RTSP_PORT = 554
DEFAULT_RTSPS_PORT = 322


class Scheme(StrEnum):
    RTSP = "rtsp"
    RTSPS = "rtsps"

    @property
    def default_port(self) -> int:
        return DEFAULT_RTSPS_PORT if self is Scheme.RTSPS else DEFAULT_RTSP_PORT


class StreamRole(StrEnum):
    MAIN = "main"
    SUB = "sub"


class RecordingMode(StrEnum):
    """Whether a camera is recorded."""

    ALWAYS = "always"
    WEEKLY = "weekly"
    """In the hours that the retention policy says of its place; outside them as `LIVE_ONLY`."""
    LIVE_ONLY = "live_only"
    OFF = "off"


class Priority(StrEnum):
    """Which cameras are recorded on when there is no room for all."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class CameraState(StrEnum):
    """What a stream does now, as health shows it."""

    RECORDING = "recording"
    LIVE_ONLY = "live_only"
    CONNECTING = "connecting"
    OFFLINE = "offline"
    REFUSED = "refused"
    SILENT = "silent"
    STALLED = "stalled"
    PAUSED = "paused"
    OFF = "off"
    DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True)
class Branch:
    id: BranchId
    name: str
    timezone: str
    """IANA name, e.g. America/Los_Angeles."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of a branch, such as the entrance or the children's room."""

    id: AreaId
    branch_id: BranchId
    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device listens: fields, never a free URL. Build one through `address()`."""

    scheme: Scheme
    host: str
    """IP address or DNS name, no brackets, no user part."""
    port: int

    @property
    def netloc(self) -> str:
        """HOST:PORT as URLs have it (RFC 3986): an IPv6 address stands in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Device:
    """Hardware with one address and one credential; feeds one or more cameras by channel."""

    id: DeviceId
    branch_id: BranchId
    node_id: NodeId
    address: Address
    username: str
    """Empty when the device asks for none."""
    password_sealed: bytes
    """Sealed to the node's X25519 key (`vms.crypto`), empty when there is none; the hub can't open it."""
    certificate_sha256: bytes | None = None
    """Of the only certificate that is trusted over rtsps; None over rtsp."""


@dataclass(frozen=True, slots=True)
class Stream:
    id: StreamId
    camera_id: CameraId
    role: StreamRole
    path: str
    """Path and query of the RTSP presentation, beginning with "/"."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which a camera is neither recorded nor shown."""

    until: datetime
    """Over, when that is past."""
    reason: str

    def lasts(self, at: datetime) -> bool:
        return self.until > at


@dataclass(frozen=True, slots=True)
class Camera:
    """A logical position that survives a hardware swap."""

    id: CameraId
    branch_id: BranchId
    area_id: AreaId | None
    device_id: DeviceId
    channel: int
    """Input of the device, from 1; 1 for an ordinary camera."""
    name: str
    recording_mode: RecordingMode
    placement_approved_at: datetime | None
    removed_at: datetime | None
    streams: tuple[Stream, ...]
    version: int
    """Counts changes: an edit based on an older version is refused."""
    pause: Pause | None = None
    priority: Priority = Priority.NORMAL

    def stream(self, role: StreamRole) -> Stream | None:
        return next((stream for stream in self.streams if stream.role is role), None)


@dataclass(frozen=True, slots=True)
class CameraDetails:
    """A camera with its place and the hardware behind it."""

    camera: Camera
    branch: Branch
    device: Device
    area: Area | None = None


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """All that a node needs to record one stream; kept in its index so that it records while the hub is away."""

    stream_id: StreamId
    camera_id: CameraId
    device_id: DeviceId
    role: StreamRole
    address: Address
    path: str
    username: str
    password_sealed: bytes
    recording_mode: RecordingMode
    camera_name: str
    version: int
    """The camera's: counts its changes."""
    certificate_sha256: bytes | None = None
    """The device's."""
    pause: Pause | None = None
    priority: Priority = Priority.NORMAL
    hours: LocalHours | None = None
    """Of a camera in the mode `weekly`."""

    def is_wanted(self, now: datetime) -> bool:
        """Say whether this stream is to be recorded at that moment."""
        return mode_at(self.recording_mode, self.hours, now) is RecordingMode.ALWAYS and not (self.pause and self.pause.lasts(now))


def records_less(before: RecordingMode, after: RecordingMode) -> bool:
    """Say whether a camera would be recorded for less of the time."""
    often = {RecordingMode.ALWAYS: 2, RecordingMode.WEEKLY: 1}
    return often.get(after, 0) < often.get(before, 0)


def mode_at(mode: RecordingMode, hours: LocalHours | None, now: datetime) -> RecordingMode:
    """Return what a mode comes to at a moment: `weekly` in its hours is `always`, and outside them `live_only`."""
    if mode is not RecordingMode.WEEKLY:
        return mode
    return RecordingMode.ALWAYS if hours is None or hours.include(now) else RecordingMode.LIVE_ONLY


@dataclass(frozen=True, slots=True)
class NodeConfiguration:
    """What a node is to record; `version` grows with every change and is 0 before the first."""

    version: int
    streams: tuple[StreamConfig, ...]


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What a node reports about one of its streams."""

    stream_id: StreamId
    state: CameraState
    since: datetime
    detail: str = ""
    """One sentence for IT, free of credentials."""


def password_aad(device: DeviceId, address: Address) -> bytes:
    """Return what a device's password is sealed with: a row moved to another device or host doesn't open."""
    return f"device:{device}|{address.scheme}://{address.host}:{address.port}|password".encode()


_HOST_NAME = re.compile(r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# A name whose last label is a number is an address in disguise to a resolver: 127.1, 0x7f000001, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_PATH = re.compile(r"/[!-~]*")


def address(scheme: str, host: str, port: int, *, allow_loopback: bool) -> Address:
    """Check the fields of a camera's address; ValueError carries a sentence that says what is wrong and what to give.

    A DNS name is checked for form here; what it resolves to is checked again by `refuse_target` when it is dialled.
    """
    if scheme not in (Scheme.RTSP, Scheme.RTSPS):
        raise ValueError(f"A camera is reached by rtsp or rtsps, not {scheme!r}. Give an address like rtsp://10.20.1.11/stream1.")
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is no port. Give a number from 1 to 65535; RTSP cameras usually listen on 554.")
    if (literal := _ip(host)) is not None:
        refuse_target(literal, allow_loopback=allow_loopback)
        return Address(Scheme(scheme), str(literal), port)
    if not _HOST_NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise ValueError(f"{host!r} is neither an IP address nor a host name. Give the camera's address without user name or path.")
    if host.lower() == "localhost" and not allow_loopback:
        raise ValueError("localhost is this machine, not a camera. Give the camera's own address.")
    return Address(Scheme(scheme), host, port)


def refuse_target(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, *, allow_loopback: bool) -> None:
    """Raise ValueError when `ip` can't be a camera: loopback, link-local, multicast, unspecified, broadcast, reserved."""
    target = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped else ip
    if target.is_loopback:
        if allow_loopback:
            return
        raise ValueError(f"{ip} is this machine itself (loopback), not a camera. Give the camera's own address.")
    for kind, hit in (("link-local", target.is_link_local), ("multicast", target.is_multicast), ("unspecified", target.is_unspecified)):
        if hit:
            raise ValueError(f"{ip} is a {kind} address; no camera is recorded from there. Give the camera's own address.")
    if target.is_reserved or str(target) == "255.255.255.255":
        raise ValueError(f"{ip} is a reserved address; no camera is recorded from there. Give the camera's own address.")


def stream_path(path: str) -> str:
    """Check the path and query of a stream; ValueError says what is wrong."""
    if not path.startswith("/"):
        path = f"/{path}"
    if len(path) > MAX_PATH_CHARS:
        raise ValueError(f"The path is longer than {MAX_PATH_CHARS} characters. Copy it from the camera's own page.")
    if not _PATH.fullmatch(path) or ".." in path.split("?")[0].split("/"):
        raise ValueError(f"The path {path!r} holds a space, a control character or '..'. Copy it from the camera's own page.")
    return path


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
