"""Derivatives as files: a redacted or watermarked copy of a recording beside its record, which names the original by its digest.

The original is read and never written. Nothing here asks for footage: whoever has the file was given it under an access event.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from vms.domain.ids import CameraId
from vms.domain.redaction import CameraPlan, RedactionPlan, plan_document, read_plan
from vms.domain.timespan import ms_of
from vms.errors import Conflict, InvalidInput, Unavailable
from vms.media import derivative
from vms.media.derivation_wire import COPY
from vms.media.derivative import Derived, Job, derive, require_covered
from vms.store.files import fsync_dir

RECORD_FORMAT = "custodian derivative v1"
MAX_MARK_CHARS = 60
_OWNER_ONLY = 0o600
_READ_BYTES = 1024 * 1024
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
"""How a file system says that it has no hard links: sticks formatted as FAT, some network shares."""


@dataclass(frozen=True, slots=True)
class Written:
    copy: Path
    record: Path
    pictures: int


@dataclass(frozen=True, slots=True)
class Redacted(Written):
    sheets: tuple[Path, ...]
    """Pictures of the copy for whoever looks it over."""
    derived: Derived


def redact(plan: Path, original: Path, copy: Path, *, camera: CameraId | None, starts_at: datetime | None) -> Redacted:
    """Write `copy`, with its record and review sheets beside it; the copy comes to be last, and only when all else is there.

    `camera` may be left out when the plan is for one alone; `starts_at` when the file says when it was taken.
    """
    asked = read_plan(_content(plan))
    of_camera = _only(asked) if camera is None else asked.of(camera)
    record, sheets = copy.with_suffix(".json"), list[Path]()
    with _opened(original) as source, _new(copy) as target, _new(record) as record_file, ExitStack() as others:

        def opened(number: int) -> BinaryIO:
            if number == COPY:
                return target
            sheets.append(copy.with_name(f"{copy.stem}-sheet-{number:02}.png"))
            return others.enter_context(_new(sheets[-1]))

        before = _digest(source)
        derived = derive(Job(of_camera, None if starts_at is None else ms_of(starts_at)), source, opened)
        require_covered(derived)
        record_file.write(_record(_document(asked, derived), before, copy.name, target))
    return Redacted(copy, record, derived.pictures, tuple(sheets), derived)


def watermark(original: Path, copy: Path, *, recipient: str, number: str, at: datetime) -> Written:
    """Write `copy` with recipient, number and day over each picture, and its record beside it."""
    text = " · ".join([f"Copy for {_words(recipient)}", _words(number), f"{at:%Y-%m-%d}"])
    record = copy.with_suffix(".json")
    with _opened(original) as source, _new(copy) as target, _new(record) as record_file:
        before = _digest(source)
        pictures = derivative.watermark(text, source, target)
        if not pictures:
            raise InvalidInput(f"{original} has no picture.")
        document = {"format": RECORD_FORMAT, "kind": "watermarked", "mark": text, "pictures": pictures}
        record_file.write(_record(document, before, copy.name, target))
    return Written(copy, record, pictures)


def _words(text: str) -> str:
    """Return what is drawn; InvalidInput for what nobody could read in a picture."""
    if not text.strip() or len(text) > MAX_MARK_CHARS or not text.isprintable():
        raise InvalidInput(f"Recipient and number are 1 to {MAX_MARK_CHARS} characters that can be printed, on one line.")
    return text.strip()


def _record(document: Mapping[str, object], before: Mapping[str, object], name: str, copy: BinaryIO) -> bytes:
    """Return the text of a record, which names the original and the copy by what is in them."""
    named = {**document, "derivative_of": before, "file": {"name": name, **_digest(copy)}}
    return (json.dumps(named, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _document(asked: RedactionPlan, derived: Derived) -> dict[str, object]:
    """What was covered, in how many pictures; never why, and no name."""
    carried_out = RedactionPlan((derived.plan,))
    return {
        "format": RECORD_FORMAT,
        "kind": "redacted",
        "drawn_plan_sha256": asked.digest.hex(),
        "plan": plan_document(carried_out),
        "plan_sha256": carried_out.digest.hex(),
        "pictures": derived.pictures,
        "covered_pictures": list(derived.covered),
        "unsure": [{"region": number + 1, "from_ms": start, "to_ms": end} for number, start, end in derived.unsure],
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
    if part.exists():
        raise Conflict(
            f"{part} is there already: it is being written now, or a crash left it. If nothing writes it, delete it and try again."
        )
    with ExitStack() as stack:
        try:
            file = stack.enter_context(os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY), "w+b"))
            stack.callback(_drop, part)
            yield file
            file.flush()
            os.fsync(file.fileno())
            _name(part, path)
            fsync_dir(path.parent)
        except OSError as err:
            raise Unavailable(f"{path} can't be written: {err.strerror}.") from err


def _name(part: Path, path: Path) -> None:
    """Give a file its name, unlike a rename over nothing that came in the meantime; `part` may remain."""
    try:
        path.hardlink_to(part)
    except OSError as err:
        if err.errno not in _NO_LINKS:
            raise
        path.touch(mode=_OWNER_ONLY, exist_ok=False)
        part.rename(path)


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
