"""Derivatives as files: a redacted copy of a recording beside its record, which names the original and the plan by their digests.

The original is read and never written. Nothing here asks for footage: whoever has the file was given it under an access event.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from vms.domain.ids import CameraId
from vms.domain.redaction import CameraPlan, RedactionPlan, plan_document, read_plan
from vms.domain.timespan import ms_of
from vms.errors import Conflict, InvalidInput, Unavailable
from vms.media.derivative import Derived, Job, derive
from vms.store.files import fsync_dir

RECORD_FORMAT = "custodian derivative v1"
_OWNER_ONLY = 0o600
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    copy: Path
    record: Path
    derived: Derived


def redact(plan: Path, original: Path, copy: Path, *, camera: CameraId | None, starts_at: datetime | None) -> Written:
    """Write `copy` and its record; nothing is left of either when that fails.

    `camera` may be left out when the plan is for one alone; `starts_at` when the file says when it was taken.
    """
    asked = read_plan(_content(plan))
    of_camera = _only(asked) if camera is None else asked.of(camera)
    record = copy.with_suffix(".json")
    with _opened(original) as source, _new(copy) as target, _new(record) as record_file:
        before = _digest(source)
        derived = derive(Job(of_camera, None if starts_at is None else ms_of(starts_at)), source, lambda _: target)
        target.seek(0)
        document = _document(of_camera, derived) | {"derivative_of": before, "file": {"name": copy.name} | _digest(target)}
        record_file.write((json.dumps(document, sort_keys=True, indent=1) + "\n").encode())
    return Written(copy, record, derived)


def _document(plan: CameraPlan, derived: Derived) -> dict[str, object]:
    """What was covered, in how many pictures; never why, and no name."""
    burned = RedactionPlan((plan,))
    return {
        "format": RECORD_FORMAT,
        "kind": "redacted",
        "plan": plan_document(burned),
        "plan_sha256": burned.digest.hex(),
        "pictures": derived.pictures,
        "covered_pictures": list(derived.covered),
    }


def _only(plan: RedactionPlan) -> CameraPlan:
    if len(plan.cameras) > 1:
        raise InvalidInput("The plan is for several cameras. Say whose file that is: --camera NUMBER")
    return plan.cameras[0]


def _content(path: Path) -> bytes:
    with _opened(path) as file:
        return file.read()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as err:
        raise InvalidInput(f"{path} can't be read: {err.strerror}.") from err


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """Write a file whole or not at all, over none that is there; when this returns it is durable."""
    if path.exists():
        raise Conflict(f"{path} is there already. Nothing is written over: give another name.")
    part = path.with_name(f"{path.name}.part")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY), "w+b"))
            stack.callback(_drop, part)
            yield file
            file.flush()
            os.fsync(file.fileno())
            path.hardlink_to(part)  # unlike a rename, over nothing that came in the meantime
            fsync_dir(path.parent)
        except OSError as err:
            raise Unavailable(f"{path} can't be written: {err.strerror}.") from err


def _drop(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


def _digest(file: BinaryIO) -> dict[str, object]:
    """Return digest and size of a file, and stand at its beginning again."""
    file.seek(0)
    digest, size_bytes = hashlib.sha256(), 0
    while part := file.read(_READ_BYTES):
        digest.update(part)
        size_bytes += len(part)
    file.seek(0)
    return {"sha256": digest.hexdigest(), "size_bytes": size_bytes}
