"""A file under construction: under a hidden name until it is known to be right, then published in one step."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import secrets
import shutil
from pathlib import Path
from typing import Self

from ..errors import BadRequest, HalfpintError, JobFailed
from ..units import megabytes

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Draft:
    """Bytes on their way to `target`: hidden in the same folder, locked while they are worked on.

    Leaving the context discards what was not published. A draft whose maker was killed keeps no lock, and
    `sweep` removes it before the next one of the same target is begun.
    """

    def __init__(self, target: Path) -> None:
        """Raises `BadRequest` if the folder cannot be written to."""
        self.target = target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            sweep(target)
            self.path, self._fd = _create(target)
        except OSError as error:
            raise BadRequest(
                f"the folder {target.parent} cannot be written to: {error.strerror}", "choose another with --out"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self._fd)

    def write(self, data: bytes) -> None:
        """Replace the draft's bytes. Raises `JobFailed` if the disk is full."""
        try:
            os.ftruncate(self._fd, 0)
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, memoryview(data)[written:], written)
        except OSError as error:
            raise self._failed(len(data), error) from error

    def publish(self, overwrite: bool) -> None:
        """Give the draft its final name: at once, complete, and safely on the disk.

        Raises `BadRequest` if that name is taken and `overwrite` is false.
        """
        try:
            os.fsync(self._fd)
            if overwrite:
                self.path.replace(self.target)
            else:
                _claim(self.path, self.target)
            _sync(self.target.parent)
        except FileExistsError as error:
            raise taken(self.target) from error
        except OSError as error:
            raise self._failed(self.path.stat().st_size, error) from error

    def _failed(self, nbytes: int, error: OSError) -> HalfpintError:
        folder = self.target.parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = megabytes(shutil.disk_usage(folder).free)
            return JobFailed(
                f"the disk of {folder} is full: {self.target.name} needs {megabytes(nbytes)}, {free} are free",
                "free some space, or choose another folder with --out",
            )
        return JobFailed(f"{self.target} cannot be written: {error.strerror}", "choose another folder with --out")


def taken(path: Path) -> BadRequest:
    """The error for a name that is taken already."""
    return BadRequest(f"{path} exists already", "give --overwrite to replace it, or --name or --out for another place")


def sweep(target: Path) -> None:
    """Remove drafts of `target` that a killed process left behind."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            finally:
                os.close(fd)


def _create(target: Path) -> tuple[Path, int]:
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # some network file systems have no locks: then nothing is swept
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():  # another process may have swept it before it was locked
            return path, fd
        os.close(fd)


def _claim(path: Path, target: Path) -> None:
    """Name `path` `target`, unless that exists. Raises `FileExistsError`."""
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():  # a file system without hard links: the check and the rename are two steps
            raise FileExistsError(errno.EEXIST, "exists", str(target)) from error
        path.rename(target)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
