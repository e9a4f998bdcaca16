"""A seccomp filter by ctypes (seccomp(2)): the few system calls that decoding needs, all others fail with EPERM.

Reading and writing is allowed on the socketpair alone, and no memory becomes executable any more.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_RET|BPF_K."""
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
"""In struct seccomp_data; arguments take 8 octets, the low half first on both architectures."""
_X32_SINCE = 0x40000000
_PROT_EXEC = 4
_INSTRUCTION = struct.Struct("=HBBI")
Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Calls:
    """Numbers of one architecture's system calls."""

    architecture: int
    """AUDIT_ARCH_…"""
    on_the_socket: tuple[int, ...]
    """read, write: with the socketpair as first argument."""
    not_executable: tuple[int, ...]
    """mmap, mprotect: without PROT_EXEC as third."""
    allowed: tuple[int, ...]


_NAMES = (
    "munmap mremap madvise brk futex rt_sigreturn rt_sigprocmask sched_yield clock_gettime gettimeofday clock_nanosleep nanosleep"
    " getrandom getpid gettid exit exit_group restart_syscall rseq membarrier sched_getaffinity"
)
_CALLS: Mapping[str, _Calls] = {
    "x86_64": _Calls(
        0xC000003E, (0, 1), (9, 10), (11, 25, 28, 12, 202, 15, 14, 24, 228, 96, 230, 35, 318, 39, 186, 60, 231, 219, 334, 324, 204)
    ),
    "aarch64": _Calls(
        0xC00000B7,
        (63, 64),
        (222, 226),
        (215, 216, 233, 214, 98, 139, 135, 124, 113, 169, 115, 101, 278, 172, 178, 93, 94, 128, 293, 283, 123),
    ),
}
"""`allowed` in the order of `_NAMES` (asm/unistd_64.h, asm-generic/unistd.h)."""


def allow_decoding_only(socket_fd: int) -> str:
    """Filter this process's system calls for good and return what is left; OSError where that can't be.

    Needs no_new_privs. Threads that run already are not filtered: call it before there are any.
    """
    if sys.platform != "linux":
        raise OSError("only Linux has it")
    if (calls := _CALLS.get(platform.machine())) is None:
        raise OSError(f"no list of system calls for {platform.machine()}; x86-64 and aarch64 have one")
    octets = b"".join(_INSTRUCTION.pack(*each) for each in _program(calls, socket_fd))
    program = ctypes.create_string_buffer(octets, len(octets))
    header = struct.pack("@HP", len(octets) // _INSTRUCTION.size, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    names = len(calls.allowed) + len(calls.on_the_socket) + len(calls.not_executable)
    return f"{names} system calls are left, reading and writing on one socket only"


def _program(calls: _Calls, socket_fd: int) -> Iterator[Instruction]:
    yield _LOAD, 0, 0, _ARCHITECTURE_AT
    yield _EQUAL, 1, 0, calls.architecture
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NUMBER_AT
    yield _AT_LEAST, 0, 1, _X32_SINCE
    yield _RETURN, 0, 0, _REFUSE
    for number in calls.allowed:
        yield from _if_number(number, [(_RETURN, 0, 0, _ALLOW)])
    for number in calls.on_the_socket:
        test = [(_LOAD, 0, 0, _argument(0)), (_EQUAL, 0, 1, socket_fd), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
        yield from _if_number(number, test)
    for number in calls.not_executable:
        test = [(_LOAD, 0, 0, _argument(2)), (_ANY_BIT, 1, 0, _PROT_EXEC), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
        yield from _if_number(number, test)
    yield _RETURN, 0, 0, _REFUSE


def _if_number(number: int, then: list[Instruction]) -> Iterable[Instruction]:
    """Do `then`, which returns in any case, when the number that is loaded is this one."""
    return [(_EQUAL, 0, len(then), number), *then]


def _argument(number: int) -> int:
    return _ARGUMENTS_AT + 8 * number
