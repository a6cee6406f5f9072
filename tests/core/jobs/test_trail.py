"""A job is followed from its first event to its end, whoever does it, and however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from halfpint.core.events import Event, JobFinished, JobStarted
from halfpint.core.jobs.database import Database, Job
from halfpint.core.jobs.store import EventLog
from halfpint.core.jobs.trail import Trail
from halfpint.core.processes import this_process
from support.jobs import small

BEGUN, DONE = JobStarted("w.pt", ()), JobFinished(0, 2.5)


@pytest.fixture
def job(tiny: Path, tmp_path: Path) -> Job:
    with Database() as database:
        folder = database.new(small(tiny, tmp_path), queued=False)
        database.began(folder.path.name, this_process())
    return now(folder.path.name)


def now(name: str) -> Job:
    with Database() as database:
        found = database.job(name)
    assert found is not None
    return found


def say(job: Job, *events: Event) -> None:
    with EventLog(job.folder) as log:
        for event in events:
            log.append(event)


def ended(job: Job, end: JobFinished) -> Job:
    with Database() as database:
        database.ended(job.id, end)
    return now(job.id)


def test_the_end_comes_when_the_database_knows_it(job: Job) -> None:
    trail = Trail()
    say(job, BEGUN, DONE)
    assert list(trail.new(job)) == [BEGUN]
    assert list(trail.new(job)) == []
    assert list(trail.new(ended(job, DONE))) == [DONE]
    assert trail.over and list(trail.new(now(job.id))) == []


def test_what_is_no_event_is_passed_over_however_long(job: Job) -> None:
    trail = Trail()
    with job.folder.events_file.open("ab") as events:
        for garbage in (b"\xff\0garbage\n", b"{}\n", b"x" * (5 << 20), b"y" * 100 + b"\n"):
            events.write(garbage)
            events.flush()
            assert list(trail.new(job)) == []
    say(job, BEGUN)
    assert list(trail.new(job)) == [BEGUN]
    trail.close()


def test_a_worker_that_did_not_tell(job: Job) -> None:
    trail = Trail()
    say(job, BEGUN)
    killed = JobFinished(1, 0.0, message="killed")
    assert list(trail.new(ended(job, killed))) == [BEGUN, killed]


def test_a_folder_that_is_gone(job: Job) -> None:
    job.folder.remove()
    trail = Trail()
    assert trail.printed(job) == "" and list(trail.new(job)) == []
    assert list(trail.new(ended(job, DONE))) == [DONE]
    trail.close()


def test_what_the_worker_prints(job: Job) -> None:
    trail = Trail()
    with job.folder.log_file.open("a") as log:
        print("one", file=log, flush=True)
        assert trail.printed(job) == "one\n"
        print("two", file=log, flush=True)
        assert trail.printed(job) == "two\n"
