"""What a process gives up for good: writing files, starting programs, the network, outliving its parent.

Each is asked of the kernel, and where it refuses (an old one, or a container's rules) the others still hold. Numbers
are those of Linux's headers: `sys/prctl.h`, `linux/sched.h`, `linux/landlock.h`, `linux/capability.h`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_CAPABILITY_VERSION_3, _CAP_DAC_READ_SEARCH = 0x20080522, 2
# The same numbers on every architecture.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_RULE_PATH_BENEATH = 1, 1
_FS_EXECUTE, _FS_WRITE_FILE, _FS_REFER, _FS_TRUNCATE = 1 << 0, 1 << 1, 1 << 13, 1 << 14
_FS_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))  # from REMOVE_DIR to MAKE_SYM
_NET_TCP, _SCOPED = 0b11, 0b11  # bind and connect; abstract sockets and signals
_OPEN_FILES = 256


def isolate(parent: int, device: str) -> None:
    """Give it all up. Call it before a second thread runs: the kernel wants a single one for a namespace.

    `parent`: the process that must be alive; with it, this one dies. `device`: `cpu`, or a GPU's index, whose files
    in /dev stay writable.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # when memory runs out, this one goes first
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _leave_network(libc)
    _forbid_writing(libc, Path("/dev/null" if device == "cpu" else "/dev"))
    _drop_capabilities(libc)
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _leave_network(libc: ctypes.CDLL) -> None:
    """A network of its own, with no way out. Who is not root needs a user namespace for it."""
    apart = _CLONE_NEWNET | _CLONE_NEWIPC
    if libc.unshare(apart):
        libc.unshare(apart | _CLONE_NEWUSER)


def _forbid_writing(libc: ctypes.CDLL, writable: Path) -> None:
    """Landlock (Linux 5.13): no file is written, made, moved or removed, nor is a program started.

    A limit on the size of files, which holds everywhere, does not keep anybody from writing to a file that is mapped.
    """
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        return
    files = _FS_EXECUTE | _FS_WRITE_FILE | _FS_REMOVE_AND_MAKE
    files |= (_FS_REFER if version >= 2 else 0) | (_FS_TRUNCATE if version >= 3 else 0)
    rules = struct.pack("<Q", files)
    if version >= 4:
        rules += struct.pack("<Q", _NET_TCP)
    if version >= 6:
        rules += struct.pack("<Q", _SCOPED)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return
    with contextlib.suppress(OSError):
        place = os.open(writable, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("<Qi", _FS_WRITE_FILE, place)
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, rule, 0)
        os.close(place)
    libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Of root's powers, or those over its own namespace, only reading every file is left."""
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    data = ctypes.create_string_buffer(24)
    if libc.capget(header, data) == 0:
        effective, permitted, *_ = struct.unpack("<6I", data.raw)
        kept = permitted & (1 << _CAP_DAC_READ_SEARCH)
        libc.capset(header, struct.pack("<6I", effective & kept, kept, 0, 0, 0, 0))
