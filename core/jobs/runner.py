"""`python -P -m halfpint.core.jobs.runner`: the process that takes the jobs which wait, and watches them.

There is one a user. It is started when a job is added, belongs to nobody's screen, listens nowhere, and ends when there
is nothing to do. It knows nothing that is not in the database: if it is killed, the jobs that run go on, and the next
runner takes the ones that wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

from ..devices import GpuReport, GpuSampler
from ..errors import JobFailed
from ..events import JobFinished
from ..processes import process
from ..state import private_folder, state_folder
from .database import Database, Job, State
from .launcher import Worker, environment
from .room import CPU, Running, gpu_nbytes, room

_POLL_SECONDS = 0.1
_IDLE_SECONDS = 5.0


def ensure_runner() -> None:
    """Have a runner at work: start one, if there is none. Raises `JobFailed` if the system starts no process."""
    lock = _lock()
    if lock is None:
        return
    os.close(lock)  # the new one takes it; if two are started at the same time, one of them ends at once
    try:
        with (state_folder() / "runner.log").open("ab") as log:
            runner = subprocess.Popen(
                [sys.executable, "-P", "-m", "halfpint.core.jobs.runner"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,
                cwd="/",
            )
    except OSError as error:
        raise JobFailed(
            f"the system starts no process for the queue: {error.strerror}", "start the job again"
        ) from error
    Thread(target=runner.wait, name="runner", daemon=True).start()  # else its end would leave a zombie


class Runner:
    """Takes jobs that wait, in their order, as soon as there is room for them."""

    def __init__(self, database: Database, sampler: GpuSampler, at_once: int = 1) -> None:
        """`at_once`: so many jobs run on the CPU at the same time."""
        self._database, self._sampler, self._at_once = database, sampler, at_once
        self._watched: dict[str, _Watch] = {}
        self._needs: dict[str, int] = {}

    def step(self) -> bool:
        """Begin what there is room for, end what somebody wishes to end. Whether there is anything to do at all."""
        running = self._database.in_state(State.RUNNING)
        for job in running:
            if job.cancelled and job.id in self._watched:
                self._watched[job.id].cancel()
        waiting = [job for job in self._database.in_state(State.WAITING) if job.queued]
        if waiting:
            self._begin(waiting, running)
        self._watched = {job: watch for job, watch in self._watched.items() if watch.is_alive()}
        return bool(waiting or self._watched)

    def _begin(self, waiting: list[Job], running: tuple[Job, ...]) -> None:
        beside = [Running(job.spec.device, job.worker.pid, self._need(job)) for job in running if job.worker.here]
        report = self._sampler.sample() if any(job.spec.device != CPU for job in waiting) else GpuReport()
        full: set[str] = set()  # what is smaller does not overtake: else a large job might never begin
        for job in waiting:
            device = job.spec.device
            reason = room(device, self._need(job), beside, report, self._at_once)
            if device in full or reason:
                full.add(device)
                reason = reason or f"waits for its turn on {device}"
                if reason != job.reason:
                    self._database.wait(job.id, reason)
                continue
            worker = self._start(job)
            if worker is not None:
                beside.append(Running(device, worker.pid, self._need(job)))

    def _start(self, job: Job) -> Worker | None:
        """Have a worker do a job; None if there is none, which is the job's end, or if the job is gone."""
        try:
            worker = Worker()
        except JobFailed as error:
            self._database.ended(job.id, JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix))
            return None
        if not self._database.take(job.id, process(worker.pid)):
            worker.dismiss()
            return None
        try:
            worker.start(job.folder)
        except JobFailed as error:
            worker.dismiss()
            self._database.ended(job.id, JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix))
            return None
        self._watched[job.id] = _Watch(worker)
        return worker

    def _need(self, job: Job) -> int:
        if job.id not in self._needs:
            self._needs[job.id] = gpu_nbytes(job.spec)
        return self._needs[job.id]


class _Watch(Thread):
    """Follows a job to its end: if its worker dies without a word, that is noted."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(name=f"watch {worker.pid}", daemon=True)
        self._worker = worker
        self._cancelled = False
        self.start()

    def run(self) -> None:
        for _ in self._worker.follow():
            pass
        self._worker.close()

    def cancel(self) -> None:
        """Have the job end, by force if it does not end when it is asked to. Returns at once."""
        if not self._cancelled:
            self._cancelled = True
            Thread(target=self._worker.cancel, name=f"cancel {self._worker.pid}", daemon=True).start()


def main() -> int:
    """Run until there is nothing to do; the exit code."""
    lock = _lock()
    if lock is None:
        return 0
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Database() as database:
        runner, idle_since = Runner(database, GpuSampler()), time.monotonic()
        while True:
            try:
                busy = runner.step()
            except sqlite3.OperationalError as error:  # another one writes for long, the disk is full
                os.write(2, f"the database of jobs: {error}\n".encode())
                busy = True
            if busy:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > _IDLE_SECONDS and _leave(database, lock):
                return 0
            time.sleep(_POLL_SECONDS)


def _leave(database: Database, lock: int) -> bool:
    """Give up the lock, unless a job was added just now: whoever adds the next one finds nobody, and starts another."""
    with contextlib.suppress(sqlite3.OperationalError), database.alone() as waiting:
        if not waiting:
            os.close(lock)
        return not waiting
    return False


def _lock() -> int | None:
    """The lock of the one runner, until it is closed; None if somebody has it. Raises `OSError`."""
    private_folder(state_folder())
    fd = os.open(_lock_file(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _lock_file() -> Path:
    return state_folder() / "runner.lock"


if __name__ == "__main__":
    sys.exit(main())
