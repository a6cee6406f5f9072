"""`halfpint jobs`: what becomes of all jobs of this user, whichever screen or command started them."""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.errors import BadRequest, JobFailed
from ..core.events import Event, JobFinished
from ..core.jobs import queue
from ..core.jobs.database import Database, Job, State
from ..core.jobs.state_words import state_words
from ..core.jobs.store import EventReader
from ..core.jobs.trail import Trail
from ..core.spec import ExportSpec
from ..core.tables import from_home, table
from .console import say, say_error, say_json
from .export import report, shown_as

_POLL_SECONDS = 0.1


def run(args: argparse.Namespace) -> int:
    """Run `halfpint jobs`; its exit code. Raises `BadRequest` for a job that is not known."""
    try:
        with Database() as database:
            queue.look_after(database)
            return _ACTIONS[args.action](database, args)
    except sqlite3.Error as error:
        raise JobFailed(f"the database of jobs cannot be used: {error}", "is there room on its disk?") from error


# ---- what people ask for


def _list(database: Database, args: argparse.Namespace) -> int:
    jobs = _chosen(database, args.jobs) if args.jobs else database.jobs()
    if args.json:
        say_json([to_dict(database, job) for job in jobs])
        return 0
    if not jobs:
        say("there are no jobs yet: halfpint export makes one")
        return 0
    now, verdicts = time.time(), database.verdicts()
    rows = [("", "job", "state", "weights", "files", "began", "took")]
    rows += [_row(job, verdicts.get(job.id, ()), now) for job in jobs]
    for line in table(rows):
        say(line)
    return 0


def _show(database: Database, args: argparse.Namespace) -> int:
    """All that happened in some jobs; the exit code is that of the last."""
    code = 0
    for job in _chosen(database, args.jobs):
        if args.json:
            say_json(to_dict(database, job))
            continue
        say(f"#{job.number} {job.id}  {state_words(job, database.verdicts().get(job.id, ()))}")
        say(f"weights: {from_home(job.spec.weights)}; files go to {from_home(job.spec.out)}")
        events = _events(job)
        if events and isinstance(events[-1], JobFinished):
            code = report(events)
        elif job.finished is not None and job.finished.message:
            say_error(job.finished.message, job.finished.fix)
            code = job.finished.exit_code
        say(f"log: {from_home(job.folder.log_file)}")
    return code


def _follow(database: Database, args: argparse.Namespace) -> int:
    """Show a job from its first event to its end; its exit code. The job goes on if this command is ended."""
    (job,) = _chosen(database, args.jobs)[:1]
    shown = shown_as(as_json=args.json)
    try:
        for event in followed(database, job):
            shown.show(event)
    finally:
        shown.close()
    return shown.end()


def _cancel(database: Database, args: argparse.Namespace) -> int:
    for job in _chosen(database, args.jobs, State.RUNNING, State.WAITING):
        queue.cancel(database, job)
        say(f"{job.id} is cancelled")
    return 0


def _retry(database: Database, args: argparse.Namespace) -> int:
    for job in _chosen(database, args.jobs, State.FAILED, State.CANCELLED, State.LOST):
        say(queue.retry(database, job).id)
    return 0


def _up(database: Database, args: argparse.Namespace) -> int:
    return _move(database, args, -1)


def _down(database: Database, args: argparse.Namespace) -> int:
    return _move(database, args, 1)


def _move(database: Database, args: argparse.Namespace, steps: int) -> int:
    for job in _chosen(database, args.jobs, State.WAITING):
        database.move(job.id, steps)
    args.jobs = [job.id for job in database.in_state(State.WAITING)]
    return _list(database, args)


def _clean(database: Database, args: argparse.Namespace) -> int:
    """Forget jobs that are over: those named, or all."""
    jobs = _chosen(database, args.jobs) if args.jobs else database.jobs()
    over = [job.id for job in jobs if job.state.over]
    database.forget(over)
    say(f"{len(over)} {'job is' if len(over) == 1 else 'jobs are'} forgotten; their files stay where they are")
    return 0


_ACTIONS: Mapping[str, Callable[[Database, argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "follow": _follow,
    "cancel": _cancel,
    "retry": _retry,
    "up": _up,
    "down": _down,
    "clean": _clean,
}


# ---- jobs


def followed(database: Database, job: Job) -> Iterator[Event]:
    """A job's events from the first on, as they happen; the last is its end."""
    trail = Trail()
    try:
        while (now := database.job(job.id)) is not None:
            yield from trail.new(now)
            if trail.over:
                return
            time.sleep(_POLL_SECONDS)
        yield JobFinished(1, 0.0, message="the job is forgotten")
    finally:
        trail.close()


def _chosen(database: Database, names: Sequence[str], *states: State) -> tuple[Job, ...]:
    """The jobs of these names; without one, the newest of these states. Raises `BadRequest`."""
    if not names:
        newest = next((job for job in database.jobs() if not states or job.state in states), None)
        if newest is None:
            raise BadRequest(f"no job is {' or '.join(states) or 'known'}", "halfpint jobs list tells all")
        return (newest,)
    return tuple(_named(database, name) for name in names)


def _named(database: Database, name: str) -> Job:
    found = database.named(name)
    if len(found) == 1:
        return found[0]
    exact = [job for job in found if job.id == name]
    if exact:
        return exact[0]
    if not found:
        raise BadRequest(f"there is no job {name!r}", "halfpint jobs list tells all")
    raise BadRequest(f"{name!r} may be {' or '.join(job.id for job in found[:3])}", "give more letters of it")


def _events(job: Job) -> list[Event]:
    try:
        reader = EventReader(job.folder)
    except OSError:
        return []
    try:
        return list(reader.new())
    finally:
        reader.close()


def _row(job: Job, verdicts: Sequence[str], now: float) -> tuple[str, str, str, str, str, str, str]:
    began = "" if job.began is None else f"{datetime.fromtimestamp(job.began):%d %b %H:%M}"
    seconds = job.seconds(now)
    took = "" if seconds is None else f"{seconds:.1f} s"
    state, weights = state_words(job, verdicts), weights_name(job.spec.weights)
    return f"#{job.number}", job.id, state, weights, files_in_words(job.spec), began, took


def weights_name(path: Path) -> str:
    """Weights as they are told apart: many are called best.pt."""
    return f"{path.parent.name}/{path.name}"


def files_in_words(spec: ExportSpec) -> str:
    """The kinds of files that a job makes."""
    return ", ".join(map(str, spec.kinds))


def to_dict(database: Database, job: Job) -> dict[str, Any]:
    """A job for JSON. Times are seconds since 1970."""
    return {
        "id": job.id,
        "number": job.number,
        "state": str(job.state),
        "reason": job.reason,
        "weights": str(job.spec.weights),
        "created": job.created,
        "began": job.began,
        "ended": job.ended,
        "worker": asdict(job.worker),
        "finished": job.finished and asdict(job.finished),
        "artifacts": [asdict(artifact) for artifact in database.artifacts(job.id)],
        "folder": str(job.folder.path),
        "spec": job.spec.to_dict(),
    }
