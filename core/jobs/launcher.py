"""Start a worker, hand it a job, follow the job's events, cancel it. The caller's process imports nothing heavy."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO, Self

from ..errors import JobFailed
from ..events import ArtifactPublished, Event, JobFinished
from ..text import brief, escaped
from . import registry
from .death import Death, oom_kills, told
from .environment import environment
from .silence import Silence
from .store import EventReader, JobFolder
from .tidy import tidy

_POLL_SECONDS = 0.01
_GRACE_SECONDS = 3.0
_KEPT_OUTPUT = 1 << 16  # bytes of what a worker prints before it has a job


class Worker:
    """A process that does one job: in a session of its own, so that a hangup here does not end it.

    As a context manager it is killed, with everything that it started, if it still runs at the end.
    """

    def __init__(self, preload: Sequence[str] = (), *, tied: bool = False) -> None:
        """Start it. `preload`: modules that it imports while it waits for its job.

        `tied`: it cancels its job when this process is gone, however it ended. Raises `JobFailed` if the system
        starts no process.
        """
        self._job: JobFolder | None = None
        self._reader: EventReader | None = None
        self._began = False
        self._published: list[ArtifactPublished] = []
        self._cpu_seconds = 0.0
        self._oom_kills = oom_kills()
        self._output = _output()
        command = [sys.executable, "-P", "-m", "halfpint.core.jobs.worker", *(["--tied"] if tied else []), *preload]
        self._tied = tied
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._output or subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,
            )
        except OSError as error:
            self._close_files()
            raise _not_started(error) from error

    @property
    def pid(self) -> int:
        """Its process and process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, as `subprocess` tells it; None while it runs."""
        return self._process.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, job: JobFolder) -> None:
        """Hand over the job. Raises `JobFailed` if its folder is gone."""
        self._job = job
        try:
            self._reader = EventReader(job)
        except OSError as error:
            raise JobFailed(f"the job's folder {job.path} cannot be read: {error.strerror}") from error
        with contextlib.suppress(BrokenPipeError):  # it died already: following the job tells so
            assert self._process.stdin is not None
            self._process.stdin.write(os.fsencode(job.path) + b"\0")
            self._process.stdin.flush()
            if not self._tied:
                self._process.stdin.close()

    def follow(self) -> Iterator[Event]:
        """The job's events as they happen, from where the last call ended; the last is `JobFinished`, also if the
        worker dies.
        """
        assert self._job is not None and self._reader is not None
        silence = Silence(self._job, time.monotonic())
        while True:
            ended = self._ended()
            for event in self._reader.new():
                self._began = True
                yield event
                if isinstance(event, JobFinished):
                    return
                if isinstance(event, ArtifactPublished):
                    self._published.append(event)
            if ended:
                break
            silence.look(time.monotonic())
            time.sleep(_POLL_SECONDS)
        self._reap()
        self._put_right()
        end = self._end(self._job)
        registry.ended(self._job, end, self._published)
        yield end

    def cancel(self) -> None:
        """End the worker and what it started: first asked, then forced. Leaves no draft behind."""
        if not self._ended():
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + _GRACE_SECONDS
            while not self._ended() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        self._reap()
        self._put_right()

    def close(self) -> None:
        """End it as `cancel` does; its job cannot be followed any more."""
        self.cancel()
        self._close_files()

    def dismiss(self) -> None:
        """End a worker that has no job: at once, for there is nothing to clean up."""
        self._reap()
        self._close_files()

    def _close_files(self) -> None:
        for file in (self._reader, self._output):
            if file is not None:
                file.close()

    def _ended(self) -> bool:
        """Whether it has ended. It stays a zombie: until it is reaped, nobody else gets its number."""
        if self._process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _reap(self) -> None:
        """End its whole process group, and take its exit code."""
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            before = _children_seconds()
            self._process.wait()
            self._cpu_seconds = _children_seconds() - before
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _put_right(self) -> None:
        if self._job is not None and self._process.returncode:
            tidy(self._job)

    def _end(self, job: JobFolder) -> JobFinished:
        """The last event of a job whose worker died without one."""
        message, fix = told(self._death(job))
        if self._published:  # all that were going to be: they are published together
            fix = "its files were published before that: the manifest lists them"
        code = self._process.returncode
        return JobFinished(code if code >= 0 else 1, 0.0, message=message, fix=fix)

    def _death(self, job: JobFolder) -> Death:
        kills = oom_kills()
        if kills is not None and self._oom_kills is not None:
            kills -= self._oom_kills
        return Death(self._process.returncode, self._cpu_seconds, kills, self._printed(job), job.log_file)

    def _printed(self, job: JobFolder) -> str:
        """The last line of what it printed without a job; its log gets all of it."""
        if self._output is None or self._began:
            return ""
        self._output.seek(0)
        text = self._output.read(_KEPT_OUTPUT).decode("utf-8", "replace")
        lines = [escaped(line) for line in text.splitlines() if line.strip()]
        with contextlib.suppress(OSError), job.log_file.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return brief(lines[-1], 200) if lines else ""


def _output() -> IO[bytes] | None:
    """A file for what a worker prints before it has a job; None if there is no room for one."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return None


def _not_started(error: OSError) -> JobFailed:
    what = f"the system starts no process for the job: {error.strerror}"
    if error.errno == errno.EAGAIN:
        return JobFailed(what, "end some processes, or raise their limit (ulimit -u)")
    if error.errno == errno.ENOMEM:
        return JobFailed(what, "end something that takes memory")
    return JobFailed(what, f"is {sys.executable} still there, and may it be run?")


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
