"""All of a user's jobs are known to whoever asks: what waits, runs, ended, and what nobody saw the end of."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from halfpint.core.errors import Cancelled
from halfpint.core.events import ArtifactPublished, JobFinished
from halfpint.core.jobs import database as module
from halfpint.core.jobs.database import Database, State, database_path
from halfpint.core.jobs.store import EventLog, create, jobs_root
from halfpint.core.processes import Process, process, this_process
from halfpint.core.spec import ExportSpec
from support.jobs import small

ARTIFACT = ArtifactPublished("/out/best.onnx", 7, 1.9, "0" * 64, "pass", "all is kept", 1.2, "7 B", ())
DONE = JobFinished(0, 2.5, manifest="/out/best.halfpint.json")


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as found:
        yield found


@pytest.fixture
def spec(tiny: Path, tmp_path: Path) -> ExportSpec:
    return small(tiny, tmp_path)


def added(database: Database, spec: ExportSpec, *, queued: bool = True) -> str:
    folder = create(spec)
    database.add(folder.path.name, spec, queued=queued)
    return folder.path.name


def dead() -> Process:
    """A process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = process(child.pid)
    child.communicate(b"\n")
    return found


def state_of(database: Database, job: str) -> State:
    found = database.job(job)
    assert found is not None
    return found.state


def test_a_job_from_its_beginning_to_its_end(database: Database, spec: ExportSpec) -> None:
    job = added(database, spec)
    assert state_of(database, job) is State.WAITING
    database.began(job, this_process())
    assert state_of(database, job) is State.RUNNING
    database.ended(job, DONE, [ARTIFACT])
    with Database() as another:
        (found,) = another.jobs()
        assert (found.state, found.finished, found.spec) == (State.DONE, DONE, spec)
        assert found.began is not None and found.ended is not None and found.created <= found.began <= found.ended
        assert another.artifacts(job) == (ARTIFACT,)


@pytest.mark.parametrize(
    ("code", "state"), [(0, State.DONE), (1, State.FAILED), (3, State.FAILED), (Cancelled.exit_code, State.CANCELLED)]
)
def test_the_exit_code_tells_how_it_ended(database: Database, spec: ExportSpec, code: int, state: State) -> None:
    job = added(database, spec)
    database.ended(job, JobFinished(code, 0.0))
    assert state_of(database, job) is state


def test_what_the_worker_said_is_not_replaced_by_what_others_make_of_it(database: Database, spec: ExportSpec) -> None:
    job = added(database, spec)
    database.ended(job, DONE, [ARTIFACT])
    database.ended(job, JobFinished(1, 0.0, message="the worker was killed"))
    assert state_of(database, job) is State.DONE


def test_a_job_whose_process_died_is_lost(database: Database, spec: ExportSpec) -> None:
    job = added(database, spec)
    database.began(job, dead())
    (found,) = database.jobs()
    assert found.state is State.LOST
    assert found.finished is not None and "jobs retry" in found.finished.fix


def test_a_job_that_could_not_tell_the_database_is_not_lost(database: Database, spec: ExportSpec) -> None:
    """Its last event lies in its folder."""
    job = added(database, spec)
    folder = database.jobs()[0].folder
    with EventLog(folder) as log:
        log.append(DONE)
    database.began(job, dead())
    assert state_of(database, database.jobs()[0].id) is State.DONE


def test_of_other_machines_nothing_is_known(database: Database, spec: ExportSpec) -> None:
    job = added(database, spec)
    database.began(job, Process(1, "1", "elsewhere"))
    assert database.jobs()[0].state is State.RUNNING


def test_a_number_that_another_process_has_by_now(database: Database, spec: ExportSpec) -> None:
    me = this_process()
    database.began(added(database, spec), Process(me.pid, "another birth", me.host))
    assert database.jobs()[0].state is State.LOST


