"""A job's folder: its spec, its events, what its worker printed. It outlives everybody who works on the job."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from ..errors import JobFailed
from ..events import Event, JobFinished, from_line, to_line
from ..spec import ExportSpec
from ..state import private_folder, state_folder, temporary_folder, write_private

KEPT = 10_000  # jobs, should the database of them, which keeps fewer, not be there to forget any
_KEPT_TEMPORARILY = 10
_LONGEST_END = 1 << 16  # bytes of a job's last event
_LONGEST_LINE = 1 << 20  # bytes of an event: a message, and the paths of some files
_LEAST_FREE = 1 << 20  # bytes; a disk with less counts as full, for the events are still to come


@dataclass(frozen=True)
class JobFolder:
    """Where everything about one job lies."""

    path: Path

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def events_file(self) -> Path:
        """One event a line, as they happen."""
        return self.path / "events.jsonl"

    @property
    def log_file(self) -> Path:
        """What the worker and the libraries in it print."""
        return self.path / "worker.log"

    def spec(self) -> ExportSpec:
        """The job's spec. Raises `OSError` or `ValueError` if it cannot be read."""
        return ExportSpec.from_json(self.spec_file.read_text(encoding="utf-8"))

    def assign(self, spec: ExportSpec) -> None:
        """Let the job do this in the place of what it was made for. Raises `OSError`."""
        new = self.path / "spec.json.new"
        write_private(new, spec.to_json().encode())
        new.replace(self.spec_file)

    def end(self) -> JobFinished | None:
        """The job's last event, if it has told its end."""
        try:
            with self.events_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_END))
                lines = file.read().splitlines()
        except OSError:
            return None
        for line in reversed(lines):
            with contextlib.suppress(ValueError):
                event = from_line(line.decode("utf-8"))
                return event if isinstance(event, JobFinished) else None
        return None

    def remove(self) -> None:
        """Remove the folder, as far as that can be done."""
        shutil.rmtree(self.path, ignore_errors=True)


def jobs_root() -> Path:
    """The folder of all jobs."""
    return state_folder() / "jobs"


def create(spec: ExportSpec) -> JobFolder:
    """A folder for a new job, with its spec in it: in the temporary folder, if there is no room among the others.

    Raises `JobFailed` if there is none at all.
    """
    try:
        return create_in(jobs_root(), spec, KEPT)
    except OSError:
        pass
    try:
        return create_in(temporary_folder() / "jobs", spec, _KEPT_TEMPORARILY)
    except OSError as error:
        raise JobFailed(
            f"neither {state_folder()} nor the temporary folder can be written to: {error.strerror}",
            "free some space, or set HALFPINT_STATE to another folder",
        ) from error


def create_in(root: Path, spec: ExportSpec, keep: int) -> JobFolder:
    """A folder for a new job among others, of which so many are kept. Raises `OSError` if there is no room for it."""
    private_folder(root)
    if shutil.disk_usage(root).free < _LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root))
    job = JobFolder(root / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}")
    job.path.mkdir(0o700)
    try:
        write_private(job.spec_file, spec.to_json().encode())
        write_private(job.events_file, b"")
        write_private(job.log_file, b"")
    except OSError:
        shutil.rmtree(job.path, ignore_errors=True)
        raise
    with contextlib.suppress(OSError):
        root.chmod(0o700)
        _prune(root, keep)
    return job


def _prune(root: Path, keep: int) -> None:
    """Remove the oldest jobs, apart from those that run."""
    for old in map(JobFolder, sorted(path for path in root.iterdir() if path.is_dir())[:-keep]):
        if not _runs(old):
            old.remove()


def _runs(job: JobFolder) -> bool:
    try:
        fd = os.open(job.events_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


class EventLog:
    """Writes a job's events as they happen. While it is open, the job counts as running.

    An event for which the disk has no room is lost; the job goes on.
    """

    def __init__(self, job: JobFolder) -> None:
        """Raises `OSError` if the folder is gone."""
        self._fd = os.open(job.events_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._torn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def append(self, event: Event) -> None:
        """Add an event, in one write."""
        line = f"{to_line(event)}\n".encode("ascii")
        if self._torn:
            line = b"\n" + line  # what was cut off stands alone, and is passed over
        with contextlib.suppress(OSError):
            self._torn = os.write(self._fd, line) != len(line)


class EventReader:
    """Reads a job's events as they are appended."""

    def __init__(self, job: JobFolder) -> None:
        self._file = job.events_file.open("rb")
        self._rest = b""
        self._too_long = False  # what comes up to the next newline is the rest of a line that was given up

    def close(self) -> None:
        self._file.close()

    def new(self) -> Iterator[Event]:
        """The events that were completed since the last call. A line that is no event is passed over."""
        while part := self._file.read(_LONGEST_LINE):
            *lines, self._rest = (self._rest + part).split(b"\n")
            if lines and self._too_long:
                lines, self._too_long = lines[1:], False
            if len(self._rest) > _LONGEST_LINE:  # no event of ours: it is not kept until its end
                self._rest, self._too_long = b"", True
            for line in lines:
                with contextlib.suppress(ValueError):
                    yield from_line(line.decode("utf-8"))
