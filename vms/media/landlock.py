"""Landlock by ctypes (landlock(7)): from the call on no file is opened, no TCP port bound or connected to, no other process signalled.

System call numbers and structures are the same on every architecture; what a kernel does not know is left out.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1
_FILES_BY_ABI = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}
"""Every right to a file or folder that the version knows (linux/landlock.h)."""
_TCP_SINCE, _TCP = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11
"""Abstract Unix sockets and signals."""


def shut_files_and_network() -> str:
    """Give up all that Landlock knows, for this process and for good, and return what that is; OSError where there is none.

    Needs no_new_privs.
    """
    if sys.platform != "linux":
        raise OSError("only Linux has it")
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if abi < 1:
        raise OSError("this kernel has none, or it is not in its list of security modules (lsm=)")
    rights = [max(rights for since, rights in _FILES_BY_ABI.items() if since <= abi)]
    words = [f"version {abi}: no files"]
    if abi >= _TCP_SINCE:
        rights.append(_TCP)
        words.append("no TCP")
    if abi >= _SCOPES_SINCE:
        rights.append(_SCOPES)
        words.append("no signals to other processes")
    attributes = struct.pack(f"={len(rights)}Q", *rights)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        if libc.syscall(_RESTRICT_SELF, ruleset, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)
    return ", ".join(words)
