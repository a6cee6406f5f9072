"""`halfpint export --plan`: many jobs at once. The queue does them; this command tells what comes of them."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core.device_names import CPU, is_cluster
from ..core.errors import BadRequest, HalfpintError, JobFailed
from ..core.jobs import queue
from ..core.jobs.database import Database, Job, State
from ..core.jobs.plan_file import Planned, read
from ..core.jobs.state_words import state_words
from ..core.memory.now import look
from ..core.options import rows
from ..core.plan import Plan, Planner
from ..core.shapes import spelled
from ..core.spec import ExportSpec
from ..core.tables import table
from ..core.units import about_mebibytes, megabytes, seconds_in_words
from ..core.weights_source import WeightsSource
from .arguments import weights_in
from .cluster import look_at
from .console import say, say_error, say_json
from .export import at_size, combined, run_jobs
from .flags import values_of
from .jobs import files_in_words, to_dict, weights_name
from .signals import Ended

_POLL_SECONDS = 0.1  # to learn whether the database has changed, which reads no table of it
_LOOK_SECONDS = 1.0  # between looks for processes that died


def run(args: argparse.Namespace) -> int:
    """Do a plan; the exit code. Raises `BadRequest` if it is none."""
    planned = read(args.plan, values_of(args, rows()))
    if args.only is not None:
        if not 0 <= args.only < len(planned):
            raise BadRequest(f"there is no job {args.only} in {args.plan}", f"give 0 to {len(planned) - 1}")
        return run_jobs([_sized(planned[args.only])], as_json=args.json)
    specs = [_sized(one) for one in planned]
    look_at(specs)
    foretold = [_foretold(spec) for spec in specs]
    if not args.json:
        _say_table(foretold)
    if args.dry_run:
        if args.json:
            for row in foretold:
                say_json({"weights": str(row.spec.weights), "exit_code": row.code, "obstacle": row.obstacle})
        return combined([row.code for row in foretold])
    jobs = [queue.submit(row.spec, args.parallel) for row in foretold]
    if args.detach:
        for job in jobs:
            say_json({"id": job.id, "weights": str(job.spec.weights)}) if args.json else say(job.id)
        return 0
    return _follow(jobs, as_json=args.json)


# ---- before it begins


@dataclass(frozen=True)
class _Foretold:
    """What is known of a job before it begins. `code`: how it is bound to end, 0 if nothing speaks against it."""

    spec: ExportSpec
    plan: Plan | None
    obstacle: str = ""
    code: int = 0


def _sized(planned: Planned) -> ExportSpec:
    """The job at its size."""
    return at_size(replace(planned.spec, weights=weights_in(planned.spec.weights)), planned.size, planned.how)


def _foretold(spec: ExportSpec) -> _Foretold:
    try:
        with WeightsSource(spec.weights) as source:
            planner = Planner(source.info, source.network)
        plan = planner.plan(spec, look(spec.device if spec.one_device else "cpu", spec.out))
    except HalfpintError as error:
        return _Foretold(spec, None, error.what, error.exit_code)
    if plan.obstacle is not None:
        return _Foretold(spec, plan, plan.obstacle.message, BadRequest.exit_code)
    return _Foretold(spec, plan)


def _say_table(foretold: Sequence[_Foretold]) -> None:
    lines = [("", "weights", "size", "files", "bytes", "peak of memory", "last time", "")]
    before = _done_before()
    for number, row in enumerate(foretold):
        spec, needs = row.spec, row.plan.needs if row.plan else None
        nbytes = sum(artifact.nbytes for artifact in row.plan.artifacts) if row.plan else 0
        peak = "" if needs is None else about_mebibytes(int(needs.host.low), int(needs.host.high))
        size = f"{spec.batch}×{spelled(spec.height, spec.width)}"
        told = megabytes(nbytes) if nbytes else ""
        last = _last_time(spec, before)
        lines.append((str(number), spec.weights.name, size, files_in_words(spec), told, peak, last, row.obstacle))
    for line in table(lines):
        say(line)
    say()


def _done_before() -> Sequence[Job]:
    """The jobs that are done, the newest first; none if nobody can tell."""
    try:
        with Database() as database:
            return [job for job in database.jobs() if job.state is State.DONE]
    except (sqlite3.Error, OSError):
        return ()


def _last_time(spec: ExportSpec, before: Sequence[Job]) -> str:
    """How long the same recipe took with these weights before; empty if that is not known."""
    for job in before:
        if (job.spec.weights, job.spec.recipe) == (spec.weights, spec.recipe):
            return seconds_in_words(job.seconds(time.time()) or 0)
    return ""


# ---- while it goes on


def _follow(jobs: Sequence[Job], *, as_json: bool) -> int:
    """Tell of each job when it is over, and of all at the end; the exit code of all.

    A dropped line leaves the jobs to the queue; any other wish to end cancels those that are not over.
    """
    try:
        with Database() as database:
            try:
                ends = _watched(database, jobs, as_json=as_json)
            except KeyboardInterrupt as error:
                if not (isinstance(error, Ended) and error.number == signal.SIGHUP):
                    _cancel(database, jobs)
                raise
    except sqlite3.Error as error:
        raise JobFailed(f"the database of jobs cannot be used: {error}", "halfpint jobs tells of them later") from error
    failed = [job for job in ends if job.state is not State.DONE]
    if not as_json:
        say()
        say(f"{len(ends) - len(failed)} of {len(jobs)} jobs are done")
        if failed:
            say(f"not done: {', '.join(f'#{job.number} {job.spec.weights.name}' for job in failed)}")
            say(f"once more: halfpint jobs retry {' '.join(str(job.number) for job in failed)}")
    return combined([0 if job.state is State.DONE else job.finished.exit_code if job.finished else 1 for job in ends])


def _watched(database: Database, jobs: Sequence[Job], *, as_json: bool) -> Sequence[Job]:
    """Wait until all jobs have ended, and print each one's end as soon as it is there; the jobs in that order."""
    ends: dict[str, Job] = {}
    looked = 0.0
    while len(ends) < len(jobs):
        if not database.changed() and time.monotonic() - looked < _LOOK_SECONDS:
            time.sleep(_POLL_SECONDS)
            continue
        looked = time.monotonic()
        queue.look_after(database)
        known = {job.id: job for job in database.jobs()}
        for begun in jobs:
            job = known.get(begun.id)
            if begun.id in ends or (job is not None and not job.state.over):
                continue
            ends[begun.id] = job or begun  # forgotten meanwhile: how it ended is not known
            if job is not None:
                say_json(to_dict(database, job)) if as_json else _say_end(database, job)
    return list(ends.values())


def _say_end(database: Database, job: Job) -> None:
    state = state_words(job, database.verdicts().get(job.id, ()))
    took = seconds_in_words(job.seconds(time.time()) or 0)
    on = "" if job.where == CPU else f" on {job.where}" if is_cluster(job.where) else f" on GPU {job.device}"
    name, size = weights_name(job.spec.weights), spelled(job.spec.height, job.spec.width)
    say(f"#{job.number} {name} at {size}{on}: {state}, {took}")
    if job.finished is not None and job.finished.message and job.state is not State.DONE:
        say_error(f"#{job.number} {job.spec.weights.name}: {job.finished.message}", job.finished.fix)


def _cancel(database: Database, jobs: Sequence[Job]) -> None:
    known = {job.id: job for job in database.jobs()}
    for job in jobs:
        now = known.get(job.id)
        if now is not None and not now.state.over:
            queue.cancel(database, now)
    say_error("the jobs of the plan that were not over are cancelled")
