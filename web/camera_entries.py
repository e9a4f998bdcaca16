"""What a person enters for a camera, on the form or as JSON: checked field by field, so that each mistake stands at its field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from vms.domain.brands import BRANDS
from vms.domain.camera import DEFAULT_RTSP_PORT, Priority, RecordingMode, Scheme, address, stream_path
from vms.domain.certificate import fingerprint
from vms.domain.ids import BranchId
from vms.domain.names import plain_name
from vms.errors import Conflict, VmsError
from vms.services.areas import ELSEWHERE, checked_area
from vms.services.cameras import CameraEdit, NewCamera
from web.numbers import id_of

_ANY_HOST = "192.0.2.1"
"""RFC 5737: stands for a good host while the other fields are checked."""
Text = Annotated[str, Field(max_length=2000)]


class CameraEntries(BaseModel):
    """The form's fields as they were typed."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, hide_input_in_errors=True)

    name: Text = ""
    branch: Text | int = ""
    area: Text = ""
    scheme: Text = Scheme.RTSP.value
    host: Text = ""
    port: Text | int = DEFAULT_RTSP_PORT
    username: Text = ""
    password: SecretStr = SecretStr("")
    main_path: Text = ""
    sub_path: Text | None = ""
    certificate: Text = ""
    """Fingerprint to trust over rtsps; empty keeps the stored one, as an empty password does."""
    recording_mode: Text = RecordingMode.ALWAYS.value
    priority: Text = Priority.NORMAL.value
    brand: Text = ""

    @model_validator(mode="after")
    def _take_usual_port(self) -> Self:
        if "port" not in self.model_fields_set and self.scheme == Scheme.RTSPS:
            self.port = Scheme.RTSPS.default_port
        return self

    @model_validator(mode="after")
    def _fill_paths(self) -> Self:
        """Take the usual paths of the chosen make where none were entered: the page does so itself where it runs scripts."""
        brand = next((one for one in BRANDS if one.key == self.brand), None)
        if brand is not None and not self.main_path and not self.sub_path:
            self.main_path, self.sub_path = brand.main_path, brand.sub_path
        return self

    @property
    def branch_id(self) -> BranchId:
        """Return the branch; ValueError when none was chosen."""
        number = id_of(str(self.branch))
        if number is None:
            raise ValueError("Choose a branch.")
        return BranchId(number)

    @property
    def port_number(self) -> int:
        """Return the port; ValueError when it is none."""
        number = id_of(str(self.port))
        if number is None:
            raise ValueError("The port is a number from 1 to 65535; RTSP cameras usually listen on 554.")
        return number

    @property
    def certificate_sha256(self) -> bytes | None:
        """Return the fingerprint; ValueError when it is none."""
        return fingerprint(self.certificate) if self.certificate else None

    def faults(self, *, allow_loopback: bool) -> dict[str, str]:
        """Return a sentence for each field that can't be used."""
        checks: dict[str, Callable[[], object]] = {
            "name": lambda: plain_name(self.name, "camera"),
            "branch": lambda: self.branch_id,
            "area": lambda: checked_area(self.area),
            "scheme": lambda: address(self.scheme, _ANY_HOST, DEFAULT_RTSP_PORT, allow_loopback=allow_loopback),
            "host": lambda: _host(self.host, allow_loopback=allow_loopback),
            "port": lambda: address(Scheme.RTSP, _ANY_HOST, self.port_number, allow_loopback=allow_loopback),
            "main_path": lambda: _main_path(self.main_path),
            "sub_path": lambda: stream_path(self.sub_path) if self.sub_path else None,
            "certificate": lambda: self.certificate_sha256,
            "recording_mode": lambda: RecordingMode(self.recording_mode),
            "priority": lambda: Priority(self.priority),
        }
        return {field: fault for field, check in checks.items() if (fault := _fault(check))}

    def new_camera(self) -> NewCamera:
        """Return what the service takes; call it when there are no faults."""
        return NewCamera(
            name=self.name,
            branch_id=self.branch_id,
            host=self.host,
            port=self.port_number,
            scheme=self.scheme,
            main_path=self.main_path,
            sub_path=self.sub_path or None,
            username=self.username,
            password=self.password.get_secret_value(),
            recording_mode=RecordingMode(self.recording_mode),
            certificate_sha256=self.certificate_sha256,
            area=self.area,
            priority=Priority(self.priority),
        )

    def edit(self, version: int, password: str | None) -> CameraEdit:
        """Return the change to these entries; call it when there are no faults. `password` None keeps the stored one."""
        return CameraEdit(
            version=version,
            name=self.name,
            host=self.host,
            port=self.port_number,
            scheme=self.scheme,
            main_path=self.main_path,
            sub_path=self.sub_path or "",
            username=self.username,
            password=password,
            recording_mode=RecordingMode(self.recording_mode),
            certificate_sha256=self.certificate_sha256,
            area=self.area,
            priority=Priority(self.priority),
        )

    def shown(self) -> dict[str, object]:
        """Return the entries to show again; a password is never sent back."""
        return self.model_dump(exclude={"password"})


def fault_of(err: VmsError) -> dict[str, str]:
    """Return which field a service's sentence is about: what the fields themselves can't tell."""
    sentence = str(err)
    if isinstance(err, Conflict):
        return {"name" if "name" in sentence and "changed by" not in sentence else "form": sentence}
    if sentence == ELSEWHERE:
        return {"area": sentence}
    if "certificate" in sentence:
        return {"certificate": sentence}
    return {"password" if "password" in sentence else "username" if "user name" in sentence else "form": sentence}


def _fault(check: Callable[[], object]) -> str:
    try:
        check()
    except ValueError as err:
        return str(err)
    return ""


def _host(host: str, *, allow_loopback: bool) -> None:
    if not host:
        raise ValueError("Give the camera's address, such as 10.20.1.11.")
    address(Scheme.RTSP, host, DEFAULT_RTSP_PORT, allow_loopback=allow_loopback)


def _main_path(path: str) -> None:
    if not path:
        raise ValueError("Give the path of the main stream, or choose the camera's make.")
    stream_path(path)
