"""`python -P -m halfpint.core.jobs.runner`: the process that takes the jobs which wait, and watches them.

There is one a user (`only_runner.py`). It is started when a job is added or expected, belongs to nobody's screen,
listens nowhere, and ends when there is nothing to do. It knows nothing that is not in the database: if it is killed,
the jobs that run go on, and the next runner takes the ones that wait.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from functools import partial
from threading import Event, Thread

from ..device_names import is_cluster, without_gpu
from ..devices import GpuReport, GpuSampler
from ..errors import JobFailed
from ..events import JobFinished
from ..options import DEVICE
from ..processes import process
from . import only_runner
from .database import Database, Job, State
from .launcher import Worker
from .room import Running, choices, gpu_nbytes, place
from .silence import Silence
from .tidy import tidy
from .warm import Warm

_POLL_SECONDS = 0.05  # to learn whether the database has changed, which reads no table of it
_LOOK_SECONDS = 1.0  # between looks at what the database does not tell: processes that died, memory that became free
_IDLE_SECONDS = 5.0


class Runner:
    """Takes jobs that wait, in their order, as soon as there is room for them."""

    def __init__(self, database: Database, sampler: GpuSampler) -> None:
        self._database, self._sampler = database, sampler
        self._watched: dict[str, _Watch] = {}
        self._needs: dict[tuple[str, str], int] = {}
        self._silences: dict[str, Silence] = {}  # of jobs that run and that another runner has begun
        self._warm = Warm()
        self.ended = Event()  # a job has

    def step(self) -> bool:
        """Begin what there is room for, end what somebody wishes to end. Whether there is anything to do at all."""
        self.ended.clear()
        running = self._database.in_state(State.RUNNING)
        for job in running:
            if job.cancelled and job.id in self._watched:
                self._watched[job.id].cancel()
        self._listen(running)
        waiting = [job for job in self._database.in_state(State.WAITING) if job.queued]
        if waiting:
            self._begin(waiting, running)
        self._watched = {job: watch for job, watch in self._watched.items() if not watch.over}
        expected = self._database.expected()
        if not self._watched:  # beside a job, imports would cost it time
            self._warm.keep(expected)
        return bool(waiting or self._watched or self._silences or expected is not None)

    def _listen(self, running: tuple[Job, ...]) -> None:
        """Tell of jobs that have told nothing for long, where nobody else does: who began a job listens to it."""
        now = time.monotonic()
        orphans = [job for job in running if job.queued and job.worker.here and job.id not in self._watched]
        self._silences = {job.id: self._silences.get(job.id) or Silence(job.folder, now) for job in orphans}
        for silence in self._silences.values():
            silence.look(now)

    def _begin(self, waiting: list[Job], running: tuple[Job, ...]) -> None:
        beside = [Running(job.where, job.worker.pid, self._need(job, job.where)) for job in running if job.worker.here]
        wanted = {job.where for job in waiting}
        report = GpuReport() if all(map(without_gpu, wanted)) else self._sampler.sample()
        full: set[str] = set()  # what is smaller does not overtake: else a large job might never begin
        for job in waiting:
            device, reason = place(job.where, partial(self._need, job), beside, report, job.at_once, full)
            if reason:
                full |= set(choices(job.where, report))
                if reason != job.reason:
                    self._database.wait(job.id, reason)
                continue
            worker = self._start(job, job.device if is_cluster(device) else device)
            if worker is not None:
                beside.append(Running(device, worker.pid, self._need(job, device)))

    def _start(self, job: Job, device: str) -> Worker | None:
        """Have a worker do a job on a device; None if there is none, which is the job's end, or if the job is gone."""
        try:
            worker = self._warm.take()
        except JobFailed as error:
            self._database.ended(job.id, JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix))
            return None
        if not self._database.take(job.id, process(worker.pid), device):
            worker.dismiss()
            return None
        try:
            self._assign(job, device)
            worker.start(job.folder)
        except JobFailed as error:
            worker.dismiss()
            self._database.ended(job.id, JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix))
            return None
        self._watched[job.id] = _Watch(worker, self.ended)
        return worker

    def _assign(self, job: Job, device: str) -> None:
        """Have the job run on a device, if its spec leaves a choice. Raises `JobFailed`."""
        if device != job.spec.device:
            try:
                job.folder.assign(job.spec.having(DEVICE, device))
            except OSError as error:
                raise JobFailed(f"{job.folder.path} cannot be written to: {error.strerror}") from error

    def _need(self, job: Job, device: str) -> int:
        if without_gpu(device):
            return 0
        key = (job.id, device)
        if key not in self._needs:
            self._needs[key] = gpu_nbytes(job.spec.having(DEVICE, device))
        return self._needs[key]


class _Watch(Thread):
    """Follows a job to its end: if its worker dies without a word, that is noted."""

    def __init__(self, worker: Worker, ended: Event) -> None:
        """`ended`: is set when the job is over."""
        super().__init__(name=f"watch {worker.pid}", daemon=True)
        self._worker, self._ended = worker, ended
        self._cancelled = False
        self.over = False
        self.start()

    def run(self) -> None:
        for _ in self._worker.follow():
            pass
        self._worker.close()
        self.over = True
        self._ended.set()

    def cancel(self) -> None:
        """Have the job end, by force if it does not end when it is asked to. Returns at once."""
        if not self._cancelled:
            self._cancelled = True
            Thread(target=self._worker.cancel, name=f"cancel {self._worker.pid}", daemon=True).start()


def main() -> int:
    """Run until there is nothing to do; the exit code."""
    lock = only_runner.lock()
    if lock is None:
        return 0
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Database() as database, contextlib.suppress(KeyboardInterrupt):
        runner, busy, idle_since, looked = Runner(database, GpuSampler()), True, time.monotonic(), -_LOOK_SECONDS
        # A folder may lie on a server that does not answer.
        Thread(target=_tidy, args=[database.in_state(State.LOST)], name="tidy", daemon=True).start()
        while True:
            now = time.monotonic()
            try:
                if runner.ended.is_set() or now - looked > _LOOK_SECONDS or database.changed():
                    looked, busy = now, runner.step()
            except sqlite3.OperationalError as error:  # another one writes for long, the disk is full
                os.write(2, f"the database of jobs: {error}\n".encode())
                busy = True
            if busy:
                idle_since = now
            elif now - idle_since > _IDLE_SECONDS and _leave(database, lock):
                return 0
            runner.ended.wait(_POLL_SECONDS)
    return 0


def _tidy(lost: tuple[Job, ...]) -> None:
    """Remove what jobs left that died with whoever watched them."""
    for job in lost:
        tidy(job.folder)


def _leave(database: Database, lock: int) -> bool:
    """Give up the lock, unless a job was added just now: whoever adds the next one finds nobody, and starts another."""
    with contextlib.suppress(sqlite3.OperationalError), database.alone() as waiting:
        if not waiting:
            os.close(lock)
        return not waiting
    return False


if __name__ == "__main__":
    os._exit(main())  # the jobs that run go on; a worker that has none ends with its input
