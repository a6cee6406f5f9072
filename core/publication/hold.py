"""One job at a time makes files of one name in a folder: it holds a locked file there, which is its journal too.

The lock is the kernel's (flock), so that a process that died holds nothing. The file's first line tells who holds it;
a second one is there while files get their names. Whoever takes the lock and finds a second line puts the folder
right first. The journal lies beside the files, not with the user's state: another machine or another user may be the
next to work in the folder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ..errors import BadRequest, JobFailed
from ..processes import Process, this_process
from ..untrusted import printable
from . import switch
from .draft import Draft, cannot_write, folder_refused, removed, sweep, taken, write_all
from .journal import Journal, Move, from_line

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)  # what some network file systems answer
_LONGEST = 1 << 20  # bytes of such a file
_TRIES = 100  # to open a file that others create and remove


@dataclass(frozen=True)
class Holder:
    """A process that makes files of a name. `since`: local time, in ISO 8601. `birth`: when the process began."""

    job: str
    pid: int
    host: str
    since: str
    birth: str

    def __str__(self) -> str:
        where = "" if self._process.here else f" on {self.host}"
        return f"process {self.pid}{where}, since {self.since.replace('T', ' ')}"

    @property
    def gone(self) -> bool:
        """Whether it certainly is no more: of other machines nothing is known."""
        return self._process.gone

    @property
    def _process(self) -> Process:
        return Process(self.pid, self.birth, self.host)


class Held(Exception):
    """Another process holds the name; `holder`: which one, where it tells."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(str(holder))
        self.holder = holder


