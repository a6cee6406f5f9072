"""Where Halfpint keeps what outlives a run, and what does not: in folders that only this user may look into."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_PRIVATE = 0o700


def state_folder() -> Path:
    """$HALFPINT_STATE, or the user's state folder."""
    chosen = os.environ.get("HALFPINT_STATE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_state_path

    return user_state_path("halfpint")


def temporary_folder() -> Path:
    """This user's folder in the system's temporary one; made, if it is not there. Raises `OSError`.

    Where somebody else has that name, it is one whose name goes on, the same at each call.
    """
    import tempfile

    place, name = Path(tempfile.gettempdir()), f"halfpint-{os.getuid()}"
    with contextlib.suppress(OSError):  # somebody else's file or link is there
        private_folder(place / name)
    for folder in (place / name, *sorted(place.glob(f"{name}-*"))):
        if _is_private(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


def _is_private(folder: Path) -> bool:
    """Whether it is a folder of this user's that nobody else may look into."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone. One that is there stays as it is.

    Raises `OSError`.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(_PRIVATE, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file for this user alone. Raises `OSError`."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)
