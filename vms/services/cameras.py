"""Cameras: added, changed and taken away, with the password sealed to the node that records; nobody else can read it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.crypto import seal
from vms.domain.access import Action
from vms.domain.camera import (
    Address,
    Area,
    Branch,
    Camera,
    CameraDetails,
    Device,
    Priority,
    RecordingMode,
    Scheme,
    Stream,
    StreamRole,
    address,
    password_aad,
    records_less,
    stream_path,
)
from vms.domain.certificate import spelled_fingerprint
from vms.domain.hold import ROLL
from vms.domain.ids import BranchId, CameraId, DeviceId, StreamId, new_number
from vms.domain.names import plain_name
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, allows, reach
from vms.domain.timespan import ms_of
from vms.errors import Conflict, InvalidInput, NotFound
from vms.services import nodes
from vms.services.access_log import record, refuse
from vms.services.areas import area_for_camera, checked_area
from vms.services.holds import cover_camera, note_covered
from vms.services.names import named
from vms.services.policies import refuse_shorter
from vms.services.refusals import no_such, not_allowed
from vms.store import branches, camera_passwords, cameras, holds
from vms.store.cameras import Removed, stream_configs

__all__ = [
    "CameraDetails",
    "CameraDraft",
    "CameraEdit",
    "NewCamera",
    "Removed",
    "add_camera",
    "camera_for",
    "camera_named",
    "draft_camera",
    "edit_camera",
    "list_cameras",
    "manageable",
    "record_test",
    "remove_camera",
    "save_draft",
    "stream_configs",
]

MAX_USERNAME_CHARS = 128
_EVER = timedelta(days=36525)
"""A recording mode has no end; no hold begins later than that."""
MAX_PASSWORD_CHARS = 256
NO_CERTIFICATE = (
    "A camera reached by rtsps is known by its certificate, and none is trusted yet. Test the camera first, compare the fingerprint "
    "that the test shows with the one on the camera’s own page, and give it as its certificate."
)
CERTIFICATE_OF_OLD_ADDRESS = (
    "The address changed: the certificate that was trusted belongs to the old one. Test the camera and trust the certificate it shows."
)


@dataclass(frozen=True, slots=True)
class NewCamera:
    """What a person fills in. The source is fields, never a free URL."""

    name: str
    branch_id: BranchId
    host: str
    port: int = 554
    scheme: str = "rtsp"
    main_path: str = "/"
    sub_path: str | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    recording_mode: RecordingMode = RecordingMode.ALWAYS
    channel: int = 1
    certificate_sha256: bytes | None = None
    """The fingerprint trusted over rtsps; needed there, without meaning over rtsp."""
    area: str = ""
    """Which part of the branch it looks at, such as the entrance; empty for none."""
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class CameraEdit:
    """A change based on `version`; None leaves a field as it is."""

    version: int
    name: str | None = None
    host: str | None = None
    port: int | None = None
    scheme: str | None = None
    main_path: str | None = None
    sub_path: str | None = None
    """An empty text takes the sub-stream away."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    """An empty text clears it. A new host or port asks for it again: the stored one is sealed to the old."""
    recording_mode: RecordingMode | None = None
    certificate_sha256: bytes | None = None
    """A new scheme, host or port asks for it again: the stored one was trusted at the old address."""
    area: str | None = None
    """An empty text takes the camera out of its area."""
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class CameraDraft:
    """A camera that was checked whole and not written: try `stream_configs(draft.details)` on the node, then save it."""

    details: CameraDetails
    password: str = field(repr=False)
    area: str = ""


def draft_camera(session: Session, actor: Actor, new: NewCamera, *, allow_loopback: bool) -> CameraDraft | Refused:
    """Check every field of a new camera and seal its password; InvalidInput says what is wrong. Writes nothing."""
    if not allows(actor, Permission.CAMERA_MANAGE):
        return not_allowed("add a camera", "IT")
    branch = next((branch for branch in branches.find(session, reach(actor, Permission.CAMERA_MANAGE)) if branch.id == new.branch_id), None)
    if branch is None:
        return no_such("branch")
    try:
        return CameraDraft(_drawn_up(session, new, branch, allow_loopback=allow_loopback), new.password, checked_area(new.area))
    except ValueError as err:
        raise InvalidInput(str(err)) from err


def save_draft(session: Session, actor: Actor, draft: CameraDraft, *, at: datetime) -> CameraDetails:
    """Write a draft; recording starts when the node next asks. Conflict when its name is taken, InvalidInput without a certificate.

    A hold on its branch or area that reaches into the future covers it from the same commit on.
    """
    holds.lock(session)
    area = area_for_camera(session, actor, draft.details.branch.id, draft.area)
    details = _in_area(replace(draft.details, camera=replace(draft.details.camera, placement_approved_at=at)), area)
    if details.device.address.scheme is Scheme.RTSPS and details.device.certificate_sha256 is None:
        raise InvalidInput(NO_CERTIFICATE)
    cameras.add(session, details, at=at)
    details = _sealed_anew(session, details, draft.password)
    covered = cover_camera(session, details, at=at)
    record(session, actor=actor, action=Action.CAMERA_ADD, at=at, camera_id=details.camera.id, detail=_described(details))
    note_covered(session, actor, details.camera.id, covered, at=at)
    return details


def add_camera(session: Session, actor: Actor, new: NewCamera, *, at: datetime, allow_loopback: bool) -> CameraDetails | Refused:
    """Check a new camera whole, then write it: on any mistake nothing is saved."""
    draft = draft_camera(session, actor, new, allow_loopback=allow_loopback)
    if isinstance(draft, Refused):
        return refuse(session, actor, Action.CAMERA_ADD, draft, at=at)
    return save_draft(session, actor, draft, at=at)


def edit_camera(
    session: Session, actor: Actor, camera_id: CameraId, edit: CameraEdit, *, at: datetime, allow_loopback: bool
) -> CameraDetails | Refused:
    """Change a camera. Conflict when somebody changed it meanwhile or the name is taken; InvalidInput says what is wrong.

    A hold on the area it comes to covers it from the same commit on; one that it was under before goes on covering it. Where the policy
    of that area keeps footage shorter, it doesn't go there before the Director has said so. While a hold asks for what the camera is to
    record, it is not set to record less; a sealed one refuses nothing, since that would tell of it.
    """
    before = manageable(session, actor, camera_id, "change a camera")
    if isinstance(before, Refused):
        return refuse(session, actor, Action.CAMERA_EDIT, before, at=at, camera_id=camera_id)
    if before.camera.version != edit.version:
        raise Conflict(f"‘{before.camera.name}’ was changed by somebody else in the meantime. Load it again and repeat your change.")
    holds.lock(session)
    try:
        after = _edited(session, before, edit, allow_loopback=allow_loopback)
        area = before.area if edit.area is None else area_for_camera(session, actor, before.branch.id, checked_area(edit.area))
    except ValueError as err:
        raise InvalidInput(str(err)) from err
    after = _in_area(after, area)
    if refused := refuse_shorter(session, before.camera, after.camera) or _refuse_less(session, before.camera, after.camera, at):
        return refuse(session, actor, Action.CAMERA_EDIT, refused, at=at, camera_id=camera_id)
    cameras.change(session, after, at=at)
    if edit.password is not None:
        after = _sealed_anew(session, after, edit.password)
    covered = cover_camera(session, after, at=at)
    record(session, actor=actor, action=Action.CAMERA_EDIT, at=at, camera_id=camera_id, detail=_changes(before, after, edit))
    note_covered(session, actor, camera_id, covered, at=at)
    return after


def remove_camera(session: Session, actor: Actor, camera_id: CameraId, *, at: datetime) -> CameraDetails | Refused:
    """Take a camera out of service. Its row, its footage and its holds stay; the user name and the password that it was asked with go.

    Refused while a hold asks for what it is still to record, as setting it to record less is; a sealed one refuses nothing here, too.
    """
    before = manageable(session, actor, camera_id, "remove a camera")
    if isinstance(before, Refused):
        return refuse(session, actor, Action.CAMERA_REMOVE, before, at=at, camera_id=camera_id)
    holds.lock(session)  # a hold that is placed meanwhile covers it no more, or is seen here
    nothing = replace(before.camera, recording_mode=RecordingMode.OFF)
    if refused := _refuse_less(session, before.camera, nothing, at, what="removed"):
        return refuse(session, actor, Action.CAMERA_REMOVE, refused, at=at, camera_id=camera_id)
    camera = replace(before.camera, removed_at=at, version=before.camera.version + 1)
    after = replace(before, camera=camera)
    cameras.change(session, after, at=at)
    if not camera_passwords.cameras_of(session, after.device.id):
        camera_passwords.forget(session, after.device.id)
        after = replace(after, device=replace(after.device, username="", password_sealed=b""))
    record(session, actor=actor, action=Action.CAMERA_REMOVE, at=at, camera_id=camera_id, detail=_described(after))
    return after


def list_cameras(
    session: Session,
    actor: Actor,
    permission: Permission = Permission.CAMERA_LIST,
    *,
    branch_id: BranchId | None = None,
    removed: Removed = Removed.HIDDEN,
) -> list[CameraDetails]:
    """Return the cameras with which `actor` may do what `permission` names, by branch, area and name."""
    return cameras.find(session, reach(actor, permission), removed=removed, branch_id=branch_id)


def camera_for(
    session: Session, actor: Actor, camera_id: CameraId, permission: Permission = Permission.CAMERA_LIST
) -> CameraDetails | Refused:
    """Return a camera with which `actor` may do what `permission` names, removed or not."""
    return cameras.get(session, reach(actor, permission), camera_id) or no_such("camera")


def camera_named(session: Session, actor: Actor, text: str) -> CameraDetails | Refused:
    """Return the camera in use with this name or number; Conflict when branches share the name."""
    known = [(one.camera.id, one.camera.name, one.branch.name, one) for one in list_cameras(session, actor)]
    return named(text, "camera", known) or no_such(f"camera ‘{text}’")


def camera_of_any_time(session: Session, actor: Actor, text: str) -> CameraDetails:
    """Return the camera in use of that name or number, else the removed one; NotFound when there never was one."""
    everything = list_cameras(session, actor, removed=Removed.INCLUDED)
    in_use = [one for one in everything if one.camera.removed_at is None]
    for among in (in_use, everything):
        found = named(text, "camera", [(one.camera.id, one.camera.name, one.branch.name, one) for one in among])
        if found is not None:
            return found
    raise NotFound(f"There is no camera ‘{text}’. Cameras: vms camera list")


def record_test(session: Session, actor: Actor, *, camera_id: CameraId | None, address: Address, verdict: str, at: datetime) -> None:
    """Write down that somebody tried a camera's address, and what came of it."""
    detail = {"address": f"{address.scheme}://{address.host}:{address.port}", "verdict": verdict}
    record(session, actor=actor, action=Action.CAMERA_TEST, at=at, camera_id=camera_id, detail=detail)


