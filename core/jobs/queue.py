"""Jobs are added to the queue here, and cancelled, moved and tried again; the runner does the rest."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3

from ..errors import BadRequest, JobFailed
from ..spec import ExportSpec
from .database import Database, Job, State
from .only_runner import ensure_runner


def submit(spec: ExportSpec, at_once: int = 1) -> Job:
    """Add a job, which begins as soon as there is room for it. Raises `JobFailed` if it cannot be kept anywhere.

    `at_once`: so many jobs on the CPU may run at the same time, this one included. Where no process can be started that
    takes it, it waits for one, and its reason tells so.
    """
    try:
        with Database() as database:
            name = database.new(spec, queued=True, at_once=at_once).path.name
            try:
                ensure_runner()
            except JobFailed as error:
                database.wait(name, error.what)
            job = database.job(name)
    except (sqlite3.Error, OSError) as error:
        raise JobFailed(
            f"the database of jobs cannot be written: {error}",
            "free some space, or set HALFPINT_STATE to another folder",
        ) from error
    assert job is not None
    return job


def look_after(database: Database) -> None:
    """Have somebody take the jobs that wait: the runner may have been killed. Who needs none starts none."""
    if database.waits():
        with contextlib.suppress(JobFailed):
            ensure_runner()


def retry(database: Database, job: Job) -> Job:
    """Do a job again that is over. Raises `BadRequest` if it is not."""
    if not job.state.over:
        raise BadRequest(f"{job.id} is {job.state}", "cancel it first")
    return submit(job.spec, job.at_once)


def cancel(database: Database, job: Job) -> None:
    """Have a job end: returns at once. Raises `BadRequest` if it is over, or runs on another machine."""
    if job.state.over:
        raise BadRequest(f"{job.id} is {job.state} already", "halfpint jobs list tells what runs")
    if job.state is State.RUNNING and not job.worker.here:
        raise BadRequest(f"{job.id} runs on {job.worker.host}", "cancel it there")
    database.cancel(job.id)
    if job.state is State.RUNNING and not job.worker.gone:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(job.worker.pid, signal.SIGTERM)  # a worker leads a group of its own
