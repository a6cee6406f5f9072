"""Files get their final names together: all moves of a journal are made, or none.

What is replaced is kept under a hidden name until the last move, the manifest's, is made and safe on the disk. Before
it, the job has published nothing and can be undone; after it, everything. So whoever finds the journal of a process
that died knows what to do from the files alone.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from ..untrusted import open_regular
from .claim import claim
from .journal import Journal, Move


def commit(folder: Path, journal: Journal) -> None:
    """Make all moves; the journal and every draft must be safe on the disk.

    Raises `FileExistsError` if a name is taken that was free when the journal was written, and `OSError`. Then, and
    after any other exception, `undo` is called for.
    """
    for move in journal.moves[:-1]:
        _place(folder, move)
    sync(folder)
    _place(folder, journal.switch)
    sync(folder)


def undo(folder: Path, journal: Journal) -> None:
    """Take all moves back that were made, whichever they are. It can be repeated. Raises `OSError`."""
    if not folder.is_dir():
        return  # somebody removed it, with all that was in it
    for move in reversed(journal.moves):
        target, draft = folder / move.name, folder / move.draft
        if move.earlier:
            _restore(target, draft, folder / move.earlier, move)
        elif _is_ours(target, draft, move):
            target.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
    sync(folder)


def finish(folder: Path, journal: Journal) -> None:
    """Remove what a complete publication no longer needs. It can be repeated. Raises `OSError`."""
    for move in journal.moves:
        (folder / move.draft).unlink(missing_ok=True)
        if move.earlier:
            (folder / move.earlier).unlink(missing_ok=True)
    sync(folder)


def recover(folder: Path, journal: Journal) -> bool:
    """Finish or undo what a process began that died. Whether it was published. Raises `OSError`."""
    published = _sha256(folder / journal.switch.name) == journal.switch.sha256
    if published:
        finish(folder, journal)
    else:
        undo(folder, journal)
    return published


def sync(folder: Path) -> None:
    """Have the names in a folder safe on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _place(folder: Path, move: Move) -> None:
    target, draft = folder / move.name, folder / move.draft
    if not move.earlier:
        claim(draft, target)
        return
    claim(target, folder / move.earlier)  # without hard links, the name is free for an instant
    os.rename(draft, target)  # noqa: PTH104


def _restore(target: Path, draft: Path, earlier: Path, move: Move) -> None:
    if not os.path.lexists(earlier):
        return  # this move was not begun
    if os.path.lexists(target):
        same = os.path.samestat(target.lstat(), earlier.lstat())
        if same or not _is_ours(target, draft, move):  # not replaced yet; or somebody put a file of theirs there
            earlier.unlink()
            return
    os.rename(earlier, target)  # noqa: PTH104


def _is_ours(target: Path, draft: Path, move: Move) -> bool:
    """Whether what has the final name is what this job put there."""
    try:
        there = target.lstat()
    except FileNotFoundError:
        return False
    with contextlib.suppress(FileNotFoundError):
        # The draft keeps its name where there are hard links. An empty file beside it is a name that was taken.
        return os.path.samestat(there, draft.lstat()) or there.st_size == 0
    return _sha256(target) == move.sha256


def _sha256(path: Path) -> str:
    """The SHA-256 of a regular file; empty if there is none."""
    try:
        fd = open_regular(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EINVAL):
            return ""
        raise
    with open(fd, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
