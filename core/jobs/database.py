"""The jobs of this user: one SQLite database, which all screens, shells, workers and the runner read and write.

What a job is to do and what happened in it lie in its folder (`store.py`); here is what others must know of it: its
state, its place in the queue, whose process works on it, and how it ended. Paths may hold bytes that are no text, so
they are kept as JSON in ASCII.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from ..errors import Cancelled
from ..events import ArtifactPublished, JobFinished, from_line, to_line
from ..options import CLUSTER
from ..processes import Process, this_process
from ..spec import ExportSpec
from ..state import private_folder, state_folder
from .store import JobFolder, create, jobs_root

KEPT_SECONDS = 30 * 86400
KEPT_JOBS = 1000
_VERSION = 3  # of the tables, as `PRAGMA user_version`
_PATIENCE_SECONDS = 10.0  # for somebody else's write to end
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,      -- in the order in which they were added: people call it #number
    state TEXT NOT NULL,
    queued INTEGER NOT NULL,      -- whether the runner is to take it; others have a process of their own already
    place REAL NOT NULL,          -- among those that wait, the least first
    spec TEXT NOT NULL,
    created REAL NOT NULL,        -- seconds since 1970, as all times
    began REAL,
    ended REAL,
    pid INTEGER, birth TEXT, host TEXT,  -- of the worker; of who created it, as long as it waits for one
    cancelled INTEGER NOT NULL DEFAULT 0, -- whether somebody wishes its end
    reason TEXT NOT NULL DEFAULT '',      -- why it waits
    finished TEXT,                        -- its last event
    device TEXT NOT NULL DEFAULT '',      -- that was chosen for it, where its spec leaves a choice
    at_once INTEGER NOT NULL DEFAULT 1    -- so many jobs on the CPU may run at the same time, it included
);
CREATE INDEX IF NOT EXISTS of_state ON jobs (state, place);
CREATE TABLE IF NOT EXISTS artifacts (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    published TEXT NOT NULL               -- the event
);
CREATE INDEX IF NOT EXISTS of_job ON artifacts (job);
CREATE TABLE IF NOT EXISTS expected (     -- processes that are going to add jobs
    pid INTEGER NOT NULL, birth TEXT NOT NULL, host TEXT NOT NULL,
    modules TEXT NOT NULL,                -- which a worker for them imports
    PRIMARY KEY (pid, birth, host)
);
"""
_CHANGES = {
    1: (
        "ALTER TABLE jobs ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
        "UPDATE jobs SET number ="
        " (SELECT count(*) FROM jobs AS other WHERE (other.created, other.id) <= (jobs.created, jobs.id))",
    ),
    2: (
        "ALTER TABLE jobs ADD COLUMN device TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN at_once INTEGER NOT NULL DEFAULT 1",
    ),
}  # from each version to the next one