class Hold:
    """A name in a folder that is this job's alone until it is released. A context manager.

    What a process that died left there is put right before: an interrupted publication is undone or finished, drafts
    are removed.
    """

    def __init__(self, folder: Path, root: str, job: str = "") -> None:
        """`root`: the files' name, as `formats.root_of` tells it.

        Raises `Held`; `BadRequest` if the folder cannot be written to; `JobFailed` if it cannot be put right.
        """
        self.folder, self._root = folder, root
        self._path = folder / f".{root}.halfpint.lock"
        self._made: list[Path] = []  # folders, the innermost first
        self._unfinished = False
        try:
            self._fd = self._take()
        except OSError as error:
            self._remove_folders()
            raise folder_refused(folder, error) from error
        try:
            self._put_right()
            self._write_holder(job)
        except BaseException:
            self.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the next one in. Folders that were made for this job and are empty go too."""
        with contextlib.suppress(OSError):
            if self._is_held() and not self._unfinished:
                self._path.unlink()
        os.close(self._fd)
        self._remove_folders()

    def check(self) -> None:
        """Raises `JobFailed` if somebody removed the folder, or the lock in it: then the name is not held any more."""
        if not self._is_held():
            raise removed(self._path)

    def publish(self, artifacts: Sequence[Draft], manifest: Draft, *, overwrite: bool) -> None:
        """Give the artifacts and the manifest that lists them their final names: all, or none.

        `overwrite`: whether artifacts may replace what exists; a manifest always may. Raises `BadRequest` if a name
        is taken, `JobFailed` if the disk is full or fails.
        """
        self.check()
        moves = [_move(draft, replace=overwrite) for draft in artifacts]
        journal = Journal(self._job, (*moves, _move(manifest, replace=True)))
        self._unfinished = True
        try:
            self._append(journal)
            switch.commit(self.folder, journal)
        except BaseException as error:
            self._take_back(journal)
            if isinstance(error, FileExistsError):
                raise taken(Path(error.filename2 or error.filename)) from error
            if isinstance(error, OSError):
                nbytes = sum(draft.nbytes for draft in (*artifacts, manifest))
                raise cannot_write(manifest.target, nbytes, error) from error
            raise
        with contextlib.suppress(OSError, MemoryError):  # everything is published; the next job here tidies up
            switch.finish(self.folder, journal)
            self._clear()
            self._unfinished = False

    def _is_held(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._fd), self._path.lstat())
        return False

    def _take(self) -> int:
        """An open, locked file under the lock's name. Raises `Held`, `OSError`."""
        for _ in range(_TRIES):
            fd = self._open()
            if fd is None:
                continue
            try:
                _lock(fd)
                if os.path.samestat(os.fstat(fd), self._path.lstat()):
                    return fd
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # its holder removed it between the two calls
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))

    def _open(self) -> int | None:
        """The lock's file; None if somebody else is just creating or removing it. Raises `OSError`."""
        self._make_folders()
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(self._path, flags)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return fd
            os.close(fd)
            raise OSError(errno.EINVAL, f"{self._path.name} in it is no regular file", str(self._path))
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            return os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        return None

    def _put_right(self) -> None:
        lines = _lines(self._fd)
        if len(lines) > 1:
            self._unfinished = True
            what = f"a job was interrupted while it published into {self.folder}, and that cannot be put right"
            try:
                switch.recover(self.folder, from_line(lines[1], self._root))
            except OSError as error:
                raise JobFailed(f"{what}: {error.strerror}", "make the folder writable") from error
            except ValueError as error:
                raise JobFailed(f"{what}: {error}", f"remove {self._path} when its files are as you want") from error
            self._unfinished = False
        sweep(self.folder, self._root)

    def _write_holder(self, job: str) -> None:
        now = datetime.now().isoformat(timespec="seconds")
        me = this_process()
        holder = Holder(job, me.pid, me.host, now, me.birth)
        self._job, self._head = job, f"{json.dumps(asdict(holder))}\n".encode()
        try:
            os.ftruncate(self._fd, 0)
            write_all(self._fd, self._head, 0)
        except OSError as error:
            raise cannot_write(self._path, len(self._head), error) from error

    def _append(self, journal: Journal) -> None:
        """Have the journal safe on the disk, name and all."""
        write_all(self._fd, f"{journal.to_line()}\n".encode(), len(self._head))
        os.fsync(self._fd)
        switch.sync(self.folder)

    def _clear(self) -> None:
        os.ftruncate(self._fd, len(self._head))
        os.fsync(self._fd)

    def _take_back(self, journal: Journal) -> None:
        try:
            switch.undo(self.folder, journal)
            self._clear()
        except OSError as error:
            raise JobFailed(
                f"the files could not be published into {self.folder}, nor all be taken back: {error.strerror}",
                "the next job of this name there puts it right",
            ) from error
        self._unfinished = False

    def _make_folders(self) -> None:
        missing: list[Path] = []
        folder = self.folder
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                self._made.insert(0, folder)

    def _remove_folders(self) -> None:
        with contextlib.suppress(OSError):
            for folder in self._made:
                folder.rmdir()


def put_right(folder: Path, root: str) -> None:
    """Put right what a process that died left of a name in a folder, unless another one works on it already."""
    with contextlib.suppress(Held, BadRequest, JobFailed):
        if folder.is_dir():
            Hold(folder, root).release()


def _move(draft: Draft, *, replace: bool) -> Move:
    name = draft.target.name
    earlier = draft.hidden("old") if replace and os.path.lexists(draft.target) else ""
    return Move(name, draft.path.name, draft.sha256, earlier)


def _lock(fd: int) -> None:
    """Lock a file for this process alone. Raises `Held`, `OSError`."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Held(_holder(_lines(fd))) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        holder = _holder(_lines(fd))  # without locks, what it says must do
        if holder is not None and not holder.gone:
            raise Held(holder) from error


def _lines(fd: int) -> list[str]:
    """The complete lines of such a file. One that was cut off by a crash counts for nothing."""
    text = os.pread(fd, _LONGEST, 0).decode("ascii", "replace")
    return text.split("\n")[:-1]


def _holder(lines: Sequence[str]) -> Holder | None:
    try:
        values: Any = json.loads(lines[0])
        told = {name: printable(str(values[name])) for name in ("job", "host", "since", "birth")}
        return Holder(pid=int(values["pid"]), **told)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
