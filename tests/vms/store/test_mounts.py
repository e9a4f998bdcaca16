from __future__ import annotations

from pathlib import Path

import pytest

from vms.errors import ConfigError
from vms.store.mounts import MOUNTINFO, NETWORK_FILE_SYSTEMS, file_system_of, refuse_network_share

MOUNTS = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:25 / /srv rw - xfs /dev/sdb1 rw
31 30 0:26 / /srv/footage rw,relatime - nfs4 nas:/footage rw,vers=4.2
32 30 0:27 / /srv/with\040space rw shared:7 master:1 - cifs //nas/share rw
33 30 0:28 / /srv/twice rw - xfs /dev/sdc1 rw
34 30 0:29 / /srv/twice rw - smb3 //nas/twice rw
torn line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/vms", "ext4"),
        ("/srv", "xfs"),
        ("/srv/footage2", "xfs"),
        ("/srv/footage/a", "nfs4"),
        ("/srv/with space", "cifs"),
        ("/srv/twice/deep/down", "smb3"),
    ],
)
def test_the_deepest_and_latest_mount_tells_the_kind(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", sorted(NETWORK_FILE_SYSTEMS))
def test_a_network_share_is_refused_with_what_to_use_instead(kind: str, tmp_path: Path) -> None:
    mounts = f"22 1 0:5 / / rw - ext4 /dev/vda1 rw\n31 22 0:26 / {tmp_path.resolve()} rw - {kind} nas:/share rw\n"
    with pytest.raises(ConfigError, match="Use a disk of this machine with XFS or ext4, or an iSCSI"):
        refuse_network_share(tmp_path / "not made yet", mounts)


def test_a_local_disk_is_accepted(tmp_path: Path) -> None:
    refuse_network_share(tmp_path, MOUNTS)
    refuse_network_share(tmp_path)


def test_a_link_to_a_share_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "share")
    mounts = f"22 1 0:5 / / rw - ext4 /dev/vda1 rw\n31 22 0:26 / {tmp_path.resolve()}/share rw - nfs nas:/share rw\n"
    with pytest.raises(ConfigError, match="network share"):
        refuse_network_share(tmp_path / "link", mounts)


def test_a_system_that_tells_nothing_refuses_nothing() -> None:
    assert file_system_of(Path("/srv"), "") == ""


@pytest.mark.skipif(not MOUNTINFO.exists(), reason="Linux tells the kinds of its mounts, this system does not")
def test_the_running_system_tells_its_own_kind() -> None:
    assert file_system_of(Path("/proc"), MOUNTINFO.read_text()) == "proc"