def manageable(session: Session, actor: Actor, camera_id: CameraId, act: str) -> CameraDetails | Refused:
    """Return a camera in use that `actor` may configure."""
    found = camera_for(session, actor, camera_id)
    if isinstance(found, Refused) or found.camera.removed_at is not None:
        return no_such("camera")
    return found if allows(actor, Permission.CAMERA_MANAGE) else not_allowed(act, "IT")


def _drawn_up(session: Session, new: NewCamera, branch: Branch, *, allow_loopback: bool) -> CameraDetails:
    if not 1 <= new.channel <= 1024:
        raise ValueError(f"{new.channel} is no channel. Give a number from 1; an ordinary camera has channel 1.")
    camera_id, device_id = CameraId(new_number()), DeviceId(new_number())
    node = nodes.recording_node(session)
    where = address(new.scheme, new.host, new.port, allow_loopback=allow_loopback)
    user = _checked_username(new.username)
    sealed = _sealed(node.public_key, device_id, where, user, new.password)
    paths = {StreamRole.MAIN: new.main_path} | ({StreamRole.SUB: new.sub_path} if new.sub_path else {})
    camera = Camera(
        id=camera_id,
        branch_id=branch.id,
        area_id=None,
        device_id=device_id,
        channel=new.channel,
        name=plain_name(new.name, "camera"),
        recording_mode=new.recording_mode,
        placement_approved_at=None,
        removed_at=None,
        streams=tuple(Stream(StreamId(new_number()), camera_id, role, stream_path(path)) for role, path in paths.items()),
        version=1,
        priority=new.priority,
    )
    certificate = new.certificate_sha256 if where.scheme is Scheme.RTSPS else None
    return CameraDetails(camera, branch, Device(device_id, branch.id, node.id, where, user, sealed, certificate))


