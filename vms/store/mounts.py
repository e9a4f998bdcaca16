"""What kind of file system a directory is on, so that footage is never entrusted to a network share."""

from __future__ import annotations

import re
from pathlib import Path

from vms.errors import ConfigError

MOUNTINFO = Path("/proc/self/mountinfo")
"""Linux only (proc(5)); elsewhere the kind stays unknown and nothing is refused."""
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "ceph", "davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.davfs2", "fuse.rclone"}
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def refuse_network_share(path: Path, mountinfo: str | None = None) -> None:
    """Raise ConfigError when `path` is on NFS, SMB or the like: fsync and rename promise too little there.

    `mountinfo`: the text of /proc/self/mountinfo, read when it is not given.
    """
    if mountinfo is None:
        mountinfo = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape") if MOUNTINFO.exists() else ""
    kind = file_system_of(path.resolve(), mountinfo)
    if kind in NETWORK_FILE_SYSTEMS:
        raise ConfigError(
            f"{path} is on a network share ({kind}), where a write that was confirmed can still be lost. "
            "Use a disk of this machine with XFS or ext4, or an iSCSI or Fibre Channel volume formatted with one of them."
        )


def file_system_of(path: Path, mountinfo: str) -> str:
    """Return the kind of file system that holds `path` (absolute, without links); empty when `mountinfo` does not say."""
    found, depth = "", -1
    for line in mountinfo.splitlines():
        mount, _, rest = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not rest:
            continue
        point = Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of two mounts at one point the later one is seen.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = rest.split(" ")[0], len(point.parts)
    return found
