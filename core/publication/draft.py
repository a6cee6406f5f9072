"""A file under construction: under a hidden name until it is known to be right, then published in one step."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from ..errors import BadRequest, HalfpintError, JobFailed
from ..limits import file_nbytes
from ..units import megabytes
from .claim import claim
from .digest import Digest
from .journal import hidden, is_draft
from .switch import sync

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_ELSEWHERE = "choose another folder with --out"
_BUFFER_NBYTES = 2**20  # small pieces are written together


class Draft:
    """Bytes on their way to `target`: hidden in the same folder, locked while they are worked on.

    Leaving the context discards what was not published. A draft whose maker was killed keeps no lock, and
    `sweep` removes it before the next one of the same target is begun. `sha256`: known once it is sealed.
    """

    def __init__(self, target: Path, mode: int = 0o666) -> None:
        """`mode`: the file's permissions, less the umask. Raises `BadRequest` if the folder cannot be written to."""
        self.target = target
        self.nbytes, self.sha256 = 0, ""
        self._digest: Digest | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            sweep(target.parent, target.name)
            self._token, self._fd = _create(target, mode)
        except OSError as error:
            raise folder_refused(target.parent, error) from error
        self.path = target.with_name(self.hidden("part"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what cannot be removed now is swept later
            self.path.unlink(missing_ok=True)
        if self._digest is not None:
            self._digest.stop()
        os.close(self._fd)

    def hidden(self, suffix: str) -> str:
        """A hidden name of this draft's own."""
        return hidden(self.target.name, self._token, suffix)

    def write(self, data: bytes) -> None:
        """Replace the draft's bytes. Raises `JobFailed` if the disk is full."""
        with self.open() as file:
            file.write(data)

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The draft as an empty file to write to, piece by piece. It can seek, and be given its size beforehand.

        What writes to it raises `JobFailed` if the disk is full.
        """
        raw = _Bytes(self._fd, self.target)
        try:
            file = io.BufferedWriter(raw, _BUFFER_NBYTES)
            raw.truncate(0)
            yield file
            file.flush()
        finally:
            raw.close()  # what is still in the buffer is not written any more
        self.nbytes = os.fstat(self._fd).st_size

    def check(self) -> None:
        """Raises `JobFailed` if somebody removed the draft, or its folder."""
        if not self.path.exists():
            raise removed(self.target)

    def complete(self) -> None:
        """All is written: begin to take the bytes' SHA-256, which `seal` will need."""
        if self._digest is not None:
            self._digest.stop()
        self._digest = Digest(self._fd)

    def seal(self) -> None:
        """Have the bytes safe on the disk, and their SHA-256 taken. Raises `JobFailed`."""
        try:
            os.fsync(self._fd)
            digest = self._digest.hexdigest() if self._digest is not None else None
            if digest is None:  # nobody has begun, or the file was written to meanwhile
                self._digest = Digest(self._fd)
                digest = self._digest.hexdigest()
            if digest is None:
                raise being_written(self.target)
            self.sha256 = digest
        except OSError as error:
            raise cannot_write(self.target, self.nbytes, error) from error

    def publish(self, overwrite: bool) -> None:
        """Give the draft its final name: at once, complete, and safely on the disk.

        For a file that stands alone; files that belong together are published by `Hold.publish`. Raises `BadRequest`
        if that name is taken and `overwrite` is false.
        """
        try:
            os.fsync(self._fd)
            if overwrite:
                self.path.replace(self.target)
            else:
                claim(self.path, self.target)
            sync(self.target.parent)
        except FileExistsError as error:
            raise taken(self.target) from error
        except OSError as error:
            raise cannot_write(self.target, self.nbytes, error) from error


class _Bytes(io.RawIOBase):
    """The bytes of a draft, to write to. It closes without closing the draft."""

    def __init__(self, fd: int, target: Path) -> None:
        self._fd, self._target = fd, target
        self._place = self._needed = 0  # so many bytes the file needs at least

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET:
            offset += self._place if whence == os.SEEK_CUR else os.fstat(self._fd).st_size
        self._place = offset
        return offset

    def write(self, data: ReadableBuffer) -> int:
        view = memoryview(data).cast("B")
        self._needed = max(self._needed, self._place + len(view))
        try:
            write_all(self._fd, view, self._place)
        except OSError as error:
            raise cannot_write(self._target, self._needed, error) from error
        self._place += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        size = self._place if size is None else size
        self._needed = max(self._needed, size)
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise cannot_write(self._target, self._needed, error) from error
        return size


def write_all(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write all bytes at an offset. Raises `OSError`."""
    written = 0
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)


def taken(path: Path) -> BadRequest:
    """The error for a name that is taken already."""
    return BadRequest(f"{path} exists already", "give --overwrite to replace it, or --name or --out for another place")


def folder_refused(folder: Path, error: OSError) -> BadRequest:
    """The error for a folder that no file can be put into."""
    if error.errno == errno.ENAMETOOLONG:
        return BadRequest(f"a name in {folder} would be too long for its file system", "give a shorter --name or --out")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        file = next((part for part in (folder, *folder.parents) if part.exists() and not part.is_dir()), folder)
        return BadRequest(f"{file} is a file, not a folder", _ELSEWHERE)
    return BadRequest(f"the folder {folder} cannot be written to: {error.strerror}", _ELSEWHERE)


def cannot_write(target: Path, nbytes: int, error: OSError) -> HalfpintError:
    """The error for a file of so many bytes that cannot be written or named."""
    folder = target.parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT) and folder.is_dir():
        free = megabytes(shutil.disk_usage(folder).free)
        return JobFailed(
            f"the disk of {folder} is full: {target.name} needs {megabytes(nbytes)}, {free} are free",
            "free some space, or choose another folder with --out",
        )
    limit = file_nbytes()
    if error.errno == errno.EFBIG and limit is not None:
        return JobFailed(
            f"{target} cannot be written: it needs {megabytes(nbytes)}, and files may have {megabytes(limit)} here",
            "raise the limit (ulimit -f), or choose a smaller model or precision",
        )
    if error.errno == errno.ENOENT:
        return removed(target)
    return JobFailed(f"{target} cannot be written: {error.strerror}", _ELSEWHERE)


def being_written(target: Path) -> JobFailed:
    """The error for a draft that another process writes to."""
    return JobFailed(f"somebody writes to the unfinished file of {target}", "start the job again")


def removed(target: Path) -> JobFailed:
    """The error for a file whose draft or folder somebody removed."""
    what = "the unfinished file" if target.parent.is_dir() else "its folder"
    return JobFailed(f"{target} cannot be written: somebody removed {what} meanwhile", "start the job again")


def sweep(folder: Path, root: str) -> None:
    """Remove drafts that killed processes left in a folder: of `root`, or of names that go on after it and a dot."""
    for path in [path for path in folder.iterdir() if is_draft(path.name, root)]:
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            finally:
                os.close(fd)


def _create(target: Path, mode: int) -> tuple[str, int]:
    """A new, locked file under a hidden name; the name's token, and the open file."""
    while True:
        token = secrets.token_hex(4)
        path = target.with_name(hidden(target.name, token, "part"))
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with contextlib.suppress(OSError):  # some network file systems have no locks: then nothing is swept
            fcntl.flock(fd, fcntl.LOCK_EX)  # who sweeps may hold it for an instant, to remove the file
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(path.lstat(), os.fstat(fd)):
                return token, fd
        os.close(fd)
