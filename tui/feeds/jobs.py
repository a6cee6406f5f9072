"""The jobs of this user on the screen: what the database knows of them, and what happens in them, as it happens.

The screen owns none of them. It adds jobs, and watches; the runner has them done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from textual.message import Message

from ...core.errors import HalfpintError, JobFailed

if TYPE_CHECKING:  # imported after the first paint
    from ...core.events import Event, JobFinished
    from ...core.jobs.database import Database, Job
    from ...core.jobs.trail import Trail
    from ...core.spec import ExportSpec
    from ...core.targets.target import Target

_POLL_SECONDS = 0.1  # to learn whether the database has changed, which reads no table of it
_LOOK_SECONDS = 1.0  # between looks for processes that died
_BATCH_SECONDS = 0.5  # between news of one job: every repaint is bytes on the wire
_RECENT_SECONDS = 86400.0  # what ended before is in the list of jobs, and not in the log
_RECENT_JOBS = 20
_PATIENCE_SECONDS = 10.0  # for jobs to end that are cancelled


def _modules(chosen: Iterable[Target]) -> tuple[str, ...]:
    """What takes long to import for these targets: torch takes seconds, and 200 MiB that others have no use for."""
    return tuple(dict.fromkeys(module for target in chosen for module in target.preload))


class JobsListed(Message):
    """The jobs that are known, the newest first, and by their ids the verdicts on what they published."""

    def __init__(self, jobs: tuple[Job, ...], verdicts: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.jobs, self.verdicts = jobs, verdicts


class JobNews(Message):
    """What happened in a job since the last news: its events, and what its worker printed."""

    def __init__(self, job: Job, events: tuple[Event, ...], output: str) -> None:
        super().__init__()
        self.job, self.events, self.output = job, events, output

    @property
    def finished(self) -> JobFinished | None:
        """The job's end, if this is the last news of it."""
        from ...core.events import JobFinished

        return next((event for event in self.events if isinstance(event, JobFinished)), None)


class JobsFeed:
    """Adds jobs, changes them, and watches all of them in a thread."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._ended = Flag()
        self._expected: tuple[str, ...] | None = None
        self._mine: set[str] = set()

    def start(self) -> None:
        """Begin to watch."""
        Thread(target=self._run, name="jobs", daemon=True).start()

    # ---- what the person does

    def expect(self, spec: ExportSpec) -> None:
        """Have a worker warm that suits such a job."""
        self._expected = _modules(spec.targets)

    def submit(self, spec: ExportSpec) -> Job:
        """Add a job; it begins when there is room for it. Raises `JobFailed` if it cannot be kept anywhere."""
        from ...core.jobs.queue import submit

        job = submit(spec)
        self._mine.add(job.id)
        return job

    def mine(self, jobs: Iterable[Job]) -> tuple[Job, ...]:
        """Those of the jobs that this screen added."""
        return tuple(job for job in jobs if job.id in self._mine)

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Have jobs end. Returns at once; their news tell when they are over. Raises `HalfpintError`."""
        from ...core.jobs.queue import cancel

        with closing(_database()) as database:
            for job in jobs:
                cancel(database, job)

    def retry(self, job: Job) -> Job:
        """Do a job again that is over. Raises `HalfpintError`."""
        from ...core.jobs.queue import retry

        with closing(_database()) as database:
            again = retry(database, job)
        self._mine.add(again.id)
        return again

    def move(self, job: Job, steps: int) -> None:
        """Let a job that waits change places with the one before it (-1) or behind it (1). Raises `JobFailed`."""
        with closing(_database()) as database:
            database.move(job.id, steps)

    def stop(self, cancelled: Sequence[Job] = ()) -> None:
        """Watch no longer. `cancelled`: jobs to end first; returns when they have."""
        self._ended.set()
        if cancelled:
            with suppress(HalfpintError):
                self.cancel(cancelled)
                _await(cancelled)
        if self._expected is not None:
            with suppress(JobFailed), closing(_database()) as database:
                database.expect_nothing()

    # ---- what happens

    def _run(self) -> None:
        import sqlite3

        while not self._ended.is_set():
            with suppress(sqlite3.Error, OSError, JobFailed), closing(_database()) as database:
                _Watch(database, self._post).until(self._ended, lambda: self._expected)
            self._ended.wait(_LOOK_SECONDS)  # the disk may have room again


