"""A confined child: a fresh interpreter with an empty environment and one descriptor, its end of a socketpair; how it hears and speaks.

Footage is decoded in it. The child puts on `vms.media.sandbox` after its imports and before the first octet of a picture.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys

SOCKET = 0
"""The child's end of the socketpair: its standard input."""
_SOCKET_BYTES = 512 * 1024
_READ_BYTES = 256 * 1024
_PR_SET_PDEATHSIG = 1


def start(module: str, *words: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start `python -m MODULE WORDS… OUR-PID` and return it with our end; OSError where that can't be."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
    try:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-P", "-m", module, *words, str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                # numpy's OpenBLAS would start threads when it is imported, before the sandbox is on
                env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OPENBLAS_NUM_THREADS": "1"},
            )
    except OSError:
        ours.close()
        raise
    return process, ours


def become_its_child(parent: int) -> None:
    """Die with the process that started this one, and leave it to that to end this one. For the child, first of all."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def hear(size: int) -> bytes:
    """Return the next octets that the parent sent; when there are no more, this process has nothing left to do and ends. For the child."""
    parts = bytearray()
    while len(parts) < size:
        part = os.read(SOCKET, min(size - len(parts), _READ_BYTES))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def say(octets: bytes) -> None:
    """Send all of them to the parent. For the child."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(SOCKET, rest) :]
