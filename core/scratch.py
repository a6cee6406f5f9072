"""A scratch folder: for this user alone, removed when it is left, and by the next one if its maker was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .state import private_folder, temporary_folder


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder. Raises `OSError` if there is no room for one."""
    root = temporary_folder() / "scratch"
    private_folder(root)
    _sweep(root)
    folder, fd = _create(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(fd)


def _create(root: Path) -> tuple[Path, int]:
    """A new folder and its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=root))
        with contextlib.suppress(FileNotFoundError):  # somebody swept it before it was locked
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if folder.exists():
                return folder, fd
            os.close(fd)


def _sweep(root: Path) -> None:
    """Remove the folders that nobody holds."""
    for folder in root.iterdir():
        with contextlib.suppress(OSError):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(fd)
