"""A file gets a name that nobody has: by a hard link or, where there are none, by a rename that replaces nothing."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
# What renameat2 answers where the kernel or the file system does not know the flag.
_NO_FLAG = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1  # <fcntl.h>, <linux/fs.h>


def claim(path: Path, name: Path) -> None:
    """Name `path` `name`. Where there are hard links it keeps its own name too, elsewhere it loses it.

    Raises `FileExistsError` if the name is taken, and `OSError`.
    """
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename(path, name)


def _rename(path: Path, name: Path) -> None:
    number = _renameat2(path, name)
    if number == 0:
        return
    if number not in _NO_FLAG:
        raise OSError(number, os.strerror(number), str(path), None, str(name))
    # The name is taken first, by an empty file: nobody else's can be replaced.
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        os.rename(path, name)  # noqa: PTH104
    except BaseException:
        with contextlib.suppress(OSError):
            name.unlink()
        raise


def _renameat2(path: Path, name: Path) -> int:
    """Linux's rename that fails if the name is taken: 0, or its errno (ENOSYS where there is no such call)."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return errno.ENOSYS
    done = call(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(name), _RENAME_NOREPLACE)
    return 0 if done == 0 else ctypes.get_errno()
