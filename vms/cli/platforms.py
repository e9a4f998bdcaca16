"""What of Custodian a machine goes without because only Linux has it: a line each, said at the start and by `vms doctor`."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from vms.store.mounts import MOUNTINFO, file_system_of

LINUX = "Linux"
_WINDOWS_DRIVES = frozenset({"9p", "drvfs", "v9fs"})
"""How WSL shows the disks of Windows."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that decide."""

    system: str
    """As `platform.system()` says: Linux, Darwin."""
    release: str
    file_system: str
    """Kind of the one that holds the data directory; empty where the system doesn't say."""


def this_machine(data_dir: Path) -> Machine:
    """Return the facts of the machine that this process runs on."""
    mounts = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape") if MOUNTINFO.exists() else ""
    return Machine(platform.system(), platform.release(), file_system_of(data_dir.resolve(), mounts))


def left_out(machine: Machine) -> list[str]:
    """Return a sentence for each part that this machine goes without; nothing on Linux itself."""
    if machine.system != LINUX:
        name = "macOS" if machine.system == "Darwin" else machine.system
        return [
            f"{name} doesn't end processes with their parent: after kill -9 of vms up, end vms record and vms serve yourself.",
            f"{name} reserves no space beyond a file's end: a full disk shows only when a fragment doesn't fit.",
            f"{name} has neither Landlock nor seccomp: JPEG and MPEG-4 pictures are decoded under resource limits alone.",
            f"{name} doesn't say what a file system is: a data directory on NFS or SMB is not refused.",
        ]
    if "microsoft" in machine.release.lower() and machine.file_system in _WINDOWS_DRIVES:
        kind = machine.file_system
        return [f"WSL2 shows a Windows disk ({kind}) without Linux's file modes: put the data directory on its own disk, such as under ~."]
    return []
