"""Disks for tests to break: mounted for one test and gone after it. Where a machine can't, the test is skipped and says why.

Only mount points and images below the folder that the test hands in are touched, and each is let go of in reverse order, also
when the test fails. No other process sees them.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.fault_fs import Fault, set_faults
from tests.waiting import wait_until

EXT4 = ("mkfs.ext4", "-q", "-F")
XFS = ("mkfs.xfs", "-q", "-f")
_CLONE_NEWNS = 0x00020000
"""unshare(2); Python has it from 3.12 on."""
XFS_MB = 320
"""mkfs.xfs makes none below 300 MB."""


def keep_mounts_private() -> None:
    """Put this process and the children to come in a mount namespace of their own: nothing is left of it when the last one ends."""
    if sys.platform == "linux" and os.geteuid() == 0 and ctypes.CDLL(None).unshare(_CLONE_NEWNS) == 0:
        run("mount", "--make-rprivate", "/")


@dataclass(frozen=True, slots=True)
class FaultyDisk:
    """A mounted folder whose faults the test sets."""

    path: Path
    below: Path
    """The same files, past the faults."""
    _control: Path

    def fail(self, *faults: Fault) -> None:
        """Put these faults in force, in place of those before."""
        set_faults(self._control, faults)

    def mend(self) -> None:
        self.fail()

    def read_open_segments(self) -> None:
        """Look at what is being written, as a viewer does: the kernel keeps what was read."""
        for path in self.path.rglob("*.part"):
            with suppress(FileNotFoundError):
                path.read_bytes()

    def forget_cached(self) -> None:
        """Drop what the kernel keeps of the files, so that the next reader gets what is on the disk."""
        for path in self.path.rglob("*.cseg*"):
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


@contextmanager
def faulty_disk(folder: Path) -> Iterator[FaultyDisk]:
    """Mount a fault file system at `folder`/disk."""
    needs_fuse()
    disk = FaultyDisk(folder / "disk", folder / "below", folder / "faults.json")
    for path in (disk.path, disk.below):
        path.mkdir(parents=True)
    disk.mend()
    with served("tests.fakes.fault_fs", disk.below, disk.path, folder / "faults.json"):
        try:
            yield disk
        finally:
            disk.mend()  # nothing can be unmounted while it hangs


@contextmanager
def served(module: str, below: Path, mount_point: Path, *arguments: Path) -> Iterator[None]:
    """Run one of the fakes' file systems; it ends when it is unmounted, or is killed when something hangs in it."""
    server = subprocess.Popen([sys.executable, "-m", module, str(below), str(mount_point), *map(str, arguments)])
    try:
        wait_until(lambda: is_mounted(mount_point) or server.poll() is not None)
        assert server.poll() is None, f"{module} did not start"
        yield
    finally:
        unmount(mount_point)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


@contextmanager
def loop_image(folder: Path, *, size_mb: int, make: Sequence[str] = EXT4, options: str = "") -> Iterator[Path]:
    """Mount a file system of its own, in an image file, at `folder`/disk."""
    needs_loop_devices(make[0])
    image, mount_point = folder / "image", folder / "disk"
    mount_point.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(size_mb * 1024 * 1024)
    run(*make, image)
    with mounted(image, mount_point, options=options):
        yield mount_point


@contextmanager
def mounted(image: Path, mount_point: Path, *, options: str = "") -> Iterator[None]:
    """Mount an image file by a loop device of its own, which goes with the mount."""
    mount_point.mkdir(exist_ok=True)
    mount_image(image, mount_point, options=options)
    try:
        yield
    finally:
        unmount(mount_point)


def mount_image(image: Path, mount_point: Path, *, options: str = "") -> None:
    """Mount it once more after an `unmount` inside the block of `loop_image` or `mounted`, which unmounts it at its end."""
    run("mount", "-o", ",".join(filter(None, ("loop", options))), image, mount_point)


@contextmanager
def in_memory(mount_point: Path, *, size_mb: int) -> Iterator[Path]:
    """Mount a file system in memory with so much room."""
    needs_root()
    mount_point.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=700", "tmpfs", mount_point)
    try:
        yield mount_point
    finally:
        unmount(mount_point)


def unmount(mount_point: Path) -> None:
    """Unmount now, or as soon as the last user is gone; nothing when it is not mounted (any more)."""
    if is_mounted(mount_point) and subprocess.run(["umount", mount_point], capture_output=True, check=False).returncode != 0:
        run("umount", "--lazy", mount_point)


def trigger_error(mount_point: Path) -> None:
    """Have ext4 meet an error, as it does when it finds its own structures damaged."""
    (Path("/sys/fs/ext4") / loop_device(mount_point) / "trigger_fs_error").write_text("1", encoding="ascii")


def loop_device(mount_point: Path) -> str:
    """Return the name of the loop device behind a mount of ours."""
    sources = [line.split()[0] for line in mounts() if line.split()[1] == str(mount_point)]
    assert sources, mount_point
    return Path(sources[-1]).name


def is_mounted(mount_point: Path) -> bool:
    return any(line.split()[1] == str(mount_point) for line in mounts())


def mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()


def run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount file systems")


def needs_loop_devices(program: str) -> None:
    needs_root()
    if not Path("/dev/loop-control").exists():
        pytest.skip("this machine has no loop devices")
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing; deploy/debian-test-packages.sh installs it")


def needs_fuse() -> None:
    needs_root()
    if not Path("/dev/fuse").exists():
        pytest.skip("this machine has no FUSE (/dev/fuse)")
    if ctypes.util.find_library("fuse") is None:
        pytest.skip("libfuse2 is missing; deploy/debian-test-packages.sh installs it")
    if importlib.util.find_spec("mfusepy") is None:
        pytest.skip("mfusepy is missing; it is in requirements-dev.lock")