def _refuse_less(session: Session, before: Camera, after: Camera, at: datetime, what: str = "set to record less") -> Refused | None:
    if not records_less(before.recording_mode, after.recording_mode):
        return None
    held = holds.keeping(session, before.id, ms_of(at - ROLL), ms_of(at + _EVER))
    if not held:
        return None
    sentence = (
        f"‘{before.name}’ is under the {held[0].spoken}, which asks for what it is still to record: it is not {what}. Ask the Director."
    )
    return Refused(Refusal.NOT_ALLOWED, sentence)


def _edited(session: Session, before: CameraDetails, edit: CameraEdit, *, allow_loopback: bool) -> CameraDetails:
    camera = replace(
        before.camera,
        name=before.camera.name if edit.name is None else plain_name(edit.name, "camera"),
        recording_mode=edit.recording_mode or before.camera.recording_mode,
        streams=tuple(_edited_streams(session, before.camera, edit)),
        version=before.camera.version + 1,
        priority=edit.priority or before.camera.priority,
    )
    return replace(before, camera=camera, device=_edited_device(session, before.device, edit, allow_loopback=allow_loopback))


def _in_area(details: CameraDetails, area: Area | None) -> CameraDetails:
    return replace(details, camera=replace(details.camera, area_id=None if area is None else area.id), area=area)


