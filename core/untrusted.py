"""What comes from untrusted files, made safe: text to show, and small files to read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def printable(text: str, limit: int = 80) -> str:
    """`text` from an untrusted file, safe to show: one line, no control characters, at most `limit` characters."""
    safe = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file by; the caller closes it. A pipe or a device is not waited for.

    Raises `OSError`: also for a folder and whatever else is no regular file (`EINVAL`).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a small regular file that lies beside another one, such as a manifest.

    Raises `OSError`: also for what is no regular file (`EINVAL`), and one of more than `limit` bytes (`EFBIG`).
    """
    with open(open_regular(path), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", str(path))
    return data