def test_a_job_that_waits_for_a_process_that_is_gone(
    database: Database, spec: ExportSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queued one goes on waiting: the runner takes it."""
    monkeypatch.setattr(module, "this_process", dead)
    alone, queued = added(database, spec, queued=False), added(database, spec)
    states = {job.id: job.state for job in database.jobs()}
    assert states == {alone: State.LOST, queued: State.WAITING}


def test_those_that_wait_keep_their_order_and_can_be_moved(database: Database, spec: ExportSpec) -> None:
    first, second, third = (added(database, spec) for _ in range(3))

    def order() -> list[str]:
        return [job.id for job in database.in_state(State.WAITING)]

    assert order() == [first, second, third]
    database.move(third, -1)
    assert order() == [first, third, second]
    database.move(first, 5)
    assert order() == [third, second, first]
    database.move("of nobody", 1)
    assert order() == [third, second, first]


def test_a_job_that_waits_is_cancelled_at_once(database: Database, spec: ExportSpec) -> None:
    waiting, running = added(database, spec), added(database, spec)
    database.began(running, this_process())
    for job in (waiting, running):
        database.cancel(job)
    assert state_of(database, waiting) is State.CANCELLED
    found = database.job(running)
    assert found is not None
    assert found.state is State.RUNNING and found.cancelled
    assert not database.take(waiting, this_process())


def test_a_job_is_taken_once(database: Database, spec: ExportSpec) -> None:
    job = added(database, spec)
    taken: list[bool] = []

    def take() -> None:
        with Database() as mine:
            taken.append(mine.take(job, this_process()))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]


def test_jobs_are_kept_for_a_while(database: Database, spec: ExportSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_JOBS", 3)
    jobs = [added(database, spec) for _ in range(3)]
    database.began(jobs[0], this_process())
    for job in jobs[1:]:
        database.ended(job, DONE)
    jobs += [added(database, spec) for _ in range(3)]
    left = {job.id for job in database.jobs()}
    assert left == {jobs[0], *jobs[3:]}, "what is over goes, the oldest first; what runs or waits stays"
    assert {path.name for path in jobs_root().iterdir() if path.is_dir()} == left


def test_only_what_is_over_is_forgotten(database: Database, spec: ExportSpec) -> None:
    over, waiting = added(database, spec), added(database, spec)
    database.ended(over, DONE, [ARTIFACT])
    database.forget([over, waiting])
    assert [job.id for job in database.jobs()] == [waiting]
    assert not (jobs_root() / over).exists() and (jobs_root() / waiting).exists()


@pytest.mark.parametrize("damage", [b"", b"not a database " * 400], ids=["empty", "garbage"])
def test_a_damaged_database_is_made_anew_from_the_folders(spec: ExportSpec, damage: bytes) -> None:
    with Database() as database:
        done, died = added(database, spec), added(database, spec)
        folder = database.job(done)
        assert folder is not None
        with EventLog(folder.folder) as log:
            log.append(DONE)
    for path in database_path().parent.glob("jobs.sqlite3-*"):
        path.unlink()
    database_path().write_bytes(damage)
    with Database() as database:
        assert {job.id: job.state for job in database.jobs()} == {done: State.DONE, died: State.LOST}


def test_a_job_that_this_version_cannot_read_is_passed_over(database: Database, spec: ExportSpec) -> None:
    job, other = added(database, spec), added(database, spec)
    with sqlite3.connect(database_path()) as raw:
        raw.execute("UPDATE jobs SET spec = '{\"future\": 1}' WHERE id = ?", (job,))
    raw.close()
    assert [found.id for found in database.jobs()] == [other]


def test_a_database_of_the_first_version_is_read_on(spec: ExportSpec) -> None:
    with Database() as database:
        jobs = [added(database, spec) for _ in range(3)]
    with sqlite3.connect(database_path()) as raw:
        for column in ("number", "device", "at_once"):
            raw.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
        raw.execute("DROP TABLE expected")
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    with Database() as database:
        assert {job.id: job.number for job in database.jobs()} == {job: i for i, job in enumerate(jobs, 1)}
        assert database.expected() is None
        added(database, spec)
        assert database.jobs()[0].number == 4


def test_what_others_write_is_noticed(database: Database, spec: ExportSpec) -> None:
    assert database.changed() and not database.changed()
    with Database() as other:
        added(other, spec)
    assert database.changed() and not database.changed()


def test_a_worker_is_expected_as_long_as_somebody_does(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.expect(("json",))
    with Database() as other:
        assert other.expected() == ("json",)
    with monkeypatch.context() as patch:
        patch.setattr(module, "this_process", dead)
        database.expect(("csv",))
    assert database.expected() == ("json",), "the other process is gone"
    database.expect_nothing()
    assert database.expected() is None


def test_names_may_be_shortened(database: Database, spec: ExportSpec) -> None:
    job = added(database, spec)
    assert [found.id for found in database.named("#1")] == [found.id for found in database.named("1")] == [job]
    assert [found.id for found in database.named(job[-4:])] == [job]
    assert [found.id for found in database.named(job[:8])] == [job]
    assert database.named("") == ()


def test_only_the_user_may_read_it(database: Database) -> None:
    assert database_path().stat().st_mode & 0o077 == 0