class State(StrEnum):
    """What becomes of a job. `LOST`: its process died, and nobody saw how."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def over(self) -> bool:
        """Whether nothing more happens in the job."""
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Job:
    """What the database knows of a job. Times are seconds since 1970.

    `device`: on which it runs, or may. `at_once`: so many jobs on the CPU may run at the same time, it included.
    `number`: what people call it by, as long as it is kept. `queued`: whether the runner takes it. `worker`: the
    process that works on it. `cancelled`: somebody wishes its end. `reason`: why it waits. `finished`: its last event.
    """

    id: str
    number: int
    state: State
    queued: bool
    place: float
    spec: ExportSpec
    created: float
    began: float | None
    ended: float | None
    worker: Process
    cancelled: bool
    reason: str
    finished: JobFinished | None
    device: str
    at_once: int

    @property
    def folder(self) -> JobFolder:
        """Where its spec, its events and its log lie."""
        return JobFolder(jobs_root() / self.id)

    @property
    def where(self) -> str:
        """Where it runs, or may: its device, or the address of the cluster that does it."""
        return self.spec.policy[CLUSTER] or self.device

    def seconds(self, now: float) -> float | None:
        """How long it has run; None if it has not begun."""
        if self.began is None:
            return None
        return max(0.0, (self.ended or now) - self.began)  # somebody may have set the clock back meanwhile


class Database:
    """An open connection, for one thread. A context manager."""

    def __init__(self) -> None:
        """Open the user's database, or make it. Raises `sqlite3.Error` or `OSError` if there is no way to."""
        private_folder(jobs_root())
        self._path = database_path()
        try:
            self._db = _opened(self._path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, no room, not allowed: it is whole
                raise
            _put_aside(self._path)
            self._db = _opened(self._path)
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version < _VERSION:
            self._renew()
        self._version: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    # ---- what is known

    def changed(self) -> bool:
        """Whether somebody else wrote since the last call; at the first, yes. No table is read for that."""
        before = self._version
        (self._version,) = self._db.execute("PRAGMA data_version").fetchone()
        return self._version != before

    def jobs(self) -> tuple[Job, ...]:
        """All jobs, the newest first. Those whose process died are lost from now on."""
        self._note_lost()
        return _jobs(self._db.execute("SELECT * FROM jobs ORDER BY number DESC, id DESC"))

    def in_state(self, state: State) -> tuple[Job, ...]:
        """The jobs in a state; those that wait in the order in which they will run."""
        self._note_lost()
        return _jobs(self._db.execute("SELECT * FROM jobs WHERE state = ? ORDER BY place, id", (state,)))

    def named(self, name: str) -> tuple[Job, ...]:
        """The job of this number (`7` or `#7`), or those whose id ends in `name` or begins with it."""
        jobs, number = self.jobs(), name.removeprefix("#")
        numbered = tuple(job for job in jobs if str(job.number) == number)
        return numbered or tuple(job for job in jobs if name and (job.id.startswith(name) or job.id.endswith(name)))

    def job(self, job: str) -> Job | None:
        """The job of this id, if it is known."""
        self._note_lost()
        return next(iter(_jobs(self._db.execute("SELECT * FROM jobs WHERE id = ?", (job,)))), None)

    def artifacts(self, job: str) -> tuple[ArtifactPublished, ...]:
        """What a job published."""
        rows = self._db.execute("SELECT published FROM artifacts WHERE job = ?", (job,))
        events = (from_line(row["published"]) for row in rows)
        return tuple(event for event in events if isinstance(event, ArtifactPublished))

    def verdicts(self) -> Mapping[str, tuple[str, ...]]:
        """Of what each job published, by its id: pass or warn."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self._db.execute("SELECT job, json_extract(published, '$.verdict') AS verdict FROM artifacts"):
            found[row["job"]] = (*found.get(row["job"], ()), str(row["verdict"]))
        return found

    # ---- what happens

    def new(self, spec: ExportSpec, *, queued: bool, at_once: int = 1) -> JobFolder:
        """A new job, and its folder: it waits, as `add` has it. Raises `JobFailed` if no disk has room for the folder.

        A folder that is there while the database is made anew would be taken for one of a job that ended.
        """
        folder = create(spec)
        try:
            self.add(folder.path.name, spec, queued=queued, at_once=at_once)
        except BaseException:
            folder.remove()
            raise
        return folder

    def add(self, job: str, spec: ExportSpec, *, queued: bool, at_once: int = 1) -> None:
        """A job waits: for the runner, if it is queued, else for a worker of the process that adds it."""
        me, now = this_process(), time.time()
        with self._db:
            (last,) = self._db.execute("SELECT max(place) FROM jobs WHERE state = 'waiting'").fetchone()
            self._db.execute(
                "INSERT OR REPLACE INTO jobs (id, number, state, queued, place, spec, created, pid, birth, host,"
                f" at_once) VALUES (?, {_NEXT_NUMBER}, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?)",
                (job, queued, (last or 0) + 1, spec.to_json(), now, me.pid, me.birth, me.host, at_once),
            )
        self._prune(now)

    def began(self, job: str, worker: Process) -> None:
        """A process works on the job."""
        self._work(job, worker, (State.WAITING, State.RUNNING))

    def take(self, job: str, worker: Process, device: str = "") -> bool:
        """Claim a job that waits, for a worker on a device; whether it was there to be claimed."""
        return self._work(job, worker, (State.WAITING,), device)

    def _work(self, job: str, worker: Process, states: Sequence[State], device: str = "") -> bool:
        """A process works on a job that is in one of these states; whether it was. `device`: empty if known before."""
        among = ", ".join("?" * len(states))
        with self._db:
            changed = self._db.execute(
                "UPDATE jobs SET state = 'running', reason = '', began = ifnull(began, ?), pid = ?, birth = ?,"
                f" host = ?, device = ifnull(nullif(?, ''), device) WHERE id = ? AND state IN ({among})",
                (time.time(), worker.pid, worker.birth, worker.host, device, job, *states),
            ).rowcount
        return changed == 1

    def ended(self, job: str, finished: JobFinished, artifacts: Sequence[ArtifactPublished] = ()) -> None:
        """The job is over, and published these. What its worker says comes before what others make of its death."""
        with self._db:
            changed = self._db.execute(
                "UPDATE jobs SET state = ?, ended = ?, finished = ? WHERE id = ? AND state IN"
                " ('waiting', 'running', 'lost')",
                (_state_after(finished), time.time(), to_line(finished), job),
            ).rowcount
            if changed:
                self._db.executemany("INSERT INTO artifacts VALUES (?, ?)", [(job, to_line(a)) for a in artifacts])

    def wait(self, job: str, reason: str) -> None:
        """Tell why a job waits."""
        with self._db:
            self._db.execute("UPDATE jobs SET reason = ? WHERE id = ?", (reason, job))

    def cancel(self, job: str) -> None:
        """Wish the end of a job: one that waits is cancelled at once, of one that runs whoever watches it ends it."""
        over = to_line(JobFinished(Cancelled.exit_code, 0.0, message="cancelled before it began"))
        with self._db:
            self._db.execute("UPDATE jobs SET cancelled = 1 WHERE id = ?", (job,))
            self._db.execute(
                "UPDATE jobs SET state = 'cancelled', ended = ?, finished = ? WHERE id = ? AND state = 'waiting'",
                (time.time(), over, job),
            )

    def move(self, job: str, steps: int) -> None:
        """Let a job that waits change places with the one before it (-1) or behind it (1)."""
        with self._db:
            waiting = [
                row["id"] for row in self._db.execute("SELECT id FROM jobs WHERE state = 'waiting' ORDER BY place, id")
            ]
            if job not in waiting:
                return
            at = waiting.index(job)
            waiting.insert(min(max(at + steps, 0), len(waiting) - 1), waiting.pop(at))
            self._db.executemany(
                "UPDATE jobs SET place = ? WHERE id = ?", [(i, name) for i, name in enumerate(waiting)]
            )

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Within, nobody else writes. Whether any job waits for the runner."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self.waits()
        finally:
            self._db.rollback()

    def waits(self) -> bool:
        """Whether any job waits for the runner."""
        found = self._db.execute("SELECT 1 FROM jobs WHERE state = 'waiting' AND queued LIMIT 1").fetchone()
        return found is not None

    def expect(self, modules: Sequence[str]) -> None:
        """This process is going to add jobs: the runner has a worker ready for it that imported these modules."""
        me = this_process()
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO expected VALUES (?, ?, ?, ?)", (me.pid, me.birth, me.host, json.dumps(modules))
            )

    def expect_nothing(self, by: Process | None = None) -> None:
        """This process, or another, is not going to add jobs any more."""
        by = by or this_process()
        with self._db:
            self._db.execute("DELETE FROM expected WHERE (pid, birth, host) = (?, ?, ?)", (by.pid, by.birth, by.host))

    def expected(self) -> tuple[str, ...] | None:
        """The modules that a worker is to import for the process which asked last; None if no process expects any."""
        modules: tuple[str, ...] | None = None
        for row in self._db.execute("SELECT * FROM expected ORDER BY rowid DESC").fetchall():
            process = Process(row["pid"], row["birth"], row["host"])
            if process.gone:
                self.expect_nothing(process)
            elif process.here and modules is None:
                modules = tuple(json.loads(row["modules"]))
        return modules

    def forget(self, jobs: Sequence[str]) -> None:
        """Remove jobs that are over, with their folders. Their artifacts stay where they are."""
        gone: list[str] = []
        with self._db:
            for job in jobs:
                over = "DELETE FROM jobs WHERE id = ? AND state NOT IN ('waiting', 'running')"
                gone += [job] * self._db.execute(over, (job,)).rowcount
        for job in gone:
            JobFolder(jobs_root() / job).remove()

    # ---- upkeep

    def _note_lost(self) -> None:
        """Jobs whose process is gone, without a word of how it ended, are lost."""
        rows = self._db.execute(
            "SELECT * FROM jobs WHERE state = 'running' OR (state = 'waiting' AND NOT queued)"
        ).fetchall()
        lost = [job for job in _jobs(rows) if job.worker.gone]
        if not lost:
            return
        with self._db:
            for job in lost:
                told = job.folder.end()
                finished = told or JobFinished(1, 0.0, message="its process died, and nobody saw how", fix=_RETRY)
                state = State.LOST if told is None else _state_after(told)
                self._db.execute(
                    "UPDATE jobs SET state = ?, ended = ?, finished = ? WHERE id = ? AND pid = ? AND state = ?",
                    (state, time.time(), to_line(finished), job.id, job.worker.pid, job.state),
                )

    def _prune(self, now: float) -> None:
        """Forget what is older than 30 days, or beyond 1,000 jobs; never one that runs or waits."""
        rows = self._db.execute("SELECT id, created, state FROM jobs ORDER BY number DESC, id DESC").fetchall()
        old = [
            row["id"]
            for number, row in enumerate(rows)
            if (number >= KEPT_JOBS or now - row["created"] > KEPT_SECONDS) and State(row["state"]).over
        ]
        if old:
            self.forget(old)

    def _renew(self) -> None:
        """Bring the tables to this version, whichever they are of; others may do so at the same time."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            for step in range(version, _VERSION) if version else ():
                for change in _CHANGES[step]:
                    self._db.execute(change)
                self._db.execute(f"PRAGMA user_version = {step + 1}")
        self._db.executescript(_TABLES)
        if version == 0:
            self._rebuild()
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def _rebuild(self) -> None:
        """Take up the jobs whose folders are there: the database was damaged, or is new."""
        for path in sorted(jobs_root().iterdir()):
            folder = JobFolder(path)
            with contextlib.suppress(OSError, ValueError):
                spec, told, created = folder.spec(), folder.end(), folder.spec_file.stat().st_mtime
                state = State.LOST if told is None else _state_after(told)
                with self._db:
                    self._db.execute(
                        "INSERT OR IGNORE INTO jobs (id, number, state, queued, place, spec, created, began, ended,"
                        f" finished) VALUES (?, {_NEXT_NUMBER}, ?, 0, 0, ?, ?, ?, ?, ?)",
                        (path.name, state, spec.to_json(), created, created, created, told and to_line(told)),
                    )


_NEXT_NUMBER = "(SELECT ifnull(max(number), 0) + 1 FROM jobs)"
_RETRY = "halfpint jobs retry does it again"


def _state_after(finished: JobFinished) -> State:
    """What a job is after such an end."""
    if finished.exit_code == Cancelled.exit_code:
        return State.CANCELLED
    return State.FAILED if finished.exit_code else State.DONE


def database_path() -> Path:
    """Where the database lies."""
    return state_folder() / "jobs.sqlite3"


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_PATIENCE_SECONDS)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys = ON")
        # In a journal of its own, writers do not keep readers from reading; where the file system has no shared memory
        # for that (network file systems), SQLite stays with what it has.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        path.chmod(0o600)
    except BaseException:
        db.close()
        raise
    return db


