"""The jobs of the screen: one after the other, each in a worker that waits for it with its imports done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread, Timer
from typing import TYPE_CHECKING

from textual.message import Message

from ...core.errors import HalfpintError, JobFailed
from ...core.targets import default_target

if TYPE_CHECKING:  # imported when a worker is warmed up, after the first paint
    from ...core.events import Event, JobFinished
    from ...core.jobs.launcher import Worker
    from ...core.jobs.store import JobFolder
    from ...core.spec import ExportSpec
    from ...core.targets.target import Target

_BATCH_SECONDS = 0.5


def _modules(chosen: Iterable[Target]) -> tuple[str, ...]:
    """What takes long to import for these targets: torch takes seconds, and 200 MiB that others have no use for."""
    return tuple(dict.fromkeys(module for target in chosen for module in target.preload))


@dataclass(frozen=True)
class Job:
    """A job of this screen: its number, what it is to do, and its folder."""

    number: int
    spec: ExportSpec
    folder: JobFolder


class JobNews(Message):
    """What happened in a job since the last news: its events, and what its worker printed. The first has neither."""

    def __init__(self, job: Job, events: tuple[Event, ...], output: str) -> None:
        super().__init__()
        self.job, self.events, self.output = job, events, output

    @property
    def finished(self) -> JobFinished | None:
        """The job's end, if this is the last news of it."""
        from ...core.events import JobFinished

        return next((event for event in self.events if isinstance(event, JobFinished)), None)


class QueueChanged(Message):
    """Another job runs, or none, or others wait."""

    def __init__(self, running: Job | None, waiting: tuple[Job, ...]) -> None:
        super().__init__()
        self.running, self.waiting = running, waiting


class JobQueue:
    """Runs jobs in a thread. It does not end them when the screen ends: a worker lives in a session of its own."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._waiting: deque[Job] = deque()
        self._changed = Condition()
        self._count = 0
        self._warm: Worker | None = None
        self._preload = _modules((default_target(),))
        self._preloaded: tuple[str, ...] = ()
        self._running: tuple[Job, Worker] | None = None
        self._ended = False

    def start(self) -> None:
        """Warm up a worker, and wait for jobs."""
        Thread(target=self._run, name="jobs", daemon=True).start()

    def expect(self, spec: ExportSpec) -> None:
        """Have a worker warm that suits such a job."""
        preload = _modules(spec.targets)
        if preload != self._preload:
            with self._changed:
                self._preload = preload
                self._changed.notify()

    def submit(self, spec: ExportSpec) -> Job:
        """Add a job; it begins when those before it are over. Raises `JobFailed` if no disk has room for its folder."""
        from ...core.jobs.registry import new_job

        self._count += 1
        job = Job(self._count, spec, new_job(spec))
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
        self._tell()
        return job

    @property
    def running(self) -> Job | None:
        """The job that runs."""
        return self._running[0] if self._running else None

    @property
    def waiting(self) -> tuple[Job, ...]:
        """The jobs that wait, in order."""
        return tuple(self._waiting)

    def cancel(self) -> None:
        """Cancel the job that runs. Returns at once; its news tell when it is over."""
        running = self._running
        if running is not None:
            Thread(target=running[1].cancel, name="cancel", daemon=True).start()

    def drop_waiting(self) -> tuple[Job, ...]:
        """Take the jobs that wait off the queue, and return them."""
        with self._changed:
            dropped = tuple(self._waiting)
            self._waiting.clear()
        self._tell()
        return dropped

    def _tell(self) -> None:
        """Say what runs and waits now. In a lock, so that what is said last is what is so."""
        with self._changed:
            self._post(QueueChanged(self.running, self.waiting))

    def stop(self, *, wait: bool = False) -> None:
        """Begin no further job and let the warm worker go. A job that runs goes on without the screen.

        `wait`: end it first, and return when it is gone.
        """
        with self._changed:
            self._ended = True
            self._changed.notify()
        if wait and self._running is not None:
            self._running[1].cancel()
        if self._warm is not None:
            self._warm.dismiss()

    def _run(self) -> None:
        while True:
            self._warm_up()
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting or self._preload != self._preloaded)
                if self._ended:
                    return
                if not self._waiting:
                    continue
                job = self._waiting.popleft()
                try:
                    worker = self._take()
                    self._running = (job, worker)
                    worker.start(job.folder)
                except JobFailed as error:
                    self._running = None
                    self._refuse(job, error)
                    continue
            self._follow(job, worker)

    def _refuse(self, job: Job, error: HalfpintError) -> None:
        """Tell that a job cannot be begun; the next one is tried all the same."""
        from ...core.events import JobFinished

        self._tell()
        end = JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix)
        for events in ((), (end,)):
            self._post(JobNews(job, events, ""))

    def _warm_up(self) -> None:
        """Start a worker that imports what is expected, in place of one that imported something else."""
        from ...core.jobs.launcher import Worker

        with self._changed:
            if self._ended or (self._warm is not None and self._preload == self._preloaded):
                return
            if self._warm is not None:
                self._warm.dismiss()
            self._warm, self._preloaded = None, self._preload
            with suppress(JobFailed):  # then it is tried again, and told of, when there is a job
                self._warm = Worker(self._preload)

    def _take(self) -> Worker:
        """The warm worker; a new one if it died while it waited."""
        from ...core.jobs.launcher import Worker

        worker, self._warm = self._warm, None
        if worker is not None and worker.returncode is not None:
            worker.dismiss()
            worker = None
        return worker or Worker()

    def _follow(self, job: Job, worker: Worker) -> None:
        batch = _Batch(job, self._post)
        self._tell()
        self._post(JobNews(job, (), ""))
        for event in worker.follow():
            batch.add(event)
        worker.close()  # it has nothing more to do, and what it may have started neither
        self._running = None
        self._tell()
        batch.flush()


class _Batch:
    """Collects events, and posts them a few times a second, for every repaint is bytes on the wire."""

    def __init__(self, job: Job, post: Callable[[Message], object]) -> None:
        self._job, self._post = job, post
        self._events: list[Event] = []
        self._lock = Condition()
        self._timer: Timer | None = None
        self._printed = 0

    def add(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            if self._timer is None:
                self._timer = Timer(_BATCH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            events, self._events = tuple(self._events), []
            output = self._output()
        if events or output:
            self._post(JobNews(self._job, events, output))

    def _output(self) -> str:
        """What the worker printed since the last time."""
        try:
            with self._job.folder.log_file.open("rb") as file:
                file.seek(self._printed)
                new = file.read()
        except OSError:
            return ""
        self._printed += len(new)
        return new.decode("utf-8", "replace")
