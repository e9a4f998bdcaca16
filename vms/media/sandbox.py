"""Takes from this process, for good, what decoding needs none of: the layers one by one, each said whether it holds.

Called when all is imported and before the first octet of a picture is read. A layer that a machine lacks is passed over and
said; the others still hold.
"""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from vms.media.landlock import shut_files_and_network
from vms.media.seccomp import allow_decoding_only

MEMORY_BYTES = 384 * 1024 * 1024
"""Of the process's own: the largest picture's decoder and encoder take 200."""
_LIBRARIES_BYTES = 640 * 1024 * 1024
"""That are mapped, beside it."""
OPEN_FILES = 16
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Layer:
    name: str
    holds: bool
    detail: str


def confine(socket_fd: int, *, memory_bytes: int = MEMORY_BYTES, mapped_bytes: int = 0) -> list[Layer]:
    """Put on every layer that this machine has. `mapped_bytes`: of files that are mapped for reading already."""
    return [
        _put_on("limits", lambda: _limit(memory_bytes, mapped_bytes)),
        _put_on("no new privileges", _no_new_privileges),
        _put_on("Landlock", shut_files_and_network),
        _put_on("seccomp", lambda: allow_decoding_only(socket_fd)),
    ]


def report_of(layers: Sequence[Layer]) -> bytes:
    """Return what a child says of its sandbox, before all else."""
    return json.dumps([asdict(layer) for layer in layers]).encode()


def layers_of(report: bytes) -> list[Layer]:
    """Read that; ValueError or TypeError for anything else."""
    return [Layer(**fields) for fields in json.loads(report)]


def missing_of(layers: Sequence[Layer]) -> list[str]:
    """Return which of them don't hold, and why."""
    return [f"{layer.name}: {layer.detail}" for layer in layers if not layer.holds]


def _put_on(name: str, layer: Callable[[], str]) -> Layer:
    try:
        return Layer(name, holds=True, detail=layer())
    except (OSError, ValueError) as err:
        return Layer(name, holds=False, detail=str(err))


def _limit(memory_bytes: int, mapped_bytes: int) -> str:
    limits = {
        resource.RLIMIT_AS: memory_bytes + _LIBRARIES_BYTES + mapped_bytes,
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    return f"{memory_bytes // 1024**2} MiB of memory, {OPEN_FILES} open files, nothing written, no process started"


def _no_new_privileges() -> str:
    if sys.platform != "linux":
        raise OSError("only Linux has it")
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError("refused by the kernel")
    return "no program can give it rights"