def _put_aside(path: Path) -> None:
    """Keep a damaged database beside its place, under another name."""
    path.replace(path.with_name(f"{path.name}.damaged-{int(time.time())}"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _jobs(rows: Iterable[sqlite3.Row]) -> tuple[Job, ...]:
    """The jobs of some rows; one that this version cannot read is passed over."""
    found: list[Job] = []
    for row in rows:
        with contextlib.suppress(ValueError):
            found.append(_job(row))
    return tuple(found)


@lru_cache(maxsize=2 * KEPT_JOBS)
def _spec(text: str) -> ExportSpec:
    """Jobs are read whenever one of them changes; what they are to do does not."""
    return ExportSpec.from_json(text)


def _job(row: sqlite3.Row) -> Job:
    spec = _spec(row["spec"])
    finished: Any = from_line(row["finished"]) if row["finished"] else None
    return Job(
        id=row["id"],
        number=row["number"],
        state=State(row["state"]),
        queued=bool(row["queued"]),
        place=row["place"],
        spec=spec,
        created=row["created"],
        began=row["began"],
        ended=row["ended"],
        worker=Process(row["pid"] or 0, row["birth"] or "", row["host"] or ""),
        cancelled=bool(row["cancelled"]),
        reason=row["reason"],
        finished=finished,
        device=row["device"] or spec.device,
        at_once=row["at_once"],
    )
