"""Runs in a real child, confined as one that re-encodes or by one layer alone, and tries what it must not be able to do.

Started by `vms.media.confined.start` in place of `recorder.fallback.process`; the word that is the codec there says here
which layers are put on. Tells one JSON document, what came of each attempt by name, and ends.
"""

# ruff: noqa: PTH116, PTH208

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable

from recorder.fallback.frames import ANSWER_HEAD, REPORT
from recorder.fallback.process import prepare
from recorder.fallback.transcode import Transcoder
from tests.recorder.rtp.old_pictures import coded
from vms.media import landlock, sandbox, seccomp
from vms.media.confined import SOCKET

DONE = "done"
LIBC = ctypes.CDLL(None, use_errno=True)
TCP = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
"""Made before the sandbox, for a layer that lets be what is there."""
PICTURES = {codec: coded(codec, width=160, height=96) for codec in ("jpeg", "mpeg4")}


def call(name: str, *arguments: int) -> Callable[[], object]:
    """Return an attempt at a function of the C library."""

    def attempt() -> None:
        if getattr(LIBC, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    return attempt


def system_call(number: int, *arguments: int) -> Callable[[], object]:
    return call("syscall", number, *arguments)


def start_thread() -> None:
    threading.Thread(target=int).start()


def open_many() -> None:
    for _ in range(sandbox.OPEN_FILES + 1):
        os.dup(SOCKET)


def write_a_file() -> None:
    file = os.open("/tmp", os.O_TMPFILE | os.O_RDWR)  # noqa: S108 - has no name there
    os.write(file, b"x")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def re_encode() -> None:
    for codec, pictures in PICTURES.items():
        transcoder = Transcoder("jpeg" if codec == "jpeg" else "mpeg4")
        units = [unit for number, picture in enumerate(pictures) for unit in transcoder.take(number, picture, keyframe=False)]
        assert len(units) == len(pictures)


def hold_100_megabytes() -> None:
    assert len(bytearray(100 * 1024 * 1024)) > 0


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write a file": write_a_file,
    "list a folder": lambda: os.listdir("/"),
    "look at a file": lambda: os.stat("/etc/passwd"),
    "make a TCP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "make a UDP socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "make a Unix socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "make a socketpair": socket.socketpair,
    "connect to a port": lambda: TCP.connect(("127.0.0.1", 9)),
    "bind a port": lambda: TCP.bind(("127.0.0.1", 0)),
    "run a program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - it must fail
    "fork": fork,
    "start a thread": start_thread,
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "signal itself": lambda: os.kill(os.getpid(), 0),
    "trace the parent": call("ptrace", 16, os.getppid(), 0, 0),
    "read the parent's memory": call("process_vm_readv", os.getppid(), 0, 0, 0, 0, 0),
    "mount": call("mount", 0, 0, 0, 0, 0),
    "leave its namespaces": call("unshare", 0x10000000),
    "write to another descriptor": lambda: os.write(1, b"x"),
    "read from another descriptor": lambda: os.read(1, 1),
    "open many files": open_many,
    "make memory executable": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "take 512 MiB": lambda: mmap.mmap(-1, 512 * 1024 * 1024, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
    "change a limit": lambda: resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
    "become somebody": call("setuid", 65534),
    "set up io_uring": system_call(425, 1, 0),
    "load a BPF program": system_call(321 if os.uname().machine == "x86_64" else 280, 5, 0, 0),
    "make a key": system_call(248 if os.uname().machine == "x86_64" else 217, 0, 0, 0, 0, 0),
    "make a file in memory": system_call(319 if os.uname().machine == "x86_64" else 279, 0, 0),
    "loosen the filter": call("prctl", 22, 0, 0, 0, 0),
    "re-encode": re_encode,
    "hold 100 MB": hold_100_megabytes,
}
BOUNDED = ("write a file", "open many files", "take 512 MiB", "re-encode", "hold 100 MB")
"""What limits alone speak of: the rest would be done."""


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as err:
        return os.strerror(err.errno or 0)
    except (RuntimeError, MemoryError, ValueError) as err:
        return str(err) or type(err).__name__
    return DONE


def put_on(layer: str) -> None:
    match layer:
        case "limits":
            sandbox._limit(sandbox.MEMORY_BYTES, 0)
        case "Landlock":
            sandbox._no_new_privileges()
            landlock.shut_files_and_network()
        case "seccomp":
            sandbox._no_new_privileges()
            seccomp.allow_decoding_only(SOCKET)
        case _:
            prepare("jpeg", int(sys.argv[2]))


if __name__ == "__main__":
    outcome(start_thread)  # what Python needs for it is there; the kernel decides
    outcome(lambda: os.listdir("/nowhere"))
    re_encode()
    put_on(sys.argv[1])
    attempts = {name: ATTEMPTS[name] for name in BOUNDED} if sys.argv[1] == "limits" else ATTEMPTS
    document = json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}).encode()
    os.write(SOCKET, ANSWER_HEAD.pack(len(document), 0, REPORT) + document)
    os._exit(0)