def _edited_streams(session: Session, camera: Camera, edit: CameraEdit) -> list[Stream]:
    streams = []
    for role, path in ((StreamRole.MAIN, edit.main_path), (StreamRole.SUB, edit.sub_path)):
        stream = camera.stream(role)
        if path is None and stream:
            streams.append(stream)
        elif path:
            known = stream.id if stream else cameras.stream_id(session, camera.id, role)
            streams.append(Stream(known or StreamId(new_number()), camera.id, role, stream_path(path)))
    if not any(stream.role is StreamRole.MAIN for stream in streams):
        raise ValueError("A camera needs a path for its main stream.")
    return streams


def _edited_device(session: Session, device: Device, edit: CameraEdit, *, allow_loopback: bool) -> Device:
    now = device.address
    where = address(edit.scheme or now.scheme, edit.host or now.host, edit.port or now.port, allow_loopback=allow_loopback)
    certificate = _edited_certificate(device, where, edit)
    user = device.username if edit.username is None else _checked_username(edit.username)
    if edit.password is None:
        if device.password_sealed and where != now:
            raise ValueError("The address changed: enter the camera's password again. It is sealed to the old address and can't be moved.")
        if device.password_sealed and not user:
            raise ValueError("A password needs a user name. Give both or neither.")
        return replace(device, address=where, username=user, certificate_sha256=certificate)
    sealed = _sealed(nodes.node(session, device.node_id).public_key, device.id, where, user, edit.password)
    return replace(device, address=where, username=user, password_sealed=sealed, certificate_sha256=certificate)


def _edited_certificate(device: Device, where: Address, edit: CameraEdit) -> bytes | None:
    if where.scheme is not Scheme.RTSPS:
        return None
    certificate = edit.certificate_sha256 or (device.certificate_sha256 if where == device.address else None)
    if certificate is None:
        raise ValueError(CERTIFICATE_OF_OLD_ADDRESS if device.certificate_sha256 else NO_CERTIFICATE)
    return certificate


def _sealed_anew(session: Session, details: CameraDetails, password: str) -> CameraDetails:
    """Seal the password of a camera that was just written to its node's key of now, and store it.

    Writing the camera held the node's row, so a rotation of its key either came before or finds this password after us.
    """
    device = details.device
    sealed = _sealed(nodes.node(session, device.node_id).public_key, device.id, device.address, device.username, password)
    camera_passwords.put(session, device.id, sealed)
    return replace(details, device=replace(device, password_sealed=sealed))


def _sealed(public_key: bytes, device: DeviceId, where: Address, username: str, password: str) -> bytes:
    if not password:
        return b""
    if not username:
        raise ValueError("A password needs a user name. Give both or neither.")
    if len(password) > MAX_PASSWORD_CHARS or _has_control(password):
        raise ValueError(f"A camera's password has at most {MAX_PASSWORD_CHARS} characters and no control characters.")
    return seal(public_key, password.encode(), password_aad(device, where))


def _checked_username(username: str) -> str:
    if len(username) > MAX_USERNAME_CHARS or _has_control(username) or ":" in username:
        raise ValueError(f"A camera's user name has at most {MAX_USERNAME_CHARS} characters, no colon and no control characters.")
    return username


def _has_control(text: str) -> bool:
    return any(unicodedata.category(letter) == "Cc" for letter in text)


def _described(details: CameraDetails) -> dict[str, str]:
    where, certificate = details.device.address, details.device.certificate_sha256
    described = {"name": details.camera.name, "branch": details.branch.name} | ({"area": details.area.name} if details.area else {})
    described |= {"address": f"{where.scheme}://{where.host}:{where.port}"}
    return described | ({"certificate": spelled_fingerprint(certificate)} if certificate else {})


def _changes(before: CameraDetails, after: CameraDetails, edit: CameraEdit) -> dict[str, str]:
    """Say what changed, from what to what; of the password only that it did."""
    old, new = _facts(before), _facts(after)
    changed = {key: f"{old.get(key, '')} → {new.get(key, '')}" for key in old | new if old.get(key) != new.get(key)}
    return changed | ({"password": "changed"} if edit.password is not None else {})


def _facts(details: CameraDetails) -> dict[str, str]:
    camera = details.camera
    paths = {f"{stream.role} path": stream.path for stream in camera.streams}
    told = {"records": camera.recording_mode.value, "priority": camera.priority.value, "user": details.device.username}
    return _described(details) | told | paths
