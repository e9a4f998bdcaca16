"""What the cameras pages and their JSON show; addresses only to who sets cameras up, passwords to nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from vms.domain.brands import BRANDS
from vms.domain.camera import Address, CameraDetails, StreamRole
from vms.domain.certificate import spelled_fingerprint
from vms.domain.people import Permission, Person
from web.cameras_now import CameraNow
from web.schemas.node import NodeState

CODECS = {"avc1": "H.264", "avc3": "H.264", "hvc1": "H.265", "hev1": "H.265"}


class CameraRow(TypedDict):
    id: int
    name: str
    branch: str
    area: str
    address: str
    main: str
    mbit: float | None
    state: str
    state_since: datetime | None
    recorded_share: float | None


def row(one: CameraNow) -> CameraRow:
    figures = one.figures
    camera = one.details.camera
    return CameraRow(
        id=camera.id,
        name=camera.name,
        branch=one.details.branch.name,
        area=area_of(one.details) or "",
        address=spelled(one.details.device.address),
        main=_sends(figures) if figures else "",
        mbit=figures.bitrate / 1e6 if figures and figures.bitrate else None,
        state=one.state.value,
        state_since=one.since,
        recorded_share=100 * figures.recorded_s / figures.expected_s if figures and figures.expected_s else None,
    )


def _sends(figures: NodeState) -> str:
    """Spell what a stream sends, as "1280 × 720 H.264"."""
    codec = CODECS.get(figures.codec.partition(".")[0], figures.codec)
    return f"{figures.width} × {figures.height} {codec}" if codec else ""


def fits(one: CameraNow, *, text: str, branch: str, state: str) -> bool:
    """Say whether the filter of the cameras page keeps this camera."""
    words = f"{one.details.camera.name} {area_of(one.details) or ''} {spelled(one.details.device.address)}".casefold()
    return text.casefold().strip() in words and branch in ("", str(one.details.branch.id)) and state in ("", one.state.value)


def document(one: CameraNow, person: Person) -> dict[str, object]:
    """Return a camera as the API shows it to `person`."""
    details = one.details
    camera, branch = details.camera, details.branch
    shown: dict[str, object] = {
        "id": camera.id,
        "name": camera.name,
        "branch": {"id": branch.id, "name": branch.name, "zone": branch.timezone},
        "area": area_of(details),
        "streams": [stream.role.value for stream in camera.streams],
        "recording_mode": camera.recording_mode.value,
        "state": one.state.value,
        "since_ms": one.since_ms,
        "sentence": one.sentence,
    }
    return shown | _settings(one) if person.may(Permission.CAMERA_MANAGE) else shown


def form_of(details: CameraDetails) -> dict[str, object]:
    """Return the entries of the form for a camera as it is."""
    camera, where = details.camera, details.device.address
    return {
        "name": camera.name,
        "branch": details.branch.id,
        "area": area_of(details) or "",
        "scheme": where.scheme.value,
        "host": where.host,
        "port": where.port,
        "username": details.device.username,
        "main_path": path_of(details, StreamRole.MAIN),
        "sub_path": path_of(details, StreamRole.SUB),
        "certificate": "",
        "recording_mode": camera.recording_mode.value,
        "priority": camera.priority.value,
        "brand": "",
    }


def area_of(details: CameraDetails) -> str | None:
    return None if details.area is None else details.area.name


def trusted(details: CameraDetails) -> str | None:
    """Return the fingerprint of the certificate trusted over rtsps."""
    certificate = details.device.certificate_sha256
    return spelled_fingerprint(certificate) if certificate else None


def brands() -> Sequence[Mapping[str, str]]:
    return [{"key": one.key, "label": one.label, "main": one.main_path, "sub": one.sub_path, "hint": one.hint} for one in BRANDS]


def path_of(details: CameraDetails, role: StreamRole) -> str:
    stream = details.camera.stream(role)
    return stream.path if stream else ""


def spelled(where: Address) -> str:
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{host}:{where.port}"


def _settings(one: CameraNow) -> dict[str, object]:
    details = one.details
    device = details.device
    return {
        "detail": one.detail,
        "scheme": device.address.scheme.value,
        "host": device.address.host,
        "port": device.address.port,
        "username": device.username,
        "has_password": bool(device.password_sealed),
        "certificate": trusted(details),
        "main_path": path_of(details, StreamRole.MAIN),
        "sub_path": path_of(details, StreamRole.SUB),
        "priority": details.camera.priority.value,
        "paused_until": None if details.camera.pause is None else details.camera.pause.until.isoformat(),
        "version": details.camera.version,
    }