class _Watch:
    """Looks at the database as often as it changes, and at the jobs that run."""

    def __init__(self, database: Database, post: Callable[[Message], object]) -> None:
        self._database, self._post = database, post
        self._jobs: tuple[Job, ...] = ()
        self._trails: dict[str, _News] = {}
        self._begun = False

    def until(self, ended: Flag, expected: Callable[[], tuple[str, ...] | None]) -> None:
        """Watch until the screen ends. `expected`: what jobs need that are still to come. Raises `sqlite3.Error`."""
        from ...core.jobs.only_runner import ensure_runner
        from ...core.jobs.queue import look_after

        told, looked = None, 0.0
        while not ended.is_set():
            now = time.monotonic()
            if expected() != told:
                told = expected()
                if told is not None:
                    self._database.expect(told)
            if self._database.changed() or now - looked > _LOOK_SECONDS:
                looked = now
                self._list()
                with suppress(JobFailed):  # the job that waits for it tells
                    ensure_runner() if told is not None else look_after(self._database)
            self._tell(now)
            ended.wait(_POLL_SECONDS)
        for news in self._trails.values():
            news.trail.close()

    def _list(self) -> None:
        jobs = self._database.jobs()
        if jobs == self._jobs and self._begun:
            return
        self._jobs = jobs
        self._post(JobsListed(jobs, self._database.verdicts()))
        self._follow(jobs)
        self._begun = True

    def _follow(self, jobs: Sequence[Job]) -> None:
        """Take up the jobs that are not followed yet: all from now on, and of earlier ones the last few."""
        from ...core.jobs.database import State

        known = {job.id: job for job in jobs}
        for name in self._trails.keys() - known.keys():
            self._trails.pop(name).trail.close()
        recent = time.time() - _RECENT_SECONDS
        new = [job for job in jobs if job.id not in self._trails and job.state is not State.WAITING]
        new = [job for job in new if not job.state.over or (job.ended or 0) > recent]
        for job in reversed(new if self._begun else new[:_RECENT_JOBS]):
            self._trails[job.id] = _News(job)
        for name, news in self._trails.items():
            news.job = known[name]

    def _tell(self, now: float) -> None:
        for news in self._trails.values():
            message = news.due(now)
            if message is not None:
                self._post(message)


class _News:
    """Collects what happens in a job, to be told a few times a second."""

    def __init__(self, job: Job) -> None:
        from ...core.jobs.trail import Trail

        self.job = job
        self.trail: Trail = Trail()
        self._told = 0.0

    def due(self, now: float) -> JobNews | None:
        """What there is to tell now."""
        if self.trail.over or (now - self._told < _BATCH_SECONDS and not self.job.state.over):
            return None
        events, output = tuple(self.trail.new(self.job)), self.trail.printed(self.job)
        if not events and not output:
            return None
        self._told = now
        return JobNews(self.job, events, output)


def _database() -> Database:
    """An open database. Raises `JobFailed`."""
    import sqlite3

    from ...core.jobs.database import Database

    try:
        return Database()
    except (sqlite3.Error, OSError) as error:
        raise JobFailed(f"the database of jobs cannot be used: {error}", "is there room on its disk?") from error


def _await(jobs: Sequence[Job]) -> None:
    """Wait until jobs are over, or for some seconds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with closing(_database()) as database:
        while time.monotonic() < deadline:
            known: Mapping[str, Job] = {job.id: job for job in database.jobs()}
            if all(job.id not in known or known[job.id].state.over for job in jobs):
                return
            time.sleep(_POLL_SECONDS)
