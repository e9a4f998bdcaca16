"""Add, change and try cameras for the form and for the API alike: each mistake comes back at its field, nothing is half-saved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi.concurrency import run_in_threadpool

from vms.domain.camera import CameraDetails, StreamConfig, StreamRole, address, stream_path
from vms.domain.certificate import spelled_fingerprint
from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import Conflict, InvalidInput
from vms.services import cameras
from web.camera_entries import CameraEntries, fault_of
from web.deps import Site
from web.verdicts import Verdict, verdict


@dataclass(frozen=True, slots=True)
class Faults:
    """Not saved: a sentence for each field that stands in the way."""

    fields: Mapping[str, str]
    status: int = 422


def add(site: Site, person: Person, entries: CameraEntries) -> CameraDetails | Refused | Faults:
    allow = site.settings.allow_loopback_cameras
    if faults := entries.faults(allow_loopback=allow):
        return Faults(faults)
    try:
        with site.central.writing() as session:
            return cameras.add_camera(session, person, entries.new_camera(), at=site.clock.now(), allow_loopback=allow)
    except (InvalidInput, Conflict) as err:
        return _faults(err)


def change(
    site: Site, person: Person, camera: CameraId, entries: CameraEntries, *, version: int, password: str | None
) -> CameraDetails | Refused | Faults:
    """Store the whole form `entries`, based on `version`; `password` None keeps the stored one, an empty text clears it."""
    allow = site.settings.allow_loopback_cameras
    if faults := entries.faults(allow_loopback=allow):
        return Faults(faults)
    try:
        with site.central.writing() as session:
            before = cameras.camera_for(session, person, camera)
            if isinstance(before, CameraDetails) and before.branch.id != entries.branch_id:
                return Faults({"branch": "A camera stays at its branch, as its recordings do. Remove it here and add it there."})
            return cameras.edit_camera(session, person, camera, entries.edit(version, password), at=site.clock.now(), allow_loopback=allow)
    except (InvalidInput, Conflict) as err:
        return _faults(err)


async def try_out(site: Site, person: Person, entries: CameraEntries, camera: CameraId | None) -> Verdict | Refused | Faults:
    """Have the node try main and sub-stream at the same time; nothing is saved but that somebody tried."""
    configs = await run_in_threadpool(_configs, site, person, entries, camera)
    if isinstance(configs, Refused | Faults):
        return configs
    token = site.service_token()
    found = await asyncio.gather(*(site.node.test(token, config) for config in configs))
    answer = verdict({config.role: one for config, one in zip(configs, found, strict=True)})
    await run_in_threadpool(_record, site, person, camera, configs[0], answer)
    return answer


def _configs(site: Site, person: Person, entries: CameraEntries, camera: CameraId | None) -> Sequence[StreamConfig] | Refused | Faults:
    # A camera is often tried before it has a name.
    entries = entries if entries.name else entries.model_copy(update={"name": "camera"})
    allow = site.settings.allow_loopback_cameras
    if faults := entries.faults(allow_loopback=allow):
        return Faults(faults)
    try:
        with site.central.reading() as session:
            stored = cameras.camera_for(session, person, camera) if camera is not None else None
            if isinstance(stored, Refused):
                return stored
            entries = _with_stored_certificate(stored, entries, allow_loopback=allow)
            if stored is not None and stored.device.password_sealed and not entries.password.get_secret_value():
                return _with_stored_password(stored, entries, allow_loopback=allow)
            draft = cameras.draft_camera(session, person, entries.new_camera(), allow_loopback=allow)
    except (InvalidInput, Conflict) as err:
        return _faults(err)
    return draft if isinstance(draft, Refused) else cameras.stream_configs(draft.details)


def _with_stored_certificate(stored: CameraDetails | None, entries: CameraEntries, *, allow_loopback: bool) -> CameraEntries:
    """Fill in the certificate that is trusted at the stored address when none was entered."""
    known = stored.device.certificate_sha256 if stored is not None else None
    if stored is None or known is None or entries.certificate:
        return entries
    where = address(entries.scheme, entries.host, entries.port_number, allow_loopback=allow_loopback)
    return entries.model_copy(update={"certificate": spelled_fingerprint(known)}) if where == stored.device.address else entries


def _with_stored_password(stored: CameraDetails, entries: CameraEntries, *, allow_loopback: bool) -> Sequence[StreamConfig] | Faults:
    """Return what to try under the stored password, which is sealed to the stored address."""
    if address(entries.scheme, entries.host, entries.port_number, allow_loopback=allow_loopback) != stored.device.address:
        return Faults({"password": "The address changed: enter the camera's password again. It is sealed to the old address."})
    base = replace(cameras.stream_configs(stored)[0], certificate_sha256=entries.certificate_sha256)
    paths = {StreamRole.MAIN: entries.main_path} | ({StreamRole.SUB: entries.sub_path} if entries.sub_path else {})
    return [replace(base, role=role, path=stream_path(path), username=entries.username) for role, path in paths.items()]


def _record(site: Site, person: Person, camera: CameraId | None, config: StreamConfig, answer: Verdict) -> None:
    with site.central.writing() as session:
        cameras.record_test(session, person, camera_id=camera, address=config.address, verdict=answer["sentence"], at=site.clock.now())


def _faults(err: InvalidInput | Conflict) -> Faults:
    return Faults(fault_of(err), 409 if isinstance(err, Conflict) else 422)
