"""An extract of the access log for somebody outside: JSON lines of entries with their proofs, verified without the database.

The first line has the checkpoint, each other one an entry: number, salt and text, or the hash of one that was erased, and its audit path.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vms.domain.checkpoint import Checkpoint, entry_hash
from vms.domain.merkle import includes

KIND = "custodian log export v1"


@dataclass(frozen=True, slots=True)
class Exported:
    """An entry and the path that shows it in the checkpoint."""

    number: int
    salt: bytes | None
    body: str | None
    """Both None when it was erased."""
    erased_by: int | None
    leaf: bytes
    path: tuple[bytes, ...]


def head_line(note: str, entries: int) -> str:
    return _line({"kind": KIND, "entries": entries, "checkpoint": note})


def entry_line(one: Exported) -> str:
    told: dict[str, object] = {"number": one.number, "path": [_text_of(step) for step in one.path]}
    if one.body is None or one.salt is None:
        return _line(told | {"erased_by": one.erased_by, "leaf": _text_of(one.leaf)})
    return _line(told | {"salt": _text_of(one.salt), "body": one.body})


def read_export(lines: Iterable[str]) -> tuple[str, int, Iterator[Exported | int]]:
    """Return the checkpoint's note, how many entries are promised, and the entries; a line's number stands for one that is none.

    ValueError when the first line is no head.
    """
    rest = iter(lines)
    try:
        head = json.loads(next(rest, ""))
        note, entries = head["checkpoint"], head["entries"]
        note.encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
        raise ValueError("its first line is no head of an export") from err
    if head.get("kind") != KIND or not isinstance(note, str) or type(entries) is not int:
        raise ValueError("its first line is no head of an export")
    return note, entries, (_read(line) or at for at, line in enumerate(rest, 2))


def is_in(one: Exported, checkpoint: Checkpoint) -> bool:
    """Say whether an entry is the one of its number in the tree of `checkpoint`."""
    return includes(one.leaf, one.number - 1, checkpoint.size, one.path, checkpoint.root)


def _read(line: str) -> Exported | None:
    try:
        told = json.loads(line)
        path = tuple(map(_octets_of, _listed(told["path"])))
        if "leaf" in told:
            return Exported(_number_of(told["number"]), None, None, _number_of(told["erased_by"]), _octets_of(told["leaf"]), path)
        salt, body = _octets_of(told["salt"]), str(told["body"])
        return Exported(_number_of(told["number"]), salt, body, None, entry_hash(salt, body.encode()), path)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _listed(told: object) -> Sequence[object]:
    if not isinstance(told, list):
        raise TypeError("no list")
    return told


def _number_of(told: object) -> int:
    if not isinstance(told, int) or isinstance(told, bool):
        raise TypeError("no number")
    return told


def _octets_of(told: object) -> bytes:
    if not isinstance(told, str):
        raise TypeError("no text")
    return base64.b64decode(told, validate=True)


def _text_of(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _line(told: dict[str, object]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
