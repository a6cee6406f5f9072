"""What becomes of a job is noted for others to see. A job never fails because that cannot be written down."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence

from ..events import ArtifactPublished, JobFinished
from ..processes import Process
from ..spec import ExportSpec
from .database import Database
from .queue import look_after
from .store import JobFolder, create


def new_job(spec: ExportSpec) -> JobFolder:
    """The folder of a new job that the caller's own worker is going to do. Raises `JobFailed`."""
    try:
        with Database() as database:
            return database.new(spec, queued=False)
    except (sqlite3.Error, OSError):
        return create(spec)


def began(job: JobFolder, worker: Process) -> None:
    """A process works on a job."""
    _note(lambda db: db.began(job.path.name, worker))


def ended(job: JobFolder, finished: JobFinished, artifacts: Sequence[ArtifactPublished] = ()) -> None:
    """A job is over, and published these."""
    _note(lambda db: db.ended(job.path.name, finished, artifacts))


def hand_on() -> None:
    """Have somebody take the jobs that wait, should the runner be gone: called by a worker at its end."""
    _note(look_after)


def _note(write: Callable[[Database], None]) -> None:
    with contextlib.suppress(sqlite3.Error, OSError), Database() as db:
        write(db)
