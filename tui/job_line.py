"""The line of the job: how far it is, its time and what is left; then, until another runs, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..core.tables import from_home
from ..core.units import seconds_in_words
from .option_words import on_screen
from .widgets.lines import Line, plain

if TYPE_CHECKING:
    from ..core.events import Event, JobFinished
    from ..core.jobs.database import Job
    from .session import Session

_BAR = 20  # cells
_CANCELLED = 130  # the exit code
_NAMED = 3  # files by name, where there are more
_KINDS = {"pass": "good", "warn": "warning", "fail": "error"}


def job_line(session: Session, now: float) -> Line | None:
    """`now`: seconds since 1970. None where no job ran since the screen was opened."""
    jobs = session.jobs
    if jobs.running:
        return _running(session, jobs.running[-1], now)
    return _over(session, jobs.outcome.job, jobs.outcome.end) if jobs.outcome is not None else None


def _running(session: Session, job: Job, now: float) -> Line:
    from .time_left import earlier_stages, seconds_left, share_done

    jobs = session.jobs
    done, earlier, event = jobs.stages.get(job.number, ()), earlier_stages(jobs, job), jobs.ongoing.get(job.number)
    share = share_done(done, earlier, len(job.spec.kinds))
    filled = round(_BAR * share)
    seconds = job.seconds(now) or 0.0
    left = seconds_left(done, seconds, earlier)
    told = f" {share:4.0%} {seconds_in_words(seconds)}"
    told += f", about {seconds_in_words(left)} left" if left is not None else ""
    doing = "is cancelled" if job.cancelled else stage_words(event) if event is not None else "begins"
    waiting = f" · {len(jobs.waiting)} more wait" if jobs.waiting else ""
    return (
        (f"#{job.number} ", "strong"),
        ("█" * filled, "accent"),
        ("·" * (_BAR - filled), "dim"),
        (told, "strong"),
        (f" · {doing}{waiting}", ""),
    )


def _over(session: Session, job: Job, end: JobFinished) -> Line:
    """Done, failed or cancelled; the files, and their worst verdict."""
    head = f"#{job.number} "
    took = seconds_in_words(end.seconds)
    if end.exit_code == _CANCELLED:
        return plain(f"{head}cancelled after {took}; nothing of it was written", "warning")
    made = [artifact for artifact in session.jobs.made if artifact.job == job.number and artifact.published is not None]
    verdicts = [artifact.published.verdict for artifact in made if artifact.published is not None]
    worst = max(verdicts, key=list(_KINDS).index, default="")
    names = [artifact.path.name for artifact in made]
    files = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    if end.exit_code == 0:
        return ((f"{head}done in {took}: {files}, ", ""), (worst.upper(), _KINDS.get(worst, "")), *_place(end))
    more = f"; {files} were made, {worst.upper()}" if names else ""
    return plain(on_screen(f"{head}failed after {took}: {end.message or 'see the log'}{more}"), "error")


def _place(end: JobFinished) -> Line:
    return ((f" · {from_home(Path(end.manifest).parent)}", "dim"),) if end.manifest else ()


def stage_words(event: Event) -> str:
    """What a job does right now."""
    from ..core.events import Progress, StageStarted

    match event:
        case Progress():
            return f"{event.stage} {event.artifact} {event.done}/{event.total}".replace("  ", " ")
        case StageStarted():
            return f"{event.stage} {event.artifact}".strip()
        case _:
            return "running"
